//! Why an operation failed: the caller may not or cannot have it, or something of ours did not work.

use claviger_core::reject::{Reject, RejectCode};

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A refusal: safe to show.
    #[error(transparent)]
    Reject(#[from] Reject),
    /// A fault of ours: logged, never shown.
    #[error("{0}")]
    Internal(String),
}

/// The result of an operation.
pub type OpResult<T> = Result<T, Error>;

impl Error {
    /// What may be said about it to the caller.
    pub fn into_reject(self) -> Reject {
        match self {
            Self::Reject(reject) => reject,
            Self::Internal(_) => Reject::new(RejectCode::Internal, "Something on our side failed."),
        }
    }
}
