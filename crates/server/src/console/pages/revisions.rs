//! The revision history: what was done in the host's product.

use askama::Template;

use super::audit::{ChoiceGroup, Difference, EventRowView};
use super::pager::Pager;
use super::shell::{Moment, Shell};
use super::snippets::Snippet;

/// The list.
#[derive(Template, Debug)]
#[template(path = "revisions/list.html")]
pub struct RevisionsPage {
    /// The frame.
    pub shell: Shell,
    /// The rows of this page, newest first.
    pub rows: Vec<EventRowView>,
    /// Whether of some of them it is not told what changed, because the visitor may not read such things.
    pub withheld: bool,
    /// Who did it: people and keys.
    pub actors: Vec<ChoiceGroup>,
    /// What was done: `contact` or `contact.update`; empty for everything.
    pub what: String,
    /// To which thing the list is narrowed without its kind, as the host calls it.
    pub thing: Option<String>,
    /// The kind of one thing, and what the host calls it, whose history this is.
    pub about: Option<(String, String)>,
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
    /// How long revisions are kept, in days.
    pub kept_days: u64,
    /// How a product reports one.
    pub snippets: Vec<Snippet>,
}

/// A revision's own page.
#[derive(Template, Debug)]
#[template(path = "revisions/show.html")]
pub struct RevisionPage {
    /// The frame.
    pub shell: Shell,
    /// The revision.
    pub row: EventRowView,
    /// The query string of the history of the thing, where the host says which it is.
    pub history: Option<String>,
    /// Its type on the wire: `scorecard.updated`.
    pub event_type: String,
    /// Whether the reader may erase what it tells.
    pub may_erase: bool,
    /// When the host reported it.
    pub received_at: Moment,
    /// Whether what changed is not told, because the visitor may not read such things.
    pub withheld: bool,
    /// Whether what it told was erased.
    pub erased: bool,
    /// What receivers are sent of it, as a program sees it.
    pub data: Option<String>,
    /// Every field, those that differ first.
    pub fields: Vec<Difference>,
    /// Whether it shows both how it was and how it is.
    pub compared: bool,
    /// The same as a program sees it.
    pub json: String,
}
