//! The installation always has an admin who can sign in or be let in: the last one at the root stays.

use claviger_core::id::{OrganizationId, UserId};
use claviger_core::member::Member;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::tenant::Tenant;
use claviger_store::Connection;

use super::error::OpResult;

/// Refuses to end or weaken this membership where it is the last admin's at the root.
pub(super) async fn refuse_last_member(connection: &mut Connection, member: &Member) -> OpResult<()> {
    match root(connection).await? {
        Some(root) if root.organization_id() == member.organization_id => refuse_last(connection, member.user_id).await,
        _ => Ok(()),
    }
}

/// Refuses to switch off this user where that is the last admin at the root.
pub(super) async fn refuse_last(connection: &mut Connection, user_id: UserId) -> OpResult<()> {
    let Some(root) = root(connection).await? else { return Ok(()) };
    // Of two there is always another one.
    let admins = connection.find_active_admins(&root, 2).await?;
    if admins == [user_id] {
        return Err(Reject::new(RejectCode::StateConflict, "This is the last admin; make another one first.").into());
    }
    Ok(())
}

/// The root of the tree, for what concerns the whole installation.
///
/// # Errors
/// Refuses where nothing was set up yet.
pub(super) async fn root_id(connection: &mut Connection) -> OpResult<OrganizationId> {
    Ok(root(connection).await?.ok_or_else(Reject::not_found)?.organization_id())
}

/// The root of the tree, once there is one.
pub(super) async fn root(connection: &mut Connection) -> OpResult<Option<Tenant>> {
    let installation = connection.find_installation_unchecked().await?;
    Ok(installation.map(|it| Tenant::system(it.root_organization_id, "last-admin")))
}
