//! `claviger audit`: proves the log, prints where its chains end, and erases what an event tells.
//!
//! Proving works on the database itself and not through the API: what it proves is that nobody altered that. Erasing goes through the API, which
//! asks who may.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use claviger_core::chain::Head;
use claviger_core::event::Stream;
use claviger_store::Store;
use claviger_store::chain::verify::{FAULTS_MAX, Proof};
use claviger_store::readers::LogReader;
use serde_json::{Value, json};

use super::moving::place_args;
use super::remote::{self, Remote, escaped, given, pretty};
use super::serve::open_store;
use super::{Failed, confirmed, in_runtime, note, read_config, say};
use crate::app::system_randomness;

/// Heads that are read at a time.
const HEADS_PER_PAGE: u32 = 500;
/// What becomes of changes that are not linked yet.
const LINKED_BY_ITSELF: &str =
    "A running service links what happens within seconds, and one that stood still what is left when it starts.";
/// Events between two words about how far it has come.
const EVENTS_PER_WORD: u64 = 100_000;

pub(super) fn command() -> Command {
    let kept = Arg::new("kept")
        .long("kept")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .help("Heads that `audit heads` printed before: the chains have to lead through each of them");
    let json = Arg::new("json").long("json").action(ArgAction::SetTrue).help("Says what was found as one JSON object");
    Command::new("audit")
        .about("Proves that nobody altered the log")
        .long_about(
            "Proves that nobody altered the log. Every change is linked to the one before it in its organization, a few seconds after it happened; \
             whoever alters, adds or takes away an event in the database itself breaks the chain. Whoever can write everything could make a whole new \
             chain: keep the heads elsewhere, and prove by them. Stop the service on an embedded database first.",
        )
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("verify")
                .about(
                    "Goes through the whole log and says what is wrong with it. The exit code is 0 when nothing is, 1 when anything is or when the log \
                     could not be gone through, which the last line then says, and 2 when the command or a setting is wrong. What is not linked yet is \
                     counted and told, and is no fault",
                )
                .args(place_args())
                .arg(kept)
                .arg(json),
        )
        .subcommand(
            Command::new("heads")
                .about(
                    "Prints where the chain of each organization ends, one JSON object a line, to be kept elsewhere. Where changes are not linked yet, \
                     which no head covers, it says so on standard error. The exit code is 0, or 1 and 2 as of `audit verify`",
                )
                .args(place_args()),
        )
        .subcommand(erase_command())
}

pub(super) fn run(matches: &ArgMatches) -> Result<(), Failed> {
    match matches.subcommand() {
        Some(("verify", matches)) => verify(matches),
        Some(("heads", matches)) => heads(matches),
        Some(("erase", matches)) => in_runtime(erase(matches)),
        _ => unreachable!("clap asks for one of the subcommands"),
    }
}

fn erase_command() -> Command {
    let event = Arg::new("event")
        .value_name("EVENT_ID")
        .required(true)
        .help("The event's id, such as evt_01kapxb4q0e8mv5r3g2t9w7yzn");
    let reason = Arg::new("reason")
        .long("reason")
        .value_name("TEXT")
        .required(true)
        .help("Why; it stands in the audit for good, so do not repeat what is erased");
    let yes = Arg::new("yes").long("yes").action(ArgAction::SetTrue).help("Do not ask first");
    Command::new("erase")
        .about("Erases what an event tells, through a running service; the event and the chain stay")
        .args(remote::args())
        .arg(event)
        .arg(reason)
        .arg(yes)
}

async fn erase(matches: &ArgMatches) -> Result<(), Failed> {
    let remote = Remote::new(matches)?;
    let (event, reason) = (given(matches, "event").unwrap_or_default(), given(matches, "reason").unwrap_or_default());
    if !matches.get_flag("yes") && !confirmed(&format!("Erase for good what {event} tells?"))? {
        return Err(Failed::new("nothing was erased"));
    }
    let path = remote.path(&format!("/events/{}/erase", escaped(event))).await?;
    let answer: Value = remote.server.post(&path, &json!({ "reason": reason })).await?;
    if remote.json {
        return say(&pretty(&answer));
    }
    say(match answer["outcome"].as_str() {
        Some("erased") => "What it told is erased.",
        Some("already_erased") => "It was erased before; nothing was changed.",
        _ => "It never told more than that it happened; nothing was changed.",
    })
}

