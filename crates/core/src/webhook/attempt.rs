//! Attempts: when a delivery is tried again, and when no more (Standard Webhooks 1.0, "Retries"; the last steps as its example has them).

use std::time::Duration;

use crate::limits::WEBHOOK_WAIT_SECS_MAX;
use crate::time::Timestamp;

/// Seconds between two attempts. The first is made at once; ten in all, in a little more than three days.
const WAITS_SECS: [u64; 9] =
    [5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];
const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// Attempts at a delivery, all in all.
pub const ATTEMPTS_MAX: u32 = WAITS_SECS.len() as u32 + 1;

/// What is said of an attempt whose receiver wants this one delivery no more.
pub const DECLINED: &str = "The receiver gave this delivery up (`webhook-delivery: abort-message`).";

/// Why a delivery is not sent any more. Nobody was called, so what is noted in place of an attempt says nothing of a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withheld {
    /// What happened was erased.
    Erased,
    /// What happened cannot be read.
    Unreadable,
    /// The webhook may not be told of it now.
    Unheard,
}

impl Withheld {
    const ALL: [Self; 3] = [Self::Erased, Self::Unreadable, Self::Unheard];

    /// What is said of it. Attempts that were noted before are known again by it: whoever changes one keeps the old one in [`Self::is_said`].
    pub const fn words(self) -> &'static str {
        match self {
            Self::Erased => "What happened was erased, and is sent no more.",
            Self::Unreadable => "What happened cannot be read.",
            Self::Unheard => "The webhook may not be told of this any more, and nothing was sent.",
        }
    }

    /// Whether these words say that nothing was sent.
    pub fn is_said(words: &str) -> bool {
        Self::ALL.iter().any(|it| it.words() == words)
    }
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver answered.
    Answered {
        /// The HTTP status.
        status: u16,
        /// What it asks for beside, in `webhook-delivery`.
        wish: Option<Wish>,
        /// How long it asks to be left alone, in `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// There was no answer, or none in time.
    Unanswered,
    /// The address may not be called, now or at all.
    Forbidden,
}

/// What a receiver can ask for in the header `webhook-delivery`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Not to be sent this again.
    AbortMessage,
    /// Not to be sent anything again.
    Disable,
}

impl Wish {
    /// Reads the header's value; whatever else it says is no wish.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "abort-message" => Some(Self::AbortMessage),
            "disable" => Some(Self::Disable),
            _ => None,
        }
    }
}

/// What becomes of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It arrived.
    Delivered,
    /// It is tried again.
    Retry {
        /// When.
        at: Timestamp,
    },
    /// It is not tried again; somebody can still have it sent.
    GaveUp,
    /// As [`Self::GaveUp`], because its receiver wants just this one no more: it is there, and does not fail.
    Declined,
    /// Its receiver is gone, and with it the webhook.
    Gone,
}

impl Outcome {
    /// What becomes of a delivery after so many attempts, this one included. `jitter` is drawn from −1 to 1 and moves a wait by up to a tenth, so
    /// that a receiver that comes back is not met by everybody at once.
    pub fn judge(&self, attempts: u32, now: Timestamp, jitter: f64) -> Verdict {
        let asked = match self {
            Self::Answered { status: 410, .. } | Self::Answered { wish: Some(Wish::Disable), .. } => {
                return Verdict::Gone;
            }
            Self::Answered { status: 200..=299, .. } => return Verdict::Delivered,
            Self::Answered { wish: Some(Wish::AbortMessage), .. } => return Verdict::Declined,
            Self::Answered { retry_after, .. } => *retry_after,
            Self::Unanswered | Self::Forbidden => None,
        };
        let Some(wait) = attempts.checked_sub(1).and_then(|it| WAITS_SECS.get(it as usize)) else {
            return Verdict::GaveUp;
        };
        let planned = Duration::from_secs(*wait).mul_f64(1.0 + jitter.clamp(-1.0, 1.0) / 10.0);
        let asked = asked.unwrap_or_default().min(Duration::from_secs(WEBHOOK_WAIT_SECS_MAX));
        Verdict::Retry { at: now.saturating_add(planned.max(asked)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_micros(1_000_000_000_000).expect("an instant")
    }

    fn answered(status: u16) -> Outcome {
        Outcome::Answered { status, wish: None, retry_after: None }
    }

    fn wait(verdict: Verdict) -> Duration {
        match verdict {
            Verdict::Retry { at } => at.since(now()),
            other => panic!("{other:?}"),
        }
    }

    // W2
    #[test]
    fn ten_attempts_are_made_at_the_times_of_the_standard_a_tenth_more_or_less() {
        let plan = |jitter: f64| {
            let waits = (1..ATTEMPTS_MAX).map(|it| wait(answered(503).judge(it, now(), jitter)).as_secs());
            waits.collect::<Vec<_>>()
        };
        assert_eq!(plan(0.0), WAITS_SECS);
        for (least, (planned, most)) in plan(-1.0).iter().zip(plan(0.0).iter().zip(plan(1.0))) {
            assert!(*least == planned * 9 / 10 && most == planned * 11 / 10, "{least} {planned} {most}");
        }
        assert_eq!(plan(-7.0), plan(-1.0), "never more than a tenth");
        for outcome in [answered(503), answered(404), answered(302), Outcome::Unanswered, Outcome::Forbidden] {
            assert_eq!(outcome.judge(ATTEMPTS_MAX, now(), 0.0), Verdict::GaveUp);
            assert_eq!(outcome.judge(u32::MAX, now(), 0.0), Verdict::GaveUp);
            assert_eq!(wait(outcome.judge(1, now(), 0.0)), Duration::from_secs(5));
        }
    }

    #[test]
    fn a_receiver_can_take_it_ask_for_time_and_say_that_it_is_gone() {
        for status in [200, 202, 204, 299] {
            assert_eq!(answered(status).judge(1, now(), 0.0), Verdict::Delivered);
        }
        assert_eq!(answered(410).judge(1, now(), 0.0), Verdict::Gone);
        let asks = |status, wish: &str, secs: u64| Outcome::Answered {
            status,
            wish: Wish::parse(wish),
            retry_after: Some(Duration::from_secs(secs)),
        };
        assert_eq!(asks(200, " disable ", 0).judge(1, now(), 0.0), Verdict::Gone);
        assert_eq!(asks(500, "abort-message", 0).judge(1, now(), 0.0), Verdict::Declined);
        assert_eq!(asks(200, "abort-message", 0).judge(1, now(), 0.0), Verdict::Delivered, "it has arrived");
        assert_eq!(wait(asks(429, "later", 60).judge(1, now(), 0.0)).as_secs(), 60);
        assert_eq!(wait(asks(429, "", 1).judge(2, now(), 0.0)).as_secs(), 300, "not sooner than planned");
        assert_eq!(wait(asks(503, "", u64::MAX / 2).judge(1, now(), 0.0)).as_secs(), WEBHOOK_WAIT_SECS_MAX);
    }

    #[test]
    fn what_was_withheld_is_known_by_its_words_and_no_other_is() {
        // As they stand in databases.
        for noted in [
            "What happened was erased, and is sent no more.",
            "What happened cannot be read.",
            "The webhook may not be told of this any more, and nothing was sent.",
        ] {
            assert!(Withheld::is_said(noted), "{noted}");
        }
        for it in [Withheld::Erased, Withheld::Unreadable, Withheld::Unheard] {
            assert!(Withheld::is_said(it.words()), "{it:?}");
        }
        assert!(!Withheld::is_said(DECLINED) && !Withheld::is_said(""));
    }
}
