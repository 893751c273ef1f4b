//! Requests that were refused although their key is known: counted and remembered in memory, drained to be written down.
//!
//! Whoever holds a key decides how many there are, so both the keys and what is remembered of each have an end. They lie behind locks and
//! not beside the entries: a refusal may cost more than an admission, and most keys never meet one.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard};

use claviger_core::decision::Code;
use claviger_core::id::{KeyId, OrganizationId};
use claviger_core::limits::DENIALS_PER_KEY_MAX;
use claviger_core::reject::RejectCode;
use claviger_core::time::Timestamp;

use crate::origins::user_agent_text;
use crate::replica::Replica;
use crate::verify::Verdict;

/// Keys of one shard between two drains. Of more than all shards hold, the rest go uncounted until the next drain.
const KEYS_PER_SHARD_MAX: usize = 256;
/// Of these, keys of one organization: one that has many keys refused leaves room for the others.
const KEYS_OF_ONE_ORGANIZATION_MAX: usize = KEYS_PER_SHARD_MAX / 4;
/// So that threads which refuse different keys seldom meet.
const SHARDS: usize = 16;

/// A request that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub code: RejectCode,
    /// From where, as far as it is known.
    pub ip: Option<IpAddr>,
    /// What the client called itself, at most 256 bytes of it.
    pub user_agent: Option<Box<str>>,
}

/// What was refused of one key since it was drained last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyDenials {
    /// The key.
    pub key_id: KeyId,
    /// The organization it stands in.
    pub organization_id: OrganizationId,
    /// How many requests.
    pub count: u64,
    /// The latest of them, oldest first, [`DENIALS_PER_KEY_MAX`] at most.
    pub latest: VecDeque<Denial>,
}

type Shard = HashMap<KeyId, KeyDenials>;

/// What was refused since the last drain.
#[derive(Default)]
pub(crate) struct Denials {
    shards: [Mutex<Shard>; SHARDS],
}

impl Denials {
    fn record(&self, key_id: KeyId, organization_id: OrganizationId, denial: Denial) {
        let mut shard = lock(&self.shards[key_id.as_u128() as usize % SHARDS]);
        if !shard.contains_key(&key_id) && !has_room(&shard, organization_id) {
            return;
        }
        let key = shard.entry(key_id).or_insert_with(|| KeyDenials {
            key_id,
            organization_id,
            count: 0,
            latest: VecDeque::new(),
        });
        key.count += 1;
        if key.latest.len() == DENIALS_PER_KEY_MAX {
            key.latest.pop_front();
        }
        key.latest.push_back(denial);
    }

    fn drain(&self) -> Vec<KeyDenials> {
        self.shards.iter().flat_map(|it| mem::take(&mut *lock(it)).into_values()).collect()
    }
}

fn has_room(shard: &Shard, organization_id: OrganizationId) -> bool {
    let of_it = || shard.values().filter(|it| it.organization_id == organization_id).count();
    shard.len() < KEYS_PER_SHARD_MAX && of_it() < KEYS_OF_ONE_ORGANIZATION_MAX
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().expect("recording does not panic")
}

impl Verdict<'_> {
    /// Counts one refused request of a key that is known, and remembers it for a while; of an unknown one there is nothing to remember.
    /// That the verifier has been without news for too long is no refusal of the key: it would befall all of them, and push out what was.
    pub fn record_denial(&self, code: RejectCode, now: Timestamp, ip: Option<IpAddr>, user_agent: Option<&[u8]>) {
        if code == RejectCode::Decision(Code::Stale) {
            return;
        }
        let Some(facts) = self.facts() else { return };
        let denial = Denial { at: now, code, ip, user_agent: user_agent.map(user_agent_text) };
        self.replica().denials.record(facts.key_id(), facts.key_organization_id(), denial);
    }
}

impl Replica {
    /// Takes what was refused since the last time. What is taken is no longer held here.
    pub fn drain_denials(&self) -> Vec<KeyDenials> {
        self.denials.drain()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000).expect("in range")
    }

    fn denial(seconds: i64) -> Denial {
        Denial { at: at(seconds), code: RejectCode::Decision(Code::Expired), ip: None, user_agent: None }
    }

    #[test]
    fn all_refusals_are_counted_and_the_latest_are_remembered() {
        let (denials, key, organization) = (Denials::default(), KeyId::from_u128(7), OrganizationId::from_u128(1));
        for second in 0..50 {
            denials.record(key, organization, denial(second));
        }
        let drained = denials.drain();
        let [only] = &drained[..] else { panic!("{drained:?}") };
        assert_eq!((only.key_id, only.organization_id, only.count), (key, organization, 50));
        assert!(only.latest.iter().map(|it| it.at).eq((30..50).map(at)), "{only:?}");
        assert_eq!(denials.drain(), []);
    }

    #[test]
    fn a_flood_over_very_many_keys_is_forgotten_and_not_heaped_up() {
        let denials = Denials::default();
        for key in 0..100_000 {
            denials.record(KeyId::from_u128(key), OrganizationId::from_u128(1), denial(0));
        }
        for key in 100_000..200_000 {
            denials.record(KeyId::from_u128(key), OrganizationId::from_u128(key % 10), denial(0));
        }
        let drained = denials.drain();
        assert_eq!(drained.len(), SHARDS * KEYS_PER_SHARD_MAX);
        let of_the_first = drained.iter().filter(|it| it.organization_id == OrganizationId::from_u128(1)).count();
        assert_eq!(of_the_first, SHARDS * KEYS_OF_ONE_ORGANIZATION_MAX, "and leaves room for the others");
        denials.record(KeyId::from_u128(99_999), OrganizationId::from_u128(1), denial(1));
        assert_eq!(denials.drain().len(), 1, "there is room again");
    }
}
