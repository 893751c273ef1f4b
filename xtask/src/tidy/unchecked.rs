//! Store functions that take no `Tenant` are called `…_unchecked`, and ARCHITECTURE.md says of each why that is right. A new one is
//! thereby a decision that somebody reads.

use std::collections::BTreeMap;

use super::code::{blank_literals, is_name, line_of, positions_of};
use super::{Breach, Tree};

const LIST: &str = "ARCHITECTURE.md";
const SUFFIX: &str = "_unchecked";

/// Functions that are not in the list, and entries of the list that are no functions.
pub(super) fn breaches(tree: &Tree) -> Vec<Breach> {
    let mut functions = BTreeMap::new();
    for file in tree.rust().filter(|file| file.path.starts_with("crates/store/src/")) {
        let code = blank_literals(&file.text);
        for position in positions_of(&code, "fn ") {
            let rest = &code[position + "fn ".len()..];
            let name = rest.split(|it| !is_name(it)).next().unwrap_or_default();
            if name.ends_with(SUFFIX) {
                functions.insert(name.to_owned(), (file.path.clone(), line_of(&code, position)));
            }
        }
    }
    let Some(list) = tree.get(LIST) else { return vec![] };
    // Between backticks stands every second piece.
    let pieces = list.text.split('`').skip(1).step_by(2);
    let listed: Vec<_> = pieces.filter(|it| it.ends_with(SUFFIX) && it.chars().all(is_name)).collect();
    let mut found: Vec<_> = { functions.iter() }
        .filter(|(name, _)| !listed.contains(&name.as_str()))
        .map(|(name, (path, line))| {
            Breach::new(path, *line, format!("{LIST} does not say why `{name}` needs no tenant"))
        })
        .collect();
    let gone = listed.iter().filter(|it| !functions.contains_key(**it));
    found.extend(gone.map(|it| Breach::new(LIST, 0, format!("`{it}` is no function of the store any more"))));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_and_functions_are_the_same() {
        let store = "impl Tx {\n    pub async fn find_a_unchecked(&self) {}\n    // fn find_b_unchecked\n    fn find_c(&self) {}\n}";
        let tree = |list| Tree::planted(&[("crates/store/src/a.rs", store), (LIST, list)]);
        assert!(breaches(&tree("`*_unchecked`: `find_a_unchecked` because …")).is_empty());
        let found = breaches(&tree("`find_d_unchecked`")).into_iter().map(|it| (it.path, it.line)).collect::<Vec<_>>();
        assert_eq!(found, [("crates/store/src/a.rs".to_owned(), 2), (LIST.to_owned(), 0)]);
    }
}
