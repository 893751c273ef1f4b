//! Settings in words for people: what each is called, what it does, and what can be chosen.

use claviger_core::key_limits::RateSetting;
use claviger_core::limits::{DAILY_QUOTA_MAX, KEYS_PER_USER_MAX, NOTICE_DAYS_MAX, NOTICES_MAX};
use claviger_core::policy::{NoticeDays, ROTATION_OVERLAP_HOURS_MAX, Setting};
use serde_json::Value;

use crate::console::keys::limits::NO_LIMIT;
use crate::console::keys::view::grouped;
use crate::ops::account::CONFIRMED_FOR;

/// What can be chosen for a setting.
pub(super) enum Kind {
    /// One of these: as the wire has it, as people have it, and what it means. The narrowest comes first.
    Words(&'static [(&'static str, &'static str, &'static str)]),
    /// A number of something.
    Number {
        /// One of them, and several.
        unit: (&'static str, &'static str),
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
        /// What zero means, where it switches the setting off.
        off: Option<&'static str>,
    },
    /// Days before an end on which people are told.
    Notices,
    /// A number of requests and a period, or none.
    Rate,
}

/// A setting for people.
pub(super) struct About {
    /// Its name.
    pub(super) label: &'static str,
    /// What it does.
    pub(super) help: &'static str,
    /// What can be chosen.
    pub(super) kind: Kind,
}

const YES_NO: &[(&str, &str, &str)] = &[
    ("true", "Only administrators", "Everybody else maps the keys they create to themselves."),
    (
        "false",
        "Everybody who may create keys",
        "Nobody maps a key to somebody who may do more than they may themselves.",
    ),
];

const _: () = assert!(CONFIRMED_FOR.as_secs() == 600, "what is said of showing secrets again says ten minutes");

/// What is said of a setting.
pub(super) fn about(setting: Setting) -> About {
    let words = |label, help, choices| About { label, help, kind: Kind::Words(choices) };
    let number = |label, help, unit, min, max, off| About { label, help, kind: Kind::Number { unit, min, max, off } };
    let notices = |label, help| About { label, help, kind: Kind::Notices };
    const DAYS: (&str, &str) = ("day", "days");
    match setting {
        Setting::Reveal => words(
            "Show secrets again",
            "Whether the secret of a key can be looked at after the page that made it.",
            &[
                (
                    "once",
                    "Never",
                    "Only on the page that made it. Saving this destroys for ever every copy that is kept now, here and wherever it holds below.",
                ),
                (
                    "owner",
                    "To its owner and mapped user",
                    "They have signed in or confirmed their password within the last ten minutes, and the audit says so.",
                ),
                (
                    "owner_and_admins",
                    "To them and to administrators",
                    "All of them have signed in or confirmed their password within the last ten minutes, and the audit says so.",
                ),
            ],
        ),
        Setting::QueryStringKeys => words(
            "Keys in addresses",
            "Addresses end up in logs and histories, so a key does not belong into ?api_key=.",
            &[
                ("deny", "Refuse", "Such requests are answered with 400."),
                ("warn", "Accept with a warning", "The answer carries a warning header; logs never show the key."),
                ("allow", "Accept", "Logs never show the key."),
            ],
        ),
        Setting::IdleDays => number(
            "Unused keys end",
            "How long a key may go without a call before it ends. A key that was never used counts from its creation.",
            DAYS,
            1,
            65_535,
            Some("Never"),
        ),
        Setting::IdleAction => words(
            "What happens to unused keys",
            "Once the days without a call are over.",
            &[
                ("delete", "Deleted", "For ever, with the reason “idle”."),
                ("deactivate", "Deactivated", "Somebody can activate them again."),
            ],
        ),
        Setting::IdleNotices => notices(
            "Notices before an unused key ends",
            "How many days before, its owner and the administrators are told. Any call takes that back. Below a lock, days can be added and none left out.",
        ),
        Setting::ExpiryNotices => notices(
            "Notices before a key expires",
            "How many days before, its owner and the administrators are told. Below a lock, days can be added and none left out.",
        ),
        Setting::ExpiryDaysMax => number(
            "Longest life of a key",
            "Every new key then has to expire within that time.",
            DAYS,
            1,
            65_535,
            Some("No limit, expiry is optional"),
        ),
        Setting::RotationOverlapHours => number(
            "Overlap of a rotation",
            "How long the old secret goes on working where whoever rotates does not say.",
            ("hour", "hours"),
            0,
            ROTATION_OVERLAP_HOURS_MAX as u64,
            None,
        ),
        Setting::HooksOnRegenerate => words(
            "Webhooks of a regenerated key",
            "What becomes of the webhooks that hang on a key when it gets a new secret.",
            &[("pause", "Paused", "Until somebody plays them again."), ("keep", "Kept", "They go on as before.")],
        ),
        Setting::MaxKeysPerUser => number(
            "Keys a person may own",
            "Live keys here that belong to one person; neither the personal one behind API Access counts, nor Data Loader keys.",
            ("key", "keys"),
            0,
            KEYS_PER_USER_MAX as u64,
            None,
        ),
        Setting::AdminOnlyMapping => words(
            "Who maps keys to others",
            "A key carries the rights of its mapped user, and bears that name in the audit.",
            YES_NO,
        ),
        Setting::MaxStaleSecs => number(
            "Answer without news",
            "How long a node that has lost the database may go on checking keys by what it knew last.",
            ("second", "seconds"),
            5,
            86_400,
            None,
        ),
        Setting::LeakAction => words(
            "A key reported as leaked",
            "What a report does that somebody has found a secret where it does not belong.",
            &[
                ("revoke", "Deleted at once", "Calls with it are refused from then on."),
                (
                    "notify",
                    "Left as it is",
                    "Its owner and the administrators are told, and the report stands in the audit.",
                ),
            ],
        ),
        Setting::DefaultRate => About {
            label: "Rate limit of keys",
            help: "How often each key may be used that has no limit of its own; beyond, its calls are answered with 429. Locked, it binds every key.",
            kind: Kind::Rate,
        },
        Setting::DefaultDailyQuota => number(
            "Daily quota of keys",
            "How many calls a day, from midnight UTC, each key may make that has no quota of its own. Locked, it binds every key.",
            ("request a day", "requests a day"),
            1,
            DAILY_QUOTA_MAX as u64,
            Some(NO_LIMIT),
        ),
    }
}

