//! The command line.

mod audit;
mod backup;
mod client;
mod dev;
mod import;
mod keys;
mod master_key;
mod moving;
mod reference;
mod remote;
mod restore;
mod samples;
mod serve;
mod source;
mod table;
mod telemetry;
mod verify;

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::Shell;

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
    let matches = match command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return misunderstood(&error),
    };
    let done = match matches.subcommand() {
        Some(("serve", matches)) => read_config(matches).map_err(Failed::from).and_then(serve::run),
        Some(("dev", matches)) => dev::run(matches),
        Some(("export", matches)) => moving::export(matches),
        Some(("import", matches)) if matches.get_flag("everything") => moving::import(matches),
        Some(("import", matches)) => import::run(matches),
        Some(("backup", matches)) => backup::run(matches),
        Some(("restore", matches)) => restore::run(matches),
        Some(("keys", matches)) => keys::run(matches),
        Some(("orgs", matches)) => keys::run_organizations(matches),
        Some(("roles", matches)) => keys::run_roles(matches),
        Some(("master-key", matches)) => master_key::run(matches),
        Some(("verify", matches)) => verify::run(matches),
        Some(("doctor", matches)) => verify::doctor(matches),
        Some(("audit", matches)) => audit::run(matches),
        Some(("completions", matches)) => completions(matches),
        Some(("openapi", _)) => say(&crate::http::api_document()),
        Some(("reference", matches)) => reference::run(matches, &command()),
        _ => unreachable!("clap asks for one of the subcommands"),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => complain(&failed.line, failed.code),
    }
}

fn complain(line: &str, code: u8) -> ExitCode {
    // Nobody is left to hear of a terminal that is gone.
    drop(writeln!(io::stderr(), "claviger: {line}"));
    ExitCode::from(code)
}

/// Prints what was asked for in help's stead, or says in one line what was wrong with the arguments, as with every other wrong setting.
fn misunderstood(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        error.exit();
    }
    complain(&one_line(&error.render().to_string()), USAGE)
}

/// What clap says in paragraphs: the first, and its tip if it has one; the usage is left to `--help`.
fn one_line(text: &str) -> String {
    let join = |it: &str| it.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut paragraphs = text.split("\n\n");
    let what = join(paragraphs.next().unwrap_or_default().trim_start_matches("error:"));
    match paragraphs.map(join).find_map(|it| it.strip_prefix("tip: ").map(str::to_owned)) {
        Some(tip) => format!("{what}; {tip}"),
        None => format!("{what}; --help lists what there is"),
    }
}

/// Writes to standard output; a reader that has gone away is no failure.
fn say(text: &str) -> Result<(), Failed> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failed::new(error)),
        _ => Ok(()),
    }
}

/// Says something that is not the output.
fn note(line: &str) {
    // Nobody is left to hear of a terminal that is gone.
    drop(writeln!(io::stderr(), "{line}"));
}

/// Asks at the terminal; without one nobody has said yes.
fn confirmed(question: &str) -> Result<bool, Failed> {
    if !io::stdin().is_terminal() {
        return Err(Failed::new(format!("{question} Nobody is there to say; add --yes")));
    }
    let mut answer = String::new();
    write!(io::stderr(), "{question} [y/N] ").and_then(|()| io::stdin().read_line(&mut answer)).map_err(Failed::new)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn in_runtime<T>(task: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failed::new)?.block_on(task)
}

fn completions(matches: &ArgMatches) -> Result<(), Failed> {
    let shell = *matches.get_one::<Shell>("shell").expect("clap requires it");
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command(), "claviger", &mut text);
    say(String::from_utf8_lossy(&text).trim_end())
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
        .subcommand(moving::export_command())
        .subcommand(backup::command())
        .subcommand(restore::command())
        .subcommand(keys::command())
        .subcommand(keys::organizations_command())
        .subcommand(keys::roles_command())
        .subcommand(master_key::command())
        .subcommand(audit::command())
        .subcommand(verify::command())
        .subcommand(verify::doctor_command())
        .subcommand(
            Command::new("completions").about("Prints what a shell needs to complete these commands").arg(
                Arg::new("shell")
                    .value_name("SHELL")
                    .required(true)
                    .value_parser(value_parser!(Shell))
                    .help("For which shell"),
            ),
        )
        .subcommand(Command::new("openapi").about("Prints the OpenAPI document of the management API"))
        .subcommand(reference::command())
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
    fn wrong_arguments_are_told_in_one_line() {
        for (arguments, expected) in [
            (
                &["serve", "--listne", "x"][..],
                "unexpected argument '--listne' found; a similar argument exists: '--listen'",
            ),
            (
                &["import"],
                "the following required arguments were not provided: --key <KEY> <FILE>; --help lists what there is",
            ),
            (&["srve"], "unrecognized subcommand 'srve'; a similar subcommand exists: 'serve'"),
            (
                &["serve", "--listen"],
                "a value is required for '--listen <ADDRESS>' but none was supplied; --help lists what there is",
            ),
        ] {
            let error = command().try_get_matches_from([&["claviger"], arguments].concat()).expect_err("a refusal");
            assert_eq!(one_line(&error.render().to_string()), expected);
        }
    }

    #[test]
    fn the_command_line_is_well_formed() {
        command().debug_assert();
    }
}
