//! Webhooks: what is sent where when something happens.
//!
//! A webhook hangs on the key that subscribed it (a REST hook, as Zapier makes them) or on its organization. Whether it is sent anything is its
//! status; how often a delivery is tried is [`attempt`]; that it is from us the receiver sees by its [`signature`].

pub mod attempt;
pub mod delivery;
pub mod ended;
pub mod health;
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
use crate::permission::PermissionSet;
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
    /// Of one of the organization: the permissions that whoever made it, or last sent it elsewhere or played it, was found to hold. What takes
    /// another one it is not told, be that said below or later. Empty for one of a key, which is judged by what the key holds then.
    pub hears: PermissionSet,
    /// What it is for.
    pub description: Description,
    /// How far down the tree it hears; never further than its key reaches.
    pub reach: Reach,
    /// Whether it is sent anything.
    pub status: WebhookStatus,
    /// Since when every attempt has failed; absent after a success.
    pub failing_since: Option<Timestamp>,
    /// When the last of these attempts failed.
    pub failed_at: Option<Timestamp>,
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
        self.forget_failures();
        Ok(())
    }

    /// Has it sent to this address from now on. Another receiver has not failed yet.
    pub fn send_to(&mut self, target: TargetUrl) {
        if self.target_url != target {
            self.target_url = target;
            self.forget_failures();
        }
    }

    fn forget_failures(&mut self) {
        (self.failing_since, self.failed_at) = (None, None);
    }

    /// Takes note of how an attempt came out. Says whether that has ended it: its owner and the admins are told.
    pub fn note(&mut self, verdict: &Verdict, now: Timestamp) -> bool {
        match verdict {
            Verdict::Delivered => self.forget_failures(),
            Verdict::Gone if self.is_sent() => {
                self.status = WebhookStatus::Gone;
                return true;
            }
            Verdict::Gone | Verdict::Declined => {}
            Verdict::Retry { .. } | Verdict::GaveUp => {
                // Longer than any wait between two attempts: where nothing was tried meanwhile, nobody knows that it would have failed.
                let goes_on = |it: Timestamp| now.since(it).as_secs() <= limits::WEBHOOK_FAILING_GAP_HOURS_MAX * 3600;
                if !self.failed_at.is_some_and(goes_on) {
                    self.failing_since = None;
                }
                self.failed_at = Some(now);
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
            hears: PermissionSet::nothing(),
            description: Description::default(),
            reach: Reach::Organization,
            status,
            failing_since: None,
            failed_at: None,
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
    fn it_is_disabled_after_five_days_of_failures_and_at_once_where_its_receiver_says_so() {
        let failed = Verdict::Retry { at: at(0) };
        let mut it = webhook(WebhookStatus::Active);
        let fails = |it: &mut Webhook, hours: &[u64]| hours.iter().any(|hour| it.note(&failed, at(*hour)));
        assert!(!fails(&mut it, &[1, 30, 60, 90, 119]) && !it.note(&Verdict::Delivered, at(119)));
        assert!(!fails(&mut it, &[120, 145, 170, 195, 220, 239]), "a success begins anew");
        assert!(fails(&mut it, &[240]) && it.status == WebhookStatus::DisabledFailing);
        assert!(!fails(&mut it, &[241]), "and is told once");
        it.play().expect("it goes on");
        assert_eq!((it.failing_since, it.failed_at), (None, None));
        assert!(it.note(&Verdict::Gone, at(242)) && !it.note(&Verdict::Gone, at(243)));
        assert_eq!(it.status, WebhookStatus::Gone);
    }

    #[test]
    fn one_failure_long_after_another_is_the_first_of_its_own() {
        let mut it = webhook(WebhookStatus::Active);
        assert!(!it.note(&Verdict::GaveUp, at(1)) && !it.note(&Verdict::GaveUp, at(1 + 24 * 30)));
        assert_eq!(it.failing_since, Some(at(1 + 24 * 30)), "what failed in between nobody knows");
        assert!(!it.note(&Verdict::Declined, at(1 + 24 * 30)), "who declines one does not fail");
        let elsewhere = TargetUrl::parse("https://example.com/elsewhere").expect("an address");
        it.send_to(it.target_url.clone());
        assert!(it.failing_since.is_some(), "it is the same");
        it.send_to(elsewhere);
        assert_eq!((it.failing_since, it.failed_at), (None, None), "another receiver has not failed yet");
        let mut it = webhook(WebhookStatus::Active);
        assert!((0..50).all(|day| !it.note(&Verdict::Declined, at(day * 24))) && it.failing_since.is_none());
    }
}
