//! Sample keys, and the pages that list and change them.

use super::{BASE_URL, Words, moment, render, shell, status, used};
use crate::console::keys::door::Door;
use crate::console::pages::form::{Choice, FormErrors};
use crate::console::pages::key_list::{Head, Heads, KeyListPage, KeyRowView, LocationKeys, LocationView, Range};
use crate::console::pages::keys::{Deletion, KeyFacts, KeyFormPage, KeyRights, LastUse, SecretView};
use crate::console::pages::limits::{LimitInputs, LimitWords};
use crate::console::pages::shell::{Moment, Place, Status, Tone};
use crate::console::pages::snippets::create_key;
use crate::console::pages::usage::{Bar, DenialView, FirstRequestPage, SpanLink, Spark, UsageView, VersionLine};

pub(super) fn all_rights() -> KeyRights {
    KeyRights { edit: true, switch: true, rotate: true, replace: true, delete: true }
}

pub(super) fn rows(words: &Words<'_>) -> Vec<KeyRowView> {
    let row = |at: usize, hint: &str, role: &str, last_use, expires: Option<&str>, status: Status| KeyRowView {
        id: format!("key_01jd{at}w7r9x3e5tv"),
        name: words.names[at].to_owned(),
        description: words.descriptions[at].to_owned(),
        hint: hint.to_owned(),
        api: words.names[5].to_owned(),
        role: role.to_owned(),
        marks: if at == 0 { vec!["narrowed", "all below"] } else { Vec::new() },
        mapped_user: (at != 3).then(|| words.person.to_owned()),
        last_use,
        expires: expires.map(|it| Moment::last_day(super::at(it))),
        active: status.tone != Tone::Paused,
        week: Spark::new(&[[0, 212, 340, 301, 0, 7, 344], [0, 0, 1, 0, 0, 0, 0], [0; 7]][at.min(2)], |it| {
            it.to_string()
        }),
        may: KeyRights { rotate: status.tone != Tone::Ended, ..all_rights() },
        status,
    };
    vec![
        row(
            0,
            "ck_7Fq2…",
            "ADMIN",
            used("2026-11-20T18:59:11Z", "203.0.113.9"),
            Some("2027-01-20T00:00:00Z"),
            status(Tone::Good, "Active"),
        ),
        row(
            1,
            "ck_9Ks1…",
            "READONLY",
            used("2026-11-21T07:12:40Z", "203.0.113.9"),
            None,
            status(Tone::Warning, "Blocked: its mapped user is disabled or gone"),
        ),
        row(
            2,
            "ck_Bz04…",
            "READONLY",
            used("2026-08-14T09:00:02Z", "2001:db8::17"),
            None,
            status(Tone::Turning, "Rotating until 27 Nov"),
        ),
        row(
            3,
            "ck_2mVd…",
            "ADMIN",
            LastUse::Never,
            Some("2026-11-27T00:00:00Z"),
            status(Tone::Warning, "Expires in 6 d"),
        ),
        row(
            4,
            "ck_Qe8h…",
            "MEMBER",
            used("2026-11-02T23:04:51Z", "198.51.100.40"),
            None,
            status(Tone::Paused, "Inactive"),
        ),
        row(
            5,
            "ck_1LxT…",
            "READONLY",
            used("2026-10-31T02:00:03Z", "198.51.100.41"),
            Some("2026-11-01T00:00:00Z"),
            status(Tone::Ended, "Expired"),
        ),
    ]
}

/// A form that somebody else was faster than.
pub(super) fn conflict(words: &Words<'_>) -> FormErrors {
    let mut errors = FormErrors::default();
    errors.add_outdated();
    errors.compare([
        ("Name", words.typed.to_owned(), words.names[1].to_owned()),
        ("Description", words.descriptions[0].to_owned(), String::new()),
        ("Role", "READONLY".to_owned(), "ADMIN".to_owned()),
        ("Expires", "Never".to_owned(), "20 Feb 2027, 24:00 UTC".to_owned()),
        ("Scopes", "contacts:read, scorecards/A:read".to_owned(), words.typed.to_owned()),
    ]);
    errors
}

/// The same where something was searched for.
pub(super) fn found(words: &Words<'_>) -> LocationKeys {
    let mut below = locations(words);
    for it in below.locations.iter_mut().filter(|it| !it.keys.is_empty()) {
        it.found = Some("q=till".to_owned());
    }
    LocationKeys { cut: true, ..below }
}

