//! Slabs: arrays that grow at the end and never move, so that readers need no lock to look into them.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Chunks that one page of the directory names.
const CHUNKS_PER_PAGE_BITS: u32 = 10;

type Chunk<T> = OnceLock<Box<[T]>>;
type Page<T> = OnceLock<Box<[Chunk<T>]>>;

/// An array of up to 2³² things in chunks of `2^BITS`. Chunks have one size: doubling ones would leave up to half of the memory idle,
/// and initialising the last of them would hold the writer up for as long as all before it.
pub(crate) struct Slab<T, const BITS: u32> {
    pages: Box<[Page<T>]>,
    len: AtomicU32,
}

impl<T: Default, const BITS: u32> Slab<T, BITS> {
    const CHUNK: usize = 1 << BITS;

    pub(crate) fn new() -> Self {
        let pages = 1_usize << (32 - BITS - CHUNKS_PER_PAGE_BITS);
        Self { pages: (0..pages).map(|_| OnceLock::new()).collect(), len: AtomicU32::new(0) }
    }

    /// How many things there are.
    pub(crate) fn len(&self) -> u32 {
        self.len.load(Ordering::Acquire)
    }

    pub(crate) fn get(&self, at: u32) -> Option<&T> {
        self.chunk(at)?.get(at as usize & (Self::CHUNK - 1))
    }

    /// The things from `at` to the end of its chunk.
    pub(crate) fn rest(&self, at: u32) -> Option<&[T]> {
        self.chunk(at)?.get(at as usize & (Self::CHUNK - 1)..)
    }

    fn chunk(&self, at: u32) -> Option<&[T]> {
        let page = self.pages.get((at >> (BITS + CHUNKS_PER_PAGE_BITS)) as usize)?.get()?;
        Some(page.get((at >> BITS) as usize & ((1 << CHUNKS_PER_PAGE_BITS) - 1))?.get()?)
    }

    /// Makes room for `count` more things within one chunk, and says where they begin; absent when the slab is full. For its one writer.
    pub(crate) fn grow(&self, count: u32) -> Option<u32> {
        debug_assert!(count as usize <= Self::CHUNK, "no chunk is that large");
        let len = self.len.load(Ordering::Relaxed);
        let left = Self::CHUNK as u32 - (len & (Self::CHUNK as u32 - 1));
        let at = if count <= left { len } else { len.checked_add(left)? };
        let end = at.checked_add(count)?;
        let page = self.pages.get((at >> (BITS + CHUNKS_PER_PAGE_BITS)) as usize)?;
        let page = page.get_or_init(|| (0..1 << CHUNKS_PER_PAGE_BITS).map(|_| OnceLock::new()).collect());
        let chunk = &page[(at >> BITS) as usize & ((1 << CHUNKS_PER_PAGE_BITS) - 1)];
        chunk.get_or_init(|| (0..Self::CHUNK).map(|_| T::default()).collect());
        self.len.store(end, Ordering::Release);
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn what_is_grown_stays_where_it_is() {
        let slab: Slab<AtomicU64, 4> = Slab::new();
        assert!(slab.get(0).is_none());
        let first = slab.grow(10).expect("room");
        let place = std::ptr::from_ref(slab.get(first).expect("grown"));
        for _ in 0..100 {
            slab.grow(10).expect("room");
        }
        assert_eq!(place, std::ptr::from_ref(slab.get(first).expect("still there")));
    }

    #[test]
    fn what_is_grown_together_lies_in_one_chunk() {
        let slab: Slab<AtomicU64, 4> = Slab::new();
        for count in [10, 10, 6, 16, 1, 15] {
            let at = slab.grow(count).expect("room");
            assert!(slab.rest(at).expect("a chunk").len() >= count as usize, "{count} at {at}");
        }
        assert_eq!(slab.len(), 64);
    }
}
