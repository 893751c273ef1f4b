//! Roles: create, list, get, update, delete.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use claviger_core::id::{OrganizationId, RoleId};
use claviger_core::permission::PermissionSet;
use claviger_core::reject::Reject;
use claviger_core::role::Role;
use claviger_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Authenticated;
use super::body::{JsonBody, Path, Query};
use super::fields::{all_fields, optional, permissions, present, text};
use super::headers::{IdempotencyKey, IfMatch, entity_tag};
use super::idempotency::{CREATED, Post, PostBody, place, respond};
use super::page::{PageQuery, PageView, page};
use super::paths::{OrganizationPath, RolePath};
use super::problem::{ApiResult, Refusals, WriteRefusals};
use super::words::BuiltInWord;
use crate::app::App;
use crate::ops;
use crate::ops::roles::{NewRole, RoleInfo, RolePatch};

/// The routes of roles.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create_role, list_roles)).routes(routes!(get_role, update_role, delete_role))
}

/// A named set of permissions.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RoleView {
    /// Its identifier.
    #[schema(value_type = String, examples("rol_01kapxb4q0e8mv5r3g2t9w7yzn"))]
    pub id: RoleId,
    /// The organization that defines it; it can be given there and below.
    #[schema(value_type = String)]
    pub organization_id: OrganizationId,
    /// Which built-in role it is, if one.
    #[schema(required)]
    pub built_in: Option<BuiltInWord>,
    /// Its name, unique in the organization.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What it allows.
    #[schema(value_type = Vec<String>)]
    pub permissions: PermissionSet,
    /// Whether holders other than admins may have and use keys.
    pub api_access: bool,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

/// A role, and what has it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RoleDetailView {
    /// The role.
    #[serde(flatten)]
    pub role: RoleView,
    /// Members who have it.
    pub member_count: u64,
    /// Live keys that have it themselves. The role's preview counts what a change would touch, and so those too that are mapped to a member
    /// who has it.
    pub key_count: u64,
}

impl From<&Role> for RoleView {
    fn from(it: &Role) -> Self {
        Self {
            id: it.id,
            organization_id: it.organization_id,
            built_in: it.built_in.map(Into::into),
            name: it.name.to_string(),
            description: it.description.to_string(),
            permissions: it.permissions.clone(),
            api_access: it.api_access,
            created_at: it.created_at,
            updated_at: it.updated_at,
        }
    }
}

/// A role to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Exporter", "permissions": ["contacts:read", "scorecards/A:read"], "api_access": true}))]
pub(super) struct NewRoleBody {
    /// Its name, unique in the organization.
    #[schema(min_length = 1, max_length = 80)]
    name: String,
    /// What it is for.
    #[serde(default)]
    #[schema(required = false, max_length = 500)]
    description: String,
    /// What it allows, such as `contacts:read` or `scorecards/A:update`.
    #[schema(max_items = 256)]
    permissions: Vec<String>,
    /// Whether its holders may have and use keys.
    #[serde(default)]
    #[schema(required = false, default = false)]
    api_access: bool,
}

impl PostBody for NewRoleBody {}

impl TryFrom<NewRoleBody> for NewRole {
    type Error = Reject;

    fn try_from(body: NewRoleBody) -> Result<Self, Reject> {
        let name = text("/name", &body.name);
        let description = text("/description", &body.description);
        let permissions = permissions("/permissions", &body.permissions);
        let (name, description, permissions) = all_fields!(name, description, permissions)?;
        Ok(Self { name, description, permissions, api_access: body.api_access })
    }
}

/// What is to be changed on a role (RFC 7396): what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RolePatchBody {
    /// Its name.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 80)]
    name: Option<String>,
    /// What it is for.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, max_length = 500)]
    description: Option<String>,
    /// What it allows; fixed for the built-in admin role.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Vec<String>, required = false, max_items = 256)]
    permissions: Option<Vec<String>>,
    /// Whether its holders may have and use keys; always so for the built-in admin role.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = bool, required = false)]
    api_access: Option<bool>,
}

impl TryFrom<RolePatchBody> for RolePatch {
    type Error = Reject;

    fn try_from(body: RolePatchBody) -> Result<Self, Reject> {
        let name = optional("/name", body.name.as_deref());
        let description = optional("/description", body.description.as_deref());
        let permissions = body.permissions.map(|it| permissions("/permissions", &it)).transpose();
        let (name, description, permissions) = all_fields!(name, description, permissions)?;
        Ok(Self { name, description, permissions, api_access: body.api_access })
    }
}

