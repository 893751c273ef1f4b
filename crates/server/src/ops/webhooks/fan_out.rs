//! Fanning out: of what has happened, deliveries are made for whoever asks for it and may hear it. At least once and idempotent: a reader's place moves
//! in the transaction that makes them, and one event comes to one webhook once.
//!
//! One event can concern very many webhooks, and others wait for what such a transaction writes: so it looks at so many and ends, be that in the
//! middle of an event, and notes how far that has come. Webhooks are locked at its end, in one order.

use std::collections::BTreeMap;

use claviger_core::event::{Position, Stream};
use claviger_core::host_event::HostEvent;
use claviger_core::id::{DeliveryId, EventId, OrganizationId, WebhookId};
use claviger_core::limits::{FAN_OUT_TURNS_BEFORE_PAUSE_MAX, FAN_OUT_WEBHOOKS_MAX};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_core::webhook::delivery::Source;
use claviger_core::webhook::topic::Topic;
use claviger_store::Tx;
use claviger_store::log::EventRow;
use claviger_store::readers::LogReader;
use claviger_store::webhooks::Subscriber;
use claviger_store::webhooks::deliveries::NewDelivery;

use super::hear::{Told, is_told, own_changes, settle};
use crate::app::App;
use crate::ops::error::OpResult;
use crate::ops::readers::{Went, end_turn, take_turn};

const JOB: &str = "webhooks";
/// Events of hosts in one turn: what they ask for is written in one transaction, for which others wait.
const HOST_EVENTS_PER_TURN: u32 = 100;

/// What has happened, as far as it matters to who hears of it.
struct Happened<'a> {
    at: Position,
    event_id: EventId,
    source: Source,
    told: Told<'a>,
}

/// Makes deliveries of some of what has happened and was not come to yet, and says whether there may be more.
///
/// # Errors
/// What any transaction can meet; then nothing was done, and the same events come again.
pub async fn fan_out(app: &App) -> OpResult<bool> {
    let mut made = 0;
    let read = async |app: &App, tx: &mut Tx, events: &[EventRow]| {
        let (went, count) = fan_out_changes(app, tx, events).await?;
        made = count;
        Ok(went)
    };
    let has_more_changes = take_turn(app, LogReader::Webhooks, Stream::Change, read).await?;
    let (made_more, has_more_reports) = fan_out_host_events(app).await?;
    if 0 < made + made_more {
        app.deliveries_due().notify_one();
    }
    Ok(has_more_changes | has_more_reports)
}

/// Makes deliveries of what has happened up to now, before a webhook is paused: what is sent nothing is found by no later turn, and whoever pauses it
/// means what happens from then on. A place up to which a paused webhook listens was rejected: where it is played before the turn comes to
/// it, one place would have to tell two stretches apart. What a turn cannot do, or not in [`FAN_OUT_TURNS_BEFORE_PAUSE_MAX`], keeps nobody from pausing.
pub(in crate::ops) async fn catch_up(app: &App) {
    for _ in 0..FAN_OUT_TURNS_BEFORE_PAUSE_MAX {
        match fan_out(app).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                return tracing::warn!(%error, "a webhook is paused that may not be told of what happened right before");
            }
        }
    }
    tracing::warn!("a webhook is paused while there is more to be told than is waited for");
}

/// Says how far it went, and how many deliveries were made.
async fn fan_out_changes(app: &App, tx: &mut Tx, events: &[EventRow]) -> OpResult<(Went, u64)> {
    // What keys may hear is decided from memory, which has to know of all that happened up to here.
    settle(app, tx).await?;
    let needed = own_changes();
    let topics: Vec<_> = events.iter().map(|it| Topic::of_change(it.kind)).collect();
    let mut happened = Vec::with_capacity(events.len());
    for (event, topic) in events.iter().zip(&topics) {
        let Some(topic) = topic else { continue };
        let told = Told { organization_id: event.organization_id, topic, needed: &needed, entity_id: None };
        happened.push(Happened { at: event.position, event_id: event.id, source: Source::Change, told });
    }
    deliver(app, tx, Stream::Change, &happened).await
}

