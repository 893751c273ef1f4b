//! Keys: create, list, get, update, activate, deactivate, rotate, revoke.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use claviger_core::key::{KeyPatch, Origin};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Authenticated;
use super::body::{JsonBody, Path, Query};
use super::headers::{IdempotencyKey, IfMatch, entity_tag};
use super::idempotency::{CREATED, NoBody, OK, Post, PostBody, place, respond};
use super::key_bodies::{DuplicateKeyBody, KeyPatchBody, NewKeyBody, RevokeKeyBody, RotateKeyBody};
use super::key_queries::KeyListQuery;
use super::key_views::{CreatedKeyView, KeyListView, KeyView};
use super::page::page_of;
use super::paths::{KeyPath, OrganizationPath};
use super::problem::{ApiResult, Refusals, WriteRefusals};
use crate::app::App;
use crate::ops;
use crate::ops::keys::{CreatedKey, KeyInfo, NewKey};

/// The routes of keys.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create_key, list_keys))
        .routes(routes!(get_key, update_key))
        .routes(routes!(activate_key))
        .routes(routes!(deactivate_key))
        .routes(routes!(rotate_key))
        .routes(routes!(revoke_key))
        .routes(routes!(duplicate_key))
}

impl PostBody for NewKeyBody {}
impl PostBody for RotateKeyBody {
    fn empty() -> Option<Self> {
        Some(Self::default())
    }
}
impl PostBody for DuplicateKeyBody {
    fn empty() -> Option<Self> {
        Some(Self::default())
    }
}
impl PostBody for RevokeKeyBody {
    fn empty() -> Option<Self> {
        Some(Self::default())
    }
}

fn path_of(created: &CreatedKey) -> HeaderMap {
    let key = &created.info.key;
    place(&format!("/api/v1/organizations/{}/keys/{}", key.organization_id, key.id), key.version)
}

/// The version of what an operation answers with.
fn tag(info: &KeyInfo) -> HeaderMap {
    HeaderMap::from_iter(entity_tag(info.key.version))
}

/// The version of a key with another secret.
pub(super) fn tag_of(created: &CreatedKey) -> HeaderMap {
    tag(&created.info)
}

fn answer(info: &KeyInfo) -> Response {
    (entity_tag(info.key.version), Json(KeyView::from(info))).into_response()
}

/// Creates a key.
///
/// Its secret stands in this answer, and in no other unless the policy `reveal` allows it. With neither a role nor scopes the key may do all that its mapped user may.
/// Who holds `claviger/own-keys:create` instead creates keys of their own, as far as their role has API access. Keys of some apis, such as
/// `data-loader`, are made one for each user: a second one is refused (409 `user_has_key`).
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/keys",
    tag = "keys",
    params(OrganizationPath, IdempotencyKey),
    request_body = NewKeyBody,
    extensions(("x-permissions" = json!({"all": ["claviger/keys:create"], "own": "claviger/own-keys:create"}))),
    responses(
        (status = 201, description = "The key and its secret.", body = CreatedKeyView,
         headers(("ETag", description = "The version."), ("Location", description = "Where it stands."))),
        WriteRefusals,
    )
)]
pub(super) async fn create_key(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
    post: Post<NewKeyBody>,
) -> ApiResult<Response> {
    let (body, idempotency) = post.split(CREATED, CreatedKeyView::render, path_of);
    let answer = ops::keys::create_key(&app, &caller, organization_id, NewKey::try_from(body)?, idempotency).await?;
    Ok(respond(CREATED, answer, path_of, |it: &CreatedKey| CreatedKeyView::from(it)))
}

