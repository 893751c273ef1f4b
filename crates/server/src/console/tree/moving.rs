//! Moving an organization below another one, with a look at what that would change.

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Path, Query};
use axum::response::Response;
use claviger_core::organization::Organization;
use claviger_core::policy::Setting;
use claviger_core::reject::{Reject, RejectCode};
use serde::Deserialize;

use super::form::places;
use super::{OrganizationPath, authorize_from_above, facts, find};
use crate::console::entrance::refused;
use crate::console::failure::Failure;
use crate::console::pages::form::FormErrors;
use crate::console::pages::shell::{Notice, Place};
use crate::console::pages::tree::{MovePage, MovePreview};
use crate::console::policies::{setting_label, setting_words};
use crate::console::visit::Visit;
use crate::ops::moves::move_organization;
use crate::ops::policies::get_policy;

/// Where to.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::console) struct MoveForm {
    version: String,
    /// The id of the new parent; empty before one is chosen.
    parent: String,
    /// What is searched for among the places where it could stand.
    q: String,
}

/// Shows where an organization could stand and, once a place is chosen, what that would change.
pub(in crate::console) async fn show_move(
    visit: Visit,
    Path((_, id)): OrganizationPath,
    query: Result<Query<MoveForm>, QueryRejection>,
) -> Result<Response, Failure> {
    let organization = find(&visit, &id).await?;
    authorize_from_above(&visit, &organization)?;
    if organization.parent_id.is_none() {
        return Err(Reject::new(RejectCode::StateConflict, "The root stays where it is.").into());
    }
    let Query(form) = query.unwrap_or_default();
    let page = page(&visit, &organization, &form, FormErrors::default()).await?;
    Ok(visit.page(&page))
}

async fn page(
    visit: &Visit,
    organization: &Organization,
    form: &MoveForm,
    mut errors: FormErrors,
) -> Result<MovePage, Failure> {
    let present = organization.parent_id.map(|it| it.to_string()).unwrap_or_default();
    let chosen = if form.parent.is_empty() { &present } else { &form.parent };
    let mut preview = None;
    if !form.parent.is_empty() && form.parent != present {
        match find(visit, &form.parent).await {
            Ok(parent) => preview = Some(compare(visit, organization, &parent).await?),
            Err(_) => errors.add("parent", "Choose one of the list."),
        }
    }
    Ok(MovePage {
        shell: visit.shell(Place::Settings),
        organization: facts(visit, organization, None),
        version: organization.version.to_string(),
        places: places(visit, chosen, &form.q, Some(organization.id)).await,
        preview,
        errors,
    })
}

/// What would hold otherwise below another parent.
async fn compare(visit: &Visit, it: &Organization, parent: &Organization) -> Result<MovePreview, Failure> {
    let now = get_policy(&visit.app, &visit.caller, it.id).await?.effective;
    let then = get_policy(&visit.app, &visit.caller, parent.id).await?.effective.inherit(&it.policy);
    let settings = Setting::ALL.into_iter().filter_map(|setting| {
        let (before, after) = (setting_words(setting, &now), setting_words(setting, &then));
        (before != after).then(|| (setting_label(setting), before, after))
    });
    Ok(MovePreview { parent_id: parent.id.to_string(), parent: parent.name.to_string(), settings: settings.collect() })
}

/// Moves an organization with all that is below it.
pub(in crate::console) async fn move_to(
    visit: Visit,
    Path((_, id)): OrganizationPath,
    form: Result<Form<MoveForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::bad_form())?;
    let organization = find(&visit, &id).await?;
    let mut errors = FormErrors::default();
    match find(&visit, &form.parent).await {
        Ok(parent) => {
            let version = form.version.parse().unwrap_or(organization.version);
            match move_organization(&visit.app, &visit.caller, organization.id, parent.id, Some(version), None).await {
                Ok(_) => {
                    let notice = Notice::OrganizationMoved(organization.name.to_string());
                    return Ok(visit.done(&format!("/tree/{}", organization.id), &notice));
                }
                Err(error) => {
                    let reject = error.into_reject();
                    match reject.code {
                        RejectCode::StateConflict
                        | RejectCode::LimitReached
                        | RejectCode::GrantExceedsOwn
                        | RejectCode::PolicyDenied => errors.add_general(reject.detail),
                        RejectCode::VersionMismatch => errors.add_general(
                            "Somebody changed this organization after you opened the page, so it was not moved. Look at it again.",
                        ),
                        _ => return Err(reject.into()),
                    }
                }
            }
        }
        Err(_) => errors.add("parent", "Choose one of the list."),
    }
    let page = page(&visit, &organization, &form, errors).await?;
    Ok(refused(visit.page(&page)))
}