/// A value as a form sends it: `owner`, `90`, `0`.
pub(super) fn sent(value: &Value) -> String {
    match value {
        Value::Null => "0".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(Value::to_string).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// The setting that a policy calls so, as people know it: `Longest life of a key`.
pub(in crate::console) fn label_of(name: &str) -> Option<&'static str> {
    setting_of(name).map(|it| about(it).label)
}

/// The setting that a policy calls so.
pub(in crate::console) fn setting_of(name: &str) -> Option<Setting> {
    Setting::ALL.into_iter().find(|it| it.as_str() == name)
}

/// A value as people read it: `Never`, `90 days`.
pub(in crate::console) fn value_words(setting: Setting, value: &Value) -> String {
    let sent = sent(value);
    match about(setting).kind {
        Kind::Words(choices) => choices.iter().find(|it| it.0 == sent).map_or(sent.as_str(), |it| it.1).to_owned(),
        Kind::Number { off: Some(off), .. } if sent == "0" => off.to_owned(),
        Kind::Number { unit, .. } => counted(&sent, unit),
        Kind::Rate => match sent.parse::<RateSetting>().map(RateSetting::rate) {
            Ok(Some(rate)) => rate.in_words(),
            _ if sent == "0" || sent == RateSetting::NONE => NO_LIMIT.to_owned(),
            _ => sent,
        },
        Kind::Notices => match sent.rsplit_once(", ") {
            Some((first, last)) => format!("{first} and {last} days before"),
            None => format!("{} before", counted(&sent, ("day", "days"))),
        },
    }
}

/// What the bounds of notices are, for whoever types them.
pub(super) fn notices_hint() -> String {
    format!("Up to {NOTICES_MAX} numbers of days from 1 to {NOTICE_DAYS_MAX}, such as 30, 7, 1.")
}

/// Days of notices as they are typed, with commas or spaces between them.
pub(super) fn typed_notices(text: &str) -> Option<NoticeDays> {
    /// As much as is looked at.
    const BYTES_MAX: usize = 60;
    let words = Some(text).filter(|it| it.len() <= BYTES_MAX)?.split([',', ' ']).filter(|it| !it.is_empty());
    let days: Option<Vec<u16>> = words.map(|it| it.parse().ok()).collect();
    NoticeDays::new(&days?).ok()
}

/// `1 day`, `90 days`; hours and seconds as days and hours where they make whole ones.
fn counted(number: &str, (one, many): (&str, &str)) -> String {
    let Ok(number) = number.parse::<u64>() else { return number.to_owned() };
    let (number, one, many) = match many {
        "hours" if number > 24 && number.is_multiple_of(24) => (number / 24, "day", "days"),
        "seconds" if number >= 3600 && number.is_multiple_of(3600) => (number / 3600, "hour", "hours"),
        _ => (number, one, many),
    };
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use claviger_core::policy::Policy;
    use serde_json::{json, to_value};

    use super::*;

    #[test]
    fn every_setting_and_its_default_have_words() {
        let defaults = to_value(Policy::default()).expect("a policy is JSON");
        for setting in Setting::ALL {
            let About { label, help, .. } = about(setting);
            assert!(!label.is_empty() && help.ends_with('.'), "{setting:?}");
            let words = value_words(setting, &defaults[setting.as_str()]);
            assert!(
                !words.contains('_') && words.starts_with(|it: char| it.is_uppercase() || it.is_numeric()),
                "{words}"
            );
        }
    }

    #[test]
    fn numbers_carry_their_unit() {
        for (setting, value, words) in [
            (Setting::IdleDays, json!(1), "1 day"),
            (Setting::IdleDays, json!(null), "Never"),
            (Setting::RotationOverlapHours, json!(168), "7 days"),
            (Setting::MaxStaleSecs, json!(86_400), "24 hours"),
            (Setting::MaxKeysPerUser, json!(0), "0 keys"),
            (Setting::AdminOnlyMapping, json!(true), "Only administrators"),
            (Setting::IdleNotices, json!([15, 7, 1]), "15, 7 and 1 days before"),
            (Setting::ExpiryNotices, json!([1]), "1 day before"),
            (Setting::DefaultRate, json!("100/10s"), "100 requests per 10 seconds"),
            (Setting::DefaultRate, json!("none"), "No limit"),
            (Setting::DefaultDailyQuota, json!(200_000), "200,000 requests a day"),
            (Setting::DefaultDailyQuota, json!(0), "No limit"),
        ] {
            assert_eq!(value_words(setting, &value), words);
        }
    }

    #[test]
    fn notices_are_read_as_people_type_them() {
        let days = |days: &[u16]| NoticeDays::new(days).ok();
        assert_eq!(typed_notices(" 1, 30 7 "), days(&[30, 7, 1]));
        for text in ["", "7, 7", "0", "366", "1 2 3 4 5 6", "a week", "-1", &"1 ".repeat(100)] {
            assert_eq!(typed_notices(text), None, "{text}");
        }
    }
}
