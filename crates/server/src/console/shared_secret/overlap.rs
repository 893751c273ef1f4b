//! Shared secrets that were replaced and are still good: ended now, or left good for longer.

use std::collections::BTreeSet;

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Query};
use axum::response::Response;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::shared_secret::{SharedSecret, extendable_until};
use claviger_core::time::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;

use super::{PATH, found, question, require, rights};
use crate::console::entrance::{held_back, refused};
use crate::console::failure::Failure;
use crate::console::keys::rotation::LONGER;
use crate::console::pages::form::{Choice, FormErrors};
use crate::console::pages::shared_secret::{OldSharedSecret, SharedSecretQuestion, SharedSecretQuestionPage};
use crate::console::pages::shell::{Moment, Notice};
use crate::console::visit::Visit;
use crate::ops::shared_secrets::{OldSharedSecretChange, change_old_shared_secrets, shared_secret_overlap_bounds};

/// What is done to an old shared secret, by the last part of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::console) enum Step {
    End,
    Extend,
}

/// Which old one is asked about.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::console) struct Asked {
    secret: String,
}

/// The answer to the question, as it is sent.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::console) struct OverlapForm {
    secret: String,
    /// One of the ends that were offered.
    until: String,
    confirm: SecretString,
}

/// An old shared secret that is still good.
#[derive(Clone, Copy)]
struct Old<'a> {
    secret: &'a SharedSecret,
    until: Timestamp,
    /// Until when it can be at most; none where that is no later.
    extendable_until: Option<Timestamp>,
}

fn old<'a>(visit: &Visit, secrets: &'a [SharedSecret]) -> Result<Vec<Old<'a>>, Failure> {
    let max = shared_secret_overlap_bounds(&visit.app, visit.organization_id())?.max;
    let now = visit.app.now();
    let good = secrets.iter().filter_map(|secret| {
        let until = secret.retiring_until(now)?;
        let latest = extendable_until(secrets, secret.id, max).filter(|latest| until < *latest);
        Some(Old { secret, until, extendable_until: latest })
    });
    Ok(good.collect())
}

fn view(visit: &Visit, it: Old<'_>) -> OldSharedSecret {
    OldSharedSecret {
        id: it.secret.id.to_string(),
        made: Moment::new(it.secret.created_at),
        until: Moment::new(it.until),
        may_extend: rights(visit).rotate && it.extendable_until.is_some(),
    }
}

/// Those that are still good, as the page shows them.
pub(super) fn old_views(visit: &Visit, secrets: &[SharedSecret]) -> Result<Vec<OldSharedSecret>, Failure> {
    Ok(old(visit, secrets)?.into_iter().map(|it| view(visit, it)).collect())
}

/// Asks before it is done.
pub(in crate::console) async fn show(
    visit: Visit,
    query: Result<Query<Asked>, QueryRejection>,
    step: Step,
) -> Result<Response, Failure> {
    require(rights(&visit).rotate)?;
    let asked = query.map(|it| it.0).unwrap_or_default();
    let must_confirm = step == Step::End && visit.is_long_ago();
    let page = page(&visit, step, &asked.secret, None, must_confirm, FormErrors::default()).await?;
    Ok(visit.page(&page))
}

async fn page(
    visit: &Visit,
    step: Step,
    secret: &str,
    chosen: Option<Timestamp>,
    must_confirm: bool,
    errors: FormErrors,
) -> Result<SharedSecretQuestionPage, Failure> {
    let secrets = found(visit).await?;
    let good = old(visit, &secrets)?;
    let meant = good.iter().find(|it| it.secret.id.to_string() == secret).ok_or_else(over)?;
    let old = view(visit, *meant);
    let asked = match step {
        Step::End => SharedSecretQuestion::End { old },
        Step::Extend => SharedSecretQuestion::Extend { old, ends: ends(*meant, chosen)? },
    };
    question(visit, asked, must_confirm, errors).await
}

fn over() -> Reject {
    let detail = "This old shared secret is not good any more: there is nothing left to change about it.";
    Reject::new(RejectCode::StateConflict, detail)
}

/// The ends that can be chosen.
fn ends(old: Old<'_>, chosen: Option<Timestamp>) -> Result<Vec<Choice>, Failure> {
    let latest = old.extendable_until.ok_or_else(|| {
        Reject::new(RejectCode::PolicyDenied, "The old shared secret already works for as long as policy lets it.")
    })?;
    let offered = LONGER.iter().map(|(by, _)| old.until.saturating_add(*by)).filter(|it| *it < latest);
    let offered: BTreeSet<_> = offered.chain([latest]).collect();
    let preset = chosen.filter(|it| offered.contains(it)).or_else(|| offered.first().copied());
    let choice = |it: Timestamp| {
        let by = LONGER.iter().find(|(by, _)| old.until.saturating_add(*by) == it && it != latest);
        let note = format!("It is accepted until {} UTC.", it.to_table_text());
        Choice::new(it.to_string(), by.map_or("As late as it can", |it| it.1), preset == Some(it)).with_note(note)
    };
    Ok(offered.into_iter().map(choice).collect())
}

/// Does it.
pub(in crate::console) async fn change(
    mut visit: Visit,
    form: Result<Form<OverlapForm>, FormRejection>,
    step: Step,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::bad_form())?;
    require(rights(&visit).rotate)?;
    let which = form.secret.parse().map_err(|_| over())?;
    let until: Option<Timestamp> = form.until.parse().ok();
    let change = match (step, until) {
        (Step::End, _) => OldSharedSecretChange::End,
        (Step::Extend, Some(until)) => OldSharedSecretChange::Extend { until },
        (Step::Extend, None) => {
            let mut errors = FormErrors::default();
            errors.add("until", "Choose when the old one stops.");
            return Ok(refused(visit.page(&page(&visit, step, &form.secret, None, false, errors).await?)));
        }
    };
    if step == Step::End
        && visit.is_long_ago()
        && let Err(unconfirmed) = visit.confirm_by(form.confirm).await?
    {
        let page = page(&visit, step, &form.secret, None, true, unconfirmed.errors).await?;
        return Ok(held_back(visit.page(&page), unconfirmed.wait_secs));
    }
    let organization_id = visit.organization_id();
    let changed = change_old_shared_secrets(&visit.app, &visit.caller, organization_id, change, Some(which), None);
    match (changed.await.map_err(crate::ops::error::Error::into_reject), step) {
        (Ok(_), Step::End) => Ok(visit.done(PATH, &Notice::OldSharedSecretEnded)),
        (Ok(_), Step::Extend) => Ok(visit.done(PATH, &Notice::OldSharedSecretExtended)),
        (Err(reject), Step::Extend) if matches!(reject.code, RejectCode::PolicyDenied | RejectCode::InvalidField) => {
            let mut errors = FormErrors::default();
            let said = reject.fields.first().map(|it| format!("The end {}.", it.detail));
            errors.add("until", said.unwrap_or_else(|| reject.detail.to_string()));
            Ok(refused(visit.page(&page(&visit, step, &form.secret, until, false, errors).await?)))
        }
        // It had ended between the question and its answer.
        (Err(reject), _) if reject.code == RejectCode::InvalidField => Err(over().into()),
        (Err(reject), _) => Err(reject.into()),
    }
}
