//! `claviger import`: brings keys that exist elsewhere in, from a CSV of their SHA-256 digests, through the management API.
//!
//! The server keeps how far an import has come, by the digest of the file; so the same command goes on where a broken one stopped.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use data_encoding::HEXLOWER;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::client::Server;
use super::remote::{Remote, given};
use super::source::Source;
use super::{Failed, in_runtime, note};

/// Lines sent at once: as many as one event stands for.
const LINES_PER_CHUNK: usize = claviger_core::limits::ROWS_PER_EVENT_MAX;
/// Chunks that are under way at once: while the server writes one, the next one is read and sent.
const CHUNKS_UNDER_WAY: usize = 2;
/// Bad lines named on the terminal; the server keeps more.
const NAMED_LINES_MAX: usize = 100;

pub(super) fn command() -> Command {
    let optional = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    Command::new("import")
        .about("Imports keys from a CSV of SHA-256 digests")
        .long_about(
            "Imports keys from a CSV of SHA-256 digests, so that the keys your customers hold go on working.\n\n\
             The first line names the columns: sha256 (hex or base64, required), name, description, expires_at (RFC 3339). Lines that \
             cannot be taken are named by their number and the rest is imported; a line is a key, so no field reaches over its end; the exit code is 1 then, and 0 only if every line was \
             taken. Interrupted? Run the same command again: it goes on where it stopped. Run again after its end, it names the lines \
             that were not taken once more, and changes nothing.\n\n\
             The digest of a key that clients send in two parts, as accessKey and secretKey, is that of: the text claviger:pair:v1 and a zero byte; \
             then of each part its length in bytes, as eight bytes with the highest first, and the part itself.\n\n\
             Say what the keys may do with --role, with --mapped-user, or with both.\n\n\
             With --everything the file is what `claviger export` wrote, and goes as a whole into the empty database that the settings name, \
             past any server.",
        )
        .arg(
            Arg::new("everything")
                .long("everything")
                .action(ArgAction::SetTrue)
                .conflicts_with_all(["organization", "role", "mapped-user", "api"])
                .help("The file is a whole installation, as `claviger export` wrote it"),
        )
        .args(super::moving::place_args())
        .arg(Arg::new("file").value_name("FILE").required(true).value_parser(value_parser!(PathBuf)).help("The CSV file; with --everything the export, or - for standard input"))
        .arg(
            optional("key", "KEY", "A key that may create keys; better given as the variable CLAVIGER_KEY")
                .env("CLAVIGER_KEY")
                .hide_env_values(true)
                .required_unless_present("everything"),
        )
        .arg(
            optional("url", "URL", "Where Claviger runs").env("CLAVIGER_URL").default_value("http://127.0.0.1:7400"),
        )
        .arg(optional("organization", "ID", "Where the keys belong [default: the key's own organization]"))
        .arg(optional("role", "ROLE", "The role of the keys: its name, such as readonly, or its id"))
        .arg(optional("mapped-user", "ID", "The user whose rights the keys carry"))
        .arg(optional("api", "SLUG", "The api of the keys [default: default]"))
}

pub(super) fn run(matches: &ArgMatches) -> Result<(), Failed> {
    let path = matches.get_one::<PathBuf>("file").expect("clap requires it");
    let source = Source::open(path)?;
    in_runtime(async {
        let remote = Remote::new(matches)?;
        let role_id = match given(matches, "role") {
            Some(role) => Some(remote.role_id(role).await?),
            None => None,
        };
        let imports = remote.path("/imports").await?;
        let server = &remote.server;
        let import: ImportView = server.post(&imports, &new_import(matches, role_id, &source)).await?;
        let path = format!("{imports}/{}", import.id);
        let import = match &import.finished_at {
            Some(at) => {
                note(&format!("The import of this file was finished on {at}; nothing is left to do."));
                name(&import.rejected_lines);
                import
            }
            None => send(server, &format!("{path}/lines"), source, import).await?,
        };
        conclude(&import, &path)
    })
}

fn new_import(matches: &ArgMatches, role_id: Option<String>, source: &Source) -> Value {
    let mut body = json!({ "source_digest": HEXLOWER.encode(&source.digest), "source_name": source.name });
    let mapped_user_id = given(matches, "mapped-user");
    for (field, value) in
        [("role_id", role_id.as_deref()), ("mapped_user_id", mapped_user_id), ("api", given(matches, "api"))]
    {
        if let Some(value) = value {
            body[field] = value.into();
        }
    }
    body
}

