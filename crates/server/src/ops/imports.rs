//! Imports: keys that exist elsewhere come in as SHA-256 digests, in chunks, resumable, with bad lines named.

use claviger_core::id::{ImportId, OrganizationId, RoleId, UserId};
use claviger_core::name::Slug;
use claviger_core::permission::PermissionSet;
use claviger_core::time::Timestamp;

use super::caller::Caller;
use super::error::OpResult;
use crate::app::App;

/// What is asked for when an import begins. The same file for the same organization is the same import.
#[derive(Debug, Clone)]
pub struct NewImport {
    /// SHA-256 of the file.
    pub source_digest: [u8; 32],
    /// What people call it, such as the file's name; at most 120 characters.
    pub source_name: String,
    /// The api of its keys; by default [`claviger_core::api::DEFAULT_API`].
    pub api: Option<Slug>,
    /// The role of its keys.
    pub role_id: Option<RoleId>,
    /// The scopes of its keys.
    pub scopes: Option<PermissionSet>,
    /// The owner of its keys; absent means the caller's user, `Some(None)` nobody.
    pub owner_id: Option<Option<UserId>>,
    /// The user its keys are mapped to; absent means the caller's user, `Some(None)` nobody.
    pub mapped_user_id: Option<Option<UserId>>,
}

/// One line of the file, as it stands there.
#[derive(Debug, Clone)]
pub struct ImportLine {
    /// Its number in the file, the header being 1.
    pub line: u64,
    /// The digest of the key in hex or base64.
    pub sha256: String,
    /// The name; absent means one made from the digest.
    pub name: Option<String>,
    /// The description.
    pub description: Option<String>,
    /// When the key ends, RFC 3339.
    pub expires_at: Option<String>,
}

/// A line that was not taken, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedLine {
    /// Its number in the file.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// How far an import has come.
#[derive(Debug, Clone)]
pub struct ImportInfo {
    /// Its identifier.
    pub id: ImportId,
    /// What people call it.
    pub source_name: String,
    /// Lines up to this one have been dealt with; a resumed import goes on behind it.
    pub done_line: u64,
    /// Keys made.
    pub accepted: u64,
    /// Lines whose key was there already, in this organization.
    pub existing: u64,
    /// Lines not taken.
    pub rejected: u64,
    /// The first of the lines not taken.
    pub rejected_lines: Vec<RejectedLine>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it last went on.
    pub updated_at: Timestamp,
}

/// What became of a chunk.
#[derive(Debug, Clone)]
pub struct ChunkOutcome {
    /// The import after it.
    pub import: ImportInfo,
    /// The lines of this chunk that were not taken.
    pub rejected: Vec<RejectedLine>,
}

/// Begins an import, or finds the one of the same file.
///
/// # Errors
/// Refusals: needs `claviger/keys:create`, and what it grants must lie within the caller's own rights.
pub async fn create_import(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    new: NewImport,
) -> OpResult<ImportInfo> {
    let _ = (app, caller, organization_id, new);
    unimplemented!("signature first")
}

/// Finds an import.
///
/// # Errors
/// Refusals.
pub async fn get_import(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    import_id: ImportId,
) -> OpResult<ImportInfo> {
    let _ = (app, caller, organization_id, import_id);
    unimplemented!("signature first")
}

/// Takes the next lines, at most 1,000, in the order of the file. Lines that have been dealt with are skipped, so that a chunk can be sent again.
///
/// # Errors
/// Refusals; a line that cannot be taken is no error but stands in the outcome.
pub async fn append_import(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    import_id: ImportId,
    lines: Vec<ImportLine>,
) -> OpResult<ChunkOutcome> {
    let _ = (app, caller, organization_id, import_id, lines);
    unimplemented!("signature first")
}
