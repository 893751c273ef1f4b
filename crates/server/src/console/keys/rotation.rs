//! A rotation that is under way: how far it has come, and the questions before it is ended, extended or taken back.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path};
use axum::response::Response;
use claviger_core::key::KeyState;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::time::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;

use super::form::find;
use super::rights::rights_to;
use super::view;
use crate::console::entrance::{held_back, refused};
use crate::console::failure::Failure;
use crate::console::pages::form::{Choice, FormErrors};
use crate::console::pages::keys::KeyRights;
use crate::console::pages::rotation::{RotationPage, RotationQuestion, RotationRights, RotationView, TurningSecret};
use crate::console::pages::shell::{Moment, Notice, Place};
use crate::console::visit::Visit;
use crate::ops::keys::{KeyInfo, Rotation, RotationChange, SecretInfo, change_rotation, rotation_of};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// By how much the form offers to put the end off, beside as long as policy lets it.
const LONGER: [(Duration, &str); 2] = [(DAY, "A day later"), (DAY.saturating_mul(7), "7 days later")];

/// The organization's slug and the key's id in a path.
type KeyPath = Path<(String, String)>;

/// What is done to a rotation, by the last part of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::console) enum Step {
    End,
    Extend,
    Cancel,
}

/// The answer to the question, as it is sent.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::console) struct RotationForm {
    /// Which version of the key was looked at.
    version: String,
    /// One of the ends that were offered.
    until: String,
    /// Whether the page had said that the new secret is in use.
    even_if_used: String,
    confirm: SecretString,
}

/// The rotation of a key as its page shows it; nothing, where none is under way.
pub(super) fn tracked(visit: &Visit, info: &KeyInfo, may: KeyRights) -> Result<Option<RotationView>, Failure> {
    if !matches!(info.state, KeyState::Active | KeyState::Inactive) {
        return Ok(None);
    }
    let rotation = rotation_of(&visit.app, info)?;
    Ok(rotation.map(|it| rotation_view(&it, may)))
}

fn rotation_view(it: &Rotation, may: KeyRights) -> RotationView {
    let began = it.new.secret.created_at;
    let secret = |it: &SecretInfo| TurningSecret {
        hint: it.secret.access_id.as_ref().map_or_else(|| "imported".to_owned(), |it| it.hint()),
        last_use: view::last_use(it.last_use.as_ref()),
        user_agent: it.last_use.as_ref().and_then(|it| it.user_agent.clone()),
        used_since: it.last_use.as_ref().is_some_and(|it| it.at >= began),
    };
    RotationView {
        old: secret(&it.old),
        new: secret(&it.new),
        until: Moment::new(it.until),
        may: RotationRights { end: may.edit, extend: may.rotate && it.extendable_until.is_some(), cancel: may.rotate },
    }
}

/// Asks before a rotation is changed.
pub(in crate::console) async fn show(
    visit: Visit,
    Path((_, key_id)): KeyPath,
    step: Step,
) -> Result<Response, Failure> {
    let info = find(&visit, &key_id).await?;
    visit.require_to("update", &info.key)?;
    let page = question(&visit, &info, step, None, FormErrors::default())?;
    Ok(visit.page(&page))
}

/// The rotation, or why there is none to ask about.
fn under_way(visit: &Visit, info: &KeyInfo) -> Result<Rotation, Failure> {
    let rotation = rotation_of(&visit.app, info)?;
    Ok(rotation.ok_or_else(|| {
        Reject::new(RejectCode::StateConflict, "This key is not being rotated: no old secret of it is good any more.")
    })?)
}

fn question(
    visit: &Visit,
    info: &KeyInfo,
    step: Step,
    chosen: Option<Timestamp>,
    errors: FormErrors,
) -> Result<RotationPage, Failure> {
    let rotation = under_way(visit, info)?;
    Ok(RotationPage {
        shell: visit.shell(Place::Keys),
        key: view::facts(info, visit.app.now()),
        must_confirm: must_confirm(visit, &rotation, step),
        question: match step {
            Step::End => RotationQuestion::End,
            Step::Extend => RotationQuestion::Extend { ends: ends(&rotation, chosen)? },
            Step::Cancel => RotationQuestion::Cancel,
        },
        rotation: rotation_view(&rotation, rights_to(visit, info)),
        version: info.key.version.to_string(),
        errors,
    })
}

