//! Webhooks: subscribe, look at, pause and play, end; what is delivered, and again.
//!
//! One hangs on the key that made it (a REST hook) or belongs to the organization. Who holds `claviger/webhooks:…` acts on all of an organization;
//! a key that holds `claviger/own-webhooks:…` on its own, and a person at the console on those of the keys that are theirs.

mod change;
mod deliver;
mod examples;
mod fan_out;
mod hear;
mod look;
pub mod message;
mod samples;
mod secrets;
mod subscribe;

use std::time::Duration;

use claviger_core::decision::Code;
use claviger_core::id::{OrganizationId, WebhookId};
use claviger_core::key::KeyState;
use claviger_core::limits::HEALTH_HOURS;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::tenant::Tenant;
use claviger_core::webhook::health::Health;
use claviger_core::webhook::secrets::WebhookSecret;
use claviger_core::webhook::signature::SigningSecret;
use claviger_store::Connection;
use claviger_store::webhooks::{WebhookRow, WebhooksOf};

use super::caller::Caller;
use super::error::OpResult;
use crate::app::App;

pub use change::{WebhookPatch, delete_webhook, update_webhook};
pub use deliver::{
    DeliveryInfo, Recovered, get_delivery, list_deliveries, recover_deliveries, resend_delivery, test_webhook,
};
pub(super) use fan_out::catch_up;
pub use fan_out::fan_out;
pub(super) use hear::{asked, is_sent_still, permission_of, settle};
pub use look::{count_webhooks_of_keys, get_webhook, list_webhooks};
pub use samples::list_samples;
pub use secrets::{rotate_secret, signing_secrets};
pub use subscribe::{NewWebhook, Owner, check_target, create_webhook};

/// A webhook as a caller may see it.
#[derive(Debug, Clone)]
pub struct WebhookInfo {
    /// The webhook, and what its key is called.
    pub row: WebhookRow,
    /// Whether the caller may see the whole address: in its path and query a secret may stand.
    pub shows_target: bool,
    /// Its signing secrets that are good, the current one first; empty in lists.
    pub secrets: Vec<WebhookSecret>,
    /// How its receiver has done within the last [`HEALTH_HOURS`] hours.
    pub health: Health,
    /// What the key looks like that it hangs on: while that is not [`KeyState::Active`], it is told nothing of what happens. Absent for one of the
    /// organization.
    pub key_state: Option<KeyState>,
}

impl WebhookInfo {
    /// What its key looks like, where that is why it hears nothing although it is on.
    pub fn deafened_by(&self) -> Option<KeyState> {
        self.key_state.filter(|it| self.row.webhook.is_sent() && *it != KeyState::Active)
    }
}

/// A webhook with its new signing secret in clear.
#[derive(Debug)]
pub struct ShownWebhook {
    /// The webhook.
    pub info: WebhookInfo,
    /// What its deliveries are signed with from now on.
    pub secret: SigningSecret,
}

/// Whose webhooks a caller was authorized for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Access {
    whose: WebhooksOf,
}

const LACKING: RejectCode = RejectCode::Decision(Code::InsufficientPermission);

/// Authorizes for webhooks of an organization, and says for whose. Who names an organization that is not within reach is told so by what they hold
/// where they are: that they may not, or that there is none.
pub(super) fn authorize(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    action: &str,
) -> Result<(Tenant, Access), Reject> {
    let refusal = match authorize_at(app, caller, organization_id, action) {
        Err(reject) if reject.code == RejectCode::NotFound => reject,
        answer => return answer,
    };
    match caller.home(app).filter(|it| *it != organization_id) {
        Some(home) => authorize_at(app, caller, home, action).and(Err(refusal)),
        None => Err(refusal),
    }
}

fn authorize_at(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    action: &str,
) -> Result<(Tenant, Access), Reject> {
    match caller.authorize(app, organization_id, &format!("claviger/webhooks:{action}")) {
        Ok(tenant) => Ok((tenant, Access { whose: WebhooksOf::All })),
        Err(reject) if reject.code == LACKING => {
            let own = format!("claviger/own-webhooks:{action}");
            match caller {
                Caller::Key { key_id, .. } => {
                    let tenant = caller.authorize(app, organization_id, &own)?;
                    Ok((tenant, Access { whose: WebhooksOf::Key(*key_id) }))
                }
                // What acts in somebody's name is theirs to know, whatever a host's own role leaves out: as with keys.
                Caller::Session { user_id, .. } => {
                    let tenant = match action {
                        "read" => caller.reach(app, organization_id)?,
                        _ => caller.authorize(app, organization_id, &own)?,
                    };
                    Ok((tenant, Access { whose: WebhooksOf::User(*user_id) }))
                }
            }
        }
        Err(reject) => Err(reject),
    }
}

