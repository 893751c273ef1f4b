//! How events get their places where many transactions write at once.
//!
//! A number that each transaction takes from one row would let them commit one after the other, each behind the other's fsync. So a
//! transaction puts its event into the outbox and commits, and one statement afterwards moves what is committed into the log, in the
//! order of the outbox. Any node may run it: whoever committed, whoever relies on what it sees, and the poll of every follower, so that
//! an event whose node died in between waits no longer than a poll.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use claviger_core::event::{Position, Stream};
use claviger_core::id::EventId;

use super::{lost, position};
use crate::row::Columns;
use crate::sql::statements;
use crate::value::{Value, args};
use crate::{Connection, Error, Store, StoreResult, Tx};

/// What an event is, its place aside.
macro_rules! fields {
    () => {
        "kind, v, at, organization_id, actor_user_id, actor_key_id, actor_job, entity_kind, entity_id, touched, \
         first_key_id, last_key_id, commitment"
    };
}

statements! {
    PUT_INTO_OUTBOX = concat!(
        "INSERT INTO outbox (stream, event_id, ", fields!(), ", salt, body) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
    );
    IS_WAITING = "SELECT 1 FROM outbox LIMIT 1";
    /// Whoever waits for the head sees, in its next statement, everything that was committed before it got it.
    LOCK_HEAD = "SELECT 1 FROM log_head WHERE stream = $1 FOR UPDATE";
    /// Says which events have got which places, and rings once for all of them; the listeners are told with the commit.
    MOVE_INTO_LOG = concat!(
        "WITH moved AS (DELETE FROM outbox WHERE id IN \
         (SELECT o.id FROM outbox o WHERE o.stream = $1 ORDER BY o.id LIMIT 1000) RETURNING *), \
         numbered AS (SELECT m.*, h.epoch, h.seq + row_number() OVER (ORDER BY m.id) AS seq \
         FROM moved m JOIN log_head h ON h.stream = m.stream), \
         events AS (INSERT INTO event (stream, epoch, seq, id, ", fields!(), ") \
         SELECT stream, epoch, seq, event_id, ", fields!(), " FROM numbered), \
         bodies AS (INSERT INTO event_body (stream, epoch, seq, salt, body) \
         SELECT stream, epoch, seq, salt, body FROM numbered WHERE body IS NOT NULL), \
         head AS (UPDATE log_head SET seq = seq + (SELECT count(*) FROM moved) WHERE stream = $1) \
         SELECT event_id, epoch, seq, (SELECT count(pg_notify('claviger_log_' || hashtext(current_schema()), ''))) FROM numbered"
    );
    HAS_HAPPENED = "SELECT 1 FROM outbox WHERE event_id = $1 UNION ALL SELECT 1 FROM event WHERE id = $1";
    FIND_PLACE = "SELECT epoch, seq FROM event WHERE id = $1";
}

/// How long a lost connection's commit is asked after, and how soon again: a database that was restarted is there within seconds.
const ASK_FOR: Duration = Duration::from_secs(8);
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// Events that get their places at a time.
const EVENTS_PER_MOVE: usize = 1000;

/// Transactions of this node whose events have no place yet, as far as is known, or have been given one.
#[derive(Default)]
pub(crate) struct Placing(Mutex<HashMap<EventId, Option<Position>>>);

/// One of them; what is known of it is forgotten with it.
struct Waiting<'a> {
    placing: &'a Placing,
    id: EventId,
}

