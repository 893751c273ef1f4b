//! The search: over what can be linked to in the guides, and the operations of the API. In memory, and read when first asked.
//!
//! All words have to be found, the beginning of one is enough, and endings count little: `rotate` finds what is said of rotating. What is
//! found in a title is worth most. An index of a search engine would be larger than all the text.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use claviger_core::api::Operation;
use claviger_core::limits::DOCS_RESULTS_MAX;
use serde_json::Value;

use super::guides::LIBRARY;
use super::markdown::{Part, Rendered};

/// Results of one guide, so that a table of codes does not push everything else off the page.
const OF_ONE_PAGE_MAX: usize = 3;
/// Results that are guides, where operations are found too.
const GUIDES_MAX: usize = DOCS_RESULTS_MAX * 3 / 5;
/// Words of a query that are looked at.
const WORDS_MAX: usize = 12;
/// Characters of an excerpt before the first word that was found, and in all.
const BEFORE_MAX: usize = 60;
const EXCERPT_MAX: usize = 220;
/// Endings by which words of one meaning differ.
const ENDINGS: [&str; 6] = ["ation", "ing", "ion", "ed", "es", "e"];

/// One result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Whether it is an operation of the API, and no guide.
    pub(super) is_operation: bool,
    /// Where it leads.
    pub(super) href: String,
    /// The page, or what the operation does.
    pub(super) title: String,
    /// The part of the page, or method and path.
    pub(super) heading: String,
    /// What stands there; the words that were asked for are marked.
    pub(super) excerpt: Vec<(bool, String)>,
}

/// What can be found.
pub(super) struct Entry {
    is_operation: bool,
    /// Whether it is the page of a host's api: who looks for its name looks for that, before every guide in whose title it stands.
    is_api: bool,
    /// What results are counted by.
    page: String,
    href: String,
    title: String,
    heading: String,
    text: String,
    /// The words of title, heading and text, in lower case.
    words: [Vec<String>; 3],
}

/// What a word is worth in title, heading and text. A guide that is about it, in whichever form of the word, comes before every line that names it.
const WORTH: [usize; 3] = [32, 8, 1];
/// How often a word counts in one of them.
const TIMES_MAX: usize = 4;

/// What can be found of a guide that stands at a path; `summary` may be empty.
pub(super) fn entries_of_guide(path: &str, title: &str, summary: &str, rendered: &Rendered) -> Vec<Entry> {
    let whole = Entry::new(path, path.to_owned(), title, "", summary);
    let part = |it: &Part| {
        let href = if it.id.is_empty() { path.to_owned() } else { format!("{path}#{}", it.id) };
        // Its own title would lift every part of a guide alike.
        let entry = Entry::new(path, href, "", &it.heading, &it.text);
        Entry { title: title.to_owned(), ..entry }
    };
    std::iter::once(whole).chain(rendered.parts.iter().map(part)).collect()
}

/// What can be found of a host's operation, which stands on the page of a path.
pub(super) fn entry_of_operation(path: &str, it: &Operation) -> Entry {
    let heading = format!("{} {}", it.method, it.path);
    let href = format!("{path}#{}", it.anchor);
    let entry = Entry::new(&href.clone(), href, &it.summary, &heading, &it.description);
    Entry { is_operation: true, ..entry.called(&it.id) }
}

/// What can be found of a host's api, whose page stands at a path.
pub(super) fn entry_of_api(path: &str, name: &str, slug: &str, versions: &str) -> Entry {
    Entry { is_api: true, ..Entry::new(path, path.to_owned(), name, "", versions).called(slug) }
}

static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| of_guides().chain(of_operations()).collect());

impl Entry {
    fn new(page: &str, href: String, title: &str, heading: &str, text: &str) -> Self {
        let words = [title, heading, text].map(|it| words(it).map(|(_, word)| word.to_lowercase()).collect());
        let [page, title, heading, text] = [page, title, heading, text].map(str::to_owned);
        Self {
            is_operation: false,
            is_api: false,
            page,
            href,
            title,
            heading,
            text: text.split_whitespace().collect::<Vec<_>>().join(" "),
            words,
        }
    }

    /// The same, found by what programs call it too.
    fn called(mut self, id: &str) -> Self {
        self.words[1].extend(words(id).map(|(_, word)| word.to_lowercase()));
        self
    }

    /// Whether all words stand in its title.
    fn is_named(&self, terms: &[Term]) -> bool {
        terms.iter().all(|term| self.words[0].iter().any(|it| term.fit(it).is_some()))
    }

