//! The chain of the log: linking what happened to what happened before.

use claviger_core::event::Stream;
use claviger_store::readers::LogReader;

use crate::app::App;
use crate::ops::error::OpResult;

/// Changes that are linked in one transaction, for which others wait.
const EVENTS_PER_TURN: u32 = 500;

/// Links all changes that are in no chain yet.
///
/// # Errors
/// What any transaction can meet; what is not linked then is linked the next time.
pub async fn extend_chains(app: &App) -> OpResult<()> {
    while app.store().read().await?.is_behind_unchecked(LogReader::Chain, Stream::Change).await? {
        let mut tx = app.store().begin().await?;
        let linked = tx.extend_chains_unchecked(EVENTS_PER_TURN).await?;
        tx.commit_unaudited("what happened is linked to what happened before").await?;
        if linked == 0 {
            break;
        }
    }
    Ok(())
}
