//! How a key is used, as a key's page shows it: a chart, the same numbers as a table, and the requests that were refused.

use askama::Template;

use super::keys::LastUse;
use super::shell::{Moment, Shell};

/// Height of the chart in units of its own; its width is ten units a bar.
pub const CHART_HEIGHT: u32 = 100;
/// What a bar that stands for anything is high at least, so that one request beside thousands is seen.
const BAR_HEIGHT_MIN: u32 = 2;

/// Height of the chart in a row, in pixels.
pub const SPARK_HEIGHT: u32 = 16;
/// Pixels from one bar of it to the next, of which the last stays free.
const SPARK_STEP: usize = 5;

/// The requests of a row's key, day by day, as a chart of the size of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spark {
    /// `1,204 requests in 7 days`
    pub words: String,
    /// In pixels.
    pub width: usize,
    /// The bars of the days before, as the data of a path.
    pub before: String,
    /// The bar of today; empty where there was nothing.
    pub today: String,
}

impl Spark {
    /// Draws what passed on each of some days, oldest first; nothing where nothing passed.
    #[must_use]
    pub fn new(days: &[u64], write: fn(u64) -> String) -> Option<Self> {
        let most = days.iter().copied().max().filter(|it| *it > 0)?;
        let sum = days.iter().fold(0_u64, |sum, it| sum.saturating_add(*it));
        let bar = |(at, count): (usize, &u64)| {
            let height = match *count {
                0 => return String::new(),
                count => share(count, most, SPARK_HEIGHT - BAR_HEIGHT_MIN),
            };
            let (x, y) = (at * SPARK_STEP, SPARK_HEIGHT - height);
            format!("M{x} {y}h4v{height}h-4z")
        };
        let mut bars: Vec<_> = days.iter().enumerate().map(bar).collect();
        let today = bars.pop().unwrap_or_default();
        let requests = if sum == 1 { "request" } else { "requests" };
        Some(Self {
            words: format!("{} {requests} in {} days", write(sum), days.len()),
            width: (days.len() * SPARK_STEP).saturating_sub(1),
            before: bars.concat(),
            today,
        })
    }
}

/// How high a bar is that stands for anything, in a chart that leaves so much beyond the least height for the most requests of one bar.
fn share(count: u64, most: u64, beyond: u32) -> u32 {
    let share = u128::from(count) * u128::from(beyond) / u128::from(most.max(1));
    BAR_HEIGHT_MIN + u32::try_from(share).map_or(beyond, |it| it.min(beyond))
}

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
    /// The versions of its api that were called in 30 days, and whether the api has any at all.
    pub versions: Option<Vec<VersionLine>>,
}

/// A version of an api that was called with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionLine {
    /// What people call it.
    pub label: String,
    /// Where it is documented: an address, or a path on this server.
    pub documentation: Option<String>,
    /// `1,204 requests in 30 days`, and on which day the last one came.
    pub requests: String,
    /// `deprecated since 1 May 2026, ends 1 Mar 2027`; empty where there is nothing to say.
    pub end: String,
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
            // Two parts stand on each other, each with its least height.
            count => share(count, most, CHART_HEIGHT - 2 * BAR_HEIGHT_MIN),
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
    fn a_row_shows_a_bar_for_each_day_that_had_requests() {
        let spark = |days: &[u64]| Spark::new(days, |it| it.to_string());
        assert_eq!(spark(&[0; 7]), None);
        assert_eq!(spark(&[]), None);
        let drawn = spark(&[0, 7, 0, 0, 14, 0, 1]).expect("there were some");
        assert_eq!((drawn.words.as_str(), drawn.width), ("22 requests in 7 days", 34));
        assert_eq!((drawn.before.as_str(), drawn.today.as_str()), ("M5 7h4v9h-4zM20 0h4v16h-4z", "M30 13h4v3h-4z"));
        let one = spark(&[0, 0, 1]).expect("there was one");
        assert_eq!((one.words.as_str(), one.before.as_str()), ("1 request in 3 days", ""));
        let highest = spark(&[u64::MAX / 2, 1]).expect("there were some");
        assert_eq!((highest.before.as_str(), highest.today.as_str()), ("M0 0h4v16h-4z", "M5 14h4v2h-4z"));
    }

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
