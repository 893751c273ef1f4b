//! The list of keys.

use std::collections::BTreeSet;

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::response::{IntoResponse, Redirect, Response};
use claviger_core::api::Api;
use claviger_core::id::{OrganizationId, RoleId, UserId};
use claviger_core::key::KeyState;
use claviger_core::limits;
use claviger_core::name::Slug;
use claviger_core::reject::Reject;
use claviger_core::secret::access_part;
use claviger_core::time::Timestamp;

use super::choices::DAY;
use super::door::Door;
use super::locations::{location_keys, users_below};
use super::rights::offers_to_all;
use super::view;
use crate::console::failure::Failure;
use crate::console::health;
use crate::console::menu::Section;
use crate::console::notifications;
use crate::console::pages::form::Choice;
use crate::console::pages::key_list::{Head, Heads, KeyListPage, KeyRowView, Range};
use crate::console::pages::keys::KeyRights;
use crate::console::pages::shell::Place;
use crate::console::pages::snippets::create_key;
use crate::console::pages::usage::Spark;
use crate::console::paging::{CURSOR_BYTES_MAX, SIZES, page_before, query_string, search_words, trail_behind};
use crate::console::shared_secret::may_see;
use crate::console::visit::Visit;
use crate::ops::apis::list_apis;
use crate::ops::error::{Error, OpResult};
use crate::ops::keys::usage::weeks_of;
use crate::ops::keys::{KeyFilter, KeyHealth, KeyInfo, KeyList, KeyOrder, KeyQuery, KeySort, list_keys};
use crate::ops::members::list_members;
use crate::ops::page::{Cursor, PageRequest};
use crate::ops::roles::list_roles;

/// What the API calls the state that people call deleted; both are understood in an address.
const REVOKED: &str = "revoked";

/// The statuses to choose from, as the column has them: in the address and for people, which state it is, and whether such a key is blocked.
const STATES: [(&str, &str, Option<KeyState>, Option<bool>); 6] = [
    ("", "All but deleted", None, None),
    ("active", "Active", Some(KeyState::Active), Some(false)),
    ("blocked", "Blocked", Some(KeyState::Active), Some(true)),
    ("inactive", "Inactive", Some(KeyState::Inactive), None),
    ("expired", "Expired", Some(KeyState::Expired), None),
    ("deleted", "Deleted", Some(KeyState::Revoked), None),
];

/// The columns that the list can be sorted by: what an address calls it, and what people do.
const SORTS: [(&str, &str, KeySort); 8] = [
    ("created", "Created", KeySort::Created),
    ("name", "Name", KeySort::Name),
    ("type", "Type", KeySort::Api),
    ("role", "Role", KeySort::Role),
    ("user", "Mapped user", KeySort::MappedUser),
    ("used", "Last Login", KeySort::LastUse),
    ("expires", "Expires", KeySort::Expiry),
    ("status", "Status", KeySort::State),
];

/// The filters by last use: what an address calls them, what people read, and the days without use.
const USES: [(&str, &str, Option<u32>); 5] = [
    ("", "Any", None),
    ("never", "Never", None),
    ("30", "Older than 30 d", Some(30)),
    ("90", "Older than 90 d", Some(90)),
    ("365", "Older than 365 d", Some(365)),
];

/// Bytes of a list's address that are noted: of a long way to a page, the way there is left out before the page is.
const NOTED_BYTES_MAX: usize = 900;

/// What the list's URL says.
#[derive(Default, Clone)]
pub(super) struct ListQuery {
    /// The search.
    q: String,
    /// One of [`STATES`].
    status: String,
    /// A role's id.
    role: String,
    /// A rule of key health.
    health: Option<KeyHealth>,
    /// An api's slug.
    api: String,
    /// The id of the user that keys are mapped to.
    user: String,
    /// One of [`USES`].
    used: String,
    /// One of [`SIZES`].
    rows: String,
    /// One of [`SORTS`], with a `-` before it where the greatest comes first; empty for the newest first.
    sort: String,
    /// Where the page before ended.
    after: String,
    /// Where the pages before that ended, oldest first, so that there is a way back.
    trail: String,
    /// The number of the first row.
    from: u64,
}

