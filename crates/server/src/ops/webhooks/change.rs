//! Changing, pausing, playing and deleting webhooks.

use claviger_core::event::{Event, EventKind};
use claviger_core::id::WebhookId;
use claviger_core::name::Description;
use claviger_core::reject::Reject;
use claviger_core::webhook::target::TargetUrl;
use claviger_core::webhook::{Webhook, WebhookStatus};
use claviger_store::Hold;

use super::fan_out::catch_up;
use super::hear::refuse_unheard;
use super::subscribe::check_target;
use super::{WebhookInfo, authorize, find, info, needs_hearing, place_of};
use crate::app::App;
use crate::ops::caller::Caller;
use crate::ops::error::OpResult;
use crate::ops::precondition::refuse_unexpected;
use crate::ops::transaction::{begin_beside, commit, on_task};

/// What is to be changed on a webhook; absent is "leave as it is".
#[derive(Debug, Clone, Default)]
pub struct WebhookPatch {
    /// Where it is sent.
    pub target_url: Option<TargetUrl>,
    /// What it is for.
    pub description: Option<Description>,
    /// Whether it is sent anything: `true` plays it, `false` pauses it.
    pub active: Option<bool>,
}

impl WebhookPatch {
    fn apply(self, webhook: &mut Webhook) -> Result<(), Reject> {
        if let Some(target) = self.target_url {
            webhook.send_to(target);
        }
        webhook.description = self.description.unwrap_or_else(|| webhook.description.clone());
        match self.active {
            Some(true) => webhook.play(),
            Some(false) => webhook.pause(),
            None => Ok(()),
        }
    }
}

/// Changes a webhook, pauses or plays it. Needs `claviger/webhooks:update`, or `claviger/own-webhooks:update` for the caller's own; another
/// address, or playing it, also the right to what it tells.
///
/// # Errors
/// Refusals: `state_conflict` for one that cannot be paused, or played.
pub async fn update_webhook(app: &App, caller: &Caller, id: WebhookId, patch: WebhookPatch) -> OpResult<WebhookInfo> {
    let organization_id = place_of(app, caller, id).await?;
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || authorize(&app, &caller, organization_id, "update");
        if patch.active == Some(false) {
            let (tenant, access) = authorize()?;
            // What comes of it is decided below. Of one that is not sent anything nothing could be missed.
            let mut reader = app.store().read().await?;
            let found = find(&mut reader, &tenant, access, id).await?.webhook;
            drop(reader);
            if found.status == WebhookStatus::Active && refuse_unexpected(found.version).is_ok() {
                catch_up(&app).await;
            }
        }
        let (mut tx, (tenant, access)) = begin_beside(&app, &caller, [Hold::alone(id)], authorize).await?;
        let before = find(&mut tx, &tenant, access, id).await?.webhook;
        refuse_unexpected(before.version)?;
        let mut after = before.clone();
        patch.apply(&mut after)?;
        let is_elsewhere = after.target_url != before.target_url;
        if is_elsewhere {
            check_target(&app, &after.target_url)?;
        }
        if (is_elsewhere || after.status != before.status && after.is_sent()) && needs_hearing(&caller, access) {
            let hears = refuse_unheard(&app, &caller, &mut tx, &tenant, (&after.subscription, after.reach)).await?;
            if after.key_id.is_none() {
                after.hears = hears;
            }
        }
        let now = app.now();
        (after.version, after.updated_at) = (before.version + 1, now);
        tx.update_webhook(&tenant, &after, before.version).await?;
        let kind = match after.status {
            it if it == before.status => EventKind::WebhookUpdated,
            WebhookStatus::Paused => EventKind::WebhookPaused,
            _ => EventKind::WebhookPlayed,
        };
        let info = info(&app, &caller, &mut tx, (&tenant, access), id).await?;
        commit(&app, tx, Event::new(&tenant, kind, id, now).before(&before).after(&after)).await?;
        Ok(info)
    })
    .await
}

/// Deletes a webhook. A key that deletes its own was told so by its receiver; the receiver of a key's webhook that somebody else deletes is told.
/// Needs `claviger/webhooks:delete`, or `claviger/own-webhooks:delete` for the caller's own.
///
/// # Errors
/// Refusals.
pub async fn delete_webhook(app: &App, caller: &Caller, id: WebhookId) -> OpResult<()> {
    let organization_id = place_of(app, caller, id).await?;
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || authorize(&app, &caller, organization_id, "delete");
        let (mut tx, (tenant, access)) = begin_beside(&app, &caller, [Hold::alone(id)], authorize).await?;
        let before = find(&mut tx, &tenant, access, id).await?.webhook;
        refuse_unexpected(before.version)?;
        let now = app.now();
        let is_live = !matches!(before.status, WebhookStatus::Gone | WebhookStatus::OffByKey);
        if before.key_id.is_some() && before.key_id != caller.key_id() && is_live {
            tx.insert_farewell(&tenant, &before, now).await?;
        }
        tx.delete_webhook(&tenant, id, now).await?;
        commit(&app, tx, Event::new(&tenant, EventKind::WebhookDeleted, id, now).before(&before)).await
    })
    .await
}
