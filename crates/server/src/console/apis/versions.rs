//! Versions of an api: one with what is said of it, adding one, changing one, taking one away.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path};
use axum::response::Response;
use claviger_core::api::{Api, ApiVersion, ApiVersionStatus, DocsUrl, DocumentHead, VersionSlug};
use claviger_core::name::{Name, Slug};
use claviger_core::reject::RejectCode;
use claviger_core::time::Timestamp;
use serde::Deserialize;

use super::{ApiPath, Opened, below, complain, view};
use crate::console::entrance::{keep, refused};
use crate::console::failure::Failure;
use crate::console::mark::mark_of;
use crate::console::pages::apis::{ApiQuestion, ApiQuestionPage, OpenapiFacts, VersionFormPage, VersionPage};
use crate::console::pages::form::{Choice, FormErrors, typed};
use crate::console::pages::shell::{Moment, Notice, Place};
use crate::console::visit::Visit;
use crate::ops::api_documents::read_openapi;
use crate::ops::apis::{ApiPatch, LostDocuments, update_api};
use crate::ops::error::{Error, OpResult};

pub(super) type VersionPath = Path<(String, String, String)>;

const STATUSES: [ApiVersionStatus; 4] =
    [ApiVersionStatus::Current, ApiVersionStatus::Preview, ApiVersionStatus::Deprecated, ApiVersionStatus::Retired];

/// Shows a version with what is said of it.
pub(super) async fn show(visit: Visit, Path((_, api, version)): VersionPath) -> Result<Response, Failure> {
    let opened = Opened::find(&visit, &api).await?;
    let it = opened.version(&version)?;
    let openapi = match opened.documents_of(it).find(|it| it.guide.is_none()) {
        Some(head) => {
            let read = read_openapi(&visit.app, &visit.caller, opened.place(it)).await?;
            let operations = read.as_ref().map(|it| it.operations.len());
            let (title, version) = read.map(|it| (it.title, it.version)).unwrap_or_default();
            let (size, updated) = (view::size(head.bytes), Moment::new(head.updated_at));
            Some(OpenapiFacts { title, version, operations, size, updated })
        }
        None => None,
    };
    Ok(visit.page(&VersionPage {
        shell: visit.shell(Place::Settings),
        crumbs: below(),
        api: view::api(&opened.api),
        it: view::version(&opened, it, visit.app.now()),
        openapi,
        guides: opened.documents_of(it).filter_map(view::guide).collect(),
    }))
}

/// The form as it is sent; empty fields and missing ones are the same.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct VersionForm {
    version: String,
    name: String,
    label: String,
    status: String,
    docs_url: String,
    deprecated_at: String,
    sunset_at: String,
}

impl VersionForm {
    /// The form as it stands for what a version is now.
    fn of(api: &Api, it: &ApiVersion) -> Self {
        Self {
            version: api.version.to_string(),
            name: it.slug.to_string(),
            label: it.label.as_ref().map(ToString::to_string).unwrap_or_default(),
            status: it.status.as_str().to_owned(),
            docs_url: it.docs_url.as_ref().map(|it| it.as_str().to_owned()).unwrap_or_default(),
            deprecated_at: it.deprecated_at.map(Timestamp::to_day_text).unwrap_or_default(),
            sunset_at: it.sunset_at.map(Timestamp::to_day_text).unwrap_or_default(),
        }
    }