    /// How well it fits; none where one of the words is nowhere in it.
    fn fit(&self, terms: &[Term]) -> Option<usize> {
        let of_term = |term: &Term| {
            let of_field = |(words, worth): (&Vec<String>, usize)| {
                let hits = words.iter().filter_map(|it| term.fit(it)).take(TIMES_MAX);
                hits.sum::<usize>() * worth
            };
            let sum = self.words.iter().zip(WORTH).map(of_field).sum::<usize>();
            (sum > 0).then_some(sum)
        };
        terms.iter().map(of_term).sum()
    }
}

fn of_guides() -> impl Iterator<Item = Entry> {
    LIBRARY.iter().flat_map(|it| entries_of_guide(&format!("/docs/{}", it.slug), &it.title, &it.summary, &it.rendered))
}

/// The operations, as the document of the API describes them.
fn of_operations() -> impl Iterator<Item = Entry> {
    let document: Value = serde_json::from_str(&crate::http::api_document()).unwrap_or_default();
    let paths = document["paths"].as_object().cloned().unwrap_or_default();
    paths.into_iter().flat_map(|(path, item)| {
        let operations = item.as_object().cloned().unwrap_or_default();
        operations.into_iter().filter(|(_, it)| it["operationId"].is_string()).map(move |(method, operation)| {
            let of = |name: &str| operation[name].as_str().unwrap_or_default().to_owned();
            let tag = operation["tags"][0].as_str().unwrap_or_default();
            let heading = format!("{} {path}", method.to_uppercase());
            let href = format!("/docs/api#tag/{tag}/{}{path}", method.to_uppercase());
            let entry = Entry::new(&heading, href, &of("summary"), &heading, &of("description"));
            Entry { is_operation: true, ..entry.called(&of("operationId")) }
        })
    })
}

/// A word that is looked for.
struct Term {
    whole: String,
    /// Without its ending.
    stem: String,
}

impl Term {
    fn of(word: &str) -> Self {
        let whole = word.to_lowercase();
        let without = |ending: &&str| whole.strip_suffix(*ending).filter(|it| it.chars().count() >= 4);
        let is_word = whole.chars().all(char::is_alphabetic);
        let singular = whole.strip_suffix('s').filter(|it| it.chars().count() >= 3);
        let stem = if is_word { ENDINGS.iter().find_map(without).or(singular) } else { None };
        Self { stem: stem.unwrap_or(&whole).to_owned(), whole }
    }

    /// How well a word fits that is written in lower case.
    fn fit(&self, word: &str) -> Option<usize> {
        if word == self.whole {
            Some(3)
        } else if word.starts_with(&self.whole) {
            Some(2)
        } else {
            word.starts_with(&self.stem).then_some(1)
        }
    }
}

/// The words of a text, and where each begins.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_between = |it: char| !it.is_alphanumeric();
    let mut end = 0;
    let pieces = text.split_inclusive(is_between).map(move |piece| {
        end += piece.len();
        (end - piece.len(), piece.trim_end_matches(is_between))
    });
    pieces.filter(|(_, word)| !word.is_empty())
}

/// What a search finds in ours and in what hosts say of their own: guides first, and of each kind the best.
pub(super) fn find(query: &str, of_hosts: &[Entry]) -> Vec<Found> {
    let terms: Vec<_> = words(query).take(WORDS_MAX).map(|(_, it)| Term::of(it)).collect();
    if terms.is_empty() {
        return Vec::new();
    }
    let mut fitting: Vec<_> = ENTRIES.iter().chain(of_hosts).filter_map(|it| Some((it.fit(&terms)?, it))).collect();
    fitting.sort_by_key(|(fit, it)| (it.is_operation, !(it.is_api && it.is_named(&terms)), Reverse(*fit)));
    let mut of_page = BTreeMap::<&str, usize>::new();
    let mut found = Vec::new();
    for (_, it) in fitting {
        let count = of_page.entry(it.page.as_str()).or_default();
        let max = if it.is_operation { DOCS_RESULTS_MAX } else { GUIDES_MAX };
        if *count == OF_ONE_PAGE_MAX || found.len() >= max {
            continue;
        }
        *count += 1;
        found.push(Found {
            is_operation: it.is_operation,
            href: it.href.clone(),
            title: it.title.clone(),
            heading: it.heading.clone(),
            excerpt: excerpt(&it.text, &terms),
        });
    }
    found
}

