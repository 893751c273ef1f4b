//! The list of keys, and its rows, which other pages show too.

use askama::Template;

use super::form::Choice;
use super::keys::{DoorView, KeyRights, LastUse};
use super::notifications::Ending;
use super::settings::Crumb;
use super::shell::{Moment, Shell, Status};
use super::snippets::Snippet;
use super::usage::Spark;
use crate::console::keys::door::Door;
use crate::console::lists;
use crate::console::paging::query_string;

/// The list of an organization's keys.
#[derive(Template, Debug)]
#[template(path = "keys/list.html")]
pub struct KeyListPage {
    /// The frame.
    pub shell: Shell,
    /// Along which path it was reached.
    pub door: DoorView,
    /// What stands beside it under Integrations; empty behind any other door.
    pub tabs: Vec<Crumb>,
    /// The keys of the organizations below, where it has some that the list is not narrowed away from; with the first page.
    pub locations: Option<LocationKeys>,
    /// The rows of this page.
    pub rows: Vec<KeyRowView>,
    /// The list as it is narrowed and sorted, and its page, as a path within the organization: where what is done to its keys leads back to.
    pub back: String,
    /// The words searched for.
    pub search: String,
    /// The rule of key health that the list is narrowed to: its name in the address, and for people.
    pub health: Option<(&'static str, &'static str)>,
    /// What ends within a day and concerns the reader.
    pub ending: Vec<Ending>,
    /// How many keys there are to review, in digits as people read them; none where there are none.
    pub to_review: Option<String>,
    /// The choices of the status filter.
    pub statuses: Vec<Choice>,
    /// The choices of the role filter.
    pub roles: Vec<Choice>,
    /// The choices of the type filter.
    pub types: Vec<Choice>,
    /// The choices of the filter by mapped user; empty for who may not list members.
    pub users: Vec<Choice>,
    /// The choices of the filter by last use.
    pub uses: Vec<Choice>,
    /// How many rows a page can have.
    pub sizes: Vec<Choice>,
    /// The query string of the same list as a file, without `?`.
    pub export: String,
    /// The choices of an order.
    pub sorts: Vec<Choice>,
    /// The heads of the columns.
    pub heads: Heads,
    /// Whether any filter narrows the list.
    pub filtered: bool,
    /// Whether the address asks for a filter that there is not, so that the list is not narrowed by it.
    pub misread: bool,
    /// Whether the keys are too many for the order that was asked for, and stand in the usual one.
    pub unsorted: bool,
    /// How many keys match, and which of them are on this page.
    pub range: Range,
    /// The query string of the page before, without `?`.
    pub previous: Option<String>,
    /// The query string of the page after, without `?`.
    pub next: Option<String>,
    /// The same where this page is not full because so many keys were looked at and no more.
    pub further: Option<String>,
    /// Whether the viewer may create keys.
    pub may_create: bool,
    /// Whether the reader's role here may have keys.
    pub has_access: bool,
    /// Whether the reader may look at keys of others: who may not is not told that there are none.
    pub sees_all: bool,
    /// Whether the reader may report that one leaked.
    pub may_report: bool,
    /// Whether the way to the organization's shared secret is offered.
    pub shared_secret: bool,
    /// How to create a key over HTTP, for the empty list.
    pub snippets: Vec<Snippet>,
}

/// A filter that narrows the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chip {
    /// What is filtered by.
    pub label: &'static str,
    /// What is chosen there; free text.
    pub chosen: String,
    /// The query string of the list without it, without `?`.
    pub query: String,
}

/// Whether a filter is shown: where it has more than one thing to choose, or one is chosen, which the next filter would drop else.
fn offers(choices: &[Choice]) -> bool {
    choices.len() > 2 || choices.iter().any(|it| it.chosen && !it.value.is_empty())
}

impl KeyListPage {
    /// Whether anything but the search narrows or sorts the list otherwise than it comes: the first choice of each is how it comes.
    fn narrows(&self) -> bool {
        let all = [&self.statuses, &self.roles, &self.types, &self.users, &self.uses, &self.sorts, &self.sizes];
        all.iter().any(|choices| choices.iter().skip(1).any(|it| it.chosen))
    }

