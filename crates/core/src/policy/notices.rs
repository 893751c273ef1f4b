//! How many days before a key ends whom it concerns is told.

use serde::{Deserialize, Serialize};

use crate::limits::{NOTICE_DAYS_MAX, NOTICES_MAX};

/// Days before an end on which whom it concerns is told, each once, the first notice first. There is at least one: no key ends unannounced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<u16>", into = "Vec<u16>")]
pub struct NoticeDays {
    /// The largest first; zero stands for no notice. A fixed size makes it as easy to hand on as the other settings are.
    days: [u16; NOTICES_MAX],
}

/// Why days are none on which somebody can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoticeDaysError {
    /// None, or too many.
    #[error("must be from 1 to {NOTICES_MAX} numbers of days")]
    Count,
    /// One of them is too small or too large.
    #[error("must be numbers of days from 1 to {NOTICE_DAYS_MAX}")]
    Day,
    /// One of them stands there twice.
    #[error("names a day twice")]
    Twice,
}

impl NoticeDays {
    /// Before a key ends for want of use, where nobody sets anything.
    pub const IDLE: Self = Self { days: [15, 7, 1, 0, 0] };
    /// Before a key expires, where nobody sets anything.
    pub const EXPIRY: Self = Self { days: [30, 7, 1, 0, 0] };
    /// Before an old secret ends that is still used; no policy says otherwise.
    pub const OVERLAP: Self = Self { days: [1, 0, 0, 0, 0] };

    /// Of these days, in any order.
    ///
    /// # Errors
    /// [`NoticeDaysError`].
    pub fn new(days: &[u16]) -> Result<Self, NoticeDaysError> {
        if days.is_empty() || days.len() > NOTICES_MAX {
            return Err(NoticeDaysError::Count);
        }
        if days.iter().any(|it| !(1..=NOTICE_DAYS_MAX).contains(it)) {
            return Err(NoticeDaysError::Day);
        }
        let mut all = [0; NOTICES_MAX];
        all[..days.len()].copy_from_slice(days);
        all.sort_unstable_by(|a, b| b.cmp(a));
        if all[..days.len()].windows(2).any(|it| it[0] == it[1]) {
            return Err(NoticeDaysError::Twice);
        }
        Ok(Self { days: all })
    }

    /// The days, the first notice first.
    pub fn days(&self) -> &[u16] {
        self.days.split(|it| *it == 0).next().unwrap_or_default()
    }

    /// The days of the first notice.
    pub const fn first(&self) -> u16 {
        self.days[0]
    }

    /// Whether everything is told that the other one tells: then it is at least as narrow.
    pub fn includes(&self, other: &Self) -> bool {
        other.days().iter().all(|it| self.days().contains(it))
    }
}

impl TryFrom<Vec<u16>> for NoticeDays {
    type Error = NoticeDaysError;

    fn try_from(days: Vec<u16>) -> Result<Self, NoticeDaysError> {
        Self::new(&days)
    }
}

impl From<NoticeDays> for Vec<u16> {
    fn from(it: NoticeDays) -> Self {
        it.days().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_put_in_order_and_bounded() {
        let made = |days: &[u16]| NoticeDays::new(days).map(|it| it.days().to_vec());
        assert_eq!(made(&[1, 30, 7]), Ok(vec![30, 7, 1]));
        assert_eq!(made(&[365, 90, 30, 7, 1]), Ok(vec![365, 90, 30, 7, 1]));
        for (days, error) in [
            (&[][..], NoticeDaysError::Count),
            (&[6, 5, 4, 3, 2, 1], NoticeDaysError::Count),
            (&[7, 0], NoticeDaysError::Day),
            (&[366], NoticeDaysError::Day),
            (&[7, 1, 7], NoticeDaysError::Twice),
        ] {
            assert_eq!(made(days), Err(error), "{days:?}");
        }
    }

    #[test]
    fn in_storage_they_are_a_list() {
        assert_eq!(serde_json::to_string(&NoticeDays::IDLE).ok().as_deref(), Some("[15,7,1]"));
        assert_eq!(serde_json::from_str::<NoticeDays>("[1,15,7]").ok(), Some(NoticeDays::IDLE));
        assert!(serde_json::from_str::<NoticeDays>("[]").is_err());
    }
}
