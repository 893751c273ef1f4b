//! Buckets of those who call, bounded in number, and the rates that the configuration sets for them.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use claviger_core::id::{KeyId, UserId};
use claviger_core::limits::RATE_BUCKETS_MAX;
use claviger_core::rate::{Admitted, Exhausted, Rate};
use claviger_core::secret::Digest;
use claviger_core::time::Timestamp;

use crate::config::Config;

/// For each subject the instant at which its bucket is full again. Of those that are full nothing is kept.
#[derive(Debug)]
pub(crate) struct Buckets<K> {
    full_at: Mutex<HashMap<K, Timestamp>>,
}

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self { full_at: Mutex::default() }
    }
}

impl<K: Eq + Hash> Buckets<K> {
    /// Takes one request out of a subject's bucket.
    ///
    /// # Errors
    /// [`Exhausted`] with the time to wait.
    pub(crate) fn take(&self, subject: K, rate: &Rate, now: Timestamp) -> Result<Admitted, Exhausted> {
        self.take_many(subject, rate, 1, now)
    }

    /// Takes several requests at once, or none of them.
    ///
    /// # Errors
    /// [`Exhausted`] with the time to wait.
    pub(crate) fn take_many(&self, subject: K, rate: &Rate, cost: u32, now: Timestamp) -> Result<Admitted, Exhausted> {
        let mut full_at = self.lock();
        let present = full_at.get(&subject).copied().unwrap_or(now);
        let admitted = rate.admit(present, cost, now)?;
        if full_at.len() >= RATE_BUCKETS_MAX {
            forget(&mut full_at, now);
        }
        full_at.insert(subject, admitted.full_at);
        Ok(admitted)
    }

    /// Whether a subject has a request left. Takes none.
    ///
    /// # Errors
    /// [`Exhausted`] with the time to wait.
    pub(crate) fn look(&self, subject: &K, rate: &Rate, now: Timestamp) -> Result<(), Exhausted> {
        let present = self.lock().get(subject).copied();
        present.map_or(Ok(()), |at| rate.admit(at, 1, now).map(drop))
    }

    /// Puts one request back.
    pub(crate) fn put_back(&self, subject: &K, rate: &Rate) {
        if let Some(full_at) = self.lock().get_mut(subject) {
            *full_at = rate.put_back(*full_at, 1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Timestamp>> {
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.lock().len()
    }
}

/// Drops full buckets; where all are in use, the half that refills soonest: whoever is nearest to the limit is forgotten last.
fn forget<K: Eq + Hash>(full_at: &mut HashMap<K, Timestamp>, now: Timestamp) {
    full_at.retain(|_, at| *at > now);
    if full_at.len() < RATE_BUCKETS_MAX {
        return;
    }
    let mut instants: Vec<_> = full_at.values().copied().collect();
    let (_, median, _) = instants.select_nth_unstable(RATE_BUCKETS_MAX / 2);
    let median = *median;
    full_at.retain(|_, at| *at > median);
    if full_at.len() >= RATE_BUCKETS_MAX {
        full_at.clear();
    }
}

/// Sessions that were found good here, by the digests of their tokens. What came from their network besides does not hold them back.
#[derive(Debug, Default)]
pub(crate) struct ProvenSessions(Mutex<HashMap<[u8; 32], Timestamp>>);

impl ProvenSessions {
    /// Keeps that it was found good, until then at the latest.
    pub(crate) fn keep(&self, digest: &Digest, until: Timestamp, now: Timestamp) {
        let mut kept = self.lock();
        if kept.len() >= RATE_BUCKETS_MAX {
            forget(&mut kept, now);
        }
        kept.insert(*digest.as_bytes(), until);
    }

    /// Whether it was found good, which it need not be any more.
    pub(crate) fn has(&self, digest: &Digest, now: Timestamp) -> bool {
        self.lock().get(digest.as_bytes()).is_some_and(|until| *until > now)
    }

    /// It is good no more.
    pub(crate) fn drop(&self, digest: &Digest) {
        self.lock().remove(digest.as_bytes());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The network that one customer has: an address, or of IPv6 the first 64 bits.
pub(crate) fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from(u128::from(ip) & !u128::from(u64::MAX))),
        ip => ip,
    }
}

/// Who has a bucket of their own at the management API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// A key.
    Key(KeyId),
    /// A user at the console, however many sessions they have.
    User(UserId),
}

/// What is asked of: each has buckets of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Surface {
    /// The management API.
    Management,
    /// Verification and introspection.
    Verification,
}

