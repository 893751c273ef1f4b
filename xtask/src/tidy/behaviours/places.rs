//! What the column of pages and endpoints may name: what there is, so that a page that moves is noticed.
//!
//! A place stands between backticks: an endpoint (`POST /api/v1/verify`), an address that openapi.json leaves out (`/authz`), a
//! command (`claviger restore`), or a page by the way to it (`Settings › API Keys › View`).

use std::collections::{BTreeMap, BTreeSet};

use super::super::Tree;

/// Between the steps of a way.
const STEP: &str = " › ";

/// Where ways begin that are held to the menus.
const MENU: &str = "crates/server/src/console/menu.rs";

/// Where the words of pages stand: the console's, and the guides'.
const CONSOLE: &str = "crates/server/src/console/";
const TEMPLATES: &str = "crates/server/templates/";
const GUIDES: &str = "crates/server/src/docs/guides/";

/// Everything that can be named.
pub(super) struct Places {
    /// `POST /api/v1/verify`.
    endpoints: BTreeSet<String>,
    /// The titles of the menus with the labels of what stands in each.
    menus: BTreeMap<String, BTreeSet<String>>,
    /// Every literal of the console, every text of the templates, every title of a guide.
    words: BTreeSet<String>,
    /// Every literal of the server.
    literals: BTreeSet<String>,
    /// The modules of the commands.
    commands: BTreeSet<String>,
}

impl Places {
    pub(super) fn read(tree: &Tree) -> Self {
        let endpoints = tree.get("openapi.json").map_or_else(BTreeSet::new, |it| endpoints(&it.text));
        let (mut words, mut literals, mut commands) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for file in tree.files().filter(|it| it.path.starts_with("crates/server/")) {
            if file.extension() == "rs" {
                let all = || file.text.split('"').map(str::to_owned);
                literals.extend(all().filter(|it| it.starts_with('/')));
                if file.path.starts_with(CONSOLE) {
                    words.extend(all());
                }
            }
            if file.path.starts_with(TEMPLATES) {
                words.extend(file.text.split(['<', '>', '{', '}', '"']).map(|it| it.trim().replace("&amp;", "&")));
            }
            if file.path.starts_with(GUIDES) {
                words.extend(file.text.lines().filter_map(|it| it.strip_prefix("# ")).map(str::to_owned));
            }
            if let Some(command) = file.path.strip_prefix("crates/server/src/cli/") {
                let name = command.split(['/', '.']).next().unwrap_or_default();
                commands.insert(name.replace('_', "-"));
            }
        }
        words.retain(|it| !it.is_empty());
        Self { endpoints, menus: menus(tree), words, literals, commands }
    }

    /// What is wrong with the text of a cell; nothing where every place in it is there.
    pub(super) fn wrong(&self, cell: &str) -> Option<String> {
        let named: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        if named.is_empty() || cell.matches('`').count() % 2 == 1 {
            return Some("names no page or endpoint between backticks".to_owned());
        }
        named.into_iter().find_map(|it| self.missing(it))
    }

    fn missing(&self, place: &str) -> Option<String> {
        let known = |is: bool, what: &str| (!is).then(|| format!("`{place}`: {what}"));
        let method = place.split_once(" /").map(|(method, _)| method);
        if method.is_some_and(|it| it.chars().all(|it| it.is_ascii_uppercase())) {
            return known(self.endpoints.contains(place), "openapi.json has no such endpoint");
        }
        if place.starts_with('/') {
            return known(self.literals.contains(place), "the server has no such address");
        }
        if let Some(command) = place.strip_prefix("claviger ") {
            let name = command.split(' ').next().unwrap_or_default();
            return known(self.commands.contains(name), "there is no such command");
        }
        let steps: Vec<&str> = place.split(STEP).collect();
        for (at, step) in steps.iter().enumerate() {
            let menu = at.checked_sub(1).and_then(|it| self.menus.get(steps[it]));
            let is_last = at + 1 == steps.len();
            // The last step below a menu may be a thing on its own page.
            let is_there = match menu {
                Some(entries) => entries.contains(*step) || (is_last && self.words.contains(*step)),
                None => self.words.contains(*step),
            };
            if !is_there {
                let where_to = at.checked_sub(1).map_or("the console", |it| steps[it]);
                return Some(format!("`{place}`: {where_to} has nothing that is called “{step}”"));
            }
        }
        None
    }
}

