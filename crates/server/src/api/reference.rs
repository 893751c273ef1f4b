//! The API's document and the page that shows it. Everything comes from this server: the page works without any other host.

use std::io::Write as _;
use std::sync::LazyLock;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// What the page may load. Scalar writes style elements, so inline styles are let through here and nowhere else.
const REFERENCE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
     font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

const PAGE: &str = include_str!("assets/reference.html");
const INIT: &str = include_str!("assets/reference-init.js");
const FAVICON: &str = include_str!("../../assets/favicon.svg");

/// Scalar's script, compressed. Done once and when first asked for: at start it would delay being ready by most of a second.
static SCALAR_GZIP: LazyLock<Bytes> = LazyLock::new(|| {
    let plain = scalar();
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 3), Compression::default());
    let written = encoder.write_all(&plain).and_then(|()| encoder.finish());
    Bytes::from(written.expect("a vector takes everything"))
});

fn scalar() -> Vec<u8> {
    scalar_api_reference::get_asset("scalar.js").expect("the crate carries its script")
}

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(super::document_text()));

/// The routes of the reference; none of them needs a credential, since they say nothing of an installation.
pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/openapi.json", get(async || cached("application/json", Body::from(DOCUMENT.clone()))))
        .route("/docs/api", get(page))
        .route("/docs/api/", get(async || Redirect::permanent("/docs/api")))
        .route("/docs/api/init.js", get(async || cached("text/javascript", Body::from(INIT))))
        .route("/docs/api/favicon.svg", get(async || cached("image/svg+xml", Body::from(FAVICON))))
        .route("/docs/api/scalar.js", get(script))
}

/// An hour: long enough for a visit, short enough that an upgraded server is not shown with an old page.
fn cached(media_type: &'static str, body: Body) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600")),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
    ];
    (headers, body).into_response()
}

async fn page() -> Response {
    let mut response = cached("text/html; charset=utf-8", Body::from(PAGE));
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, REFERENCE_POLICY);
    response
}

async fn script(headers: HeaderMap) -> Response {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let takes_gzip = accepted.split(',').any(|it| it.trim().eq_ignore_ascii_case("gzip"));
    // Off the runtime's threads: the first visitor would otherwise hold up everybody else's request.
    let body =
        tokio::task::spawn_blocking(move || if takes_gzip { SCALAR_GZIP.clone() } else { Bytes::from(scalar()) });
    let Ok(body) = body.await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = cached("text/javascript", Body::from(body));
    if takes_gzip {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    // The renderer makes the page dark by a class and leaves the colour of our own bar to us: inherited, it would be black there.
    #[test]
    fn the_bar_above_the_reference_has_colours_of_its_own_in_light_and_in_dark() {
        for (rule, color, background) in
            [(".way-back {", "#1b1b1b", "#fff"), (".dark-mode .way-back {", "#e7e7e7", "#0f0f0f")]
        {
            let line = PAGE.lines().find(|it| it.trim_start().starts_with(rule)).expect("a rule of its own");
            assert!(line.contains(&format!("color: {color}; background: {background}")), "{line}");
        }
        let script = String::from_utf8(scalar()).expect("a script");
        assert!(script.contains("dark-mode"), "the class by which it does that");
    }
}
