//! Filled pages that only lead on.

use super::{Words, shell};
use crate::console::pages::settings::{Crumb, EntryView, SectionPage};
use crate::console::pages::shell::Place;

fn entry(path: &'static str, icon: &'static str, label: &'static str, note: &'static str) -> EntryView {
    EntryView { path, within: !path.starts_with("/docs"), icon, label, note }
}

/// Every page that only leads on.
pub(super) fn all(words: &Words<'_>) -> Vec<(&'static str, String)> {
    use super::render;
    let entries = vec![
        entry("/keys", "key", "API Keys", "Create, watch, rotate and revoke the keys that applications call with."),
        entry("/user-management", "people", "User Management", "Who is a member, with which role, and who is invited."),
        entry("/docs/api", "book", "Developer documentation", "Every operation over HTTP, with examples."),
    ];
    let page = |crumbs, title, entries, search| {
        let shell = shell(words, Place::Settings);
        SectionPage { shell, crumbs, title, entries, search }
    };
    let searched = Some(words.typed.to_owned());
    let above = vec![Crumb { path: "/settings", label: "Settings" }];
    let people = vec![entry("/roles", "shield", "User Roles", "What each role may do.")];
    vec![
        ("settings", render(&page(Vec::new(), "Settings", entries.clone(), Some(String::new())))),
        ("user-management", render(&page(above, "User Management", people, None))),
        ("settings-found", render(&page(Vec::new(), "Settings", entries, searched.clone()))),
        ("settings-none", render(&page(Vec::new(), "Settings", Vec::new(), searched))),
    ]
}
