//! `cargo xtask openapi`: keeps the committed openapi.json equal to what the handlers say.
//!
//! The document is committed because a change of the API must be visible in review, not only in the code that causes it.

use std::fs;

use clap::Args;

use crate::shell::{Failure, Outcome, cargo, read, workspace_root};

/// Options of `cargo xtask openapi`.
#[derive(Args)]
pub(crate) struct Options {
    /// Only compare; fail when the committed document differs.
    #[arg(long)]
    pub(crate) check: bool,
}

/// Writes openapi.json, or compares it.
///
/// # Errors
/// When the document cannot be generated or written, or differs under `--check`.
pub(crate) fn run(options: &Options) -> Outcome {
    let path = workspace_root().join("openapi.json");
    let generated = read(cargo().args(["run", "--quiet", "--package", "claviger", "--", "openapi"]))?;
    if !options.check {
        fs::write(&path, generated).map_err(|error| Failure::new(format!("cannot write openapi.json: {error}")))?;
        println!("openapi.json written");
        return Ok(());
    }
    let committed = fs::read_to_string(&path).map_err(|error| {
        Failure::new(format!("cannot read openapi.json: {error}\nRun `cargo xtask openapi` and commit the file."))
    })?;
    match first_difference(&committed, &generated) {
        None => Ok(()),
        Some(difference) => Err(Failure::new(format!(
            "openapi.json is not what the handlers say.\n{difference}\nRun `cargo xtask openapi`, read the change, commit it."
        ))),
    }
}

/// Names the first line in which two texts differ, for a message; `None` when they are equal.
pub(crate) fn first_difference(committed: &str, generated: &str) -> Option<String> {
    if committed == generated {
        return None;
    }
    let (mut ours, mut theirs) = (committed.lines(), generated.lines());
    let mut number = 0;
    loop {
        number += 1;
        let (committed_line, generated_line) = (ours.next(), theirs.next());
        if committed_line != generated_line || committed_line.is_none() {
            let (committed_line, generated_line) =
                (committed_line.unwrap_or("(end)"), generated_line.unwrap_or("(end)"));
            return Some(format!("line {number}:\n  committed: {committed_line}\n  generated: {generated_line}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_documents_have_no_difference() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
    }

    #[test]
    fn changed_line_is_named() {
        let difference = first_difference("a\nb\n", "a\nc\n").expect("they differ");
        assert!(difference.starts_with("line 2:"), "{difference}");
    }

    #[test]
    fn missing_last_line_break_is_a_difference() {
        assert!(first_difference("a\n", "a").is_some());
    }
}
