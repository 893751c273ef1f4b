//! The log: how events are ordered, and what of them is kept. No other file knows the order.
//!
//! On SQLite there is one writer: the transaction takes the next number itself, and numbers are committed in the order in which they are
//! taken, without a gap. On PostgreSQL an event gets its place after its commit, as log/sequence.rs says.

mod about;
mod beside;
mod erasure;
mod sequence;
mod unseen;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::LazyLock;

use claviger_core::event::{Entity, EntityKind, Event, EventKind, Position, Stream};
use claviger_core::id::{EventId, KeyId, OrganizationId, UserId};
use claviger_core::name::{Email, Name};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

pub use self::about::LatestChange;
pub use self::erasure::Erased;
pub(crate) use self::erasure::STATEMENTS as ERASURE_STATEMENTS;
pub(crate) use self::sequence::{Placing, STATEMENTS as SEQUENCE_STATEMENTS};
pub(crate) use self::unseen::{POSTGRES_STATEMENTS as WAITING_STATEMENTS, STATEMENTS as UNSEEN_STATEMENTS};
use crate::feed::REPLICATED;
use crate::row::{Columns, Json, Unreadable};
use crate::sql::{Bulk, ROWS_PER_STATEMENT, rows_of, statements};
use crate::value::{args, json};
use crate::{Connection, Cursor, Error, Page, PageRequest, StoreResult, Tx};

/// What is known of a user to the organization of an event.
macro_rules! known_user {
    ($what:literal, $id:literal) => {
        concat!(
            "(SELECT ",
            $what,
            " FROM \"user\" u WHERE u.id = ",
            $id,
            " AND (u.organization_id = e.organization_id OR EXISTS (\
             SELECT 1 FROM member m JOIN organization_closure c ON c.ancestor_id = m.organization_id \
             WHERE m.user_id = u.id AND c.descendant_id = e.organization_id)))"
        )
    };
}
use known_user;

/// Of who did it the names are read that the organization may know: of a key only its own one's, of a user whom it manages or who is a member
/// there or above. The same goes for the name of what it is about. Each is asked by itself and not joined: every look into the log would else be
/// planned in all orders in which eight tables can be joined.
macro_rules! columns {
    () => {
        concat!(
            "e.id, e.epoch, e.seq, e.kind, e.v, e.at, e.organization_id, e.actor_user_id, ",
            known_user!("u.name", "e.actor_user_id"),
            ", ",
            known_user!("u.email", "e.actor_user_id"),
            ", e.actor_key_id, (SELECT k.name FROM key k WHERE k.id = e.actor_key_id AND k.organization_id = e.organization_id), \
             e.actor_job, e.entity_id, COALESCE(\
             (SELECT k.name FROM key k WHERE k.id = e.entity_id AND k.organization_id = e.organization_id), \
             (SELECT r.name FROM role r WHERE r.id = e.entity_id AND r.organization_id = e.organization_id), ",
            known_user!(
                "u.name",
                "COALESCE((SELECT em.user_id FROM member em WHERE em.id = e.entity_id AND em.organization_id = e.organization_id), e.entity_id)"
            ),
            "), e.commitment, b.body FROM event e \
             LEFT JOIN event_body b ON b.stream = e.stream AND b.epoch = e.epoch AND b.seq = e.seq "
        )
    };
}
use columns;

macro_rules! page {
    ($scope:literal, $more:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            $scope,
            "AND (e.actor_user_id = $2 OR $2 IS NULL) AND (e.actor_key_id = $3 OR $3 IS NULL) \
             AND (e.kind = $7 OR $7 IS NULL) AND (e.entity_kind = $8 OR $8 IS NULL) AND $9 <= e.at AND e.at < $10 ",
            $more,
            "AND (e.epoch, e.seq) < ($4, $5) ORDER BY e.epoch DESC, e.seq DESC LIMIT $6"
        )
    };
}

