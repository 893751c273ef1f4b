//! Every numbered statement of docs/behaviours.md has a test that names it, or stands in the list of those still open.
//!
//! The list only shrinks: a number that has a test may not stay in it, so whoever writes the test takes the number out
//! (`cargo xtask behaviours` does it), and a test that is lost leaves a number which neither side accounts for.
//!
//! Which test that is, and at which page or endpoint a statement is seen, stands in the tables at the end of the document: [`shown`].

mod named;
mod places;
mod shown;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::tree::SourceFile;
use super::{Breach, Tree};
pub(crate) use shown::{breaches as table_breaches, document};

/// Where the statements stand.
pub(crate) const STATEMENTS: &str = "docs/behaviours.md";

/// The numbers that no test names yet, one a line.
pub(crate) const OPEN: &str = "docs/behaviours-open.txt";

/// The number of a statement (`S0.10`) or of a step of a scenario (`A4.1`). Ordered as people count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number {
    series: char,
    system: u32,
    position: u32,
}

impl Number {
    /// Reads the number that the text begins with.
    fn read(text: &str) -> Option<(Self, &str)> {
        let series = text.chars().next().filter(|series| matches!(series, 'A' | 'S'))?;
        let (system, rest) = digits(&text[1..])?;
        let (position, rest) = digits(rest.strip_prefix('.')?)?;
        Some((Self { series, system, position }, rest))
    }

    /// The number, if the text is nothing else.
    fn parse(text: &str) -> Option<Self> {
        Self::read(text).filter(|(_, rest)| rest.is_empty()).map(|(number, _)| number)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}.{}", self.series, self.system, self.position)
    }
}

fn digits(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok().map(|value| (value, &text[end..]))
}

/// The state of the mission: what is stated, what is tested, what is open.
pub(crate) struct Ledger {
    stated: BTreeMap<Number, usize>,
    tested: BTreeMap<Number, String>,
    open: BTreeMap<Number, usize>,
    breaches: Vec<Breach>,
}

impl Ledger {
    /// Reads the three from the tree.
    pub(crate) fn read(tree: &Tree) -> Self {
        let mut ledger =
            Self { stated: BTreeMap::new(), tested: BTreeMap::new(), open: BTreeMap::new(), breaches: Vec::new() };
        ledger.read_statements(tree);
        ledger.read_open(tree);
        for file in tree.files() {
            for number in numbers_in(tests_of(file)) {
                ledger.tested.entry(number).or_insert_with(|| file.path.clone());
            }
        }
        ledger
    }

    fn read_statements(&mut self, tree: &Tree) {
        let text = tree.get(STATEMENTS).map_or("", |file| &file.text);
        for (index, number) in stated(text) {
            if self.stated.insert(number, index + 1).is_some() {
                self.breaches.push(Breach::new(STATEMENTS, index + 1, format!("{number} is stated twice")));
            }
        }
        if self.stated.is_empty() {
            self.breaches.push(Breach::new(STATEMENTS, 0, "no numbered statement found"));
        }
    }

    fn read_open(&mut self, tree: &Tree) {
        let text = tree.get(OPEN).map_or("", |file| &file.text);
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            match Number::parse(line) {
                Some(number) if self.open.insert(number, index + 1).is_none() => {}
                Some(number) => self.breaches.push(Breach::new(OPEN, index + 1, format!("{number} stands here twice"))),
                None => self.breaches.push(Breach::new(OPEN, index + 1, format!("`{line}` is not a number"))),
            }
        }
    }

    /// The open list without the numbers that a test names.
    pub(crate) fn shrunk_list(&self, tree: &Tree) -> String {
        let text = tree.get(OPEN).map_or("", |file| &file.text);
        let stays = |line: &&str| Number::parse(line).is_none_or(|number| !self.tested.contains_key(&number));
        text.lines().filter(stays).flat_map(|line| [line, "\n"]).collect()
    }

    /// One line for the terminal.
    pub(crate) fn summary(&self) -> String {
        let tested = self.stated.keys().filter(|number| self.tested.contains_key(number)).count();
        let open: BTreeSet<_> = self.open.keys().filter(|number| !self.tested.contains_key(number)).collect();
        format!("behaviours: {} stated, {tested} named by a test, {} open", self.stated.len(), open.len())
    }

    fn into_breaches(mut self) -> Vec<Breach> {
        for (number, line) in &self.stated {
            if !self.tested.contains_key(number) && !self.open.contains_key(number) {
                let message = format!("{number} has no test that names it and does not stand in {OPEN}");
                self.breaches.push(Breach::new(STATEMENTS, *line, message));
            }
        }
        for (number, line) in &self.open {
            if !self.stated.contains_key(number) {
                self.breaches.push(Breach::new(OPEN, *line, format!("{number} is not stated in {STATEMENTS}")));
            } else if let Some(test) = self.tested.get(number) {
                let message = format!("{number} is tested in {test}: take it out (`cargo xtask behaviours`)");
                self.breaches.push(Breach::new(OPEN, *line, message));
            }
        }
        for (number, test) in &self.tested {
            if !self.stated.contains_key(number) {
                self.breaches.push(Breach::new(test, 0, format!("{number} is not stated in {STATEMENTS}")));
            }
        }
        self.breaches
    }
}

