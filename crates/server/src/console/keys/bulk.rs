//! What is done to several keys at once: activate, deactivate, extend, delete.
//!
//! The list's check boxes belong to a form whose buttons lead here with the chosen keys in the address, so that a question is a page that can
//! be gone back from. What comes of it is said on the list; only where keys were left as they are the question comes back with just those, each
//! with the reason, since there is something to choose anew.

use std::collections::HashMap;
use std::time::Duration;

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Query};
use axum::response::Response;
use claviger_core::id::KeyId;
use claviger_core::key::{KeyState, RevocationReason};
use claviger_core::limits::PAGE_ITEMS_MAX;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::time::Timestamp;
use secrecy::SecretString;

use super::choices::{DAY, Lifetimes, NEVER, ON_DATE, last_day};
use super::door::{BACK_BYTES_MAX, Door, list_of_keys};
use super::view;
use crate::console::entrance::{held_back, refused};
use crate::console::failure::Failure;
use crate::console::pages::bulk::{BulkPage, BulkQuestion, BulkRow, BulkSoFar};
use crate::console::pages::form::{FormErrors, typed};
use crate::console::pages::shell::{Notice, Place};
use crate::console::respond::own_path;
use crate::console::visit::Visit;
use crate::ops::error::{Error, OpResult};
use crate::ops::idempotency::Answer;
use crate::ops::keys::usage::with_uses_here;
use crate::ops::keys::{BulkChange, BulkOutcome, KeyInfo, Selection, change_keys, get_key};

/// What is done to the keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::console) enum Verb {
    Activate,
    Deactivate,
    Extend,
    Delete,
}

impl Verb {
    const fn action(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Activate | Self::Deactivate | Self::Extend => "update",
        }
    }

    /// What is said of so many keys that were changed, where so many were gone before, and of those that were so already.
    fn notice(self, done: usize, gone: usize, unchanged: String) -> Notice {
        match self {
            Self::Activate => Notice::KeysActivated(done, gone),
            Self::Deactivate => Notice::KeysDeactivated(done, gone),
            Self::Extend => Notice::KeysExtended(done, gone, unchanged),
            Self::Delete => Notice::KeysDeleted(done, gone),
        }
    }
}

/// In the form, how much longer keys are good unless something else is chosen, in days: nobody makes many keys immortal by one press. Where policy
/// allows less, it is the longest that it does.
const SPAN_PRESET: &str = "90";

/// A form with several values of one name.
type Pairs = Vec<(String, String)>;

/// What a form of many keys says.
struct BulkForm {
    keys: Vec<KeyId>,
    /// The list that the keys were chosen in, as a path within the organization, or of another organization with its `/o/…`.
    back: String,
    /// The password, where it had to be typed.
    confirm: SecretString,
    pairs: Pairs,
}

/// The chosen keys to which something can still be done.
struct Found {
    keys: Vec<KeyInfo>,
    /// How many of the chosen ones are deleted, or not there at all.
    gone: usize,
    /// How many never expire, where they were to be extended.
    endless: usize,
}

impl Found {
    /// Without the keys that never expire: there is nothing to extend, and to ask about them with the others reads as if they were to get an end.
    /// Where none of them ends, they stay for the page to say so.
    fn that_end(mut self) -> Self {
        let ends = |it: &KeyInfo| it.key.expires_at.is_some();
        self.endless = self.keys.iter().filter(|it| !ends(it)).count();
        if self.endless < self.keys.len() {
            self.keys.retain(ends);
        }
        self
    }
}

/// A list of keys out of something a form brought along; the usual one where it is anything else.
fn list_path(wanted: &str) -> &str {
    if let Some(elsewhere) = list_of_keys(wanted) {
        return elsewhere;
    }
    let path = wanted.split_once('?').map_or(wanted, |it| it.0);
    let is_ours =
        wanted.len() <= BACK_BYTES_MAX && own_path(wanted) == wanted && Door::ALL.iter().any(|it| it.path() == path);
    if is_ours { wanted } else { Door::default().path() }
}

impl BulkForm {
    /// Reads it; where no key is chosen, the way back to the list is all that it says.
    fn read(mut pairs: Pairs) -> Result<Self, String> {
        let confirm = pairs.iter().position(|(name, _)| name == "confirm").map(|at| pairs.swap_remove(at).1);
        let mut keys: Vec<KeyId> =
            pairs.iter().filter(|(name, _)| name == "key").filter_map(|(_, id)| id.parse().ok()).collect();
        keys.sort();
        keys.dedup();
        // A page of the list has no more.
        keys.truncate(PAGE_ITEMS_MAX as usize);
        let back = pairs.iter().find(|(name, _)| name == "back").map_or("", |(_, value)| value);
        let back = list_path(back).to_owned();
        if keys.is_empty() {
            return Err(back);
        }
        Ok(Self { keys, back, confirm: confirm.unwrap_or_default().into(), pairs })
    }

    fn of(&self, name: &str) -> &str {
        self.pairs.iter().find(|(it, _)| it == name).map_or("", |(_, value)| value)
    }

