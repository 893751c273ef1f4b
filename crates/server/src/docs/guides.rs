//! Which guides there are, in the order in which they are read.

use std::sync::LazyLock;

use super::markdown::{self, Rendered};
use super::reader::tag_of;
use super::tables;

/// The address that stands in the guides where the reader's own goes.
pub(super) const PLACE: &str = "https://keys.example.com";

/// What stands together in the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    /// For whoever calls for the first time.
    FirstSteps,
    /// For whoever has keys.
    LookingAfterKeys,
    /// For whoever wants to hear of it.
    WhatHappens,
    /// For whoever offers keys in a product of their own.
    YourProduct,
}

impl Group {
    /// All of them, in order.
    pub(super) const ALL: [Self; 4] = [Self::FirstSteps, Self::LookingAfterKeys, Self::WhatHappens, Self::YourProduct];

    /// Its heading.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::FirstSteps => "First steps",
            Self::LookingAfterKeys => "Looking after keys",
            Self::WhatHappens => "What happens",
            Self::YourProduct => "In your product",
        }
    }

    /// What links lead to on the first page.
    pub(super) const fn slug(self) -> &'static str {
        match self {
            Self::FirstSteps => "first-steps",
            Self::LookingAfterKeys => "looking-after-keys",
            Self::WhatHappens => "what-happens",
            Self::YourProduct => "in-your-product",
        }
    }
}

/// A guide as it is written: the part of its address, where it stands in the menu, and its text.
type Written = (&'static str, Group, &'static str);

const WRITTEN: [Written; 12] = [
    ("getting-a-key", Group::FirstSteps, include_str!("guides/getting-a-key.md")),
    ("using-a-key", Group::FirstSteps, include_str!("guides/using-a-key.md")),
    ("refusals", Group::FirstSteps, include_str!("guides/refusals.md")),
    ("rotating", Group::LookingAfterKeys, include_str!("guides/rotating.md")),
    ("lost-key", Group::LookingAfterKeys, include_str!("guides/lost-key.md")),
    ("leaked-key", Group::LookingAfterKeys, include_str!("guides/leaked-key.md")),
    ("best-practice", Group::LookingAfterKeys, include_str!("guides/best-practice.md")),
    ("webhooks", Group::WhatHappens, include_str!("guides/webhooks.md")),
    ("events", Group::WhatHappens, include_str!("guides/events.md")),
    ("history", Group::WhatHappens, include_str!("guides/history.md")),
    ("checking-keys", Group::YourProduct, include_str!("guides/checking-keys.md")),
    ("embedding", Group::YourProduct, include_str!("guides/embedding.md")),
];

/// A guide as it is shown.
#[derive(Debug)]
pub(super) struct Guide {
    /// The part of its address.
    pub(super) slug: &'static str,
    /// Where it stands in the menu.
    pub(super) group: Group,
    /// Its heading.
    pub(super) title: String,
    /// Its first paragraph, without markup.
    pub(super) summary: String,
    /// All of it as Markdown.
    pub(super) markdown: String,
    /// What follows the first paragraph, as HTML.
    pub(super) rendered: Rendered,
    /// What tells its Markdown from another.
    pub(super) tag: String,
}

/// All guides, read when the first of them is asked for.
pub(super) static LIBRARY: LazyLock<Vec<Guide>> = LazyLock::new(|| WRITTEN.into_iter().map(read).collect());

fn read((slug, group, source): Written) -> Guide {
    let markdown = without_hints(&tables::filled(source));
    let (head, body) = markdown
        .split_once("\n## ")
        .map_or((markdown.as_str(), String::new()), |(head, rest)| (head, format!("## {rest}")));
    let (title, summary) = head.split_once('\n').unwrap_or((head, ""));
    let summary = summary.split_whitespace().collect::<Vec<_>>().join(" ");
    let rendered = markdown::render(&body);
    let (title, tag) = (title.trim_start_matches("# ").to_owned(), tag_of(&[&markdown]));
    Guide { slug, group, title, summary, rendered, tag, markdown }
}

/// Takes away what stands behind the language of a piece of code: it tells a test what to expect, and no reader.
fn without_hints(markdown: &str) -> String {
    let line = |line: &str| {
        let indented = line.len() - line.trim_start().len();
        let fence = line[indented..].starts_with("```").then(|| line[indented..].find(' ')).flatten();
        format!("{}\n", fence.map_or(line, |at| &line[..indented + at]))
    };
    markdown.lines().map(line).collect()
}

/// What a program reads that looks for guides (`llms.txt`): where each stands as Markdown, and what it is about.
pub(super) fn list() -> String {
    let mut text = format!(
        "# Claviger\n\n> API keys: how to get, send, rotate and check them. The API is described by {PLACE}/openapi.json.\n"
    );
    for group in Group::ALL {
        text.push_str(&format!("\n## {}\n\n", group.title()));
        for it in LIBRARY.iter().filter(|it| it.group == group) {
            text.push_str(&format!("- [{}]({PLACE}/docs/{}.md): {}\n", it.title, it.slug, it.summary));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_guide_begins_with_a_heading_and_a_paragraph_of_plain_text() {
        for it in LIBRARY.iter() {
            assert!(it.markdown.starts_with(&format!("# {}\n\n", it.title)), "{}", it.slug);
            assert!((40..=300).contains(&it.summary.len()), "{}: {}", it.slug, it.summary);
            assert!(!it.summary.contains(['`', '[', '*', '<', '#']), "{}: {}", it.slug, it.summary);
            assert!(!it.rendered.contents.is_empty(), "{}", it.slug);
        }
    }

    // The guides hold no markup of their own: it would be shown as text. What names a table is a comment, and one that is misspelt is left over.
    #[test]
    fn nothing_of_a_guide_is_markup() {
        for it in LIBRARY.iter() {
            assert!(!it.markdown.contains("<!--"), "{}", it.slug);
        }
    }

    #[test]
    fn the_guides_of_a_group_stand_together() {
        let groups: Vec<_> = LIBRARY.iter().map(|it| it.group).collect();
        let mut once = groups.clone();
        once.dedup();
        assert_eq!(once, Group::ALL);
    }

    #[test]
    fn what_a_test_is_told_is_shown_to_nobody() {
        let written = "```sh 201 made\ncurl x\n```\n1. A\n\n   ```sh 200\n   curl y\n   ```\n";
        assert_eq!(without_hints(written), "```sh\ncurl x\n```\n1. A\n\n   ```sh\n   curl y\n   ```\n");
    }
}
