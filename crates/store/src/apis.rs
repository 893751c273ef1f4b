//! Apis.

use claviger_core::api::Api;
use claviger_core::id::ApiId;
use claviger_core::tenant::Tenant;

use crate::{Connection, StoreResult, Tx};

impl Connection {
    /// Finds an api that serves the tenant's organization: its own, or of one above.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_api(&mut self, _tenant: &Tenant, _id: ApiId) -> StoreResult<Option<Api>> {
        todo!()
    }

    /// Finds an api that serves the tenant's organization by its slug.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_api_by_slug(&mut self, _tenant: &Tenant, _slug: &str) -> StoreResult<Option<Api>> {
        todo!()
    }

    /// All apis that serve the tenant's organization, by slug, at most 1,000.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_apis(&mut self, _tenant: &Tenant) -> StoreResult<Vec<Api>> {
        todo!()
    }
}

impl Tx {
    /// Writes an api of the tenant's organization.
    ///
    /// # Errors
    /// `Taken` (slug, prefix).
    pub async fn insert_api(&mut self, _tenant: &Tenant, _api: &Api) -> StoreResult<()> {
        todo!()
    }

    /// Changes an api of the tenant's organization.
    ///
    /// # Errors
    /// `VersionMismatch`, `Missing`, and what any statement can meet.
    pub async fn update_api(&mut self, _tenant: &Tenant, _api: &Api, _expected_version: u64) -> StoreResult<()> {
        todo!()
    }
}
