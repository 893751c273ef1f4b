//! Keys and their secrets.

mod below;
mod breaking;
mod health;
mod list;

use std::sync::LazyLock;

use claviger_core::decision::KeyStanding;
use claviger_core::id::{KeyId, OrganizationId, UserId};
use claviger_core::key::{Key, Revocation};
use claviger_core::secret::{Secret, SecretState};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;

pub use self::below::KeysBelow;
pub(crate) use self::below::STATEMENTS as BELOW_STATEMENTS;
pub(crate) use self::breaking::STATEMENTS as BREAKING_STATEMENTS;
pub use self::breaking::{Bounds, Breach, Breaking, BreakingKey};
pub use self::health::KeyHealth;
pub(crate) use self::list::STATEMENTS as LIST_STATEMENTS;
pub use self::list::{KeyFilter, KeyOrder, KeyPage, KeyPart, KeyRow, KeySort, KeyStatus, KeyTotal, Question};
use crate::row::{Columns, Unreadable, brief};
use crate::sql::{Bulk, ROWS_PER_STATEMENT, padded, row_of, statements};
use crate::statement::assert_newer;
use crate::value::{Argument as _, Value, args, json};
use crate::{Connection, StoreResult, Tx};

macro_rules! columns {
    () => {
        "k.id, k.organization_id, k.api_id, k.name, k.description, k.role_id, k.scopes, k.owner_id, k.mapped_user_id, \
         k.expires_at, k.allowed_ips, k.limits, k.reach, k.standing, k.revoked_at, k.revocation_reason, k.origin, k.personal, k.sole, \
         k.stored_in, k.metadata, k.version, k.created_at, k.created_by, k.updated_at"
    };
}
pub(crate) use columns as key_columns;

/// What a key is written into, in the order of [`key_arguments`].
macro_rules! insert_key_columns {
    () => {
        "INSERT INTO key (id, organization_id, api_id, name, name_key, description, role_id, scopes, owner_id, \
         mapped_user_id, expires_at, allowed_ips, limits, reach, standing, revoked_at, revocation_reason, origin, personal, \
         sole, stored_in, metadata, version, created_at, created_by, updated_at) VALUES "
    };
}
pub(crate) use insert_key_columns;

/// What a secret is written into, in the order of [`secret_arguments`].
macro_rules! insert_secret_columns {
    () => {
        "INSERT INTO secret (key_id, id, organization_id, access_id, digest, state, retiring_until, ended_at, created_at, \
         replaced_at) VALUES "
    };
}
pub(crate) use insert_secret_columns;

macro_rules! secret_columns {
    () => {
        "s.id, s.key_id, s.access_id, s.digest, s.state, s.retiring_until, s.created_at, s.replaced_at"
    };
}

statements! {
    INSERT_KEY = concat!(
        insert_key_columns!(),
        "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26)"
    );
    /// A revoked key is not changed any more, whatever is asked.
    UPDATE_KEY =
        "UPDATE key SET name = $4, name_key = $5, description = $6, role_id = $7, scopes = $8, owner_id = $9, \
         mapped_user_id = $10, expires_at = $11, allowed_ips = $12, limits = $13, reach = $14, standing = $15, \
         revoked_at = $16, revocation_reason = $17, stored_in = $18, metadata = $19, version = $20, updated_at = $21 \
         WHERE id = $1 AND organization_id = $2 AND version = $3 AND standing <> 'revoked'";
    EXISTS = "SELECT 1 FROM key WHERE id = $1 AND organization_id = $2";
    CHANGE_COUNT = "UPDATE key_count SET live = live + $2 WHERE organization_id = $1";
    INSERT_SECRET = concat!(insert_secret_columns!(), "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)");
    /// A dead secret never revives.
    UPDATE_SECRET =
        "UPDATE secret SET state = $4, retiring_until = $5, ended_at = $6, replaced_at = $7 \
         WHERE key_id = $1 AND id = $2 AND organization_id = $3 AND state <> 'dead'";
    FIND_KEY = concat!("SELECT ", columns!(), " FROM key k WHERE k.id = $1 AND k.organization_id = $2");
    FIND_PERSONAL_KEY = concat!(
        "SELECT ", columns!(), " FROM key k \
         WHERE k.organization_id = $1 AND k.owner_id = $2 AND k.personal AND k.standing <> 'revoked'"
    );
    FIND_LIVE_SECRETS = concat!(
        "SELECT ", secret_columns!(), " FROM secret s \
         WHERE s.key_id = $1 AND s.organization_id = $2 AND s.state <> 'dead' ORDER BY s.id"
    );
    FIND_SECRETS = concat!(
        "SELECT ", secret_columns!(), " FROM secret s WHERE s.key_id = $1 AND s.organization_id = $2 \
         ORDER BY s.id DESC LIMIT 100"
    );
    COUNT_LIVE_KEYS = "SELECT live FROM key_count WHERE organization_id = $1";
    COUNT_ALL_LIVE_KEYS = "SELECT CAST(sum(live) AS BIGINT) FROM key_count";
    COUNT_LIVE_KEYS_OF_OWNER =
        "SELECT count(*) FROM key k \
         WHERE k.organization_id = $1 AND k.owner_id = $2 AND k.standing <> 'revoked' AND NOT k.personal \
         AND NOT k.sole";
}

