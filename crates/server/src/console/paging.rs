//! Query strings of links, what is typed into searches, and lists that are only walked forward.

use claviger_core::limits;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::keys::view::grouped;
use super::pages::form::{Choice, typed};
use super::pages::pager::Pager;
use crate::ops::page::{Cursor, PageRequest};

/// Characters of a search that are looked at: more than a name or an e-mail address has.
const SEARCH_CHARS_MAX: usize = 254;

/// Earlier pages that a link remembers the way back to; from further on it leads to the first.
pub(super) const TRAIL_MAX: usize = 20;
/// Bytes of a cursor that is passed on; ours are shorter.
pub(super) const CURSOR_BYTES_MAX: usize = 1024;

/// How many rows a page can have; the first unless another is asked for.
pub(super) const SIZES: [(&str, u32); 3] = [("", 25), ("50", 50), ("100", 100)];

/// Where the pages before the one behind this end: `trail` of this one with its own place added.
pub(super) fn trail_behind(trail: &str, after: &str) -> String {
    let ends: Vec<_> = trail.split(',').chain([after]).filter(|it| !it.is_empty()).collect();
    ends[ends.len().saturating_sub(TRAIL_MAX)..].join(",")
}

/// Where the page before begins, and its own trail; both empty for the first page.
pub(super) fn page_before(trail: &str) -> (&str, &str) {
    trail.rsplit_once(',').map_or((trail, ""), |(trail, after)| (after, trail))
}

/// Which part of a list an address asks for.
#[derive(Debug, Clone)]
pub(super) struct Pages {
    after: String,
    trail: String,
    at: u64,
    rows: &'static str,
    limit: u32,
}

impl Pages {
    /// Reads what an address says: where the page before ended, those before that, the number of the first row, and one of [`SIZES`].
    pub(super) fn read(after: &str, trail: &str, at: &str, rows: &str) -> Self {
        // Long, it is none of ours; the list begins anew.
        let after = if after.len() <= CURSOR_BYTES_MAX { after } else { "" };
        let (rows, limit) = SIZES.into_iter().find(|it| it.0 == rows).unwrap_or(("", limits::PAGE_ITEMS_DEFAULT));
        Self { after: after.to_owned(), trail: trail.to_owned(), at: at.parse().unwrap_or_default(), rows, limit }
    }

    /// The same with pages of so many rows, where a list has no choice of them.
    pub(super) fn of(self, limit: u32) -> Self {
        Self { limit, ..self }
    }

    /// Whether nothing stands before this page.
    pub(super) fn is_first(&self) -> bool {
        self.after.is_empty()
    }

    /// What the operation is asked for.
    pub(super) fn request(&self) -> PageRequest {
        PageRequest { after: Some(self.after.clone()).filter(|it| !it.is_empty()).map(Cursor), limit: self.limit }
    }

    /// The number of the first row; only a label, so a wrong one in the address harms nobody.
    fn first(&self) -> u64 {
        if self.is_first() { 1 } else { self.at.max(1) }
    }

