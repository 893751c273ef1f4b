//! `claviger master-key`: lets another master key take the place of the present one, while the service runs.

use clap::{ArgMatches, Command};
use serde_json::{Value, json};

use super::remote::{self, Remote};
use super::table::{Column, text};
use super::{Failed, moving, note, read_config, say};
use crate::app::system_randomness;
use crate::data_folder::{MASTER_KEY_FILE, add_master_key};

const FACTS: [Column; 4] = [
    ("present", |it| text(it, "/present")),
    ("held", |it| {
        let held = it["held"].as_array().into_iter().flatten().filter_map(Value::as_str);
        held.collect::<Vec<_>>().join(", ")
    }),
    ("waiting", |it| match it["waiting"].as_str() {
        Some(id) => format!("{id}: once every node has it, run `claviger master-key rotate`"),
        None => "none".to_owned(),
    }),
    ("wrapped by others", |it| text(it, "/wrapped_by_others")),
];

/// `claviger master-key …`
pub(super) fn command() -> Command {
    Command::new("master-key")
        .about("Lets another master key take the place of the present one, while the service runs")
        .long_about(
            "Lets another master key take the place of the present one, while the service runs.\n\n1. `add` puts a new key in front of those in \
             the data folder's master.key. Nothing goes by it yet.\n2. Copy master.key to every other node, and into its backup.\n3. `rotate` wraps \
             everything by the new key. It can be called again after a crash, and goes on.\n4. Once `show` says that 0 data keys are wrapped by \
             others, the old line can be taken out of master.key; backups of the database from before still need it.",
        )
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("add").about("Puts a new key in front of those in master.key").args(moving::place_args()),
        )
        .subcommand(Command::new("show").about("Says which there are, by name").args(remote::args()))
        .subcommand(
            Command::new("rotate").about("Wraps everything by the first key of the server's master.key").args(remote::args()),
        )
}

pub(super) fn run(matches: &ArgMatches) -> Result<(), Failed> {
    let (name, matches) = matches.subcommand().expect("clap asks for one");
    if name == "add" {
        let folder = read_config(matches)?.data_dir;
        let id = add_master_key(&folder, &mut *system_randomness()())
            .map_err(|error| Failed::new(format!("{}: {error}", folder.join(MASTER_KEY_FILE).display())))?;
        note(
            "Copy master.key to every other node and into its backup, then run `claviger master-key rotate`. The new key is:",
        );
        return say(&id.to_string());
    }
    super::in_runtime(async {
        let remote = Remote::new(matches)?;
        let found: Value = match name {
            "rotate" => remote.server.post_once("/api/v1/master-key/rotate", &json!({})).await?,
            _ => remote.server.get("/api/v1/master-key").await?,
        };
        remote.show(&found, &FACTS)
    })
}
