//! What a host says of its own api: of each version the OpenAPI document, and guides in Markdown. It is shown at `/docs`, to everybody.

use claviger_core::api::{Api, ApiDocument, DocumentHead, OpenapiError, Reference, VersionSlug};
use claviger_core::event::{Event, EventKind};
use claviger_core::id::{ApiId, OrganizationId};
use claviger_core::limits::{API_DOCUMENTATION_BYTES_MAX, GUIDE_BYTES_MAX, GUIDES_PER_VERSION_MAX};
use claviger_core::name::{Name, Slug};
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::tenant::Tenant;
use claviger_store::{Connection, Tx};

use super::admins;
use super::apis::find_own;
use super::caller::Caller;
use super::error::OpResult;
use super::precondition::{refuse_absent, refuse_unexpected};
use super::receipts::note_present;
use super::transaction::{begin, commit, on_task};
use crate::app::App;

/// What an OpenAPI document is called.
const OPENAPI: &str = "OpenAPI";

/// A version of an api, and a guide to it or, without one, its OpenAPI document.
#[derive(Debug, Clone)]
pub struct DocumentPlace {
    /// The organization that defines the api, or one below it.
    pub organization_id: OrganizationId,
    /// The api.
    pub api_id: ApiId,
    /// Its version.
    pub api_version: VersionSlug,
    /// The part of the guide's address; absent for the OpenAPI document.
    pub guide: Option<Slug>,
}

/// A document to be put somewhere.
#[derive(Debug, Clone)]
pub enum NewDocument {
    /// An OpenAPI document, as JSON.
    Openapi(String),
    /// A guide.
    Guide {
        /// What it is called.
        title: Name,
        /// Where it stands among the others; absent leaves it where it is, and a new one comes behind all of lower positions than 100.
        position: Option<u16>,
        /// Its text.
        markdown: String,
    },
}

/// Where a new guide stands if nothing is said.
const POSITION_DEFAULT: u16 = 100;

/// A document as it is now, and whether it is new.
#[derive(Debug, Clone)]
pub struct PutDocument {
    /// The document.
    pub document: ApiDocument,
    /// Whether nothing stood there.
    pub is_new: bool,
}

/// What stands in the place of a guide where the operations are drawn.
pub const REFERENCE: &str = "reference";

/// The apis that serve everybody, by slug, and what is said of them. It is public: nobody is asked who they are.
///
/// # Errors
/// What the database can meet.
pub async fn list_published(app: &App) -> OpResult<(Vec<Api>, Vec<DocumentHead>)> {
    Ok(app.store().read().await?.find_published_unchecked().await?)
}

/// One of these documents.
///
/// # Errors
/// What the database can meet.
pub async fn get_published(app: &App, head: &DocumentHead) -> OpResult<Option<ApiDocument>> {
    Ok(app.store().read().await?.find_published_document_unchecked(head).await?)
}

/// Lists what is said of the versions of an api that serves an organization: by version, and in the order of the guides. Needs
/// `claviger/apis:read`.
///
/// # Errors
/// Refusals.
pub async fn list_documents(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    api_id: ApiId,
) -> OpResult<(Api, Vec<DocumentHead>)> {
    let tenant = caller.authorize(app, organization_id, "claviger/apis:read")?;
    let mut reader = app.store().read().await?;
    let api = reader.find_api(&tenant, api_id).await?.ok_or_else(Reject::not_found)?;
    let documents = reader.find_documents(&tenant, api_id).await?;
    Ok((api, documents))
}

/// Finds one document. Needs `claviger/apis:read`.
///
/// # Errors
/// Refusals.
pub async fn get_document(app: &App, caller: &Caller, place: DocumentPlace) -> OpResult<ApiDocument> {
    let tenant = caller.authorize(app, place.organization_id, "claviger/apis:read")?;
    let mut reader = app.store().read().await?;
    let found = find(&mut reader, &tenant, &place).await?;
    Ok(found.ok_or_else(Reject::not_found)?)
}

