//! The engine: files, locks, connections, transactions. The only file that knows which one it is.

use std::ops::{Deref, DerefMut};
use std::path::Path;

use claviger_core::event::{Event, Position};
use rand_core::CryptoRng;

use crate::error::StoreResult;

/// What an acknowledged commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// A power loss.
    #[default]
    Full,
    /// Nothing: for tests and `claviger dev`.
    None,
}

/// How a store is opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// What an acknowledged commit survives.
    pub durability: Durability,
    /// Bytes the database file may grow to; beyond them changes are refused as on a full disk. Absent: as far as the disk goes.
    pub bytes_max: Option<u64>,
}

/// The database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {}

/// A connection, whether it reads or is in a transaction: what the finders stand on.
#[derive(Debug)]
pub struct Connection {}

/// A connection that only reads. Each statement sees the newest commit; it never waits for the writer.
#[derive(Debug)]
pub struct Reader(Connection);

/// The one writing transaction. Dropping it rolls everything back.
#[derive(Debug)]
pub struct Tx(Connection);

impl Store {
    /// Opens the database in a folder, makes both where they are not there, and migrates it.
    ///
    /// `rng` makes the ids and salts of events.
    ///
    /// # Errors
    /// [`Error::Locked`](crate::Error::Locked) when another process has it open, `Folder`, `Schema`, `StorageFull`, `Unavailable`.
    pub async fn open(folder: &Path, options: Options, rng: impl CryptoRng + Send + 'static) -> StoreResult<Self> {
        let _ = (folder, options, rng);
        todo!()
    }

    /// A store in a temporary folder that goes away with the last clone. It survives nothing.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn throwaway(rng: impl CryptoRng + Send + 'static) -> StoreResult<Self> {
        let _ = rng;
        todo!()
    }

    /// A connection to read with.
    ///
    /// # Errors
    /// `Unavailable` when none gets free in time.
    pub async fn read(&self) -> StoreResult<Reader> {
        todo!()
    }

    /// The writing transaction, as soon as nobody else has it.
    ///
    /// # Errors
    /// `Unavailable` when it does not get free in time.
    pub async fn begin(&self) -> StoreResult<Tx> {
        todo!()
    }

    /// Waits for what is running, writes the log of the engine back into its file and closes. Later calls fail with `Unavailable`.
    pub async fn close(&self) {
        todo!()
    }
}

impl Tx {
    /// Commits with the event that says what happened. Every replicated row that was written through this transaction counts as touched,
    /// whether the event names it or not, so that no follower can miss one.
    ///
    /// # Errors
    /// `StorageFull`, `Unavailable`; then nothing has happened.
    pub async fn commit(self, event: Event) -> StoreResult<Position> {
        let _ = event;
        todo!()
    }

    /// Commits without an event; `why` says why there is none to be told, and stands in the trace.
    ///
    /// # Errors
    /// As [`Self::commit`].
    ///
    /// # Panics
    /// When a replicated row was written: followers would miss it.
    pub async fn commit_unaudited(self, why: &'static str) -> StoreResult<()> {
        let _ = why;
        todo!()
    }
}

impl Deref for Reader {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        &self.0
    }
}
impl DerefMut for Reader {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.0
    }
}
impl Deref for Tx {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        &self.0
    }
}
impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.0
    }
}
