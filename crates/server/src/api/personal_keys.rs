//! The personal key of a user: show, switch on, regenerate, switch off.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Authenticated;
use super::body::Path;
use super::headers::{IdempotencyKey, IfMatch, IfNoneMatch, entity_tag};
use super::idempotency::{CREATED, NoBody, OK, Post, respond};
use super::key_views::{CreatedKeyView, KeyView};
use super::keys::tag_of;
use super::paths::UserPath;
use super::problem::{ApiResult, Refusals, WriteRefusals};
use crate::app::App;
use crate::ops;
use crate::ops::keys::{CreatedKey, Toggled};

/// The routes of personal keys.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get_personal_key, put_personal_key, delete_personal_key))
        .routes(routes!(rotate_personal_key))
}

/// Shows a user's personal key.
///
/// Its secret is not in it. Without one, 404. A list of all users who have one is `…/keys?personal=true`.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organization_id}/users/{user_id}/personal-key",
    tag = "keys",
    params(UserPath),
    extensions(("x-permissions" = json!({"all": ["claviger/keys:read"], "own": "claviger/own-keys:read"}))),
    responses(
        (status = 200, description = "The key.", body = KeyView, headers(("ETag", description = "The version."))),
        Refusals,
    )
)]
pub(super) async fn get_personal_key(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(UserPath { organization_id, user_id }): Path<UserPath>,
) -> ApiResult<Response> {
    let info = ops::keys::get_personal_key(&app, &caller, organization_id, user_id).await?;
    Ok((entity_tag(info.key.version), Json(KeyView::from(&info))).into_response())
}

/// Switches a user's personal key on.
///
/// Makes the one key that the user may have without a name or a form, on the api `default`: named after the user (`Personal key of Maria Keller`), with all that the user may
/// do, beside `max_keys_per_user`. Its secret stands in this answer, and in no other unless the policy `reveal` allows it. Where there is one already, nothing changes and no
/// secret is shown. Only the user may do this, as far as the user's role has API access.
#[utoipa::path(
    put,
    path = "/api/v1/organizations/{organization_id}/users/{user_id}/personal-key",
    tag = "keys",
    params(UserPath, IfMatch, IfNoneMatch),
    extensions(("x-permissions" = json!({"all": ["claviger/keys:create"], "own": "claviger/own-keys:create"}))),
    responses(
        (status = 200, description = "The key that was there already.", body = CreatedKeyView,
         headers(("ETag", description = "The version."))),
        (status = 201, description = "The key and its secret.", body = CreatedKeyView,
         headers(("ETag", description = "The version."))),
        WriteRefusals,
    )
)]
pub(super) async fn put_personal_key(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(UserPath { organization_id, user_id }): Path<UserPath>,
) -> ApiResult<Response> {
    let toggled = ops::keys::put_personal_key(&app, &caller, organization_id, user_id).await?;
    let (status, version, view) = match &toggled {
        Toggled::Made(created) => (CREATED, created.info.key.version, CreatedKeyView::from(created)),
        Toggled::There(info) => (OK, info.key.version, CreatedKeyView::there(info)),
    };
    Ok((status, entity_tag(version), Json(view)).into_response())
}

/// Regenerates a user's personal key.
///
/// The new secret stands in this answer, as that of a new key does; the next call with the old one fails. Only the user may do this.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/users/{user_id}/personal-key/rotate",
    tag = "keys",
    params(UserPath, IfMatch, IdempotencyKey),
    extensions(("x-permissions" = json!({"all": ["claviger/keys:update"], "own": "claviger/own-keys:update"}))),
    responses(
        (status = 200, description = "The key and its new secret.", body = CreatedKeyView, headers(("ETag", description = "The version."))),
        WriteRefusals,
    )
)]
pub(super) async fn rotate_personal_key(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(UserPath { organization_id, user_id }): Path<UserPath>,
    post: Post<NoBody>,
) -> ApiResult<Response> {
    let (_, idempotency) = post.split(OK, CreatedKeyView::render, tag_of);
    let answer = ops::keys::rotate_personal_key(&app, &caller, organization_id, user_id, idempotency).await?;
    Ok(respond(OK, answer, tag_of, |it: &CreatedKey| CreatedKeyView::from(it)))
}

/// Switches a user's personal key off.
///
/// The key is revoked for ever, whoever holds it. An admin so clears anybody's; the user may switch on another one afterwards.
#[utoipa::path(
    delete,
    path = "/api/v1/organizations/{organization_id}/users/{user_id}/personal-key",
    tag = "keys",
    params(UserPath, IfMatch),
    extensions(("x-permissions" = json!({"all": ["claviger/keys:delete"], "own": "claviger/own-keys:delete"}))),
    responses((status = 204, description = "The key is revoked."), WriteRefusals)
)]
pub(super) async fn delete_personal_key(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(UserPath { organization_id, user_id }): Path<UserPath>,
) -> ApiResult<StatusCode> {
    ops::keys::delete_personal_key(&app, &caller, organization_id, user_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
