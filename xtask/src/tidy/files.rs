//! How long a file may be, how an exception from a lint is written, and that no test is left out.

use super::code::{blank_literals, line_of, positions_of};
use super::{Breach, Tree};

/// The most lines a file may have. Half the files should have fewer than 150.
const LINES_MAX: usize = 500;

/// What is written by hand and read by people. Documents may be longer.
const LIMITED_EXTENSIONS: [&str; 10] = ["css", "html", "js", "mjs", "py", "rs", "sh", "sql", "svg", "ts"];

/// Attributes that may not stand, and what to do instead.
const ATTRIBUTES: [(&str, &str); 3] = [
    ("#[allow(", "write #[expect(…, reason = \"…\")]: it says why, and complains once it is no longer needed"),
    ("#![allow(", "write #![expect(…, reason = \"…\")]: it says why, and complains once it is no longer needed"),
    ("#[ignore", "a test that is left out looks like one that passes: mend it, or make it a command of xtask"),
];

/// Breaches of the length of files and of the way lints are excepted.
pub(super) fn breaches(tree: &Tree) -> Vec<Breach> {
    let mut found = Vec::new();
    for file in tree.files().filter(|file| LIMITED_EXTENSIONS.contains(&file.extension())) {
        let lines = file.text.lines().count();
        if LINES_MAX < lines {
            found.push(Breach::new(
                &file.path,
                0,
                format!("{lines} lines: a file of more than {LINES_MAX} holds two things"),
            ));
        }
    }
    for file in tree.rust() {
        let code = blank_literals(&file.text);
        for (attribute, message) in ATTRIBUTES {
            for position in positions_of(&code, attribute) {
                found.push(Breach::new(&file.path, line_of(&code, position), message));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        breaches(&Tree::planted(&[(path, text)])).len()
    }

    #[test]
    fn file_of_the_most_lines_passes_and_one_more_does_not() {
        assert_eq!(count("console/app.css", &"a\n".repeat(LINES_MAX)), 0);
        assert_eq!(count("console/app.css", &"a\n".repeat(LINES_MAX + 1)), 1);
    }

    #[test]
    fn documents_may_be_long() {
        assert_eq!(count("docs/guide.md", &"a\n".repeat(LINES_MAX + 1)), 0);
    }

    #[test]
    fn test_that_is_left_out_is_a_breach() {
        assert_eq!(count("crates/core/src/lib.rs", "#[test]\n#[ignore = \"slow\"]\nfn f() {}\n#[ignore]"), 2);
    }

    #[test]
    fn lint_that_is_allowed_and_not_expected_is_a_breach() {
        assert_eq!(count("crates/core/src/lib.rs", "#[allow(dead_code)]\nfn f() {}\n#![allow(x)]"), 2);
        assert_eq!(
            count("crates/core/src/lib.rs", "// #[allow(dead_code)]\n#[expect(dead_code, reason = \"x\")]\n"),
            0
        );
    }
}