impl ListQuery {
    /// Reads what an address says, and whether it says something that is not understood.
    pub(super) fn read(pairs: Vec<(String, String)>) -> (Self, bool) {
        let (mut query, mut misread) = (Self::default(), false);
        for (name, value) in pairs {
            match name.as_str() {
                "q" => {
                    let words = search_words(&value);
                    query.q = access_part(&words).map_or(words.clone(), str::to_owned);
                }
                "status" if value == REVOKED => "deleted".clone_into(&mut query.status),
                "status" if STATES.iter().any(|(word, ..)| *word == value) => query.status = value,
                "role" if value.is_empty() || value.parse::<RoleId>().is_ok() => query.role = value,
                "health" if value.is_empty() || KeyHealth::parse(&value).is_some() => {
                    query.health = KeyHealth::parse(&value);
                }
                "type" if value.is_empty() || value.parse::<Slug>().is_ok() => query.api = value,
                "user" if value.is_empty() || value.parse::<UserId>().is_ok() => query.user = value,
                "used" if USES.iter().any(|(word, ..)| *word == value) => query.used = value,
                "rows" if SIZES.iter().any(|(word, _)| *word == value) => query.rows = value,
                "sort" if value.is_empty() || order_of(&value).is_some() => query.sort = value,
                "after" if value.len() <= CURSOR_BYTES_MAX => query.after = value,
                "trail" => query.trail = value,
                "from" if value.parse::<u64>().is_ok() => query.from = value.parse().unwrap_or_default(),
                // Long, it is none of ours; the list begins anew.
                "after" => {}
                _ => misread = true,
            }
        }
        (query, misread)
    }

    /// What is searched for, if anything is.
    pub(super) fn search(&self) -> Option<&str> {
        Some(self.q.as_str()).filter(|it| !it.is_empty())
    }

    /// Whether anything but the search narrows the list.
    pub(super) fn is_filtered(&self) -> bool {
        self.filters().any(|(name, _)| name != "q")
    }

    /// The query string of the same list from its start.
    pub(super) fn whole(&self) -> String {
        self.link("", "", 1)
    }

    /// The query string of the very page, as far as it is not too long to be kept.
    fn place(&self) -> String {
        let from = self.first();
        let places = [self.link(&self.after, &self.trail, from), self.link(&self.after, "", from)];
        places.into_iter().find(|it| it.len() <= NOTED_BYTES_MAX).unwrap_or_else(|| self.whole())
    }

    /// The same without what is searched for: of an organization that is called so itself, all that the other filters let through.
    pub(super) fn without_search(&self) -> Self {
        Self { q: String::new(), ..self.clone() }
    }

    fn order(&self) -> KeyOrder {
        order_of(&self.sort).unwrap_or_default()
    }

    /// The heads of the columns, each with the way to the list sorted by it; a second click turns it round.
    pub(super) fn heads(&self) -> Heads {
        let now = self.order();
        let head = |sort: KeySort| {
            let word = SORTS.iter().find(|it| it.2 == sort).map_or("", |it| it.0);
            let chosen = (now.sort == sort).then_some(now.descending);
            let descending = chosen.map_or(sort.is_descending(), |it| !it);
            let sort = if descending { format!("-{word}") } else { word.to_owned() };
            let query = Self { sort, ..self.clone() };
            Head { query: query.link("", "", 1), descending: chosen }
        };
        Heads {
            name: head(KeySort::Name),
            api: head(KeySort::Api),
            role: head(KeySort::Role),
            mapped_user: head(KeySort::MappedUser),
            last_use: head(KeySort::LastUse),
            expires: head(KeySort::Expiry),
            status: head(KeySort::State),
        }
    }

    /// The orders to choose from where there are no heads to click; the present one is among them.
    fn sorts(&self) -> Vec<Choice> {
        let chosen = self.order();
        let mut choices = Vec::new();
        for (word, label, sort) in SORTS {
            for descending in [sort.is_descending(), !sort.is_descending()] {
                let label = match (sort, descending) {
                    (KeySort::Created, true) => "Newest first".to_owned(),
                    (KeySort::Created, false) => "Oldest first".to_owned(),
                    (KeySort::LastUse, true) => "Used last first".to_owned(),
                    (KeySort::LastUse, false) => "Unused longest first".to_owned(),
                    (_, false) => label.to_owned(),
                    (_, true) => format!("{label}, backwards"),
                };
                let value = match (sort, descending) {
                    (KeySort::Created, true) => String::new(),
                    (_, true) => format!("-{word}"),
                    (_, false) => word.to_owned(),
                };
                choices.push(Choice::new(value, label, chosen == KeyOrder { sort, descending }));
            }
        }
        choices
    }

