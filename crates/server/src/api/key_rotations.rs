//! Rotations of keys that are under way: end, extend, cancel.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Authenticated;
use super::body::Path;
use super::headers::{IdempotencyKey, IfMatch, entity_tag};
use super::idempotency::{NoBody, OK, Post, PostBody, respond};
use super::key_bodies::{CancelRotationBody, ExtendRotationBody};
use super::key_views::KeyView;
use super::paths::KeyPath;
use super::problem::{ApiResult, WriteRefusals};
use crate::app::App;
use crate::ops::idempotency::Answer;
use crate::ops::keys::{KeyInfo, RotationChange, change_rotation};

/// The routes.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(end_rotation)).routes(routes!(extend_rotation)).routes(routes!(cancel_rotation))
}

impl PostBody for ExtendRotationBody {}
impl PostBody for CancelRotationBody {
    fn empty() -> Option<Self> {
        Some(Self::default())
    }
}

fn tag(info: &KeyInfo) -> HeaderMap {
    HeaderMap::from_iter(entity_tag(info.key.version))
}

fn answer(it: Answer<KeyInfo>) -> Response {
    respond(OK, it, tag, |it: &KeyInfo| KeyView::from(it))
}

/// Ends a rotation early.
///
/// The old secrets of the key stop at once. Doing it twice is no error.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/keys/{key_id}/rotation/end",
    tag = "keys",
    params(KeyPath, IfMatch, IdempotencyKey),
    extensions(("x-permissions" = json!({"all": ["claviger/keys:update"], "own": "claviger/own-keys:update"}))),
    responses(
        (status = 200, description = "The key as it is now.", body = KeyView, headers(("ETag", description = "The version."))),
        WriteRefusals,
    )
)]
pub(super) async fn end_rotation(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(KeyPath { organization_id, key_id }): Path<KeyPath>,
    post: Post<NoBody>,
) -> ApiResult<Response> {
    let (_, idempotency) = post.split(OK, KeyView::render, tag);
    let change = RotationChange::End;
    Ok(answer(change_rotation(&app, &caller, organization_id, key_id, change, None, idempotency).await?))
}

/// Lets the old secret of a rotation be good for longer.
///
/// It is the one that the current secret replaced; older ones keep their own time. A key that has expired is not rotated any more.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/keys/{key_id}/rotation/extend",
    tag = "keys",
    params(KeyPath, IfMatch, IdempotencyKey),
    request_body = ExtendRotationBody,
    extensions(("x-permissions" = json!({"all": ["claviger/keys:update"], "own": "claviger/own-keys:update"}))),
    responses(
        (status = 200, description = "The key as it is now.", body = KeyView, headers(("ETag", description = "The version."))),
        WriteRefusals,
    )
)]
pub(super) async fn extend_rotation(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(KeyPath { organization_id, key_id }): Path<KeyPath>,
    post: Post<ExtendRotationBody>,
) -> ApiResult<Response> {
    let (body, idempotency) = post.split(OK, KeyView::render, tag);
    let change = body.try_into()?;
    Ok(answer(change_rotation(&app, &caller, organization_id, key_id, change, None, idempotency).await?))
}

/// Takes a rotation back.
///
/// The new secret stops at once and for ever, and the old one is the key's current one again. Only while the old one is still good, since what
/// has ended never comes back; and where the new one was used already, only with `even_if_used`.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/keys/{key_id}/rotation/cancel",
    tag = "keys",
    params(KeyPath, IfMatch, IdempotencyKey),
    request_body = Option<CancelRotationBody>,
    extensions(("x-permissions" = json!({"all": ["claviger/keys:update"], "own": "claviger/own-keys:update"}))),
    responses(
        (status = 200, description = "The key as it is now.", body = KeyView, headers(("ETag", description = "The version."))),
        WriteRefusals,
    )
)]
pub(super) async fn cancel_rotation(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(KeyPath { organization_id, key_id }): Path<KeyPath>,
    post: Post<CancelRotationBody>,
) -> ApiResult<Response> {
    let (body, idempotency) = post.split(OK, KeyView::render, tag);
    Ok(answer(change_rotation(&app, &caller, organization_id, key_id, body.into(), None, idempotency).await?))
}
