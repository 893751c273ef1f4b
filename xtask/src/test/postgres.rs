//! A PostgreSQL that lives as long as the tests: in a temporary folder, open to this machine only, and without the writes
//! that make a real one safe.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::packages::is_root;
use crate::shell::{Failure, Outcome, find_program, read, run, succeeds};

/// The variable that tells the tests where PostgreSQL is.
pub(super) const URL_VARIABLE: &str = "CLAVIGER_TEST_POSTGRES_URL";
/// The variable that tells them to run on it.
pub(super) const ENGINE_VARIABLE: &str = "CLAVIGER_TEST_ENGINE";

/// The unprivileged users that a root may hand PostgreSQL to, which refuses to run as root.
const USERS: [&str; 2] = ["postgres", "nobody"];

/// From this version on a database can have another collation than the system's.
const ICU_SINCE_VERSION: u32 = 15;

/// What the server is told about safety.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Safety {
    /// As by default: a commit is on disk.
    Safe,
    /// What is not written safely is written fast, and nothing here outlives the tests.
    Fast,
}

impl Safety {
    const fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Safe => &["listen_addresses=127.0.0.1"],
            Self::Fast => &[
                "listen_addresses=127.0.0.1",
                "fsync=off",
                "synchronous_commit=off",
                "full_page_writes=off",
                "max_connections=300",
                // Nothing here lives long enough to be cleared up: with the schemas of all tests it would look through very many tables all the time.
                "autovacuum=off",
                "checkpoint_timeout=1h",
                "max_wal_size=2GB",
            ],
        }
    }
}

/// A running server; dropping it stops it and removes its folder.
pub(crate) struct Server {
    folder: PathBuf,
    programs: PathBuf,
    user: Option<&'static str>,
    process: Option<Child>,
    url: String,
}

impl Server {
    /// Creates the folder, the database cluster in it, and starts the server.
    ///
    /// # Errors
    /// When any of it fails; the message holds the end of the server's log.
    pub(crate) fn start(safety: Safety) -> Outcome<Self> {
        let programs = program_folder().ok_or_else(|| Failure::new("PostgreSQL is not installed"))?;
        let user = if is_root() { Some(unprivileged_user()?) } else { None };
        let folder = std::env::temp_dir().join(format!("claviger-postgres-{}", std::process::id()));
        fs::create_dir_all(&folder)
            .map_err(|error| Failure::new(format!("cannot create {}: {error}", folder.display())))?;
        // From here on dropping the value removes the folder, however far the start has come.
        let mut server = Self { folder, programs, user, process: None, url: String::new() };
        if let Some(user) = user {
            run(Command::new("chown").args([user, &server.folder.to_string_lossy()]))?;
        }
        server.create_cluster()?;
        server.launch(safety)?;
        println!("PostgreSQL {} runs at {}", server.version()?, server.url);
        Ok(server)
    }

    /// Where the server is, for the tests.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Ticks of the kernel's clock that its processes have spent.
    ///
    /// # Errors
    /// When it does not run.
    pub(crate) fn cpu_ticks(&self) -> Outcome<u64> {
        let gone = || Failure::new("PostgreSQL is gone");
        let own = self.process.as_ref().ok_or_else(gone)?.id();
        let mut ticks = 0;
        for process in fs::read_dir("/proc").map_err(|_| gone())?.flatten() {
            // A process may end between the list and the look; those of others are passed over.
            let stat = fs::read_to_string(process.path().join("stat")).unwrap_or_default();
            let Some((_, fields)) = stat.rsplit_once(')') else { continue };
            let fields: Vec<&str> = fields.split_whitespace().collect();
            let number = |index: usize| fields.get(index).and_then(|it| it.parse::<u64>().ok()).unwrap_or(0);
            // Behind the name: state, parent, and as tenth and eleventh further on the times in user and system mode.
            if number(1) == u64::from(own) {
                ticks += number(11) + number(12);
            } else if process.file_name() == own.to_string().as_str() {
                // Its own, and behind them those of its children that have ended.
                ticks += number(11) + number(12) + number(13) + number(14);
            }
        }
        Ok(ticks)
    }

