//! Organizations and the closure table that answers every question about their tree.

use claviger_core::organization::Organization;
use claviger_core::tenant::Tenant;

use crate::{Connection, Page, PageRequest, StoreResult, Tx};

/// Which organizations a list shows.
#[derive(Debug, Clone, Default)]
pub struct OrganizationFilter {
    /// All below the tenant, and not only those directly below.
    pub whole_subtree: bool,
    /// Part of the name or of the slug.
    pub search: Option<String>,
}

impl Connection {
    /// Finds the tenant's organization.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_organization(&mut self, _tenant: &Tenant) -> StoreResult<Option<Organization>> {
        todo!()
    }

    /// The tenant's organization and those above it, nearest first.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_path(&mut self, _tenant: &Tenant) -> StoreResult<Vec<Organization>> {
        todo!()
    }

    /// Finds an organization by id, slug or external id, before anybody can be authorized for it.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_organization_ref_unchecked(&mut self, _reference: &str) -> StoreResult<Option<Organization>> {
        todo!()
    }

    /// Organizations below the tenant's, by name.
    ///
    /// # Errors
    /// `InvalidCursor`.
    pub async fn page_organizations(
        &mut self,
        _tenant: &Tenant,
        _filter: &OrganizationFilter,
        _request: &PageRequest,
    ) -> StoreResult<Page<Organization>> {
        todo!()
    }

    /// Counts what [`Self::page_organizations`] lists.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn count_organizations(&mut self, _tenant: &Tenant, _filter: &OrganizationFilter) -> StoreResult<u64> {
        todo!()
    }
}

impl Tx {
    /// Writes the root of the tree.
    ///
    /// # Errors
    /// `Taken` when there is one.
    pub async fn insert_root_unchecked(&mut self, _organization: &Organization) -> StoreResult<()> {
        todo!()
    }

    /// Writes a child of the tenant's organization.
    ///
    /// # Errors
    /// `Taken` (slug, external id), `TreeTooDeep`, `Missing`.
    pub async fn insert_organization(&mut self, _tenant: &Tenant, _organization: &Organization) -> StoreResult<()> {
        todo!()
    }

    /// Changes the tenant's organization or one below it. Another parent moves it with all that stands below; both places have to be the tenant's or below.
    ///
    /// # Errors
    /// `VersionMismatch`, `Missing`, `Taken`, `TreeTooDeep`, `TreeCycle`.
    pub async fn update_organization(
        &mut self,
        _tenant: &Tenant,
        _organization: &Organization,
        _expected_version: u64,
    ) -> StoreResult<()> {
        todo!()
    }
}