/// The buckets of one surface.
#[derive(Debug)]
pub(crate) struct Limited<K> {
    /// How often each may ask.
    pub(crate) rate: Rate,
    /// Of whom.
    pub(crate) buckets: Buckets<K>,
}

impl<K> Limited<K> {
    fn new(rate: Rate) -> Self {
        Self { rate, buckets: Buckets::default() }
    }
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Rates {
    management: Option<Limited<Subject>>,
    verification: Option<Limited<Subject>>,
    /// Those who proved nothing, by their network. Apart from the others, whom a flood of addresses must not push out.
    strangers: Option<Limited<IpAddr>>,
    sessions: ProvenSessions,
}

impl Rates {
    /// As the configuration says.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            management: config.api_rate.map(Limited::new),
            verification: config.verify_rate.map(Limited::new),
            strangers: config.api_rate.map(Limited::new),
            sessions: ProvenSessions::default(),
        }
    }

    /// Those of a surface; absent where it has no limit.
    pub(crate) const fn of(&self, surface: Surface) -> Option<&Limited<Subject>> {
        match surface {
            Surface::Management => self.management.as_ref(),
            Surface::Verification => self.verification.as_ref(),
        }
    }

    /// Those of strangers; absent where there is no limit.
    pub(crate) const fn strangers(&self) -> Option<&Limited<IpAddr>> {
        self.strangers.as_ref()
    }

    /// Sessions that have proved themselves.
    pub(crate) const fn sessions(&self) -> &ProvenSessions {
        &self.sessions
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(secs: u64) -> Timestamp {
        Timestamp::MIN.saturating_add(Duration::from_secs(1_000_000 + secs))
    }

    #[test]
    fn each_subject_has_a_bucket_of_its_own() {
        let (buckets, rate) = (Buckets::default(), "2/10s".parse().expect("a rate"));
        for left in [1, 0] {
            assert_eq!(buckets.take("a", &rate, at(0)).expect("admitted").remaining, left);
        }
        assert!(buckets.take("a", &rate, at(0)).is_err() && buckets.look(&"a", &rate, at(0)).is_err());
        assert!(buckets.look(&"b", &rate, at(0)).is_ok() && buckets.take("b", &rate, at(0)).is_ok());
        buckets.put_back(&"a", &rate);
        assert!(buckets.take("a", &rate, at(0)).is_ok());
        assert!(buckets.take("a", &rate, at(5)).is_ok(), "time brings them back");
    }

    #[test]
    fn addresses_of_one_customer_are_one() {
        let of = |text: &str| network(text.parse().expect("an address"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[test]
    fn a_flood_does_not_grow_the_memory_and_does_not_free_who_is_at_the_limit() {
        let (buckets, rate) = (Buckets::default(), "10/1h".parse().expect("a rate"));
        for _ in 0..10 {
            buckets.take(u32::MAX, &rate, at(0)).expect("admitted");
        }
        for number in 0..(RATE_BUCKETS_MAX as u32 * 3) {
            buckets.take(number, &rate, at(u64::from(number / 10_000))).expect("admitted");
        }
        assert!(buckets.len() <= RATE_BUCKETS_MAX);
        assert!(buckets.look(&u32::MAX, &rate, at(20)).is_err());
    }
}
