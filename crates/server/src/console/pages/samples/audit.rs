//! Filled pages of the audit.

use super::frame::pager;
use super::{Words, complaints, moment, render, shell};
use crate::console::pages::audit::{
    ActorFacts, AuditPage, ChoiceGroup, Difference, ErasePage, Erasing, EventPage, EventRowView, Subject,
};
use crate::console::pages::form::{Choice, FormErrors};
use crate::console::pages::pager::Pager;
use crate::console::pages::revisions::{RevisionPage, RevisionsPage};
use crate::console::pages::shell::Place;
use crate::console::pages::snippets::report_change;

fn subject(words: &Words<'_>) -> Subject {
    Subject {
        kind: "key".to_owned(),
        id: "key_01jdw7r9x3e5tv".to_owned(),
        name: Some(words.names[0].to_owned()),
        href: Some("/o/acme/keys/key_01jdw7r9x3e5tv".to_owned()),
    }
}

fn difference(words: &Words<'_>, path: &str, field: &str, before: Option<&str>, after: &str) -> Difference {
    let text = |it: &str| if it == "name" { words.names[1].to_owned() } else { it.to_owned() };
    Difference {
        path: path.to_owned(),
        field: field.to_owned(),
        changed: before != Some(after),
        before: before.map(text),
        after: Some(text(after)),
    }
}

fn revisions(words: &Words<'_>, rows: Vec<EventRowView>, about: Option<(String, String)>) -> RevisionsPage {
    let shown = list(words);
    RevisionsPage {
        shell: shown.shell,
        rows,
        withheld: about.is_some(),
        actors: shown.actors,
        what: words.names[0].to_owned(),
        thing: about.is_none().then(|| words.names[1].to_owned()),
        filtered: about.is_some(),
        misread: about.is_some(),
        about,
        from: String::new(),
        until: String::new(),
        is_first: true,
        start: String::new(),
        pager: pager(),
        export: "/api/v1/organizations/org_1/revisions?".to_owned(),
        kept_days: 90,
        snippets: report_change("https://keys.example.com", "acme"),
    }
}

fn revision(words: &Words<'_>) -> RevisionPage {
    let shown = event(words, true);
    RevisionPage {
        shell: shown.shell,
        row: shown.row,
        history: Some("what=scorecard&thing=A".to_owned()),
        event_type: "scorecard.updated".to_owned(),
        may_erase: true,
        received_at: moment("2026-11-21T05:00:00Z"),
        fields: shown.fields,
        withheld: false,
        erased: false,
        data: Some("{\n  \"rating\": 4\n}".to_owned()),
        compared: shown.compared,
        json: shown.json,
    }
}

/// A few events.
pub(super) fn rows(words: &Words<'_>) -> Vec<EventRowView> {
    let person = |key| ActorFacts {
        name: words.person.to_owned(),
        named: true,
        email: Some(words.email.to_owned()),
        ip: Some("203.0.113.9".to_owned()),
        key,
    };
    let integration = (words.names[1].to_owned(), Some("/o/acme/keys/key_01jdw7r9x3e5tw".to_owned()));
    let row = |id: &str, at: &str, what: &str, actor, subject, differences| EventRowView {
        id: id.to_owned(),
        at: moment(at),
        actor,
        what: what.to_owned(),
        subject,
        differences,
        cut: true,
        more: 0,
        erased: None,
    };
    let unnamed = Subject { kind: "user".to_owned(), id: "usr_01jdw7r9x3e5tv".to_owned(), name: None, href: None };
    vec![
        EventRowView {
            cut: false,
            more: 2,
            ..row(
                "evt_1",
                "2026-11-21T04:10:00Z",
                "Key changed",
                person(Some(integration)),
                subject(words),
                vec![
                    difference(words, "name", "Name", Some("CI"), "name"),
                    difference(words, "expires_at", "Expires", Some("none"), "2027-01-20 00:00:00 UTC"),
                ],
            )
        },
        EventRowView {
            erased: Some(Erasing { told: Some((person(None), moment("2026-11-21T04:20:00Z"))) }),
            ..row("evt_2", "2026-11-21T04:00:00Z", "Key rotated", person(None), subject(words), Vec::new())
        },
        row(
            "evt_3",
            "2026-11-20T18:59:11Z",
            "Signed in",
            ActorFacts {
                name: "usr_01jdw7r9x3e5tv".to_owned(),
                named: false,
                email: None,
                ip: None,
                key: Some(("key_01jdw7r9x3e5tx".to_owned(), None)),
            },
            unnamed,
            vec![difference(words, "sessions", "Sessions", None, "3")],
        ),
    ]
}

