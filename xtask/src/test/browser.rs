//! The browser tests in `e2e/`: JavaScript that drives Chromium, run by node's own test runner; and the npm packages of all tests there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::counts::{NODE, Report, run_counted};
use super::postgres;
use crate::shell::{Failure, Outcome, find_program, read, run as run_command, workspace_root};

/// The variable that tells the browser tests which program to start.
pub(super) const BINARY_VARIABLE: &str = "CLAVIGER_BIN";

/// The variable that tells the browser tests which Chromium to drive.
const CHROMIUM_VARIABLE: &str = "CLAVIGER_CHROMIUM";

/// The oldest Node.js that playwright-core runs on.
const SYSTEM_NODE_MAJOR_MIN: u32 = 20;

/// How many files run at a time. Left to itself, node runs one on a machine of two cores, which waits for the browser more than half of the time.
const AT_ONCE: &str = "--test-concurrency=2";

fn folder() -> PathBuf {
    workspace_root().join("e2e")
}

/// The system's Chromium.
pub(super) fn chromium() -> Option<PathBuf> {
    ["chromium", "chromium-browser", "google-chrome"].iter().find_map(|name| find_program(name))
}

/// The folders that have npm packages: those of the tests, and of what the tests run.
const PACKAGES: [&str; 2] = ["e2e", "integrations/zapier"];

/// Installs the npm packages that the tests are written with, and those of what they run, unless exactly those are there.
///
/// # Errors
/// When they are missing and cannot or may not be installed.
pub(super) fn ensure(no_install: bool) -> Outcome {
    PACKAGES.iter().try_for_each(|name| ensure_in(name, no_install))
}

fn ensure_in(name: &str, no_install: bool) -> Outcome {
    let folder = workspace_root().join(name);
    let lock = folder.join("package-lock.json");
    // A copy of the lock file that was installed, so that a second run need not ask npm.
    let installed = folder.join("node_modules/.installed-package-lock.json");
    let wanted = fs::read(&lock).map_err(|error| Failure::new(format!("cannot read {}: {error}", lock.display())))?;
    if fs::read(&installed).is_ok_and(|there| there == wanted) {
        println!("nothing is missing in {name}");
        return Ok(());
    }
    if no_install {
        return Err(Failure::new(format!(
            "the npm packages of {name} are not installed. Run this:\n  npm ci --prefix {name}"
        )));
    }
    println!("installing what {name}/package-lock.json names, with npm, into {name}/node_modules");
    run_command(Command::new("npm").arg("ci").current_dir(&folder).env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1"))?;
    fs::write(&installed, wanted)
        .map_err(|error| Failure::new(format!("cannot write {}: {error}", installed.display())))
}

/// Runs every `*.test.mjs` of `e2e/`; some of them a second time, on the PostgreSQL at a URL.
pub(super) fn run(binary: &Path, postgres_url: Option<&str>) -> Report {
    run_tests("", |command| {
        command.env(BINARY_VARIABLE, binary).env(CHROMIUM_VARIABLE, chromium().unwrap_or_default());
        if let Some(url) = postgres_url {
            command.env(postgres::URL_VARIABLE, url);
        }
    })
}

/// Runs every `*.test.mjs` of a folder below `e2e/` by node's own test runner, which `prepare` tells what they need.
pub(super) fn run_tests(below: &str, prepare: impl Fn(&mut Command)) -> Report {
    let (node, files) = match node().and_then(|node| Ok((node, test_files(below)?))) {
        Ok(found) => found,
        Err(failure) => return Report::from(failure),
    };
    let command = |named: &[String]| {
        let mut command = Command::new(&node);
        // A server that a failed test has not stopped would keep its file, and with it all others, for ever.
        command
            .args(["--test", "--test-force-exit", "--test-reporter=spec", AT_ONCE])
            .args(if named.is_empty() { &files } else { named })
            .current_dir(folder());
        prepare(&mut command);
        command
    };
    run_counted(command, NODE)
}

/// The node of the lock file, so that the tests run on the same version everywhere. Its folder is looked up, because not
/// every npm links a package's program that is called `node`.
fn node() -> Outcome<PathBuf> {
    let packages = fs::read_dir(folder().join("node_modules")).into_iter().flatten().flatten();
    let mut programs = packages
        .filter(|package| package.file_name().to_string_lossy().starts_with("node-"))
        .map(|package| package.path().join("bin/node"));
    programs.find(|program| program.is_file()).map_or_else(system_node, Ok)
}

/// Where npm has no node for this machine, the system's, if it is new enough.
fn system_node() -> Outcome<PathBuf> {
    let version = read(Command::new("node").arg("--version"))?;
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_some_and(|major| SYSTEM_NODE_MAJOR_MIN <= major) {
        return Ok(PathBuf::from("node"));
    }
    let message = "npm has no Node.js for this machine, and the installed one is too old";
    Err(Failure::new(format!("{message}: {} < {SYSTEM_NODE_MAJOR_MIN}", version.trim())))
}

/// Named one by one, because what node makes of a folder differs from version to version.
fn test_files(below: &str) -> Outcome<Vec<String>> {
    let folder = folder().join(below);
    let entries =
        fs::read_dir(&folder).map_err(|error| Failure::new(format!("cannot read {}: {error}", folder.display())))?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut tests: Vec<String> = names.filter(|name| name.ends_with(".test.mjs")).collect();
    tests.sort();
    if tests.is_empty() {
        return Err(Failure::new(format!("there is no {}/*.test.mjs", folder.display())));
    }
    Ok(tests.into_iter().map(|name| Path::new(below).join(name).to_string_lossy().into_owned()).collect())
}
