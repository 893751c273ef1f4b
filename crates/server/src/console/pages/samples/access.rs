//! Filled pages about API access.

use super::keys::{facts, rows};
use super::webhooks::webhooks;
use super::{Words, complaints, moment, shell, status, used};
use crate::console::pages::access::{
    ApiAccessPage, AskPage, HeldKey, HeldName, HeldWebhooks, HolderPage, HolderView, HoldersPage, MappedKeyView,
    MappedKeysPage,
};
use crate::console::pages::keys::LastUse;
use crate::console::pages::settings::Crumb;
use crate::console::pages::shell::{Notice, Place, Tone};

fn own(words: &Words<'_>) -> ApiAccessPage {
    ApiAccessPage {
        shell: shell(words, Place::Elsewhere),
        crumbs: vec![Crumb { path: "/profile", label: "Your Profile & Preferences" }],
        is_admin: false,
        allowed: true,
        has_access: true,
        role: words.names[1].to_owned(),
        key: Some(facts(words)),
        ended: None,
        may_activate: false,
        hint: "ck_9Ks1…".to_owned(),
        shows: true,
        reveal: "Policy shows a secret once, when it is made. If it is lost, regenerate the key.",
        webhooks: webhooks(words),
        documentation: "https://docs.acme.example/v2".to_owned(),
    }
}

fn holder(words: &Words<'_>, user_id: &str, last_use: LastUse) -> HolderView {
    HolderView {
        user_id: user_id.to_owned(),
        name: words.person.to_owned(),
        keys: vec![HeldName {
            path: "/keys/key_1".to_owned(),
            name: words.names[0].to_owned(),
            hint: if user_id == "usr_1" { "ck_9Ks1…".to_owned() } else { String::new() },
        }],
        more: if user_id == "usr_1" { 2 } else { 0 },
        last_use,
        health: status(Tone::Warning, "Expires within 7 days, and 2 more"),
        webhooks: if user_id == "usr_1" { 2 } else { 0 },
    }
}

fn holders(words: &Words<'_>, rows: Vec<HolderView>) -> HoldersPage {
    HoldersPage {
        shell: shell(words, Place::Settings),
        crumbs: vec![Crumb { path: "/settings", label: "Settings" }, Crumb { path: "/security", label: "Security" }],
        base: "/security/api-management".to_owned(),
        shows_webhooks: true,
        rows,
        is_first: true,
        next: None,
    }
}

fn ask(words: &Words<'_>, whose: Option<&str>, once: &str) -> AskPage {
    AskPage {
        shell: shell(words, Place::Settings),
        crumbs: vec![Crumb { path: "/settings", label: "Settings" }, Crumb { path: "/security", label: "Security" }],
        title: if whose.is_some() { "Clear the API key" } else { "Regenerate New Key" },
        whose: whose.map(str::to_owned),
        consequence: "Please note: every existing link with the old key fails at once.",
        webhooks: whose.map(|_| "2 webhooks end with it, and their receivers are told.".to_owned()),
        last_use: used("2026-11-20T18:59:11Z", "203.0.113.9"),
        action: "/profile/api-access/regenerate".to_owned(),
        button: "Regenerate New Key",
        once: once.to_owned(),
        back: "/profile/api-access".to_owned(),
        must_confirm: whose.is_some(),
        errors: whose.map(|_| complaints(words, &["confirm"])).unwrap_or_default(),
    }
}

/// Every page about API access with a name of its own.
pub(super) fn all(words: &Words<'_>) -> Vec<(&'static str, String)> {
    use super::render;
    let mapped = |rows: Vec<MappedKeyView>, next: Option<&str>| MappedKeysPage {
        shell: shell(words, Place::Elsewhere),
        crumbs: vec![Crumb { path: "/profile/edit", label: "Edit Profile" }],
        is_first: next.is_none(),
        next: next.map(str::to_owned),
        rows,
    };
    let made = rows(words).into_iter().map(|row| MappedKeyView {
        api: words.organization.to_owned(),
        owner: row.mapped_user.clone(),
        row,
    });
    let everybody = vec![
        holder(words, "usr_1", used("2026-11-20T18:59:11Z", "203.0.113.9")),
        holder(words, "usr_2", LastUse::Never),
    ];
    let mut cleared = holders(words, everybody.clone());
    cleared.shell.notice = Some(Notice::KeyCleared(words.person.to_owned()));
    let off = ApiAccessPage {
        key: None,
        ended: Some(("was cleared by an administrator", moment("2026-11-20T18:59:11Z"))),
        hint: String::new(),
        is_admin: true,
        ..own(words)
    };
    vec![
        ("api-access", render(&own(words))),
        ("api-access-off", render(&off)),
        ("api-access-not-allowed", render(&ApiAccessPage { allowed: false, has_access: false, ..own(words) })),
        ("api-access-without-right", render(&ApiAccessPage { allowed: false, key: None, ..own(words) })),
        ("api-access-regenerate", render(&ask(words, None, "5uYd1s"))),
        ("mapped-keys", render(&mapped(made.collect(), Some("after=x")))),
        ("mapped-keys-none", render(&mapped(Vec::new(), None))),
        ("api-management", render(&holders(words, everybody.clone()))),
        ("api-management-cleared", render(&cleared)),
        ("api-management-none", render(&holders(words, Vec::new()))),
        (
            "api-management-user",
            render(&HolderPage {
                shell: shell(words, Place::Settings),
                crumbs: vec![Crumb { path: "/settings", label: "Settings" }],
                base: "/security/api-management".to_owned(),
                user_id: everybody[0].user_id.clone(),
                name: words.person.to_owned(),
                key: Some(HeldKey { hint: "ck_9Ks1…".to_owned(), facts: facts(words) }),
                others: rows(words),
                webhooks: Some(HeldWebhooks { rows: webhooks(words), has_more: true }),
            }),
        ),
        (
            "api-management-no-key",
            render(&HolderPage {
                shell: shell(words, Place::Settings),
                crumbs: vec![Crumb { path: "/settings", label: "Settings" }],
                base: "/security/api-management".to_owned(),
                user_id: "usr_01kapxb4q0e8mv5r3g2t9w7yzn".to_owned(),
                name: words.person.to_owned(),
                key: None,
                others: Vec::new(),
                webhooks: Some(HeldWebhooks { rows: Vec::new(), has_more: false }),
            }),
        ),
        ("api-management-clear", render(&ask(words, Some(words.person), ""))),
    ]
}