impl Placing {
    fn wait_for(&self, id: EventId) -> Waiting<'_> {
        self.known().insert(id, None);
        Waiting { placing: self, id }
    }

    /// Tells who waits. An event whose identifier is none, and stands in nobody's way, is waited for by nobody.
    fn tell(&self, placed: &[(String, Position)]) {
        let mut known = self.known();
        for (id, place) in placed {
            if let Some(waiting) = id.parse().ok().and_then(|it: EventId| known.get_mut(&it)) {
                *waiting = Some(*place);
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<EventId, Option<Position>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting<'_> {
    fn place(&self) -> Option<Position> {
        self.placing.known().get(&self.id).copied().flatten()
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.placing.known().remove(&self.id);
    }
}

impl Store {
    /// Gives every committed event its place. Nothing is done where events have one from the start.
    ///
    /// # Errors
    /// What any statement can meet; what has no place yet gets it the next time.
    pub async fn sequence(&self) -> StoreResult<()> {
        if !self.is_shared() || !self.follow().await?.is_waiting().await? {
            return Ok(());
        }
        let _turn = self.sequencing().lock().await;
        self.move_into_log().await
    }

    async fn move_into_log(&self) -> StoreResult<()> {
        loop {
            let Some(mut tx) = self.begin_sequencing().await? else { return Ok(()) };
            let stream = Stream::Change.as_str();
            tx.fetch_optional(LOCK_HEAD, args![stream]).await?.ok_or_else(|| lost(Stream::Change))?;
            let read = |it: &mut Columns<'_>| Ok((it.next()?, position(it)?));
            let moved: Vec<(String, Position)> = tx.list(MOVE_INTO_LOG, args![stream], "outbox", read).await?;
            tx.commit().await?;
            self.placing().tell(&moved);
            if moved.len() < EVENTS_PER_MOVE {
                return Ok(());
            }
        }
    }

    /// Where a committed event stands.
    async fn place_of(&self, waiting: &Waiting<'_>) -> StoreResult<Position> {
        // Whoever waits for its turn here finds, as a rule, that the one before it saw its event too.
        let _turn = self.sequencing().lock().await;
        if let Some(place) = waiting.place() {
            return Ok(place);
        }
        self.move_into_log().await?;
        match waiting.place() {
            Some(place) => Ok(place),
            // Another node was quicker.
            None => self.find_place(waiting.id).await?.ok_or_else(|| lost(Stream::Change)),
        }
    }

    /// Whether a transaction committed whose connection was lost at that moment. Its server may not have noticed yet and be about to commit,
    /// so this waits until every transaction has ended that was begun before.
    async fn has_happened(&self, id: EventId) -> StoreResult<bool> {
        let mut tx = self.begin_structural().await?;
        Ok(tx.fetch_optional(HAS_HAPPENED, args![id]).await?.is_some())
    }

    /// Makes of a failed commit what came of it.
    async fn ask_after(&self, id: EventId, failed: Error) -> StoreResult<()> {
        let asking = async {
            loop {
                match self.has_happened(id).await {
                    Ok(has_happened) => return has_happened,
                    Err(error) => tracing::debug!(%error, "nobody can be asked what came of a commit"),
                }
                tokio::time::sleep(ASK_AGAIN).await;
            }
        };
        match tokio::time::timeout(ASK_FOR, asking).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(failed),
            Err(_) => Err(Error::Uncertain(Box::new(failed))),
        }
    }

    async fn find_place(&self, id: EventId) -> StoreResult<Option<Position>> {
        self.follow().await?.find(FIND_PLACE, args![id], "event", position).await
    }
}

impl Connection {
    /// Whether a committed event has no place yet.
    pub(crate) async fn is_waiting(&mut self) -> StoreResult<bool> {
        Ok(self.is_shared() && self.fetch_optional(IS_WAITING, args![]).await?.is_some())
    }
}

impl Tx {
    /// Where the stream of changes ends, once everything that this transaction can see has its place.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn settled_head(&mut self) -> StoreResult<Position> {
        if self.is_waiting().await? {
            self.store.sequence().await?;
        }
        self.head(Stream::Change).await
    }
}

/// Puts an event into the outbox. Those of one transaction get their places in the order in which they were put there.
pub(super) async fn put(tx: &mut Tx, fields: Vec<Value>) -> StoreResult<()> {
    tx.execute(PUT_INTO_OUTBOX, fields).await.map(drop)
}

/// Commits a transaction with its event, and waits until that has its place.
pub(super) async fn commit(mut tx: Tx, id: EventId, fields: Vec<Value>) -> StoreResult<Position> {
    put(&mut tx, fields).await?;
    tx.write_key_counts().await?;
    let store = tx.store.clone();
    let waiting = store.placing().wait_for(id);
    match tx.commit_engine().await {
        Err(failed @ Error::Unavailable(_)) => store.ask_after(id, failed).await?,
        committed => committed?,
    }
    store.place_of(&waiting).await.map_err(|error| Error::Unsequenced(Box::new(error)))
}
