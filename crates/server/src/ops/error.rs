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
    /// This node's replica does not follow the log, and the change was not begun.
    #[error("not begun: {0}")]
    NotBegun(Behind),
    /// This node's replica does not follow the log, and the change was made.
    #[error("made: {0}")]
    Unseen(Behind),
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
            Self::NotBegun(_) => {
                let detail = "Nothing was changed: this node does not know of all earlier changes yet; try again.";
                Reject::new(RejectCode::Unavailable, detail)
            }
            Self::Unseen(_) => {
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

#[cfg(test)]
mod tests {
    use claviger_core::event::Position;

    use super::*;

    #[test]
    fn who_is_told_to_come_back_is_told_whether_the_change_was_made() {
        let behind = Behind { wanted: Position { epoch: 1, seq: 1 } };
        for (error, begins) in
            [(Error::NotBegun(behind), "Nothing was changed"), (Error::Unseen(behind), "The change was made")]
        {
            let reject = error.into_reject();
            assert_eq!(reject.code, RejectCode::Unavailable);
            assert!(reject.detail.starts_with(begins), "{}", reject.detail);
        }
    }
}