/// Sends all lines that have not been dealt with; answers the finished import.
async fn send(server: &Server, path: &str, mut source: Source, mut import: ImportView) -> Result<ImportView, Failed> {
    let columns = source.columns()?;
    if import.done_line > 1 {
        note(&format!("Going on behind line {}, where this file's import stopped.", import.done_line));
        name(&import.rejected_lines);
    }
    let mut progress = Progress::new(source.bytes);
    let mut named = import.rejected_lines.len();
    let mut chunk = Vec::with_capacity(LINES_PER_CHUNK);
    let (tasks, mut under_way, mut after_line) = (TaskTracker::new(), VecDeque::new(), None);
    loop {
        let line = source.next(&columns)?;
        let more = line.is_some();
        chunk.extend(line.filter(|it| it.line > import.done_line));
        if chunk.len() == LINES_PER_CHUNK || !more {
            let body = json!({ "lines": chunk, "after_line": after_line, "finished": !more });
            after_line = chunk.last().map(|it| it.line).or(after_line);
            chunk.clear();
            under_way.push_back(Chunk::send(&tasks, server, path, body));
        }
        while under_way.len() >= CHUNKS_UNDER_WAY || !more {
            let Some(chunk) = under_way.pop_front() else { break };
            let outcome = chunk.outcome(server, path).await?;
            for bad in &outcome.rejected {
                named += 1;
                if named <= NAMED_LINES_MAX {
                    progress.line(&bad.to_string());
                }
            }
            import = outcome.import;
            progress.show(source.read_bytes(), &import);
        }
        if !more {
            progress.end();
            return Ok(import);
        }
    }
}

/// Lines that were sent, and what became of them.
struct Chunk {
    body: Value,
    answer: JoinHandle<Result<ChunkView, Failed>>,
}

impl Chunk {
    fn send(tasks: &TaskTracker, server: &Server, path: &str, body: Value) -> Self {
        let (server, path, sent) = (server.clone(), path.to_owned(), body.clone());
        Self { body, answer: tasks.spawn(async move { server.post(&path, &sent).await }) }
    }

    /// What became of them, the ones before them having been taken. If they came too early they are sent again.
    async fn outcome(self, server: &Server, path: &str) -> Result<ChunkView, Failed> {
        match self.answer.await.map_err(Failed::new)? {
            Err(_) => server.post(path, &self.body).await,
            taken => taken,
        }
    }
}

/// Names the first of the lines that were not taken.
fn name(rejected: &[RejectedView]) {
    for bad in rejected.iter().take(NAMED_LINES_MAX) {
        note(&bad.to_string());
    }
}

/// Says what became of all of it. Not to have taken a line is a failure: a script must not go on as if every customer's key were here.
fn conclude(import: &ImportView, path: &str) -> Result<(), Failed> {
    let unnamed = import.rejected.saturating_sub(NAMED_LINES_MAX as u64);
    if unnamed > 0 {
        note(&format!("… and {unnamed} more bad lines; GET {path} lists the first 1,000."));
    }
    let (accepted, existing, rejected) = (import.accepted, import.existing, import.rejected);
    note(&format!("{accepted} imported, {existing} were there already, {rejected} not taken."));
    match rejected {
        0 => Ok(()),
        _ => {
            Err(Failed::new("not every line was taken; mend those named above and import them as a file of their own"))
        }
    }
}

/// The line that says how far it has come; on a terminal it rewrites itself, elsewhere it appears at every tenth.
struct Progress {
    bytes: u64,
    live: bool,
    tenths: u64,
}

impl Progress {
    fn new(bytes: u64) -> Self {
        Self { bytes: bytes.max(1), live: io::stderr().is_terminal(), tenths: 0 }
    }

    fn show(&mut self, at: u64, import: &ImportView) {
        let percent = at * 100 / self.bytes;
        let text = format!("{percent:>3} %  {} imported, {} not taken", import.accepted, import.rejected);
        if self.live {
            drop(write!(io::stderr(), "\r{text}\x1b[K"));
        } else if percent / 10 > self.tenths {
            self.tenths = percent / 10;
            note(&text);
        }
    }

    fn line(&self, text: &str) {
        if self.live {
            drop(write!(io::stderr(), "\r\x1b[K"));
        }
        note(text);
    }

    fn end(&self) {
        if self.live {
            note("");
        }
    }
}

#[derive(Debug, Deserialize)]
struct ImportView {
    id: String,
    done_line: u64,
    accepted: u64,
    existing: u64,
    rejected: u64,
    rejected_lines: Vec<RejectedView>,
    finished_at: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ChunkView {
    import: ImportView,
    rejected: Vec<RejectedView>,
}

#[derive(Debug, Deserialize)]
struct RejectedView {
    line: u64,
    reason: String,
}

impl fmt::Display for RejectedView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}