/// What stands around the first word that was found, with all that were found in it marked.
fn excerpt(text: &str, terms: &[Term]) -> Vec<(bool, String)> {
    let is_hit = |word: &str| terms.iter().any(|it| it.fit(&word.to_lowercase()).is_some());
    let first = words(text).find(|(_, word)| is_hit(word)).map_or(0, |(at, _)| at);
    let start = match text[..first].char_indices().rev().nth(BEFORE_MAX) {
        Some((at, _)) => text[at..first].find(' ').map_or(first, |space| at + space + 1),
        None => 0,
    };
    let end = text[start..]
        .char_indices()
        .nth(EXCERPT_MAX)
        .map_or(text.len(), |(at, _)| text[start..start + at].rfind(' ').map_or(start + at, |space| start + space));
    let shown = &text[start..end];
    let mut pieces = Vec::new();
    let mut at = 0;
    if start > 0 {
        pieces.push((false, "… ".to_owned()));
    }
    for (from, word) in words(shown).filter(|(_, word)| is_hit(word)) {
        pieces.push((false, shown[at..from].to_owned()));
        pieces.push((true, word.to_owned()));
        at = from + word.len();
    }
    pieces.push((false, shown[at..].to_owned()));
    if end < text.len() {
        pieces.push((false, " …".to_owned()));
    }
    pieces.retain(|(_, it)| !it.is_empty());
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(query: &str) -> Vec<String> {
        find(query, &[]).into_iter().map(|it| it.href).collect()
    }

    #[test]
    fn what_people_type_leads_to_the_guide_about_it() {
        for (query, guide) in [
            ("rotate", "/docs/rotating"),
            ("rotation without downtime", "/docs/rotating"),
            ("401", "/docs/refusals"),
            ("Zapier", "/docs/webhooks"),
            ("lost", "/docs/lost-key"),
            ("name_taken", "/docs/refusals#name_taken"),
            ("key.revoked", "/docs/events#key.revoked"),
            ("X-Api-Key", "/docs/using-a-key"),
            ("nginx", "/docs/checking-keys"),
        ] {
            let found = places(query);
            assert!(found.iter().take(3).any(|it| it.starts_with(guide)), "{query} leads to {found:?}");
        }
        assert!(places("rotate").iter().any(|it| it.starts_with("/docs/api#tag/keys/POST/")), "{:?}", places("rotate"));
    }

    #[test]
    fn an_operation_is_found_by_its_name_among_programs_and_an_api_by_its_own_first() {
        assert!(places("list_api_documents").iter().any(|it| it.starts_with("/docs/api#")));
        let operation = Operation { id: "listContacts".into(), summary: "All of them".into(), ..Operation::default() };
        let guide = Entry::new("/g", "/g".to_owned(), "Acme CRM and the Acme CRM", "Acme CRM", "Acme CRM");
        let all = [
            entry_of_operation("/r", &operation),
            guide,
            entry_of_api("/docs/apis/default", "Acme CRM", "default", "API 1.0"),
        ];
        let found = |query: &str| find(query, &all).into_iter().map(|it| it.href).collect::<Vec<_>>();
        assert_eq!(found("listContacts"), ["/r#"]);
        assert_eq!(found("acme")[..2], ["/docs/apis/default", "/g"]);
        assert_eq!(found("Acme CRM")[0], "/docs/apis/default");
    }

    #[test]
    fn what_is_nowhere_is_not_found_and_no_page_takes_all_the_room() {
        for query in ["", "  ", "…", "teapot", "rotate teapot"] {
            assert_eq!(places(query), [""; 0], "{query}");
        }
        let found = places("key");
        assert!(found.len() <= DOCS_RESULTS_MAX);
        let of_refusals = found.iter().filter(|it| it.starts_with("/docs/refusals")).count();
        assert!(of_refusals <= OF_ONE_PAGE_MAX, "{found:?}");
    }

    #[test]
    fn an_excerpt_is_a_part_of_the_text_with_the_words_marked() {
        let text = format!("{}Ünder a rotation the old secret works. {}", "before ".repeat(40), "behind ".repeat(80));
        let terms = [Term::of("rotate"), Term::of("old")];
        let pieces = excerpt(&text, &terms);
        let marked: Vec<_> = pieces.iter().filter(|it| it.0).map(|it| it.1.as_str()).collect();
        assert_eq!(marked, ["rotation", "old"]);
        let whole: String = pieces.iter().map(|it| it.1.as_str()).collect();
        assert!(
            whole.starts_with("… ") && whole.ends_with(" …") && whole.chars().count() <= EXCERPT_MAX + 4,
            "{whole}"
        );
        assert!(text.contains(whole.trim_start_matches("… ").trim_end_matches(" …")), "{whole}");
    }
}
