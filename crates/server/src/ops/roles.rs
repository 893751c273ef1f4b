//! Roles: named sets of permissions, with the switch that lets their holders have keys.

use claviger_core::id::{OrganizationId, RoleId};
use claviger_core::name::{Description, Name};
use claviger_core::permission::PermissionSet;
use claviger_core::role::Role;

use super::caller::Caller;
use super::error::OpResult;
use super::idempotency::{Answer, Idempotency};
use super::page::{Page, PageRequest};
use crate::app::App;

/// What is asked for when a role is made.
#[derive(Debug, Clone)]
pub struct NewRole {
    /// Its name, unique in the organization.
    pub name: Name,
    /// What it is for.
    pub description: Description,
    /// What it allows.
    pub permissions: PermissionSet,
    /// Whether its holders may have keys.
    pub api_access: bool,
}

/// What is to be changed on a role; absent is "leave as it is".
#[derive(Debug, Clone, Default)]
pub struct RolePatch {
    /// Its name.
    pub name: Option<Name>,
    /// What it is for.
    pub description: Option<Description>,
    /// What it allows; fixed for the built-in admin role.
    pub permissions: Option<PermissionSet>,
    /// Whether its holders may have keys; always so for the built-in admin role.
    pub api_access: Option<bool>,
}

/// A role and what a change of it touches.
#[derive(Debug, Clone)]
pub struct RoleInfo {
    /// The role.
    pub role: Role,
    /// Members who have it.
    pub member_count: u64,
    /// Live keys that have it or belong to such members.
    pub key_count: u64,
}

/// Makes a role.
///
/// # Errors
/// Refusals: rights, a name that is taken, permissions beyond the caller's own.
pub async fn create_role(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    new: NewRole,
    idempotency: Option<Idempotency<Role>>,
) -> OpResult<Answer<Role>> {
    let _ = (app, caller, organization_id, new, idempotency);
    unimplemented!("signature first")
}

/// Lists the roles that can be given here: the organization's own and those of the ones above it.
///
/// # Errors
/// Refusals.
pub async fn list_roles(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    page: PageRequest,
) -> OpResult<Page<Role>> {
    let _ = (app, caller, organization_id, page);
    unimplemented!("signature first")
}

/// Finds one role and says what a change of it touches.
///
/// # Errors
/// Refusals.
pub async fn get_role(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    role_id: RoleId,
) -> OpResult<RoleInfo> {
    let _ = (app, caller, organization_id, role_id);
    unimplemented!("signature first")
}

/// Changes what the patch names.
///
/// # Errors
/// Refusals; the admin role's permissions and access are fixed.
pub async fn update_role(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    role_id: RoleId,
    patch: RolePatch,
    expected_version: Option<u64>,
) -> OpResult<Role> {
    let _ = (app, caller, organization_id, role_id, patch, expected_version);
    unimplemented!("signature first")
}

/// Deletes a role that nobody has.
///
/// # Errors
/// Refusals; built-in roles and roles in use stay.
pub async fn delete_role(app: &App, caller: &Caller, organization_id: OrganizationId, role_id: RoleId) -> OpResult<()> {
    let _ = (app, caller, organization_id, role_id);
    unimplemented!("signature first")
}
