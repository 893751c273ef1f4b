//! What a delivery sends: read off the event each time, so that what was erased is sent no more.

use claviger_core::host_event::HostEvent;
use claviger_core::id::OrganizationId;
use claviger_core::limits::CHANGE_MESSAGE_BYTES_MAX;
use claviger_core::permission::Permission;
use claviger_core::tenant::Tenant;
use claviger_core::webhook::delivery::Source;
use claviger_core::webhook::message::{Heading, Message};
use claviger_core::webhook::topic::Topic;
use claviger_store::Connection;
use claviger_store::Error::Corrupt;
use claviger_store::log::EventRow;
use claviger_store::webhooks::deliveries::DeliveryRow;
use serde_json::{Value, json};

use super::hear::{Told, own_changes};
use crate::ops::error::{Error, OpResult};

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
    Some(Message::new(heading, pictures(it.before.as_ref(), it.after.as_ref())))
}

/// How something looked before and after, as far as receivers are promised to get it: they take less than 20 kB (Standard Webhooks), and a
/// type's schema alone can have more. What is left out stands in the audit.
pub(super) fn pictures(before: Option<&Value>, after: Option<&Value>) -> Value {
    let data = json!({ "before": before, "after": after, "omitted": false });
    match serde_json::to_vec(&data).is_ok_and(|it| it.len() <= CHANGE_MESSAGE_BYTES_MAX) {
        true => data,
        false => json!({ "before": null, "after": null, "omitted": true }),
    }
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

/// What a delivery sends, and what it takes to hear of it.
#[derive(Debug)]
pub(crate) struct Content {
    /// The body, the same each time.
    pub(crate) text: String,
    organization_id: OrganizationId,
    topic: Topic,
    /// Absent for a test, which tells of nothing that has happened.
    needed: Option<Permission>,
    entity_id: Option<String>,
    /// Whether what happened was erased: it is sent no more, also not that it happened.
    pub(crate) is_erased: bool,
}

impl Content {
    /// What it tells; absent for a test.
    pub(super) fn told(&self) -> Option<Told<'_>> {
        let (organization_id, topic) = (self.organization_id, &self.topic);
        let entity_id = self.entity_id.as_deref();
        self.needed.as_ref().map(|needed| Told { organization_id, topic, needed, entity_id })
    }
}

/// What a delivery sends; absent where its event is kept no longer.
///
/// # Errors
/// What any statement can meet.
pub(crate) async fn content_of(connection: &mut Connection, delivery: &DeliveryRow) -> OpResult<Option<Content>> {
    let place = Tenant::system(delivery.event_organization_id, JOB);
    let of = |text, needed, entity_id, is_erased| {
        let (organization_id, topic) = (delivery.event_organization_id, delivery.topic.clone());
        Content { text, organization_id, topic, needed, entity_id, is_erased }
    };
    Ok(match delivery.source {
        Source::Test => delivery.body.clone().map(|text| of(text, None, None, false)),
        Source::Change => {
            let event = connection.find_event(&place, delivery.event_id).await?;
            let message = event.and_then(|it| Some((of_change(&it)?, it.erased)));
            message.map(|(it, is_erased)| of(it.to_text(), Some(own_changes()), None, is_erased))
        }
        Source::Host => {
            let event = connection.find_host_event(&place, delivery.event_id).await?;
            event.map(|it| of(of_host_event(&it).to_text(), Some(it.permission), it.entity_id, it.body.is_none()))
        }
    })
}

/// As [`content_of`]; absent also where the event cannot be read. Whoever looks at a delivery, or has it sent again, is not to fail with it: that it
/// cannot be sent, its next attempt says.
///
/// # Errors
/// What any statement can meet.
pub(super) async fn readable_content_of(
    connection: &mut Connection,
    delivery: &DeliveryRow,
) -> OpResult<Option<Content>> {
    match content_of(connection, delivery).await {
        Err(Error::Store(Corrupt { .. })) => Ok(None),
        read => read,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_that_is_too_long_for_a_message_is_told_without_its_pictures() {
        let picture = |bytes| Some(json!({ "schema": "x".repeat(bytes) }));
        let short = pictures(picture(10).as_ref(), None);
        assert_eq!((&short["before"]["schema"], &short["omitted"]), (&json!("xxxxxxxxxx"), &json!(false)));
        for (before, after) in
            [(CHANGE_MESSAGE_BYTES_MAX, 10), (CHANGE_MESSAGE_BYTES_MAX / 2, CHANGE_MESSAGE_BYTES_MAX / 2)]
        {
            let long = pictures(picture(before).as_ref(), picture(after).as_ref());
            assert_eq!(long, json!({ "before": null, "after": null, "omitted": true }));
        }
    }
}
