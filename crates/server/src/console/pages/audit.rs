//! The audit: what was changed, by whom, and how it looked before and after.

use askama::Template;

use super::form::{Choice, FormErrors};
use super::pager::Pager;
use super::shell::{Moment, Shell};

/// The list of events.
#[derive(Template, Debug)]
#[template(path = "audit/list.html")]
pub struct AuditPage {
    /// The frame.
    pub shell: Shell,
    /// The rows of this page, newest first.
    pub rows: Vec<EventRowView>,
    /// Who did it: people and keys.
    pub actors: Vec<ChoiceGroup>,
    /// What happened, by what it is about.
    pub kinds: Vec<ChoiceGroup>,
    /// What the list is narrowed to: one thing, whose history it then is.
    pub about: Option<Subject>,
    /// The first day, `2026-11-01`; empty for all.
    pub from: String,
    /// The last day; empty for all.
    pub until: String,
    /// Whether any filter narrows the list.
    pub filtered: bool,
    /// Whether the address asks for a filter that there is not.
    pub misread: bool,
    /// Whether nothing stands before these.
    pub is_first: bool,
    /// The query string of this list's first page, without `?`.
    pub start: String,
    /// Which part of the list it is.
    pub pager: Pager,
    /// The path of the list as the management API has it, with a query string that lacks only the form.
    pub export: String,
    /// Where the chain of the organization's log ends: how many links it has, and the last; none where nothing is linked yet.
    pub chain: Option<(u64, String)>,
}

/// Choices under a common heading.
#[derive(Debug, Clone)]
pub struct ChoiceGroup {
    /// The heading; empty for choices without one.
    pub label: String,
    /// The choices.
    pub choices: Vec<Choice>,
}

/// What an event is about.
#[derive(Debug, Clone)]
pub struct Subject {
    /// What it is: `key`, `organization`.
    pub kind: String,
    /// Its identifier.
    pub id: String,
    /// Free text; none where it is not known any more.
    pub name: Option<String>,
    /// Its own page, where it has one.
    pub href: Option<String>,
}

/// Who did it.
#[derive(Debug, Clone)]
pub struct ActorFacts {
    /// The person's name as free text; else an identifier or what did it by itself.
    pub name: String,
    /// Whether that is a name.
    pub named: bool,
    /// The address that the person signs in with, where it is known.
    pub email: Option<String>,
    /// Where the request came from, where that is known.
    pub ip: Option<String>,
    /// The key it was done with: its name and its page, or only its id where it is another organization's.
    pub key: Option<(String, Option<String>)>,
}

/// That what an event told was erased.
#[derive(Debug, Clone, Default)]
pub struct Erasing {
    /// By whom and when, where the log says it.
    pub told: Option<(ActorFacts, Moment)>,
}

/// A row of the list.
#[derive(Debug, Clone)]
pub struct EventRowView {
    /// The event's id.
    pub id: String,
    /// When.
    pub at: Moment,
    /// Who.
    pub actor: ActorFacts,
    /// What happened: `Key rotated`.
    pub what: String,
    /// What it is about.
    pub subject: Subject,
    /// What says most of how it looked before and after.
    pub differences: Vec<Difference>,
    /// Whether one of these is longer than there is room for.
    pub cut: bool,
    /// How many more differences there are.
    pub more: usize,
    /// Whether what it told was erased.
    pub erased: Option<Erasing>,
}

/// A field before and after.
#[derive(Debug, Clone)]
pub struct Difference {
    /// Its name in the event.
    pub path: String,
    /// Its name for people.
    pub field: String,
    /// Whether the two differ.
    pub changed: bool,
    /// What it was; none where there was nothing to tell.
    pub before: Option<String>,
    /// What it is.
    pub after: Option<String>,
}

/// An event's own page.
#[derive(Template, Debug)]
#[template(path = "audit/show.html")]
pub struct EventPage {
    /// The frame.
    pub shell: Shell,
    /// The event.
    pub row: EventRowView,
    /// Its name on the wire: `key.rotated`.
    pub operation: &'static str,
    /// Whether what it told was erased.
    pub erased: bool,
    /// Whether the reader may erase what it tells.
    pub may_erase: bool,
    /// Its place in the log: `1.42`.
    pub place: String,
    /// Every field, those that differ first.
    pub fields: Vec<Difference>,
    /// Whether it shows both how it was and how it is.
    pub compared: bool,
    /// The same as a program sees it.
    pub json: String,
}

/// Asks before what an event tells is erased.
#[derive(Template, Debug)]
#[template(path = "audit/erase.html")]
pub struct ErasePage {
    /// The frame.
    pub shell: Shell,
    /// What happened: `Key rotated`.
    pub what: String,
    /// The list that it stands in, within the organization.
    pub list: &'static str,
    /// What that is called.
    pub list_name: &'static str,
    /// The event's own page, within the organization.
    pub event_path: String,
    /// Whether the reader has to prove again who they are.
    pub must_confirm: bool,
    /// Why, as it was typed.
    pub reason: String,
    /// What to mend.
    pub errors: FormErrors,
}
