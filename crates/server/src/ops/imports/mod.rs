//! Imports: keys that exist elsewhere come in as SHA-256 digests, in chunks, resumable, with bad lines named.

mod lines;

use claviger_core::api::DEFAULT_API;
use claviger_core::decision::Reach;
use claviger_core::event::{Event, EventKind};
use claviger_core::id::{ApiId, ImportId, OrganizationId, RoleId, UserId};
use claviger_core::key::Key;
use claviger_core::limits;
use claviger_core::name::Slug;
use claviger_core::permission::PermissionSet;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::secret::Secret;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_store::imports::{Import, REJECTED_LINES_MAX};
use claviger_store::{Hold, Tx};
use data_encoding::HEXLOWER;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use self::lines::{Sorted, sort};
use super::caller::Caller;
use super::error::OpResult;
use super::keys::rules::{Granted, check_owner};
use super::keys::{policy_of, refuse_too_many};
use super::transaction::{begin_adding, begin_beside, commit, on_task, settle};
use crate::app::App;

/// What an import needs: it makes keys, many at once.
const CREATE: &str = "claviger/keys:create";
/// What seeing how far one has come needs.
const READ: &str = "claviger/keys:read";
/// Characters kept of the name of a source.
const SOURCE_NAME_CHARS_MAX: usize = 120;

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
    /// The owner of its keys; absent means nobody, which needs an admin.
    pub owner_id: Option<UserId>,
    /// The user its keys are mapped to; absent means nobody, and then they need a role. Never the caller by default: a file full of customers'
    /// keys must not carry an admin's rights because somebody forgot to say otherwise.
    pub mapped_user_id: Option<UserId>,
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
    /// Why whoever reads the file could not read this line; then it is named among those that are not taken.
    pub fault: Option<String>,
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
    /// When its caller said that there is no more of it.
    pub finished_at: Option<Timestamp>,
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
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize(&app, organization_id, CREATE);
        // Of two that begin the same file's import at once, one makes it and the other finds it.
        let (mut tx, tenant) = begin_beside(&app, &caller, [Hold::alone(organization_id)], authorize).await?;
        let slug = new.api.as_ref().map_or(DEFAULT_API, |it| it.as_str());
        let missing = || Reject::field("/api", "is no api of this organization");
        let api = tx.find_api_by_slug(&tenant, slug).await?.ok_or_else(missing)?;
        if let Some(import) = tx.find_import_by_source(&tenant, &new.source_digest).await? {
            refuse_other_terms(&import, &new, api.id)?;
            return Ok(import.into());
        }
        if new.role_id.is_none() && new.mapped_user_id.is_none() {
            let detail = "say a role or a mapped user: keys with neither are allowed nothing";
            return Err(Reject::field("/role_id", detail).into());
        }
        if api.one_key_per_user && new.mapped_user_id.is_none() {
            let detail = "say a mapped user: keys of this api are made one for each user";
            return Err(Reject::field("/mapped_user_id", detail).into());
        }
        let now = app.now();
        let import = Import {
            id: ImportId::new(now, &mut *app.rng()),
            organization_id,
            source_digest: new.source_digest,
            source_name: new.source_name.chars().filter(|it| !it.is_control()).take(SOURCE_NAME_CHARS_MAX).collect(),
            api_id: api.id,
            role_id: new.role_id,
            scopes: new.scopes,
            owner_id: new.owner_id,
            mapped_user_id: new.mapped_user_id,
            next_line: 1,
            accepted: 0,
            existing: 0,
            rejected: 0,
            rejected_lines: Vec::new(),
            created_at: now,
            created_by: caller.user_id(),
            updated_at: now,
            finished_at: None,
        };
        check(&app, &caller, &mut tx, &tenant, &import, 0).await?;
        tx.insert_import(&tenant, &import).await?;
        tx.commit_unaudited("an import that has brought no key yet changed nothing").await?;
        Ok(import.into())
    })
    .await
}

/// Refuses to go on with an import of the same file on other terms: its keys would silently keep the old ones.
fn refuse_other_terms(import: &Import, new: &NewImport, api_id: ApiId) -> Result<(), Reject> {
    let differs = [
        ("api", import.api_id != api_id),
        ("role_id", import.role_id != new.role_id),
        ("scopes", import.scopes != new.scopes),
        ("owner_id", import.owner_id != new.owner_id),
        ("mapped_user_id", import.mapped_user_id != new.mapped_user_id),
    ];
    match differs.into_iter().find(|(_, differs)| *differs) {
        None => Ok(()),
        Some((field, _)) => {
            let detail =
                format!("This file's import began with another {field}; go on with that one, or change the file.");
            Err(Reject::new(RejectCode::StateConflict, detail))
        }
    }
}

/// Refuses an import whose keys the caller could not make one by one.
async fn check(
    app: &App,
    caller: &Caller,
    tx: &mut Tx,
    tenant: &Tenant,
    import: &Import,
    new_keys: usize,
) -> OpResult<()> {
    let policy = policy_of(app, tenant.organization_id())?;
    let api = tx.find_api(tenant, import.api_id).await?.ok_or_else(Reject::not_found)?;
    // As where keys are made one by one: where there is one for each user, that is bound enough.
    let counted = if api.one_key_per_user { 0 } else { u32::try_from(new_keys).unwrap_or(u32::MAX) };
    check_owner(tx, tenant, &policy, import.owner_id, counted).await?;
    let granted = Granted {
        role_id: import.role_id,
        scopes: import.scopes.as_ref(),
        mapped_user_id: import.mapped_user_id,
        reach: Reach::Organization,
    };
    granted.check(app, caller, tx, tenant, &policy).await?;
    refuse_too_many(tx, tenant, new_keys).await
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
    let tenant = caller.authorize(app, organization_id, READ)?;
    Ok(find(app, &tenant, import_id).await?.into())
}

