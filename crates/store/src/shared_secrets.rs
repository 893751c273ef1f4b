//! Shared secrets of organizations, sealed: nothing is opened here.

use std::time::Duration;

use claviger_core::id::DataKeyId;
use claviger_core::limits;
use claviger_core::sealing::Purpose;
use claviger_core::shared_secret::SharedSecret;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;

use crate::keys::{secret_state, state_columns};
use crate::row::{Columns, Unreadable};
use crate::sealing::{SealedRow, sealed_row};
use crate::signing_keys::one;
use crate::sql::{ROWS_PURGED_MAX, statements};
use crate::value::args;
use crate::{Connection, StoreResult, Tx};

statements! {
    /// Newest first.
    FIND_SHARED_SECRETS =
        "SELECT s.id, s.organization_id, s.created_at, s.state, s.retiring_until, s.sealed, d.id, d.master_key_id, d.wrapped \
         FROM shared_secret s JOIN data_key d ON d.id = s.data_key_id \
         WHERE s.organization_id = $1 AND d.wrapped IS NOT NULL ORDER BY s.id DESC";
    INSERT_SHARED_SECRET =
        "INSERT INTO shared_secret (id, organization_id, state, retiring_until, data_key_id, sealed, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)";
    UPDATE_SHARED_SECRET =
        "UPDATE shared_secret SET state = $3, retiring_until = $4 WHERE id = $1 AND organization_id = $2";
    DELETE_SHARED_SECRET = "DELETE FROM shared_secret WHERE id = $1 AND organization_id = $2";
    DESTROY_SHARED_SECRET_KEY =
        "UPDATE data_key SET wrapped = NULL, destroyed_at = $3 \
         WHERE purpose = $2 AND organization_id = $1 AND wrapped IS NOT NULL";
    PURGE_SHARED_SECRETS =
        "DELETE FROM shared_secret WHERE id IN \
         (SELECT s.id FROM shared_secret s WHERE s.retiring_until <= $1 ORDER BY s.retiring_until LIMIT $2)";
    PUT_END =
        "INSERT INTO ended_shared_secret (id, organization_id, ends_at, version) VALUES ($1, $2, $3, 1) \
         ON CONFLICT (id) DO UPDATE SET ends_at = excluded.ends_at, version = ended_shared_secret.version + 1";
    PURGE_ENDS =
        "DELETE FROM ended_shared_secret WHERE id IN \
         (SELECT e.id FROM ended_shared_secret e WHERE e.ends_at <= $1 ORDER BY e.ends_at LIMIT $2)";
}

/// A shared secret as it is stored.
pub type SharedSecretRow = SealedRow<SharedSecret>;

fn shared_secret(it: &mut Columns<'_>) -> Result<SharedSecretRow, Unreadable> {
    let (id, organization_id, created_at) = (it.next()?, it.next()?, it.next()?);
    let secret = SharedSecret { id, organization_id, created_at, state: secret_state(it)? };
    sealed_row(it, secret)
}

impl Connection {
    /// The shared secrets of the tenant's organization, newest first; perhaps with some that have ended and are not cleared away yet.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_shared_secrets(&mut self, tenant: &Tenant) -> StoreResult<Vec<SharedSecretRow>> {
        self.list(FIND_SHARED_SECRETS, args![tenant.organization_id()], "shared_secret", shared_secret).await
    }
}

impl Tx {
    /// Writes a shared secret.
    ///
    /// # Errors
    /// `Taken` where the organization has a current one.
    pub async fn insert_shared_secret(
        &mut self,
        tenant: &Tenant,
        it: &SharedSecret,
        data_key_id: DataKeyId,
        sealed: &Vec<u8>,
    ) -> StoreResult<()> {
        let (state, until, _) = state_columns(it.state, it.created_at);
        let arguments = args![it.id, tenant.organization_id(), state, until, data_key_id, sealed, it.created_at];
        self.execute(INSERT_SHARED_SECRET, arguments).await.map(drop)
    }

    /// Writes where a shared secret stands in its life, and when it ends where it does; one that is dead is deleted.
    ///
    /// # Errors
    /// `Missing` where it is not the tenant's.
    pub async fn update_shared_secret(
        &mut self,
        tenant: &Tenant,
        it: &SharedSecret,
        now: Timestamp,
    ) -> StoreResult<()> {
        let place = args![it.id, tenant.organization_id()];
        if !it.is_good(now) {
            return self.delete_shared_secret(tenant, it, now).await;
        }
        let (state, until, _) = state_columns(it.state, now);
        one(self.execute(UPDATE_SHARED_SECRET, [place, args![state, until]].concat()).await?)?;
        match it.retiring_until(now) {
            Some(ends_at) => self.put_end(tenant, it, ends_at).await,
            None => Ok(()),
        }
    }

    /// Removes a shared secret: it ends now.
    ///
    /// # Errors
    /// `Missing` where it is not the tenant's.
    pub async fn delete_shared_secret(
        &mut self,
        tenant: &Tenant,
        it: &SharedSecret,
        now: Timestamp,
    ) -> StoreResult<()> {
        one(self.execute(DELETE_SHARED_SECRET, args![it.id, tenant.organization_id()]).await?)?;
        self.put_end(tenant, it, now).await
    }

    /// What verifiers learn of it: the row itself they never see, and it may be gone.
    async fn put_end(&mut self, tenant: &Tenant, it: &SharedSecret, ends_at: Timestamp) -> StoreResult<()> {
        self.execute(PUT_END, args![it.id, tenant.organization_id(), ends_at]).await.map(drop)
    }

    /// Destroys what opened the organization's shared secrets, once none of them is left.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn destroy_shared_secret_key(&mut self, tenant: &Tenant, at: Timestamp) -> StoreResult<()> {
        let arguments = args![tenant.organization_id(), Purpose::SharedSecret.as_str(), at];
        self.execute(DESTROY_SHARED_SECRET_KEY, arguments).await.map(drop)
    }

    /// Removes shared secrets that have ended, and forgets the ends of which no token could be good any more, at most [`ROWS_PURGED_MAX`] of either.
    /// Says the larger of the two numbers, so that the caller goes on while either is full.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn purge_shared_secrets_unchecked(&mut self, now: Timestamp) -> StoreResult<u64> {
        let secrets = self.execute(PURGE_SHARED_SECRETS, args![now, ROWS_PURGED_MAX]).await?;
        let over = now.saturating_sub(Duration::from_secs(limits::REFRESH_TOKEN_SECS));
        let ends = self.execute(PURGE_ENDS, args![over, ROWS_PURGED_MAX]).await?;
        Ok(secrets.max(ends))
    }
}
