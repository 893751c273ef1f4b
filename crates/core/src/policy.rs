//! Policy: an organization's settings, inherited down the tree.
//!
//! A value that an organization does not set is its parent's. A parent may lock a value; then a child may only narrow it.
//! Policies choose defaults and bounds, never code paths that only one kind of customer uses.

mod notices;
mod origin;
mod patch;

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::key_limits::{DefaultLimits, RateSetting, quota_within, rate_within};
use crate::rate::Rate;

pub use self::notices::{NoticeDays, NoticeDaysError};
pub use self::origin::{Origin, origins};
pub use self::patch::PolicyPatch;

/// Whether and to whom a secret is shown again; widest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reveal {
    /// Only in the answer that made it.
    #[default]
    Once,
    /// To the key's owner and mapped user.
    Owner,
    /// To those and to admins.
    OwnerAndAdmins,
}

/// What becomes of a key that comes in a query string; widest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryStringKeys {
    /// Refused with 400.
    Deny,
    /// Accepted, redacted wherever it could be written, answered with a warning header.
    #[default]
    Warn,
    /// Accepted and redacted.
    Allow,
}

/// What an idle key meets when its days have passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdleAction {
    /// It is revoked with the reason `idle`.
    #[default]
    Delete,
    /// It is deactivated.
    Deactivate,
}

/// What becomes of a key's REST hooks when it is regenerated; widest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HooksOnRegenerate {
    /// They are paused until somebody plays them again.
    #[default]
    Pause,
    /// They go on.
    Keep,
}

/// What a leak report does to the key; narrowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeakAction {
    /// It is revoked at once.
    #[default]
    Revoke,
    /// Its owner and the admins are told.
    Notify,
}

/// The name of one setting, for locks and messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// [`Policy::reveal`].
    Reveal,
    /// [`Policy::query_string_keys`].
    QueryStringKeys,
    /// [`Policy::idle_days`].
    IdleDays,
    /// [`Policy::idle_action`].
    IdleAction,
    /// [`Policy::idle_notices`].
    IdleNotices,
    /// [`Policy::expiry_days_max`].
    ExpiryDaysMax,
    /// [`Policy::expiry_notices`].
    ExpiryNotices,
    /// [`Policy::rotation_overlap_hours`].
    RotationOverlapHours,
    /// [`Policy::hooks_on_regenerate`].
    HooksOnRegenerate,
    /// [`Policy::max_keys_per_user`].
    MaxKeysPerUser,
    /// [`Policy::admin_only_mapping`].
    AdminOnlyMapping,
    /// [`Policy::max_stale_secs`].
    MaxStaleSecs,
    /// [`Policy::leak_action`].
    LeakAction,
    /// [`Policy::default_rate`].
    DefaultRate,
    /// [`Policy::default_daily_quota`].
    DefaultDailyQuota,
}

impl Setting {
    /// All settings.
    pub const ALL: [Self; 15] = [
        Self::Reveal,
        Self::QueryStringKeys,
        Self::IdleDays,
        Self::IdleAction,
        Self::IdleNotices,
        Self::ExpiryDaysMax,
        Self::ExpiryNotices,
        Self::RotationOverlapHours,
        Self::HooksOnRegenerate,
        Self::MaxKeysPerUser,
        Self::AdminOnlyMapping,
        Self::MaxStaleSecs,
        Self::LeakAction,
        Self::DefaultRate,
        Self::DefaultDailyQuota,
    ];

    /// The name on the wire and in storage, which is its field's too.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reveal => "reveal",
            Self::QueryStringKeys => "query_string_keys",
            Self::IdleDays => "idle_days",
            Self::IdleAction => "idle_action",
            Self::IdleNotices => "idle_notices",
            Self::ExpiryDaysMax => "expiry_days_max",
            Self::ExpiryNotices => "expiry_notices",
            Self::RotationOverlapHours => "rotation_overlap_hours",
            Self::HooksOnRegenerate => "hooks_on_regenerate",
            Self::MaxKeysPerUser => "max_keys_per_user",
            Self::AdminOnlyMapping => "admin_only_mapping",
            Self::MaxStaleSecs => "max_stale_secs",
            Self::LeakAction => "leak_action",
            Self::DefaultRate => "default_rate",
            Self::DefaultDailyQuota => "default_daily_quota",
        }
    }
}

