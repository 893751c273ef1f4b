//! Who calls: what a client asks first, to see that its key is good and whose it is.

use axum::Json;
use axum::extract::State;
use claviger_core::id::{KeyId, OrganizationId, UserId};
use claviger_core::permission::PermissionSet;
use claviger_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Authenticated;
use super::problem::{ApiResult, Refusals};
use crate::app::App;
use crate::ops;
use crate::ops::me::{Me, ReachedOrganization};

/// The route of the caller.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_me))
}

/// Who calls. No secret stands in it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MeView {
    /// The key, where one calls.
    #[schema(required)]
    pub key: Option<MeKeyView>,
    /// The user: the session's, or the one the key is mapped to.
    #[schema(required)]
    pub user: Option<MeUserView>,
    /// The organization the key stands in, or the one nearest to the root where the user is a member.
    pub organization: MeOrganizationView,
    /// All organizations where the user is a member; of a key only its own.
    pub organizations: Vec<MeOrganizationView>,
    /// What the caller holds in `organization`.
    #[schema(value_type = Vec<String>)]
    pub permissions: PermissionSet,
}

/// The key that calls.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MeKeyView {
    /// Its identifier.
    #[schema(value_type = String)]
    pub id: KeyId,
    /// Its name.
    pub name: String,
    /// When it ends; null means never.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub expires_at: Option<Timestamp>,
}

/// The user in whose name is called.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MeUserView {
    /// The user's identifier.
    #[schema(value_type = String)]
    pub id: UserId,
    /// The user's name.
    pub name: String,
}

/// An organization that the caller reaches.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MeOrganizationView {
    /// Its identifier.
    #[schema(value_type = String)]
    pub id: OrganizationId,
    /// Its short name.
    pub slug: String,
    /// What people call it.
    pub name: String,
    /// The name of the role the caller has there.
    #[schema(required)]
    pub role: Option<String>,
}

impl From<ReachedOrganization> for MeOrganizationView {
    fn from(it: ReachedOrganization) -> Self {
        Self { id: it.id, slug: it.slug.to_string(), name: it.name.to_string(), role: it.role_name }
    }
}

impl From<Me> for MeView {
    fn from(me: Me) -> Self {
        Self {
            key: me.key.map(|(id, name, expires_at)| MeKeyView { id, name, expires_at }),
            user: me.user.map(|(id, name)| MeUserView { id, name }),
            organization: me.organization.into(),
            organizations: me.organizations.into_iter().map(Into::into).collect(),
            permissions: me.permissions,
        }
    }
}

/// Says who calls.
///
/// Needs no permission: a client asks it first, to see that its key is good.
#[utoipa::path(
    get,
    path = "/api/v1/me",
    tag = "me",
    responses((status = 200, description = "Who calls.", body = MeView), Refusals)
)]
pub(super) async fn get_me(State(app): State<App>, Authenticated(caller): Authenticated) -> ApiResult<Json<MeView>> {
    Ok(Json(ops::me::get_me(&app, &caller).await?.into()))
}
