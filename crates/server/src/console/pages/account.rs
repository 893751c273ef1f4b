//! The reader's own account: sessions and password.

use askama::Template;

use super::form::FormErrors;
use super::shell::{Moment, Shell};

/// The reader's sessions.
#[derive(Template, Debug)]
#[template(path = "account/sessions.html")]
pub struct SessionsPage {
    /// The frame.
    pub shell: Shell,
    /// The sessions, this one first.
    pub rows: Vec<SessionView>,
    /// Whether there may be older ones.
    pub more: bool,
}

/// A session.
#[derive(Debug, Clone)]
pub struct SessionView {
    /// Its id.
    pub id: String,
    /// What the browser says it is, in a word or two where it is a well-known one; free text.
    pub browser: String,
    /// Whether the page is looked at by it.
    pub is_this: bool,
    /// From where it began.
    pub ip: Option<String>,
    /// When it began.
    pub created: Moment,
    /// When it was used last, to the minute.
    pub last_seen: Moment,
    /// When it ends, however busy.
    pub ends: Moment,
}

/// The form for another password.
#[derive(Template, Debug)]
#[template(path = "account/password.html")]
pub struct PasswordPage {
    /// The frame.
    pub shell: Shell,
    /// Characters that a password needs.
    pub password_chars_min: usize,
    /// What was wrong with the form that was sent.
    pub errors: FormErrors,
}
