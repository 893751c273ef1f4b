//! Samples: what a subscription would be sent, so that whoever builds on it sees what comes before anything does.

use claviger_core::event::{EntityKind, EventKind};
use claviger_core::id::{EventId, OrganizationId};
use claviger_core::permission::{Asked, Coverage, Permission};
use claviger_core::reject::Reject;
use claviger_core::tenant::Tenant;
use claviger_core::webhook::message::{Heading, Message};
use claviger_core::webhook::topic::{Subscription, Topic};
use claviger_store::host_events::revisions::RevisionFilter;
use claviger_store::log::EventFilter;
use claviger_store::{Connection, PageRequest};

use super::examples::{Example, example_of};
use super::hear::{own_changes, permission_of};
use super::{authorize, message, organization_of};
use crate::app::App;
use crate::ops::caller::Caller;
use crate::ops::error::OpResult;

/// Samples in one answer.
const SAMPLES_MAX: usize = 3;
/// Of each stream, what is read for them: some may have been erased, and tell nothing, and some the caller may not read.
const EVENTS_READ: u32 = 25;

/// The latest messages that a subscription would be told of in an organization, newest first, and an example where there is none, or none that the
/// caller may read. Needs the right to look at webhooks.
///
/// # Errors
/// Refusals.
pub async fn list_samples(
    app: &App,
    caller: &Caller,
    organization_id: Option<OrganizationId>,
    words: (Option<&str>, Option<&str>),
) -> OpResult<Vec<Message>> {
    let organization_id = organization_of(app, caller, organization_id)?;
    let (tenant, _) = authorize(app, caller, organization_id, "read")?;
    let subscription = &subscription(words)?;
    let mut reader = app.store().read().await?;
    let mut samples = changes(&mut reader, &tenant, subscription).await?;
    samples.extend(reported(&mut reader, &tenant, subscription).await?);
    // Each stream is in its order already, which the identifiers of one millisecond are not.
    samples.sort_by_key(|it| std::cmp::Reverse(it.timestamp));
    samples.truncate(SAMPLES_MAX);
    if samples.is_empty() {
        let is_heard = |_: &Topic, needed: &Permission| may_read(&tenant, needed);
        let Example { topic, entity_id, data } = example_of(&mut reader, &tenant, subscription, is_heard).await?;
        let heading = Heading {
            id: EventId::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000),
            topic,
            at: app.now(),
            entity_id,
            organization_id,
            actor_user_id: tenant.actor().user_id,
            actor_key_id: tenant.actor().key_id,
        };
        samples.push(Message { test: true, ..Message::new(heading, data) });
    }
    Ok(samples)
}

/// The two words as a subscription has them, each refused for itself.
fn subscription(words: (Option<&str>, Option<&str>)) -> Result<Subscription, Reject> {
    let needed = |name: &'static str, word: Option<&'_ str>| {
        let missing =
            || Reject::field(name, "is needed: samples are of what a subscription asks for; `*` is everything");
        word.map(str::to_owned).ok_or_else(missing)
    };
    let (entity, operation) = (needed("entity", words.0)?, needed("operation", words.1)?);
    Subscription::parse(&entity, "*").map_err(|error| Reject::field("entity", error))?;
    Subscription::parse("*", &operation).map_err(|error| Reject::field("operation", error))?;
    Subscription::parse(&entity, &operation).map_err(|error| Reject::field("entity", error))
}

/// Whether the caller may read all that takes this permission.
fn may_read(tenant: &Tenant, needed: &Permission) -> bool {
    let text = needed.to_string();
    Asked::parse(&text).is_ok_and(|it| tenant.rights().coverage(&it) == Coverage::All)
}

/// The latest of our own changes.
async fn changes(connection: &mut Connection, tenant: &Tenant, subscription: &Subscription) -> OpResult<Vec<Message>> {
    if !subscription.sources().0 || !may_read(tenant, &own_changes()) {
        return Ok(Vec::new());
    }
    let exact = Topic::parse(subscription.entity(), subscription.operation()).ok();
    let kind = exact.as_ref().and_then(|it| EventKind::parse(&it.event_type()));
    if exact.is_some() && kind.is_none() {
        return Ok(Vec::new());
    }
    // Of many keys at once is told in the name of the organization, whose kind is another word.
    let entity_kind = EntityKind::parse(subscription.entity()).filter(|_| kind.is_none());
    let filter = EventFilter { kind, entity_kind, ..EventFilter::default() };
    let page = connection.page_events(tenant, &filter, &PageRequest::first(EVENTS_READ)).await?;
    let is_told = |kind| Topic::of_change(kind).is_some_and(|it| subscription.covers(&it));
    let told = page.rows.iter().filter(|it| !it.erased && is_told(it.kind));
    Ok(told.filter_map(message::of_change).take(SAMPLES_MAX).collect())
}

/// The latest of what hosts reported.
async fn reported(connection: &mut Connection, tenant: &Tenant, subscription: &Subscription) -> OpResult<Vec<Message>> {
    if !subscription.sources().1 {
        return Ok(Vec::new());
    }
    // What the catalogue says may have been another permission when one of them was reported.
    if let Ok(topic) = Topic::parse(subscription.entity(), subscription.operation()) {
        let needed = permission_of(connection, tenant, &topic).await?;
        if !may_read(tenant, &needed) {
            return Ok(Vec::new());
        }
        let events = connection.latest_host_events(tenant, &topic, SAMPLES_MAX as u32).await?;
        let readable = events.iter().filter(|it| it.permission.is_held_in(tenant.rights()));
        return Ok(readable.map(message::of_host_event).collect());
    }
    let named = |word: &str| Some(word.to_owned()).filter(|it| it != "*");
    let (entity, operation) = (named(subscription.entity()), named(subscription.operation()));
    let filter = RevisionFilter { entity, operation, ..RevisionFilter::default() };
    let page = connection.page_revisions(tenant, &filter, &PageRequest::first(EVENTS_READ)).await?;
    let events = page.rows.iter().map(|it| &it.event);
    let readable = events.filter(|it| it.body.is_some() && it.permission.is_held_in(tenant.rights()));
    Ok(readable.take(SAMPLES_MAX).map(message::of_host_event).collect())
}
