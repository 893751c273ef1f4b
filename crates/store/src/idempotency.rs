//! Answers that are kept, so that a repeated request gets the same one.

use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;

use crate::sql::{ROWS_PURGED_MAX, statements};
use crate::value::args;
use crate::{Connection, StoreResult, Tx};

statements! {
    INSERT_IDEMPOTENT =
        "INSERT INTO idempotency (organization_id, caller, idempotency_key, fingerprint, status, response, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)";
    PURGE_IDEMPOTENT =
        "DELETE FROM idempotency WHERE (organization_id, caller, idempotency_key) IN \
         (SELECT i.organization_id, i.caller, i.idempotency_key FROM idempotency i WHERE i.created_at < $1 ORDER BY i.created_at LIMIT $2)";
    FIND_IDEMPOTENT =
        "SELECT fingerprint, status, response, created_at FROM idempotency \
         WHERE organization_id = $1 AND caller = $2 AND idempotency_key = $3";
}

/// Whose `Idempotency-Key` it is: the key's that was presented, else the user's at the console.
fn caller(tenant: &Tenant) -> String {
    let actor = tenant.actor();
    match (actor.key_id, actor.user_id, actor.job) {
        (Some(key_id), _, _) => key_id.to_string(),
        (None, Some(user_id), _) => user_id.to_string(),
        (None, None, job) => format!("job {}", job.unwrap_or_default()),
    }
}

/// The answer to a request that carried an `Idempotency-Key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotentAnswer {
    /// The SHA-256 of the request: method, path and body.
    pub fingerprint: [u8; 32],
    /// The HTTP status.
    pub status: u16,
    /// The body as JSON, without a secret.
    pub response: String,
    /// When.
    pub created_at: Timestamp,
}

impl Connection {
    /// Finds the answer this caller got.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_idempotent(
        &mut self,
        tenant: &Tenant,
        idempotency_key: &str,
    ) -> StoreResult<Option<IdempotentAnswer>> {
        let arguments = args![tenant.organization_id(), caller(tenant), idempotency_key];
        self.find(FIND_IDEMPOTENT, arguments, "idempotency", |it| {
            Ok(IdempotentAnswer {
                fingerprint: it.next()?,
                status: it.next()?,
                response: it.next()?,
                created_at: it.next()?,
            })
        })
        .await
    }
}

impl Tx {
    /// Waits until no other transaction is about to keep an answer to the same key of this caller, and lets none begin to.
    ///
    /// # Errors
    /// `Unavailable` when the other one takes too long.
    pub async fn hold_idempotency_key(&mut self, tenant: &Tenant, idempotency_key: &str) -> StoreResult<()> {
        let text = format!("{} {} {idempotency_key}", tenant.organization_id(), caller(tenant));
        self.hold_text(&text).await
    }

    /// Keeps an answer, in the transaction that does what was asked. Keys are the caller's own: two callers never meet, nor do two organizations.
    ///
    /// # Errors
    /// `Taken` when another request with it was faster.
    pub async fn insert_idempotent(
        &mut self,
        tenant: &Tenant,
        idempotency_key: &str,
        answer: &IdempotentAnswer,
    ) -> StoreResult<()> {
        let IdempotentAnswer { fingerprint, status, response, created_at } = answer;
        let status = i64::from(*status);
        let arguments = args![
            tenant.organization_id(),
            caller(tenant),
            idempotency_key,
            fingerprint,
            status,
            response,
            created_at,
        ];
        self.execute(INSERT_IDEMPOTENT, arguments).await.map(drop)
    }

    /// Removes answers from before an instant, at most [`ROWS_PURGED_MAX`], and says how many.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn purge_idempotent_unchecked(&mut self, before: Timestamp) -> StoreResult<u64> {
        self.execute(PURGE_IDEMPOTENT, args![before, ROWS_PURGED_MAX]).await
    }
}