/// What is shown of an OpenAPI document; absent where there is none, or none that this build can read. Needs `claviger/apis:read`.
///
/// # Errors
/// Refusals.
pub async fn read_openapi(app: &App, caller: &Caller, place: DocumentPlace) -> OpResult<Option<Reference>> {
    let tenant = caller.authorize(app, place.organization_id, "claviger/apis:read")?;
    let place = DocumentPlace { guide: None, ..place };
    let mut reader = app.store().read().await?;
    let found = find(&mut reader, &tenant, &place).await?;
    let Some(ApiDocument { body, .. }) = found else { return Ok(None) };
    drop(reader);
    let read = tokio::task::spawn_blocking(move || Reference::read(&body).ok()).await;
    read.map_err(|fault| super::error::Error::Internal(fault.to_string()))
}

/// Puts a document where it is shown, in the place of what stood there. Needs `claviger/apis:update`.
///
/// # Errors
/// Refusals: `invalid_field` for what is no OpenAPI document, `state_conflict` for an api below the root, `limit_reached`.
pub async fn put_document(app: &App, caller: &Caller, place: DocumentPlace, new: NewDocument) -> OpResult<PutDocument> {
    if place.guide.as_ref().is_some_and(|it| it.as_str() == REFERENCE) {
        return Err(Reject::field("guide", "is where the operations are drawn; call the guide otherwise").into());
    }
    // Before anything of it is read: whoever may not put it is not worked for, and not told what is wrong with it.
    caller.authorize(app, place.organization_id, "claviger/apis:update")?;
    // Outside the transaction: nobody else has to wait for two megabytes to be read.
    let new = check(new).await?;
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize(&app, place.organization_id, "claviger/apis:update");
        let (mut tx, tenant) = begin(&app, authorize).await?;
        find_version(&mut tx, &tenant, &place).await?;
        let before = find(&mut tx, &tenant, &place).await?;
        match &before {
            Some(before) => refuse_unexpected(before.head.version)?,
            None => refuse_absent()?,
        }
        let (title, position, body) = match new {
            NewDocument::Openapi(text) => {
                (Name::parse(OPENAPI).map_err(|error| Reject::field("", error.to_string()))?, 0, text)
            }
            NewDocument::Guide { title, position, markdown } => {
                let present = before.as_ref().map_or(POSITION_DEFAULT, |it| it.head.position);
                (title, position.unwrap_or(present), markdown)
            }
        };
        let is_so = |it: &ApiDocument| (&it.head.title, it.head.position, &it.body) == (&title, position, &body);
        if let Some(document) = before.clone().filter(is_so) {
            note_present(&app);
            return Ok(PutDocument { document, is_new: false });
        }
        let head = DocumentHead {
            api_id: place.api_id,
            organization_id: place.organization_id,
            api_version: place.api_version.clone(),
            guide: place.guide.clone(),
            title,
            position,
            bytes: body.len() as u64,
            version: before.as_ref().map_or(1, |it| it.head.version + 1),
            updated_at: app.now(),
        };
        if before.as_ref().is_none_or(|it| it.head.title != head.title) {
            refuse_equal_title(&mut tx, &tenant, &head).await?;
        }
        refuse_too_much(&mut tx, &tenant, before.as_ref().map(|it| &it.head), &head).await?;
        let document = ApiDocument { head, body };
        tx.put_document(&tenant, &document).await?;
        let mut event = Event::new(&tenant, EventKind::ApiDocumentPut, place.api_id, document.head.updated_at);
        if let Some(before) = &before {
            event = event.before(&before.head);
        }
        commit(&app, tx, event.after(&document.head)).await?;
        Ok(PutDocument { document, is_new: before.is_none() })
    })
    .await
}

/// Takes a document away. Needs `claviger/apis:update`.
///
/// # Errors
/// Refusals.
pub async fn delete_document(app: &App, caller: &Caller, place: DocumentPlace) -> OpResult<()> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize(&app, place.organization_id, "claviger/apis:update");
        let (mut tx, tenant) = begin(&app, authorize).await?;
        find_own(&mut tx, &tenant, place.api_id).await?;
        let before = find(&mut tx, &tenant, &place).await?.ok_or_else(Reject::not_found)?.head;
        refuse_unexpected(before.version)?;
        tx.delete_document(&tenant, &before).await?;
        let event = Event::new(&tenant, EventKind::ApiDocumentDeleted, place.api_id, app.now()).before(&before);
        commit(&app, tx, event).await
    })
    .await
}

