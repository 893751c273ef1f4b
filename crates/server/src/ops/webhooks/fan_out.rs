//! Fanning out: of what has happened, deliveries are made for whoever asks for it and may hear it. At least once and idempotent: a reader's place moves
//! in the transaction that makes them, and one event comes to one webhook once.

use claviger_core::event::Stream;
use claviger_core::host_event::HostEvent;
use claviger_core::id::{DeliveryId, EventId, OrganizationId};
use claviger_core::permission::Permission;
use claviger_core::tenant::Tenant;
use claviger_core::webhook::delivery::Source;
use claviger_core::webhook::topic::Topic;
use claviger_store::Tx;
use claviger_store::log::EventRow;
use claviger_store::readers::LogReader;
use claviger_store::webhooks::deliveries::NewDelivery;

use super::hear::{OWN_CHANGES, is_told};
use crate::app::App;
use crate::ops::error::{Error, OpResult};
use crate::ops::readers::take_turn;

const JOB: &str = "webhooks";
/// Events of hosts in one turn: what they ask for is written in one transaction, for which others wait.
const HOST_EVENTS_PER_TURN: u32 = 100;

/// What has happened, as far as it matters to who hears of it.
struct Happened<'a> {
    event_id: EventId,
    organization_id: OrganizationId,
    source: Source,
    topic: &'a Topic,
    needed: &'a Permission,
    entity_id: Option<&'a str>,
}

/// Makes deliveries of some of what has happened and was not come to yet, and says whether there may be more.
///
/// # Errors
/// What any transaction can meet; then nothing was done, and the same events come again.
pub async fn fan_out(app: &App) -> OpResult<bool> {
    let mut made = 0;
    let read = async |app: &App, tx: &mut Tx, events: &[EventRow]| {
        made = fan_out_changes(app, tx, events).await?;
        Ok(())
    };
    let has_more_changes = take_turn(app, LogReader::Webhooks, Stream::Change, read).await?;
    let (made_more, has_more_reports) = fan_out_host_events(app).await?;
    if 0 < made + made_more {
        app.deliveries_due().notify_one();
    }
    Ok(has_more_changes | has_more_reports)
}

/// Says how many deliveries were made.
async fn fan_out_changes(app: &App, tx: &mut Tx, events: &[EventRow]) -> OpResult<usize> {
    // What keys may hear is decided from memory, which has to know of all that happened up to here.
    settle(app, tx).await?;
    let needed = Permission::parse(OWN_CHANGES).expect("a permission");
    let mut made = 0;
    for event in events {
        let Some(topic) = Topic::of_change(event.kind) else { continue };
        let happened = Happened {
            event_id: event.id,
            organization_id: event.organization_id,
            source: Source::Change,
            topic: &topic,
            needed: &needed,
            entity_id: None,
        };
        made += deliver(app, tx, &happened).await?;
    }
    Ok(made)
}

/// Says how many deliveries were made, and whether there may be more.
async fn fan_out_host_events(app: &App) -> OpResult<(usize, bool)> {
    if !app.store().read().await?.is_behind_unchecked(LogReader::Webhooks, Stream::Host).await? {
        return Ok((0, false));
    }
    let mut tx = app.store().begin().await?;
    let place = tx.take_turn_unchecked(LogReader::Webhooks, Stream::Host).await?;
    let behind = tx.host_events_behind_unchecked(place, HOST_EVENTS_PER_TURN).await?;
    let Some((last, _)) = behind.last() else {
        // What was reported was cleared away before anybody came to it.
        let head = tx.head(Stream::Host).await?;
        tx.move_reader_unchecked(LogReader::Webhooks, Stream::Host, head).await?;
        tx.commit_unaudited("a reader of the log has gone on").await?;
        return Ok((0, false));
    };
    let (last, is_full) = (*last, behind.len() == HOST_EVENTS_PER_TURN as usize);
    settle(app, &mut tx).await?;
    let mut made = 0;
    for event in behind.iter().filter_map(|(_, event)| event.as_ref()) {
        made += deliver(app, &mut tx, &happened(event)).await?;
    }
    tx.move_reader_unchecked(LogReader::Webhooks, Stream::Host, last).await?;
    tx.commit_unaudited("a reader of the log has gone on").await?;
    Ok((made, is_full))
}

fn happened(it: &HostEvent) -> Happened<'_> {
    Happened {
        event_id: it.id,
        organization_id: it.organization_id,
        source: Source::Host,
        topic: &it.topic,
        needed: &it.permission,
        entity_id: it.entity_id.as_deref(),
    }
}

async fn settle(app: &App, tx: &mut Tx) -> OpResult<()> {
    let head = tx.settled_head().await?;
    app.follower().applied(head).await.map_err(Error::NotBegun)
}

async fn deliver(app: &App, tx: &mut Tx, it: &Happened<'_>) -> OpResult<usize> {
    let (now, mut made) = (app.now(), 0);
    for subscriber in tx.find_subscribers(&Tenant::system(it.organization_id, JOB), it.topic).await? {
        if !is_told(app, &subscriber, it.organization_id, (it.needed, it.entity_id)) {
            continue;
        }
        let new = NewDelivery {
            id: DeliveryId::new(now, &mut *app.rng()),
            webhook_id: subscriber.id,
            event_id: it.event_id,
            event_organization_id: it.organization_id,
            source: it.source,
            topic: it.topic,
            body: None,
            is_manual: false,
        };
        let is_new = tx.insert_delivery(&Tenant::system(subscriber.organization_id, JOB), &new, now).await?;
        made += usize::from(is_new);
    }
    Ok(made)
}
