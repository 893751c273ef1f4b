//! Rows as verifiers hold them.

use std::iter::Peekable;
use std::vec::IntoIter;

use claviger_core::decision::KeyStanding;
use claviger_core::event::{Entity, EntityKind};
use claviger_core::feed::{
    ApiRecord, Change, KeyRecord, MemberRecord, OrganizationRecord, Record, RoleRecord, SecretRecord, UserRecord,
};
use claviger_core::id::KeyId;
use claviger_core::organization::OrganizationStatus;
use claviger_core::role::BuiltIn;
use claviger_core::time::Timestamp;
use claviger_core::user::UserStatus;
use serde::de::IgnoredAny;

use crate::db::Row;
use crate::keys::secret_state;
use crate::row::{Columns, Unreadable};
use crate::sql::{LAST, statements};
use crate::value::args;
use crate::{Connection, StoreResult};

/// How long the end of a key or secret is remembered by verifiers: its bearer is told that it is revoked, and not that it is unknown.
const ENDED_SECS: u64 = 90 * 24 * 60 * 60;

/// The statements of one kind: one row, and a page of rows.
macro_rules! by_id {
    ($columns:literal, $table:literal) => {
        concat!("SELECT ", $columns, " FROM ", $table, " t WHERE t.id = $1")
    };
}
macro_rules! page {
    ($columns:literal, $table:literal) => {
        concat!("SELECT ", $columns, " FROM ", $table, " t WHERE t.id > $1 ORDER BY t.id LIMIT $2")
    };
}

macro_rules! key_columns {
    () => {
        "SELECT t.id, t.organization_id, t.api_id, t.name, t.role_id, t.scopes, t.owner_id, t.mapped_user_id, t.expires_at, \
         t.allowed_ips, t.reach, t.standing, t.metadata, t.version FROM key t "
    };
}

statements! {
    ORGANIZATION = by_id!("t.id, t.parent_id, t.slug, t.external_id, t.status, t.policy, t.allowed_ips, t.version", "organization");
    ORGANIZATIONS = page!("t.id, t.parent_id, t.slug, t.external_id, t.status, t.policy, t.allowed_ips, t.version", "organization");
    USER = by_id!("t.id, t.name, t.external_id, t.status, t.version", "\"user\"");
    USERS = page!("t.id, t.name, t.external_id, t.status, t.version", "\"user\"");
    ROLE = by_id!("t.id, t.name, t.permissions, t.api_access, t.built_in, t.version", "role");
    ROLES = page!("t.id, t.name, t.permissions, t.api_access, t.built_in, t.version", "role");
    MEMBER = by_id!("t.id, t.organization_id, t.user_id, t.role_id, t.extra_permissions, t.version", "member");
    MEMBERS = page!("t.id, t.organization_id, t.user_id, t.role_id, t.extra_permissions, t.version", "member");
    API = by_id!("t.id, t.slug, t.prefix, t.version", "api");
    APIS = page!("t.id, t.slug, t.prefix, t.version", "api");
    KEYS = concat!(
        key_columns!(),
        "WHERE t.id > $1 AND (t.standing <> 'revoked' OR t.revoked_at > $2) ORDER BY t.id LIMIT $3"
    );
    KEYS_BETWEEN = concat!(key_columns!(), "WHERE t.id >= $1 AND t.id <= $2 ORDER BY t.id");
    SECRETS_BETWEEN =
        "SELECT t.key_id, t.id, t.digest, t.state, t.retiring_until FROM secret t \
         WHERE t.key_id >= $1 AND t.key_id <= $2 AND (t.state <> 'dead' OR t.ended_at > $3) ORDER BY t.key_id, t.id";
}

