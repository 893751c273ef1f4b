//! Query strings of links, what is typed into searches, and lists that are only walked forward.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::pages::form::typed;
use crate::ops::page::{Cursor, PageRequest};

/// Characters of a search that are looked at: more than a name or an e-mail address has.
const SEARCH_CHARS_MAX: usize = 254;

/// What the URL of such a list says: what is searched for, and where it goes on.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Forward {
    q: String,
    after: String,
}

impl Forward {
    /// What is searched for; empty for everything.
    pub(super) fn search(&self) -> String {
        search_words(&self.q)
    }

    /// Whether it is the first page, and what the operation is asked for.
    pub(super) fn request(self, limit: u32) -> (bool, PageRequest) {
        let after = Some(self.after).filter(|it| !it.is_empty()).map(Cursor);
        (after.is_none(), PageRequest { after, limit })
    }
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
