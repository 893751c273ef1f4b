//! Following: applies what the log says, in its order, as soon as the bell rings and at every poll.

use std::sync::Arc;
use std::time::Duration;

use claviger_core::event::Position;
use claviger_store::StoreResult;
use claviger_store::feed::Followed;
use claviger_verifier::replica::Replica;
use claviger_verifier::writer::Writer;
use tokio::sync::{Notify, watch};

use super::{Following, load};

/// Between two looks at the log when nobody rings. The bell is a doorbell only: a lost ring costs this long.
const POLL: Duration = Duration::from_secs(1);
/// Events in one frame.
const EVENTS_PER_FRAME: u32 = 256;

/// Runs until it is stopped.
pub(super) async fn run(
    following: Following,
    replica: Arc<Replica>,
    mut writer: Writer,
    bell: Arc<Notify>,
    applied: watch::Sender<Option<Position>>,
) {
    let mut failing = false;
    loop {
        match advance(&following, &mut writer, &applied).await {
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
        tokio::select! {
            () = bell.notified() => {}
            () = tokio::time::sleep(POLL) => {}
            () = following.stop.cancelled() => return,
        }
    }
}

/// Brings the replica to the head of the log.
async fn advance(
    following: &Following,
    writer: &mut Writer,
    applied: &watch::Sender<Option<Position>>,
) -> StoreResult<()> {
    if writer.position().is_none() {
        let head = load::load(following, writer).await?;
        applied.send_replace(Some(head));
    }
    loop {
        let Some(at) = writer.position() else { return Ok(()) };
        let followed = {
            let mut reader = following.store.read().await?;
            reader.changes(at, EVENTS_PER_FRAME, following.clock.now()).await?
        };
        let in_order = match followed {
            Followed::UpToDate => return Ok(()),
            Followed::Frame(frame) => writer.apply(&frame).is_ok(),
            Followed::Resync => false,
        };
        if !in_order {
            tracing::warn!(?at, "the log is not a continuation of what the replica holds: loading everything again");
            load::load(following, writer).await?;
        }
        applied.send_replace(writer.position());
    }
}
