//! Members: create, list, get, update, delete.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use claviger_core::id::{MemberId, OrganizationId, RoleId, UserId};
use claviger_core::permission::PermissionSet;
use claviger_core::reject::Reject;
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
use super::paths::{MemberPath, OrganizationPath};
use super::problem::{ApiResult, Refusals, WriteRefusals};
use crate::app::App;
use crate::ops;
use crate::ops::members::{MemberInfo, MemberPatch, NewMember};

/// The routes of members.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create_member, list_members)).routes(routes!(
        get_member,
        update_member,
        delete_member
    ))
}

/// A user in an organization.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MemberView {
    /// Its identifier.
    #[schema(value_type = String, examples("mem_01kapxb4q0e8mv5r3g2t9w7yzn"))]
    pub id: MemberId,
    /// Where the user is a member; the membership reaches all below.
    #[schema(value_type = String)]
    pub organization_id: OrganizationId,
    /// Who.
    pub user: MemberUserView,
    /// With which role.
    pub role: MemberRoleView,
    /// Permissions of this member's own, beside the role's.
    #[schema(value_type = Vec<String>)]
    pub extra_permissions: PermissionSet,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

/// The user of a membership.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MemberUserView {
    /// The user's identifier.
    #[schema(value_type = String)]
    pub id: UserId,
    /// The user's name.
    pub name: String,
    /// The sign-in name; a service user has none.
    #[schema(required)]
    pub email: Option<String>,
}

/// The role of a membership.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MemberRoleView {
    /// Its identifier.
    #[schema(value_type = String)]
    pub id: RoleId,
    /// Its name.
    pub name: String,
}

impl From<&MemberInfo> for MemberView {
    fn from(MemberInfo { member, user, role_name }: &MemberInfo) -> Self {
        let email = user.email.as_ref().map(ToString::to_string);
        Self {
            id: member.id,
            organization_id: member.organization_id,
            user: MemberUserView { id: user.id, name: user.name.to_string(), email },
            role: MemberRoleView { id: member.role_id, name: role_name.clone() },
            extra_permissions: member.extra_permissions.clone(),
            created_at: member.created_at,
            updated_at: member.updated_at,
        }
    }
}

/// A membership to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMemberBody {
    /// Who: a user that this organization, or one above or below it, manages.
    user_id: String,
    /// With which role: one of this organization or of one above it.
    role_id: String,
    /// Permissions beside the role's.
    #[serde(default)]
    #[schema(required = false, max_items = 256)]
    extra_permissions: Vec<String>,
}

impl PostBody for NewMemberBody {}

impl TryFrom<NewMemberBody> for NewMember {
    type Error = Reject;

    fn try_from(body: NewMemberBody) -> Result<Self, Reject> {
        let user_id = text("/user_id", &body.user_id);
        let role_id = text("/role_id", &body.role_id);
        let extra_permissions = permissions("/extra_permissions", &body.extra_permissions);
        let (user_id, role_id, extra_permissions) = all_fields!(user_id, role_id, extra_permissions)?;
        Ok(Self { user_id, role_id, extra_permissions })
    }
}

/// What is to be changed on a membership (RFC 7396): what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MemberPatchBody {
    /// With which role.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false)]
    role_id: Option<String>,
    /// Permissions beside the role's.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Vec<String>, required = false, max_items = 256)]
    extra_permissions: Option<Vec<String>>,
}

impl TryFrom<MemberPatchBody> for MemberPatch {
    type Error = Reject;

    fn try_from(body: MemberPatchBody) -> Result<Self, Reject> {
        let role_id = optional("/role_id", body.role_id.as_deref());
        let extra_permissions = body.extra_permissions.map(|it| permissions("/extra_permissions", &it)).transpose();
        let (role_id, extra_permissions) = all_fields!(role_id, extra_permissions)?;
        Ok(Self { role_id, extra_permissions })
    }
}

fn render(info: &MemberInfo) -> Value {
    serde_json::to_value(MemberView::from(info)).expect("a view is JSON")
}

