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
use crate::ops::keys::usage::{KeyUsage, Stretch};

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
        }
    }
}

/// Shows how a key is used.
///
/// Requests that passed and requests that were refused, by the hour and by the day, and the latest refused ones with their reason. Requests
/// with a credential that no key has are in none of these. A request is counted within a minute, in the hour in which its node wrote it down.
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
