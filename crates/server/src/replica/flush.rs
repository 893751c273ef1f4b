//! Writing down what was used and what was refused: counted in memory on the path, written in chunks off it.

use std::sync::Arc;

use claviger_core::reject::RejectCode;
use claviger_store::Store;
use claviger_store::usage::SecretUse;
use claviger_store::usage::denials::{DENIED_KEYS_PER_CHUNK, Denial, KeyDenials};
use claviger_store::usage::versions::VersionUse;
use claviger_verifier::denials as verifier;
use claviger_verifier::replica::Replica;
use claviger_verifier::usage::{self, USES_PER_CHUNK_MAX};
use tokio::sync::Mutex;

/// Takes counted uses, and refused requests, from the replica and writes them.
#[derive(Debug, Clone)]
pub struct Uses {
    store: Store,
    replica: Arc<Replica>,
    /// A chunk that was taken and could not be written: the next one waits until it is.
    unwritten: Arc<Mutex<Taken>>,
    /// Likewise of what was refused.
    unwritten_denials: Arc<Mutex<Vec<KeyDenials>>>,
}

/// A chunk of what was used.
#[derive(Debug, Default)]
struct Taken {
    secrets: Vec<SecretUse>,
    /// Which versions of their apis were called with them.
    versions: Vec<VersionUse>,
}

impl Taken {
    fn add(&mut self, it: usage::SecretUse) {
        let version = |of: usage::VersionUse| VersionUse {
            key_id: it.key_id,
            organization_id: it.organization_id,
            version: of.version.into(),
            at: it.last_used_at,
            count: of.count,
        };
        self.versions.extend(it.versions.into_iter().map(version));
        self.secrets.push(SecretUse {
            key_id: it.key_id,
            secret_id: it.secret_id,
            organization_id: it.organization_id,
            last_used_at: it.last_used_at,
            ip: it.ip,
            user_agent: it.user_agent.map(Into::into),
            count: it.count,
        });
    }

    /// Writes it. What is written is taken away at once, or a failure of the rest would have it counted again.
    async fn write(&mut self, store: &Store) -> claviger_store::StoreResult<usize> {
        store.record_uses(&self.secrets).await?;
        let written = self.secrets.len();
        self.secrets.clear();
        store.record_version_uses(&mut self.versions).await?;
        Ok(written)
    }

    fn is_empty(&self) -> bool {
        self.secrets.is_empty() && self.versions.is_empty()
    }
}

impl Uses {
    /// Of this replica, into this store.
    pub(crate) fn new(store: Store, replica: Arc<Replica>) -> Self {
        Self { store, replica, unwritten: Arc::default(), unwritten_denials: Arc::default() }
    }

    /// Writes everything that was counted before now, and says how many rows that were. Goes once round them: what is counted meanwhile may
    /// wait for the next time, or else under load it would never end, and write every use by itself.
    ///
    /// # Errors
    /// Those of the store; what could not be written is kept for the next time.
    pub async fn flush(&self) -> claviger_store::StoreResult<usize> {
        // The one does not wait for the other: uses are what keys are kept for.
        let denials = self.flush_denials().await;
        Ok(self.flush_uses().await? + denials?)
    }

    async fn flush_uses(&self) -> claviger_store::StoreResult<usize> {
        let mut unwritten = self.unwritten.lock().await;
        let mut turn = self.replica.begin_turn();
        let mut written = 0;
        loop {
            if unwritten.is_empty() {
                let taken = self.replica.drain_turn(&mut turn, USES_PER_CHUNK_MAX);
                taken.into_iter().for_each(|it| unwritten.add(it));
            }
            if unwritten.is_empty() {
                return Ok(written);
            }
            written += unwritten.write(&self.store).await?;
        }
    }

    async fn flush_denials(&self) -> claviger_store::StoreResult<usize> {
        let mut unwritten = self.unwritten_denials.lock().await;
        if unwritten.is_empty() {
            unwritten.extend(self.replica.drain_denials().into_iter().map(key_denials));
            unwritten.sort_unstable_by_key(|it| it.key_id);
        }
        let mut written = 0;
        while !unwritten.is_empty() {
            let chunk = unwritten.len().min(DENIED_KEYS_PER_CHUNK);
            self.store.record_denials(&unwritten[..chunk]).await?;
            // Taken away as soon as it is written, or a failure of the next would have it counted again.
            written += unwritten.drain(..chunk).map(|it| it.latest.len()).sum::<usize>();
        }
        Ok(written)
    }
}

