//! `claviger import`: brings keys that exist elsewhere in, from a CSV of their SHA-256 digests, through the management API.
//!
//! The server keeps how far an import has come, by the digest of the file; so the same command goes on where a broken one stopped.

use std::fs::File;
use std::io::{self, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Arg, ArgMatches, Command, value_parser};
use data_encoding::HEXLOWER;
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Failed;

/// Lines sent at once: as many as one event stands for.
const LINES_PER_CHUNK: usize = claviger_core::limits::ROWS_PER_EVENT_MAX;
/// Tries of one chunk before the import stops; sending a chunk twice is harmless.
const TRIES: u32 = 5;
/// Bad lines named on the terminal; the server keeps more.
const NAMED_LINES_MAX: u64 = 50;

pub(super) fn command() -> Command {
    let required = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).required(true).help(help)
    };
    let optional = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    Command::new("import")
        .about("Imports keys from a CSV of SHA-256 digests")
        .long_about(
            "Imports keys from a CSV of SHA-256 digests, so that the keys your customers hold go on working.\n\n\
             The first line names the columns: sha256 (hex or base64, required), name, description, expires_at (RFC 3339). Lines that \
             cannot be taken are named by their number and the rest is imported. Interrupted? Run the same command again: it goes on \
             where it stopped.\n\n\
             Say what the keys may do with --role, with --mapped-user, or with both.",
        )
        .arg(Arg::new("file").value_name("FILE").required(true).value_parser(value_parser!(PathBuf)).help("The CSV file"))
        .arg(required("key", "KEY", "A key that may create keys; better given as the variable CLAVIGER_KEY").env("CLAVIGER_KEY").hide_env_values(true))
        .arg(optional("url", "URL", "Where Claviger runs").default_value("http://127.0.0.1:7400"))
        .arg(optional("organization", "ID", "Where the keys belong [default: the key's own organization]"))
        .arg(optional("role", "ID", "The role of the keys, such as rol_01…; GET /api/v1/organizations/{id}/roles lists them"))
        .arg(optional("mapped-user", "ID", "The user whose rights the keys carry"))
        .arg(optional("api", "SLUG", "The api of the keys [default: default]"))
}

pub(super) fn run(matches: &ArgMatches) -> Result<(), Failed> {
    let path = matches.get_one::<PathBuf>("file").expect("clap requires it");
    let source = Source::open(path)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failed::new)?;
    runtime.block_on(async {
        let server = Server::of(matches)?;
        let organization = match text(matches, "organization") {
            Some(id) => id.to_owned(),
            None => server.get::<MeView>("/api/v1/me").await?.organization.id,
        };
        let imports = format!("/api/v1/organizations/{organization}/imports");
        let import: ImportView = server.post(&imports, &new_import(matches, &source)).await?;
        if import.done_line > 1 {
            note(&format!("Going on behind line {}, where this file's import stopped.", import.done_line));
        }
        send(&server, &format!("{imports}/{}/lines", import.id), source, import).await
    })
}

fn text<'a>(matches: &'a ArgMatches, name: &str) -> Option<&'a str> {
    matches.get_one::<String>(name).map(String::as_str)
}

fn new_import(matches: &ArgMatches, source: &Source) -> Value {
    let mut body = json!({ "source_digest": HEXLOWER.encode(&source.digest), "source_name": source.name });
    for (argument, field) in [("role", "role_id"), ("mapped-user", "mapped_user_id"), ("api", "api")] {
        if let Some(value) = text(matches, argument) {
            body[field] = value.into();
        }
    }
    body
}

/// A file, read once for its digest and once for its lines.
struct Source {
    name: String,
    digest: [u8; 32],
    bytes: u64,
    lines: csv::Reader<BufReader<File>>,
}

