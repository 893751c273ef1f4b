//! Roles.

use claviger_core::id::RoleId;
use claviger_core::name::Name;
use claviger_core::role::Role;
use claviger_core::tenant::Tenant;

use crate::{Connection, Page, PageRequest, StoreResult, Tx};

/// What hangs on a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RoleUses {
    /// Memberships with this role.
    pub members: u64,
    /// Live keys with this role.
    pub keys: u64,
}

impl Connection {
    /// Finds a role that can be given in the tenant's organization: its own, or of one above.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_role(&mut self, _tenant: &Tenant, _id: RoleId) -> StoreResult<Option<Role>> {
        todo!()
    }

    /// Finds a role that can be given in the tenant's organization by its name; the nearest one where several have it.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_role_by_name(&mut self, _tenant: &Tenant, _name: &Name) -> StoreResult<Option<Role>> {
        todo!()
    }

    /// Roles that can be given in the tenant's organization: its own and those of the ones above, by name.
    ///
    /// # Errors
    /// `InvalidCursor`.
    pub async fn page_roles(&mut self, _tenant: &Tenant, _request: &PageRequest) -> StoreResult<Page<Role>> {
        todo!()
    }

    /// Counts what hangs on a role of the tenant's organization, wherever below it stands.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn count_role_uses(&mut self, _tenant: &Tenant, _id: RoleId) -> StoreResult<RoleUses> {
        todo!()
    }
}

impl Tx {
    /// Writes a role of the tenant's organization.
    ///
    /// # Errors
    /// `Taken`.
    pub async fn insert_role(&mut self, _tenant: &Tenant, _role: &Role) -> StoreResult<()> {
        todo!()
    }

    /// Changes a role of the tenant's organization.
    ///
    /// # Errors
    /// `VersionMismatch`, `Missing`, and what any statement can meet.
    pub async fn update_role(&mut self, _tenant: &Tenant, _role: &Role, _expected_version: u64) -> StoreResult<()> {
        todo!()
    }

    /// Deletes a role of the tenant's organization.
    ///
    /// # Errors
    /// `InUse` while a member or a key has it, `VersionMismatch`, `Missing`.
    pub async fn delete_role(&mut self, _tenant: &Tenant, _id: RoleId, _expected_version: u64) -> StoreResult<()> {
        todo!()
    }
}
