//! Deliveries: look at them, have one sent again, or all that failed; and a test.

use claviger_core::event::{Event, EventKind};
use claviger_core::id::{DeliveryId, EventId, OrganizationId, WebhookId};
use claviger_core::key::KeyState;
use claviger_core::limits::DELIVERIES_RECOVERED_MAX;
use claviger_core::permission::{Asked, Permission};
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_core::webhook::delivery::{DeliveryState, Source};
use claviger_core::webhook::message::{Heading, Message};
use claviger_core::webhook::topic::Topic;
use claviger_core::webhook::{Webhook, WebhookStatus};
use claviger_store::webhooks::WebhookRow;
use claviger_store::webhooks::deliveries::{AttemptRow, DeliveryRow, NewDelivery};
use claviger_store::{Hold, Tx};
use serde_json::json;

use super::examples::{Example, example_of};
use super::hear::{Told, is_sent_still, is_told, refuse_unheard};
use super::message::Content;
use super::{Access, authorize, find, message, needs_hearing, place_of};
use crate::app::App;
use crate::ops::caller::Caller;
use crate::ops::error::OpResult;
use crate::ops::idempotency::{Answer, Idempotency, keep, replay};
use crate::ops::page::{Page, PageRequest};
use crate::ops::transaction::{begin_beside, commit, on_task};

/// A delivery as a caller may see it.
#[derive(Debug, Clone)]
pub struct DeliveryInfo {
    /// The delivery; its state as it reads now.
    pub row: DeliveryRow,
    /// What it sends; absent in lists, where the caller may not read such events, and where the event was erased or is kept no longer.
    pub body: Option<String>,
    /// Whether what happened was erased, so that it is sent no more; false in lists.
    pub is_erased: bool,
    /// The latest tries, newest first; empty in lists.
    pub attempts: Vec<AttemptRow>,
}

/// What was asked to be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovered {
    /// How many deliveries.
    pub deliveries: u64,
    /// Whether there are more, for which the same is asked again.
    pub has_more: bool,
}

const fn has_ended(webhook: &Webhook) -> bool {
    matches!(webhook.status, WebhookStatus::Gone | WebhookStatus::OffByKey)
}

/// As it reads now: what waits for a webhook that has ended is sent no more.
fn shown(webhook: &Webhook, row: DeliveryRow) -> DeliveryRow {
    match row.state {
        DeliveryState::Pending if has_ended(webhook) => {
            DeliveryRow { state: DeliveryState::Cancelled, due_at: None, ..row }
        }
        _ => row,
    }
}

/// Lists the deliveries of a webhook, newest first, those in one state where one is named. Needs the right to look at the webhook.
///
/// # Errors
/// Refusals.
pub async fn list_deliveries(
    app: &App,
    caller: &Caller,
    id: WebhookId,
    state: Option<DeliveryState>,
    page: PageRequest,
) -> OpResult<Page<DeliveryInfo>> {
    let organization_id = place_of(app, caller, id).await?;
    let (tenant, access) = authorize(app, caller, organization_id, "read")?;
    let mut reader = app.store().read().await?;
    let webhook = find(&mut reader, &tenant, access, id).await?.webhook;
    let stored = match (state, has_ended(&webhook)) {
        (Some(DeliveryState::Pending), true) | (Some(DeliveryState::Cancelled), false) => {
            Some(DeliveryState::Cancelled)
        }
        (Some(DeliveryState::Cancelled), true) => Some(DeliveryState::Pending),
        (state, _) => state,
    };
    let found = reader.page_deliveries(&tenant, id, stored, &page.try_into()?).await?;
    let info = |row| DeliveryInfo { row: shown(&webhook, row), body: None, is_erased: false, attempts: Vec::new() };
    Ok(found.map(info).into())
}

/// Finds a delivery with its attempts. What it sends is shown to whoever may read such events, and of an own webhook. Needs the right to look at
/// the webhook.
///
/// # Errors
/// Refusals.
pub async fn get_delivery(
    app: &App,
    caller: &Caller,
    id: WebhookId,
    delivery_id: DeliveryId,
) -> OpResult<DeliveryInfo> {
    let organization_id = place_of(app, caller, id).await?;
    let (tenant, access) = authorize(app, caller, organization_id, "read")?;
    let mut reader = app.store().read().await?;
    let webhook = find(&mut reader, &tenant, access, id).await?.webhook;
    let found = reader.find_delivery(&tenant, id, delivery_id).await?.ok_or_else(Reject::not_found)?;
    let row = shown(&webhook, found);
    let content = message::readable_content_of(&mut reader, &row).await?;
    let is_erased = content.as_ref().is_some_and(|it| it.is_erased);
    let body = content.filter(|it| !is_erased && may_read(app, caller, access, &webhook, it)).map(|it| it.text);
    let attempts = reader.find_attempts(&tenant, delivery_id).await?;
    Ok(DeliveryInfo { row, body, is_erased, attempts })
}

