//! What hosts report of what happens in their products: in batches, all of it or nothing, each event once however often it is reported.

use std::time::Duration;

use claviger_core::host_event::{HostEvent, HostEventBody};
use claviger_core::id::{EventId, KeyId, OrganizationId, UserId};
use claviger_core::limits::{HOST_EVENT_AHEAD_HOURS_MAX, HOST_EVENT_BEHIND_DAYS_MAX, HOST_EVENT_BYTES_MAX};
use claviger_core::masking;
use claviger_core::reject::Reject;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_core::webhook::topic::Topic;
use claviger_store::{Connection, Hold};

use super::caller::Caller;
use super::error::OpResult;
use super::idempotency::{Answer, Idempotency, keep, replay};
use super::receipts::note_present;
use super::transaction::{begin_beside, on_task};
use super::webhooks::{organization_of, permission_of};
use crate::app::App;

const PERMISSION: &str = "claviger/events:create";

/// What a host says has happened.
#[derive(Debug, Clone)]
pub struct NewHostEvent {
    /// What the host calls it.
    pub given_id: String,
    /// What it is about.
    pub topic: Topic,
    /// Where it happened: the id, the short name or the external id of an organization; absent means the reporter's own.
    pub organization: Option<String>,
    /// When it happened.
    pub at: Timestamp,
    /// Which thing it happened to.
    pub entity_id: Option<String>,
    /// The key it was done with.
    pub actor_key_id: Option<KeyId>,
    /// The user who did it; absent means whom the key is mapped to.
    pub actor_user_id: Option<UserId>,
    /// What there is to know of it.
    pub body: HostEventBody,
}

/// What became of one event of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedEvent {
    /// What the host calls it.
    pub given_id: String,
    /// Its identifier here, by which receivers know it.
    pub event_id: EventId,
    /// Where it happened.
    pub organization_id: OrganizationId,
    /// Whether it was not known yet.
    pub is_new: bool,
    /// Whether a key or token stood in it, which is not kept.
    pub is_masked: bool,
}

/// Takes what a host reports. Needs `claviger/events:create`, where the caller is and wherever something happened.
///
/// # Errors
/// Refusals, which name the event at fault; then nothing was taken.
pub async fn report_events(
    app: &App,
    caller: &Caller,
    events: Vec<NewHostEvent>,
    idempotency: Option<Idempotency<Vec<ReportedEvent>>>,
) -> OpResult<Answer<Vec<ReportedEvent>>> {
    let home = organization_of(app, caller, None)?;
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize(&app, home, PERMISSION);
        let (mut tx, tenant) = begin_beside(&app, &caller, [Hold::shared(home)], authorize).await?;
        if let Some(answer) = replay(idempotency.as_ref(), &mut tx, &tenant).await? {
            return Ok(answer);
        }
        let now = app.now();
        let mut made = Vec::with_capacity(events.len());
        for (index, new) in events.into_iter().enumerate() {
            made.push(make(&app, &caller, &mut tx, &tenant, (index, new), now).await?);
        }
        let mut place = tx.begin_reporting().await?;
        let mut reported = Vec::with_capacity(made.len());
        for (index, (event, fingerprint, is_masked)) in made.into_iter().enumerate() {
            let known = tx.find_reported(&tenant, &event).await?;
            if known.is_some_and(|it| it.fingerprint != fingerprint) {
                let detail = "was reported before, and said something else then; another event has another identifier";
                return Err(Reject::field(format!("/events/{index}/id"), detail).into());
            }
            if known.is_none() {
                place = tx.insert_host_event(&tenant, &event, fingerprint, place).await?;
            }
            reported.push(ReportedEvent {
                event_id: known.map_or(event.id, |it| it.id),
                organization_id: event.organization_id,
                is_new: known.is_none(),
                is_masked,
                given_id: event.given_id,
            });
        }
        keep(idempotency.as_ref(), &mut tx, &tenant, &reported, now).await?;
        tx.commit_unaudited("what hosts report is a stream of the log itself").await?;
        app.reported().notify_one();
        note_present(&app);
        Ok(Answer::Fresh(reported))
    })
    .await
}

