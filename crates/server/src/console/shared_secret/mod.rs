//! An organization's shared secret: create, look at it again, rotate, delete, and how to sign in with it.

pub(super) mod bundle;
pub(super) mod overlap;

use std::collections::BTreeSet;
use std::time::Duration;

use axum::extract::Form;
use axum::extract::rejection::FormRejection;
use axum::response::Response;
use claviger_core::decision::Code;
use claviger_core::policy::ROTATION_OVERLAP_HOURS_MAX;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::secret::SecretState;
use claviger_core::shared_secret::SharedSecret;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use super::confirm::ConfirmForm;
use super::entrance::{held_back, refused};
use super::failure::Failure;
use super::keys::secrets::{OVERLAPS, new_once, once_of, overlap_label};
use super::pages::form::{Choice, FormErrors};
use super::pages::shared_secret::{
    SharedSecretPage, SharedSecretQuestion, SharedSecretQuestionPage, SharedSecretRights, SharedSecretShownPage,
    ShownBecause,
};
use super::pages::shell::{Moment, Notice, Place};
use super::pages::snippets::sign_in_with_key;
use super::visit::Visit;
use crate::ops::idempotency::{Answer, Idempotency};
use crate::ops::keys::Overlap;
use crate::ops::shared_secrets::{
    ShownSharedSecret, create_shared_secret, delete_shared_secret, list_shared_secrets, reveal_shared_secret,
    rotate_shared_secret, shared_secret_overlap_bounds,
};

/// Where the page stands within the organization.
const PATH: &str = "/shared-secret";
const OVERLAP_SECS_MAX: u64 = ROTATION_OVERLAP_HOURS_MAX as u64 * 60 * 60;

/// What the reader may do to it.
pub(super) fn rights(visit: &Visit) -> SharedSecretRights {
    SharedSecretRights {
        create: visit.may_do("claviger/shared-secrets:create"),
        view: visit.may_do("claviger/shared-secrets:reveal"),
        rotate: visit.may_do("claviger/shared-secrets:update"),
        delete: visit.may_do("claviger/shared-secrets:delete"),
    }
}

/// Whether the reader may see that there is one at all.
pub(super) fn may_see(visit: &Visit) -> bool {
    visit.may_do("claviger/shared-secrets:read")
}

/// Shows what there is, never the secret itself.
pub(super) async fn show(visit: Visit) -> Result<Response, Failure> {
    Ok(visit.page(&page(&visit).await?))
}

async fn found(visit: &Visit) -> Result<Vec<SharedSecret>, Failure> {
    Ok(list_shared_secrets(&visit.app, &visit.caller, visit.organization_id()).await?)
}

async fn page(visit: &Visit) -> Result<SharedSecretPage, Failure> {
    let secrets = found(visit).await?;
    let current = secrets.iter().find(|it| it.state == SecretState::Current);
    Ok(SharedSecretPage {
        shell: visit.shell(Place::Keys),
        made: current.map(|it| Moment::new(it.created_at)),
        old: overlap::old_views(visit, &secrets)?,
        may: rights(visit),
        snippets: sign_in_with_key(&visit.site.base_url, visit.organization.slug.as_str()),
    })
}

/// Makes the shared secret, and shows it.
pub(super) async fn create(visit: Visit) -> Result<Response, Failure> {
    match create_shared_secret(&visit.app, &visit.caller, visit.organization_id(), None).await {
        Ok(answer) => shown(&visit, answer, ShownBecause::Made).await,
        Err(error) => {
            let reject = error.into_reject();
            // Sent twice: it was made by the first.
            if reject.code == RejectCode::StateConflict { show(visit).await } else { Err(reject.into()) }
        }
    }
}

async fn shown(visit: &Visit, answer: Answer<ShownSharedSecret>, because: ShownBecause) -> Result<Response, Failure> {
    let Some(shown) = answer.fresh() else { return Ok(visit.page(&page(visit).await?)) };
    let until = shown.secrets.iter().find_map(|it| match it.state {
        SecretState::Retiring { until } => Some(Moment::new(until)),
        SecretState::Current | SecretState::Dead => None,
    });
    Ok(visit.page(&SharedSecretShownPage {
        shell: visit.shell(Place::Keys),
        because,
        secret: shown.token.expose().to_owned(),
        old_until: until,
        snippets: sign_in_with_key(&visit.site.base_url, visit.organization.slug.as_str()),
    }))
}

/// A question about the shared secret, where there is one.
async fn question(
    visit: &Visit,
    question: SharedSecretQuestion,
    must_confirm: bool,
    errors: FormErrors,
) -> Result<SharedSecretQuestionPage, Failure> {
    if found(visit).await?.is_empty() {
        return Err(Failure::not_found());
    }
    Ok(SharedSecretQuestionPage { shell: visit.shell(Place::Keys), question, must_confirm, errors })
}

/// Asks before it is shown.
pub(super) async fn show_view(visit: Visit) -> Result<Response, Failure> {
    require(rights(&visit).view)?;
    let page = question(&visit, SharedSecretQuestion::View, visit.is_long_ago(), FormErrors::default()).await?;
    Ok(visit.page(&page))
}

fn require(may: bool) -> Result<(), Failure> {
    if may { Ok(()) } else { Err(Reject::from(Code::InsufficientPermission).into()) }
}

