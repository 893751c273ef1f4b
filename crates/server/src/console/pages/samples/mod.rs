//! A filled page of every kind, for the tests of the templates and for looking at them.

use askama::Template;
use claviger_core::time::Timestamp;

use crate::console::keys::door::Door;
use crate::console::pages::entrance::{SetUpPage, SignInPage};
use crate::console::pages::form::{Choice, FormErrors};
use crate::console::pages::home::{HomePage, RecentKey};
use crate::console::pages::key_list::KeyListPage;
use crate::console::pages::keyboard::KeyboardPage;
use crate::console::pages::keys::{DeleteKeyPage, KeyFormPage, KeyPage, KeyRights, LastUse};
use crate::console::pages::organizations::{OrganizationRow, OrganizationsPage};
use crate::console::pages::rotation::Viewing;
use crate::console::pages::secrets::{CreatedKeyPage, Made, Replaced, RotateKeyPage, SecretOrigin, SecretShownPage};
use crate::console::pages::settings::Crumb;
use crate::console::pages::shell::{Moment, Notice, Place, Preferences, Shell, Shortcuts, Status, Times, Tone};
use crate::console::pages::snippets::{call_with_key, check_key};

mod access;
mod account;
mod apis;
mod audit;
mod bulk;
mod data_loader;
mod failure;
mod frame;
mod health;
mod keys;
mod leak;
mod members;
mod notifications;
mod policies;
mod review;
mod roles;
mod rotation;
mod settings;
mod shared_secret;
mod tree;
mod webhooks;

use frame::shell;
use keys::{deleted_facts, expiries, facts, first_request, key_form, key_list, no_usage, rows, secrets, usage};

const BASE_URL: &str = "https://keys.acme.example";

/// Free text of one sample set, so that a test can fill every field with the same hostile string.
pub(in crate::console::pages) struct Words<'a> {
    pub(in crate::console::pages) organization: &'a str,
    pub(in crate::console::pages) person: &'a str,
    pub(in crate::console::pages) email: &'a str,
    pub(in crate::console::pages) names: [&'a str; 6],
    pub(in crate::console::pages) descriptions: [&'a str; 6],
    pub(in crate::console::pages) complaint: &'a str,
    pub(in crate::console::pages) typed: &'a str,
}

pub(in crate::console::pages) const PLAIN: Words<'static> = Words {
    organization: "Acme",
    person: "Maria Keller",
    email: "maria@acme.example",
    names: [
        "CI deploy",
        "Integration with CRM",
        "Zapier",
        "Old ERP",
        "Warehouse scanner",
        "Data warehouse nightly export",
    ],
    descriptions: [
        "",
        "",
        "Marketing sync, owned by the growth team",
        "",
        "Hall 3",
        "Reads everything once a night at 02:00",
    ],
    complaint: "Enter a name of 1 to 80 characters.",
    typed: "Integration with CRM",
};

/// All fields carry the same text.
pub(in crate::console::pages) fn filled_with(text: &str) -> Words<'_> {
    Words {
        organization: text,
        person: text,
        email: text,
        names: [text; 6],
        descriptions: [text; 6],
        complaint: text,
        typed: text,
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a sample's instant")
}

fn moment(text: &str) -> Moment {
    Moment::new(at(text))
}

fn used(text: &str, ip: &str) -> LastUse {
    LastUse::At { at: moment(text), ip: Some(ip.to_owned()) }
}

fn status(tone: Tone, words: &str) -> Status {
    Status { tone, words: words.to_owned() }
}

fn set_up(words: &Words<'_>) -> SetUpPage {
    SetUpPage {
        preferences: Preferences::default(),
        organization_name: words.organization.to_owned(),
        token: "pQ3v".to_owned(),
        name: String::new(),
        email: String::new(),
        password_chars_min: 12,
        errors: FormErrors::default(),
    }
}

fn sign_in(words: &Words<'_>) -> SignInPage {
    SignInPage {
        preferences: Preferences::default(),
        email: words.email.to_owned(),
        next: "/".to_owned(),
        unsent: false,
        action: String::new(),
        kept: String::new(),
        has_ended: true,
        unclaimed: false,
        signed_out: false,
        errors: FormErrors::default(),
    }
}

fn complaints(words: &Words<'_>, fields: &[&'static str]) -> FormErrors {
    let mut errors = FormErrors::default();
    for field in fields {
        errors.add(field, words.complaint);
    }
    errors
}

