//! Problems: how every refusal of the management API goes over the wire (RFC 9457).
//!
//! [`Problem`] has the one `IntoResponse` for refusals, and it writes no body: the request's id belongs into the body, and only
//! [`super::edge`] knows it. A task-local would have saved that step and hidden where the id comes from.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use claviger_core::decision::Code;
use claviger_core::reject::{FieldReject, Reject, RejectCode};
use serde::Serialize;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{IntoResponses, PartialSchema, ToSchema};

/// The media type of a problem.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// What a 401 asks for. The same for every one of them: which of our schemes was tried is nobody's business.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"claviger\"");

/// Seconds after which it makes sense to try again while the service starts, stops or has lost its database.
const RETRY_SECS: u64 = 5;

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Problem {
    /// Names the kind of problem; says the same as `code`.
    #[serde(rename = "type")]
    #[schema(examples("urn:claviger:problem:name_taken"))]
    pub kind: String,
    /// The kind in words, the same for every problem of this kind.
    #[schema(examples("Name taken"))]
    pub title: String,
    /// The HTTP status.
    #[schema(examples(409))]
    pub status: u16,
    /// What happened, in a sentence.
    pub detail: Cow<'static, str>,
    /// What a program decides by: a closed list.
    #[schema(value_type = ProblemCode)]
    pub code: &'static str,
    /// What the caller can do about it.
    pub fix: &'static str,
    /// The request's id, for whoever looks it up in the server's log. A request may bring its own as `X-Request-Id`.
    pub request_id: String,
    /// The fields or parameters at fault, where some are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<ProblemField>,
    /// Seconds after which it makes sense to try again, for the header that says so.
    #[serde(skip)]
    retry_after_secs: Option<u64>,
    /// What OAuth calls it, where its status does not say so.
    #[serde(skip)]
    pub oauth_error: Option<&'static str>,
}

/// A field or parameter at fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct ProblemField {
    /// A JSON pointer into the body (RFC 6901), or the name of a parameter.
    #[schema(value_type = String, examples("/name"))]
    pub pointer: Cow<'static, str>,
    /// What is wrong with it.
    pub detail: String,
}

/// The codes of problems: a closed list.
pub(super) struct ProblemCode;

impl ProblemCode {
    /// All codes, the service's own first and then those of a denied decision.
    pub(super) fn all() -> Vec<RejectCode> {
        let own = RejectCode::OWN.into_iter();
        let denied = Code::ALL.into_iter().filter(|it| it.proves_possession()).map(RejectCode::Decision);
        own.chain(denied).collect()
    }
}

impl PartialSchema for ProblemCode {
    fn schema() -> RefOr<Schema> {
        let names: Vec<_> = Self::all().into_iter().map(RejectCode::as_str).collect();
        let schema = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names));
        schema.description(Some("What a program decides by: a closed list.")).into()
    }
}

impl ToSchema for ProblemCode {}

/// `name_taken` in words: `Name taken`.
fn title(code: RejectCode) -> String {
    let words = code.as_str().replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

impl From<Reject> for Problem {
    fn from(reject: Reject) -> Self {
        let passing = matches!(reject.code, RejectCode::Unavailable | RejectCode::Decision(Code::Stale));
        let field = |FieldReject { pointer, detail }| ProblemField { pointer, detail };
        let fix = reject.fix();
        Self {
            kind: format!("urn:claviger:problem:{}", reject.code.as_str()),
            title: title(reject.code),
            status: reject.code.http_status(),
            detail: reject.detail,
            code: reject.code.as_str(),
            fix,
            request_id: String::new(),
            errors: reject.fields.into_iter().map(field).collect(),
            retry_after_secs: reject.retry_after_secs.or(passing.then_some(RETRY_SECS)),
            oauth_error: None,
        }
    }
}

impl From<crate::ops::error::Error> for Problem {
    fn from(error: crate::ops::error::Error) -> Self {
        error.into_reject().into()
    }
}

impl Problem {
    /// The same under the name that OAuth has for it.
    #[must_use]
    pub(super) fn called(self, oauth_error: &'static str) -> Self {
        Self { oauth_error: Some(oauth_error), ..self }
    }

    /// The same with another status, for a wire that has another one for it.
    #[must_use]
    pub(super) fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// With which code it refuses a good key what it may not do, or not so often. A request that is wrong in itself, or about what is not there,
    /// is answered and not refused.
    pub(super) fn refuses_key(&self) -> Option<RejectCode> {
        let is_refusal = [StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS].contains(&self.status_code());
        is_refusal.then(|| ProblemCode::all().into_iter().find(|it| it.as_str() == self.code)).flatten()
    }

    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).expect("the statuses of core are HTTP's")
    }

    /// Writes it into the response that carries it, whose headers stay.
    pub(super) fn write(mut self, response: &mut Response, request_id: &str) {
        self.request_id = request_id.to_owned();
        let body = serde_json::to_vec(&self).expect("a problem is JSON");
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        *response.body_mut() = Body::from(body);
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status_code().into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, CHALLENGE);
        }
        if let Some(secs) = self.retry_after_secs {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// What handlers answer.
pub(super) type ApiResult<T> = Result<T, Problem>;

/// The refusals that every operation of the API may answer, for its document.
pub(super) struct Refusals;

/// [`Refusals`], and those that only an operation with a body or with a change may answer.
pub(super) struct WriteRefusals;

const REFUSALS: [(u16, &str); 7] = [
    (400, "A parameter, header or field has a value that is not allowed, or two credentials were sent."),
    (401, "No valid credential was sent."),
    (403, "The credential is good, but does not allow this."),
    (
        404,
        "There is nothing here for this caller. The same answer for what does not exist and for what belongs to others.",
    ),
    (429, "Too many requests; `Retry-After` says when to try again."),
    (500, "A fault of the service."),
    (503, "The service is starting, stopping or cannot reach its database; `Retry-After` says when to try again."),
];

const WRITE_REFUSALS: [(u16, &str); 6] = [
    (
        409,
        "The change does not fit the present state: a name is taken, a limit is reached, or an earlier request with the same Idempotency-Key still runs.",
    ),
    (412, "It has another version than `If-Match` names, or is there although `If-None-Match` says `*`."),
    (413, "The body is too large."),
    (415, "The body is not JSON."),
    (422, "The Idempotency-Key was used with another request."),
    (507, "The disk is full: changes are refused, verification goes on."),
];

/// The name under which the document keeps the response of a status: once, since every operation has them all.
fn response_name(status: u16) -> String {
    format!("Problem{status}")
}

/// The responses that operations refer to.
pub(super) fn shared_responses() -> impl Iterator<Item = (String, utoipa::openapi::Response)> {
    REFUSALS.iter().chain(&WRITE_REFUSALS).map(|(status, description)| {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let response = ResponseBuilder::new().description(*description).content(PROBLEM_JSON, content).build();
        (response_name(*status), response)
    })
}

fn referred<'a>(
    to: impl Iterator<Item = &'a (u16, &'static str)>,
) -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
    to.map(|(status, _)| (status.to_string(), RefOr::Ref(Ref::from_response_name(response_name(*status))))).collect()
}

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        referred(REFUSALS.iter())
    }
}

impl IntoResponses for WriteRefusals {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        referred(REFUSALS.iter().chain(&WRITE_REFUSALS))
    }
}

#[cfg(test)]
#[path = "problem_tests.rs"]
mod tests;