/// The name of a refusal among those who may see the key: to them `not_found` is said as it is.
fn code_of(code: RejectCode) -> &'static str {
    match code {
        RejectCode::Decision(code) => code.as_str(),
        code => code.as_str(),
    }
}

fn key_denials(it: verifier::KeyDenials) -> KeyDenials {
    let denial = |it: verifier::Denial| Denial {
        at: it.at,
        code: code_of(it.code).to_owned(),
        ip: it.ip,
        user_agent: it.user_agent.map(Into::into),
    };
    let latest = it.latest.into_iter().map(denial).collect();
    KeyDenials { key_id: it.key_id, organization_id: it.organization_id, count: it.count, latest }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::Duration;

    use claviger_core::api::DEFAULT_API;
    use claviger_core::decision::{KeyStanding, Reach};
    use claviger_core::event::Position;
    use claviger_core::feed::{Change, KeyRecord, Record, SecretRecord};
    use claviger_core::id::{ApiId, KeyId, OrganizationId, SecretId};
    use claviger_core::secret::{Digest, SecretState};
    use claviger_core::time::Timestamp;
    use claviger_verifier::verify::{About, Ask};
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    use super::*;

    const KEYS: u128 = 5 * USES_PER_CHUNK_MAX as u128;

    fn key(number: u128) -> Change {
        let digest = Digest::of_token(&number.to_le_bytes());
        let secret = SecretRecord { id: SecretId::from_u128(number), digest, state: SecretState::Current };
        Change::Put(Box::new(Record::Key(KeyRecord {
            id: KeyId::from_u128(number),
            organization_id: OrganizationId::from_u128(1),
            api_id: ApiId::from_u128(1),
            name: "A key".into(),
            role_id: None,
            scopes: None,
            owner_id: None,
            mapped_user_id: None,
            expires_at: None,
            allowed_ips: None,
            reach: Reach::Organization,
            standing: KeyStanding::Active,
            metadata: None,
            version: 1,
            limits: None,
            secrets: vec![secret],
        })))
    }

    fn use_all(replica: &Replica) {
        let ask = Ask { organization: About::Own, api: Some(DEFAULT_API), permissions: &[], ip: None };
        for number in 1..=KEYS {
            let digest = Digest::of_token(&number.to_le_bytes());
            replica.verify_digest(&digest, &ask, Timestamp::MIN).record_use(Timestamp::MIN, None, None);
        }
    }

    #[tokio::test]
    async fn flush_ends_while_all_keys_are_used_all_the_time() {
        let store = Store::throwaway(ChaCha20Rng::seed_from_u64(1)).await.expect("a store");
        let (replica, mut writer) = Replica::new([1; 32], Box::new(|| Duration::ZERO));
        writer.load((1..=KEYS).map(key));
        writer.finish_load(Position { epoch: 1, seq: 1 });
        let uses = Uses::new(store, Arc::clone(&replica));
        use_all(&replica);
        let ended = Arc::new(AtomicBool::new(false));
        let busy = thread::spawn({
            let (ended, replica) = (Arc::clone(&ended), Arc::clone(&replica));
            move || {
                while !ended.load(Ordering::Relaxed) {
                    use_all(&replica);
                }
            }
        });
        let flushed = tokio::time::timeout(Duration::from_secs(60), uses.flush()).await;
        ended.store(true, Ordering::Relaxed);
        busy.join().expect("it does not panic");
        let written = flushed.expect("it ends").expect("it is written");
        assert!((KEYS as usize..KEYS as usize * 2).contains(&written), "{written}");
        // The last flush of a service that stops, when nobody uses anything any more.
        uses.flush().await.expect("it is written");
        assert_eq!(uses.flush().await.expect("it is written"), 0, "then nothing is left");
    }
}
