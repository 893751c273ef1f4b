//! Users: create, list, get, update, put by the host's identifier.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use claviger_core::id::{OrganizationId, UserId};
use claviger_core::reject::Reject;
use claviger_core::time::Timestamp;
use claviger_core::user::User;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Authenticated;
use super::body::{JsonBody, Path, Query};
use super::fields::{all_fields, nullable, optional, present, same_external_id, text};
use super::headers::{IdempotencyKey, IfMatch, IfNoneMatch, entity_tag};
use super::idempotency::{CREATED, OK, Post, PostBody, place, respond};
use super::page::{PageQuery, PageView, page};
use super::paths::{ExternalIdPath, OrganizationPath, UserPath};
use super::problem::{ApiResult, Refusals, WriteRefusals};
use super::words::UserStatusWord;
use crate::app::App;
use crate::ops;
use crate::ops::users::{NewUser, UserPatch};

/// The routes of users.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create_user, list_users))
        .routes(routes!(get_user, update_user))
        .routes(routes!(put_user))
}

/// A person or a service user.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UserView {
    /// The user's identifier.
    #[schema(value_type = String, examples("usr_01kapxb4q0e8mv5r3g2t9w7yzn"))]
    pub id: UserId,
    /// The organization that manages the user.
    #[schema(value_type = String)]
    pub organization_id: OrganizationId,
    /// What people call the user, and what stands beside the user's actions.
    pub name: String,
    /// The sign-in name; a service user has none.
    #[schema(required)]
    pub email: Option<String>,
    /// The host's own identifier.
    #[schema(required)]
    pub external_id: Option<String>,
    /// Whether it is a service user, who only acts through keys.
    pub service: bool,
    /// Whether keys mapped to the user are good.
    pub status: UserStatusWord,
    /// When the user was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When the user was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl From<&User> for UserView {
    fn from(it: &User) -> Self {
        Self {
            id: it.id,
            organization_id: it.organization_id,
            name: it.name.to_string(),
            email: it.email.as_ref().map(ToString::to_string),
            external_id: it.external_id.as_ref().map(ToString::to_string),
            service: it.service,
            status: it.status.into(),
            created_at: it.created_at,
            updated_at: it.updated_at,
        }
    }
}

/// A user to be made, or to be put.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Ann Meyer", "email": "ann@example.com", "external_id": "user-4711"}))]
pub(super) struct NewUserBody {
    /// What people call the user.
    #[schema(min_length = 1, max_length = 80)]
    name: String,
    /// The sign-in name; a service user has none.
    #[schema(max_length = 254)]
    email: Option<String>,
    /// The host's own identifier. Where the path names it, it may be left out here.
    #[schema(min_length = 1, max_length = 128, pattern = "^[!-~]*$")]
    external_id: Option<String>,
    /// Whether it is a service user, who only acts through keys.
    #[serde(default)]
    #[schema(required = false, default = false)]
    service: bool,
}

impl PostBody for NewUserBody {}

impl TryFrom<NewUserBody> for NewUser {
    type Error = Reject;

    fn try_from(body: NewUserBody) -> Result<Self, Reject> {
        let name = text("/name", &body.name);
        let email = optional("/email", body.email.as_deref());
        let external_id = optional("/external_id", body.external_id.as_deref());
        let (name, email, external_id) = all_fields!(name, email, external_id)?;
        Ok(Self { name, email, external_id, service: body.service })
    }
}

/// What is to be changed on a user (RFC 7396): what is left out stays, null takes away what can be absent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserPatchBody {
    /// What people call the user.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 80)]
    name: Option<String>,
    /// The sign-in name.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 254)]
    email: Option<Option<String>>,
    /// The host's own identifier.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 128, pattern = "^[!-~]*$")]
    external_id: Option<Option<String>>,
    /// Whether keys mapped to the user are good.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = UserStatusWord, required = false)]
    status: Option<UserStatusWord>,
}

impl TryFrom<UserPatchBody> for UserPatch {
    type Error = Reject;

    fn try_from(body: UserPatchBody) -> Result<Self, Reject> {
        let name = optional("/name", body.name.as_deref());
        let email = nullable("/email", body.email.as_ref());
        let external_id = nullable("/external_id", body.external_id.as_ref());
        let (name, email, external_id) = all_fields!(name, email, external_id)?;
        Ok(Self { name, email, external_id, status: body.status.map(Into::into) })
    }
}

fn render(user: &User) -> Value {
    serde_json::to_value(UserView::from(user)).expect("a view is JSON")
}

fn place_of(user: &User) -> HeaderMap {
    place(&format!("/api/v1/organizations/{}/users/{}", user.organization_id, user.id), user.version)
}

fn answer(user: &User) -> Response {
    (entity_tag(user.version), Json(UserView::from(user))).into_response()
}

