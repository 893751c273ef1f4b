//! The clocks: the machine's, and one that can be set.

use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use claviger_core::time::{Clock, Timestamp};

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the machine's clock")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp::MIN.saturating_add(since_epoch)
    }
}

/// A clock that goes on by itself from where it is put, or stands still, for tests and `claviger dev`.
#[derive(Debug)]
pub struct SettableClock {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    at: Timestamp,
    /// When the machine's clock showed this, `at` was set; absent while it stands still.
    runs_since: Option<Timestamp>,
}

impl SettableClock {
    /// A clock that stands still.
    pub const fn standing(at: Timestamp) -> Self {
        Self { state: Mutex::new(State { at, runs_since: None }) }
    }

    /// A clock that goes on as the machine's does.
    pub fn running(at: Timestamp) -> Self {
        Self { state: Mutex::new(State { at, runs_since: Some(SystemClock.now()) }) }
    }

    /// Puts it to an instant.
    pub fn set(&self, at: Timestamp) {
        let mut state = self.lock();
        state.at = at;
        state.runs_since = state.runs_since.map(|_| SystemClock.now());
    }

    /// Puts it forward.
    pub fn advance(&self, by: Duration) {
        let mut state = self.lock();
        state.at = state.now().saturating_add(by);
        state.runs_since = state.runs_since.map(|_| SystemClock.now());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl State {
    fn now(&self) -> Timestamp {
        let passed = self.runs_since.map_or(Duration::ZERO, |it| SystemClock.now().since(it));
        self.at.saturating_add(passed)
    }
}

impl Clock for SettableClock {
    fn now(&self) -> Timestamp {
        self.lock().now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn a_standing_clock_moves_only_when_it_is_told_to() {
        let start = Timestamp::MIN.saturating_add(DAY);
        let clock = SettableClock::standing(start);
        assert_eq!((clock.now(), clock.now()), (start, start));
        clock.advance(DAY);
        assert_eq!(clock.now(), start.saturating_add(DAY));
        clock.set(start);
        assert_eq!(clock.now(), start);
    }

    #[test]
    fn a_running_clock_goes_on_from_where_it_is_put() {
        let clock = SettableClock::running(Timestamp::MIN);
        clock.advance(DAY);
        let first = clock.now();
        assert!(first >= Timestamp::MIN.saturating_add(DAY) && first < Timestamp::MIN.saturating_add(DAY * 2));
    }
}
