//! Subscribing.

use claviger_core::decision::Reach;
use claviger_core::event::{Event, EventKind};
use claviger_core::id::{KeyId, OrganizationId, WebhookId};
use claviger_core::limits::{WEBHOOKS_PER_KEY_MAX, WEBHOOKS_PER_ORGANIZATION_MAX};
use claviger_core::name::Description;
use claviger_core::permission::PermissionSet;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::tenant::Tenant;
use claviger_core::webhook::target::TargetUrl;
use claviger_core::webhook::topic::Subscription;
use claviger_core::webhook::{Webhook, WebhookStatus};
use claviger_store::{Connection, Hold};

use super::hear::{refuse_deaf, refuse_unheard};
use super::{Access, LACKING, ShownWebhook, authorize, info, is_by_token, organization_of, secrets};
use crate::app::App;
use crate::ops::caller::Caller;
use crate::ops::error::OpResult;
use crate::ops::idempotency::{Answer, Idempotency, keep, replay};
use crate::ops::transaction::{begin_beside, commit, on_task};

/// Whose a webhook is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The key's that asks: it ends with it, and hears what it may read.
    Key,
    /// The organization's.
    Organization,
}

/// What is asked for when a webhook is made.
#[derive(Debug, Clone)]
pub struct NewWebhook {
    /// Where; absent means the caller's own organization.
    pub organization_id: Option<OrganizationId>,
    /// Where it is sent.
    pub target_url: TargetUrl,
    /// What it is sent.
    pub subscription: Subscription,
    /// What it is for.
    pub description: Description,
    /// How far down the tree it hears.
    pub reach: Reach,
    /// Whose it is; absent means the key's that asks, and of a session the organization's.
    pub owner: Option<Owner>,
}

/// Refuses an address that says itself that it may not be called. What a name leads to is judged when it is called.
///
/// # Errors
/// A field's refusal, of `/target_url`.
pub fn check_target(app: &App, target: &TargetUrl) -> Result<(), Reject> {
    let allowed = app.config().webhook_allow_networks.as_ref();
    target.check(allowed).map_err(|error| Reject::field("/target_url", error))
}

/// Makes a webhook. Its signing secret leaves in this answer and never again. Needs `claviger/webhooks:create`; a key makes its own by
/// `claviger/own-webhooks:create`. Either holds the right to what it asks for.
///
/// # Errors
/// Refusals: `grant_exceeds_own` for what the caller may not read, `limit_reached`.
pub async fn create_webhook(
    app: &App,
    caller: &Caller,
    new: NewWebhook,
    idempotency: Option<Idempotency<ShownWebhook>>,
) -> OpResult<Answer<ShownWebhook>> {
    let organization_id = organization_of(app, caller, new.organization_id)?;
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || authorize(&app, &caller, organization_id, "create");
        // Who makes another one there waits until this one can be counted.
        let holds = [Hold::alone(organization_id)];
        let (mut tx, (tenant, access)) = begin_beside(&app, &caller, holds, authorize).await?;
        if let Some(answer) = replay(idempotency.as_ref(), &mut tx, &tenant).await? {
            return Ok(answer);
        }
        check_target(&app, &new.target_url)?;
        let key_id = key_of(&app, &caller, access, &new, organization_id)?;
        let asks = (&new.subscription, new.reach);
        let hears = match key_id {
            // What a token leaves of its key's rights is less than what the webhook would hear.
            Some(_) if !is_by_token(&caller) => {
                refuse_deaf(&mut tx, &tenant, asks).await?;
                PermissionSet::nothing()
            }
            Some(_) => {
                refuse_unheard(&app, &caller, &mut tx, &tenant, asks).await?;
                PermissionSet::nothing()
            }
            None => refuse_unheard(&app, &caller, &mut tx, &tenant, asks).await?,
        };
        refuse_too_many(&mut tx, &tenant, key_id).await?;
        let now = app.now();
        let webhook = Webhook {
            id: WebhookId::new(now, &mut *app.rng()),
            organization_id,
            key_id,
            target_url: new.target_url,
            subscription: new.subscription,
            hears,
            description: new.description,
            reach: new.reach,
            status: WebhookStatus::Active,
            failing_since: None,
            failed_at: None,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        tx.insert_webhook(&tenant, &webhook).await?;
        let (_, secret) = secrets::make(&app, &mut tx, &tenant, webhook.id, std::time::Duration::ZERO, now).await?;
        let info = info(&app, &caller, &mut tx, (&tenant, access), webhook.id).await?;
        let shown = ShownWebhook { info, secret };
        keep(idempotency.as_ref(), &mut tx, &tenant, &shown, now).await?;
        commit(&app, tx, Event::new(&tenant, EventKind::WebhookCreated, webhook.id, now).after(&webhook)).await?;
        Ok(Answer::Fresh(shown))
    })
    .await
}

/// The key that the webhook is to hang on; absent where it is the organization's.
fn key_of(
    app: &App,
    caller: &Caller,
    access: Access,
    new: &NewWebhook,
    organization_id: OrganizationId,
) -> Result<Option<KeyId>, Reject> {
    let default = caller.key_id().map_or(Owner::Organization, |_| Owner::Key);
    match (new.owner.unwrap_or(default), caller.key_id()) {
        (Owner::Key, None) => Err(Reject::field("/owner", "is `organization` for who is signed in at the console")),
        (Owner::Key, Some(key_id)) if app.replica().organization_of(key_id) == Some(organization_id) => {
            Ok(Some(key_id))
        }
        (Owner::Key, Some(_)) if access.is_own() => Err(Reject::new(LACKING, ELSEWHERE)),
        (Owner::Key, Some(_)) => Err(Reject::field("/owner", ELSEWHERE)),
        (Owner::Organization, _) if access.is_own() => {
            let detail = "Only who holds `claviger/webhooks:create` makes one that is the organization's.";
            Err(Reject::new(LACKING, detail))
        }
        (Owner::Organization, _) => Ok(None),
    }
}

const ELSEWHERE: &str = "A key's webhook stands in the key's own organization; with the reach `subtree` it hears of those below. One of \
                         another organization is that organization's own (`organization`).";

async fn refuse_too_many(connection: &mut Connection, tenant: &Tenant, key_id: Option<KeyId>) -> OpResult<()> {
    let mut bounds = vec![(None, WEBHOOKS_PER_ORGANIZATION_MAX, "An organization")];
    bounds.extend(key_id.map(|it| (Some(it), WEBHOOKS_PER_KEY_MAX, "A key")));
    for (of, most, whose) in bounds {
        if connection.count_webhooks(tenant, of).await? >= most {
            let detail = format!("{whose} has at most {most} webhooks. Delete some that are needed no more.");
            return Err(Reject::new(RejectCode::LimitReached, detail).into());
        }
    }
    Ok(())
}
