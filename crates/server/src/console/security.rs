//! What every answer of the console carries, and whose requests may change anything.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use tower_http::csrf::{CsrfLayer, ProtectionError};

use super::failure::Failure;
use crate::app::App;
use crate::site::{PAGE_HEADERS, Site, Unsafe};

/// Adds the headers that every answer carries. Pages are never stored; assets say otherwise themselves.
pub(super) async fn headers(State(app): State<App>, request: Request, next: Next) -> Response {
    let tls = Site::of(request.headers(), app.config().public_url.as_ref()).is_ok_and(|it| it.tls);
    let action = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    let can_be_gone_back_to = is_within_reach_of_back(&action, response.status());
    let headers = response.headers_mut();
    for (name, value) in PAGE_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static(if can_be_gone_back_to {
        "private, no-cache"
    } else {
        "no-store"
    }));
    response
}

/// Whether a form that comes back with its complaints stays within reach of the browser's Back. What is `no-store` does not: browsers answer Back
/// to it with an error of their own, since they would have to send the form again, and all that was typed is lost. None of these pages holds a
/// secret, passwords are never sent back; but the one with a key's token, and those outside of an organization, whose links are secrets themselves.
/// To lead to the form by a 303 instead, with what was typed kept on the server, would take a place for it that all nodes share.
fn is_within_reach_of_back(action: &str, status: StatusCode) -> bool {
    status == StatusCode::UNPROCESSABLE_ENTITY && action.starts_with("/o/") && !action.ends_with("/bundle")
}

/// Refuses what could not be kept safe: plain HTTP from afar, and changes that did not demonstrably come from our own pages.
///
/// The origin check proper is [`origins`]. It lets requests pass that carry neither `Origin` nor `Sec-Fetch-Site`, since no browser of this
/// decade sends such a form; with a cookie they are refused here all the same.
pub(super) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    match Site::of(request.headers(), app.config().public_url.as_ref()) {
        Err(Unsafe::NoHost) => return Failure::bad_form().into_response(),
        Err(Unsafe::PlainHttp) => return plain_http().into_response(),
        Ok(_) => {}
    }
    if changes_something(request.method()) && carries_cookie_without_origin(request.headers()) {
        return Failure::foreign_post().into_response();
    }
    next.run(request).await
}

fn changes_something(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn carries_cookie_without_origin(headers: &HeaderMap) -> bool {
    // An empty header says nothing, and the check behind takes it for none.
    let says = |name: &str| headers.get(name).is_some_and(|it| !it.is_empty());
    headers.contains_key(header::COOKIE) && !says(header::ORIGIN.as_str()) && !says("sec-fetch-site")
}

/// What is said to plain HTTP from afar.
pub(super) fn plain_http() -> Failure {
    Failure::Page {
        status: http::StatusCode::FORBIDDEN,
        title: "The console needs HTTPS here",
        advice: "Without it your password and session would cross the network in clear. Put a proxy with TLS in front that sets \
                 X-Forwarded-Proto, or open the console on the machine itself."
            .to_owned(),
    }
}

/// The origin check on every request that changes something. The address that browsers are told counts as ours, for proxies that put their
/// own name into `Host`.
pub(super) fn origins(public_url: Option<&Uri>) -> CsrfLayer<fn(ProtectionError) -> Response> {
    let origin = public_url.and_then(|it| Some(format!("{}://{}", it.scheme()?, it.authority()?)));
    let layer = CsrfLayer::new();
    let layer = match origin {
        Some(origin) => layer.add_trusted_origin(origin).expect("the configuration takes web addresses only"),
        None => layer,
    };
    layer.with_rejection_response(|_| Failure::foreign_post().into_response())
}
