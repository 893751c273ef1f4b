//! An organization's policy, value by value: show, change, and see beforehand which keys would break it.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use claviger_core::id::{KeyId, OrganizationId, UserId};
use claviger_core::policy::{PolicyPatch, Setting};
use claviger_core::reject::Reject;
use claviger_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Authenticated;
use super::body::{JsonBody, Path};
use super::fields::{present, present_distinct};
use super::headers::{IfMatch, entity_tag};
use super::paths::OrganizationPath;
use super::policies::{PolicyView, refuse_out_of_bounds};
use super::problem::{ApiResult, Refusals, WriteRefusals};
use super::words::{
    HooksOnRegenerateWord, IdleActionWord, LeakActionWord, QueryStringKeysWord, RevealWord, RuleWord, SettingWord,
};
use crate::app::App;
use crate::ops;
use crate::ops::policies::{Broken, PolicyInfo, PolicyPreview, Source};

/// The routes of policies.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_policy, update_policy)).routes(routes!(preview_policy))
}

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

/// One value of a policy that is a number of days, or none.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DaysSettingView {
    /// What holds; null means no such bound.
    #[schema(required)]
    pub effective: Option<u16>,
    /// What the organization sets itself, zero for no such bound; null where it sets nothing.
    #[schema(required)]
    pub own: Option<u16>,
    /// What would hold if it set nothing; null means no such bound.
    #[schema(required)]
    pub inherited: Option<u16>,
    /// Where `effective` comes from.
    pub set_by: SourceView,
    /// Who has locked it: the nearest to the root. Null where it is free.
    #[schema(required)]
    pub locked_by: Option<SourceView>,
}

impl DaysSettingView {
    fn new(
        info: &PolicyInfo,
        setting: Setting,
        (effective, own, inherited): (Option<u16>, Option<u16>, Option<u16>),
    ) -> Self {
        let (set_by, locked_by) = (SourceView::new(info, info.set_by(setting)), SourceView::of_lock(info, setting));
        Self { effective, own, inherited, set_by, locked_by }
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
    /// Days without use after which a key ends. Kept and inherited; not acted on yet.
    pub idle_days: DaysSettingView,
    /// What happens then. Kept and inherited; not acted on yet.
    pub idle_action: IdleActionSettingView,
    /// Days a key may live at most, which makes an expiry required.
    pub expiry_days_max: DaysSettingView,
    /// Hours the old secret stays good when a rotation does not say.
    pub rotation_overlap_hours: HoursSettingView,
    /// What becomes of hooks when their key is regenerated. Kept and inherited; not acted on yet.
    pub hooks_on_regenerate: HooksOnRegenerateSettingView,
    /// Live keys one user may own in an organization, aside from personal ones and those of apis that have one for each user.
    pub max_keys_per_user: NumberSettingView,
    /// Whether only admins map a key to somebody else.
    pub admin_only_mapping: FlagSettingView,
    /// Seconds a verifier may answer without news.
    pub max_stale_secs: NumberSettingView,
    /// What a leak report does.
    pub leak_action: LeakActionSettingView,
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
            locked: own.locked.iter().copied().map(Into::into).collect(),
        }
    }
}