    /// What is chosen to narrow the list by, each with the way to the list without it; the search is taken away in its field.
    fn chips(&self) -> Vec<Chip> {
        fn chosen(choices: &[Choice]) -> Option<&Choice> {
            choices.iter().find(|it| it.chosen && !it.value.is_empty())
        }
        let filters = [
            ("status", "Status", &self.statuses),
            ("role", "Role", &self.roles),
            ("type", "Type", &self.types),
            ("user", "Mapped user", &self.users),
            ("used", "Last Login", &self.uses),
        ];
        let chosen_in = |(name, label, choices): (&'static str, &'static str, &'_ Vec<Choice>)| {
            chosen(choices).map(|it| (name, label, it.value.clone(), it.label.clone()))
        };
        let mut filters: Vec<_> = filters.into_iter().filter_map(chosen_in).collect();
        filters.extend(self.health.map(|(slug, label)| ("health", "Key health", slug.to_owned(), label.to_owned())));
        let mut kept = Vec::new();
        if !self.search.is_empty() {
            kept.push(("q", self.search.clone()));
        }
        let order = [("sort", &self.sorts), ("rows", &self.sizes)];
        kept.extend(order.iter().filter_map(|(name, choices)| chosen(choices).map(|it| (*name, it.value.clone()))));
        let without = |name: &str| {
            let others = filters.iter().filter(|it| it.0 != name).map(|it| (it.0, it.2.clone()));
            query_string(kept.iter().cloned().chain(others))
        };
        filters.iter().map(|it| Chip { label: it.1, chosen: it.3.clone(), query: without(it.0) }).collect()
    }

    /// How many of them there are, in digits; empty for none.
    fn chosen(&self) -> String {
        let chosen = self.chips().len();
        if chosen == 0 { String::new() } else { chosen.to_string() }
    }

    /// What the addresses of keys of other organizations end in, so that what is done to them leads back here.
    fn kept(&self) -> String {
        format!("?{}={}", lists::NAME, lists::mark(&self.here()))
    }

    /// The same for keys of this organization, where the list is not the one that they lead back to anyway.
    fn kept_of_own(&self) -> String {
        if self.is_whole() { String::new() } else { self.kept() }
    }

    fn is_whole(&self) -> bool {
        self.back.trim_end_matches('?') == Door::default().path()
    }

    /// Whether an address in it says which list it stands in.
    #[must_use]
    pub fn is_led_back_to(&self) -> bool {
        !self.is_whole() || self.locations.is_some()
    }

    /// This list from outside of its organization.
    #[must_use]
    pub fn here(&self) -> String {
        self.shell.path(self.back.trim_end_matches('?'))
    }

    /// Whether there are agencies below: then this is no agency among others, and is called by its name.
    fn is_above_agencies(&self) -> bool {
        self.locations.as_ref().is_some_and(LocationKeys::any_agency)
    }

    fn offers_types(&self) -> bool {
        offers(&self.types)
    }

    fn offers_users(&self) -> bool {
        offers(&self.users)
    }

    /// What can be done to several of these rows at once: to each of them, what its reader may.
    #[must_use]
    pub fn bulk(&self) -> BulkRights {
        BulkRights::of(&self.rows)
    }
}

/// What can be done to several keys of a table at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BulkRights {
    /// Switch some on.
    pub activate: bool,
    /// Switch some off.
    pub deactivate: bool,
    /// Let them end later.
    pub extend: bool,
    /// Delete them.
    pub delete: bool,
    /// Whether any can be ticked.
    pub any: bool,
}

impl BulkRights {
    /// What the reader may do to any of these.
    #[must_use]
    pub fn of(rows: &[KeyRowView]) -> Self {
        let any = |right: fn(&KeyRowView) -> bool| rows.iter().any(right);
        Self {
            activate: any(|it| it.may.switch && !it.active),
            deactivate: any(|it| it.may.switch && it.active),
            extend: any(|it| it.may.edit),
            delete: any(|it| it.may.delete),
            any: any(|it| it.may.any_of_bulk()),
        }
    }
}

/// The keys of the organizations below, as an agency sees them.
#[derive(Debug, Clone)]
pub struct LocationKeys {
    /// How many keys there are in those that are shown, or were found in them, in digits as people read them.
    pub total: String,
    /// The organizations, by name.
    pub locations: Vec<LocationView>,
    /// Whether there are more organizations than are shown.
    pub more: bool,
    /// Whether there are so many keys below that only names that begin with what is searched for were found.
    pub cut: bool,
    /// Whether there are so many organizations below that not all of them were looked through for what the filters let through.
    pub unseen: bool,
}

/// An organization below, and its newest keys.
#[derive(Debug, Clone)]
pub struct LocationView {
    /// The page of its record, within the organization; absent where it is closed.
    pub page: Option<String>,
    /// Free text.
    pub name: String,
    /// Where it is found.
    pub slug: String,
    /// The name of the organization right above it, where that is not the one that the list belongs to: two below may be called alike.
    pub parent: Option<String>,
    /// Whether it is suspended, itself or from above: then its keys are shown, and nothing is done to them.
    pub is_closed: bool,
    /// Where it is, and the reader does not look at its keys: how many that blocks, in digits as people read them.
    pub blocked: Option<String>,
    /// How many live keys it has, or of them were found, in digits as people read them; absent where the reader does not look at them.
    pub total: Option<String>,
    /// The query string of the list of those that the search and the filters found in it, where it is shown for these.
    pub found: Option<String>,
    /// Whether others stand below it: an agency of its own.
    pub is_agency: bool,
    /// Whether the viewer may make keys there.
    pub may_create: bool,
    /// The heads of its columns, which sort the whole page.
    pub heads: Heads,
    /// A few of its keys, the first in the page's order.
    pub keys: Vec<KeyRowView>,
}

