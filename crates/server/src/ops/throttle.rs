//! Holds back who tries too often: by address, and by account. Nobody is locked out.
//!
//! Every try takes a token from a bucket that refills with time (GCRA, as virtual scheduling); a success puts it back. The bucket of an
//! account holds back guessing from many addresses; whoever signs in from an address at which the account is signed in already passes it,
//! so that an attacker cannot keep the victim out.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use claviger_core::reject::{Reject, RejectCode};
use claviger_core::time::Timestamp;

/// Buckets held at most; beyond, those that refill soonest are forgotten.
const BUCKETS_MAX: usize = 20_000;

/// Whose tries are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// An address; of IPv6 the network of 64 bits, which one customer has.
    Address(IpAddr),
    /// An account, by the digest of its sign-in name.
    Account([u8; 32]),
}

impl Subject {
    /// Of a request from this address.
    pub(crate) fn address(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V6(ip) => {
                let network = u128::from(ip) & !u128::from(u64::MAX);
                Self::Address(IpAddr::V6(Ipv6Addr::from(network)))
            }
            ip => Self::Address(ip),
        }
    }

    /// Tries in a row, and how long one takes to come back.
    const fn allowance(self) -> (u32, Duration) {
        match self {
            Self::Address(_) => (20, Duration::from_secs(15)),
            Self::Account(_) => (10, Duration::from_secs(60)),
        }
    }
}

/// The buckets: for each subject the instant at which its bucket is full again.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    full_at: Mutex<HashMap<Subject, Timestamp>>,
}

impl Throttle {
    /// Takes a token.
    ///
    /// # Errors
    /// [`RejectCode::TooManyTries`] with the seconds to wait.
    pub(crate) fn take(&self, subject: Subject, now: Timestamp) -> Result<(), Reject> {
        let (burst, interval) = subject.allowance();
        let mut full_at = self.lock();
        let next = full_at.get(&subject).copied().unwrap_or(now).max(now).saturating_add(interval);
        let wait = next.since(now).saturating_sub(interval * burst);
        if !wait.is_zero() {
            let secs = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            let detail = format!("Too many tries; wait {secs} seconds.");
            return Err(Reject::until_later(RejectCode::TooManyTries, detail, secs));
        }
        if full_at.len() >= BUCKETS_MAX {
            forget(&mut full_at, now);
        }
        full_at.insert(subject, next);
        Ok(())
    }

    /// Puts a token back, because the try succeeded.
    pub(crate) fn put_back(&self, subject: Subject) {
        let (_, interval) = subject.allowance();
        if let Some(full_at) = self.lock().get_mut(&subject) {
            *full_at = full_at.saturating_sub(interval);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Subject, Timestamp>> {
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Drops full buckets; where all are in use, the half that refills soonest.
fn forget(full_at: &mut HashMap<Subject, Timestamp>, now: Timestamp) {
    full_at.retain(|_, at| *at > now);
    if full_at.len() < BUCKETS_MAX {
        return;
    }
    let mut instants: Vec<_> = full_at.values().copied().collect();
    let (_, median, _) = instants.select_nth_unstable(BUCKETS_MAX / 2);
    let median = *median;
    full_at.retain(|_, at| *at > median);
    if full_at.len() >= BUCKETS_MAX {
        full_at.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Timestamp {
        Timestamp::MIN.saturating_add(Duration::from_secs(1_000_000 + secs))
    }

    #[test]
    fn tries_run_out_and_come_back_with_time() {
        let throttle = Throttle::default();
        let subject = Subject::address("192.0.2.1".parse().expect("an address"));
        for _ in 0..20 {
            throttle.take(subject, at(0)).expect("a token");
        }
        let refusal = throttle.take(subject, at(0)).expect_err("a refusal");
        assert_eq!((refusal.code, refusal.retry_after_secs), (RejectCode::TooManyTries, Some(15)));
        assert!(throttle.take(subject, at(14)).is_err());
        throttle.take(subject, at(15)).expect("one came back");
        assert!(throttle.take(subject, at(15)).is_err());
        let other = Subject::address("192.0.2.2".parse().expect("an address"));
        throttle.take(other, at(0)).expect("somebody else is not held back");
    }

    #[test]
    fn a_success_costs_nothing() {
        let throttle = Throttle::default();
        let subject = Subject::Account([1; 32]);
        for _ in 0..100 {
            throttle.take(subject, at(0)).expect("a token");
            throttle.put_back(subject);
        }
    }

    #[test]
    fn addresses_of_one_customer_share_a_bucket() {
        let subject = |text: &str| Subject::address(text.parse().expect("an address"));
        assert_eq!(subject("2001:db8::1"), subject("2001:db8::ffff"));
        assert_ne!(subject("2001:db8::1"), subject("2001:db8:0:1::1"));
        assert_eq!(subject("::ffff:192.0.2.1"), subject("192.0.2.1"));
        assert_ne!(subject("192.0.2.1"), subject("192.0.2.2"));
    }

    #[test]
    fn a_flood_of_addresses_does_not_grow_the_memory() {
        let throttle = Throttle::default();
        for number in 0..(BUCKETS_MAX as u32 * 3) {
            let _ = throttle.take(Subject::address(IpAddr::from(number.to_be_bytes())), at(u64::from(number / 10_000)));
        }
        assert!(throttle.lock().len() <= BUCKETS_MAX);
    }
}
