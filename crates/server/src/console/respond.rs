//! Answers: a page, or the way to one.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use http::StatusCode;

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
