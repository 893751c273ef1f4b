//! Reading a request: JSON bodies, path and query, strictly, with every refusal a problem.
//!
//! axum's own extractors would answer in plain text and take unknown fields of nested types for granted.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use claviger_core::limits;
use claviger_core::reject::{FieldReject, Reject, RejectCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use super::fault_words::{of_field, of_parameter, shown};
use super::fields::Object;
use super::problem::Problem;

/// A JSON body on its way in. Answers are made with [`axum::Json`].
pub(super) struct JsonBody<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        Ok(Self(parse(&read_json(&parts.headers, body).await?)?))
    }
}

/// Reads the bytes of a body that says that it is JSON.
pub(super) async fn read_json(headers: &HeaderMap, body: Body) -> Result<Bytes, Reject> {
    refuse_other_media_type(headers)?;
    read(body, headers, limits::BODY_BYTES_MAX).await
}

/// `application/json`, or anything whose syntax is JSON's (`application/merge-patch+json`).
pub(super) fn refuse_other_media_type(headers: &HeaderMap) -> Result<(), Reject> {
    let named = media_type(headers);
    let subtype = named.strip_prefix("application/").unwrap_or_default();
    if subtype == "json" || subtype.ends_with("+json") {
        return Ok(());
    }
    Err(Reject::new(RejectCode::UnsupportedMediaType, "The body has to be JSON, and to say so in Content-Type."))
}

/// What the body is said to be, in lower case and without parameters; empty where nothing is said.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn too_large(bytes_max: usize) -> Reject {
    Reject::new(RejectCode::BodyTooLarge, format!("A body may have {bytes_max} bytes here at most."))
}

/// Reads a whole body of at most `bytes_max`.
pub(super) async fn read(body: Body, headers: &HeaderMap, bytes_max: usize) -> Result<Bytes, Reject> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse::<usize>().ok());
    // Refused before it is read: the length limit below would take in `bytes_max` first.
    if announced.is_some_and(|it| it > bytes_max) {
        return Err(too_large(bytes_max));
    }
    match Limited::new(body, bytes_max).collect().await {
        Ok(read) => Ok(read.to_bytes()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => Err(too_large(bytes_max)),
        Err(_) => Err(Reject::new(RejectCode::InvalidBody, "The body ended before it was complete.")),
    }
}

/// Parses a body, and says which field is at fault.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Reject> {
    // Keeping the path costs more than parsing does, and only a refusal has a use for it.
    if let Ok(Object(value)) = serde_json::from_slice(bytes) {
        return Ok(value);
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let Object(value) = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let pointer = pointer(error.path());
        refused(error.inner(), Some(pointer))
    })?;
    deserializer.end().map_err(|error| refused(&error, None))?;
    Ok(value)
}

fn refused(error: &serde_json::Error, pointer: Option<String>) -> Reject {
    if !error.is_data() {
        let (line, column) = (error.line(), error.column());
        // serde_json counts this among the faults of syntax, which it is not.
        if error.to_string().starts_with("recursion limit exceeded") {
            let detail =
                format!("The body is nested too deeply, at line {line}, column {column}: 127 levels are the most.");
            return Reject::new(RejectCode::InvalidBody, detail);
        }
        let detail = format!("The body is not JSON: it goes wrong at line {line}, column {column}.");
        return Reject::new(RejectCode::InvalidBody, detail);
    }
    let mut reject = Reject::new(RejectCode::InvalidBody, "The body is not of the documented shape.");
    let text = error.to_string();
    // serde_json adds its own place, in bytes that nobody counts; the pointer says it better.
    let detail = text.rsplit_once(" at line ").map_or(text.as_str(), |(it, _)| it);
    let pointer = pointer.unwrap_or_default();
    let detail = of_field(&pointer, detail);
    reject.fields = vec![FieldReject { pointer: pointer.into(), detail }];
    reject
}

/// The path as a JSON pointer (RFC 6901).
fn pointer(path: &serde_path_to_error::Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => write!(pointer, "/{index}").expect("a String takes everything"),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                pointer.push('/');
                pointer.push_str(&shown(key).replace('~', "~0").replace('/', "~1"));
            }
            Segment::Unknown => {}
        }
    }
    pointer
}

/// The identifiers of a path. One that is not an identifier is answered like one that nobody knows.
pub(super) struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(ids)) => Ok(Self(ids)),
            Err(_) => Err(Reject::not_found().into()),
        }
    }
}

