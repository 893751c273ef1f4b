//! What a host reports of what happens in its product.

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::id::{EventId, KeyId, OrganizationId, UserId};
use crate::permission::Permission;
use crate::time::Timestamp;
use crate::webhook::topic::Topic;

/// The body of what a host reports.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct HostEventBody {
    /// What receivers are sent.
    pub data: Map<String, Value>,
    /// What the thing looked like before, for the revision history.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Map<String, Value>>,
    /// What it looks like now, for the revision history.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Map<String, Value>>,
}

impl HostEventBody {
    /// Leaves out the keys and tokens that stand in it, and says whether there was one.
    pub fn mask(&mut self) -> bool {
        let objects = [Some(&mut self.data), self.before.as_mut(), self.after.as_mut()];
        objects.into_iter().flatten().fold(false, |masked, it| crate::masking::mask_object(it) | masked)
    }

    /// Which part of it has a number that is none of those that are kept as they were written: a whole one of more than 64 bits, which is rounded when
    /// it is read. Numbers of any length were rejected: all that reads JSON here would keep them as texts.
    pub fn inexact(&self) -> Option<&'static str> {
        let parts = [("data", Some(&self.data)), ("before", self.before.as_ref()), ("after", self.after.as_ref())];
        parts.into_iter().find(|(_, it)| it.is_some_and(|it| it.values().any(is_inexact))).map(|(name, _)| name)
    }
}

fn is_inexact(value: &Value) -> bool {
    match value {
        Value::Number(it) => it.as_f64().is_some_and(|float| it.is_f64() && WHOLE_BITS_END <= float.abs()),
        Value::Array(items) => items.iter().any(is_inexact),
        Value::Object(object) => object.values().any(is_inexact),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// From here on (2⁶³) a whole number may have been one that was rounded: smaller ones are read as whole numbers.
const WHOLE_BITS_END: f64 = 9_223_372_036_854_775_808.0;

/// What has happened in a host's product.
#[derive(Debug, Clone, PartialEq)]
pub struct HostEvent {
    /// Its identifier.
    pub id: EventId,
    /// Where it happened.
    pub organization_id: OrganizationId,
    /// Who told of it: the organization of whoever did.
    pub reporter_organization_id: OrganizationId,
    /// What whoever told of it calls it; one of the same name is the same.
    pub given_id: String,
    /// What it is about.
    pub topic: Topic,
    /// Which thing it happened to, as the host calls it.
    pub entity_id: Option<String>,
    /// The permission that it took to hear of it when it was reported.
    pub permission: Permission,
    /// When it happened.
    pub at: Timestamp,
    /// When it was reported.
    pub received_at: Timestamp,
    /// The user who did it: whom the host names, or whom the key was mapped to then.
    pub actor_user_id: Option<UserId>,
    /// The key it was done with.
    pub actor_key_id: Option<KeyId>,
    /// The user in whose name it was reported.
    pub reporter_user_id: Option<UserId>,
    /// The key it was reported with.
    pub reporter_key_id: Option<KeyId>,
    /// What there is to know of it; absent once it is erased.
    pub body: Option<HostEventBody>,
}

impl HostEvent {
    /// What tells two reports under one name apart: everything that the host says, and nothing else. So the user is the one whom the host names:
    /// whom a key is mapped to may be somebody else by the time at which the report is repeated.
    pub fn fingerprint(&self, named_user_id: Option<UserId>) -> [u8; 32] {
        let said = (
            self.topic.entity(),
            self.topic.operation(),
            &self.entity_id,
            self.at,
            (named_user_id, self.actor_key_id),
            &self.body,
        );
        Sha256::digest(serde_json::to_vec(&said).expect("what is said has text keys")).into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::from_str;

    use super::*;

    #[test]
    fn a_whole_number_of_more_than_64_bits_is_told_from_those_that_are_kept() {
        let body = |number: &str| HostEventBody {
            data: Map::new(),
            before: None,
            after: from_str(&format!(r#"{{"deep": [{{"number": {number}}}]}}"#)).expect("an object"),
        };
        for kept in ["18446744073709551615", "-9223372036854775808", "9007199254740993", "0.1", "1e18", "-2.5"] {
            assert_eq!(body(kept).inexact(), None, "{kept}");
        }
        for rounded in ["18446744073709551616", "-9223372036854775809", "123456789012345678901234567890"] {
            assert_eq!(body(rounded).inexact(), Some("after"), "{rounded}");
        }
    }
}
