//! Webhooks: what is sent where when something happens.
//!
//! A webhook hangs on the key that subscribed it (a REST hook, as Zapier makes them) or on its organization. Whether it is sent anything is its
//! status; how often a delivery is tried is [`attempt`]; that it is from us the receiver sees by its [`signature`].

pub mod attempt;
pub mod delivery;
pub mod message;
pub mod secrets;
pub mod signature;
pub mod target;
pub mod topic;

use serde_json::{Value, json};

use crate::decision::Reach;
use crate::event::Audited;
use crate::id::{KeyId, OrganizationId, WebhookId};
use crate::limits;
use crate::name::Description;
use crate::reject::{Reject, RejectCode};
use crate::time::Timestamp;

use self::attempt::Verdict;
use self::target::TargetUrl;
use self::topic::Subscription;

/// Where a webhook stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WebhookStatus {
    /// It is sent what happens.
    Active,
    /// Somebody paused it, or its key has another secret and policy pauses its webhooks then. What happens meanwhile it never learns.
    Paused,
    /// Its receiver failed for too long. Playing it tries again.
    DisabledFailing,
    /// Its receiver said that it is gone (410, or `webhook-delivery: disable`), and is sent nothing any more.
    Gone,
    /// Its key was revoked or cleared. Whoever has another key subscribes again.
    OffByKey,
}

impl WebhookStatus {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Active, Self::Paused, Self::DisabledFailing, Self::Gone, Self::OffByKey];

    /// The name on the wire and in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::DisabledFailing => "disabled_failing",
            Self::Gone => "gone",
            Self::OffByKey => "off_by_key",
        }
    }

    /// Reads the name on the wire and in storage.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

/// Why a webhook is off with its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyEnd {
    /// The key will never be good again: its receiver is told so, and forgets the subscription.
    Revoked,
    /// The key has another secret, and policy pauses its webhooks until somebody plays them.
    Regenerated,
}

/// A subscription to what happens in an organization, and below it where its key reaches that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its identifier.
    pub id: WebhookId,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// The key that made it, and without which it is sent nothing; absent for one of the organization.
    pub key_id: Option<KeyId>,
    /// Where it is sent.
    pub target_url: TargetUrl,
    /// What it is sent.
    pub subscription: Subscription,
    /// What it is for.
    pub description: Description,
    /// How far down the tree it hears; never further than its key reaches.
    pub reach: Reach,
    /// Whether it is sent anything.
    pub status: WebhookStatus,
    /// Since when every delivery has failed; absent after a success.
    pub failing_since: Option<Timestamp>,
    /// Counts its changes; how its receiver fares is none.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The address without path and query, in which a secret may stand.
impl Audited for Webhook {
    fn audit(&self) -> Value {
        json!({
            "key_id": self.key_id.map(|it| it.to_string()),
            "target": self.target_url.origin(),
            "entity": self.subscription.entity(),
            "operation": self.subscription.operation(),
            "description": self.description.as_str(),
            "reach": self.reach.as_str(),
            "status": self.status.as_str(),
        })
    }
}

impl Webhook {
    /// Whether it is sent what happens now.
    pub fn is_sent(&self) -> bool {
        self.status == WebhookStatus::Active
    }

    /// Stops it until somebody plays it.
    ///
    /// # Errors
    /// Refuses one that is not active: there is nothing to pause.
    pub fn pause(&mut self) -> Result<(), Reject> {
        match self.status {
            WebhookStatus::Active => self.status = WebhookStatus::Paused,
            WebhookStatus::Paused => {}
            other => {
                return Err(no_way(format!("It is {} and sends nothing, so that it cannot be paused.", shown(other))));
            }
        }
        Ok(())
    }

    /// Lets it go on: the same subscription, with the same identifier and signing secret.
    ///
    /// # Errors
    /// Refuses one whose receiver is gone, and one whose key is good no more: both have to subscribe again.
    pub fn play(&mut self) -> Result<(), Reject> {
        match self.status {
            WebhookStatus::Gone => return Err(no_way("Its receiver said that it is gone. Subscribe again there.")),
            WebhookStatus::OffByKey => {
                return Err(no_way("The key that made it is good no more. Subscribe again with another key."));
            }
            WebhookStatus::Active | WebhookStatus::Paused | WebhookStatus::DisabledFailing => {}
        }
        self.status = WebhookStatus::Active;
        self.failing_since = None;
        Ok(())
    }

