//! The one writer of a replica: loads it, and applies what the log says afterwards.

use std::fmt;
use std::sync::Arc;

use claviger_core::event::Position;
use claviger_core::feed::{Change, Frame};
use claviger_core::id::KeyId;
use claviger_core::quota::DayUse;

use crate::build::Build;
use crate::replica::{Replica, Since};

/// The writer of a [`Replica`]. There is one, and its methods take `&mut self`.
pub struct Writer {
    replica: Arc<Replica>,
    live: Build,
    /// The fresh table, and since when what goes into it is known.
    loading: Option<(Build, Since)>,
}

/// The frame does not begin where the replica stands: load everything again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the replica stands at {at:?} and was given what follows {from:?}")]
pub struct Gap {
    /// Where the replica stands; absent before the first load ended.
    pub at: Option<Position>,
    /// Where the frame begins.
    pub from: Position,
}

impl Writer {
    pub(crate) fn new(replica: Arc<Replica>) -> Self {
        let live = Build::new(replica.state.load_full());
        Self { replica, live, loading: None }
    }

    /// Begins to load everything into a fresh table, beside the one that goes on answering; a load that was begun and not finished is forgotten.
    /// Call it before the head of the log is read. `keys` is about how many there are; a wrong number costs memory and nothing else.
    pub fn begin_load(&mut self, keys: usize) {
        self.loading = Some((Build::fresh(self.replica.seed, keys), self.replica.now()));
    }

    /// Takes a page of rows, in any order; of the same thing the newest version wins. Begins a load if none was begun.
    pub fn load(&mut self, changes: impl IntoIterator<Item = Change>) {
        if self.loading.is_none() {
            self.begin_load(0);
        }
        if let Some((build, _)) = &mut self.loading {
            changes.into_iter().for_each(|change| build.take(&change));
        }
    }

    /// Ends the load: from here on the replica answers from what was loaded, and counts as heard at the moment the load began.
    /// `head` is the head of the log that was read before the first page.
    pub fn finish_load(&mut self, head: Position) {
        let (mut build, since) =
            self.loading.take().unwrap_or_else(|| (Build::fresh(self.replica.seed, 0), self.replica.now()));
        build.finish();
        self.replica.replace(Arc::clone(build.state()), head, since);
        self.live = build;
    }

    /// Applies a range of the log. What it holds already is passed over, so a frame may come twice.
    ///
    /// # Errors
    /// [`Gap`] when something between is missing, or the epoch is another one; nothing was applied.
    pub fn apply(&mut self, frame: &Frame) -> Result<(), Gap> {
        let at = self.position();
        let follows =
            at.is_some_and(|at| frame.from.epoch == at.epoch && frame.to.epoch == at.epoch && frame.from.seq <= at.seq);
        let Some(at) = at.filter(|_| follows) else {
            return Err(Gap { at, from: frame.from });
        };
        if frame.changes.iter().any(|change| self.live.would_change_policies(change)) {
            self.replica.policies_changed(at.max(frame.to));
        }
        frame.changes.iter().for_each(|change| self.live.take(change));
        self.replica.moved(at.max(frame.to));
        Ok(())
    }

    /// Notes what was used of quotas before this process began.
    pub fn restore_quotas(&mut self, uses: impl IntoIterator<Item = (KeyId, DayUse)>) {
        uses.into_iter().for_each(|(key_id, day_use)| self.replica.limiter().restore(key_id, day_use));
    }

    /// Where it stands; absent before the first load ended.
    pub fn position(&self) -> Option<Position> {
        self.replica.position()
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("replica", &self.replica).field("loading", &self.loading.is_some()).finish()
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