static FIND_KEYS: LazyLock<Bulk> = LazyLock::new(|| {
    let places = row_of(ROWS_PER_STATEMENT, 1);
    Bulk::new(format!("SELECT {} FROM key k WHERE k.organization_id = $1 AND k.id IN {places}", columns!()))
});

/// Every statement that is put together here, by name.
pub(crate) fn built_statements() -> Vec<(String, String)> {
    let mut statements = list::built_statements();
    statements.extend(health::built_statements());
    statements.extend(below::built_statements());
    statements.push(("FIND_KEYS".to_owned(), FIND_KEYS.portable.clone()));
    statements
}

pub(crate) fn key_arguments(it: &Key) -> Vec<Value> {
    args![
        it.id,
        it.organization_id,
        it.api_id,
        it.name,
        it.name.key(),
        it.description,
        it.role_id,
        it.scopes.as_ref().map(json),
        it.owner_id,
        it.mapped_user_id,
        it.expires_at,
        it.allowed_ips.as_ref().map(json),
        it.limits.set().map(json),
        it.reach.as_str(),
        it.standing.as_str(),
        it.revocation.map(|it| it.at),
        it.revocation.map(|it| it.reason.as_str()),
        it.origin.as_str(),
        it.personal,
        it.sole,
        it.stored_in,
        metadata(it),
        it.version,
        it.created_at,
        it.created_by,
        it.updated_at,
    ]
}

fn metadata(it: &Key) -> Option<String> {
    (!it.metadata.is_empty()).then(|| it.metadata.to_json())
}

pub(crate) fn secret_arguments(organization_id: OrganizationId, it: &Secret) -> Vec<Value> {
    let (state, until, ended_at) = state_columns(it.state, it.created_at);
    args![
        it.key_id,
        it.id,
        organization_id,
        it.access_id,
        it.digest,
        state,
        until,
        ended_at,
        it.created_at,
        it.replaced_at
    ]
}

/// The columns of a secret's state: its name, until when it retires, and when it ends or ended.
pub(crate) fn state_columns(state: SecretState, at: Timestamp) -> (&'static str, Option<Timestamp>, Option<Timestamp>) {
    match state {
        SecretState::Current => ("current", None, None),
        SecretState::Retiring { until } => ("retiring", Some(until), Some(until)),
        SecretState::Dead => ("dead", None, Some(at)),
    }
}

/// Reads the state of a secret from two columns.
pub(crate) fn secret_state(it: &mut Columns<'_>) -> Result<SecretState, Unreadable> {
    let (state, until): (String, Option<Timestamp>) = (it.next()?, it.next()?);
    match (state.as_str(), until) {
        ("current", None) => Ok(SecretState::Current),
        ("retiring", Some(until)) => Ok(SecretState::Retiring { until }),
        ("dead", None) => Ok(SecretState::Dead),
        _ => Err(Unreadable(format!("`{}` until {until:?} is no state", brief(&state)))),
    }
}

