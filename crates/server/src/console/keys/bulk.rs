//! What is done to several keys at once: deactivate, extend, delete.
//!
//! The list's check boxes belong to a form whose buttons lead here with the chosen keys in the address, so that a question is a page that can
//! be gone back from. Deactivating is undone as easily and is not asked for.

use std::time::Duration;

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Query};
use axum::response::Response;
use claviger_core::id::KeyId;
use claviger_core::key::RevocationReason;
use claviger_core::limits::PAGE_ITEMS_MAX;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::time::Timestamp;
use secrecy::SecretString;

use super::choices::{DAY, NEVER, ON_DATE, SPANS, expiry_choices};
use super::door::Door;
use super::form::end_of_day;
use super::view;
use crate::console::entrance::{held_back, refused};
use crate::console::failure::Failure;
use crate::console::pages::bulk::{BulkPage, BulkQuestion};
use crate::console::pages::form::{FormErrors, typed};
use crate::console::pages::shell::{Notice, Place};
use crate::console::respond::own_path;
use crate::console::visit::Visit;
use crate::ops::error::Error;
use crate::ops::idempotency::Answer;
use crate::ops::keys::{BulkChange, BulkOutcome, KeyInfo, Selection, change_keys, get_key};

/// A form with several values of one name.
type Pairs = Vec<(String, String)>;

/// Bytes of the way back that are looked at; ours are shorter.
const BACK_BYTES_MAX: usize = 2048;

/// What a form of many keys says.
struct BulkForm {
    keys: Vec<KeyId>,
    /// The list that the keys were chosen in, as a path within the organization.
    back: String,
    /// The password, where it had to be typed.
    confirm: SecretString,
    pairs: Pairs,
}

/// The chosen keys that are still there.
struct Found {
    keys: Vec<KeyInfo>,
    /// How many of the chosen ones are not.
    gone: usize,
}

/// A list of keys out of something a form brought along; the usual one where it is anything else.
fn list_path(wanted: &str) -> &str {
    let path = wanted.split_once('?').map_or(wanted, |it| it.0);
    let is_ours =
        wanted.len() <= BACK_BYTES_MAX && own_path(wanted) == wanted && Door::ALL.iter().any(|it| it.path() == path);
    if is_ours { wanted } else { Door::default().path() }
}

impl BulkForm {
    fn read(mut pairs: Pairs) -> Result<Self, Failure> {
        let confirm = pairs.iter().position(|(name, _)| name == "confirm").map(|at| pairs.swap_remove(at).1);
        let mut keys: Vec<KeyId> =
            pairs.iter().filter(|(name, _)| name == "key").filter_map(|(_, id)| id.parse().ok()).collect();
        keys.sort();
        keys.dedup();
        // A page of the list has no more.
        keys.truncate(PAGE_ITEMS_MAX as usize);
        if keys.is_empty() {
            let detail = "No key is selected. Go back and tick those that you mean.";
            return Err(Reject::new(RejectCode::StateConflict, detail).into());
        }
        let back = pairs.iter().find(|(name, _)| name == "back").map_or("", |(_, value)| value);
        let back = list_path(back).to_owned();
        Ok(Self { keys, back, confirm: confirm.unwrap_or_default().into(), pairs })
    }

    fn of(&self, name: &str) -> &str {
        self.pairs.iter().find(|(it, _)| it == name).map_or("", |(_, value)| value)
    }