/// What one organization sets itself; absent means "as the parent has it".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OwnPolicy {
    /// See [`Policy::reveal`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reveal: Option<Reveal>,
    /// See [`Policy::query_string_keys`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query_string_keys: Option<QueryStringKeys>,
    /// See [`Policy::idle_days`]; zero switches it off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_days: Option<u16>,
    /// See [`Policy::idle_action`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_action: Option<IdleAction>,
    /// See [`Policy::idle_notices`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_notices: Option<NoticeDays>,
    /// See [`Policy::expiry_days_max`]; zero makes an expiry optional.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiry_days_max: Option<u16>,
    /// See [`Policy::expiry_notices`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiry_notices: Option<NoticeDays>,
    /// See [`Policy::rotation_overlap_hours`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation_overlap_hours: Option<u16>,
    /// See [`Policy::hooks_on_regenerate`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hooks_on_regenerate: Option<HooksOnRegenerate>,
    /// See [`Policy::max_keys_per_user`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_keys_per_user: Option<u32>,
    /// See [`Policy::admin_only_mapping`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_only_mapping: Option<bool>,
    /// See [`Policy::max_stale_secs`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_stale_secs: Option<u32>,
    /// See [`Policy::leak_action`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leak_action: Option<LeakAction>,
    /// See [`Policy::default_rate`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_rate: Option<RateSetting>,
    /// See [`Policy::default_daily_quota`]; zero means none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_daily_quota: Option<u32>,
    /// The settings that children may only narrow.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub locked: BTreeSet<Setting>,
}

/// What holds for an organization once its ancestors' settings are taken into account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// To whom a secret is shown again; default once.
    pub reveal: Reveal,
    /// What becomes of keys in query strings; default warn.
    pub query_string_keys: QueryStringKeys,
    /// Days without use after which a key ends; default none.
    pub idle_days: Option<u16>,
    /// What happens then; default delete.
    pub idle_action: IdleAction,
    /// Days before that on which whom it concerns is told; default 15, 7 and 1. Below a lock days can be added, and none left out.
    pub idle_notices: NoticeDays,
    /// Days a key may live at most, which makes an expiry required; default none.
    pub expiry_days_max: Option<u16>,
    /// Days before a key expires on which whom it concerns is told; default 30, 7 and 1. Below a lock days can be added, and none left out.
    pub expiry_notices: NoticeDays,
    /// Hours the old secret stays good when a rotation does not say; default 168, at most [`ROTATION_OVERLAP_HOURS_MAX`].
    pub rotation_overlap_hours: u16,
    /// What becomes of hooks on regenerate; default pause.
    pub hooks_on_regenerate: HooksOnRegenerate,
    /// Live keys one user may own in an organization, aside from personal ones and those of apis that have one for each user; default 25.
    pub max_keys_per_user: u32,
    /// Whether only admins map a key to somebody else; default yes.
    pub admin_only_mapping: bool,
    /// Seconds a verifier may answer without news; default 86,400.
    pub max_stale_secs: u32,
    /// What a leak report does; default revoke.
    pub leak_action: LeakAction,
    /// How often each key may be used that says nothing of it itself; default as often as it likes. Where it is locked, a key is bound by it whatever
    /// it says.
    pub default_rate: Option<Rate>,
    /// How often each key may be used in a day (UTC) that says nothing of it itself; default as often as it likes. Locked as [`Self::default_rate`].
    pub default_daily_quota: Option<u32>,
    /// The settings that an ancestor or this organization has locked.
    pub locked: BTreeSet<Setting>,
}

/// Hours of overlap a rotation may ask for at most: 30 days.
pub const ROTATION_OVERLAP_HOURS_MAX: u16 = 30 * 24;

impl Default for Policy {
    fn default() -> Self {
        Self {
            reveal: Reveal::default(),
            query_string_keys: QueryStringKeys::default(),
            idle_days: None,
            idle_action: IdleAction::default(),
            idle_notices: NoticeDays::IDLE,
            expiry_days_max: None,
            expiry_notices: NoticeDays::EXPIRY,
            rotation_overlap_hours: 7 * 24,
            hooks_on_regenerate: HooksOnRegenerate::default(),
            max_keys_per_user: 25,
            admin_only_mapping: true,
            max_stale_secs: 24 * 60 * 60,
            leak_action: LeakAction::default(),
            default_rate: None,
            default_daily_quota: None,
            locked: BTreeSet::new(),
        }
    }
}