fn list(words: &Words<'_>) -> AuditPage {
    let group = |label: &str, choices| ChoiceGroup { label: label.to_owned(), choices };
    AuditPage {
        shell: shell(words, Place::Settings),
        rows: rows(words),
        actors: vec![
            group("", vec![Choice::new("", "Anyone", true)]),
            group("People", vec![Choice::new("usr_1", words.person, false)]),
            group("By key", vec![Choice::new("key_1", words.names[0], false)]),
        ],
        kinds: vec![
            group("", vec![Choice::new("", "Anything", false)]),
            group(
                "Keys",
                vec![Choice::new("key", "Keys: anything", true), Choice::new("key.rotated", "Key rotated", false)],
            ),
        ],
        about: None,
        from: String::new(),
        until: String::new(),
        filtered: false,
        misread: false,
        is_first: true,
        start: String::new(),
        pager: pager(),
        export: "/api/v1/organizations/org_1/events?".to_owned(),
        chain: Some((1204, "7b691cc49ecda3a8d9a4a9c9838a9e2e98aaffae1705f245d47551d5cc66a44c".to_owned())),
    }
}

fn event(words: &Words<'_>, compared: bool) -> EventPage {
    let before = |text| compared.then_some(text);
    EventPage {
        shell: shell(words, Place::Settings),
        row: rows(words).remove(0),
        operation: "key.updated",
        erased: false,
        may_erase: compared,
        place: "1.42".to_owned(),
        fields: vec![
            difference(words, "name", "Name", before("CI"), "name"),
            difference(words, "reach", "Reach", before("organization"), "organization"),
        ],
        compared,
        json: words.typed.to_owned(),
    }
}

fn erase(words: &Words<'_>, errors: FormErrors) -> ErasePage {
    ErasePage {
        shell: shell(words, Place::Settings),
        what: "Key changed".to_owned(),
        list: "/audit",
        list_name: "Audit",
        event_path: "/audit/evt_1".to_owned(),
        must_confirm: true,
        reason: words.typed.to_owned(),
        errors,
    }
}

/// Every page of the audit with a name of its own.
pub(super) fn all(words: &Words<'_>) -> Vec<(&'static str, String)> {
    let history = AuditPage {
        about: Some(subject(words)),
        filtered: true,
        misread: true,
        is_first: false,
        from: "2026-11-01".to_owned(),
        until: "2026-11-21".to_owned(),
        start: "about=key_01jdw7r9x3e5tv".to_owned(),
        export: "/api/v1/organizations/org_1/events?entity_id=key_01jdw7r9x3e5tv".to_owned(),
        ..list(words)
    };
    let none =
        |filtered, is_first| AuditPage { rows: Vec::new(), pager: Pager::default(), filtered, is_first, ..list(words) };
    vec![
        ("audit", render(&list(words))),
        ("audit-history", render(&history)),
        ("audit-none", render(&none(false, true))),
        ("audit-none-match", render(&none(true, true))),
        ("audit-end", render(&none(false, false))),
        ("audit-event", render(&event(words, true))),
        ("audit-event-new", render(&event(words, false))),
        ("revisions", render(&revisions(words, rows(words), None))),
        ("revisions-none", render(&revisions(words, Vec::new(), None))),
        (
            "revisions-history",
            render(&revisions(words, rows(words), Some(("scorecard".to_owned(), words.names[0].to_owned())))),
        ),
        ("revision", render(&revision(words))),
        ("audit-event-bare", render(&EventPage { fields: Vec::new(), ..event(words, false) })),
        ("audit-event-erased", render(&EventPage { fields: Vec::new(), erased: true, ..event(words, false) })),
        ("audit-erase", render(&erase(words, FormErrors::default()))),
        ("audit-erase-errors", render(&erase(words, complaints(words, &["reason", "confirm"])))),
    ]
}
