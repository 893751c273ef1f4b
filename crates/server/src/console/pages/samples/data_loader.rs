//! Filled pages about the keys of the data loader.

use super::frame::pager;
use super::keys::{all_rights, expiries, rows};
use super::{Words, complaints, integration_tabs, render, shell, status};
use crate::console::pages::data_loader::{DataLoaderPage, LoaderKeyPage, LoaderQuestion, LoaderUserView};
use crate::console::pages::form::FormErrors;
use crate::console::pages::key_list::KeyRowView;
use crate::console::pages::keys::KeyRights;
use crate::console::pages::pager::Pager;
use crate::console::pages::settings::Crumb;
use crate::console::pages::shell::{Place, Tone};
use crate::console::pages::snippets::send_key_along;

fn user(words: &Words<'_>, at: usize, key: Option<KeyRowView>) -> LoaderUserView {
    LoaderUserView {
        member_id: format!("mem_01jd{at}w7r9x3e5tv"),
        name: if at == 0 { words.person } else { words.names[at] }.to_owned(),
        email: (at != 2).then(|| words.email.to_owned()),
        disabled: at >= 3,
        may_give: at < 3,
        key,
    }
}

fn list(words: &Words<'_>, may: KeyRights) -> DataLoaderPage {
    let mut keys = rows(words).into_iter().map(|it| KeyRowView { may, ..it });
    let mut key = || keys.next();
    let mut blocked = key();
    if let Some(it) = &mut blocked {
        it.status = status(Tone::Warning, "Blocked: its mapped user is disabled or gone");
    }
    let rows = vec![
        user(words, 0, key()),
        user(words, 1, None),
        user(words, 2, key()),
        user(words, 3, blocked),
        user(words, 4, None),
    ];
    DataLoaderPage {
        shell: shell(words, Place::Settings),
        crumbs: vec![
            Crumb { path: "/settings", label: "Settings" },
            Crumb { path: "/system-settings", label: "System Settings" },
            Crumb { path: "/system-setup", label: "System setup" },
            Crumb { path: "/integrations", label: "Integrations" },
        ],
        tabs: integration_tabs(),
        rows,
        search: String::new(),
        is_first: true,
        pager: pager(),
        snippets: send_key_along(None),
        documentation: "https://docs.acme.example/loader".to_owned(),
    }
}

fn question(words: &Words<'_>, question: LoaderQuestion, errors: FormErrors) -> LoaderKeyPage {
    LoaderKeyPage {
        shell: shell(words, Place::Settings),
        crumbs: vec![Crumb { path: "/integrations/data-loader", label: "Data Loader" }],
        question,
        member_id: "mem_01jd1w7r9x3e5tv".to_owned(),
        name: words.person.to_owned(),
        expiries: expiries("365d"),
        expires_on: String::new(),
        latest: None,
        errors,
    }
}

fn give(role: &str, role_is_admin: bool) -> LoaderQuestion {
    LoaderQuestion::Give { once: "5uYd1s".to_owned(), role: role.to_owned(), role_is_admin }
}

/// Every page about the data loader with a name of its own.
pub(super) fn all(words: &Words<'_>) -> Vec<(&'static str, String)> {
    let mut read_only = list(words, KeyRights::default());
    for row in &mut read_only.rows {
        row.may_give = false;
    }
    let none = |search: &str, is_first| DataLoaderPage {
        rows: Vec::new(),
        search: search.to_owned(),
        is_first,
        pager: Pager::default(),
        ..list(words, all_rights())
    };
    let bounded = LoaderKeyPage {
        expiries: expiries("date"),
        expires_on: "2027-02-30".to_owned(),
        latest: Some("2027-02-18".to_owned()),
        ..question(words, give(words.names[1], false), complaints(words, &["expires", "expires_on"]))
    };
    let edit = LoaderQuestion::Extend { version: "3".to_owned() };
    vec![
        ("data-loader", render(&list(words, all_rights()))),
        ("data-loader-read-only", render(&read_only)),
        ("data-loader-none", render(&none("", true))),
        ("data-loader-none-further", render(&none("", false))),
        ("data-loader-none-match", render(&none(words.typed, true))),
        ("data-loader-give", render(&question(words, give(words.names[1], false), FormErrors::default()))),
        ("data-loader-give-admin", render(&question(words, give("ADMIN", true), FormErrors::default()))),
        ("data-loader-give-errors", render(&bounded)),
        ("data-loader-edit", render(&question(words, edit, FormErrors::default()))),
    ]
}
