//! What README.md, docs/ and the files beside gateways, examples and integrations show in shell is run as it stands there, against a real service. What cannot be says so, and why, in a comment above it:
//! `<!-- not run: … -->`; what wants the service stopped, `<!-- run: with the service stopped -->`. The guides' pieces are run by `docs/snippets.rs`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::{Data, Prepared, Server, prepare};

const NOT_RUN: &str = "not run: ";
const STOPPED: &str = "run: with the service stopped";

/// A piece of shell of a document.
#[derive(Debug)]
struct Piece {
    line: usize,
    /// What the comment right above it says.
    word: Option<String>,
    code: String,
}

/// The folders of what is shown to whoever runs Claviger.
const FOLDERS: [&str; 4] = ["docs", "gateways", "examples", "integrations"];

fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = vec![root.join("README.md")];
    let mut waiting: Vec<_> = FOLDERS.iter().map(|it| root.join(it)).collect();
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|it| it == "md") {
                files.push(path);
            } else if path.is_dir() && !["node_modules", "target"].iter().any(|it| path.ends_with(it)) {
                waiting.push(path);
            }
        }
    }
    files.sort();
    files
}

fn pieces(markdown: &str) -> Vec<Piece> {
    let mut found: Vec<Piece> = Vec::new();
    let (mut fence, mut above) = (None, "");
    for (number, line) in markdown.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), fence) {
            (Some(language), None) => {
                fence = Some(language.trim());
                if ["sh", "console"].contains(&language.trim()) {
                    let word = above.strip_prefix("<!-- ").and_then(|it| it.strip_suffix(" -->"));
                    found.push(Piece { line: number + 1, word: word.map(str::to_owned), code: String::new() });
                }
            }
            (Some(_), Some(_)) => fence = None,
            (None, Some("sh")) => found.last_mut().unwrap().code.push_str(&format!("{line}\n")),
            // Of a session what stands behind the prompt; the rest is what was answered.
            (None, Some("console")) => {
                if let Some(command) = line.strip_prefix("$ ") {
                    found.last_mut().unwrap().code.push_str(&format!("{command}\n"));
                }
            }
            (None, _) => {}
        }
        if fence.is_none() {
            above = line.trim();
        }
    }
    found
}

/// A service that the pieces of one document are run against, one after the other.
struct World {
    data: Data,
    prepared: Prepared,
    server: Option<Server>,
    base: String,
}

impl World {
    async fn new() -> Self {
        let data = Data::embedded();
        let prepared = prepare(&data).await;
        for folder in ["backups", "home"] {
            std::fs::create_dir(data.files().join(folder)).unwrap();
        }
        let settings = "silent\nshow-error\nfail\nnoproxy = \"*\"\n";
        std::fs::write(data.files().join("home/.curlrc"), settings).unwrap();
        let server = Server::on(&data);
        let base = server.fact("Console").to_owned();
        Self { data, prepared, server: Some(server), base }
    }

    fn run(&mut self, piece: &Piece) -> Output {
        if piece.word.as_deref() == Some(STOPPED)
            && let Some(mut server) = self.server.take()
        {
            assert_eq!(server.terminate(), Some(0));
        }
        let files = self.data.files();
        let places = [
            ("http://127.0.0.1:7400".to_owned(), self.base.clone()),
            ("/var/backups/claviger".to_owned(), files.join("backups").display().to_string()),
            ("/mnt/elsewhere".to_owned(), files.join("data").display().to_string()),
            ("/mnt/keys".to_owned(), files.join("data").display().to_string()),
        ];
        let code = places.iter().fold(piece.code.clone(), |code, (place, here)| code.replace(place, here));
        let programs = Path::new(env!("CARGO_BIN_EXE_claviger")).parent().unwrap();
        let mut command = Command::new("sh");
        command.args(["-eu", "-c", &code]).current_dir(files).env_clear();
        command.env("PATH", format!("{}:/usr/bin:/bin", programs.display())).env("CURL_HOME", files.join("home"));
        command.env("KEY", &self.prepared.admin_key).env("CLAVIGER_KEY", &self.prepared.admin_key);
        command.env("CLAVIGER_URL", &self.base).output().unwrap()
    }
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout))
}

#[tokio::test]
async fn every_piece_of_shell_of_the_documents_works_or_says_why_it_is_not_run() {
    let (mut run, mut left) = (0, 0);
    for document in documents() {
        let name = document.display().to_string();
        let pieces = pieces(&std::fs::read_to_string(&document).unwrap());
        let mut world = None;
        for piece in pieces {
            let place = format!("{name}:{}", piece.line);
            match piece.word.as_deref() {
                Some(word) if word.starts_with(NOT_RUN) => {
                    assert!(word.len() > NOT_RUN.len() + 15, "{place}: say why");
                    left += 1;
                    continue;
                }
                Some(STOPPED) | None => {}
                // A comment about something else, which says nothing of how it is run.
                Some(word) => assert!(!word.starts_with("run"), "{place}: nobody knows `{word}`"),
            }
            let world = match &mut world {
                Some(world) => world,
                empty => empty.insert(World::new().await),
            };
            let output = world.run(&piece);
            assert!(output.status.success(), "{place}: {}\n{}", piece.code, told(&output));
            run += 1;
        }
    }
    assert!(run >= 6 && left >= 9, "{run} were run, {left} not");
}

#[test]
fn every_document_is_in_the_list_of_documents() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let list = std::fs::read_to_string(docs.join("README.md")).unwrap();
    for document in documents().into_iter().filter(|it| it.parent().is_some_and(|it| it.ends_with("docs"))) {
        let name = document.file_name().unwrap().to_string_lossy().into_owned();
        assert!(name == "README.md" || list.contains(&format!("]({name})")), "docs/README.md lacks {name}");
    }
}

// The control.
#[tokio::test]
async fn a_piece_that_fails_is_noticed() {
    let text = "Text\n\n```sh\ncurl http://127.0.0.1:7400/api/v1/me -H \"Authorization: Bearer ck_wrong\"\ntrue\n```\n\n\
                <!-- not run: for another reason -->\n```console\n$ claviger no-such-command\nanswer\n```\n\n```json\n{}\n```\n";
    let found = pieces(text);
    assert_eq!(found.iter().map(|it| it.line).collect::<Vec<_>>(), [3, 9]);
    assert_eq!(found[0].word, None);
    assert_eq!(found[1].word.as_deref(), Some("not run: for another reason"));
    assert_eq!(found[1].code, "claviger no-such-command\n");
    let mut world = World::new().await;
    for piece in &found {
        let output = world.run(piece);
        assert!(!output.status.success(), "{piece:?}: {}", told(&output));
    }
}
