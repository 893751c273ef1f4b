//! Holds back who tries too often: by address, by account, and by both. No single network keeps anybody out.
//!
//! Every try takes a token from a bucket that refills with time (GCRA, as virtual scheduling); a success puts it back. The bucket of an
//! account holds back guessing from many addresses. No single network can empty it, since what one network may try at one account comes back
//! more slowly than what the account has. Guesses from several networks at once can: then whoever signs in from an address at which the account
//! is signed in already still passes.

use std::net::IpAddr;
use std::time::Duration;

use claviger_core::name::Email;
use claviger_core::rate::Rate;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::secret::Digest;
use claviger_core::time::Timestamp;

use crate::rates::{Buckets, network};

/// Whose tries are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// An address; of IPv6 the network of 64 bits, which one customer has.
    Address(IpAddr),
    /// An account, by the digest of its sign-in name.
    Account([u8; 32]),
    /// What one network tries at one account.
    AccountFrom([u8; 32], IpAddr),
    /// What is written down of failures at an account.
    Failures([u8; 32]),
}

impl Subject {
    /// Of a request from this address.
    pub(crate) fn address(ip: IpAddr) -> Self {
        Self::Address(network(ip))
    }

    /// Of an account, by its sign-in name.
    pub(crate) fn account(email: &Email) -> Self {
        Self::Account(digest(email))
    }

    /// Of what is tried at an account from this address.
    pub(crate) fn account_from(email: &Email, ip: IpAddr) -> Self {
        Self::AccountFrom(digest(email), network(ip))
    }

    /// Of failures at an account that are written down.
    pub(crate) fn failures(email: &Email) -> Self {
        Self::Failures(digest(email))
    }

    /// Tries in a row, of which one comes back every 15 seconds for an address, every minute for an account, and every 90 seconds for an account
    /// from one address.
    fn rate(self) -> Rate {
        let (burst, secs) = match self {
            Self::Address(_) => (20, 15),
            Self::Account(_) => (10, 60),
            Self::AccountFrom(..) => (8, 90),
            // Enough to see that somebody guesses and from where, and no more of the log than ten an hour.
            Self::Failures(_) => (10, 360),
        };
        Rate::new(burst, Duration::from_secs(u64::from(burst) * secs)).expect("a rate within the bounds")
    }
}

fn digest(email: &Email) -> [u8; 32] {
    *Digest::of_token(email.as_str().as_bytes()).as_bytes()
}

/// The buckets.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Buckets<Subject>);

impl Throttle {
    /// Takes a token.
    ///
    /// # Errors
    /// [`RejectCode::TooManyTries`] with the seconds to wait.
    pub(crate) fn take(&self, subject: Subject, now: Timestamp) -> Result<(), Reject> {
        let Err(refused) = self.0.take(subject, &subject.rate(), now) else { return Ok(()) };
        let secs = refused.wait_secs();
        let detail = format!("Too many tries; wait {secs} seconds.");
        Err(Reject::until_later(RejectCode::TooManyTries, detail, secs))
    }

    /// Puts a token back, because the try succeeded.
    pub(crate) fn put_back(&self, subject: Subject) {
        self.0.put_back(&subject, &subject.rate());
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
    fn no_network_alone_empties_the_bucket_of_an_account() {
        let email = Email::parse("ann@example.com").expect("an address");
        let guesser = Subject::account_from(&email, "2001:db8::1".parse().expect("an address"));
        assert_eq!(guesser, Subject::account_from(&email, "2001:db8::2".parse().expect("an address")), "one network");
        let (throttle, account) = (Throttle::default(), Subject::account(&email));
        for second in 0..7_200 {
            if throttle.take(guesser, at(second)).is_ok() {
                throttle.take(account, at(second)).expect("there is always more than a network can take");
            }
        }
        throttle.take(account, at(7_200)).expect("one for the victim");
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
}
