//! The closed lists of the wire: each the same words as core's, and none that core does not know.

use claviger_core::api::ApiVersionStatus;
use claviger_core::decision::Reach;
use claviger_core::key::{KeyState, Origin, RevocationReason};
use claviger_core::node::NodeState;
use claviger_core::organization::OrganizationStatus;
use claviger_core::policy;
use claviger_core::role::BuiltIn;
use claviger_core::user::UserStatus;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ops::role_preview::Comparison;

/// A closed list that stands for one of core's, in both directions and without a word more or less: the compiler checks it.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident for $core:ty { $($(#[$word_doc:meta])* $word:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub(super) enum $name { $($(#[$word_doc])* $word,)* }

        impl From<$core> for $name {
            fn from(it: $core) -> Self {
                match it { $(<$core>::$word => Self::$word,)* }
            }
        }

        impl From<$name> for $core {
            fn from(it: $name) -> Self {
                match it { $($name::$word => Self::$word,)* }
            }
        }
    };
}

words! {
    /// What a key looks like at the instant of the answer.
    KeyStateWord for KeyState {
        /// Good.
        Active,
        /// Switched off.
        Inactive,
        /// Past its time; a later date makes it good again.
        Expired,
        /// Gone for ever.
        Revoked,
    }
}

words! {
    /// Whether a node is still heard.
    NodeStateWord for NodeState {
        /// It is.
        Live,
        /// It has said nothing for longer than a lease lasts: it is dead, stands still, or is cut off and answers from memory.
        Lost,
    }
}

words! {
    /// How a set of permissions compares with the one before.
    ComparisonWord for Comparison {
        /// It allows the same.
        Same,
        /// It allows more.
        Wider,
        /// It allows less.
        Narrower,
        /// Each allows something that the other does not.
        Different,
    }
}

words! {
    /// How far a version of an api has come.
    ApiVersionStatusWord for ApiVersionStatus {
        /// To be tried.
        Preview,
        /// To be used.
        Current,
        /// Still there, and to be left.
        Deprecated,
        /// No longer there.
        Retired,
    }
}

words! {
    /// How far down the tree a key reaches.
    ReachWord for Reach {
        /// Its own organization only.
        Organization,
        /// Its organization and all below.
        Subtree,
    }
}

words! {
    /// How a key came to be. It makes no difference afterwards.
    OriginWord for Origin {
        /// Through a form of the console.
        Form,
        /// Through this API.
        Api,
        /// By a member's API Access toggle.
        Toggle,
        /// By an import.
        Import,
        /// At the first start of the service.
        Setup,
    }
}

words! {
    /// Why a key was revoked (RFC 5280 §5.3.1, and `idle`).
    RevocationReasonWord for RevocationReason {
        /// Nothing was said.
        Unspecified,
        /// Somebody else has, or may have, the secret.
        KeyCompromise,
        /// Another key took its place.
        Superseded,
        /// Its owner left.
        AffiliationChanged,
        /// What used it is no more.
        CessationOfOperation,
        /// Its bearer is not to have it any longer.
        PrivilegeWithdrawn,
        /// It was not used for as long as the policy allows.
        Idle,
    }
}

words! {
    /// Whether an organization's keys are good at all.
    OrganizationStatusWord for OrganizationStatus {
        /// They are.
        Active,
        /// They are not, nor are those of any organization below it.
        Suspended,
    }
}

words! {
    /// Whether keys mapped to a user are good.
    UserStatusWord for UserStatus {
        /// They are.
        Active,
        /// They are not, and the user cannot sign in.
        Disabled,
    }
}

words! {
    /// The roles that every organization has from the start.
    BuiltInWord for BuiltIn {
        /// Everything; its holders always have API access.
        Admin,
        /// Every read and nothing else.
        Readonly,
        /// The own profile and own keys.
        Member,
    }
}

words! {
    /// Whether and to whom a secret is shown again; widest last.
    RevealWord for policy::Reveal {
        /// Only in the answer that made it.
        Once,
        /// To the key's owner and mapped user.
        Owner,
        /// To those and to admins.
        OwnerAndAdmins,
    }
}

words! {
    /// What becomes of a key that comes in a query string; widest last.
    QueryStringKeysWord for policy::QueryStringKeys {
        /// Refused with 400.
        Deny,
        /// Accepted, redacted wherever it could be written, answered with a warning header.
        Warn,
        /// Accepted and redacted.
        Allow,
    }
}

words! {
    /// What an idle key meets when its days have passed.
    IdleActionWord for policy::IdleAction {
        /// It is revoked with the reason `idle`.
        Delete,
        /// It is deactivated.
        Deactivate,
    }
}

words! {
    /// What becomes of a key's REST hooks when it is regenerated.
    HooksOnRegenerateWord for policy::HooksOnRegenerate {
        /// They are paused until somebody plays them again.
        Pause,
        /// They go on.
        Keep,
    }
}

words! {
    /// What a leak report does to the key.
    LeakActionWord for policy::LeakAction {
        /// It is revoked at once.
        Revoke,
        /// Its owner and the admins are told.
        Notify,
    }
}

