//! Links of the documents: what is linked to within the repository is there, and so is the heading that is meant. No network is asked.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::SourceFile;
use super::{Breach, Tree};

/// What begins so leads out of the repository.
const ELSEWHERE: [&str; 3] = ["https://", "http://", "mailto:"];

/// The guides, which the server shows, and what of its addresses they lead to that is no file.
const GUIDES: &str = "crates/server/src/docs/guides/";
const SERVED: [&str; 1] = ["/docs/api"];

/// Links that lead nowhere.
pub(super) fn breaches(tree: &Tree) -> Vec<Breach> {
    let documents: BTreeMap<&str, BTreeSet<String>> =
        markdown(tree).map(|file| (file.path.as_str(), headings(&file.text))).collect();
    let mut found = Vec::new();
    for file in markdown(tree) {
        for (line, link) in links(&file.text) {
            if let Some(wrong) = wrong(tree, &documents, &file.path, &link) {
                found.push(Breach::new(&file.path, line, format!("`{link}`: {wrong}")));
            }
        }
    }
    found
}

fn markdown(tree: &Tree) -> impl Iterator<Item = &SourceFile> {
    tree.files().filter(|file| file.extension() == "md")
}

/// Why a link leads nowhere; nothing where it leads somewhere.
fn wrong(tree: &Tree, documents: &BTreeMap<&str, BTreeSet<String>>, from: &str, link: &str) -> Option<&'static str> {
    if ELSEWHERE.iter().any(|it| link.starts_with(it)) || (from.starts_with(GUIDES) && SERVED.contains(&link)) {
        return None;
    }
    let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
    let Some(target) = resolved(from, path) else { return Some("leads out of the repository") };
    let folder = if target.is_empty() { String::new() } else { format!("{target}/") };
    if tree.get(&target).is_none() && !tree.files().any(|file| file.path.starts_with(&folder)) {
        return Some("there is no such file");
    }
    let has_heading = || documents.get(target.as_str()).is_some_and(|it| it.contains(fragment));
    (!fragment.is_empty() && !has_heading()).then_some("there is no such heading")
}

/// The path from the root that a link means; absent where it leads out of that, or begins at a root that is none.
fn resolved(from: &str, path: &str) -> Option<String> {
    if path.is_empty() {
        return Some(from.to_owned());
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()?),
            "" => return None,
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The lines of a text that stand in no fence, numbered from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    text.lines().enumerate().filter_map(move |(number, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        (!is_code && !is_fence).then_some((number + 1, line))
    })
}

/// The identifiers that code hosts give to headings: of two that are alike the second gets a number.
fn headings(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut found = BTreeSet::new();
    for (_, line) in prose(text).filter(|(_, line)| line.starts_with('#')) {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|it| it.is_alphanumeric() || " -_".contains(*it));
        let slug: String = kept.map(|it| if it == ' ' { '-' } else { it }).collect();
        let times = seen.entry(slug.clone()).or_default();
        found.insert(if *times == 0 { slug } else { format!("{slug}-{times}") });
        *times += 1;
    }
    found
}

/// The links of a text, each with its line; what stands between backticks is none.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut is_code = false;
    for (number, line) in prose(text) {
        if line.trim().is_empty() {
            is_code = false;
        }
        let mut plain = String::new();
        for (position, piece) in line.split('`').enumerate() {
            is_code ^= position != 0;
            if !is_code {
                plain.push_str(piece);
            }
        }
        let targets = plain.split("](").skip(1).filter_map(|it| it.split_once(')'));
        found.extend(targets.map(|(target, _)| (number, target.to_owned())));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &str)]) -> Vec<String> {
        breaches(&Tree::planted(files)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_link_to_a_file_that_is_not_there_is_found() {
        let files = [("docs/a.md", "# A\n\n[b](b.md) [c](../c.md)\n"), ("docs/b.md", "")];
        assert_eq!(of(&files), ["docs/a.md:3: `../c.md`: there is no such file"]);
        assert_eq!(of(&[("a.md", "[x](../b.md)")]), ["a.md:1: `../b.md`: leads out of the repository"]);
        assert_eq!(of(&[("a.md", "[x](/b.md)")]).len(), 1);
    }

    #[test]
    fn a_link_to_a_heading_that_is_not_there_is_found() {
        let b = "# One thing\n\n## Twice\n\n## Twice\n\n```sh\n# no heading\n```\n";
        let a = "[1](b.md#one-thing) [2](b.md#twice-1) [3](b.md#twice-2) [4](b.md#no-heading) [5](#here)\n";
        let found = of(&[("a.md", a), ("b.md", b)]);
        let wrong = |link: &str| format!("a.md:1: `{link}`: there is no such heading");
        assert_eq!(found, ["b.md#twice-2", "b.md#no-heading", "#here"].map(wrong));
    }

    #[test]
    fn what_leads_elsewhere_and_what_is_code_is_no_link_of_ours() {
        let a =
            "[1](https://example.com/x.md) `[2](x.md)`\n\n```md\n[3](x.md)\n```\n\nOf `two\nlines [4](x.md)` code.\n";
        assert_eq!(of(&[("a.md", a)]), [""; 0]);
        // Code in the text of a link is none of its target's.
        assert_eq!(of(&[("a.md", "[`a`](x.md)")]).len(), 1);
    }

    #[test]
    fn a_folder_with_something_in_it_is_there_and_a_guide_leads_to_the_reference() {
        let guide = format!("{GUIDES}a.md");
        assert_eq!(of(&[("a.md", "[x](docs/)"), ("docs/b.txt", ""), (&guide, "[r](/docs/api)")]), [""; 0]);
        assert_eq!(of(&[("a.md", "[r](/docs/api)")]).len(), 1);
    }
}
