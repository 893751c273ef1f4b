//! A rotation that is under way: how far it has come, and the questions before it is ended, extended or taken back.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Path, Query};
use axum::response::Response;
use claviger_core::id::SecretId;
use claviger_core::key::KeyState;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::secret::AccessId;
use claviger_core::time::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;

use super::choices::DAY;
use super::form::find;
use super::rights::rights_to;
use super::view;
use crate::console::entrance::{held_back, refused};
use crate::console::failure::Failure;
use crate::console::pages::form::{Choice, FormErrors};
use crate::console::pages::keys::KeyRights;
use crate::console::pages::rotation::{OldSecretView, RotationPage, RotationQuestion, RotationView, TurningSecret};
use crate::console::pages::shell::{Moment, Notice, Place};
use crate::console::visit::Visit;
use crate::ops::keys::{
    KeyInfo, OldSecret, Rotation, RotationChange, RotationStep, SecretInfo, change_rotation, rotation_of,
};

/// By how much the form offers to put the end off, beside as long as policy lets it.
pub(in crate::console) const LONGER: [(Duration, &str); 2] =
    [(DAY, "A day later"), (DAY.saturating_mul(7), "7 days later")];

/// The organization's slug and the key's id in a path.
type KeyPath = Path<(String, String)>;

/// What is done to a rotation, by the last part of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::console) enum Step {
    End,
    Extend,
    Cancel,
}

/// Which old secret is asked about; by default all of them where they end, else the one that was replaced last.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::console) struct Asked {
    secret: String,
}

/// The answer to the question, as it is sent.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::console) struct RotationForm {
    /// Which old secret, as it was asked.
    secret: String,
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
    Ok(rotation.map(|it| RotationView {
        old: it.all_old().map(|it| old_view(it, may)).collect(),
        new: new_view(&it.new),
        may_end: may.edit,
        may_cancel: may.rotate,
    }))
}

fn secret_view(it: &SecretInfo, used_since: bool) -> TurningSecret {
    TurningSecret {
        id: it.secret.id.to_string(),
        hint: it.secret.access_id.as_ref().map(AccessId::hint),
        made: Moment::new(it.secret.created_at),
        last_use: view::last_use(it.last_use.as_ref()),
        user_agent: it.last_use.as_ref().and_then(|it| it.user_agent.clone()),
        used_since,
    }
}

pub(super) fn new_view(it: &SecretInfo) -> TurningSecret {
    secret_view(it, it.last_use.is_some())
}

pub(super) fn old_view(it: &OldSecret, may: KeyRights) -> OldSecretView {
    OldSecretView {
        secret: secret_view(&it.info, it.is_used_since()),
        until: Moment::new(it.until.at),
        ends_with_key: it.until.with_key,
        may_extend: may.rotate && it.extendable_until.is_some(),
    }
}

/// Asks before a rotation is changed.
pub(in crate::console) async fn show(
    visit: Visit,
    Path((_, key_id)): KeyPath,
    query: Result<Query<Asked>, QueryRejection>,
    step: Step,
) -> Result<Response, Failure> {
    let info = find(&visit, &key_id).await?;
    visit.require_to("update", &info.key)?;
    let asked = query.map(|it| it.0).unwrap_or_default();
    let turning = Turning::find(&visit, &info, step, &asked.secret)?;
    let page = question(&visit, &info, &turning, None, FormErrors::default())?;
    Ok(visit.page(&page))
}

/// What is asked about a rotation, and of which of its old secrets.
struct Turning {
    step: Step,
    rotation: Rotation,
    /// As it is sent with the form; none where all of them are meant.
    secret_id: Option<SecretId>,
}

impl Turning {
    /// What is asked, or why there is nothing to ask about.
    fn find(visit: &Visit, info: &KeyInfo, step: Step, secret: &str) -> Result<Self, Failure> {
        let over = |detail| Reject::new(RejectCode::StateConflict, detail);
        let rotation = rotation_of(&visit.app, info)?
            .ok_or_else(|| over("This key is not being rotated: no old secret of it is good any more."))?;
        let secret_id = match (step, secret) {
            (Step::End, "") if rotation.older.is_empty() => Some(rotation.old.info.secret.id),
            (Step::End, "") => None,
            (_, "") => Some(rotation.old.info.secret.id),
            (_, secret) => {
                let good = secret.parse().ok().filter(|id| rotation.find(*id).is_some());
                Some(good.ok_or_else(|| {
                    over("This old secret is not good any more: there is nothing left to change about it.")
                })?)
            }
        };
        Ok(Self { step, rotation, secret_id })
    }

    /// The old secrets that are meant.
    fn old(&self) -> impl Iterator<Item = &OldSecret> {
        self.rotation.all_old().filter(|it| self.secret_id.is_none_or(|id| id == it.info.secret.id))
    }

