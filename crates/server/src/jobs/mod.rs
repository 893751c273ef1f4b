//! What runs by the clock.

mod endings;
mod fanning;
mod sending;

use std::pin::Pin;
use std::time::Duration;

use claviger_core::limits::{DELIVERY_DAYS_KEPT, HOST_EVENT_DAYS_KEPT, IDEMPOTENCY_HOURS};
use claviger_core::time::Timestamp;
use claviger_store::{ROWS_PURGED_MAX, StoreResult, Tx};

use crate::app::App;
use crate::ops::chain::extend_chains;
use crate::ops::clocks::{Rounds, flush, go_round};
use crate::ops::error::OpResult;
use crate::ops::leaving::finish_leaving;
use crate::ops::notifications::mail::send_due;
use crate::ops::notifications::{self, read_log};
use crate::ops::tokens::keep_signing_keys;

pub use endings::keep_endings;
pub use fanning::keep_fanning_out;

/// Between two times that counted uses are written down, least and most. A kill −9 loses a pause and the writing behind it, and a minute
/// is promised: the writing of a million secrets has the rest of it.
const FLUSH_EVERY: Duration = Duration::from_secs(4);
const FLUSH_EVERY_AT_MOST: Duration = Duration::from_secs(45);
/// Used secrets and refused requests that are written down for each second of pause. A secret costs the same however often it was used
/// meanwhile, its own row (some ten microseconds of a core) and that of its key's hour: where few are in use, the console shows their last use
/// within seconds, and where very many are, a longer pause writes far less, up to the million that the longest pause is meant for.
const ROWS_PER_SEC: u64 = 12_000;
/// Between two times that it is written down what was used of quotas, unless it is needed sooner, and after a failure; and the least between two.
const QUOTAS_EVERY: Duration = Duration::from_secs(1);
const QUOTAS_EVERY_AT_LEAST: Duration = Duration::from_millis(20);
/// Between two times that it is seen to whether keys have come near their end, or to it.
const CLOCKS_EVERY: Duration = Duration::from_secs(60);
/// Between two looks for what people have to be told.
const TELL_EVERY: Duration = Duration::from_secs(2);
/// Between two times that mail goes out that waits.
const MAIL_EVERY: Duration = Duration::from_secs(20);
/// Between two times that what has run out is cleared away.
const PURGE_EVERY: Duration = Duration::from_secs(600);

/// Between two times that it is seen to whether the key that signs access tokens has done so for long enough.
const SIGN_EVERY: Duration = Duration::from_secs(600);

/// Between two times that what happened is linked to what happened before: as long as an event may stand in the log unproved.
const LINK_EVERY: Duration = Duration::from_secs(5);

/// After the start, and between two times that it is seen to whether keys of users who left are still to be released. Only a fault or a
/// restart leaves any.
const LEAVE_FIRST: Duration = Duration::from_secs(1);
const LEAVE_EVERY: Duration = Duration::from_secs(60);

/// Between two times that it is looked whether something has happened that webhooks ask for and nobody has rung: on another node, mostly.
const FAN_OUT_EVERY: Duration = Duration::from_millis(500);

/// Starts the jobs; they end when the service stops.
pub fn start(app: &App) {
    let flushing = app.clone();
    let flush = async |app: &App| Ok(pause_after(flush(app).await?));
    drop(app.spawn(async move { repeat(FLUSH_EVERY, &flushing, "flush", flush).await }));
    let counting = app.clone();
    drop(app.spawn(async move { keep_quotas(&counting).await }));
    let purging = app.clone();
    let purge = async |app: &App| purge(app).await.map(|()| PURGE_EVERY);
    drop(app.spawn(async move { repeat(PURGE_EVERY, &purging, "purge", purge).await }));
    let signing = app.clone();
    let sign = async |app: &App| keep_signing_keys(app).await.map(|()| SIGN_EVERY);
    drop(app.spawn(async move { repeat(SIGN_EVERY, &signing, "signing-keys", sign).await }));
    let linking = app.clone();
    let link = async |app: &App| extend_chains(app).await.map(|()| LINK_EVERY);
    drop(app.spawn(async move { repeat(LINK_EVERY, &linking, "chain", link).await }));
    drop(app.spawn(keep_fanning_out(app.clone(), FAN_OUT_EVERY)));
    drop(app.spawn(sending::send(app.clone())));
    let ending = app.clone();
    drop(app.spawn(async move { keep_clocks(&ending).await }));
    let telling = app.clone();
    let tell = async |app: &App| read_log(app).await.map(|()| TELL_EVERY);
    drop(app.spawn(async move { repeat(TELL_EVERY, &telling, "notifications", tell).await }));
    let mailing = app.clone();
    let mail = async |app: &App| send_due(app).await.map(|()| MAIL_EVERY);
    drop(app.spawn(async move { repeat(MAIL_EVERY, &mailing, "mail", mail).await }));
    let releasing = app.clone();
    let leave = async |app: &App| finish_leaving(app).await.map(|()| LEAVE_EVERY);
    drop(app.spawn(async move { repeat(LEAVE_FIRST, &releasing, "leaving", leave).await }));
}

