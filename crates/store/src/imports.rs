//! Imports: keys in bulk, with progress that survives a restart.

use std::collections::HashSet;

use claviger_core::id::{ApiId, ImportId, KeyId, OrganizationId, RoleId, UserId};
use claviger_core::key::Key;
use claviger_core::name::NameKey;
use claviger_core::permission::PermissionSet;
use claviger_core::secret::{Digest, Secret};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Connection, Page, PageRequest, StoreResult, Tx};

/// Rejected lines that an import remembers with their reasons; of the rest it keeps the count.
pub const REJECTED_LINES_MAX: usize = 1000;

/// An import of one source into one organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Its identifier.
    pub id: ImportId,
    /// Where to.
    pub organization_id: OrganizationId,
    /// The SHA-256 of the source: the same source goes on where it stopped.
    pub source_digest: [u8; 32],
    /// What people call the source, such as the file's name.
    pub source_name: String,
    /// The api of its keys.
    pub api_id: ApiId,
    /// The role of its keys.
    pub role_id: Option<RoleId>,
    /// The scopes of its keys.
    pub scopes: Option<PermissionSet>,
    /// The owner of its keys.
    pub owner_id: Option<UserId>,
    /// The user its keys are mapped to.
    pub mapped_user_id: Option<UserId>,
    /// The line to read next, counted from 1.
    pub next_line: u64,
    /// Lines that became keys.
    pub accepted: u64,
    /// Lines that were keys of this organization already.
    pub existing: u64,
    /// Lines that did not.
    pub rejected: u64,
    /// The first [`REJECTED_LINES_MAX`] of those.
    pub rejected_lines: Vec<RejectedLine>,
    /// When it began.
    pub created_at: Timestamp,
    /// Who began it; absent for the service itself.
    pub created_by: Option<UserId>,
    /// When it last went on.
    pub updated_at: Timestamp,
    /// When it came to the end of its source.
    pub finished_at: Option<Timestamp>,
}

/// A line that did not become a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedLine {
    /// Its number, counted from 1.
    pub line: u64,
    /// Why, in a sentence that holds nothing of the line's secret.
    pub reason: String,
}

/// What is known of a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// A live key of the tenant's organization has it.
    Own(KeyId),
    /// A revoked key of the tenant's organization had it.
    OwnRevoked(KeyId),
    /// A key of another organization has or had it; more is not for this tenant to know.
    Foreign,
}

impl Connection {
    /// Finds an import.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_import(&mut self, _tenant: &Tenant, _id: ImportId) -> StoreResult<Option<Import>> {
        todo!()
    }

    /// Finds the import of a source.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_import_by_source(
        &mut self,
        _tenant: &Tenant,
        _source_digest: &[u8; 32],
    ) -> StoreResult<Option<Import>> {
        todo!()
    }

    /// Imports of the tenant's organization, newest first.
    ///
    /// # Errors
    /// `InvalidCursor`.
    pub async fn page_imports(&mut self, _tenant: &Tenant, _request: &PageRequest) -> StoreResult<Page<Import>> {
        todo!()
    }

    /// What is known of each of these digests, in their order.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_digests(&mut self, _tenant: &Tenant, _digests: &[Digest]) -> StoreResult<Vec<Option<Known>>> {
        todo!()
    }

    /// Which of these names live keys of the organization and api have.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_taken_names(
        &mut self,
        _tenant: &Tenant,
        _api_id: ApiId,
        _names: &[NameKey],
    ) -> StoreResult<HashSet<NameKey>> {
        todo!()
    }
}

impl Tx {
    /// Writes a new import.
    ///
    /// # Errors
    /// `Taken` when this source was imported into this organization before.
    pub async fn insert_import(&mut self, _tenant: &Tenant, _import: &Import) -> StoreResult<()> {
        todo!()
    }

    /// Writes how far an import has come, in the transaction that writes its keys.
    ///
    /// # Errors
    /// `Missing`.
    pub async fn update_import(&mut self, _tenant: &Tenant, _import: &Import) -> StoreResult<()> {
        todo!()
    }

    /// Writes at most [`claviger_core::limits::ROWS_PER_EVENT_MAX`] keys with one secret each; the event of the commit stands for all of them.
    ///
    /// # Errors
    /// `Taken` (name, digest), `Missing`; then none is written.
    pub async fn insert_keys(&mut self, _tenant: &Tenant, _keys: &[(Key, Secret)]) -> StoreResult<()> {
        todo!()
    }
}
