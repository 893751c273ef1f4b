//! The list of keys, and the page after signing in.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::response::Response;
use claviger_core::id::RoleId;
use claviger_core::key::KeyState;
use claviger_core::limits;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::view;
use crate::console::failure::Failure;
use crate::console::pages::form::{Choice, typed};
use crate::console::pages::home::{HomePage, RecentKey, SettingsPage};
use crate::console::pages::keys::{KeyListPage, Range};
use crate::console::pages::shell::Place;
use crate::console::pages::snippets::{check_key, create_key};
use crate::console::visit::Visit;
use crate::ops::keys::{KeyInfo, KeyQuery, list_keys};
use crate::ops::page::{Cursor, PageRequest};
use crate::ops::roles::list_roles;

/// Characters of a search that are looked at.
const SEARCH_CHARS_MAX: usize = limits::NAME_CHARS_MAX;
/// Earlier pages that a link remembers the way back to; from further on it leads to the first.
const TRAIL_MAX: usize = 20;
/// Bytes of a cursor that is passed on; ours are shorter.
const CURSOR_BYTES_MAX: usize = 512;
/// Keys on the page after signing in.
const RECENT_KEYS: usize = 5;

/// What the API calls the state that people call deleted; both are understood in an address.
const REVOKED: &str = "revoked";

const STATES: [(&str, &str, Option<KeyState>); 5] = [
    ("", "All live", None),
    ("active", "Active", Some(KeyState::Active)),
    ("inactive", "Inactive", Some(KeyState::Inactive)),
    ("expired", "Expired", Some(KeyState::Expired)),
    ("deleted", "Deleted", Some(KeyState::Revoked)),
];

/// What the list's URL says.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::console) struct ListQuery {
    /// The search.
    q: String,
    /// One of [`STATES`].
    status: String,
    /// A role's id.
    role: String,
    /// Where the page before ended.
    after: String,
    /// Where the pages before that ended, oldest first, so that there is a way back.
    trail: String,
    /// The number of the first row.
    from: u64,
}

impl ListQuery {
    fn filters(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [("q", self.q.as_str()), ("status", &self.status), ("role", &self.role)]
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
    }

    fn link(&self, after: &str, trail: &str, from: u64) -> String {
        let place = [("after", after), ("trail", trail)].into_iter().filter(|(_, value)| !value.is_empty());
        let mut link: Vec<_> = self
            .filters()
            .chain(place)
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
            .collect();
        if from > 1 {
            link.push(format!("from={from}"));
        }
        link.join("&")
    }

    /// The query string of the page after, given where this one ends and how many rows it has.
    fn next(&self, cursor: &Cursor, rows: u64) -> String {
        let mut trail: Vec<_> = self.trail.split(',').filter(|it| !it.is_empty()).collect();
        if !self.after.is_empty() {
            trail.push(&self.after);
        }
        let skip = trail.len().saturating_sub(TRAIL_MAX);
        self.link(&cursor.0, &trail[skip..].join(","), self.first() + rows)
    }

    /// The query string of the page before; none on the first page.
    fn previous(&self, rows_per_page: u64) -> Option<String> {
        if self.after.is_empty() {
            return None;
        }
        Some(match self.trail.rsplit_once(',') {
            Some((trail, after)) => self.link(after, trail, self.first().saturating_sub(rows_per_page)),
            None if self.trail.is_empty() => self.link("", "", 1),
            None => self.link(&self.trail, "", self.first().saturating_sub(rows_per_page)),
        })
    }

    /// The number of the first row; only a label, so a wrong one in the URL harms nobody.
    fn first(&self) -> u64 {
        if self.after.is_empty() { 1 } else { self.from.max(2) }
    }
}

