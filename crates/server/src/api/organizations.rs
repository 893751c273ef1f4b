//! Organizations: create below another, list, get, update, put by the host's identifier.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Authenticated;
use super::body::{JsonBody, Path, Query};
use super::fields::same_external_id;
use super::headers::{ConfirmLockout, IdempotencyKey, IfMatch, IfNoneMatch, entity_tag};
use super::idempotency::{CREATED, OK, Post, place, respond};
use super::organization_views::{
    MoveOrganizationBody, NewOrganizationBody, OrganizationListQuery, OrganizationPatchBody, OrganizationView,
};
use super::page::{PageView, page};
use super::paths::{ExternalIdPath, OrganizationPath};
use super::problem::{ApiResult, Refusals, WriteRefusals};
use crate::app::App;
use crate::ops;
use crate::ops::caller::Caller;
use crate::ops::organizations::{NewOrganization, OrganizationInfo, OrganizationPatch};

/// The routes of organizations.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get_organization, update_organization))
        .routes(routes!(create_organization, list_organizations))
        .routes(routes!(put_organization))
        .routes(routes!(move_organization))
}

fn place_of(OrganizationInfo { organization, .. }: &OrganizationInfo) -> HeaderMap {
    place(&format!("/api/v1/organizations/{}", organization.id), organization.version)
}

fn tag(OrganizationInfo { organization, .. }: &OrganizationInfo) -> HeaderMap {
    HeaderMap::from_iter(entity_tag(organization.version))
}

/// The organization as its caller sees it: what stands above the caller's own reach is not named.
fn answer(app: &App, caller: &Caller, info: &OrganizationInfo) -> Response {
    let mut view = OrganizationView::from(info);
    view.parent_id = view.parent_id.filter(|it| caller.reach(app, *it).is_ok());
    (entity_tag(info.organization.version), Json(view)).into_response()
}

/// Makes an organization below another.
///
/// It has the built-in roles from the start. A key with the reach `organization`, which is the default, does not reach it, not even the key
/// that made it: 404. Work on it with a key that has the reach `subtree`, or with one that stands in it.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/organizations",
    tag = "organizations",
    params(OrganizationPath, IdempotencyKey, ConfirmLockout),
    request_body = NewOrganizationBody,
    extensions(("x-permissions" = json!({"all": ["claviger/organizations:create"]}))),
    responses(
        (status = 201, description = "The organization.", body = OrganizationView,
         headers(("ETag", description = "The version."), ("Location", description = "Where it stands."))),
        WriteRefusals,
    )
)]
pub(super) async fn create_organization(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
    ConfirmLockout(confirms_lockout): ConfirmLockout,
    post: Post<NewOrganizationBody>,
) -> ApiResult<Response> {
    let (body, idempotency) = post.split(CREATED, OrganizationView::render, place_of);
    let new = NewOrganization { confirms_lockout, ..body.try_into()? };
    let answer = ops::organizations::create_organization(&app, &caller, organization_id, new, idempotency).await?;
    Ok(respond(CREATED, answer, place_of, |it: &OrganizationInfo| OrganizationView::from(it)))
}

/// Lists organizations.
///
/// The one of the path and all below it; with `children` or `search` only such as are below it.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organization_id}/organizations",
    tag = "organizations",
    params(OrganizationPath, OrganizationListQuery),
    extensions(("x-permissions" = json!({"all": ["claviger/organizations:read"]}))),
    responses(
        (status = 200, description = "A page of organizations.", body = PageView<OrganizationView>),
        Refusals,
    )
)]
pub(super) async fn list_organizations(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<OrganizationListQuery>,
) -> ApiResult<Response> {
    let (query, part, list) = query.read()?;
    let request = part.request(list)?;
    let found = ops::organizations::list_organizations(&app, &caller, organization_id, query, request).await?;
    Ok(page(&uri, list, found, |it| OrganizationView::from(&it)))
}

/// Shows one organization.
///
/// Also the policy that holds for it once those above it are taken into account.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organization_id}",
    tag = "organizations",
    params(OrganizationPath),
    extensions(("x-permissions" = json!({"all": ["claviger/organizations:read"]}))),
    responses(
        (status = 200, description = "The organization.", body = OrganizationView, headers(("ETag", description = "The version."))),
        Refusals,
    )
)]
pub(super) async fn get_organization(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
) -> ApiResult<Response> {
    Ok(answer(&app, &caller, &ops::organizations::get_organization(&app, &caller, organization_id).await?))
}

