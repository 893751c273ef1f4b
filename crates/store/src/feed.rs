//! The feed: rows as records, ranges of the log as frames. What cannot be read is said to be unreadable and stops nothing else.

use claviger_core::event::{EntityKind, Position, Stream};
use claviger_core::feed::{Change, Frame};
use claviger_core::time::Timestamp;

use crate::{Connection, StoreResult};

/// The kinds of rows that are replicated, in the order in which they are loaded: what others hang on comes first.
pub const REPLICATED: [EntityKind; 6] = [
    EntityKind::Organization,
    EntityKind::User,
    EntityKind::Role,
    EntityKind::Api,
    EntityKind::Member,
    EntityKind::Key,
];

/// Where a load of rows stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordCursor(String);

/// Some of the rows of a kind.
#[derive(Debug)]
pub struct RecordPage {
    /// The rows; never `Gone`.
    pub changes: Vec<Change>,
    /// Where the next ones begin; absent at the end.
    pub next: Option<RecordCursor>,
}

/// What a follower is answered.
#[derive(Debug)]
pub enum Followed {
    /// A range of the log behind its position.
    Frame(Frame),
    /// There is nothing behind its position.
    UpToDate,
    /// Its position is of another epoch or beyond the head: it has to load everything again.
    Resync,
}

impl Connection {
    /// Where a stream ends.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn head(&mut self, _stream: Stream) -> StoreResult<Position> {
        todo!()
    }

    /// Rows of a kind by id, as they are now. Keys revoked and secrets ended within the last 90 days are among them, so that their bearers are still told apart from strangers.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn page_records(
        &mut self,
        _kind: EntityKind,
        _after: Option<&RecordCursor>,
        _limit: u32,
        _now: Timestamp,
    ) -> StoreResult<RecordPage> {
        todo!()
    }

    /// What changed behind a position, as the rows are now. A frame covers at most so many events, and fewer where they stand for many rows.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn changes(&mut self, _from: Position, _events_max: u32, _now: Timestamp) -> StoreResult<Followed> {
        todo!()
    }
}
