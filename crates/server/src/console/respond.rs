//! Answers: a page, a file of ours, or the way to one.

use askama::Template;
use axum::extract::Path;
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};

use super::failure::Failure;
use crate::assets;

/// Renders a page. A template of plain data cannot fail to render; if one does, the answer is an empty 500.
pub(super) fn html(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => {
            tracing::error!(%error, "a template did not render");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Serves an asset: for ever from the browser's cache, since another content has another URL.
pub(super) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = assets::find(&name) else { return Failure::not_found().into_response() };
    let caching = [(header::CACHE_CONTROL, "public, max-age=31536000, immutable"), (header::ETAG, asset.etag.as_str())];
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|it| it.as_bytes() == asset.etag.as_bytes());
    if known {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    (caching, [(header::CONTENT_TYPE, asset.content_type)], asset.body.clone()).into_response()
}

/// A path on this server out of something a request brought along; the start where it is anything else, so that no link through our
/// sign-in leads to another site.
pub(super) fn own_path(wanted: &str) -> &str {
    let own = wanted.starts_with('/')
        && !wanted.starts_with("//")
        && wanted.bytes().all(|it| it.is_ascii_graphic() && it != b'\\' && it != b'"');
    if own { wanted } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn only_paths_on_this_server_are_followed() {
        for path in ["/", "/o/acme/keys?status=active&q=%2F%2F", "/o/acme/keys/key_01/edit"] {
            assert_eq!(own_path(path), path);
        }
        for path in [
            "",
            "keys",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/\t/evil.example",
            "javascript:alert(1)",
            "/a b",
            "/ü",
        ] {
            assert_eq!(own_path(path), "/", "{path}");
        }
    }
}
