//! Access tokens: which key one stands for, and what is remembered so that a signature is checked once and not with each request.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use claviger_core::access_token::{self, Claims, PublicKey, TokenKind};
use claviger_core::feed::{EndedSharedSecretRecord, EndedSignInRecord, SigningKeyRecord};
use claviger_core::id::{KeyId, OrganizationId, SigningKeyId};
use claviger_core::limits::REFRESH_TOKEN_SECS;
use claviger_core::permission::PermissionSet;
use claviger_core::secret::Digest;
use claviger_core::time::Timestamp;

use crate::hash::Seed;

/// Tokens of which is remembered that they were signed well.
const PROVEN_MAX: usize = 16_384;
/// Places among which the one is chosen that a newly proven token takes.
const WAYS: usize = 4;
const ENDED_SHARDS: usize = 64;

/// A token that one of our keys has signed. What it says was true when it was made; whether it is still good is decided like everything else.
pub struct Proven {
    digest: Digest,
    signed_by: SigningKeyId,
    kind: TokenKind,
    claims: Claims,
    scopes: Option<PermissionSet>,
    expires_at: Timestamp,
}

impl Proven {
    /// What it says.
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// When it ends.
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// When it was made.
    pub fn issued_at(&self) -> Timestamp {
        self.claims.issued_at()
    }

    /// The key it stands for.
    pub const fn key_id(&self) -> KeyId {
        self.claims.client_id
    }

    /// The organization it is good for, and for what is below where the key reaches that.
    pub const fn organization_id(&self) -> OrganizationId {
        self.claims.organization_id
    }

    /// Its scopes; absent narrows nothing.
    pub const fn scopes(&self) -> Option<&PermissionSet> {
        self.scopes.as_ref()
    }
}

impl fmt::Debug for Proven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proven")
            .field("key_id", &self.key_id())
            .field("sign_in", &self.claims.sid)
            .finish_non_exhaustive()
    }
}

/// The keys that sign tokens. There are three or four.
#[derive(Default)]
pub(crate) struct SigningKeys {
    known: ArcSwap<HashMap<u128, SigningKeyRecord>>,
}

impl SigningKeys {
    pub(crate) fn find(&self, id: SigningKeyId) -> Option<PublicKey> {
        self.known.load().get(&id.as_u128()).map(|it| it.public_key)
    }

    pub(crate) fn all(&self) -> Vec<SigningKeyRecord> {
        let mut all: Vec<_> = self.known.load().values().cloned().collect();
        all.sort_unstable_by_key(|it| it.id);
        all
    }

    /// For the one writer. Says whether the record was news.
    pub(crate) fn put(&self, record: &SigningKeyRecord) -> bool {
        let mut known = HashMap::clone(&self.known.load());
        let id = record.id.as_u128();
        let is_news = known.get(&id).is_none_or(|it| it.version < record.version);
        if is_news {
            known.insert(id, record.clone());
            self.known.store(Arc::new(known));
        }
        is_news
    }

    /// For the one writer. What it signed is good no more.
    pub(crate) fn remove(&self, id: u128) {
        let mut known = HashMap::clone(&self.known.load());
        if known.remove(&id).is_some() {
            self.known.store(Arc::new(known));
        }
    }
}

/// When something ends that tokens were got by, and with it they.
#[derive(Clone, Copy)]
pub(crate) struct End {
    at: Timestamp,
    /// When none of these tokens would be good any more anyway.
    until: Timestamp,
    version: u64,
}

impl From<&EndedSignInRecord> for End {
    fn from(it: &EndedSignInRecord) -> Self {
        Self { at: Timestamp::MIN, until: it.until, version: 1 }
    }
}

impl From<&EndedSharedSecretRecord> for End {
    fn from(it: &EndedSharedSecretRecord) -> Self {
        let until = it.ends_at.saturating_add(Duration::from_secs(REFRESH_TOKEN_SECS));
        Self { at: it.ends_at, until, version: it.version }
    }
}

/// The sign-ins, or the shared secrets, that end before their tokens are over. Copied with each change, in shards: tokens are hardly ever taken back.
pub(crate) struct Ends {
    shards: Box<[ArcSwap<HashMap<u128, End>>]>,
}

impl Ends {
    pub(crate) fn new() -> Self {
        Self { shards: (0..ENDED_SHARDS).map(|_| ArcSwap::default()).collect() }
    }

    fn shard(&self, id: u128) -> &ArcSwap<HashMap<u128, End>> {
        &self.shards[id as usize % ENDED_SHARDS]
    }