/// Opens the database that is there; makes none.
async fn open(matches: &ArgMatches) -> Result<Store, Failed> {
    let config = read_config(matches)?;
    let missing = |place: &dyn std::fmt::Display| {
        Failed::new(format!(
            "there is no installation at {place}: name its folder by --data-dir, or its database by --database"
        ))
    };
    if config.database.is_none() && !config.data_dir.is_dir() {
        return Err(missing(&config.data_dir.display()));
    }
    let store = open_store(&config, &system_randomness()).await?;
    let mut reader = store.read().await.map_err(Failed::new)?;
    if reader.find_installation_unchecked().await.map_err(Failed::new)?.is_none() {
        return Err(missing(&store.place()));
    }
    drop(reader);
    Ok(store)
}

fn heads(matches: &ArgMatches) -> Result<(), Failed> {
    in_runtime(async {
        let store = open(matches).await?;
        let mut reader = store.snapshot().await.map_err(Failed::new)?;
        let is_behind = reader.is_behind_unchecked(LogReader::Chain, Stream::Change).await.map_err(Failed::new)?;
        let mut after = None;
        loop {
            let page = reader.page_chain_heads_unchecked(after, HEADS_PER_PAGE).await.map_err(Failed::new)?;
            let Some(last) = page.last() else { break };
            after = Some(last.organization_id);
            for head in &page {
                say(&serde_json::to_string(head).map_err(Failed::new)?)?;
            }
        }
        drop(reader);
        store.close().await;
        if is_behind {
            note(&format!(
                "The latest changes are not linked yet, and none of these heads covers them. {LINKED_BY_ITSELF}"
            ));
        }
        Ok(())
    })
}

fn verify(matches: &ArgMatches) -> Result<(), Failed> {
    let kept = matches.get_one::<PathBuf>("kept").map(read_heads).transpose()?.unwrap_or_default();
    let proof = in_runtime(async {
        let store = open(matches).await?;
        let mut reader = store.snapshot().await.map_err(Failed::new)?;
        let mut words = 0;
        let told = |events: u64| {
            if words < events / EVENTS_PER_WORD {
                words = events / EVENTS_PER_WORD;
                note(&format!("{events} events proved …"));
            }
        };
        let proof = reader.prove_chains_unchecked(&kept, told).await.map_err(Failed::new)?;
        drop(reader);
        store.close().await;
        Ok(proof)
    })?;
    if matches.get_flag("json") {
        say(&serde_json::to_string(&proof).map_err(Failed::new)?)?;
    } else {
        say(&in_words(&proof))?;
    }
    match proof.faults.len() {
        0 => Ok(()),
        FAULTS_MAX.. => Err(Failed::new("the log was altered; more is wrong than is told here")),
        _ => Err(Failed::new(
            "the log was altered; restore it from a backup of before, and find out who can write in the database",
        )),
    }
}

fn in_words(proof: &Proof) -> String {
    let mut lines = vec![format!(
        "{} events, {} linked in the chains of {} organizations; {} of them had what they told erased.",
        proof.events, proof.linked, proof.organizations, proof.erased
    )];
    if proof.waiting > 0 {
        let since = proof.waiting_since.map(|it| format!(", the first of {it}")).unwrap_or_default();
        lines.push(format!(
            "{} are not linked yet{since}: nothing is proved of those. {LINKED_BY_ITSELF}",
            proof.waiting
        ));
    }
    if proof.heads > 0 {
        lines.push(format!("{} heads that were kept were found again.", proof.heads));
    }
    lines.extend(proof.faults.iter().map(|it| format!("wrong: {it}")));
    if proof.faults.is_empty() {
        let whole = match proof.waiting {
            0 => "Nothing is missing, and nothing was altered.",
            _ => "Of what is linked nothing is missing, and nothing was altered.",
        };
        lines.push(whole.to_owned());
    }
    lines.join("\n")
}

/// The heads of a file, one a line.
fn read_heads(path: &PathBuf) -> Result<Vec<Head>, Failed> {
    let text = std::fs::read_to_string(path).map_err(|error| Failed::new(format!("{}: {error}", path.display())))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let read = |(number, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|_| {
            Failed::new(format!("{}: line {} is no head that `audit heads` printed", path.display(), number + 1))
        })
    };
    lines.map(read).collect()
}