statements! {
    TAKE_POSITION = "UPDATE log_head SET seq = seq + 1 WHERE stream = $1 RETURNING epoch, seq";
    FIND_HEAD = "SELECT epoch, seq FROM log_head WHERE stream = $1";
    INSERT_EVENT =
        "INSERT INTO event (stream, epoch, seq, id, kind, v, at, organization_id, actor_user_id, actor_key_id, actor_job, \
         entity_kind, entity_id, touched, first_key_id, last_key_id, commitment) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";
    INSERT_BODY = "INSERT INTO event_body (stream, epoch, seq, salt, body) VALUES ($1, $2, $3, $4, $5)";
    PAGE_EVENTS = page!("WHERE e.organization_id = $1 AND e.stream = 'change' ", "");
    /// Those that name it, those that name it among others, and imports of a range of keys with it; of one made otherwise
    /// in the same instant the identifier can lie in that range too. Not the bare columns: the engine would go
    /// through all events of the organization to find these.
    PAGE_EVENTS_OF_ENTITY = page!(
        "WHERE e.organization_id || '' = $1 AND e.stream || '' = 'change' ",
        "AND e.id IN (SELECT x.id FROM event x WHERE x.entity_id = $11 \
         UNION ALL SELECT t.event_id FROM event_touch t WHERE t.entity_id = $11 \
         UNION ALL SELECT imports.id FROM (SELECT r.id, r.first_key_id FROM event r \
         WHERE r.organization_id = $1 AND r.last_key_id >= $11 ORDER BY r.last_key_id LIMIT 100) imports WHERE imports.first_key_id <= $11 \
         AND EXISTS (SELECT 1 FROM key z WHERE z.id = $11 AND z.origin = 'import')) "
    );
    FIND_EVENT = concat!("SELECT ", columns!(), "WHERE e.id = $1 AND e.organization_id = $2 AND e.stream = 'change'");
    EVENTS_BEHIND = concat!(
        "SELECT ",
        columns!(),
        "WHERE e.stream = $1 AND (e.epoch, e.seq) > ($2, $3) ORDER BY e.epoch, e.seq LIMIT $4"
    );
    INSERT_TOUCH = "INSERT INTO event_touch (entity_id, event_id) VALUES ($1, $2)";
}

static INSERT_TOUCHES: LazyLock<Bulk> =
    LazyLock::new(|| Bulk::new(format!("INSERT INTO event_touch (entity_id, event_id) VALUES {}", rows_of(2))));

/// Every statement that is put together here, by name.
pub(crate) fn built_statements() -> Vec<(String, String)> {
    let touches = [("INSERT_TOUCHES".to_owned(), INSERT_TOUCHES.portable.clone())];
    touches.into_iter().chain(about::built_statements()).collect()
}

/// Which events a list shows; what is absent narrows nothing.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// About which thing, alone or among others.
    pub entity: Option<Entity>,
    /// About things of which kind.
    pub entity_kind: Option<EntityKind>,
    /// By which user.
    pub user_id: Option<UserId>,
    /// By which key.
    pub key_id: Option<KeyId>,
    /// What happened.
    pub kind: Option<EventKind>,
    /// From this instant on.
    pub from: Option<Timestamp>,
    /// Before this instant.
    pub until: Option<Timestamp>,
}

/// An event as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct EventRow {
    /// Its place in the log.
    pub position: Position,
    /// Its identifier.
    pub id: EventId,
    /// What happened.
    pub kind: EventKind,
    /// The version of this kind's body.
    pub v: u16,
    /// When.
    pub at: Timestamp,
    /// In which organization.
    pub organization_id: OrganizationId,
    /// The user in whose name it was done.
    pub user_id: Option<UserId>,
    /// The user's name, where the organization may know it.
    pub user_name: Option<Name>,
    /// The address that the user signs in with, where the organization may know the user.
    pub user_email: Option<Email>,
    /// The key it was done with.
    pub key_id: Option<KeyId>,
    /// The key's name, where it is one of the organization's.
    pub key_name: Option<Name>,
    /// The job that did it.
    pub job: Option<String>,
    /// What it is about.
    pub entity: Entity,
    /// What that is called now: a key, role, user or member, where it is still there and the organization may know it.
    pub entity_name: Option<Name>,
    /// What the entity looked like before; absent also once the body is erased.
    pub before: Option<Value>,
    /// What it looked like then; absent also once the body is erased.
    pub after: Option<Value>,
    /// Where the request came from, where the organization may know who sent it; absent also once the body is erased.
    pub ip: Option<IpAddr>,
    /// Whether what it told was erased.
    pub erased: bool,
}