async fn find(connection: &mut Connection, tenant: &Tenant, place: &DocumentPlace) -> OpResult<Option<ApiDocument>> {
    let DocumentPlace { api_id, api_version, guide, .. } = place;
    Ok(connection.find_document(tenant, *api_id, api_version, guide.as_ref()).await?)
}

/// Refuses what is no document, without asking what is there.
async fn check(new: NewDocument) -> OpResult<NewDocument> {
    match new {
        NewDocument::Openapi(mut text) => {
            // Some editors begin a file so. It is no part of JSON, and whoever reads the document here shall find none.
            if text.starts_with('\u{FEFF}') {
                text.remove(0);
            }
            let read = move || (Reference::check(&text), text);
            let (read, text) = tokio::task::spawn_blocking(read)
                .await
                .map_err(|fault| super::error::Error::Internal(fault.to_string()))?;
            read.map_err(|error| match &error {
                OpenapiError::Unfit { pointer, .. } => Reject::field(pointer.clone(), error.to_string()),
                _ => Reject::field("", error.to_string()),
            })?;
            Ok(NewDocument::Openapi(text))
        }
        NewDocument::Guide { ref markdown, .. } => {
            if markdown.trim().is_empty() {
                return Err(Reject::field("/markdown", "is empty").into());
            }
            if markdown.len() > GUIDE_BYTES_MAX {
                return Err(Reject::field("/markdown", format!("has more than {GUIDE_BYTES_MAX} bytes")).into());
            }
            // PostgreSQL takes none, and no text has a use for one.
            if markdown.contains('\0') {
                return Err(Reject::field("/markdown", "holds a NUL").into());
            }
            Ok(new)
        }
    }
}

/// Refuses a version that the api does not have, and an api that is not the root's: at `/docs` everybody reads, under the address of the whole
/// installation, and there no organization below speaks for it.
async fn find_version(tx: &mut Tx, tenant: &Tenant, place: &DocumentPlace) -> OpResult<()> {
    let api = find_own(tx, tenant, place.api_id).await?;
    let root = admins::root(tx).await?.ok_or_else(Reject::not_found)?;
    if api.organization_id != root.organization_id() {
        let detail = "Only apis of the root organization are documented here, since everybody reads that: give the version a `docs_url`.";
        return Err(Reject::new(RejectCode::StateConflict, detail).into());
    }
    if api.versions.iter().all(|it| it.slug != place.api_version) {
        return Err(Reject::not_found().into());
    }
    Ok(())
}

/// Refuses a guide that is called as another one to its version: in menus nobody could tell them apart.
async fn refuse_equal_title(tx: &mut Tx, tenant: &Tenant, head: &DocumentHead) -> OpResult<()> {
    let wanted = head.title.to_string().to_lowercase();
    let is_other = |it: &&DocumentHead| {
        let is_guide_beside = it.api_version == head.api_version && it.guide.is_some() && it.guide != head.guide;
        is_guide_beside && it.title.to_string().to_lowercase() == wanted
    };
    let all = if head.guide.is_some() { tx.find_documents(tenant, head.api_id).await? } else { Vec::new() };
    let Some(other) = all.iter().find(is_other).and_then(|it| it.guide.as_ref()) else { return Ok(()) };
    let detail = format!("is that of the guide `{other}` to this version already; choose another");
    Err(Reject::field("/title", detail).into())
}

async fn refuse_too_much(
    tx: &mut Tx,
    tenant: &Tenant,
    before: Option<&DocumentHead>,
    head: &DocumentHead,
) -> OpResult<()> {
    let others = tx.count_document_bytes(tenant).await?.saturating_sub(before.map_or(0, |it| it.bytes));
    if others + head.bytes > API_DOCUMENTATION_BYTES_MAX {
        let detail = format!(
            "Guides and OpenAPI documents of all apis have at most {API_DOCUMENTATION_BYTES_MAX} bytes together."
        );
        return Err(Reject::new(RejectCode::LimitReached, detail).into());
    }
    if before.is_none() && head.guide.is_some() {
        let all = tx.find_documents(tenant, head.api_id).await?;
        let guides = all.iter().filter(|it| it.api_version == head.api_version && it.guide.is_some()).count();
        if guides >= GUIDES_PER_VERSION_MAX {
            let detail = format!("A version has at most {GUIDES_PER_VERSION_MAX} guides.");
            return Err(Reject::new(RejectCode::LimitReached, detail).into());
        }
    }
    Ok(())
}