    fn filters(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let health = self.health.map_or("", KeyHealth::as_str);
        [
            ("q", self.q.as_str()),
            ("status", &self.status),
            ("role", &self.role),
            ("health", health),
            ("type", &self.api),
            ("user", &self.user),
            ("used", &self.used),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
    }

    fn link(&self, after: &str, trail: &str, from: u64) -> String {
        let first = from.to_string();
        let place = [("after", after), ("trail", trail)].into_iter().filter(|(_, value)| !value.is_empty());
        let order = [("sort", self.sort.as_str()), ("rows", &self.rows)].into_iter().filter(|it| !it.1.is_empty());
        let from = (from > 1).then_some(("from", first.as_str()));
        query_string(self.filters().chain(order).chain(place).chain(from))
    }

    /// The query string of the page after, given where this one ends and how many rows it has.
    fn next(&self, cursor: &Cursor, rows: u64) -> String {
        self.link(&cursor.0, &trail_behind(&self.trail, &self.after), self.first() + rows)
    }

    /// The query string of the page before; none on the first page.
    fn previous(&self, rows_per_page: u64) -> Option<String> {
        if self.after.is_empty() {
            return None;
        }
        let (after, trail) = page_before(&self.trail);
        Some(self.link(after, trail, if after.is_empty() { 1 } else { self.first().saturating_sub(rows_per_page) }))
    }

    /// What the operation is asked for.
    pub(super) fn wanted(&self, now: Timestamp) -> KeyQuery {
        let (state, blocked) =
            STATES.iter().find(|(word, ..)| *word == self.status).map_or((None, None), |it| (it.2, it.3));
        let unused_days = USES.iter().find(|it| it.0 == self.used).and_then(|it| it.2);
        let filter = KeyFilter {
            status: state.into(),
            search: (!self.q.is_empty()).then(|| self.q.clone()),
            role_id: self.role.parse().ok(),
            health: self.health,
            mapped_user_id: self.user.parse().ok(),
            never_used: self.used == "never",
            unused_since: unused_days.map(|it| now.saturating_sub(DAY.saturating_mul(it))),
            ..KeyFilter::default()
        };
        KeyQuery { order: self.order(), api: self.api.parse().ok(), blocked, ..filter.into() }
    }

    /// Rows on a page.
    fn rows_max(&self) -> u32 {
        SIZES.iter().find(|it| it.0 == self.rows).map_or(limits::PAGE_ITEMS_DEFAULT, |it| it.1)
    }

    /// The number of the first row; only a label, so a wrong one in the URL harms nobody.
    fn first(&self) -> u64 {
        if self.after.is_empty() { 1 } else { self.from.max(1) }
    }
}

/// The order that a word in an address stands for.
fn order_of(word: &str) -> Option<KeyOrder> {
    let (name, descending) = word.strip_prefix('-').map_or((word, false), |it| (it, true));
    SORTS.iter().find(|it| it.0 == name).map(|it| KeyOrder { sort: it.2, descending })
}

/// The list of keys.
pub(in crate::console) async fn show_keys(
    visit: Visit,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
    door: Door,
) -> Result<Response, Failure> {
    let unreadable = query.is_err();
    let pairs = query.map(|Query(it)| it).unwrap_or_default();
    let holds_secret = pairs.iter().any(|(name, value)| name == "q" && access_part(value.trim()).is_some());
    let (mut query, misread) = ListQuery::read(pairs);
    if holds_secret {
        // Who looks for a leaked key pastes all of it. Its secret must not stay in the address bar, its history, and what is shared.
        let path = format!("{}?{}", visit.path(door.path()), query.link("", "", 1));
        return Ok(Redirect::to(&path).into_response());
    }
    let rows_max = query.rows_max();
    let mut unsorted = false;
    let list = match list_page(&visit, &query).await.map_err(Error::into_reject) {
        Err(reject) if is_about_sort(&reject) => {
            unsorted = true;
            query = ListQuery { sort: String::new(), after: String::new(), trail: String::new(), ..query };
            list_page(&visit, &query).await?
        }
        found => found?,
    };

    let rows = rows_of(&visit, visit.organization_id(), &list.page.items).await?;
    let shown = rows.len() as u64;
    let first = if shown == 0 { 0 } else { query.first() };
    let may_create = visit.may_create_keys();
    // They come once, with the first page: what follows are further keys of the organization itself.
    let locations = if query.after.is_empty() { location_keys(&visit, &query).await? } else { None };
    let next = list.page.next.map(|it| query.next(&it, shown));
    let is_full = shown == u64::from(rows_max);
    let page = KeyListPage {
        shell: visit.shell(Place::Keys),
        door: door.view(),
        tabs: if door == Door::Integrations { Section::Integrations.tabs(&visit) } else { Vec::new() },
        locations,
        filtered: query.filters().next().is_some(),
        misread: misread || unreadable,
        unsorted,
        heads: query.heads(),
        sorts: query.sorts(),
        further: next.clone().filter(|_| !is_full),
        range: Range {
            first: view::grouped(first),
            last: view::grouped((first + shown).saturating_sub(1)),
            total: view::total(list.total),
        },
        previous: query.previous(u64::from(rows_max)),
        next,
        statuses: STATES.map(|(word, label, ..)| Choice::new(word, label, word == query.status)).into(),
        roles: role_filter(&visit, &query.role).await,
        types: type_filter(&visit, &query.api).await,
        users: user_filter(&visit, &query.user).await,
        uses: USES.map(|(word, label, _)| Choice::new(word, label, word == query.used)).into(),
        sizes: SIZES.map(|(word, rows)| Choice::new(word, rows.to_string(), word == query.rows)).into(),
        export: ListQuery { rows: String::new(), ..query.clone() }.link("", "", 1),
        search: query.q.clone(),
        health: query.health.map(|it| (it.as_str(), health::label(it))),
        ending: notifications::ending(&visit, None).await,
        to_review: health::to_review(&visit).await,
        back: format!("{}?{}", door.path(), query.place()),
        rows,
        may_create,
        has_access: visit.has_api_access(),
        sees_all: visit.may_do("claviger/keys:read"),
        may_report: visit.may("delete"),
        shared_secret: may_see(&visit),
        snippets: create_key(&visit.site.base_url, visit.organization.id),
    };
    Ok(if page.is_led_back_to() { visit.page_of_list(&page, &page.here()) } else { visit.page(&page) })
}

/// The rows of keys of an organization, with what else a page of them is asked for once.
pub(super) async fn rows_of(visit: &Visit, place: OrganizationId, keys: &[KeyInfo]) -> OpResult<Vec<KeyRowView>> {
    // Where none is shown, of a suspended place say, there is nothing to ask for, and to ask would be refused.
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let now = visit.app.now();
    let weeks = weeks_of(&visit.app, &visit.caller, place, keys).await?;
    let row = |(it, may): (&KeyInfo, KeyRights)| {
        let week = weeks.get(&it.key.id).and_then(|days| Spark::new(days, view::grouped));
        KeyRowView { week, may, ..view::row(it, now) }
    };
    Ok(keys.iter().zip(offers_to_all(visit, place, keys).await?).map(row).collect())
}

async fn list_page(visit: &Visit, query: &ListQuery) -> OpResult<KeyList> {
    let after = (!query.after.is_empty()).then(|| Cursor(query.after.clone()));
    let page = PageRequest { after, limit: query.rows_max() };
    list_keys(&visit.app, &visit.caller, visit.organization_id(), query.wanted(visit.app.now()), page).await
}

/// Whether the keys are too many for the order that was asked for.
pub(in crate::console) fn is_about_sort(reject: &Reject) -> bool {
    reject.fields.iter().any(|it| it.pointer == "sort")
}

/// The roles to filter by; for whoever may not read roles only "Any", and what is chosen.
async fn role_filter(visit: &Visit, chosen: &str) -> Vec<Choice> {
    let all = PageRequest { after: None, limit: limits::PAGE_ITEMS_MAX };
    let roles = list_roles(&visit.app, &visit.caller, visit.organization_id(), all)
        .await
        .map(|it| it.items)
        .unwrap_or_default();
    let mut choices = vec![Choice::new("", "Any", chosen.is_empty())];
    choices.extend(roles.iter().map(|it| {
        let id = it.id.to_string();
        let chosen = id == chosen;
        Choice::new(id, view::role_label(it.name.as_str()), chosen)
    }));
    keep_chosen(&mut choices, chosen);
    choices
}

/// Keeps a filter that a link has set, though what it names is not among what is listed: past the first hundred, gone, or not for this viewer
/// to read. Else the next filter that is applied would drop it silently.
fn keep_chosen(choices: &mut Vec<Choice>, chosen: &str) {
    if !choices.iter().any(|it| it.chosen) {
        choices.push(Choice::new(chosen, "Not in this list", true));
    }
}

/// The types to filter by; for whoever may not read them only "Any", and what is chosen.
async fn type_filter(visit: &Visit, chosen: &str) -> Vec<Choice> {
    let all = PageRequest { after: None, limit: limits::PAGE_ITEMS_MAX };
    let apis = list_apis(&visit.app, &visit.caller, visit.organization_id(), all).await;
    let apis = apis.map(|it| it.items).unwrap_or_default();
    let choice =
        |it: &Api| Choice::new(it.slug.as_str(), view::type_label(it.slug.as_str()), it.slug.as_str() == chosen);
    let mut choices = vec![Choice::new("", "Any", chosen.is_empty())];
    choices.extend(apis.iter().map(choice));
    keep_chosen(&mut choices, chosen);
    choices
}

/// The mapped users to filter by: the viewer, the first members, some of the organizations below, and who is chosen; for whoever may not list members none, unless one is
/// chosen.
async fn user_filter(visit: &Visit, chosen: &str) -> Vec<Choice> {
    let all = PageRequest { after: None, limit: limits::PAGE_ITEMS_MAX };
    let members = list_members(&visit.app, &visit.caller, visit.organization_id(), all).await;
    let members = match members {
        Ok(page) => page.items,
        Err(_) if chosen.is_empty() => return Vec::new(),
        Err(_) => Vec::new(),
    };
    let me = visit.user.id.to_string();
    let mut choices = vec![Choice::new("", "Any", chosen.is_empty())];
    choices.push(Choice::new(me.clone(), format!("{} (me)", visit.user.name), chosen == me));
    let here = members.iter().map(|it| (it.user.id, it.user.name.to_string()));
    let mut known = BTreeSet::from([visit.user.id]);
    for (id, name) in here.chain(users_below(visit).await) {
        if known.insert(id) {
            let id = id.to_string();
            choices.push(Choice::new(id.clone(), name, id == chosen));
        }
    }
    keep_chosen(&mut choices, chosen);
    choices
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::paging::TRAIL_MAX;

    fn parsed(query: &str) -> ListQuery {
        let uri = format!("/?{query}").parse().unwrap();
        ListQuery::read(Query::try_from_uri(&uri).unwrap().0).0
    }

    #[test]
    fn pages_lead_forth_and_back_the_same_way() {
        let first = parsed("q=a%26b&status=active&sort=-name");
        assert_eq!(first.previous(25), None);
        let second = parsed(&first.next(&Cursor("c1".to_owned()), 25));
        assert_eq!((second.q.as_str(), second.status.as_str(), second.first()), ("a&b", "active", 26));
        let third = parsed(&second.next(&Cursor("c2".to_owned()), 25));
        assert_eq!((third.after.as_str(), third.trail.as_str(), third.first()), ("c2", "c1", 51));
        let fourth = parsed(&third.next(&Cursor("c3".to_owned()), 25));
        let back = parsed(&fourth.previous(25).unwrap());
        assert_eq!((back.after.as_str(), back.trail.as_str(), back.first()), ("c2", "c1", 51));
        let back = parsed(&back.previous(25).unwrap());
        assert_eq!((back.after.as_str(), back.trail.as_str(), back.first()), ("c1", "", 26));
        assert_eq!(back.previous(25).unwrap(), "q=a%26b&status=active&sort=%2Dname");
    }

    #[test]
    fn a_long_way_leads_back_to_the_first_page_in_the_end() {
        let mut page = parsed("");
        for at in 0..100 {
            page = parsed(&page.next(&Cursor(format!("c{at}")), 25));
        }
        assert_eq!(page.trail.split(',').count(), TRAIL_MAX);
        let mut steps = 0;
        while let Some(query) = page.previous(25) {
            page = parsed(&query);
            steps += 1;
        }
        assert_eq!(steps, TRAIL_MAX + 1);
    }
}
