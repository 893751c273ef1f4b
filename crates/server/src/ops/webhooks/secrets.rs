//! Signing secrets of webhooks: made, opened for whoever signs, and rotated. Nobody sees one twice.

use std::time::Duration;

use claviger_core::event::{Event, EventKind};
use claviger_core::id::WebhookId;
use claviger_core::limits::WEBHOOK_OVERLAP_HOURS_DEFAULT;
use claviger_core::sealing::Purpose;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_core::webhook::Webhook;
use claviger_core::webhook::secrets::{WebhookSecret, renew};
use claviger_core::webhook::signature::SigningSecret;
use claviger_store::webhooks::secrets::WebhookSecretRow;
use claviger_store::{Connection, Hold, Tx};
use serde_json::json;

use super::{ShownWebhook, authorize, find, info, place_of};
use crate::app::App;
use crate::ops::caller::Caller;
use crate::ops::error::{Error, OpResult};
use crate::ops::idempotency::{Answer, Idempotency, keep, replay};
use crate::ops::keys::Overlap;
use crate::ops::sealing::{data_key, opened};
use crate::ops::transaction::{begin_beside, commit, on_task};

/// Makes a webhook's signing secret, or another one beside those it has.
pub(super) async fn make(
    app: &App,
    tx: &mut Tx,
    tenant: &Tenant,
    webhook_id: WebhookId,
    overlap: Duration,
    now: Timestamp,
) -> OpResult<(Vec<WebhookSecret>, SigningSecret)> {
    let before: Vec<_> = good(tx, tenant, webhook_id, now).await?.into_iter().map(|it| it.secret).collect();
    let mut after = before.clone();
    let (made, secret) = renew(&mut after, overlap, now, &mut *app.rng())?;
    for old in &before {
        let ended = || WebhookSecret { state: claviger_core::secret::SecretState::Dead, ..old.clone() };
        let kept = after.iter().find(|it| it.id == old.id).cloned().unwrap_or_else(ended);
        tx.update_webhook_secret(tenant, &kept, now).await?;
    }
    let key = data_key(app, tx, tenant, Purpose::Webhook, now).await?;
    let sealed = key.seal_bytes(made.id, secret.expose_bytes(), &mut *app.rng());
    tx.insert_webhook_secret(tenant, webhook_id, &made, key.id(), &sealed).await?;
    Ok((after, secret))
}

/// Those that are good, the current one first.
pub(super) async fn good(
    connection: &mut Connection,
    tenant: &Tenant,
    webhook_id: WebhookId,
    now: Timestamp,
) -> OpResult<Vec<WebhookSecretRow>> {
    let mut rows = connection.find_webhook_secrets(tenant, webhook_id).await?;
    rows.retain(|it| it.secret.is_good(now));
    Ok(rows)
}

/// What a webhook's deliveries are signed with now: the current secret first, and those that retire. For whoever sends.
///
/// # Errors
/// `master_key_missing`; faults.
pub async fn signing_secrets(
    app: &App,
    connection: &mut Connection,
    tenant: &Tenant,
    webhook_id: WebhookId,
) -> OpResult<Vec<SigningSecret>> {
    let open = |it: &WebhookSecretRow| {
        let key = opened(app, tenant, Purpose::Webhook, &it.data_key)?;
        let bytes = key.open_bytes(it.secret.id, &it.sealed).ok();
        let secret = bytes.and_then(|it| SigningSecret::from_opened(&it));
        secret.ok_or_else(|| Error::Internal(format!("the signing secret {} does not open", it.secret.id)))
    };
    good(connection, tenant, webhook_id, app.now()).await?.iter().map(open).collect()
}

/// Gives a webhook another signing secret; deliveries are signed with the one before too for the overlap, by default a day. The new one leaves in
/// this answer and never again. Needs `claviger/webhooks:update`, or `claviger/own-webhooks:update` for the caller's own.
///
/// # Errors
/// Refusals: an overlap of more than a week.
pub async fn rotate_secret(
    app: &App,
    caller: &Caller,
    id: WebhookId,
    overlap: Overlap,
    idempotency: Option<Idempotency<ShownWebhook>>,
) -> OpResult<Answer<ShownWebhook>> {
    let organization_id = place_of(app, caller, id).await?;
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || authorize(&app, &caller, organization_id, "update");
        let (mut tx, (tenant, access)) = begin_beside(&app, &caller, [Hold::alone(id)], authorize).await?;
        if let Some(answer) = replay(idempotency.as_ref(), &mut tx, &tenant).await? {
            return Ok(answer);
        }
        let before = find(&mut tx, &tenant, access, id).await?.webhook;
        let overlap = match overlap {
            Overlap::Policy => Duration::from_secs(WEBHOOK_OVERLAP_HOURS_DEFAULT * 3600),
            Overlap::For(overlap) => overlap,
        };
        let now = app.now();
        let (_, secret) = make(&app, &mut tx, &tenant, id, overlap, now).await?;
        // Which secrets it has stands in its picture: who knows that by its tag reads it anew.
        let after = Webhook { version: before.version + 1, updated_at: now, ..before.clone() };
        tx.update_webhook(&tenant, &after, before.version).await?;
        let info = info(&app, &caller, &mut tx, (&tenant, access), id).await?;
        let shown = ShownWebhook { info, secret };
        keep(idempotency.as_ref(), &mut tx, &tenant, &shown, now).await?;
        let what = json!({ "overlap_secs": overlap.as_secs() });
        commit(&app, tx, Event::new(&tenant, EventKind::WebhookSecretRotated, id, now).after(&what)).await?;
        Ok(Answer::Fresh(shown))
    })
    .await
}
