//! Data keys and sealed copies. Nothing is opened here: what stands in these tables is of no use without the master key, which does not.

use std::sync::LazyLock;

use claviger_core::id::{DataKeyId, KeyId, OrganizationId, SecretId};
use claviger_core::policy::{OwnPolicy, Policy};
use claviger_core::sealing::{MasterKeyId, Purpose, WrappedKey};
use claviger_core::secret::{Secret, SecretState};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;

use crate::row::{Columns, Unreadable};
use crate::sql::{Bulk, ROWS_PER_STATEMENT, ROWS_PURGED_MAX, padded, row_of, statements};
use crate::value::{Argument as _, args};
use crate::{Connection, StoreResult, Tx};

statements! {
    FIND_DATA_KEY =
        "SELECT d.id, d.master_key_id, d.wrapped FROM data_key d \
         WHERE d.purpose = $2 AND d.organization_id = $1 AND d.wrapped IS NOT NULL";
    /// Of two who make the first one at once, the second takes the first's.
    INSERT_DATA_KEY =
        "INSERT INTO data_key (id, organization_id, purpose, master_key_id, wrapped, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
    /// Whichever of them are wrapped otherwise, in the order of their identifiers.
    PAGE_WRAPPED_BY_OTHERS =
        "SELECT d.organization_id, d.purpose, d.id, d.master_key_id, d.wrapped FROM data_key d \
         WHERE d.master_key_id <> $1 AND d.wrapped IS NOT NULL ORDER BY d.id LIMIT $2";
    COUNT_WRAPPED_BY_OTHERS = "SELECT count(*) FROM data_key d WHERE d.master_key_id <> $1 AND d.wrapped IS NOT NULL";
    /// One that was destroyed, or wrapped anew by somebody else, stays as it is.
    REWRAP_DATA_KEY =
        "UPDATE data_key SET master_key_id = $3, wrapped = $4 WHERE id = $1 AND master_key_id = $2 AND wrapped IS NOT NULL";
    DESTROY_DATA_KEY =
        "UPDATE data_key SET wrapped = NULL, destroyed_at = $3 \
         WHERE purpose = $2 AND organization_id = $1 AND wrapped IS NOT NULL";
    /// What every organization of each path sets itself, nearest first, of a page of organizations that have a data key.
    PAGE_SEALING_PATHS =
        "SELECT found.organization_id, o.policy FROM (\
         SELECT d.organization_id FROM data_key d JOIN organization_closure b ON b.descendant_id = d.organization_id \
         WHERE b.ancestor_id = $1 AND d.purpose = $2 AND d.organization_id > $3 AND d.wrapped IS NOT NULL \
         ORDER BY d.organization_id LIMIT $4) found \
         JOIN organization_closure a ON a.descendant_id = found.organization_id \
         JOIN organization o ON o.id = a.ancestor_id ORDER BY found.organization_id, a.depth";
    COUNT_OPENABLE =
        "SELECT count(*) FROM (SELECT c.secret_id FROM data_key d JOIN sealed_copy c ON c.data_key_id = d.id \
         WHERE d.purpose = $2 AND d.organization_id = $1 AND d.wrapped IS NOT NULL LIMIT $3) counted";
    INSERT_SEALED_COPY =
        "INSERT INTO sealed_copy (key_id, secret_id, organization_id, data_key_id, sealed) VALUES ($1, $2, $3, $4, $5)";
    FIND_SEALED_COPIES =
        "SELECT c.secret_id, c.sealed, d.id, d.master_key_id, d.wrapped FROM sealed_copy c \
         JOIN data_key d ON d.id = c.data_key_id \
         WHERE c.key_id = $1 AND c.organization_id = $2 AND d.wrapped IS NOT NULL ORDER BY c.secret_id";
    END_SEALED_COPY =
        "UPDATE sealed_copy SET ends_at = $4 WHERE key_id = $1 AND secret_id = $2 AND organization_id = $3";
    DELETE_SEALED_COPY = "DELETE FROM sealed_copy WHERE key_id = $1 AND secret_id = $2 AND organization_id = $3";
    DELETE_SEALED_COPIES = "DELETE FROM sealed_copy WHERE key_id = $1 AND organization_id = $2";
    PURGE_ENDED =
        "DELETE FROM sealed_copy WHERE (key_id, secret_id) IN \
         (SELECT c.key_id, c.secret_id FROM sealed_copy c WHERE c.ends_at <= $1 ORDER BY c.ends_at LIMIT $2)";
    PURGE_UNOPENABLE =
        "DELETE FROM sealed_copy WHERE (key_id, secret_id) IN \
         (SELECT c.key_id, c.secret_id FROM data_key d JOIN sealed_copy c ON c.data_key_id = d.id WHERE d.wrapped IS NULL LIMIT $1)";
    PURGE_DESTROYED =
        "DELETE FROM data_key WHERE id IN (SELECT d.id FROM data_key d WHERE d.wrapped IS NULL \
         AND NOT EXISTS (SELECT 1 FROM sealed_copy c WHERE c.data_key_id = d.id) \
         AND NOT EXISTS (SELECT 1 FROM shared_secret s WHERE s.data_key_id = d.id) \
         AND NOT EXISTS (SELECT 1 FROM signing_key g WHERE g.data_key_id = d.id) \
         AND NOT EXISTS (SELECT 1 FROM webhook_secret w WHERE w.data_key_id = d.id) ORDER BY d.id LIMIT $1)";
}

