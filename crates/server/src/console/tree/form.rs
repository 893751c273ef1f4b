//! Making an organization below another, and changing what it is called.

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Path, Query};
use axum::response::Response;
use claviger_core::id::OrganizationId;
use claviger_core::limits;
use claviger_core::name::{ExternalId, Name, Slug};
use claviger_core::organization::Organization;
use claviger_core::reject::{Reject, RejectCode};
use serde::Deserialize;

use super::{OrganizationPath, UPDATE, facts, find};
use crate::console::entrance::{keep, refused};
use crate::console::failure::Failure;
use crate::console::pages::form::{Choice, FormErrors, typed};
use crate::console::pages::shell::{Notice, Place};
use crate::console::pages::tree::{OrganizationFormPage, Places};
use crate::console::paging::search_words;
use crate::console::visit::Visit;
use crate::ops::organizations::{
    NewOrganization, OrganizationPatch, OrganizationQuery, create_organization, list_organizations, update_organization,
};
use crate::ops::page::PageRequest;

/// The form of an organization, as it is sent.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::console) struct OrganizationForm {
    version: String,
    /// The id of the one above; empty for the one that the page belongs to.
    under: String,
    /// What is searched for among those that it could stand below.
    q: String,
    name: String,
    slug: String,
    external_id: String,
}

type Read = (Name, Option<Slug>, Option<ExternalId>);

impl OrganizationForm {
    fn read(&self, errors: &mut FormErrors) -> Option<Read> {
        let name = keep(errors, "name", "The name", Name::parse(&self.name));
        let slug = Some(self.slug.trim()).filter(|it| !it.is_empty());
        let slug = slug.map(|it| keep(errors, "slug", "The short name", Slug::parse(it)));
        let external_id = Some(self.external_id.trim()).filter(|it| !it.is_empty());
        let external_id = external_id.map(|it| keep(errors, "external_id", "The external id", ExternalId::parse(it)));
        let or_none = |failed: bool| (!failed).then_some(());
        or_none(matches!(slug, Some(None)))?;
        or_none(matches!(external_id, Some(None)))?;
        Some((name?, slug.flatten(), external_id.flatten()))
    }
}

/// Shows the empty form; the address may say below which organization.
pub(in crate::console) async fn show_new(
    visit: Visit,
    query: Result<Query<OrganizationForm>, QueryRejection>,
) -> Result<Response, Failure> {
    visit.caller.authorize(&visit.app, visit.organization_id(), "claviger/organizations:create")?;
    let Query(form) = query.unwrap_or_default();
    let form = OrganizationForm { under: form.under, q: form.q, ..OrganizationForm::default() };
    if !form.under.is_empty() {
        find(&visit, &form.under).await?;
    }
    Ok(visit.page(&form_page(&visit, None, &form, FormErrors::default()).await))
}

/// Makes an organization.
pub(in crate::console) async fn create(
    visit: Visit,
    form: Result<Form<OrganizationForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::bad_form())?;
    let mut errors = FormErrors::default();
    let parent = match form.under.as_str() {
        "" => Some((visit.organization_id(), visit.organization.name.to_string())),
        under => {
            let found = find(&visit, under).await.map_err(|_| errors.add("under", "Choose one of the list."));
            found.ok().map(|it| (it.id, it.name.to_string()))
        }
    };
    if let (Some((parent_id, parent)), Some((name, slug, external_id))) = (parent, form.read(&mut errors)) {
        let new = NewOrganization { name, slug, external_id, policy: None, allowed_ips: None, confirms_lockout: false };
        match create_organization(&visit.app, &visit.caller, parent_id, new, None).await {
            Ok(answer) => {
                let made = answer.fresh().ok_or_else(Failure::not_found)?.organization;
                let notice = Notice::OrganizationCreated(made.name.to_string(), parent);
                return Ok(visit.done(&format!("/tree/{}", made.id), &notice));
            }
            Err(error) => complain(&mut errors, error.into_reject())?,
        }
    }
    Ok(refused(visit.page(&form_page(&visit, None, &form, errors).await)))
}

/// Shows the form with what an organization is called now.
pub(in crate::console) async fn show_edit(visit: Visit, Path((_, id)): OrganizationPath) -> Result<Response, Failure> {
    let it = find(&visit, &id).await?;
    visit.caller.authorize_record(&visit.app, it.id, UPDATE)?;
    Ok(visit.page(&form_page(&visit, Some(&it), &present(&it), FormErrors::default()).await))
}

/// The form as it stands for what an organization is called now.
fn present(it: &Organization) -> OrganizationForm {
    OrganizationForm {
        version: it.version.to_string(),
        name: it.name.to_string(),
        slug: it.slug.to_string(),
        external_id: it.external_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        ..OrganizationForm::default()
    }
}

