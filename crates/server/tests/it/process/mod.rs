//! The binary itself, as a process: what it prints, what stops its start, and what survives its sudden end.

mod crash;
mod reconcile;
mod start;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder that goes away with its test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("claviger-process-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// `claviger` with these arguments and nothing of this process's environment that could change what it does.
fn claviger(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_claviger"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

/// Runs it to its end.
fn run(arguments: &[&str], folder: &Path) -> Output {
    claviger(arguments).current_dir(folder).output().unwrap()
}

/// A running `claviger serve`; killed with its test.
pub(super) struct Server {
    child: Child,
    /// What it printed when it was ready.
    greeting: String,
    /// Kept, so that it can go on printing.
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    /// Starts it on ports that the system chooses, and returns once it has said where it runs.
    pub(super) fn start(data: &Path) -> Self {
        let data_dir = data.to_str().unwrap();
        let arguments = [
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--authz-listen",
            "127.0.0.1:0",
            "--data-dir",
            data_dir,
            "--log",
            "warn",
        ];
        let mut child = claviger(&arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut greeting = String::new();
        while !greeting.contains("Stop it with") {
            if stdout.read_line(&mut greeting).unwrap() == 0 {
                panic!("it ended before it was ready: {:?}, {greeting}", child.wait());
            }
        }
        Self { child, greeting, _stdout: stdout }
    }

    /// The value behind a word of the greeting.
    pub(super) fn fact(&self, word: &str) -> &str {
        let line = self.greeting.lines().find_map(|it| it.trim().strip_prefix(word));
        line.unwrap_or_else(|| panic!("no {word} in {}", self.greeting)).trim()
    }

    /// Ends it as a power button would.
    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and returns its exit code once it has.
    fn terminate(&mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