impl Source {
    fn open(path: &Path) -> Result<Self, Failed> {
        let failed = |error: &dyn std::fmt::Display| Failed::new(format!("{}: {error}", path.display()));
        let mut hash = HashWriter(Sha256::new());
        let bytes =
            File::open(path).and_then(|mut file| io::copy(&mut file, &mut hash)).map_err(|error| failed(&error))?;
        let file = File::open(path).map_err(|error| failed(&error))?;
        let lines = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(BufReader::new(file));
        let name = path.file_name().unwrap_or_default().to_string_lossy().chars().take(120).collect();
        Ok(Self { name, digest: hash.0.finalize().into(), bytes, lines })
    }

    /// Which column is which. Unknown columns are an error: a misspelt one would silently be left out.
    fn columns(&mut self) -> Result<Columns, Failed> {
        let header = self.lines.byte_headers().map_err(Failed::new)?;
        let mut columns = Columns::default();
        for (at, name) in header.iter().enumerate() {
            let name = String::from_utf8_lossy(name).trim_start_matches('\u{FEFF}').to_ascii_lowercase();
            let place = match name.as_str() {
                "sha256" => &mut columns.sha256,
                "name" => &mut columns.name,
                "description" => &mut columns.description,
                "expires_at" => &mut columns.expires_at,
                _ => {
                    let known = "sha256, name, description, expires_at";
                    return Err(Failed::new(format!("line 1: unknown column `{name}`; the columns are {known}")));
                }
            };
            *place = Some(at);
        }
        if columns.sha256.is_none() {
            return Err(Failed::new("line 1: there is no column sha256; the first line has to name the columns"));
        }
        Ok(columns)
    }
}

struct HashWriter(Sha256);

impl Write for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Columns {
    sha256: Option<usize>,
    name: Option<usize>,
    description: Option<usize>,
    expires_at: Option<usize>,
}