/// The list of keys.
pub(in crate::console) async fn show_keys(
    visit: Visit,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    let mut misread = query.is_err();
    let mut query = query.map(|Query(it)| it).unwrap_or_default();
    if query.status == REVOKED {
        "deleted".clone_into(&mut query.status);
    }
    query.q = typed(query.q.trim()).chars().take(SEARCH_CHARS_MAX).collect();
    let state = STATES.iter().find(|(word, ..)| *word == query.status).and_then(|it| it.2);
    let role_id = query.role.parse::<RoleId>().ok();
    if state.is_none() {
        misread |= !query.status.is_empty();
        query.status.clear();
    }
    if role_id.is_none() {
        misread |= !query.role.is_empty();
        query.role.clear();
    }
    if query.after.len() > CURSOR_BYTES_MAX {
        query.after.clear();
    }
    let wanted =
        KeyQuery { state, search: (!query.q.is_empty()).then(|| query.q.clone()), role_id, ..KeyQuery::default() };
    let page =
        PageRequest { after: (!query.after.is_empty()).then(|| Cursor(query.after.clone())), ..PageRequest::default() };
    let list = list_keys(&visit.app, &visit.caller, visit.organization_id(), wanted, page).await?;

    let now = visit.app.now();
    let rows: Vec<_> = list.page.items.iter().map(|it| view::row(it, now)).collect();
    let shown = rows.len() as u64;
    let first = if shown == 0 { 0 } else { query.first() };
    let may_create = visit.may("create");
    let page = KeyListPage {
        shell: visit.shell(Place::Keys),
        filtered: query.filters().next().is_some(),
        misread,
        range: Range {
            first: view::grouped(first),
            last: view::grouped((first + shown).saturating_sub(1)),
            total: view::total(list.total),
        },
        previous: query.previous(u64::from(limits::PAGE_ITEMS_DEFAULT)),
        next: list.page.next.map(|it| query.next(&it, shown)),
        statuses: STATES.map(|(word, label, _)| Choice::new(word, label, word == query.status)).into(),
        roles: role_filter(&visit, &query.role).await,
        search: query.q.clone(),
        rows,
        may_create,
        may_change: visit.may("update"),
        may_delete: visit.may("delete"),
        snippets: create_key(&visit.site.base_url, visit.organization.id),
    };
    Ok(visit.page(&page))
}

/// The roles to filter by; only "Any" for whoever may not read roles.
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
    choices
}

/// The first page after signing in.
pub(in crate::console) async fn show_home(visit: Visit) -> Result<Response, Failure> {
    let many = PageRequest { after: None, limit: limits::PAGE_ITEMS_MAX };
    let list = list_keys(&visit.app, &visit.caller, visit.organization_id(), KeyQuery::default(), many).await?;
    // Lists are not sorted by last use; who has seen all keys can sort them, and of more than that the newest are shown.
    let complete = list.page.next.is_none();
    let mut keys: Vec<&KeyInfo> = list.page.items.iter().collect();
    if complete {
        keys.retain(|it| it.last_use.is_some());
        keys.sort_by_key(|it| std::cmp::Reverse(it.last_use.as_ref().map(|used| used.at)));
    }
    keys.truncate(RECENT_KEYS);
    let now = visit.app.now();
    let page = HomePage {
        shell: visit.shell(Place::Home),
        live_keys: list.total.into(),
        live_keys_counted: view::total(list.total),
        recent: keys
            .iter()
            .map(|it| view::row(it, now))
            .map(|it| RecentKey { id: it.id, name: it.name, hint: it.hint, last_use: it.last_use })
            .collect(),
        starting: complete && keys.is_empty(),
        recent_by_use: complete,
        may_create: visit.may("create"),
        snippets: check_key(&visit.site.base_url),
    };
    Ok(visit.page(&page))
}

/// The settings page.
pub(in crate::console) async fn show_settings(visit: Visit) -> Response {
    visit.page(&SettingsPage { shell: visit.shell(Place::Settings) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(query: &str) -> ListQuery {
        let uri = format!("/?{query}").parse().unwrap();
        Query::<ListQuery>::try_from_uri(&uri).unwrap().0
    }

    #[test]
    fn pages_lead_forth_and_back_the_same_way() {
        let first = parsed("q=a%26b&status=active");
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
        assert_eq!(back.previous(25).unwrap(), "q=a%26b&status=active");
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
