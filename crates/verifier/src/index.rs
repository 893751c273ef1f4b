//! The index: from a hash to the places that may be meant, for readers that take no lock.
//!
//! A cell is 64 bits: half a fingerprint, half a place. The fingerprint decides where in its shard a cell stands, so a shard grows without
//! looking at what the cells are about, and nearly in order. Shards grow by an eighth at a time, each on its own: at its fullest the
//! whole takes 9.1 bytes a cell, right after growing 10.3, and no insert waits for more than one shard.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

/// No cell, and the end of every probe.
const EMPTY: u64 = 0;
/// A cell that was removed: probes go on behind it.
const REMOVED: u64 = 1;
/// Set in every fingerprint, so that no cell in use looks like one of the above.
const IN_USE: u64 = 1 << 63;

/// Finds places by a hash. Equal fingerprints do happen: whoever asks compares what stands at the place.
pub(crate) struct Index {
    shards: Box<[Shard]>,
}

struct Shard {
    table: ArcSwap<Box<[AtomicU64]>>,
    /// Cells that are not empty, removed ones included; only the writer reads it.
    taken: AtomicU64,
}

impl Index {
    /// An index of so many shards, a power of two. More shards make each growth shorter.
    pub(crate) fn new(shards: usize) -> Self {
        debug_assert!(shards.is_power_of_two());
        let empty: Arc<Box<[AtomicU64]>> = Arc::default();
        let shard = || Shard { table: ArcSwap::new(Arc::clone(&empty)), taken: AtomicU64::new(0) };
        Self { shards: (0..shards).map(|_| shard()).collect() }
    }

    /// Makes room for so many places at once, before there are any: tables that grow leave holes behind them that nothing else fits.
    pub(crate) fn reserve(&self, places: usize) {
        let each = places / self.shards.len();
        // Places are spread by chance: with four standard deviations more hardly a shard has to grow.
        let room = each + 4 * each.isqrt();
        for shard in self.shards.iter().filter(|_| each > 0) {
            let table: Box<[AtomicU64]> = (0..room * 8 / 7 + 1).map(|_| AtomicU64::new(EMPTY)).collect();
            debug_assert_eq!(shard.taken.load(Ordering::Relaxed), 0, "room is made before there are any");
            shard.table.store(Arc::new(table));
        }
    }

    fn shard(&self, hash: u64) -> &Shard {
        &self.shards[hash as usize & (self.shards.len() - 1)]
    }

