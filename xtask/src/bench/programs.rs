//! The programs that are measured or help measuring: which are needed, how they are built and started.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;

use super::load::KeyFile;
use super::server::{Core, Recipe, free_address, on_core};
use crate::shell::{Failure, Outcome, cargo, find_program, heading, read, run};

/// Programs from Debian: their names and packages.
const TOOLS: [(&str, &str); 4] =
    [("wrk", "wrk"), ("nginx", "nginx-light"), ("taskset", "util-linux"), ("getconf", "libc-bin")];

/// How long a peer without data may take to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many tokens that nobody knows are drawn from.
const STRANGERS: u32 = 100_000;

/// Tokens that are to be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// With a right checksum.
    Unknown,
    /// With a wrong one.
    Mistyped,
}

/// How cargo builds what is measured.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Profile {
    /// What a release ships.
    Dist,
    /// Optimised, but each crate for itself.
    Release,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Dist => "dist",
            Self::Release => "release",
        }
    }
}

/// Checks that the tools are there, and that there are two cores to keep server and load apart.
///
/// # Errors
/// When one is missing; the message holds the line that installs it.
pub(super) fn need_tools() -> Outcome {
    let missing: Vec<&str> =
        TOOLS.iter().filter(|(name, _)| find_program(name).is_none()).map(|(_, package)| *package).collect();
    if !missing.is_empty() {
        let line = format!("sudo apt-get install --no-install-recommends {}", missing.join(" "));
        return Err(Failure::new(format!("a measurement needs more tools. Run this, then again:\n  {line}")));
    }
    match std::thread::available_parallelism() {
        Ok(cores) if cores.get() >= 2 => Ok(()),
        _ => Err(Failure::new("a measurement needs two cores: one for the server, one for the load")),
    }
}

/// Where the built programs lie.
pub(super) struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// Builds them.
    ///
    /// # Errors
    /// When cargo fails.
    pub(super) fn build(profile: Profile) -> Outcome<Self> {
        heading("build");
        let mut command = cargo();
        command.args(["build", "--profile", profile.name(), "--package", "claviger", "--bins", "--examples"]);
        run(&mut command)?;
        Self::build_example(profile, "decisions")
    }

    /// Builds one example of the verifier.
    ///
    /// # Errors
    /// When cargo fails.
    pub(super) fn build_example(profile: Profile, name: &str) -> Outcome<Self> {
        let package = ["--package", "claviger-verifier", "--example", name];
        run(cargo().args(["build", "--profile", profile.name()]).args(package))?;
        Ok(Self { folder: target_folder()?.join(profile.name()) })
    }

    /// Builds the service alone.
    ///
    /// # Errors
    /// When cargo fails.
    pub(super) fn build_service(profile: Profile) -> Outcome<Self> {
        heading("build");
        run(cargo().args(["build", "--profile", profile.name(), "--package", "claviger", "--bins"]))?;
        Ok(Self { folder: target_folder()?.join(profile.name()) })
    }

    /// The service.
    pub(super) fn service(&self) -> PathBuf {
        self.folder.join("claviger")
    }

    pub(super) fn example(&self, name: &str) -> PathBuf {
        self.folder.join("examples").join(name)
    }

    /// One of the peers that answer `hello`.
    ///
    /// # Errors
    /// When there is no free port.
    pub(super) fn hello(&self, name: &str) -> Outcome<Recipe> {
        let address = free_address()?;
        let arguments = vec![address.to_string().into()];
        Ok(Recipe {
            name: name.to_owned(),
            program: self.example(name),
            arguments,
            address,
            ready_at: None,
            patience: PATIENCE,
        })
    }

    /// Makes a file of tokens of this prefix that no key has.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn tokens(&self, folder: &Path, prefix: &str, kind: TokenKind) -> Outcome<KeyFile> {
        let path = folder.join(format!("{kind:?}-tokens"));
        let mut command = on_core(Core::Any, &self.example("tokens"));
        command.arg(prefix).arg(STRANGERS.to_string()).arg(&path);
        if kind == TokenKind::Mistyped {
            command.arg("mistyped");
        }
        run(&mut command)?;
        KeyFile::open(path)
    }
}

/// Cargo's target folder, which the user may have put elsewhere.
fn target_folder() -> Outcome<PathBuf> {
    let metadata = read(cargo().args(["metadata", "--format-version", "1", "--no-deps"]))?;
    let after = metadata.split_once("\"target_directory\":\"").map(|(_, after)| after);
    let path = after.and_then(|it| it.split_once('"')).map(|(path, _)| PathBuf::from(path));
    path.ok_or_else(|| Failure::new("cargo metadata names no target directory"))
}
