//! What operations answer, turned into what pages show.

use claviger_core::api::{DATA_LOADER_API, DEFAULT_API};
use claviger_core::decision::{Code, Reach};
use claviger_core::key::{Key, KeyState, Origin, Revocation, RevocationReason};
use claviger_core::role::BuiltIn;
use claviger_core::secret::SecretState;
use claviger_core::time::Timestamp;

use crate::console::pages::key_list::KeyRowView;
use crate::console::pages::keys::{Deletion, KeyFacts, KeyRights, LastUse, SecretView};
use crate::console::pages::shell::{Moment, Status, Tone};
use crate::console::pages::snippets::{Snippet, call_with_key, send_key_along};
use crate::ops::keys::{self, KeyInfo, KeyTotal, SecretInfo};

pub(in crate::console) use claviger_core::words::grouped;

/// From how many days before its end on a key's label counts them.
const EXPIRY_NOTICE_DAYS: u64 = 30;
/// From how many days before its end on the label is a warning.
const EXPIRY_WARNING_DAYS: u64 = 7;

/// An organization's roles are shown as its products write them: the built-in ones in capitals, others as they were named.
pub(in crate::console) fn role_label(name: &str) -> String {
    if BuiltIn::parse(name).is_some() { name.to_uppercase() } else { name.to_owned() }
}

/// The type of a key is its api: the built-in ones in the words that people know, others as they are called in addresses.
pub(in crate::console) fn type_label(api: &str) -> String {
    match api {
        DEFAULT_API => "API".to_owned(),
        DATA_LOADER_API => "Data Loader".to_owned(),
        other => other.to_owned(),
    }
}

/// The role of a key in words.
pub(super) fn role_of(info: &KeyInfo) -> String {
    info.role_name.as_ref().map_or_else(|| "As mapped user".to_owned(), |it| role_label(it.as_str()))
}

pub(in crate::console) fn last_use(used: Option<&keys::LastUse>) -> LastUse {
    match used {
        Some(used) => LastUse::At { at: Moment::new(used.at), ip: used.ip.map(|it| it.to_string()) },
        None => LastUse::Never,
    }
}

/// How many keys there are, as far as they are counted.
pub(in crate::console) fn total(total: KeyTotal) -> String {
    let more = if total.is_exact { "" } else { " or more" };
    format!("{}{more}", grouped(total.count))
}

/// What it is that refuses a key's requests although the key is active.
const fn blocked_by(code: Code) -> &'static str {
    match code {
        Code::ApiAccessDenied => "its owner has no API access",
        Code::UserInactive => "its mapped user is disabled or gone",
        Code::OrganizationSuspended => "the organization is suspended",
        _ => "nothing gives it rights here",
    }
}

const DAY_SECS: u64 = 24 * 60 * 60;

/// How many days are left until an instant, as people count them: none where less than one is, else to the nearest, as a script does that adds
/// "in 7 d" to an instant.
pub(super) fn days_left(until: Timestamp, now: Timestamp) -> u64 {
    match until.since(now).as_secs() {
        secs if secs < DAY_SECS => 0,
        secs => (secs + DAY_SECS / 2) / DAY_SECS,
    }
}

/// A key's state in words; computed at every look, never stored.
pub(in crate::console) fn status(info: &KeyInfo, now: Timestamp) -> Status {
    let rotating_until = info.rotating_until.filter(|it| *it > now);
    if let Some(words) = info.blocked.map(blocked_by) {
        return Status { tone: Tone::Warning, words: format!("Blocked: {words}") };
    }
    let left = info.key.expires_at.map(|it| (days_left(it, now), it.since(now).as_secs() / DAY_SECS));
    let (tone, words) = match (info.state, left, rotating_until) {
        (KeyState::Revoked, ..) => (Tone::Ended, "Deleted".to_owned()),
        (KeyState::Expired, ..) => (Tone::Ended, "Expired".to_owned()),
        (KeyState::Inactive, ..) => (Tone::Paused, "Inactive".to_owned()),
        (KeyState::Active, Some((0, _)), _) => (Tone::Warning, "Expires today".to_owned()),
        (KeyState::Active, Some((days, whole)), _) if whole < EXPIRY_WARNING_DAYS => {
            (Tone::Warning, format!("Expires in {days} d"))
        }
        // Of today's day nobody learns how long it is; within a day the hour says which one is meant.
        (KeyState::Active, _, Some(until)) if until.since(now).as_secs() < DAY_SECS => {
            (Tone::Turning, format!("Rotating until {} UTC", until.to_hour_text()))
        }
        (KeyState::Active, _, Some(until)) => (Tone::Turning, format!("Rotating until {}", until.to_date_text())),
        (KeyState::Active, Some((days, whole)), _) if whole < EXPIRY_NOTICE_DAYS => {
            (Tone::Good, format!("Active, expires in {days} d"))
        }
        (KeyState::Active, ..) => (Tone::Good, "Active".to_owned()),
    };
    Status { tone, words }
}

/// How a key is used: with this server, whose own api is the default one, or where the host serves another. Those of the data loader are sent along
/// with what is loaded.
pub(in crate::console) fn snippets(base_url: &str, api: &str, token: Option<&str>) -> Vec<Snippet> {
    match api {
        DEFAULT_API => call_with_key(base_url, token),
        DATA_LOADER_API => send_key_along(token),
        // Where that is, only the host knows.
        _ => call_with_key("$API_URL", token),
    }
}

