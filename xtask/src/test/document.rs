//! The tests of openapi.json in `e2e/document/`: a linter, clients made by generators, and requests that a program makes up, all by tools that
//! others wrote, against a running server. Node's own test runner runs them; some of the tools are Python's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::browser;
use super::counts::{Report, of_node_line, run_counted};
use crate::shell::{Failure, Outcome, read, run as run_command, workspace_root};

/// The variable that tells the tests where the Python programs lie.
const TOOLS_VARIABLE: &str = "CLAVIGER_PYTHON_TOOLS";

/// The variable that tells them how many requests to make up for each operation.
const EXAMPLES_VARIABLE: &str = "CLAVIGER_EXAMPLES";

/// What is installed, and in which versions.
const REQUIREMENTS: &str = "e2e/document/requirements.txt";

/// The folder of the Python packages: beside what cargo builds, so that whoever cleans up cleans it too.
fn folder() -> PathBuf {
    workspace_root().join("target/document-tools")
}

fn programs() -> PathBuf {
    folder().join("bin")
}

/// Installs the Python packages that the tests run, unless exactly those are there.
///
/// # Errors
/// When they are missing and cannot or may not be installed.
pub(super) fn ensure(no_install: bool) -> Outcome {
    let requirements = workspace_root().join(REQUIREMENTS);
    // A copy of the list that was installed, and of which Python has them: those of another are of no use to it.
    let installed = folder().join(".installed");
    let list = fs::read_to_string(&requirements)
        .map_err(|error| Failure::new(format!("cannot read {}: {error}", requirements.display())))?;
    let wanted = format!("{}{list}", read(Command::new("python3").arg("--version"))?);
    if fs::read_to_string(&installed).is_ok_and(|there| there == wanted) {
        println!("nothing is missing");
        return Ok(());
    }
    if no_install {
        return Err(Failure::new(format!(
            "the Python packages of the document's tests are not installed. Run this:\n  cargo xtask test --only document\n\
             or, by hand, put what {REQUIREMENTS} names into a virtual environment at target/document-tools"
        )));
    }
    println!("installing what {REQUIREMENTS} names, with pip, into target/document-tools");
    run_command(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder()))?;
    let mut pip = Command::new(programs().join("python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(&requirements);
    run_command(&mut pip)?;
    fs::write(&installed, wanted)
        .map_err(|error| Failure::new(format!("cannot write {}: {error}", installed.display())))
}

/// Runs every `*.test.mjs` of `e2e/document/`; `examples` requests are made up for each operation, where it is not the usual number.
pub(super) fn run(binary: &Path, examples: Option<u32>) -> Report {
    let mut command = match browser::test_runner("document") {
        Ok(command) => command,
        Err(failure) => return Report::from(failure),
    };
    command.env(browser::BINARY_VARIABLE, binary).env(TOOLS_VARIABLE, programs());
    if let Some(examples) = examples {
        command.env(EXAMPLES_VARIABLE, examples.to_string());
    }
    run_counted(&mut command, of_node_line)
}
