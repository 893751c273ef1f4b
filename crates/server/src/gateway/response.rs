//! The answers on the wire. A gateway reads status and headers; there is no body.

use std::collections::BTreeSet;
use std::fmt::{self, Write};

use bytes::{Bytes, BytesMut};
use claviger_core::decision::Decision;
use claviger_core::reject::RejectCode;
use claviger_verifier::facts::Facts;
use claviger_verifier::verify::Verdict;
use http_body_util::Full;
use hyper::header::{CACHE_CONTROL, HeaderName, HeaderValue, RETRY_AFTER, WARNING, WWW_AUTHENTICATE};
use hyper::{HeaderMap, Response, StatusCode};

/// Why a request may not pass.
const CODE: HeaderName = HeaderName::from_static("x-claviger-code");
/// The status that the client should see: a gateway may be able to pass on no more than 401 and 403.
const STATUS: HeaderName = HeaderName::from_static("x-claviger-status");
const KEY: HeaderName = HeaderName::from_static("x-claviger-key");
const ORGANIZATION: HeaderName = HeaderName::from_static("x-claviger-organization");
const MAPPED_USER: HeaderName = HeaderName::from_static("x-claviger-mapped-user");
const MAPPED_USER_EXTERNAL_ID: HeaderName = HeaderName::from_static("x-claviger-mapped-user-external-id");
const ELEMENTS: HeaderName = HeaderName::from_static("x-claviger-elements");

/// Headers of an answer that allows: five of ours, a warning, and what hyper adds.
const HEADERS: usize = 8;
/// Bytes of the values of an answer that allows: three identifiers of 30 and an external id.
const VALUE_BYTES: usize = 160;
/// Seconds after which it is worth asking again when the answer was 503.
const RETRY_AFTER_UNAVAILABLE: HeaderValue = HeaderValue::from_static("1");
const QUERY_WARNING: HeaderValue =
    HeaderValue::from_static("299 claviger \"A key in a URL ends up in logs and histories; send it in a header.\"");

/// The values of an answer, in one allocation that they share.
struct Values {
    text: BytesMut,
    headers: HeaderMap,
}

impl Values {
    fn new() -> Self {
        Self { text: BytesMut::with_capacity(VALUE_BYTES), headers: HeaderMap::with_capacity(HEADERS) }
    }

    /// Adds a header; a value that is none, which no identifier is, is left out.
    fn add(&mut self, name: HeaderName, value: impl fmt::Display) {
        if write!(self.text, "{value}").is_ok()
            && let Ok(value) = HeaderValue::from_maybe_shared(self.text.split().freeze())
        {
            self.headers.insert(name, value);
        }
    }
}

/// The request may pass.
pub(super) fn allowed(verdict: &Verdict<'_>, facts: &Facts<'_>, asks_for_list: bool) -> Response<Full<Bytes>> {
    let mut values = Values::new();
    values.add(KEY, facts.key_id());
    values.add(ORGANIZATION, facts.organization_id());
    if let Some(user_id) = facts.mapped_user_id() {
        values.add(MAPPED_USER, user_id);
    }
    if let Some(external_id) = facts.mapped_user_external_id() {
        values.add(MAPPED_USER_EXTERNAL_ID, external_id);
    }
    if asks_for_list && let Decision::Allowed { elements } = verdict.decision() {
        match elements {
            // Said in so many words: a host that took the absence of this header for "all" would show everything as
            // soon as a gateway forgot to pass it on.
            None => drop(values.headers.insert(ELEMENTS, HeaderValue::from_static("*"))),
            Some(elements) => values.add(ELEMENTS, Joined(elements)),
        }
    }
    if verdict.warns_of_query() {
        values.headers.insert(WARNING, QUERY_WARNING);
    }
    let mut response = Response::new(Full::default());
    *response.headers_mut() = values.headers;
    response
}

/// Elements with commas between them; no element has a comma in its name.
struct Joined<'a>(&'a BTreeSet<Box<str>>);

impl fmt::Display for Joined<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, element) in self.0.iter().enumerate() {
            f.write_str(if number == 0 { "" } else { "," })?;
            f.write_str(element)?;
        }
        Ok(())
    }
}

/// The request may not pass, and the client should see this status.
pub(super) fn refused(code: RejectCode, status: u16) -> Response<Full<Bytes>> {
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
