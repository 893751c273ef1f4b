//! An organization's policy on the wire, value by value: what holds, where it comes from, and who has locked it.

use std::collections::BTreeSet;

use claviger_core::id::OrganizationId;
use claviger_core::policy::{NoticeDays, Setting};
use serde::Serialize;
use utoipa::ToSchema;

use super::policies::NoticeDaysBody;
use super::words::{
    HooksOnRegenerateWord, IdleActionWord, LeakActionWord, QueryStringKeysWord, RevealWord, SettingWord,
};
use crate::ops::policies::{PolicyInfo, Source};

/// Where a value comes from.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum SourceWord {
    /// Nobody sets it.
    Default,
    /// The organization itself.
    Own,
    /// One above.
    Above,
}

/// Who sets or locks a value.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SourceView {
    /// Where in the tree.
    pub source: SourceWord,
    /// The organization; null for a default, and for one above that the caller does not reach.
    #[schema(value_type = Option<String>, required)]
    pub organization_id: Option<OrganizationId>,
}

impl SourceView {
    fn new(info: &PolicyInfo, source: Source) -> Self {
        let (source, organization_id) = match source {
            Source::Default => (SourceWord::Default, None),
            Source::Own => (SourceWord::Own, Some(info.organization.id)),
            Source::Above(id) => (SourceWord::Above, id),
        };
        Self { source, organization_id }
    }

    fn of_lock(info: &PolicyInfo, setting: Setting) -> Option<Self> {
        match info.locked_by(setting) {
            Source::Default => None,
            source => Some(Self::new(info, source)),
        }
    }
}

/// Declares a value of a policy. One generic type would do, but its document would not say that `own` may be null.
macro_rules! setting_views {
    ($($name:ident of $type:ident,)*) => {$(
        /// One value of a policy.
        #[derive(Debug, Serialize, ToSchema)]
        pub(super) struct $name {
            /// What holds.
            pub effective: $type,
            /// What the organization sets itself; null where it sets nothing. A value wider than a lock above allows stands here and does not
            /// hold.
            #[schema(required)]
            pub own: Option<$type>,
            /// What would hold if it set nothing.
            pub inherited: $type,
            /// Where `effective` comes from.
            pub set_by: SourceView,
            /// Who has locked it: the nearest to the root. Null where it is free.
            #[schema(required)]
            pub locked_by: Option<SourceView>,
        }

        impl $name {
            fn new<C: Into<$type>>(info: &PolicyInfo, setting: Setting, values: (C, Option<C>, C)) -> Self {
                let (effective, own, inherited) = values;
                Self {
                    effective: effective.into(),
                    own: own.map(Into::into),
                    inherited: inherited.into(),
                    set_by: SourceView::new(info, info.set_by(setting)),
                    locked_by: SourceView::of_lock(info, setting),
                }
            }
        }
    )*};
}

setting_views! {
    RevealSettingView of RevealWord,
    QueryStringKeysSettingView of QueryStringKeysWord,
    IdleActionSettingView of IdleActionWord,
    HooksOnRegenerateSettingView of HooksOnRegenerateWord,
    LeakActionSettingView of LeakActionWord,
    HoursSettingView of u16,
    NumberSettingView of u32,
    FlagSettingView of bool,
}

