//! Filled pages of the policy.

use super::{Words, complaints, render, shell};
use crate::console::pages::form::{Choice, FormErrors};
use crate::console::pages::policies::{
    BrokenWords, Consequences, NumberField, PoliciesPage, ReviewPage, SettingPage, SettingRow, SourceWords,
};
use crate::console::pages::shell::Place;

fn rows(words: &Words<'_>) -> Vec<SettingRow> {
    let row = |slug, label, help, value: &str, source, lock| SettingRow {
        slug,
        label,
        help,
        value: value.to_owned(),
        source,
        lock,
    };
    let above = || SourceWords::Above(words.names[0].to_owned());
    vec![
        row(
            "idle_days",
            "Unused keys end",
            "How long a key may go without a call.",
            "90 days",
            SourceWords::Here,
            above(),
        ),
        row(
            "reveal",
            "Show secrets again",
            "Whether a secret is shown again.",
            "Never",
            SourceWords::Nobody,
            SourceWords::Nobody,
        ),
        row(
            "leak_action",
            "A key reported as leaked",
            "What a report does.",
            "Deleted at once",
            above(),
            SourceWords::Here,
        ),
        row(
            "max_keys_per_user",
            "Keys a person may own",
            "Live keys.",
            "25 keys",
            SourceWords::Somewhere,
            SourceWords::Somewhere,
        ),
    ]
}

fn list(words: &Words<'_>, may_change: bool) -> PoliciesPage {
    PoliciesPage { shell: shell(words, Place::Settings), rows: rows(words), may_change, is_root: may_change }
}

fn setting(words: &Words<'_>, row: usize, errors: FormErrors) -> SettingPage {
    let number = NumberField {
        value: words.typed.to_owned(),
        label: "Number of days".to_owned(),
        mode: "numeric",
        hint: "From 1 to 65535 days.".to_owned(),
    };
    SettingPage {
        shell: shell(words, Place::Settings),
        row: rows(words).remove(row),
        version: "4".to_owned(),
        choices: vec![
            Choice::new("inherit", "As the organization above has it", false).with_note("Now: Never."),
            Choice::new("0", "Never", false),
            Choice::new("number", "A number of days", true),
        ],
        number: Some(number),
        locked: true,
        errors,
    }
}

fn review(words: &Words<'_>, consequences: Option<Consequences>) -> ReviewPage {
    ReviewPage {
        shell: shell(words, Place::Settings),
        row: rows(words).remove(0),
        after: "30 days".to_owned(),
        locked: consequences.is_some(),
        form: vec![("choice", "number".to_owned()), ("number", words.typed.to_owned())],
        back: "/o/acme/policies/idle_days?choice=number".to_owned(),
        destroys: consequences.is_some(),
        consequences,
    }
}

/// Every page of the policy with a name of its own.
pub(super) fn all(words: &Words<'_>) -> Vec<(&'static str, String)> {
    let broken = BrokenWords {
        what: "37 keys were not used for longer than this allows.".to_owned(),
        then: "They would stop working: unused keys are deleted.",
        stops: true,
        keys: vec![
            (words.names[0].to_owned(), Some("/o/acme/keys/key_1".to_owned())),
            (words.names[1].to_owned(), None),
        ],
        lead: "Among them",
    };
    let consequences = |organizations: u64, broken| Consequences {
        organizations,
        organizations_counted: organizations.to_string(),
        copies: Some("12 copies of secrets are".to_owned()),
        unbroken: "No key that exists would break the rule.",
        broken,
    };
    vec![
        ("policies", render(&list(words, true))),
        ("policies-read-only", render(&list(words, false))),
        ("policy", render(&setting(words, 0, FormErrors::default()))),
        ("policy-above", render(&setting(words, 3, FormErrors::default()))),
        ("policy-errors", render(&setting(words, 1, complaints(words, &["choice", "number"])))),
        ("policy-review", render(&review(words, Some(consequences(3, vec![broken]))))),
        ("policy-review-none", render(&review(words, Some(consequences(0, Vec::new()))))),
        ("policy-review-untold", render(&review(words, None))),
    ]
}