impl LocationView {
    /// What can be done to several of its keys at once.
    fn bulk(&self) -> BulkRights {
        BulkRights::of(&self.keys)
    }

    fn base(&self) -> String {
        format!("/o/{}", self.slug)
    }

    /// What says why nothing is done to its keys, by the id that they name.
    fn why(&self) -> String {
        format!("closed-{}", self.slug)
    }

    /// The form that its ticks belong to.
    fn form(&self) -> String {
        format!("bulk-{}", self.slug)
    }
}

impl LocationKeys {
    /// Whether one of them has others below it: that is no location, whoever looks from above.
    fn any_agency(&self) -> bool {
        self.locations.iter().any(|it| it.is_agency)
    }
}

/// The head of a column: the way to the list sorted by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The query string, without `?`.
    pub query: String,
    /// Where the list is sorted by it: whether the greatest comes first.
    pub descending: Option<bool>,
}

/// The heads of the columns that the list can be sorted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heads {
    /// Name.
    pub name: Head,
    /// Type.
    pub api: Head,
    /// Role.
    pub role: Head,
    /// Mapped user.
    pub mapped_user: Head,
    /// Last Login.
    pub last_use: Head,
    /// Expires.
    pub expires: Head,
    /// Status.
    pub status: Head,
}

impl Heads {
    /// The same of rows that stand in the usual order, since there are too many for another.
    #[must_use]
    pub fn unsorted(self) -> Self {
        let unsorted = |it: Head| Head { descending: None, ..it };
        Self {
            name: unsorted(self.name),
            api: unsorted(self.api),
            role: unsorted(self.role),
            mapped_user: unsorted(self.mapped_user),
            last_use: unsorted(self.last_use),
            expires: unsorted(self.expires),
            status: unsorted(self.status),
        }
    }
}

/// Which rows of how many a page shows, in digits as people read them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// Number of the first row, from 1; 0 where there is none.
    pub first: String,
    /// Number of the last row.
    pub last: String,
    /// Rows that match in all.
    pub total: String,
}

/// A row of the list.
#[derive(Debug, Clone)]
pub struct KeyRowView {
    /// The key's id.
    pub id: String,
    /// Free text.
    pub name: String,
    /// Free text; empty for none.
    pub description: String,
    /// The start of the token, `ck_7Fq2…`.
    pub hint: String,
    /// Its api: what type it is of.
    pub api: String,
    /// The role's name as people read it: `ADMIN`, `READONLY`.
    pub role: String,
    /// In a word or two, what makes it more or less than its role: `narrowed`, `all below`.
    pub marks: Vec<&'static str>,
    /// The mapped user's name; none where nobody is mapped.
    pub mapped_user: Option<String>,
    /// The most recent use.
    pub last_use: LastUse,
    /// The day on which it expires; none for never.
    pub expires: Option<Moment>,
    /// Its state in words.
    pub status: Status,
    /// Whether it is switched on, which decides between Deactivate and Activate.
    pub active: bool,
    /// How it was used of late; none where it was not, and only the list says so.
    pub week: Option<Spark>,
    /// What the reader may do with it; only the list says so.
    pub may: KeyRights,
}

/// Characters of a description that a row shows: two lines or three, so that no key stretches its row over those beside it.
const ROW_DESCRIPTION_CHARS: usize = 80;

impl KeyRowView {
    /// The beginning of the description, where a row has no room for all of it: that stands on the key's page.
    #[must_use]
    pub fn shortened(&self) -> Option<String> {
        beginning(&self.description)
    }
}

/// The beginning of a text that is too long for a row.
fn beginning(text: &str) -> Option<String> {
    let (end, _) = text.char_indices().nth(ROW_DESCRIPTION_CHARS)?;
    text.get(..end).map(|it| format!("{}…", it.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::beginning;

    #[test]
    fn a_row_shows_the_beginning_of_a_long_description_and_all_of_a_short_one() {
        assert_eq!(beginning(""), None);
        assert_eq!(beginning(&"x".repeat(80)), None);
        assert_eq!(beginning(&"ü".repeat(81)), Some(format!("{}…", "ü".repeat(80))));
        assert_eq!(beginning(&format!("{} {}", "x".repeat(79), "y".repeat(400))), Some(format!("{}…", "x".repeat(79))));
    }
}