static DELETE_OF_KEYS: LazyLock<Bulk> = LazyLock::new(|| {
    let places = row_of(ROWS_PER_STATEMENT, 0);
    Bulk::new(format!("DELETE FROM sealed_copy WHERE key_id IN {places}"))
});

/// Every statement that is put together here, by name.
pub(crate) fn built_statements() -> Vec<(String, String)> {
    vec![("DELETE_SEALED_COPIES_OF_KEYS".to_owned(), DELETE_OF_KEYS.portable.clone())]
}

/// Organizations whose paths are read at a time.
const PATHS_PER_PAGE: i64 = 500;

/// A data key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataKeyRow {
    /// Its identifier.
    pub id: DataKeyId,
    /// What the master key opens.
    pub wrapped: WrappedKey,
}

/// A data key, and where it belongs: what is needed to wrap it anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedDataKey {
    /// Whose copies it seals.
    pub organization_id: OrganizationId,
    /// What for.
    pub purpose: Purpose,
    /// The key.
    pub row: DataKeyRow,
}

/// A sealed copy of a secret, with the key that opens it.
#[derive(Debug, Clone)]
pub struct SealedCopy {
    /// The secret.
    pub secret_id: SecretId,
    /// What the data key opens.
    pub sealed: Vec<u8>,
    /// The data key.
    pub data_key: DataKeyRow,
}

/// A version of a secret of the service's own as it is stored: nothing is opened here.
#[derive(Debug, Clone)]
pub struct SealedRow<S> {
    /// What is known of it.
    pub secret: S,
    /// What the data key opens.
    pub sealed: Vec<u8>,
    /// The data key.
    pub data_key: DataKeyRow,
}

/// Reads what stands behind what is known of it.
pub(crate) fn sealed_row<S>(it: &mut Columns<'_>, secret: S) -> Result<SealedRow<S>, Unreadable> {
    Ok(SealedRow { secret, sealed: it.next()?, data_key: data_key(it)? })
}

fn data_key(it: &mut Columns<'_>) -> Result<DataKeyRow, Unreadable> {
    Ok(DataKeyRow { id: it.next()?, wrapped: WrappedKey { master_key_id: it.next()?, bytes: it.next()? } })
}

fn placed(it: &mut Columns<'_>) -> Result<PlacedDataKey, Unreadable> {
    let (organization_id, purpose): (_, String) = (it.next()?, it.next()?);
    let purpose =
        Purpose::parse(&purpose).ok_or_else(|| Unreadable("a purpose that this build does not know".into()))?;
    Ok(PlacedDataKey { organization_id, purpose, row: data_key(it)? })
}

impl Connection {
    /// How many data keys, of all organizations, are wrapped by another master key than this one.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn count_wrapped_by_others_unchecked(&mut self, id: MasterKeyId) -> StoreResult<u64> {
        self.number(COUNT_WRAPPED_BY_OTHERS, args![id]).await
    }

    /// Finds the data key of an organization for a purpose; one that was destroyed is not there.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_data_key(&mut self, tenant: &Tenant, purpose: Purpose) -> StoreResult<Option<DataKeyRow>> {
        let arguments = args![tenant.organization_id(), purpose.as_str()];
        self.find(FIND_DATA_KEY, arguments, "data_key", data_key).await
    }

    /// How many copies of the organization's secrets can be opened, counted up to a limit.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn count_sealed_copies(&mut self, tenant: &Tenant, limit: u32) -> StoreResult<u64> {
        let arguments = args![tenant.organization_id(), Purpose::Reveal.as_str(), i64::from(limit)];
        self.number(COUNT_OPENABLE, arguments).await
    }

    /// The copies of a key's secrets that can be opened, ended ones included.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_sealed_copies(&mut self, tenant: &Tenant, key_id: KeyId) -> StoreResult<Vec<SealedCopy>> {
        let arguments = args![key_id, tenant.organization_id()];
        let read = |it: &mut Columns<'_>| {
            Ok(SealedCopy { secret_id: it.next()?, sealed: it.next()?, data_key: data_key(it)? })
        };
        self.list(FIND_SEALED_COPIES, arguments, "sealed_copy", read).await
    }
}

