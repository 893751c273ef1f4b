//! The policy of an organization: what holds, where it comes from, and changing what it sets itself.

use askama::Template;

use super::form::{Choice, FormErrors};
use super::shell::Shell;

/// All settings of an organization.
#[derive(Template, Debug)]
#[template(path = "policies/list.html")]
pub struct PoliciesPage {
    /// The frame.
    pub shell: Shell,
    /// The settings.
    pub rows: Vec<SettingRow>,
    /// Whether the viewer may change them.
    pub may_change: bool,
    /// Whether there is no organization above.
    pub is_root: bool,
}

/// A setting, and what holds.
#[derive(Debug, Clone)]
pub struct SettingRow {
    /// Its name in an address: `idle_days`.
    pub slug: &'static str,
    /// Its name for people.
    pub label: &'static str,
    /// What it does.
    pub help: &'static str,
    /// What holds, in words.
    pub value: String,
    /// Where that comes from.
    pub source: SourceWords,
    /// Who has locked it, if anybody.
    pub lock: SourceWords,
}

/// Where something of a policy comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceWords {
    /// Nobody said anything.
    Nobody,
    /// The organization itself.
    Here,
    /// One above, by its name.
    Above(String),
    /// One above that the viewer may not know.
    Somewhere,
}

/// The form of one setting.
#[derive(Template, Debug)]
#[template(path = "policies/edit.html")]
pub struct SettingPage {
    /// The frame.
    pub shell: Shell,
    /// The setting as it is.
    pub row: SettingRow,
    /// Which version of the organization the form was filled in from.
    pub version: String,
    /// What can be chosen; one has the value `number`.
    pub choices: Vec<Choice>,
    /// The field of a number.
    pub number: Option<NumberField>,
    /// Whether organizations below are held to it.
    pub locked: bool,
    /// What to mend.
    pub errors: FormErrors,
}

/// The field of a number, or of several.
#[derive(Debug, Clone)]
pub struct NumberField {
    /// As typed.
    pub value: String,
    /// What stands before it.
    pub label: String,
    /// The keyboard that a phone shows for it.
    pub mode: &'static str,
    /// The bounds, in words.
    pub hint: String,
}

/// What a change would do, before it is made.
#[derive(Template, Debug)]
#[template(path = "policies/review.html")]
pub struct ReviewPage {
    /// The frame.
    pub shell: Shell,
    /// The setting as it is.
    pub row: SettingRow,
    /// What would hold.
    pub after: String,
    /// Whether it would be locked.
    pub locked: bool,
    /// What the form sends.
    pub form: Vec<(&'static str, String)>,
    /// The way back to the form as it was filled in.
    pub back: String,
    /// Whether copies of secrets would be destroyed.
    pub destroys: bool,
    /// What would happen; none where the viewer may not be told.
    pub consequences: Option<Consequences>,
}

impl ReviewPage {
    /// How many copies of secrets are destroyed, where that was counted.
    fn copies(&self) -> Option<&str> {
        self.consequences.as_ref()?.copies.as_deref()
    }

    /// Whether keys would stop working.
    #[must_use]
    pub fn stops(&self) -> bool {
        self.consequences.iter().flat_map(|it| &it.broken).any(|it| it.stops)
    }
}

/// What a change of a policy would do.
#[derive(Debug, Clone)]
pub struct Consequences {
    /// Organizations for which something else would hold, in digits as people read them.
    pub organizations: u64,
    /// The same with what is said of those that were not counted.
    pub organizations_counted: String,
    /// How many copies of secrets are destroyed, as half a sentence; none where there are none.
    pub copies: Option<String>,
    /// What is said where no rule is broken.
    pub unbroken: &'static str,
    /// The rules that keys would break.
    pub broken: Vec<BrokenWords>,
}

/// A rule that keys would break.
#[derive(Debug, Clone)]
pub struct BrokenWords {
    /// `37 keys have been unused for longer.`
    pub what: String,
    /// What becomes of them.
    pub then: &'static str,
    /// Whether they stop working.
    pub stops: bool,
    /// Some of them: name, and its page where the viewer may open it.
    pub keys: Vec<(String, Option<String>)>,
    /// What stands before these: `Among them`.
    pub lead: &'static str,
}