words! {
    /// The name of one setting of the policy.
    SettingWord for policy::Setting {
        /// `reveal`
        Reveal,
        /// `query_string_keys`
        QueryStringKeys,
        /// `idle_days`
        IdleDays,
        /// `idle_action`
        IdleAction,
        /// `idle_notices`
        IdleNotices,
        /// `expiry_days_max`
        ExpiryDaysMax,
        /// `expiry_notices`
        ExpiryNotices,
        /// `rotation_overlap_hours`
        RotationOverlapHours,
        /// `hooks_on_regenerate`
        HooksOnRegenerate,
        /// `max_keys_per_user`
        MaxKeysPerUser,
        /// `admin_only_mapping`
        AdminOnlyMapping,
        /// `max_stale_secs`
        MaxStaleSecs,
        /// `leak_action`
        LeakAction,
        /// `default_rate`
        DefaultRate,
        /// `default_daily_quota`
        DefaultDailyQuota,
    }
}

words! {
    /// Where a webhook stands.
    HookStatusWord for claviger_core::webhook::WebhookStatus {
        /// It is sent what happens.
        Active,
        /// It is sent nothing until somebody plays it.
        Paused,
        /// Its receiver failed for five days. Playing it tries again.
        DisabledFailing,
        /// Its receiver said that it is gone.
        Gone,
        /// Its key is good no more.
        OffByKey,
    }
}

words! {
    /// Where a delivery stands.
    DeliveryStateWord for claviger_core::webhook::delivery::DeliveryState {
        /// It is still to be made, or tried again.
        Pending,
        /// It arrived.
        Delivered,
        /// It is not tried again, unless somebody asks for it.
        Failed,
        /// Its webhook ended before it could be made.
        Cancelled,
    }
}

words! {
    /// The kind of a thing that events are about.
    EntityKindWord for claviger_core::event::EntityKind {
        /// An organization, its policy included.
        Organization,
        /// A user.
        User,
        /// A membership.
        Member,
        /// A role.
        Role,
        /// An api.
        Api,
        /// A key, its secrets included.
        Key,
        /// An import.
        Import,
        /// A console session.
        Session,
        /// One version of an organization's shared secret.
        SharedSecret,
        /// A key that signs access tokens.
        SigningKey,
        /// A sign-in, of which access tokens come.
        SignIn,
        /// A webhook.
        Webhook,
        /// A type of a host's events.
        EventType,
        /// An event, which was erased.
        Event,
    }
}

words! {
    /// A rule that keys can break.
    RuleWord for crate::ops::policies::Rule {
        /// Keys have to end.
        ExpiryRequired,
        /// Keys end within so many days.
        LifetimeTooLong,
        /// A user owns so many keys at most.
        TooManyKeys,
        /// Keys that are not used end.
        Idle,
    }
}

words! {
    /// Why a key may not pass: a closed list, the same on every surface.
    DecisionCodeWord for claviger_core::decision::Code {
        /// The credential cannot be one: wrong checksum, too long, not text.
        Malformed,
        /// No key has this secret, or none that the caller may know of.
        NotFound,
        /// The key is switched off.
        Inactive,
        /// The key, or the overlap of a replaced secret, has passed its time.
        Expired,
        /// The key or the secret is revoked.
        Revoked,
        /// The user whose rights the key carries is disabled or gone.
        UserInactive,
        /// The owner's role has no API access.
        ApiAccessDenied,
        /// The organization, or one above it, is suspended.
        OrganizationSuspended,
        /// The address is on no allow-list, or unknown where one is needed.
        IpNotAllowed,
        /// The key belongs to another api.
        WrongApi,
        /// The organization asked for is none the key reaches.
        OutOfReach,
        /// The rights do not cover what is asked.
        InsufficientPermission,
        /// A rate limit is used up.
        RateLimited,
        /// A quota is used up.
        QuotaExceeded,
        /// The verifier has been without news for too long to say.
        Stale,
    }
}

words! {
    /// One step of the decision.
    CheckWord for claviger_core::decision::Check {
        /// The verifier's knowledge is fresh enough.
        Freshness,
        /// The key is neither revoked nor switched off.
        Key,
        /// The secret is current, or retiring and not yet over.
        Secret,
        /// The key has not expired.
        Expiry,
        /// The access token, where one was presented, is neither over nor taken back.
        Token,
        /// The organization asked for is within reach.
        Reach,
        /// The organization is not suspended.
        Organization,
        /// The address is on every allow-list.
        Ip,
        /// The key belongs to the api that asks.
        Api,
        /// The owner has API access.
        Owner,
        /// The mapped user is active.
        MappedUser,
        /// The key's role covers what is asked.
        Role,
        /// The key's scopes cover it.
        Scopes,
        /// The mapped user's rights cover it.
        Rights,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use claviger_core::decision::Code;

    #[test]
    fn words_are_spelt_as_core_spells_them() {
        for code in Code::ALL {
            let word = serde_json::to_value(DecisionCodeWord::from(code)).expect("a word is JSON");
            assert_eq!(word, code.as_str());
        }
        for reason in RevocationReason::ALL {
            let word = serde_json::to_value(RevocationReasonWord::from(reason)).expect("a word is JSON");
            assert_eq!(word, reason.as_str());
        }
        for built_in in BuiltIn::ALL {
            assert_eq!(serde_json::to_value(BuiltInWord::from(built_in)).expect("a word is JSON"), built_in.as_str());
        }
    }
}
