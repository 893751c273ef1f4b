//! The pages of the shared secret.

use super::{BASE_URL, Words, complaints, moment, render, shell};
use crate::console::pages::form::{Choice, FormErrors};
use crate::console::pages::shared_secret::{
    OldSharedSecret, SharedSecretPage, SharedSecretQuestion, SharedSecretQuestionPage, SharedSecretRights,
    SharedSecretShownPage, ShownBecause,
};
use crate::console::pages::shell::Place;
use crate::console::pages::snippets::sign_in_with_key;

pub(super) fn all(words: &Words<'_>) -> Vec<(&'static str, String)> {
    let page = |is_there: bool, may| SharedSecretPage {
        shell: shell(words, Place::Keys),
        made: is_there.then(|| moment("2026-11-20T18:59:11Z")),
        old: Vec::new(),
        may,
        snippets: sign_in_with_key(BASE_URL, "acme"),
    };
    let all = SharedSecretRights { create: true, view: true, rotate: true, delete: true };
    let old = vec![OldSharedSecret {
        id: "css_01kapxb4q0e8mv5r3g2t9w7yzn".to_owned(),
        made: moment("2026-10-01T08:00:00Z"),
        until: moment("2026-11-27T12:00:00Z"),
        may_extend: true,
    }];
    let first = || old[0].clone();
    let ends = vec![
        Choice::new("2026-11-28T12:00:00Z", "A day later", true)
            .with_note("It is accepted until 2026-11-28 12:00:00 UTC."),
        Choice::new("2026-12-01T12:00:00Z", "As late as it can", false)
            .with_note("It is accepted until 2026-12-01 12:00:00 UTC."),
    ];
    let asked = |question, must_confirm| SharedSecretQuestionPage {
        shell: shell(words, Place::Keys),
        question,
        must_confirm,
        errors: if must_confirm { complaints(words, &["confirm"]) } else { FormErrors::default() },
    };
    let overlaps = vec![
        Choice::new("0", "Now", false).with_note("Whoever still signs with it is refused at once."),
        Choice::new("604800", "In 7 days", true).with_note("Both are accepted until 2026-11-28 12:00:00 UTC."),
    ];
    let shown = |because, old_until| SharedSecretShownPage {
        shell: shell(words, Place::Keys),
        because,
        secret: "css_CoNjxBt0IfUKH5RZ5gO5XwH8ULObcXiNpbnKw68ObfcbYIuP0bL8xx".to_owned(),
        old_until,
        snippets: sign_in_with_key(BASE_URL, "acme"),
    };
    vec![
        ("shared-secret-none", render(&page(false, all))),
        ("shared-secret-none-read-only", render(&page(false, SharedSecretRights::default()))),
        ("shared-secret-end", render(&asked(SharedSecretQuestion::End { old: first() }, true))),
        ("shared-secret-extend", render(&asked(SharedSecretQuestion::Extend { old: first(), ends }, false))),
        ("shared-secret", render(&SharedSecretPage { old, ..page(true, all) })),
        ("shared-secret-read-only", render(&page(true, SharedSecretRights::default()))),
        ("shared-secret-view", render(&asked(SharedSecretQuestion::View, true))),
        (
            "shared-secret-rotate",
            render(&asked(SharedSecretQuestion::Rotate { once: words.typed.to_owned(), overlaps }, false)),
        ),
        ("shared-secret-delete", render(&asked(SharedSecretQuestion::Delete, false))),
        ("shared-secret-made", render(&shown(ShownBecause::Made, None))),
        ("shared-secret-rotated", render(&shown(ShownBecause::Rotated, Some(moment("2026-11-28T12:00:00Z"))))),
        ("shared-secret-shown", render(&shown(ShownBecause::Asked, None))),
    ]
}
