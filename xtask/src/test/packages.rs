//! The programs that tests need, and the Debian packages they come from.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::Part;
use crate::shell::{Failure, Outcome, find_program, read, run, succeeds};

/// Something that has to be on the machine.
struct Need {
    /// What it is for, in the words of the message that says it is missing.
    purpose: &'static str,
    package: &'static str,
    parts: &'static [Part],
    is_there: fn() -> bool,
}

const NEEDS: [Need; 10] = [
    Need {
        purpose: "nginx, which the gateway tests put in front of a host",
        package: "nginx-light",
        parts: &[Part::Server, Part::Scorecards],
        is_there: || find_program("nginx").is_some(),
    },
    Need {
        purpose: "PostgreSQL, which tests run on beside SQLite",
        package: "postgresql",
        parts: &[Part::Store, Part::Server, Part::Browser],
        is_there: || super::postgres::program_folder().is_some(),
    },
    Need {
        purpose: "curl, with which the README's lines are tried",
        package: "curl",
        parts: &[Part::Server],
        is_there: || find_program("curl").is_some(),
    },
    Need {
        purpose: "wrk, which puts load on a gateway",
        package: "wrk",
        parts: &[Part::Server],
        is_there: || find_program("wrk").is_some(),
    },
    Need {
        purpose: "certificates of the authorities that package registries use",
        package: "ca-certificates",
        parts: &[Part::Document, Part::Browser],
        is_there: || Path::new("/etc/ssl/certs/ca-certificates.crt").is_file(),
    },
    Need {
        purpose: "Chromium, which the browser tests drive",
        package: "chromium",
        parts: &[Part::Browser],
        is_there: || super::browser::chromium().is_some(),
    },
    Need {
        purpose: "a font for Chromium to write with",
        package: "fonts-dejavu-core",
        parts: &[Part::Browser],
        is_there: || fs::read_dir("/usr/share/fonts").is_ok_and(|mut entries| entries.next().is_some()),
    },
    Need {
        purpose: "Node.js, which runs npm",
        package: "nodejs",
        parts: &[Part::Document, Part::Browser],
        is_there: || find_program("node").is_some(),
    },
    Need {
        purpose: "npm, which installs what the tests of the browser and of openapi.json are written with",
        package: "npm",
        parts: &[Part::Document, Part::Browser],
        is_there: || find_program("npm").is_some(),
    },
    Need {
        purpose: "Python, and what makes virtual environments of it, which some tools for openapi.json are written in",
        package: "python3-venv",
        parts: &[Part::Document],
        is_there: || succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"])),
    },
];

/// How packages can be installed here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Installer {
    Root,
    Sudo,
}

/// Makes sure that everything these parts need is installed.
///
/// # Errors
/// When something is missing and cannot or may not be installed; the message holds the line that installs it.
pub(super) fn ensure(parts: &[Part], no_install: bool) -> Outcome {
    ensure_those(|need| need.parts.iter().any(|part| parts.contains(part)), no_install)
}

/// Makes sure that a virtual environment of Python can be made, and filled from the network.
///
/// # Errors
/// As [`ensure`].
pub(crate) fn ensure_python() -> Outcome {
    ensure_those(|need| matches!(need.package, "python3-venv" | "ca-certificates"), false)
}

fn ensure_those(is_needed: impl Fn(&Need) -> bool, no_install: bool) -> Outcome {
    let missing: Vec<&Need> = NEEDS.iter().filter(|need| is_needed(need) && !(need.is_there)()).collect();
    if missing.is_empty() {
        println!("nothing is missing");
        return Ok(());
    }
    for need in &missing {
        println!("missing: {} (package {})", need.purpose, need.package);
    }
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    let by_hand = format!("sudo apt-get update && sudo apt-get install --no-install-recommends {}", packages.join(" "));
    if find_program("apt-get").is_none() {
        let message =
            "this is not a Debian system: install what is listed above with its own package manager, and run again";
        return Err(Failure::new(message));
    }
    let Some(installer) = installer().filter(|_| !no_install) else {
        return Err(Failure::new(format!("not installed. Run this, then `cargo xtask test` again:\n  {by_hand}")));
    };
    install(installer, &packages)
        .and_then(|()| missing.iter().find(|need| !(need.is_there)()).map_or(Ok(()), |need| Err(still_missing(need))))
        .map_err(|failure| Failure::new(format!("{failure}\nTo install by hand:\n  {by_hand}")))
}

fn still_missing(need: &Need) -> Failure {
    Failure::new(format!("{} was installed, and still there is no {}", need.package, need.purpose))
}

fn installer() -> Option<Installer> {
    if is_root() {
        Some(Installer::Root)
    } else {
        succeeds(Command::new("sudo").args(["-n", "true"])).then_some(Installer::Sudo)
    }
}

/// Whether we are root, who may install packages and may not run PostgreSQL.
pub(super) fn is_root() -> bool {
    read(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

fn install(installer: Installer, packages: &[&str]) -> Outcome {
    let privileged = |line: &[&str]| {
        let mut words = line.to_vec();
        if installer == Installer::Sudo {
            words.splice(0..0, ["sudo", "-n"]);
        }
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        command
    };
    println!("installing {} with apt-get; services among them are not started", packages.join(", "));
    run(&mut privileged(&["apt-get", "update", "--quiet"]))?;
    // RUNLEVEL=1 is how Debian's maintainer scripts are told not to start what they install: tests start their own nginx
    // and PostgreSQL, on ports of their own.
    let environment = ["env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1"];
    let install = ["apt-get", "install", "--quiet", "--yes", "--no-install-recommends"];
    run(&mut privileged(&[environment.as_slice(), &install, packages].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_with_an_outside_need_has_it_listed() {
        let packages = |part| NEEDS.iter().filter(|need| need.parts.contains(&part)).count();
        assert_eq!(packages(Part::Core), 0);
        assert!(packages(Part::Store) > 0 && packages(Part::Server) > 0);
        assert!(packages(Part::Document) > 0 && packages(Part::Browser) > 0);
    }
}
