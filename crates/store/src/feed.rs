//! The feed: rows as records, ranges of the log as frames. What cannot be read is said to be unreadable and stops nothing else.

mod lines;
mod records;

use std::collections::BTreeSet;

use claviger_core::event::{Entity, EntityKind, Position, Stream};
use claviger_core::feed::Frame;
use claviger_core::id::KeyId;
use claviger_core::limits;
use claviger_core::time::Timestamp;

pub use self::records::Rows;
pub(crate) use self::records::STATEMENTS as RECORD_STATEMENTS;
use crate::db::Row;
use crate::row::{Columns, Json, Unreadable, brief};
use crate::sql::statements;
use crate::value::args;
use crate::{Connection, StoreResult};

statements! {
    FIND_RANGE =
        "SELECT e.seq, e.touched, e.first_key_id, e.last_key_id FROM event e \
         WHERE e.stream = 'change' AND e.epoch = $1 AND e.seq > $2 ORDER BY e.seq LIMIT $3";
}

/// The kinds of rows that are replicated, in the order in which they are loaded: what others hang on comes first.
pub const REPLICATED: [EntityKind; 6] = [
    EntityKind::Organization,
    EntityKind::User,
    EntityKind::Role,
    EntityKind::Api,
    EntityKind::Member,
    EntityKind::Key,
];

/// Rows that one frame stands for, about: it ends with the event that passes this.
const ROWS_PER_FRAME: usize = 10_000;

/// Where a load of rows stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordCursor(String);

/// Some of the rows of a kind.
#[derive(Debug)]
pub struct RecordPage {
    /// The rows.
    pub rows: Rows,
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
    /// Its position is of another epoch or beyond the head, or the log behind it cannot be read: it has to load everything again.
    Resync,
}

/// What the events of a range touched.
#[derive(Default)]
struct Touched {
    entities: BTreeSet<Entity>,
    key_ranges: Vec<(KeyId, KeyId)>,
}

impl Touched {
    fn rows(&self) -> usize {
        self.entities.len() + self.key_ranges.len() * limits::ROWS_PER_EVENT_MAX
    }

    /// Takes up an event and says its sequence number.
    fn add(&mut self, row: &Row) -> Result<u64, Unreadable> {
        let mut it = Columns::new(row);
        let (seq, Json(touched), range) = (it.next()?, it.next::<Json<Vec<String>>>()?, (it.next()?, it.next()?));
        for text in touched {
            self.entities.insert(text.parse().map_err(|_| Unreadable(format!("touches {}", brief(&text))))?);
        }
        if let (Some(first), Some(last)) = range {
            self.key_ranges.push((first, last));
        }
        Ok(seq)
    }
}

impl Connection {
    /// Rows of a kind by id, as they are now. Keys revoked and secrets ended within the last 90 days are among them, so that their
    /// bearers are still told apart from strangers.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn page_records(
        &mut self,
        kind: EntityKind,
        after: Option<&RecordCursor>,
        limit: u32,
        now: Timestamp,
    ) -> StoreResult<RecordPage> {
        let after = after.map_or("", |it| &it.0);
        let (rows, last) = self.record_page(kind, after, limit, now).await?;
        Ok(RecordPage { rows, next: last.map(RecordCursor) })
    }

    /// What changed behind a position, as the rows are now: at least as new as the end of the range. A frame covers at most so many
    /// events, and fewer where they stand for many rows.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn changes(&mut self, from: Position, events_max: u32, now: Timestamp) -> StoreResult<Followed> {
        let head = self.head(Stream::Change).await?;
        if from == head {
            return Ok(Followed::UpToDate);
        }
        if from.epoch != head.epoch || head.seq < from.seq {
            return Ok(Followed::Resync);
        }
        let rows = self.fetch_all(FIND_RANGE, args![from.epoch, from.seq, i64::from(events_max.max(1))]).await?;
        let mut touched = Touched::default();
        let mut to = from;
        for row in &rows {
            match touched.add(row) {
                Ok(seq) if seq == to.seq + 1 => to.seq = seq,
                Ok(seq) => {
                    tracing::error!(from = to.seq, to = seq, "the log has a gap");
                    return Ok(Followed::Resync);
                }
                Err(Unreadable(why)) => {
                    tracing::error!(after = to.seq, why, "an event cannot be read");
                    return Ok(Followed::Resync);
                }
            }
            if ROWS_PER_FRAME <= touched.rows() {
                break;
            }
        }
        if to == from {
            // The head says that there is something, and the log has nothing.
            return Ok(Followed::Resync);
        }
        let mut changes = Vec::with_capacity(touched.entities.len());
        for entity in touched.entities {
            changes.extend(self.records_of(entity, now).await?);
        }
        for (first, last) in touched.key_ranges {
            changes.extend(self.key_records(first, last, now).await?);
        }
        Ok(Followed::Frame(Frame { from, to, changes }))
    }
}
