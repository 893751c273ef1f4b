//! `cargo xtask behaviours`: how far the mission is, and the upkeep of its open list and its tables.

use std::fs;

use crate::shell::{Failure, Outcome, workspace_root};
use crate::tidy::behaviours::{Ledger, OPEN, STATEMENTS, document, table_breaches};
use crate::tidy::{Tree, listed};

/// Takes the numbers that a test names out of the open list, writes the tests into the tables, and says how many are left.
///
/// # Errors
/// When the tree cannot be read or a file not be written, or what is written by hand into the tables is missing or wrong.
pub(crate) fn run() -> Outcome {
    let root = workspace_root();
    let tree = Tree::read(&root)?;
    let ledger = Ledger::read(&tree);
    for (path, text) in [(OPEN, ledger.shrunk_list(&tree)), (STATEMENTS, document(&tree))] {
        fs::write(root.join(path), text).map_err(|error| Failure::new(format!("cannot write {path}: {error}")))?;
    }
    println!("{}", ledger.summary());
    let found = table_breaches(&Tree::read(&root)?);
    if found.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("{STATEMENTS} is written, but by hand there is more to do:\n{}", listed(&found))))
}
