//! What hosts report, in the stream `host`. Unlike a change's, an event's place is taken by its own transaction on both engines: the head's row is
//! held until the commit, so places are committed in their order. Those who report wait for each other, and nobody else does.

pub mod revisions;

use claviger_core::event::{Position, Stream};
use claviger_core::host_event::HostEvent;
use claviger_core::id::{EventId, UserId};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_core::webhook::topic::Topic;

use crate::log::{lost, position};
use crate::row::{Columns, Json, Unreadable, decode};
use crate::sql::{ROWS_PURGED_MAX, statements};
use crate::value::{args, json};
use crate::webhooks::topic;
use crate::{Connection, StoreResult, Tx};

macro_rules! columns {
    () => {
        "e.id, e.organization_id, e.reporter_organization_id, e.given_id, e.entity, e.operation, e.entity_id, e.permission, e.at, \
         e.received_at, e.actor_user_id, e.actor_key_id, e.reporter_user_id, e.reporter_key_id, e.body"
    };
}
use columns;

statements! {
    HOLD_HEAD = "UPDATE log_head SET seq = seq WHERE stream = $1 RETURNING epoch, seq";
    MOVE_HEAD = "UPDATE log_head SET seq = $2 WHERE stream = $1";
    INSERT_HOST_EVENT =
        "INSERT INTO host_event (epoch, seq, id, organization_id, reporter_organization_id, given_id, fingerprint, entity, operation, \
         entity_id, permission, at, received_at, actor_user_id, actor_key_id, reporter_user_id, reporter_key_id, body) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)";
    FIND_REPORTED =
        "SELECT e.id, e.fingerprint FROM host_event e \
         WHERE e.reporter_organization_id = $1 AND e.organization_id = $2 AND e.given_id = $3";
    HAS_ACTED = "SELECT 1 FROM host_event e WHERE e.organization_id = $1 AND e.actor_user_id = $2 LIMIT 1";
    FIND_HOST_EVENT = concat!("SELECT ", columns!(), " FROM host_event e WHERE e.id = $1 AND e.organization_id = $2");
    LATEST_HOST_EVENTS = concat!(
        "SELECT ",
        columns!(),
        " FROM host_event e WHERE e.organization_id = $1 AND e.entity = $2 AND e.operation = $3 AND e.body IS NOT NULL \
         ORDER BY e.epoch DESC, e.seq DESC LIMIT $4"
    );
    PLACES_BEHIND =
        "SELECT e.id, e.epoch, e.seq, e.organization_id FROM host_event e WHERE (e.epoch, e.seq) > ($1, $2) ORDER BY e.epoch, e.seq LIMIT $3";
    PURGE_HOST_EVENTS =
        "DELETE FROM host_event WHERE id IN \
         (SELECT e.id FROM host_event e WHERE e.received_at <= $1 ORDER BY e.received_at, e.id LIMIT $2)";
}

/// An event that was reported before under the name it has now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reported {
    /// Its identifier.
    pub id: EventId,
    /// What it says.
    pub fingerprint: [u8; 32],
}

fn host_event(it: &mut Columns<'_>) -> Result<HostEvent, Unreadable> {
    Ok(HostEvent {
        id: it.next()?,
        organization_id: it.next()?,
        reporter_organization_id: it.next()?,
        given_id: it.next()?,
        topic: topic(it)?,
        entity_id: it.next()?,
        permission: it.next()?,
        at: it.next()?,
        received_at: it.next()?,
        actor_user_id: it.next()?,
        actor_key_id: it.next()?,
        reporter_user_id: it.next()?,
        reporter_key_id: it.next()?,
        body: it.next::<Option<Json<_>>>()?.map(|Json(body)| body),
    })
}

