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
use crate::log::{lost, position};
use crate::row::{Columns, Json, Unreadable, brief, decode};
use crate::sql::statements;
use crate::value::args;
use crate::{Connection, StoreResult};

/// Where the log ends, and what stands in it behind a place.
macro_rules! head_and_range {
    () => {
        "SELECT h.epoch, h.seq, found.seq, found.touched, found.first_key_id, found.last_key_id FROM log_head h LEFT JOIN \
         (SELECT x.seq, x.touched, x.first_key_id, x.last_key_id FROM event x \
         WHERE x.stream = 'change' AND x.epoch = $1 AND x.seq > $2 ORDER BY x.seq LIMIT $3) found ON 1 = 1 \
         WHERE h.stream = 'change'"
    };
}
pub(crate) use head_and_range;

statements! {
    /// Where the log ends, and what stands in it behind a place, in one question: who is at its end asks no other.
    FIND_RANGE = concat!(head_and_range!(), " ORDER BY found.seq");
}

/// The kinds of rows that are replicated, in the order in which they are loaded: what others hang on comes first.
pub const REPLICATED: [EntityKind; 9] = [
    EntityKind::Organization,
    EntityKind::User,
    EntityKind::Role,
    EntityKind::Api,
    EntityKind::Member,
    EntityKind::SigningKey,
    // Before the keys: what ended while they are read is told of again by what is followed from the head.
    EntityKind::SignIn,
    EntityKind::SharedSecret,
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

/// What some events touched.
#[derive(Default)]
pub(crate) struct Touched {
    pub(crate) entities: BTreeSet<Entity>,
    pub(crate) key_ranges: Vec<(KeyId, KeyId)>,
}

impl Touched {
    fn rows(&self) -> usize {
        self.entities.len() + self.key_ranges.len() * limits::ROWS_PER_EVENT_MAX
    }

    /// Takes up the event of a row, if there is one, and says its sequence number.
    fn add_next(&mut self, row: &Row) -> Result<Option<u64>, Unreadable> {
        let mut it = Columns::new(row);
        it.skip(2);
        let seq: Option<u64> = it.next()?;
        if seq.is_some() {
            self.add(&mut it)?;
        }
        Ok(seq)
    }

    /// Takes up what one event says that it touched: in its column of that name, and in those of the first and the last key.
    pub(crate) fn add(&mut self, it: &mut Columns<'_>) -> Result<(), Unreadable> {
        let (Json(touched), range) = (it.next::<Json<Vec<String>>>()?, (it.next()?, it.next()?));
        for text in touched {
            self.entities.insert(text.parse().map_err(|_| Unreadable(format!("touches {}", brief(&text))))?);
        }
        if let (Some(first), Some(last)) = range {
            self.key_ranges.push((first, last));
        }
        Ok(())
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
        let rows = self.fetch_all(FIND_RANGE, args![from.epoch, from.seq, i64::from(events_max.max(1))]).await?;
        let head = rows.first().map(|row| decode("log_head", row, position)).transpose()?;
        let head = head.ok_or_else(|| lost(Stream::Change))?;
        if from == head {
            return Ok(Followed::UpToDate);
        }
        if from.epoch != head.epoch || head.seq < from.seq {
            return Ok(Followed::Resync);
        }
        let mut touched = Touched::default();
        let mut to = from;
        for row in &rows {
            match touched.add_next(row) {
                Ok(None) => {}
                Ok(Some(seq)) if seq == to.seq + 1 => to.seq = seq,
                Ok(Some(seq)) => {
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
