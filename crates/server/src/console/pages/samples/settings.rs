//! Filled pages that only lead on.

use super::{Words, shell};
use crate::console::pages::settings::{Crumb, EntryGroup, EntryView, SectionPage};
use crate::console::pages::shell::Place;

fn entry(path: &'static str, icon: &'static str, label: &'static str, note: &'static str) -> EntryView {
    EntryView { path, within: !path.starts_with("/docs"), icon, label, note, above: "" }
}

/// Every page that only leads on.
pub(super) fn all(words: &Words<'_>) -> Vec<(&'static str, String)> {
    use super::render;
    let entries = vec![
        entry("/keys", "key", "API Keys", "Create, watch, rotate and revoke the keys that applications call with."),
        entry("/health", "warning", "Key health", "Keys that expire soon, that nobody uses or answers for."),
        entry(
            "/policies",
            "lock",
            "Policies",
            "How long keys live, who sees secrets again, what becomes of unused keys.",
        ),
    ];
    let people = vec![
        entry("/user-management", "people", "User Management", "Who is a member, with which role, and who is invited."),
        entry("/security", "shield", "Security", "Who holds an active key, and how to clear a personal one."),
    ];
    let found = entries.iter().map(|it| EntryView { above: "Integrations", ..*it }).collect();
    let groups = vec![
        EntryGroup { title: "Keys", entries: entries.clone() },
        EntryGroup { title: "People", entries: people.clone() },
    ];
    let page = |crumbs, title, groups, search| {
        let shell = shell(words, Place::Settings);
        SectionPage { shell, crumbs, title, groups, search, preferences: title == "Profile" }
    };
    let searched = Some(words.typed.to_owned());
    let above = vec![Crumb { path: "/settings", label: "Settings" }];
    vec![
        ("settings", render(&page(Vec::new(), "Settings", groups, Some(String::new())))),
        ("user-management", render(&page(above, "User Management", EntryGroup::whole(people), None))),
        ("profile", render(&page(Vec::new(), "Profile", EntryGroup::whole(entries.clone()), None))),
        ("settings-found", render(&page(Vec::new(), "Settings", EntryGroup::whole(found), searched.clone()))),
        ("settings-none", render(&page(Vec::new(), "Settings", Vec::new(), searched))),
    ]
}
