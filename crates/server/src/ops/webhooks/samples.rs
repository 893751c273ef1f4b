//! Samples: what a subscription would be sent, so that whoever builds on it sees what comes before anything does.

use claviger_core::event::EventKind;
use claviger_core::event_type::EventType;
use claviger_core::id::{EventId, OrganizationId};
use claviger_core::permission::Coverage;
use claviger_core::reject::Reject;
use claviger_core::tenant::Tenant;
use claviger_core::webhook::Webhook;
use claviger_core::webhook::message::{Heading, Message};
use claviger_core::webhook::topic::Topic;
use claviger_store::log::EventFilter;
use claviger_store::{Connection, PageRequest};
use serde_json::Value;

use super::hear::{Told, is_told, permission_of};
use super::{authorize, message, organization_of};
use crate::app::App;
use crate::ops::caller::Caller;
use crate::ops::error::OpResult;

/// Samples in one answer.
const SAMPLES_MAX: u32 = 3;
/// Changes that are read for them: some may have been erased, and tell nothing.
const CHANGES_READ: u32 = 25;
/// Pages of the catalogue that are looked through for an example.
const CATALOGUE_PAGES_MAX: usize = 50;

/// The first type of the catalogue that a webhook asks for and would be told; absent where there is none, as of our own changes.
pub(super) async fn first_type_for(
    app: &App,
    connection: &mut Connection,
    tenant: &Tenant,
    webhook: &Webhook,
) -> OpResult<Option<EventType>> {
    let is_heard = |it: &EventType| {
        let (organization_id, topic, needed) = (tenant.organization_id(), &it.topic, &it.permission);
        webhook.subscription.covers(topic)
            && is_told(app, webhook, Told { organization_id, topic, needed, entity_id: None })
    };
    let mut request = PageRequest::first(100);
    for _ in 0..CATALOGUE_PAGES_MAX {
        let page = connection.page_event_types(tenant, &request).await?;
        if let Some(found) = page.rows.into_iter().find(is_heard) {
            return Ok(Some(found));
        }
        request.after = page.next;
        if request.after.is_none() {
            break;
        }
    }
    Ok(None)
}

/// The data of a message about a topic as an example: the catalogue's, or that there is nothing to tell.
pub(super) async fn example_data(connection: &mut Connection, tenant: &Tenant, topic: &Topic) -> OpResult<Value> {
    if topic.is_own() {
        return Ok(message::pictures(None, None));
    }
    let example = connection.find_event_type(tenant, topic).await?.and_then(|it| it.example);
    Ok(Value::Object(example.unwrap_or_default()))
}

/// The latest messages of a topic in an organization, newest first, and an example where there is none, or none that the caller may read. Needs the
/// right to look at webhooks.
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
    let (Some(entity), Some(operation)) = words else {
        let missing = if words.0.is_none() { "entity" } else { "operation" };
        return Err(Reject::field(missing, "is needed: samples are of one thing that happens").into());
    };
    let topic = &Topic::parse(entity, operation).map_err(|error| Reject::field("entity", error))?;
    let mut reader = app.store().read().await?;
    let needed = permission_of(&mut reader, &tenant, topic).await?.to_string();
    let asked = claviger_core::permission::Asked::parse(&needed).ok();
    let may_read = asked.is_some_and(|it| tenant.rights().coverage(&it) == Coverage::All);
    let mut samples = Vec::new();
    if may_read && topic.is_own() {
        let kind = EventKind::parse(&topic.event_type());
        let filter = EventFilter { kind, ..EventFilter::default() };
        if kind.is_some() {
            let page = reader.page_events(&tenant, &filter, &PageRequest::first(CHANGES_READ)).await?;
            let told = page.rows.iter().filter(|it| !it.erased).take(SAMPLES_MAX as usize);
            samples.extend(told.filter_map(message::of_change));
        }
    } else if may_read {
        // What the catalogue says may have been another permission when one of them was reported.
        let events = reader.latest_host_events(&tenant, topic, SAMPLES_MAX).await?;
        let readable = events.iter().filter(|it| it.permission.is_held_in(tenant.rights()));
        samples.extend(readable.map(message::of_host_event));
    }
    if samples.is_empty() {
        let heading = Heading {
            id: EventId::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000),
            topic: topic.clone(),
            at: app.now(),
            entity_id: None,
            organization_id,
            actor_user_id: tenant.actor().user_id,
            actor_key_id: tenant.actor().key_id,
        };
        let data = example_data(&mut reader, &tenant, topic).await?;
        samples.push(Message { test: true, ..Message::new(heading, data) });
    }
    Ok(samples)
}
