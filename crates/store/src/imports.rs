//! Imports: keys in bulk, with progress that survives a restart.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::LazyLock;

use claviger_core::decision::KeyStanding;
use claviger_core::id::{ApiId, ImportId, KeyId, OrganizationId, RoleId, UserId};
use claviger_core::key::Key;
use claviger_core::limits;
use claviger_core::name::NameKey;
use claviger_core::permission::PermissionSet;
use claviger_core::secret::{Digest, Secret};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::keys::{insert_key_columns, insert_secret_columns, key_arguments, secret_arguments};
use crate::row::{Columns, Json, Unreadable};
use crate::sql::{Bulk, ROWS_PER_STATEMENT, padded, row_of, rows_of, statements};
use crate::value::{Argument, args, json};
use crate::{Connection, Cursor, Page, PageRequest, StoreResult, Tx};

macro_rules! columns {
    () => {
        "i.id, i.organization_id, i.source_digest, i.source_name, i.api_id, i.role_id, i.scopes, i.owner_id, i.mapped_user_id, \
         i.next_line, i.accepted, i.existing, i.rejected, i.rejected_lines, i.created_at, i.created_by, i.updated_at, \
         i.finished_at"
    };
}

statements! {
    INSERT_IMPORT =
        "INSERT INTO import (id, organization_id, source_digest, source_name, api_id, role_id, scopes, owner_id, mapped_user_id, \
         next_line, accepted, existing, rejected, rejected_lines, created_at, created_by, updated_at, finished_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)";
    UPDATE_IMPORT =
        "UPDATE import SET next_line = $3, accepted = $4, existing = $5, rejected = $6, rejected_lines = $7, updated_at = $8, \
         finished_at = $9 WHERE id = $1 AND organization_id = $2";
    FIND_IMPORT = concat!("SELECT ", columns!(), " FROM import i WHERE i.id = $1 AND i.organization_id = $2");
    FIND_IMPORT_BY_SOURCE =
        concat!("SELECT ", columns!(), " FROM import i WHERE i.organization_id = $1 AND i.source_digest = $2");
    PAGE_IMPORTS = concat!(
        "SELECT ", columns!(), " FROM import i WHERE i.organization_id = $1 AND i.id < $2 ORDER BY i.id DESC LIMIT $3"
    );
}

static INSERT_KEYS: LazyLock<Bulk> = LazyLock::new(|| Bulk::new(format!("{}{}", insert_key_columns!(), rows_of(26))));
static INSERT_SECRETS: LazyLock<Bulk> =
    LazyLock::new(|| Bulk::new(format!("{}{}", insert_secret_columns!(), rows_of(10))));
static INSERT_KEY: LazyLock<Bulk> = LazyLock::new(|| Bulk::new(format!("{}{}", insert_key_columns!(), row_of(26, 0))));
static INSERT_SECRET: LazyLock<Bulk> =
    LazyLock::new(|| Bulk::new(format!("{}{}", insert_secret_columns!(), row_of(10, 0))));
static FIND_DIGESTS: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(format!(
        "SELECT s.digest, s.organization_id, s.key_id, s.state, k.standing FROM secret s JOIN key k ON k.id = s.key_id \
         WHERE s.digest IN {}",
        row_of(ROWS_PER_STATEMENT, 0)
    ))
});
static FIND_TAKEN_NAMES: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(format!(
        "SELECT k.name_key FROM key k WHERE k.organization_id = $1 AND k.api_id = $2 AND k.standing <> 'revoked' \
         AND k.name_key IN {}",
        row_of(ROWS_PER_STATEMENT, 2)
    ))
});

