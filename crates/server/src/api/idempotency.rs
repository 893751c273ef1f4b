//! POST bodies under an `Idempotency-Key`: the same request twice is one change and one answer.

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts as _, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use claviger_core::limits;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::body::{parse, read, refuse_other_media_type};
use super::headers::{IdempotencyKey, entity_tag, location};
use super::problem::Problem;
use crate::ops::idempotency::{Answer, Idempotency};

/// What an operation that makes something answers.
pub(super) const CREATED: StatusCode = StatusCode::CREATED;
/// What an operation that changes something answers.
pub(super) const OK: StatusCode = StatusCode::OK;

/// Says that an answer is a repetition.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A POST with a JSON body, and what its `Idempotency-Key` says. Everything is read by one extractor, because the key is bound to
/// the body's bytes: two spellings of the same JSON are two requests, as they are for every other service that knows the header.
pub(super) struct Post<T> {
    /// The body.
    pub body: T,
    claim: Option<Claim>,
}

struct Claim {
    key: String,
    fingerprint: [u8; 32],
}

/// How long a body may be, and whether it may be left out.
pub(super) trait PostBody: DeserializeOwned {
    /// Bytes of it, at most.
    const BYTES_MAX: usize = limits::BODY_BYTES_MAX;

    /// What no body at all means, if anything.
    fn empty() -> Option<Self> {
        None
    }
}

/// Of an operation that needs to be told nothing: no body, or an empty object.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoBody {}

impl PostBody for NoBody {
    fn empty() -> Option<Self> {
        Some(Self::default())
    }
}

impl<S: Send + Sync, T: PostBody> FromRequest<S> for Post<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let IdempotencyKey(key) = IdempotencyKey::from_request_parts(&mut parts, state).await?;
        let bytes = read(body, &parts.headers, T::BYTES_MAX).await?;
        let claim = key.map(|key| {
            let hash = Sha256::new().chain_update(parts.method.as_str()).chain_update(b"\0");
            let hash = hash.chain_update(parts.uri.path()).chain_update(b"\0").chain_update(&bytes);
            Claim { key, fingerprint: hash.finalize().into() }
        });
        let body = match T::empty().filter(|_| bytes.is_empty()) {
            Some(body) => body,
            None => {
                refuse_other_media_type(&parts.headers)?;
                parse(&bytes)?
            }
        };
        Ok(Self { body, claim })
    }
}

impl<T> Post<T> {
    /// The body, and what the operation has to know about repetition; `render` writes down the answer without a secret, `headers` are those of
    /// it that belong to the thing and not to the request.
    pub(super) fn split<U>(
        self,
        status: StatusCode,
        render: fn(&U) -> Value,
        headers: fn(&U) -> HeaderMap,
    ) -> (T, Option<Idempotency<U>>) {
        let status = status.as_u16();
        let idempotency =
            self.claim.map(|Claim { key, fingerprint }| Idempotency { key, fingerprint, status, render, headers });
        (self.body, idempotency)
    }
}

/// Answers with the fresh thing, or with what was answered before.
pub(super) fn respond<U, V: Serialize>(
    status: StatusCode,
    answer: Answer<U>,
    headers: impl FnOnce(&U) -> HeaderMap,
    view: impl FnOnce(&U) -> V,
) -> Response {
    match answer {
        Answer::Fresh(it) => (status, headers(&it), Json(view(&it))).into_response(),
        Answer::Replayed { status, headers, body } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            (status, headers, [(REPLAYED, HeaderValue::from_static("true"))], Json(body)).into_response()
        }
    }
}

/// Of an answer that is about no single thing.
pub(super) fn no_headers<T>(_: &T) -> HeaderMap {
    HeaderMap::new()
}

/// Where a new thing stands, and its version.
pub(super) fn place(path: &str, version: u64) -> HeaderMap {
    let mut headers = location(path);
    headers.extend(entity_tag(version).map(|(name, value)| (Some(name), value)));
    headers
}
