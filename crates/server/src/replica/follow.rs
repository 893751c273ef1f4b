//! Following: applies what the log says, in its order, as soon as the bell rings and at every poll.

use std::sync::Arc;
use std::time::Duration;

use claviger_core::event::Position;
use claviger_store::feed::Followed;
use claviger_store::{Reader, Store, StoreResult};
use claviger_verifier::replica::Replica;
use claviger_verifier::writer::Writer;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::{Following, load};

/// Between two looks at the log when nobody rings. The bell is a doorbell only: a lost ring costs this long.
const POLL: Duration = Duration::from_millis(500);
/// How long a connection that was kept may take to answer, before another one is asked: whose server is gone may never say so.
const KEPT_ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// Events in one frame.
pub(super) const EVENTS_PER_FRAME: u32 = 256;

/// Runs until it is stopped.
pub(super) async fn run(
    following: Following,
    replica: Arc<Replica>,
    mut writer: Writer,
    bell: Arc<Notify>,
    applied: watch::Sender<Option<Position>>,
) {
    let (mut failing, mut polls) = (false, true);
    // Kept from one look at the log to the next: to take it and give it back would be more questions than the look itself.
    let mut reader = None;
    loop {
        let advanced = async {
            if polls {
                // What a node committed that died before its event had a place. A ring says that all have been given theirs.
                following.store.sequence().await?;
            }
            advance(&following, &mut writer, &mut reader, &applied).await
        };
        match advanced.await {
            Ok(()) => {
                replica.heard(Duration::ZERO);
                if std::mem::take(&mut failing) {
                    tracing::info!("the replica follows the log again");
                }
            }
            // Said once and not at every poll; the age of the replica goes on saying it.
            Err(error) if !failing => {
                failing = true;
                tracing::error!(%error, "the replica cannot follow the log: answers come from memory, growing older");
            }
            Err(_) => {}
        }
        polls = tokio::select! {
            () = bell.notified() => false,
            () = tokio::time::sleep(POLL) => true,
            () = following.stop.cancelled() => return,
        };
    }
}

/// Rings the bell when another node has committed. The poll needs no help, only patience, so what fails here is tried again and not told.
pub(super) async fn hear(store: Store, bell: Arc<Notify>, stop: CancellationToken) {
    loop {
        match store.doorbell().await {
            Ok(None) => return,
            Ok(Some(mut doorbell)) => {
                let ringing = async {
                    while doorbell.rung().await.is_ok() {
                        bell.notify_one();
                    }
                };
                tokio::select! {
                    () = ringing => {}
                    () = stop.cancelled() => return,
                }
            }
            Err(error) => tracing::debug!(%error, "nobody can be heard"),
        }
        tokio::select! {
            () = tokio::time::sleep(POLL) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Brings the replica to the head of the log. Leaves the connection by which it read.
async fn advance(
    following: &Following,
    writer: &mut Writer,
    reader: &mut Option<Reader>,
    applied: &watch::Sender<Option<Position>>,
) -> StoreResult<()> {
    if writer.position().is_none() {
        let head = load::load(following, writer).await?;
        applied.send_replace(Some(head));
    }
    loop {
        let Some(at) = writer.position() else { return Ok(()) };
        let in_order = match look(following, reader, at).await? {
            Followed::UpToDate => return Ok(()),
            Followed::Frame(frame) => writer.apply(&frame).is_ok(),
            Followed::Resync => false,
        };
        if !in_order {
            tracing::warn!(?at, "the log is not a continuation of what the replica holds: loading everything again");
            // Loading takes connections of its own.
            *reader = None;
            load::load(following, writer).await?;
        }
        applied.send_replace(writer.position());
    }
}

/// Looks what the log says behind a place, by the connection that was kept, or by another one where that is lost.
async fn look(following: &Following, reader: &mut Option<Reader>, at: Position) -> StoreResult<Followed> {
    if let Some(kept) = reader {
        let looking = kept.changes(at, EVENTS_PER_FRAME, following.clock.now());
        match tokio::time::timeout(KEPT_ANSWERS_WITHIN, looking).await {
            Ok(Ok(followed)) => return Ok(followed),
            Ok(Err(_)) | Err(_) => *reader = None,
        }
    }
    let mut fresh = following.store.follow().await?;
    let followed = fresh.changes(at, EVENTS_PER_FRAME, following.clock.now()).await?;
    *reader = Some(fresh);
    Ok(followed)
}