/// Shows it: in the answer to this one request, which nothing keeps.
pub(super) async fn view(
    mut visit: Visit,
    form: Result<Form<ConfirmForm>, FormRejection>,
) -> Result<Response, Failure> {
    require(rights(&visit).view)?;
    if visit.is_long_ago()
        && let Err(unconfirmed) = visit.confirm(form).await?
    {
        let page = question(&visit, SharedSecretQuestion::View, true, unconfirmed.errors).await?;
        return Ok(held_back(visit.page(&page), unconfirmed.wait_secs));
    }
    match reveal_shared_secret(&visit.app, &visit.caller, visit.organization_id(), None).await {
        Ok(answer) => shown(&visit, answer, ShownBecause::Asked).await,
        Err(error) => {
            let reject = error.into_reject();
            if reject.code != RejectCode::ConfirmationRequired {
                return Err(reject.into());
            }
            // The ten minutes were over between the question and its answer.
            let page = question(&visit, SharedSecretQuestion::View, true, FormErrors::default()).await?;
            Ok(refused(visit.page(&page)))
        }
    }
}

/// The rotation form as it is sent.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct RotateForm {
    once: String,
    /// Seconds for which the old one stays good; one of those that were offered.
    overlap: String,
    confirm: SecretString,
}

/// Asks how it is to be rotated.
pub(super) async fn show_rotate(visit: Visit) -> Result<Response, Failure> {
    require(rights(&visit).rotate)?;
    let asked = rotation(&visit, new_once(&visit.app), None)?;
    let page = question(&visit, asked, visit.is_long_ago(), FormErrors::default()).await?;
    Ok(visit.page(&page))
}

fn rotation(visit: &Visit, once: String, chosen: Option<u64>) -> Result<SharedSecretQuestion, Failure> {
    let now = visit.app.now();
    let bounds = shared_secret_overlap_bounds(&visit.app, visit.organization_id())?;
    let (preset, max) = (bounds.preset.as_secs(), bounds.max.as_secs());
    let offered: BTreeSet<_> = OVERLAPS.into_iter().filter(|secs| *secs <= max).chain([preset]).collect();
    let preset = chosen.filter(|it| offered.contains(it)).unwrap_or(preset);
    let overlaps = offered.into_iter().map(|secs| {
        let until = now.saturating_add(Duration::from_secs(secs)).to_table_text();
        let note = match secs {
            0 => "Whoever still signs with it is refused at once.".to_owned(),
            _ => format!("Both are accepted until {until} UTC."),
        };
        Choice::new(secs.to_string(), overlap_label(secs), secs == preset).with_note(note)
    });
    Ok(SharedSecretQuestion::Rotate { once, overlaps: overlaps.collect() })
}

/// Rotates it, and shows the new one: to whoever signed in a while ago only after they said who they are, like every look at it.
pub(super) async fn rotate(
    mut visit: Visit,
    form: Result<Form<RotateForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::bad_form())?;
    require(rights(&visit).rotate)?;
    let mut errors = FormErrors::default();
    let chosen = form.overlap.parse().ok().filter(|secs| *secs <= OVERLAP_SECS_MAX);
    if chosen.is_some()
        && visit.is_long_ago()
        && let Err(unconfirmed) = visit.confirm_by(form.confirm).await?
    {
        let asked = rotation(&visit, form.once, chosen)?;
        let page = question(&visit, asked, true, unconfirmed.errors).await?;
        return Ok(held_back(visit.page(&page), unconfirmed.wait_secs));
    }
    if let Some(secs) = chosen {
        let (key, fingerprint) = once_of("rotate-shared-secret", &form.once, [&form.overlap]);
        let once =
            Idempotency { key, fingerprint, status: 200, render: |_| Value::Null, headers: |_| Default::default() };
        let overlap = Overlap::For(Duration::from_secs(secs));
        match rotate_shared_secret(&visit.app, &visit.caller, visit.organization_id(), overlap, Some(once)).await {
            Ok(answer) => return shown(&visit, answer, ShownBecause::Rotated).await,
            Err(error) => {
                let reject = error.into_reject();
                match reject.code {
                    RejectCode::PolicyDenied | RejectCode::LimitReached => errors.add("overlap", reject.detail),
                    _ => return Err(reject.into()),
                }
            }
        }
    } else {
        errors.add("overlap", "Choose when the old one stops.");
    }
    let asked = rotation(&visit, form.once, chosen)?;
    // Whoever chose has just confirmed.
    let must_confirm = chosen.is_none() && visit.is_long_ago();
    Ok(refused(visit.page(&question(&visit, asked, must_confirm, errors).await?)))
}

/// Asks before it is deleted.
pub(super) async fn show_delete(visit: Visit) -> Result<Response, Failure> {
    require(rights(&visit).delete)?;
    let page = question(&visit, SharedSecretQuestion::Delete, visit.is_long_ago(), FormErrors::default()).await?;
    Ok(visit.page(&page))
}

/// Deletes it.
pub(super) async fn delete(
    mut visit: Visit,
    form: Result<Form<ConfirmForm>, FormRejection>,
) -> Result<Response, Failure> {
    require(rights(&visit).delete)?;
    if visit.is_long_ago()
        && let Err(unconfirmed) = visit.confirm(form).await?
    {
        let page = question(&visit, SharedSecretQuestion::Delete, true, unconfirmed.errors).await?;
        return Ok(held_back(visit.page(&page), unconfirmed.wait_secs));
    }
    delete_shared_secret(&visit.app, &visit.caller, visit.organization_id()).await?;
    Ok(visit.done(PATH, &Notice::SharedSecretDeleted))
}