/// What stands at a place of the log.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// An event.
    Event(Box<EventRow>),
    /// An event of a kind that this version does not know: a newer one has written it.
    Newer {
        /// When.
        at: Timestamp,
    },
    /// What nobody can read.
    Damaged,
}

/// What can be erased of an event.
#[derive(Serialize, Deserialize)]
struct Body {
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
    /// With the rest, since it tells of a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<IpAddr>,
}

/// An event as it is written, its place aside.
struct Entry {
    id: EventId,
    fields: Vec<crate::value::Value>,
    salt: [u8; 32],
    body: Option<String>,
}

impl Entry {
    /// As the outbox has it.
    fn outbox_fields(self) -> Vec<crate::value::Value> {
        let salt = self.body.is_some().then_some(self.salt);
        [args![Stream::Change.as_str()], self.fields, args![salt, self.body]].concat()
    }
}

fn event(it: &mut Columns<'_>) -> Result<EventRow, Unreadable> {
    let id = it.next()?;
    let position = position(it)?;
    let mut row = EventRow {
        position,
        id,
        kind: it.next()?,
        v: it.next()?,
        at: it.next()?,
        organization_id: it.next()?,
        user_id: it.next()?,
        user_name: it.next()?,
        user_email: it.next()?,
        key_id: it.next()?,
        key_name: it.next()?,
        job: it.next()?,
        entity: it.next()?,
        entity_name: it.next()?,
        before: None,
        after: None,
        ip: None,
        erased: false,
    };
    let commitment: Option<Vec<u8>> = it.next()?;
    let body = it.next::<Option<_>>()?;
    row.erased = commitment.is_some() && body.is_none();
    if let Some(Json(Body { before, after, ip })) = body {
        // The organization may know where somebody is of whom it may know who it is.
        let is_known =
            row.user_name.is_some() || row.key_name.is_some() || row.user_id.is_none() && row.key_id.is_none();
        (row.before, row.after, row.ip) = (before, after, ip.filter(|_| is_known));
    }
    Ok(row)
}

/// Looks at what stands at a place, when it is no event that can be read.
fn newer(it: &mut Columns<'_>) -> Result<Option<Timestamp>, Unreadable> {
    it.skip(3);
    let kind: String = it.next()?;
    it.skip(1);
    Ok(if EventKind::parse(&kind).is_none() { Some(it.next()?) } else { None })
}

pub(crate) fn position(it: &mut Columns<'_>) -> Result<Position, Unreadable> {
    Ok(Position { epoch: it.next()?, seq: it.next()? })
}

