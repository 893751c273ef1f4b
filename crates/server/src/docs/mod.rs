//! The documentation at `/docs`: guides for those who use keys and for those who check them, a search over the guides and the reference of
//! the API, and every guide as Markdown.
//!
//! A guide is a file of Markdown in `guides/`, rendered once. What can be read off the code is (`tables.rs`): codes with their fixes, and the
//! catalogue of our own events. The reader's address of this server stands in every snippet. Pages need no credential, since they say nothing
//! of an installation but its address and what it publishes of its own API, and no script.
//!
//! The reference of the API is `api`'s: it is drawn by a renderer of others, under a policy of its own. Paths below `/docs` of one part
//! are ours; below `/docs/apis` stands what hosts say of their own API (`published`), drawn here, since the renderer's policy lets scripts run.

mod guides;
mod markdown;
mod pages;
mod published;
mod reader;
mod search;
mod tables;

use std::sync::Arc;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Extension, Router};
use claviger_core::limits::DOCS_QUERY_CHARS_MAX;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;

use self::guides::LIBRARY;
use self::pages::{
    ApiPage, GuidePage, HostGuidePage, HostReferencePage, IndexPage, MissingPage, RetiredPage, SearchPage, VersionPage,
};
use self::published::LastPublished;
use self::reader::{MARKDOWN, Reader};
use crate::app::App;
use crate::http::route_of;
use crate::ops::api_documents::REFERENCE;
use crate::site::{PAGE_HEADERS, Site};

/// The routes below `/docs`, but for the reference of the API.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/docs", get(show_index))
        .route("/docs/", get(async || Redirect::permanent("/docs")))
        .route("/docs/search", get(show_search))
        .route("/docs/llms.txt", get(show_list))
        .route("/docs/{guide}", get(show_guide))
        .route("/docs/apis", get(async || Redirect::temporary("/docs#host")))
        .route("/docs/apis/{api}", get(show_api))
        .route("/docs/apis/{api}/{version}", get(show_version))
        .route("/docs/apis/{api}/{version}/{part}", get(show_part))
        .fallback(show_elsewhere)
        .method_not_allowed_fallback(|reader: Reader| async move { missing(&reader, StatusCode::METHOD_NOT_ALLOWED) })
        .layer(CatchPanicLayer::new())
        .layer(from_fn_with_state(app.clone(), attend))
        .layer(Extension(LastPublished::default()))
        .with_state(app)
}

/// Sets the headers of every answer, and leaves one line in the log: with the route and never the path, as everywhere.
async fn attend(State(app): State<App>, request: Request, next: Next) -> Response {
    let (method, route, started) = (request.method().clone(), route_of(&request), app.now());
    let tls = Site::of(request.headers(), app.config().public_url.as_ref()).is_ok_and(|it| it.tls);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in PAGE_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let (status, millis) = (response.status().as_u16(), app.now().since(started).as_millis());
    tracing::info!(%method, route, status, millis, "answered");
    response
}

async fn show_index(reader: Reader, headers: HeaderMap) -> Response {
    reader.page(&headers, &IndexPage::of(&reader))
}

/// Shows a guide, or with `.md` behind its name the Markdown of it.
async fn show_guide(reader: Reader, headers: HeaderMap, path: Result<Path<String>, PathRejection>) -> Response {
    let Path(name) = path.unwrap_or_else(|_| Path(String::new()));
    let (slug, is_markdown) = name.strip_suffix(".md").map_or((name.as_str(), false), |it| (it, true));
    let Some(at) = LIBRARY.iter().position(|it| it.slug == slug) else {
        return missing(&reader, StatusCode::NOT_FOUND);
    };
    if is_markdown {
        return reader.markdown(&headers, &LIBRARY[at]);
    }
    reader.page(&headers, &GuidePage::of(&reader, at))
}

/// Lists the guides for programs that read them.
async fn show_list(reader: Reader, headers: HeaderMap) -> Response {
    reader.text(&headers, "text/plain; charset=utf-8", &(guides::list() + &reader.published.list()))
}

/// Leads from an address with a stroke behind it to the one without, and says of every other that nothing is there. Not by routes: each page would
/// need a second one.
async fn show_elsewhere(reader: Reader, uri: Uri) -> Response {
    match uri.path().strip_suffix('/') {
        // Two strokes at the beginning would name another server.
        Some(path) if path.starts_with("/docs/") && !path.ends_with('/') => Redirect::permanent(path).into_response(),
        _ => missing(&reader, StatusCode::NOT_FOUND),
    }
}

