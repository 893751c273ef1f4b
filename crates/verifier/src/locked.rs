//! Words behind a sequence lock: how one writer changes several of them at once for readers that take no lock.
//!
//! The writer makes the sequence odd, writes, and makes it even again; a reader copies everything and starts over when the sequence was odd or
//! has moved. Nobody waits but a reader of the very thing that is being written, and only for these few stores.

use std::hint;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::thread;

/// Half a word and `N` words.
#[repr(C)]
pub(crate) struct Locked<const N: usize> {
    sequence: AtomicU32,
    half: AtomicU32,
    words: [AtomicU64; N],
}

/// What is kept in a [`Locked`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Words<const N: usize> {
    pub(crate) half: u32,
    pub(crate) words: [u64; N],
}

impl<const N: usize> Default for Locked<N> {
    fn default() -> Self {
        Self { sequence: AtomicU32::new(0), half: AtomicU32::new(0), words: std::array::from_fn(|_| AtomicU64::new(0)) }
    }
}

impl<const N: usize> Locked<N> {
    /// A consistent copy, and the sequence it was read at.
    pub(crate) fn read(&self) -> (Words<N>, u32) {
        let mut tries = 0_u32;
        loop {
            let sequence = self.sequence.load(Ordering::Acquire);
            let half = self.half.load(Ordering::Relaxed);
            let words = std::array::from_fn(|at| self.words[at].load(Ordering::Relaxed));
            if sequence.is_multiple_of(2) && self.is_still(sequence) {
                return (Words { half, words }, sequence);
            }
            // The writer may have been put aside in the middle by the scheduler; spinning on would keep it from the core.
            tries += 1;
            if tries.is_multiple_of(64) { thread::yield_now() } else { hint::spin_loop() }
        }
    }

    /// Whether nothing was written since: whatever was found through a copy of that sequence belonged to it.
    pub(crate) fn is_still(&self, sequence: u32) -> bool {
        fence(Ordering::Acquire);
        self.sequence.load(Ordering::Relaxed) == sequence
    }

    /// Writes all of it. For the one writer.
    pub(crate) fn write(&self, words: &Words<N>) {
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence.store(sequence.wrapping_add(1), Ordering::Relaxed);
        // No store below may be seen before the odd sequence.
        fence(Ordering::Release);
        self.half.store(words.half, Ordering::Relaxed);
        for (place, word) in self.words.iter().zip(words.words) {
            place.store(word, Ordering::Relaxed);
        }
        self.sequence.store(sequence.wrapping_add(2), Ordering::Release);
    }
}

/// Two numbers in one word.
pub(crate) const fn pair(low: u32, high: u32) -> u64 {
    low as u64 | (high as u64) << 32
}

/// The two numbers of a word.
pub(crate) const fn unpair(word: u64) -> (u32, u32) {
    (word as u32, (word >> 32) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn no_reader_ever_sees_half_a_write() {
        let filled = |number: u32| Words { half: number, words: [u64::from(number); 13] };
        let locked = Locked::default();
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let readers: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(|| {
                        let mut last = 0;
                        while !stop.load(Ordering::Relaxed) || last == 0 {
                            let (words, _) = locked.read();
                            assert_eq!(words, filled(words.half), "a torn copy");
                            assert!(words.half >= last, "an older copy came after a newer one");
                            last = words.half;
                        }
                    })
                })
                .collect();
            (1..200_000).for_each(|number| locked.write(&filled(number)));
            stop.store(true, Ordering::Relaxed);
            for reader in readers {
                reader.join().expect("a reader panicked");
            }
        });
    }

    #[test]
    fn a_copy_knows_that_it_is_old() {
        let locked: Locked<1> = Locked::default();
        let (words, sequence) = locked.read();
        assert!(locked.is_still(sequence));
        locked.write(&words);
        assert!(!locked.is_still(sequence), "even where nothing differs");
    }
}
