//! `claviger reference`: prints what docs/configuration.md and docs/errors.md are made of, so that they cannot differ from the code. Of use to who
//! works on Claviger only, and shown to nobody else.

use std::fmt::Write as _;

use clap::{Arg, ArgMatches, Command};

use super::{Failed, say};
use crate::codes::{decision_codes, problem_codes};
use crate::config::{DEFAULT_FILE, SETTINGS, flag_of, variable_of};

pub(super) fn command() -> Command {
    Command::new("reference")
        .hide(true)
        .about("Prints the tables of a document of the repository")
        .arg(Arg::new("document").required(true).value_parser(["configuration", "errors"]).help("Which"))
}

pub(super) fn run(matches: &ArgMatches, all: &Command) -> Result<(), Failed> {
    let document = matches.get_one::<String>("document").expect("clap requires it");
    say(if document == "errors" { errors() } else { configuration(all) }.trim_end())
}

fn errors() -> String {
    format!("## Why a key is refused\n\n{}\n## What the API refuses besides\n\n{}", decision_codes(), problem_codes())
}

fn configuration(all: &Command) -> String {
    let mut text = String::from(
        "## Settings\n\n| flag | variable | in the file | default | what it says |\n|---|---|---|---|---|\n",
    );
    for setting in &SETTINGS {
        let (flag, variable) = (flag_of(setting.name), variable_of(setting.name));
        let (default, help) = (cell(setting.default), cell(setting.help));
        let value = setting.value_name;
        line(&mut text, &format!("| `--{flag} {value}` | `{variable}` | `{}` | {default} | {help} |", setting.name));
    }
    let file = format!(
        "`--config FILE` (`CLAVIGER_CONFIG`) names the file; without it `{DEFAULT_FILE}` is read where it is there."
    );
    line(&mut text, &format!("\n{file}\n\n## Commands"));
    for command in all.get_subcommands().filter(|it| !it.is_hide_set()) {
        describe(&mut text, command, "claviger", &[]);
    }
    text
}

/// A command and those below it. What is said of an argument above is not said again.
fn describe(text: &mut String, command: &Command, above: &str, said: &[String]) {
    let name = format!("{above} {}", command.get_name());
    line(text, &format!("\n### {name}\n"));
    if let Some(about) = command.get_long_about().or_else(|| command.get_about()) {
        let paragraphs: Vec<_> = about.to_string().split("\n\n").map(plain).collect();
        line(text, &ended(&paragraphs.join("\n\n")));
    }
    let is_told = |it: &&Arg| !it.is_hide_set() && !said.contains(&it.get_id().to_string()) && it.get_id() != "help";
    let told: Vec<_> = command.get_arguments().filter(is_told).collect();
    let (settings, own): (Vec<_>, Vec<_>) = told.into_iter().partition(|it| is_setting(it));
    if !own.is_empty() {
        line(text, "\n| argument | default | what it says |\n|---|---|---|");
        for arg in &own {
            line(text, &row(arg));
        }
    }
    if !settings.is_empty() && settings.len() <= SETTINGS.len() {
        let flags: Vec<_> = settings.iter().filter_map(|it| it.get_long()).map(|it| format!("`--{it}`")).collect();
        line(text, &format!("\nSettings: {}.", flags.join(", ")));
    } else if !settings.is_empty() {
        line(text, "\nAll settings.");
    }
    let passed_on: Vec<_> =
        own.iter().filter(|it| it.is_global_set()).map(|it| it.get_id().to_string()).chain(said.to_owned()).collect();
    for below in command.get_subcommands().filter(|it| !it.is_hide_set()) {
        describe(text, below, &name, &passed_on);
    }
}

fn is_setting(arg: &Arg) -> bool {
    let id = arg.get_id();
    id == "config" || SETTINGS.iter().any(|it| id == it.name)
}

fn row(arg: &Arg) -> String {
    let values: Vec<_> = arg.get_value_names().into_iter().flatten().map(ToString::to_string).collect();
    let values = values.join(" ");
    let mut shown = match arg.get_long() {
        None => format!("`{}`", cell(&if values.is_empty() { arg.get_id().to_string() } else { values })),
        Some(long) if arg.get_action().takes_values() && !values.is_empty() => format!("`--{long} {}`", cell(&values)),
        Some(long) => format!("`--{long}`"),
    };
    if let Some(variable) = arg.get_env() {
        shown.push_str(&format!(" or `{}`", variable.to_string_lossy()));
    }
    if arg.is_required_set() {
        shown.push_str(" (required)");
    }
    let defaults: Vec<_> = arg.get_default_values().iter().map(|it| format!("`{}`", it.to_string_lossy())).collect();
    let default = if arg.get_action().takes_values() { defaults.join(", ") } else { String::new() };
    let mut help = arg.get_help().map_or_else(String::new, |it| cell(&it.to_string()));
    let possible: Vec<_> = arg.get_possible_values().iter().map(|it| format!("`{}`", it.get_name())).collect();
    if arg.get_action().takes_values() && !possible.is_empty() {
        help = format!("{help}: {}", possible.join(", "));
    }
    format!("| {shown} | {default} | {help} |")
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a text takes everything");
}

/// With a full stop at its end.
fn ended(text: &str) -> String {
    if text.ends_with(['.', ':', '!']) { text.to_owned() } else { format!("{text}.") }
}

/// Text in which nothing is taken for a tag.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('<', "&lt;")
}

/// Text that ends no cell of a table.
fn cell(text: &str) -> String {
    plain(text).replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_and_every_argument_of_every_command_is_in_the_document() {
        let all = super::super::command();
        let text = configuration(&all);
        for setting in &SETTINGS {
            assert!(text.contains(&format!("| `{}` |", variable_of(setting.name))), "{}", setting.name);
        }
        let mut waiting: Vec<_> = all.get_subcommands().filter(|it| !it.is_hide_set()).collect();
        let mut arguments = 0;
        while let Some(command) = waiting.pop() {
            assert!(text.contains(&format!(" {}\n", command.get_name())), "{}", command.get_name());
            for arg in command.get_arguments().filter(|it| it.get_id() != "help" && !it.is_hide_set()) {
                let shown = arg.get_long().map_or_else(|| row(arg), |long| format!("--{long}"));
                assert!(text.contains(&shown), "{}: {shown}", command.get_name());
                arguments += 1;
            }
            waiting.extend(command.get_subcommands());
        }
        assert!(arguments > 60, "{arguments}");
        assert!(!text.contains("### claviger reference"));
    }

    #[test]
    fn every_line_of_a_table_has_as_many_cells_as_its_head() {
        for text in [configuration(&super::super::command()), errors()] {
            let mut wanted = 0;
            for line in text.lines() {
                let cells = line.replace("\\|", "").matches('|').count();
                if line.starts_with('|') && wanted == 0 {
                    wanted = cells;
                } else if line.starts_with('|') {
                    assert_eq!(cells, wanted, "{line}");
                } else {
                    wanted = 0;
                }
            }
        }
    }
}
