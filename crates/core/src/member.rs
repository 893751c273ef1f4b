//! Memberships: a user in an organization with a role. A membership reaches the subtree; the nearest one counts.

use crate::id::{MemberId, OrganizationId, RoleId, UserId};
use crate::permission::PermissionSet;
use crate::time::Timestamp;

/// A user in an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its identifier.
    pub id: MemberId,
    /// Where the user is a member.
    pub organization_id: OrganizationId,
    /// Who.
    pub user_id: UserId,
    /// With which role: one of this organization or of one above it.
    pub role_id: RoleId,
    /// Permissions of this member's own, beside the role's.
    pub extra_permissions: PermissionSet,
    /// Counts its changes.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The membership that counts at a place: the one nearest to it on the way up to the root.
///
/// `path` is the place itself and its ancestors, nearest first; `memberships` are one user's, in any order.
pub fn nearest<N: PartialEq, T>(path: &[N], memberships: impl Iterator<Item = (N, T)>) -> Option<T> {
    let distance = |at: &N| path.iter().position(|it| it == at);
    memberships.filter_map(|(at, it)| distance(&at).map(|far| (far, it))).min_by_key(|(far, _)| *far).map(|(_, it)| it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_membership_counts() {
        let path = ["location", "agency", "root"];
        let both = [("root", "readonly"), ("agency", "admin")];
        assert_eq!(nearest(&path, both.into_iter()), Some("admin"));
        assert_eq!(nearest(&path, [("sibling", "admin")].into_iter()), None);
        assert_eq!(nearest(&path[1..], [("location", "admin")].into_iter()), None, "a membership does not reach up");
    }
}
