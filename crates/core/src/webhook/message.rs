//! Messages: what a receiver is sent, and what a list of samples holds (the two have one schema, or Zapier could not use the one for the other).

use serde::Serialize;
use serde_json::Value;

use super::topic::Topic;
use crate::id::{EventId, KeyId, OrganizationId, UserId};
use crate::time::Timestamp;

/// The body of a delivery.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Message {
    /// The event's identifier, by which a receiver knows one that comes twice.
    pub id: EventId,
    /// `contact.created`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// When it happened.
    pub timestamp: Timestamp,
    /// What kind of thing it happened to.
    pub entity: String,
    /// What was done with it.
    pub operation: String,
    /// Which one it happened to.
    pub entity_id: Option<String>,
    /// Where it happened.
    pub organization_id: OrganizationId,
    /// The user who did it.
    pub actor_user_id: Option<UserId>,
    /// The key it was done with.
    pub actor_key_id: Option<KeyId>,
    /// Whether it is a test, of which nothing has happened.
    pub test: bool,
    /// What there is to know of it.
    pub data: Value,
}

/// What a message is about besides its data.
#[derive(Debug, Clone, PartialEq)]
pub struct Heading {
    /// The event's identifier.
    pub id: EventId,
    /// What it is about.
    pub topic: Topic,
    /// When it happened.
    pub at: Timestamp,
    /// Which one it happened to.
    pub entity_id: Option<String>,
    /// Where.
    pub organization_id: OrganizationId,
    /// Who did it.
    pub actor_user_id: Option<UserId>,
    /// With which key.
    pub actor_key_id: Option<KeyId>,
}

impl Message {
    /// A message about what happened.
    pub fn new(it: Heading, data: Value) -> Self {
        Self {
            id: it.id,
            event_type: it.topic.event_type(),
            timestamp: it.at,
            entity: it.topic.entity().to_owned(),
            operation: it.topic.operation().to_owned(),
            entity_id: it.entity_id,
            organization_id: it.organization_id,
            actor_user_id: it.actor_user_id,
            actor_key_id: it.actor_key_id,
            test: false,
            data,
        }
    }

    /// The bytes, the same each time.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("a message has text keys")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_has_every_field_also_where_there_is_nothing_to_say() {
        let heading = Heading {
            id: EventId::from_u128(1),
            topic: Topic::parse("contact", "create").expect("a topic"),
            at: Timestamp::MIN,
            entity_id: None,
            organization_id: OrganizationId::from_u128(1),
            actor_user_id: None,
            actor_key_id: None,
        };
        let text = Message::new(heading, json!({"name": "Ann"})).to_text();
        let json: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(json.as_object().map(serde_json::Map::len), Some(11), "{text}");
        assert_eq!((&json["type"], &json["entity_id"]), (&json!("contact.created"), &Value::Null));
    }
}