impl Connection {
    /// Where a stream ends.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn head(&mut self, stream: Stream) -> StoreResult<Position> {
        let head = self.find(FIND_HEAD, args![stream.as_str()], "log_head", position).await?;
        head.ok_or_else(|| lost(stream))
    }

    /// One change in the tenant's organization.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_event(&mut self, tenant: &Tenant, id: EventId) -> StoreResult<Option<EventRow>> {
        self.find(FIND_EVENT, args![id, tenant.organization_id()], "event", event).await
    }

    /// What stands in a stream behind a place, in all organizations, oldest first: each with its place, also what cannot be read, so that a reader
    /// can pass it by and is not held up by it for ever.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn events_behind_unchecked(
        &mut self,
        stream: Stream,
        place: Position,
        events_max: u32,
    ) -> StoreResult<Vec<(Position, Found)>> {
        let arguments = args![stream.as_str(), place.epoch, place.seq, i64::from(events_max)];
        let rows = self.fetch_all(EVENTS_BEHIND, arguments).await?;
        let mut events = Vec::with_capacity(rows.len());
        for row in &rows {
            let mut it = Columns::new(row);
            it.skip(1);
            let place = position(&mut it).map_err(|Unreadable(detail)| Error::Corrupt {
                table: "event",
                id: "its place".into(),
                detail,
            })?;
            let found = match (event(&mut Columns::new(row)), newer(&mut Columns::new(row))) {
                (Ok(event), _) => Found::Event(Box::new(event)),
                (Err(_), Ok(Some(at))) => Found::Newer { at },
                (Err(Unreadable(why)), _) => {
                    tracing::error!(epoch = place.epoch, seq = place.seq, why, "an event cannot be read");
                    Found::Damaged
                }
            };
            events.push((place, found));
        }
        Ok(events)
    }

    /// Changes in the tenant's organization, newest first.
    ///
    /// # Errors
    /// `InvalidCursor`.
    pub async fn page_events(
        &mut self,
        tenant: &Tenant,
        filter: &EventFilter,
        request: &PageRequest,
    ) -> StoreResult<Page<EventRow>> {
        let (epoch, seq) = match &request.after {
            Some(Cursor { value, id }) => {
                (value.parse().map_err(|_| Error::InvalidCursor)?, id.parse().map_err(|_| Error::InvalidCursor)?)
            }
            None => (i64::MAX, i64::MAX),
        };
        let mut arguments = args![
            tenant.organization_id(),
            filter.user_id,
            filter.key_id,
            epoch,
            seq,
            request.rows_to_read(),
            filter.kind.map(EventKind::as_str),
            filter.entity_kind.map(EntityKind::as_str),
            filter.from.map_or(i64::MIN, Timestamp::as_micros),
            filter.until.map_or(i64::MAX, Timestamp::as_micros),
        ];
        let statement = match &filter.entity {
            Some(entity) => {
                arguments.extend(args![entity.to_string()]);
                PAGE_EVENTS_OF_ENTITY
            }
            None => PAGE_EVENTS,
        };
        let rows = self.list(statement, arguments, "event", event).await?;
        Ok(Page::cut(rows, request, |it| Cursor::new(it.position.epoch, it.position.seq)))
    }
}

impl Tx {
    /// Commits with the event that says what happened. Every replicated row that was written through this transaction counts as touched,
    /// whether the event names it or not, so that no follower can miss one.
    ///
    /// # Errors
    /// `StorageFull`, `Unavailable`; then nothing has happened. `Unsequenced`: it has happened. `Uncertain`: the connection was lost in the very
    /// moment of the commit, and nobody could be asked what came of it.
    ///
    /// # Panics
    /// When secrets of a key were written but the key was not: verifiers, which take both as one row, would not take them. When a crash might undo
    /// it: what was answered would not have happened.
    pub async fn commit(mut self, event: Event) -> StoreResult<Position> {
        assert!(!self.is_forgettable, "an event is on the disk before anybody hears of it");
        self.tell_ended_webhooks(&event, false).await?;
        let entry = self.prepare(event).await?;
        if self.is_shared() {
            let id = entry.id;
            return sequence::commit(self, id, entry.outbox_fields()).await;
        }
        let position = self.place(entry).await?;
        self.write_key_counts().await?;
        self.commit_engine().await?;
        Ok(position)
    }

    /// Writes the event of what this transaction has done since the one before, at its place in the log at once: for a transaction that has
    /// several and writes a log which nobody else knows yet. Elsewhere an event comes with its commit,
    /// or right before it ([`Self::tell_beside`]).
    pub(crate) async fn note(&mut self, event: Event) -> StoreResult<Position> {
        self.tell_ended_webhooks(&event, true).await?;
        let entry = self.prepare(event).await?;
        self.place(entry).await
    }