    /// Whether something is stopped that is in use.
    fn must_confirm(&self, visit: &Visit) -> bool {
        let is_used = |it: &SecretInfo| visit.must_confirm_end_of(it.last_use.as_ref());
        match self.step {
            Step::End => self.old().any(|it| is_used(&it.info)),
            Step::Extend => false,
            Step::Cancel => is_used(&self.rotation.new),
        }
    }
}

fn question(
    visit: &Visit,
    info: &KeyInfo,
    turning: &Turning,
    chosen: Option<Timestamp>,
    errors: FormErrors,
) -> Result<RotationPage, Failure> {
    let may = rights_to(visit, info);
    let old: Vec<_> = turning.old().map(|it| old_view(it, may)).collect();
    Ok(RotationPage {
        shell: visit.shell(Place::Keys),
        key: view::facts(info, visit.app.now()),
        must_confirm: turning.must_confirm(visit),
        question: match turning.step {
            Step::End => RotationQuestion::End,
            Step::Extend => RotationQuestion::Extend { ends: ends(turning, chosen)? },
            Step::Cancel => RotationQuestion::Cancel,
        },
        others: turning.rotation.all_old().count() - old.len(),
        old,
        new: new_view(&turning.rotation.new),
        version: info.key.version.to_string(),
        errors,
    })
}

/// The ends that can be chosen.
fn ends(turning: &Turning, chosen: Option<Timestamp>) -> Result<Vec<Choice>, Failure> {
    let can_extend = turning.old().find_map(|it| Some((it.until.at, it.extendable_until?)));
    let (until, latest) = can_extend.ok_or_else(|| {
        let detail = "The old secret already works for as long as policy lets it, or as the key does.";
        Reject::new(RejectCode::PolicyDenied, detail)
    })?;
    let offered: BTreeSet<_> = LONGER.iter().map(|(by, _)| until.saturating_add(*by)).collect();
    let offered: BTreeSet<_> = offered.into_iter().filter(|it| *it < latest).chain([latest]).collect();
    let preset = chosen.filter(|it| offered.contains(it)).or_else(|| offered.first().copied());
    let choice = |it: Timestamp| {
        let by = LONGER.iter().find(|(by, _)| until.saturating_add(*by) == it);
        let label = by.filter(|_| it != latest).map_or("As late as it can", |it| it.1);
        let note = format!("It works until {} UTC.", it.to_table_text());
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
    let turning = Turning::find(&visit, &info, step, &form.secret)?;
    let until = form.until.parse().ok();
    let change = match (step, until) {
        (Step::End, _) => RotationChange::End,
        (Step::Cancel, _) => RotationChange::Cancel { even_if_used: !form.even_if_used.is_empty() },
        (Step::Extend, Some(until)) => RotationChange::Extend { until },
        (Step::Extend, None) => {
            let mut errors = FormErrors::default();
            errors.add("until", "Choose when the old secret stops.");
            let page = question(&visit, &info, &turning, None, errors)?;
            return Ok(refused(visit.page(&page)));
        }
    };
    if turning.must_confirm(&visit)
        && let Err(unconfirmed) = visit.confirm_by(form.confirm).await?
    {
        let page = question(&visit, &info, &turning, until, unconfirmed.errors)?;
        return Ok(held_back(visit.page(&page), unconfirmed.wait_secs));
    }
    // A form without a version was made by hand; it is held to the present one.
    let version = form.version.parse().unwrap_or(info.key.version);
    let organization_id = visit.organization_id();
    let change = RotationStep { change, secret_id: turning.secret_id };
    let changed = change_rotation(&visit.app, &visit.caller, organization_id, info.key.id, change, Some(version), None);
    if let Err(error) = changed.await {
        return complain(&visit, &key_id, step, &form.secret, until, error.into_reject()).await;
    }
    let name = info.key.name.to_string();
    let mut hints = turning.old().filter_map(|it| it.info.secret.access_id.as_ref().map(AccessId::hint));
    let hint = hints.next().filter(|_| turning.secret_id.is_some()).unwrap_or_default();
    let notice = match step {
        Step::End => Notice::RotationEnded(name, hint),
        Step::Extend => Notice::RotationExtended(name, hint),
        Step::Cancel => Notice::RotationCancelled(name, hint),
    };
    // On the key's page stands what has become of the secrets; it goes on knowing where its reader came from.
    let kept = visit.shell(Place::Keys).kept("?");
    Ok(visit.done(&format!("/keys/{}{kept}", info.key.id), &notice))
}

/// Asks again, with what stood in the way and as the key is now; what no other answer can mend becomes a page of its own.
async fn complain(
    visit: &Visit,
    key_id: &str,
    step: Step,
    secret: &str,
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
        _ => return Err(reject.into()),
    }
    let info = find(visit, key_id).await?;
    match Turning::find(visit, &info, step, secret).and_then(|it| question(visit, &info, &it, until, errors)) {
        Ok(page) => Ok(refused(visit.page(&page))),
        // The rotation is over.
        Err(_) => Err(reject.into()),
    }
}
