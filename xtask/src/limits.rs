//! `cargo xtask limits`: writes the tables of docs/limits.md from the constants, so that the two cannot differ.

use std::fs;

use clap::Args;

use crate::shell::{Failure, Outcome, workspace_root};
use crate::tidy::Tree;

/// The document, whose text is written by hand above the marker.
const DOCUMENT: &str = "docs/limits.md";

/// What follows this line is generated.
const MARKER: &str = "<!-- From here on written by `cargo xtask limits`. -->";

/// Where limits stand, and under which heading they are listed.
const SOURCES: [(&str, &str); 4] = [
    ("The domain", "crates/core/src/limits.rs"),
    ("Storage", "crates/store/src/limits.rs"),
    ("Verification", "crates/verifier/src/limits.rs"),
    ("The service", "crates/server/src/limits.rs"),
];

/// Options of `cargo xtask limits`.
#[derive(Args)]
pub(crate) struct Options {
    /// Only compare; fail when the committed document differs.
    #[arg(long)]
    pub(crate) check: bool,
}

/// Writes the document, or compares it.
///
/// # Errors
/// When it cannot be read or written, or differs under `--check`.
pub(crate) fn run(options: &Options) -> Outcome {
    let root = workspace_root();
    let tree = Tree::read(&root)?;
    let committed = tree.get(DOCUMENT).map_or("", |file| &file.text);
    let wanted = document(committed, &tree)?;
    if committed == wanted {
        return Ok(());
    }
    if options.check {
        return Err(Failure::new(format!(
            "{DOCUMENT} is not what the constants say. Run `cargo xtask limits`, commit it."
        )));
    }
    fs::write(root.join(DOCUMENT), wanted)
        .map_err(|error| Failure::new(format!("cannot write {DOCUMENT}: {error}")))?;
    println!("{DOCUMENT} written");
    Ok(())
}

/// The document with its tables as the constants are now.
fn document(committed: &str, tree: &Tree) -> Outcome<String> {
    let (by_hand, _) =
        committed.split_once(MARKER).ok_or_else(|| Failure::new(format!("{DOCUMENT} has lost the line `{MARKER}`")))?;
    let mut text = format!("{by_hand}{MARKER}\n");
    for (heading, path) in SOURCES {
        let Some(file) = tree.get(path) else { continue };
        text.push_str(&format!("\n## {heading}\n\n| what | limit | constant |\n|---|---|---|\n"));
        let limits = limits_in(&file.text);
        for limit in &limits {
            // One that is another one says its number: nobody wants to look up what it is called.
            let same = limits.iter().find(|it| limit.value == format!("`{}`", it.name));
            let value = &same.unwrap_or(limit).value;
            text.push_str(&format!("| {} | {value} | `{}` |\n", limit.what, limit.name));
        }
    }
    Ok(text)
}

#[derive(Debug, PartialEq, Eq)]
struct Limit {
    what: String,
    value: String,
    name: String,
}

/// Every `pub const NAME: Type = value;` with the comment above it.
fn limits_in(source: &str) -> Vec<Limit> {
    let mut limits = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    for line in source.lines() {
        if let Some(text) = line.strip_prefix("///") {
            comment.push(text.trim());
        } else if let Some((name, rest)) = line.strip_prefix("pub const ").and_then(|rest| rest.split_once(':')) {
            if let Some((_, value)) = rest.trim_end_matches(';').split_once(" = ") {
                let what = comment.join(" ").trim_end_matches('.').replace('|', "\\|");
                limits.push(Limit { what, value: readable(value), name: name.to_owned() });
            }
            comment.clear();
        } else {
            comment.clear();
        }
    }
    limits
}

/// A number, product or duration as people write it; anything else as it stands in the code.
fn readable(value: &str) -> String {
    if let Some(number) = product(value) {
        return grouped(number);
    }
    for (constructor, unit) in
        [("from_secs(", "s"), ("from_millis(", "ms"), ("from_hours(", "h"), ("from_mins(", "min")]
    {
        let inside = value.split_once(constructor).and_then(|(_, rest)| rest.strip_suffix(')'));
        if let Some(number) = inside.and_then(product) {
            return format!("{} {unit}", grouped(number));
        }
    }
    format!("`{value}`")
}

fn product(value: &str) -> Option<u64> {
    value.split('*').map(|factor| factor.trim().replace('_', "").parse::<u64>().ok()).product()
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position != 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_document_says_what_the_constants_say() {
        run(&Options { check: true }).unwrap();
    }

    #[test]
    fn changed_constant_changes_the_document() {
        let source = "/// Bytes in a\n/// name.\npub const NAME_MAX: usize = 2 * 1024;\n";
        let tree = Tree::planted(&[(SOURCES[0].1, source)]);
        let wanted = document(&format!("# Limits\n{MARKER}\nold"), &tree).unwrap();
        assert!(wanted.ends_with("| Bytes in a name | 2,048 | `NAME_MAX` |\n"), "{wanted}");
        assert!(!wanted.contains("old"));
    }

    #[test]
    fn a_limit_that_is_another_one_says_its_number() {
        let source =
            "/// Rows.\npub const ROWS_MAX: usize = 1_000;\n/// Keys.\npub const KEYS_MAX: usize = ROWS_MAX;\n";
        let wanted = document(MARKER, &Tree::planted(&[(SOURCES[0].1, source)])).unwrap();
        assert!(wanted.ends_with("| Keys | 1,000 | `KEYS_MAX` |\n"), "{wanted}");
    }

    #[test]
    fn document_without_its_marker_is_refused() {
        assert!(document("# Limits\n", &Tree::planted(&[])).is_err());
    }

    #[test]
    fn values_are_readable() {
        let values = ["80", "10_000_000", "1024 * 1024", "Duration::from_secs(5)", "u32::MAX"];
        assert_eq!(values.map(readable), ["80", "10,000,000", "1,048,576", "5 s", "`u32::MAX`"]);
    }
}
