//! Who am I: what a caller learns of itself.

use claviger_core::id::{KeyId, OrganizationId, UserId};
use claviger_core::name::{Name, Slug};
use claviger_core::permission::PermissionSet;
use claviger_core::time::Timestamp;

use super::caller::Caller;
use super::error::OpResult;
use crate::app::App;

/// An organization that the caller reaches.
#[derive(Debug, Clone)]
pub struct ReachedOrganization {
    /// Its identifier.
    pub id: OrganizationId,
    /// The wire's `shortname`.
    pub slug: Slug,
    /// What people call it.
    pub name: Name,
    /// The name of the role the caller has there.
    pub role_name: Option<String>,
}

/// What a caller learns of itself.
#[derive(Debug, Clone)]
pub struct Me {
    /// The key, where one calls: id, name, expiry.
    pub key: Option<(KeyId, String, Option<Timestamp>)>,
    /// The user: the session's, or the one the key is mapped to.
    pub user: Option<(UserId, String)>,
    /// The organization the key stands in, or the nearest to the root where the user is a member.
    pub organization: ReachedOrganization,
    /// All organizations in which the user is a member; of a key only its own.
    pub organizations: Vec<ReachedOrganization>,
    /// What the caller holds in `organization`.
    pub permissions: PermissionSet,
}

/// Says who calls.
///
/// # Errors
/// Refusals.
pub async fn get_me(app: &App, caller: &Caller) -> OpResult<Me> {
    let _ = (app, caller);
    unimplemented!("signature first")
}