/// Every statement that is put together here, by name.
pub(crate) fn built_statements() -> Vec<(String, String)> {
    let statements = [
        ("INSERT_KEYS", &INSERT_KEYS),
        ("INSERT_SECRETS", &INSERT_SECRETS),
        ("INSERT_KEY", &INSERT_KEY),
        ("INSERT_SECRET", &INSERT_SECRET),
        ("FIND_DIGESTS", &FIND_DIGESTS),
        ("FIND_TAKEN_NAMES", &FIND_TAKEN_NAMES),
    ];
    statements.into_iter().map(|(name, sql)| (name.to_owned(), sql.portable.clone())).collect()
}

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

fn import(it: &mut Columns<'_>) -> Result<Import, Unreadable> {
    Ok(Import {
        id: it.next()?,
        organization_id: it.next()?,
        source_digest: it.next()?,
        source_name: it.next()?,
        api_id: it.next()?,
        role_id: it.next()?,
        scopes: it.next()?,
        owner_id: it.next()?,
        mapped_user_id: it.next()?,
        next_line: it.next()?,
        accepted: it.next()?,
        existing: it.next()?,
        rejected: it.next()?,
        rejected_lines: it.next::<Json<_>>()?.0,
        created_at: it.next()?,
        created_by: it.next()?,
        updated_at: it.next()?,
        finished_at: it.next()?,
    })
}

impl Connection {
    /// Finds an import.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_import(&mut self, tenant: &Tenant, id: ImportId) -> StoreResult<Option<Import>> {
        self.find(FIND_IMPORT, args![id, tenant.organization_id()], "import", import).await
    }

    /// Finds the import of a source.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_import_by_source(
        &mut self,
        tenant: &Tenant,
        source_digest: &[u8; 32],
    ) -> StoreResult<Option<Import>> {
        self.find(FIND_IMPORT_BY_SOURCE, args![tenant.organization_id(), source_digest], "import", import).await
    }

    /// Imports of the tenant's organization, newest first.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn page_imports(&mut self, tenant: &Tenant, request: &PageRequest) -> StoreResult<Page<Import>> {
        let arguments = args![tenant.organization_id(), request.before_id(), request.rows_to_read()];
        let rows = self.list(PAGE_IMPORTS, arguments, "import", import).await?;
        Ok(Page::cut(rows, request, |it| Cursor::new("", it.id)))
    }

    /// What is known of each of these digests, in their order.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_digests(&mut self, tenant: &Tenant, digests: &[Digest]) -> StoreResult<Vec<Option<Known>>> {
        let mut found = HashMap::new();
        for chunk in digests.chunks(ROWS_PER_STATEMENT) {
            let arguments = padded(chunk, Digest::value);
            let read = |it: &mut Columns<'_>| {
                let (digest, organization_id, key_id): ([u8; 32], OrganizationId, KeyId) =
                    (it.next()?, it.next()?, it.next()?);
                let (state, standing): (String, KeyStanding) = (it.next()?, it.next()?);
                let known = if organization_id != tenant.organization_id() {
                    Known::Foreign
                } else if state == "dead" || standing == KeyStanding::Revoked {
                    Known::OwnRevoked(key_id)
                } else {
                    Known::Own(key_id)
                };
                Ok((digest, known))
            };
            found.extend(self.list_bulk(&FIND_DIGESTS, arguments, "secret", read).await?);
        }
        Ok(digests.iter().map(|it| found.get(it.as_bytes()).copied()).collect())
    }

    /// Which of these names live keys of the organization and api have.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_taken_names(
        &mut self,
        tenant: &Tenant,
        api_id: ApiId,
        names: &[NameKey],
    ) -> StoreResult<HashSet<NameKey>> {
        let mut taken = HashSet::new();
        for chunk in names.chunks(ROWS_PER_STATEMENT) {
            let mut arguments = args![tenant.organization_id(), api_id];
            arguments.extend(padded(chunk, NameKey::value));
            taken.extend(self.list_bulk(&FIND_TAKEN_NAMES, arguments, "key", |it| it.next::<String>()).await?);
        }
        Ok(names.iter().filter(|it| taken.contains(it.as_str())).cloned().collect())
    }
}

