//! The tests of openapi.json in `e2e/document/`: a linter, clients made by generators, and requests that a program makes up, all by tools that
//! others wrote, against a running server. Node's own test runner runs them; some of the tools are Python's.

use std::path::Path;

use super::browser;
use super::counts::Report;
use crate::python::Environment;

/// The variable that tells the tests where the Python programs lie.
const TOOLS_VARIABLE: &str = "CLAVIGER_PYTHON_TOOLS";

/// The variable that tells them how many requests to make up for each operation.
const EXAMPLES_VARIABLE: &str = "CLAVIGER_EXAMPLES";

/// The Python packages that the tests run.
pub(super) const TOOLS: Environment = Environment {
    requirements: "e2e/document/requirements.txt",
    folder: "document-tools",
    installed_by: "cargo xtask test --only document",
};

/// Runs every `*.test.mjs` of `e2e/document/`; `examples` requests are made up for each operation, where it is not the usual number.
pub(super) fn run(binary: &Path, examples: Option<u32>) -> Report {
    browser::run_tests("document", |command| {
        command.env(browser::BINARY_VARIABLE, binary).env(TOOLS_VARIABLE, TOOLS.programs());
        if let Some(examples) = examples {
            command.env(EXAMPLES_VARIABLE, examples.to_string());
        }
    })
}
