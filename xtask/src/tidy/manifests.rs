//! Which crate may depend on which. Cargo keeps what a manifest says; this rule says what a manifest may say.

use toml::{Table, Value};

use super::{Breach, Tree};

/// What a crate of the workspace may depend on.
struct Place {
    manifest: &'static str,
    /// Which of our own crates it may name; `None` for tools, which may name all.
    ours: Option<&'static [&'static str]>,
    /// Whether the crate does no input or output, and so may have none of [`IO_CRATES`].
    pure: bool,
}

/// Every crate has a place. A crate that is not listed is a breach: a new one has to be put somewhere first.
const PLACES: [Place; 6] = [
    Place { manifest: "crates/core/Cargo.toml", ours: Some(&[]), pure: true },
    Place { manifest: "crates/verifier/Cargo.toml", ours: Some(&["claviger-core"]), pure: true },
    Place { manifest: "crates/store/Cargo.toml", ours: Some(&["claviger-core"]), pure: false },
    Place {
        manifest: "crates/server/Cargo.toml",
        ours: Some(&["claviger-core", "claviger-store", "claviger-verifier"]),
        pure: false,
    },
    // A host is somebody else's program: it speaks to the service over HTTP and knows none of its crates.
    Place { manifest: "examples/scorecards/Cargo.toml", ours: Some(&[]), pure: false },
    Place { manifest: "xtask/Cargo.toml", ours: None, pure: false },
];

/// Crates that read a clock, a socket, a file or the system's randomness, or bring a runtime.
const IO_CRATES: [&str; 12] = [
    "async-std",
    "axum",
    "getrandom",
    "http",
    "hyper",
    "hyper-util",
    "rand",
    "reqwest",
    "socket2",
    "sqlx",
    "tokio",
    "tower",
];

const SECTIONS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// Breaches of the layers in manifests.
pub(super) fn breaches(tree: &Tree) -> Vec<Breach> {
    let mut found = Vec::new();
    for file in tree.files().filter(|file| file.name() == "Cargo.toml" && file.path != "Cargo.toml") {
        let Some(place) = PLACES.iter().find(|place| place.manifest == file.path) else {
            found.push(Breach::new(&file.path, 0, "this crate has no place: list it in xtask/src/tidy/manifests.rs"));
            continue;
        };
        match file.text.parse::<Table>() {
            Ok(manifest) => found.extend(of_manifest(place, &manifest)),
            Err(error) => found.push(Breach::new(&file.path, 0, format!("not TOML: {error}"))),
        }
    }
    found
}

fn of_manifest(place: &Place, manifest: &Table) -> Vec<Breach> {
    let mut found = Vec::new();
    let mut report = |message: String| found.push(Breach::new(place.manifest, 0, message));
    if !inherits(manifest.get("lints")) {
        report("must have `[lints] workspace = true`".to_owned());
    }
    for section in SECTIONS {
        let Some(dependencies) = manifest.get(section).and_then(Value::as_table) else {
            continue;
        };
        for (name, value) in dependencies {
            if !inherits(Some(value)) {
                report(format!("`{name}` must be `workspace = true`: versions stand once, in the root manifest"));
            }
            if place.pure && IO_CRATES.contains(&name.as_str()) {
                report(format!("`{name}` in [{section}]: this crate does no input or output"));
            }
            if name.starts_with("claviger") && place.ours.is_some_and(|ours| !ours.contains(&name.as_str())) {
                report(format!(
                    "`{name}` in [{section}]: the layers are server → store → core and server → verifier → core"
                ));
            }
        }
    }
    found
}

fn inherits(value: Option<&Value>) -> bool {
    value.and_then(|value| value.get("workspace")).and_then(Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(path: &str, text: &str) -> Vec<String> {
        breaches(&Tree::planted(&[(path, text)])).into_iter().map(|breach| breach.message).collect()
    }

    #[test]
    fn verifier_may_name_core_only() {
        let allowed = "[dependencies]\nclaviger-core.workspace = true\n[lints]\nworkspace = true\n";
        assert_eq!(messages("crates/verifier/Cargo.toml", allowed), [""; 0]);
        let planted = allowed.replace("core", "store");
        assert!(messages("crates/verifier/Cargo.toml", &planted)[0].contains("claviger-store"));
    }

    #[test]
    fn core_may_not_bring_a_runtime_even_for_its_tests() {
        let planted = "[dev-dependencies]\ntokio.workspace = true\n[lints]\nworkspace = true\n";
        assert!(messages("crates/core/Cargo.toml", planted)[0].contains("`tokio` in [dev-dependencies]"));
        assert_eq!(messages("crates/store/Cargo.toml", planted), [""; 0]);
    }

    #[test]
    fn own_version_of_a_dependency_is_a_breach() {
        let planted = "[dependencies]\nserde = \"1\"\n[lints]\nworkspace = true\n";
        assert!(messages("crates/store/Cargo.toml", planted)[0].contains("`serde` must be"));
    }

    #[test]
    fn crate_without_the_workspace_lints_is_a_breach() {
        assert!(messages("crates/store/Cargo.toml", "[package]\n")[0].contains("[lints]"));
    }

    #[test]
    fn crate_without_a_place_is_a_breach() {
        assert!(messages("crates/extra/Cargo.toml", "[lints]\nworkspace = true\n")[0].contains("no place"));
    }
}
