//! Idempotency keys: the same request twice is one change and one answer.

use std::collections::BTreeMap;

use claviger_core::reject::{Reject, RejectCode};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_store::Tx;
use claviger_store::idempotency::IdempotentAnswer;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::{Error, OpResult};

/// What a caller sent as `Idempotency-Key`, and how its answer is written down.
#[derive(Debug)]
pub struct Idempotency<T> {
    /// The caller's key, at most 255 bytes.
    pub key: String,
    /// SHA-256 of method, path and body: the same key with another request is refused.
    pub fingerprint: [u8; 32],
    /// The HTTP status of the answer.
    pub status: u16,
    /// The answer as it is kept and given again: without the secret.
    pub render: fn(&T) -> Value,
    /// The headers of the answer that are kept with it: where the thing stands, and its version.
    pub headers: fn(&T) -> HeaderMap,
}

/// An answer as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    body: Value,
}

impl Kept {
    fn headers(&self) -> HeaderMap {
        let read = |(name, value): (&String, &String)| Some((name.parse::<HeaderName>().ok()?, value.parse().ok()?));
        self.headers.iter().filter_map(read).collect()
    }
}

/// An answer that may be a repetition.
#[derive(Debug)]
pub enum Answer<T> {
    /// The change was made now.
    Fresh(T),
    /// It had been made before.
    Replayed {
        /// The HTTP status that was answered then.
        status: u16,
        /// The headers that belong to what was answered.
        headers: HeaderMap,
        /// What was answered then, without the secret.
        body: Value,
    },
}

impl<T> Answer<T> {
    /// The fresh answer, if it is one; always, where no idempotency key was given.
    pub fn fresh(self) -> Option<T> {
        match self {
            Self::Fresh(it) => Some(it),
            Self::Replayed { .. } => None,
        }
    }
}

/// What was answered to the same request before, if anything was. Both this and [`keep`] run in the transaction of the change, so that of two
/// equal requests at the same time one changes and the other one finds its answer.
pub(super) async fn replay<T>(
    idempotency: Option<&Idempotency<T>>,
    tx: &mut Tx,
    tenant: &Tenant,
) -> OpResult<Option<Answer<T>>> {
    let Some(asked) = idempotency else { return Ok(None) };
    tx.hold_idempotency_key(tenant, &asked.key).await?;
    let Some(kept) = tx.find_idempotent(tenant, &asked.key).await? else { return Ok(None) };
    if kept.fingerprint != asked.fingerprint {
        let detail = "This Idempotency-Key was sent with another request before.";
        return Err(Reject::new(RejectCode::IdempotencyMismatch, detail).into());
    }
    let answer: Kept = serde_json::from_str(&kept.response).map_err(|fault| Error::Internal(fault.to_string()))?;
    Ok(Some(Answer::Replayed { status: kept.status, headers: answer.headers(), body: answer.body }))
}

/// Keeps the answer to a request that carried an idempotency key.
pub(super) async fn keep<T>(
    idempotency: Option<&Idempotency<T>>,
    tx: &mut Tx,
    tenant: &Tenant,
    answer: &T,
    now: Timestamp,
) -> OpResult<()> {
    let Some(asked) = idempotency else { return Ok(()) };
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let headers = (asked.headers)(answer);
    let headers = headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let response = serde_json::to_string(&Kept { headers, body: (asked.render)(answer) });
    let kept = IdempotentAnswer {
        fingerprint: asked.fingerprint,
        status: asked.status,
        response: response.map_err(|fault| Error::Internal(fault.to_string()))?,
        created_at: now,
    };
    tx.insert_idempotent(tenant, &asked.key, &kept).await?;
    Ok(())
}
