//! Webhooks and deliveries as pages show them.

use claviger_core::key::KeyState;
use claviger_core::webhook::WebhookStatus;
use claviger_core::webhook::attempt::DECLINED;
use claviger_core::webhook::delivery::{DeliveryState, Source};
use claviger_core::webhook::health::Health;
use claviger_store::webhooks::deliveries::{AttemptRow, DeliveryRow};

use crate::console::keys::view::grouped;
use crate::console::pages::shell::{Moment, Status, Tone};
use crate::console::pages::webhooks::{AttemptView, DeliveryView, WebhookKey, WebhookView};
use crate::console::visit::Visit;
use crate::ops::webhooks::{DeliveryInfo, WebhookInfo};

/// A webhook's state in words.
pub(in crate::console) const fn status_words(status: WebhookStatus) -> &'static str {
    match status {
        WebhookStatus::Active => "On",
        WebhookStatus::Paused => "Paused",
        WebhookStatus::DisabledFailing => "Disabled: its receiver failed for too long",
        WebhookStatus::Gone => "Gone: its receiver wants no more",
        WebhookStatus::OffByKey => "Off: its key has ended",
    }
}

/// A delivery's state in words.
pub(super) const fn state_words(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => "To be sent",
        DeliveryState::Delivered => "Delivered",
        DeliveryState::Failed => "Failed",
        DeliveryState::Cancelled => "Not sent: the webhook has ended",
    }
}

/// A webhook. Where the reader may not see the whole address, what comes behind the host is left out: a secret may stand there.
pub(in crate::console) fn webhook(visit: &Visit, info: &WebhookInfo) -> WebhookView {
    let webhook = &info.row.webhook;
    // It goes on, and whoever looks at the list is to see that nothing arrives.
    let failing = webhook.failing_since.filter(|_| webhook.is_sent());
    let deafened = info.deafened_by();
    let words = match (deafened, failing) {
        (Some(KeyState::Expired), _) => "On, but its key has expired: what happens now it never learns".to_owned(),
        (Some(_), _) => "On, but its key is inactive: what happens now it never learns".to_owned(),
        (None, Some(it)) => format!("On, failing since {} UTC", it.to_table_text()),
        (None, None) => status_words(webhook.status).to_owned(),
    };
    let tone = match webhook.status {
        WebhookStatus::Active if failing.is_some() || deafened.is_some() => Tone::Warning,
        WebhookStatus::Active => Tone::Good,
        WebhookStatus::Paused => Tone::Paused,
        WebhookStatus::DisabledFailing => Tone::Warning,
        WebhookStatus::Gone | WebhookStatus::OffByKey => Tone::Ended,
    };
    let url = match info.shows_target {
        true => webhook.target_url.as_str().to_owned(),
        false => format!("{}/…", webhook.target_url.origin()),
    };
    let key = webhook.key_id.map(|id| {
        let name = info.row.key_name.as_ref().map_or_else(|| id.to_string(), ToString::to_string);
        let opens = visit.may_do("claviger/keys:read") || is_own(visit, info);
        WebhookKey { name, path: opens.then(|| format!("/keys/{id}")) }
    });
    WebhookView {
        id: webhook.id.to_string(),
        url,
        entity: webhook.subscription.entity().to_owned(),
        operation: webhook.subscription.operation().to_owned(),
        description: webhook.description.to_string(),
        key,
        status: Status { tone, words },
        health: health_words(info.health),
    }
}

/// How a receiver has done; none where nothing was tried.
fn health_words(it: Health) -> Option<String> {
    let (share, p95) = (it.failed_percent()?, it.p95_ms?);
    let failed = match it.failed {
        0 => format!("{} tried, none failed", it.attempts),
        failed => format!("{failed} of {} failed ({share} %)", it.attempts),
    };
    Some(format!("{failed}, 95 % within {} ms", grouped(p95)))
}

/// Whether it hangs on a key of the reader.
pub(super) fn is_own(visit: &Visit, info: &WebhookInfo) -> bool {
    [info.row.owner_id, info.row.mapped_user_id].contains(&Some(visit.user.id))
}

/// A delivery, and when it is tried next.
pub(super) fn delivery(row: &DeliveryRow) -> DeliveryView {
    let tone = match row.state {
        DeliveryState::Pending => Tone::Turning,
        DeliveryState::Delivered => Tone::Good,
        DeliveryState::Failed => Tone::Warning,
        DeliveryState::Cancelled => Tone::Ended,
    };
    let words = match (row.state, row.due_at) {
        (DeliveryState::Pending, Some(_)) if row.attempts > 0 => "Failed so far: tried again",
        (state, _) => state_words(state),
    };
    DeliveryView {
        id: row.id.to_string(),
        event_type: row.topic.event_type(),
        event_id: row.event_id.to_string(),
        made: Moment::new(row.created_at),
        status: Status { tone, words: words.to_owned() },
        due: row.due_at.filter(|_| row.attempts > 0).map(Moment::new),
        attempts: row.attempts,
        is_test: row.source == Source::Test,
    }
}

/// Whether its receiver wants this one delivery no more.
pub(super) fn is_declined(it: &AttemptRow) -> bool {
    it.error.as_deref() == Some(DECLINED)
}

/// One try.
pub(super) fn attempt(row: &AttemptRow) -> AttemptView {
    let is_good = row.status.is_some_and(|it| (200..300).contains(&it));
    let words = match (row.status, &row.error) {
        (Some(status), Some(_)) if is_declined(row) => format!("{status}: the receiver gave it up"),
        (Some(status), _) => status.to_string(),
        (None, Some(error)) => error.clone(),
        (None, None) => "No answer".to_owned(),
    };
    AttemptView {
        number: row.number,
        at: Moment::new(row.at),
        duration_ms: row.duration_ms,
        outcome: Status { tone: if is_good { Tone::Good } else { Tone::Warning }, words },
        is_manual: row.is_manual,
        response: row.response.clone().filter(|it| !it.is_empty()),
    }
}

/// The headers of the latest attempt, or of the one to come. The signature is made anew at each and kept nowhere; who has it and the body could
/// look for the secret.
pub(super) fn headers(row: &DeliveryRow, attempts: &[AttemptRow]) -> String {
    let at = attempts.first().map_or_else(|| "the time of the attempt".to_owned(), |it| it.at.as_secs().to_string());
    format!(
        "content-type: application/json\nwebhook-id: {}\nwebhook-timestamp: {at}\nwebhook-signature: made at each attempt, and not kept",
        row.event_id
    )
}

/// Of some deliveries, how many of those that have ended have failed.
pub(super) fn failures(rows: &[DeliveryInfo]) -> Option<String> {
    let count = |state: DeliveryState| rows.iter().filter(|it| it.row.state == state).count();
    let failed = count(DeliveryState::Failed);
    let ended = failed + count(DeliveryState::Delivered);
    let share = (failed * 100).checked_div(ended)?;
    Some(format!("{failed} of the last {ended} that have ended ({share} %)"))
}