/// Whether something is stopped that is in use.
fn must_confirm(visit: &Visit, rotation: &Rotation, step: Step) -> bool {
    let stopped = match step {
        Step::End => &rotation.old,
        Step::Extend => return false,
        Step::Cancel => &rotation.new,
    };
    visit.must_confirm_end_of(stopped.last_use.as_ref())
}

/// The ends that can be chosen.
fn ends(rotation: &Rotation, chosen: Option<Timestamp>) -> Result<Vec<Choice>, Failure> {
    let latest = rotation.extendable_until.ok_or_else(|| {
        let detail = "The old secret of this key already works for as long as policy lets it.";
        Reject::new(RejectCode::PolicyDenied, detail)
    })?;
    let offered: BTreeSet<_> = LONGER.iter().map(|(by, _)| rotation.until.saturating_add(*by)).collect();
    let offered: BTreeSet<_> = offered.into_iter().filter(|it| *it < latest).chain([latest]).collect();
    let preset = chosen.filter(|it| offered.contains(it)).or_else(|| offered.first().copied());
    let choice = |it: Timestamp| {
        let by = LONGER.iter().find(|(by, _)| rotation.until.saturating_add(*by) == it);
        let label = by.filter(|_| it != latest).map_or("As late as policy lets it", |it| it.1);
        let note = format!("Both secrets work until {} UTC.", it.to_table_text());
        Choice::new(it.to_string(), label, preset == Some(it)).with_note(note)
    };
    Ok(offered.into_iter().map(choice).collect())
}

/// Changes a rotation.
pub(in crate::console) async fn change(
    mut visit: Visit,
    Path((_, key_id)): KeyPath,
    form: Result<Form<RotationForm>, FormRejection>,
    step: Step,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::bad_form())?;
    let info = find(&visit, &key_id).await?;
    visit.require_to("update", &info.key)?;
    let until = form.until.parse().ok();
    let change = match (step, until) {
        (Step::End, _) => RotationChange::End,
        (Step::Cancel, _) => RotationChange::Cancel { even_if_used: !form.even_if_used.is_empty() },
        (Step::Extend, Some(until)) => RotationChange::Extend { until },
        (Step::Extend, None) => {
            let mut errors = FormErrors::default();
            errors.add("until", "Choose when the old secret stops.");
            let page = question(&visit, &info, step, None, errors)?;
            return Ok(refused(visit.page(&page)));
        }
    };
    if must_confirm(&visit, &under_way(&visit, &info)?, step)
        && let Err(unconfirmed) = visit.confirm_by(form.confirm).await?
    {
        let page = question(&visit, &info, step, until, unconfirmed.errors)?;
        return Ok(held_back(visit.page(&page), unconfirmed.wait_secs));
    }
    // A form without a version was made by hand; it is held to the present one.
    let version = form.version.parse().unwrap_or(info.key.version);
    let organization_id = visit.organization_id();
    let changed = change_rotation(&visit.app, &visit.caller, organization_id, info.key.id, change, Some(version), None);
    if let Err(error) = changed.await {
        return complain(&visit, &key_id, step, until, error.into_reject()).await;
    }
    let name = info.key.name.to_string();
    let notice = match step {
        Step::End => Notice::RotationEnded(name),
        Step::Extend => Notice::RotationExtended(name),
        Step::Cancel => Notice::RotationCancelled(name),
    };
    Ok(visit.done(&format!("/keys/{}", info.key.id), &notice))
}

/// Asks again, with what stood in the way and as the key is now; what no other answer can mend becomes a page of its own.
async fn complain(
    visit: &Visit,
    key_id: &str,
    step: Step,
    until: Option<Timestamp>,
    reject: Reject,
) -> Result<Response, Failure> {
    let mut errors = FormErrors::default();
    match reject.code {
        RejectCode::VersionMismatch => errors.add_outdated(),
        RejectCode::InvalidField | RejectCode::PolicyDenied if step == Step::Extend => {
            let said = reject.fields.first().map(|it| format!("The end {}.", it.detail));
            errors.add("until", said.unwrap_or_else(|| reject.detail.to_string()));
        }
        RejectCode::StateConflict if step == Step::Cancel => {
            errors.add_general("The new secret is in use by now, as this page says: look again before you cancel.");
        }
        _ => return Ok(visit.failed(reject)),
    }
    let info = find(visit, key_id).await?;
    match question(visit, &info, step, until, errors) {
        Ok(page) => Ok(refused(visit.page(&page))),
        // The rotation is over.
        Err(_) => Ok(visit.failed(reject)),
    }
}
