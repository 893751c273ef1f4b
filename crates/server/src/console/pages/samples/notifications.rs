//! Filled pages of what the reader has to know.

use super::frame::{pager, shell};
use super::{Words, moment, render};
use crate::console::pages::notifications::{
    Action, ChoiceRow, ChoicesPage, NotificationView, NotificationsPage, Whither,
};
use crate::console::pages::shell::Place;
use crate::ops::notifications::words::Sentence;

fn post(label: &'static str, what: &'static str) -> Action {
    Action { label, to: Whither::Post(what) }
}

fn view(words: &Words<'_>, index: usize, unread: bool) -> NotificationView {
    NotificationView {
        id: format!("ntf_{index}"),
        sentence: Sentence {
            before: "Key “".to_owned(),
            name: words.names[index].to_owned(),
            after: "” is deleted on 2027-02-20 00:42:11 UTC, since nobody uses it.".to_owned(),
        },
        organization: words.organization.to_owned(),
        at: moment("2026-11-20T05:15:00Z"),
        unread,
        withdrawn: index == 2,
        actions: if unread {
            let rotate = Action { label: "Rotate", to: Whither::Page("/o/acme/keys/key_1/rotate".to_owned()) };
            vec![post("Keep", "keep"), rotate, post("Open key", "open"), post("Let it be deleted", "dismiss")]
        } else {
            vec![post("Open key", "open"), post("Dismiss", "dismiss")]
        },
    }
}

/// Every page about notifications with a name of its own.
pub(super) fn all(words: &Words<'_>) -> Vec<(&'static str, String)> {
    let list = |rows: Vec<NotificationView>, only_unread| NotificationsPage {
        shell: shell(words, Place::Elsewhere),
        only_unread,
        is_first: true,
        newest: rows.first().map(|it| it.id.clone()),
        pager: pager(),
        rows,
    };
    let choice = |name, in_app, mail| ChoiceRow { name, label: "A key ends soon because nobody uses it", in_app, mail };
    let choices = |sends_mail| ChoicesPage {
        shell: shell(words, Place::Elsewhere),
        rows: vec![choice("key_idle", true, true), choice("key_made", true, false)],
        sends_mail,
    };
    let rows = (0..3).map(|index| view(words, index, index == 0)).collect();
    vec![
        ("notifications", render(&list(rows, false))),
        ("notifications-none", render(&list(vec![], true))),
        ("notification-choices", render(&choices(true))),
        ("notification-choices-no-mail", render(&choices(false))),
    ]
}
