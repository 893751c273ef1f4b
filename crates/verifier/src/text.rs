//! Names and metadata of keys: bytes in atomic words, beside the entries and not in them, since no decision reads them.
//!
//! A block is found through an entry and belongs to it for as long as the entry's sequence stands still: whoever copies a block asks the entry
//! afterwards. So blocks can be used again without a lock and without unsafe code.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use crate::entry::NONE;
use crate::slab::Slab;

/// 2^15 words, 256 KiB: a block never spans two chunks, and the longest is a fiftieth of one.
const CHUNK_BITS: u32 = 15;
/// Bytes of both texts of a key together; core's limits stay far below it.
const TEXT_BYTES_MAX: usize = 8 * 1024;
const WORD: usize = size_of::<u64>();
/// The lengths of both texts stand in front of them.
const HEAD: usize = 2 * size_of::<u16>();

/// All texts. Blocks are addressed by their first word.
pub(crate) struct Texts {
    words: Slab<AtomicU64, CHUNK_BITS>,
}

/// The writer's book of blocks that are free again.
#[derive(Default)]
pub(crate) struct FreeBlocks {
    /// By length in words.
    by_len: Vec<Vec<u32>>,
}

/// Which of a key's two texts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    Name,
    Metadata,
}

fn words_of(bytes: usize) -> usize {
    (HEAD + bytes).div_ceil(WORD)
}

impl Texts {
    pub(crate) fn new() -> Self {
        Self { words: Slab::new() }
    }

    /// Writes a block and says where. Absent when the texts are too long or there is no room. For the one writer.
    pub(crate) fn insert(&self, free: &mut FreeBlocks, name: &str, metadata: &str) -> Option<u32> {
        let bytes = name.len() + metadata.len();
        if bytes > TEXT_BYTES_MAX {
            return None;
        }
        let len = words_of(bytes);
        let at = free.by_len.get_mut(len).and_then(Vec::pop).or_else(|| self.words.grow(len as u32))?;
        let lens = [name.len() as u16, metadata.len() as u16].map(u16::to_le_bytes);
        let mut text = lens.into_iter().flatten().chain(name.bytes()).chain(metadata.bytes());
        // The block may have been another's: its entry was written before, and readers who see the words below have to see that too.
        fence(Ordering::Release);
        for word in self.words.rest(at)?.iter().take(len) {
            let bytes = std::array::from_fn(|_| text.next().unwrap_or_default());
            word.store(u64::from_le_bytes(bytes), Ordering::Relaxed);
        }
        Some(at)
    }

    /// Gives a block back, once no entry names it any more. For the one writer.
    pub(crate) fn remove(&self, free: &mut FreeBlocks, at: u32) {
        let Some(words) = self.words.get(at).map(|head| words_of(lens(head).iter().sum())) else {
            return;
        };
        if free.by_len.len() <= words {
            free.by_len.resize_with(words + 1, Vec::new);
        }
        free.by_len[words].push(at);
    }

    /// Copies one of the texts of a block. What comes out is good only if the entry that named the block has not been written meanwhile.
    pub(crate) fn read(&self, at: u32, which: Text) -> Vec<u8> {
        if at == NONE {
            return Vec::new();
        }
        let Some(block) = self.words.rest(at).filter(|it| !it.is_empty()) else {
            return Vec::new();
        };
        let [name, metadata] = lens(&block[0]);
        let (skip, take) = match which {
            Text::Name => (HEAD, name),
            Text::Metadata => (HEAD + name, metadata),
        };
        let words = &block[(skip / WORD).min(block.len())..words_of(name + metadata).min(block.len())];
        let bytes = words.iter().flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes());
        bytes.skip(skip % WORD).take(take).collect()
    }

    /// Bytes that all blocks take.
    pub(crate) fn bytes(&self) -> usize {
        self.words.len() as usize * WORD
    }
}

fn lens(head: &AtomicU64) -> [usize; 2] {
    let [a, b, c, d, ..] = head.load(Ordering::Relaxed).to_le_bytes();
    [u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d])].map(usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_block_is_used_again_for_texts_of_its_size() {
        let (texts, mut free) = (Texts::new(), FreeBlocks::default());
        let first = texts.insert(&mut free, "Integration with CRM", "{}").expect("room");
        texts.remove(&mut free, first);
        let second = texts.insert(&mut free, "Marketing Automation", "{}").expect("room");
        assert_eq!(first, second);
        assert_eq!(texts.read(second, Text::Name), b"Marketing Automation");
        assert_ne!(texts.insert(&mut free, "Marketing Automation", "{}"), Some(second));
    }

    #[test]
    fn what_is_too_long_is_refused() {
        let (texts, mut free) = (Texts::new(), FreeBlocks::default());
        assert!(texts.insert(&mut free, &"x".repeat(TEXT_BYTES_MAX + 1), "").is_none());
        let longest = "x".repeat(TEXT_BYTES_MAX);
        let at = texts.insert(&mut free, "", &longest).expect("room");
        assert_eq!(texts.read(at, Text::Metadata), longest.as_bytes());
    }

    #[test]
    fn no_place_makes_it_panic() {
        let (texts, mut free) = (Texts::new(), FreeBlocks::default());
        texts.insert(&mut free, "name", "{}").expect("room");
        for at in [NONE, 0, 1, 5, 100_000, NONE - 1] {
            drop((texts.read(at, Text::Name), texts.read(at, Text::Metadata)));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn both_texts_survive(pairs in proptest::collection::vec(("\\PC{0,60}", "\\PC{0,60}"), 1..20)) {
            let (texts, mut free) = (Texts::new(), FreeBlocks::default());
            let places: Vec<_> = pairs.iter().map(|(a, b)| texts.insert(&mut free, a, b).expect("room")).collect();
            for (at, (name, metadata)) in places.into_iter().zip(&pairs) {
                prop_assert_eq!(texts.read(at, Text::Name), name.as_bytes());
                prop_assert_eq!(texts.read(at, Text::Metadata), metadata.as_bytes());
            }
        }
    }
}