    /// Calls `check` with each place that may be meant until it answers with something.
    pub(crate) fn find<R>(&self, hash: u64, mut check: impl FnMut(u32) -> Option<R>) -> Option<R> {
        let table = self.shard(hash).table.load();
        let wanted = hash & FINGERPRINT | IN_USE;
        for at in probe(hash, table.len()) {
            match table[at].load(Ordering::Acquire) {
                EMPTY => return None,
                cell if cell & FINGERPRINT == wanted => {
                    if let Some(found) = check(cell as u32) {
                        return Some(found);
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// Adds a place. For its one writer, which sees to it that no place is added twice under one hash.
    pub(crate) fn insert(&self, hash: u64, place: u32) {
        let shard = self.shard(hash);
        let taken = shard.taken.load(Ordering::Relaxed) + 1;
        if taken * 8 > shard.table.load().len() as u64 * 7 {
            shard.rebuild();
        }
        if put(&shard.table.load(), hash & FINGERPRINT | IN_USE | u64::from(place)) {
            shard.taken.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes a place away. For its one writer.
    pub(crate) fn remove(&self, hash: u64, place: u32) {
        let table = self.shard(hash).table.load();
        let wanted = hash & FINGERPRINT | IN_USE | u64::from(place);
        for at in probe(hash, table.len()) {
            match table[at].load(Ordering::Relaxed) {
                EMPTY => return,
                cell if cell == wanted => return table[at].store(REMOVED, Ordering::Release),
                _ => {}
            }
        }
    }

    /// Bytes that the cells take.
    pub(crate) fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.table.load().len() * size_of::<u64>()).sum()
    }
}

/// The upper half of a hash and of a cell.
const FINGERPRINT: u64 = 0xffff_ffff_0000_0000;

/// The cells to look at, from where the fingerprint belongs round to the cell before it.
fn probe(hash: u64, len: usize) -> impl Iterator<Item = usize> {
    let start = (((hash >> 32 & 0x7fff_ffff) * len as u64) >> 31) as usize;
    (start..len).chain(0..start)
}

/// Puts a cell into the first free place; says whether that place was empty, not merely removed.
fn put(table: &[AtomicU64], cell: u64) -> bool {
    for at in probe(cell, table.len()) {
        let found = table[at].load(Ordering::Relaxed);
        if found == EMPTY || found == REMOVED {
            table[at].store(cell, Ordering::Release);
            return found == EMPTY;
        }
    }
    unreachable!("a table always has an empty cell")
}

impl Shard {
    /// Copies the cells in use into a larger table. Readers go on in the old one until they are done with it; what is added
    /// meanwhile they would not have seen a moment earlier either.
    fn rebuild(&self) {
        let old = self.table.load();
        let live = || old.iter().map(|cell| cell.load(Ordering::Relaxed)).filter(|cell| cell & IN_USE != 0);
        let count = live().count();
        // Behind many removals the same size may be enough again.
        let len = (count + 1) * 8 / 7 + (count / 8).max(8);
        let table: Box<[AtomicU64]> = (0..len).map(|_| AtomicU64::new(EMPTY)).collect();
        for cell in live() {
            put(&table, cell);
        }
        self.taken.store(count as u64, Ordering::Relaxed);
        self.table.store(Arc::new(table));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Seed;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn all(index: &Index, hash: u64) -> HashSet<u32> {
        let mut found = HashSet::new();
        index.find(hash, |place| -> Option<()> {
            assert!(found.insert(place), "each place once");
            None
        });
        found
    }

    #[test]
    fn many_places_are_found_and_the_cells_stay_dense() {
        let (index, seed) = (Index::new(4), Seed::new([3; 32]));
        for place in 0..100_000_u32 {
            index.insert(seed.of_id(u128::from(place)), place);
        }
        for place in 0..100_000_u32 {
            assert_eq!(index.find(seed.of_id(u128::from(place)), |it| (it == place).then_some(it)), Some(place));
        }
        let missed = (100_000..200_000_u32).filter(|it| !all(&index, seed.of_id(u128::from(*it))).is_empty()).count();
        assert!(missed < 10, "{missed} foreign fingerprints matched");
        let bytes = index.bytes() as f64 / 100_000.0;
        assert!((9.0..10.5).contains(&bytes), "{bytes} bytes a cell");
    }

    #[test]
    fn room_that_was_made_is_not_left_and_is_no_more_than_growing_takes() {
        let (index, seed) = (Index::new(4), Seed::new([3; 32]));
        index.reserve(100_000);
        let bytes = index.bytes();
        assert!((9.0..9.8).contains(&(bytes as f64 / 100_000.0)), "{bytes} bytes");
        (0..100_000_u32).for_each(|place| index.insert(seed.of_id(u128::from(place)), place));
        assert_eq!(index.bytes(), bytes);
        // A wrong guess is only a guess.
        (100_000..120_000_u32).for_each(|place| index.insert(seed.of_id(u128::from(place)), place));
        assert_eq!(index.find(seed.of_id(119_999), |it| (it == 119_999).then_some(it)), Some(119_999));
    }

    #[test]
    fn equal_hashes_are_all_offered() {
        let index = Index::new(1);
        (0..1000).for_each(|place| index.insert(u64::MAX, place));
        assert_eq!(all(&index, u64::MAX).len(), 1000);
    }

    proptest! {
        #[test]
        fn it_behaves_like_a_set(
            steps in proptest::collection::vec((any::<bool>(), 0_u64..20, 0_u32..4), 0..400)
        ) {
            let index = Index::new(2);
            let mut model = HashSet::new();
            for (add, key, place) in steps {
                // Hashes that share shards and neighbouring cells.
                let hash = key << 33 | key & 1;
                if add {
                    if model.insert((hash, place)) {
                        index.insert(hash, place);
                    }
                } else {
                    model.remove(&(hash, place));
                    index.remove(hash, place);
                }
            }
            for key in 0..20 {
                let hash = key << 33 | key & 1;
                let expected: HashSet<_> = model.iter().filter(|it| it.0 == hash).map(|it| it.1).collect();
                prop_assert_eq!(all(&index, hash), expected);
            }
        }
    }
}
