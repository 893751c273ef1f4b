//! How many tests passed and failed, read from what the runners print; and which failed, so that those can be run once more.
//!
//! What fails is run a second time by itself. If it passes then, the run is good, but says at its end that the test is unsteady: a run of
//! thousands of real processes, browsers and killed databases that one late answer turns red would be run again as a whole by hand, and be
//! believed less each time. That many fail at once is no such thing, and they get no second chance.

use std::collections::BTreeSet;
use std::fmt;
use std::process::Command;

use crate::shell::{Failure, Outcome, display, run_watched};

/// Numbers of tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) passed: u64,
    pub(super) failed: u64,
    /// Ignored or skipped.
    pub(super) skipped: u64,
}

impl Counts {
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped != 0 {
            write!(formatter, ", {} left out", self.skipped)?;
        }
        Ok(())
    }
}

/// How many failed tests, or files of them, are run a second time; more of them are one fault.
const SECOND_CHANCES_MAX: usize = 5;

/// What a runner did: its counts, and why it did not succeed.
#[derive(Default)]
pub(super) struct Report {
    pub(super) counts: Counts,
    pub(super) failure: Option<Failure>,
    /// What failed at first and passed by itself.
    pub(super) unsteady: Vec<String>,
    /// Whether all that was begun came to an end.
    is_whole: bool,
}

/// How to read what a runner prints, line by line.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    pub(super) count: fn(&str) -> Option<Counts>,
    /// How many tests it has begun with.
    pub(super) begun: fn(&str) -> Option<u64>,
    /// What to name when this is to be run again.
    pub(super) failed: fn(&str) -> Option<String>,
}

impl From<Failure> for Report {
    fn from(failure: Failure) -> Self {
        Self { failure: Some(failure), ..Self::default() }
    }
}

/// A step that runs no tests itself.
impl From<Outcome> for Report {
    fn from(outcome: Outcome) -> Self {
        outcome.map_or_else(Self::from, |()| Self::default())
    }
}

/// Runs tests and adds up what is printed of them. `command` says how all are run, or just those of these names; a failed one is run once more.
pub(super) fn run_counted(command: impl Fn(&[String]) -> Command, reading: Reading) -> Report {
    let (first, failed) = run_once(&mut command(&[]), reading);
    let may_be_unsteady = !failed.is_empty() && failed.len() <= SECOND_CHANCES_MAX && first.counts.skipped == 0;
    if first.failure.is_none() || !first.is_whole || !may_be_unsteady {
        return first;
    }
    println!("once more, by themselves: {}", failed.join(", "));
    let (second, _) = run_once(&mut command(&failed), reading);
    // What was named and did not run, an example of the documentation say, has not passed.
    if second.failure.is_some() || second.counts.passed < failed.len() as u64 {
        return first;
    }
    let counts = Counts { passed: first.counts.passed + first.counts.failed, failed: 0, ..first.counts };
    Report { counts, failure: None, unsteady: failed, is_whole: true }
}

fn run_once(command: &mut Command, reading: Reading) -> (Report, Vec<String>) {
    let (mut counts, mut failed, mut begun) = (Counts::default(), BTreeSet::new(), 0);
    let outcome = run_watched(command, |line| {
        if let Some(more) = (reading.count)(line) {
            counts = counts.plus(more);
        }
        begun += (reading.begun)(line).unwrap_or_default();
        failed.extend((reading.failed)(line));
    });
    let failure = outcome.and_then(|status| check(status.success(), counts, command)).err();
    // A program that died in the middle tells of no more tests, and what it did not run would be forgotten.
    let is_whole = begun == counts.passed + counts.failed + counts.skipped;
    (Report { counts, failure, is_whole, ..Report::default() }, failed.into_iter().collect())
}

fn check(is_success: bool, counts: Counts, command: &Command) -> Outcome {
    let line = display(command);
    if !is_success || counts.failed != 0 {
        return Err(Failure::new(format!("`{line}`: {} failed", counts.failed)));
    }
    if counts.skipped != 0 {
        // A test that is left out looks like one that passed.
        return Err(Failure::new(format!("`{line}`: {} tests were left out", counts.skipped)));
    }
    if counts.passed == 0 {
        return Err(Failure::new(format!("`{line}` ran no test: is the filter right?")));
    }
    Ok(())
}

/// How cargo's lines are read.
pub(super) const CARGO: Reading = Reading { count: of_cargo_line, begun: begun_of_cargo, failed: failed_of_cargo };

/// How the lines of node's `spec` reporter are read.
pub(super) const NODE: Reading = Reading { count: of_node_line, begun: begun_of_node, failed: failed_of_node };

/// The number of a line such as `running 43 tests`.
fn begun_of_cargo(line: &str) -> Option<u64> {
    let (number, rest) = line.strip_prefix("running ")?.split_once(' ')?;
    matches!(rest, "test" | "tests").then(|| number.parse().ok())?
}

/// The number of a line such as `ℹ tests 6`.
fn begun_of_node(line: &str) -> Option<u64> {
    line.strip_prefix('ℹ')?.trim_start().strip_prefix("tests ")?.parse().ok()
}

/// The test of a line such as `test process::crash::a_lost_write_is_found ... FAILED`.
fn failed_of_cargo(line: &str) -> Option<String> {
    let name = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
    Some(name.trim_end_matches(" - should panic").to_owned())
}

