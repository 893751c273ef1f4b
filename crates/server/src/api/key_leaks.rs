//! Leaks that are reported by hand.

use axum::extract::State;
use axum::response::Response;
use claviger_core::id::{KeyId, OrganizationId};
use claviger_core::masking::keys_in;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use claviger_core::reject::Reject;

use super::auth::Authenticated;
use super::body::Path;
use super::fields::{all_fields, at, optional};
use super::headers::IdempotencyKey;
use super::idempotency::{OK, Post, PostBody, no_headers, respond};
use super::paths::OrganizationPath;
use super::problem::{ApiResult, WriteRefusals};
use crate::app::App;
use crate::ops;
use crate::ops::keys::{Leak, LeakOutcome, LeakReport};
use crate::ops::verify::Subject;

/// The route of leaks.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(report_leak))
}

/// A leaked secret. It is looked for and neither kept nor logged.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LeakBody {
    /// A whole key; one of ours is also found in a text that stands around it, such as `API_KEY="ck_…"`.
    #[schema(value_type = Option<String>, max_length = 4096)]
    key: Option<SecretString>,
    /// The first part of a pair, instead of `key`.
    #[schema(value_type = Option<String>, max_length = 4096)]
    access_key: Option<SecretString>,
    /// The second part of a pair.
    #[schema(value_type = Option<String>, max_length = 4096)]
    secret_key: Option<SecretString>,
    /// Where it was found, in your words: it stands in the audit, so that what holds the secret is refused.
    #[schema(max_length = 500)]
    found_at: Option<String>,
}

impl PostBody for LeakBody {}

impl TryFrom<LeakBody> for Leak {
    type Error = Reject;

    fn try_from(body: LeakBody) -> Result<Self, Reject> {
        let subject = match (body.key, body.access_key, body.secret_key) {
            (Some(key), None, None) => at("/key", key_in(key)).map(Subject::Key),
            (None, Some(access), Some(secret)) => Ok(Subject::Pair { access, secret }),
            (None, Some(_), None) => at("/secret_key", Err("is needed beside `access_key`")),
            (None, None, Some(_)) => at("/access_key", Err("is needed beside `secret_key`")),
            (None, None, None) => at("/key", Err("is needed, or `access_key` and `secret_key`")),
            (Some(_), _, _) => at("/key", Err("cannot stand beside `access_key` and `secret_key`")),
        };
        let found_at = optional("/found_at", body.found_at.as_deref());
        let (subject, found_at) = all_fields!(subject, found_at)?;
        Self::new(subject, found_at)
    }
}

/// The key in what was found. To say of one that nobody has it, only because something stands beside it, would leave it good.
fn key_in(found: SecretString) -> Result<SecretString, &'static str> {
    match keys_in(found.expose_secret(), 2).as_slice() {
        [] if found.expose_secret().trim().contains(char::is_whitespace) => {
            Err("holds no key of ours, and no other has spaces: report the key alone, without what stands around it")
        }
        [] => Ok(found),
        [key] => Ok((*key).to_owned().into()),
        _ => Err("holds several keys: report each by itself"),
    }
}

/// What a report came to.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum LeakOutcomeWord {
    /// No key that the caller may revoke has this secret.
    Unknown,
    /// It was good for nothing any more; nothing was changed.
    Dead,
    /// Its key is revoked now, with the reason `key_compromise`.
    Revoked,
    /// It is on record, and the key is still good, as the policy `leak_action` has it.
    Reported,
    /// It was an access token or a refresh token: with it ended all tokens of the same sign-in, on every node. Its key is as good as before.
    TokenEnded,
}

/// The answer to a report.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LeakReportView {
    /// What it came to.
    pub outcome: LeakOutcomeWord,
    /// The key; null where the caller may not revoke it, or where there is none.
    #[schema(required)]
    pub key: Option<LeakedKeyView>,
}

/// The key of a leaked secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LeakedKeyView {
    /// Its identifier.
    #[schema(value_type = String)]
    pub id: KeyId,
    /// The organization it stands in.
    #[schema(value_type = String)]
    pub organization_id: OrganizationId,
    /// Its name.
    pub name: String,
}

impl From<&LeakReport> for LeakReportView {
    fn from(it: &LeakReport) -> Self {
        let outcome = match it.outcome {
            LeakOutcome::Unknown => LeakOutcomeWord::Unknown,
            LeakOutcome::Dead => LeakOutcomeWord::Dead,
            LeakOutcome::Revoked => LeakOutcomeWord::Revoked,
            LeakOutcome::Reported => LeakOutcomeWord::Reported,
            LeakOutcome::TokenEnded => LeakOutcomeWord::TokenEnded,
        };
        let key = it.key.as_ref().map(|(id, organization_id, name)| LeakedKeyView {
            id: *id,
            organization_id: *organization_id,
            name: name.to_string(),
        });
        Self { outcome, key }
    }
}

impl LeakReportView {
    fn render(report: &LeakReport) -> Value {
        serde_json::to_value(Self::from(report)).expect("a view is JSON")
    }
}

/// Reports a leaked secret.
///
/// The secret is found by its digest, whole or as a pair, current or still good after a rotation, in this organization and those below. The
/// policy `leak_action` of the key's organization says whether its key is revoked or only put on record. A secret that nobody has is answered
/// like one of a key that the caller may not revoke. Who holds `claviger/own-keys:delete` instead reports own keys.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/leaks",
    tag = "keys",
    params(OrganizationPath, IdempotencyKey),
    request_body = LeakBody,
    extensions(("x-permissions" = json!({"all": ["claviger/keys:delete"], "own": "claviger/own-keys:delete"}))),
    responses(
        (status = 200, description = "What was found and done.", body = LeakReportView),
        WriteRefusals,
    )
)]
pub(super) async fn report_leak(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
    post: Post<LeakBody>,
) -> ApiResult<Response> {
    let (body, idempotency) = post.split(OK, LeakReportView::render, no_headers);
    let answer = ops::keys::report_leak(&app, &caller, organization_id, body.try_into()?, idempotency).await?;
    Ok(respond(OK, answer, no_headers, |it: &LeakReport| LeakReportView::from(it)))
}