    fn link(&self, narrowed: &[(&'static str, String)], after: &str, trail: &str, at: u64) -> String {
        let at = if at > 1 { at.to_string() } else { String::new() };
        let own = [("rows", self.rows), ("after", after), ("trail", trail), ("at", &at)];
        let own = own.into_iter().filter(|it| !it.1.is_empty()).map(|(name, value)| (name, value.to_owned()));
        query_string(narrowed.iter().cloned().chain(own))
    }

    /// The line below the list: how much of it is shown, and the ways to the rest. How many there are is said where that is known without counting.
    pub(super) fn pager(&self, narrowed: &[(&'static str, String)], shown: usize, next: Option<&Cursor>) -> Pager {
        let (shown, first) = (shown as u64, self.first());
        let size = u64::from(self.limit);
        let previous = (!self.is_first()).then(|| {
            let (after, trail) = page_before(&self.trail);
            self.link(narrowed, after, trail, if after.is_empty() { 1 } else { first.saturating_sub(size) })
        });
        let behind = |it: &Cursor| {
            self.link(narrowed, &it.0, &trail_behind(&self.trail, &self.after), first.saturating_add(shown))
        };
        Pager {
            first: if shown == 0 { String::new() } else { grouped(first) },
            last: grouped(first.saturating_add(shown).saturating_sub(1)),
            is_last: next.is_none(),
            previous,
            next: next.map(behind),
            sizes: SIZES.map(|(word, rows)| Choice::new(word, rows.to_string(), word == self.rows)).into(),
        }
    }
}

/// What the URL of such a list says: what is searched for, and where it goes on.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Forward {
    q: String,
    after: String,
    trail: String,
    at: String,
    rows: String,
}

impl Forward {
    /// What is searched for; empty for everything.
    pub(super) fn search(&self) -> String {
        search_words(&self.q)
    }

    /// Which part of the list it asks for.
    pub(super) fn pages(&self) -> Pages {
        Pages::read(&self.after, &self.trail, &self.at, &self.rows)
    }

    /// Whether it is the first page, and what the operation is asked for.
    pub(super) fn request(self, limit: u32) -> (bool, PageRequest) {
        let after = Some(self.after).filter(|it| !it.is_empty()).map(Cursor);
        (after.is_none(), PageRequest { after, limit })
    }
}

/// What narrows such a list.
pub(super) fn searched(search: &str) -> Vec<(&'static str, String)> {
    if search.is_empty() { Vec::new() } else { vec![("q", search.to_owned())] }
}

/// What was typed into a search, as far as it is looked at.
pub(super) fn search_words(text: &str) -> String {
    typed(text.trim()).chars().take(SEARCH_CHARS_MAX).collect()
}

/// The query string of the next page.
pub(super) fn forward(next: Option<Cursor>) -> Option<String> {
    next.map(|Cursor(it)| query_string([("after", it)]))
}

/// The query string of the next page of a search; an empty one finds everything.
pub(super) fn forward_in(search: &str, next: Option<Cursor>) -> Option<String> {
    match search {
        "" => forward(next),
        search => next.map(|Cursor(it)| query_string([("q", search), ("after", &it)])),
    }
}

/// Names and values as they stand behind the question mark.
pub(super) fn query_string<T: AsRef<str>>(pairs: impl IntoIterator<Item = (&'static str, T)>) -> String {
    let encoded = |(name, value): (_, T)| format!("{name}={}", utf8_percent_encode(value.as_ref(), NON_ALPHANUMERIC));
    pairs.into_iter().map(encoded).collect::<Vec<_>>().join("&")
}

/// What need not be written otherwise within a value behind the question mark; it stands in every row of some lists.
const WITHIN_VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'?').remove(b'=').remove(b'-').remove(b'_');

/// What an address ends in that says where its reader came from.
pub(super) fn back_query(path: &str) -> String {
    format!("back={}", utf8_percent_encode(path, WITHIN_VALUE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_is_read_as_it_was_written() {
        let path = "/o/root/keys?q=a%26b%2Bc&status=active&sort=%2Dname";
        let written = back_query(path);
        assert_eq!(written, "back=/o/root/keys?q=a%2526b%252Bc%26status=active%26sort=%252Dname");
        let read: Vec<_> = form_urlencoded::parse(written.as_bytes()).into_owned().collect();
        assert_eq!(read, [("back".to_owned(), path.to_owned())]);
    }

    #[test]
    fn a_walk_through_a_list_leads_back_the_same_way() {
        let narrowed = [("state", "failed".to_owned())];
        let first = Pages::read("", "", "", "50").pager(&narrowed, 50, Some(&Cursor("a".to_owned())));
        assert_eq!((first.first.as_str(), first.last.as_str(), first.is_last), ("1", "50", false));
        assert_eq!(first.next.as_deref(), Some("state=failed&rows=50&after=a&at=51"));
        assert_eq!(first.previous, None);
        let second = Pages::read("a", "", "51", "50").pager(&narrowed, 50, Some(&Cursor("b".to_owned())));
        assert_eq!(second.next.as_deref(), Some("state=failed&rows=50&after=b&trail=a&at=101"));
        assert_eq!(second.previous.as_deref(), Some("state=failed&rows=50"));
        let third = Pages::read("b", "a", "101", "50").pager(&narrowed, 3, None);
        assert_eq!((third.last.as_str(), third.is_last), ("103", true));
        assert_eq!(third.previous.as_deref(), Some("state=failed&rows=50&after=a&at=51"));
    }

    #[test]
    fn a_list_without_a_choice_goes_back_by_as_many_rows_as_it_has() {
        let second = Pages::read("b", "a", "201", "").of(100);
        assert_eq!(second.request().limit, 100);
        let pager = second.pager(&searched("hill"), 100, None);
        assert_eq!((pager.first.as_str(), pager.last.as_str(), pager.is_last), ("201", "300", true));
        assert_eq!(pager.previous.as_deref(), Some("q=hill&after=a&at=101"));
    }

    #[test]
    fn what_an_address_says_wrongly_begins_the_list_anew() {
        let pages = Pages::read(&"x".repeat(CURSOR_BYTES_MAX + 1), "", "many", "7");
        assert!(pages.is_first());
        assert_eq!(pages.request().limit, limits::PAGE_ITEMS_DEFAULT);
        assert_eq!(pages.pager(&[], 0, None).first, "");
    }
}
