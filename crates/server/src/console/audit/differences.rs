//! What an event changed: its two pictures of a thing, field by field.

use std::collections::{BTreeMap, HashMap};

use claviger_core::decision::Reach;
use claviger_core::id::SecretId;
use claviger_core::key::RevocationReason;
use claviger_core::rate::Rate;
use claviger_core::time::Timestamp;
use claviger_core::webhook::WebhookStatus;
use serde_json::Value;

use super::words::field_words;
use crate::console::keys::view::reason_words;
use crate::console::pages::audit::Difference;
use crate::console::pages::shell::Moment;
use crate::console::policies::words::{label_of, setting_of, value_words};
use crate::console::webhooks::view::status_words;

/// Characters of a value in a table; an event's own page shows more.
const VALUE_CHARS_MAX: usize = 60;
/// Differences that a row of the list has room for.
const TOLD_MAX: usize = 2;
/// Where there is nothing to compare with, what says most.
const TELLING: [&str; 10] = [
    "ended_secrets",
    "ip",
    "role_id",
    "user_id",
    "mapped_user_id",
    "expires_at",
    "permissions",
    "reason",
    "email",
    "overlap_secs",
];

/// Names of what identifiers in a picture stand for.
pub(in crate::console) type Names = HashMap<String, String>;

/// Every field of either picture, those that differ first.
pub(in crate::console) fn differences(before: Option<&Value>, after: Option<&Value>, names: &Names) -> Vec<Difference> {
    let (old, new) = (flat(before), flat(after));
    let mut paths: Vec<&String> = old.keys().chain(new.keys()).collect();
    paths.sort();
    paths.dedup();
    let text = |from: &BTreeMap<String, Value>, path: &str| from.get(path).map(|it| told(path, it, names));
    let mut found: Vec<_> = paths
        .into_iter()
        .map(|path| Difference {
            path: path.clone(),
            field: secret_words(path, [new.get(path), old.get(path)]).unwrap_or_else(|| field_words(path)),
            changed: old.get(path) != new.get(path),
            before: text(&old, path),
            after: text(&new, path),
        })
        .collect();
    found.sort_by_key(|it| !it.changed);
    found
}

/// What a row of a list says of two pictures.
#[derive(Debug, Default)]
pub(in crate::console) struct InShort {
    /// The most telling differences.
    pub(in crate::console) differences: Vec<Difference>,
    /// How many more there are, where there was something before and after.
    pub(in crate::console) more: usize,
    /// Whether anything else is left out: the end of a value, or facts of what there was nothing to compare with.
    pub(in crate::console) cut: bool,
}

/// The most telling differences in short.
pub(in crate::console) fn in_short(before: Option<&Value>, after: Option<&Value>, names: &Names) -> InShort {
    let compared = before.is_some() && after.is_some();
    let mut found = differences(before, after, names);
    found.retain(|it| it.changed);
    if compared {
        // A policy that is set no longer, or for the first time, would read like the other.
        for it in found.iter_mut().filter(|it| it.path.starts_with("policy.")) {
            it.before.get_or_insert_with(|| NOT_SET.to_owned());
            it.after.get_or_insert_with(|| NOT_SET.to_owned());
        }
        revocation_in_one(&mut found);
        let more = found.len().saturating_sub(TOLD_MAX);
        found.truncate(TOLD_MAX);
        let differences: Vec<_> = found.into_iter().map(shortened).collect();
        return InShort { cut: differences.iter().any(is_cut), differences, more };
    }
    let rank = |it: &Difference| TELLING.iter().position(|path| *path == it.path).unwrap_or(TELLING.len());
    // The name stands in the row already.
    found.retain(|it| it.path != "name" && [&it.before, &it.after].into_iter().flatten().any(|it| it != NONE));
    found.sort_by_key(rank);
    let all = found.len();
    let mut at = 0;
    found.retain(|it| {
        at += 1;
        at <= TOLD_MAX || is_telling_besides(it)
    });
    let is_part = found.len() < all;
    let differences: Vec<_> = found.into_iter().map(shortened).collect();
    InShort { cut: is_part || differences.iter().any(is_cut), differences, more: 0 }
}

