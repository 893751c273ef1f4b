//! Examples: what a test sends, and what stands for a sample where there is none.

use claviger_core::event::EventKind;
use claviger_core::event_type::EventType;
use claviger_core::id::KeyId;
use claviger_core::permission::Permission;
use claviger_core::tenant::Tenant;
use claviger_core::webhook::topic::{Subscription, Topic};
use claviger_store::{Connection, PageRequest};
use serde_json::{Value, json};

use super::hear::own_changes;
use super::message;
use crate::ops::error::OpResult;

/// Pages of the catalogue that are looked through for an example.
const CATALOGUE_PAGES_MAX: usize = 50;

/// A message about nothing that has happened.
pub(super) struct Example {
    /// What it is about.
    pub(super) topic: Topic,
    /// Which thing it seems to have happened to.
    pub(super) entity_id: Option<String>,
    /// What there is to know of it.
    pub(super) data: Value,
}

/// An example of what a subscription asks for: of one type just that, and of several the first that is heard, of the catalogue before our own changes,
/// and of those a key that is made before all others.
pub(super) async fn example_of(
    connection: &mut Connection,
    tenant: &Tenant,
    subscription: &Subscription,
    is_heard: impl Fn(&Topic, &Permission) -> bool + Send + Sync,
) -> OpResult<Example> {
    let topic = match Topic::parse(subscription.entity(), subscription.operation()) {
        Ok(topic) => topic,
        Err(_) => match first_type(connection, tenant, subscription, &is_heard).await? {
            Some(known) => known.topic,
            None => first_change(subscription, &is_heard).unwrap_or_else(|| stand_in(subscription)),
        },
    };
    if topic.is_own() {
        let (before, after) = pictures_of(&topic);
        let entity_id = (topic.entity() == "key").then(|| key_id().to_string());
        return Ok(Example { topic, entity_id, data: message::pictures(before.as_ref(), after.as_ref()) });
    }
    let example = connection.find_event_type(tenant, &topic).await?.and_then(|it| it.example);
    Ok(Example { topic, entity_id: None, data: Value::Object(example.unwrap_or_default()) })
}

/// The first type of the catalogue that is asked for and heard.
async fn first_type(
    connection: &mut Connection,
    tenant: &Tenant,
    subscription: &Subscription,
    is_heard: &(impl Fn(&Topic, &Permission) -> bool + Send + Sync),
) -> OpResult<Option<EventType>> {
    let mut request = PageRequest::first(100);
    for _ in 0..CATALOGUE_PAGES_MAX {
        let page = connection.page_event_types(tenant, &request).await?;
        let is_meant = |it: &EventType| subscription.covers(&it.topic) && is_heard(&it.topic, &it.permission);
        if let Some(found) = page.rows.into_iter().find(is_meant) {
            return Ok(Some(found));
        }
        request.after = page.next;
        if request.after.is_none() {
            break;
        }
    }
    Ok(None)
}

/// The first of our own changes that is asked for; of one who asks for everything, only where it is heard.
fn first_change(subscription: &Subscription, is_heard: impl Fn(&Topic, &Permission) -> bool) -> Option<Topic> {
    let (_, is_about_hosts) = subscription.sources();
    let mut topics = [EventKind::KeyCreated].iter().chain(EventKind::ALL).filter_map(|it| Topic::of_change(*it));
    topics.find(|it| subscription.covers(it) && (!is_about_hosts || is_heard(it, &own_changes())))
}

/// What it is about where nobody knows of such a type: what was subscribed to, or `test` where that is everything.
fn stand_in(subscription: &Subscription) -> Topic {
    let or_test = |word: &str| if word == "*" { "test".to_owned() } else { word.to_owned() };
    let (entity, operation) = (or_test(subscription.entity()), or_test(subscription.operation()));
    Topic::parse(&entity, &operation).expect("what was subscribed to is words")
}

/// A key that there is not.
fn key_id() -> KeyId {
    KeyId::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001)
}

/// How the thing looked before and after, as the audit has it.
fn pictures_of(topic: &Topic) -> (Option<Value>, Option<Value>) {
    let of = |name: &str, standing: &str, reason: Option<&str>| match topic.entity() {
        "key" => key(name, standing, reason),
        _ => json!({ "name": name }),
    };
    let usual = || Some(of("Example", "active", None));
    match (topic.entity(), topic.operation()) {
        ("keys", _) => (None, Some(json!({ "key_ids": [key_id().to_string()] }))),
        (_, "create") => (None, usual()),
        (_, "delete") => (usual(), None),
        (_, "activated") => (Some(of("Example", "inactive", None)), usual()),
        (_, "deactivated") => (usual(), Some(of("Example", "inactive", None))),
        (_, "revoked") => (usual(), Some(of("Example", "revoked", Some("unspecified")))),
        _ => (usual(), Some(of("Another example", "active", None))),
    }
}

/// A key with the fields that the audit has of one.
fn key(name: &str, standing: &str, reason: Option<&str>) -> Value {
    json!({
        "name": name, "description": "", "api_id": "api_00000000000000000000000000", "role_id": null, "scopes": null, "owner_id": null,
        "mapped_user_id": null, "expires_at": null, "allowed_ips": null, "limits": null, "reach": "organization", "standing": standing,
        "revocation_reason": reason, "origin": "form", "personal": false, "stored_in": null, "metadata": {},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> (Value, Value) {
        let (before, after) = pictures_of(&Topic::parse_dotted(text).expect("a topic"));
        (before.unwrap_or_default(), after.unwrap_or_default())
    }

    #[test]
    fn what_is_made_has_an_after_and_what_is_deleted_a_before() {
        assert_eq!(shown("role.created"), (Value::Null, json!({ "name": "Example" })));
        assert_eq!(shown("role.deleted"), (json!({ "name": "Example" }), Value::Null));
        let (before, after) = shown("key.revoked");
        assert_eq!((&before["standing"], &after["standing"]), (&json!("active"), &json!("revoked")));
    }

    #[test]
    fn of_everything_a_key_that_is_made_comes_first_where_it_is_heard() {
        let all = Subscription::parse("*", "*").expect("a subscription");
        let first = |it: &Subscription, heard: bool| first_change(it, |_, _| heard).map(|it| it.event_type());
        assert_eq!((first(&all, true).as_deref(), first(&all, false)), (Some("key.created"), None));
        let roles = Subscription::parse("role", "*").expect("a subscription");
        assert_eq!(first(&roles, false).as_deref(), Some("role.created"), "it was asked for by its name");
    }
}
