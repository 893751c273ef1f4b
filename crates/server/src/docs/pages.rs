//! What each page shows: structs of plain data, one per template.

use std::cell::Cell;
use std::sync::Arc;

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use claviger_core::api::{Operation, Reference, Server};
use claviger_core::time::Timestamp;
use http::StatusCode;

use super::guides::{Group, Guide, LIBRARY};
use super::markdown::{HOST_HTML_BYTES_MAX, Links, plain, render_part};
use super::published::{HostApi, HostGuide, HostReference, HostVersion, Published, RetiredVersion};
use super::reader::Reader;
use super::search::Found;
use crate::site::Look;

/// Renders a page that no cache keeps.
pub(super) fn html(page: &impl Template) -> Response {
    page.render().map_or_else(|error| unrendered(&error), |text| Html(text).into_response())
}

/// A template of plain data cannot fail to render; if one does, the answer is an empty 500.
pub(super) fn unrendered(error: &askama::Error) -> Response {
    tracing::error!(%error, "a template did not render");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

/// What stands around every page: the menu of the guides, and how it looks.
pub(super) struct Frame {
    look: Look,
    /// When it is read.
    now: Timestamp,
    groups: Vec<MenuGroup>,
    /// What the host says of its own api.
    published: Arc<Published>,
    /// Where the version at hand stands, on pages about one.
    at: String,
    /// Where the page at hand stands, on these.
    page: String,
    /// What was searched for, on the page that says what was found.
    search: String,
}

/// What stands together in the menu.
struct MenuGroup {
    title: &'static str,
    slug: &'static str,
    guides: Vec<&'static Guide>,
}

impl Frame {
    fn of(reader: &Reader) -> Self {
        let group = |it: Group| MenuGroup {
            title: it.title(),
            slug: it.slug(),
            guides: LIBRARY.iter().filter(|guide| guide.group == it).collect(),
        };
        Self {
            look: reader.look,
            now: reader.now,
            groups: Group::ALL.map(group).into(),
            published: Arc::clone(&reader.published),
            at: String::new(),
            page: String::new(),
            search: String::new(),
        }
    }
}

impl Frame {
    /// What stands around a page about a version.
    fn at(reader: &Reader, version: &HostVersion, page: &str) -> Self {
        Self { at: version.path.clone(), page: page.to_owned(), ..Self::of(reader) }
    }

    /// What is said of a version's end on the day on which it is read.
    fn end_of(&self, version: &HostVersion) -> String {
        version.version.end_words(self.now)
    }

    /// Whether a version is to be left on that day.
    fn is_deprecated(&self, version: &HostVersion) -> bool {
        version.version.is_deprecated(self.now)
    }
}

/// The first page.
#[derive(Template)]
#[template(path = "docs/index.html")]
pub(super) struct IndexPage {
    frame: Frame,
    here: &'static str,
}

impl IndexPage {
    pub(super) fn of(reader: &Reader) -> Self {
        Self { frame: Frame::of(reader), here: "" }
    }
}

/// A guide.
#[derive(Template)]
#[template(path = "docs/guide.html")]
pub(super) struct GuidePage {
    frame: Frame,
    here: &'static str,
    guide: &'static Guide,
    /// Its HTML, with the reader's address.
    html: String,
    /// The same as Markdown.
    markdown: String,
    previous: Option<&'static Guide>,
    next: Option<&'static Guide>,
}

impl GuidePage {
    /// The guide that stands at a place of the library.
    pub(super) fn of(reader: &Reader, at: usize) -> Self {
        let guide = &LIBRARY[at];
        Self {
            frame: Frame::of(reader),
            here: guide.slug,
            guide,
            html: reader.filled(&guide.rendered.html),
            markdown: reader.filled(&guide.markdown),
            previous: at.checked_sub(1).and_then(|it| LIBRARY.get(it)),
            next: LIBRARY.get(at + 1),
        }
    }
}

/// On pages about the host's own api, in the place of a guide of ours.
const HOST: &str = "apis";

/// The versions of the host's own api.
#[derive(Template)]
#[template(path = "docs/api.html")]
pub(super) struct ApiPage<'a> {
    frame: Frame,
    here: &'static str,
    api: &'a HostApi,
}

impl<'a> ApiPage<'a> {
    pub(super) fn of(reader: &Reader, api: &'a HostApi) -> Self {
        Self { frame: Frame { page: api.path(), ..Frame::of(reader) }, here: HOST, api }
    }
}

