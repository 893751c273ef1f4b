//! Rotations of keys that are under way: end, extend, cancel.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Authenticated;
use super::body::Path;
use super::headers::{IdempotencyKey, IfMatch, entity_tag};
use super::idempotency::{OK, Post, PostBody, respond};
use super::key_bodies::{CancelRotationBody, EndRotationBody, ExtendRotationBody};
use super::key_views::KeyView;
use super::paths::KeyPath;
use super::problem::{ApiResult, WriteRefusals};
use crate::app::App;
use crate::ops::idempotency::Answer;
use crate::ops::keys::{KeyInfo, change_rotation};

/// The routes.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(end_rotation)).routes(routes!(extend_rotation)).routes(routes!(cancel_rotation))
}

impl PostBody for ExtendRotationBody {}
impl PostBody for EndRotationBody {
    fn empty() -> Option<Self> {
        Some(Self::default())
    }
}
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
/// The old secrets of the key stop at once: the one that is named, or all of them. The others, and the current one, go on as they are. The answer
/// names those that ended as `dead`, behind the good ones; doing it twice is no error, and ends none the second time.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/keys/{key_id}/rotation/end",
    tag = "keys",
    params(KeyPath, IfMatch, IdempotencyKey),
    request_body = Option<EndRotationBody>,
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
    post: Post<EndRotationBody>,
) -> ApiResult<Response> {
    let (body, idempotency) = post.split(OK, KeyView::render, tag);
    let change = body.try_into()?;
    Ok(answer(change_rotation(&app, &caller, organization_id, key_id, change, None, idempotency).await?))
}

/// Lets an old secret be good for longer.
///
/// The one that is named, or the one that was replaced last; other old ones keep their own time. A key that has expired is not rotated any more.
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
/// The new secret stops at once and for ever, and an old one is the key's current one again: the one that is named, or the one that was replaced
/// last; other old ones keep their time. Only while it is still good, since what has ended never comes back; and where the new one was used
/// already, only with `even_if_used`. The answer names the new one as `dead`, behind the good ones.
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
    let change = body.try_into()?;
    Ok(answer(change_rotation(&app, &caller, organization_id, key_id, change, None, idempotency).await?))
}
