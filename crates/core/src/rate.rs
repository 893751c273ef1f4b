//! Rates: how often something may be asked for, as a token bucket whose whole state is one instant (the generic cell rate algorithm).
//!
//! A bucket is known by the instant at which it is full again. One that is full needs no memory at all, so whoever keeps buckets may forget
//! those whose instant has passed.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::time::Timestamp;
use crate::words;

/// So many requests in a period. All of them may come at once; then they come back one by one, evenly over the period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    requests: u32,
    period: Duration,
}

/// The text or the numbers are no rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "write a number of requests and a period, such as 100/10s, 6000/1m or 1000/1h, up to 1,000,000 and from 1 second to 1 day"
)]
pub struct RateError;

/// A request that may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    /// When its bucket is full again: what has to be kept.
    pub full_at: Timestamp,
    /// How many more may come at this very moment.
    pub remaining: u32,
}

/// A request that may not pass; it has taken nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the rate is used up")]
pub struct Exhausted {
    /// How long until it would; absent where it costs more than the bucket ever holds.
    pub wait: Option<Duration>,
}

impl Exhausted {
    /// Whole seconds to wait, for `Retry-After`: rounded up, so that whoever waits as long as that is let in. A day where waiting never helps.
    pub fn wait_secs(&self) -> u64 {
        self.wait.map_or(86_400, whole_secs)
    }
}

/// Whole seconds, rounded up.
pub fn whole_secs(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

impl Rate {
    /// Requests at most.
    pub const REQUESTS_MAX: u32 = 1_000_000;
    /// The longest period.
    pub const PERIOD_MAX: Duration = Duration::from_secs(86_400);

    /// So many requests in a period.
    ///
    /// # Errors
    /// [`RateError`] for none or more than [`Self::REQUESTS_MAX`], and for periods below a second or above [`Self::PERIOD_MAX`].
    pub fn new(requests: u32, period: Duration) -> Result<Self, RateError> {
        let requests_ok = (1..=Self::REQUESTS_MAX).contains(&requests);
        let period_ok = (Duration::from_secs(1)..=Self::PERIOD_MAX).contains(&period);
        if requests_ok && period_ok { Ok(Self { requests, period }) } else { Err(RateError) }
    }

    /// How many may come at once.
    pub const fn requests(&self) -> u32 {
        self.requests
    }

    /// The time in which so many come back.
    pub const fn period(&self) -> Duration {
        self.period
    }

    /// As people read it: `6,000 requests per minute`, `100 requests per 10 seconds`.
    pub fn in_words(&self) -> String {
        let requests = words::requests(self.requests);
        match words::whole_units(self.period) {
            (1, unit, _) => format!("{requests} per {unit}"),
            (many, unit, _) => format!("{requests} per {} {unit}s", words::grouped(many)),
        }
    }

    /// As people type it: `6000/1m`. Machines write and are told whole seconds, see [`fmt::Display`].
    pub fn typed(&self) -> String {
        let (many, _, letter) = words::whole_units(self.period);
        format!("{}/{many}{letter}", self.requests)
    }

    /// Whether whoever keeps to it keeps to the other one too: neither more at once, nor more in the long run.
    pub fn is_within(&self, other: &Self) -> bool {
        let in_long_run = |a: &Self, b: &Self| u128::from(a.requests) * b.period.as_micros();
        self.requests <= other.requests && in_long_run(self, other) <= in_long_run(other, self)
    }

    /// What a bucket that is full at `full_at` holds at this moment.
    pub fn left(&self, full_at: Timestamp, now: Timestamp) -> u32 {
        // Nothing is taken, so nobody is refused.
        self.admit(full_at, 0, now).map_or(0, |it| it.remaining)
    }

    /// The time in which one comes back, in whole microseconds: rounded up, so that nobody ever gets more than the rate says.
    fn interval_micros(&self) -> u64 {
        // In 64 bits, since every limited request asks: a day is some 86 billion microseconds, and 128 bits are divided by a loop.
        let micros = self.period.as_secs() * 1_000_000 + u64::from(self.period.subsec_micros());
        micros.div_ceil(u64::from(self.requests))
    }

    /// Asks a bucket that is full at `full_at` for `cost` requests.
    ///
    /// # Errors
    /// [`Exhausted`] with the time to wait.
    pub fn admit(&self, full_at: Timestamp, cost: u32, now: Timestamp) -> Result<Admitted, Exhausted> {
        let interval = self.interval_micros();
        let whole = Duration::from_micros(interval * u64::from(self.requests));
        // A clock that was put back must not make anybody wait longer than an empty bucket does.
        let full_at = full_at.max(now).min(now.saturating_add(whole));
        let taken = Duration::from_micros(interval.saturating_mul(u64::from(cost)));
        let after = full_at.since(now).saturating_add(taken);
        if whole < after {
            return Err(Exhausted { wait: (taken <= whole).then(|| after - whole) });
        }
        let left = whole - after;
        let left = left.as_secs() * 1_000_000 + u64::from(left.subsec_micros());
        let remaining = u32::try_from(left / interval).unwrap_or(self.requests);
        Ok(Admitted { full_at: now.saturating_add(after), remaining })
    }

    /// When the bucket is full again if `cost` requests are put back.
    pub fn put_back(&self, full_at: Timestamp, cost: u32) -> Timestamp {
        full_at.saturating_sub(Duration::from_micros(self.interval_micros().saturating_mul(u64::from(cost))))
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let (requests, period) = text.split_once('/').ok_or(RateError)?;
        let unit_at = period.find(|it: char| !it.is_ascii_digit()).ok_or(RateError)?;
        let (number, unit) = period.split_at(unit_at);
        let number: u64 = if number.is_empty() { 1 } else { number.parse().map_err(|_| RateError)? };
        let secs = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(RateError),
        };
        let period = Duration::from_secs(number.checked_mul(secs).ok_or(RateError)?);
        Self::new(requests.parse().map_err(|_| RateError)?, period)
    }
}

