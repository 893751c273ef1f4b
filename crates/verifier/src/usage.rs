//! Use: counted in memory beside the entry it is about, drained in chunks.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use claviger_core::id::{KeyId, OrganizationId, SecretId};
use claviger_core::time::Timestamp;

pub use crate::apis::Deprecation;
use crate::origins::{Origin, Origins};
use crate::replica::Replica;
use crate::state::State;

/// Secrets in one chunk of drained uses at most.
pub const USES_PER_CHUNK_MAX: usize = 1000;

/// Bits of the origin's number below the milliseconds.
const ORIGIN_BITS: u32 = 16;

/// In the count of an entry: a use of it was taken back. There may be no use left to count, and yet when it was used last is to be written down.
const TAKEN_BACK: u32 = 1 << 31;

/// What was counted of one secret since it was drained last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUse {
    /// The key.
    pub key_id: KeyId,
    /// The secret.
    pub secret_id: SecretId,
    /// The organization it stands in.
    pub organization_id: OrganizationId,
    /// The latest use, to the millisecond.
    pub last_used_at: Timestamp,
    /// Where the latest use came from; absent when unknown, or when more than about ten thousand origins were seen between two drains.
    pub ip: Option<IpAddr>,
    /// What the latest use called itself, at most 256 bytes of it.
    pub user_agent: Option<Box<str>>,
    /// How many uses; none where all of them were taken back.
    pub count: u64,
    /// How many of them called which version of the key's api, of those that said so.
    pub versions: Vec<VersionUse>,
}

/// What was counted of one version of an api.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionUse {
    /// Its name.
    pub version: Box<str>,
    /// How many requests.
    pub count: u64,
}

/// What draining remembers between two chunks.
#[derive(Default)]
pub(crate) struct Drain {
    /// Tables that a load has replaced, until nobody holds them any more.
    pub(crate) retired: Vec<Arc<State>>,
    /// The table of origins before the present one: uses that were counted just before the change name it.
    previous: Option<Arc<Origins>>,
    /// The word of the present table to go on at, so that no secret waits for ever behind busy ones.
    next: u32,
}

impl State {
    /// Counts one request as one of this version of the api that the entry's key belongs to, and says what its clients are told; nothing where the
    /// api has no such version. Counted before the use itself, which whoever drains goes by.
    pub(crate) fn record_version(&self, at: u32, api: u16, version: &str) -> Option<Arc<Deprecation>> {
        let apis = self.apis.load();
        let version = apis.version(api, version)?;
        self.version_uses.record(at, version.number);
        version.deprecation.clone()
    }

    /// Takes what was counted of the versions of the entry's api. Of those that the api has no longer nothing is said, and nothing is left.
    fn take_versions(&self, at: u32, api: u16) -> Vec<VersionUse> {
        if self.version_uses.is_empty() {
            return Vec::new();
        }
        let take = |(number, name): (u8, Option<&str>)| {
            let count = self.version_uses.take(at, number);
            Some(VersionUse { version: name.filter(|_| count > 0)?.into(), count })
        };
        self.apis.load().versions(api).filter_map(take).collect()
    }

    /// Counts one use of an entry.
    ///
    /// The bit is only read where it is set already, so that threads that share a busy key do not pull its cache line back and forth;
    /// counting, reading the bit, clearing the bit and taking the count are sequentially consistent, so that no use falls between.
    pub(crate) fn record_use(
        &self,
        at: u32,
        origins: &Origins,
        now: Timestamp,
        ip: Option<IpAddr>,
        user_agent: Option<&[u8]>,
    ) {
        let (Some(entry), Some(word)) = (self.entries.get(at), self.used.get(at / 64)) else {
            return;
        };
        let mut last = entry.last_use.load(Relaxed);
        let origin = origins.number(&self.seed, ip, user_agent, last as u16);
        let this = (now.as_millis() as u64) << ORIGIN_BITS | u64::from(origin);
        loop {
            let next = if last >> ORIGIN_BITS <= this >> ORIGIN_BITS {
                this
            } else if last as u16 == 0 || origins.get(last as u16).is_some() {
                // Of two uses the later one stays, with its own origin.
                last
            } else {
                // Unless that is of an earlier table: its number may soon mean another origin.
                last >> ORIGIN_BITS << ORIGIN_BITS
            };
            if next == last {
                break;
            }
            match entry.last_use.compare_exchange_weak(last, next, Relaxed, Relaxed) {
                Ok(_) => break,
                Err(newer) => last = newer,
            }
        }
        entry.uses.fetch_add(1, SeqCst);
        let bit = 1 << (at % 64);
        if word.load(SeqCst) & bit == 0 {
            word.fetch_or(bit, SeqCst);
        }
    }

    /// Takes one use of an entry out of the count again, as far as it has not been drained.
    pub(crate) fn take_back_use(&self, at: u32) {
        let Some(entry) = self.entries.get(at) else { return };
        let without = |uses: u32| (uses & !TAKEN_BACK).checked_sub(1).map(|it| it | TAKEN_BACK);
        // Where nothing is left to take back a drain was faster, and the request stays counted there too.
        let _ = entry.uses.fetch_update(SeqCst, SeqCst, without);
    }

