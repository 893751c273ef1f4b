//! An organization's policy, value by value: show, change, and see beforehand which keys would break it.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use claviger_core::id::{KeyId, OrganizationId, UserId};
use claviger_core::policy::PolicyPatch;
use claviger_core::reject::Reject;
use claviger_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Authenticated;
use super::body::{JsonBody, Path};
use super::fields::{nullable, present, present_distinct};
use super::headers::{IfMatch, entity_tag};
use super::key_limits::quota;
use super::paths::OrganizationPath;
use super::policies::{NoticeDaysBody, PolicyView, read_notices, refuse_out_of_bounds};
use super::policy_views::PolicyDetailView;
use super::problem::{ApiResult, Refusals, WriteRefusals};
use super::words::{
    HooksOnRegenerateWord, IdleActionWord, LeakActionWord, QueryStringKeysWord, RevealWord, RuleWord, SettingWord,
};
use crate::app::App;
use crate::ops;
use crate::ops::policies::{Broken, PolicyInfo, PolicyPreview};

/// The routes of policies.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_policy, update_policy)).routes(routes!(preview_policy))
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
    /// Days without use after which a key ends; zero switches it off.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<u16>, maximum = 65_535)]
    idle_days: Option<Option<u16>>,
    /// What happens then.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<IdleActionWord>)]
    idle_action: Option<Option<IdleActionWord>>,
    /// Days before that on which people are told, from 1 to 5 numbers. Below a lock days can be added, and none left out.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<NoticeDaysBody>)]
    idle_notices: Option<Option<Vec<u16>>>,
    /// Days before a key expires on which people are told, from 1 to 5 numbers. Below a lock days can be added, and none left out.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<NoticeDaysBody>)]
    expiry_notices: Option<Option<Vec<u16>>>,
    /// Days a key may live at most, which makes an expiry required; zero switches it off.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<u16>, maximum = 65_535)]
    expiry_days_max: Option<Option<u16>>,
    /// Hours the old secret stays good when a rotation does not say.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<u16>, maximum = 720)]
    rotation_overlap_hours: Option<Option<u16>>,
    /// What becomes of hooks when their key is regenerated.
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
    /// How often each key may be used that says nothing of it itself, such as `100/10s`; `none` for as often as it likes.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, pattern = "^(none|[0-9]{1,7}/[0-9]{0,5}[smhd])$", examples("100/10s", "none"))]
    default_rate: Option<Option<String>>,
    /// How often each key may be used in a day (UTC) that says nothing of it itself; zero for as often as it likes.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<u32>, maximum = 1_000_000_000)]
    default_daily_quota: Option<Option<u32>>,
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
        let refuse = |field| Reject::fields(vec![field]);
        refuse_out_of_bounds("", overlap, stale, keys).map_err(refuse)?;
        let notices = |name, days: Option<Option<Vec<u16>>>| {
            days.map(|it| read_notices("", name, it)).transpose().map_err(refuse)
        };
        Ok(Self {
            reveal: body.reveal.map(|it| it.map(Into::into)),
            query_string_keys: body.query_string_keys.map(|it| it.map(Into::into)),
            idle_days: body.idle_days,
            idle_action: body.idle_action.map(|it| it.map(Into::into)),
            idle_notices: notices("idle_notices", body.idle_notices)?,
            expiry_days_max: body.expiry_days_max,
            expiry_notices: notices("expiry_notices", body.expiry_notices)?,
            rotation_overlap_hours: body.rotation_overlap_hours,
            hooks_on_regenerate: body.hooks_on_regenerate.map(|it| it.map(Into::into)),
            max_keys_per_user: body.max_keys_per_user,
            admin_only_mapping: body.admin_only_mapping,
            max_stale_secs: body.max_stale_secs,
            leak_action: body.leak_action.map(|it| it.map(Into::into)),
            default_rate: nullable("/default_rate", body.default_rate.as_ref()).map_err(refuse)?,
            default_daily_quota: body
                .default_daily_quota
                .map(|it| quota("/default_daily_quota", it))
                .transpose()
                .map_err(refuse)?,
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
    /// The rules that keys there are would break; empty where none does.
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
