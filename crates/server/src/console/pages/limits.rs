//! How often a key may be used, on its page and in its form.

/// A limit of a key in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitWords {
    /// Which.
    pub label: &'static str,
    /// So much: `100 requests per 10 seconds`.
    pub limit: String,
    /// Where that comes from; empty where there is no limit and nobody said so.
    pub source: &'static str,
    /// What is left of it at this moment; none where there is nothing to count.
    pub left: Option<String>,
}

/// The fields of limits in a form.
#[derive(Debug, Clone, Default)]
pub struct LimitInputs {
    /// The rate as typed.
    pub rate: String,
    /// What may be typed there, and what holds without.
    pub rate_hint: String,
    /// The quota of a day as typed.
    pub daily_quota: String,
    /// As [`Self::rate_hint`].
    pub daily_quota_hint: String,
}

impl LimitInputs {
    /// Whether anything stands in them.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rate.is_empty() && self.daily_quota.is_empty()
    }
}
