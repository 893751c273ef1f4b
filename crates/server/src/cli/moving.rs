//! `claviger export` and `claviger import --everything`: moves an installation to another database, of the other engine too.
//!
//! Both work on the database itself and not through the API: what is moved is more than any caller may read.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command, value_parser};
use claviger_store::Error;
use claviger_store::dump::Export;

use super::serve::open_store;
use super::{Failed, in_runtime, note, read_config, setting_args};
use crate::app::system_randomness;

/// Settings that say where the database is.
const PLACES: [&str; 3] = ["database", "data_dir", "config"];
/// Lines between two words about how far it has come.
const LINES_PER_WORD: u64 = 100_000;
/// A line is no longer than the largest row: an event's body.
pub(super) const LINE_BYTES_MAX: u64 = 16 * 1024 * 1024;

pub(super) fn export_command() -> Command {
    Command::new("export")
        .about("Writes everything in the database as lines of text")
        .long_about(
            "Writes everything in the database as lines of text, for `claviger import --everything` to read: that moves an installation \
             from the embedded database to PostgreSQL, or back. Stop the service on an embedded database first.\n\n\
             There is no key in clear in it, but digests, names, addresses, sealed copies of secrets and the whole log: keep it as you keep the \
             database. The master key is not in it, and sealed copies open for nobody without it; copy data/master.key by hand.",
        )
        .args(place_args())
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("Where to write it; it must not be there yet; - is standard output [default: standard output]"),
        )
}

/// The flags of the settings that say where the database is.
pub(super) fn place_args() -> impl Iterator<Item = Arg> {
    place_args_and(&[])
}

/// The same with those of further settings.
pub(super) fn place_args_and(further: &'static [&'static str]) -> impl Iterator<Item = Arg> {
    let is_wanted = move |name: &str| PLACES.contains(&name) || further.contains(&name);
    setting_args().into_iter().filter(move |it| is_wanted(it.get_id().as_str()))
}

pub(super) fn export(matches: &ArgMatches) -> Result<(), Failed> {
    let config = read_config(matches)?;
    // As everywhere, and as `import --everything -` reads standard input.
    let target = matches.get_one::<PathBuf>("file").filter(|it| it.as_os_str() != "-");
    if target.is_none() && io::stdout().is_terminal() {
        return Err(Failed::new("say a FILE, or send the output into one"));
    }
    // Else a slip of the pen would make a folder, and a backup of nothing.
    if config.database.is_none() && !config.data_dir.is_dir() {
        return Err(no_installation(&config.data_dir.display()));
    }
    in_runtime(async {
        let store = open_store(&config, &system_randomness()).await?;
        let mut reader = store.read().await.map_err(Failed::new)?;
        if reader.find_installation_unchecked().await.map_err(Failed::new)?.is_none() {
            return Err(no_installation(&store.place()));
        }
        drop(reader);
        let file = target.map(|path| create(path)).transpose()?;
        let output: &mut dyn Write = match &file {
            Some(file) => &mut &*file,
            None => &mut io::stdout().lock(),
        };
        let mut output = BufWriter::new(output);
        let export = store.export().await.map_err(Failed::new)?;
        let lines = write_lines(export, |line| writeln!(output, "{line}").map_err(Failed::new)).await?;
        output.flush().map_err(Failed::new)?;
        if let Some(file) = &file {
            // Whoever reads that it is written may throw the old database away.
            file.sync_all().map_err(Failed::new)?;
        }
        store.close().await;
        note(&format!("{lines} lines written. The master key is not among them, and without it no sealed copy opens."));
        Ok(())
    })
}

/// Hands over line by line what is exported, says from time to time how far it has come, and at the end how many lines there were.
pub(super) async fn write_lines(
    mut export: Export,
    mut write: impl FnMut(&str) -> Result<(), Failed>,
) -> Result<u64, Failed> {
    let mut told = Progress::default();
    loop {
        let lines = export.next().await.map_err(Failed::new)?;
        if lines.is_empty() {
            return Ok(told.lines);
        }
        lines.iter().try_for_each(|line| write(line))?;
        told.add(lines.len() as u64, "written");
    }
}

pub(super) fn no_installation(place: &dyn std::fmt::Display) -> Failed {
    Failed::new(format!(
        "there is no installation at {place}: name its folder by --data-dir, or its database by --database"
    ))
}

/// Readable by its owner only, and never in place of something else.
fn create(path: &Path) -> Result<File, Failed> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failed::new(format!("{} is there already; name another file", path.display())),
        _ => Failed::new(format!("{}: {error}", path.display())),
    })
}

pub(super) fn import(matches: &ArgMatches) -> Result<(), Failed> {
    let config = read_config(matches)?;
    let path = matches.get_one::<PathBuf>("file").expect("clap requires it");
    let input: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(|error| Failed::new(format!("{}: {error}", path.display())))?)
    };
    in_runtime(async {
        let store = open_store(&config, &system_randomness()).await?;
        let place = store.place();
        let mut import = store.import().await.map_err(|error| match error {
            Error::Taken(_) => Failed::new(format!("{place} holds an installation already; name an empty database")),
            error => Failed::new(error),
        })?;
        let (mut input, mut told) = (BufReader::new(input), Progress::default());
        let mut line = String::new();
        while read_line(&mut input, &mut line)? {
            import.take(line.trim_end_matches('\n')).await.map_err(Failed::new)?;
            told.add(1, "read");
        }
        let rows = import.finish().await.map_err(Failed::new)?;
        store.close().await;
        note(&format!(
            "{rows} rows imported into {place}. Copy the old master.key into the data folder before you start: no other opens what is sealed."
        ));
        Ok(())
    })
}

fn read_line(input: &mut BufReader<Box<dyn Read + '_>>, line: &mut String) -> Result<bool, Failed> {
    line.clear();
    let read = Read::by_ref(input).take(LINE_BYTES_MAX).read_line(line).map_err(Failed::new)?;
    if read as u64 == LINE_BYTES_MAX {
        return Err(Failed::new(format!("a line is longer than {LINE_BYTES_MAX} bytes")));
    }
    Ok(read > 0)
}

/// Says from time to time how far it has come.
#[derive(Default)]
pub(super) struct Progress {
    lines: u64,
}

impl Progress {
    pub(super) fn add(&mut self, lines: u64, done: &str) {
        let before = self.lines / LINES_PER_WORD;
        self.lines += lines;
        if before < self.lines / LINES_PER_WORD {
            note(&format!("{} lines {done} …", self.lines));
        }
    }
}