pub(crate) fn key(it: &mut Columns<'_>) -> Result<Key, Unreadable> {
    Ok(Key {
        id: it.next()?,
        organization_id: it.next()?,
        api_id: it.next()?,
        name: it.next()?,
        description: it.next()?,
        role_id: it.next()?,
        scopes: it.next()?,
        owner_id: it.next()?,
        mapped_user_id: it.next()?,
        expires_at: it.next()?,
        allowed_ips: it.next()?,
        limits: it.next::<Option<_>>()?.unwrap_or_default(),
        reach: it.next()?,
        standing: it.next()?,
        revocation: match (it.next()?, it.next()?) {
            (Some(at), Some(reason)) => Some(Revocation { at, reason }),
            (None, None) => None,
            _ => return Err(Unreadable("half a revocation".into())),
        },
        origin: it.next()?,
        personal: it.next()?,
        sole: it.next()?,
        stored_in: it.next()?,
        metadata: it.next::<Option<_>>()?.unwrap_or_default(),
        version: it.next()?,
        created_at: it.next()?,
        created_by: it.next()?,
        updated_at: it.next()?,
    })
}

fn secret(it: &mut Columns<'_>) -> Result<Secret, Unreadable> {
    Ok(Secret {
        id: it.next()?,
        key_id: it.next()?,
        access_id: it.next()?,
        digest: it.next()?,
        state: secret_state(it)?,
        created_at: it.next()?,
        replaced_at: it.next()?,
    })
}

impl Connection {
    /// How many live keys there are in all organizations together.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn count_live_keys_unchecked(&mut self) -> StoreResult<u64> {
        self.number(COUNT_ALL_LIVE_KEYS, args![]).await
    }

    /// Finds a key, revoked ones included.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_key(&mut self, tenant: &Tenant, id: KeyId) -> StoreResult<Option<Key>> {
        self.find(FIND_KEY, args![id, tenant.organization_id()], "key", key).await
    }

    /// Finds keys, revoked ones included, in the order of their identifiers; those that are not there are left out.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_keys(&mut self, tenant: &Tenant, ids: &[KeyId]) -> StoreResult<Vec<Key>> {
        let mut keys = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(ROWS_PER_STATEMENT) {
            let mut arguments = args![tenant.organization_id()];
            arguments.extend(padded(chunk, KeyId::value));
            keys.extend(self.list_bulk(&FIND_KEYS, arguments, "key", key).await?);
        }
        keys.sort_unstable_by_key(|it| it.id);
        Ok(keys)
    }

    /// Finds the live personal key of a user.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_personal_key(&mut self, tenant: &Tenant, user_id: UserId) -> StoreResult<Option<Key>> {
        self.find(FIND_PERSONAL_KEY, args![tenant.organization_id(), user_id], "key", key).await
    }

    /// The secrets of a key that are not dead, oldest first.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_live_secrets(&mut self, tenant: &Tenant, id: KeyId) -> StoreResult<Vec<Secret>> {
        self.list(FIND_LIVE_SECRETS, args![id, tenant.organization_id()], "secret", secret).await
    }

    /// The newest secrets of a key, dead ones included, newest first, at most 100.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_secrets(&mut self, tenant: &Tenant, id: KeyId) -> StoreResult<Vec<Secret>> {
        self.list(FIND_SECRETS, args![id, tenant.organization_id()], "secret", secret).await
    }

    /// How many live keys the organization has; kept as a number and not counted.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn count_live_keys(&mut self, tenant: &Tenant) -> StoreResult<i64> {
        Ok(self.number(COUNT_LIVE_KEYS, args![tenant.organization_id()]).await?.cast_signed())
    }

    /// How many live keys of the organization belong to a user, aside from the personal one and those of apis that have one for each user.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn count_live_keys_of_owner(&mut self, tenant: &Tenant, user_id: UserId) -> StoreResult<i64> {
        Ok(self.number(COUNT_LIVE_KEYS_OF_OWNER, args![tenant.organization_id(), user_id]).await?.cast_signed())
    }
}

