//! Signing in for access tokens: assertions that were used, and sign-ins that were ended.

use claviger_core::id::{KeyId, SignInId};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use data_encoding::HEXLOWER;

use crate::sql::{ROWS_PURGED_MAX, statements};
use crate::value::args;
use crate::{Connection, StoreResult, Tx};

statements! {
    INSERT_USED_ASSERTION =
        "INSERT INTO used_assertion (organization_id, id_digest, until) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    INSERT_ENDED_SIGN_IN =
        "INSERT INTO ended_sign_in (id, organization_id, key_id, until) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    COUNT_ENDED_SIGN_INS =
        "SELECT COUNT(*) FROM (SELECT e.id FROM ended_sign_in e WHERE e.key_id = $1 AND e.organization_id = $2 LIMIT $3) counted";
    PURGE_USED_ASSERTIONS =
        "DELETE FROM used_assertion WHERE (organization_id, id_digest) IN \
         (SELECT a.organization_id, a.id_digest FROM used_assertion a WHERE a.until <= $1 ORDER BY a.until LIMIT $2)";
    PURGE_ENDED_SIGN_INS =
        "DELETE FROM ended_sign_in WHERE id IN (SELECT e.id FROM ended_sign_in e WHERE e.until <= $1 ORDER BY e.until LIMIT $2)";
}

impl Connection {
    /// How many sign-ins of a key were ended in the tenant's organization and are remembered, counted up to `max`.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn count_ended_sign_ins(&mut self, tenant: &Tenant, key_id: KeyId, max: u32) -> StoreResult<u64> {
        self.number(COUNT_ENDED_SIGN_INS, args![key_id, tenant.organization_id(), i64::from(max)]).await
    }
}

impl Tx {
    /// Notes that an assertion was used, by the digest of its `jti`; says whether this was the first time. Who notes the same at once waits for
    /// the other's end, and one of them is told no.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn use_assertion(&mut self, tenant: &Tenant, id_digest: [u8; 32], until: Timestamp) -> StoreResult<bool> {
        // As text, since everything that rows are paged by is.
        let arguments = args![tenant.organization_id(), HEXLOWER.encode(&id_digest), until];
        Ok(self.execute(INSERT_USED_ASSERTION, arguments).await? == 1)
    }

    /// Notes that a sign-in was ended; says whether this is news.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn end_sign_in(
        &mut self,
        tenant: &Tenant,
        id: SignInId,
        key_id: KeyId,
        until: Timestamp,
    ) -> StoreResult<bool> {
        let arguments = args![id, tenant.organization_id(), key_id, until];
        Ok(self.execute(INSERT_ENDED_SIGN_IN, arguments).await? == 1)
    }

    /// Forgets assertions that nobody could use again, and sign-ins whose tokens are over, at most [`ROWS_PURGED_MAX`] of either. Says how many
    /// were the more.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn purge_sign_ins_unchecked(&mut self, now: Timestamp) -> StoreResult<u64> {
        let used = self.execute(PURGE_USED_ASSERTIONS, args![now, ROWS_PURGED_MAX]).await?;
        let ended = self.execute(PURGE_ENDED_SIGN_INS, args![now, ROWS_PURGED_MAX]).await?;
        Ok(used.max(ended))
    }
}
