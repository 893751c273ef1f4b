//! Questions about several keys at once.

use std::collections::BTreeMap;

use askama::Template;

use super::form::{Choice, FormErrors};
use super::key_list::KeyRowView;
use super::shell::Shell;

/// Asks before several keys are changed.
#[derive(Template, Debug)]
#[template(path = "keys/bulk.html")]
pub struct BulkPage {
    /// The frame.
    pub shell: Shell,
    /// The keys that are meant.
    pub keys: Vec<BulkRow>,
    /// How far the change has come, where it was tried and these keys were left as they are.
    pub so_far: Option<BulkSoFar>,
    /// How many more were chosen, and are gone meanwhile.
    pub gone: usize,
    /// How many of the chosen ones never expire, where keys are to be extended: they are left out, unless none of them ends.
    pub endless: usize,
    /// The list that they were chosen in, as a path within the organization, or of another organization with its `/o/…`.
    pub back: String,
    /// Whether the reader has to type the password.
    pub must_confirm: bool,
    /// How many there are, as typed.
    pub count: String,
    /// What is to be done to them.
    pub question: BulkQuestion,
    /// What was wrong with the form that was sent.
    pub errors: FormErrors,
}

impl BulkPage {
    /// Whether the keys were left for different reasons; where there is only one, it is said once.
    fn differ(&self) -> bool {
        self.so_far.as_ref().is_some_and(|it| it.reasons.len() > 1)
    }

    /// Whether none of the keys ends: there is nothing to extend.
    fn is_endless(&self) -> bool {
        self.endless > 0 && self.keys.iter().all(|it| it.key.expires.is_none())
    }

    /// "1 key", "3 keys".
    #[must_use]
    pub fn counted(&self) -> String {
        keys(self.keys.len())
    }
}

/// A key that is meant.
#[derive(Debug, Clone)]
pub struct BulkRow {
    /// As the list shows it.
    pub key: KeyRowView,
    /// Why it was left as it is, as a sentence; empty before it was tried.
    pub left_for: String,
}

/// What has come of a change so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkSoFar {
    /// How many keys are as they are to be.
    pub done: usize,
    /// How many were left as they are, and of how many.
    pub heading: String,
    /// Each reason with how many keys it is of, the most frequent first.
    pub reasons: Vec<String>,
}

impl BulkSoFar {
    /// Of `of` keys so many are done, and each of the others was left for one of these reasons.
    pub fn new<'a>(done: usize, of: usize, reasons: impl IntoIterator<Item = &'a String>) -> Self {
        let mut counts = BTreeMap::<&str, usize>::new();
        for reason in reasons {
            *counts.entry(reason).or_default() += 1;
        }
        let left: usize = counts.values().sum();
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|it| std::cmp::Reverse(it.1));
        let was = if left == 1 { "was" } else { "were" };
        Self {
            done,
            heading: format!("{left} of {} {was} left as {}", keys(of), if left == 1 { "it is" } else { "they are" }),
            reasons: counts.into_iter().map(|(reason, count)| format!("{}: {reason}", keys(count))).collect(),
        }
    }
}

fn keys(count: usize) -> String {
    format!("{count} {}", if count == 1 { "key" } else { "keys" })
}

/// What is to be done to several keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BulkQuestion {
    /// They are to be switched on.
    Activate,
    /// They are to be switched off.
    Deactivate,
    /// They are to end later.
    Extend {
        /// Never, some spans, or a day.
        expiries: Vec<Choice>,
        /// The day as typed.
        expires_on: String,
        /// The last day that policy allows.
        latest: Option<String>,
    },
    /// They are to be deleted.
    Delete,
}

impl BulkQuestion {
    /// What its button says, and its path in small letters.
    #[must_use]
    pub const fn verb(&self) -> &'static str {
        match self {
            Self::Activate => "Activate",
            Self::Deactivate => "Deactivate",
            Self::Extend { .. } => "Extend",
            Self::Delete => "Delete",
        }
    }

    /// Where its form is sent.
    #[must_use]
    pub const fn path(&self) -> &'static str {
        match self {
            Self::Activate => "/keys/bulk/activate",
            Self::Deactivate => "/keys/bulk/deactivate",
            Self::Extend { .. } => "/keys/bulk/extend",
            Self::Delete => "/keys/bulk/delete",
        }
    }

    /// What follows from it.
    #[must_use]
    pub const fn consequence(&self, one: bool) -> &'static str {
        match (self, one) {
            (Self::Activate, true) => {
                "Requests with this key are accepted again at once. If it has expired it stays expired: extend it instead."
            }
            (Self::Activate, false) => {
                "Requests with these keys are accepted again at once. Those that have expired stay expired: extend them instead."
            }
            (Self::Deactivate, true) => "Requests with this key are refused at once, until you activate it again.",
            (Self::Deactivate, false) => "Requests with these keys are refused at once, until you activate them again.",
            (Self::Extend { .. }, _) => {
                "A key that ends later than what you choose stays as it is, and no secret changes."
            }
            (Self::Delete, true) => {
                "Requests with this key are refused at once, and it never comes back. Its history is kept and its name becomes free."
            }
            (Self::Delete, false) => {
                "Requests with these keys are refused at once, and they never come back. Their history is kept and their names become free."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_with_the_most_frequent_first() {
        let reasons = ["Not yours.", "Too long.", "Too long."].map(str::to_owned);
        let so_far = BulkSoFar::new(2, 5, &reasons);
        assert_eq!(so_far.heading, "3 of 5 keys were left as they are");
        assert_eq!(so_far.reasons, ["2 keys: Too long.", "1 key: Not yours."]);
        assert_eq!(BulkSoFar::new(0, 1, &reasons[..1]).heading, "1 of 1 key was left as it is");
    }
}