/// Runs a job after a pause, again and again; what it answers is the next pause.
async fn repeat(mut pause: Duration, app: &App, job: &str, run: impl AsyncFn(&App) -> OpResult<Duration>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = app.stop().cancelled() => return,
        }
        match run(app).await {
            Ok(next) => pause = next,
            Err(error) => tracing::warn!(job, %error, "a job failed and is tried again"),
        }
    }
}

/// Writes down what was used of quotas, again and again, and as soon as more was used of one than is written.
async fn keep_quotas(app: &App) {
    let mut failing = false;
    loop {
        let needed = async {
            if !failing {
                tokio::time::sleep(QUOTAS_EVERY_AT_LEAST).await;
                app.quotas().needed().await;
            } else {
                // Nobody is helped by being told again.
                std::future::pending().await
            }
        };
        tokio::select! {
            () = tokio::time::sleep(QUOTAS_EVERY) => {}
            () = needed => {}
            () = app.stop().cancelled() => return,
        }
        match app.quotas().write(true).await {
            Ok(_) => failing = false,
            Err(error) if !failing => {
                failing = true;
                tracing::warn!(job = "quotas", %error, "a job failed and is tried again");
            }
            Err(_) => {}
        }
    }
}

/// Goes round the keys that come near their end, again and again.
async fn keep_clocks(app: &App) {
    let mut rounds = Rounds::default();
    loop {
        tokio::select! {
            () = tokio::time::sleep(CLOCKS_EVERY) => {}
            () = app.stop().cancelled() => return,
        }
        if let Err(error) = go_round(app, &mut rounds).await {
            tracing::warn!(job = "clocks", %error, "a job failed and is tried again");
        }
    }
}

/// The pause after so many rows have been written down.
fn pause_after(rows: usize) -> Duration {
    Duration::from_secs(rows as u64 / ROWS_PER_SEC).clamp(FLUSH_EVERY, FLUSH_EVERY_AT_MOST)
}

/// Clears away rows of one kind by an instant, so many at a time, and says how many.
type Purge = for<'t> fn(&'t mut Tx, Timestamp) -> Pin<Box<dyn Future<Output = StoreResult<u64>> + Send + 't>>;

/// Clears away what has run out: sessions, links, kept answers, sealed copies, shared secrets and signing secrets. And what lies long ago: sign-ins, what
/// webhooks were sent, what hosts reported, what people were told, nodes that were lost, and what was counted.
///
/// # Errors
/// What any transaction can meet; it is tried again. What one kind meets keeps no other.
pub async fn purge(app: &App) -> OpResult<()> {
    let now = app.now();
    app.quotas().free_idle(now).await;
    let kept_from = now.saturating_sub(Duration::from_secs(IDEMPOTENCY_HOURS * 3600));
    let days_ago = |days: u64| now.saturating_sub(Duration::from_secs(days * 24 * 3600));
    let kinds: [(Purge, Timestamp); 10] = [
        (|tx, now| Box::pin(tx.purge_sessions_unchecked(now)), now),
        (|tx, now| Box::pin(tx.purge_links_unchecked(now)), now),
        (|tx, before| Box::pin(tx.purge_idempotent_unchecked(before)), kept_from),
        (|tx, now| Box::pin(tx.purge_sealed_copies_unchecked(now)), now),
        (|tx, now| Box::pin(tx.purge_shared_secrets_unchecked(now)), now),
        (|tx, now| Box::pin(tx.purge_sign_ins_unchecked(now)), now),
        (|tx, now| Box::pin(tx.purge_webhook_secrets_unchecked(now)), now),
        (|tx, before| Box::pin(tx.purge_deliveries_unchecked(before)), days_ago(DELIVERY_DAYS_KEPT)),
        (|tx, _| Box::pin(tx.purge_webhooks_unchecked()), now),
        (|tx, before| Box::pin(tx.purge_host_events_unchecked(before)), days_ago(HOST_EVENT_DAYS_KEPT)),
    ];
    let mut done = Vec::new();
    for (purge, at) in kinds {
        done.push(clear(app, purge, at).await);
    }
    done.extend([
        notifications::purge(app).await,
        app.store().purge_nodes().await.map_err(Into::into),
        forget_counts(app, now).await,
    ]);
    app.replica().forget_ends(now);
    done.into_iter().collect()
}

/// Clears away one kind of rows, so many at a time, and others write in between.
async fn clear(app: &App, purge: Purge, at: Timestamp) -> OpResult<()> {
    loop {
        let mut tx = app.store().begin().await?;
        let purged = purge(&mut tx, at).await?;
        tx.commit_unaudited("what has run out is cleared away").await?;
        if purged < ROWS_PURGED_MAX.unsigned_abs() {
            return Ok(());
        }
    }
}

async fn forget_counts(app: &App, now: Timestamp) -> OpResult<()> {
    while app.store().fold_counts(now).await? {}
    while app.store().forget_denials(now).await? {}
    while app.store().forget_quotas(now).await? {}
    while app.store().forget_version_uses(now).await? {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_used_secrets_are_written_down_less_often_but_within_a_minute() {
        let secs = [0, 40_000, 240_000, 1_000_000, 10_000_000].map(|it| pause_after(it).as_secs());
        assert_eq!(secs, [4, 4, 20, 45, 45]);
    }
}
