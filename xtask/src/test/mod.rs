//! `cargo xtask test`: installs what the tests need, starts what they talk to, and runs all of them.
//!
//! A test is never left out because a tool is missing: either the tool is installed, or the run stops and says which line
//! installs it. A skipped test looks like a passed one.

mod browser;
mod counts;
mod document;
mod packages;
pub(crate) mod postgres;

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use crate::shell::{Failure, Outcome, cargo, catch_interrupts, heading, program_folders, run as run_command};
use counts::{CARGO, Counts, Report, run_counted};
pub(crate) use packages::ensure_python;

/// Options of `cargo xtask test`.
#[derive(Args)]
pub(crate) struct Options {
    /// Install nothing; stop and say what is missing.
    #[arg(long)]
    no_install: bool,
    /// Run one part only, and start only what that part needs. May be repeated.
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// Use this PostgreSQL instead of starting a throw-away one.
    #[arg(long, env = postgres::URL_VARIABLE, value_name = "URL", hide_env_values = true)]
    postgres_url: Option<String>,
    /// Requests that are made up for each operation of openapi.json, in place of the 30 that fit into a minute.
    #[arg(long, value_name = "NUMBER")]
    examples: Option<u32>,
    /// Also what takes minutes where the usual run takes a sample: ten thousand events under kill −9, ten thousand forgeries of the log.
    #[arg(long)]
    nightly: bool,
    /// Passed on to `cargo test`: a filter, or `-- --nocapture`. With a filter the tests of the browser and of the document run only if named
    /// by --only.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    cargo_arguments: Vec<String>,
}

/// The parts that the tests are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// The domain.
    Core,
    /// The verification plane.
    Verifier,
    /// All SQL, on both engines.
    Store,
    /// The service, with the gateways in front of it.
    Server,
    /// The example host.
    Scorecards,
    /// This tool, and the rules about the source tree.
    Xtask,
    /// openapi.json, with tools that others wrote.
    Document,
    /// The console in a real browser.
    Browser,
}

impl Part {
    /// The crate that holds the part's tests; `None` for those that node runs and not cargo.
    fn package(self) -> Option<&'static str> {
        match self {
            Self::Core => Some("claviger-core"),
            Self::Verifier => Some("claviger-verifier"),
            Self::Store => Some("claviger-store"),
            Self::Server => Some("claviger"),
            Self::Scorecards => Some("scorecards"),
            Self::Xtask => Some("xtask"),
            Self::Document | Self::Browser => None,
        }
    }

    /// Whether cargo runs its tests a second time, on PostgreSQL.
    fn is_repeated(self) -> bool {
        matches!(self, Self::Store | Self::Server)
    }

    fn needs_postgres(self) -> bool {
        self.is_repeated() || self == Self::Browser
    }
}

/// Says to the tests that they may take long.
const NIGHTLY_VARIABLE: &str = "CLAVIGER_TEST_NIGHTLY";

/// What one step took and how it ended.
struct Step {
    name: &'static str,
    took: Duration,
    report: Report,
}

/// Runs the tests.
///
/// # Errors
/// When something needed is missing and cannot be installed, or a test fails.
pub(crate) fn run(options: &Options) -> Outcome {
    catch_interrupts()?;
    let parts = parts_of(options);
    announce(options, &parts);
    let mut steps = Vec::new();
    run_steps(options, &parts, &mut steps);
    summarize(&steps)
}

/// Which parts run: all, or those named; a filter is for cargo's tests, so it leaves out what cargo does not run.
fn parts_of(options: &Options) -> Vec<Part> {
    if !options.only.is_empty() {
        return options.only.clone();
    }
    let is_filtered = !options.cargo_arguments.is_empty();
    Part::value_variants().iter().copied().filter(|part| !is_filtered || part.package().is_some()).collect()
}

fn announce(options: &Options, parts: &[Part]) {
    let names: Vec<_> = parts.iter().map(|part| format!("{part:?}").to_lowercase()).collect();
    println!("This runs the tests of: {}. It", names.join(", "));
    let then = if options.no_install { "" } else { ", and installs what is missing" };
    println!("  - looks for the programs they need{then},");
    if parts.iter().any(|part| part.needs_postgres()) {
        match &options.postgres_url {
            Some(_) => println!("  - uses the PostgreSQL that {} names,", postgres::URL_VARIABLE),
            None => println!("  - starts a PostgreSQL of its own in a temporary folder and removes it at the end,"),
        }
    }
    if parts.iter().any(|part| part.package().is_some()) {
        println!("  - runs `cargo test`, examples of the documentation included,");
    }
    if runs_on_both(parts) {
        println!("  - runs the tests of the database, and of all that stands on it, once more on PostgreSQL,");
    }
    if parts.contains(&Part::Document) {
        println!(
            "  - tries openapi.json with npm packages from e2e/package-lock.json and Python packages from a list beside it,"
        );
    }
    if parts.contains(&Part::Browser) {
        println!("  - clicks through the console in Chromium, with npm packages from e2e/package-lock.json,");
    }
    println!("  - and says how many tests passed.");
}