    /// When it ends; absent where it does not before its tokens are over.
    pub(crate) fn find(&self, id: u128) -> Option<Timestamp> {
        self.shard(id).load().get(&id).map(|it| it.at)
    }

    /// Says whether it was news.
    pub(crate) fn put(&self, id: u128, end: End) -> bool {
        let is_news = |ends: &HashMap<u128, End>| ends.get(&id).is_none_or(|it| it.version < end.version);
        let before = self.change(id, |ends| {
            if is_news(ends) {
                ends.insert(id, end);
            }
        });
        is_news(&before)
    }

    /// Its row cannot be read. That it ends is what the row says at least; when, and until when that matters, it does not, so it has ended for good,
    /// unless a later row says something else.
    pub(crate) fn cannot_read(&self, id: u128) {
        self.change(id, |ends| {
            let version = ends.get(&id).map_or(0, |it| it.version);
            ends.insert(id, End { at: Timestamp::MIN, until: Timestamp::MAX, version });
        });
    }

    /// Only rows whose tokens are over are deleted, so what is forgotten here is denied anyway.
    pub(crate) fn remove(&self, id: u128) {
        self.change(id, |ends| {
            ends.remove(&id);
        });
    }

    /// Forgets those whose tokens are over.
    pub(crate) fn forget(&self, now: Timestamp) {
        for shard in self.shards.iter().filter(|it| it.load().values().any(|it| it.until <= now)) {
            shard.rcu(|ends| {
                ends.iter().filter(|(_, it)| it.until > now).map(|(id, it)| (*id, *it)).collect::<HashMap<_, _>>()
            });
        }
    }

    /// The writer and the one who forgets may meet, so a change is tried until nobody came between.
    fn change(&self, id: u128, change: impl Fn(&mut HashMap<u128, End>)) -> Arc<HashMap<u128, End>> {
        self.shard(id).rcu(|ends| {
            let mut ends = HashMap::clone(ends);
            change(&mut ends);
            ends
        })
    }
}

/// The tokens that were proven last. Without a lock: each stands in one of a few places that its digest says.
pub(crate) struct ProvenTokens {
    places: Box<[ArcSwapOption<Proven>]>,
}

impl ProvenTokens {
    pub(crate) fn new() -> Self {
        Self { places: (0..PROVEN_MAX).map(|_| ArcSwapOption::const_empty()).collect() }
    }

    fn ways(&self, hash: u64) -> &[ArcSwapOption<Proven>] {
        let first = hash as usize % (PROVEN_MAX / WAYS) * WAYS;
        &self.places[first..first + WAYS]
    }

    /// Proves a token, or remembers that it was proven. Absent for whatever none of our keys has signed as this kind.
    pub(crate) fn prove(
        &self,
        (token, digest): (&[u8], &Digest),
        kind: TokenKind,
        keys: &SigningKeys,
        seed: &Seed,
        now: Timestamp,
    ) -> Option<Arc<Proven>> {
        let hash = seed.of_digest(digest.as_bytes());
        Self::prove_among(self.ways(hash), hash, (token, digest), kind, keys, now)
    }

    fn prove_among(
        ways: &[ArcSwapOption<Proven>],
        hash: u64,
        (token, digest): (&[u8], &Digest),
        kind: TokenKind,
        keys: &SigningKeys,
        now: Timestamp,
    ) -> Option<Arc<Proven>> {
        for way in ways {
            if let Some(proven) = way.load_full()
                && proven.digest.matches(digest)
            {
                // The key may have been revoked since.
                return (proven.kind == kind && keys.find(proven.signed_by).is_some()).then_some(proven);
            }
        }
        let (signed_by, claims) = access_token::read(token, kind, |id| keys.find(id))?;
        let (scopes, expires_at) = (claims.scopes().ok()?, claims.expires_at());
        let proven = Arc::new(Proven { digest: *digest, signed_by, kind, claims, scopes, expires_at });
        let is_free = |way: &&ArcSwapOption<Proven>| way.load().as_ref().is_none_or(|it| it.expires_at <= now);
        // Where all are in use, any: which one nobody can tell who does not know the seed.
        let chosen = ways.iter().find(is_free).unwrap_or(&ways[(hash >> 32) as usize % ways.len()]);
        chosen.store(Some(Arc::clone(&proven)));
        Some(proven)
    }
}

#[cfg(test)]
#[path = "tokens_tests.rs"]
mod tests;