async fn find(app: &App, tenant: &Tenant, import_id: ImportId) -> OpResult<Import> {
    let import = app.store().read().await?.find_import(tenant, import_id).await?;
    Ok(import.ok_or_else(Reject::not_found)?)
}

/// Takes the next lines, at most 1,000, in the order of the file. Lines that have been dealt with are skipped, so that a chunk can be sent again.
/// `finishes` says that none come after them; `after_line` which line came last in the chunk before, for who sends one without waiting for
/// what became of the other: it is refused until that has been taken, whichever comes first.
///
/// # Errors
/// Refusals, of lines after the last too; a line that cannot be taken is no error but stands in the outcome.
pub async fn append_import(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    import_id: ImportId,
    lines: Vec<ImportLine>,
    after_line: Option<u64>,
    finishes: bool,
) -> OpResult<ChunkOutcome> {
    refuse_disorder(&lines, after_line)?;
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize(&app, organization_id, CREATE);
        // An import keeps its owner, so that a look beforehand says whose keys are counted too.
        let owner_id = find(&app, &authorize()?, import_id).await?.owner_id;
        // Its chunks, and those of other imports here, are taken one after the other: they count the same keys.
        let rows = [Hold::alone(import_id), Hold::alone(organization_id)];
        let rows = rows.into_iter().chain(owner_id.map(Hold::alone));
        let (mut tx, tenant) = begin_adding(&app, &caller, rows, authorize).await?;
        let mut import = tx.find_import(&tenant, import_id).await?.ok_or_else(Reject::not_found)?;
        if after_line.is_some_and(|it| import.next_line <= it) {
            let detail = "The lines before these have not been taken; send these again once they have been.";
            return Err(Reject::new(RejectCode::StateConflict, detail).into());
        }
        let fresh: Vec<_> = lines.into_iter().filter(|it| it.line >= import.next_line).collect();
        let now = app.now();
        let (Some(first), Some(last)) = (fresh.first().map(|it| it.line), fresh.last().map(|it| it.line)) else {
            settle(&app, &mut tx).await?;
            if finishes && import.finished_at.is_none() {
                (import.updated_at, import.finished_at) = (now, Some(now));
                tx.update_import(&tenant, &import).await?;
                tx.commit_unaudited("that there is no more to import changes no key").await?;
            }
            return Ok(ChunkOutcome { import: import.into(), rejected: Vec::new() });
        };
        if import.finished_at.is_some() {
            let detail = "This import is finished; begin another for what came since.";
            return Err(Reject::new(RejectCode::StateConflict, detail).into());
        }
        let policy = policy_of(&app, organization_id)?;
        let Sorted { keys, existing, rejected } = sort(&app, &mut tx, &tenant, &import, &policy, fresh).await?;
        check(&app, &caller, &mut tx, &tenant, &import, keys.len()).await?;
        if !keys.is_empty() {
            tx.insert_keys(&tenant, &keys).await?;
        }
        import.next_line = last + 1;
        import.accepted += keys.len() as u64;
        import.existing += existing;
        import.rejected += rejected.len() as u64;
        let room = REJECTED_LINES_MAX.saturating_sub(import.rejected_lines.len());
        import.rejected_lines.extend(rejected.iter().take(room).cloned());
        import.updated_at = now;
        import.finished_at = finishes.then_some(now);
        tx.update_import(&tenant, &import).await?;
        let what = json!({
            "source_name": import.source_name,
            "lines": { "from": first, "to": last },
            "accepted": keys.len(),
            "existing": existing,
            "rejected": rejected.len(),
            "digest": digest_of(&keys),
        });
        commit(&app, tx, Event::new(&tenant, EventKind::KeysImported, import.id, now).after(&what)).await?;
        let rejected = rejected.into_iter().map(|it| RejectedLine { line: it.line, reason: it.reason }).collect();
        Ok(ChunkOutcome { import: import.into(), rejected })
    })
    .await
}

/// One digest over those of the keys, so that the event commits to what was imported without listing it.
fn digest_of(keys: &[(Key, Secret)]) -> String {
    let all = keys.iter().fold(Sha256::new(), |hash, (_, secret)| hash.chain_update(secret.digest.as_bytes()));
    HEXLOWER.encode(&all.finalize())
}

fn refuse_disorder(lines: &[ImportLine], after_line: Option<u64>) -> Result<(), Reject> {
    let max = limits::ROWS_PER_EVENT_MAX;
    if lines.len() > max {
        return Err(Reject::field("/lines", format!("at most {max} lines in one request")));
    }
    let rising = lines.windows(2).all(|pair| pair[0].line < pair[1].line);
    if !rising || lines.first().is_some_and(|it| it.line == 0) {
        return Err(Reject::field("/lines", "must come in the order of the file, each line once, counted from 1"));
    }
    if lines.first().zip(after_line).is_some_and(|(first, after)| first.line <= after) {
        return Err(Reject::field("/after_line", "must be the number of a line before these"));
    }
    Ok(())
}

impl From<Import> for ImportInfo {
    fn from(import: Import) -> Self {
        let lines = import.rejected_lines.into_iter();
        Self {
            id: import.id,
            source_name: import.source_name,
            done_line: import.next_line - 1,
            accepted: import.accepted,
            existing: import.existing,
            rejected: import.rejected,
            rejected_lines: lines.map(|it| RejectedLine { line: it.line, reason: it.reason }).collect(),
            created_at: import.created_at,
            updated_at: import.updated_at,
            finished_at: import.finished_at,
        }
    }
}
