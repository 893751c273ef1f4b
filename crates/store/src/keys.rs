//! Keys and their secrets.

use claviger_core::id::{ApiId, KeyId, RoleId, SecretId, UserId};
use claviger_core::key::Key;
use claviger_core::name::{Name, Slug};
use claviger_core::secret::Secret;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;

use crate::{Connection, Page, PageRequest, StoreResult, Tx};

/// Which states of keys a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum KeyStatus {
    /// All that are not revoked.
    #[default]
    Live,
    /// Switched on and not expired.
    Active,
    /// Switched off and not expired.
    Inactive,
    /// Past their time.
    Expired,
    /// Gone for ever.
    Revoked,
    /// All.
    Any,
}

/// Which keys a list shows; what is absent narrows nothing.
#[derive(Debug, Clone, Default)]
pub struct KeyFilter {
    /// In which states.
    pub status: KeyStatus,
    /// Part of the name, or a whole access id.
    pub search: Option<String>,
    /// Whom they belong to.
    pub owner_id: Option<UserId>,
    /// Whose rights they carry.
    pub mapped_user_id: Option<UserId>,
    /// With which role.
    pub role_id: Option<RoleId>,
    /// Of which api.
    pub api_id: Option<ApiId>,
    /// Only those that were never used.
    pub never_used: bool,
}

/// By what a list of keys is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum KeySort {
    /// Newest first.
    #[default]
    Created,
    /// By name.
    Name,
    /// Those that end first come first; those without an end come last.
    Expiry,
}

/// A key as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// The key.
    pub key: Key,
    /// The slug of its api.
    pub api_slug: Slug,
    /// The name of its role.
    pub role_name: Option<Name>,
    /// The name of the user it belongs to.
    pub owner_name: Option<Name>,
    /// The name of the user whose rights it carries.
    pub mapped_user_name: Option<Name>,
    /// Its current secret; absent once it has none.
    pub secret_id: Option<SecretId>,
    /// What may be shown of its value, `ck_7Fq2…`; an imported key has none.
    pub access_hint: Option<String>,
    /// When any of its secrets was last used, as far as it has been flushed.
    pub last_used_at: Option<Timestamp>,
    /// Until when a replaced secret of it is still good, if one is.
    pub rotating_until: Option<Timestamp>,
}

impl Connection {
    /// Finds a key, revoked ones included.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_key(&mut self, _tenant: &Tenant, _id: KeyId) -> StoreResult<Option<Key>> {
        todo!()
    }

    /// Finds a key as lists show it, revoked ones included.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_key_row(&mut self, _tenant: &Tenant, _id: KeyId, _now: Timestamp) -> StoreResult<Option<KeyRow>> {
        todo!()
    }

    /// Finds the live personal key of a user.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_personal_key(&mut self, _tenant: &Tenant, _user_id: UserId) -> StoreResult<Option<Key>> {
        todo!()
    }

    /// The secrets of a key that are not dead, oldest first.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_live_secrets(&mut self, _tenant: &Tenant, _id: KeyId) -> StoreResult<Vec<Secret>> {
        todo!()
    }

    /// The newest secrets of a key, dead ones included, newest first, at most 100.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_secrets(&mut self, _tenant: &Tenant, _id: KeyId) -> StoreResult<Vec<Secret>> {
        todo!()
    }

    /// Keys of the tenant's organization.
    ///
    /// # Errors
    /// `InvalidCursor`.
    pub async fn page_keys(
        &mut self,
        _tenant: &Tenant,
        _filter: &KeyFilter,
        _sort: KeySort,
        _request: &PageRequest,
        _now: Timestamp,
    ) -> StoreResult<Page<KeyRow>> {
        todo!()
    }

    /// Counts what [`Self::page_keys`] lists, up to a bound, so that a count never costs more than it is worth.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn count_keys(
        &mut self,
        _tenant: &Tenant,
        _filter: &KeyFilter,
        _at_most: u32,
        _now: Timestamp,
    ) -> StoreResult<u32> {
        todo!()
    }

    /// How many live keys the organization has; kept as a number and not counted.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn count_live_keys(&mut self, _tenant: &Tenant) -> StoreResult<i64> {
        todo!()
    }

    /// How many live keys of the organization belong to a user, the personal one aside.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn count_live_keys_of_owner(&mut self, _tenant: &Tenant, _user_id: UserId) -> StoreResult<i64> {
        todo!()
    }
}

impl Tx {
    /// Writes a key with its secrets.
    ///
    /// # Errors
    /// `Taken` (name, personal key, digest), `Missing` when what it refers to is not there.
    pub async fn insert_key(&mut self, _tenant: &Tenant, _key: &Key, _secrets: &[Secret]) -> StoreResult<()> {
        todo!()
    }

    /// Changes a key.
    ///
    /// # Errors
    /// `VersionMismatch`, `Missing`, `Taken`.
    pub async fn update_key(&mut self, _tenant: &Tenant, _key: &Key, _expected_version: u64) -> StoreResult<()> {
        todo!()
    }

    /// Writes a further secret of a key. The key has to be updated in the same transaction, since verifiers take both as one row with the key's version.
    ///
    /// # Errors
    /// `Taken`, `Missing`.
    pub async fn insert_secret(&mut self, _tenant: &Tenant, _secret: &Secret) -> StoreResult<()> {
        todo!()
    }

    /// Changes the state of a secret; a dead one never revives. The key has to be updated in the same transaction.
    ///
    /// # Errors
    /// `Missing`.
    pub async fn update_secret(&mut self, _tenant: &Tenant, _secret: &Secret, _at: Timestamp) -> StoreResult<()> {
        todo!()
    }
}