/// Lists keys.
///
/// Who holds `claviger/own-keys:read` instead sees those they own or are mapped to. One request looks at 2,000 keys besides those it shows:
/// where a filter lets few of many through, a page comes back with fewer keys than were asked for, or with none, and `next_cursor` goes on
/// from there. The list is over when `next_cursor` is null.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organization_id}/keys",
    tag = "keys",
    params(OrganizationPath, KeyListQuery),
    extensions(("x-permissions" = json!({"all": ["claviger/keys:read"], "own": "claviger/own-keys:read"}))),
    responses(
        (status = 200, description = "A page of keys, and how many there are in all.", body = KeyListView),
        Refusals,
    )
)]
pub(super) async fn list_keys(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<KeyListQuery>,
) -> ApiResult<Response> {
    let (query, page, list) = query.read(app.now())?;
    let found = ops::keys::list_keys(&app, &caller, organization_id, query, page.request(&list)?).await?;
    let total = found.total;
    Ok(page_of(
        &uri,
        &list,
        found.page,
        |it| KeyView::listed(&it),
        |data, next_cursor| KeyListView { data, next_cursor, total: total.count, total_is_exact: total.is_exact },
    ))
}

/// Shows one key.
///
/// Its secret is not in it.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organization_id}/keys/{key_id}",
    tag = "keys",
    params(KeyPath),
    extensions(("x-permissions" = json!({"all": ["claviger/keys:read"], "own": "claviger/own-keys:read"}))),
    responses(
        (status = 200, description = "The key.", body = KeyView, headers(("ETag", description = "The version."))),
        Refusals,
    )
)]
pub(super) async fn get_key(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(KeyPath { organization_id, key_id }): Path<KeyPath>,
) -> ApiResult<Response> {
    Ok(answer(&ops::keys::get_key(&app, &caller, organization_id, key_id).await?))
}

/// Changes a key.
///
/// What is left out stays as it is (RFC 7396), and the secret never changes.
#[utoipa::path(
    patch,
    path = "/api/v1/organizations/{organization_id}/keys/{key_id}",
    tag = "keys",
    params(KeyPath, IfMatch),
    request_body = KeyPatchBody,
    extensions(("x-permissions" = json!({"all": ["claviger/keys:update"], "own": "claviger/own-keys:update"}))),
    responses(
        (status = 200, description = "The key as it is now.", body = KeyView, headers(("ETag", description = "The version."))),
        WriteRefusals,
    )
)]
pub(super) async fn update_key(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(KeyPath { organization_id, key_id }): Path<KeyPath>,
    JsonBody(body): JsonBody<KeyPatchBody>,
) -> ApiResult<Response> {
    let patch = KeyPatch::try_from(body)?;
    Ok(answer(&ops::keys::update_key(&app, &caller, organization_id, key_id, patch, None).await?))
}

/// Switches a key on.
///
/// Doing it twice is no error. Whoever may change own keys only switches on again what they switched off themselves, or what the service did:
/// one that somebody else deactivated stays so, `insufficient_permission`.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/keys/{key_id}/activate",
    tag = "keys",
    params(KeyPath, IfMatch, IdempotencyKey),
    extensions(("x-permissions" = json!({"all": ["claviger/keys:update"], "own": "claviger/own-keys:update"}))),
    responses(
        (status = 200, description = "The key as it is now.", body = KeyView, headers(("ETag", description = "The version."))),
        WriteRefusals,
    )
)]
pub(super) async fn activate_key(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(KeyPath { organization_id, key_id }): Path<KeyPath>,
    post: Post<NoBody>,
) -> ApiResult<Response> {
    let (_, idempotency) = post.split(OK, KeyView::render, tag);
    let answer = ops::keys::set_key_active(&app, &caller, organization_id, key_id, true, None, idempotency).await?;
    Ok(respond(OK, answer, tag, |it: &KeyInfo| KeyView::from(it)))
}

/// Switches a key off.
///
/// It is refused until it is switched on again. Doing it twice is no error.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/keys/{key_id}/deactivate",
    tag = "keys",
    params(KeyPath, IfMatch, IdempotencyKey),
    extensions(("x-permissions" = json!({"all": ["claviger/keys:update"], "own": "claviger/own-keys:update"}))),
    responses(
        (status = 200, description = "The key as it is now.", body = KeyView, headers(("ETag", description = "The version."))),
        WriteRefusals,
    )
)]
pub(super) async fn deactivate_key(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(KeyPath { organization_id, key_id }): Path<KeyPath>,
    post: Post<NoBody>,
) -> ApiResult<Response> {
    let (_, idempotency) = post.split(OK, KeyView::render, tag);
    let answer = ops::keys::set_key_active(&app, &caller, organization_id, key_id, false, None, idempotency).await?;
    Ok(respond(OK, answer, tag, |it: &KeyInfo| KeyView::from(it)))
}

