//! Configure › APIs: what the apis of the installation are called, their versions, and what developers read about these at `/docs`.
//!
//! It stands at the root alone: what organizations below say of their apis is shown to nobody here.

mod documents;
mod guides;
mod versions;
mod view;

use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path};
use axum::response::Response;
use axum::routing::get;
use claviger_core::api::{Api, ApiVersion, DocumentHead};
use claviger_core::id::ApiId;
use claviger_core::limits::PAGE_ITEMS_MAX;
use claviger_core::name::Name;
use claviger_core::reject::{Reject, RejectCode};
use serde::Deserialize;

use super::entrance::{keep, refused};
use super::failure::Failure;
use super::menu::Section;
use super::pages::apis::{ApiPage, ApisPage, RenameApiPage};
use super::pages::form::{FormErrors, typed};
use super::pages::settings::Crumb;
use super::pages::shell::{Notice, Place};
use super::visit::Visit;
use crate::app::App;
use crate::ops::api_documents::{DocumentPlace, list_documents};
use crate::ops::apis::{ApiPatch, list_apis, update_api};
use crate::ops::page::PageRequest;

/// Where the list stands within the organization.
pub(super) const PATH: &str = "/configure/apis";
/// What it is called.
pub(super) const TITLE: &str = "APIs";
/// What it needs, at the root.
pub(super) const NEEDS: &[&str] = &["claviger/apis:read", "claviger/apis:update"];

type ApiPath = Path<(String, String)>;

/// The pages of apis.
pub(super) fn router() -> Router<App> {
    Router::new()
        .route(PATH, get(show_apis))
        .route("/configure/apis/{api}", get(show_api))
        .route("/configure/apis/{api}/rename", get(show_rename).post(rename))
        .route("/configure/apis/{api}/versions", get(versions::show_new).post(versions::create))
        .route("/configure/apis/{api}/versions/{version}", get(versions::show))
        .route("/configure/apis/{api}/versions/{version}/edit", get(versions::show_edit).post(versions::edit))
        .route("/configure/apis/{api}/versions/{version}/delete", get(versions::show_delete).post(versions::delete))
        .route("/configure/apis/{api}/versions/{version}/openapi", get(documents::show).post(documents::put))
        .route(
            "/configure/apis/{api}/versions/{version}/openapi/delete",
            get(documents::show_delete).post(documents::delete),
        )
        .route("/configure/apis/{api}/versions/{version}/guides", get(guides::show_new).post(guides::create))
        .route(
            "/configure/apis/{api}/versions/{version}/guides/{guide}/edit",
            get(guides::show_edit).post(guides::edit),
        )
        .route(
            "/configure/apis/{api}/versions/{version}/guides/{guide}/delete",
            get(guides::show_delete).post(guides::delete),
        )
}

/// Refuses whoever may not change the apis here; below the root there is no such page.
fn enter(visit: &Visit) -> Result<(), Failure> {
    if !visit.is_at_root() {
        return Err(Failure::not_found());
    }
    for permission in NEEDS {
        visit.caller.authorize(&visit.app, visit.organization_id(), permission)?;
    }
    Ok(())
}

/// An api with what is said of its versions.
struct Opened {
    api: Api,
    documents: Vec<DocumentHead>,
}

impl Opened {
    async fn find(visit: &Visit, api: &str) -> Result<Self, Failure> {
        enter(visit)?;
        let id: ApiId = api.parse().map_err(|_| Failure::not_found())?;
        let (api, documents) = list_documents(&visit.app, &visit.caller, visit.organization_id(), id).await?;
        Ok(Self { api, documents })
    }

    /// The version of a path.
    fn version(&self, slug: &str) -> Result<&ApiVersion, Failure> {
        self.api.versions.iter().find(|it| it.slug.as_str() == slug).ok_or_else(Failure::not_found)
    }

    /// What is said of a version.
    fn documents_of<'a>(&'a self, it: &'a ApiVersion) -> impl Iterator<Item = &'a DocumentHead> {
        self.documents.iter().filter(move |document| document.api_version == it.slug)
    }

    /// Where the OpenAPI document of a version stands.
    fn place(&self, it: &ApiVersion) -> DocumentPlace {
        let (organization_id, api_id) = (self.api.organization_id, self.api.id);
        DocumentPlace { organization_id, api_id, api_version: it.slug.clone(), guide: None }
    }
}

