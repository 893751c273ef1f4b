//! Running other programs, and telling the reader about it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Why a command of xtask ended without success: one message for the terminal.
#[derive(Debug)]
pub(crate) struct Failure(String);

/// What every command of xtask returns.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// A failure with this message; lines after the first should say what to do.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
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

/// The cargo that runs us, so that a toolchain override (`cargo +nightly xtask …`) reaches the inner calls too.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(option_env!("CARGO").unwrap_or("cargo"));
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

/// Runs the command with our own input and output.
///
/// # Errors
/// When it cannot be started, or ends with anything but success.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let status =
        command.status().map_err(|error| Failure::new(format!("cannot start `{}`: {error}", display(command))))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("`{}` failed ({status})", display(command)))) }
}

/// Runs the command and returns what it printed; its errors still go to the terminal.
///
/// # Errors
/// As [`run`], and when the output is not UTF-8.
pub(crate) fn read(command: &mut Command) -> Outcome<String> {
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| Failure::new(format!("cannot start `{}`: {error}", display(command))))?;
    if !output.status.success() {
        return Err(Failure::new(format!("`{}` failed ({})", display(command), output.status)));
    }
    String::from_utf8(output.stdout)
        .map_err(|_| Failure::new(format!("`{}` printed something that is not UTF-8", display(command))))
}