/// Makes a user.
///
/// The organization manages the user, who is no member yet.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/users",
    tag = "users",
    params(OrganizationPath, IdempotencyKey),
    request_body = NewUserBody,
    extensions(("x-permissions" = json!({"all": ["claviger/users:create"]}))),
    responses(
        (status = 201, description = "The user.", body = UserView,
         headers(("ETag", description = "The version."), ("Location", description = "Where it stands."))),
        WriteRefusals,
    )
)]
pub(super) async fn create_user(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
    post: Post<NewUserBody>,
) -> ApiResult<Response> {
    let (body, idempotency) = post.split(CREATED, render, place_of);
    let new = NewUser::try_from(body)?;
    let answer = ops::users::create_user(&app, &caller, organization_id, new, idempotency).await?;
    Ok(respond(CREATED, answer, place_of, |it: &User| UserView::from(it)))
}

/// Lists users.
///
/// Those that the organization manages.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organization_id}/users",
    tag = "users",
    params(OrganizationPath, PageQuery),
    extensions(("x-permissions" = json!({"all": ["claviger/users:read"]}))),
    responses(
        (status = 200, description = "A page of users.", body = PageView<UserView>),
        Refusals,
    )
)]
pub(super) async fn list_users(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<PageQuery>,
) -> ApiResult<Response> {
    const LIST: &str = "users";
    let found = ops::users::list_users(&app, &caller, organization_id, query.request(LIST)?).await?;
    Ok(page(&uri, LIST, found, |it| UserView::from(&it)))
}

/// Shows one user.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organization_id}/users/{user_id}",
    tag = "users",
    params(UserPath),
    extensions(("x-permissions" = json!({"all": ["claviger/users:read"]}))),
    responses(
        (status = 200, description = "The user.", body = UserView, headers(("ETag", description = "The version."))),
        Refusals,
    )
)]
pub(super) async fn get_user(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(UserPath { organization_id, user_id }): Path<UserPath>,
) -> ApiResult<Response> {
    Ok(answer(&ops::users::get_user(&app, &caller, organization_id, user_id).await?))
}

/// Changes a user.
///
/// What is left out stays as it is (RFC 7396). Nobody changes more than the name of a user who holds more than they do here, and
/// nothing of one who holds more in another organization.
#[utoipa::path(
    patch,
    path = "/api/v1/organizations/{organization_id}/users/{user_id}",
    tag = "users",
    params(UserPath, IfMatch),
    request_body = UserPatchBody,
    extensions(("x-permissions" = json!({"all": ["claviger/users:update"]}))),
    responses(
        (status = 200, description = "The user as it is now.", body = UserView,
         headers(("ETag", description = "The version."))),
        WriteRefusals,
    )
)]
pub(super) async fn update_user(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(UserPath { organization_id, user_id }): Path<UserPath>,
    JsonBody(body): JsonBody<UserPatchBody>,
) -> ApiResult<Response> {
    let patch = UserPatch::try_from(body)?;
    Ok(answer(&ops::users::update_user(&app, &caller, organization_id, user_id, patch, None).await?))
}

/// Puts a user by the host's identifier.
///
/// Makes the user, or changes it to what is asked. Doing it twice changes nothing. What describes the user is replaced (RFC 9110 PUT): without
/// `email` there is none any more, without `service` it is a person. The status stays; PATCH changes it. Nobody changes more than the name of a user who holds more
/// than they do here, and nothing of one who holds more in another organization.
#[utoipa::path(
    put,
    path = "/api/v1/organizations/{organization_id}/users/by-external-id/{external_id}",
    tag = "users",
    params(ExternalIdPath, IfMatch, IfNoneMatch),
    request_body = NewUserBody,
    extensions(("x-permissions" = json!({"all": ["claviger/users:create", "claviger/users:update"]}))),
    responses(
        (status = 200, description = "The user was there, and is now as asked.", body = UserView,
         headers(("ETag", description = "The version."), ("Location", description = "Where it stands."))),
        (status = 201, description = "The user was made.", body = UserView,
         headers(("ETag", description = "The version."), ("Location", description = "Where it stands."))),
        WriteRefusals,
    )
)]
pub(super) async fn put_user(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(path): Path<ExternalIdPath>,
    JsonBody(body): JsonBody<NewUserBody>,
) -> ApiResult<Response> {
    let (organization_id, external_id) = path.read()?;
    let new = NewUser::try_from(body)?;
    same_external_id(&external_id, new.external_id.as_ref())?;
    let (user, made) = ops::users::put_user(&app, &caller, organization_id, external_id, new).await?;
    let status: StatusCode = if made { CREATED } else { OK };
    Ok((status, place_of(&user), Json(UserView::from(&user))).into_response())
}
