//! Who reads, as far as a page depends on it: under which address, and how they want pages to look.

use std::convert::Infallible;
use std::sync::Arc;

use askama::Template;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use claviger_core::time::Timestamp;
use data_encoding::HEXLOWER;
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use sha2::{Digest, Sha256};

use super::guides::{Guide, PLACE};
use super::pages;
use super::published::{LastPublished, Patience, Published};
use crate::app::App;
use crate::site::{self, Look, Site};

/// Kept by the reader's own cache and asked about each time: theme and address may change.
const CACHING: &str = "private, no-cache";
/// How Markdown is called in an answer.
pub(super) const MARKDOWN: &str = "text/markdown; charset=utf-8";
/// Digits of the digest that tells one content from another.
const DIGEST_DIGITS: usize = 16;

/// Who reads.
#[derive(Clone)]
pub(super) struct Reader {
    /// The address of this server, which takes the place of [`PLACE`].
    base_url: String,
    /// What they asked for at the console.
    pub(super) look: Look,
    /// When they read.
    pub(super) now: Timestamp,
    /// What the host says of its own api.
    pub(super) published: Arc<Published>,
}

impl FromRequestParts<App> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let public_url = app.config().public_url.as_ref();
        let look = Site::of(&parts.headers, public_url).map(|it| it.look(&parts.headers)).unwrap_or_default();
        let base_url = site::address(&parts.headers, public_url).unwrap_or_else(|| PLACE.to_owned());
        let published = match parts.extensions.get::<LastPublished>().cloned() {
            Some(last) => last.current(app, patience(parts.uri.path())).await,
            None => Arc::default(),
        };
        Ok(Self { base_url, look, now: app.now(), published })
    }
}

/// How long the page at a path waits for what the host has changed of its own.
fn patience(path: &str) -> Patience {
    match path {
        "/docs" | "/docs/search" | "/docs/llms.txt" => Patience::Short,
        path if path.starts_with("/docs/apis/") => Patience::Full,
        _ => Patience::None,
    }
}

impl Reader {
    /// A text of ours with the address of this server. Addresses are made of characters that mean nothing in HTML.
    pub(super) fn filled(&self, text: &str) -> String {
        text.replace(PLACE, &self.base_url)
    }

    /// Answers with a page, or that the reader has it already. Its tag is that of the text: theme, address, day and what the host says stand in it, and
    /// a tag that is put together of these would keep a page for ever that changed by one more.
    pub(super) fn page(&self, headers: &HeaderMap, page: &impl Template) -> Response {
        match page.render() {
            Ok(text) => kept(headers, "text/html; charset=utf-8", &tag_of(&[&text]), || text),
            Err(error) => pages::unrendered(&error),
        }
    }

    /// Answers with a text of the host's whose tag is known, or that the reader has it already.
    pub(super) fn text_of_host(
        &self,
        headers: &HeaderMap,
        content_type: &'static str,
        (text, tag): (&str, &str),
    ) -> Response {
        kept(headers, content_type, tag, || text.to_owned())
    }

    /// Answers with a guide of ours as Markdown, or that the reader has it already.
    pub(super) fn markdown(&self, headers: &HeaderMap, guide: &Guide) -> Response {
        let tag = tag_of(&[&guide.tag, &self.base_url]);
        kept(headers, MARKDOWN, &tag, || self.filled(&guide.markdown))
    }

    /// Answers with a text that is made for this answer, or that the reader has it already.
    pub(super) fn text(&self, headers: &HeaderMap, content_type: &'static str, text: &str) -> Response {
        let text = self.filled(text);
        kept(headers, content_type, &tag_of(&[&text]), || text)
    }
}

/// What tells one content from another: the digest of its parts, each of which ends with a byte that no text has.
pub(super) fn tag_of(parts: &[&str]) -> String {
    let digest = parts.iter().fold(Sha256::new(), |it, part| it.chain_update(part).chain_update([0xff_u8]));
    HEXLOWER.encode(&digest.finalize())[..DIGEST_DIGITS].to_owned()
}

fn kept(headers: &HeaderMap, content_type: &'static str, tag: &str, text: impl FnOnce() -> String) -> Response {
    let etag = format!("\"{tag}\"");
    let caching = [(header::CACHE_CONTROL, CACHING), (header::ETAG, etag.as_str())];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|it| it.as_bytes() == etag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    (caching, [(header::CONTENT_TYPE, content_type)], text()).into_response()
}
