//! The search of the settings: finds a page by the words that people use for what is done there, from whichever product they bring them.

use super::pages::settings::EntryView;

/// What people call what is behind an entry, besides its own label and note.
const WORDS: &[(&str, &str)] = &[
    ("/keys", "api key keys token tokens secret secrets credential credentials access bearer integration application"),
    ("/keys/new", "api key token secret create add generate new"),
    (
        "/health",
        "key health review unused stale idle expiring expire expiry old orphaned security check cleanup clean advice",
    ),
    ("/user-management", "users user people team teammates staff colleagues accounts"),
    (
        "/members",
        "members users user people person team teammates staff colleagues invite invitation email mail password reset",
    ),
    ("/members/new", "invite invitation add person user member people team email mail"),
    ("/roles", "roles role permissions permission rights access rbac allowed misc scopes"),
    ("/security", "security api management clear revoke"),
    ("/security/api-management", "users keys webhooks triggers zapier clear revoke hooks"),
    ("/advanced-settings/api-management", "users keys webhooks triggers zapier clear revoke hooks"),
    ("/integrations", "integrations enterprise apps zapier webhooks data loader system setup"),
    (
        "/policies",
        "policy policies rules limits reveal lifetime expiry expiration rotation overlap idle leak lock locked compliance defaults",
    ),
    (
        "/tree",
        "organization organizations locations location agency customers customer accounts tenants tenant workspace suspend resume move rename tree",
    ),
    ("/organizations", "switch organization location agency workspace account view"),
    ("/audit", "audit log logs history activity events changes change who revision trail export csv json siem"),
    ("/revision-history", "revision revisions history versions changes change before after who behalf"),
    (
        "/profile",
        "profile preferences me my own api access toggle theme dark light appearance times dates relative absolute display",
    ),
    ("/profile/api-access", "profile preferences me my own personal api access key toggle switch regenerate"),
    ("/sessions", "sessions session signed devices logout sign out browser"),
    ("/password", "password change own login sign in"),
    ("/keyboard", "keyboard shortcuts shortcut keys hotkeys help accessibility"),
    ("/docs/api", "docs documentation developer api reference openapi curl sdk endpoints help guide"),
];

fn synonyms(path: &str) -> &'static str {
    WORDS.iter().find(|it| it.0 == path).map_or("", |it| it.1)
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|it: char| !it.is_alphanumeric()).filter(|it| !it.is_empty()).map(str::to_lowercase)
}

/// How well an entry fits: none where a word that was typed begins none of its own; smaller is better.
fn fit(entry: &EntryView, typed: &[String]) -> Option<usize> {
    let own: Vec<_> = [entry.label, synonyms(entry.path), entry.note].map(|it| words(it).collect::<Vec<_>>()).into();
    let of_word = |typed: &String| own.iter().position(|all| all.iter().any(|it| it.starts_with(typed.as_str())));
    typed.iter().map(of_word).sum()
}

/// The entries that a search means, the best first; all of them where nothing was typed.
pub(super) fn find(entries: Vec<EntryView>, search: &str) -> Vec<EntryView> {
    let typed: Vec<_> = words(search).collect();
    let mut found: Vec<_> = entries.into_iter().filter_map(|it| Some((fit(&it, &typed)?, it))).collect();
    found.sort_by_key(|it| it.0);
    found.into_iter().map(|it| it.1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::menu::{BESIDES, Section};

    #[test]
    fn words_are_those_of_pages_that_there_are() {
        let sections = Section::ALL.into_iter().flat_map(|it| it.plan().entries);
        let paths: Vec<_> = sections.chain(BESIDES).map(|it| it.path).collect();
        for (path, _) in WORDS {
            assert!(paths.contains(path), "{path}");
        }
    }

    fn entry(path: &'static str, label: &'static str, note: &'static str) -> EntryView {
        EntryView { path, within: true, icon: "key", label, note, above: "" }
    }

    #[test]
    fn pages_are_found_by_the_words_that_people_bring() {
        let all = || {
            vec![
                entry("/keys", "API Keys", "Create, watch, rotate and revoke the keys that applications call with."),
                entry("/members", "Members", "Invite people, give them roles."),
                entry("/roles", "User Roles", "What each role may do."),
                entry("/audit", "Audit", "Who changed what."),
                entry("/policies", "Policies", "How long keys live."),
                entry("/profile", "Your Profile & Preferences", "Your personal key, password and sessions."),
            ]
        };
        for (search, path) in [
            ("tokens", "/keys"),
            ("SECRET", "/keys"),
            ("log", "/audit"),
            ("history", "/audit"),
            ("team", "/members"),
            ("people", "/members"),
            ("perm", "/roles"),
            ("who changed", "/audit"),
            ("expiration", "/policies"),
            ("theme", "/profile"),
            ("dark", "/profile"),
            ("times", "/profile"),
            ("appearance", "/profile"),
            ("preferences", "/profile"),
        ] {
            assert_eq!(find(all(), search).first().map(|it| it.path), Some(path), "{search}");
        }
        assert_eq!(find(all(), "keys").first().map(|it| it.path), Some("/keys"), "a label beats a note");
        assert_eq!(find(all(), "teapot"), []);
        assert_eq!(find(all(), " ").len(), 6);
    }
}
