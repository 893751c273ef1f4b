//! The one writer of a replica: loads it, and applies what the log says afterwards.

use claviger_core::event::Position;
use claviger_core::feed::{Change, Frame};

/// The writer of a [`crate::replica::Replica`]. There is one, and its methods take `&mut self`.
#[derive(Debug)]
pub struct Writer {}

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
    /// Begins to load everything into a fresh table, beside the one that goes on answering; a load that was begun and not finished is forgotten.
    pub fn begin_load(&mut self) {
        todo!("first landing")
    }

    /// Takes a page of rows, in any order; of the same thing the newest version wins.
    pub fn load(&mut self, changes: impl IntoIterator<Item = Change>) {
        let _ = changes.into_iter();
        todo!("first landing")
    }

    /// Ends the load: from here on the replica answers from what was loaded. `head` is the head of the log that was read before the first page.
    pub fn finish_load(&mut self, head: Position) {
        let _ = head;
        todo!("first landing")
    }

    /// Applies a range of the log. What it holds already is passed over, so a frame may come twice.
    ///
    /// # Errors
    /// [`Gap`] when something between is missing, or the epoch is another one; nothing was applied.
    pub fn apply(&mut self, frame: &Frame) -> Result<(), Gap> {
        let _ = frame;
        todo!("first landing")
    }

    /// Where it stands; absent before the first load ended.
    pub fn position(&self) -> Option<Position> {
        todo!("first landing")
    }
}