    /// What happens to it when its key changes. Says whether it was sent anything until now.
    pub fn follow_key(&mut self, end: KeyEnd) -> bool {
        let was_sent = self.is_sent();
        match (end, self.status) {
            (_, WebhookStatus::Gone) => {}
            (KeyEnd::Revoked, _) => self.status = WebhookStatus::OffByKey,
            (KeyEnd::Regenerated, WebhookStatus::Active) => self.status = WebhookStatus::Paused,
            (KeyEnd::Regenerated, _) => {}
        }
        was_sent
    }

    /// Takes note of how an attempt came out. Says whether that has ended it: its owner and the admins are told.
    pub fn note(&mut self, verdict: &Verdict, now: Timestamp) -> bool {
        match verdict {
            Verdict::Delivered => self.failing_since = None,
            Verdict::Gone if self.is_sent() => {
                self.status = WebhookStatus::Gone;
                return true;
            }
            Verdict::Gone => {}
            Verdict::Retry { .. } | Verdict::GaveUp => {
                let since = *self.failing_since.get_or_insert(now);
                if self.is_sent() && now.since(since).as_secs() >= limits::WEBHOOK_FAILING_HOURS_MAX * 3600 {
                    self.status = WebhookStatus::DisabledFailing;
                    return true;
                }
            }
        }
        false
    }
}

const fn shown(status: WebhookStatus) -> &'static str {
    match status {
        WebhookStatus::Active => "active",
        WebhookStatus::Paused => "paused",
        WebhookStatus::DisabledFailing => "disabled because it kept failing",
        WebhookStatus::Gone => "gone",
        WebhookStatus::OffByKey => "off with its key",
    }
}

fn no_way(detail: impl Into<std::borrow::Cow<'static, str>>) -> Reject {
    Reject::new(RejectCode::StateConflict, detail)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(hours: u64) -> Timestamp {
        Timestamp::MIN.saturating_add(Duration::from_secs(hours * 3600))
    }

    fn webhook(status: WebhookStatus) -> Webhook {
        Webhook {
            id: WebhookId::from_u128(1),
            organization_id: OrganizationId::from_u128(1),
            key_id: None,
            target_url: TargetUrl::parse("https://example.com/hook").expect("an address"),
            subscription: Subscription::parse("contact", "create").expect("a subscription"),
            description: Description::default(),
            reach: Reach::Organization,
            status,
            failing_since: None,
            version: 1,
            created_at: at(0),
            updated_at: at(0),
        }
    }

    #[test]
    fn only_what_is_sent_can_be_paused_and_what_is_gone_is_not_played() {
        use WebhookStatus::{Active, DisabledFailing, Gone, OffByKey, Paused};
        for (status, paused, played) in [
            (Active, Some(Paused), Some(Active)),
            (Paused, Some(Paused), Some(Active)),
            (DisabledFailing, None, Some(Active)),
            (Gone, None, None),
            (OffByKey, None, None),
        ] {
            let after = |change: &dyn Fn(&mut Webhook) -> Result<(), Reject>| {
                let mut it = webhook(status);
                change(&mut it).ok().map(|()| it.status)
            };
            assert_eq!((after(&Webhook::pause), after(&Webhook::play)), (paused, played), "{status:?}");
        }
    }

    #[test]
    fn with_its_key_it_ends_or_is_paused_unless_it_is_gone() {
        use WebhookStatus::{Active, DisabledFailing, Gone, OffByKey, Paused};
        for (status, revoked, regenerated) in [
            (Active, OffByKey, Paused),
            (Paused, OffByKey, Paused),
            (DisabledFailing, OffByKey, DisabledFailing),
            (Gone, Gone, Gone),
            (OffByKey, OffByKey, OffByKey),
        ] {
            let after = |end| {
                let mut it = webhook(status);
                assert_eq!(it.follow_key(end), status == Active);
                it.status
            };
            assert_eq!((after(KeyEnd::Revoked), after(KeyEnd::Regenerated)), (revoked, regenerated), "{status:?}");
        }
    }

    #[test]
    fn it_is_disabled_after_five_days_without_a_success_and_at_once_where_its_receiver_says_so() {
        let failed = Verdict::Retry { at: at(0) };
        let mut it = webhook(WebhookStatus::Active);
        assert!(
            !it.note(&failed, at(1)) && !it.note(&Verdict::GaveUp, at(100)) && !it.note(&Verdict::Delivered, at(119))
        );
        assert!(!it.note(&failed, at(120)) && !it.note(&failed, at(239)), "a success begins anew");
        assert!(it.note(&failed, at(240)) && it.status == WebhookStatus::DisabledFailing);
        assert!(!it.note(&failed, at(241)), "and is told once");
        it.play().expect("it goes on");
        assert!(it.note(&Verdict::Gone, at(242)) && !it.note(&Verdict::Gone, at(243)));
        assert_eq!(it.status, WebhookStatus::Gone);
    }
}