pub(super) fn locations(words: &Words<'_>) -> LocationKeys {
    let location = |name: &str, slug: &str, keys: Option<Vec<KeyRowView>>| LocationView {
        page: Some("/tree/org_01jdw7r9x3e5tv8b2n4q6s0c1f".to_owned()),
        name: name.to_owned(),
        slug: slug.to_owned(),
        parent: (slug == "hill-road").then(|| words.organization.to_owned()),
        is_closed: keys.is_none() || slug == "mill-lane",
        blocked: keys.is_none().then(|| "1".to_owned()),
        total: keys.as_ref().map(|it| it.len().to_string()),
        found: None,
        is_agency: slug == "hill-road",
        may_create: keys.is_some() && slug != "mill-lane",
        heads: heads(""),
        keys: keys.unwrap_or_default(),
    };
    let own = |row: KeyRowView| KeyRowView { id: row.id.replace("key_01jd", "key_01je"), ..row };
    let below = rows(words).into_iter().take(2).map(own).collect();
    let closed = rows(words).into_iter().take(1).map(|it| KeyRowView { may: KeyRights::default(), ..it }).collect();
    LocationKeys {
        total: "2".to_owned(),
        more: true,
        cut: false,
        unseen: true,
        locations: vec![
            location(words.names[4], "harbor-street", Some(below)),
            location(words.names[5], "hill-road", Some(Vec::new())),
            location(words.names[4], "mill-lane", Some(closed)),
            location(words.names[3], "old-town", None),
        ],
    }
}

/// Pages of 25 rows: as the list comes, of an agency with five of them in a location, and both narrowed.
pub(super) fn whole(words: &Words<'_>) -> Vec<(&'static str, String)> {
    let page = || {
        let mut page = key_list(words, (0..25).flat_map(|_| rows(words)).take(25).collect());
        for (at, row) in page.rows.iter_mut().enumerate() {
            // As long as identifiers are.
            row.id = format!("{}{at:0>12}", row.id);
        }
        KeyListPage { back: "/keys?".to_owned(), ..page }
    };
    let mut agency = page();
    let mut below = locations(words);
    // Those of a suspended one would be more than 25.
    below.locations.retain(|it| it.slug != "mill-lane");
    for it in below.locations.iter_mut().take(1) {
        it.keys = agency.rows.split_off(20);
    }
    agency.locations = Some(below);
    let narrowed = || "/keys?q=till&status=active&sort=%2Dused".to_owned();
    let mut found = agency.locations.clone();
    for it in found.iter_mut().flat_map(|it| &mut it.locations).filter(|it| !it.keys.is_empty()) {
        it.found = Some("q=till&status=active&sort=%2Dused".to_owned());
        it.heads = heads("q=till&status=active&");
    }
    let narrowed_page = || KeyListPage { back: narrowed(), heads: heads("q=till&status=active&"), ..page() };
    let agency_narrowed = KeyListPage { locations: found, rows: agency.rows.clone(), ..narrowed_page() };
    vec![
        ("keys-25", render(&page())),
        ("keys-25-agency", render(&agency)),
        ("keys-25-agency-narrowed", render(&agency_narrowed)),
        ("keys-25-narrowed", render(&narrowed_page())),
    ]
}

pub(super) fn facts(words: &Words<'_>) -> KeyFacts {
    KeyFacts {
        id: "key_01jdw7r9x3e5tv8b2n4q6s0c1f".to_owned(),
        name: words.names[0].to_owned(),
        description: words.descriptions[2].to_owned(),
        api: words.organization.to_owned(),
        role: "ADMIN".to_owned(),
        role_is_admin: true,
        scopes: Some(vec!["scorecards/A:read".to_owned(), "contacts:read".to_owned()]),
        allowed_ips: vec!["10.0.0.0/8".to_owned(), "2001:db8::/32".to_owned()],
        reaches_below: true,
        deleted: None,
        owner: Some(words.person.to_owned()),
        mapped_user: Some(words.person.to_owned()),
        imported: false,
        created: moment("2026-09-02T08:15:00Z"),
        expires: Some(Moment::until(super::at("2027-01-20T00:00:00Z"))),
        last_use: used("2026-11-20T18:59:11Z", "203.0.113.9"),
        status: status(Tone::Good, "Active"),
        active: true,
        live: true,
        expired: false,
    }
}

/// How often the sample key may be used.
pub(super) fn limits() -> Vec<LimitWords> {
    let limit = |label, limit: &str, source, left: Option<&str>| LimitWords {
        label,
        limit: limit.to_owned(),
        source,
        left: left.map(str::to_owned),
    };
    vec![
        limit("Rate limit", "100 requests per 10 seconds", "by the policy", Some("87 left now")),
        limit("Daily quota", "No limit", "", None),
    ]
}