fn render(role: &Role) -> Value {
    serde_json::to_value(RoleView::from(role)).expect("a view is JSON")
}

fn place_of(role: &Role) -> HeaderMap {
    place(&format!("/api/v1/organizations/{}/roles/{}", role.organization_id, role.id), role.version)
}

/// Makes a role.
///
/// Nobody makes one that allows more than they hold.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/roles",
    tag = "roles",
    params(OrganizationPath, IdempotencyKey),
    request_body = NewRoleBody,
    extensions(("x-permissions" = json!({"all": ["claviger/roles:create"]}))),
    responses(
        (status = 201, description = "The role.", body = RoleView,
         headers(("ETag", description = "The version."), ("Location", description = "Where it stands."))),
        WriteRefusals,
    )
)]
pub(super) async fn create_role(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
    post: Post<NewRoleBody>,
) -> ApiResult<Response> {
    let (body, idempotency) = post.split(CREATED, render, place_of);
    let new = NewRole::try_from(body)?;
    let answer = ops::roles::create_role(&app, &caller, organization_id, new, idempotency).await?;
    Ok(respond(CREATED, answer, place_of, |it: &Role| RoleView::from(it)))
}

/// Lists roles.
///
/// Those that can be given here: the organization's own and those of the ones above it.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organization_id}/roles",
    tag = "roles",
    params(OrganizationPath, PageQuery),
    extensions(("x-permissions" = json!({"all": ["claviger/roles:read"]}))),
    responses(
        (status = 200, description = "A page of roles.", body = PageView<RoleView>),
        Refusals,
    )
)]
pub(super) async fn list_roles(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<PageQuery>,
) -> ApiResult<Response> {
    const LIST: &str = "roles";
    let found = ops::roles::list_roles(&app, &caller, organization_id, query.request(LIST)?).await?;
    Ok(page(&uri, LIST, found, |it| RoleView::from(&it)))
}

/// Shows one role.
///
/// Also how many members and keys have it. What a change of it would touch, its preview says.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organization_id}/roles/{role_id}",
    tag = "roles",
    params(RolePath),
    extensions(("x-permissions" = json!({"all": ["claviger/roles:read"]}))),
    responses(
        (status = 200, description = "The role.", body = RoleDetailView, headers(("ETag", description = "The version."))),
        Refusals,
    )
)]
pub(super) async fn get_role(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(RolePath { organization_id, role_id }): Path<RolePath>,
) -> ApiResult<Response> {
    let RoleInfo { role, member_count, key_count } =
        ops::roles::get_role(&app, &caller, organization_id, role_id).await?;
    let view = RoleDetailView { role: RoleView::from(&role), member_count, key_count };
    Ok((entity_tag(role.version), Json(view)).into_response())
}

/// Changes a role.
///
/// What is left out stays as it is (RFC 7396). Every key that hangs on it follows at once.
#[utoipa::path(
    patch,
    path = "/api/v1/organizations/{organization_id}/roles/{role_id}",
    tag = "roles",
    params(RolePath, IfMatch),
    request_body = RolePatchBody,
    extensions(("x-permissions" = json!({"all": ["claviger/roles:update"]}))),
    responses(
        (status = 200, description = "The role as it is now.", body = RoleView,
         headers(("ETag", description = "The version."))),
        WriteRefusals,
    )
)]
pub(super) async fn update_role(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(RolePath { organization_id, role_id }): Path<RolePath>,
    JsonBody(body): JsonBody<RolePatchBody>,
) -> ApiResult<Response> {
    let patch = RolePatch::try_from(body)?;
    let role = ops::roles::update_role(&app, &caller, organization_id, role_id, patch, None).await?;
    Ok((entity_tag(role.version), Json(RoleView::from(&role))).into_response())
}

/// Deletes a role.
///
/// One that nobody has.
#[utoipa::path(
    delete,
    path = "/api/v1/organizations/{organization_id}/roles/{role_id}",
    tag = "roles",
    params(RolePath, IfMatch),
    extensions(("x-permissions" = json!({"all": ["claviger/roles:delete"]}))),
    responses((status = 204, description = "The role is no more."), WriteRefusals)
)]
pub(super) async fn delete_role(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(RolePath { organization_id, role_id }): Path<RolePath>,
) -> ApiResult<StatusCode> {
    ops::roles::delete_role(&app, &caller, organization_id, role_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
