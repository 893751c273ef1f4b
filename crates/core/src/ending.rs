//! How keys end by themselves: for want of use, and by their expiry; and when whom that concerns is told before.
//!
//! Nothing here is asked when a request is decided, but for the expiry itself, which the decision reads from the key: a job looks at keys whose
//! end comes near and acts when a moment has passed.

use std::time::Duration;

use crate::policy::{NoticeDays, Policy};
use crate::time::Timestamp;

const DAY: Duration = Duration::from_secs(86_400);

/// By what a key ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ending {
    /// It was not used for as many days as policy says.
    Idle,
    /// The date that it was given.
    Expiry,
    /// Of its old secret alone, after a rotation: the overlap.
    Overlap,
}

impl Ending {
    /// All.
    pub const ALL: [Self; 3] = [Self::Idle, Self::Expiry, Self::Overlap];

    /// The name in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Expiry => "expiry",
            Self::Overlap => "overlap",
        }
    }

    /// Reads the name in storage.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }

    /// The days before it on which policy has whom it concerns told.
    pub const fn notices(self, policy: &Policy) -> NoticeDays {
        match self {
            Self::Idle => policy.idle_notices,
            Self::Expiry => policy.expiry_notices,
            Self::Overlap => NoticeDays::OVERLAP,
        }
    }
}

/// A key on the way to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Countdown {
    /// By what it ends.
    pub ending: Ending,
    /// From when it counts: the last use, or when the expiry was set, as far as that is known.
    pub since: Timestamp,
    /// When it ends.
    pub deadline: Timestamp,
    /// How many days before the end the latest notice said; absent before the first.
    pub told: Option<u16>,
}

impl Countdown {
    /// Of a key that was not used since an instant, where policy ends it after so many days.
    pub fn of_idle(since: Timestamp, days: u16) -> Self {
        let deadline = since.saturating_add(DAY * u32::from(days));
        Self { ending: Ending::Idle, since, deadline, told: None }
    }

    /// Of a key that expires, and was given that date at an instant, or before.
    pub const fn of_expiry(since: Timestamp, expires_at: Timestamp) -> Self {
        Self { ending: Ending::Expiry, since, deadline: expires_at, told: None }
    }

    /// Of these notices those that this key can have, the first one first. Of an end that is no farther away than a notice would be early nobody is told
    /// at the very beginning: who chose "in 30 days" knows it.
    fn leads(&self, notices: &NoticeDays) -> impl DoubleEndedIterator<Item = u16> {
        let whole = self.deadline.since(self.since);
        notices.days().iter().copied().filter(move |it| DAY * u32::from(*it) < whole)
    }

    fn moment(&self, lead: u16) -> Timestamp {
        self.deadline.saturating_sub(DAY * u32::from(lead))
    }

    /// The notice that is due and was not given: of several that were missed, the latest alone.
    pub fn due_notice(&self, notices: &NoticeDays, now: Timestamp) -> Option<u16> {
        if self.deadline <= now {
            return None;
        }
        let latest = self.leads(notices).rfind(|it| self.moment(*it) <= now)?;
        self.told.is_none_or(|told| latest < told).then_some(latest)
    }

