//! Cells: what keys hang on (organizations, users, roles), each in one place that entries name by number. A change of a role is one cell,
//! whatever the number of its keys.
//!
//! A cell has a hot part, a few words that every decision reads, and its content, which is for names, answers and the writer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::{ArcSwapOption, Guard};

use crate::hash::Seed;
use crate::index::Index;
use crate::slab::Slab;

const CHUNK_BITS: u32 = 10;
const INDEX_SHARDS: usize = 64;

/// What is known of a thing. A cell without any of these stands for a thing that something names and nobody has told of yet.
#[derive(Debug)]
pub(crate) enum Known<T> {
    /// It is like this.
    Here(T),
    /// It is there but cannot be read; the version that could, if there was one.
    Unreadable(u64),
    /// It is no more, and will not come back.
    Gone,
}

/// A cell's content, held for as long as the guard lives.
pub(crate) type Cell<T> = Guard<Option<Arc<Known<T>>>>;

impl<T> Known<T> {
    pub(crate) fn here(&self) -> Option<&T> {
        if let Self::Here(it) = self { Some(it) } else { None }
    }
}

/// The content, where it is known and readable.
pub(crate) fn here<T>(cell: &Cell<T>) -> Option<&T> {
    cell.as_ref()?.here()
}

/// Whether the content cannot be read.
pub(crate) fn is_unreadable<T>(cell: &Cell<T>) -> bool {
    matches!(cell.as_deref(), Some(Known::Unreadable(_)))
}

/// All things of one kind: hot part `H`, content `T`. Numbers are never given twice.
pub(crate) struct Cells<H, T> {
    slots: Slab<Slot<H, T>, CHUNK_BITS>,
    by_id: Index,
    seed: Seed,
}

struct Slot<H, T> {
    hot: H,
    id: [AtomicU64; 2],
    content: ArcSwapOption<Known<T>>,
}

impl<H: Default, T> Default for Slot<H, T> {
    fn default() -> Self {
        Self { hot: H::default(), id: Default::default(), content: ArcSwapOption::const_empty() }
    }
}

impl<H: Default, T> Cells<H, T> {
    pub(crate) fn new(seed: Seed) -> Self {
        Self { slots: Slab::new(), by_id: Index::new(INDEX_SHARDS), seed }
    }

    /// How many numbers have been given.
    pub(crate) fn len(&self) -> u32 {
        self.slots.len()
    }

    /// The number of the thing with this identifier.
    pub(crate) fn find(&self, id: u128) -> Option<u32> {
        self.by_id.find(self.seed.of_id(id), |at| (self.id(at) == Some(id)).then_some(at))
    }

    /// The identifier of a number.
    pub(crate) fn id(&self, at: u32) -> Option<u128> {
        let [low, high] = self.slots.get(at)?.id.each_ref().map(|it| u128::from(it.load(Ordering::Relaxed)));
        Some(low | high << 64)
    }

    /// The hot part of a number; as new where nothing has been told.
    pub(crate) fn hot(&self, at: u32) -> Option<&H> {
        self.slots.get(at).map(|it| &it.hot)
    }

    /// What is known of a number.
    pub(crate) fn load(&self, at: u32) -> Cell<T> {
        self.slots.get(at).map_or_else(|| Guard::from_inner(None), |slot| slot.content.load())
    }

    /// The number of the thing with this identifier, given now if it had none; absent when there are no numbers left. For the one writer.
    pub(crate) fn intern(&self, id: u128) -> Option<u32> {
        if let Some(at) = self.find(id) {
            return Some(at);
        }
        let at = self.slots.grow(1)?;
        let slot = self.slots.get(at)?;
        slot.id[0].store(id as u64, Ordering::Relaxed);
        slot.id[1].store((id >> 64) as u64, Ordering::Relaxed);
        // Publishes the identifier with it: cells of the index are stored with release.
        self.by_id.insert(self.seed.of_id(id), at);
        Some(at)
    }

    /// Says what is known from now on. For the one writer.
    pub(crate) fn publish(&self, at: u32, known: Known<T>) {
        if let Some(slot) = self.slots.get(at) {
            slot.content.store(Some(Arc::new(known)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_keeps_its_number_and_is_unknown_until_told_of() {
        let cells: Cells<(), &str> = Cells::new(Seed::new([1; 32]));
        let numbers: Vec<_> = (0..10_000_u128).map(|id| cells.intern(id << 70).expect("room")).collect();
        for (id, number) in (0..).zip(numbers) {
            assert_eq!(cells.intern(id << 70), Some(number));
            assert_eq!((cells.find(id << 70), cells.id(number)), (Some(number), Some(id << 70)));
        }
        assert_eq!(cells.find(1), None);
        assert!(here(&cells.load(0)).is_none() && here(&cells.load(u32::MAX)).is_none());
        cells.publish(0, Known::Here("admin"));
        assert_eq!(here(&cells.load(0)), Some(&"admin"));
        cells.publish(0, Known::Unreadable(3));
        assert!(here(&cells.load(0)).is_none() && is_unreadable(&cells.load(0)));
    }
}
