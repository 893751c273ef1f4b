//! Requests by the version of the api that they called: counted in memory, and drained with the use of the secret that they came with.
//!
//! A secret gets a cell for a version with the first request that names it, found without a lock from then on. In the entry itself there is no
//! room for it, and most requests name no version.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::sync::{Mutex, PoisonError};

use crate::hash::Seed;
use crate::index::Index;
use crate::slab::Slab;

const CELL_BITS: u32 = 12;
const SHARDS: usize = 64;

/// What was called with one secret of one version since the last drain.
#[derive(Default)]
struct Cell {
    /// The place of the secret's entry.
    entry: AtomicU32,
    /// The number of the version among those of the key's api.
    version: AtomicU32,
    count: AtomicU64,
}

/// All of them. They belong to the tables whose entries they name, and end with those.
pub(crate) struct VersionUses {
    cells: Slab<Cell, CELL_BITS>,
    by_entry: Index,
    seed: Seed,
    /// Held by whoever makes a cell: the tables have one writer at a time.
    making: Mutex<()>,
}

impl VersionUses {
    pub(crate) fn new(seed: Seed) -> Self {
        Self { cells: Slab::new(), by_entry: Index::new(SHARDS), seed, making: Mutex::default() }
    }

    /// Whether nothing was ever counted.
    pub(crate) fn is_empty(&self) -> bool {
        self.cells.len() == 0
    }

    /// Counts one request. It goes uncounted where four thousand million cells are taken.
    pub(crate) fn record(&self, entry: u32, version: u8) {
        let found = self.find(entry, version).or_else(|| self.make(entry, version));
        if let Some(cell) = found {
            cell.count.fetch_add(1, SeqCst);
        }
    }

    /// Takes what was counted.
    pub(crate) fn take(&self, entry: u32, version: u8) -> u64 {
        self.find(entry, version).map_or(0, |cell| cell.count.swap(0, SeqCst))
    }

    fn hash(&self, entry: u32, version: u8) -> u64 {
        self.seed.of_id(u128::from(entry) << 64 | u128::from(version))
    }

    fn find(&self, entry: u32, version: u8) -> Option<&Cell> {
        self.by_entry.find(self.hash(entry, version), |at| {
            let is_it = |it: &&Cell| it.entry.load(Relaxed) == entry && it.version.load(Relaxed) == u32::from(version);
            self.cells.get(at).filter(is_it)
        })
    }

    fn make(&self, entry: u32, version: u8) -> Option<&Cell> {
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been faster.
        if let Some(cell) = self.find(entry, version) {
            return Some(cell);
        }
        let at = self.cells.grow(1)?;
        let cell = self.cells.get(at)?;
        cell.entry.store(entry, Relaxed);
        cell.version.store(u32::from(version), Relaxed);
        // Publishes what stands in it: cells of the index are stored with release.
        self.by_entry.insert(self.hash(entry, version), at);
        Some(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn many_threads_that_begin_at_once_lose_no_request() {
        let uses = VersionUses::new(Seed::new([3; 32]));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|it| uses.record(it % 50, (it % 7) as u8)));
            }
        });
        let all = || (0..50).flat_map(|entry| (0..7).map(move |version| (entry, version)));
        assert_eq!(all().map(|(entry, version)| uses.take(entry, version)).sum::<u64>(), 40_000);
        assert_eq!(uses.cells.len(), 350, "one cell for each");
        assert_eq!(all().map(|(entry, version)| uses.take(entry, version)).sum::<u64>(), 0);
        assert_eq!(uses.take(50, 0), 0);
    }
}
