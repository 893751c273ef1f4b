//! Answers that are kept, so that a repeated request gets the same one.

use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;

use crate::{Connection, StoreResult, Tx};

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
        _tenant: &Tenant,
        _idempotency_key: &str,
    ) -> StoreResult<Option<IdempotentAnswer>> {
        todo!()
    }
}

impl Tx {
    /// Keeps an answer, in the transaction that does what was asked. Keys are the caller's own: two callers never meet, nor do two organizations.
    ///
    /// # Errors
    /// `Taken` when another request with it was faster.
    pub async fn insert_idempotent(
        &mut self,
        _tenant: &Tenant,
        _idempotency_key: &str,
        _answer: &IdempotentAnswer,
    ) -> StoreResult<()> {
        todo!()
    }

    /// Removes answers from before an instant, and says how many.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn purge_idempotent_unchecked(&mut self, _before: Timestamp) -> StoreResult<u64> {
        todo!()
    }
}