    /// The keys themselves, as far as the viewer may see them. Those that are gone meanwhile are left out, as the operation does.
    async fn find(&self, visit: &Visit) -> Result<Found, Failure> {
        let mut keys = Vec::with_capacity(self.keys.len());
        for id in &self.keys {
            match get_key(&visit.app, &visit.caller, visit.organization_id(), *id).await {
                Ok(key) => keys.push(key),
                Err(Error::Reject(reject)) if reject.code == RejectCode::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        if keys.is_empty() {
            return Err(Reject::new(RejectCode::StateConflict, "None of the selected keys is there any more.").into());
        }
        Ok(Found { gone: self.keys.len() - keys.len(), keys })
    }

    async fn change(&self, visit: &Visit, change: BulkChange) -> Result<BulkOutcome, Failure> {
        let selection = Selection::Keys(self.keys.clone());
        let answer =
            change_keys(&visit.app, &visit.caller, visit.organization_id(), selection, change, false, None).await?;
        match answer {
            Answer::Fresh(outcome) => Ok(outcome),
            Answer::Replayed { .. } => Err(Failure::bad_form()),
        }
    }
}

type Sent = Result<Form<Pairs>, FormRejection>;

fn sent(form: Sent) -> Result<BulkForm, Failure> {
    BulkForm::read(form.map_err(|_| Failure::bad_form())?.0)
}

/// Where the list goes on, and what it says of the outcome.
fn done(visit: &Visit, form: &BulkForm, outcome: &BulkOutcome, notice: fn(usize, usize) -> Notice) -> Response {
    visit.done(&form.back, &notice(outcome.done + outcome.unchanged, outcome.left_out.len()))
}

/// Switches the chosen keys off.
pub(in crate::console) async fn deactivate(visit: Visit, form: Sent) -> Result<Response, Failure> {
    let form = sent(form)?;
    let outcome = form.change(&visit, BulkChange::Deactivate).await?;
    Ok(done(&visit, &form, &outcome, Notice::KeysDeactivated))
}

/// Asks until when the chosen keys are to be good.
pub(in crate::console) async fn show_extend(visit: Visit, query: Query<Pairs>) -> Result<Response, Failure> {
    visit.require("update")?;
    let form = BulkForm::read(query.0)?;
    extend_page(&visit, &form, FormErrors::default()).await
}

async fn extend_page(visit: &Visit, form: &BulkForm, errors: FormErrors) -> Result<Response, Failure> {
    let question = BulkQuestion::Extend {
        expiries: expiry_choices(None, form.of("expires"), visit.app.now()),
        expires_on: typed(form.of("expires_on")),
    };
    Ok(page(visit, form, &form.find(visit).await?, question, errors))
}

/// Gives the chosen keys a later end.
pub(in crate::console) async fn extend(visit: Visit, form: Sent) -> Result<Response, Failure> {
    let form = sent(form)?;
    let mut errors = FormErrors::default();
    if let Some(end) = end(&form, visit.app.now(), &mut errors) {
        let outcome = form.change(&visit, BulkChange::Extend(end)).await?;
        return Ok(done(&visit, &form, &outcome, Notice::KeysExtended));
    }
    Ok(refused(extend_page(&visit, &form, errors).await?))
}

/// The chosen end; nothing where the form does not say one.
fn end(form: &BulkForm, now: Timestamp, errors: &mut FormErrors) -> Option<Option<Timestamp>> {
    let span = form.of("expires").parse::<u32>().ok().filter(|it| SPANS.contains(it));
    match (form.of("expires"), span) {
        (NEVER, _) => Some(None),
        (ON_DATE, _) => {
            let day = end_of_day(form.of("expires_on"));
            if day.is_none() {
                errors.add("expires_on", "Enter the last day as year, month and day.");
            }
            day.map(Some)
        }
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

/// Asks before the chosen keys are deleted: whoever means it types how many there are.
pub(in crate::console) async fn show_delete(visit: Visit, query: Query<Pairs>) -> Result<Response, Failure> {
    visit.require("delete")?;
    let form = BulkForm::read(query.0)?;
    Ok(page(&visit, &form, &form.find(&visit).await?, BulkQuestion::Delete, FormErrors::default()))
}

/// Deletes the chosen keys for ever.
pub(in crate::console) async fn delete(mut visit: Visit, form: Sent) -> Result<Response, Failure> {
    // Before the password is asked for: nobody proves who they are to be refused then.
    visit.require("delete")?;
    let mut form = sent(form)?;
    let found = form.find(&visit).await?;
    if form.of("count").trim() != form.keys.len().to_string() {
        let mut errors = FormErrors::default();
        errors.add("count", format!("Type {} to delete as many keys.", found.keys.len()));
        return Ok(refused(page(&visit, &form, &found, BulkQuestion::Delete, errors)));
    }
    if visit.must_confirm(&found.keys)
        && let Err(unconfirmed) = visit.confirm_by(std::mem::take(&mut form.confirm)).await?
    {
        let page = page(&visit, &form, &found, BulkQuestion::Delete, unconfirmed.errors);
        return Ok(held_back(page, unconfirmed.wait_secs));
    }
    match form.change(&visit, BulkChange::Revoke(RevocationReason::Unspecified)).await {
        Ok(outcome) => Ok(done(&visit, &form, &outcome, Notice::KeysDeleted)),
        Err(failure) => Ok(visit.failed(failure)),
    }
}

fn page(visit: &Visit, form: &BulkForm, found: &Found, question: BulkQuestion, errors: FormErrors) -> Response {
    let now = visit.app.now();
    visit.page(&BulkPage {
        shell: visit.shell(Place::Keys),
        keys: found.keys.iter().map(|it| view::row(it, now)).collect(),
        gone: found.gone,
        back: form.back.clone(),
        must_confirm: question == BulkQuestion::Delete && visit.must_confirm(&found.keys),
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
        for path in ["/keys", "/keys?status=active&q=a%26b", "/user-management/keys?"] {
            assert_eq!(list_path(path), path);
        }
        for path in ["", "/", "//evil.example", "/members", "/keys/../../x", "/keys?a b", "keys"] {
            assert_eq!(list_path(path), "/keys", "{path}");
        }
        assert_eq!(list_path(&format!("/keys?q={}", "x".repeat(3000))), "/keys");
    }
}
