//! Guides to a version: adding one, changing one, taking one away.

use axum::extract::Path;
use axum::response::Response;
use claviger_core::api::{ApiDocument, ApiVersion};
use claviger_core::limits::SLUG_BYTES_MAX;
use claviger_core::name::{Name, Slug, address_words};
use claviger_core::reject::RejectCode;

use super::documents::expected;
use super::versions::{VersionPath, question};
use super::{Opened, below, complain, view};
use crate::console::entrance::{keep, refused};
use crate::console::failure::Failure;
use crate::console::pages::apis::{ApiQuestion, GuideFormPage};
use crate::console::pages::form::{FormErrors, typed};
use crate::console::pages::shell::{Notice, Place};
use crate::console::upload::Upload;
use crate::console::visit::Visit;
use crate::ops::api_documents::{DocumentPlace, NewDocument, delete_document, get_document, put_document};
use crate::ops::precondition::expecting;

type GuidePath = Path<(String, String, String, String)>;

/// The form as it is shown.
#[derive(Default)]
struct GuideForm {
    version: String,
    title: String,
    slug: String,
    position: String,
    markdown: String,
}

impl GuideForm {
    fn of(document: &ApiDocument) -> Self {
        let head = &document.head;
        Self {
            version: head.version.to_string(),
            title: head.title.to_string(),
            slug: head.guide.as_ref().map(ToString::to_string).unwrap_or_default(),
            position: head.position.to_string(),
            markdown: document.body.clone(),
        }
    }

    fn sent(sent: &Upload) -> Self {
        let field = |name| sent.field(name).to_owned();
        Self {
            version: field("version"),
            title: field("title"),
            slug: field("slug"),
            position: field("position"),
            // A file stands in the field from now on: a browser does not choose it again, and what stood there before would be saved in its place.
            markdown: sent.text("markdown").unwrap_or_else(|_| field("markdown").replace("\r\n", "\n")),
        }
    }
}

fn page(
    visit: &Visit,
    opened: &Opened,
    it: &ApiVersion,
    guide: Option<&Slug>,
    form: &GuideForm,
    errors: FormErrors,
) -> GuideFormPage {
    GuideFormPage {
        shell: visit.shell(Place::Settings),
        crumbs: below(),
        api: view::api(&opened.api),
        it: view::version(opened, it, visit.app.now()),
        guide: guide.map(ToString::to_string),
        version: typed(&form.version),
        title: typed(&form.title),
        slug: typed(&form.slug),
        position: typed(&form.position),
        markdown: view::typed_text(&form.markdown),
        errors,
    }
}

/// Reads the form, and says what is wrong with it.
fn read(sent: &Upload, errors: &mut FormErrors) -> Option<NewDocument> {
    let title = keep(errors, "title", "The title", Name::parse(sent.field("title")));
    let position = match sent.field("position").trim() {
        "" => Some(None),
        number => {
            let read = number.parse::<u16>();
            read.map_err(|_| errors.add("position", "Enter a number of 0 to 65535, or nothing.")).ok().map(Some)
        }
    };
    let markdown = sent.text("markdown").map_err(|complaint| errors.add("file", complaint)).ok();
    Some(NewDocument::Guide { title: title?, position: position?, markdown: markdown? })
}

/// Puts a guide where it is read; answers with what it is called.
async fn put(
    visit: &Visit,
    place: DocumentPlace,
    sent: &Upload,
    new: NewDocument,
    errors: &mut FormErrors,
) -> Result<Option<String>, Failure> {
    let put = put_document(&visit.app, &visit.caller, place, new);
    match expecting(expected(sent.field("version"))?, put).await {
        Ok(put) => Ok(Some(put.document.head.title.to_string())),
        Err(error) => {
            let reject = error.into_reject();
            // Nothing was there when the form of a new one was opened.
            if sent.field("version").is_empty() && reject.code == RejectCode::VersionMismatch {
                errors.add("slug", "Another guide has this short name already. Choose another one.");
            } else {
                complain(errors, reject)?;
            }
            for error in errors.list.iter_mut().filter(|it| sent.file.is_some() && it.field == Some("markdown")) {
                error.field = Some("file");
            }
            Ok(None)
        }
    }
}

/// Shows the form of a new guide.
pub(super) async fn show_new(visit: Visit, Path((_, api, version)): VersionPath) -> Result<Response, Failure> {
    let opened = Opened::find(&visit, &api).await?;
    let it = opened.version(&version)?;
    Ok(visit.page(&page(&visit, &opened, it, None, &GuideForm::default(), FormErrors::default())))
}

