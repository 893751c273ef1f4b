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
    /// What can be done about it, the chief thing first.
    pub actions: Vec<Action>,
}

impl NotificationView {
    /// Two stand beside each other; of more only the chief one does, or a row would be as high as four buttons.
    fn parts(&self) -> (&[Action], &[Action]) {
        let count = self.actions.len();
        self.actions.split_at(if count > 2 { 1 } else { count })
    }

    /// What is a button of the row.
    pub fn beside(&self) -> &[Action] {
        self.parts().0
    }

    /// What is in the menu of the row.
    pub fn behind(&self) -> &[Action] {
        self.parts().1
    }
}

/// Something that can be done about a notification.
#[derive(Debug, Clone)]
pub struct Action {
    /// What it says.
    pub label: &'static str,
    /// What it does.
    pub to: Whither,
}

/// Where a button of a notification leads.
#[derive(Debug, Clone)]
pub enum Whither {
    /// What is done to the notification itself: the last part of its address.
    Post(&'static str),
    /// A page where something can be done.
    Page(String),
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