/// Changes an organization.
///
/// What is left out stays as it is (RFC 7396). An allow-list without the address that the request comes from is refused (409 `locks_out`), since
/// it would keep out the very key that sets it; with `Claviger-Confirm-Lockout: true` it is taken. The console has no such bound, and can lift it.
#[utoipa::path(
    patch,
    path = "/api/v1/organizations/{organization_id}",
    tag = "organizations",
    params(OrganizationPath, IfMatch, ConfirmLockout),
    request_body = OrganizationPatchBody,
    extensions(("x-permissions" = json!({"all": ["claviger/organizations:update"]}))),
    responses(
        (status = 200, description = "The organization as it is now.", body = OrganizationView, headers(("ETag", description = "The version."))),
        WriteRefusals,
    )
)]
pub(super) async fn update_organization(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
    ConfirmLockout(confirms_lockout): ConfirmLockout,
    JsonBody(body): JsonBody<OrganizationPatchBody>,
) -> ApiResult<Response> {
    let patch = OrganizationPatch { confirms_lockout, ..body.try_into()? };
    Ok(answer(
        &app,
        &caller,
        &ops::organizations::update_organization(&app, &caller, organization_id, patch, None).await?,
    ))
}

/// Moves an organization.
///
/// With all that stands below it, to another parent. Only who holds everything at the organization where both places meet can do it, since what
/// is inherited there changes hands: members above, locked policies, roles and apis. Refused (409 `state_conflict`) where a member or a live
/// key below has a role or an api that would not be above it any more. Doing it twice is no error.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/move",
    tag = "organizations",
    params(OrganizationPath, IfMatch, IdempotencyKey),
    request_body = MoveOrganizationBody,
    extensions(("x-permissions" = json!({"all": ["claviger/organizations:update"]}))),
    responses(
        (status = 200, description = "The organization as it is now.", body = OrganizationView, headers(("ETag", description = "The version."))),
        WriteRefusals,
    )
)]
pub(super) async fn move_organization(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
    post: Post<MoveOrganizationBody>,
) -> ApiResult<Response> {
    // Who may move it reaches its parent, so that nothing of the answer has to be left out.
    let (body, idempotency) = post.split(OK, OrganizationView::render, tag);
    let parent_id = body.read()?;
    let moved = ops::moves::move_organization(&app, &caller, organization_id, parent_id, None, idempotency).await?;
    Ok(respond(OK, moved, tag, |it: &OrganizationInfo| OrganizationView::from(it)))
}

/// Puts an organization by the host's identifier.
///
/// Makes it, or changes it to what is asked. Doing it twice changes nothing. What describes it is replaced (RFC 9110 PUT), as with a user: its
/// name. What guards it and where it stands are no part of that and stay where they are left out, so that who keeps names in step opens nothing
/// that an admin has closed: `policy`, `allowed_ips` (null lets its keys be used from anywhere), `slug`, and always its status and its parent.
#[utoipa::path(
    put,
    path = "/api/v1/organizations/{organization_id}/organizations/by-external-id/{external_id}",
    tag = "organizations",
    params(ExternalIdPath, IfMatch, IfNoneMatch, ConfirmLockout),
    request_body = NewOrganizationBody,
    extensions(("x-permissions" = json!({"all": ["claviger/organizations:create", "claviger/organizations:update"]}))),
    responses(
        (status = 200, description = "It was there, and is now as asked.", body = OrganizationView,
         headers(("ETag", description = "The version."), ("Location", description = "Where it stands."))),
        (status = 201, description = "It was made.", body = OrganizationView,
         headers(("ETag", description = "The version."), ("Location", description = "Where it stands."))),
        WriteRefusals,
    )
)]
pub(super) async fn put_organization(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(path): Path<ExternalIdPath>,
    ConfirmLockout(confirms_lockout): ConfirmLockout,
    JsonBody(body): JsonBody<NewOrganizationBody>,
) -> ApiResult<Response> {
    let (organization_id, external_id) = path.read()?;
    let new = NewOrganization { confirms_lockout, ..body.try_into()? };
    same_external_id(&external_id, new.external_id.as_ref())?;
    let (info, made) = ops::organizations::put_organization(&app, &caller, organization_id, external_id, new).await?;
    let status: StatusCode = if made { CREATED } else { OK };
    Ok((status, place_of(&info), Json(OrganizationView::from(&info))).into_response())
}