    /// Whether it has ended.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.deadline <= now
    }

    /// Puts off the end of an idle key of which nobody was told yet, as far as the last notice is early: a service that stood still, or a policy
    /// that was switched on, takes no key away unannounced. A date that somebody chose stays.
    #[must_use]
    pub fn announced(self, notices: &NoticeDays, now: Timestamp) -> Self {
        let last = self.leads(notices).next_back().filter(|_| self.told.is_none() && self.ending == Ending::Idle);
        let deadline = last.map_or(self.deadline, |it| self.deadline.max(now.saturating_add(DAY * u32::from(it))));
        Self { deadline, ..self }
    }

    /// When there is something to be done next, once everything is done that is due now: the next notice, or the end.
    pub fn next(&self, notices: &NoticeDays, now: Timestamp) -> Timestamp {
        let moments = self.leads(notices).map(|it| self.moment(it));
        moments.filter(|it| now < *it).min().unwrap_or(self.deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(number: u32) -> Timestamp {
        Timestamp::MIN.saturating_add(DAY * number)
    }

    /// Lets a job look each day, and says on which days what happened.
    fn replay(it: Countdown, looks: impl Iterator<Item = u32>) -> Vec<(u32, Option<u16>)> {
        replay_with(&it.ending.notices(&Policy::default()), it, looks)
    }

    fn replay_with(
        notices: &NoticeDays,
        mut it: Countdown,
        looks: impl Iterator<Item = u32>,
    ) -> Vec<(u32, Option<u16>)> {
        let mut seen = Vec::new();
        for number in looks {
            it = it.announced(notices, day(number));
            if let Some(lead) = it.due_notice(notices, day(number)) {
                it.told = Some(lead);
                seen.push((number, Some(lead)));
            } else if it.is_over(day(number)) {
                seen.push((number, None));
                break;
            }
        }
        seen
    }

    #[test]
    fn idle_key_is_told_of_at_75_83_and_89_days_and_ends_at_90() {
        let it = Countdown::of_idle(day(0), 90);
        let seen = replay(it, 0..200);
        assert_eq!(seen, [(75, Some(15)), (83, Some(7)), (89, Some(1)), (90, None)]);
    }

    #[test]
    fn of_notices_that_were_missed_only_the_latest_is_given() {
        let it = Countdown::of_idle(day(0), 90);
        assert_eq!(replay(it, 85..200), [(85, Some(7)), (89, Some(1)), (90, None)]);
        assert_eq!(it.due_notice(&NoticeDays::IDLE, day(89)), Some(1));
    }

    #[test]
    fn no_key_ends_for_want_of_use_unannounced() {
        let it = Countdown::of_idle(day(0), 90);
        assert_eq!(replay(it, 300..400), [(300, Some(1)), (301, None)]);
        let told = Countdown { told: Some(7), ..it };
        assert_eq!(replay(told, 300..400), [(300, None)], "one that was told of ends at once");
    }

    #[test]
    fn who_chose_thirty_days_is_not_told_at_once() {
        let it = Countdown::of_expiry(day(0), day(30));
        assert_eq!(replay(it, 0..40), [(23, Some(7)), (29, Some(1)), (30, None)]);
        let later = Countdown::of_expiry(day(0), day(31));
        assert_eq!(replay(later, 0..40), [(1, Some(30)), (24, Some(7)), (30, Some(1)), (31, None)]);
        assert_eq!(replay(Countdown::of_expiry(day(0), day(1)), 0..40), [(1, None)]);
    }

    #[test]
    fn a_date_that_passed_while_nobody_looked_is_over_without_a_notice() {
        assert_eq!(replay(Countdown::of_expiry(day(0), day(60)), 70..90), [(70, None)]);
    }

    #[test]
    fn other_days_are_told_of_where_policy_names_them() {
        let notices = NoticeDays::new(&[60, 3]).expect("days");
        let it = Countdown::of_idle(day(0), 90);
        assert_eq!(replay_with(&notices, it, 0..200), [(30, Some(60)), (87, Some(3)), (90, None)]);
        assert_eq!(replay_with(&notices, it, 300..400), [(300, Some(3)), (303, None)], "as early as the last notice");
        // Whoever was told of it earlier than the days that hold now is told on those.
        let told = Countdown { told: Some(15), ..it };
        assert_eq!(replay_with(&notices, told, 76..200), [(87, Some(3)), (90, None)]);
    }

    #[test]
    fn what_comes_next_is_the_next_notice_or_the_end() {
        let (it, notices) = (Countdown::of_idle(day(0), 90), NoticeDays::IDLE);
        assert_eq!(it.next(&notices, day(3)), day(75));
        assert_eq!(Countdown { told: Some(15), ..it }.next(&notices, day(75)), day(83));
        assert_eq!(Countdown { told: Some(1), ..it }.next(&notices, day(89)), day(90));
        assert_eq!(Countdown::of_idle(day(0), 1).next(&notices, day(0)), day(1));
    }
}