/// Days as a bound: none is the widest.
fn narrower_days(parent: Option<u16>, own: Option<u16>) -> Option<u16> {
    match (parent, own) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

impl Policy {
    /// What holds for a child of this policy's organization that sets `own`. A value wider than a locked one counts as the locked one,
    /// so that a lock that comes later than the child's setting holds without rewriting the child.
    #[must_use]
    pub fn inherit(&self, own: &OwnPolicy) -> Self {
        let pick = |setting: Setting| self.locked.contains(&setting);
        fn ordered<T: Ord + Copy>(locked: bool, parent: T, own: Option<T>) -> T {
            match own {
                Some(own) if locked => parent.min(own),
                Some(own) => own,
                None => parent,
            }
        }
        let days = |setting, parent: Option<u16>, own: Option<u16>| match own {
            None => parent,
            Some(own) => {
                let own = (own != 0).then_some(own);
                if pick(setting) { narrower_days(parent, own) } else { own }
            }
        };
        // Whoever is told more often is not told less.
        let notices = |setting, parent: NoticeDays, own: Option<NoticeDays>| match own {
            Some(own) if !pick(setting) || own.includes(&parent) => own,
            _ => parent,
        };
        let overlap =
            ordered(pick(Setting::RotationOverlapHours), self.rotation_overlap_hours, own.rotation_overlap_hours);
        Self {
            reveal: ordered(pick(Setting::Reveal), self.reveal, own.reveal),
            query_string_keys: ordered(pick(Setting::QueryStringKeys), self.query_string_keys, own.query_string_keys),
            idle_days: days(Setting::IdleDays, self.idle_days, own.idle_days),
            idle_action: ordered(pick(Setting::IdleAction), self.idle_action, own.idle_action),
            idle_notices: notices(Setting::IdleNotices, self.idle_notices, own.idle_notices),
            expiry_days_max: days(Setting::ExpiryDaysMax, self.expiry_days_max, own.expiry_days_max),
            expiry_notices: notices(Setting::ExpiryNotices, self.expiry_notices, own.expiry_notices),
            rotation_overlap_hours: overlap.min(ROTATION_OVERLAP_HOURS_MAX),
            hooks_on_regenerate: ordered(
                pick(Setting::HooksOnRegenerate),
                self.hooks_on_regenerate,
                own.hooks_on_regenerate,
            ),
            max_keys_per_user: ordered(pick(Setting::MaxKeysPerUser), self.max_keys_per_user, own.max_keys_per_user),
            admin_only_mapping: match own.admin_only_mapping {
                Some(own) if pick(Setting::AdminOnlyMapping) => self.admin_only_mapping || own,
                Some(own) => own,
                None => self.admin_only_mapping,
            },
            max_stale_secs: ordered(pick(Setting::MaxStaleSecs), self.max_stale_secs, own.max_stale_secs),
            leak_action: ordered(pick(Setting::LeakAction), self.leak_action, own.leak_action),
            default_rate: rate_within(self.default_rate, pick(Setting::DefaultRate), own.default_rate),
            default_daily_quota: quota_within(
                self.default_daily_quota,
                pick(Setting::DefaultDailyQuota),
                own.default_daily_quota,
            ),
            locked: self.locked.union(&own.locked).copied().collect(),
        }
    }

    /// How often keys may be used that say nothing of it themselves, and whether they may say more.
    pub fn default_limits(&self) -> DefaultLimits {
        DefaultLimits {
            rate: self.default_rate,
            is_rate_locked: self.locked.contains(&Setting::DefaultRate),
            daily_quota: self.default_daily_quota,
            is_daily_quota_locked: self.locked.contains(&Setting::DefaultDailyQuota),
        }
    }

    /// How long a verifier may answer without news.
    pub const fn max_stale(&self) -> Duration {
        Duration::from_secs(self.max_stale_secs as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unset_value_is_the_parents() {
        let parent = Policy { reveal: Reveal::Owner, idle_days: Some(90), ..Policy::default() };
        assert_eq!(parent.inherit(&OwnPolicy::default()), parent);
    }

    #[test]
    fn an_unlocked_value_is_free() {
        let own = OwnPolicy { reveal: Some(Reveal::OwnerAndAdmins), idle_days: Some(0), ..OwnPolicy::default() };
        let child = Policy { idle_days: Some(90), ..Policy::default() }.inherit(&own);
        assert_eq!((child.reveal, child.idle_days), (Reveal::OwnerAndAdmins, None));
    }

    #[test]
    fn a_locked_value_can_only_be_narrowed() {
        let locked: BTreeSet<_> = [Setting::Reveal, Setting::IdleDays, Setting::AdminOnlyMapping].into();
        let parent = Policy { reveal: Reveal::Owner, idle_days: Some(90), locked: locked.clone(), ..Policy::default() };
        let wider = OwnPolicy {
            reveal: Some(Reveal::OwnerAndAdmins),
            idle_days: Some(0),
            admin_only_mapping: Some(false),
            ..OwnPolicy::default()
        };
        let child = parent.inherit(&wider);
        assert_eq!((child.reveal, child.idle_days, child.admin_only_mapping), (Reveal::Owner, Some(90), true));
        let narrower = OwnPolicy { reveal: Some(Reveal::Once), idle_days: Some(30), ..OwnPolicy::default() };
        let child = parent.inherit(&narrower);
        assert_eq!((child.reveal, child.idle_days), (Reveal::Once, Some(30)));
        assert_eq!(child.locked, locked, "a lock reaches the whole subtree");
    }

    #[test]
    fn below_a_lock_somebody_is_told_more_often_and_never_less() {
        let days = |days: &[u16]| NoticeDays::new(days).ok();
        let parent = Policy { locked: [Setting::IdleNotices].into(), ..Policy::default() };
        for (own, holds) in [(&[30, 15, 7, 1][..], &[30, 15, 7, 1][..]), (&[15, 7], &[15, 7, 1]), (&[90], &[15, 7, 1])]
        {
            let own = OwnPolicy { idle_notices: days(own), expiry_notices: days(&[60]), ..OwnPolicy::default() };
            let child = parent.inherit(&own);
            assert_eq!((Some(child.idle_notices), Some(child.expiry_notices)), (days(holds), days(&[60])));
        }
    }

    #[test]
    fn below_a_lock_keys_may_be_used_less_often_by_default_and_never_more() {
        let rate = |text: &str| text.parse().ok();
        let own = |json: &str| serde_json::from_str::<OwnPolicy>(json).expect("a policy");
        let free = Policy { default_rate: rate("100/10s"), default_daily_quota: Some(1000), ..Policy::default() };
        let locked = [Setting::DefaultRate, Setting::DefaultDailyQuota].into();
        let locked = Policy { locked, ..free.clone() };
        for (set, freely, below_a_lock) in [
            (
                r#"{"default_rate":"200/10s","default_daily_quota":2000}"#,
                (rate("200/10s"), Some(2000)),
                (rate("100/10s"), Some(1000)),
            ),
            (r#"{"default_rate":"none","default_daily_quota":0}"#, (None, None), (rate("100/10s"), Some(1000))),
            (r#"{"default_rate":"5/1s","default_daily_quota":9}"#, (rate("5/1s"), Some(9)), (rate("5/1s"), Some(9))),
            ("{}", (rate("100/10s"), Some(1000)), (rate("100/10s"), Some(1000))),
        ] {
            let of = |policy: &Policy| (policy.default_rate, policy.default_daily_quota);
            assert_eq!(of(&free.inherit(&own(set))), freely, "{set}");
            assert_eq!(of(&locked.inherit(&own(set))), below_a_lock, "{set}");
        }
        let limits = locked.default_limits();
        assert!(limits.is_rate_locked && limits.is_daily_quota_locked && !free.default_limits().is_rate_locked);
    }

    #[test]
    fn a_setting_nobody_knows_is_refused() {
        assert!(serde_json::from_str::<OwnPolicy>(r#"{"reveal":"once","mode":"x"}"#).is_err());
    }
}