    /// Makes of an event what is written of it. What was touched is told by it, and by no later one.
    async fn prepare(&mut self, event: Event) -> StoreResult<Entry> {
        let touched = std::mem::take(&mut self.touched);
        let secrets_touched = std::mem::take(&mut self.secrets_touched);
        let keys_written = secrets_touched.iter().all(|it| touched.contains(&Entity::from(*it)));
        assert!(keys_written, "a key counts its version up with every change of its secrets");
        let touched: BTreeSet<Entity> = event.touched.iter().copied().chain(touched).collect();
        let is_looked_at = |it: &Entity| matches!(it.kind, EntityKind::Key | EntityKind::Webhook);
        let also = touched.iter().filter(|it| is_looked_at(it) && **it != event.entity).copied();
        let also: Vec<Entity> = also.collect();
        let touched = touched.iter().filter(|it| REPLICATED.contains(&it.kind));
        let touched = json(&touched.map(ToString::to_string).collect::<Vec<_>>());

        let (id, salt) = self.store.with_rng(|rng| {
            let mut salt = [0; 32];
            rng.fill_bytes(&mut salt);
            (EventId::new(event.at, rng), salt)
        });
        self.insert_touches(&also, id).await?;
        let has_body = event.before.is_some() || event.after.is_some() || event.actor.ip.is_some();
        let body = has_body.then(|| json(&Body { before: event.before, after: event.after, ip: event.actor.ip }));
        let (first_key_id, last_key_id) = self.touched_keys.take().unzip();
        let fields = args![
            id,
            event.kind.as_str(),
            i64::from(event.v),
            event.at,
            event.organization_id,
            event.actor.user_id,
            event.actor.key_id,
            event.actor.job,
            event.entity.kind.as_str(),
            event.entity.to_string(),
            touched,
            first_key_id,
            last_key_id,
            body.as_ref().map(|it| commitment(&salt, it)),
        ];
        Ok(Entry { id, fields, salt, body })
    }

    /// Writes an event at the next place. There is no other writer beside this transaction.
    async fn place(&mut self, Entry { fields, salt, body, .. }: Entry) -> StoreResult<Position> {
        let stream = Stream::Change.as_str();
        let position = self.find(TAKE_POSITION, args![stream], "log_head", position).await?;
        let Position { epoch, seq } = position.ok_or_else(|| lost(Stream::Change))?;
        self.execute(INSERT_EVENT, [args![stream, epoch, seq], fields].concat()).await?;
        if let Some(body) = body {
            self.execute(INSERT_BODY, args![stream, epoch, seq, salt, body]).await?;
        }
        Ok(Position { epoch, seq })
    }

    /// Notes for the history of keys that an event is about them too.
    async fn insert_touches(&mut self, entities: &[Entity], event_id: EventId) -> StoreResult<()> {
        let row = |it: &Entity| args![it.to_string(), event_id];
        let (whole, rest) = entities.as_chunks::<ROWS_PER_STATEMENT>();
        for rows in whole {
            self.execute_bulk(&INSERT_TOUCHES, rows.iter().flat_map(row).collect()).await?;
        }
        for entity in rest {
            self.execute(INSERT_TOUCH, row(entity)).await?;
        }
        Ok(())
    }

    /// Commits without an event; `why` says why there is none to be told, and stands in the trace.
    ///
    /// # Errors
    /// As [`Self::commit`].
    ///
    /// # Panics
    /// When a replicated row was written: followers would miss it.
    pub async fn commit_unaudited(self, why: &'static str) -> StoreResult<()> {
        let keys = self.touched_keys.is_some() || !self.secrets_touched.is_empty() || !self.live_keys.is_empty();
        let touched = keys || !self.touched.is_empty();
        assert!(!touched, "replicated rows are committed with an event");
        tracing::debug!(why, "committed without an event");
        self.commit_engine().await
    }
}

/// What stays of a body: enough to prove it while it is there, and no help in guessing it once it is erased.
pub(crate) fn commitment(salt: &[u8; 32], body: &str) -> [u8; 32] {
    Sha256::new().chain_update(salt).chain_update(body).finalize().into()
}

pub(crate) fn lost(stream: Stream) -> Error {
    Error::Corrupt { table: "log_head", id: stream.as_str().into(), detail: "is not there".into() }
}
