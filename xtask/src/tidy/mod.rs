//! Rules about the source tree that no compiler keeps: which layer may name which, how long a file may be, what must not be
//! written down. `cargo test` runs them as `tree_is_tidy`, `cargo xtask check` runs them first.
//!
//! Each rule is a function from the [`Tree`] to its breaches, and has a positive control beside it: a test with a planted
//! breach, because a rule that never fires looks exactly like a tidy tree.

pub(crate) mod behaviours;
mod code;
mod files;
mod layers;
mod links;
mod manifests;
mod modules;
mod tree;
mod unchecked;
mod words;

use std::fmt;

use crate::shell::{Failure, Outcome, workspace_root};
pub(crate) use tree::Tree;

/// One place where a rule is broken.
#[derive(Debug)]
pub(crate) struct Breach {
    /// The file, relative to the root of the workspace.
    path: String,
    /// The line, counted from 1; 0 when the breach is of the file as a whole.
    line: usize,
    /// What is wrong, and what to do instead.
    message: String,
}

impl Breach {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            write!(formatter, "{}: {}", self.path, self.message)
        } else {
            write!(formatter, "{}:{}: {}", self.path, self.line, self.message)
        }
    }
}

/// All breaches of all rules.
fn breaches(tree: &Tree) -> Vec<Breach> {
    let rules = [
        manifests::breaches,
        layers::breaches,
        files::breaches,
        modules::breaches,
        unchecked::breaches,
        words::breaches,
        behaviours::breaches,
        behaviours::table_breaches,
        links::breaches,
    ];
    rules.iter().flat_map(|rule| rule(tree)).collect()
}

/// Reads the tree and reports every breach.
///
/// # Errors
/// When a rule is broken, or the tree cannot be read.
pub(crate) fn run() -> Outcome {
    let found = breaches(&Tree::read(&workspace_root())?);
    if found.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("the tree is not tidy, {} breaches:\n{}", found.len(), listed(&found))))
}

/// One breach a line.
pub(crate) fn listed(found: &[Breach]) -> String {
    let lines: Vec<String> = found.iter().map(|breach| format!("  {breach}")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tree_is_tidy() {
        if let Err(failure) = run() {
            panic!("{failure}");
        }
    }
}
