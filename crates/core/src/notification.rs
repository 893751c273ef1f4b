//! Notifications: what a person has to know. They come of the log and of nothing else, and are a person's own: no key reads or changes them.

use serde::{Deserialize, Serialize};

use crate::ending::Ending;
use crate::id::{NotificationId, OrganizationId, UserId};
use crate::time::Timestamp;

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }
        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
            /// The name in storage and in forms.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
            /// Reads that name.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.as_str() == text)
            }
        }
    };
}

named! {
    /// What a notification is about: a closed list, so that each can be chosen.
    NotificationKind {
        /// A key ends soon for want of use: the first notice of it.
        KeyIdle = "key_idle",
        /// The same, once more.
        KeyIdleAgain = "key_idle_again",
        /// A key ended for want of use.
        KeyIdleEnded = "key_idle_ended",
        /// A key expires soon: the first notice of it.
        KeyExpiring = "key_expiring",
        /// The same, once more.
        KeyExpiringAgain = "key_expiring_again",
        /// The old secret of a key is still used, and ends soon.
        OldSecretUsed = "old_secret_used",
        /// Somebody made a key that acts for the person.
        KeyMade = "key_made",
        /// Somebody else deleted a key of the person's.
        KeyCleared = "key_cleared",
        /// A key leaked: it was deleted for that, or it is not and wants somebody to do something. Or a token of it, whose sign-in was ended.
        KeyLeaked = "key_leaked",
        /// Somebody whom keys hang on was disabled or left.
        OwnerGone = "owner_gone",
        /// A webhook was disabled, since its receiver failed for too long, or said that it is gone.
        WebhookDisabled = "webhook_disabled",
    }
}

named! {
    /// What has become of a notification.
    NotificationState {
        /// Nobody has looked at it.
        Unread = "unread",
        /// The person has.
        Read = "read",
        /// The person does not want to see it any more.
        Dismissed = "dismissed",
        /// What it warned of does not come any more.
        Withdrawn = "withdrawn",
    }
}

impl NotificationKind {
    /// The notices of an end, the first one and those that follow.
    pub const fn of_ending(ending: Ending) -> [Self; 2] {
        match ending {
            Ending::Idle => [Self::KeyIdle, Self::KeyIdleAgain],
            Ending::Expiry => [Self::KeyExpiring, Self::KeyExpiringAgain],
            Ending::Overlap => [Self::OldSecretUsed, Self::OldSecretUsed],
        }
    }

    /// How a person is told who chose nothing: always in the console, and by mail of everything but what was mailed before.
    pub const fn by_default(self) -> Channels {
        Channels { in_app: true, mail: !matches!(self, Self::KeyIdleAgain | Self::KeyExpiringAgain) }
    }
}

/// How a person is told of a kind of things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Channels {
    /// By the bell of the console.
    pub in_app: bool,
    /// By mail.
    pub mail: bool,
}

/// What is said of it, as it was then: the thing itself may be called otherwise, or be gone. No secret.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Facts {
    /// What it is called: a key's, user's or webhook's name.
    pub name: String,
    /// Who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What becomes of an idle key: whether it is only deactivated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deactivates: bool,
    /// Of a key: whether it was the one key of its user, which people say is cleared.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_personal: bool,
    /// Of a webhook that nobody described: what it is sent, as `contact.create`. Several of one receiver are called alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hears: Option<String>,
    /// Of a webhook: whether its receiver said that it is gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_gone: bool,
    /// Of a key that leaked: whether it was deleted for that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_ended: bool,
    /// Whether it was no key that leaked, but a token that stood for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_token: bool,
}

/// Something that a person has to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Its identifier.
    pub id: NotificationId,
    /// Whom it is for.
    pub user_id: UserId,
    /// Where what it is about stands.
    pub organization_id: OrganizationId,
    /// Of which kind.
    pub kind: NotificationKind,
    /// The identifier of what it is about.
    pub subject_id: String,
    /// What is said of that.
    pub facts: Facts,
    /// When what it warns of happens.
    pub deadline: Option<Timestamp>,
    /// What has become of it.
    pub state: NotificationState,
    /// When it came.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reminders_are_not_mailed_unless_somebody_wants_them() {
        let mailed = |it: &NotificationKind| it.by_default().mail;
        assert!(mailed(&NotificationKind::KeyIdle) && !mailed(&NotificationKind::KeyIdleAgain));
        assert!(NotificationKind::ALL.iter().all(|it| it.by_default().in_app));
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for kind in NotificationKind::ALL {
            assert_eq!(NotificationKind::parse(kind.as_str()), Some(*kind));
        }
        assert_eq!(NotificationState::parse("unread"), Some(NotificationState::Unread));
    }
}