/// One line, as the API takes it.
#[derive(Debug, Serialize)]
struct Line {
    line: u64,
    sha256: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

impl Columns {
    /// Bytes that are no text are sent as replacement characters, for the server to refuse: one place decides what a good line is.
    fn line(&self, record: &csv::ByteRecord) -> Line {
        let cell =
            |at: Option<usize>| at.and_then(|at| record.get(at)).map(|it| String::from_utf8_lossy(it).into_owned());
        let filled = |at: Option<usize>| cell(at).filter(|it| !it.is_empty());
        Line {
            line: record.position().map_or(0, csv::Position::line),
            sha256: cell(self.sha256).unwrap_or_default(),
            name: filled(self.name),
            description: filled(self.description),
            expires_at: filled(self.expires_at),
        }
    }
}

async fn send(server: &Server, path: &str, mut source: Source, mut import: ImportView) -> Result<(), Failed> {
    let columns = source.columns()?;
    let mut progress = Progress::new(source.bytes);
    let mut named = 0;
    let mut record = csv::ByteRecord::new();
    let mut chunk = Vec::with_capacity(LINES_PER_CHUNK);
    loop {
        let more = source.lines.read_byte_record(&mut record).map_err(Failed::new)?;
        if more && record.position().map_or(0, csv::Position::line) > import.done_line {
            chunk.push(columns.line(&record));
        }
        if chunk.len() == LINES_PER_CHUNK || !more && !chunk.is_empty() {
            let outcome: ChunkView = server.post(path, &json!({ "lines": chunk })).await?;
            chunk.clear();
            for bad in &outcome.rejected {
                named += 1;
                if named <= NAMED_LINES_MAX {
                    progress.line(&format!("line {}: {}", bad.line, bad.reason));
                }
            }
            import = outcome.import;
            progress.show(source.lines.position().byte(), &import);
        }
        if !more {
            break;
        }
    }
    progress.end();
    if named > NAMED_LINES_MAX {
        note(&format!(
            "… and {} more bad lines; GET {} lists the first 1,000.",
            named - NAMED_LINES_MAX,
            path.trim_end_matches("/lines")
        ));
    }
    note(&format!(
        "{} imported, {} were there already, {} not taken.",
        import.accepted, import.existing, import.rejected
    ));
    Ok(())
}

fn note(line: &str) {
    // A terminal that is gone does not stop an import.
    drop(writeln!(io::stderr(), "{line}"));
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
struct MeView {
    organization: OrganizationRef,
}

#[derive(Debug, Deserialize)]
struct OrganizationRef {
    id: String,
}

#[derive(Debug, Deserialize)]
struct ImportView {
    id: String,
    done_line: u64,
    accepted: u64,
    existing: u64,
    rejected: u64,
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

#[derive(Debug, Deserialize)]
struct ProblemView {
    code: String,
    detail: Option<String>,
    fix: Option<String>,
    #[serde(default)]
    errors: Vec<FieldView>,
}

#[derive(Debug, Deserialize)]
struct FieldView {
    pointer: String,
    detail: String,
}

/// The server, as this command talks to it.
struct Server {
    url: String,
    key: SecretString,
    client: reqwest::Client,
}

impl Server {
    fn of(matches: &ArgMatches) -> Result<Self, Failed> {
        let url = text(matches, "url").expect("it has a default").trim_end_matches('/').to_owned();
        let address: Option<http::Uri> = url.parse().ok();
        let host = address.as_ref().filter(|it| it.scheme_str() == Some("http")).and_then(http::Uri::host);
        if !host.is_some_and(is_this_machine) {
            let fix = "run this on the server's machine, against http://127.0.0.1:7400";
            return Err(Failed::new(format!("--url {url}: the key would cross the network in clear; {fix}")));
        }
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let client = client.timeout(Duration::from_secs(60)).build().map_err(Failed::new)?;
        let key = SecretString::from(text(matches, "key").expect("clap requires it"));
        Ok(Self { url, key, client })
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failed> {
        self.read(self.client.get(format!("{}{path}", self.url))).await.map_err(|tried| tried.failed)
    }

    /// Posts, again where trying again can help: every request of an import may be sent twice.
    async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Failed> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.read(self.client.post(format!("{}{path}", self.url)).json(body)).await {
                Ok(answer) => return Ok(answer),
                Err(tried) if tried.again && tries < TRIES => tokio::time::sleep(Duration::from_secs(1 << tries)).await,
                Err(tried) => return Err(tried.failed),
            }
        }
    }

    async fn read<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, Tried> {
        let sent = request.bearer_auth(self.key.expose_secret()).send().await;
        let answer = sent.map_err(|error| Tried { again: true, failed: Failed::new(explain(&error)) })?;
        let status = answer.status();
        if status.is_success() {
            return answer.json().await.map_err(|error| Tried { again: false, failed: Failed::new(error) });
        }
        let again = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
        let said = match answer.json::<ProblemView>().await {
            Ok(problem) => {
                let sentence = |it: Option<String>| it.unwrap_or_default();
                let fields = problem.errors.iter().map(|it| format!(" {}: {}.", it.pointer, it.detail));
                let fields = fields.collect::<String>();
                format!("{}: {} {}{fields}", problem.code, sentence(problem.detail), sentence(problem.fix))
            }
            Err(_) => "the answer is none of Claviger's; is the --url right?".to_owned(),
        };
        Err(Tried { again, failed: Failed::new(format!("{status}: {said}")) })
    }
}

/// Whether a host is this machine: a key must not leave it in clear.
fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|it| it.is_loopback())
}

/// Why a try failed, and whether another could do better.
struct Tried {
    again: bool,
    failed: Failed,
}

/// The whole chain of causes: the outermost says only that a request failed.
fn explain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_sent_in_clear_to_this_machine_only() {
        for (url, allowed) in [
            ("http://127.0.0.1:7400", true),
            ("http://localhost:7400", true),
            ("http://[::1]:7400", true),
            ("http://keys.example.com", false),
            ("http://127.0.0.1.example.com", false),
            ("http://192.0.2.1:7400", false),
            ("https://127.0.0.1:7400", false),
            ("127.0.0.1:7400", false),
        ] {
            let matches = command().get_matches_from(["import", "keys.csv", "--key", "k", "--url", url]);
            assert_eq!(Server::of(&matches).is_ok(), allowed, "{url}");
        }
    }
}
