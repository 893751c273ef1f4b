//! What came of an attempt, written down: the attempt, where its delivery stands, and how the webhook's receiver fares.

use claviger_core::event::{Event, EventKind};
use claviger_core::time::Timestamp;
use claviger_core::webhook::attempt::{Outcome, Verdict};
use claviger_core::webhook::delivery::DeliveryState;
use claviger_core::webhook::{Webhook, WebhookStatus};
use claviger_store::webhooks::deliveries::{AttemptRow, DeliveryRow};
use claviger_store::webhooks::sending::Standing;
use claviger_store::{Hold, Tx};

use super::Turn;
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
            error: answer.error.clone(),
        };
        let standing = standing(verdict, &answer.outcome, now);
        self.sender
            .transact(async |mut tx| {
                tx.hold([Hold::alone(self.due.webhook_id)]).await?;
                tx.note_attempt(&self.tenant, delivery, &attempt, standing).await?;
                let row = tx.find_webhook(&self.tenant, self.due.webhook_id).await?;
                let Some(mut webhook) = row.map(|it| it.webhook) else {
                    tx.commit_unaudited("an attempt for a webhook that was deleted meanwhile").await?;
                    return Ok(true);
                };
                let before = webhook.clone();
                if !is_over && webhook.note(&verdict, now) {
                    self.end_webhook(tx, &before, webhook, now).await?;
                    return Ok(true);
                }
                tx.note_webhook(&self.tenant, &webhook).await?;
                tx.commit_unaudited("an attempt at a delivery, which says itself what it was").await?;
                Ok(false)
            })
            .await
    }

    /// Writes that a webhook is sent nothing any more; who has to know learns it from the event.
    async fn end_webhook(&self, mut tx: Tx, before: &Webhook, mut webhook: Webhook, now: Timestamp) -> OpResult<()> {
        let kind = match webhook.status {
            WebhookStatus::Gone => EventKind::WebhookGone,
            _ => EventKind::WebhookDisabled,
        };
        webhook.version += 1;
        webhook.updated_at = now;
        tx.update_webhook(&self.tenant, &webhook, before.version).await?;
        let event = Event::new(&self.tenant, kind, webhook.id, now).before(before).after(&webhook);
        commit(&self.sender.app, tx, event).await
    }
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
