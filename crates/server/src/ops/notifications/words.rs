//! Notifications in words for people, on pages and in mail alike.

use claviger_core::notification::{Notification, NotificationKind};
use claviger_core::time::Timestamp;

/// A sentence around the name of what it is about, which is free text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// What stands before the name.
    pub before: String,
    /// The name.
    pub name: String,
    /// What stands behind it.
    pub after: String,
}

fn on(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "soon".to_owned(), |it| format!("on {} UTC", it.to_table_text()))
}

/// As the key's page has it: whoever chose a day for its end reads that day.
fn on_day_or_at(at: Option<Timestamp>) -> String {
    match at.filter(|it| it.is_midnight()) {
        Some(it) => format!("at the end of {} (UTC)", it.on_last_day().to_date_text()),
        None => on(at),
    }
}

/// What has happened, or will.
pub fn sentence(it: &Notification) -> Sentence {
    let (facts, when) = (&it.facts, on(it.deadline));
    let ends = if facts.deactivates { "deactivated" } else { "deleted" };
    let by = facts.by.as_deref().unwrap_or("Somebody");
    let (before, after) = match it.kind {
        NotificationKind::KeyIdle | NotificationKind::KeyIdleAgain => {
            ("Key “".to_owned(), format!("” is {ends} {when}, since nobody uses it."))
        }
        NotificationKind::KeyIdleEnded => ("Key “".to_owned(), format!("” was {ends}, since nobody used it.")),
        NotificationKind::KeyExpiring | NotificationKind::KeyExpiringAgain => {
            ("Key “".to_owned(), format!("” expires {}.", on_day_or_at(it.deadline)))
        }
        NotificationKind::OldSecretUsed => {
            ("The old secret of key “".to_owned(), format!("” is still used, and ends {when}."))
        }
        NotificationKind::KeyMade => (format!("{by} made key “"), "” act for you.".to_owned()),
        // In the word of the button that does it.
        NotificationKind::KeyCleared if facts.is_personal => {
            (format!("{by} cleared your API key “"), "”: requests with it are refused.".to_owned())
        }
        NotificationKind::KeyCleared => (format!("{by} deleted your key “"), "”.".to_owned()),
        NotificationKind::KeyLeaked if facts.is_token => (
            "An access token of key “".to_owned(),
            "” leaked, and its sign-in was ended. The key is as good as before.".to_owned(),
        ),
        NotificationKind::KeyLeaked if facts.is_ended => ("Key “".to_owned(), "” leaked, and was deleted.".to_owned()),
        NotificationKind::KeyLeaked => {
            ("Key “".to_owned(), "” leaked, and was left as it is: rotate it, or delete it.".to_owned())
        }
        NotificationKind::OwnerGone => {
            ("“".to_owned(), "” was disabled or has left, and keys hang on them.".to_owned())
        }
        NotificationKind::WebhookDisabled if facts.is_gone => {
            ("Webhook “".to_owned(), "” has ended: its receiver said that it is gone.".to_owned())
        }
        NotificationKind::WebhookDisabled => {
            ("Webhook “".to_owned(), "” was disabled: its receiver failed for too long.".to_owned())
        }
    };
    Sentence { before, name: facts.name.clone(), after }
}

/// What a kind is called where it can be chosen.
pub const fn label(kind: NotificationKind) -> &'static str {
    match kind {
        NotificationKind::KeyIdle => "A key ends soon because nobody uses it",
        NotificationKind::KeyIdleAgain => "A key that nobody uses: later reminders",
        NotificationKind::KeyIdleEnded => "A key ended because nobody used it",
        NotificationKind::KeyExpiring => "A key expires soon",
        NotificationKind::KeyExpiringAgain => "A key that expires: later reminders",
        NotificationKind::OldSecretUsed => "An old secret is still used near its end",
        NotificationKind::KeyMade => "Somebody made a key that acts for you",
        NotificationKind::KeyCleared => "Somebody cleared or deleted your key",
        NotificationKind::KeyLeaked => "A key leaked, or a token of one",
        NotificationKind::OwnerGone => "Somebody whom keys hang on was disabled or left",
        NotificationKind::WebhookDisabled => "A webhook was disabled, or its receiver is gone",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_ends_with_a_day_is_told_by_that_day() {
        let at = |text: &str| text.parse().ok();
        assert_eq!(on_day_or_at(at("2027-02-01T00:00:00Z")), "at the end of 31 Jan 2027 (UTC)");
        assert_eq!(on_day_or_at(at("2027-02-01T00:00:01Z")), "on 2027-02-01 00:00:01 UTC");
        assert_eq!(on_day_or_at(None), "soon");
    }
}
