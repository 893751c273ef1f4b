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

use super::choices::{DAY, NEVER, ON_DATE, SPANS, expiry_choices};
use super::form::end_of_day;
use super::view;
use crate::console::entrance::refused;
use crate::console::failure::Failure;
use crate::console::pages::bulk::{BulkPage, BulkQuestion};
use crate::console::pages::form::{FormErrors, typed};
use crate::console::pages::shell::{Notice, Place};
use crate::console::visit::Visit;
use crate::ops::idempotency::Answer;
use crate::ops::keys::{BulkChange, BulkOutcome, KeyInfo, Selection, change_keys, get_key};

/// A form with several values of one name.
type Pairs = Vec<(String, String)>;

/// What a form of many keys says.
struct BulkForm {
    keys: Vec<KeyId>,
    pairs: Pairs,
}

impl BulkForm {
    fn read(pairs: Pairs) -> Result<Self, Failure> {
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
        Ok(Self { keys, pairs })
    }

    fn of(&self, name: &str) -> &str {
        self.pairs.iter().find(|(it, _)| it == name).map_or("", |(_, value)| value)
    }

    /// The keys themselves, as far as the viewer may see them.
    async fn find(&self, visit: &Visit) -> Result<Vec<KeyInfo>, Failure> {
        let mut found = Vec::with_capacity(self.keys.len());
        for id in &self.keys {
            found.push(get_key(&visit.app, &visit.caller, visit.organization_id(), *id).await?);
        }
        Ok(found)
    }

    async fn change(self, visit: &Visit, change: BulkChange) -> Result<BulkOutcome, Failure> {
        let selection = Selection::Keys(self.keys);
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
fn done(visit: &Visit, outcome: &BulkOutcome, notice: fn(usize, usize) -> Notice) -> Response {
    visit.done("/keys", &notice(outcome.done + outcome.unchanged, outcome.left_out.len()))
}

/// Switches the chosen keys off.
pub(in crate::console) async fn deactivate(visit: Visit, form: Sent) -> Result<Response, Failure> {
    let outcome = sent(form)?.change(&visit, BulkChange::Deactivate).await?;
    Ok(done(&visit, &outcome, Notice::KeysDeactivated))
}

/// Asks until when the chosen keys are to be good.
pub(in crate::console) async fn show_extend(visit: Visit, query: Query<Pairs>) -> Result<Response, Failure> {
    let form = BulkForm::read(query.0)?;
    extend_page(&visit, &form, FormErrors::default()).await
}

async fn extend_page(visit: &Visit, form: &BulkForm, errors: FormErrors) -> Result<Response, Failure> {
    let question = BulkQuestion::Extend {
        expiries: expiry_choices(None, form.of("expires"), visit.app.now()),
        expires_on: typed(form.of("expires_on")),
    };
    page(visit, form, question, errors).await
}

/// Gives the chosen keys a later end.
pub(in crate::console) async fn extend(visit: Visit, form: Sent) -> Result<Response, Failure> {
    let form = sent(form)?;
    let mut errors = FormErrors::default();
    if let Some(end) = end(&form, visit.app.now(), &mut errors) {
        let outcome = form.change(&visit, BulkChange::Extend(end)).await?;
        return Ok(done(&visit, &outcome, Notice::KeysExtended));
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
    let form = BulkForm::read(query.0)?;
    page(&visit, &form, BulkQuestion::Delete, FormErrors::default()).await
}

/// Deletes the chosen keys for ever.
pub(in crate::console) async fn delete(visit: Visit, form: Sent) -> Result<Response, Failure> {
    let form = sent(form)?;
    if form.of("count").trim() != form.keys.len().to_string() {
        let mut errors = FormErrors::default();
        errors.add("count", format!("Type {} to delete as many keys.", form.keys.len()));
        return Ok(refused(page(&visit, &form, BulkQuestion::Delete, errors).await?));
    }
    let outcome = form.change(&visit, BulkChange::Revoke(RevocationReason::Unspecified)).await?;
    Ok(done(&visit, &outcome, Notice::KeysDeleted))
}

async fn page(visit: &Visit, form: &BulkForm, question: BulkQuestion, errors: FormErrors) -> Result<Response, Failure> {
    let now = visit.app.now();
    let keys = form.find(visit).await?;
    Ok(visit.page(&BulkPage {
        shell: visit.shell(Place::Keys),
        keys: keys.iter().map(|it| view::row(it, now)).collect(),
        question,
        errors,
    }))
}