/// Gives a key a new secret.
///
/// The new one stands in this answer, and in no other unless the policy `reveal` allows it; the old one stays good for the overlap.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/keys/{key_id}/rotate",
    tag = "keys",
    params(KeyPath, IfMatch, IdempotencyKey),
    request_body = Option<RotateKeyBody>,
    extensions(("x-permissions" = json!({"all": ["claviger/keys:update"], "own": "claviger/own-keys:update"}))),
    responses(
        (status = 200, description = "The key and its new secret.", body = CreatedKeyView, headers(("ETag", description = "The version."))),
        WriteRefusals,
    )
)]
pub(super) async fn rotate_key(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(KeyPath { organization_id, key_id }): Path<KeyPath>,
    post: Post<RotateKeyBody>,
) -> ApiResult<Response> {
    let (body, idempotency) = post.split(OK, CreatedKeyView::render, tag_of);
    let answer = ops::keys::rotate_key(&app, &caller, organization_id, key_id, body.try_into()?, idempotency).await?;
    Ok(respond(OK, answer, tag_of, |it: &CreatedKey| CreatedKeyView::from(it)))
}

/// Revokes a key for ever.
///
/// It frees its name and keeps its history. Doing it twice is no error and changes nothing: the first reason stays.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/keys/{key_id}/revoke",
    tag = "keys",
    params(KeyPath, IfMatch, IdempotencyKey),
    request_body = Option<RevokeKeyBody>,
    extensions(("x-permissions" = json!({"all": ["claviger/keys:delete"], "own": "claviger/own-keys:delete"}))),
    responses(
        (status = 200, description = "The key as it is now.", body = KeyView, headers(("ETag", description = "The version."))),
        WriteRefusals,
    )
)]
pub(super) async fn revoke_key(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(KeyPath { organization_id, key_id }): Path<KeyPath>,
    post: Post<RevokeKeyBody>,
) -> ApiResult<Response> {
    let (body, idempotency) = post.split(OK, KeyView::render, tag);
    let reason = body.reason.map(Into::into).unwrap_or_default();
    let answer = ops::keys::revoke_key(&app, &caller, organization_id, key_id, reason, idempotency).await?;
    Ok(respond(OK, answer, tag, |it: &KeyInfo| KeyView::from(it)))
}

/// Makes a key with the settings of another one.
///
/// It has a secret of its own, which stands in this answer, as that of a new key does. Everything else is as the key has it, but for where it is stored.
/// Who holds `claviger/own-keys:create` and `claviger/own-keys:read` instead copies own keys.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/keys/{key_id}/duplicate",
    tag = "keys",
    params(KeyPath, IdempotencyKey),
    request_body = Option<DuplicateKeyBody>,
    extensions(("x-permissions" = json!({"all": ["claviger/keys:create", "claviger/keys:read"]}))),
    responses(
        (status = 201, description = "The new key and its secret.", body = CreatedKeyView,
         headers(("ETag", description = "The version."), ("Location", description = "Where it stands."))),
        WriteRefusals,
    )
)]
pub(super) async fn duplicate_key(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(KeyPath { organization_id, key_id }): Path<KeyPath>,
    post: Post<DuplicateKeyBody>,
) -> ApiResult<Response> {
    let (body, idempotency) = post.split(CREATED, CreatedKeyView::render, path_of);
    let copy = body.try_into()?;
    let answer =
        ops::keys::duplicate_key(&app, &caller, organization_id, key_id, copy, Origin::Api, idempotency).await?;
    Ok(respond(CREATED, answer, path_of, |it: &CreatedKey| CreatedKeyView::from(it)))
}
