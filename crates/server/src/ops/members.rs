//! Members: users in an organization, each with a role.

use claviger_core::id::{MemberId, OrganizationId, RoleId, UserId};
use claviger_core::member::Member;
use claviger_core::permission::PermissionSet;
use claviger_core::user::User;

use super::caller::Caller;
use super::error::OpResult;
use super::idempotency::{Answer, Idempotency};
use super::page::{Page, PageRequest};
use crate::app::App;

/// What is asked for when a user becomes a member.
#[derive(Debug, Clone)]
pub struct NewMember {
    /// Who: a user that this organization, or one above or below it, manages.
    pub user_id: UserId,
    /// With which role.
    pub role_id: RoleId,
    /// Permissions beside the role's.
    pub extra_permissions: PermissionSet,
}

/// What is to be changed on a membership; absent is "leave as it is".
#[derive(Debug, Clone, Default)]
pub struct MemberPatch {
    /// With which role.
    pub role_id: Option<RoleId>,
    /// Permissions beside the role's.
    pub extra_permissions: Option<PermissionSet>,
}

/// A membership with the names of what it joins.
#[derive(Debug, Clone)]
pub struct MemberInfo {
    /// The membership.
    pub member: Member,
    /// The user.
    pub user: User,
    /// The name of the role.
    pub role_name: String,
}

/// Makes a user a member.
///
/// # Errors
/// Refusals: rights, a user that is a member already, a role beyond the caller's own rights.
pub async fn create_member(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    new: NewMember,
    idempotency: Option<Idempotency<MemberInfo>>,
) -> OpResult<Answer<MemberInfo>> {
    let _ = (app, caller, organization_id, new, idempotency);
    unimplemented!("signature first")
}

/// Lists the members.
///
/// # Errors
/// Refusals.
pub async fn list_members(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    page: PageRequest,
) -> OpResult<Page<MemberInfo>> {
    let _ = (app, caller, organization_id, page);
    unimplemented!("signature first")
}

/// Finds one member.
///
/// # Errors
/// Refusals.
pub async fn get_member(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    member_id: MemberId,
) -> OpResult<MemberInfo> {
    let _ = (app, caller, organization_id, member_id);
    unimplemented!("signature first")
}

/// Changes what the patch names.
///
/// # Errors
/// Refusals; the last admin of the installation stays one.
pub async fn update_member(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    member_id: MemberId,
    patch: MemberPatch,
    expected_version: Option<u64>,
) -> OpResult<MemberInfo> {
    let _ = (app, caller, organization_id, member_id, patch, expected_version);
    unimplemented!("signature first")
}

/// Ends a membership: the user's personal key here is revoked, other keys of the user become ownerless.
///
/// # Errors
/// Refusals; the last admin of the installation stays a member.
pub async fn delete_member(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    member_id: MemberId,
) -> OpResult<()> {
    let _ = (app, caller, organization_id, member_id);
    unimplemented!("signature first")
}