/// As the text that it is read from.
impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}s", self.requests, self.period.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rate(text: &str) -> Rate {
        text.parse().expect("a rate")
    }

    fn at(micros: u64) -> Timestamp {
        Timestamp::MIN.saturating_add(Duration::from_secs(1_000_000) + Duration::from_micros(micros))
    }

    #[test]
    fn rates_are_said_in_words_and_typed_in_the_largest_unit() {
        for (text, words, typed) in [
            ("100/10s", "100 requests per 10 seconds", "100/10s"),
            ("1/s", "1 request per second", "1/1s"),
            ("6000/60s", "6,000 requests per minute", "6000/1m"),
            ("90/90s", "90 requests per 90 seconds", "90/90s"),
            ("1000/2h", "1,000 requests per 2 hours", "1000/2h"),
            ("5/1d", "5 requests per day", "5/1d"),
        ] {
            assert_eq!((rate(text).in_words(), rate(text).typed()), (words.to_owned(), typed.to_owned()));
            assert_eq!(rate(typed), rate(text));
        }
    }

    #[test]
    fn requests_run_out_and_come_back_one_by_one() {
        let rate = rate("5/10s");
        let mut full_at = Timestamp::MIN;
        for left in (0..5).rev() {
            let admitted = rate.admit(full_at, 1, at(0)).expect("admitted");
            assert_eq!(admitted.remaining, left);
            full_at = admitted.full_at;
        }
        assert_eq!(full_at, at(10_000_000));
        let refused = rate.admit(full_at, 1, at(0)).expect_err("used up");
        assert_eq!((refused.wait, refused.wait_secs()), (Some(Duration::from_secs(2)), 2));
        assert_eq!(rate.admit(full_at, 1, at(1_999_999)).expect_err("a moment too early").wait_secs(), 1);
        assert_eq!(rate.admit(full_at, 1, at(2_000_000)).expect("one came back").remaining, 0);
        assert_eq!(rate.admit(full_at, 1, at(60_000_000)).expect("all came back").remaining, 4);
        assert_eq!(rate.admit(rate.put_back(full_at, 2), 1, at(0)).expect("two were put back").remaining, 1);
    }

    #[test]
    fn what_costs_more_than_a_full_bucket_never_passes() {
        let rate = rate("5/10s");
        assert_eq!(rate.admit(Timestamp::MIN, 6, at(0)), Err(Exhausted { wait: None }));
        assert_eq!(rate.admit(Timestamp::MIN, 5, at(0)).expect("all at once").remaining, 0);
        assert_eq!(rate.admit(Timestamp::MIN, u32::MAX, at(0)), Err(Exhausted { wait: None }));
    }

    #[test]
    fn a_clock_that_was_put_back_makes_nobody_wait_longer_than_a_period() {
        let rate = rate("5/10s");
        let refused = rate.admit(at(86_400_000_000), 1, at(0)).expect_err("an empty bucket");
        assert_eq!(refused.wait, Some(Duration::from_secs(2)));
    }

    #[test]
    fn a_rate_within_another_lets_through_no_more_at_once_nor_in_the_long_run() {
        for (one, other) in
            [("100/10s", "100/10s"), ("50/10s", "100/10s"), ("100/20s", "100/10s"), ("10/1s", "100/10s")]
        {
            assert!(rate(one).is_within(&rate(other)), "{one} within {other}");
        }
        for (one, other) in [("101/10s", "100/10s"), ("100/9s", "100/10s"), ("600/1m", "100/10s"), ("11/1s", "100/10s")]
        {
            assert!(!rate(one).is_within(&rate(other)), "{one} not within {other}");
        }
    }

    #[test]
    fn what_is_left_can_be_asked_without_taking_any() {
        let rate = rate("5/10s");
        assert_eq!(
            (rate.left(Timestamp::MIN, at(0)), rate.left(at(4_000_000), at(0)), rate.left(at(10_000_000), at(0))),
            (5, 3, 0)
        );
    }

    #[test]
    fn a_rate_is_a_number_and_a_period() {
        for (text, shown) in [("100/10s", "100/10s"), ("6000/1m", "6000/60s"), ("1/h", "1/3600s"), ("7/1d", "7/86400s")]
        {
            assert_eq!(rate(text).to_string(), shown);
        }
        for wrong in
            ["", "100", "100/", "100/10", "/10s", "0/10s", "100/0s", "100/2d", "1000001/s", "-1/s", "1/1w", "1 / 1s"]
        {
            assert_eq!(wrong.parse::<Rate>(), Err(RateError), "{wrong}");
        }
    }

    proptest! {
        /// However requests fall, never more than one bucket and what came back meanwhile pass.
        #[test]
        fn no_more_pass_than_the_rate_allows(requests in 1..50_u32, secs in 1..100_u64, gaps in prop::collection::vec(0..3_000_000_u64, 1..300)) {
            let rate = Rate::new(requests, Duration::from_secs(secs)).expect("a rate");
            let (mut full_at, mut now, mut passed) = (Timestamp::MIN, 0, 0_u128);
            for gap in gaps {
                now += gap;
                if let Ok(admitted) = rate.admit(full_at, 1, at(now)) {
                    full_at = admitted.full_at;
                    passed += 1;
                }
                let allowed = u128::from(requests) + u128::from(now) * u128::from(requests) / (u128::from(secs) * 1_000_000);
                prop_assert!(passed <= allowed, "{passed} of {allowed} after {now} µs");
            }
        }
    }
}
