//! Forms that are filled in from a key: its own, and that of a copy.

use claviger_core::key::KeyState;
use claviger_core::time::Timestamp;

use super::choices::{Lifetimes, NEVER, ON_DATE, mapped_user_value, owner_value, role_value};
use super::form::{KeyForm, find};
use super::limits;
use super::rights::rights_to;
use crate::console::pages::secrets::Replaced;
use crate::console::visit::Visit;
use crate::ops::keys::KeyInfo;

/// The form with what a key is set to, but for its end.
pub(super) fn settings(info: &KeyInfo) -> KeyForm {
    let (rate, daily_quota) = limits::values(&info.key);
    KeyForm {
        name: info.key.name.to_string(),
        description: info.key.description.to_string(),
        role: Some(role_value(&info.key)),
        mapped_user: mapped_user_value(&info.key),
        owner: owner_value(&info.key),
        reach: info.key.reach.as_str().to_owned(),
        scopes: info.key.scopes.as_ref().map(|it| it.to_texts().join("\n")),
        allowed_ips: info.key.allowed_ips.as_ref().map(|it| it.to_texts().join("\n")),
        rate,
        daily_quota,
        ..KeyForm::default()
    }
}

/// The key that the form of a new one was filled in from. Gone meanwhile, it has nothing more to offer.
pub(super) async fn source_of(visit: &Visit, form: &KeyForm) -> Option<KeyInfo> {
    match form.from.as_str() {
        "" => None,
        from => find(visit, from).await.ok(),
    }
}

/// What is left to do about the key that another one has taken the place of, where the viewer may do it and it is not done.
pub(super) fn replaced(visit: &Visit, old: &KeyInfo) -> Option<Replaced> {
    let is_good = old.state == KeyState::Active && rights_to(visit, old).switch;
    is_good.then(|| Replaced { id: old.key.id.to_string(), name: old.key.name.to_string() })
}

/// The same on the page of the new key, where the address says which one that was: it can only be an older one of the same type.
pub(super) async fn replaced_by(visit: &Visit, new: &KeyInfo, old: &str) -> Option<Replaced> {
    if old.is_empty() {
        return None;
    }
    let old = find(visit, old).await.ok()?;
    let is_older = old.api == new.api && old.key.id != new.key.id && old.key.created_at <= new.key.created_at;
    is_older.then(|| replaced(visit, &old)).flatten()
}

/// The form of a copy: all that the key is set to, so that a copy allows no more and lasts no longer than what it was made of.
pub(super) fn copy_of(info: &KeyInfo, replaces: bool, lifetimes: Lifetimes, now: Timestamp) -> KeyForm {
    let end = info.key.expires_at;
    // One that policy does not allow any more is not taken over: the form begins with the longest that it does.
    let is_beyond = lifetimes.latest(now).is_some_and(|latest| end.is_none_or(|it| it > latest));
    // Of a key that has ended no end can be taken over: one has to be chosen.
    let last_day = end.filter(|it| *it > now).map(last_day_of).unwrap_or_default();
    KeyForm {
        from: info.key.id.to_string(),
        api: info.api.to_string(),
        replaces: if replaces { "yes".to_owned() } else { String::new() },
        name: info.key.name.with_suffix(if replaces { " replacement" } else { " copy" }).to_string(),
        expires: match end {
            _ if is_beyond => String::new(),
            Some(_) => ON_DATE.to_owned(),
            None => NEVER.to_owned(),
        },
        expires_on: if is_beyond { String::new() } else { last_day },
        ..settings(info)
    }
}

/// The last day on which a key with this end is good, as a form sends it; see [`super::choices::end_of_day`].
fn last_day_of(end: Timestamp) -> String {
    end.saturating_sub(std::time::Duration::from_secs(1)).to_day_text()
}