/// Shows the versions of the host's own api.
async fn show_api(reader: Reader, headers: HeaderMap, path: Result<Path<String>, PathRejection>) -> Response {
    let Path(api) = path.unwrap_or_else(|_| Path(String::new()));
    match reader.published.find_api(&api) {
        Some(api) => reader.page(&headers, &ApiPage::of(&reader, api)),
        None => missing(&reader, StatusCode::NOT_FOUND),
    }
}

/// Shows a version of the host's own api.
async fn show_version(
    reader: Reader,
    headers: HeaderMap,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Response {
    let (api, version) = path.map(|Path(it)| it).unwrap_or_default();
    match reader.published.find(&api, &version) {
        Some((api, version)) => reader.page(&headers, &VersionPage::of(&reader, api, version)),
        None => gone(&reader, &api, &version),
    }
}

/// The OpenAPI document of a version, as a program asks for it.
const OPENAPI_JSON: &str = "openapi.json";

/// Shows what is said of a version: a guide, with `.md` behind its name the Markdown of it, the operations, or the document of these.
async fn show_part(
    reader: Reader,
    headers: HeaderMap,
    path: Result<Path<(String, String, String)>, PathRejection>,
) -> Response {
    let (api, version, part) = path.map(|Path(it)| it).unwrap_or_default();
    let Some((api, version)) = reader.published.find(&api, &version) else {
        return gone(&reader, &api, &version);
    };
    match (&version.reference, part.as_str()) {
        (Some(reference), REFERENCE) => {
            return reader.page(&headers, &HostReferencePage::of(&reader, api, version, reference));
        }
        (Some(it), OPENAPI_JSON) => return reader.text_of_host(&headers, "application/json", (&it.document, &it.tag)),
        _ => {}
    }
    let (slug, is_markdown) = part.strip_suffix(".md").map_or((part.as_str(), false), |it| (it, true));
    match version.guides.iter().find(|it| it.slug == slug) {
        Some(guide) if is_markdown => reader.text_of_host(&headers, MARKDOWN, (&guide.markdown, &guide.tag)),
        Some(guide) => reader.page(&headers, &HostGuidePage::of(&reader, api, version, guide)),
        None => missing(&reader, StatusCode::NOT_FOUND),
    }
}

/// Searches at a time.
static SEARCHES: Semaphore = Semaphore::const_new(2);

/// What is searched for.
#[derive(Debug, Default, Deserialize)]
struct Asked {
    #[serde(default)]
    q: String,
}

/// Shows what a search finds. It is kept by no cache: what was typed may be a secret that was pasted into the wrong field.
async fn show_search(reader: Reader, asked: Result<Query<Asked>, QueryRejection>) -> Response {
    let Ok(Query(Asked { q })) = asked else {
        let mut page = SearchPage::of(&reader, String::new(), Vec::new());
        page.complaint = Some("The address holds something that is no text. Type what you look for.".to_owned());
        return (StatusCode::BAD_REQUEST, pages::html(&page)).into_response();
    };
    let query = q.trim().to_owned();
    if query.chars().count() > DOCS_QUERY_CHARS_MAX {
        let kept = query.chars().take(DOCS_QUERY_CHARS_MAX).collect();
        let mut page = SearchPage::of(&reader, kept, Vec::new());
        page.complaint = Some(format!("Search for at most {DOCS_QUERY_CHARS_MAX} characters: a few words find more."));
        return (StatusCode::BAD_REQUEST, pages::html(&page)).into_response();
    }
    // Off the runtime's threads: who searches first waits until everything is read, and nobody else should. Anybody may ask, and passwords are
    // hashed on the same threads: so few search at a time, and the others wait.
    let turn = SEARCHES.acquire().await;
    let (asked, published) = (query.clone(), Arc::clone(&reader.published));
    let search = move || {
        // Until it has ended, and not only until who asked has gone.
        let _turn = turn;
        search::find(&asked, &published.entries)
    };
    let found = tokio::task::spawn_blocking(search).await.unwrap_or_default();
    pages::html(&SearchPage::of(&reader, query, found))
}

/// Answers for a version that is not shown: that it is gone and what to call instead, or that there is no such page. The same for its guides, as
/// Markdown too: links to them stand in other places.
fn gone(reader: &Reader, api: &str, version: &str) -> Response {
    match reader.published.find_retired(api, version) {
        Some(retired) => (StatusCode::GONE, pages::html(&RetiredPage::of(reader, retired))).into_response(),
        None => missing(reader, StatusCode::NOT_FOUND),
    }
}

fn missing(reader: &Reader, status: StatusCode) -> Response {
    (status, pages::html(&MissingPage::of(reader, status))).into_response()
}