/// What is to be taken, with its fingerprint, and whether something was masked in it. The fingerprint is of what the host says, a key in that
/// included: of what is left, two reports that differ by their keys would be one. Nobody finds a key by it, which has 190 bits of chance.
async fn make(
    app: &App,
    caller: &Caller,
    connection: &mut Connection,
    reporter: &Tenant,
    (index, new): (usize, NewHostEvent),
    now: Timestamp,
) -> OpResult<(HostEvent, [u8; 32], bool)> {
    let field = |name: &str, detail: &str| Reject::field(format!("/events/{index}/{name}"), detail);
    let organization_id = match &new.organization {
        None => reporter.organization_id(),
        Some(named) => {
            let found = app.replica().find_organization(named);
            let reached = found.filter(|it| caller.authorize(app, *it, PERMISSION).is_ok());
            reached.ok_or_else(|| field("organization", "is no organization in which the caller may report events"))?
        }
    };
    if new.topic.is_own() {
        let detail = "is one of Claviger's own types; call what is yours otherwise, such as `contact.created`";
        return Err(field("type", detail).into());
    }
    for (name, text) in [("id", Some(&new.given_id)), ("entity_id", new.entity_id.as_ref())] {
        if text.is_some_and(|it| masking::holds_secret(it)) {
            let detail = "holds a key or an access token of this service, which would be kept: say what the host calls it instead";
            return Err(field(name, detail).into());
        }
    }
    if new.at < now.saturating_sub(Duration::from_secs(HOST_EVENT_BEHIND_DAYS_MAX * 24 * 3600)) {
        let detail = format!(
            "lies more than {HOST_EVENT_BEHIND_DAYS_MAX} days back: say when it happened, in UTC and as 2026-11-01T10:00:00Z"
        );
        return Err(field("at", &detail).into());
    }
    if now.saturating_add(Duration::from_secs(HOST_EVENT_AHEAD_HOURS_MAX * 3600)) < new.at {
        return Err(field("at", "lies in the future").into());
    }
    if let Some(name) = new.body.inexact() {
        let detail = "has a number that would not be kept exactly: report one of more than 64 bits as a text";
        return Err(field(name, detail).into());
    }
    let bytes = serde_json::to_vec(&new.body).map_or(usize::MAX, |it| it.len());
    if bytes > HOST_EVENT_BYTES_MAX {
        let detail = format!("has more than {HOST_EVENT_BYTES_MAX} bytes as JSON, with `before` and `after`");
        return Err(field("data", &detail).into());
    }
    let place = Tenant::system(organization_id, "reporting");
    let named_user_id = new.actor_user_id;
    let done_by = actor(app, connection, organization_id, &new).await?;
    let mapped_user_id = done_by.unwrap_or_default();
    let told_by = reporter.actor();
    let mut event = HostEvent {
        id: EventId::new(now, &mut *app.rng()),
        organization_id,
        reporter_organization_id: reporter.organization_id(),
        given_id: new.given_id,
        permission: permission_of(connection, &place, &new.topic).await?,
        topic: new.topic,
        entity_id: new.entity_id,
        at: new.at,
        received_at: now,
        actor_user_id: named_user_id.or(mapped_user_id),
        actor_key_id: new.actor_key_id,
        reporter_user_id: told_by.user_id,
        reporter_key_id: told_by.key_id,
        body: Some(new.body),
    };
    let fingerprint = event.fingerprint(named_user_id);
    if let Err((name, detail)) = done_by {
        // What was taken before stays taken, whoever is unknown here since: its batch would be refused for ever.
        let known = connection.find_reported(reporter, &event).await?;
        if known.is_none_or(|it| it.fingerprint != fingerprint) {
            return Err(field(name, detail).into());
        }
    }
    let is_masked = event.body.as_mut().is_some_and(HostEventBody::mask);
    Ok((event, fingerprint, is_masked))
}

/// Whom the key is mapped to with which it was done, or why whoever did it cannot have: the field, and what is wrong. Keys that were revoked since
/// and members who left since were there when it happened. That is known of those whom the organization or one above it manages, of those to whom the
/// key is mapped, and of those who are told to have done something here before; whoever is managed elsewhere and did nothing here is as good as a stranger.
async fn actor(
    app: &App,
    connection: &mut Connection,
    organization_id: OrganizationId,
    new: &NewHostEvent,
) -> OpResult<Result<Option<UserId>, (&'static str, &'static str)>> {
    let path = app.replica().path(organization_id);
    let places: Vec<_> = path.into_iter().map(|it| Tenant::system(it, "reporting")).collect();
    let mut mapped_user_id = None;
    if let Some(id) = new.actor_key_id {
        // The database too: a node does not hold keys that were revoked before it started.
        let held = app.replica().organization_of(id);
        let mut found = None;
        for place in &places {
            if found.is_none() && held.is_none_or(|it| it == place.organization_id()) {
                found = connection.find_key(place, id).await?;
            }
        }
        match found {
            Some(key) => mapped_user_id = key.mapped_user_id,
            None => return Ok(Err(("actor_key_id", "is no key that reaches this organization"))),
        }
    }
    if let Some(id) = new.actor_user_id.filter(|it| app.replica().membership_at(*it, organization_id).is_none()) {
        let here = Tenant::system(organization_id, "reporting");
        let mut is_known = mapped_user_id == Some(id) || connection.has_acted(&here, id).await?;
        for place in &places {
            is_known = is_known || connection.find_user(place, id).await?.is_some();
        }
        if !is_known {
            return Ok(Err(("actor_user_id", "is no member of this organization")));
        }
    }
    Ok(Ok(mapped_user_id))
}
