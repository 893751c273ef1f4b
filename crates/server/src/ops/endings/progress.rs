//! How far this node's log of endings has come, for whoever watches over it.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use claviger_core::time::Timestamp;

/// Nobody writes a log of endings here.
const NEVER: i64 = i64::MIN;

/// How far the log of endings of this process has come.
#[derive(Debug)]
pub struct EndingsProgress {
    /// When everything was last written down, in microseconds.
    whole_at: AtomicI64,
    unreadable: AtomicU64,
}

impl Default for EndingsProgress {
    fn default() -> Self {
        Self { whole_at: AtomicI64::new(NEVER), unreadable: AtomicU64::new(0) }
    }
}

impl EndingsProgress {
    /// Notes that everything that had ended until then is written down.
    pub fn whole(&self, at: Timestamp) {
        self.whole_at.store(at.as_micros(), Ordering::Relaxed);
    }

    /// Notes that something could not be written down, because its row cannot be read.
    pub fn unreadable(&self) {
        self.unreadable.fetch_add(1, Ordering::Relaxed);
    }

    /// How long ago everything that had ended was written down; absent where no log is kept.
    pub fn age(&self, now: Timestamp) -> Option<Duration> {
        let whole_at = Timestamp::from_micros(self.whole_at.load(Ordering::Relaxed)).ok()?;
        Some(now.since(whole_at))
    }

    /// How often something could not be written down since this process began.
    pub fn left_out(&self) -> u64 {
        self.unreadable.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_nobody_keeps_has_no_age_and_one_that_stands_still_grows_older() {
        let at = |second: i64| Timestamp::from_micros(second * 1_000_000).expect("an instant");
        let progress = EndingsProgress::default();
        assert_eq!((progress.age(at(9)), progress.left_out()), (None, 0));
        progress.whole(at(10));
        progress.unreadable();
        assert_eq!((progress.age(at(70)), progress.left_out()), (Some(Duration::from_secs(60)), 1));
        assert_eq!(progress.age(at(9)), Some(Duration::ZERO), "a clock that was put back");
    }
}
