//! The OpenAPI document of a version: a file, or pasted.

use std::sync::Arc;

use axum::extract::Path;
use axum::response::Response;
use claviger_core::api::{ApiVersion, DocumentHead};

use super::versions::{VersionPath, question};
use super::{Opened, below, complain, view};
use crate::console::entrance::refused;
use crate::console::failure::Failure;
use crate::console::pages::apis::{ApiQuestion, OpenapiFormPage};
use crate::console::pages::form::{FormErrors, typed};
use crate::console::pages::shell::{Notice, Place};
use crate::console::upload::Upload;
use crate::console::visit::Visit;
use crate::ops::api_documents::{NewDocument, delete_document, put_document};
use crate::ops::precondition::{Expected, expecting};

/// What it is called to people.
const OPENAPI: &str = "OpenAPI document";

/// What a form expects of the document that it replaces: the version that it says, or that there is none.
pub(super) fn expected(version: &str) -> Result<Expected, Failure> {
    match version {
        "" => Ok(Expected::Absent),
        version => Ok(Expected::Versions(Arc::from([version.parse().map_err(|_| Failure::bad_form())?]))),
    }
}

fn present<'a>(opened: &'a Opened, it: &'a ApiVersion) -> Option<&'a DocumentHead> {
    opened.documents_of(it).find(|it| it.guide.is_none())
}

/// The version of the document that is there; empty where there is none.
fn version_of(opened: &Opened, it: &ApiVersion) -> String {
    present(opened, it).map(|it| it.version.to_string()).unwrap_or_default()
}

fn page(
    visit: &Visit,
    opened: &Opened,
    it: &ApiVersion,
    (version, pasted): (&str, &str),
    errors: FormErrors,
) -> OpenapiFormPage {
    OpenapiFormPage {
        shell: visit.shell(Place::Settings),
        crumbs: below(),
        api: view::api(&opened.api),
        it: view::version(opened, it, visit.app.now()),
        version: typed(version),
        openapi: view::typed_text(pasted),
        errors,
    }
}

/// Asks for the document.
pub(super) async fn show(visit: Visit, Path((_, api, version)): VersionPath) -> Result<Response, Failure> {
    let opened = Opened::find(&visit, &api).await?;
    let it = opened.version(&version)?;
    let version = version_of(&opened, it);
    Ok(visit.page(&page(&visit, &opened, it, (&version, ""), FormErrors::default())))
}

/// Puts the document where it is read.
pub(super) async fn put(visit: Visit, Path((_, api, version)): VersionPath, sent: Upload) -> Result<Response, Failure> {
    let opened = Opened::find(&visit, &api).await?;
    let it = opened.version(&version)?;
    let expected = expected(sent.field("version"))?;
    let mut errors = FormErrors::default();
    match sent.text("openapi") {
        Err(complaint) => errors.add("file", complaint),
        Ok(text) if text.trim().is_empty() => errors.add("file", "Choose a file, or paste the document below."),
        Ok(text) => {
            let put = put_document(&visit.app, &visit.caller, opened.place(it), NewDocument::Openapi(text));
            match expecting(expected, put).await {
                Ok(_) => {
                    let path = view::version_path(&opened.api, it);
                    return Ok(visit.done(&path, &Notice::DocumentationSaved(OPENAPI.to_owned())));
                }
                Err(error) => {
                    let mut reject = error.into_reject();
                    // The form has one field for all of it; which place of it is at fault the words say.
                    for it in &mut reject.fields {
                        it.pointer = "".into();
                    }
                    complain(&mut errors, reject)?;
                    // Beside what it was read from.
                    for error in errors.list.iter_mut().filter(|it| sent.file.is_some() && it.field == Some("openapi"))
                    {
                        error.field = Some("file");
                    }
                }
            }
        }
    }
    // What is sent from here on takes the place of what is there now: the page says so.
    let version = if errors.is_outdated() { version_of(&opened, it) } else { sent.field("version").to_owned() };
    Ok(refused(visit.page(&page(&visit, &opened, it, (&version, sent.field("openapi")), errors))))
}

/// Asks before the document is taken away.
pub(super) async fn show_delete(visit: Visit, Path((_, api, version)): VersionPath) -> Result<Response, Failure> {
    let opened = Opened::find(&visit, &api).await?;
    let it = opened.version(&version)?;
    present(&opened, it).ok_or_else(Failure::not_found)?;
    Ok(visit.page(&question(&visit, &opened, it, ApiQuestion::Openapi)))
}

/// Takes the document away.
pub(super) async fn delete(visit: Visit, Path((_, api, version)): VersionPath) -> Result<Response, Failure> {
    let opened = Opened::find(&visit, &api).await?;
    let it = opened.version(&version)?;
    delete_document(&visit.app, &visit.caller, opened.place(it)).await?;
    Ok(visit.done(&view::version_path(&opened.api, it), &Notice::DocumentationDeleted(OPENAPI.to_owned())))
}