/// Whether a caller may read what a delivery sends: by what they hold, and of an own webhook what that may be told now. A receiver may have put it
/// into its answer too, but that is for the receiver to say.
fn may_read(app: &App, caller: &Caller, access: Access, webhook: &Webhook, content: &Content) -> bool {
    let Some(told) = content.told() else { return true };
    let text = told.asked();
    let holds = || Asked::parse(&text).is_ok_and(|it| caller.check(app, told.organization_id, &it).is_ok());
    (!needs_hearing(caller, access) && is_told(app, webhook, told)) || holds()
}

/// Has a delivery sent again, whatever came of it. Needs `claviger/webhooks:update`, or `claviger/own-webhooks:update` for the caller's own, and
/// the right to what the webhook tells.
///
/// # Errors
/// Refusals: `state_conflict` where the webhook is sent nothing now, and where the event was erased; `grant_exceeds_own` where it may not be told of
/// this one any more.
pub async fn resend_delivery(
    app: &App,
    caller: &Caller,
    id: WebhookId,
    delivery_id: DeliveryId,
    idempotency: Option<Idempotency<DeliveryInfo>>,
) -> OpResult<Answer<DeliveryInfo>> {
    let organization_id = place_of(app, caller, id).await?;
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let (mut tx, tenant, row) = match begin(&app, &caller, organization_id, id, idempotency.as_ref()).await? {
            Begun::Again(answer) => return Ok(answer),
            Begun::Now(begun) => *begun,
        };
        let webhook = row.webhook;
        let found = tx.find_delivery(&tenant, id, delivery_id).await?.ok_or_else(Reject::not_found)?;
        let content = message::readable_content_of(&mut tx, &found).await?;
        if content.as_ref().is_some_and(|it| it.is_erased) {
            let detail = "What happened was erased, and is sent no more. The host can report it anew, under another id.";
            return Err(Reject::new(RejectCode::StateConflict, detail).into());
        }
        if content.is_some_and(|it| !is_sent_still(&app, &webhook, &it)) {
            let detail = "The webhook is not told of such things now: its key may not read them, or nobody who sent it here held the right.";
            return Err(Reject::new(RejectCode::GrantExceedsOwn, detail).into());
        }
        let now = app.now();
        tx.resend_delivery(&tenant, id, delivery_id, now).await?;
        let row = tx.find_delivery(&tenant, id, delivery_id).await?.ok_or_else(Reject::not_found)?;
        let attempts = tx.find_attempts(&tenant, delivery_id).await?;
        let info = DeliveryInfo { row: shown(&webhook, row), body: None, is_erased: false, attempts };
        keep(idempotency.as_ref(), &mut tx, &tenant, &info, now).await?;
        let what = json!({ "delivery_id": delivery_id.to_string() });
        commit(&app, tx, Event::new(&tenant, EventKind::WebhookResent, id, now).after(&what)).await?;
        app.deliveries_due().notify_one();
        Ok(Answer::Fresh(info))
    })
    .await
}

/// Has the deliveries of a webhook sent again that were made since an instant and failed, and at once those that wait for a further attempt after one
/// failed since then; those that wait first, each the oldest first, so many at a time, and none of what was erased. Rights as for [`resend_delivery`];
/// those that it may not be told any more fail again, and are not sent.
///
/// # Errors
/// As [`resend_delivery`].
pub async fn recover_deliveries(
    app: &App,
    caller: &Caller,
    id: WebhookId,
    since: Timestamp,
    idempotency: Option<Idempotency<Recovered>>,
) -> OpResult<Answer<Recovered>> {
    let organization_id = place_of(app, caller, id).await?;
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let (mut tx, tenant, _) = match begin(&app, &caller, organization_id, id, idempotency.as_ref()).await? {
            Begun::Again(answer) => return Ok(answer),
            Begun::Now(begun) => *begun,
        };
        let now = app.now();
        let deliveries = tx.recover_deliveries(&tenant, id, since, now).await?;
        let recovered = Recovered { deliveries, has_more: deliveries == DELIVERIES_RECOVERED_MAX as u64 };
        keep(idempotency.as_ref(), &mut tx, &tenant, &recovered, now).await?;
        let what = json!({ "since": since, "deliveries": deliveries });
        commit(&app, tx, Event::new(&tenant, EventKind::WebhookRecovered, id, now).after(&what)).await?;
        app.deliveries_due().notify_one();
        Ok(Answer::Fresh(recovered))
    })
    .await
}