fn place_of(MemberInfo { member, .. }: &MemberInfo) -> HeaderMap {
    place(&format!("/api/v1/organizations/{}/members/{}", member.organization_id, member.id), member.version)
}

fn answer(info: &MemberInfo) -> Response {
    (entity_tag(info.member.version), Json(MemberView::from(info))).into_response()
}

/// Makes a user a member.
///
/// With a role; nobody gives more than they hold.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/members",
    tag = "members",
    params(OrganizationPath, IdempotencyKey),
    request_body = NewMemberBody,
    extensions(("x-permissions" = json!({"all": ["claviger/members:create"]}))),
    responses(
        (status = 201, description = "The membership.", body = MemberView,
         headers(("ETag", description = "The version."), ("Location", description = "Where it stands."))),
        WriteRefusals,
    )
)]
pub(super) async fn create_member(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
    post: Post<NewMemberBody>,
) -> ApiResult<Response> {
    let (body, idempotency) = post.split(CREATED, render, place_of);
    let new = NewMember::try_from(body)?;
    let answer = ops::members::create_member(&app, &caller, organization_id, new, idempotency).await?;
    Ok(respond(CREATED, answer, place_of, |it: &MemberInfo| MemberView::from(it)))
}

/// Lists members.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organization_id}/members",
    tag = "members",
    params(OrganizationPath, PageQuery),
    extensions(("x-permissions" = json!({"all": ["claviger/members:read"]}))),
    responses(
        (status = 200, description = "A page of memberships.", body = PageView<MemberView>),
        Refusals,
    )
)]
pub(super) async fn list_members(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<PageQuery>,
) -> ApiResult<Response> {
    const LIST: &str = "members";
    let found = ops::members::list_members(&app, &caller, organization_id, query.request(LIST)?).await?;
    Ok(page(&uri, LIST, found, |it| MemberView::from(&it)))
}

/// Shows one membership.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organization_id}/members/{member_id}",
    tag = "members",
    params(MemberPath),
    extensions(("x-permissions" = json!({"all": ["claviger/members:read"]}))),
    responses(
        (status = 200, description = "The membership.", body = MemberView,
         headers(("ETag", description = "The version."))),
        Refusals,
    )
)]
pub(super) async fn get_member(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(MemberPath { organization_id, member_id }): Path<MemberPath>,
) -> ApiResult<Response> {
    Ok(answer(&ops::members::get_member(&app, &caller, organization_id, member_id).await?))
}

/// Changes a membership.
///
/// What is left out stays as it is (RFC 7396). Nobody gives or takes more than they hold.
#[utoipa::path(
    patch,
    path = "/api/v1/organizations/{organization_id}/members/{member_id}",
    tag = "members",
    params(MemberPath, IfMatch),
    request_body = MemberPatchBody,
    extensions(("x-permissions" = json!({"all": ["claviger/members:update"]}))),
    responses(
        (status = 200, description = "The membership as it is now.", body = MemberView,
         headers(("ETag", description = "The version."))),
        WriteRefusals,
    )
)]
pub(super) async fn update_member(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(MemberPath { organization_id, member_id }): Path<MemberPath>,
    JsonBody(body): JsonBody<MemberPatchBody>,
) -> ApiResult<Response> {
    let patch = MemberPatch::try_from(body)?;
    Ok(answer(&ops::members::update_member(&app, &caller, organization_id, member_id, patch, None).await?))
}

/// Ends a membership.
///
/// The user's personal keys here and below are revoked, other keys of the user become ownerless. Beyond 1,000 keys the rest follows a
/// moment later; until then it is denied.
#[utoipa::path(
    delete,
    path = "/api/v1/organizations/{organization_id}/members/{member_id}",
    tag = "members",
    params(MemberPath, IfMatch),
    extensions(("x-permissions" = json!({"all": ["claviger/members:delete"]}))),
    responses((status = 204, description = "The membership is no more."), WriteRefusals)
)]
pub(super) async fn delete_member(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(MemberPath { organization_id, member_id }): Path<MemberPath>,
) -> ApiResult<StatusCode> {
    ops::members::delete_member(&app, &caller, organization_id, member_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
