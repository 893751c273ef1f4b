//! Quotas: so many requests in a day, which begins at midnight UTC for everybody.

use std::time::Duration;

use crate::rate::Exhausted;
use crate::time::Timestamp;
use crate::usage::Span;

/// How much of a day's quota is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DayUse {
    /// Which day, counted from 1 January 1970.
    pub day: u32,
    /// Requests that were let through in it.
    pub used: u64,
}

/// Bits of the day in a word; the year 9999 needs 22.
const DAY_BITS: u32 = 24;
const USED_BITS: u32 = u64::BITS - DAY_BITS;

/// The day in which an instant lies, counted from 1 January 1970.
pub fn day_of(at: Timestamp) -> u32 {
    let days = at.as_secs() / Span::Day.length().as_secs() as i64;
    u32::try_from(days).unwrap_or_default()
}

/// When the day ends in which an instant lies, and all quotas begin anew.
pub fn end_of_day(at: Timestamp) -> Timestamp {
    Span::Day.start_of(at).saturating_add(Span::Day.length())
}

impl DayUse {
    /// What counts at this moment: what another day used is over. A clock that is put back over midnight by a little does not end a day twice, or
    /// else two days' worth would pass within minutes.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        let day = day_of(now);
        if self.day == day || self.day == day + 1 { self } else { Self { day, used: 0 } }
    }

    /// Takes `cost` requests out of a quota.
    ///
    /// # Errors
    /// [`Exhausted`] with the time until the day ends; it has taken nothing.
    pub fn take(self, quota: u32, cost: u32, now: Timestamp) -> Result<Self, Exhausted> {
        let before = self.at(now);
        let used = before.used.saturating_add(u64::from(cost));
        if used > u64::from(quota) {
            return Err(Exhausted { wait: (cost <= quota).then(|| before.wait(now)) });
        }
        Ok(Self { used, ..before })
    }

    /// What is left of a quota at this moment.
    pub fn left(self, quota: u32, now: Timestamp) -> u32 {
        u32::try_from(u64::from(quota).saturating_sub(self.at(now).used)).unwrap_or(u32::MAX)
    }

    /// How long until the quota begins anew.
    fn wait(self, now: Timestamp) -> Duration {
        let end = end_of_day(now).since(now);
        // Of the day that has begun already by the clock that was put back.
        if self.day > day_of(now) { end + Span::Day.length() } else { end }
    }

    /// As one word, so that several threads can change it at once.
    pub fn pack(self) -> u64 {
        u64::from(self.day) << USED_BITS | self.used.min((1 << USED_BITS) - 1)
    }

    /// Reads what [`Self::pack`] wrote.
    pub fn unpack(word: u64) -> Self {
        Self { day: (word >> USED_BITS) as u32, used: word & ((1 << USED_BITS) - 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    #[test]
    fn a_quota_is_used_up_until_midnight_utc() {
        let (noon, midnight) = (at("2026-11-22T12:00:00Z"), at("2026-11-23T00:00:00Z"));
        let mut state = DayUse::default();
        for left in [2, 1, 0] {
            state = state.take(3, 1, noon).expect("admitted");
            assert_eq!(state.left(3, noon), left);
        }
        assert_eq!(state.take(3, 1, noon), Err(Exhausted { wait: Some(Duration::from_secs(12 * 3600)) }));
        assert!(state.take(3, 1, at("2026-11-22T23:59:59.999999Z")).is_err());
        assert_eq!((state.left(3, midnight), end_of_day(noon)), (3, midnight));
        assert_eq!(state.take(3, 3, midnight).map(|it| it.used), Ok(3));
        assert_eq!(state.take(3, 4, midnight), Err(Exhausted { wait: None }), "more than a day ever has");
    }

    #[test]
    fn a_clock_put_back_over_midnight_gives_no_second_day() {
        let (before, after) = (at("2026-11-22T23:59:59Z"), at("2026-11-23T00:00:01Z"));
        let state = DayUse::default().take(3, 3, after).expect("admitted");
        assert_eq!(state.take(3, 1, before), Err(Exhausted { wait: Some(Duration::from_secs(1 + 86_400)) }));
        assert_eq!(state.left(3, at("2026-11-20T12:00:00Z")), 3, "one that was days ahead was wrong");
    }

    proptest! {
        #[test]
        fn a_state_survives_packing(day in 0..1_u32 << DAY_BITS, used in 0..1_u64 << USED_BITS) {
            let state = DayUse { day, used };
            prop_assert_eq!(DayUse::unpack(state.pack()), state);
        }

        /// However requests fall and whatever they cost, never more than the quota passes in a day.
        #[test]
        fn no_more_passes_than_the_quota_allows(quota in 1..500_u32, steps in prop::collection::vec((0..20_000_u64, 1..9_u32), 1..300)) {
            let (mut state, mut now) = (DayUse::default(), at("2026-11-22T00:00:00Z"));
            let mut passed = std::collections::BTreeMap::<u32, u64>::new();
            for (secs, cost) in steps {
                now = now.saturating_add(Duration::from_secs(secs));
                if let Ok(after) = state.take(quota, cost, now) {
                    state = after;
                    *passed.entry(day_of(now)).or_default() += u64::from(cost);
                }
            }
            prop_assert!(passed.values().all(|it| *it <= u64::from(quota)), "{passed:?}");
        }
    }
}
