//! Writing down what was used: counted in memory on the path, written in chunks off it.

use std::sync::Arc;

use claviger_store::Store;
use claviger_store::usage::SecretUse;
use claviger_verifier::replica::Replica;
use claviger_verifier::usage::USES_PER_CHUNK_MAX;
use tokio::sync::Mutex;

/// Takes counted uses from the replica and writes them.
#[derive(Debug, Clone)]
pub struct Uses {
    store: Store,
    replica: Arc<Replica>,
    /// A chunk that was taken and could not be written: the next one waits until it is.
    unwritten: Arc<Mutex<Vec<SecretUse>>>,
}

impl Uses {
    /// Of this replica, into this store.
    pub(crate) fn new(store: Store, replica: Arc<Replica>) -> Self {
        Self { store, replica, unwritten: Arc::default() }
    }

    /// Writes everything that was counted so far, and says of how many secrets.
    ///
    /// # Errors
    /// Those of the store; what could not be written is kept for the next time.
    pub async fn flush(&self) -> claviger_store::StoreResult<usize> {
        let mut unwritten = self.unwritten.lock().await;
        let mut written = 0;
        loop {
            if unwritten.is_empty() {
                unwritten.extend(self.replica.drain_uses(USES_PER_CHUNK_MAX).into_iter().map(|it| SecretUse {
                    secret_id: it.secret_id,
                    last_used_at: it.last_used_at,
                    ip: it.ip,
                    user_agent: it.user_agent.map(Into::into),
                    count: it.count,
                }));
            }
            if unwritten.is_empty() {
                return Ok(written);
            }
            self.store.record_uses(&unwritten).await?;
            written += unwritten.len();
            unwritten.clear();
        }
    }
}
