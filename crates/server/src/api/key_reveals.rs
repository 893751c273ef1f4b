//! Showing a key's secrets again.

use axum::extract::State;
use axum::response::Response;
use claviger_core::id::SecretId;
use claviger_core::key::Key;
use claviger_core::time::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Authenticated;
use super::body::Path;
use super::headers::{IdempotencyKey, entity_tag};
use super::idempotency::{NoBody, OK, Post, respond};
use super::key_views::{KeyView, NewSecretView, SecretStateWord, state_of};
use super::paths::KeyPath;
use super::problem::{ApiResult, WriteRefusals};
use crate::app::App;
use crate::ops;
use crate::ops::keys::{RevealedKey, RevealedSecret};

/// The route.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(reveal_key))
}

const SHOWN_AGAIN: &str = "Keep the secret safe: whoever has it is in. That it was shown stands in the audit log.";
const WAS_SHOWN: &str = "What was revealed is shown once, in the first answer to this Idempotency-Key.";

/// A key and its secrets.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RevealedKeyView {
    /// The key.
    key: KeyView,
    /// Its secrets that are good, the current one first; null where a request is repeated with its Idempotency-Key.
    #[schema(required)]
    revealed: Option<Vec<RevealedSecretView>>,
    /// What to do with them, or why they are not there.
    secret_note: &'static str,
}

/// One version of a key's secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RevealedSecretView {
    /// Its identifier.
    #[schema(value_type = String)]
    id: SecretId,
    /// Where it stands in its life.
    state: SecretStateWord,
    /// Until when a retiring one is accepted: until the end of its overlap, or until the key expires where that is sooner.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    retiring_until: Option<Timestamp>,
    /// The secret; null where no copy of it was kept.
    #[schema(required)]
    secret: Option<NewSecretView>,
}

impl RevealedSecretView {
    fn of(key: &Key, it: &RevealedSecret) -> Self {
        let (state, retiring_until) = state_of(it.secret.state, key.expires_at);
        Self { id: it.secret.id, state, retiring_until, secret: it.token.as_ref().map(Into::into) }
    }
}

impl From<&RevealedKey> for RevealedKeyView {
    fn from(it: &RevealedKey) -> Self {
        let revealed = Some(it.secrets.iter().map(|secret| RevealedSecretView::of(&it.info.key, secret)).collect());
        Self { key: KeyView::from(&it.info), revealed, secret_note: SHOWN_AGAIN }
    }
}

impl RevealedKeyView {
    /// The answer as it is kept for a repetition: without the secrets.
    fn render(it: &RevealedKey) -> Value {
        let view = Self { key: KeyView::from(&it.info), revealed: None, secret_note: WAS_SHOWN };
        serde_json::to_value(view).expect("a view is JSON")
    }
}

/// Shows a key's secrets again.
///
/// Only where the organization's policy `reveal` allows it, and where a copy was kept: from secrets that were made while it did. `owner` shows
/// them to the key's owner and to its mapped user, `owner_and_admins` to admins too, but for personal keys. No key may call this: it takes a
/// session of the console that began, or was confirmed by password, within the last ten minutes (else `confirmation_required`). Each time
/// leaves an event.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/keys/{key_id}/reveal",
    tag = "keys",
    params(KeyPath, IdempotencyKey),
    extensions(
        ("x-permissions" = json!({"all": ["claviger/keys:read"], "own": "claviger/own-keys:read"})),
        ("x-leaves-event" = json!(true)),
    ),
    responses(
        (status = 200, description = "The key and its secrets.", body = RevealedKeyView,
         headers(("ETag", description = "The version."))),
        WriteRefusals,
    )
)]
pub(super) async fn reveal_key(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(KeyPath { organization_id, key_id }): Path<KeyPath>,
    post: Post<NoBody>,
) -> ApiResult<Response> {
    let tag = |it: &RevealedKey| axum::http::HeaderMap::from_iter(entity_tag(it.info.key.version));
    let (_, idempotency) = post.split(OK, RevealedKeyView::render, tag);
    let answer = ops::keys::reveal_key(&app, &caller, organization_id, key_id, idempotency).await?;
    Ok(respond(OK, answer, tag, |it: &RevealedKey| RevealedKeyView::from(it)))
}
