//! What runs by the clock.

use std::time::Duration;

use claviger_core::limits::IDEMPOTENCY_HOURS;

use crate::app::App;
use crate::ops::error::OpResult;

/// Between two times that counted uses are written down: what a kill −9 loses at most.
const FLUSH_EVERY: Duration = Duration::from_secs(10);
/// Between two times that what has run out is cleared away.
const PURGE_EVERY: Duration = Duration::from_secs(600);

/// Starts the jobs; they end when the service stops.
pub fn start(app: &App) {
    let flushing = app.clone();
    drop(
        app.spawn(
            async move { every(FLUSH_EVERY, &flushing, "flush", async |app| Ok(app.uses().flush().await?)).await },
        ),
    );
    let purging = app.clone();
    drop(app.spawn(async move { every(PURGE_EVERY, &purging, "purge", async |app| purge(app).await).await }));
}

async fn every(pause: Duration, app: &App, job: &str, run: impl AsyncFn(&App) -> OpResult<()>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = app.stop().cancelled() => return,
        }
        if let Err(error) = run(app).await {
            tracing::warn!(job, %error, "a job failed and is tried again");
        }
    }
}

/// Clears away sessions, links and kept answers that have run out.
async fn purge(app: &App) -> OpResult<()> {
    let now = app.now();
    let mut tx = app.store().begin().await?;
    tx.purge_sessions_unchecked(now).await?;
    tx.purge_links_unchecked(now).await?;
    tx.purge_idempotent_unchecked(now.saturating_sub(Duration::from_secs(IDEMPOTENCY_HOURS * 3600))).await?;
    tx.commit_unaudited("what has run out is cleared away").await?;
    Ok(())
}