/// What the sample key was used for in a day.
pub(super) fn usage(words: &Words<'_>) -> UsageView {
    let counts = [0, 3, 12, 40, 38, 51, 9, 0, 0, 4, 77, 120, 118, 96, 131, 140, 88, 60, 0, 0, 2, 14, 33, 27];
    let bar = |(at, count): (usize, &u64)| {
        let denied = if at == 12 { 17 } else { 0 };
        Bar::new(at, format!("2026-11-21 {at:02}:00"), (*count, denied), 140, |it| it.to_string())
    };
    let span = |word, label| SpanLink { word, label, is_current: word == "24h" };
    let denial = |ip: Option<&str>, user_agent: Option<&str>| DenialView {
        at: moment("2026-11-21T12:41:07Z"),
        why: "The address is not among the allowed ones".to_owned(),
        code: "ip_not_allowed".to_owned(),
        ip: ip.map(str::to_owned),
        user_agent: user_agent.map(str::to_owned),
    };
    UsageView {
        spans: vec![span("24h", "24 hours"), span("7d", "7 days"), span("30d", "30 days")],
        span: "the last 24 hours",
        bars: counts.iter().enumerate().map(bar).collect(),
        allowed: "1,063".to_owned(),
        denied: "17".to_owned(),
        most: "140".to_owned(),
        is_empty: false,
        denials: vec![denial(Some("198.51.100.40"), Some(words.descriptions[2])), denial(None, None)],
        versions: Some(vec![
            VersionLine {
                label: "API 1.0".to_owned(),
                documentation: Some("/docs/apis/default/1.0".to_owned()),
                requests: "1,204 requests in 30 days, the last on 20 Nov 2026".to_owned(),
                end: "deprecated, ends 1 Mar 2027".to_owned(),
            },
            VersionLine {
                label: words.names[1].to_owned(),
                documentation: None,
                requests: "1 request in 30 days, the last on 21 Nov 2026".to_owned(),
                end: String::new(),
            },
        ]),
    }
}

pub(super) fn first_request(words: &Words<'_>, used: LastUse) -> FirstRequestPage {
    let (key_id, key_name) = ("key_01jdw7r9x3e5tv8b2n4q6s0c1f".to_owned(), words.names[0].to_owned());
    FirstRequestPage { shell: shell(words, Place::Keys), key_id, key_name, used }
}

/// What is shown of a key that nobody used.
pub(super) fn no_usage() -> UsageView {
    let span = |word, label| SpanLink { word, label, is_current: word == "7d" };
    UsageView {
        spans: vec![span("24h", "24 hours"), span("7d", "7 days"), span("30d", "30 days")],
        span: "the last 7 days",
        bars: Vec::new(),
        allowed: "0".to_owned(),
        denied: "0".to_owned(),
        most: "0".to_owned(),
        is_empty: true,
        denials: Vec::new(),
        versions: Some(Vec::new()),
    }
}

pub(super) fn deleted_facts(words: &Words<'_>) -> KeyFacts {
    KeyFacts {
        scopes: None,
        allowed_ips: Vec::new(),
        reaches_below: false,
        deleted: Some(Deletion { at: moment("2026-11-20T19:00:00Z"), reason: Some("another key took its place") }),
        status: status(Tone::Ended, "Deleted"),
        live: false,
        ..facts(words)
    }
}

pub(super) fn secrets(words: &Words<'_>) -> Vec<SecretView> {
    vec![
        SecretView {
            hint: "ck_7Fq2…".to_owned(),
            status: status(Tone::Good, "Current"),
            created: moment("2026-11-20T12:00:00Z"),
            last_use: used("2026-11-20T18:59:11Z", "203.0.113.9"),
            user_agent: Some(words.typed.to_owned()),
        },
        SecretView {
            hint: "ck_x0Ra…".to_owned(),
            status: status(Tone::Turning, "Retiring until 2026-11-27 12:00:00"),
            created: moment("2026-09-02T08:15:00Z"),
            last_use: used("2026-11-20T11:58:20Z", "198.51.100.40"),
            user_agent: None,
        },
    ]
}

pub(super) fn roles(chosen: &str) -> Vec<Choice> {
    let mut admin =
        Choice::new("admin", "ADMIN", chosen == "admin").with_note("Creates, changes and deletes everything.");
    admin.grave = true;
    vec![
        Choice::new("readonly", "READONLY", chosen == "readonly").with_note("Reads everything, changes nothing."),
        Choice::new("", "As the mapped user", chosen.is_empty())
            .with_note("Whatever that person may do, now and later."),
        admin,
    ]
}

