//! Pages about leaks.

use super::frame::shell;
use super::{Words, complaints, render};
use crate::console::pages::form::FormErrors;
use crate::console::pages::leak::{LeakPage, LeakRow, LeakedPage, Outcome};
use crate::console::pages::shell::Place;

/// Every page about leaks with a name of its own.
pub(super) fn all(words: &Words<'_>) -> Vec<(&'static str, String)> {
    let ask = |revokes, errors| LeakPage {
        shell: shell(words, Place::Keys),
        revokes,
        sees_policy: revokes,
        lines_max: 20,
        found_at: words.typed.to_owned(),
        errors,
    };
    let row = |line, outcome, key| LeakRow { line, outcome, key };
    let of = |at: usize, is_here: bool| {
        Some((words.names[at].to_owned(), is_here.then(|| "/o/acme/keys/key_01jdw7r9x3e5tv".to_owned())))
    };
    let told = LeakedPage {
        shell: shell(words, Place::Keys),
        rows: vec![
            row(1, Outcome::Deleted, of(0, true)),
            row(2, Outcome::OnRecord, of(1, false)),
            row(3, Outcome::TokenEnded, of(2, true)),
            row(4, Outcome::Dead, of(3, true)),
            row(5, Outcome::Unknown, None),
            row(6, Outcome::NotDone, None),
        ],
    };
    vec![
        ("key-leak", render(&ask(true, FormErrors::default()))),
        ("key-leak-notify", render(&ask(false, FormErrors::default()))),
        ("key-leak-errors", render(&ask(true, complaints(words, &["leaked", "found_at"])))),
        ("key-leaked", render(&told)),
    ]
}
