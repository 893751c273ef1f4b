//! The developer's commands. `cargo xtask --help` lists them; CONTRIBUTING.md says when to use which.
//!
//! Few dependencies on purpose: on a fresh machine this crate is compiled before anything else can be said to the reader.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks to its terminal")]

mod behaviours;
mod bench;
mod check;
mod limits;
mod openapi;
mod python;
mod reference;
mod shell;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The developer's commands of Claviger.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Installs what the tests need, starts what they talk to, and runs all of them.
    Test(test::Options),
    /// Everything that is checked without running the product: formatting, lints, docs, tidiness, openapi.json, licences.
    Check(check::Options),
    /// Rules about the source tree: layers, lengths, words, tests of behaviours. Also part of `cargo test`.
    Tidy,
    /// Takes tested statements out of docs/behaviours-open.txt, writes the tables of docs/behaviours.md, and says how many are left.
    Behaviours,
    /// Writes openapi.json from the handlers, or compares it with them.
    Openapi(openapi::Options),
    /// Writes the tables of docs/limits.md from the constants, or compares them.
    Limits(limits::Options),
    /// Writes the tables of docs/configuration.md and docs/errors.md from the code, or compares them.
    Reference(reference::Options),
    /// Measures the service against its marks.
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Test(options) => test::run(&options),
        Command::Check(options) => check::run(&options),
        Command::Tidy => tidy::run(),
        Command::Behaviours => behaviours::run(),
        Command::Openapi(options) => openapi::run(&options),
        Command::Limits(options) => limits::run(&options),
        Command::Reference(options) => reference::run(&options),
        Command::Bench(options) => bench::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.is_printed() {
                eprintln!("xtask: {failure}");
            }
            ExitCode::FAILURE
        }
    }
}
