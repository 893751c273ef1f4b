//! Who may name whom inside the source: the surfaces of the server know `ops` and the replica, never each other, and only
//! `ops` and `jobs` open transactions.

use super::code::{blank_literals, is_name, line_of, positions_of};
use super::tree::SourceFile;
use super::{Breach, Tree};

/// The rooms of the server that stand side by side on top of `ops`.
const SURFACES: [&str; 6] = ["api", "cli", "console", "docs", "gateway", "jobs"];

/// The rooms below the surfaces, which may not name them.
const BELOW_SURFACES: [&str; 2] = ["ops", "replica"];

/// The rooms that may open a transaction.
const TRANSACTION_ROOMS: [&str; 2] = ["jobs", "ops"];

/// For each crate, the crates whose name may not stand in its source.
const STRANGERS: [(&str, &[&str]); 3] = [
    ("crates/core/", &["claviger", "claviger_store", "claviger_verifier"]),
    ("crates/store/", &["claviger", "claviger_verifier"]),
    ("crates/verifier/", &["claviger", "claviger_store"]),
];

/// Breaches of the layers in source.
pub(super) fn breaches(tree: &Tree) -> Vec<Breach> {
    tree.rust().flat_map(of_file).collect()
}

fn of_file(file: &SourceFile) -> Vec<Breach> {
    let code = blank_literals(&file.text);
    let mut found = strangers(file, &code);
    if let Some(inner) = file.path.strip_prefix("crates/server/src/") {
        let room = inner.split(['/', '.']).next().unwrap_or_default();
        found.extend(neighbours(file, &code, room));
        found.extend(transactions(file, &code, room));
    }
    found
}

fn strangers(file: &SourceFile, code: &str) -> Vec<Breach> {
    let mut found = Vec::new();
    for (_, names) in STRANGERS.iter().filter(|(folder, _)| file.path.starts_with(folder)) {
        for name in *names {
            for position in
                positions_of(code, name).filter(|position| code[position + name.len()..].trim_start().starts_with("::"))
            {
                found.push(Breach::new(
                    &file.path,
                    line_of(code, position),
                    format!("`{name}` is not below this crate"),
                ));
            }
        }
    }
    found
}

fn neighbours(file: &SourceFile, code: &str, room: &str) -> Vec<Breach> {
    if !SURFACES.contains(&room) && !BELOW_SURFACES.contains(&room) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for position in positions_of(code, "crate") {
        let Some(path) = code[position + "crate".len()..].trim_start().strip_prefix("::") else {
            continue;
        };
        for name in first_names(path).into_iter().filter(|name| *name != room && SURFACES.contains(name)) {
            let message = format!("`{room}` names `{name}`: what both need belongs in `ops` or in a module of its own");
            found.push(Breach::new(&file.path, line_of(code, position), message));
        }
    }
    found
}

/// The names directly after `crate::`: one, or each of a group in braces.
fn first_names(path: &str) -> Vec<&str> {
    let path = path.trim_start();
    let Some(group) = path.strip_prefix('{') else {
        return vec![&path[..path.find(|character| !is_name(character)).unwrap_or(path.len())]];
    };
    let (mut names, mut depth, mut at_start) = (Vec::new(), 0_usize, true);
    for (position, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_start = true,
            _ if at_start && is_name(character) => {
                names.extend(first_names(&group[position..]));
                at_start = false;
            }
            _ => {}
        }
    }
    names
}

fn transactions(file: &SourceFile, code: &str, room: &str) -> Vec<Breach> {
    if TRANSACTION_ROOMS.contains(&room) {
        return Vec::new();
    }
    let opens = positions_of(code, ".begin(").chain(positions_of(code, ".begin_"));
    let message =
        "a transaction is opened here: only `ops` and `jobs` may, so that every change is authorized and has its event";
    opens.map(|position| Breach::new(&file.path, line_of(code, position), message)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(path: &str, text: &str) -> Vec<String> {
        breaches(&Tree::planted(&[(path, text)])).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn surface_that_names_another_is_a_breach() {
        let found = messages("crates/server/src/api/keys.rs", "use crate::ops;\nuse crate::console::page;\n");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("crates/server/src/api/keys.rs:2: `api` names `console`"), "{found:?}");
    }

    #[test]
    fn surface_in_a_group_is_found() {
        let source = "use crate::{ops::{api, keys}, gateway::authz, cli};";
        assert_eq!(messages("crates/server/src/jobs.rs", source).len(), 2);
    }

    #[test]
    fn full_path_in_an_expression_is_found() {
        assert_eq!(messages("crates/server/src/console/mod.rs", "fn f() { crate::api::keys::list() }").len(), 1);
    }

    #[test]
    fn ops_may_not_name_a_surface() {
        assert_eq!(messages("crates/server/src/ops/keys.rs", "use crate::api::Problem;").len(), 1);
    }

    #[test]
    fn surface_may_name_itself_and_what_lies_below() {
        let source = "use crate::api::problem;\nuse crate::{ops, replica::Replica};\n// crate::console\n";
        assert_eq!(messages("crates/server/src/api/mod.rs", source), [""; 0]);
    }

    #[test]
    fn module_that_puts_the_surfaces_together_may_name_all() {
        assert_eq!(messages("crates/server/src/http.rs", "use crate::{api, console};"), [""; 0]);
    }

    #[test]
    fn transaction_outside_ops_and_jobs_is_a_breach() {
        let source = "let tx = app.store.begin().await?;";
        assert_eq!(messages("crates/server/src/gateway/authz.rs", source).len(), 1);
        assert_eq!(messages("crates/server/src/ops/keys.rs", source), [""; 0]);
        assert_eq!(messages("crates/store/src/db.rs", source), [""; 0]);
    }

    #[test]
    fn lower_crate_that_names_a_higher_one_is_a_breach() {
        assert_eq!(messages("crates/verifier/src/lib.rs", "use claviger_store::Store;").len(), 1);
        assert_eq!(messages("crates/core/src/lib.rs", "use claviger::ops;").len(), 1);
        assert_eq!(messages("crates/verifier/src/lib.rs", "use claviger_core::key;\nlet claviger = 1;"), [""; 0]);
    }
}