/// The methods and paths of the document, which is written with two spaces a level.
fn endpoints(document: &str) -> BTreeSet<String> {
    let key = |line: &str, indent: &str| {
        let rest = line.strip_prefix(indent)?.strip_prefix('"')?;
        rest.strip_suffix("\": {").map(str::to_owned)
    };
    let mut path = String::new();
    let mut found = BTreeSet::new();
    for line in document.lines() {
        if let Some(next) = key(line, "    ") {
            path = next;
        } else if let Some(method) = key(line, "      ").filter(|_| path.starts_with('/')) {
            found.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    found
}

/// The menus as their plain data says them.
fn menus(tree: &Tree) -> BTreeMap<String, BTreeSet<String>> {
    let text = tree.get(MENU).map_or("", |it| &it.text);
    let plans: Vec<(&str, &str)> = text
        .split("\nconst ")
        .skip(1)
        .filter_map(|it| it.split_once(": Plan = "))
        .map(|(name, rest)| (name, rest.split("\n};").next().unwrap_or_default()))
        .collect();
    let titles: BTreeMap<&str, &str> =
        plans.iter().filter_map(|(name, plan)| values(plan, "title: ").next().map(|it| (*name, it))).collect();
    let title_of = |value: &str| match value.split_once(['.', ':']) {
        _ if value.starts_with('"') => Some(value.trim_matches('"').to_owned()),
        Some((plan, "title")) => titles.get(plan).map(|it| it.trim_matches('"').to_owned()),
        Some((module, _)) => title_of_module(tree, module),
        None => None,
    };
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (_, plan) in &plans {
        // Two sections of one name, of settings and of a profile, are told apart by nothing here.
        if let Some(title) = values(plan, "title: ").next().and_then(title_of) {
            found.entry(title).or_default().extend(values(plan, "label: ").filter_map(title_of));
        }
    }
    found
}

/// What follows the word up to the comma.
fn values<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(word).skip(1).filter_map(|it| it.split(',').next())
}

/// The constant in which a page keeps its title.
fn title_of_module(tree: &Tree, module: &str) -> Option<String> {
    let file = [format!("{CONSOLE}{module}.rs"), format!("{CONSOLE}{module}/mod.rs")];
    let text = file.iter().find_map(|it| tree.get(it)).map(|it| &it.text)?;
    let (_, rest) = text.split_once("const TITLE: &str = \"")?;
    rest.split('"').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLANTED: [(&str, &str); 8] = [
        (
            MENU,
            "//! x\n\nconst SETTINGS: Plan = Plan {\n    title: \"Settings\",\n    entries: &[\n        Entry { label: \"API Keys\", note: \"x\" },\n        \
             Entry { label: SECURITY.title, note: \"x\" },\n    ],\n};\n\nconst SECURITY: Plan = Plan {\n    title: \"Security\",\n    \
             entries: &[Entry { label: api_management::TITLE, note: \"x\" }],\n};\n",
        ),
        ("crates/server/src/console/api_management.rs", "pub(super) const TITLE: &str = \"API Management\";\n"),
        ("crates/server/src/console/x.rs", "const A: &str = \"Delete\";\n"),
        ("crates/server/src/gateway/mod.rs", "route(\"/authz\")"),
        ("crates/server/src/cli/restore.rs", ""),
        ("crates/server/templates/a.html", "<a>Your Profile &amp; Preferences</a> <h1>\nMembers {{ x }}</h1>"),
        ("crates/server/src/docs/guides/a.md", "# Best practice\n"),
        (
            "openapi.json",
            "{\n  \"paths\": {\n    \"/api/v1/verify\": {\n      \"post\": {\n        \"tags\": {\n    },\n",
        ),
    ];

    fn wrong(cell: &str) -> Option<String> {
        Places::read(&Tree::planted(&PLANTED)).wrong(cell)
    }

    #[test]
    fn what_is_there_may_be_named() {
        let cells = [
            "`Settings › API Keys`",
            "`Settings › API Keys › Delete`",
            "`Settings › Security › API Management`, and `POST /api/v1/verify`",
            "`Your Profile & Preferences`",
            "`Members`",
            "`Best practice`",
            "`/authz`",
            "`claviger restore`",
        ];
        for cell in cells {
            assert_eq!(wrong(cell), None);
        }
    }

    #[test]
    fn what_is_not_there_may_not() {
        let cells = [
            ("`POST /api/v1/keys/verify`", "openapi.json"),
            ("`GET /api/v1/verify`", "openapi.json"),
            ("`/authy`", "address"),
            ("`claviger fly`", "command"),
            ("`Settings › API Keys › Fly`", "Fly"),
            ("`Settings › API Management › Delete`", "Settings has nothing"),
            ("`Elsewhere`", "the console has nothing"),
            ("`POST /api/v1/verify`, `Elsewhere`", "Elsewhere"),
            ("somewhere", "no page"),
            ("`Settings", "no page"),
            ("", "no page"),
        ];
        for (cell, part) in cells {
            let found = wrong(cell);
            assert!(found.as_ref().is_some_and(|it| it.contains(part)), "{cell}: {found:?}");
        }
    }
}