/// How a row of one kind is read.
type Read = fn(&mut Columns<'_>) -> Result<Record, Unreadable>;

fn organization(it: &mut Columns<'_>) -> Result<Record, Unreadable> {
    Ok(Record::Organization(OrganizationRecord {
        id: it.next()?,
        parent_id: it.next()?,
        slug: it.next()?,
        external_id: it.next()?,
        suspended: it.next::<OrganizationStatus>()? == OrganizationStatus::Suspended,
        policy: it.next()?,
        allowed_ips: it.next()?,
        version: it.next()?,
    }))
}

fn user(it: &mut Columns<'_>) -> Result<Record, Unreadable> {
    Ok(Record::User(UserRecord {
        id: it.next()?,
        name: it.next()?,
        external_id: it.next()?,
        active: it.next::<UserStatus>()? == UserStatus::Active,
        version: it.next()?,
    }))
}

fn role(it: &mut Columns<'_>) -> Result<Record, Unreadable> {
    Ok(Record::Role(RoleRecord {
        id: it.next()?,
        name: it.next()?,
        permissions: it.next()?,
        api_access: it.next()?,
        is_admin: it.next::<Option<BuiltIn>>()? == Some(BuiltIn::Admin),
        version: it.next()?,
    }))
}

fn member(it: &mut Columns<'_>) -> Result<Record, Unreadable> {
    Ok(Record::Member(MemberRecord {
        id: it.next()?,
        organization_id: it.next()?,
        user_id: it.next()?,
        role_id: it.next()?,
        extra_permissions: it.next()?,
        version: it.next()?,
    }))
}

fn api(it: &mut Columns<'_>) -> Result<Record, Unreadable> {
    Ok(Record::Api(ApiRecord { id: it.next()?, slug: it.next()?, prefix: it.next()?, version: it.next()? }))
}

fn key(it: &mut Columns<'_>, secrets: Vec<SecretRecord>) -> Result<Record, Unreadable> {
    let record = KeyRecord {
        id: it.next()?,
        organization_id: it.next()?,
        api_id: it.next()?,
        name: it.next()?,
        role_id: it.next()?,
        scopes: it.next()?,
        owner_id: it.next()?,
        mapped_user_id: it.next()?,
        expires_at: it.next()?,
        allowed_ips: it.next()?,
        reach: it.next()?,
        standing: it.next::<KeyStanding>()?,
        metadata: it.next()?,
        secrets,
        version: it.next()?,
    };
    if let Some(json) = &record.metadata {
        // It goes into answers as it is.
        serde_json::from_str::<IgnoredAny>(json).map_err(|error| Unreadable(error.to_string()))?;
    }
    Ok(Record::Key(record))
}

/// The row as a change. One whose very id cannot be read cannot be named either; nothing of it is loaded, so it allows nothing.
fn change(row: &Row, read: impl FnOnce(&mut Columns<'_>) -> Result<Record, Unreadable>) -> Option<Change> {
    match read(&mut Columns::new(row)) {
        Ok(record) => Some(Change::Put(Box::new(record))),
        Err(Unreadable(why)) => {
            let id = id_of(row);
            tracing::error!(id, why, "a row cannot be read: what hangs on it is denied");
            id.parse::<Entity>().ok().map(Change::Unreadable)
        }
    }
}

fn id_of(row: &Row) -> &str {
    row.text(0).ok().flatten().unwrap_or_default()
}

impl Connection {
    /// A page of rows, and where the next one begins.
    pub(super) async fn record_page(
        &mut self,
        kind: EntityKind,
        after: &str,
        limit: u32,
        now: Timestamp,
    ) -> StoreResult<(Vec<Change>, Option<String>)> {
        let limit = limit.max(1);
        let (statement, read): (_, Read) = match kind {
            EntityKind::Organization => (ORGANIZATIONS, organization),
            EntityKind::User => (USERS, user),
            EntityKind::Role => (ROLES, role),
            EntityKind::Member => (MEMBERS, member),
            EntityKind::Api => (APIS, api),
            EntityKind::Key => return self.key_page(after, limit, now).await,
            EntityKind::Import | EntityKind::Session => return Ok((vec![], None)),
        };
        let rows = self.fetch_all(statement, args![after, i64::from(limit)]).await?;
        Ok((rows.iter().filter_map(|row| change(row, read)).collect(), next(&rows, limit)))
    }

    async fn key_page(
        &mut self,
        after: &str,
        limit: u32,
        now: Timestamp,
    ) -> StoreResult<(Vec<Change>, Option<String>)> {
        let cutoff = ended_after(now);
        let rows = self.fetch_all(KEYS, args![after, cutoff, i64::from(limit)]).await?;
        let next = next(&rows, limit);
        let last = next.as_deref().unwrap_or(LAST);
        let secrets = self.fetch_all(SECRETS_BETWEEN, args![rows.first().map_or(LAST, id_of), last, cutoff]).await?;
        Ok((joined(&rows, secrets), next))
    }

    /// The row of one thing as it is now, or that it is no more.
    pub(super) async fn record_of(&mut self, entity: Entity, now: Timestamp) -> StoreResult<Option<Change>> {
        let (statement, read): (_, Read) = match entity.kind {
            EntityKind::Organization => (ORGANIZATION, organization),
            EntityKind::User => (USER, user),
            EntityKind::Role => (ROLE, role),
            EntityKind::Member => (MEMBER, member),
            EntityKind::Api => (API, api),
            EntityKind::Key => {
                let id = KeyId::from_u128(entity.id);
                let changes = self.key_records(id, id, now).await?;
                return Ok(Some(changes.into_iter().next().unwrap_or(Change::Gone(entity))));
            }
            EntityKind::Import | EntityKind::Session => return Ok(None),
        };
        let row = self.fetch_optional(statement, args![entity.to_string()]).await?;
        Ok(row.map_or(Some(Change::Gone(entity)), |row| change(&row, read)))
    }

    /// The keys from one to another, both included, as they are now.
    pub(super) async fn key_records(&mut self, first: KeyId, last: KeyId, now: Timestamp) -> StoreResult<Vec<Change>> {
        let rows = self.fetch_all(KEYS_BETWEEN, args![first, last]).await?;
        let secrets = self.fetch_all(SECRETS_BETWEEN, args![first, last, ended_after(now)]).await?;
        Ok(joined(&rows, secrets))
    }
}

fn ended_after(now: Timestamp) -> Timestamp {
    now.saturating_sub(std::time::Duration::from_secs(ENDED_SECS))
}

/// Where the next page begins, if this one is full.
fn next(rows: &[Row], limit: u32) -> Option<String> {
    if rows.len() < limit as usize { None } else { rows.last().map(|row| id_of(row).to_owned()) }
}

/// Keys with their secrets; both come in the order of the keys.
fn joined(keys: &[Row], secrets: Vec<Row>) -> Vec<Change> {
    let mut secrets = secrets.into_iter().peekable();
    let with_secrets = |row: &Row| {
        let secrets = secrets_of(id_of(row), &mut secrets);
        change(row, |it| key(it, secrets?))
    };
    keys.iter().filter_map(with_secrets).collect()
}

fn secrets_of(key_id: &str, rows: &mut Peekable<IntoIter<Row>>) -> Result<Vec<SecretRecord>, Unreadable> {
    // Those before are of keys that are not in this list.
    while rows.next_if(|row| id_of(row) < key_id).is_some() {}
    let mut secrets = Ok(Vec::with_capacity(1));
    while let Some(row) = rows.next_if(|row| id_of(row) == key_id) {
        let mut it = Columns::new(&row);
        let mut read = || {
            it.next::<String>()?;
            Ok(SecretRecord { id: it.next()?, digest: it.next()?, state: secret_state(&mut it)? })
        };
        match (&mut secrets, read()) {
            (Ok(secrets), Ok(secret)) => secrets.push(secret),
            (Ok(_), Err(why)) => secrets = Err(why),
            (Err(_), _) => {}
        }
    }
    secrets
}