/// What is told of a key however much else there is: until when it is good, and that it reaches further than most do.
fn is_telling_besides(it: &Difference) -> bool {
    let value = it.after.as_deref().or(it.before.as_deref());
    it.path == "expires_at" || (it.path == "reach" && value != Some(REACHES_HERE))
}

/// That a key is revoked is said once, and why with it.
fn revocation_in_one(found: &mut Vec<Difference>) {
    let reason = |it: &Difference| it.path == "revocation_reason" && it.before.as_deref() == Some(NONE);
    let is_revoked = found.iter().any(|it| it.path == "standing" && it.after.as_deref() == Some("revoked"));
    let Some(at) = found.iter().position(reason).filter(|_| is_revoked) else { return };
    let mut said = found.remove(at);
    said.field = "Revoked".to_owned();
    said.before = None;
    if said.after.as_deref() == Some(NO_REASON) {
        said.field = format!("Revoked, {NO_REASON}");
        said.after = None;
    }
    found.retain(|it| it.path != "standing");
    found.insert(0, said);
}

/// Whether a value of a row was cut.
fn is_cut(it: &Difference) -> bool {
    [&it.before, &it.after].into_iter().flatten().any(|it| it.ends_with('…'))
}

fn shortened(mut it: Difference) -> Difference {
    for value in [&mut it.before, &mut it.after].into_iter().flatten() {
        if value.chars().count() > VALUE_CHARS_MAX {
            *value = value.chars().take(VALUE_CHARS_MAX).chain(['…']).collect();
        }
    }
    it
}

/// The fields of a picture; those of a thing within it with its own name in front.
fn flat(picture: Option<&Value>) -> BTreeMap<String, Value> {
    let mut fields = BTreeMap::new();
    for (name, value) in picture.and_then(Value::as_object).into_iter().flatten() {
        match value {
            Value::Object(inner) => {
                fields.extend(inner.iter().map(|(inner, value)| (format!("{name}.{inner}"), value.clone())));
            }
            // Each by itself, so that the two pictures of one stand beside each other.
            Value::Array(secrets) if name == SECRETS => fields.extend(secrets.iter().map(|it| {
                let id = it["id"].as_str().unwrap_or_default();
                (format!("{SECRETS}.{id}"), it.clone())
            })),
            _ => {
                fields.insert(name.clone(), value.clone());
            }
        }
    }
    fields
}

/// What pictures call the secrets of a key or an organization.
const SECRETS: &str = "secrets";

/// What one of these is called: by what it begins with, or by when it was made, as far as its pictures say.
fn secret_words(path: &str, pictures: [Option<&Value>; 2]) -> Option<String> {
    path.strip_prefix(SECRETS).filter(|it| it.starts_with('.'))?;
    let said = |name: &str| pictures.into_iter().flatten().find_map(|it| it[name].as_str());
    Some(match (said("hint"), said("created_at")) {
        (Some(hint), _) => format!("Secret {hint}"),
        (None, Some(made)) => format!("Secret made {}", instant(made)),
        (None, None) => "Secret".to_owned(),
    })
}

/// What is said where nobody gave a reason.
const NO_REASON: &str = "no reason given";
/// What stands for a setting that an organization leaves to those above.
const NOT_SET: &str = "not set here";
/// What stands for nothing.
const NONE: &str = "none";
/// What is said of the reach that a key has unless it is given another.
const REACHES_HERE: &str = "this organization only";

