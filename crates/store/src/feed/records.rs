//! Rows as verifiers hold them.

use claviger_core::api::{ApiVersion, KeyLocations};
use claviger_core::decision::KeyStanding;
use claviger_core::event::{Entity, EntityKind};
use claviger_core::feed::{
    ApiRecord, Change, DeprecatedVersionRecord, EndedSharedSecretRecord, EndedSignInRecord, KeyRecord, MemberRecord,
    OrganizationRecord, Record, RoleRecord, SecretRecord, SigningKeyRecord, UserRecord,
};
use claviger_core::id::{KeyId, UserId};
use claviger_core::limits;
use claviger_core::organization::OrganizationStatus;
use claviger_core::role::BuiltIn;
use claviger_core::time::Timestamp;
use claviger_core::user::UserStatus;
use serde::de::IgnoredAny;

use super::lines::Lines;
use crate::db::Row;
use crate::keys::secret_state;
use crate::row::{Columns, Unreadable, id_of};
use crate::signing_keys::public_key;
use crate::sql::statements;
use crate::value::{Value, args};
use crate::{Connection, StoreResult};

/// How long the end of a key or secret is remembered by verifiers: its bearer is told that it is revoked, and not that it is unknown.
const ENDED_SECS: u64 = 90 * 24 * 60 * 60;

/// Fields of a line that are the key's, and those of its secret.
const KEY_FIELDS: usize = 15;
const SECRET_FIELDS: usize = 4;

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

