//! What the reader has to know.

use askama::Template;

use super::pager::Pager;
use super::shell::{Moment, Shell};
use crate::ops::notifications::words::Sentence;

/// The list behind the bell.
#[derive(Template, Debug)]
#[template(path = "notifications/list.html")]
pub struct NotificationsPage {
    /// The frame.
    pub shell: Shell,
    /// Whether only those are shown that nobody has looked at.
    pub only_unread: bool,
    /// Whether it is the first page.
    pub is_first: bool,
    /// The newest one; absent on further pages, and where there is none.
    pub newest: Option<String>,
    /// The notifications, the newest first.
    pub rows: Vec<NotificationView>,
    /// Which part of the list it is.
    pub pager: Pager,
}

/// A notification.
#[derive(Debug, Clone)]
pub struct NotificationView {
    /// Its id.
    pub id: String,
    /// What it says.
    pub sentence: Sentence,
    /// Where what it is about stands; free text.
    pub organization: String,
    /// When it came.
    pub at: Moment,
    /// Whether nobody has looked at it.
    pub unread: bool,
    /// Whether what it warned of does not come any more.
    pub withdrawn: bool,
    /// Whether a key can be kept by a press.
    pub keep: bool,
    /// What the button says that leads to what it is about.
    pub open: &'static str,
    /// What the button says that puts it away: what becomes of the key then.
    pub dismiss: &'static str,
    /// Where else something can be done.
    pub ways: Vec<Way>,
}

/// A link to where something can be done.
#[derive(Debug, Clone)]
pub struct Way {
    /// Where.
    pub href: String,
    /// What it says.
    pub label: &'static str,
}

/// What ends within a day, for a banner.
#[derive(Debug, Clone)]
pub struct Ending {
    /// What it says.
    pub sentence: Sentence,
    /// The page of what it is about.
    pub href: String,
}

/// How the reader is told of what.
#[derive(Template, Debug)]
#[template(path = "notifications/choices.html")]
pub struct ChoicesPage {
    /// The frame.
    pub shell: Shell,
    /// The kinds.
    pub rows: Vec<ChoiceRow>,
    /// Whether this service sends mail at all.
    pub sends_mail: bool,
}

/// A kind, and how the reader is told of it.
#[derive(Debug, Clone)]
pub struct ChoiceRow {
    /// Its name in the form.
    pub name: &'static str,
    /// What it is called.
    pub label: &'static str,
    /// By the bell.
    pub in_app: bool,
    /// By mail.
    pub mail: bool,
}
