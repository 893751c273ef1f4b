//! The list of keys and a key's own pages.

use askama::Template;

use super::audit::EventRowView;
use super::form::{Choice, FormErrors};
use super::health::HealthLine;
use super::limits::{LimitInputs, LimitWords};
use super::notifications::Ending;
use super::rotation::{RotationView, Viewing};
use super::settings::Crumb;
use super::shell::{Moment, Shell, Status};
use super::snippets::Snippet;
use super::usage::{Spark, UsageView};
use super::webhooks::WebhookView;
use crate::console::paging::query_string;

/// When a key or a secret was last used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LastUse {
    /// Not since it was made.
    Never,
    /// At an instant, from an address.
    At {
        /// The most recent recorded use.
        at: Moment,
        /// The caller's address, where known.
        ip: Option<String>,
    },
}

/// Along which path the list of keys was reached, and what that changes in words.
#[derive(Debug, Clone)]
pub struct DoorView {
    /// The word that forms pass on; empty for the usual path.
    pub word: &'static str,
    /// The list's path within the organization.
    pub path: &'static str,
    /// The path of the form for a new key.
    pub new: String,
    /// The way to the list.
    pub crumbs: Vec<Crumb>,
    /// The button that leads to the form.
    pub create: &'static str,
    /// The button of the form.
    pub submit: &'static str,
    /// Whether the form shows at once what narrows a key.
    pub shows_permissions: bool,
}

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
    /// The list as it is narrowed and sorted, as a path within the organization: where a question about several keys leads back to.
    pub back: String,
    /// The words searched for.
    pub search: String,
    /// The rule of key health that the list is narrowed to: its name in the address, and for people.
    pub health: Option<(&'static str, &'static str)>,
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
    /// Whether the reader may report that one leaked.
    pub may_report: bool,
    /// Whether the way to the organization's shared secret is offered.
    pub shared_secret: bool,
    /// How to create a key over HTTP, for the empty list.
    pub snippets: Vec<Snippet>,
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

    /// What the addresses of keys of other organizations end in, so that what is done to them leads back here.
    fn kept(&self) -> String {
        format!("?{}", query_string([("back", self.here())]))
    }

    /// This list from outside of its organization.
    fn here(&self) -> String {
        self.shell.path(self.back.trim_end_matches('?'))
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
    /// How many live keys it has, or of them were found, in digits as people read them; absent where it is suspended, itself or from above.
    pub total: Option<String>,
    /// The query string of the list of those that the search and the filters found in it, where it is shown for these.
    pub found: Option<String>,
    /// Whether others stand below it: an agency of its own.
    pub is_agency: bool,
    /// A few of its keys, the newest first.
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

/// What a reader may do with a key; nothing of it with one that is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyRights {
    /// Change what it is called and what it may do.
    pub edit: bool,
    /// Switch it off, or on again.
    pub switch: bool,
    /// Give it a new secret.
    pub rotate: bool,
    /// Make another one like it.
    pub replace: bool,
    /// Delete it.
    pub delete: bool,
}

impl KeyRights {
    /// Whether there is anything that is done to several keys at once.
    #[must_use]
    pub fn any_of_bulk(self) -> bool {
        self.edit || self.switch || self.delete
    }
}

/// A key's own page.
#[derive(Template, Debug)]
#[template(path = "keys/show.html")]
pub struct KeyPage {
    /// The frame.
    pub shell: Shell,
    /// Whether it ends within a day, and how.
    pub ending: Vec<Ending>,
    /// The key.
    pub key: KeyFacts,
    /// How often it may be used.
    pub limits: Vec<LimitWords>,
    /// Its secrets, the current one first.
    pub secrets: Vec<SecretView>,
    /// Whether its current secret came from another product.
    pub foreign: bool,
    /// Whether the viewer is shown them again; nothing of a key that is deleted.
    pub viewing: Option<Viewing>,
    /// The rotation that is under way.
    pub rotation: Option<RotationView>,
    /// How it is used.
    pub usage: UsageView,
    /// What the viewer may do with it.
    pub may: KeyRights,
    /// What somebody should look at about it.
    pub health: Vec<HealthLine>,
    /// What happened to it last, newest first.
    pub revisions: Vec<EventRowView>,
    /// Whether the viewer may look at what happened to it.
    pub may_read_history: bool,
    /// How to use the key, with a placeholder for it.
    pub snippets: Vec<Snippet>,
    /// The address of the page where its api is documented.
    pub documentation: String,
    /// What subscribed with it, newest first.
    pub webhooks: Vec<WebhookView>,
}

