//! An organization's policy on the wire: what it sets itself, and what holds for it.

use std::collections::BTreeSet;

use claviger_core::limits::{NOTICE_DAYS_MAX, NOTICES_MAX};
use claviger_core::policy::{NoticeDays, NoticeDaysError, OwnPolicy, Policy};
use claviger_core::reject::FieldReject;
use serde::{Deserialize, Serialize};
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::fields::{Field, distinct, optional};
use super::key_limits::quota;
use super::numbers::within;
use super::words::{
    HooksOnRegenerateWord, IdleActionWord, LeakActionWord, QueryStringKeysWord, RevealWord, SettingWord,
};

/// Days before an end on which people are told, each once, in any order; in answers the first notice first.
pub(super) struct NoticeDaysBody;

impl PartialSchema for NoticeDaysBody {
    fn schema() -> RefOr<Schema> {
        let day = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(NOTICE_DAYS_MAX));
        let days = ArrayBuilder::new().items(day).min_items(Some(1)).max_items(Some(NOTICES_MAX)).unique_items(true);
        days.description(Some("Days before an end on which people are told, the first notice first.")).into()
    }
}

impl ToSchema for NoticeDaysBody {}

/// What one organization sets itself; what is left out or null is as the parent has it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct PolicyBody {
    /// Whether and to whom a secret is shown again.
    pub reveal: Option<RevealWord>,
    /// What becomes of keys in query strings.
    pub query_string_keys: Option<QueryStringKeysWord>,
    /// Days without use after which a key ends; zero switches it off.
    #[schema(maximum = 65_535)]
    pub idle_days: Option<u16>,
    /// What happens then.
    pub idle_action: Option<IdleActionWord>,
    /// Days before that on which people are told, from 1 to 5 numbers. Below a lock days can be added, and none left out.
    #[schema(value_type = Option<NoticeDaysBody>)]
    pub idle_notices: Option<Vec<u16>>,
    /// Days a key may live at most, which makes an expiry required; zero makes it optional.
    #[schema(maximum = 65_535)]
    pub expiry_days_max: Option<u16>,
    /// Days before a key expires on which people are told, from 1 to 5 numbers. Below a lock days can be added, and none left out.
    #[schema(value_type = Option<NoticeDaysBody>)]
    pub expiry_notices: Option<Vec<u16>>,
    /// Hours the old secret stays good when a rotation does not say.
    #[schema(maximum = 720)]
    pub rotation_overlap_hours: Option<u16>,
    /// What becomes of hooks when their key is regenerated.
    pub hooks_on_regenerate: Option<HooksOnRegenerateWord>,
    /// Live keys one user may own in an organization, aside from personal ones and those of apis that have one for each user.
    #[schema(maximum = 10_000_000)]
    pub max_keys_per_user: Option<u32>,
    /// Whether only admins map a key to somebody else.
    pub admin_only_mapping: Option<bool>,
    /// Seconds a verifier may answer without news.
    #[schema(minimum = 5, maximum = 86_400)]
    pub max_stale_secs: Option<u32>,
    /// What a leak report does.
    pub leak_action: Option<LeakActionWord>,
    /// How often each key may be used that says nothing of it itself, such as `100/10s`; `none` for as often as it likes. See the `limits` of a key.
    #[schema(pattern = "^(none|[0-9]{1,7}/[0-9]{0,5}[smhd])$", examples("100/10s", "none"))]
    pub default_rate: Option<String>,
    /// How often each key may be used in a day (UTC) that says nothing of it itself; zero for as often as it likes.
    #[schema(maximum = 1_000_000_000)]
    pub default_daily_quota: Option<u32>,
    /// The settings that organizations below may only narrow.
    #[serde(deserialize_with = "distinct")]
    #[schema(required = false)]
    pub locked: BTreeSet<SettingWord>,
}

/// Refuses an overlap, a staleness or a number of keys that nobody may set; `place` is where the policy stands in the body.
pub(super) fn refuse_out_of_bounds(
    place: &str,
    overlap_hours: Option<u16>,
    stale_secs: Option<u32>,
    keys_per_user: Option<u32>,
) -> Field<()> {
    let numbers = [
        ("rotation_overlap_hours", overlap_hours.map(u32::from)),
        ("max_stale_secs", stale_secs),
        ("max_keys_per_user", keys_per_user),
    ];
    let mut given = numbers.into_iter().filter_map(|(name, number)| Some((name, number?)));
    given.try_for_each(|(name, number)| within(format!("{place}/{name}"), number))
}

/// Reads days of notices; `place` is where the policy stands in the body.
pub(super) fn read_notices(place: &str, name: &str, days: Option<Vec<u16>>) -> Field<Option<NoticeDays>> {
    let fault =
        |fault: NoticeDaysError| FieldReject { pointer: format!("{place}/{name}").into(), detail: fault.to_string() };
    days.map(|it| NoticeDays::new(&it).map_err(fault)).transpose()
}

