//! The catalogue of a host's types of events: what each is, what its data look like, and what it takes to hear of one.

use serde_json::{Map, Value, json};

use crate::event::Audited;
use crate::id::{EventTypeId, OrganizationId};
use crate::name::Description;
use crate::permission::Permission;
use crate::time::Timestamp;
use crate::webhook::topic::Topic;

/// A type of a host's events.
#[derive(Debug, Clone, PartialEq)]
pub struct EventType {
    /// Its identifier.
    pub id: EventTypeId,
    /// The organization that says so; it holds below too.
    pub organization_id: OrganizationId,
    /// What such an event is about.
    pub topic: Topic,
    /// What has happened then.
    pub description: Description,
    /// The permission that it takes to hear of one.
    pub permission: Permission,
    /// The JSON schema of its data.
    pub schema: Option<Map<String, Value>>,
    /// What its data look like.
    pub example: Option<Map<String, Value>>,
    /// Counts its changes.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Audited for EventType {
    fn audit(&self) -> Value {
        json!({
            "type": self.topic.event_type(),
            "description": self.description.as_str(),
            "permission": self.permission.to_string(),
            "schema": self.schema,
            "example": self.example,
        })
    }
}