/// Sends a webhook a test: a message as it would be, with what the catalogue has for an example, marked as a test. Rights as for
/// [`resend_delivery`].
///
/// # Errors
/// As [`resend_delivery`]; `state_conflict` also while the key that it hangs on is not good: the test would arrive, and nothing that happens.
pub async fn test_webhook(
    app: &App,
    caller: &Caller,
    id: WebhookId,
    idempotency: Option<Idempotency<DeliveryInfo>>,
) -> OpResult<Answer<DeliveryInfo>> {
    let organization_id = place_of(app, caller, id).await?;
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let (mut tx, tenant, row) = match begin(&app, &caller, organization_id, id, idempotency.as_ref()).await? {
            Begun::Again(answer) => return Ok(answer),
            Begun::Now(begun) => *begun,
        };
        let now = app.now();
        refuse_deafened(&row, now)?;
        let webhook = row.webhook;
        let is_heard = |topic: &Topic, needed: &Permission| {
            is_told(&app, &webhook, Told { organization_id, topic, needed, entity_id: None })
        };
        let Example { topic, entity_id, data } = example_of(&mut tx, &tenant, &webhook.subscription, is_heard).await?;
        let heading = Heading {
            id: EventId::new(now, &mut *app.rng()),
            topic: topic.clone(),
            at: now,
            entity_id,
            organization_id,
            actor_user_id: tenant.actor().user_id,
            actor_key_id: tenant.actor().key_id,
        };
        let event_id = heading.id;
        let body = Message { test: true, ..Message::new(heading, data) }.to_text();
        let new = NewDelivery {
            id: DeliveryId::new(now, &mut *app.rng()),
            webhook_id: id,
            event_id,
            event_organization_id: organization_id,
            source: Source::Test,
            topic: &topic,
            body: Some(&body),
            is_manual: true,
        };
        tx.insert_delivery(&tenant, &new, now).await?;
        let row = tx.find_delivery(&tenant, id, new.id).await?.ok_or_else(Reject::not_found)?;
        let info = DeliveryInfo { row, body: Some(body.clone()), is_erased: false, attempts: Vec::new() };
        keep(idempotency.as_ref(), &mut tx, &tenant, &info, now).await?;
        let what = json!({ "delivery_id": new.id.to_string() });
        commit(&app, tx, Event::new(&tenant, EventKind::WebhookTested, id, now).after(&what)).await?;
        app.deliveries_due().notify_one();
        Ok(Answer::Fresh(info))
    })
    .await
}

/// What became of a request to send.
enum Begun<T> {
    /// It was made before.
    Again(Answer<T>),
    /// It goes on.
    Now(Box<(Tx, Tenant, WebhookRow)>),
}

/// Opens the transaction of somebody who has something sent. Whoever sends more to an address reads more by it.
async fn begin<T>(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    id: WebhookId,
    idempotency: Option<&Idempotency<T>>,
) -> OpResult<Begun<T>> {
    let authorize = || authorize(app, caller, organization_id, "update");
    let (mut tx, (tenant, access)) = begin_beside(app, caller, [Hold::alone(id)], authorize).await?;
    if let Some(answer) = replay(idempotency, &mut tx, &tenant).await? {
        return Ok(Begun::Again(answer));
    }
    let row = find(&mut tx, &tenant, access, id).await?;
    let webhook = &row.webhook;
    if needs_hearing(caller, access) {
        refuse_unheard(app, caller, &mut tx, &tenant, (&webhook.subscription, webhook.reach)).await?;
    }
    if !webhook.is_sent() {
        let detail = "The webhook is sent nothing now: play it first. One that has ended is subscribed again.";
        return Err(Reject::new(RejectCode::StateConflict, detail).into());
    }
    Ok(Begun::Now(Box::new((tx, tenant, row))))
}

/// Refuses a test while nothing else would come.
fn refuse_deafened(row: &WebhookRow, now: Timestamp) -> Result<(), Reject> {
    let detail = match row.key_state(now) {
        None | Some(KeyState::Active) => return Ok(()),
        Some(KeyState::Inactive) => {
            "The key that it hangs on is inactive, so that it is told nothing of what happens. Activate the key first."
        }
        Some(KeyState::Expired) => {
            "The key that it hangs on has expired, so that it is told nothing of what happens. Extend the key first."
        }
        Some(KeyState::Revoked) => "The key that it hangs on is revoked. Subscribe again with another key.",
    };
    Err(Reject::new(RejectCode::StateConflict, detail))
}
