//! What each page shows: structs of plain data, one per template.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use http::StatusCode;

use super::guides::{Group, Guide, LIBRARY};
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
    groups: Vec<MenuGroup>,
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
        Self { look: reader.look, groups: Group::ALL.map(group).into(), search: String::new() }
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