/// The file of a line such as `test at keys.test.mjs:12:1`, which stands above what went wrong.
fn failed_of_node(line: &str) -> Option<String> {
    let (file, place) = line.trim_start().strip_prefix("test at ")?.split_once(':')?;
    (file.ends_with(".test.mjs") && place.starts_with(|it: char| it.is_ascii_digit())).then(|| file.to_owned())
}

/// Reads a line such as `test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s`.
fn of_cargo_line(line: &str) -> Option<Counts> {
    let rest = line.strip_prefix("test result: ")?;
    let number = |what: &str| {
        let part = rest.split([';', '.']).find(|part| part.trim_end().ends_with(what))?;
        part.split_whitespace().next()?.parse().ok()
    };
    Some(Counts { passed: number("passed")?, failed: number("failed")?, skipped: number("ignored")? })
}

/// Reads a line of the closing block of node's `spec` reporter, such as `ℹ pass 5`.
fn of_node_line(line: &str) -> Option<Counts> {
    let (what, number) = line.strip_prefix('ℹ')?.trim_start().split_once(' ')?;
    let number = number.parse().ok()?;
    let none = Counts::default();
    match what {
        "pass" => Some(Counts { passed: number, ..none }),
        "fail" | "cancelled" => Some(Counts { failed: number, ..none }),
        "skipped" | "todo" => Some(Counts { skipped: number, ..none }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_result_line_is_read() {
        let line = "test result: FAILED. 41 passed; 1 failed; 2 ignored; 0 measured; 7 filtered out; finished in 0.08s";
        assert_eq!(of_cargo_line(line), Some(Counts { passed: 41, failed: 1, skipped: 2 }));
        assert_eq!(of_cargo_line("test tidy::tree_is_tidy ... ok"), None);
    }

    #[test]
    fn node_result_lines_are_read() {
        let sum =
            ["ℹ tests 6", "ℹ pass 3", "ℹ fail 1", "ℹ cancelled 1", "ℹ skipped 1", "✔ pass 9", "ℹ duration_ms 3.5"]
                .into_iter()
                .filter_map(of_node_line)
                .fold(Counts::default(), Counts::plus);
        assert_eq!(sum, Counts { passed: 3, failed: 2, skipped: 1 });
    }

    /// A command whose tests print this, all of them and those that are named.
    fn run_printing(all: &'static str, named: &'static str) -> Report {
        let command = |names: &[String]| {
            let mut command = Command::new("sh");
            command.args(["-c", if names.is_empty() { all } else { named }]).args(names);
            command
        };
        run_counted(command, CARGO)
    }

    const PASSED: &str =
        "echo 'running 1 test'; echo 'test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 7 filtered out'";
    const FAILED: &str = "echo 'running 8 tests'; echo 'test a::b ... FAILED'; echo 'test result: FAILED. 7 passed; 1 failed; 0 ignored'; exit 1";

    #[test]
    fn run_without_any_test_is_a_failure() {
        let report = run_printing("true", "true");
        assert!(report.failure.is_some_and(|failure| failure.to_string().contains("ran no test")));
    }

    #[test]
    fn test_left_out_is_a_failure() {
        let line = "echo 'test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out'";
        let report = run_printing(line, line);
        assert!(report.failure.is_some_and(|failure| failure.to_string().contains("1 tests were left out")));
    }

    #[test]
    fn test_that_fails_and_then_passes_by_itself_is_named_as_unsteady() {
        let report = run_printing(FAILED, PASSED);
        assert!(report.failure.is_none());
        assert_eq!((report.counts.passed, report.counts.failed), (8, 0));
        assert_eq!(report.unsteady, ["a::b"]);
    }

    #[test]
    fn test_that_fails_twice_or_beside_many_or_cannot_be_run_again_is_a_failure() {
        assert_eq!(run_printing(FAILED, FAILED).counts.failed, 1);
        assert!(run_printing(FAILED, FAILED).failure.is_some());
        assert!(run_printing(FAILED, "true").failure.is_some());
        let many = "for it in 1 2 3 4 5 6; do echo \"test $it ... FAILED\"; done; exit 1";
        assert!(run_printing(many, PASSED).failure.is_some());
        assert!(run_printing("exit 1", PASSED).failure.is_some());
        // Another program died beside it, another test was left out, and another one failed that cannot be named.
        for beside in [
            "echo 'running 3 tests'",
            "echo 'running 1 test'; echo 'test result: ok. 0 passed; 0 failed; 1 ignored'",
            "echo 'running 1 test'; echo 'test src/a.rs - b (line 3) ... FAILED'; echo 'test result: FAILED. 0 passed; 1 failed; 0 ignored'",
        ] {
            let all: &'static str = Box::leak(format!("{beside}; {FAILED}").into_boxed_str());
            assert!(run_printing(all, PASSED).failure.is_some(), "{beside}");
        }
    }

    #[test]
    fn names_of_failed_tests_are_read() {
        assert_eq!(failed_of_cargo("test a::b - should panic ... FAILED").as_deref(), Some("a::b"));
        assert_eq!(failed_of_cargo("test a::b ... ok"), None);
        assert_eq!(failed_of_node("test at keys.test.mjs:12:1").as_deref(), Some("keys.test.mjs"));
        assert_eq!(failed_of_node("test at noon"), None);
    }
}