fn organizations(words: &Words<'_>) -> OrganizationsPage {
    let row = |at: usize, slug: &str, here, suspended| OrganizationRow {
        name: words.names[at].to_owned(),
        slug: slug.to_owned(),
        here,
        suspended,
    };
    OrganizationsPage {
        shell: shell(words, Place::Elsewhere),
        rows: vec![
            row(0, "acme", true, false),
            row(1, "harbor-street", false, false),
            row(2, "hill-road", false, true),
        ],
        search: words.typed.to_owned(),
        is_searched: true,
        is_first: false,
        start: "/organizations?q=hill".to_owned(),
        next: Some("q=hill&after=aGlsbA".to_owned()),
    }
}

/// Every page of the console with a name of its own.
pub(in crate::console::pages) fn all(words: &Words<'_>) -> Vec<(&'static str, String)> {
    let token = "ck_7Fq2xV9mKd0RtYbL_hN4sW8eZ1uPqC3vJ6gTfA5oXyBnMkEiQrDlHw2S7c";
    let (access, secret) = token.rsplit_once('_').expect("two parts");
    let rotated =
        |old_until: Option<Moment>| SecretOrigin::Rotated { ended: 2, ends_with_key: old_until.is_some(), old_until };
    let created = |origin: SecretOrigin| CreatedKeyPage {
        shell: shell(words, Place::Keys),
        shown_again: origin == SecretOrigin::Created,
        crumbs: vec![Crumb { path: "/settings", label: "Settings" }, Crumb { path: "/keys", label: "API Keys" }],
        done: "/keys",
        here: "/keys/key_01jdw7r9x3e5tv".to_owned(),
        key_id: "key_01jdw7r9x3e5tv".to_owned(),
        key_name: words.names[1].to_owned(),
        token: token.to_owned(),
        offers_bundle: origin == SecretOrigin::Created,
        access: access.to_owned(),
        secret: secret.to_owned(),
        snippets: call_with_key(BASE_URL, Some(token)),
        replaced: None,
        origin,
    };
    let replaced = || Some(Replaced { id: "key_01jdw7r9x3e5tw".to_owned(), name: words.names[0].to_owned() });
    let home = |live_keys: u64, recent| HomePage {
        ending: [frame::ending(words), frame::ending(words)].concat(),
        shell: shell(words, Place::Home),
        live_keys,
        live_keys_counted: live_keys.to_string(),
        to_review: (live_keys > 1).then(|| "4".to_owned()),
        live_to_review: (live_keys > 1).then(|| "3".to_owned()),
        recent,
        starting: live_keys < 2,
        may_create: true,
        has_access: true,
        role: words.names[1].to_owned(),
        snippets: check_key(BASE_URL),
    };
    let mut recent: Vec<RecentKey> = rows(words)
        .into_iter()
        .filter(|it| it.last_use != LastUse::Never)
        .map(|it| RecentKey { id: it.id, name: it.name, hint: it.hint, last_use: it.last_use })
        .collect();
    recent.swap(0, 1);
    let key_page = |may: KeyRights| KeyPage {
        held_off: false,
        replaced: replaced(),
        ending: frame::ending(words),
        shell: shell(words, Place::Keys),
        key: facts(words),
        limits: keys::limits(),
        secrets: secrets(words),
        foreign: !may.edit,
        viewing: Some(if may.edit { Viewing::May } else { rotation::refused(words) }),
        rotation: Some(rotation::under_way(words, may.edit, may.edit)),
        usage: usage(words),
        may_read_history: may.edit,
        may,
        health: health::lines(),
        revisions: audit::rows(words),
        snippets: call_with_key(BASE_URL, None),
        documentation: if may.edit { "https://docs.acme.example/v2" } else { "/docs" }.to_owned(),
        webhooks: if may.edit { webhooks::webhooks(words) } else { Vec::new() },
    };
    let mut after_deletion = key_list(words, rows(words));
    after_deletion.shell.notice = Some(Notice::KeyDeleted(words.names[2].to_owned()));
    after_deletion.shell.unconfirmed =
        Some("node-c has not confirmed yet; denies at the latest by 2026-11-22 05:15:00 UTC.".to_owned());
    after_deletion.shell.preferences.times = Times::Relative;
    let mut none_match = key_list(words, Vec::new());
    none_match.filtered = true;
    none_match.search = words.typed.to_owned();
    none_match.misread = true;
    let mut read_only = key_list(words, rows(words));
    read_only.may_create = false;
    for row in &mut read_only.rows {
        row.may = KeyRights::default();
    }
    let mut own_only = key_list(words, rows(words));
    for row in own_only.rows.iter_mut().skip(2) {
        row.may = KeyRights::default();
    }
    let mut alone = home(112, Vec::new());
    alone.shell.views = None;

    let mut keyboard_off = KeyboardPage { shell: shell(words, Place::Elsewhere) };
    keyboard_off.shell.preferences.shortcuts = Shortcuts::Off;
    let shown = |made| SecretShownPage {
        shell: shell(words, Place::Keys),
        crumbs: vec![Crumb { path: "/settings", label: "Settings" }],
        key_id: "key_01jdw7r9x3e5tv".to_owned(),
        key_name: words.names[1].to_owned(),
        made,
        shown_again: made == Made::Secret,
        may_rotate: made != Made::Key,
        replaced: None,
    };
    let mut pages = members::all(words);
    pages.extend(keys::whole(words));
    pages.extend(access::all(words));
    pages.extend(bulk::all(words));
    pages.extend(account::all(words));
    pages.extend(apis::all(words));
    pages.extend(data_loader::all(words));
    pages.extend(audit::all(words));
    pages.extend(webhooks::all(words));
    pages.extend(failure::all(words));
    pages.extend(health::all(words));
    pages.extend(leak::all(words));
    pages.extend(review::all(words));
    pages.extend(notifications::all(words));
    pages.extend(roles::all(words));
    pages.extend(rotation::all(words));
    pages.extend(settings::all(words));
    pages.extend(shared_secret::all(words));
    pages.extend(policies::all(words));
    pages.extend(tree::all(words));
    pages.extend([
        ("set-up", render(&set_up(words))),
        (
            "set-up-errors",
            render(&SetUpPage {
                name: words.typed.to_owned(),
                email: words.typed.to_owned(),
                errors: complaints(words, &["name", "email", "password"]),
                ..set_up(words)
            }),
        ),
        ("sign-in", render(&sign_in(words))),
        ("sign-in-unclaimed", render(&SignInPage { unclaimed: true, ..sign_in(words) })),
        ("sign-in-signed-out", render(&SignInPage { signed_out: true, ..sign_in(words) })),
        (
            "sign-in-errors",
            render(&SignInPage {
                errors: {
                    let mut errors = FormErrors::default();
                    errors.add_general(words.complaint);
                    errors
                },
                ..sign_in(words)
            }),
        ),
        ("home", render(&home(112, recent))),
        ("home-alone", render(&alone)),
        ("home-quiet", render(&home(1, Vec::new()))),
        ("home-first", render(&home(0, Vec::new()))),
        ("home-not-allowed", render(&HomePage { may_create: false, has_access: false, ..home(0, Vec::new()) })),
        ("keyboard", render(&KeyboardPage { shell: shell(words, Place::Elsewhere) })),
        ("keyboard-off", render(&keyboard_off)),
        ("organizations", render(&organizations(words))),
        ("organizations-none", render(&OrganizationsPage { rows: Vec::new(), next: None, ..organizations(words) })),
        ("keys", render(&key_list(words, rows(words)))),
        (
            "keys-integrations",
            render(&KeyListPage {
                door: Door::Integrations.view(),
                tabs: integration_tabs(),
                ..key_list(words, rows(words))
            }),
        ),
        ("keys-deleted", render(&after_deletion)),
        (
            "keys-agency",
            render(&KeyListPage { locations: Some(keys::locations(words)), ..key_list(words, rows(words)) }),
        ),
        (
            "keys-agency-none",
            render(&KeyListPage { locations: Some(keys::locations(words)), ..key_list(words, Vec::new()) }),
        ),
        (
            "keys-agency-found",
            render(&KeyListPage {
                locations: Some(keys::found(words)),
                filtered: true,
                search: words.typed.to_owned(),
                ..key_list(words, Vec::new())
            }),
        ),
        (
            "keys-agency-none-read-only",
            render(&KeyListPage {
                locations: Some(keys::locations(words)),
                may_create: false,
                ..key_list(words, Vec::new())
            }),
        ),
        ("keys-read-only", render(&read_only)),
        ("keys-own-only", render(&own_only)),
        ("keys-none", render(&key_list(words, Vec::new()))),
        ("keys-none-read-only", render(&KeyListPage { may_create: false, ..key_list(words, Vec::new()) })),
        ("keys-none-match", render(&none_match)),
        ("key-new", render(&key_form(words))),
        ("key-new-user-management", render(&KeyFormPage { door: Door::UserManagement.view(), ..key_form(words) })),
        (
            "key-new-errors",
            render(&KeyFormPage {
                taken_by: Some("key_1".to_owned()),
                name: words.typed.to_owned(),
                description: words.typed.to_owned(),
                roles: keys::roles("admin"),
                expiries: expiries("date"),
                expires_on: "2026-01-01".to_owned(),
                scopes: words.typed.to_owned(),
                allowed_ips: words.typed.to_owned(),
                errors: complaints(
                    words,
                    &[
                        "name",
                        "description",
                        "role",
                        "expires",
                        "expires_on",
                        "mapped_user",
                        "owner",
                        "reach",
                        "scopes",
                        "allowed_ips",
                        "rate",
                        "daily_quota",
                    ],
                ),
                ..key_form(words)
            }),
        ),
        ("key-edit", render(&KeyFormPage { key: Some(facts(words)), name: words.typed.to_owned(), ..key_form(words) })),
        (
            "key-edit-conflict",
            render(&KeyFormPage {
                key: Some(facts(words)),
                name: words.typed.to_owned(),
                errors: keys::conflict(words),
                ..key_form(words)
            }),
        ),
        ("key-created", render(&created(SecretOrigin::Created))),
        (
            "key-created-once",
            render(&CreatedKeyPage { offers_bundle: false, shown_again: false, ..created(SecretOrigin::Created) }),
        ),
        ("key-replacement", render(&CreatedKeyPage { replaced: replaced(), ..created(SecretOrigin::Created) })),
        ("key-shown-replacement", render(&SecretShownPage { replaced: replaced(), ..shown(Made::Key) })),
        (
            "key-new-replacement",
            render(&KeyFormPage {
                from: "key_01jdw7r9x3e5tw".to_owned(),
                replaces: Some(words.names[0].to_owned()),
                metadata: words.typed.to_owned(),
                api: "data-loader".to_owned(),
                api_label: words.typed.to_owned(),
                ..key_form(words)
            }),
        ),
        ("key-rotated", render(&created(rotated(Some(moment("2026-11-28T05:15:00Z")))))),
        ("key-rotated-now", render(&created(rotated(None)))),
        ("key-shown", render(&shown(Made::Key))),
        ("key-shown-rotated", render(&shown(Made::Secret))),
        ("key-shown-regenerated", render(&shown(Made::PersonalSecret))),
        ("key", render(&key_page(keys::all_rights()))),
        ("key-read-only", render(&key_page(KeyRights::default()))),
        (
            "key-deleted",
            render(&KeyPage {
                key: deleted_facts(words),
                secrets: Vec::new(),
                viewing: None,
                rotation: None,
                usage: no_usage(),
                may_read_history: true,
                ..key_page(KeyRights::default())
            }),
        ),
        (
            "key-rotate",
            render(&RotateKeyPage {
                shell: shell(words, Place::Keys),
                shown_again: true,
                key: facts(words),
                once: "5uYd1s".to_owned(),
                present: rotation::under_way(words, true, true).new,
                older: rotation::under_way(words, true, true).old,
                webhooks: Some("One webhook of it is paused until somebody plays it again.".to_owned()),
                overlaps: vec![
                    Choice::new("0", "Now", false).with_note("Everything that still uses it fails at once."),
                    Choice::new("3600", "In 1 hour", false),
                    Choice::new("86400", "In 24 hours", false),
                    Choice::new("604800", "In 7 days", true)
                        .with_note("Both secrets work until 2026-11-28 05:15:00 UTC."),
                ],
                errors: complaints(words, &["overlap"]),
            }),
        ),
        (
            "key-delete-confirm",
            render(&DeleteKeyPage {
                shell: shell(words, Place::Keys),
                key: facts(words),
                last_day: "1,204".into(),
                webhooks: Some("One webhook ends with it, and its receiver is told.".to_owned()),
                must_confirm: true,
                errors: complaints(words, &["confirm"]),
            }),
        ),
        ("key-first-request", render(&first_request(words, used("2026-11-21T12:41:07Z", "203.0.113.9")))),
        ("key-no-request", render(&first_request(words, LastUse::Never))),
        (
            "key-delete",
            render(&DeleteKeyPage {
                shell: shell(words, Place::Keys),
                key: facts(words),
                last_day: "1,204".into(),
                webhooks: None,
                must_confirm: false,
                errors: FormErrors::default(),
            }),
        ),
    ]);
    pages
}

/// What stands beside each other under Integrations.
fn integration_tabs() -> Vec<Crumb> {
    [
        ("/integrations/keys", "API Keys"),
        ("/integrations/data-loader", "Data Loader"),
        ("/integrations/webhooks", "Webhooks"),
    ]
    .map(|(path, label)| Crumb { path, label })
    .into()
}

fn render(page: &impl Template) -> String {
    page.render().expect("a template of plain data renders")
}