impl Access {
    /// Whether it is one of those that the caller was authorized for.
    fn covers(self, row: &WebhookRow) -> bool {
        match self.whose {
            WebhooksOf::All => true,
            WebhooksOf::Key(id) => row.webhook.key_id == Some(id),
            WebhooksOf::User(id) => row.owner_id == Some(id) || row.mapped_user_id == Some(id),
        }
    }

    /// Whether it is about own webhooks alone.
    fn is_own(self) -> bool {
        self.whose != WebhooksOf::All
    }
}

/// Whether a caller has to hold the right to all that a webhook tells who has it sent elsewhere, or again. A key's own webhook tells what that may
/// read; but what acts by an access token may read less than its key, and only somebody else's webhook is judged by who made it.
fn needs_hearing(caller: &Caller, access: Access) -> bool {
    !access.is_own() || is_by_token(caller)
}

/// Whether a key is not there itself, but somebody with an access token that was got by it.
fn is_by_token(caller: &Caller) -> bool {
    matches!(caller, Caller::Key { credential, .. } if credential.token().is_some())
}

/// The organization in which a caller who names a webhook alone is authorized: the webhook's where it is within reach, and else the caller's own,
/// so that one that is somebody else's is answered like one that is not there.
pub(super) async fn place_of(app: &App, caller: &Caller, id: WebhookId) -> OpResult<OrganizationId> {
    let found = app.store().read().await?.find_webhook_place_unchecked(id).await?;
    let within_reach = found.filter(|it| caller.reach(app, *it).is_ok());
    Ok(within_reach.or_else(|| caller.home(app)).ok_or_else(Reject::not_found)?)
}

/// The organization that a caller means who names one, or none.
///
/// # Errors
/// A field's refusal for a session that names none: it has no organization of its own.
pub(super) fn organization_of(
    app: &App,
    caller: &Caller,
    named: Option<OrganizationId>,
) -> Result<OrganizationId, Reject> {
    let missing = || Reject::field("/organization_id", "is needed, since a session belongs to no organization");
    named.or_else(|| caller.home(app)).ok_or_else(missing)
}

/// Finds a webhook that the caller was authorized for; any other is as if it were not there.
async fn find(connection: &mut Connection, tenant: &Tenant, access: Access, id: WebhookId) -> OpResult<WebhookRow> {
    let found = connection.find_webhook(tenant, id).await?.filter(|it| access.covers(it));
    Ok(found.ok_or_else(Reject::not_found)?)
}

/// Whether whoever reads this webhook may see the whole of its address: those who could change it, and whose it is.
fn shows_target(app: &App, caller: &Caller, access: Access, organization_id: OrganizationId) -> bool {
    access.is_own() || authorize(app, caller, organization_id, "update").is_ok_and(|(_, it)| !it.is_own())
}

async fn info(
    app: &App,
    caller: &Caller,
    connection: &mut Connection,
    (tenant, access): (&Tenant, Access),
    id: WebhookId,
) -> OpResult<WebhookInfo> {
    let row = find(connection, tenant, access, id).await?;
    let secrets = secrets::good(connection, tenant, id, app.now()).await?;
    let health = health_of(app, connection, tenant, id).await?;
    let shows_target = shows_target(app, caller, access, tenant.organization_id());
    let (secrets, key_state) = (secrets.into_iter().map(|it| it.secret).collect(), row.key_state(app.now()));
    Ok(WebhookInfo { row, shows_target, secrets, health, key_state })
}

/// How a webhook's receiver has done lately.
async fn health_of(app: &App, connection: &mut Connection, tenant: &Tenant, id: WebhookId) -> OpResult<Health> {
    const SPAN: Duration = Duration::from_secs(HEALTH_HOURS * 3600);
    let tries = connection.find_recent_tries(tenant, id, app.now().saturating_sub(SPAN)).await?;
    Ok(Health::of(&tries))
}
