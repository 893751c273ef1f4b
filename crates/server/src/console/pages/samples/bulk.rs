//! Samples of what is done to several keys at once.

use super::keys::{expiries, key_list, rows};
use super::{Words, complaints, render, shell};
use crate::console::pages::bulk::{BulkPage, BulkQuestion, BulkRow, BulkSoFar};
use crate::console::pages::form::FormErrors;
use crate::console::pages::shell::{Notice, Place};

const TOO_LONG: &str = "Keys of this organization live at most 90 days: say when this one ends.";

/// The pages of bulk work and the lists that it leads back to.
pub(super) fn all(words: &Words<'_>) -> Vec<(&'static str, String)> {
    let question = |question, errors| BulkPage {
        shell: shell(words, Place::Keys),
        keys: bulk_rows(words, ""),
        so_far: None,
        gone: 1,
        endless: 2,
        back: format!("/keys?q={}", words.typed),
        must_confirm: question == BulkQuestion::Delete,
        count: words.typed.to_owned(),
        question,
        errors,
    };
    let extend = |chosen| BulkQuestion::Extend {
        expiries: expiries(chosen),
        expires_on: "2027-01-01".to_owned(),
        latest: Some("2027-02-18".to_owned()),
    };
    let reasons = [TOO_LONG, TOO_LONG, words.complaint].map(str::to_owned);
    let left = BulkPage {
        keys: bulk_rows(words, TOO_LONG),
        so_far: Some(BulkSoFar::new(2, 5, &reasons)),
        gone: 0,
        ..question(extend("90d"), FormErrors::default())
    };
    let list = |notice| {
        let mut list = key_list(words, rows(words));
        list.shell.notice = Some(notice);
        list
    };
    vec![
        ("keys-activate", render(&question(BulkQuestion::Activate, FormErrors::default()))),
        ("keys-deactivate", render(&question(BulkQuestion::Deactivate, FormErrors::default()))),
        ("keys-delete", render(&question(BulkQuestion::Delete, complaints(words, &["count"])))),
        ("keys-extend", render(&question(extend("date"), complaints(words, &["expires", "expires_on"])))),
        ("keys-extend-left", render(&left)),
        ("keys-deactivated", render(&list(Notice::KeysDeactivated(3, 1)))),
        ("keys-none-ticked", render(&list(Notice::NoKeyTicked))),
    ]
}

fn bulk_rows(words: &Words<'_>, left_for: &str) -> Vec<BulkRow> {
    rows(words).into_iter().take(3).map(|key| BulkRow { key, left_for: left_for.to_owned() }).collect()
}
