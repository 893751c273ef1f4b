//! How a key is used, as a key's page shows it: a chart, the same numbers as a table, and the requests that were refused.

use askama::Template;

use super::keys::LastUse;
use super::shell::{Moment, Shell};

/// Height of the chart in units of its own; its width is ten units a bar.
pub const CHART_HEIGHT: u32 = 100;
/// What a bar that stands for anything is high at least, so that one request beside thousands is seen.
const BAR_HEIGHT_MIN: u32 = 2;

/// How a key is used.
#[derive(Debug, Clone)]
pub struct UsageView {
    /// The stretches of time that can be looked at.
    pub spans: Vec<SpanLink>,
    /// The one that is, as half a sentence: `the last 24 hours`.
    pub span: &'static str,
    /// One bar for each hour or day, oldest first.
    pub bars: Vec<Bar>,
    /// All requests that passed.
    pub allowed: String,
    /// All requests that were refused.
    pub denied: String,
    /// The most requests of one bar: what the chart is as high as.
    pub most: String,
    /// Whether there were none.
    pub is_empty: bool,
    /// The latest requests that were refused, newest first.
    pub denials: Vec<DenialView>,
}

/// Says whether a new key was used yet.
#[derive(Template, Debug)]
#[template(path = "keys/first_request.html")]
pub struct FirstRequestPage {
    /// The frame.
    pub shell: Shell,
    /// The key's id.
    pub key_id: String,
    /// Free text.
    pub key_name: String,
    /// The latest request with it that passed.
    pub used: LastUse,
}

/// A stretch of time that can be looked at.
#[derive(Debug, Clone)]
pub struct SpanLink {
    /// `24h`
    pub word: &'static str,
    /// `24 hours`
    pub label: &'static str,
    /// Whether it is the one that is shown.
    pub is_current: bool,
}

/// A bar of the chart, and a row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// The hour or day it stands for.
    pub label: String,
    /// How many requests passed.
    pub allowed: String,
    /// How many were refused.
    pub denied: String,
    /// From the left, in units of the chart.
    pub x: usize,
    /// How high the part of those that passed is.
    pub allowed_height: u32,
    /// How high the part of those that were refused is; it stands on the other.
    pub denied_height: u32,
}

impl Bar {
    /// A bar in a chart as high as `most` requests.
    #[must_use]
    pub fn new(at: usize, label: String, (allowed, denied): (u64, u64), most: u64, write: fn(u64) -> String) -> Self {
        let height = |count: u64| match count {
            0 => 0,
            count => {
                let share = u128::from(count) * u128::from(CHART_HEIGHT - 2 * BAR_HEIGHT_MIN) / u128::from(most.max(1));
                BAR_HEIGHT_MIN + u32::try_from(share).unwrap_or(CHART_HEIGHT - 2 * BAR_HEIGHT_MIN)
            }
        };
        Self {
            label,
            allowed: write(allowed),
            denied: write(denied),
            x: at * 10,
            allowed_height: height(allowed),
            denied_height: height(denied),
        }
    }

    /// Where the upper part ends, from the top.
    #[must_use]
    pub fn denied_top(&self) -> u32 {
        self.allowed_top().saturating_sub(self.denied_height)
    }

    /// Where the lower part ends, from the top.
    #[must_use]
    pub fn allowed_top(&self) -> u32 {
        CHART_HEIGHT.saturating_sub(self.allowed_height)
    }
}

/// A request that was refused.
#[derive(Debug, Clone)]
pub struct DenialView {
    /// When.
    pub at: Moment,
    /// Why, in a sentence.
    pub why: String,
    /// Why, by the code that gateways and the API say.
    pub code: String,
    /// From where; none where that is not known.
    pub ip: Option<String>,
    /// What the client called itself; none where it said nothing.
    pub user_agent: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_fill_the_chart_and_never_leave_it() {
        let bar = |counts, most| Bar::new(3, "x".to_owned(), counts, most, |it| it.to_string());
        let highest = bar((u64::MAX / 2, u64::MAX / 2), u64::MAX);
        assert!(highest.allowed_height + highest.denied_height <= CHART_HEIGHT, "{highest:?}");
        assert!(CHART_HEIGHT - 2 <= bar((1000, 0), 1000).allowed_height);
        let few = bar((1, 1), 1_000_000);
        assert_eq!((few.allowed_height, few.denied_height), (BAR_HEIGHT_MIN, BAR_HEIGHT_MIN));
        assert_eq!((few.allowed_top(), few.denied_top(), few.x), (98, 96, 30));
        let none = bar((0, 0), 0);
        assert_eq!((none.allowed_height, none.denied_height), (0, 0));
    }
}
