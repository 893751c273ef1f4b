//! Filled pages about the reader's own account.

use super::{Words, complaints, moment, render, shell};
use crate::console::pages::account::{PasswordPage, SessionView, SessionsPage};
use crate::console::pages::form::FormErrors;
use crate::console::pages::shell::Place;

fn session(words: &Words<'_>, id: &str, is_this: bool) -> SessionView {
    SessionView {
        id: id.to_owned(),
        browser: if is_this { "Chrome on Linux".to_owned() } else { words.names[1].to_owned() },
        is_this,
        ip: is_this.then(|| "203.0.113.9".to_owned()),
        created: moment("2026-11-20T05:15:00Z"),
        last_seen: moment("2026-11-21T05:14:00Z"),
        ends: moment("2026-12-04T05:15:00Z"),
    }
}

/// Every page about the own account with a name of its own.
pub(super) fn all(words: &Words<'_>) -> Vec<(&'static str, String)> {
    let sessions = |rows| SessionsPage { shell: shell(words, Place::Elsewhere), rows, more: false };
    let password = |errors| PasswordPage { shell: shell(words, Place::Elsewhere), password_chars_min: 12, errors };
    let this = session(words, "ses_1", true);
    vec![
        (
            "sessions",
            render(&sessions(vec![this.clone(), session(words, "ses_2", false), session(words, "ses_3", false)])),
        ),
        ("sessions-one", render(&sessions(vec![this]))),
        ("password", render(&password(FormErrors::default()))),
        ("password-errors", render(&password(complaints(words, &["present", "password"])))),
    ]
}