    /// What it says; `present` is what it changes.
    fn read(&self, present: Option<&ApiVersion>, errors: &mut FormErrors) -> Option<ApiVersion> {
        let slug = match present {
            Some(present) => Some(present.slug.clone()),
            None => {
                let read = VersionSlug::try_from(self.name.trim().to_owned());
                read.map_err(|error| errors.add("name", format!("The name {error}."))).ok()
            }
        };
        let label = match self.label.trim() {
            "" => Some(None),
            label => keep(errors, "label", "The label", Name::parse(label)).map(Some),
        };
        let status = STATUSES.into_iter().find(|it| it.as_str() == self.status);
        if status.is_none() {
            errors.add("status", "Choose how far the version has come.");
        }
        let docs_url = match self.docs_url.trim() {
            "" => Some(None),
            url => {
                let read = DocsUrl::try_from(url.to_owned());
                read.map_err(|error| errors.add("docs_url", format!("The address {error}."))).ok().map(Some)
            }
        };
        let mut day = |field: &'static str, typed: &str, present: Option<Timestamp>| {
            let typed = typed.trim();
            // An instant that was given with its hour over the API keeps it as long as its day stands here.
            if typed.is_empty() || present.is_some_and(|it| it.to_day_text() == typed) {
                return Some(present.filter(|_| !typed.is_empty()));
            }
            let read = format!("{typed}T00:00:00Z").parse::<Timestamp>();
            read.map_err(|_| errors.add(field, "Enter a day such as 2027-03-01.")).ok().map(Some)
        };
        let deprecated_at = day("deprecated_at", &self.deprecated_at, present.and_then(|it| it.deprecated_at));
        let sunset_at = day("sunset_at", &self.sunset_at, present.and_then(|it| it.sunset_at));
        Some(ApiVersion {
            slug: slug?,
            status: status?,
            docs_url: docs_url?,
            label: label?,
            deprecated_at: deprecated_at?,
            sunset_at: sunset_at?,
        })
    }
}

fn page(
    visit: &Visit,
    opened: &Opened,
    it: Option<&ApiVersion>,
    form: &VersionForm,
    errors: FormErrors,
) -> VersionFormPage {
    let choice = |status: ApiVersionStatus| {
        Choice::new(status.as_str(), view::status_label(status), status.as_str() == form.status)
    };
    VersionFormPage {
        shell: visit.shell(Place::Settings),
        crumbs: below(),
        api: view::api(&opened.api),
        present: it.map(|it| view::version(opened, it, visit.app.now())),
        version: typed(&form.version),
        name: typed(&form.name),
        label: typed(&form.label),
        statuses: STATUSES.into_iter().map(choice).collect(),
        docs_url: typed(&form.docs_url),
        deprecated_at: typed(&form.deprecated_at),
        sunset_at: typed(&form.sunset_at),
        errors,
    }
}

/// Shows the form of a new version.
pub(super) async fn show_new(visit: Visit, Path((_, api)): ApiPath) -> Result<Response, Failure> {
    let opened = Opened::find(&visit, &api).await?;
    Ok(visit.page(&page(&visit, &opened, None, &VersionForm::default(), FormErrors::default())))
}

/// Puts other versions in the place of those that are there.
async fn save(visit: &Visit, opened: &Opened, expected: u64, versions: Vec<ApiVersion>) -> OpResult<()> {
    update(visit, opened, expected, ApiPatch { versions: Some(versions), ..ApiPatch::default() }).await
}

async fn update(visit: &Visit, opened: &Opened, expected: u64, patch: ApiPatch) -> OpResult<()> {
    let api = &opened.api;
    update_api(&visit.app, &visit.caller, api.organization_id, api.id, patch, Some(expected)).await.map(drop)
}

/// Adds a version.
pub(super) async fn create(
    visit: Visit,
    Path((_, api)): ApiPath,
    form: Result<Form<VersionForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::bad_form())?;
    let opened = Opened::find(&visit, &api).await?;
    let mut errors = FormErrors::default();
    if let Some(new) = form.read(None, &mut errors) {
        let versions = opened.api.versions.iter().cloned().chain([new.clone()]).collect();
        // What else was changed meanwhile does not concern a version that was not there: the list is that of now.
        match save(&visit, &opened, opened.api.version, versions).await {
            Ok(()) => {
                return Ok(visit.done(&view::version_path(&opened.api, &new), &Notice::ApiSaved(new.label())));
            }
            Err(error) => complain(&mut errors, error.into_reject())?,
        }
    }
    Ok(refused(visit.page(&page(&visit, &opened, None, &form, errors))))
}

/// Shows the form with what a version is now.
pub(super) async fn show_edit(visit: Visit, Path((_, api, version)): VersionPath) -> Result<Response, Failure> {
    let opened = Opened::find(&visit, &api).await?;
    let it = opened.version(&version)?;
    Ok(visit.page(&page(&visit, &opened, Some(it), &VersionForm::of(&opened.api, it), FormErrors::default())))
}

