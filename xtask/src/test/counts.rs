//! How many tests passed and failed, read from what the runners print.

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

/// What a runner did: its counts, and why it did not succeed.
#[derive(Default)]
pub(super) struct Report {
    pub(super) counts: Counts,
    pub(super) failure: Option<Failure>,
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

/// Runs the command and adds up the counts that `count` finds in the lines it prints.
pub(super) fn run_counted(command: &mut Command, count: fn(&str) -> Option<Counts>) -> Report {
    let mut counts = Counts::default();
    let outcome = run_watched(command, |line| {
        if let Some(more) = count(line) {
            counts = counts.plus(more);
        }
    });
    let failure = outcome.and_then(|status| check(status.success(), counts, command)).err();
    Report { counts, failure }
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

/// Reads a line such as `test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s`.
pub(super) fn of_cargo_line(line: &str) -> Option<Counts> {
    let rest = line.strip_prefix("test result: ")?;
    let number = |what: &str| {
        let part = rest.split([';', '.']).find(|part| part.trim_end().ends_with(what))?;
        part.split_whitespace().next()?.parse().ok()
    };
    Some(Counts { passed: number("passed")?, failed: number("failed")?, skipped: number("ignored")? })
}

/// Reads a line of the closing block of node's `spec` reporter, such as `ℹ pass 5`.
pub(super) fn of_node_line(line: &str) -> Option<Counts> {
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

    #[test]
    fn run_without_any_test_is_a_failure() {
        let report = run_counted(Command::new("sh").args(["-c", "true"]), of_cargo_line);
        assert!(report.failure.is_some_and(|failure| failure.to_string().contains("ran no test")));
    }

    #[test]
    fn test_left_out_is_a_failure() {
        let line = "test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out";
        let report = run_counted(Command::new("echo").arg(line), of_cargo_line);
        assert!(report.failure.is_some_and(|failure| failure.to_string().contains("1 tests were left out")));
    }
}