/// Runs each step and notes how it went. A failing test does not stop the steps after it; a failing preparation does.
fn run_steps(options: &Options, parts: &[Part], steps: &mut Vec<Step>) {
    let mut server = None;
    let has_cargo_tests = parts.iter().any(|part| part.package().is_some());
    let is_prepared = measure(steps, "packages", || packages::ensure(parts, options.no_install).into())
        && (!runs_on_node(parts) || measure(steps, "npm packages", || browser::ensure(options.no_install).into()))
        && (!parts.contains(&Part::Document)
            || measure(steps, "python packages", || document::TOOLS.ensure(options.no_install).into()))
        && (options.postgres_url.is_some()
            || !parts.iter().any(|part| part.needs_postgres())
            || measure(steps, "postgresql", || postgres::Server::start(postgres::Safety::Fast).map(|started| server = Some(started)).into()))
        // Cargo builds the program for the server's tests; without those it has to be told to.
        && (!runs_on_node(parts)
            || parts.contains(&Part::Server)
            || measure(steps, "build", || run_command(cargo().args(["build", "--package", "claviger", "--package", "scorecards"])).into()));
    if !is_prepared {
        return;
    }
    let url = options.postgres_url.as_deref().or(server.as_ref().map(postgres::Server::url));
    if has_cargo_tests {
        measure(steps, "cargo test", || cargo_tests(options, url));
    }
    if runs_on_both(parts) {
        measure(steps, "on postgresql", || tests_on_postgres(options, parts, url));
    }
    if parts.contains(&Part::Document) {
        let run = |binary: PathBuf| document::run(&binary, options.examples);
        measure(steps, "document", || claviger_binary().map_or_else(Report::from, run));
    }
    if parts.contains(&Part::Browser) {
        let run = |binary: PathBuf| browser::run(&binary, url);
        measure(steps, "browser tests", || claviger_binary().map_or_else(Report::from, run));
    }
}

/// Runs a step and returns whether it succeeded.
#[expect(clippy::disallowed_methods, reason = "measures how long a step takes, for people")]
fn measure(steps: &mut Vec<Step>, name: &'static str, step: impl FnOnce() -> Report) -> bool {
    heading(name);
    let started = Instant::now();
    let report = step();
    let is_success = report.failure.is_none();
    steps.push(Step { name, took: started.elapsed(), report });
    is_success
}

fn cargo_tests(options: &Options, postgres_url: Option<&str>) -> Report {
    let command = |named: &[String]| {
        let mut command = cargo();
        command.args(["test", "--no-fail-fast"]);
        if options.only.is_empty() {
            command.arg("--workspace");
        }
        for package in options.only.iter().filter_map(|part| part.package()) {
            command.args(["--package", package]);
        }
        if named.is_empty() {
            command.args(&options.cargo_arguments);
        } else {
            command.args(["--tests", "--", "--exact"]).args(named);
        }
        command
    };
    run_cargo_tests(command, options.nightly, postgres_url)
}

/// The tests of files, of the schemas beside each other and of what the process prints at its start: on SQLite, or on both, whichever engine the others
/// run on.
const OF_THEIR_OWN_ENGINE: [&str; 4] = ["opening::", "process::dev", "process::start", "schema::"];

fn runs_on_both(parts: &[Part]) -> bool {
    parts.iter().any(|part| part.is_repeated())
}

/// Whether any of them is written in JavaScript.
fn runs_on_node(parts: &[Part]) -> bool {
    parts.iter().any(|part| part.package().is_none())
}

/// The same tests again, with PostgreSQL below them.
fn tests_on_postgres(options: &Options, parts: &[Part], postgres_url: Option<&str>) -> Report {
    let command = |named: &[String]| {
        let mut command = cargo();
        command.args(["test", "--no-fail-fast", "--test", "it"]).env(postgres::ENGINE_VARIABLE, "postgres");
        for package in parts.iter().filter(|part| part.is_repeated()).filter_map(|part| part.package()) {
            command.args(["--package", package]);
        }
        if !named.is_empty() {
            command.args(["--", "--exact"]).args(named);
            return command;
        }
        command.args(&options.cargo_arguments);
        if !options.cargo_arguments.iter().any(|it| it == "--") {
            command.arg("--");
        }
        for tests in OF_THEIR_OWN_ENGINE {
            command.args(["--skip", tests]);
        }
        command
    };
    run_cargo_tests(command, options.nightly, postgres_url)
}

fn run_cargo_tests(command: impl Fn(&[String]) -> Command, is_nightly: bool, postgres_url: Option<&str>) -> Report {
    let prepared = |named: &[String]| {
        let mut command = command(named);
        if let Some(url) = postgres_url {
            command.env(postgres::URL_VARIABLE, url);
        }
        if is_nightly {
            command.env(NIGHTLY_VARIABLE, "1");
        }
        if let Ok(path) = std::env::join_paths(program_folders()) {
            command.env("PATH", path);
        }
        command
    };
    run_counted(prepared, CARGO)
}

/// The program that the tests start: built beside this one.
fn claviger_binary() -> Outcome<PathBuf> {
    let own = std::env::current_exe().map_err(|error| Failure::new(format!("where does xtask lie? {error}")))?;
    Ok(own.with_file_name("claviger"))
}

/// Prints how each step went, and as the very last line how many tests passed and failed.
fn summarize(steps: &[Step]) -> Outcome {
    heading("summary");
    let mut total = Counts::default();
    for Step { name, took, report } in steps {
        total = total.plus(report.counts);
        let counts = if report.counts == Counts::default() { String::new() } else { report.counts.to_string() };
        println!("{:>8.1} s  {name:<15} {counts}", took.as_secs_f64());
    }
    let failures: Vec<&Failure> = steps.iter().filter_map(|step| step.report.failure.as_ref()).collect();
    for failure in &failures {
        println!("{failure}");
    }
    for test in steps.iter().flat_map(|step| &step.report.unsteady) {
        println!("unsteady: {test} failed at first, and passed by itself");
    }
    println!("{} passed, {} failed", total.passed, total.failed);
    if failures.is_empty() { Ok(()) } else { Err(Failure::printed()) }
}
