//! `cargo xtask behaviours`: how far the mission is, and the upkeep of its open list.

use std::fs;

use crate::shell::{Failure, Outcome, workspace_root};
use crate::tidy::Tree;
use crate::tidy::behaviours::{Ledger, OPEN};

/// Takes the numbers that a test names out of the open list, and says how many are left.
///
/// # Errors
/// When the tree cannot be read or the list not written.
pub(crate) fn run() -> Outcome {
    let root = workspace_root();
    let tree = Tree::read(&root)?;
    let ledger = Ledger::read(&tree);
    let list = ledger.shrunk_list(&tree);
    fs::write(root.join(OPEN), list).map_err(|error| Failure::new(format!("cannot write {OPEN}: {error}")))?;
    println!("{}", ledger.summary());
    Ok(())
}
