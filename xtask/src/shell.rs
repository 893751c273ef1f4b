//! Running other programs, and telling the reader about it.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::mem;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};

/// Why a command of xtask ended without success: one message for the terminal, empty when it has been printed already.
#[derive(Debug)]
pub(crate) struct Failure(String);

/// What every command of xtask returns.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// A failure with this message; lines after the first should say what to do.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// A failure that the reader has been told of.
    pub(crate) fn printed() -> Self {
        Self(String::new())
    }

    /// Whether there is nothing left to say.
    pub(crate) fn is_printed(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The root of the workspace: the folder above this crate.
///
/// # Panics
/// Never: the path is fixed when xtask is compiled, and this crate is never the root.
pub(crate) fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies inside the workspace").to_path_buf()
}

/// The cargo that runs us, so that a chosen toolchain (`cargo +nightly xtask …`) does the inner work too.
pub(crate) fn cargo() -> Command {
    #[expect(clippy::disallowed_methods, reason = "cargo tells what it runs by this variable")]
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(workspace_root());
    command
}

/// Prints the heading of a step, so that its output can be found in a long log.
pub(crate) fn heading(text: &str) {
    println!("\n== {text}");
}

/// The command as it could be typed, without the environment.
pub(crate) fn display(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From now on Ctrl-C and a request to terminate end what is running and not this process, which then has the time to
/// remove what it started.
///
/// # Errors
/// When the system refuses the handler.
pub(crate) fn catch_interrupts() -> Outcome {
    let flag = INTERRUPTED.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(flag))
            .map_err(|error| Failure::new(format!("cannot catch interrupts: {error}")))?;
    }
    Ok(())
}

/// Stops what takes long between its steps.
///
/// # Errors
/// When the user has asked us to end since [`catch_interrupts`].
pub(crate) fn check_interrupts() -> Outcome {
    let is_interrupted = INTERRUPTED.get().is_some_and(|flag| flag.load(Ordering::Relaxed));
    if is_interrupted { Err(Failure::new("interrupted")) } else { Ok(()) }
}

/// How often a wait looks whether it was interrupted.
const TICK: Duration = Duration::from_millis(20);

/// After an interrupt a child has this many ticks, two seconds, to end by itself: Ctrl-C reaches it too.
const TICKS_AFTER_INTERRUPT: u32 = 100;

/// Waits for the child; after an interrupt gives it a little time, then ends it.
fn wait(child: &mut Child, line: &str) -> Outcome<ExitStatus> {
    let lost = |error| Failure::new(format!("lost `{line}`: {error}"));
    if INTERRUPTED.get().is_none() {
        return child.wait().map_err(lost);
    }
    let mut ticks = 0;
    loop {
        if let Some(status) = child.try_wait().map_err(lost)? {
            return if is_interrupted() { Err(Failure::new("interrupted")) } else { Ok(status) };
        }
        if is_interrupted() {
            ticks += 1;
            if ticks == TICKS_AFTER_INTERRUPT {
                child.kill().map_err(lost)?;
            }
        }
        thread::sleep(TICK);
    }
}

/// Whether somebody has asked us to stop; see [`catch_interrupts`].
fn is_interrupted() -> bool {
    INTERRUPTED.get().is_some_and(|interrupted| interrupted.load(Ordering::Relaxed))
}

fn spawn(command: &mut Command) -> Outcome<Child> {
    if is_interrupted() {
        return Err(Failure::new("interrupted"));
    }
    command.spawn().map_err(|error| Failure::new(format!("cannot start `{}`: {error}", display(command))))
}

/// Runs the command with our own input and output, and returns how it ended.
///
/// # Errors
/// When it cannot be started, or was interrupted.
pub(crate) fn status(command: &mut Command) -> Outcome<ExitStatus> {
    wait(&mut spawn(command)?, &display(command))
}

/// As [`status`], for a command whose success is needed.
///
/// # Errors
/// As [`status`], and when it ends with anything but success.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let status = status(command)?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("`{}` failed ({status})", display(command)))) }
}

/// Runs the command, hands each line it prints to `see`, and prints it too. Its errors go to the terminal.
///
/// # Errors
/// As [`status`].
pub(crate) fn run_watched(command: &mut Command, mut see: impl FnMut(&str)) -> Outcome<ExitStatus> {
    let line = display(command);
    let mut child = spawn(command.stdout(Stdio::piped()))?;
    let mut output = BufReader::new(child.stdout.take().expect("the output was asked for"));
    let (sender, receiver) = mpsc::channel();
    // Left behind after an interrupt: what the child has started may hold the output open for as long as it likes.
    thread::spawn(move || {
        let mut bytes = Vec::new();
        while output.read_until(b'\n', &mut bytes).is_ok_and(|length| length != 0) {
            if sender.send(String::from_utf8_lossy(&mem::take(&mut bytes)).into_owned()).is_err() {
                break;
            }
        }
    });
    while !is_interrupted() {
        match receiver.recv_timeout(TICK) {
            Ok(text) => {
                print!("{text}");
                see(text.trim_end());
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    wait(&mut child, &line)
}

/// Runs the command and returns what it printed; its errors go to the terminal.
///
/// # Errors
/// When it cannot be started, does not end with success, or prints something that is not UTF-8.
pub(crate) fn read(command: &mut Command) -> Outcome<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| Failure::new(format!("cannot start `{}`: {error}", display(command))))?;
    if !output.status.success() {
        return Err(Failure::new(format!("`{}` failed ({})", display(command), output.status)));
    }
    String::from_utf8(output.stdout)
        .map_err(|_| Failure::new(format!("`{}` printed something that is not UTF-8", display(command))))
}

/// Whether the command can be started and ends with success. It prints nothing.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Folders in which programs are looked for: those of the caller, and those of the administrator, where Debian puts nginx
/// and which are not on everybody's path.
pub(crate) fn program_folders() -> Vec<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the path belongs to the caller's shell, not to Claviger's configuration"
    )]
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    for folder in ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from) {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders
}

/// Where the program lies, if it is installed.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    program_folders().into_iter().map(|folder| folder.join(name)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watched_lines_are_seen_and_the_end_is_told() {
        let mut lines = Vec::new();
        let mut command = Command::new("sh");
        let status =
            run_watched(command.args(["-c", "echo one; echo two; exit 3"]), |line| lines.push(line.to_owned()));
        assert_eq!(status.unwrap().code(), Some(3));
        assert_eq!(lines, ["one", "two"]);
    }

    #[test]
    fn failing_command_is_named_as_it_could_be_typed() {
        let failure = run(Command::new("sh").args(["-c", "exit 1"])).unwrap_err();
        assert!(failure.to_string().starts_with("`sh -c exit 1` failed"), "{failure}");
    }

    #[test]
    fn program_that_is_not_there_is_not_found() {
        assert!(find_program("sh").is_some());
        assert_eq!(find_program("no-such-program"), None);
    }
}
