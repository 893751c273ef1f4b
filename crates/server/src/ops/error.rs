//! Why an operation failed: the caller may not or cannot have it, or something of ours did not work.

use claviger_core::reject::{Reject, RejectCode};

use crate::replica::Behind;

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A refusal: safe to show.
    #[error(transparent)]
    Reject(#[from] Reject),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] claviger_store::Error),
    /// This node's replica does not follow the log; the change itself may have been made.
    #[error(transparent)]
    Behind(#[from] Behind),
    /// A fault of ours: logged, never shown.
    #[error("{0}")]
    Internal(String),
}

/// The result of an operation.
pub type OpResult<T> = Result<T, Error>;

impl Error {
    /// What may be said about it to the caller. What may not is logged here.
    pub fn into_reject(self) -> Reject {
        let reject = match &self {
            Self::Reject(reject) => reject.clone(),
            Self::Store(error) => error.to_reject(),
            Self::Behind(_) => {
                let detail = "The change was made, but this node does not know of it yet; read before you repeat it.";
                Reject::new(RejectCode::Unavailable, detail)
            }
            Self::Internal(_) => Reject::new(RejectCode::Internal, "Something on our side failed."),
        };
        if reject.code.http_status() >= 500 {
            tracing::error!(error = %self, code = reject.code.as_str(), "an operation failed");
        }
        reject
    }
}
