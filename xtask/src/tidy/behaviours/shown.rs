//! The tables at the end of docs/behaviours.md: each statement, the tests that show it, and the page or endpoint it is seen at.
//!
//! The tests are found; where a statement is seen is written by hand into its row, and kept.

use std::collections::BTreeMap;

use super::super::{Breach, Tree};
use super::named::{Named, Test};
use super::places::Places;
use super::{Number, STATEMENTS, stated};

/// The line that the section begins with, and what it says before its tables.
const HEADING: &str = "## Where each is shown";
const BEGINNING: &str = "\
The tests are found by their numbers, at most two of each, and written by `cargo xtask behaviours`. Pages and endpoints are
written by hand, into the last column, between backticks: pages by the way to them, as far as the menus and buttons lead. What
has no page is seen where its effect is asked about.";

/// The document as it should be: the tests as they are named now, the places as they stand in it.
pub(crate) fn document(tree: &Tree) -> String {
    let text = tree.get(STATEMENTS).map_or("", |file| &file.text);
    let (by_hand, section) = split(text);
    let places = rows(section);
    let named = Named::read(tree.files());
    let mut wanted = format!("{}\n\n{HEADING}\n\n{BEGINNING}\n", by_hand.trim_end());
    let mut open = None;
    for (group, number) in grouped(by_hand) {
        if open != Some(group) {
            let (system, name) = group.split_once(' ').unwrap_or((group, ""));
            let name = name.split(',').next().unwrap_or_default();
            wanted
                .push_str(&format!("\n### {name}, {system}\n\n| number | test | page or endpoint |\n|---|---|---|\n"));
            open = Some(group);
        }
        let tests: Vec<String> = named.best(number).into_iter().map(cell).collect();
        let tests = if tests.is_empty() { "none yet".to_owned() } else { tests.join("<br>") };
        let place = places.get(&number).map_or("", |(place, _)| place);
        wanted.push_str(&format!("| {number} | {tests} | {place} |\n"));
    }
    wanted
}

/// Tables that are not as they should be, rows without a place, places that are not there.
pub(crate) fn breaches(tree: &Tree) -> Vec<Breach> {
    let Some(file) = tree.get(STATEMENTS) else { return Vec::new() };
    let wanted = document(tree);
    let (by_hand, section) = split(&file.text);
    let mut found = Vec::new();
    let places = Places::read(tree);
    let above = file.text.lines().count() - section.lines().count();
    let rows = rows(section);
    for (_, number) in stated(by_hand) {
        let (line, wrong) = match rows.get(&number) {
            Some((place, line)) if !place.is_empty() => (above + line, places.wrong(place)),
            Some((_, line)) => (above + line, Some("has no page or endpoint".to_owned())),
            None => (0, Some("has no row under “Where each is shown”".to_owned())),
        };
        found.extend(wrong.map(|it| Breach::new(STATEMENTS, line, format!("{number} {it}"))));
    }
    if file.text != wanted {
        let differs = file.text.lines().zip(wanted.lines()).take_while(|(is, should)| is == should).count();
        let message = "the tables are not what the tests say: run `cargo xtask behaviours`, commit it";
        found.push(Breach::new(STATEMENTS, differs + 1, message));
    }
    found
}

/// What is written by hand, and the section with its heading.
fn split(text: &str) -> (&str, &str) {
    let at = text.find(&format!("\n{HEADING}\n")).map_or(text.len(), |it| it + 1);
    text.split_at(at)
}

/// Every statement with the heading that it stands under.
fn grouped(text: &str) -> impl Iterator<Item = (&str, Number)> {
    let mut group = "";
    text.lines().filter_map(move |line| {
        if line.starts_with('#') {
            group = line.trim_start_matches('#').trim();
        }
        stated(line).next().map(|(_, number)| (group, number))
    })
}

/// The places that stand in the tables, each with its line in the section, counted from 1.
fn rows(section: &str) -> BTreeMap<Number, (&str, usize)> {
    section
        .lines()
        .enumerate()
        .filter_map(|(index, line)| {
            let cells = cells(line)?;
            Number::parse(cells[0]).map(|number| (number, (cells[2], index + 1)))
        })
        .collect()
}

