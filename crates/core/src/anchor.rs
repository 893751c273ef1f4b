//! Anchors: what a link leads to within a page.

use std::collections::{BTreeMap, BTreeSet};

use crate::name::address_words;

/// The anchors of one page, each there once.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Anchors {
    taken: BTreeSet<String>,
    /// Where to go on for what several parts are called: thousands of equal headings, each of which began at two, would take the square of their number.
    numbers: BTreeMap<String, usize>,
}

impl Anchors {
    /// Takes one as it is, and says whether it was free.
    pub fn take(&mut self, anchor: &str) -> bool {
        self.taken.insert(anchor.to_owned())
    }

    /// Takes one that says these words: of lower-case letters, digits and hyphens, with a number behind it where another part has it.
    pub fn of(&mut self, words: &str) -> String {
        let slug = address_words(words, usize::MAX);
        let slug = if slug.is_empty() { "part".to_owned() } else { slug };
        if self.taken.insert(slug.clone()) {
            return slug;
        }
        let number = self.numbers.entry(slug.clone()).or_insert(2);
        loop {
            let numbered = format!("{slug}-{number}");
            *number += 1;
            if self.taken.insert(numbered.clone()) {
                return numbered;
            }
        }
    }
}

impl<const N: usize> From<[&str; N]> for Anchors {
    fn from(taken: [&str; N]) -> Self {
        Self { taken: taken.map(str::to_owned).into(), numbers: BTreeMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_there_once_and_says_what_it_leads_to() {
        let mut anchors = Anchors::from(["main"]);
        let found =
            ["Rotate a key", "main", "GET /a/{id}", "rotate-a-key 2", "Rotate a key", "Rotate a key", "é!", "鍵", ""];
        let found = found.map(|it| anchors.of(it));
        let expected = [
            "rotate-a-key",
            "main-2",
            "get-a-id",
            "rotate-a-key-2",
            "rotate-a-key-3",
            "rotate-a-key-4",
            "e",
            "part",
            "part-2",
        ];
        assert_eq!(found, expected);
        assert!(anchors.take("name_taken") && !anchors.take("name_taken") && !anchors.take("part"));
    }

    #[test]
    fn many_of_one_name_are_counted_on() {
        let mut anchors = Anchors::default();
        let last = (0..50_000).map(|_| anchors.of("Again")).last();
        assert_eq!(last.as_deref(), Some("again-50000"));
    }
}
