//! Users.

use claviger_core::id::UserId;
use claviger_core::name::{Email, ExternalId};
use claviger_core::tenant::Tenant;
use claviger_core::user::User;

use crate::{Connection, Page, PageRequest, StoreResult, Tx};

/// Which users a list shows.
#[derive(Debug, Clone, Default)]
pub struct UserFilter {
    /// Part of the name, or the beginning of the e-mail address.
    pub search: Option<String>,
}

impl Connection {
    /// Finds a user that the tenant's organization manages, or that is a member there or above.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_user(&mut self, _tenant: &Tenant, _id: UserId) -> StoreResult<Option<User>> {
        todo!()
    }

    /// Finds a user that the tenant's organization manages by the host's identifier.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_user_by_external_id(
        &mut self,
        _tenant: &Tenant,
        _external_id: &ExternalId,
    ) -> StoreResult<Option<User>> {
        todo!()
    }

    /// Finds the user of a session or link.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_user_unchecked(&mut self, _id: UserId) -> StoreResult<Option<User>> {
        todo!()
    }

    /// Finds who signs in.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_user_by_email_unchecked(&mut self, _email: &Email) -> StoreResult<Option<User>> {
        todo!()
    }

    /// Users that the tenant's organization manages, by name.
    ///
    /// # Errors
    /// `InvalidCursor`.
    pub async fn page_users(
        &mut self,
        _tenant: &Tenant,
        _filter: &UserFilter,
        _request: &PageRequest,
    ) -> StoreResult<Page<User>> {
        todo!()
    }
}

impl Tx {
    /// Writes a user that the tenant's organization manages.
    ///
    /// # Errors
    /// `Taken` (e-mail, external id).
    pub async fn insert_user(&mut self, _tenant: &Tenant, _user: &User) -> StoreResult<()> {
        todo!()
    }

    /// Changes a user that the tenant's organization manages.
    ///
    /// # Errors
    /// `VersionMismatch`, `Missing`, `Taken`.
    pub async fn update_user(&mut self, _tenant: &Tenant, _user: &User, _expected_version: u64) -> StoreResult<()> {
        todo!()
    }
}