impl Tx {
    /// Some data keys, of all organizations, that are wrapped by another master key than this one.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn page_wrapped_by_others_unchecked(
        &mut self,
        id: MasterKeyId,
        limit: i64,
    ) -> StoreResult<Vec<PlacedDataKey>> {
        self.list(PAGE_WRAPPED_BY_OTHERS, args![id, limit], "data_key", placed).await
    }

    /// Writes a data key as another master key wraps it; not where it was destroyed, or wrapped anew, since it was read.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn rewrap_data_key_unchecked(&mut self, read: &DataKeyRow, wrapped: &WrappedKey) -> StoreResult<()> {
        let arguments = args![read.id, read.wrapped.master_key_id, wrapped.master_key_id, wrapped.bytes];
        self.execute(REWRAP_DATA_KEY, arguments).await.map(drop)
    }

    /// Writes the data key of an organization for a purpose, unless somebody else was quicker; answers the one that is there.
    ///
    /// # Errors
    /// `Missing` where it was destroyed just now; what any statement can meet.
    pub async fn insert_data_key(
        &mut self,
        tenant: &Tenant,
        purpose: Purpose,
        it: &DataKeyRow,
        at: Timestamp,
    ) -> StoreResult<DataKeyRow> {
        let WrappedKey { master_key_id, bytes } = &it.wrapped;
        let arguments = args![it.id, tenant.organization_id(), purpose.as_str(), master_key_id, bytes, at];
        self.execute(INSERT_DATA_KEY, arguments).await?;
        self.find_data_key(tenant, purpose).await?.ok_or(crate::Error::Missing)
    }

    /// Destroys the data keys for revealing secrets of the tenant's organization and of all below for which policy shows a secret once, and
    /// says how many. The copies that they sealed, which nobody opens any more, are cleared away by [`Self::purge_sealed_copies_unchecked`].
    ///
    /// Policies are read in this transaction, so it has to have the database for itself.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn destroy_unrevealed(&mut self, tenant: &Tenant, at: Timestamp) -> StoreResult<usize> {
        let purpose = Purpose::Reveal.as_str();
        let (mut after, mut destroyed) = (String::new(), 0);
        loop {
            let arguments = args![tenant.organization_id(), purpose, after, PATHS_PER_PAGE];
            let read = |it: &mut Columns<'_>| Ok((it.next::<OrganizationId>()?, it.next::<OwnPolicy>()?));
            let rows = self.list(PAGE_SEALING_PATHS, arguments, "organization", read).await?;
            let Some((last, _)) = rows.last() else { return Ok(destroyed) };
            after = last.to_string();
            for path in rows.chunk_by(|(a, _), (b, _)| a == b) {
                if Policy::of_path(path.iter().map(|(_, own)| own)).reveal == claviger_core::policy::Reveal::Once {
                    self.execute(DESTROY_DATA_KEY, args![path[0].0, purpose, at]).await?;
                    destroyed += 1;
                }
            }
        }
    }

    /// Writes the sealed copy of a secret.
    ///
    /// # Errors
    /// `Taken` where there is one, `Missing` where there is no such secret.
    pub async fn insert_sealed_copy(
        &mut self,
        tenant: &Tenant,
        secret: &Secret,
        data_key_id: DataKeyId,
        sealed: &Vec<u8>,
    ) -> StoreResult<()> {
        let arguments = args![secret.key_id, secret.id, tenant.organization_id(), data_key_id, sealed];
        self.execute(INSERT_SEALED_COPY, arguments).await.map(drop)
    }

    /// Lets the copy of a secret end when the secret does, and not before.
    pub(crate) async fn limit_sealed_copy(&mut self, tenant: &Tenant, it: &Secret) -> StoreResult<()> {
        let place = args![it.key_id, it.id, tenant.organization_id()];
        match it.state {
            SecretState::Current => {
                self.execute(END_SEALED_COPY, [place, args![None::<Timestamp>]].concat()).await?;
            }
            SecretState::Retiring { until } => {
                self.execute(END_SEALED_COPY, [place, args![until]].concat()).await?;
            }
            SecretState::Dead => {
                self.execute(DELETE_SEALED_COPY, place).await?;
            }
        }
        Ok(())
    }

    /// Removes the copies of a key's secrets.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn delete_sealed_copies(&mut self, tenant: &Tenant, id: KeyId) -> StoreResult<()> {
        self.execute(DELETE_SEALED_COPIES, args![id, tenant.organization_id()]).await.map(drop)
    }

    /// The same of many keys, in whichever organizations they are.
    pub(crate) async fn delete_sealed_copies_of(&mut self, ids: &[KeyId]) -> StoreResult<()> {
        for chunk in ids.chunks(ROWS_PER_STATEMENT) {
            self.execute_bulk(&DELETE_OF_KEYS, padded(chunk, KeyId::value)).await?;
        }
        Ok(())
    }

    /// Removes copies of secrets that have ended and copies that nobody opens any more, at most [`ROWS_PURGED_MAX`] of either, and with the last
    /// copy its destroyed key. Says how many were the more.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn purge_sealed_copies_unchecked(&mut self, now: Timestamp) -> StoreResult<u64> {
        let ended = self.execute(PURGE_ENDED, args![now, ROWS_PURGED_MAX]).await?;
        let unopenable = self.execute(PURGE_UNOPENABLE, args![ROWS_PURGED_MAX]).await?;
        let keys = self.execute(PURGE_DESTROYED, args![ROWS_PURGED_MAX]).await?;
        Ok(ended.max(unopenable).max(keys))
    }
}
