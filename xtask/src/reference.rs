//! `cargo xtask reference`: writes the tables of docs/configuration.md and docs/errors.md, as the binary prints them, so that they cannot differ from
//! the code.

use std::fs;

use clap::Args;

use crate::openapi::first_difference;
use crate::shell::{Failure, Outcome, cargo, read, workspace_root};

/// The documents by what the binary calls them. Their text is written by hand above the marker.
const DOCUMENTS: [(&str, &str); 2] = [("configuration", "docs/configuration.md"), ("errors", "docs/errors.md")];

/// What follows this line is generated.
const MARKER: &str = "<!-- From here on written by `cargo xtask reference`. -->";

/// Options of `cargo xtask reference`.
#[derive(Args)]
pub(crate) struct Options {
    /// Only compare; fail when a committed document differs.
    #[arg(long)]
    pub(crate) check: bool,
}

/// Writes the documents, or compares them.
///
/// # Errors
/// When one cannot be generated, read or written, or differs under `--check`.
pub(crate) fn run(options: &Options) -> Outcome {
    for (name, path) in DOCUMENTS {
        let file = workspace_root().join(path);
        let committed =
            fs::read_to_string(&file).map_err(|error| Failure::new(format!("cannot read {path}: {error}")))?;
        let printed = read(cargo().args(["run", "--quiet", "--package", "claviger", "--", "reference", name]))?;
        let wanted = document(path, &committed, &printed)?;
        let Some(difference) = first_difference(&committed, &wanted) else { continue };
        if options.check {
            return Err(Failure::new(format!(
                "{path} is not what the code says.\n{difference}\nRun `cargo xtask reference`, commit it."
            )));
        }
        fs::write(&file, wanted).map_err(|error| Failure::new(format!("cannot write {path}: {error}")))?;
        println!("{path} written");
    }
    Ok(())
}

/// The document with what is printed now behind its marker.
fn document(path: &str, committed: &str, printed: &str) -> Outcome<String> {
    let (by_hand, _) =
        committed.split_once(MARKER).ok_or_else(|| Failure::new(format!("{path} has lost the line `{MARKER}`")))?;
    Ok(format!("{by_hand}{MARKER}\n\n{}\n", printed.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_stands_behind_the_text_by_hand() {
        let wanted = document("a.md", &format!("# A\n{MARKER}\nold\n"), "\n| new |\n\n").unwrap();
        assert_eq!(wanted, format!("# A\n{MARKER}\n\n| new |\n"));
        // Written again it stays as it is.
        assert_eq!(document("a.md", &wanted, "| new |").unwrap(), wanted);
    }

    #[test]
    fn document_without_its_marker_is_refused() {
        assert!(document("a.md", "# A\n", "| new |").is_err());
    }
}
