//! Key health: what somebody should look at.

use std::borrow::Cow;

use askama::Template;

use super::shell::{Shell, Tone};

/// The rules, each with how many keys it is about.
#[derive(Template, Debug)]
#[template(path = "health.html")]
pub struct HealthPage {
    /// The frame.
    pub shell: Shell,
    /// How many keys there are to review, in digits as people read them; none where there are none.
    pub to_review: Option<String>,
    /// Whether the reader may report that a key leaked.
    pub may_report: bool,
    /// What asks for something to be done soon.
    pub urgent: Vec<HealthCard>,
    /// What is good to know.
    pub known: Vec<HealthCard>,
    /// The organizations below; none where there is nothing that the reader may look at.
    pub below: Option<HealthBelow>,
}

impl HealthPage {
    /// Whether any of the organization's own keys asks for something to be done soon.
    fn is_urgent(&self) -> bool {
        self.urgent.iter().any(|it| it.any)
    }
}

/// What there is to look at below an organization, whose own rules count its own keys only.
#[derive(Debug, Clone)]
pub struct HealthBelow {
    /// Those with something to review, by name.
    pub places: Vec<HealthPlace>,
    /// How many of them were looked at, the first by name, where there are more; none where all were.
    pub only_first: Option<usize>,
    /// Whether the reader may look at every key of those: who sees only their own is not told that there is nothing to do.
    pub sees_all: bool,
}

/// An organization below with keys to review.
#[derive(Debug, Clone)]
pub struct HealthPlace {
    /// Its name.
    pub name: String,
    /// Its short name.
    pub slug: String,
    /// How many keys there are to review, in digits as people read them.
    pub keys: String,
}

/// A rule, and how many keys it is about.
#[derive(Debug, Clone)]
pub struct HealthCard {
    /// The query string of the list of its keys.
    pub query: String,
    /// Its name for people.
    pub label: &'static str,
    /// Why it counts.
    pub why: &'static str,
    /// What to do; nothing for who may change no key here.
    pub proposal: Option<&'static str>,
    /// Whether it may be about any key.
    pub any: bool,
    /// How many, in digits as people read them.
    pub counted: String,
}

/// What a rule says of one key.
#[derive(Debug, Clone)]
pub struct HealthLine {
    /// How urgent it is.
    pub tone: Tone,
    /// The rule's name.
    pub label: &'static str,
    /// What to do, or whom to ask.
    pub proposal: Cow<'static, str>,
    /// Where that is done, below the key's own page, and what the link says; none where the reader may not.
    pub way: Option<(&'static str, &'static str)>,
}
