//! The keys that sign access tokens: list, rotate.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use claviger_core::access_token::{SigningKeyInfo, SigningKeyState};
use claviger_core::id::SigningKeyId;
use claviger_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Authenticated;
use super::headers::IdempotencyKey;
use super::idempotency::{OK, Post, PostBody, no_headers, respond};
use super::problem::{ApiResult, Refusals, WriteRefusals};
use crate::app::App;
use crate::ops;

/// The routes of signing keys.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_signing_keys)).routes(routes!(rotate_signing_keys))
}

/// Where a signing key stands in its life.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum SigningKeyStateWord {
    /// Published, to sign later.
    Next,
    /// Signs.
    Current,
    /// Signs no more; published until nothing that it signed is good.
    Retired,
}

/// A key that signs access tokens.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SigningKeyView {
    /// Its identifier: `kid` in the header of what it signs.
    #[schema(value_type = String)]
    id: SigningKeyId,
    /// Where it stands in its life.
    state: SigningKeyStateWord,
    /// When it was made, and published.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Since when it signs, or when it began to.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    current_at: Option<Timestamp>,
    /// Until when a retired one is published.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    retired_until: Option<Timestamp>,
}

/// All signing keys.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SigningKeyListView {
    /// In the order in which they were made. Empty where nobody has got an access token, or asked for the key set, yet.
    data: Vec<SigningKeyView>,
}

/// How the signing keys are rotated.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RotateSigningKeysBody {
    /// Whether what this key and those before it signed is good no more, at once: for when one has leaked. All clients then sign in again.
    #[serde(default)]
    #[schema(default = false)]
    revoke: bool,
}

impl PostBody for RotateSigningKeysBody {
    fn empty() -> Option<Self> {
        Some(Self::default())
    }
}

impl From<&SigningKeyInfo> for SigningKeyView {
    fn from(it: &SigningKeyInfo) -> Self {
        let (state, retired_until) = match it.state {
            SigningKeyState::Next => (SigningKeyStateWord::Next, None),
            SigningKeyState::Current => (SigningKeyStateWord::Current, None),
            SigningKeyState::Retired { until } => (SigningKeyStateWord::Retired, Some(until)),
        };
        Self { id: it.id, state, created_at: it.created_at, current_at: it.current_at, retired_until }
    }
}

impl SigningKeyListView {
    fn new(keys: &[SigningKeyInfo]) -> Self {
        Self { data: keys.iter().map(Into::into).collect() }
    }

    #[expect(clippy::ptr_arg, reason = "what an operation answers is a vector, and this is told of it by reference")]
    fn render(keys: &Vec<SigningKeyInfo>) -> Value {
        serde_json::to_value(Self::new(keys)).expect("a view is JSON")
    }
}

/// Lists the keys that sign access tokens.
///
/// Needs its permission at the root of the tree. Their public halves are at `/oauth/jwks.json`.
#[utoipa::path(
    get,
    path = "/api/v1/signing-keys",
    tag = "tokens",
    extensions(("x-permissions" = json!({"all": ["claviger/signing-keys:read"]}))),
    responses((status = 200, description = "All of them.", body = SigningKeyListView), Refusals)
)]
pub(super) async fn list_signing_keys(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
) -> ApiResult<Json<SigningKeyListView>> {
    let keys = ops::tokens::list_signing_keys(&app, &caller).await?;
    Ok(Json(SigningKeyListView::new(&keys)))
}

/// Lets the next key sign access tokens from now on, and publishes another next one.
///
/// That happens by itself every 30 days. The key before stays published until nothing that it signed is good any more, unless `revoke` says
/// that it has leaked. Needs its permission at the root of the tree.
#[utoipa::path(
    post,
    path = "/api/v1/signing-keys/rotate",
    tag = "tokens",
    params(IdempotencyKey),
    request_body(content = Option<RotateSigningKeysBody>),
    extensions(("x-permissions" = json!({"all": ["claviger/signing-keys:update"]}))),
    responses((status = 200, description = "All of them, as they are now.", body = SigningKeyListView), WriteRefusals)
)]
pub(super) async fn rotate_signing_keys(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    post: Post<RotateSigningKeysBody>,
) -> ApiResult<Response> {
    let (body, idempotency) = post.split(OK, SigningKeyListView::render, no_headers);
    let answer = ops::tokens::rotate_signing_keys(&app, &caller, body.revoke, idempotency).await?;
    Ok(respond(OK, answer, no_headers, |keys: &Vec<SigningKeyInfo>| SigningKeyListView::new(keys)))
}