/// Keys with their secrets as one text: a line for each secret of a key, and one for a key without. Every key is read at every start,
/// and handing over twenty columns, or only a row of one, costs far more than finding them. `$secrets` says of the secrets what `$keys` says of
/// the keys: PostgreSQL merges both by their order and would begin with the first secret of all for each page.
macro_rules! keys_with_secrets {
    ($secrets:literal, $keys:literal) => {
        concat!(
            "SELECT string_agg(lines.line, '\u{1e}') FROM (SELECT concat_ws('\u{1f}', \
             t.id, t.organization_id, t.api_id, t.name, COALESCE(t.role_id, ''), COALESCE(t.scopes, ''), \
             COALESCE(t.owner_id, ''), COALESCE(t.mapped_user_id, ''), COALESCE(CAST(t.expires_at AS TEXT), ''), \
             COALESCE(t.allowed_ips, ''), t.reach, t.standing, COALESCE(t.metadata, ''), t.version, \
             COALESCE(t.limits, ''), \
             COALESCE(s.id, ''), COALESCE(hex(s.digest), ''), COALESCE(s.state, ''), \
             COALESCE(CAST(s.retiring_until AS TEXT), '')) AS line \
             FROM key t LEFT JOIN secret s ON s.key_id = t.id AND ",
            $secrets,
            " AND (s.state <> 'dead' OR s.ended_at > $2) WHERE ",
            $keys,
            ") lines"
        )
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
    MEMBERS_OF_USER =
        "SELECT t.id, t.organization_id, t.user_id, t.role_id, t.extra_permissions, t.version FROM member t WHERE t.user_id = $1";
    API = "SELECT t.id, t.slug, t.prefix, t.version, t.key_locations, t.versions, t.organization_id FROM api t WHERE t.id = $1 AND t.deleted_at IS NULL";
    APIS =
        "SELECT t.id, t.slug, t.prefix, t.version, t.key_locations, t.versions, t.organization_id FROM api t WHERE t.id > $1 AND t.deleted_at IS NULL \
         ORDER BY t.id LIMIT $2";
    SIGNING_KEY = by_id!("t.id, t.public_key, t.retired_until, t.version", "signing_key");
    SIGNING_KEYS = page!("t.id, t.public_key, t.retired_until, t.version", "signing_key");
    ENDED_SIGN_IN = by_id!("t.id, t.until", "ended_sign_in");
    ENDED_SIGN_INS = page!("t.id, t.until", "ended_sign_in");
    ENDED_SHARED_SECRET = by_id!("t.id, t.ends_at, t.version", "ended_shared_secret");
    ENDED_SHARED_SECRETS = page!("t.id, t.ends_at, t.version", "ended_shared_secret");
    KEYS = keys_with_secrets!(
        "s.key_id > $1",
        "t.id > $1 AND (t.standing <> 'revoked' OR t.revoked_at > $2) ORDER BY t.id, s.id LIMIT $3"
    );
    KEYS_BETWEEN = keys_with_secrets!("s.key_id >= $1 AND s.key_id <= $3", "t.id >= $1 AND t.id <= $3 ORDER BY t.id, s.id");
}

/// Bytes of a name at most: of each character four.
const NAME_BYTES_MAX: usize = 4 * limits::NAME_CHARS_MAX;

/// A text that is not longer than it may have been when it was written. Every node holds it and puts it into answers, so one of many megabytes
/// would be everybody's burden and not only its key's.
fn text(it: &mut Columns<'_>, bytes_max: usize) -> Result<String, Unreadable> {
    optional_text(it, bytes_max)?.ok_or_else(|| Unreadable("a text is not there".into()))
}

/// As [`text`], where it may be absent.
fn optional_text(it: &mut Columns<'_>, bytes_max: usize) -> Result<Option<String>, Unreadable> {
    match it.next::<Option<String>>()? {
        Some(text) if text.len() > bytes_max => {
            Err(Unreadable(format!("a text of {} bytes, of which {bytes_max} are allowed", text.len())))
        }
        text => Ok(text),
    }
}

/// How a row of one kind is read.
type Read = fn(&mut Columns<'_>) -> Result<Record, Unreadable>;

fn organization(it: &mut Columns<'_>) -> Result<Record, Unreadable> {
    Ok(Record::Organization(OrganizationRecord {
        id: it.next()?,
        parent_id: it.next()?,
        slug: text(it, limits::SLUG_BYTES_MAX)?,
        external_id: optional_text(it, limits::EXTERNAL_ID_BYTES_MAX)?,
        suspended: it.next::<OrganizationStatus>()? == OrganizationStatus::Suspended,
        policy: it.next()?,
        allowed_ips: it.next()?,
        version: it.next()?,
    }))
}

fn user(it: &mut Columns<'_>) -> Result<Record, Unreadable> {
    Ok(Record::User(UserRecord {
        id: it.next()?,
        name: text(it, NAME_BYTES_MAX)?,
        external_id: optional_text(it, limits::EXTERNAL_ID_BYTES_MAX)?,
        active: it.next::<UserStatus>()? == UserStatus::Active,
        version: it.next()?,
    }))
}

fn role(it: &mut Columns<'_>) -> Result<Record, Unreadable> {
    Ok(Record::Role(RoleRecord {
        id: it.next()?,
        name: text(it, NAME_BYTES_MAX)?,
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
    let (id, slug) = (it.next()?, text(it, limits::SLUG_BYTES_MAX)?);
    let (prefix, version) = (text(it, limits::PREFIX_BYTES_MAX)?, it.next()?);
    let key_locations = it.next::<KeyLocations>()?.to_texts();
    let known = it.next::<Vec<ApiVersion>>()?;
    let versions = (!known.is_empty()).then(|| known.iter().map(|it| it.slug.to_string()).collect());
    let organization_id = it.next()?;
    let deprecated = deprecated(known);
    Ok(Record::Api(ApiRecord { id, slug, prefix, version, key_locations, deprecated, versions, organization_id }))
}

/// Of which versions there is something to tell.
fn deprecated(versions: Vec<ApiVersion>) -> Option<Vec<DeprecatedVersionRecord>> {
    let is_told = |it: &ApiVersion| it.deprecated_at.is_some() || it.sunset_at.is_some();
    let record = |it: ApiVersion| DeprecatedVersionRecord {
        slug: it.slug.into(),
        deprecated_at: it.deprecated_at,
        sunset_at: it.sunset_at,
        docs_url: it.docs_url.map(Into::into),
    };
    let records: Vec<_> = versions.into_iter().filter(is_told).map(record).collect();
    (!records.is_empty()).then_some(records)
}

fn signing_key(it: &mut Columns<'_>) -> Result<Record, Unreadable> {
    Ok(Record::SigningKey(SigningKeyRecord {
        id: it.next()?,
        public_key: public_key(it)?,
        retired_until: it.next()?,
        version: it.next()?,
    }))
}

fn ended_sign_in(it: &mut Columns<'_>) -> Result<Record, Unreadable> {
    Ok(Record::EndedSignIn(EndedSignInRecord { id: it.next()?, until: it.next()? }))
}

fn ended_shared_secret(it: &mut Columns<'_>) -> Result<Record, Unreadable> {
    let (id, ends_at, version) = (it.next()?, it.next()?, it.next()?);
    Ok(Record::EndedSharedSecret(EndedSharedSecretRecord { id, ends_at, version }))
}

/// A key from its lines: all begin with its fields, and each ends with those of one of its secrets.
fn key(lines: &[&[u8]]) -> Result<Record, Unreadable> {
    let (first, others) = lines.split_first().ok_or_else(|| Unreadable("is not there".into()))?;
    let mut it = Columns::of_line(first)?;
    let mut record = KeyRecord {
        id: it.next()?,
        organization_id: it.next()?,
        api_id: it.next()?,
        name: text(&mut it, NAME_BYTES_MAX)?,
        role_id: it.next()?,
        scopes: it.next()?,
        owner_id: it.next()?,
        mapped_user_id: it.next()?,
        expires_at: it.next()?,
        allowed_ips: it.next()?,
        reach: it.next()?,
        standing: it.next::<KeyStanding>()?,
        metadata: optional_text(&mut it, limits::METADATA_BYTES_MAX)?,
        version: it.next()?,
        limits: it.next()?,
        secrets: Vec::with_capacity(lines.len()),
    };
    if let Some(json) = &record.metadata {
        // It goes into answers as it is.
        serde_json::from_str::<IgnoredAny>(json).map_err(|error| Unreadable(error.to_string()))?;
    }
    record.secrets.extend(secret(it)?);
    for line in others {
        let mut it = Columns::of_line(line)?;
        it.skip(KEY_FIELDS);
        record.secrets.extend(secret(it)?);
    }
    Ok(Record::Key(record))
}

/// The secret at the end of a line; absent where the key has none.
fn secret(mut it: Columns<'_>) -> Result<Option<SecretRecord>, Unreadable> {
    let secret = match it.next()? {
        Some(id) => Some(SecretRecord { id, digest: it.next()?, state: secret_state(&mut it)? }),
        None => {
            it.skip(SECRET_FIELDS - 1);
            None
        }
    };
    it.end()?;
    Ok(secret)
}

/// The row as a change. One whose very id cannot be read cannot be named either; nothing of it is loaded, so it allows nothing.
fn change(id: &str, record: Result<Record, Unreadable>) -> Option<Change> {
    match record {
        Ok(record) => Some(Change::Put(Box::new(record))),
        Err(Unreadable(why)) => {
            tracing::error!(id, why, "a row cannot be read: what hangs on it is denied");
            id.parse::<Entity>().ok().map(Change::Unreadable)
        }
    }
}

/// The row as changes. A membership that cannot be read takes its user along: else a verifier that never read it would judge the user by
/// the next membership further up, which may hold more.
fn changes(kind: EntityKind, row: &Row, read: Read) -> impl Iterator<Item = Change> + use<> {
    let change = change(id_of(row), read(&mut Columns::new(row)));
    let is_bad_member = kind == EntityKind::Member && !matches!(change, Some(Change::Put(_)));
    let user_id = is_bad_member.then(|| user_of_member(row)).flatten();
    change.into_iter().chain(user_id.map(|it| Change::Unreadable(it.into())))
}

/// Whose membership a row is, if that much of it can be read.
fn user_of_member(row: &Row) -> Option<UserId> {
    let mut it = Columns::new(row);
    it.skip(2);
    it.next().ok()
}

/// Rows as the engine handed them over. Making records of them takes about as long as reading them, so that who loads very many
/// does it elsewhere than where the next ones are read.
#[derive(Debug)]
pub struct Rows(Form);

#[derive(Debug)]
enum Form {
    Changes(Vec<Change>),
    /// Keys.
    Lines([Lines; 2]),
}

impl Rows {
    /// What verifiers hold of them; never [`Change::Gone`].
    pub fn into_changes(self) -> Vec<Change> {
        match self.0 {
            Form::Changes(changes) => changes,
            Form::Lines(lines) => lines.iter().flat_map(changes_of).collect(),
        }
    }
}

fn changes_of(lines: &Lines) -> Vec<Change> {
    let mut changes = Vec::with_capacity(lines.len());
    lines.each(|id, lines| changes.extend(change(&String::from_utf8_lossy(id), key(lines))));
    changes
}

impl Connection {
    /// A page of rows, and where the next one begins.
    pub(super) async fn record_page(
        &mut self,
        kind: EntityKind,
        after: &str,
        limit: u32,
        now: Timestamp,
    ) -> StoreResult<(Rows, Option<String>)> {
        let limit = limit.max(1);
        let (statement, read): (_, Read) = match kind {
            EntityKind::Organization => (ORGANIZATIONS, organization),
            EntityKind::User => (USERS, user),
            EntityKind::Role => (ROLES, role),
            EntityKind::Member => (MEMBERS, member),
            EntityKind::Api => (APIS, api),
            EntityKind::Key => return self.key_page(after, limit, now).await,
            EntityKind::SigningKey => (SIGNING_KEYS, signing_key),
            EntityKind::SignIn => (ENDED_SIGN_INS, ended_sign_in),
            EntityKind::SharedSecret => (ENDED_SHARED_SECRETS, ended_shared_secret),
            EntityKind::Import
            | EntityKind::Session
            | EntityKind::Webhook
            | EntityKind::EventType
            | EntityKind::Event => {
                return Ok((Rows(Form::Changes(vec![])), None));
            }
        };
        let rows = self.fetch_all(statement, args![after, i64::from(limit)]).await?;
        let changes = rows.iter().flat_map(|row| changes(kind, row, read)).collect();
        Ok((Rows(Form::Changes(changes)), next(&rows, limit)))
    }

    async fn key_page(&mut self, after: &str, limit: u32, now: Timestamp) -> StoreResult<(Rows, Option<String>)> {
        let mut lines = self.lines(KEYS, args![after, ended_after(now), i64::from(limit)]).await?;
        if lines.len() < limit as usize {
            return Ok((Rows(Form::Lines([lines, Lines::of(vec![])])), None));
        }
        // The last key may have further secrets behind the end of the page: it is read with all of them, whatever their number.
        let last = String::from_utf8_lossy(lines.last_id()).into_owned();
        lines.drop_last();
        let whole = self.lines(KEYS_BETWEEN, args![last.as_str(), ended_after(now), last.as_str()]).await?;
        Ok((Rows(Form::Lines([lines, whole])), Some(last)))
    }

    /// The row of one thing as it is now, or that it is no more.
    pub(super) async fn records_of(&mut self, entity: Entity, now: Timestamp) -> StoreResult<Vec<Change>> {
        let (statement, read): (_, Read) = match entity.kind {
            EntityKind::Organization => (ORGANIZATION, organization),
            EntityKind::User => (USER, user),
            EntityKind::Role => (ROLE, role),
            EntityKind::Member => (MEMBER, member),
            EntityKind::Api => (API, api),
            EntityKind::Key => {
                let id = KeyId::from_u128(entity.id);
                let mut changes = self.key_records(id, id, now).await?;
                changes.truncate(1);
                return Ok(if changes.is_empty() { vec![Change::Gone(entity)] } else { changes });
            }
            EntityKind::SigningKey => (SIGNING_KEY, signing_key),
            EntityKind::SignIn => (ENDED_SIGN_IN, ended_sign_in),
            EntityKind::SharedSecret => (ENDED_SHARED_SECRET, ended_shared_secret),
            EntityKind::Import
            | EntityKind::Session
            | EntityKind::Webhook
            | EntityKind::EventType
            | EntityKind::Event => return Ok(vec![]),
        };
        let Some(row) = self.fetch_optional(statement, args![entity.to_string()]).await? else {
            // Of a shared secret only the end has a row, and one that has none is no less there.
            let is_gone = entity.kind != EntityKind::SharedSecret;
            return Ok(is_gone.then_some(Change::Gone(entity)).into_iter().collect());
        };
        let mut found: Vec<_> = changes(entity.kind, &row, read).collect();
        if entity.kind == EntityKind::User && self.has_unreadable_membership(entity).await? {
            // A newer version of the user does not make the membership readable.
            found.push(Change::Unreadable(entity));
        }
        Ok(found)
    }

    async fn has_unreadable_membership(&mut self, user: Entity) -> StoreResult<bool> {
        let rows = self.fetch_all(MEMBERS_OF_USER, args![user.to_string()]).await?;
        Ok(rows.iter().any(|row| member(&mut Columns::new(row)).is_err()))
    }

    /// The keys from one to another, both included, as they are now.
    pub(super) async fn key_records(&mut self, first: KeyId, last: KeyId, now: Timestamp) -> StoreResult<Vec<Change>> {
        Ok(changes_of(&self.lines(KEYS_BETWEEN, args![first, ended_after(now), last]).await?))
    }

    /// The one text that a statement answers, as bytes: one garbled row must not make all others unreadable.
    async fn lines(&mut self, statement: &'static str, arguments: Vec<Value>) -> StoreResult<Lines> {
        let row = self.fetch_optional(statement, arguments).await?;
        Ok(Lines::of(row.map(|row| row.bytes(0).unwrap_or_default().to_vec()).unwrap_or_default()))
    }
}

fn ended_after(now: Timestamp) -> Timestamp {
    now.saturating_sub(std::time::Duration::from_secs(ENDED_SECS))
}

/// Where the next page begins, if this one is full.
fn next(rows: &[Row], limit: u32) -> Option<String> {
    if rows.len() < limit as usize { None } else { rows.last().map(|row| id_of(row).to_owned()) }
}
