//! A process under measurement: pinned to a core, stopped when dropped, and its CPU time read from the kernel.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::http::Connection;
use crate::shell::{Failure, Outcome, check_interrupts, display, find_program, read};

/// Lines of a server's output that a failure quotes.
const QUOTED_LINES: usize = 20;

/// Where processes run. Server and load generator have a core each, so that neither takes time from the other.
#[derive(Clone, Copy)]
pub(super) enum Core {
    /// The server's.
    Server,
    /// The load generator's.
    Load,
    /// Any: what is timed by the clock may use the whole machine.
    Any,
}

/// The program on its core, told to end when we do, even by a signal that leaves us no time to stop it.
pub(super) fn on_core(core: Core, program: &Path) -> Command {
    let mut words: Vec<&str> = Vec::new();
    if find_program("setpriv").is_some() {
        words.extend(["setpriv", "--pdeathsig=KILL", "--"]);
    }
    match core {
        Core::Server => words.extend(["taskset", "--cpu-list", "0"]),
        Core::Load => words.extend(["taskset", "--cpu-list", "1"]),
        Core::Any => {}
    }
    let Some((first, rest)) = words.split_first() else {
        return Command::new(program);
    };
    let mut command = Command::new(first);
    command.args(rest).arg(program);
    command
}

/// How a server is started.
#[derive(Clone)]
pub(super) struct Recipe {
    /// What its log is called.
    pub(super) name: String,
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<OsString>,
    /// Where it will listen.
    pub(super) address: SocketAddr,
    /// Where it says whether it is ready; a peer is as soon as it listens.
    pub(super) ready_at: Option<SocketAddr>,
    /// How long it may take until it is.
    pub(super) patience: Duration,
}

impl Recipe {
    /// Starts it, and waits until it is ready.
    ///
    /// # Errors
    /// When it cannot be started, ends, or is not ready in time.
    pub(super) fn start(&self, core: Core, folder: &Path) -> Outcome<Server> {
        self.start_command(on_core(core, &self.program), folder)
    }

    /// Starts it under callgrind, which writes what it counted into `profile` at the end.
    ///
    /// # Errors
    /// As [`Self::start`], and when valgrind is not installed.
    pub(super) fn start_counted(&self, folder: &Path, profile: &Path) -> Outcome<Server> {
        let valgrind = find_program("valgrind").ok_or_else(|| {
            Failure::new("valgrind is not installed:\n  sudo apt-get install --no-install-recommends valgrind")
        })?;
        let mut command = on_core(Core::Any, &valgrind);
        command.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", profile.display())).arg(&self.program);
        self.start_command(command, folder)
    }

    fn start_command(&self, mut command: Command, folder: &Path) -> Outcome<Server> {
        command.args(&self.arguments);
        let line = display(&command);
        let log = folder.join(format!("{}.log", self.name));
        let unwritable = |error| Failure::new(format!("cannot write {}: {error}", log.display()));
        let output = File::create(&log).map_err(unwritable)?;
        let errors = output.try_clone().map_err(unwritable)?;
        let process = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(|error| Failure::new(format!("cannot start `{line}`: {error}")))?;
        let mut server = Server { address: self.address, process, log, line };
        server.wait_until("listened", self.patience, || TcpStream::connect(self.address).is_ok())?;
        if let Some(address) = self.ready_at {
            server.wait_until("was ready", self.patience, || is_ready(address))?;
        }
        Ok(server)
    }
}

fn is_ready(address: SocketAddr) -> bool {
    let request = b"GET /readyz HTTP/1.1\r\nHost: bench\r\n\r\n";
    Connection::open(address).and_then(|mut it| it.send(request)).is_ok_and(|answer| answer.status == 200)
}

/// A running server; dropping it stops it.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    process: Child,
    log: PathBuf,
    line: String,
}

impl Server {
    /// Waits until `is_done` says so.
    ///
    /// # Errors
    /// When the process ends before, `patience` runs out, or the user interrupts.
    pub(super) fn wait_until(&mut self, what: &str, patience: Duration, mut is_done: impl FnMut() -> bool) -> Outcome {
        const TICK: Duration = Duration::from_millis(5);
        let ticks = patience.as_millis() / TICK.as_millis();
        for _ in 0..ticks {
            check_interrupts()?;
            if let Ok(Some(status)) = self.process.try_wait() {
                return Err(self.failure(&format!("ended ({status}) before it {what}")));
            }
            if is_done() {
                return Ok(());
            }
            thread::sleep(TICK);
        }
        Err(self.failure(&format!("has run for {} s and never {what}", patience.as_secs())))
    }

