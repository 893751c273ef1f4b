//! How a key is used.

use axum::Json;
use axum::extract::State;
use claviger_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Authenticated;
use super::body::Path;
use super::paths::KeyPath;
use super::problem::{ApiResult, Refusals};
use crate::app::App;
use crate::ops;
use crate::ops::keys::usage::{KeyUsage, Stretch, VersionUsage};

/// The route.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_key_usage))
}

/// How a key is used.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeyUsageView {
    /// The latest 24 hours, oldest first; the present one is not over.
    hours: Vec<StretchView>,
    /// The latest 30 days in UTC, oldest first; today is not over.
    days: Vec<StretchView>,
    /// The latest 20 requests that were refused, newest first, of the last 30 days.
    denied_requests: Vec<DeniedRequestView>,
    /// How often each version of its api was called with it, over the same 30 days; empty where the api has no versions.
    versions: Vec<VersionUsageView>,
}

/// The requests that called a version of the key's api, of those of which the gateway or the host said which version they call.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VersionUsageView {
    /// Its name.
    #[schema(example = "1.0")]
    version: String,
    /// What people call it.
    #[schema(example = "API 1.0")]
    label: String,
    /// Since when it is to be left.
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-05-01T00:00:00Z")]
    deprecated_at: Option<Timestamp>,
    /// When it ends.
    #[schema(value_type = Option<String>, format = DateTime, example = "2027-03-01T00:00:00Z")]
    sunset_at: Option<Timestamp>,
    /// How many passed.
    #[schema(example = 1204)]
    requests: u64,
    /// The last day in UTC on which one did.
    #[schema(value_type = Option<String>, format = Date, example = "2026-11-20")]
    last_used_on: Option<String>,
}

/// The requests of an hour or of a day.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StretchView {
    /// When it begins.
    #[schema(value_type = String, format = DateTime, example = "2026-11-20T18:00:00Z")]
    since: Timestamp,
    /// How many passed.
    #[schema(example = 1204)]
    allowed: u64,
    /// How many were refused.
    #[schema(example = 3)]
    denied: u64,
}

/// A request that was refused.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeniedRequestView {
    /// When.
    #[schema(value_type = String, format = DateTime, example = "2026-11-20T18:59:11Z")]
    at: Timestamp,
    /// Why: the code of a decision, or `query_string_key_denied`.
    #[schema(example = "insufficient_permission")]
    code: String,
    /// From where, as far as whoever asked said so.
    #[schema(example = "203.0.113.9")]
    ip: Option<String>,
    /// What the client called itself.
    #[schema(example = "curl/8.5.0")]
    user_agent: Option<String>,
}

impl From<Stretch> for StretchView {
    fn from(it: Stretch) -> Self {
        Self { since: it.since, allowed: it.counts.allowed, denied: it.counts.denied }
    }
}

impl From<VersionUsage> for VersionUsageView {
    fn from(it: VersionUsage) -> Self {
        Self {
            label: it.version.label(),
            version: it.version.slug.into(),
            deprecated_at: it.version.deprecated_at,
            sunset_at: it.version.sunset_at,
            requests: it.requests,
            last_used_on: it.last_used_on.map(Timestamp::to_day_text),
        }
    }
}

impl From<KeyUsage> for KeyUsageView {
    fn from(usage: KeyUsage) -> Self {
        let denied = usage.denials.into_iter().map(|it| DeniedRequestView {
            at: it.at,
            code: it.code,
            ip: it.ip.map(|it| it.to_string()),
            user_agent: it.user_agent,
        });
        Self {
            hours: usage.hours.into_iter().map(Into::into).collect(),
            days: usage.days.into_iter().map(Into::into).collect(),
            denied_requests: denied.collect(),
            versions: usage.versions.into_iter().map(Into::into).collect(),
        }
    }
}

/// Shows how a key is used.
///
/// Requests that passed and requests that were refused, by the hour and by the day, and the latest refused ones with their reason. Requests
/// with a credential that no key has are in none of these. A request is counted within a minute, in the hour in which its node wrote it down.
/// Where the key's api has versions, the requests that passed are told by version as well, as far as `Claviger-Api-Version` at `/authz` or
/// `api_version` in a question to `verify` said which one they call.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organization_id}/keys/{key_id}/usage",
    tag = "keys",
    params(KeyPath),
    extensions(("x-permissions" = json!({"all": ["claviger/keys:read"], "own": "claviger/own-keys:read"}))),
    responses(
        (status = 200, description = "How it is used.", body = KeyUsageView),
        Refusals,
    )
)]
pub(super) async fn get_key_usage(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(KeyPath { organization_id, key_id }): Path<KeyPath>,
) -> ApiResult<Json<KeyUsageView>> {
    Ok(Json(ops::keys::usage::key_usage(&app, &caller, organization_id, key_id).await?.into()))
}
