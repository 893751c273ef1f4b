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

/// Characters of a name, and of the whole sentence, in a line that stands for all of it.
const NAME_IN_HEADLINE: usize = 60;
const HEADLINE: usize = 150;

/// Without what would end a line, and so long at most.
fn cut(text: &str, most: usize) -> String {
    let mut chars = text.chars().map(|it| if it.is_control() { ' ' } else { it });
    let mut cut: String = chars.by_ref().take(most).collect();
    if chars.next().is_some() {
        cut.pop();
        cut.push('…');
    }
    cut
}

impl Sentence {
    /// As one short line without its full stop: what a mail is called that says nothing else.
    pub fn headline(&self) -> String {
        let Self { before, name, after } = self;
        let whole = format!("{before}{}{after}", cut(name, NAME_IN_HEADLINE));
        cut(whole.trim_end_matches('.'), HEADLINE)
    }
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
    let hears = facts.hears.as_ref().map(|it| format!(" for {it}")).unwrap_or_default();
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
            ("Webhook “".to_owned(), format!("”{hears} has ended: its receiver said that it is gone."))
        }
        NotificationKind::WebhookDisabled => {
            ("Webhook “".to_owned(), format!("”{hears} was disabled: its receiver failed for too long."))
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

    #[test]
    fn a_headline_is_one_short_line() {
        let (before, after) = ("Key “".to_owned(), "” was deleted, since nobody used it.".to_owned());
        let named = |name: &str| Sentence { before: before.clone(), name: name.to_owned(), after: after.clone() };
        assert_eq!(named("Sync").headline(), "Key “Sync” was deleted, since nobody used it");
        let hostile = named(&format!("a\r\nBcc: b@example.com{}", "x".repeat(500))).headline();
        assert!(!hostile.contains(['\r', '\n']) && hostile.chars().count() <= HEADLINE, "{hostile}");
        assert!(hostile.ends_with("x…” was deleted, since nobody used it"), "{hostile}");
        let by = Sentence { before: "é".repeat(500), ..named("Sync") };
        assert_eq!(by.headline().chars().count(), HEADLINE);
    }
}
