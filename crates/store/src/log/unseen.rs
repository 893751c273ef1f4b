//! What a transaction sees and its node may not have applied yet.
//!
//! Whoever changes keys is authorized from memory, so that has to know of everything that rights hang on. Most of what is committed is no such
//! thing: a key that was made a moment ago gives nobody else a right. To look what it is costs one question, and to wait until it is
//! applied would keep everybody else waiting meanwhile who needs the same rows, or the one writer.

use claviger_core::event::{Entity, EntityKind, Position};
use claviger_core::id::KeyId;

use crate::feed::{Touched, head_and_range};
use crate::row::{Columns, Unreadable};
use crate::sql::statements;
use crate::value::args;
use crate::{StoreResult, Tx};

/// Events that are looked at. Of a node that is further behind is waited for.
const EVENTS_MAX: u64 = 64;

/// What stands for the epoch of an event that waits for its place; those of the log begin with 1.
const NO_PLACE: u64 = 0;

statements! {
    FIND_UNSEEN = head_and_range!();
}

/// Where committed events wait for their places: those too.
const FIND_UNSEEN_OR_WAITING: &str = concat!(
    head_and_range!(),
    " UNION ALL (SELECT 0, 0, NULL, o.touched, o.first_key_id, o.last_key_id FROM outbox o WHERE o.stream = 'change' LIMIT $3)"
);

/// The statement that only PostgreSQL is asked, by name.
pub(crate) const POSTGRES_STATEMENTS: &[(&str, &str)] = &[("FIND_UNSEEN_OR_WAITING", FIND_UNSEEN_OR_WAITING)];

/// What one look has found.
#[derive(Default)]
struct Unseen {
    head: Option<Position>,
    /// Events that have their place, and those that wait for it.
    placed: u64,
    waiting: u64,
    touched: Touched,
}

impl Unseen {
    fn add(&mut self, it: &mut Columns<'_>) -> Result<(), Unreadable> {
        let head = Position { epoch: it.next()?, seq: it.next()? };
        let seq: Option<u64> = it.next()?;
        if head.epoch != NO_PLACE {
            self.head = Some(head);
            match seq {
                Some(_) => self.placed += 1,
                None => return Ok(()),
            }
        } else {
            self.waiting += 1;
        }
        self.touched.add(it)
    }

    /// Whether all that is behind `known` was looked at.
    fn is_whole(&self, known: Position) -> bool {
        let Some(head) = self.head else { return false };
        head.epoch == known.epoch
            && head.seq.checked_sub(known.seq) == Some(self.placed)
            && self.placed < EVENTS_MAX
            && self.waiting < EVENTS_MAX
    }
}

impl Tx {
    /// Whether all that this transaction sees and whoever has applied the log up to `known` does not know is about keys, and not about this
    /// one: then that memory is good enough to authorize its bearer. When it cannot be told quickly, it is not so.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn knows_enough(&mut self, known: Position, key_id: Option<KeyId>) -> StoreResult<bool> {
        let statement = if self.is_shared() { FIND_UNSEEN_OR_WAITING } else { FIND_UNSEEN };
        let limit = i64::try_from(EVENTS_MAX).unwrap_or(i64::MAX);
        let rows = self.fetch_all(statement, args![known.epoch, known.seq, limit]).await?;
        let mut unseen = Unseen::default();
        for row in &rows {
            if let Err(Unreadable(why)) = unseen.add(&mut Columns::new(row)) {
                tracing::error!(why, "an event cannot be read");
                return Ok(false);
            }
        }
        let own = key_id.map(Entity::from);
        let harmless = |it: &Entity| it.kind == EntityKind::Key && Some(*it) != own;
        let beside = |(first, last): &(KeyId, KeyId)| key_id.is_none_or(|it| it < *first || *last < it);
        let Touched { entities, key_ranges } = &unseen.touched;
        Ok(unseen.is_whole(known) && entities.iter().all(harmless) && key_ranges.iter().all(beside))
    }
}