fn reaches() -> Vec<Choice> {
    let only = Choice::new("organization", "This organization only", true);
    let mut below = Choice::new("subtree", "This organization and all below", false)
        .with_note("Those too that are made later, by this key or by others.");
    below.grave = true;
    vec![only.with_note("Organizations below are closed to it."), below]
}

pub(super) fn expiries(chosen: &str) -> Vec<Choice> {
    [
        ("never", "Never"),
        ("30d", "In 30 days (21 Dec 2026)"),
        ("90d", "In 90 days (19 Feb 2027)"),
        ("365d", "In 365 days (21 Nov 2027)"),
        ("date", "On a date…"),
    ]
    .map(|(value, label)| Choice::new(value, label, value == chosen))
    .into()
}

pub(super) fn key_form(words: &Words<'_>) -> KeyFormPage {
    KeyFormPage {
        shell: shell(words, Place::Keys),
        door: Door::default().view(),
        key: None,
        taken_by: None,
        from: String::new(),
        replaces: None,
        metadata: String::new(),
        api: String::new(),
        api_label: String::new(),
        once: "5uYd1s".to_owned(),
        version: String::new(),
        began: String::new(),
        name: String::new(),
        description: String::new(),
        roles: roles("readonly"),
        expiries: expiries("never"),
        expires_on: String::new(),
        latest: None,
        mapped_users: vec![
            Choice::new("usr_1", format!("{} (me)", words.person), true),
            Choice::new("usr_2", words.person, false),
        ],
        hides_secret: true,
        owners: vec![Choice::new("", format!("{} (me)", words.person), true), Choice::new("nobody", "Nobody", false)],
        reaches: reaches(),
        scopes: String::new(),
        allowed_ips: String::new(),
        limits: LimitInputs {
            rate_hint: "So many requests in a period, such as 100/10s.".to_owned(),
            daily_quota_hint: "So many requests a day.".to_owned(),
            ..LimitInputs::default()
        },
        errors: FormErrors::default(),
    }
}

/// The heads of a list that is narrowed by this, with `&` behind it.
fn heads(narrowed: &str) -> Heads {
    let head = |word: &str| Head { query: format!("{narrowed}sort={word}"), descending: None };
    Heads {
        name: Head { descending: Some(false), ..head("%2Dname") },
        api: head("type"),
        role: head("role"),
        mapped_user: head("user"),
        last_use: head("%2Dused"),
        expires: head("expires"),
        status: head("status"),
    }
}

pub(super) fn key_list(words: &Words<'_>, rows: Vec<KeyRowView>) -> KeyListPage {
    let shown = rows.len();
    KeyListPage {
        shell: shell(words, Place::Keys),
        door: Door::default().view(),
        tabs: Vec::new(),
        locations: None,
        rows,
        search: String::new(),
        health: None,
        ending: Vec::new(),
        to_review: Some("4".to_owned()),
        back: "/keys?status=active".to_owned(),
        statuses: [
            ("", "All but deleted"),
            ("active", "Active"),
            ("inactive", "Inactive"),
            ("expired", "Expired"),
            ("deleted", "Deleted"),
        ]
        .map(|(value, label)| Choice::new(value, label, value.is_empty()))
        .into(),
        roles: [("", "Any"), ("admin", "ADMIN"), ("readonly", "READONLY")]
            .map(|(value, label)| Choice::new(value, label, value.is_empty()))
            .into(),
        types: [("", "Any"), ("default", "API"), ("data-loader", "Data Loader")]
            .map(|(value, label)| Choice::new(value, label, value.is_empty()))
            .into(),
        users: [("", "Any"), ("usr_1", words.person), ("usr_2", words.names[4])]
            .map(|(value, label)| Choice::new(value, label, value.is_empty()))
            .into(),
        uses: [("", "Any"), ("never", "Never"), ("90", "Older than 90 d")]
            .map(|(value, label)| Choice::new(value, label, value.is_empty()))
            .into(),
        sizes: [("", "25"), ("50", "50"), ("100", "100")]
            .map(|(value, label)| Choice::new(value, label, value.is_empty()))
            .into(),
        export: "status=active".to_owned(),
        sorts: [("", "Newest first"), ("name", "Name")]
            .map(|(value, label)| Choice::new(value, label, value == "name"))
            .into(),
        heads: heads(""),
        further: None,
        filtered: false,
        misread: false,
        unsorted: false,
        range: Range { first: "1".to_owned(), last: shown.to_string(), total: "1,204".to_owned() },
        previous: None,
        next: Some("cursor=Zm9v".to_owned()),
        may_create: true,
        has_access: true,
        sees_all: true,
        may_report: true,
        shared_secret: true,
        snippets: create_key(BASE_URL, claviger_core::id::OrganizationId::from_u128(7)),
    }
}
