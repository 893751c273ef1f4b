//! Memberships.

use claviger_core::id::{MemberId, UserId};
use claviger_core::member::Member;
use claviger_core::name::Name;
use claviger_core::tenant::Tenant;
use claviger_core::user::User;

use crate::{Connection, Page, PageRequest, StoreResult, Tx};

/// A membership as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    /// The membership.
    pub member: Member,
    /// Who.
    pub user: User,
    /// The name of the role.
    pub role_name: Name,
}

impl Connection {
    /// Finds a membership of the tenant's organization.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_member(&mut self, _tenant: &Tenant, _id: MemberId) -> StoreResult<Option<Member>> {
        todo!()
    }

    /// Finds a user's membership of exactly the tenant's organization.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_member_of_user(&mut self, _tenant: &Tenant, _user_id: UserId) -> StoreResult<Option<Member>> {
        todo!()
    }

    /// Finds the membership that counts in the tenant's organization: there, or the nearest one above.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_nearest_member(&mut self, _tenant: &Tenant, _user_id: UserId) -> StoreResult<Option<Member>> {
        todo!()
    }

    /// All memberships of a user who signs in, oldest first, at most 1,000.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_memberships_unchecked(&mut self, _user_id: UserId) -> StoreResult<Vec<Member>> {
        todo!()
    }

    /// Memberships of the tenant's organization, by the users' names.
    ///
    /// # Errors
    /// `InvalidCursor`.
    pub async fn page_members(&mut self, _tenant: &Tenant, _request: &PageRequest) -> StoreResult<Page<MemberRow>> {
        todo!()
    }
}

impl Tx {
    /// Makes a user a member of the tenant's organization.
    ///
    /// # Errors
    /// `Taken` when the user is one; `Missing` when the role is not one of the organization's or of those above.
    pub async fn insert_member(&mut self, _tenant: &Tenant, _member: &Member) -> StoreResult<()> {
        todo!()
    }

    /// Changes a membership.
    ///
    /// # Errors
    /// `VersionMismatch`, `Missing`, and what any statement can meet.
    pub async fn update_member(
        &mut self,
        _tenant: &Tenant,
        _member: &Member,
        _expected_version: u64,
    ) -> StoreResult<()> {
        todo!()
    }

    /// Ends a membership.
    ///
    /// # Errors
    /// `VersionMismatch`, `Missing`, and what any statement can meet.
    pub async fn delete_member(&mut self, _tenant: &Tenant, _id: MemberId, _expected_version: u64) -> StoreResult<()> {
        todo!()
    }
}