    fn failure(&self, what: &str) -> Failure {
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = said.lines().collect();
        let last = lines[lines.len().saturating_sub(QUOTED_LINES)..].join("\n");
        Failure::new(format!("`{}` {what}. It said:\n{last}", self.line))
    }

    /// Where it writes what it says.
    pub(super) fn log(&self) -> &Path {
        &self.log
    }

    /// Ticks of the kernel's clock that its threads have spent, in user and system mode: all of them, or those alone whose
    /// names begin so. The latter forget threads that have ended.
    ///
    /// # Errors
    /// When the process is gone.
    pub(super) fn cpu_ticks(&self, threads: Option<&str>) -> Outcome<u64> {
        let unknown = |stat: &str| Failure::new(format!("not the form of /proc/PID/stat: {stat}"));
        let Some(prefix) = threads else {
            let stat = self.read_proc("stat")?;
            return cpu_ticks_of(&stat).ok_or_else(|| unknown(&stat));
        };
        let folder = format!("/proc/{}/task", self.process.id());
        let tasks = fs::read_dir(folder).map_err(|error| self.failure(&format!("is gone ({error})")))?;
        let mut ticks = 0;
        for task in tasks.flatten() {
            // A thread may end between the list and the look.
            let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            let is_wanted = stat.split_once('(').is_some_and(|(_, name)| name.starts_with(prefix));
            if is_wanted {
                ticks += cpu_ticks_of(&stat).ok_or_else(|| unknown(&stat))?;
            }
        }
        Ok(ticks)
    }

    /// Bytes of its memory that are in use.
    ///
    /// # Errors
    /// When the process is gone.
    pub(super) fn resident_bytes(&self) -> Outcome<u64> {
        let status = self.read_proc("status")?;
        resident_bytes_of(&status).ok_or_else(|| Failure::new("no VmRSS in /proc/PID/status"))
    }

    fn read_proc(&self, file: &str) -> Outcome<String> {
        fs::read_to_string(format!("/proc/{}/{file}", self.process.id()))
            .map_err(|error| self.failure(&format!("is gone ({error})")))
    }

    /// Asks it to end, as an operator does, and waits until it has.
    ///
    /// # Errors
    /// When it does not within `patience`.
    pub(super) fn stop(mut self, patience: Duration) -> Outcome {
        let process = self.process.id().to_string();
        drop(Command::new("kill").args(["-TERM", &process]).status());
        const TICK: Duration = Duration::from_millis(10);
        for _ in 0..patience.as_millis() / TICK.as_millis() {
            if let Ok(Some(_)) = self.process.try_wait() {
                return Ok(());
            }
            thread::sleep(TICK);
        }
        Err(self.failure("does not end"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing that a server under measurement holds outlives the run, so it need not be asked.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn cpu_ticks_of(stat: &str) -> Option<u64> {
    // The name, in brackets, may hold anything; what follows it starts with field 3, so utime and stime are 14 and 15.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11);
    let user: u64 = times.next()?.parse().ok()?;
    let system: u64 = times.next()?.parse().ok()?;
    Some(user + system)
}

fn resident_bytes_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Microseconds of one tick of the kernel's accounting.
///
/// # Errors
/// When the system does not say.
pub(super) fn tick_us() -> Outcome<f64> {
    let text = read(Command::new("getconf").arg("CLK_TCK"))?;
    let per_second: f64 = text.trim().parse().map_err(|_| Failure::new(format!("CLK_TCK is `{text}`")))?;
    Ok(1e6 / per_second)
}

/// An address on the loopback interface that nobody listens on. Somebody else may take it first; then the start fails.
///
/// # Errors
/// When there is none.
pub(super) fn free_address() -> Outcome<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map_err(|error: io::Error| Failure::new(format!("no free port on the loopback interface: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_of_all_threads_is_read_behind_any_name() {
        let stat = "6351 (a ) b) S 1 6346 8122 0 -1 4194304 250 0 1 0 35 237 0 0 20 0 1 0 240295";
        assert_eq!(cpu_ticks_of(stat), Some(272));
        assert_eq!(cpu_ticks_of("6351 (a"), None);
    }

    #[test]
    fn resident_memory_is_read() {
        assert_eq!(resident_bytes_of("VmPeak:\t  9 kB\nVmRSS:\t    2048 kB\n"), Some(2 * 1024 * 1024));
        assert_eq!(resident_bytes_of("VmPeak:\t  9 kB\n"), None);
    }
}
