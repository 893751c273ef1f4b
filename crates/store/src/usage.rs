//! Last use of secrets: written often, kept apart, and lost for at most a minute.

use std::collections::HashMap;
use std::net::IpAddr;

use claviger_core::id::SecretId;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;

use crate::{Connection, Store, StoreResult};

/// Rows that are written at a time.
pub const USES_PER_CHUNK_MAX: usize = 1000;

/// What is known of the use of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUse {
    /// Which.
    pub secret_id: SecretId,
    /// When it was last used.
    pub last_used_at: Timestamp,
    /// From where that was.
    pub ip: Option<IpAddr>,
    /// What the client said it is.
    pub user_agent: Option<String>,
    /// How often: of what is recorded since the last time, of what is found in all.
    pub count: u64,
}

impl Connection {
    /// The uses of these secrets of the tenant's organization, as far as they have been flushed.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_uses(
        &mut self,
        _tenant: &Tenant,
        _secret_ids: &[SecretId],
    ) -> StoreResult<HashMap<SecretId, SecretUse>> {
        todo!()
    }
}

impl Store {
    /// Adds uses, in chunks of [`USES_PER_CHUNK_MAX`]; the latest one's address and client are kept.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn record_uses(&self, _uses: &[SecretUse]) -> StoreResult<()> {
        todo!()
    }
}
