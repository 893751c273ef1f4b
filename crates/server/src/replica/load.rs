//! Loading: read the head of the log, then every row in pages, then follow from that head.
//!
//! A node that has never loaded answers nobody, so nobody waits for it. Before it begins to answer it says where it stands and then takes in what
//! was committed until then: whoever committed earlier had nobody to wait for, and whoever commits later sees that there is.

use claviger_core::event::{EntityKind, Position, Stream};
use claviger_core::feed::Change;
use claviger_store::StoreResult;
use claviger_store::feed::{Followed, REPLICATED, Rows};
use claviger_verifier::writer::Writer;
use tokio::sync::mpsc;

use super::Following;

/// Rows in one read. Each read is short, so that the writer of the database is not kept from its checkpoints.
const ROWS_PER_READ: u32 = 2000;
/// Pages that wait between two steps: reading, making records and taking them in run side by side.
const PAGES_AHEAD: usize = 2;

/// Loads everything into `writer`, and says up to where. Meanwhile the replica answers from what it held before.
pub(super) async fn load(following: &Following, writer: &mut Writer) -> StoreResult<Position> {
    let is_first = writer.position().is_none();
    if is_first {
        following.nodes.enter().await?;
        restore_quotas(following, writer).await?;
    }
    let (head, keys) = {
        let mut reader = following.store.follow().await?;
        (reader.head(Stream::Change).await?, reader.count_live_keys_unchecked().await?)
    };
    writer.begin_load(usize::try_from(keys).unwrap_or(0));
    let (pages, mut read_pages) = mpsc::channel::<Rows>(PAGES_AHEAD);
    let (records, mut taken) = mpsc::channel::<Vec<Change>>(PAGES_AHEAD);
    let store = following.store.clone();
    let now = following.clock.now();
    let reading = following.tasks.spawn(async move {
        for kind in REPLICATED {
            read(&store, kind, now, &pages).await?;
        }
        StoreResult::Ok(())
    });
    let making = following.tasks.spawn(async move {
        while let Some(page) = read_pages.recv().await {
            if records.send(page.into_changes()).await.is_err() {
                return;
            }
        }
    });
    while let Some(changes) = taken.recv().await {
        writer.load(changes);
    }
    // A step that broke off must not look like the end of the rows.
    let (making, reading) = (making.await, reading.await);
    if let Some(fault) = making.err() {
        std::panic::resume_unwind(fault.into_panic());
    }
    match reading {
        Ok(read) => read?,
        Err(fault) => std::panic::resume_unwind(fault.into_panic()),
    }
    let at = if is_first { take_in_what_came_meanwhile(following, writer, head).await? } else { head };
    writer.finish_load(at);
    Ok(at)
}

/// Says that this node is about to answer, and loads what the log says up to that moment.
async fn take_in_what_came_meanwhile(
    following: &Following,
    writer: &mut Writer,
    head: Position,
) -> StoreResult<Position> {
    following.nodes.say(Some(head)).await?;
    let end = following.store.follow().await?.head(Stream::Change).await?;
    let mut at = head;
    while at < end {
        let mut reader = following.store.follow().await?;
        match reader.changes(at, super::follow::EVENTS_PER_FRAME, following.clock.now()).await? {
            Followed::Frame(frame) => {
                at = frame.to;
                writer.load(frame.changes);
            }
            // What is wrong is found again by whoever follows from here, and then everything is loaded anew.
            Followed::UpToDate | Followed::Resync => return Ok(at),
        }
    }
    Ok(at)
}

/// Takes over what was used of today's quotas before this process began.
async fn restore_quotas(following: &Following, writer: &mut Writer) -> StoreResult<()> {
    let (now, mut after) = (following.clock.now(), None);
    loop {
        let mut reader = following.store.follow().await?;
        let page = reader.page_quota_uses_unchecked(now, after, ROWS_PER_READ).await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = Some(*last);
        writer.restore_quotas(page);
    }
}

async fn read(
    store: &claviger_store::Store,
    kind: EntityKind,
    now: claviger_core::time::Timestamp,
    pages: &mpsc::Sender<Rows>,
) -> StoreResult<()> {
    let mut after = None;
    loop {
        let page = store.follow().await?.page_records(kind, after.as_ref(), ROWS_PER_READ, now).await?;
        // Nobody takes them any more only when the service stops.
        if pages.send(page.rows).await.is_err() {
            return Ok(());
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}
