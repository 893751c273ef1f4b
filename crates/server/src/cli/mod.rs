//! The command line.

mod dev;
mod import;
mod samples;
mod serve;
mod telemetry;

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command, value_parser};

use crate::config::{self, Config, ConfigError, SETTINGS};

/// The exit code of a command that was called wrongly or configured wrongly, as shells have it.
const USAGE: u8 = 2;

/// Why a command ended without having done what was asked: one line that says what to do.
#[derive(Debug)]
struct Failed {
    line: String,
    code: u8,
}

impl Failed {
    fn new(line: impl fmt::Display) -> Self {
        Self { line: line.to_string(), code: 1 }
    }
}

impl From<ConfigError> for Failed {
    fn from(error: ConfigError) -> Self {
        Self { line: error.to_string(), code: USAGE }
    }
}

/// Runs the command that was asked for.
pub fn run() -> ExitCode {
    let matches = command().get_matches();
    let done = match matches.subcommand() {
        Some(("serve", matches)) => read_config(matches).map_err(Failed::from).and_then(serve::run),
        Some(("dev", matches)) => dev::run(matches),
        Some(("import", matches)) => import::run(matches),
        Some(("openapi", _)) => say(&crate::http::api_document()),
        _ => unreachable!("clap asks for one of the subcommands"),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            // Nobody is left to hear of a terminal that is gone.
            drop(writeln!(io::stderr(), "claviger: {}", failed.line));
            ExitCode::from(failed.code)
        }
    }
}

/// Writes to standard output; a reader that has gone away is no failure.
fn say(text: &str) -> Result<(), Failed> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failed::new(error)),
        _ => Ok(()),
    }
}

fn command() -> Command {
    Command::new("claviger")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Self-hosted API keys for SaaS products: issue, watch, rotate, revoke, and check them at memory speed.")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(serve_command())
        .subcommand(dev::command())
        .subcommand(import::command())
        .subcommand(Command::new("openapi").about("Prints the OpenAPI document of the management API"))
}

fn serve_command() -> Command {
    Command::new("serve")
        .about("Runs the service")
        .long_about(
            "Runs the service. The first start makes the data folder, the root organization, an admin and a first key, and prints a link \
             by which the admin sets a password.\n\nEach setting can be given as a flag, as a variable (--data-dir is CLAVIGER_DATA_DIR) or \
             in a TOML file (data_dir = \"…\"); a flag beats a variable, and a variable beats the file.",
        )
        .args(setting_args())
}

/// The flags of all settings, and the file that may hold them.
fn setting_args() -> Vec<Arg> {
    let file = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .help(format!("TOML file with settings [default: {} if it is there]", config::DEFAULT_FILE));
    let settings = SETTINGS.iter().map(|setting| {
        Arg::new(setting.name)
            .long(config::flag_of(setting.name))
            .value_name(setting.value_name)
            .allow_hyphen_values(true)
            .help(format!("{} [default: {}]", setting.help, setting.default))
    });
    settings.chain([file]).collect()
}

fn read_config(matches: &ArgMatches) -> Result<Config, ConfigError> {
    let given = SETTINGS.iter().filter_map(|setting| {
        // A command that does without a setting does not know its flag.
        let value = matches.try_get_one::<String>(setting.name).ok().flatten()?;
        Some((setting.name, value.clone()))
    });
    config::load(given, matches.get_one::<PathBuf>("config").map(PathBuf::as_path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        command().debug_assert();
    }
}