impl Connection {
    /// Finds what was reported in the tenant's organization.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_host_event(&mut self, tenant: &Tenant, id: EventId) -> StoreResult<Option<HostEvent>> {
        self.find(FIND_HOST_EVENT, args![id, tenant.organization_id()], "host_event", host_event).await
    }

    /// What the tenant reported before under this name, of what happened in that organization.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_reported(&mut self, tenant: &Tenant, it: &HostEvent) -> StoreResult<Option<Reported>> {
        let arguments = args![tenant.organization_id(), it.organization_id, it.given_id];
        let read = |it: &mut Columns<'_>| Ok(Reported { id: it.next()?, fingerprint: it.next()? });
        self.find(FIND_REPORTED, arguments, "host_event", read).await
    }

    /// Whether something was reported of the tenant's organization that a user did there.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn has_acted(&mut self, tenant: &Tenant, user_id: UserId) -> StoreResult<bool> {
        Ok(self.fetch_optional(HAS_ACTED, args![tenant.organization_id(), user_id]).await?.is_some())
    }

    /// The latest of what was reported in the tenant's organization about a topic, newest first, without what was erased.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn latest_host_events(
        &mut self,
        tenant: &Tenant,
        topic: &Topic,
        most: u32,
    ) -> StoreResult<Vec<HostEvent>> {
        let arguments = args![tenant.organization_id(), topic.entity(), topic.operation(), i64::from(most)];
        self.list(LATEST_HOST_EVENTS, arguments, "host_event", host_event).await
    }

    /// What hosts reported behind a place, in all organizations, oldest first: each with its place. One that cannot be read is absent behind its
    /// own, so that a reader passes it by.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn host_events_behind_unchecked(
        &mut self,
        place: Position,
        events_max: u32,
    ) -> StoreResult<Vec<(Position, Option<HostEvent>)>> {
        let rows = self.fetch_all(PLACES_BEHIND, args![place.epoch, place.seq, i64::from(events_max)]).await?;
        let mut events = Vec::with_capacity(rows.len());
        for row in &rows {
            let (id, at, organization_id) =
                decode("host_event", row, |it| Ok((it.next::<EventId>()?, position(it)?, it.next()?)))?;
            let found = self.find_host_event(&Tenant::system(organization_id, "reading"), id).await;
            match found {
                Err(error @ crate::Error::Corrupt { .. }) => {
                    tracing::error!(epoch = at.epoch, seq = at.seq, %error, "an event cannot be read, and is passed by");
                    events.push((at, None));
                }
                found => events.push((at, found?)),
            }
        }
        Ok(events)
    }
}

impl Tx {
    /// Begins a batch: nobody else reports until this transaction ends. Says behind which place the batch stands.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn begin_reporting(&mut self) -> StoreResult<Position> {
        let head = self.find(HOLD_HEAD, args![Stream::Host.as_str()], "log_head", position).await?;
        head.ok_or_else(|| lost(Stream::Host))
    }

    /// Writes what the tenant reports, at the place behind `place`, and says which that is. `fingerprint` is [`HostEvent::fingerprint`].
    ///
    /// # Errors
    /// `Taken` where there is one of this name.
    pub async fn insert_host_event(
        &mut self,
        tenant: &Tenant,
        it: &HostEvent,
        fingerprint: [u8; 32],
        place: Position,
    ) -> StoreResult<Position> {
        assert_eq!(it.reporter_organization_id, tenant.organization_id(), "an event is written by who reports it");
        let place = Position { seq: place.seq + 1, ..place };
        let whose = args![place.epoch, place.seq, it.id, it.organization_id, it.reporter_organization_id, it.given_id];
        let what = args![fingerprint, it.topic.entity(), it.topic.operation(), it.entity_id, it.permission];
        let when = args![it.at, it.received_at, it.actor_user_id, it.actor_key_id];
        let rest = args![it.reporter_user_id, it.reporter_key_id, it.body.as_ref().map(json)];
        self.execute(INSERT_HOST_EVENT, [whose, what, when, rest].concat()).await?;
        self.execute(MOVE_HEAD, args![Stream::Host.as_str(), place.seq]).await?;
        Ok(place)
    }

    /// Removes what was reported until an instant, at most [`ROWS_PURGED_MAX`], and says how many.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn purge_host_events_unchecked(&mut self, until: Timestamp) -> StoreResult<u64> {
        self.execute(PURGE_HOST_EVENTS, args![until, ROWS_PURGED_MAX]).await
    }
}