    /// The keys themselves, as far as the viewer may see them. Those that are gone meanwhile are left out: nothing is asked about them, and
    /// nothing is counted that was done by others.
    async fn find(&self, visit: &Visit) -> Result<Found, Failure> {
        let mut keys = Vec::with_capacity(self.keys.len());
        for id in &self.keys {
            match get_key(&visit.app, &visit.caller, visit.organization_id(), *id).await {
                Ok(key) if key.state == KeyState::Revoked => {}
                Ok(key) => keys.push(with_uses_here(&visit.app, key)),
                Err(Error::Reject(reject)) if reject.code == RejectCode::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Found { gone: self.keys.len() - keys.len(), keys, endless: 0 })
    }

    async fn change(&self, visit: &Visit, change: BulkChange) -> OpResult<BulkOutcome> {
        let selection = Selection::Keys(self.keys.clone());
        let answer =
            change_keys(&visit.app, &visit.caller, visit.organization_id(), selection, change, false, None).await?;
        match answer {
            Answer::Fresh(outcome) => Ok(outcome),
            Answer::Replayed { .. } => Err(Error::Internal("a change without a key was replayed".to_owned())),
        }
    }
}

/// A question, or a change, about several keys as it is sent.
type Sent = Result<Form<Pairs>, FormRejection>;

/// Asks before something is done to the chosen keys.
pub(in crate::console) async fn show(visit: Visit, query: Query<Pairs>, verb: Verb) -> Result<Response, Failure> {
    visit.require(verb.action())?;
    let form = match BulkForm::read(query.0) {
        Ok(form) => form,
        Err(back) => return Ok(visit.done_in_list(&back, &Notice::NoKeyTicked)),
    };
    let mut found = form.find(&visit).await?;
    if found.keys.is_empty() {
        return Ok(visit.done_in_list(&form.back, &Notice::TickedKeysGone));
    }
    if verb == Verb::Extend {
        found = found.that_end();
    }
    Ok(page(&visit, &form, &found, verb, FormErrors::default(), None))
}

/// Does it, as far as it can be done.
pub(in crate::console) async fn change(mut visit: Visit, sent: Sent, verb: Verb) -> Result<Response, Failure> {
    // Before the password is asked for: nobody proves who they are to be refused then.
    visit.require(verb.action())?;
    let mut form = match BulkForm::read(sent.map_err(|_| Failure::bad_form())?.0) {
        Ok(form) => form,
        Err(back) => return Ok(visit.done_in_list(&back, &Notice::NoKeyTicked)),
    };
    let mut errors = FormErrors::default();
    let found = form.find(&visit).await?;
    if found.keys.is_empty() {
        return Ok(visit.done_in_list(&form.back, &Notice::TickedKeysGone));
    }
    let change = match verb {
        Verb::Activate => Some(BulkChange::Activate),
        Verb::Deactivate => Some(BulkChange::Deactivate),
        Verb::Extend => end(&visit, &form, &mut errors).map(BulkChange::Extend),
        // The number of those that the question named: who means all of these means what is left of them.
        Verb::Delete if form.of("count").trim() != form.keys.len().to_string() => {
            errors.add("count", format!("Type {} to delete as many keys.", found.keys.len()));
            None
        }
        Verb::Delete => Some(BulkChange::Revoke(RevocationReason::Unspecified)),
    };
    let Some(change) = change else { return Ok(refused(page(&visit, &form, &found, verb, errors, None))) };
    if verb == Verb::Delete
        && visit.must_confirm(&found.keys)
        && let Err(unconfirmed) = visit.confirm_by(std::mem::take(&mut form.confirm)).await?
    {
        let page = page(&visit, &form, &found, verb, unconfirmed.errors, None);
        return Ok(held_back(page, unconfirmed.wait_secs));
    }
    form.keys = found.keys.iter().map(|it| it.key.id).collect();
    match form.change(&visit, change).await.map_err(Error::into_reject) {
        Ok(outcome) => {
            let unchanged =
                if outcome.unchanged > 0 { not_extended(&found.keys, &outcome, change) } else { String::new() };
            outcome_page(&visit, form, found.gone, &outcome, verb, unchanged).await
        }
        Err(reject) if reject.code == RejectCode::InvalidField => {
            errors.add_fields(&reject.fields, &[("/expires_at", "expires_on", "The last day")]);
            Ok(refused(page(&visit, &form, &found, verb, errors, None)))
        }
        Err(reject) => Err(reject.into()),
    }
}

/// The list where all went well, else the question again about the keys that were left as they are; `gone` of the chosen ones were gone before.
async fn outcome_page(
    visit: &Visit,
    form: BulkForm,
    gone: usize,
    outcome: &BulkOutcome,
    verb: Verb,
    unchanged: String,
) -> Result<Response, Failure> {
    // What was deleted before was deleted by somebody else; what ends later already was not extended, and is named.
    let (done, gone) = match verb {
        Verb::Delete => (outcome.done, gone + outcome.unchanged),
        Verb::Extend => (outcome.done, gone),
        Verb::Activate | Verb::Deactivate => (outcome.done + outcome.unchanged, gone),
    };
    let of = form.keys.len();
    let left: HashMap<_, _> = outcome.left_out.iter().map(|it| (it.key_id, reason(&it.reject))).collect();
    let rest = BulkForm { keys: outcome.left_out.iter().map(|it| it.key_id).collect(), ..form };
    let mut found = rest.find(visit).await?;
    found.gone += gone;
    if found.keys.is_empty() {
        let notice = match done {
            0 if unchanged.is_empty() => Notice::TickedKeysGone,
            _ => verb.notice(done, found.gone, unchanged),
        };
        return Ok(visit.done_in_list(&rest.back, &notice));
    }
    let so_far = SoFar { done, of, left };
    let page = page(visit, &rest, &found, verb, FormErrors::default(), Some(so_far));
    // What was done was done; only where nothing was it is a refusal.
    Ok(if done > 0 { page } else { refused(page) })
}

/// Keys that are named by name of those that were not extended.
const NAMED_MAX: usize = 3;

/// The names of keys that were not extended since they end later already, or never; empty of any other change.
fn not_extended(keys: &[KeyInfo], outcome: &BulkOutcome, change: BulkChange) -> String {
    let BulkChange::Extend(wanted) = change else { return String::new() };
    let is_left_out = |it: &KeyInfo| outcome.left_out.iter().any(|left| left.key_id == it.key.id);
    let ends_later = |it: &KeyInfo| it.key.expires_at.is_none_or(|end| wanted.is_some_and(|wanted| wanted <= end));
    let names: Vec<_> =
        keys.iter().filter(|it| !is_left_out(it) && ends_later(it)).map(|it| it.key.name.as_str()).collect();
    let named = names.iter().take(NAMED_MAX).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED_MAX) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// How far a change has come.
struct SoFar {
    done: usize,
    of: usize,
    /// Why each of the others was left as it is.
    left: HashMap<KeyId, String>,
}

/// Why a key was left as it is, in a sentence.
fn reason(reject: &Reject) -> String {
    let fields: Vec<_> = reject.fields.iter().map(|it| it.detail.as_str()).collect();
    if fields.iter().any(|it| it.ends_with('.')) { fields.join(" ") } else { reject.detail.to_string() }
}

/// The chosen end; nothing where the form does not say one.
fn end(visit: &Visit, form: &BulkForm, errors: &mut FormErrors) -> Option<Option<Timestamp>> {
    let now = visit.app.now();
    let span = form.of("expires").parse::<u32>().ok().filter(|it| Lifetimes::of(visit).offers(*it));
    match (form.of("expires"), span) {
        (NEVER, _) => Some(None),
        (ON_DATE, _) => last_day(form.of("expires_on"), now, errors).map(Some),
        (_, Some(days)) => {
            let span: Duration = DAY.saturating_mul(days);
            Some(Some(now.saturating_add(span)))
        }
        _ => {
            errors.add("expires", "Choose until when the keys are good.");
            None
        }
    }
}

fn page(
    visit: &Visit,
    form: &BulkForm,
    found: &Found,
    verb: Verb,
    errors: FormErrors,
    so_far: Option<SoFar>,
) -> Response {
    let now = visit.app.now();
    let question = match verb {
        Verb::Activate => BulkQuestion::Activate,
        Verb::Deactivate => BulkQuestion::Deactivate,
        Verb::Extend => BulkQuestion::Extend {
            expiries: Lifetimes::of(visit).choices(
                None,
                if form.of("expires").is_empty() { SPAN_PRESET } else { form.of("expires") },
                now,
            ),
            expires_on: typed(form.of("expires_on")),
            latest: Lifetimes::of(visit).last_day(now),
        },
        Verb::Delete => BulkQuestion::Delete,
    };
    let left_for = |it: &KeyInfo| so_far.as_ref().and_then(|so_far| so_far.left.get(&it.key.id)).cloned();
    let row = |it: &KeyInfo| BulkRow { key: view::row(it, now), left_for: left_for(it).unwrap_or_default() };
    visit.page(&BulkPage {
        shell: visit.shell(Place::Keys),
        keys: found.keys.iter().map(row).collect(),
        so_far: so_far.as_ref().map(|it| BulkSoFar::new(it.done, it.of, it.left.values())),
        gone: found.gone,
        endless: found.endless,
        back: form.back.clone(),
        must_confirm: verb == Verb::Delete && visit.must_confirm(&found.keys),
        count: typed(form.of("count")),
        question,
        errors,
    })
}

#[cfg(test)]
mod tests {
    use super::list_path;

    #[test]
    fn the_way_back_is_a_list_of_keys_and_nothing_else() {
        for path in ["/keys", "/keys?status=active&q=a%26b", "/user-management/keys?", "/o/root/keys?status=active"] {
            assert_eq!(list_path(path), path);
        }
        for path in ["", "/", "//evil.example", "/members", "/keys/../../x", "/keys?a b", "keys"] {
            assert_eq!(list_path(path), "/keys", "{path}");
        }
        assert_eq!(list_path(&format!("/keys?q={}", "x".repeat(3000))), "/keys");
    }
}
