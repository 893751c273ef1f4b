//! The edge of the API: what is done to every request before a handler sees it, and to every response after.

use std::any::Any;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use claviger_core::limits;
use claviger_core::reject::{Reject, RejectCode};
use tracing::Instrument as _;

use super::problem::Problem;
use crate::app::App;
use crate::http::route_of;

/// Names a request in answers and logs.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The headers of every answer that does not set its own. Answers are for the one who asked: no cache keeps them, and a browser
/// that is led here shows nothing and runs nothing.
static HEADERS: [(HeaderName, HeaderValue); 6] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// Gives the request its id and a bounded time, writes the problem if there is one, sets the headers, and leaves one line in the log.
pub(super) async fn attend(State(app): State<App>, request: Request, next: Next) -> Response {
    let request_id = request_id(&app, request.headers());
    let method = request.method().clone();
    let route = route_of(&request);
    let started = app.now();
    let span = tracing::info_span!("request", id = %shown(&request_id));
    let mut response = in_time(next.run(request)).instrument(span.clone()).await;
    dress(&mut response, &request_id);
    let millis = app.now().since(started).as_millis();
    let status = response.status().as_u16();
    span.in_scope(|| match (route.as_str(), status) {
        // Hosts ask this for each of their own requests: a line each would cost more than the answer, and say less than the counters do.
        (super::verify::PATH | super::verify_batch::PATH | super::oauth::PATH, 200) => {
            tracing::debug!(%method, route, status, millis, "answered")
        }
        // Anybody can send garbage, and would fill the disk with it; the counters say how often it happens.
        (_, 401) => tracing::debug!(%method, route, status, millis, "answered"),
        _ => tracing::info!(%method, route, status, millis, "answered"),
    });
    response
}

/// The same for the question that hosts ask all the time. Its good answers leave no line, so there is nothing to say where one came from.
pub(super) async fn attend_verification(
    app: &App,
    headers: &HeaderMap,
    route: &'static str,
    answering: impl Future<Output = Response>,
) -> Response {
    let request_id = request_id(app, headers);
    let started = app.now();
    let mut response = in_time(answering).await;
    dress(&mut response, &request_id);
    let status = response.status().as_u16();
    if status != 200 && status != 401 {
        let millis = app.now().since(started).as_millis();
        tracing::info_span!("request", id = %shown(&request_id))
            .in_scope(|| tracing::info!(method = "POST", route, status, millis, "answered"));
    }
    response
}

/// What is answered within the time that a request may take, or that it took too long.
async fn in_time(answering: impl Future<Output = Response>) -> Response {
    let time_max = Duration::from_secs(limits::REQUEST_SECS_MAX);
    tokio::time::timeout(time_max, answering).await.unwrap_or_else(|_| {
        let detail = "The request took too long; a change may have been made nevertheless.";
        Problem::from(Reject::new(RejectCode::Unavailable, detail)).into_response()
    })
}

/// Writes the problem if there is one, and sets the headers.
fn dress(response: &mut Response, request_id: &HeaderValue) {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        problem.write(response, shown(request_id));
    }
    let headers = response.headers_mut();
    headers.reserve(HEADERS.len() + 1);
    for (name, value) in &HEADERS {
        headers.entry(name).or_insert_with(|| value.clone());
    }
    headers.insert(REQUEST_ID, request_id.clone());
}

/// The id that the request brings, if it is one that can stand in a log as it is; else a new one.
fn request_id(app: &App, headers: &HeaderMap) -> HeaderValue {
    const BYTES_MAX: usize = 64;
    let is_plain = |value: &&HeaderValue| {
        let bytes = value.as_bytes();
        let plain = bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b));
        plain && (1..=BYTES_MAX).contains(&bytes.len())
    };
    let sent = headers.get(REQUEST_ID).filter(is_plain).cloned();
    sent.unwrap_or_else(|| HeaderValue::try_from(app.new_request_id()).expect("hexadecimal digits are visible"))
}

fn shown(request_id: &HeaderValue) -> &str {
    request_id.to_str().expect("request ids are visible ASCII")
}

/// What a handler that panicked answers.
pub(super) fn panicked(reason: Box<dyn Any + Send>) -> Response {
    let reason = reason.downcast_ref::<&str>().copied().or_else(|| reason.downcast_ref::<String>().map(String::as_str));
    tracing::error!(reason = reason.unwrap_or("unknown"), "a handler panicked");
    Problem::from(Reject::new(RejectCode::Internal, "Something went wrong here.")).into_response()
}

/// Answers for paths that are none of the API's.
pub(super) async fn unknown_path() -> Problem {
    Reject::not_found().into()
}

/// Answers for the path of gateways, which a gateway that was pointed at the wrong port asks for here.
pub(super) async fn gateway_path() -> Problem {
    let detail = "Gateways ask /authz on a listener of its own, which is set by --authz-listen (127.0.0.1:7401 unless set), and not here.";
    Reject::new(RejectCode::NotFound, detail).into()
}

/// Answers for methods that a path does not know; axum adds the `Allow` header.
pub(super) async fn unknown_method() -> Problem {
    Reject::new(RejectCode::MethodNotAllowed, "The path does not know this method.").into()
}
