//! `claviger backup`: writes everything in the database into one file, while the service runs.

mod file;

use std::io;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command, value_parser};
use claviger_core::time::Clock as _;
use claviger_store::dump;

pub(super) use self::file::{BackupReader, Header, escaped};
use self::file::{BackupWriter, FORMAT};
use super::moving::{no_installation, place_args, write_lines};
use super::serve::open_store_beside;
use super::{Failed, in_runtime, note, read_config};
use crate::app::system_randomness;
use crate::clock::SystemClock;
use crate::data_folder::MASTER_KEY_FILE;

const BYTES_PER_MIB: f64 = 1024.0 * 1024.0;

pub(super) fn command() -> Command {
    Command::new("backup")
        .about("Writes everything in the database into one file, while the service runs")
        .long_about(
            "Writes everything in the database into one file, as it is at one moment, for `claviger restore`. The service goes on meanwhile, on the \
             embedded database as on PostgreSQL: nobody waits for it, and nothing is migrated. The file is readable by its owner only, is never \
             written over another, and has its name only once it is whole and on the disk; it ends with a digest by which a restore knows that.\n\n\
             There is no key in clear in it, but digests, names, addresses, sealed copies of secrets and the whole log: keep it as you keep the \
             database. The master key is not in it: keep master.key of the data folder apart from it, for without it nothing that is sealed opens. \
             Keep the log of endings too (--endings-log of `claviger serve`): by it a restore knows what was revoked after the backup.",
        )
        .args(place_args())
        .arg(
            Arg::new("file")
                .value_name("FILE|FOLDER")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("Where to write it; it must not be there yet. In a folder it is called after its moment"),
        )
}

pub(super) fn run(matches: &ArgMatches) -> Result<(), Failed> {
    let config = read_config(matches)?;
    let target = matches.get_one::<PathBuf>("file").expect("clap requires it");
    if target.as_os_str() == "-" {
        return Err(Failed::new(
            "a backup is a file, which is given its name once it is whole; `claviger export` writes to standard output",
        ));
    }
    if config.database.is_none() && !config.data_dir.join("claviger.db").is_file() {
        return Err(no_installation(&config.data_dir.display()));
    }
    let began = SystemClock.now();
    in_runtime(async {
        let store = open_store_beside(&config, &system_randomness()).await?;
        let mut export = store.export().await.map_err(Failed::new)?;
        let reader = export.reader();
        let Some(installation) = reader.find_installation_unchecked().await.map_err(Failed::new)? else {
            return Err(no_installation(&store.place()));
        };
        let master_key_id = reader.find_master_key_id_unchecked().await.map_err(Failed::new)?;
        let (made_at, position) = (SystemClock.now(), export.position());
        let header = Header {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            schema: dump::schema(),
            root: installation.root_organization_id,
            made_at,
            epoch: position.epoch,
            seq: position.seq,
            master_key_id: master_key_id.map(|it| it.to_string()),
        };
        let path = path_of(target, &header);
        if path.exists() {
            return Err(is_there(&path));
        }
        let mut writer = BackupWriter::begin(&path, &header).map_err(|error| unwritten(&path, &error))?;
        write_lines(export, |line| writer.line(line).map_err(|error| unwritten(&path, &error))).await?;
        let written = writer.finish(&path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => is_there(&path),
            _ => unwritten(&path, &error),
        })?;
        store.close().await;
        let secs = SystemClock.now().since(began).as_secs_f64();
        note(&format!(
            "{}: {} lines, {:.1} MiB in {secs:.1} s, as of {made_at}; SHA-256 {}",
            path.display(),
            written.lines,
            written.bytes as f64 / BYTES_PER_MIB,
            written.digest
        ));
        note(&format!(
            "The master key is not in it: keep a copy of {} apart from it, or nothing that is sealed opens.",
            config.data_dir.join(MASTER_KEY_FILE).display()
        ));
        note(&format!(
            "What is revoked from now on it does not know: keep {} on another disk or machine, for `claviger restore --endings`.",
            config.endings_file().display()
        ));
        Ok(())
    })
}

/// Where the backup is written: in a folder it is called after its moment.
fn path_of(target: &Path, header: &Header) -> PathBuf {
    if !target.is_dir() {
        return target.to_owned();
    }
    let moment: String = header.made_at.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
    target.join(format!("claviger-{moment}.backup"))
}

fn is_there(path: &Path) -> Failed {
    Failed::new(format!("{} is there already; name another file", path.display()))
}

fn unwritten(path: &Path, error: &io::Error) -> Failed {
    let fix = match error.kind() {
        io::ErrorKind::StorageFull => "; make room, or name another disk",
        io::ErrorKind::NotFound => "; name a folder that is there",
        _ => "",
    };
    Failed::new(format!("the backup could not be written: {}: {error}{fix}", path.display()))
}