/// Changes what a version is called and how far it has come.
pub(super) async fn edit(
    visit: Visit,
    Path((_, api, version)): VersionPath,
    form: Result<Form<VersionForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(mut form) = form.map_err(|_| Failure::bad_form())?;
    let opened = Opened::find(&visit, &api).await?;
    let it = opened.version(&version)?;
    let expected = form.version.parse().map_err(|_| Failure::bad_form())?;
    let mut errors = FormErrors::default();
    if let Some(new) = form.read(Some(it), &mut errors) {
        let put = |present: &ApiVersion| if present.slug == new.slug { new.clone() } else { present.clone() };
        match save(&visit, &opened, expected, opened.api.versions.iter().map(put).collect()).await {
            Ok(()) => return Ok(visit.done(&view::version_path(&opened.api, it), &Notice::ApiSaved(new.label()))),
            Err(error) => complain(&mut errors, error.into_reject())?,
        }
        let now = VersionForm::of(&opened.api, it);
        if errors.is_outdated() {
            form.version = now.version;
        }
        errors.compare([
            ("Label", form.label.clone(), now.label),
            ("Status", form.status.clone(), now.status),
            ("Documented at", form.docs_url.clone(), now.docs_url),
            ("Deprecated since", view::shown_day(&form.deprecated_at), view::shown_day(&now.deprecated_at)),
            ("Ends", view::shown_day(&form.sunset_at), view::shown_day(&now.sunset_at)),
        ]);
    }
    Ok(refused(visit.page(&page(&visit, &opened, Some(it), &form, errors))))
}

/// Asks before a version is taken away.
pub(super) async fn show_delete(visit: Visit, Path((_, api, version)): VersionPath) -> Result<Response, Failure> {
    let opened = Opened::find(&visit, &api).await?;
    let it = opened.version(&version)?;
    Ok(visit.page(&question_of(&visit, &opened, it, false)))
}

fn question_of(visit: &Visit, opened: &Opened, it: &ApiVersion, is_outdated: bool) -> ApiQuestionPage {
    let version = opened.api.version.to_string();
    question(visit, opened, it, ApiQuestion::Version { version, documents: mark_of_documents(opened, it), is_outdated })
}

/// The mark of what is said of a version: another one as soon as a text of it changes, or one comes or goes. The api's own version counts none of that.
fn mark_of_documents(opened: &Opened, it: &ApiVersion) -> String {
    const MARK_BYTES: usize = 6;
    let part = |it: &DocumentHead| format!("{}:{};", it.guide.as_ref().map_or("", Slug::as_str), it.version);
    mark_of(&opened.documents_of(it).map(part).collect::<String>(), MARK_BYTES)
}

pub(super) fn question(visit: &Visit, opened: &Opened, it: &ApiVersion, question: ApiQuestion) -> ApiQuestionPage {
    ApiQuestionPage {
        shell: visit.shell(Place::Settings),
        crumbs: below(),
        api: view::api(&opened.api),
        it: view::version(opened, it, visit.app.now()),
        question,
    }
}

/// What the question was about.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct DeleteForm {
    version: String,
    documents: String,
}

/// Takes a version away, with all that is said of it; asks anew where the api, or what is said of the version, is not any more what the question was about.
pub(super) async fn delete(
    visit: Visit,
    Path((_, api, version)): VersionPath,
    form: Result<Form<DeleteForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::bad_form())?;
    let opened = Opened::find(&visit, &api).await?;
    let it = opened.version(&version)?;
    let expected = form.version.parse().map_err(|_| Failure::bad_form())?;
    let anew = async || {
        let opened = Opened::find(&visit, &api).await?;
        let it = opened.version(&version)?;
        Ok(refused(visit.page(&question_of(&visit, &opened, it, true))))
    };
    if form.documents != mark_of_documents(&opened, it) {
        return anew().await;
    }
    let left = opened.api.versions.iter().filter(|other| other.slug != it.slug).cloned().collect();
    let lost_documents = LostDocuments::These(opened.documents_of(it).cloned().collect());
    let patch = ApiPatch { versions: Some(left), lost_documents, ..ApiPatch::default() };
    match update(&visit, &opened, expected, patch).await {
        Ok(()) => Ok(visit.done(&view::path_of(&opened.api), &Notice::DocumentationDeleted(it.label()))),
        Err(Error::Reject(reject)) if reject.code == RejectCode::VersionMismatch => anew().await,
        Err(error) => Err(error.into()),
    }
}
