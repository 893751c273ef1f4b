//! Writing down what was used of quotas: counted in memory on the path, written ahead off it.

use std::sync::Arc;

use claviger_core::time::Timestamp;
use claviger_store::usage::quotas::{QUOTAS_PER_CHUNK_MAX, QuotaUse};
use claviger_store::{Store, StoreResult};
use claviger_verifier::limiter::QuotaNote;
use claviger_verifier::replica::Replica;
use tokio::sync::{Mutex, Notify};

/// Writes what the replica has counted of quotas, and tells it what other nodes have.
#[derive(Debug, Clone)]
pub struct Quotas {
    store: Store,
    replica: Arc<Replica>,
    bell: Arc<Notify>,
    /// Of two who write at once the second would take what the first has written ahead for what others have used.
    writing: Arc<Mutex<()>>,
}

impl Quotas {
    /// Of this replica, into this store.
    pub(crate) fn new(store: Store, replica: Arc<Replica>) -> Self {
        let bell = Arc::new(Notify::new());
        let rung = Arc::clone(&bell);
        replica.limiter().ring(Box::new(move || rung.notify_one()));
        Self { store, replica, bell, writing: Arc::default() }
    }

    /// Waits until more was used of some quota than is written down.
    pub async fn needed(&self) {
        self.bell.notified().await;
    }

    /// Writes down what was used, and `ahead` of that what the next moments may use; without it what was written ahead is given back, as before
    /// the process ends. Says how many rows that were.
    ///
    /// # Errors
    /// Those of the store; what could not be written is tried the next time.
    pub async fn write(&self, ahead: bool) -> StoreResult<usize> {
        let _alone = self.writing.lock().await;
        let mut notes = self.replica.limiter().drain(ahead);
        // In the order of the table, so that nodes lock its rows in one order.
        notes.sort_unstable_by_key(|it| (it.day, it.key_id));
        let mut written = 0;
        while written < notes.len() {
            let rest = &notes[written..];
            let chunk = &rest[..rest.len().min(QUOTAS_PER_CHUNK_MAX)];
            if let Err(error) = self.write_chunk(chunk).await {
                self.replica.limiter().not_written(rest);
                return Err(error);
            }
            written += chunk.len();
        }
        Ok(written)
    }

    /// Frees what is remembered of keys that have used nothing for so long that it makes no difference any more. Not beside a writing, which names
    /// buckets by their places; on a thread of its own, since it looks at all of them.
    pub async fn free_idle(&self, now: Timestamp) {
        let _alone = self.writing.lock().await;
        let replica = Arc::clone(&self.replica);
        // A panic is told by the hook; nothing is lost but some room.
        drop(tokio::task::spawn_blocking(move || replica.limiter().free_idle(now)).await);
    }

    async fn write_chunk(&self, notes: &[QuotaNote]) -> StoreResult<()> {
        // A key that is held no more is used no more.
        let quota_use = |it: &QuotaNote| {
            let organization_id = self.replica.organization_of(it.key_id)?;
            Some(QuotaUse { key_id: it.key_id, organization_id, day: it.day, add: it.add })
        };
        let uses: Vec<_> = notes.iter().filter_map(quota_use).collect();
        let totals = self.store.add_quota_uses(&uses).await?;
        for note in notes {
            if let Some(total) = totals.get(&(note.day, note.key_id)) {
                self.replica.limiter().written(note, *total);
            }
        }
        Ok(())
    }
}
