//! `cargo xtask check`: everything that is checked without running the product.

use std::process::Command;

use clap::Args;

use crate::limits;
use crate::openapi;
use crate::python::Environment;
use crate::reference;
use crate::shell::{Failure, Outcome, cargo, find_program, heading, run as run_command, workspace_root};
use crate::test::ensure_python;
use crate::tidy;

/// The spelling checker, which comes as a program that is built already.
const TOOLS: Environment =
    Environment { requirements: "xtask/requirements.txt", folder: "check-tools", installed_by: "cargo xtask check" };

/// Options of `cargo xtask check`.
#[derive(Args)]
pub(crate) struct Options {
    /// Look for known vulnerabilities among the dependencies too. Needs cargo-deny and the network.
    #[arg(long)]
    advisories: bool,
}

/// Runs every check in turn, the quick ones first, and stops at the first that fails.
///
/// # Errors
/// When a check fails.
pub(crate) fn run(options: &Options) -> Outcome {
    heading("tidy");
    tidy::run()?;
    heading("formatting");
    run_command(cargo().args(["fmt", "--all", "--check"]))?;
    heading("lints");
    run_command(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    heading("documentation");
    let mut document = cargo();
    document.args(["doc", "--workspace", "--no-deps", "--document-private-items"]);
    run_command(document.env("RUSTDOCFLAGS", "-D warnings"))?;
    heading("openapi.json");
    openapi::run(&openapi::Options { check: true })?;
    heading("docs/limits.md");
    limits::run(&limits::Options { check: true })?;
    heading("docs/configuration.md and docs/errors.md");
    reference::run(&reference::Options { check: true })?;
    heading("dependencies");
    dependencies(options)?;
    heading("spelling");
    ensure_python()?;
    TOOLS.ensure(false)?;
    run_command(Command::new(TOOLS.programs().join("typos")).current_dir(workspace_root()))?;
    println!("\nall checks passed");
    Ok(())
}

/// Licences, sources and banned crates; advisories when asked for, since only those need the network.
fn dependencies(options: &Options) -> Outcome {
    let how = "cargo install cargo-deny --locked";
    if options.advisories && find_program("cargo-deny").is_none() {
        return Err(Failure::new(format!(
            "advisories are checked by cargo-deny, which is not installed. Get it with:\n  {how}"
        )));
    }
    optional("cargo-deny", &["--workspace", "check", "bans", "licenses", "sources"], how)?;
    if options.advisories { optional("cargo-deny", &["--workspace", "check", "advisories"], how) } else { Ok(()) }
}

/// Runs a tool that a fresh machine does not have and that compiles for minutes: where it is missing, says so and goes on.
fn optional(program: &str, arguments: &[&str], how: &str) -> Outcome {
    if let Some(path) = find_program(program) {
        return run_command(Command::new(path).args(arguments).current_dir(workspace_root()));
    }
    println!("not checked: {program} is not installed. Get it with `{how}`.");
    Ok(())
}
