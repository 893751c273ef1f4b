//! What came of an attempt, written down: the attempt, where its delivery stands, and how the webhook's receiver fares.

use claviger_core::event::{Event, EventKind};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_core::webhook::attempt::{DECLINED, Outcome, Verdict};
use claviger_core::webhook::delivery::DeliveryState;
use claviger_core::webhook::{Webhook, WebhookStatus};
use claviger_store::webhooks::deliveries::{AttemptRow, DeliveryRow};
use claviger_store::webhooks::sending::Standing;
use claviger_store::{Hold, Tx};

use super::noting::Noted;
use super::{Turn, failing};
use crate::app::App;
use crate::ops::error::OpResult;
use crate::ops::transaction::commit;
use crate::outgoing::Answer;

impl Turn<'_> {
    /// Notes an attempt that began at an instant. `is_over` gives the delivery up, and says nothing of the receiver. Says whether the webhook
    /// has ended by it.
    pub(super) async fn note(
        &self,
        delivery: &DeliveryRow,
        at: Timestamp,
        answer: &Answer,
        is_over: bool,
    ) -> OpResult<bool> {
        let app = &self.sender.app;
        let number = delivery.attempts + 1;
        let now = app.now();
        let verdict = match is_over {
            true => Verdict::GaveUp,
            false => answer.outcome.judge(u32::try_from(number).unwrap_or(u32::MAX), now, self.sender.jitter()),
        };
        let attempt = AttemptRow {
            number,
            at,
            duration_ms: u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX),
            is_manual: delivery.is_manual,
            status: answer.status(),
            response: answer.status().map(|_| answer.body.clone()),
            error: match verdict {
                Verdict::Declined => Some(DECLINED.to_owned()),
                _ => answer.error.clone(),
            },
        };
        let noted = Noted {
            tenant: self.tenant.clone(),
            webhook_id: self.due.webhook_id,
            delivery: delivery.clone(),
            attempt,
            standing: standing(verdict, &answer.outcome, now),
            verdict,
            is_over,
            now,
        };
        self.sender.note(noted).await
    }
}

/// Notes one attempt in a transaction of its own, and ends its webhook where it says so.
pub(super) async fn note_one(app: &App, it: &Noted) -> OpResult<bool> {
    let mut tx = app.store().begin().await?;
    tx.hold([Hold::alone(it.webhook_id)]).await?;
    tx.note_attempt(&it.tenant, &it.delivery, &it.attempt, it.standing).await?;
    let row = tx.find_webhook(&it.tenant, it.webhook_id).await?;
    let Some(mut webhook) = row.map(|it| it.webhook) else {
        tx.commit_unaudited("an attempt for a webhook that was deleted meanwhile").await?;
        return Ok(true);
    };
    let before = webhook.clone();
    if !it.is_over && webhook.note(&it.verdict, it.now) {
        end_webhook(app, tx, &it.tenant, (&before, webhook), it.now).await?;
        return Ok(true);
    }
    tx.note_webhook(&it.tenant, webhook.id, failing(&webhook)).await?;
    tx.commit_unaudited("an attempt at a delivery, which says itself what it was").await?;
    Ok(false)
}

/// Writes that a webhook is sent nothing any more; who has to know learns it from the event.
async fn end_webhook(
    app: &App,
    mut tx: Tx,
    tenant: &Tenant,
    (before, mut webhook): (&Webhook, Webhook),
    now: Timestamp,
) -> OpResult<()> {
    let kind = match webhook.status {
        WebhookStatus::Gone => EventKind::WebhookGone,
        _ => EventKind::WebhookDisabled,
    };
    webhook.version += 1;
    webhook.updated_at = now;
    tx.update_webhook(tenant, &webhook, before.version).await?;
    let event = Event::new(tenant, kind, webhook.id, now).before(before).after(&webhook);
    commit(app, tx, event).await
}

/// Where a delivery stands after an attempt.
fn standing(verdict: Verdict, outcome: &Outcome, now: Timestamp) -> Standing {
    let ended = |state| Standing { state, due_at: None, ended_at: Some(now) };
    match verdict {
        Verdict::Delivered => ended(DeliveryState::Delivered),
        Verdict::Retry { at } => Standing { state: DeliveryState::Pending, due_at: Some(at), ended_at: None },
        Verdict::GaveUp | Verdict::Declined => ended(DeliveryState::Failed),
        // It may have taken this one and want no other.
        Verdict::Gone => match outcome {
            Outcome::Answered { status: 200..=299, .. } => ended(DeliveryState::Delivered),
            _ => ended(DeliveryState::Failed),
        },
    }
}
