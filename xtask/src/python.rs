//! Programs that come as Python packages: each list of them in a virtual environment of its own.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::shell::{Failure, Outcome, read, run, workspace_root};

/// A list of packages with their versions, and where they are installed.
pub(crate) struct Environment {
    /// The list, from the root of the workspace.
    pub(crate) requirements: &'static str,
    /// The folder below `target/`: whoever cleans up what cargo builds cleans it too.
    pub(crate) folder: &'static str,
    /// The command that installs them, for a message that says they are missing.
    pub(crate) installed_by: &'static str,
}

impl Environment {
    fn folder(&self) -> PathBuf {
        workspace_root().join("target").join(self.folder)
    }

    /// Where the programs lie.
    pub(crate) fn programs(&self) -> PathBuf {
        self.folder().join("bin")
    }

    /// Installs the packages, unless exactly those are there.
    ///
    /// # Errors
    /// When they are missing and cannot or may not be installed.
    pub(crate) fn ensure(&self, no_install: bool) -> Outcome {
        let Self { requirements: list, folder, installed_by } = self;
        let requirements = workspace_root().join(list);
        // A copy of the list that was installed, and of which Python has them: those of another are of no use to it.
        let installed = self.folder().join(".installed");
        let wanted = fs::read_to_string(&requirements)
            .map_err(|error| Failure::new(format!("cannot read {}: {error}", requirements.display())))?;
        let wanted = format!("{}{wanted}", read(Command::new("python3").arg("--version"))?);
        if fs::read_to_string(&installed).is_ok_and(|there| there == wanted) {
            println!("nothing is missing");
            return Ok(());
        }
        if no_install {
            return Err(Failure::new(format!(
                "the Python packages that {list} names are not installed. Run this:\n  {installed_by}\n\
                 or, by hand, put them into a virtual environment at target/{folder}"
            )));
        }
        println!("installing what {list} names, with pip, into target/{folder}");
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(self.folder()))?;
        let mut pip = Command::new(self.programs().join("python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
        run(pip.arg(&requirements))?;
        fs::write(&installed, wanted)
            .map_err(|error| Failure::new(format!("cannot write {}: {error}", installed.display())))
    }
}