/// Every statement with the index of its line: a list item that begins with its number, `- **S0.10** …`.
fn stated(text: &str) -> impl Iterator<Item = (usize, Number)> {
    let number = |line: &str| line.strip_prefix("- **").and_then(Number::read).map(|(number, _)| number);
    text.lines().enumerate().filter_map(move |(index, line)| number(line).map(|number| (index, number)))
}

/// Numbers without a test or an entry, entries with a test, entries that do not exist.
pub(super) fn breaches(tree: &Tree) -> Vec<Breach> {
    Ledger::read(tree).into_breaches()
}

/// The part of the file in which a number counts as tested.
fn tests_of(file: &SourceFile) -> &str {
    let is_code = matches!(file.extension(), "rs" | "js" | "mjs" | "ts" | "py" | "sh");
    let in_tests = file.path.starts_with("e2e/") || format!("/{}", file.path).contains("/tests/");
    match file.extension() {
        // This rule's own tests speak about made-up numbers.
        "rs" if file.path.starts_with("xtask/") => "",
        _ if is_code && (in_tests || file.name().ends_with("tests.rs")) => &file.text,
        // The tests of a module are its last item.
        "rs" => file.text.find("#[cfg(test)]\nmod ").map_or("", |start| &file.text[start..]),
        _ => "",
    }
}

/// Every number in the text that is not part of a longer word.
fn numbers_in(text: &str) -> Vec<Number> {
    let mut numbers = Vec::new();
    for (position, _) in text.match_indices(['A', 'S']) {
        if text[..position].ends_with(|character: char| character.is_alphanumeric() || "_-.".contains(character)) {
            continue;
        }
        let Some((number, rest)) = Number::read(&text[position..]) else {
            continue;
        };
        let continues = rest.starts_with(|character: char| character.is_alphanumeric() || character == '_')
            || (rest.starts_with('.') && rest[1..].starts_with(|character: char| character.is_ascii_digit()));
        if !continues {
            numbers.push(number);
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: (&str, &str) = (STATEMENTS, "# x\n- **S0.1** One.\n- **S0.2** Two.\n- **A4.1** Step.\n");

    fn messages(files: &[(&str, &str)]) -> Vec<String> {
        breaches(&Tree::planted(files)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_number_tested_or_open_is_tidy() {
        let files = [
            DOCUMENT,
            (OPEN, "# open\n\nS0.2\n"),
            ("crates/server/tests/it/keys.rs", "// S0.1\n"),
            ("e2e/orufy.test.mjs", "test('A4.1: creates')"),
        ];
        assert_eq!(messages(&files), [""; 0]);
    }

    #[test]
    fn number_without_test_or_entry_is_a_breach() {
        let found = messages(&[DOCUMENT, (OPEN, "S0.2\nA4.1\n")]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("docs/behaviours.md:2: S0.1 has no test"), "{found:?}");
    }

    #[test]
    fn number_with_both_is_a_breach() {
        let found = messages(&[DOCUMENT, (OPEN, "S0.1\nS0.2\nA4.1\n"), ("a/tests/it/x.rs", "// S0.1")]);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("take it out"), "{found:?}");
    }

    #[test]
    fn entry_and_test_of_unknown_numbers_are_breaches() {
        let found = messages(&[DOCUMENT, (OPEN, "S0.1\nS0.2\nA4.1\nS9.9\n"), ("a/tests/it/x.rs", "// S0.77")]);
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn number_outside_tests_does_not_count() {
        let source = "// S0.1\nfn f() {}\n";
        assert!(numbers_in(tests_of(Tree::planted(&[("a/src/x.rs", source)]).files().next().expect("one"))).is_empty());
        let with_tests = format!("{source}\n#[cfg(test)]\nmod tests {{ /* S0.2 */ }}\n");
        let tree = Tree::planted(&[("a/src/x.rs", &with_tests)]);
        let numbers = numbers_in(tests_of(tree.files().next().expect("one")));
        assert_eq!(numbers, [Number { series: 'S', system: 0, position: 2 }]);
    }

    #[test]
    fn parts_of_longer_words_are_no_numbers() {
        assert!(numbers_in("xS0.1 S0.1a S0.1.2 S0 S.1 AS0.1 v-A4.1").is_empty());
        assert_eq!(numbers_in("(S0.1), `A4.1`. S0.2.").len(), 3);
    }

    #[test]
    fn shrunk_list_keeps_its_comments_and_loses_the_tested() {
        let files = [DOCUMENT, (OPEN, "# open\nS0.1\nS0.2\n"), ("a/tests/it/x.rs", "// S0.1")];
        let tree = Tree::planted(&files);
        assert_eq!(Ledger::read(&tree).shrunk_list(&tree), "# open\nS0.2\n");
    }

    #[test]
    fn document_without_statements_is_a_breach() {
        assert_eq!(messages(&[(STATEMENTS, "# empty\n")]).len(), 1);
    }
}
