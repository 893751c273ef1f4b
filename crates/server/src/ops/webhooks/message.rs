//! What a delivery sends: read off the event each time, so that what was erased is sent no more.

use claviger_core::host_event::HostEvent;
use claviger_core::tenant::Tenant;
use claviger_core::webhook::delivery::Source;
use claviger_core::webhook::message::{Heading, Message};
use claviger_core::webhook::topic::Topic;
use claviger_store::Connection;
use claviger_store::log::EventRow;
use claviger_store::webhooks::deliveries::DeliveryRow;
use serde_json::{Value, json};

use crate::ops::error::OpResult;

const JOB: &str = "webhooks";

/// The message about one of our own changes.
pub(super) fn of_change(it: &EventRow) -> Option<Message> {
    let heading = Heading {
        id: it.id,
        topic: Topic::of_change(it.kind)?,
        at: it.at,
        entity_id: Some(it.entity.to_string()),
        organization_id: it.organization_id,
        actor_user_id: it.user_id,
        actor_key_id: it.key_id,
    };
    Some(Message::new(heading, json!({ "before": it.before, "after": it.after })))
}

/// The message about what a host reported.
pub(super) fn of_host_event(it: &HostEvent) -> Message {
    let heading = Heading {
        id: it.id,
        topic: it.topic.clone(),
        at: it.at,
        entity_id: it.entity_id.clone(),
        organization_id: it.organization_id,
        actor_user_id: it.actor_user_id,
        actor_key_id: it.actor_key_id,
    };
    Message::new(heading, it.body.as_ref().map_or(Value::Null, |it| Value::Object(it.data.clone())))
}

/// The body of a delivery, the same each time; absent where its event is kept no longer.
///
/// # Errors
/// What any statement can meet.
pub async fn body_of(connection: &mut Connection, delivery: &DeliveryRow) -> OpResult<Option<String>> {
    let place = Tenant::system(delivery.event_organization_id, JOB);
    let message = match delivery.source {
        Source::Test => return Ok(delivery.body.clone()),
        Source::Change => connection.find_event(&place, delivery.event_id).await?.as_ref().and_then(of_change),
        Source::Host => connection.find_host_event(&place, delivery.event_id).await?.as_ref().map(of_host_event),
    };
    Ok(message.map(|it| it.to_text()))
}
