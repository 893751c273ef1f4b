//! Which test a number is named in: its name as it is written, so that whoever reads the table finds it by a search.

use std::collections::{BTreeMap, BTreeSet};

use super::super::tree::SourceFile;
use super::{Number, numbers_in, tests_of};

/// How many lines below `test(` its title may begin.
const TITLE_WITHIN: usize = 2;

/// A test and the file that it stands in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Test {
    pub(super) name: String,
    pub(super) path: String,
}

/// Where a number is named. Ordered: what shows a statement best comes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Naming {
    tier: Tier,
    place: Place,
    /// How many numbers the test names: one that is about this alone says more of it.
    others: usize,
    /// Of those that are alike the one that stands first: what is usual is written before what is special.
    path: String,
    line: usize,
    test: Test,
}

/// Kinds of tests, the one nearest to people first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Tier {
    /// In a browser.
    Browser,
    /// Of a whole service, or of one of its layers.
    Integration,
    /// Of one module.
    Unit,
}

impl Tier {
    fn of(path: &str) -> Self {
        match path {
            it if it.starts_with("e2e/") => Self::Browser,
            it if it.contains("/tests/it/") => Self::Integration,
            _ => Self::Unit,
        }
    }
}

/// Where about a test its number stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// In its title, which promises it to whoever reads what ran.
    Title,
    /// In the comment right above it.
    Above,
    /// Among its steps.
    Within,
    /// At the head of the file.
    Head,
}

/// The tests of each number, the best first.
pub(super) struct Named(BTreeMap<Number, Vec<Naming>>);

impl Named {
    pub(super) fn read<'a>(files: impl Iterator<Item = &'a SourceFile>) -> Self {
        let mut found: BTreeMap<Number, Vec<Naming>> = BTreeMap::new();
        for file in files {
            let mentions = mentions(file);
            let mut numbers: BTreeMap<&Test, BTreeSet<Number>> = BTreeMap::new();
            for it in &mentions {
                numbers.entry(&it.test).or_default().insert(it.number);
            }
            for Mention { number, place, line, test } in &mentions {
                let (tier, others) = (Tier::of(&file.path), numbers[test].len());
                let naming =
                    Naming { tier, place: *place, others, path: file.path.clone(), line: *line, test: test.clone() };
                found.entry(*number).or_default().push(naming);
            }
        }
        found.values_mut().for_each(|it| it.sort());
        Self(found)
    }

    /// At most two: the best, and the best of another kind where there is one.
    pub(super) fn best(&self, number: Number) -> Vec<&Test> {
        let all = self.0.get(&number).map_or(&[][..], Vec::as_slice);
        let Some(first) = all.first() else { return Vec::new() };
        let others = || all.iter().filter(|it| it.test != first.test);
        let second = others().find(|it| it.tier != first.tier).or_else(|| others().next());
        [Some(first), second].into_iter().flatten().map(|it| &it.test).collect()
    }
}

/// A number as it stands in a file, with the test that it is said of.
struct Mention {
    number: Number,
    place: Place,
    line: usize,
    test: Test,
}

/// Every number of a file.
fn mentions(file: &SourceFile) -> Vec<Mention> {
    let lines: Vec<&str> = tests_of(file).lines().collect();
    let is_rust = file.extension() == "rs";
    let name_at = |at: usize| if is_rust { function_at(&lines, at) } else { title_at(&lines, at) };
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let numbers = numbers_in(line);
        if numbers.is_empty() {
            continue;
        }
        let named = test_of(&lines, at, &name_at);
        // What is no program's test has no name but its file's.
        let (place, name) = named.unwrap_or_else(|| (Place::Head, file.name().to_owned()));
        let test = Test { name, path: file.path.clone() };
        found.extend(numbers.into_iter().map(|number| Mention { number, place, line: at, test: test.clone() }));
    }
    found
}