/// Says how many deliveries were made, and whether there may be more.
async fn fan_out_host_events(app: &App) -> OpResult<(u64, bool)> {
    let (reader, stream) = (LogReader::Webhooks, Stream::Host);
    if !app.store().read().await?.is_behind_unchecked(reader, stream).await? {
        return Ok((0, false));
    }
    let mut tx = app.store().begin().await?;
    let place = tx.take_turn_unchecked(reader, stream).await?;
    // Before what stands up to there is read: what is reported between the two is not passed by.
    let head = tx.head(stream).await?;
    let behind = tx.host_events_behind_unchecked(place, HOST_EVENTS_PER_TURN).await?;
    let is_full = behind.len() == HOST_EVENTS_PER_TURN as usize;
    // Where there is nothing, what was reported was cleared away before anybody came to it.
    let last = behind.last().map_or(head, |it| it.0);
    settle(app, &mut tx).await?;
    let read: Vec<_> = behind.iter().filter_map(|(at, event)| Some(happened(*at, event.as_ref()?))).collect();
    let (went, made) = deliver(app, &mut tx, stream, &read).await?;
    Ok((made, end_turn(tx, (reader, stream), (place, last), went).await? || is_full))
}

fn happened(at: Position, it: &HostEvent) -> Happened<'_> {
    let told = Told {
        organization_id: it.organization_id,
        topic: &it.topic,
        needed: &it.permission,
        entity_id: it.entity_id.as_deref(),
    };
    Happened { at, event_id: it.id, source: Source::Host, told }
}

/// Makes deliveries of events of a stream, in their order, until so many webhooks have been looked at. Says how far it went, and how many were made.
async fn deliver(app: &App, tx: &mut Tx, stream: Stream, events: &[Happened<'_>]) -> OpResult<(Went, u64)> {
    let begun = tx.find_fan_out_unchecked(stream).await?;
    let mut made = Made { now: app.now(), count: 0, due: BTreeMap::new() };
    let (mut room, mut done, mut went) = (FAN_OUT_WEBHOOKS_MAX, None, Went::Whole);
    for event in events {
        let after = begun.filter(|(at, _)| *at == event.at).map(|(_, webhook_id)| webhook_id);
        let place = Tenant::system(event.told.organization_id, JOB);
        let found = tx.find_subscribers(&place, event.told.topic, (stream, event.at), after, room).await?;
        made.of(app, tx, event, &found).await?;
        room -= found.len();
        if let Some(last) = found.last().filter(|_| room == 0) {
            // There may be more behind this one; where there are none, the next turn finds that out.
            tx.put_fan_out_unchecked(stream, event.at, last.id).await?;
            went = Went::Part(done);
            break;
        }
        done = Some(event.at);
    }
    for (webhook_id, organization_id) in made.due {
        tx.bring_forward(&Tenant::system(organization_id, JOB), webhook_id, made.now).await?;
    }
    Ok((went, made.count))
}

/// What a turn has made.
struct Made {
    now: Timestamp,
    count: u64,
    /// The webhooks that have something due now, and whose they are.
    due: BTreeMap<WebhookId, OrganizationId>,
}

impl Made {
    /// Makes deliveries of an event to those of some webhooks that may hear of it.
    async fn of(&mut self, app: &App, tx: &mut Tx, event: &Happened<'_>, to: &[Subscriber]) -> OpResult<()> {
        let mut places: BTreeMap<OrganizationId, Vec<NewDelivery<'_>>> = BTreeMap::new();
        for subscriber in to.iter().filter(|it| is_told(app, *it, event.told)) {
            let new = NewDelivery {
                id: DeliveryId::new(self.now, &mut *app.rng()),
                webhook_id: subscriber.id,
                event_id: event.event_id,
                event_organization_id: event.told.organization_id,
                source: event.source,
                topic: event.told.topic,
                body: None,
                is_manual: false,
            };
            places.entry(subscriber.organization_id).or_default().push(new);
            self.due.insert(subscriber.id, subscriber.organization_id);
        }
        for (organization_id, new) in places {
            self.count += tx.insert_deliveries(&Tenant::system(organization_id, JOB), &new, self.now).await?;
        }
        Ok(())
    }
}