/// The parameters of a query, the credential's aside.
pub(super) struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(parse_query(parts.uri.query().unwrap_or_default())?))
    }
}

fn parse_query<T: DeserializeOwned>(query: &str) -> Result<T, Reject> {
    let mut names = BTreeSet::new();
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        // The credential has been read by then; as a parameter it would only be an unknown one.
        if name == "api_key" {
            continue;
        }
        pairs.append_pair(&name, &value);
        if !names.insert(name.clone()) {
            return Err(Reject::field(shown(&name), "is given more than once"));
        }
    }
    let pairs = pairs.finish();
    let deserializer = serde_urlencoded::Deserializer::new(form_urlencoded::parse(pairs.as_bytes()));
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let name = pointer(error.path()).trim_start_matches('/').to_owned();
        let detail = of_parameter(&name, &error.inner().to_string());
        Reject::field(name, detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its parsing is looked at")]
    struct Outer {
        name: String,
        inner: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its parsing is looked at")]
    struct Inner {
        list: Vec<u8>,
    }

    fn fault(body: &str) -> (String, String) {
        let reject = parse::<Outer>(body.as_bytes()).expect_err("a refusal");
        assert_eq!(reject.code, RejectCode::InvalidBody);
        let field = reject.fields.first().cloned();
        field.map_or((String::new(), reject.detail.to_string()), |it| (it.pointer.to_string(), it.detail))
    }

    #[test]
    fn a_fault_is_named_by_its_pointer() {
        assert_eq!(
            fault(r#"{"name":"a","nmae":1}"#),
            ("/nmae".into(), "unknown field `nmae`, expected `name` or `inner`".into())
        );
        assert_eq!(fault(r#"{"name":1}"#).0, "/name");
        assert_eq!(fault(r#"{"name":"a","inner":{"list":[1,"x"]}}"#).0, "/inner/list/1");
        assert_eq!(fault(r#"{"name":"a","inner":{"list":[],"a/b~c":0}}"#).0, "/inner/a~1b~0c");
        assert_eq!(fault("{}"), (String::new(), "missing field `name`".into()));
        assert_eq!(fault(r#"{"name":"a","name":"b"}"#).1, "duplicate field `name`");
    }

    #[test]
    fn what_is_not_json_is_placed_by_line_and_column() {
        for body in ["", "{", "{\"name\":", "{\"name\":\"a\"} x", "\u{feff}{}", "nul"] {
            let (pointer, detail) = fault(body);
            assert!(pointer.is_empty() && detail.contains("not JSON"), "{body}: {detail}");
        }
        assert_eq!(fault(r#"["a",null]"#).1, "must be an object, and is a list");
        let deep = format!(r#"{{"metadata":{}"#, "[".repeat(100_000));
        let deep = parse::<serde_json::Value>(deep.as_bytes()).expect_err("a refusal");
        assert!(deep.detail.contains("nested too deeply"), "{deep:?}");
    }

    #[test]
    fn a_huge_or_disguised_name_is_not_repeated_whole() {
        let (pointer, detail) = fault(&format!(r#"{{"{}":1}}"#, "é\u{202E}".repeat(10_000)));
        assert!(pointer.len() <= 401 && detail.len() <= 500, "{} {}", pointer.len(), detail.len());
        assert!(!pointer.contains('\u{202E}') && !detail.contains('\u{202E}'));
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Params {
        limit: Option<u8>,
    }

    #[test]
    fn a_query_is_as_strict_as_a_body_and_passes_over_the_credential() {
        assert_eq!(parse_query::<Params>("api_key=x%20y&limit=7").expect("a query").limit, Some(7));
        assert_eq!(parse_query::<Params>("").expect("a query").limit, None);
        let fault = |query: &str| {
            let field = parse_query::<Params>(query).expect_err("a refusal").fields[0].clone();
            (field.pointer.into_owned(), field.detail)
        };
        let of = |pointer: &str, detail: &str| (pointer.to_owned(), detail.to_owned());
        assert_eq!(fault("limit=x"), of("limit", "must be a whole number from 1 to 100"));
        assert_eq!(fault("limit=300"), of("limit", "must be a whole number from 1 to 100"));
        assert_eq!(fault("lmiit=1"), of("lmiit", "is no parameter here; there is `limit`"));
        assert_eq!(fault("limit=1&limit=2"), of("limit", "is given more than once"));
    }
}