/// What is to be changed of what an organization sets itself (RFC 7396): what is left out stays, null is as the parent has it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyPatchBody {
    /// Whether and to whom a secret is shown again.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<RevealWord>)]
    reveal: Option<Option<RevealWord>>,
    /// What becomes of keys in query strings.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<QueryStringKeysWord>)]
    query_string_keys: Option<Option<QueryStringKeysWord>>,
    /// Days without use after which a key ends; zero switches it off. Kept and inherited; not acted on yet.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<u16>, maximum = 65_535)]
    idle_days: Option<Option<u16>>,
    /// What happens then. Kept and inherited; not acted on yet.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<IdleActionWord>)]
    idle_action: Option<Option<IdleActionWord>>,
    /// Days a key may live at most, which makes an expiry required; zero switches it off.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<u16>, maximum = 65_535)]
    expiry_days_max: Option<Option<u16>>,
    /// Hours the old secret stays good when a rotation does not say.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<u16>, maximum = 720)]
    rotation_overlap_hours: Option<Option<u16>>,
    /// What becomes of hooks when their key is regenerated. Kept and inherited; not acted on yet.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<HooksOnRegenerateWord>)]
    hooks_on_regenerate: Option<Option<HooksOnRegenerateWord>>,
    /// Live keys one user may own in an organization, aside from personal ones and those of apis that have one for each user.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<u32>, maximum = 10_000_000)]
    max_keys_per_user: Option<Option<u32>>,
    /// Whether only admins map a key to somebody else.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<bool>)]
    admin_only_mapping: Option<Option<bool>>,
    /// Seconds a verifier may answer without news.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<u32>, minimum = 5, maximum = 86_400)]
    max_stale_secs: Option<Option<u32>>,
    /// What a leak report does.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<LeakActionWord>)]
    leak_action: Option<Option<LeakActionWord>>,
    /// The settings that organizations below may only narrow, as a whole.
    #[serde(default, deserialize_with = "present_distinct")]
    #[schema(value_type = BTreeSet<SettingWord>, required = false)]
    locked: Option<BTreeSet<SettingWord>>,
}

impl TryFrom<PolicyPatchBody> for PolicyPatch {
    type Error = Reject;

    fn try_from(body: PolicyPatchBody) -> Result<Self, Reject> {
        let (overlap, stale) = (body.rotation_overlap_hours.flatten(), body.max_stale_secs.flatten());
        let keys = body.max_keys_per_user.flatten();
        refuse_out_of_bounds("", overlap, stale, keys).map_err(|field| Reject::fields(vec![field]))?;
        Ok(Self {
            reveal: body.reveal.map(|it| it.map(Into::into)),
            query_string_keys: body.query_string_keys.map(|it| it.map(Into::into)),
            idle_days: body.idle_days,
            idle_action: body.idle_action.map(|it| it.map(Into::into)),
            expiry_days_max: body.expiry_days_max,
            rotation_overlap_hours: body.rotation_overlap_hours,
            hooks_on_regenerate: body.hooks_on_regenerate.map(|it| it.map(Into::into)),
            max_keys_per_user: body.max_keys_per_user,
            admin_only_mapping: body.admin_only_mapping,
            max_stale_secs: body.max_stale_secs,
            leak_action: body.leak_action.map(|it| it.map(Into::into)),
            locked: body.locked.map(|it| it.into_iter().map(Into::into).collect()),
        })
    }
}

/// A key that would break a rule.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BreakingKeyView {
    /// Its identifier.
    #[schema(value_type = String)]
    pub id: KeyId,
    /// Its organization.
    #[schema(value_type = String)]
    pub organization_id: OrganizationId,
    /// Its name.
    pub name: String,
    /// Whom it belongs to.
    #[schema(value_type = Option<String>, required)]
    pub owner_id: Option<UserId>,
    /// When it ends; null means never.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub expires_at: Option<Timestamp>,
}

/// A rule that keys would break.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BrokenView {
    /// The rule; nothing acts on `idle` yet.
    pub rule: RuleWord,
    /// The setting that brings it.
    pub setting: SettingWord,
    /// How many keys would break it; counted up to 10,000.
    #[schema(maximum = 10_000)]
    pub key_count: u32,
    /// Whether there may be more, so that `key_count` says "at least": it ends at 10,000, and not more than 100,000 keys are looked through.
    pub is_partial: bool,
    /// The first of them.
    #[schema(max_items = 5)]
    pub keys: Vec<BreakingKeyView>,
}