/// The way to what stands below the list.
fn below() -> Vec<Crumb> {
    let mut crumbs = Section::Configure.crumbs_below();
    crumbs.push(Crumb { path: PATH, label: TITLE });
    crumbs
}

/// Lists the apis; there are no more of them than one page has.
async fn show_apis(visit: Visit) -> Result<Response, Failure> {
    enter(&visit)?;
    let all = PageRequest { after: None, limit: PAGE_ITEMS_MAX };
    let found = list_apis(&visit.app, &visit.caller, visit.organization_id(), all).await?;
    Ok(visit.page(&ApisPage {
        shell: visit.shell(Place::Settings),
        crumbs: Section::Configure.crumbs_below(),
        rows: found.items.iter().map(|it| (view::api(it), it.versions.len())).collect(),
    }))
}

/// Shows an api with its versions.
async fn show_api(visit: Visit, Path((_, api)): ApiPath) -> Result<Response, Failure> {
    let opened = Opened::find(&visit, &api).await?;
    Ok(visit.page(&ApiPage {
        shell: visit.shell(Place::Settings),
        crumbs: below(),
        api: view::api(&opened.api),
        rows: opened.api.versions.iter().map(|it| view::version(&opened, it, visit.app.now())).collect(),
    }))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RenameForm {
    version: String,
    name: String,
}

fn rename_page(visit: &Visit, api: &Api, form: &RenameForm, errors: FormErrors) -> RenameApiPage {
    RenameApiPage {
        shell: visit.shell(Place::Settings),
        crumbs: below(),
        api: view::api(api),
        version: typed(&form.version),
        name: typed(&form.name),
        errors,
    }
}

/// Asks what an api is called.
async fn show_rename(visit: Visit, Path((_, api)): ApiPath) -> Result<Response, Failure> {
    let Opened { api, .. } = Opened::find(&visit, &api).await?;
    let form = RenameForm { version: api.version.to_string(), name: api.name.to_string() };
    Ok(visit.page(&rename_page(&visit, &api, &form, FormErrors::default())))
}

/// Calls an api otherwise.
async fn rename(
    visit: Visit,
    Path((_, api)): ApiPath,
    form: Result<Form<RenameForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(mut form) = form.map_err(|_| Failure::bad_form())?;
    let Opened { api, .. } = Opened::find(&visit, &api).await?;
    let version = form.version.parse().map_err(|_| Failure::bad_form())?;
    let mut errors = FormErrors::default();
    if let Some(name) = keep(&mut errors, "name", "The name", Name::parse(&form.name)) {
        let patch = ApiPatch { name: Some(name), ..ApiPatch::default() };
        match update_api(&visit.app, &visit.caller, api.organization_id, api.id, patch, Some(version)).await {
            Ok(api) => {
                return Ok(visit.done(&view::path_of(&api), &Notice::ApiSaved(api.name.to_string())));
            }
            Err(error) => complain(&mut errors, error.into_reject())?,
        }
        if errors.is_outdated() {
            errors.compare([("Name", form.name.clone(), api.name.to_string())]);
            form.version = api.version.to_string();
        }
    }
    Ok(refused(visit.page(&rename_page(&visit, &api, &form, errors))))
}

/// Puts a refusal of an operation beside the field it is about.
fn complain(errors: &mut FormErrors, reject: Reject) -> Result<(), Failure> {
    match reject.code {
        RejectCode::VersionMismatch => errors.add_outdated(),
        RejectCode::InvalidField => {
            let known = [
                ("", "openapi", "The document"),
                ("guide", "slug", "The short name"),
                ("/markdown", "markdown", "The text"),
                ("/status", "status", "The version"),
                ("/slug", "name", "The name"),
                ("/label", "label", "The label"),
                ("/deprecated_at", "deprecated_at", "The day"),
                ("/sunset_at", "sunset_at", "The day"),
                ("/title", "title", "The title"),
            ];
            // A form has one version; which of the list that is it does not say.
            let place = |pointer: &str| match pointer
                .strip_prefix("/versions/")
                .and_then(|it| it.find('/').map(|at| &it[at..]))
            {
                Some(field) => field.to_owned(),
                None => pointer.to_owned(),
            };
            let mut fields = reject.fields;
            for it in &mut fields {
                it.pointer = place(&it.pointer).into();
            }
            errors.add_fields(&fields, &known);
        }
        RejectCode::LimitReached | RejectCode::StateConflict => errors.add_general(reject.detail),
        _ => return Err(reject.into()),
    }
    Ok(())
}
