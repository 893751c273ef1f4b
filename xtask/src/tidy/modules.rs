//! Every Rust file is compiled, since its parent declares it, and every browser test is run. A forgotten `mod` line makes a
//! test file pass by never running.

use super::code::{blank_literals, positions_of};
use super::tree::SourceFile;
use super::{Breach, Tree};

/// Files that nobody has to declare, because cargo finds them.
const ROOTS: [&str; 3] = ["build.rs", "lib.rs", "main.rs"];

fn holds_programs(folder: &str) -> bool {
    ["/tests", "/benches", "/bin", "/examples"].iter().any(|kind| folder.ends_with(kind))
}

/// Files that no module declares, and browser tests that no run would find.
pub(super) fn breaches(tree: &Tree) -> Vec<Breach> {
    let mut found = Vec::new();
    for file in tree.rust() {
        let Some((folder, name)) = file.path.rsplit_once('/') else {
            continue;
        };
        // Cargo takes each file directly in these folders for a program of its own.
        if ROOTS.contains(&name) || holds_programs(folder) {
            continue;
        }
        let (parent, module) = match name {
            "mod.rs" => folder.rsplit_once('/').unwrap_or(("", folder)),
            _ => (folder, name.trim_end_matches(".rs")),
        };
        let declared =
            parents(parent).iter().filter_map(|path| tree.get(path)).any(|path| declares(&path.text, module));
        // The tests of a long module lie beside it: `#[path = "key_tests.rs"] mod tests;`.
        let attribute = format!("#[path = \"{name}\"]");
        let is_named = tree.rust().any(|other| is_beside(other, folder) && other.text.contains(&attribute));
        // What several programs share: each of them declares it.
        let is_shared = holds_programs(parent)
            && tree.rust().any(|other| is_beside(other, parent) && declares(&other.text, module));
        if !declared && !is_named && !is_shared {
            found.push(Breach::new(
                &file.path,
                0,
                format!("no `mod {module};` declares this file, so it is never compiled"),
            ));
        }
    }
    found.extend(tree.files().filter(|file| is_forgotten_browser_test(file)).map(|file| {
        Breach::new(
            &file.path,
            0,
            "tests are e2e/*.test.mjs and e2e/document/*.test.mjs: elsewhere or under another name this one never runs",
        )
    }));
    found
}

fn is_forgotten_browser_test(file: &SourceFile) -> bool {
    let folder = file.path.rsplit_once('/').map(|(folder, _)| folder);
    let is_run = matches!(folder, Some("e2e" | "e2e/document")) && file.name().ends_with(".test.mjs");
    file.path.starts_with("e2e/") && file.name().contains(".test.") && !is_run
}

fn is_beside(file: &SourceFile, folder: &str) -> bool {
    file.path.rsplit_once('/').is_some_and(|(other, _)| other == folder)
}

/// The files that may declare the modules of this folder.
fn parents(folder: &str) -> [String; 4] {
    [format!("{folder}/mod.rs"), format!("{folder}.rs"), format!("{folder}/lib.rs"), format!("{folder}/main.rs")]
}

fn declares(source: &str, module: &str) -> bool {
    let line = format!("mod {module};");
    positions_of(&blank_literals(source), &line).next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forgotten(files: &[(&str, &str)]) -> Vec<String> {
        breaches(&Tree::planted(files)).into_iter().map(|breach| breach.path).collect()
    }

    #[test]
    fn forgotten_test_file_is_a_breach() {
        let files = [
            ("a/tests/it/main.rs", "mod keys;\n// mod users;\n"),
            ("a/tests/it/keys.rs", ""),
            ("a/tests/it/users.rs", ""),
        ];
        assert_eq!(forgotten(&files), ["a/tests/it/users.rs"]);
    }

    #[test]
    fn nested_modules_are_declared_by_their_folder() {
        let files = [
            ("a/src/lib.rs", "pub mod api;\nmod ops;"),
            ("a/src/api/mod.rs", "pub(crate) mod keys;"),
            ("a/src/api/keys.rs", ""),
            ("a/src/api/users.rs", ""),
            ("a/src/ops.rs", "mod keys;"),
            ("a/src/ops/keys.rs", ""),
        ];
        assert_eq!(forgotten(&files), ["a/src/api/users.rs"]);
    }

    #[test]
    fn tests_beside_their_module_are_declared_by_path() {
        let module = ("a/src/key.rs", "#[cfg(test)]\n#[path = \"key_tests.rs\"]\nmod tests;");
        let files = [("a/src/lib.rs", "mod key;"), module, ("a/src/key_tests.rs", ""), ("a/src/role_tests.rs", "")];
        assert_eq!(forgotten(&files), ["a/src/role_tests.rs"]);
    }

    #[test]
    fn browser_test_that_no_run_finds_is_a_breach() {
        let files = [
            ("e2e/a.test.mjs", ""),
            ("e2e/document/a.test.mjs", ""),
            ("e2e/pages/a.mjs", ""),
            ("e2e/pages/a.test.mjs", ""),
            ("e2e/b.test.js", ""),
        ];
        assert_eq!(forgotten(&files), ["e2e/b.test.js", "e2e/pages/a.test.mjs"]);
    }

    #[test]
    fn programs_of_their_own_need_no_declaration() {
        assert_eq!(forgotten(&[("a/tests/one.rs", ""), ("a/src/bin/tool.rs", ""), ("a/build.rs", "")]), [""; 0]);
    }
}