/// A value of a field as people read it.
fn told(path: &str, value: &Value, names: &Names) -> String {
    if path.starts_with("secrets.")
        && let Some(state) = value["state"].as_str()
    {
        return match (state, value["until"].as_str()) {
            ("retiring", Some(until)) => format!("works until {}", instant(until)),
            ("dead", _) => "ended".to_owned(),
            _ => state.to_owned(),
        };
    }
    // As the key's page has it: whoever chose a day reads that day.
    if path == "expires_at"
        && let Some(end) = value.as_str().and_then(|it| it.parse().ok())
    {
        return Moment::until(end).text;
    }
    if let Some(name) = path.strip_prefix("policy.") {
        match (setting_of(name), value) {
            (Some(_), Value::Null) => return NOT_SET.to_owned(),
            (Some(setting), value) => return value_words(setting, value),
            (None, Value::Array(names)) if !names.is_empty() => {
                let label = |it: &Value| it.as_str().map(|it| label_of(it).unwrap_or(it).to_owned());
                return names.iter().filter_map(label).collect::<Vec<_>>().join(", ");
            }
            (None, _) => {}
        }
    }
    // Nobody knows a secret by its identifier; where it has begun otherwise, its picture says how.
    match (path, value) {
        ("secret_id", Value::String(_)) => return "a new one".to_owned(),
        ("secret_ids", Value::Array(ids)) if ids.len() == 1 => return "1 secret".to_owned(),
        ("secret_ids", Value::Array(ids)) => return format!("{} secrets", ids.len()),
        (_, Value::String(text)) if is_rate(path) && text.parse::<Rate>().is_ok() => {
            return text.parse().map_or_else(|_| text.clone(), |it: Rate| it.in_words());
        }
        ("reason" | "revocation_reason", Value::String(reason)) => {
            if let Some(reason) = RevocationReason::parse(reason) {
                return reason_words(reason).unwrap_or(NO_REASON).to_owned();
            }
        }
        ("reach", Value::String(reach)) if reach == Reach::Organization.as_str() => return REACHES_HERE.to_owned(),
        ("reach", Value::String(reach)) if reach == Reach::Subtree.as_str() => {
            return "this organization and all below".to_owned();
        }
        // As their own page has it, but for what is a word already.
        ("status", Value::String(status)) => match WebhookStatus::parse(status) {
            Some(WebhookStatus::Active | WebhookStatus::Paused) | None => {}
            Some(ended) => return status_words(ended).to_owned(),
        },
        _ => {}
    }
    match value.as_u64() {
        Some(0) if path.ends_with("_secs") => NONE.to_owned(),
        Some(secs) if path.ends_with("_secs") => duration_words(secs),
        _ => text(value, names),
    }
}

/// Whether a field is a rate: a policy's, or a key's own.
fn is_rate(path: &str) -> bool {
    matches!(path, "policy.default_rate" | "default_rate" | "limits.rate")
}

/// `7 days`, `1 hour`, `90 seconds`: in the largest unit of which it is a whole number.
fn duration_words(secs: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(86_400, "day"), (3600, "hour"), (60, "minute")];
    let (size, unit) = UNITS.into_iter().find(|it| secs.is_multiple_of(it.0)).unwrap_or((1, "second"));
    match secs / size {
        1 => format!("1 {unit}"),
        many => format!("{many} {unit}s"),
    }
}

fn text(value: &Value, names: &Names) -> String {
    match value {
        Value::Null => NONE.to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) if text.is_empty() => NONE.to_owned(),
        Value::String(text) if text.parse::<SecretId>().is_ok() => "an imported one".to_owned(),
        Value::String(text) => names.get(text).cloned().unwrap_or_else(|| instant(text)),
        Value::Array(items) if items.is_empty() => NONE.to_owned(),
        Value::Array(items) => items.iter().map(|it| self::text(it, names)).collect::<Vec<_>>().join(", "),
        Value::Number(number) => number.to_string(),
        Value::Object(fields) => {
            // What is not set is nothing to tell; what it is called says itself what it is.
            let told = fields.iter().map(|(name, value)| (name.as_str(), text(value, names)));
            let called = |name: &str| matches!(name, "slug" | "name" | "label");
            let (first, others): (Vec<_>, Vec<_>) = told.filter(|it| it.1 != NONE).partition(|it| called(it.0));
            let others =
                others.into_iter().map(|(name, value)| format!("{} {value}", field_words(name).to_lowercase()));
            first.into_iter().map(|it| it.1).chain(others).collect::<Vec<_>>().join(", ")
        }
    }
}

