//! Operations that are to be left: marked in one place, from which answers and the document say so.

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use claviger_core::api::deprecation_fields;
use claviger_core::time::Timestamp;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{Deprecated, OpenApi};

/// An operation that is to be left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deprecation {
    /// Its method, in capitals.
    pub method: &'static str,
    /// Its path, as the document has it.
    pub path: &'static str,
    /// From when on it is to be left, in seconds since 1970.
    pub since_secs: i64,
    /// When it will be gone, in seconds since 1970, where that is known.
    pub sunset_secs: Option<i64>,
    /// Where it is written what to use instead.
    pub docs: &'static str,
}

/// All of them. There is none yet.
pub(super) static DEPRECATED: [Deprecation; 0] = [];

impl Deprecation {
    /// Says it in an answer (RFC 9745, RFC 8594).
    fn announce(&self, response: &mut Response) {
        let at = |secs: i64| Timestamp::from_micros(secs.saturating_mul(1_000_000)).ok();
        for (name, text) in deprecation_fields(at(self.since_secs), self.sunset_secs.and_then(at), Some(self.docs)) {
            let value = HeaderValue::try_from(text).expect("numbers, dates and addresses are visible ASCII");
            response.headers_mut().append(HeaderName::from_static(name), value);
        }
    }
}

/// The router whose answers say which of its operations are to be left.
pub(super) fn announced<S: Clone + Send + Sync + 'static>(
    router: Router<S>,
    deprecated: &'static [Deprecation],
) -> Router<S> {
    if deprecated.is_empty() {
        return router;
    }
    router.route_layer(from_fn(async move |request: Request, next: Next| {
        let method = request.method().clone();
        let path = request.extensions().get::<MatchedPath>().cloned();
        let is_asked =
            |it: &&Deprecation| path.as_ref().is_some_and(|at| at.as_str() == it.path) && method == it.method;
        let found = deprecated.iter().find(is_asked);
        let mut response = next.run(request).await;
        if let Some(it) = found {
            it.announce(&mut response);
        }
        response
    }))
}

/// Says it in the document.
pub(super) fn mark(document: &mut OpenApi, deprecated: &[Deprecation]) {
    for it in deprecated {
        let item = document.paths.paths.get_mut(it.path);
        if let Some(operation) = item.and_then(|item| operation(item, it.method)) {
            operation.deprecated = Some(Deprecated::True);
        }
    }
}

fn operation<'a>(item: &'a mut PathItem, method: &str) -> Option<&'a mut Operation> {
    match method {
        "GET" => item.get.as_mut(),
        "POST" => item.post.as_mut(),
        "PUT" => item.put.as_mut(),
        "PATCH" => item.patch.as_mut(),
        "DELETE" => item.delete.as_mut(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::routing::get;
    use tower::ServiceExt as _;

    static PLANTED: [Deprecation; 2] = [
        Deprecation {
            method: "GET",
            path: "/api/v1/organizations/{organization_id}/apis",
            since_secs: 1_688_169_599,
            sunset_secs: Some(1_700_000_000),
            docs: "https://docs.example.com/apis",
        },
        Deprecation {
            method: "GET",
            path: "/api/v1/me",
            since_secs: 1_688_169_599,
            sunset_secs: None,
            docs: "https://docs.example.com/me",
        },
    ];

    async fn asked(method: &str, path: &str) -> Response {
        let good = || get(async || "x").post(async || "x");
        let router: Router = Router::new().route(PLANTED[0].path, good()).route("/api/v1/me", good());
        let router = announced(router, &PLANTED);
        let request = Request::builder().method(method).uri(path).body(Body::empty()).expect("a request");
        router.oneshot(request).await.unwrap_or_else(|never| match never {})
    }

    fn values(response: &Response, name: &str) -> Vec<String> {
        let values = response.headers().get_all(name).iter();
        values.map(|it| it.to_str().expect("visible").to_owned()).collect()
    }

    #[tokio::test]
    async fn an_operation_that_is_to_be_left_says_so_and_when_and_where_to_read_on() {
        let response = asked("GET", "/api/v1/organizations/x/apis").await;
        assert_eq!(values(&response, "deprecation"), ["@1688169599"]);
        assert_eq!(values(&response, "sunset"), ["Tue, 14 Nov 2023 22:13:20 GMT"]);
        let link = |rel: &str| format!("<https://docs.example.com/apis>; rel=\"{rel}\"; type=\"text/html\"");
        assert_eq!(values(&response, "link"), [link("deprecation"), link("sunset")]);
        let unknown_end = asked("GET", "/api/v1/me").await;
        assert_eq!((values(&unknown_end, "deprecation").len(), values(&unknown_end, "sunset").len()), (1, 0));
        let other = asked("POST", "/api/v1/me").await;
        assert_eq!(values(&other, "deprecation"), [""; 0]);
    }

    #[test]
    fn the_document_marks_what_is_to_be_left_and_nothing_else() {
        let marked = |table: &[Deprecation]| {
            let mut document = super::super::document::openapi();
            mark(&mut document, table);
            let items = document.paths.paths.values_mut();
            let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];
            let is_marked = |it: &mut PathItem, method| operation(it, method).is_some_and(|it| it.deprecated.is_some());
            items.map(|it| methods.iter().filter(|method| is_marked(it, method)).count()).sum::<usize>()
        };
        assert_eq!((marked(&PLANTED), marked(&DEPRECATED)), (2, 0));
        let mut document = super::super::document::openapi();
        mark(&mut document, &PLANTED);
        let text = document.to_json().expect("JSON");
        assert!(text.contains("\"deprecated\":true"));
    }
}
