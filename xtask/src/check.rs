//! `cargo xtask check`: what is checked without running the product.

use crate::shell::{Outcome, cargo, heading, run as run_command};

/// Runs every check in turn and stops at the first that fails.
///
/// # Errors
/// When a check fails.
pub(crate) fn run() -> Outcome {
    heading("formatting");
    run_command(cargo().args(["fmt", "--all", "--check"]))?;
    heading("lints");
    run_command(cargo().args(["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))
}