impl Tx {
    /// Writes a key with its secrets.
    ///
    /// # Errors
    /// `Taken` (name, personal key, a user's only key of an api, digest), `Missing` when what it refers to is not there.
    pub async fn insert_key(&mut self, tenant: &Tenant, key: &Key, secrets: &[Secret]) -> StoreResult<()> {
        assert_eq!(key.organization_id, tenant.organization_id(), "a key is written by its own tenant");
        assert!(secrets.iter().all(|it| it.key_id == key.id), "a key is written with its own secrets");
        self.refuse_foreign_api(key.organization_id, key.api_id).await?;
        if let Some(role_id) = key.role_id {
            self.refuse_foreign_role(key.organization_id, role_id).await?;
        }
        self.execute(INSERT_KEY, key_arguments(key)).await?;
        for secret in secrets {
            self.execute(INSERT_SECRET, secret_arguments(key.organization_id, secret)).await?;
        }
        if key.standing != KeyStanding::Revoked {
            self.change_key_count(tenant, 1);
        }
        self.touch(key.id);
        Ok(())
    }

    /// Changes a key. A revoked one is not changed any more, and nobody sees its secrets again.
    ///
    /// # Errors
    /// `VersionMismatch`, `Missing`, `Taken`.
    pub async fn update_key(&mut self, tenant: &Tenant, it: &Key, expected_version: u64) -> StoreResult<()> {
        assert_eq!(it.organization_id, tenant.organization_id(), "a key is changed by its own tenant");
        assert_newer(it.version, expected_version);
        let revoked = it.standing == KeyStanding::Revoked;
        if let Some(role_id) = it.role_id.filter(|_| !revoked) {
            self.refuse_foreign_role(it.organization_id, role_id).await?;
        }
        let arguments = args![
            it.id,
            it.organization_id,
            expected_version,
            it.name,
            it.name.key(),
            it.description,
            it.role_id,
            it.scopes.as_ref().map(json),
            it.owner_id,
            it.mapped_user_id,
            it.expires_at,
            it.allowed_ips.as_ref().map(json),
            it.limits.set().map(json),
            it.reach.as_str(),
            it.standing.as_str(),
            it.revocation.map(|it| it.at),
            it.revocation.map(|it| it.reason.as_str()),
            it.stored_in,
            metadata(it),
            it.version,
            it.updated_at,
        ];
        self.replace(UPDATE_KEY, arguments, EXISTS).await?;
        if revoked {
            self.change_key_count(tenant, -1);
            self.delete_sealed_copies(tenant, it.id).await?;
            self.end_webhooks_of_keys(&[it.id], it.updated_at).await?;
        }
        self.touch(it.id);
        Ok(())
    }

    /// Writes a further secret of a key. The key has to be updated in the same transaction, since verifiers take both as one row
    /// with the key's version; and the secret it replaces before it, since only one is current.
    ///
    /// # Errors
    /// `Taken`, `Missing`.
    pub async fn insert_secret(&mut self, tenant: &Tenant, secret: &Secret) -> StoreResult<()> {
        self.execute(INSERT_SECRET, secret_arguments(tenant.organization_id(), secret)).await?;
        self.secrets_touched.insert(secret.key_id);
        Ok(())
    }

    /// Changes the state of a secret; a dead one never revives, and its sealed copy ends with it. The key has to be updated in the same transaction.
    ///
    /// # Errors
    /// `Missing`, also when it is dead.
    pub async fn update_secret(&mut self, tenant: &Tenant, it: &Secret, at: Timestamp) -> StoreResult<()> {
        let (state, until, ended_at) = state_columns(it.state, at);
        let place = args![it.key_id, it.id, tenant.organization_id()];
        self.change(UPDATE_SECRET, [place, args![state, until, ended_at, it.replaced_at]].concat()).await?;
        self.limit_sealed_copy(tenant, it).await?;
        self.secrets_touched.insert(it.key_id);
        Ok(())
    }

    /// Notes that there are so many live keys more. It is written with the commit: all who make keys in an organization write this row,
    /// and where several write at once each of them waits from there on for the end of the one before.
    pub(crate) fn change_key_count(&mut self, tenant: &Tenant, by: i64) {
        *self.live_keys.entry(tenant.organization_id()).or_default() += by;
    }

    /// Writes the numbers of live keys that have changed, in the order of the organizations.
    pub(crate) async fn write_key_counts(&mut self) -> StoreResult<()> {
        for (organization_id, by) in std::mem::take(&mut self.live_keys) {
            self.change(CHANGE_COUNT, args![organization_id, by]).await?;
        }
        Ok(())
    }
}
