//! The hours and days in which requests are counted.

use std::time::Duration;

use crate::time::Timestamp;

/// A stretch of time for which requests are counted together. It begins where its length divides the time since 1970 in UTC, so a day begins
/// at midnight UTC for everybody: days of the reader's time zone would need a count for each zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Span {
    /// Of 60 minutes.
    Hour,
    /// Of 24 hours.
    Day,
}

impl Span {
    /// Its length.
    #[must_use]
    pub const fn length(self) -> Duration {
        Duration::from_secs(match self {
            Self::Hour => 3600,
            Self::Day => 24 * 3600,
        })
    }

    /// Where the span begins in which this instant lies.
    #[must_use]
    pub fn start_of(self, at: Timestamp) -> Timestamp {
        let length = self.length().as_micros() as i64;
        Timestamp::from_micros(at.as_micros() / length * length).unwrap_or(Timestamp::MIN)
    }

    /// Where the latest `count` spans begin, oldest first; the last is the one in which `now` lies.
    #[must_use]
    pub fn latest(self, count: u32, now: Timestamp) -> Vec<Timestamp> {
        let last = self.start_of(now);
        (0..count).rev().map(|it| last.saturating_sub(self.length() * it)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_begin_on_the_hour_and_at_midnight_utc() {
        let at: Timestamp = "2026-11-20T18:59:11.5Z".parse().expect("an instant");
        assert_eq!(Span::Hour.start_of(at).to_string(), "2026-11-20T18:00:00Z");
        assert_eq!(Span::Day.start_of(at).to_string(), "2026-11-20T00:00:00Z");
        let days: Vec<_> = Span::Day.latest(3, at).iter().map(Timestamp::to_string).collect();
        assert_eq!(days, ["2026-11-18T00:00:00Z", "2026-11-19T00:00:00Z", "2026-11-20T00:00:00Z"]);
        assert_eq!(Span::Hour.latest(2, Timestamp::MIN), [Timestamp::MIN; 2], "nothing was before 1970");
    }
}
