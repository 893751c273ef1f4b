//! What a request says it knows of the thing it changes: `If-Match` and `If-None-Match` (RFC 9110 §13.1).
//!
//! It travels beside the request, as a receipt does on the way back, and not among the arguments of each operation: it is the same for all that
//! change one thing, and none of them decides by it what to do.

use std::sync::Arc;

use claviger_core::reject::{Reject, RejectCode};

tokio::task_local! {
    static EXPECTED: Expected;
}

/// What a request expects of the thing that it changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Expected {
    /// Nothing.
    #[default]
    Anything,
    /// That it is there.
    Present,
    /// That it is there in one of these versions.
    Versions(Arc<[u64]>),
    /// That it is not there.
    Absent,
}

/// Runs what may change a thing, which is refused where the thing is not as expected.
pub async fn expecting<F: Future>(expected: Expected, answering: F) -> F::Output {
    EXPECTED.scope(expected, answering).await
}

/// Lets a change on a task of its own know what is expected.
pub(super) fn carry<F: Future>(change: F) -> impl Future<Output = F::Output> {
    EXPECTED.scope(expected(), change)
}

fn expected() -> Expected {
    EXPECTED.try_with(Clone::clone).unwrap_or_default()
}

fn refusal(detail: &'static str) -> Reject {
    Reject::new(RejectCode::VersionMismatch, detail)
}

/// Refuses the change of a thing that is there, in a version that is not expected.
pub(super) fn refuse_unexpected(present: u64) -> Result<(), Reject> {
    match expected() {
        Expected::Anything | Expected::Present => Ok(()),
        Expected::Versions(versions) if versions.contains(&present) => Ok(()),
        Expected::Versions(_) => Err(refusal("It has changed since it was read.")),
        Expected::Absent => Err(refusal("It is there already.")),
    }
}

/// Refuses to make a thing that is expected to be there.
pub(super) fn refuse_absent() -> Result<(), Reject> {
    match expected() {
        Expected::Anything | Expected::Absent => Ok(()),
        Expected::Present | Expected::Versions(_) => Err(refusal("It is not there.")),
    }
}