/// Declares a value of a policy that is so much, or none, with what is said of it and of what the organization sets itself.
macro_rules! bound_views {
    ($($(#[$about:meta])* $name:ident of $type:ident { $(#[$own:meta])* own })*) => {$(
        $(#[$about])*
        #[derive(Debug, Serialize, ToSchema)]
        pub(super) struct $name {
            /// What holds; null means no such bound.
            #[schema(required)]
            pub effective: Option<$type>,
            $(#[$own])*
            #[schema(required)]
            pub own: Option<$type>,
            /// What would hold if it set nothing; null means no such bound.
            #[schema(required)]
            pub inherited: Option<$type>,
            /// Where `effective` comes from.
            pub set_by: SourceView,
            /// Who has locked it: the nearest to the root. Null where it is free.
            #[schema(required)]
            pub locked_by: Option<SourceView>,
        }

        impl $name {
            fn new(info: &PolicyInfo, setting: Setting, values: (Option<$type>, Option<$type>, Option<$type>)) -> Self {
                let (effective, own, inherited) = values;
                let set_by = SourceView::new(info, info.set_by(setting));
                Self { effective, own, inherited, set_by, locked_by: SourceView::of_lock(info, setting) }
            }
        }
    )*};
}

bound_views! {
    /// One value of a policy that is a number of days, or none.
    DaysSettingView of u16 {
        /// What the organization sets itself, zero for no such bound; null where it sets nothing.
        own
    }
    /// One value of a policy that is a number of requests in a day, or none.
    QuotaSettingView of u32 {
        /// What the organization sets itself, zero for no such bound; null where it sets nothing.
        own
    }
    /// One value of a policy that is a number of requests in a period, such as `100/10s`, or none.
    RateSettingView of String {
        /// What the organization sets itself, `none` for no such bound; null where it sets nothing.
        own
    }
}

/// One value of a policy that is days before an end on which people are told, the first notice first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NoticesSettingView {
    /// What holds.
    #[schema(value_type = NoticeDaysBody)]
    pub effective: NoticeDays,
    /// What the organization sets itself; null where it sets nothing. What leaves out a day that a lock above names stands here and does not hold.
    #[schema(value_type = Option<NoticeDaysBody>, required)]
    pub own: Option<NoticeDays>,
    /// What would hold if it set nothing.
    #[schema(value_type = NoticeDaysBody)]
    pub inherited: NoticeDays,
    /// Where `effective` comes from.
    pub set_by: SourceView,
    /// Who has locked it: the nearest to the root. Null where it is free.
    #[schema(required)]
    pub locked_by: Option<SourceView>,
}

impl NoticesSettingView {
    fn new(info: &PolicyInfo, setting: Setting, values: (NoticeDays, Option<NoticeDays>, NoticeDays)) -> Self {
        let (effective, own, inherited) = values;
        let set_by = SourceView::new(info, info.set_by(setting));
        Self { effective, own, inherited, set_by, locked_by: SourceView::of_lock(info, setting) }
    }
}

/// An organization's policy, value by value.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PolicyDetailView {
    /// The organization.
    #[schema(value_type = String)]
    pub organization_id: OrganizationId,
    /// Whether and to whom a secret is shown again.
    pub reveal: RevealSettingView,
    /// What becomes of keys in query strings.
    pub query_string_keys: QueryStringKeysSettingView,
    /// Days without use after which a key ends.
    pub idle_days: DaysSettingView,
    /// What happens then.
    pub idle_action: IdleActionSettingView,
    /// Days before that on which people are told.
    pub idle_notices: NoticesSettingView,
    /// Days a key may live at most, which makes an expiry required.
    pub expiry_days_max: DaysSettingView,
    /// Days before a key expires on which people are told.
    pub expiry_notices: NoticesSettingView,
    /// Hours the old secret stays good when a rotation does not say.
    pub rotation_overlap_hours: HoursSettingView,
    /// What becomes of hooks when their key is regenerated.
    pub hooks_on_regenerate: HooksOnRegenerateSettingView,
    /// Live keys one user may own in an organization, aside from personal ones and those of apis that have one for each user.
    pub max_keys_per_user: NumberSettingView,
    /// Whether only admins map a key to somebody else.
    pub admin_only_mapping: FlagSettingView,
    /// Seconds a verifier may answer without news.
    pub max_stale_secs: NumberSettingView,
    /// What a leak report does.
    pub leak_action: LeakActionSettingView,
    /// How often each key may be used that says nothing of it itself.
    pub default_rate: RateSettingView,
    /// How often each key may be used in a day (UTC) that says nothing of it itself.
    pub default_daily_quota: QuotaSettingView,
    /// The settings that the organization itself has locked for those below.
    pub locked: BTreeSet<SettingWord>,
}

impl From<&PolicyInfo> for PolicyDetailView {
    fn from(info: &PolicyInfo) -> Self {
        let (effective, own, inherited) = (&info.effective, &info.organization.policy, &info.inherited);
        Self {
            organization_id: info.organization.id,
            reveal: RevealSettingView::new(info, Setting::Reveal, (effective.reveal, own.reveal, inherited.reveal)),
            query_string_keys: QueryStringKeysSettingView::new(
                info,
                Setting::QueryStringKeys,
                (effective.query_string_keys, own.query_string_keys, inherited.query_string_keys),
            ),
            idle_days: DaysSettingView::new(
                info,
                Setting::IdleDays,
                (effective.idle_days, own.idle_days, inherited.idle_days),
            ),
            idle_action: IdleActionSettingView::new(
                info,
                Setting::IdleAction,
                (effective.idle_action, own.idle_action, inherited.idle_action),
            ),
            idle_notices: NoticesSettingView::new(
                info,
                Setting::IdleNotices,
                (effective.idle_notices, own.idle_notices, inherited.idle_notices),
            ),
            expiry_notices: NoticesSettingView::new(
                info,
                Setting::ExpiryNotices,
                (effective.expiry_notices, own.expiry_notices, inherited.expiry_notices),
            ),
            expiry_days_max: DaysSettingView::new(
                info,
                Setting::ExpiryDaysMax,
                (effective.expiry_days_max, own.expiry_days_max, inherited.expiry_days_max),
            ),
            rotation_overlap_hours: HoursSettingView::new(
                info,
                Setting::RotationOverlapHours,
                (effective.rotation_overlap_hours, own.rotation_overlap_hours, inherited.rotation_overlap_hours),
            ),
            hooks_on_regenerate: HooksOnRegenerateSettingView::new(
                info,
                Setting::HooksOnRegenerate,
                (effective.hooks_on_regenerate, own.hooks_on_regenerate, inherited.hooks_on_regenerate),
            ),
            max_keys_per_user: NumberSettingView::new(
                info,
                Setting::MaxKeysPerUser,
                (effective.max_keys_per_user, own.max_keys_per_user, inherited.max_keys_per_user),
            ),
            admin_only_mapping: FlagSettingView::new(
                info,
                Setting::AdminOnlyMapping,
                (effective.admin_only_mapping, own.admin_only_mapping, inherited.admin_only_mapping),
            ),
            max_stale_secs: NumberSettingView::new(
                info,
                Setting::MaxStaleSecs,
                (effective.max_stale_secs, own.max_stale_secs, inherited.max_stale_secs),
            ),
            leak_action: LeakActionSettingView::new(
                info,
                Setting::LeakAction,
                (effective.leak_action, own.leak_action, inherited.leak_action),
            ),
            default_rate: RateSettingView::new(
                info,
                Setting::DefaultRate,
                (
                    effective.default_rate.map(|it| it.to_string()),
                    own.default_rate.map(|it| it.to_string()),
                    inherited.default_rate.map(|it| it.to_string()),
                ),
            ),
            default_daily_quota: QuotaSettingView::new(
                info,
                Setting::DefaultDailyQuota,
                (effective.default_daily_quota, own.default_daily_quota, inherited.default_daily_quota),
            ),
            locked: own.locked.iter().copied().map(Into::into).collect(),
        }
    }
}