/// Instants as people read them, anything else as it is.
fn instant(text: &str) -> String {
    let is_instant = text.len() > 19 && text.ends_with('Z') && text.as_bytes().first().is_some_and(u8::is_ascii_digit);
    let parsed: Option<Timestamp> = if is_instant { text.parse().ok() } else { None };
    parsed.map_or_else(|| text.to_owned(), |it| format!("{} UTC", it.to_table_text()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(before: Option<Value>, after: Option<Value>) -> Vec<(String, Option<String>, Option<String>)> {
        let names = Names::from([("rol_1".to_owned(), "ADMIN".to_owned())]);
        let found = in_short(before.as_ref(), after.as_ref(), &names).differences;
        found.into_iter().map(|it| (it.field, it.before, it.after)).collect()
    }

    #[test]
    fn only_what_differs_is_told_with_names_and_instants_as_people_read_them() {
        let before = json!({ "name": "CI", "role_id": null, "expires_at": null, "policy": { "idle_days": 90 } });
        let after = json!({ "name": "CI", "role_id": "rol_1", "expires_at": null, "policy": { "idle_days": 30 } });
        let some = |it: &str| Some(it.to_owned());
        assert_eq!(
            told(Some(before), Some(after)),
            [
                ("Policy: Unused keys end".to_owned(), some("90 days"), some("30 days")),
                ("Role".to_owned(), some("none"), some("ADMIN"))
            ]
        );
        let ends = json!({ "name": "CI", "expires_at": "2026-11-28T05:15:00Z", "description": "" });
        assert_eq!(told(None, Some(ends)), [("Expires".to_owned(), None, some("2026-11-28 05:15:00 UTC"))]);
        let by_day = json!({ "name": "CI", "expires_at": "2027-02-01T00:00:00Z", "description": "" });
        assert_eq!(told(None, Some(by_day)), [("Expires".to_owned(), None, some("end of 31 Jan 2027 (UTC)"))]);
    }

    #[test]
    fn a_new_key_is_told_with_its_end_and_its_reach_and_says_where_the_rest_is() {
        let key = |reach: &str, expires_at: Value| {
            json!({ "name": "CI", "role_id": "rol_1", "mapped_user_id": "usr_1", "description": "x", "expires_at": expires_at,
                "reach": reach })
        };
        let fields = |it: &Value| told(None, Some(it.clone())).into_iter().map(|it| it.0).collect::<Vec<_>>();
        let wide = key("subtree", json!("2027-02-01T00:00:00Z"));
        assert_eq!(fields(&wide), ["Role", "Mapped user", "Expires", "Reach"]);
        let reach = told(None, Some(wide.clone())).pop();
        assert_eq!(reach.and_then(|it| it.2).as_deref(), Some("this organization and all below"));
        assert_eq!(
            fields(&key("organization", Value::Null)),
            ["Role", "Mapped user"],
            "the default is nothing to tell"
        );
        let short = |it: &Value| in_short(None, Some(it), &Names::new());
        assert!(short(&wide).cut, "the description is left out");
        assert!(!short(&json!({ "name": "CI", "role_id": "rol_1" })).cut);
    }

    #[test]
    fn a_revocation_is_told_once_with_its_reason() {
        let before = json!({ "standing": "active", "revocation_reason": null });
        let after = json!({ "standing": "revoked", "revocation_reason": "unspecified" });
        assert_eq!(
            told(Some(before), Some(after)),
            [("Revoked, no reason given".to_owned(), None, None)],
            "neither the reason before nor the switch is told beside it"
        );
    }

    #[test]
    fn a_rate_is_told_in_words() {
        let limits = json!({ "limits": { "rate": "6000/60s", "daily_quota": 5 } });
        let found = told(None, Some(limits));
        assert!(found.iter().any(|it| it.2.as_deref() == Some("6,000 requests per minute")), "{found:?}");
    }

    #[test]
    fn no_value_is_told_by_an_identifier_or_a_word_of_the_wire() {
        let id = "sec_01kapxb4q0e8mv5r3g2t9w7yzn";
        let rotated = json!({ "secret_id": id, "overlap_secs": 60, "ended_secrets": ["ck_x0Ra…", id] });
        let some = |it: &str| Some(it.to_owned());
        let facts = differences(None, Some(&rotated), &Names::new());
        let of = |path: &str| facts.iter().find(|it| it.path == path).and_then(|it| it.after.clone());
        assert_eq!((of("secret_id"), of("ended_secrets")), (some("a new one"), some("ck_x0Ra…, an imported one")));
        assert_eq!(told(None, Some(json!({ "secret_ids": [id] })))[0].2, some("1 secret"));
        let cleared = some("it was cleared by an administrator");
        assert_eq!(told(None, Some(json!({ "reason": "privilege_withdrawn" })))[0].2, cleared);
        let status = |it: &str| Some(json!({ "status": it }));
        assert_eq!(told(status("paused"), status("off_by_key"))[0].2, some("Off: its key has ended"));
        let all =
            RevocationReason::ALL.map(|it| told(None, Some(json!({ "revocation_reason": it.as_str() })))[0].2.clone());
        assert!(all.iter().flatten().all(|it| it.contains(' ') && !it.contains('_')), "{all:?}");
    }

    #[test]
    fn spans_are_told_in_their_largest_whole_unit() {
        let overlap = |secs: u64| told(None, Some(json!({ "overlap_secs": secs }))).pop();
        let some = |words: &str| Some(("Overlap".to_owned(), None, Some(words.to_owned())));
        assert_eq!(overlap(604_800), some("7 days"));
        assert_eq!(overlap(3600), some("1 hour"));
        assert_eq!(overlap(5400), some("90 minutes"));
        assert_eq!(overlap(61), some("61 seconds"));
        assert_eq!(overlap(0), None, "at once is nothing to tell");
    }

    #[test]
    fn secrets_are_told_one_by_one_and_by_when_they_end() {
        let until = |day: &str| json!({"id": "sec_1", "hint": "ck_x0Ra…", "state": "retiring", "until": format!("2026-11-{day}T05:15:00Z")});
        let some = |it: &str| Some(it.to_owned());
        assert_eq!(
            told(Some(json!({"secrets": [until("20")]})), Some(json!({"secrets": [until("28")]}))),
            [(
                "Secret ck_x0Ra…".to_owned(),
                some("works until 2026-11-20 05:15:00 UTC"),
                some("works until 2026-11-28 05:15:00 UTC")
            )]
        );
        let made = |id: &str, state: &str| json!({"id": id, "state": state, "created_at": "2026-11-20T05:15:00Z"});
        assert_eq!(
            told(
                Some(json!({"secrets": [made("css_1", "current")]})),
                Some(json!({"secrets": [made("css_1", "dead")]}))
            ),
            [("Secret made 2026-11-20 05:15:00 UTC".to_owned(), some("current"), some("ended"))]
        );
        assert_eq!(
            told(None, Some(json!({"secrets": [{"id": "sec_1", "state": "current"}]}))),
            [("Secret".to_owned(), None, some("current"))]
        );
    }

    #[test]
    fn no_value_is_told_as_json() {
        let versions = json!({"versions": [{"name": "v2", "is_default": true}, {"name": "v1", "documented_at": null}]});
        let words = "v2, is default yes, v1";
        assert_eq!(told(None, Some(versions)), [("Versions".to_owned(), None, Some(words.to_owned()))]);
    }

    #[test]
    fn policies_are_told_as_their_own_page_has_them() {
        let before = json!({ "policy": {} });
        let after = json!({ "policy": { "expiry_days_max": 90, "locked": ["expiry_days_max"] } });
        let some = |it: &str| Some(it.to_owned());
        assert_eq!(
            told(Some(before), Some(after)),
            [
                ("Policy: Longest life of a key".to_owned(), some("not set here"), some("90 days")),
                ("Policy: locked for those below".to_owned(), some("not set here"), some("Longest life of a key"))
            ]
        );
    }

    #[test]
    fn what_is_no_object_has_no_fields() {
        assert_eq!(told(Some(json!([1])), None), []);
        assert_eq!(told(None, None), []);
    }
}
