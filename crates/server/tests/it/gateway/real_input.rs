//! Real input: a hundred thousand keys that exist elsewhere, imported from a CSV of their digests, then asked for through nginx.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use data_encoding::HEXLOWER;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::scorecards::Stack;

const KEYS: usize = 100_000;
/// Lines of the file whose digest is none. The header is line 1.
const BAD_LINES: [usize; 2] = [502, 77_779];

/// A key as the system that is being replaced gave it out.
fn legacy_key(line: usize) -> String {
    format!("cust_{line:06}_5f2c9b7e41d84a3c")
}

/// Files of this test; removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("real-input-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn csv() -> String {
    let mut text = String::from("name,sha256\n");
    for line in 2..KEYS + 2 {
        let digest = HEXLOWER.encode(&Sha256::digest(legacy_key(line)));
        let digest = if BAD_LINES.contains(&line) { "not a digest" } else { &digest };
        writeln!(text, "customer {line},{digest}").unwrap();
    }
    text
}

struct Importer<'a> {
    base: &'a str,
    key: &'a str,
    mapped_user: &'a str,
    file: &'a Path,
}

impl Importer<'_> {
    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_claviger"));
        command.arg("import").arg(self.file).args(["--url", self.base, "--mapped-user", self.mapped_user]);
        command.env("CLAVIGER_KEY", self.key).stdin(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// Kills the import at its first sign of progress.
    fn run_a_while(&self) -> String {
        let mut child = self.command().spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut heard = String::new();
        while !heard.contains(" % ") {
            assert_ne!(said.read_line(&mut heard).unwrap(), 0, "it ended early: {heard}");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        said.read_to_string(&mut heard).unwrap();
        heard
    }

    fn run(&self) -> String {
        let output = self.command().output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "one line is bad: {said}");
        said
    }
}

/// What `curl` prints as the status of a request.
fn curl(url: &str, arguments: &[&str]) -> String {
    let output = Command::new("curl")
        .args(["--silent", "--noproxy", "*", "--output", "/dev/null", "--write-out", "%{http_code}"])
        .args(arguments)
        .arg(url)
        .output()
        .expect("curl is installed");
    String::from_utf8(output.stdout).unwrap()
}

/// What `wrk` found in two seconds: requests in all, and those that were answered with another status than 2xx or 3xx.
fn wrk(script: &Path, url: &str) -> (u64, u64) {
    let output = Command::new("wrk")
        .args(["--threads", "1", "--connections", "16", "--duration", "2s", "--script"])
        .arg(script)
        .arg(url)
        .output()
        .expect("wrk is installed");
    let text = String::from_utf8(output.stdout).unwrap();
    let number = |wanted: &str| {
        let line = text.lines().find(|it| it.contains(wanted))?;
        line.split_whitespace().find_map(|it| it.parse::<u64>().ok())
    };
    assert!(!text.contains("Socket errors"), "{text}");
    (number("requests in").unwrap_or_else(|| panic!("{text}")), number("Non-2xx").unwrap_or(0))
}

// Of several threads, because the host answers in this process while the test waits for curl and wrk.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_imported_keys_pass_through_nginx() {
    let stack = Stack::start().await;
    let (m, _) = stack.member_m(&["scorecards/A:read"]).await;
    let importer_key = stack.key(&stack.root, json!({"name": "Importer"})).await;
    let folder = Folder::new();
    let file = folder.write("keys.csv", &csv());
    let importer = Importer { base: stack.base(), key: &importer_key.token, mapped_user: &m, file: &file };

    let first = importer.run_a_while();
    assert!(first.contains("line 502: sha256"), "{first}");
    let second = importer.run();
    assert!(second.contains("Going on behind line"), "{second}");
    assert!(second.contains("line 502: sha256") && second.contains("line 77779: sha256"), "{second}");
    assert!(second.contains(&format!("{} imported, 0 were there already, 2 not taken.", KEYS - 2)), "{second}");
    let third = importer.run();
    assert!(
        third.starts_with("The import of this file was finished on ") && third.contains("line 502: sha256"),
        "an import that is done does nothing: {third}"
    );

    let url = |path: &str| format!("http://{}/scorecards/{path}", stack.nginx.address);
    for line in [2, 501, 50_000, KEYS + 1] {
        let bearer = format!("Authorization: Bearer {}", legacy_key(line));
        assert_eq!(curl(&url("A"), &["-H", &bearer]), "200", "line {line}");
        assert_eq!(curl(&url("B"), &["-H", &bearer]), "404", "line {line}");
        let change =
            ["-H", bearer.as_str(), "-H", "Content-Type: application/json", "-X", "PUT", "-d", "{\"score\":1}"];
        assert_eq!(curl(&url("A"), &change), "403", "line {line}");
    }
    for unknown in [BAD_LINES[0], BAD_LINES[1], KEYS + 2] {
        let key = format!("X-Api-Key: {}", legacy_key(unknown));
        assert_eq!(curl(&url("A"), &["-H", &key]), "401", "line {unknown}");
    }

    let script = |lines: &str| {
        format!(
            "request = function()\n  local line = {lines}\n  while line == 502 or line == 77779 do line = line + 1 end\n  \
             wrk.headers['Authorization'] = string.format('Bearer cust_%06d_5f2c9b7e41d84a3c', line)\n  \
             return wrk.format('GET')\nend\n"
        )
    };
    let good = folder.write("good.lua", &script(&format!("math.random(2, {})", KEYS + 1)));
    let bad = folder.write("bad.lua", &script(&format!("math.random({}, 999999)", KEYS + 2)));
    let (requests, refused) = wrk(&good, &url("A"));
    assert!(requests > 100 && refused == 0, "{refused} of {requests} good requests were refused");
    let (requests, refused) = wrk(&bad, &url("A"));
    assert!(requests > 100 && refused == requests, "{refused} of {requests} bad requests were refused");
    let (requests, refused) = wrk(&good, &url("B"));
    assert!(requests > 100 && refused == requests, "{refused} of {requests} requests for what is hidden were refused");
}