    /// Takes what was counted of the entry.
    fn take_use(
        &self,
        at: u32,
        origin: impl Fn(u16) -> Option<(Option<IpAddr>, Option<Box<str>>)>,
    ) -> Option<SecretUse> {
        let entry = self.entries.get(at)?;
        let uses = entry.uses.swap(0, SeqCst);
        let last = entry.last_use.load(Relaxed);
        let (ip, user_agent) = origin(last as u16).unwrap_or_default();
        let millis = i64::try_from(last >> ORIGIN_BITS).ok()?;
        let held = entry.read().0;
        if uses == 0 {
            return None;
        }
        Some(SecretUse {
            key_id: KeyId::from_u128(held.key_id),
            secret_id: SecretId::from_u128(held.secret_id),
            organization_id: OrganizationId::from_u128(self.organizations.id(held.organization)?),
            last_used_at: Timestamp::from_micros(millis * 1000).unwrap_or(Timestamp::MAX),
            ip,
            user_agent,
            count: u64::from(uses & !TAKEN_BACK),
            versions: self.take_versions(at, held.api),
        })
    }
}

impl Replica {
    /// The latest use of a key here since it was loaded, and where it came from while that is not drained yet: the number of an origin that
    /// was, may stand for another by now. With several secrets, that of one of them: enough to see a new key's first request before it is
    /// written down.
    pub fn last_use(&self, key_id: KeyId) -> Option<(Timestamp, Option<IpAddr>)> {
        let state = self.state.load();
        let (at, ip, _) = self.last_use_at(&state, state.find_key(key_id.as_u128())?.at)?;
        Some((at, ip))
    }

    /// The same of one of its secrets, and with what it was used.
    pub fn last_use_of(
        &self,
        key_id: KeyId,
        secret_id: SecretId,
    ) -> Option<(Timestamp, Option<IpAddr>, Option<Box<str>>)> {
        let state = self.state.load();
        let hit = state.find_secret(key_id.as_u128(), secret_id.as_u128())?;
        self.last_use_at(&state, hit.at)
    }

    fn last_use_at(&self, state: &State, at: u32) -> Option<(Timestamp, Option<IpAddr>, Option<Box<str>>)> {
        let entry = state.entries.get(at)?;
        let is_drained = entry.uses.load(SeqCst) == 0;
        let last = entry.last_use.load(Relaxed);
        let millis = i64::try_from(last >> ORIGIN_BITS).ok().filter(|it| *it > 0)?;
        let origins = self.origins.load();
        let origin = origins.get(last as u16).filter(|_| !is_drained);
        let user_agent = origin.and_then(Origin::user_agent);
        Some((Timestamp::from_micros(millis * 1000).ok()?, origin.and_then(Origin::ip), user_agent))
    }
}

/// What is left of one turn through all secrets. Where all of them are used all the time, draining until nothing is left would never end.
#[derive(Debug)]
pub struct Turn {
    /// Words of the present table that were not looked at yet.
    words: u32,
}

impl Replica {
    /// Begins a turn: whatever was counted before now is drained in it, and what is counted meanwhile in it or in the next one.
    pub fn begin_turn(&self) -> Turn {
        Turn { words: self.state.load().used.len() }
    }

    /// Takes what was counted, of at most `max` (and never more than [`USES_PER_CHUNK_MAX`]) secrets; empty when nothing is left.
    /// What is taken is no longer held here: drain the next chunk once this one is written.
    pub fn drain_uses(&self, max: usize) -> Vec<SecretUse> {
        self.drain_turn(&mut self.begin_turn(), max)
    }

    /// Like [`Self::drain_uses`], going on with a turn; empty also when the turn has come round.
    pub fn drain_turn(&self, turn: &mut Turn, max: usize) -> Vec<SecretUse> {
        let max = max.min(USES_PER_CHUNK_MAX);
        let mut drain = self.drain.lock().expect("draining does not panic");
        let origins = self.origins.load_full();
        let previous = drain.previous.clone();
        let find = |number: u16| {
            let of = |it: &Origin| (it.ip(), it.user_agent());
            origins.get(number).or_else(|| previous.as_deref()?.get(number)).map(of)
        };
        let mut taken = Vec::new();
        drain.retired.retain(|state| {
            // Asked first: whoever still holds the table may count in it while it is looked through.
            let is_last = Arc::strong_count(state) == 1;
            drain_words(state, 0, &mut state.used.len(), max, &mut taken, find);
            !is_last || taken.len() >= max
        });
        drain.next = drain_words(&self.state.load(), drain.next, &mut turn.words, max, &mut taken, find);
        if taken.len() < max && origins.is_half_full() {
            let next = Arc::new(Origins::new(origins.generation() + 1));
            drain.previous = Some(self.origins.swap(next));
        }
        taken
    }
}

/// Goes through the words from `start` on and round, until `max` are taken or `left` words were looked at, and says where to go on.
fn drain_words(
    state: &State,
    start: u32,
    left: &mut u32,
    max: usize,
    taken: &mut Vec<SecretUse>,
    origin: impl Fn(u16) -> Option<(Option<IpAddr>, Option<Box<str>>)>,
) -> u32 {
    let words = state.used.len();
    let mut at = start;
    while *left > 0 {
        // Also where a load has put a shorter table in the place of the one before.
        at = if at < words { at } else { 0 };
        let Some(word) = state.used.get(at) else {
            break;
        };
        let mut bits = if word.load(Relaxed) == 0 { 0 } else { word.load(SeqCst) };
        while bits != 0 {
            if taken.len() >= max {
                return at;
            }
            let bit = bits.trailing_zeros();
            bits &= bits - 1;
            word.fetch_and(!(1 << bit), SeqCst);
            taken.extend(state.take_use(at * 64 + bit, &origin));
        }
        at += 1;
        *left -= 1;
    }
    at
}

#[cfg(test)]
#[path = "usage_tests.rs"]
mod tests;
