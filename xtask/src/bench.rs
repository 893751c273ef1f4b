//! `cargo xtask bench`: measures the service against its marks.

use clap::Args;

use crate::shell::{Failure, Outcome};

/// Options of `cargo xtask bench`.
#[derive(Args)]
pub(crate) struct Options {}

/// Measures.
///
/// # Errors
/// Always, until there is something to measure.
pub(crate) fn run(_options: &Options) -> Outcome {
    Err(Failure::new("nothing to measure yet"))
}
