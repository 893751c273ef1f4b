//! How a webhook's receiver has done lately.

/// A try, as far as its receiver is judged by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Try {
    /// How many milliseconds it took.
    pub duration_ms: u64,
    /// The status that was answered.
    pub status: Option<u16>,
    /// Whether its receiver wanted just that one no more (`webhook-delivery: abort-message`): it is there, and has not failed.
    pub is_declined: bool,
    /// Whether nothing was sent ([`Withheld`](super::attempt::Withheld)): that says nothing of the receiver.
    pub is_withheld: bool,
}

/// What the latest tries say of a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Health {
    /// How many tries it is judged by.
    pub attempts: u64,
    /// How many of them were not taken. One that its receiver gave up itself is none of these.
    pub failed: u64,
    /// Milliseconds in which 95 of 100 were over, failed ones too: a receiver that is slow to fail is slow. Absent where there was none.
    pub p95_ms: Option<u64>,
}

impl Health {
    /// Judges by these tries, in whatever order. What was withheld is none: its receiver was not called.
    pub fn of(tries: &[Try]) -> Self {
        let tries: Vec<_> = tries.iter().filter(|it| !it.is_withheld).collect();
        let has_failed = |it: &&&Try| !it.is_declined && !it.status.is_some_and(|it| (200..300).contains(&it));
        let failed = tries.iter().filter(has_failed).count();
        let mut durations: Vec<_> = tries.iter().map(|it| it.duration_ms).collect();
        durations.sort_unstable();
        // The nearest rank, which is one that was measured.
        let rank = (durations.len() * 95).div_ceil(100);
        let p95_ms = rank.checked_sub(1).and_then(|it| durations.get(it).copied());
        Self { attempts: tries.len() as u64, failed: failed as u64, p95_ms }
    }

    /// How many of 100 tries were not taken, rounded down; absent where there was none.
    pub const fn failed_percent(self) -> Option<u64> {
        (self.failed * 100).checked_div(self.attempts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: Option<u16>) -> Try {
        Try { duration_ms: 1, status, is_declined: false, is_withheld: false }
    }

    #[test]
    fn a_receiver_is_judged_by_what_was_measured() {
        let of = |durations: &[u64]| {
            let taken = |it: &u64| Try { duration_ms: *it, ..answered(Some(200)) };
            let tries: Vec<_> = durations.iter().map(taken).collect();
            Health::of(&tries).p95_ms
        };
        assert_eq!((of(&[]), of(&[7]), of(&[9, 7])), (None, Some(7), Some(9)));
        let hundred: Vec<_> = (1..=100).rev().collect();
        assert_eq!((of(&hundred), of(&hundred[80..])), (Some(95), Some(19)));
    }

    #[test]
    fn whatever_is_no_2xx_was_not_taken() {
        let tries = [Some(200), Some(299), Some(300), Some(500), None];
        let tries = tries.map(answered);
        let health = Health::of(&tries);
        assert_eq!((health.attempts, health.failed, health.failed_percent()), (5, 3, Some(60)));
        assert_eq!(Health::default().failed_percent(), None);
    }

    #[test]
    fn who_gives_one_delivery_up_has_not_failed() {
        let failed = answered(Some(500));
        let declined = Try { is_declined: true, ..failed };
        let health = Health::of(&[declined, failed, declined]);
        assert_eq!((health.attempts, health.failed), (3, 1));
    }

    #[test]
    fn what_was_not_sent_says_nothing_of_a_receiver() {
        let withheld = Try { duration_ms: 0, is_withheld: true, ..answered(None) };
        assert_eq!(Health::of(&[withheld, withheld]), Health::default());
        let health = Health::of(&[withheld, answered(Some(200)), answered(None), withheld]);
        assert_eq!((health.attempts, health.failed, health.p95_ms), (2, 1, Some(1)));
    }
}
