//! The answers on the wire. A gateway reads status and headers; there is no body.

use bytes::Bytes;
use claviger_core::decision::Decision;
use claviger_core::reject::RejectCode;
use claviger_verifier::facts::Facts;
use claviger_verifier::limiter::Admission;
use claviger_verifier::usage::Deprecation;
use claviger_verifier::verify::Verdict;
use http_body_util::Full;
use hyper::header::{CACHE_CONTROL, HeaderName, HeaderValue, RETRY_AFTER, WARNING, WWW_AUTHENTICATE};
use hyper::{HeaderMap, Response, StatusCode};

use crate::http::QUERY_WARNING;
use crate::limit_fields::LimitFields;

/// Why a request may not pass.
const CODE: HeaderName = HeaderName::from_static("x-claviger-code");
/// The status that the client should see: a gateway may be able to pass on no more than 401 and 403.
const STATUS: HeaderName = HeaderName::from_static("x-claviger-status");
const KEY: HeaderName = HeaderName::from_static("x-claviger-key");
const ORGANIZATION: HeaderName = HeaderName::from_static("x-claviger-organization");
const MAPPED_USER: HeaderName = HeaderName::from_static("x-claviger-mapped-user");
const MAPPED_USER_EXTERNAL_ID: HeaderName = HeaderName::from_static("x-claviger-mapped-user-external-id");
const ELEMENTS: HeaderName = HeaderName::from_static("x-claviger-elements");

/// Headers of an answer that allows: five of ours, a warning, two of limits, and what hyper adds.
const HEADERS: usize = 10;
/// Seconds after which it is worth asking again when the answer was 503.
const RETRY_AFTER_UNAVAILABLE: HeaderValue = HeaderValue::from_static("1");

/// The request may pass.
pub(super) fn allowed(
    verdict: &Verdict<'_>,
    facts: &Facts<'_>,
    asks_for_list: bool,
    admission: Option<&Admission>,
    deprecation: Option<&Deprecation>,
) -> Response<Full<Bytes>> {
    let mut headers = HeaderMap::with_capacity(HEADERS);
    // Whatever is no header value is left out; identifiers and elements always are one.
    let mut add = |name, value: &[u8]| {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.insert(name, value);
        }
    };
    add(KEY, facts.key_id().to_text().as_bytes());
    add(ORGANIZATION, facts.organization_id().to_text().as_bytes());
    if let Some(user_id) = facts.mapped_user_id() {
        add(MAPPED_USER, user_id.to_text().as_bytes());
    }
    if let Some(external_id) = facts.mapped_user_external_id() {
        add(MAPPED_USER_EXTERNAL_ID, external_id.as_bytes());
    }
    if asks_for_list && let Decision::Allowed { elements } = verdict.decision() {
        match elements {
            // Said in so many words: a host that took the absence of this header for "all" would show everything as
            // soon as a gateway forgot to pass it on.
            None => drop(headers.insert(ELEMENTS, HeaderValue::from_static("*"))),
            // No element has a comma in its name.
            Some(elements) => add(ELEMENTS, elements.iter().map(|it| &**it).collect::<Vec<_>>().join(",").as_bytes()),
        }
    }
    if verdict.warns_of_query() {
        headers.insert(WARNING, QUERY_WARNING);
    }
    if let Some(admission) = admission {
        LimitFields::of_key(admission).write(&mut headers);
    }
    for (name, text) in deprecation.iter().flat_map(|it| &it.fields) {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.append(HeaderName::from_static(name), value);
        }
    }
    let mut response = Response::new(Full::default());
    *response.headers_mut() = headers;
    response
}

/// The request may not pass, and the client should see this status.
pub(super) fn refused(code: RejectCode, status: u16, admission: Option<&Admission>) -> Response<Full<Bytes>> {
    let mut headers = HeaderMap::with_capacity(HEADERS);
    headers.insert(CODE, HeaderValue::from_static(name(code)));
    headers.insert(STATUS, HeaderValue::from(status));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == 401 {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if status == 503 {
        headers.insert(RETRY_AFTER, RETRY_AFTER_UNAVAILABLE);
    }
    if let Some(admission) = admission {
        LimitFields::of_key(admission).write(&mut headers);
        if let Some(refusal) = admission.refusal {
            headers.insert(RETRY_AFTER, HeaderValue::from(refusal.wait_secs()));
        }
    }
    let mut response = Response::new(Full::default());
    *response.status_mut() = if status == 401 { StatusCode::UNAUTHORIZED } else { StatusCode::FORBIDDEN };
    *response.headers_mut() = headers;
    response
}

/// The code as gateways are told it. They are told more than the bearer of an unknown key, who learns only that it is none.
const fn name(code: RejectCode) -> &'static str {
    match code {
        RejectCode::Decision(code) => code.as_str(),
        code => code.as_str(),
    }
}

/// Asked for anything but `/authz`.
pub(super) fn nothing_here() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}
