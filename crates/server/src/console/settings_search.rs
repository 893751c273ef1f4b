//! The search of the settings: finds a page by the words that people use for what is done there, from whichever product they bring them.

use super::pages::settings::EntryView;

/// What people call what is behind an entry, besides its own label and note.
const WORDS: &[(&str, &str)] = &[
    (
        "/keys",
        "api key keys token tokens secret secrets credential credentials access bearer integration application apps root service account rotate \
         mapped user delete rotation regenerate reroll roll renew replace revoke disable scopes ip allowlist whitelist mapped user delete remove import csv migrate migration existing",
    ),
    (
        "/keys/leaked",
        "leak leaks leaked compromised exposed published stolen breach incident github gitleaks scanning report revoke emergency",
    ),
    ("/keys/new", "api key token secret create add generate issue new client"),
    (
        "/shared-secret",
        "shared secret signing sign-in signature hmac jwt assertion token tokens access refresh oauth appkey accesskey secretkey bundle bearer login \
         auth authentication rotate rotation",
    ),
    (
        "/health",
        "key health review unused stale idle expiring expire expiry old orphaned security check cleanup clean advice last used dormant",
    ),
    ("/user-management", "users user people team teammates staff colleagues accounts"),
    (
        "/members",
        "members users user people person team teammates staff colleagues invite invitation email mail password reset identity identities owner \
         subject",
    ),
    ("/members/new", "invite invitation add person user member people team email mail"),
    ("/roles", "roles role permissions permission rights access rbac allowed misc scopes scope claims privileges"),
    ("/security", "security api management clear revoke"),
    ("/security/api-management", "users keys webhooks triggers zapier clear revoke hooks"),
    ("/advanced-settings/api-management", "users keys webhooks triggers zapier clear revoke hooks"),
    (
        "/integrations",
        "integrations enterprise apps zapier webhooks hooks data loader system setup connected marketplace",
    ),
    ("/integrations/data-loader", "data loader keys bulk load import upload csv rows etl"),
    ("/configure", "configure configuration api apis documentation"),
    (
        "/configure/apis",
        "api apis version versions openapi swagger guide guides documentation upload markdown deprecate deprecated sunset publish portal",
    ),
    (
        "/policies",
        "policy policies rules limits limit rate quota ratelimit throttle reveal lifetime ttl expiry expiration rotation rotate overlap grace idle leak \
         lock locked compliance defaults maximum",
    ),
    (
        "/tree",
        "organization organizations locations location agency customers customer accounts tenants tenant workspace workspaces subaccount suspend \
         suspended resume move rename tree shortname slug",
    ),
    ("/organizations", "switch organization location agency workspace account view"),
    ("/audit", "audit log logs history activity events event changes change who revision trail export csv json siem"),
    ("/revision-history", "revision revisions history versions changes change before after who behalf"),
    (
        "/profile",
        "profile preferences me my own api access toggle theme dark light appearance times time zone timezone dates relative absolute display",
    ),
    (
        "/profile/api-access",
        "profile preferences me my own personal api access key toggle switch regenerate rotate pat token",
    ),
    (
        "/sessions",
        "sessions session signed sign-in signed-in devices logout sign out sign-out browser 2fa mfa two factor authentication otp totp passkey",
    ),
    (
        "/password",
        "password passwords change own login log sign in sign-in credentials 2fa mfa two factor authentication otp totp passkey",
    ),
    ("/keyboard", "keyboard shortcuts shortcut keys hotkeys help accessibility"),
    (
        "/docs",
        "docs documentation developer api reference openapi curl sdk endpoints endpoint rest http help guide guides verify introspection jwks jwt oauth token \
         sign-in webhook webhooks master key encryption backup import migrate",
    ),
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
    // Several of what is said as one.
    let is_several = |typed: &str, it: &str| it.len() > 2 && typed.strip_suffix('s') == Some(it);
    let is_like = |typed: &str, it: &str| it.starts_with(typed) || is_several(typed, it);
    let of_word = |typed: &String| own.iter().position(|all| all.iter().any(|it| is_like(typed, it)));
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

    /// Everything that there is to find, once.
    fn everything() -> Vec<EntryView> {
        let mut all: Vec<EntryView> = Vec::new();
        for it in Section::ALL.into_iter().flat_map(|it| it.plan().entries).chain(BESIDES) {
            if !all.iter().any(|known| known.path == it.path) {
                all.push(entry(it.path, it.label, it.note));
            }
        }
        all
    }

    // As people type them who come from elsewhere, or have just read a word of ours.
    #[test]
    fn words_of_other_products_and_of_our_own_lead_to_their_pages() {
        for (search, path) in [
            ("shared secret", "/shared-secret"),
            ("JWT", "/shared-secret"),
            ("hmac", "/shared-secret"),
            ("appkey", "/shared-secret"),
            ("access token", "/shared-secret"),
            ("token", "/keys"),
            ("rotate", "/keys"),
            ("rotation", "/keys"),
            ("reroll", "/keys"),
            ("mapped user", "/keys"),
            ("delete key", "/keys"),
            ("import", "/keys"),
            ("csv import", "/keys"),
            ("import", "/docs"),
            ("credentials", "/keys"),
            ("whitelist", "/keys"),
            ("sign-in", "/sessions"),
            ("sign in", "/password"),
            ("login", "/password"),
            ("2fa", "/password"),
            ("two-factor", "/sessions"),
            ("webhook", "/security/api-management"),
            ("webhooks", "/integrations"),
            ("zapier", "/integrations"),
            ("data loader", "/integrations"),
            ("master key", "/docs"),
            ("jwks", "/docs"),
            ("openapi", "/docs"),
            ("openapi", "/configure/apis"),
            ("sunset", "/configure/apis"),
            ("rate limit", "/policies"),
            ("TTL", "/policies"),
            ("grace", "/policies"),
            ("workspaces", "/tree"),
            ("tenants", "/tree"),
            ("suspended", "/tree"),
            ("last used", "/health"),
            ("scope", "/roles"),
            ("rbac", "/roles"),
            ("identity", "/members"),
            ("time zone", "/profile"),
            ("events", "/audit"),
            ("leaked key", "/keys/leaked"),
            ("compromised", "/keys/leaked"),
        ] {
            let found: Vec<_> = find(everything(), search).into_iter().map(|it| it.path).collect();
            assert!(found.contains(&path), "{search} leads to {found:?}");
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
