//! Suspending an organization, and taking that back.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path};
use axum::response::Response;
use claviger_core::organization::{Organization, OrganizationStatus};
use claviger_core::reject::{Reject, RejectCode};
use serde::Deserialize;

use super::{OrganizationPath, authorize_from_above, find, found_row};
use crate::console::entrance::refused;
use crate::console::failure::Failure;
use crate::console::pages::form::FormErrors;
use crate::console::pages::shell::{Notice, Place};
use crate::console::pages::tree::SuspendPage;
use crate::console::visit::Visit;
use crate::ops::organizations::{OrganizationPatch, get_organization, update_organization};

/// What is typed before an organization is suspended.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::console) struct SuspendForm {
    name: String,
}

fn refuse_suspended(organization: &Organization) -> Result<(), Failure> {
    if organization.parent_id.is_none() {
        return Err(
            Reject::new(RejectCode::StateConflict, "The root cannot be suspended: nobody could lift that.").into()
        );
    }
    match organization.status {
        OrganizationStatus::Active => Ok(()),
        OrganizationStatus::Suspended => {
            Err(Reject::new(RejectCode::StateConflict, "The organization is suspended already.").into())
        }
    }
}

/// Asks before an organization is suspended, with what stops then.
pub(in crate::console) async fn show_suspend(
    visit: Visit,
    Path((_, id)): OrganizationPath,
) -> Result<Response, Failure> {
    let organization = find(&visit, &id).await?;
    authorize_from_above(&visit, &organization)?;
    refuse_suspended(&organization)?;
    let page = suspend_page(&visit, &organization, FormErrors::default()).await?;
    Ok(visit.page(&page))
}

async fn suspend_page(visit: &Visit, it: &Organization, errors: FormErrors) -> Result<SuspendPage, Failure> {
    Ok(SuspendPage { shell: visit.shell(Place::Settings), row: found_row(visit, it).await?, errors })
}

/// Suspends an organization whose name was typed.
pub(in crate::console) async fn suspend(
    visit: Visit,
    Path((_, id)): OrganizationPath,
    form: Result<Form<SuspendForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::bad_form())?;
    let organization = find(&visit, &id).await?;
    authorize_from_above(&visit, &organization)?;
    refuse_suspended(&organization)?;
    if form.name.trim() != organization.name.as_str() {
        let mut errors = FormErrors::default();
        errors.add("name", "Type the name exactly as it stands above.");
        return Ok(refused(visit.page(&suspend_page(&visit, &organization, errors).await?)));
    }
    set_status(&visit, &organization, OrganizationStatus::Suspended).await?;
    let notice = Notice::OrganizationSuspended(organization.name.to_string());
    let page = format!("/tree/{}", organization.id);
    // There is nothing to look at any more in one that is suspended; from above it is seen, and resumed.
    if let Some(parent_id) = organization.parent_id.filter(|_| organization.id == visit.organization_id()) {
        let above = get_organization(&visit.app, &visit.caller, parent_id).await;
        let path = above.map_or_else(|_| "/".to_owned(), |it| format!("/o/{}{page}", it.organization.slug));
        return Ok(visit.done_at(&path, &notice));
    }
    Ok(visit.done(&page, &notice))
}

/// Takes a suspension back. Its keys are good again, so nobody is asked first.
pub(in crate::console) async fn resume(visit: Visit, Path((_, id)): OrganizationPath) -> Result<Response, Failure> {
    let organization = find(&visit, &id).await?;
    authorize_from_above(&visit, &organization)?;
    set_status(&visit, &organization, OrganizationStatus::Active).await?;
    let notice = Notice::OrganizationResumed(organization.name.to_string());
    Ok(visit.done(&format!("/tree/{}", organization.id), &notice))
}

async fn set_status(visit: &Visit, it: &Organization, status: OrganizationStatus) -> Result<(), Failure> {
    let patch = OrganizationPatch { status: Some(status), ..OrganizationPatch::default() };
    update_organization(&visit.app, &visit.caller, it.id, patch, Some(it.version)).await?;
    Ok(())
}