    fn version(&self) -> Outcome<u32> {
        let text = read(Command::new(self.programs.join("postgres")).arg("--version"))?;
        let digits = |word: &str| word.split('.').next().and_then(|major| major.parse().ok());
        text.split_whitespace()
            .find_map(digits)
            .ok_or_else(|| Failure::new(format!("which version is `{}`?", text.trim())))
    }

    fn create_cluster(&self) -> Outcome {
        let mut command = self.command("initdb");
        command.args(["--username=claviger", "--auth=trust", "--encoding=UTF8", "--no-sync", "--locale=C"]);
        if ICU_SINCE_VERSION <= self.version()? {
            // A collation of a language: what is compared without COLLATE "C" then sorts visibly wrong.
            command.args(["--locale-provider=icu", "--icu-locale=en"]);
        }
        run(command.arg("--pgdata").arg(self.data()).stdout(Stdio::null()))
    }

    fn launch(&mut self, safety: Safety) -> Outcome {
        let port = free_port()?;
        let log = self.folder.join("log");
        let file =
            File::create(&log).map_err(|error| Failure::new(format!("cannot write {}: {error}", log.display())))?;
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).arg("-k").arg(&self.folder).arg("-p").arg(port.to_string());
        for setting in safety.settings() {
            command.args(["-c", setting]);
        }
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).spawn();
        self.process = Some(process.map_err(|error| Failure::new(format!("cannot start PostgreSQL: {error}")))?);
        self.url = format!("postgres://claviger@127.0.0.1:{port}/postgres");
        let is_ready = self.programs.join("pg_isready");
        for _ in 0..300 {
            if succeeds(Command::new(&is_ready).args([
                "--host=127.0.0.1",
                &format!("--port={port}"),
                "--username=claviger",
            ])) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(100));
        }
        let said = fs::read_to_string(&log).unwrap_or_default();
        Err(Failure::new(format!("PostgreSQL is not ready after 30 seconds. It said:\n{said}")))
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// A program of PostgreSQL as the user it runs under. The server is told to stop when we die, even by a signal that
    /// leaves us no time to stop it.
    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command = if find_program("setpriv").is_some() {
            let mut command = Command::new("setpriv");
            if let Some(user) = self.user {
                command.args([&format!("--reuid={user}"), &format!("--regid={}", group_of(user)), "--init-groups"]);
            }
            command.args(["--pdeathsig=INT", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(&self.folder);
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let stop = self
                .command("pg_ctl")
                .args(["stop", "--silent", "--mode=fast", "--timeout=10", "--pgdata"])
                .arg(self.data())
                .status();
            if !stop.is_ok_and(|status| status.success()) {
                drop(process.kill());
            }
            drop(process.wait());
        }
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("cannot remove {}: {error}", self.folder.display());
        }
    }
}

/// The folder of the newest PostgreSQL that is installed. Debian keeps several side by side, off the path.
pub(crate) fn program_folder() -> Option<PathBuf> {
    let is_complete =
        |folder: &Path| ["initdb", "postgres", "pg_ctl", "pg_isready"].iter().all(|name| folder.join(name).is_file());
    let on_path = find_program("postgres").and_then(|path| path.parent().map(Path::to_path_buf));
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut installed: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, folder)| is_complete(folder))
        .collect();
    installed.sort();
    on_path.filter(|folder| is_complete(folder)).or_else(|| installed.pop().map(|(_, folder)| folder))
}

fn unprivileged_user() -> Outcome<&'static str> {
    let exists = |user: &&str| succeeds(Command::new("id").args(["-u", user]));
    USERS
        .into_iter()
        .find(exists)
        .ok_or_else(|| Failure::new("PostgreSQL does not run as root: there has to be a user `postgres`"))
}

fn group_of(user: &str) -> String {
    read(Command::new("id").args(["-g", user])).map_or_else(|_| user.to_owned(), |id| id.trim().to_owned())
}

/// A port that nobody listens on. Somebody else may take it before PostgreSQL does; then the start fails, and says so.
fn free_port() -> Outcome<u16> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| Failure::new(format!("no free port on the loopback interface: {error}")))
}
