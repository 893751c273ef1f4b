//! What a change of a role would do, before it is made.

use axum::Json;
use axum::extract::State;
use claviger_core::id::{KeyId, MemberId, OrganizationId, UserId};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Authenticated;
use super::body::{JsonBody, Path};
use super::paths::RolePath;
use super::problem::{ApiResult, WriteRefusals};
use super::roles::{RolePatchBody, RoleView};
use super::words::ComparisonWord;
use crate::app::App;
use crate::ops;
use crate::ops::role_preview::RolePreview;
use crate::ops::roles::RolePatch;

/// The route of the preview.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(preview_role))
}

/// A member who would feel the change.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TouchedMemberView {
    /// The membership.
    #[schema(value_type = String)]
    pub id: MemberId,
    /// Where it stands.
    #[schema(value_type = String)]
    pub organization_id: OrganizationId,
    /// Who.
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// Their name.
    pub name: String,
}

/// A key that would feel the change.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TouchedKeyView {
    /// The key.
    #[schema(value_type = String)]
    pub id: KeyId,
    /// Where it stands.
    #[schema(value_type = String)]
    pub organization_id: OrganizationId,
    /// Its name.
    pub name: String,
}

/// What a change of a role would do.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RolePreviewView {
    /// The role as it would be.
    pub role: RoleView,
    /// How its permissions would compare with the present ones.
    pub permissions: ComparisonWord,
    /// Members who would feel it.
    #[schema(maximum = 10_000)]
    pub member_count: u32,
    /// The first of them.
    #[schema(max_items = 5)]
    pub members: Vec<TouchedMemberView>,
    /// Live keys that would feel it: those that have the role, those mapped to a member with it, and, where `api_access` changes, those that
    /// belong to such a member.
    #[schema(maximum = 10_000)]
    pub key_count: u32,
    /// The first of them.
    #[schema(max_items = 5)]
    pub keys: Vec<TouchedKeyView>,
    /// Whether there may be more, so that the counts say "at least".
    pub is_partial: bool,
}

impl From<RolePreview> for RolePreviewView {
    fn from(it: RolePreview) -> Self {
        let members = it.members.into_iter().map(|it| TouchedMemberView {
            id: it.id,
            organization_id: it.organization_id,
            user_id: it.user_id,
            name: it.name.to_string(),
        });
        let keys = it.keys.into_iter().map(|it| TouchedKeyView {
            id: it.id,
            organization_id: it.organization_id,
            name: it.name.to_string(),
        });
        Self {
            role: RoleView::from(&it.role),
            permissions: it.permissions.into(),
            member_count: it.member_count,
            members: members.collect(),
            key_count: it.key_count,
            keys: keys.collect(),
            is_partial: it.is_partial,
        }
    }
}

/// Previews a change of a role.
///
/// Says how many members and keys, here and below, would feel it, and which come first. Changes nothing; what cannot be changed is refused as
/// the change itself is.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/roles/{role_id}/preview",
    tag = "roles",
    params(RolePath),
    request_body = RolePatchBody,
    extensions(("x-permissions" = json!({"all": ["claviger/roles:read", "claviger/members:read", "claviger/keys:read"]}))),
    responses((status = 200, description = "What the change would do.", body = RolePreviewView), WriteRefusals)
)]
pub(super) async fn preview_role(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(RolePath { organization_id, role_id }): Path<RolePath>,
    JsonBody(body): JsonBody<RolePatchBody>,
) -> ApiResult<Json<RolePreviewView>> {
    let patch = RolePatch::try_from(body)?;
    Ok(Json(ops::role_preview::preview_role(&app, &caller, organization_id, role_id, patch).await?.into()))
}