impl PolicyBody {
    /// Reads it.
    pub(super) fn read(self) -> Field<OwnPolicy> {
        refuse_out_of_bounds("/policy", self.rotation_overlap_hours, self.max_stale_secs, self.max_keys_per_user)?;
        Ok(OwnPolicy {
            reveal: self.reveal.map(Into::into),
            query_string_keys: self.query_string_keys.map(Into::into),
            idle_days: self.idle_days,
            idle_action: self.idle_action.map(Into::into),
            idle_notices: read_notices("/policy", "idle_notices", self.idle_notices)?,
            expiry_days_max: self.expiry_days_max,
            expiry_notices: read_notices("/policy", "expiry_notices", self.expiry_notices)?,
            rotation_overlap_hours: self.rotation_overlap_hours,
            hooks_on_regenerate: self.hooks_on_regenerate.map(Into::into),
            max_keys_per_user: self.max_keys_per_user,
            admin_only_mapping: self.admin_only_mapping,
            max_stale_secs: self.max_stale_secs,
            leak_action: self.leak_action.map(Into::into),
            default_rate: optional("/policy/default_rate", self.default_rate.as_deref())?,
            default_daily_quota: quota("/policy/default_daily_quota", self.default_daily_quota)?,
            locked: self.locked.into_iter().map(Into::into).collect(),
        })
    }
}

impl From<&OwnPolicy> for PolicyBody {
    fn from(it: &OwnPolicy) -> Self {
        Self {
            reveal: it.reveal.map(Into::into),
            query_string_keys: it.query_string_keys.map(Into::into),
            idle_days: it.idle_days,
            idle_action: it.idle_action.map(Into::into),
            idle_notices: it.idle_notices.map(Into::into),
            expiry_days_max: it.expiry_days_max,
            expiry_notices: it.expiry_notices.map(Into::into),
            rotation_overlap_hours: it.rotation_overlap_hours,
            hooks_on_regenerate: it.hooks_on_regenerate.map(Into::into),
            max_keys_per_user: it.max_keys_per_user,
            admin_only_mapping: it.admin_only_mapping,
            max_stale_secs: it.max_stale_secs,
            leak_action: it.leak_action.map(Into::into),
            default_rate: it.default_rate.map(|it| it.to_string()),
            default_daily_quota: it.default_daily_quota,
            locked: it.locked.iter().copied().map(Into::into).collect(),
        }
    }
}

/// What holds for an organization once its ancestors' settings are taken into account.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct PolicyView {
    /// Whether and to whom a secret is shown again.
    pub reveal: RevealWord,
    /// What becomes of keys in query strings.
    pub query_string_keys: QueryStringKeysWord,
    /// Days without use after which a key ends; null means never.
    #[schema(required)]
    pub idle_days: Option<u16>,
    /// What happens then.
    pub idle_action: IdleActionWord,
    /// Days before that on which people are told, the first notice first.
    #[schema(value_type = NoticeDaysBody)]
    pub idle_notices: NoticeDays,
    /// Days a key may live at most, which makes an expiry required; null means that it is optional.
    #[schema(required)]
    pub expiry_days_max: Option<u16>,
    /// Days before a key expires on which people are told, the first notice first.
    #[schema(value_type = NoticeDaysBody)]
    pub expiry_notices: NoticeDays,
    /// Hours the old secret stays good when a rotation does not say.
    pub rotation_overlap_hours: u16,
    /// What becomes of hooks when their key is regenerated.
    pub hooks_on_regenerate: HooksOnRegenerateWord,
    /// Live keys one user may own in an organization, aside from personal ones and those of apis that have one for each user.
    pub max_keys_per_user: u32,
    /// Whether only admins map a key to somebody else.
    pub admin_only_mapping: bool,
    /// Seconds a verifier may answer without news.
    pub max_stale_secs: u32,
    /// What a leak report does.
    pub leak_action: LeakActionWord,
    /// How often each key may be used that says nothing of it itself; null means as often as it likes.
    #[schema(required, examples("100/10s"))]
    pub default_rate: Option<String>,
    /// How often each key may be used in a day (UTC) that says nothing of it itself; null means as often as it likes.
    #[schema(required)]
    pub default_daily_quota: Option<u32>,
    /// The settings that this organization or one above it has locked.
    pub locked: BTreeSet<SettingWord>,
}

impl From<&Policy> for PolicyView {
    fn from(it: &Policy) -> Self {
        Self {
            reveal: it.reveal.into(),
            query_string_keys: it.query_string_keys.into(),
            idle_days: it.idle_days,
            idle_action: it.idle_action.into(),
            idle_notices: it.idle_notices,
            expiry_days_max: it.expiry_days_max,
            expiry_notices: it.expiry_notices,
            rotation_overlap_hours: it.rotation_overlap_hours,
            hooks_on_regenerate: it.hooks_on_regenerate.into(),
            max_keys_per_user: it.max_keys_per_user,
            admin_only_mapping: it.admin_only_mapping,
            max_stale_secs: it.max_stale_secs,
            leak_action: it.leak_action.into(),
            default_rate: it.default_rate.map(|it| it.to_string()),
            default_daily_quota: it.default_daily_quota,
            locked: it.locked.iter().copied().map(Into::into).collect(),
        }
    }
}
