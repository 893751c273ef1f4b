//! Idempotency keys: the same request twice is one change and one answer.

use serde_json::Value;

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