/// Adds a guide.
pub(super) async fn create(
    visit: Visit,
    Path((_, api, version)): VersionPath,
    sent: Upload,
) -> Result<Response, Failure> {
    let opened = Opened::find(&visit, &api).await?;
    let it = opened.version(&version)?;
    let mut errors = FormErrors::default();
    let new = read(&sent, &mut errors);
    let slug = match sent.field("slug").trim() {
        "" => address_words(sent.field("title"), SLUG_BYTES_MAX),
        slug => slug.to_owned(),
    };
    let slug = match slug.as_str() {
        // What is wrong with the title is said beside it.
        "" if errors.of("title").is_some() => None,
        "" => {
            errors.add("slug", "The title has no letter that can stand in an address: enter a short name.");
            None
        }
        slug => keep(&mut errors, "slug", "The short name", Slug::parse(slug)),
    };
    if let (Some(new), Some(slug)) = (new, slug) {
        let place = DocumentPlace { guide: Some(slug), ..opened.place(it) };
        if let Some(title) = put(&visit, place, &sent, new, &mut errors).await? {
            return Ok(visit.done(&view::version_path(&opened.api, it), &Notice::DocumentationSaved(title)));
        }
    }
    Ok(refused(visit.page(&page(&visit, &opened, it, None, &GuideForm::sent(&sent), errors))))
}

/// A guide by its path.
async fn find(
    visit: &Visit,
    opened: &Opened,
    it: &ApiVersion,
    guide: &str,
) -> Result<(DocumentPlace, ApiDocument), Failure> {
    let guide = Slug::parse(guide).map_err(|_| Failure::not_found())?;
    let place = DocumentPlace { guide: Some(guide), ..opened.place(it) };
    let document = get_document(&visit.app, &visit.caller, place.clone()).await?;
    Ok((place, document))
}

/// Shows the form with a guide as it is now.
pub(super) async fn show_edit(visit: Visit, Path((_, api, version, guide)): GuidePath) -> Result<Response, Failure> {
    let opened = Opened::find(&visit, &api).await?;
    let it = opened.version(&version)?;
    let (place, document) = find(&visit, &opened, it, &guide).await?;
    let form = GuideForm::of(&document);
    Ok(visit.page(&page(&visit, &opened, it, place.guide.as_ref(), &form, FormErrors::default())))
}

/// Changes a guide.
pub(super) async fn edit(
    visit: Visit,
    Path((_, api, version, guide)): GuidePath,
    sent: Upload,
) -> Result<Response, Failure> {
    let opened = Opened::find(&visit, &api).await?;
    let it = opened.version(&version)?;
    let (place, document) = find(&visit, &opened, it, &guide).await?;
    if sent.field("version").is_empty() {
        return Err(Failure::bad_form());
    }
    let mut errors = FormErrors::default();
    if let Some(new) = read(&sent, &mut errors)
        && let Some(title) = put(&visit, place.clone(), &sent, new, &mut errors).await?
    {
        return Ok(visit.done(&view::version_path(&opened.api, it), &Notice::DocumentationSaved(title)));
    }
    let mut form = GuideForm::sent(&sent);
    if errors.is_outdated() {
        let now = GuideForm::of(&document);
        let length = |text: &str| format!("{} characters", text.chars().count());
        let (yours, present) = match form.markdown == now.markdown {
            true => (String::new(), String::new()),
            // A whole text of each side by side is nothing that anybody could compare here.
            false => (format!("{}, below", length(&form.markdown)), format!("{}, another text", length(&now.markdown))),
        };
        errors.compare([
            ("Title", form.title.clone(), now.title),
            ("Position", form.position.clone(), now.position),
            ("Text", yours, present),
        ]);
        form.version = now.version;
    }
    Ok(refused(visit.page(&page(&visit, &opened, it, place.guide.as_ref(), &form, errors))))
}

/// Asks before a guide is taken away.
pub(super) async fn show_delete(visit: Visit, Path((_, api, version, guide)): GuidePath) -> Result<Response, Failure> {
    let opened = Opened::find(&visit, &api).await?;
    let it = opened.version(&version)?;
    let (_, document) = find(&visit, &opened, it, &guide).await?;
    let asked = ApiQuestion::Guide { slug: guide, title: document.head.title.to_string() };
    Ok(visit.page(&question(&visit, &opened, it, asked)))
}

/// Takes a guide away.
pub(super) async fn delete(visit: Visit, Path((_, api, version, guide)): GuidePath) -> Result<Response, Failure> {
    let opened = Opened::find(&visit, &api).await?;
    let it = opened.version(&version)?;
    let (place, document) = find(&visit, &opened, it, &guide).await?;
    delete_document(&visit.app, &visit.caller, place).await?;
    let notice = Notice::DocumentationDeleted(document.head.title.to_string());
    Ok(visit.done(&view::version_path(&opened.api, it), &notice))
}