/// Changes what an organization is called.
pub(in crate::console) async fn edit(
    visit: Visit,
    Path((_, id)): OrganizationPath,
    form: Result<Form<OrganizationForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(mut form) = form.map_err(|_| Failure::bad_form())?;
    let before = find(&visit, &id).await?;
    let mut errors = FormErrors::default();
    if let Some((name, slug, external_id)) = form.read(&mut errors) {
        let version = form.version.parse().unwrap_or(before.version);
        let patch = OrganizationPatch {
            name: Some(name),
            slug,
            external_id: Some(external_id),
            ..OrganizationPatch::default()
        };
        match update_organization(&visit.app, &visit.caller, before.id, patch, Some(version)).await {
            Ok(info) => {
                let after = info.organization;
                let notice = Notice::OrganizationUpdated(after.name.to_string());
                let rest = format!("/tree/{}", after.id);
                // Another slug of this one is another address for all of its pages.
                return Ok(if after.id == visit.organization_id() {
                    visit.done_at(&format!("/o/{}{rest}", after.slug), &notice)
                } else {
                    visit.done(&rest, &notice)
                });
            }
            Err(error) => complain(&mut errors, error.into_reject())?,
        }
    }
    if errors.is_outdated() {
        let now = present(&before);
        errors.compare([
            ("Name", form.name.clone(), now.name),
            ("Short name", form.slug.clone(), now.slug),
            ("External id", form.external_id.clone(), now.external_id),
        ]);
        form.version = now.version;
    }
    Ok(refused(visit.page(&form_page(&visit, Some(&before), &form, errors).await)))
}

async fn form_page(
    visit: &Visit,
    organization: Option<&Organization>,
    form: &OrganizationForm,
    errors: FormErrors,
) -> OrganizationFormPage {
    OrganizationFormPage {
        shell: visit.shell(Place::Settings),
        organization: organization.map(|it| facts(visit, it, None)),
        version: typed(&form.version),
        name: typed(&form.name),
        slug: typed(&form.slug),
        external_id: typed(&form.external_id),
        places: match organization {
            None => places(visit, &form.under, &form.q, None).await,
            Some(_) => Places::default(),
        },
        errors,
    }
}

/// Where an organization can stand: the one that the page belongs to and those below it, but for `but` and what is below that. Of many, those
/// that the search finds; the one that is chosen is always among them, since a browser takes the first of a list in which none is.
pub(super) async fn places(visit: &Visit, chosen: &str, search: &str, but: Option<OrganizationId>) -> Places {
    let all = PageRequest { after: None, limit: limits::PAGE_ITEMS_MAX };
    let here = visit.organization_id();
    let search = search_words(search);
    let wanted = Some(search.clone()).filter(|it| !it.is_empty());
    let query = OrganizationQuery { is_children_only: false, search: wanted };
    let found = list_organizations(&visit.app, &visit.caller, here, query, all).await;
    let (mut found, is_part) = found.map(|it| (it.items, it.next.is_some())).unwrap_or_default();
    found.retain(|it| but.is_none_or(|but| !visit.app.replica().path(it.id).contains(&but)));
    let here = here.to_string();
    let mut preset = None;
    for id in [chosen, &here] {
        let listed = found.iter().position(|it| it.id.to_string() == id);
        let it = match listed {
            Some(at) => Some(found.remove(at)),
            None => find(visit, id).await.ok(),
        };
        if let Some(it) = it {
            preset.get_or_insert(it.id);
            found.insert(if preset == Some(it.id) { 0 } else { 1 }, it);
        }
    }
    let choice = |it: &Organization| Choice::new(it.id.to_string(), it.name.as_str(), Some(it.id) == preset);
    Places {
        chosen: found.iter().find(|it| Some(it.id) == preset).map(|it| it.name.to_string()).unwrap_or_default(),
        choices: found.iter().map(choice).collect(),
        is_searched: is_part || !search.is_empty(),
        search,
    }
}

/// Puts a refusal of the operation beside the field it is about.
fn complain(errors: &mut FormErrors, reject: Reject) -> Result<(), Failure> {
    match reject.code {
        RejectCode::VersionMismatch => errors.add_outdated(),
        RejectCode::StateConflict | RejectCode::LimitReached => errors.add_general(reject.detail),
        RejectCode::NameTaken if reject.fields.is_empty() => errors.add_general(reject.detail),
        RejectCode::InvalidField | RejectCode::NameTaken => {
            let known = [
                ("/slug", "slug", "The short name"),
                ("/external_id", "external_id", "The external id"),
                ("/name", "name", "The name"),
            ];
            errors.add_fields(&reject.fields, &known);
        }
        _ => return Err(reject.into()),
    }
    Ok(())
}