/// All that is known of a key.
#[derive(Debug, Clone)]
pub struct KeyFacts {
    /// The key's id.
    pub id: String,
    /// Free text.
    pub name: String,
    /// Free text; empty for none.
    pub description: String,
    /// Its api: what type it is of.
    pub api: String,
    /// The role's name.
    pub role: String,
    /// Whether the role carries full administrative privileges.
    pub role_is_admin: bool,
    /// The permissions that narrow it; none where it is not narrowed.
    pub scopes: Option<Vec<String>>,
    /// The addresses and networks that it may be used from; empty for everywhere.
    pub allowed_ips: Vec<String>,
    /// Whether it reaches all organizations below its own.
    pub reaches_below: bool,
    /// When it was deleted, and why where that was said.
    pub deleted: Option<Deletion>,
    /// The owner's name; none for an ownerless key.
    pub owner: Option<String>,
    /// The mapped user's name; none where nobody is mapped.
    pub mapped_user: Option<String>,
    /// Whether it was taken over from another product, with the value that it had there.
    pub imported: bool,
    /// When it was made, or taken over.
    pub created: Moment,
    /// When it expires; none for never.
    pub expires: Option<Moment>,
    /// The most recent use of any of its secrets.
    pub last_use: LastUse,
    /// Its state in words.
    pub status: Status,
    /// Whether it is switched on.
    pub active: bool,
    /// Whether it still can be changed: not deleted.
    pub live: bool,
    /// Whether it is past its end.
    pub expired: bool,
}

/// The end of a key.
#[derive(Debug, Clone)]
pub struct Deletion {
    /// When.
    pub at: Moment,
    /// Why, as half a sentence; none where nothing was said.
    pub reason: Option<&'static str>,
}

/// A secret of a key.
#[derive(Debug, Clone)]
pub struct SecretView {
    /// The start of the token that ends in it.
    pub hint: String,
    /// Current, retiring until …, ended.
    pub status: Status,
    /// When it was made.
    pub created: Moment,
    /// The most recent use.
    pub last_use: LastUse,
    /// What called then, as it names itself: free text.
    pub user_agent: Option<String>,
}

/// Asks before a key is deleted.
#[derive(Template, Debug)]
#[template(path = "keys/delete.html")]
pub struct DeleteKeyPage {
    /// The frame.
    pub shell: Shell,
    /// The key.
    pub key: KeyFacts,
    /// Requests that passed in the last 24 hours.
    pub last_day: String,
    /// What becomes of its webhooks, where it has any.
    pub webhooks: Option<String>,
    /// Whether the reader has to type their password.
    pub must_confirm: bool,
    /// What was wrong with the answer that was sent.
    pub errors: FormErrors,
}

/// The form that creates a key, or changes one.
#[derive(Template, Debug)]
#[template(path = "keys/form.html")]
pub struct KeyFormPage {
    /// The frame.
    pub shell: Shell,
    /// Along which path it was reached.
    pub door: DoorView,
    /// The key that is changed; none when one is created.
    pub key: Option<KeyFacts>,
    /// The key that has the name already, by id, where the name is refused for that and the viewer may see the key.
    pub taken_by: Option<String>,
    /// The key that the new one is a copy of; empty for none.
    pub from: String,
    /// What that key is called, where the new one is to take its place.
    pub replaces: Option<String>,
    /// The metadata that a copy takes over, as JSON; empty for none.
    pub metadata: String,
    /// The slug of the api of a copy; empty for the usual one.
    pub api: String,
    /// What people call it.
    pub api_label: String,
    /// Makes a reload of the answer harmless: the same token creates no second key.
    pub once: String,
    /// Which version of the key the form shows; empty when one is created.
    pub version: String,
    /// The name as typed.
    pub name: String,
    /// The description as typed.
    pub description: String,
    /// The roles that the viewer may grant.
    pub roles: Vec<Choice>,
    /// Never, some spans, or a day.
    pub expiries: Vec<Choice>,
    /// The day as typed, `2027-02-19`.
    pub expires_on: String,
    /// The last day that policy allows; none where it allows any.
    pub latest: Option<String>,
    /// The users that the viewer may map a key to; empty where there is no choice.
    pub mapped_users: Vec<Choice>,
    /// Whom the key can belong to; empty where there is no choice.
    pub owners: Vec<Choice>,
    /// Whether to give the key to somebody else destroys the copy of its secret by which it can be viewed again.
    pub hides_secret: bool,
    /// How far down the tree it can reach; empty where there is no choice.
    pub reaches: Vec<Choice>,
    /// The permissions that narrow it as typed, one a line.
    pub scopes: String,
    /// The addresses and networks that it may be used from as typed, one a line.
    pub allowed_ips: String,
    /// How often it may be used as typed.
    pub limits: LimitInputs,
    /// What was wrong with the form that was sent.
    pub errors: FormErrors,
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
