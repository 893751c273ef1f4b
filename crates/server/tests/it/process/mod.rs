//! The binary itself, as a process: what it prints, what stops its start, and what survives its sudden end.

mod audit;
mod backup;
mod canary;
mod cluster;
mod crash;
mod deliveries;
mod dev;
mod documents;
mod endings;
mod import;
mod master_key;
mod moving;
mod nodes;
mod notifications;
mod quotas;
mod reconcile;
mod restored;
mod start;
mod terminal;
mod tokens;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use claviger::app::{App, system_randomness};
use claviger::clock::SystemClock;
use claviger::ops::caller::Caller;
use claviger::ops::installation::install;
use claviger::ops::keys::{NewKey, create_key};
use claviger::ops::page::PageRequest;
use claviger::ops::roles::list_roles;
use claviger::ops::sessions::{Claim, Origin, claim_set_up_link};
use claviger_core::decision::Reach;
use claviger_core::id::{OrganizationId, RoleId};
use claviger_core::name::Email;
use claviger_core::role::BuiltIn;
use claviger_store::{Options, Store};
use secrecy::SecretString;

use crate::app::{ADMIN_EMAIL, ADMIN_PASSWORD, config, master_key, name, new_key};
use crate::engine::{is_postgres, new_schema};

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

/// Where a server keeps what it holds: a folder, and on PostgreSQL a schema beside it.
pub(super) struct Data {
    folder: Folder,
    database: Option<String>,
}

impl Data {
    pub(super) async fn new() -> Self {
        let database = if is_postgres() { Some(new_schema().await) } else { None };
        Self { folder: Folder::new(), database }
    }

    /// In a PostgreSQL of the test's own.
    fn in_cluster(cluster: &cluster::Cluster) -> Self {
        Self { folder: Folder::new(), database: Some(cluster.url()) }
    }

    /// An embedded one, whatever this run is on.
    pub(super) fn embedded() -> Self {
        Self { folder: Folder::new(), database: None }
    }

    /// The flags that name it.
    pub(super) fn flags(&self) -> Vec<String> {
        let folder = self.data_folder().to_str().unwrap().to_owned();
        let database = self.database.iter().flat_map(|url| ["--database".to_owned(), url.clone()]);
        ["--data-dir".to_owned(), folder].into_iter().chain(database).collect()
    }

    /// A folder for the files of a test, which are not the server's.
    pub(super) fn files(&self) -> &Path {
        self.folder.path()
    }

    fn data_folder(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Opens it as a server would.
    pub(super) async fn open(&self) -> Store {
        let (options, rng) = (Options::default(), system_randomness()());
        match &self.database {
            Some(url) => Store::connect(url, options, rng).await.unwrap(),
            None => Store::open(&self.data_folder(), options, rng).await.unwrap(),
        }
    }
}

/// What a data folder holds before a server is started on it.
pub(super) struct Prepared {
    pub(super) organization: OrganizationId,
    /// The token of a key that may do everything.
    pub(super) admin_key: String,
    pub(super) readonly: RoleId,
}

/// Makes an installation with an admin's key, as a first start and an admin would.
pub(super) async fn prepare(data: &Data) -> Prepared {
    let app = App::start(config(), data.open().await, Arc::new(SystemClock), system_randomness(), master_key());
    let installation = install(&app, name("Root")).await.unwrap();
    let organization = installation.organization_id;
    let claim = Claim {
        name: name("Admin"),
        email: Email::parse(ADMIN_EMAIL).unwrap(),
        password: SecretString::from(ADMIN_PASSWORD),
    };
    let link = installation.set_up_token.unwrap();
    let signed_in = claim_set_up_link(&app, link, claim, Origin::default()).await.unwrap();
    let admin = Caller::Session { user_id: signed_in.user.id, session_id: signed_in.session_id, ip: None };
    let driver = NewKey { reach: Reach::Subtree, ..new_key("Driver") };
    let created = create_key(&app, &admin, organization, driver, None).await.unwrap().fresh().unwrap();
    let roles = list_roles(&app, &admin, organization, PageRequest::default()).await.unwrap();
    let readonly = roles.items.iter().find(|it| it.built_in == Some(BuiltIn::Readonly)).unwrap().id;
    app.shut_down().await;
    Prepared { organization, admin_key: created.token.expose().to_owned(), readonly }
}

/// `claviger` with these arguments and nothing of this process's environment that could change what it does.
fn claviger(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_claviger"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

/// The files of a folder that others on this machine may do something with.
fn open_to_others(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    // SQLite takes a file away beside us where a connection is closed just now.
    let mode = |it: &Path| Some(std::fs::metadata(it).ok()?.permissions().mode());
    files.filter(|it| mode(it).is_some_and(|it| it & 0o077 != 0)).collect()
}

/// Runs it to its end.
fn run(arguments: &[&str], folder: &Path) -> Output {
    claviger(arguments).current_dir(folder).output().unwrap()
}

/// Runs a command on a database.
fn on(data: &Data, arguments: &[&str]) -> Output {
    let place = data.flags();
    let place: Vec<_> = place.iter().map(String::as_str).collect();
    run(&[arguments, &place].concat(), data.files())
}

/// What a command has to say to people.
fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Ports that the system chooses, and only what is worth a warning.
const PORTS: [&str; 6] = ["--listen", "127.0.0.1:0", "--authz-listen", "127.0.0.1:0", "--log", "warn"];

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
        let data_dir = ["--data-dir", data.to_str().unwrap()];
        Self::run(&[&["serve"], &PORTS[..], &data_dir].concat(), "Stop it with")
    }

    /// As [`Self::start`], on whichever engine.
    pub(super) fn on(data: &Data) -> Self {
        let flags = data.flags();
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        Self::run(&[&["serve"], &PORTS[..], &flags].concat(), "Stop it with")
    }

    /// As [`Self::on`], and everything that it logs goes into a file, however small.
    fn logging(data: &Data, log: &Path) -> Self {
        let flags = data.flags();
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        let mut command = claviger(
            &[&["serve"], &PORTS[..4], &["--log", "trace", "--webhook-allow-networks", "127.0.0.0/8"], &flags].concat(),
        );
        command.stderr(File::options().create(true).append(true).open(log).unwrap());
        Self::spawn(command, "Stop it with")
    }

    /// Runs a command that goes on running, and returns once it has printed `ready`.
    fn run(arguments: &[&str], ready: &str) -> Self {
        Self::spawn(claviger(arguments), ready)
    }

    fn spawn(mut command: Command, ready: &str) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut greeting = String::new();
        while !greeting.contains(ready) {
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