/// The three cells of a row.
fn cells(line: &str) -> Option<[&str; 3]> {
    let inside = line.strip_prefix('|')?.trim_end().strip_suffix('|')?;
    let (number, rest) = inside.split_once('|')?;
    let (tests, place) = rest.rsplit_once('|')?;
    Some([number.trim(), tests.trim(), place.trim()])
}

fn cell(test: &Test) -> String {
    let name = test.name.replace('|', "\\|");
    let fence = if name.contains('`') { "``" } else { "`" };
    format!("{fence}{name}{fence}, {}", test.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BY_HAND: &str = "# x\n\n## S0 Crelate, a CRM\n\n- **S0.1** One.\n- **S0.2** Two.\n\n## More\n\n### A4 Orufy\n\n- **A4.1** Step.\n";
    const TESTS: [(&str, &str); 2] = [
        ("crates/a/tests/it/x.rs", "// S0.1\n#[test]\nfn one_holds() {}\n"),
        ("e2e/x.test.mjs", "test('S0.1: a | b', f);\ntest('A4.1: step', f);\n"),
    ];
    const API: (&str, &str) = (
        "openapi.json",
        "{\n  \"paths\": {\n    \"/a\": {\n      \"get\": {\n    },\n    \"/b\": {\n      \"put\": {\n",
    );

    fn tree(document: &str) -> Tree {
        Tree::planted(&[(STATEMENTS, document), TESTS[0], TESTS[1], API])
    }

    /// The document as written, with a place in each row.
    fn whole() -> String {
        let empty = document(&tree(BY_HAND));
        let mut places = ["`GET /a`", "`PUT /b`", "`GET /a`, `PUT /b`"].into_iter();
        let filled = |line: &str| match line.strip_suffix("|  |") {
            Some(row) => format!("{row}| {} |\n", places.next().unwrap()),
            None => format!("{line}\n"),
        };
        empty.lines().map(filled).collect()
    }

    fn messages(document: &str) -> Vec<String> {
        breaches(&tree(document)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_statement_gets_a_row_in_the_table_of_its_group() {
        let tables = "\n### Crelate, S0\n\n| number | test | page or endpoint |\n|---|---|---|\n\
            | S0.1 | `S0.1: a \\| b`, e2e/x.test.mjs<br>`one_holds`, crates/a/tests/it/x.rs | `GET /a` |\n\
            | S0.2 | none yet | `PUT /b` |\n\
            \n### Orufy, A4\n\n| number | test | page or endpoint |\n|---|---|---|\n\
            | A4.1 | `A4.1: step`, e2e/x.test.mjs | `GET /a`, `PUT /b` |\n";
        assert_eq!(whole(), format!("{BY_HAND}\n{HEADING}\n\n{BEGINNING}\n{tables}"));
        assert_eq!(messages(&whole()), [""; 0]);
    }

    #[test]
    fn what_was_written_by_hand_is_kept() {
        assert_eq!(document(&tree(&whole())), whole());
        // Under another test too.
        let renamed = Tree::planted(&[(STATEMENTS, &whole()), ("e2e/y.mjs", "test('S0.2: new', f)"), API]);
        assert!(document(&renamed).contains("| S0.2 | `S0.2: new`, e2e/y.mjs | `PUT /b` |\n"));
    }

    #[test]
    fn a_table_that_says_another_test_is_a_breach() {
        let found = messages(&whole().replace("`one_holds`", "`one_held`"));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("docs/behaviours.md:24: the tables are not"), "{found:?}");
        assert_eq!(messages(&whole().replace("| none yet |", "| nothing |")).len(), 1);
        assert_eq!(messages(&format!("{}more\n", whole())).len(), 1);
    }

    #[test]
    fn a_statement_without_a_place_is_a_breach() {
        let found = messages(&whole().replace("| `PUT /b` |\n", "| |\n"));
        assert!(found[0].ends_with("S0.2 has no page or endpoint"), "{found:?}");
        let found = messages(BY_HAND);
        assert_eq!(found.iter().filter(|it| it.contains("has no row")).count(), 3, "{found:?}");
    }

    #[test]
    fn a_place_that_is_not_there_is_a_breach() {
        let found = messages(&whole().replace("| `PUT /b` |", "| `PUT /c` |"));
        assert_eq!(found, ["docs/behaviours.md:25: S0.2 `PUT /c`: openapi.json has no such endpoint"]);
    }
}