/// A version of the host's own api.
#[derive(Template)]
#[template(path = "docs/version.html")]
pub(super) struct VersionPage<'a> {
    frame: Frame,
    here: &'static str,
    api: &'a HostApi,
    version: &'a HostVersion,
    /// What to call instead of one that is to be left.
    successor: Option<&'a HostVersion>,
}

impl<'a> VersionPage<'a> {
    pub(super) fn of(reader: &Reader, api: &'a HostApi, version: &'a HostVersion) -> Self {
        let successor = api.successor_of(&version.version, reader.now);
        Self { frame: Frame::at(reader, version, &version.path), here: HOST, api, version, successor }
    }
}

/// A version that is no longer there.
#[derive(Template)]
#[template(path = "docs/retired.html")]
pub(super) struct RetiredPage<'a> {
    frame: Frame,
    here: &'static str,
    retired: &'a RetiredVersion,
    /// What to call instead, and where that is documented.
    successor: Option<(String, Option<String>)>,
}

impl<'a> RetiredPage<'a> {
    pub(super) fn of(reader: &Reader, retired: &'a RetiredVersion) -> Self {
        let successor = reader.published.successor_of_retired(retired, reader.now);
        Self { frame: Frame::of(reader), here: HOST, retired, successor }
    }

    /// When it ended, where that day was named and has come.
    fn ended(&self) -> Option<String> {
        self.retired.version.sunset_at.filter(|it| *it <= self.frame.now).map(Timestamp::to_date_text)
    }
}

/// A guide of the host's.
#[derive(Template)]
#[template(path = "docs/host_guide.html")]
pub(super) struct HostGuidePage<'a> {
    frame: Frame,
    here: &'static str,
    api: &'a HostApi,
    version: &'a HostVersion,
    guide: &'a HostGuide,
}

impl<'a> HostGuidePage<'a> {
    pub(super) fn of(reader: &Reader, api: &'a HostApi, version: &'a HostVersion, guide: &'a HostGuide) -> Self {
        Self { frame: Frame::at(reader, version, &guide.path), here: HOST, api, version, guide }
    }
}

/// The operations of a version, as they stand in their page: the same for every reader.
#[derive(Template)]
#[template(path = "docs/operations.html")]
pub(super) struct OperationsPart<'a> {
    servers: &'a [Server],
    operations: &'a [Operation],
    /// Where guides stand that descriptions link to.
    base: &'a str,
    /// Bytes of descriptions so far.
    bytes: Cell<usize>,
}

impl<'a> OperationsPart<'a> {
    pub(super) fn of(reference: &'a Reference, base: &'a str) -> Self {
        let Reference { servers, operations, .. } = reference;
        Self { servers, operations, base, bytes: Cell::new(0) }
    }

    /// A description as HTML; as the text that it is, where those before it have become so much that their markup would make the page too long.
    fn words(&self, description: &str) -> String {
        let html = match self.bytes.get() < HOST_HTML_BYTES_MAX {
            true => render_part(description, Links::Below(self.base)),
            false => plain(description),
        };
        self.bytes.set(self.bytes.get() + html.len());
        html
    }
}

/// The operations of a version.
#[derive(Template)]
#[template(path = "docs/host_reference.html")]
pub(super) struct HostReferencePage<'a> {
    frame: Frame,
    here: &'static str,
    api: &'a HostApi,
    version: &'a HostVersion,
    reference: &'a HostReference,
}

impl<'a> HostReferencePage<'a> {
    pub(super) fn of(
        reader: &Reader,
        api: &'a HostApi,
        version: &'a HostVersion,
        reference: &'a HostReference,
    ) -> Self {
        let page = version.reference_path();
        Self { frame: Frame::at(reader, version, &page), here: HOST, api, version, reference }
    }
}

/// What a search found.
#[derive(Template)]
#[template(path = "docs/search.html")]
pub(super) struct SearchPage {
    frame: Frame,
    here: &'static str,
    found: Vec<Found>,
    /// What is wrong with what was asked.
    pub(super) complaint: Option<String>,
}

impl SearchPage {
    pub(super) fn of(reader: &Reader, search: String, found: Vec<Found>) -> Self {
        Self { frame: Frame { search, ..Frame::of(reader) }, here: "search", found, complaint: None }
    }
}

/// What stands where nothing is.
#[derive(Template)]
#[template(path = "docs/missing.html")]
pub(super) struct MissingPage {
    frame: Frame,
    here: &'static str,
    status: u16,
}

impl MissingPage {
    pub(super) fn of(reader: &Reader, status: StatusCode) -> Self {
        Self { frame: Frame::of(reader), here: "missing", status: status.as_u16() }
    }
}
