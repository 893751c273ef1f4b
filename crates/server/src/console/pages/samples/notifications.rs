//! Filled pages of what the reader has to know.

use super::frame::{pager, shell};
use super::{Words, moment, render};
use crate::console::pages::notifications::{ChoiceRow, ChoicesPage, NotificationView, NotificationsPage, Way};
use crate::console::pages::shell::Place;
use crate::ops::notifications::words::Sentence;

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
        keep: unread,
        open: "Open key",
        dismiss: if unread { "Let it be deleted" } else { "Dismiss" },
        ways: if unread { vec![Way { href: "/o/acme/keys/key_1/rotate".to_owned(), label: "Rotate" }] } else { vec![] },
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