/// The test that a line speaks of: the one that begins there or right below its comment, or else the one it stands in.
fn test_of(lines: &[&str], at: usize, name_at: &impl Fn(usize) -> Option<String>) -> Option<(Place, String)> {
    if let Some(name) = name_at(at) {
        return Some((Place::Title, name));
    }
    if is_comment(lines[at]) {
        let below = (at + 1..lines.len()).find(|it| !is_comment(lines[*it]) && !is_attribute(lines[*it]));
        if let Some(name) = below.and_then(name_at) {
            return Some((Place::Above, name));
        }
    }
    let within = (0..at).rev().find_map(name_at).map(|name| (Place::Within, name));
    within.or_else(|| (at..lines.len()).find_map(name_at).map(|name| (Place::Head, name)))
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

fn is_attribute(line: &str) -> bool {
    line.trim_start().starts_with("#[")
}

/// The name of the Rust test that begins in this line. One is known by the attribute above it.
fn function_at(lines: &[&str], at: usize) -> Option<String> {
    let (before, rest) = lines[at].split_once("fn ")?;
    let is_declared = before.split_whitespace().all(|it| it == "async" || it.starts_with("pub"));
    let name: String = rest.chars().take_while(|it| it.is_alphanumeric() || *it == '_').collect();
    let mut above = lines[..at].iter().rev().take_while(|it| is_comment(it) || is_attribute(it));
    let is_test = above.any(|it| is_attribute(it) && it.contains("test") && !it.contains("cfg("));
    (is_declared && is_test && !name.is_empty()).then_some(name)
}

/// The title of the browser's test that begins in this line, up to what is put in only when it runs.
fn title_at(lines: &[&str], at: usize) -> Option<String> {
    let (before, rest) = lines[at].split_once("test(")?;
    let is_call = !before.ends_with(|it: char| it.is_alphanumeric() || it == '_') && !is_comment(before);
    // A pattern is asked by `.test(` as well.
    let is_tests = !before.ends_with('.') || before.ends_with("scenario.");
    let mut below = lines[at + 1..].iter().take(TITLE_WITHIN).map(|it| it.trim());
    let rest = if rest.trim().is_empty() { below.next()? } else { rest.trim_start() };
    let quote = rest.chars().next().filter(|it| ['"', '\'', '`'].contains(it))?;
    let inside = &rest[quote.len_utf8()..];
    let title = &inside[..inside.find(quote)?];
    let title = title.split("${").next().filter(|it| !it.is_empty()).unwrap_or(title);
    (is_call && is_tests).then(|| title.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::super::Tree;
    use super::*;

    fn best(files: &[(&str, &str)], number: &str) -> Vec<(String, String)> {
        let tree = Tree::planted(files);
        let named = Named::read(tree.files());
        let best = named.best(Number::parse(number).unwrap());
        best.into_iter().map(|it| (it.name.clone(), it.path.clone())).collect()
    }

    fn names(path: &str, text: &str, number: &str) -> Vec<String> {
        best(&[(path, text)], number).into_iter().map(|(name, _)| name).collect()
    }

    const RUST: &str = "// S0.1: above,\n// over two lines.\n#[tokio::test]\nasync fn first_holds() {\n    f(); // S0.2\n}\n\n\
        // S0.3\nfn helper() {}\n\n#[test]\nfn second_holds() {\n    // S0.4\n    g();\n}\n";

    #[test]
    fn a_number_above_or_within_a_function_is_that_tests() {
        let path = "a/tests/it/x.rs";
        assert_eq!(names(path, RUST, "S0.1"), ["first_holds"]);
        assert_eq!(names(path, RUST, "S0.2"), ["first_holds"]);
        assert_eq!(names(path, RUST, "S0.4"), ["second_holds"]);
        // A function that is no test gives its numbers to the test before it.
        assert_eq!(names(path, RUST, "S0.3"), ["first_holds"]);
    }

    #[test]
    fn a_number_in_a_title_or_above_it_is_that_tests() {
        let text = "// S0.9\nimport x;\n  // A0.1\n  await scenario.test(\"S0.1, S0.2: one\", async () => {\n    \
            assert(x, \"S0.3: said\"); /S0/.test(\"S0.4\");\n});\ntest(`S0.5: two${how}`, f);\ntest(\n  'S0.6: three',\n";
        let path = "e2e/x.test.mjs";
        let expected = [
            ("S0.1", "S0.1, S0.2: one"),
            ("A0.1", "S0.1, S0.2: one"),
            ("S0.3", "S0.1, S0.2: one"),
            ("S0.4", "S0.1, S0.2: one"),
            ("S0.5", "S0.5: two"),
            ("S0.6", "S0.6: three"),
            ("S0.9", "S0.1, S0.2: one"),
        ];
        for (number, name) in expected {
            assert_eq!(names(path, text, number), [name], "{number}");
        }
    }

    #[test]
    fn the_browsers_test_comes_first_then_one_of_another_kind_and_no_third() {
        let unit = "#[cfg(test)]\nmod tests {\n    // S0.1\n    #[test]\n    fn unit() {}\n}\n";
        let of = |name: &str| format!("// S0.1\n#[test]\nfn {name}() {{}}\n");
        let files = [
            ("a/src/x.rs", unit),
            ("a/tests/it/x.rs", &of("over_http")),
            ("e2e/a.test.mjs", "test('S0.1, S0.2: both', f)"),
            ("e2e/b.test.mjs", "test('S0.1: it alone', f)"),
        ];
        let found = best(&files, "S0.1");
        let pair = |name: &str, path: &str| (name.to_owned(), path.to_owned());
        assert_eq!(found, [pair("S0.1: it alone", "e2e/b.test.mjs"), pair("over_http", "a/tests/it/x.rs")]);
        assert_eq!(best(&files[2..], "S0.1")[1].0, "S0.1, S0.2: both");
        assert_eq!(best(&files, "S0.7"), []);
    }

    #[test]
    fn a_test_that_names_a_number_twice_stands_once() {
        assert_eq!(names("e2e/a.test.mjs", "test('S0.1: x', () => {\n  // S0.1 again\n});", "S0.1"), ["S0.1: x"]);
    }
}