/// A row of the list.
pub(in crate::console) fn row(info: &KeyInfo, now: Timestamp) -> KeyRowView {
    KeyRowView {
        id: info.key.id.to_string(),
        name: info.key.name.to_string(),
        description: info.key.description.to_string(),
        hint: info.access_hint.clone().unwrap_or_default(),
        api: type_label(info.api.as_str()),
        role: role_of(info),
        marks: marks(info),
        mapped_user: info.mapped_user_name.as_ref().map(ToString::to_string),
        last_use: last_use(info.last_use.as_ref()),
        expires: info.key.expires_at.map(Moment::last_day),
        status: status(info, now),
        active: info.key.standing == claviger_core::decision::KeyStanding::Active,
        week: None,
        may: KeyRights::default(),
    }
}

/// What a row says beside the role, so that nobody takes the role for all there is.
fn marks(info: &KeyInfo) -> Vec<&'static str> {
    let narrowed = info.key.scopes.is_some() || info.key.allowed_ips.is_some();
    let below = info.key.reach == Reach::Subtree;
    [(narrowed, "narrowed"), (below, "all below")].into_iter().filter(|it| it.0).map(|it| it.1).collect()
}

fn deletion(revocation: &Revocation) -> Deletion {
    Deletion { at: Moment::new(revocation.at), reason: reason_words(revocation.reason) }
}

/// Why a key was deleted, in the words of all pages that say so; none where nobody gave a reason.
pub(in crate::console) const fn reason_words(reason: RevocationReason) -> Option<&'static str> {
    match reason {
        RevocationReason::Unspecified => None,
        RevocationReason::KeyCompromise => Some("somebody else has, or may have, its secret"),
        RevocationReason::Superseded => Some("another key took its place"),
        RevocationReason::AffiliationChanged => Some("its owner left"),
        RevocationReason::CessationOfOperation => Some("what used it is no more"),
        RevocationReason::PrivilegeWithdrawn => Some("it was cleared by an administrator"),
        RevocationReason::Idle => Some("it was not used for as long as the policy allows"),
    }
}

/// All that a key's own pages say of it.
pub(in crate::console) fn facts(info: &KeyInfo, now: Timestamp) -> KeyFacts {
    KeyFacts {
        id: info.key.id.to_string(),
        name: info.key.name.to_string(),
        description: info.key.description.to_string(),
        api: type_label(info.api.as_str()),
        role: role_of(info),
        role_is_admin: info.role_name.as_ref().is_some_and(|it| it.as_str() == BuiltIn::Admin.as_str()),
        scopes: info.key.scopes.as_ref().map(claviger_core::permission::PermissionSet::to_texts),
        allowed_ips: info.key.allowed_ips.as_ref().map(|it| it.to_texts()).unwrap_or_default(),
        reaches_below: info.key.reach == Reach::Subtree,
        deleted: info.key.revocation.as_ref().map(deletion),
        owner: info.owner_name.as_ref().map(ToString::to_string),
        mapped_user: info.mapped_user_name.as_ref().map(ToString::to_string),
        imported: info.key.origin == Origin::Import,
        created: Moment::new(info.key.created_at),
        expires: info.key.expires_at.map(Moment::until),
        last_use: last_use(info.last_use.as_ref()),
        status: status(info, now),
        active: info.key.standing == claviger_core::decision::KeyStanding::Active,
        live: info.state != KeyState::Revoked,
        expired: info.state == KeyState::Expired,
    }
}

/// A row of the table of secrets. No secret outlives its key, whatever state it was in.
pub(super) fn secret(info: &SecretInfo, key: &Key, now: Timestamp) -> SecretView {
    let (tone, words) = match info.secret.state {
        _ if key.state(now) == KeyState::Revoked => (Tone::Ended, "Ended".to_owned()),
        SecretState::Current if key.state(now) == KeyState::Inactive => {
            (Tone::Paused, "Current: refused while the key is inactive".to_owned())
        }
        SecretState::Current if key.state(now) == KeyState::Expired => {
            (Tone::Ended, "Current: refused, for the key has expired".to_owned())
        }
        SecretState::Current => (Tone::Good, "Current".to_owned()),
        SecretState::Retiring { .. } | SecretState::Dead => match key.old_until(&info.secret, now) {
            Some(until) if key.state(now) == KeyState::Inactive => (
                Tone::Paused,
                format!("Retiring until {}: refused while the key is inactive", until.at.to_table_text()),
            ),
            Some(until) => (Tone::Turning, format!("Retiring until {}", until.at.to_table_text())),
            None => (Tone::Ended, "Ended".to_owned()),
        },
    };
    SecretView {
        hint: info.secret.access_id.as_ref().map_or_else(|| "imported".to_owned(), |it| it.hint()),
        status: Status { tone, words },
        created: Moment::new(info.secret.created_at),
        last_use: last_use(info.last_use.as_ref()),
        user_agent: info.last_use.as_ref().and_then(|it| it.user_agent.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_not_exact_says_so() {
        assert_eq!(total(KeyTotal { count: 112, is_exact: true }), "112");
        assert_eq!(total(KeyTotal { count: 10_000, is_exact: false }), "10,000 or more");
    }
}