impl Tx {
    /// Writes a new import.
    ///
    /// # Errors
    /// `Taken` when this source was imported into this organization before.
    pub async fn insert_import(&mut self, tenant: &Tenant, it: &Import) -> StoreResult<()> {
        assert_eq!(it.organization_id, tenant.organization_id(), "an import is written by its own tenant");
        let arguments = args![
            it.id,
            it.organization_id,
            it.source_digest,
            it.source_name,
            it.api_id,
            it.role_id,
            it.scopes.as_ref().map(json),
            it.owner_id,
            it.mapped_user_id,
            it.next_line,
            it.accepted,
            it.existing,
            it.rejected,
            json(first(&it.rejected_lines)),
            it.created_at,
            it.created_by,
            it.updated_at,
            it.finished_at,
        ];
        self.execute(INSERT_IMPORT, arguments).await.map(drop)
    }

    /// Writes how far an import has come, in the transaction that writes its keys.
    ///
    /// # Errors
    /// `Missing`.
    pub async fn update_import(&mut self, tenant: &Tenant, it: &Import) -> StoreResult<()> {
        let arguments = args![
            it.id,
            tenant.organization_id(),
            it.next_line,
            it.accepted,
            it.existing,
            it.rejected,
            json(first(&it.rejected_lines)),
            it.updated_at,
            it.finished_at,
        ];
        self.change(UPDATE_IMPORT, arguments).await
    }

    /// Writes at most [`limits::ROWS_PER_EVENT_MAX`] keys with one secret each; the event of the commit stands for all of them.
    ///
    /// # Errors
    /// `Taken` (name, a user's only key of an api, digest), `Missing`; then none is written.
    ///
    /// # Panics
    /// For more keys, for keys of another organization, and for a second call in one transaction.
    pub async fn insert_keys(&mut self, tenant: &Tenant, keys: &[(Key, Secret)]) -> StoreResult<()> {
        let organization_id = tenant.organization_id();
        assert!(keys.len() <= limits::ROWS_PER_EVENT_MAX, "an event stands for so many rows at most");
        assert!(
            keys.iter().all(|(it, _)| it.organization_id == organization_id),
            "keys are written by their own tenant"
        );
        assert!(keys.iter().all(|(key, secret)| secret.key_id == key.id), "a key is written with its own secret");
        assert!(self.touched_keys.is_none(), "an event stands for one range of keys");
        for api_id in keys.iter().map(|(key, _)| key.api_id).collect::<BTreeSet<_>>() {
            self.refuse_foreign_api(organization_id, api_id).await?;
        }
        for role_id in keys.iter().filter_map(|(key, _)| key.role_id).collect::<BTreeSet<_>>() {
            self.refuse_foreign_role(organization_id, role_id).await?;
        }
        let (chunks, rest) = keys.as_chunks::<ROWS_PER_STATEMENT>();
        for chunk in chunks {
            self.execute_bulk(&INSERT_KEYS, chunk.iter().flat_map(|(it, _)| key_arguments(it)).collect()).await?;
            let secrets = chunk.iter().flat_map(|(_, it)| secret_arguments(organization_id, it)).collect();
            self.execute_bulk(&INSERT_SECRETS, secrets).await?;
        }
        for (key, secret) in rest {
            self.execute_bulk(&INSERT_KEY, key_arguments(key)).await?;
            self.execute_bulk(&INSERT_SECRET, secret_arguments(organization_id, secret)).await?;
        }
        let live = keys.iter().filter(|(it, _)| it.standing != KeyStanding::Revoked).count();
        self.change_key_count(tenant, live as i64);
        let ids = || keys.iter().map(|(it, _)| it.id);
        self.touched_keys = ids().min().zip(ids().max());
        Ok(())
    }
}

/// As many of the rejected lines as are kept.
fn first(lines: &[RejectedLine]) -> &[RejectedLine] {
    &lines[..lines.len().min(REJECTED_LINES_MAX)]
}
