//! A PostgreSQL of a test's own, which can be killed without anybody else noticing.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::Folder;

/// As which user it runs where the tests run as root: it refuses to run as that.
const USER: &str = "postgres";
/// What nobody needs who only kills processes and no machines; and a default that would lose what was acknowledged, were it not Claviger that
/// says how it commits.
const SETTINGS: [&str; 4] =
    ["fsync=off", "synchronous_commit=off", "wal_writer_delay=10s", "listen_addresses=127.0.0.1"];

/// A running server; it ends with its test, and its folder with it.
pub(super) struct Cluster {
    folder: Folder,
    programs: PathBuf,
    is_root: bool,
    port: u16,
    process: Option<Child>,
}

impl Cluster {
    /// Makes the cluster and starts its server.
    pub(super) fn start() -> Self {
        let id = Command::new("id").arg("-u").output().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut cluster =
            Self { folder: Folder::new(), programs: programs(), is_root: id.stdout == b"0\n", port, process: None };
        if cluster.is_root {
            assert!(Command::new("chown").arg(USER).arg(cluster.folder.path()).status().unwrap().success());
        }
        let made = cluster
            .command("initdb")
            .args(["--username=claviger", "--auth=trust", "--encoding=UTF8", "--no-sync", "--locale=C", "--pgdata"])
            .arg(cluster.data())
            .stdout(Stdio::null())
            .status();
        assert!(made.unwrap().success(), "initdb");
        cluster.launch();
        cluster
    }

    /// The address of its one database.
    pub(super) fn url(&self) -> String {
        format!("postgres://claviger@127.0.0.1:{}/postgres", self.port)
    }

    /// Everything that it writes.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Has it write into its tables what stands only in its memory and its write-ahead log.
    pub(super) fn checkpoint(&self) {
        let status = self.command("psql").args(["--quiet", "--command=CHECKPOINT", &self.url()]).status();
        assert!(status.unwrap().success(), "psql");
    }

    /// What `pg_dump` makes of its database.
    pub(super) fn dump(&self) -> Vec<u8> {
        let output = self.command("pg_dump").args(["--dbname", &self.url()]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        output.stdout
    }

    /// Where its tables and its write-ahead log stand.
    pub(super) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Starts its server, and returns once that answers.
    pub(super) fn launch(&mut self) {
        let log = self.folder.path().join("log");
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).arg("-k").arg(self.folder.path()).args(["-p", &self.port.to_string()]);
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        self.process = Some(command.stdout(Stdio::null()).stderr(File::create(&log).unwrap()).spawn().unwrap());
        #[expect(clippy::disallowed_methods, reason = "another process is waited for")]
        let started = Instant::now();
        let mut ready = Command::new(self.programs.join("pg_isready"));
        ready.args(["-q", "-h", "127.0.0.1", "-U", "claviger", "-p", &self.port.to_string()]);
        while !ready.status().unwrap().success() {
            let said = fs::read_to_string(&log).unwrap_or_default();
            assert!(started.elapsed() < Duration::from_secs(30), "it is not ready: {said}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills its processes where they stand, as the next start finds out.
    pub(super) fn kill(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        let stop = self.command("pg_ctl").args(["stop", "-s", "-m", "immediate", "-D"]).arg(self.data()).status();
        assert!(stop.unwrap().success(), "pg_ctl");
        drop(process.wait());
    }

    /// A program of PostgreSQL, as the user it runs under. The server ends when the tests do, even where nobody tells it.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        if self.is_root {
            command.args([&format!("--reuid={USER}"), &format!("--regid={USER}"), "--init-groups"]);
        }
        command.args(["--pdeathsig=INT", "--"]).arg(self.programs.join(program)).current_dir(self.folder.path());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            drop(self.command("pg_ctl").args(["stop", "-s", "-m", "immediate", "-D"]).arg(self.data()).status());
            drop(process.wait());
        }
    }
}

/// The folder of the newest PostgreSQL that is installed. Debian keeps several side by side, off the path.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.map(|it| it.path()).filter(|it| it.join("bin/initdb").is_file()).max_by_key(number);
    newest.map_or_else(
        || {
            let told = Command::new("pg_config").arg("--bindir").output().expect("PostgreSQL is installed");
            PathBuf::from(String::from_utf8(told.stdout).unwrap().trim())
        },
        |it| it.join("bin"),
    )
}
