//! Webhooks that end with their keys: what the log tells of each, beside the event of the keys.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::WebhookStatus;
use crate::event::{Audited, Entity, Event, EventKind};
use crate::id::{KeyId, OrganizationId, WebhookId};
use crate::limits::{ROWS_PER_EVENT_MAX, WEBHOOK_ENDINGS_TOLD_MAX};

/// A webhook that has ended with its key, in the words of its row. They are not judged: a key is revoked also where one of its webhooks cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedWebhook {
    /// Which.
    pub id: WebhookId,
    /// Whose it was.
    pub organization_id: OrganizationId,
    /// The key that it ended with.
    pub key_id: KeyId,
    /// Where it was sent, without path and query; absent where that cannot be read.
    pub target: Option<String>,
    /// What it was sent: about things of this kind.
    pub entity: String,
    /// Where this was done.
    pub operation: String,
    /// What it was for.
    pub description: String,
    /// How far down the tree it heard.
    pub reach: String,
    /// Where it stood until then.
    pub status: String,
}

/// In the form of [`super::Webhook`].
impl Audited for EndedWebhook {
    fn audit(&self) -> Value {
        json!({
            "key_id": self.key_id.to_string(),
            "target": self.target,
            "entity": self.entity,
            "operation": self.operation,
            "description": self.description,
            "reach": self.reach,
            "status": self.status,
        })
    }
}

impl EndedWebhook {
    fn event(&self, cause: &Event) -> Event {
        let off = Self { status: WebhookStatus::OffByKey.as_str().to_owned(), ..self.clone() };
        beside(cause, EventKind::WebhookEnded, self.organization_id, self.id.into()).before(self).after(&off)
    }
}

/// By whom and when the cause was, of something else.
fn beside(cause: &Event, kind: EventKind, organization_id: OrganizationId, entity: Entity) -> Event {
    let (at, actor) = (cause.at, cause.actor.clone());
    Event { kind, v: 1, at, organization_id, actor, entity, touched: vec![entity], before: None, after: None }
}

/// What the log tells of webhooks that have ended because of one change: an event of each; of more than [`WEBHOOK_ENDINGS_TOLD_MAX`], which only a change
/// of many keys ends, one for as many of an organization as an event may name. An event of each, however many, was rejected: all others wait
/// while they are written, and every reader of the log goes through them.
pub fn endings(ended: &[EndedWebhook], cause: &Event) -> Vec<Event> {
    if ended.len() <= WEBHOOK_ENDINGS_TOLD_MAX {
        return ended.iter().map(|it| it.event(cause)).collect();
    }
    let mut places: BTreeMap<OrganizationId, Vec<WebhookId>> = BTreeMap::new();
    for it in ended {
        places.entry(it.organization_id).or_default().push(it.id);
    }
    let chunks = places.iter().flat_map(|(place, ids)| ids.chunks(ROWS_PER_EVENT_MAX).map(|it| (*place, it)));
    let of_some = |(place, ids): (OrganizationId, &[WebhookId])| {
        let event = beside(cause, EventKind::WebhooksEnded, place, place.into());
        let named: Vec<_> = ids.iter().map(ToString::to_string).collect();
        let after = Some(json!({ "webhook_ids": named, "status": WebhookStatus::OffByKey.as_str() }));
        Event { after, ..event }.touching(ids.iter().map(|it| (*it).into()))
    };
    chunks.map(of_some).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::Reach;
    use crate::name::Description;
    use crate::permission::PermissionSet;
    use crate::tenant::Tenant;
    use crate::time::Timestamp;
    use crate::webhook::Webhook;
    use crate::webhook::target::TargetUrl;
    use crate::webhook::topic::Subscription;

    fn ended(number: usize, place: u128) -> EndedWebhook {
        EndedWebhook {
            id: WebhookId::from_u128(number as u128),
            organization_id: OrganizationId::from_u128(place),
            key_id: KeyId::from_u128(1),
            target: Some("https://example.com".to_owned()),
            entity: "contact".to_owned(),
            operation: "create".to_owned(),
            description: String::new(),
            reach: "organization".to_owned(),
            status: "paused".to_owned(),
        }
    }

    fn cause() -> Event {
        let tenant = Tenant::system(OrganizationId::from_u128(7), "test");
        Event::new(&tenant, EventKind::KeysRevoked, OrganizationId::from_u128(7), Timestamp::MIN)
    }

    #[test]
    fn each_has_an_event_by_who_ended_its_key_in_its_own_organization() {
        let told = endings(&[ended(1, 7), ended(2, 8)], &cause());
        let of = |it: &Event| (it.kind, it.organization_id, it.entity, it.actor.job);
        let expected = |number: u128, place: u128| {
            let id = WebhookId::from_u128(number).into();
            (EventKind::WebhookEnded, OrganizationId::from_u128(place), id, Some("test"))
        };
        assert_eq!(told.iter().map(of).collect::<Vec<_>>(), [expected(1, 7), expected(2, 8)]);
        let status = |it: &Option<Value>| it.as_ref().and_then(|it| it["status"].as_str().map(str::to_owned));
        assert_eq!(
            (status(&told[0].before), status(&told[0].after)),
            (Some("paused".into()), Some("off_by_key".into()))
        );
    }

    #[test]
    fn very_many_are_named_together_and_none_is_left_out() {
        let all: Vec<_> = (0..2 * ROWS_PER_EVENT_MAX + 1).map(|it| ended(it, if it == 0 { 8 } else { 7 })).collect();
        let told = endings(&all, &cause());
        assert_eq!(told.len(), 3, "one for each organization, and one more for each thousand");
        let named = |it: &Event| it.after.as_ref().and_then(|it| Some(it["webhook_ids"].as_array()?.len()));
        assert_eq!(told.iter().filter_map(named).sum::<usize>(), all.len());
        assert_eq!(told.iter().map(|it| it.touched.len() - 1).sum::<usize>(), all.len(), "each has it in its history");
        assert_eq!(endings(&all[..WEBHOOK_ENDINGS_TOLD_MAX], &cause()).len(), WEBHOOK_ENDINGS_TOLD_MAX);
        assert_eq!(endings(&[], &cause()).len(), 0);
    }

    #[test]
    fn it_is_told_as_a_webhook_is() {
        let row = ended(1, 7);
        let webhook = Webhook {
            id: row.id,
            organization_id: row.organization_id,
            key_id: Some(row.key_id),
            target_url: TargetUrl::parse("https://example.com/hook?token=x").expect("an address"),
            subscription: Subscription::parse("contact", "create").expect("a subscription"),
            hears: PermissionSet::nothing(),
            description: Description::default(),
            reach: Reach::Organization,
            status: WebhookStatus::Paused,
            failing_since: None,
            failed_at: None,
            version: 1,
            created_at: Timestamp::MIN,
            updated_at: Timestamp::MIN,
        };
        assert_eq!(row.audit(), webhook.audit());
    }
}
