//! The headers with which a client says what it knows and means: `Idempotency-Key`, `Claviger-Confirm-Lockout`, `Claviger-Confirm-Documents`,
//! and in the document `If-Match`.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use claviger_core::limits;
use claviger_core::reject::Reject;
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::preconditions::{IF_MATCH, IF_NONE_MATCH};
use super::problem::Problem;

/// Under which a client repeats a POST without doing it twice.
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The entity tag of a version: `"7"`.
pub(super) fn entity_tag(version: u64) -> [(HeaderName, HeaderValue); 1] {
    let tag = HeaderValue::from_str(&format!("\"{version}\"")).expect("digits and quotes are visible ASCII");
    [(header::ETAG, tag)]
}

/// Where a thing stands.
pub(super) fn location(path: &str) -> HeaderMap {
    let path = HeaderValue::from_str(path).expect("paths of identifiers are visible ASCII");
    HeaderMap::from_iter([(header::LOCATION, path)])
}

fn header_parameter(name: &'static str, description: &'static str) -> Vec<Parameter> {
    let schema = ObjectBuilder::new().schema_type(Type::String).build();
    let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header).required(Required::False);
    vec![parameter.description(Some(description)).schema(Some(schema)).build()]
}

/// That an operation heeds `If-Match`: `preconditions` reads it.
pub(super) struct IfMatch;

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let says =
            "Changes only this version, as `ETag` gave it, or one of several; `*` is whatever is there. Else 412.";
        header_parameter(IF_MATCH, says)
    }
}

/// That an operation heeds `If-None-Match`: `preconditions` reads it.
pub(super) struct IfNoneMatch;

impl IntoParams for IfNoneMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        header_parameter(IF_NONE_MATCH, "`*` makes it only where it is not there yet. Else 412.")
    }
}

impl IntoParams for IdempotencyKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        header_parameter("Idempotency-Key", "Repeats this request without doing it twice; kept for 24 hours.")
    }
}

/// With which a caller says that a change may keep out the caller itself.
pub(super) const CONFIRM_LOCKOUT: HeaderName = HeaderName::from_static("claviger-confirm-lockout");

impl IntoParams for ConfirmLockout {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let says = "`true` where `allowed_ips` may leave out the address that this request comes from; else that is refused (409 `locks_out`).";
        header_parameter("Claviger-Confirm-Lockout", says)
    }
}

/// Whether the caller means a change that keeps out the caller itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ConfirmLockout(pub bool);

impl<S: Send + Sync> FromRequestParts<S> for ConfirmLockout {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(confirmed(&parts.headers, &CONFIRM_LOCKOUT, "Claviger-Confirm-Lockout")?))
    }
}

/// With which a caller says that a change may take documents of an api away.
const CONFIRM_DOCUMENTS: HeaderName = HeaderName::from_static("claviger-confirm-documents");

impl IntoParams for ConfirmDocuments {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let says = "`true` where `versions` may leave out versions that have guides or an OpenAPI document, which go with them; else that is refused (409 `state_conflict`).";
        header_parameter("Claviger-Confirm-Documents", says)
    }
}

/// Whether the caller means a change by which documents of an api go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ConfirmDocuments(pub bool);

impl<S: Send + Sync> FromRequestParts<S> for ConfirmDocuments {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(confirmed(&parts.headers, &CONFIRM_DOCUMENTS, "Claviger-Confirm-Documents")?))
    }
}

/// What a header says that is yes or no, and no where it is left out.
fn confirmed(headers: &HeaderMap, name: &HeaderName, shown: &'static str) -> Result<bool, Reject> {
    match single(headers, name, shown)? {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Reject::field(shown, "must be true or false")),
    }
}

/// The value of `Idempotency-Key`, if the client sent one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IdempotencyKey(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(idempotency_key(&parts.headers)?))
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Reject> {
    let Some(text) = single(headers, &IDEMPOTENCY_KEY, "Idempotency-Key")? else {
        return Ok(None);
    };
    let max = limits::IDEMPOTENCY_KEY_BYTES_MAX;
    if text.is_empty() || text.len() > max || !text.bytes().all(|b| b.is_ascii_graphic()) {
        let detail = format!("must be 1 to {max} visible ASCII characters without spaces");
        return Err(Reject::field("Idempotency-Key", detail));
    }
    Ok(Some(text.to_owned()))
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName, shown: &'static str) -> Result<Option<&'a str>, Reject> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Reject::field(shown, "is given more than once"));
    }
    value.to_str().map(Some).map_err(|_| Reject::field(shown, "must be visible ASCII"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use claviger_core::reject::RejectCode;

    fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|it| (name.clone(), it.parse().expect("a header value"))).collect()
    }

    #[test]
    fn an_idempotency_key_is_short_and_visible() {
        let read = |values: &[&str]| idempotency_key(&headers(&IDEMPOTENCY_KEY, values)).map_err(|it| it.code);
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["a-1"]), Ok(Some("a-1".into())));
        for refused in [&[""][..], &["a b"], &[&"a".repeat(256)], &["a", "a"], &["ü"]] {
            assert_eq!(read(refused), Err(RejectCode::InvalidField), "{refused:?}");
        }
    }
}