impl From<Broken> for BrokenView {
    fn from(it: Broken) -> Self {
        let keys = it.keys.into_iter().map(|(organization_id, key)| BreakingKeyView {
            id: key.id,
            organization_id,
            name: key.name.to_string(),
            owner_id: key.owner_id,
            expires_at: key.expires_at,
        });
        let keys = keys.collect();
        Self {
            rule: it.rule.into(),
            setting: it.rule.setting().into(),
            key_count: it.key_count,
            is_partial: it.is_partial,
            keys,
        }
    }
}

/// What a change of a policy would do.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PolicyPreviewView {
    /// What would hold for the organization.
    pub effective: PolicyView,
    /// Organizations, itself included, for which something else would hold than now.
    pub organization_count: u32,
    /// Whether there are more organizations below than were looked through (1,000).
    pub is_partial: bool,
    /// The rules that keys there are would break; empty where none does. `idle` is among them for what is to come: that policy is kept and
    /// inherited, and not acted on yet.
    pub broken: Vec<BrokenView>,
    /// Copies of secrets that would be destroyed for ever, since nobody would be shown them again; counted up to 10,000.
    pub destroyed_copy_count: u32,
}

impl From<PolicyPreview> for PolicyPreviewView {
    fn from(it: PolicyPreview) -> Self {
        Self {
            effective: PolicyView::from(&it.effective),
            organization_count: it.organization_count,
            is_partial: it.is_partial,
            broken: it.broken.into_iter().map(Into::into).collect(),
            destroyed_copy_count: it.destroyed_copies,
        }
    }
}

fn answer(info: &PolicyInfo) -> Response {
    (entity_tag(info.organization.version), Json(PolicyDetailView::from(info))).into_response()
}

/// Shows a policy.
///
/// Value by value: what holds, what the organization sets itself, what it would inherit, where that comes from and who has locked it.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organization_id}/policy",
    tag = "policies",
    params(OrganizationPath),
    extensions(("x-permissions" = json!({"all": ["claviger/organizations:read"]}))),
    responses(
        (status = 200, description = "The policy.", body = PolicyDetailView,
         headers(("ETag", description = "The version of the organization."))),
        Refusals,
    )
)]
pub(super) async fn get_policy(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
) -> ApiResult<Response> {
    Ok(answer(&ops::policies::get_policy(&app, &caller, organization_id).await?))
}

/// Changes a policy.
///
/// Only what the organization sets itself. What one above has locked can only be narrowed (403 `policy_denied`, which names the field).
#[utoipa::path(
    patch,
    path = "/api/v1/organizations/{organization_id}/policy",
    tag = "policies",
    params(OrganizationPath, IfMatch),
    request_body = PolicyPatchBody,
    extensions(("x-permissions" = json!({"all": ["claviger/organizations:update"]}))),
    responses(
        (status = 200, description = "The policy as it is now.", body = PolicyDetailView,
         headers(("ETag", description = "The version of the organization."))),
        WriteRefusals,
    )
)]
pub(super) async fn update_policy(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
    JsonBody(body): JsonBody<PolicyPatchBody>,
) -> ApiResult<Response> {
    let patch = PolicyPatch::try_from(body)?;
    Ok(answer(&ops::policies::update_policy(&app, &caller, organization_id, patch, None).await?))
}

/// Previews a change of a policy.
///
/// Says how many keys, here and below, would break it, and which come first. Changes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/policy/preview",
    tag = "policies",
    params(OrganizationPath),
    request_body = PolicyPatchBody,
    extensions(("x-permissions" = json!({"all": ["claviger/organizations:read", "claviger/keys:read"]}))),
    responses(
        (status = 200, description = "What the change would do.", body = PolicyPreviewView),
        WriteRefusals,
    )
)]
pub(super) async fn preview_policy(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
    JsonBody(body): JsonBody<PolicyPatchBody>,
) -> ApiResult<Response> {
    let patch = PolicyPatch::try_from(body)?;
    let preview = ops::policies::preview_policy(&app, &caller, organization_id, patch).await?;
    Ok(Json(PolicyPreviewView::from(preview)).into_response())
}
