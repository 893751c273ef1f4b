//! Rotating a key.

use std::time::Duration;

use claviger_core::event::{Event, EventKind};
use claviger_core::id::{KeyId, OrganizationId};
use claviger_core::key::Key;
use claviger_core::policy::{HooksOnRegenerate, Policy, ROTATION_OVERLAP_HOURS_MAX, Setting};
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::secret::{AccessId, Secret, SecretState};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_core::webhook::{Webhook, WebhookStatus};
use claviger_store::{Hold, Tx};
use serde_json::json;

use super::change::find_to_change;
use super::create::policy_of;
use super::rules::{Granted, refuse_without_api_access};
use super::{CreatedKey, Overlap, list};
use crate::app::App;
use crate::ops::caller::{Caller, Whose};
use crate::ops::error::{Error, OpResult};
use crate::ops::idempotency::{Answer, Idempotency, keep, replay};
use crate::ops::precondition::refuse_unexpected;
use crate::ops::sealing::seal;
use crate::ops::transaction::{begin_beside, commit, on_task};
use crate::ops::webhooks::catch_up;

const HOUR: Duration = Duration::from_secs(3600);

/// Gives a key a new secret. The token leaves in this answer, as that of a new key does; since it is as good as a new key, the caller has to hold what
/// the key holds.
///
/// # Errors
/// Refusals; an overlap beyond policy is one.
pub async fn rotate_key(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    key_id: KeyId,
    overlap: Overlap,
    idempotency: Option<Idempotency<CreatedKey>>,
) -> OpResult<Answer<CreatedKey>> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize_keys(&app, organization_id, "update");
        // Its webhooks are told of what has happened until they are paused.
        if will_pause(&app, authorize()?, key_id, overlap, idempotency.as_ref()).await? {
            catch_up(&app).await;
        }
        let (mut tx, (tenant, whose)) = begin_beside(&app, &caller, [Hold::alone(key_id)], authorize).await?;
        if let Some(answer) = replay(idempotency.as_ref(), &mut tx, &tenant).await? {
            return Ok(answer);
        }
        let before = find_to_change(&mut tx, &tenant, whose, key_id).await?;
        refuse_unexpected(before.version)?;
        refuse_foreign_personal(&caller, &before)?;
        Granted::from(&before).refuse_beyond_own(&app, &caller, &mut tx, &tenant).await?;
        if let Whose::Own(user_id) = whose {
            refuse_without_api_access(&mut tx, &tenant, user_id).await?;
        }
        let policy = policy_of(&app, organization_id)?;
        let overlap = bounds_of(&before, &policy).choose(overlap)?;
        let api = tx.find_api(&tenant, before.api_id).await?;
        let api = api.ok_or_else(|| Error::Internal(format!("{} has no api", before.id)))?;
        let now = app.now();

        let mut key = before.clone();
        let mut secrets = tx.find_live_secrets(&tenant, key_id).await?;
        let states: Vec<_> = secrets.iter().map(|it| it.state).collect();
        let token = key.rotate(&mut secrets, &api, overlap, now, &mut *app.rng())?;
        for (secret, _) in secrets.iter().zip(&states).filter(|(secret, before)| secret.state != **before) {
            tx.update_secret(&tenant, secret, now).await?;
        }
        let Some(new) = secrets.last() else { return Err(Error::Internal("a rotation made no secret".to_owned())) };
        tx.insert_secret(&tenant, new).await?;
        seal(&app, &mut tx, &tenant, &policy, (new, &token), now).await?;
        // Whoever has the old secret may still be the one who subscribed: with an overlap there is time to tell.
        if pauses(overlap, &policy) {
            pause_webhooks(&mut tx, &tenant, key_id, now).await?;
        }
        tx.update_key(&tenant, &key, before.version).await?;
        let created = CreatedKey { info: list::info(&app, &mut tx, &tenant, key_id, now).await?, token };
        keep(idempotency.as_ref(), &mut tx, &tenant, &created, now).await?;
        let mut what = json!({ "secret_id": new.id.to_string(), "overlap_secs": overlap.as_secs() });
        // By what each begins with, as everybody knows it; an imported one has only its identifier.
        let called = |it: &Secret| it.access_id.as_ref().map_or_else(|| it.id.to_string(), AccessId::hint);
        let ended =
            secrets.iter().zip(&states).filter(|(it, before)| it.state == SecretState::Dead && **before != it.state);
        let ended: Vec<_> = ended.map(|(it, _)| called(it)).collect();
        if !ended.is_empty() {
            what["ended_secrets"] = json!(ended);
        }
        commit(&app, tx, Event::new(&tenant, EventKind::KeyRotated, key_id, now).after(&what)).await?;
        Ok(Answer::Fresh(created))
    })
    .await
}

fn pauses(overlap: Duration, policy: &Policy) -> bool {
    overlap.is_zero() && policy.hooks_on_regenerate == HooksOnRegenerate::Pause
}

/// Whether a rotation will pause webhooks, as far as that is known before its transaction, which decides: a repetition pauses none, nor does what is
/// refused. Inside it would be too late, since others make the deliveries, in transactions of their own.
async fn will_pause(
    app: &App,
    (tenant, whose): (Tenant, Whose),
    key_id: KeyId,
    overlap: Overlap,
    idempotency: Option<&Idempotency<CreatedKey>>,
) -> OpResult<bool> {
    let mut reader = app.store().read().await?;
    if let Some(asked) = idempotency
        && reader.find_idempotent(&tenant, &asked.key).await?.is_some()
    {
        return Ok(false);
    }
    let key = match find_to_change(&mut reader, &tenant, whose, key_id).await {
        Ok(key) => key,
        Err(Error::Reject(_)) => return Ok(false),
        Err(fault) => return Err(fault),
    };
    let policy = policy_of(app, tenant.organization_id())?;
    let pauses = bounds_of(&key, &policy).choose(overlap).is_ok_and(|it| pauses(it, &policy));
    Ok(pauses && refuse_unexpected(key.version).is_ok() && reader.has_active_webhooks(&tenant, key_id).await?)
}

/// Pauses the webhooks of a key, each with an event of its own as if somebody had done it: who plays one again finds both in its history.
async fn pause_webhooks(tx: &mut Tx, tenant: &Tenant, key_id: KeyId, now: Timestamp) -> OpResult<()> {
    for id in tx.pause_webhooks_of_key(tenant, key_id, now).await? {
        let Some(row) = tx.find_webhook(tenant, id).await? else { continue };
        let before = Webhook { status: WebhookStatus::Active, ..row.webhook.clone() };
        let event = Event::new(tenant, EventKind::WebhookPaused, id, now).before(&before).after(&row.webhook);
        tx.tell_beside(event).await?;
    }
    Ok(())
}

/// Refuses to change the secrets of somebody else's personal key: they are for its user alone, and whoever else had one could act in that user's name.
pub(super) fn refuse_foreign_personal(caller: &Caller, key: &Key) -> Result<(), Reject> {
    if key.personal && caller.user_id() != key.owner_id {
        let detail = "Only its user gives a personal key a new secret; clear it, and the user makes another.";
        return Err(Reject::new(RejectCode::PolicyDenied, detail));
    }
    Ok(())
}

/// How long the old secret of a key may stay good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverlapBounds {
    /// As long as it does when a rotation does not say.
    pub preset: Duration,
    /// At most.
    pub max: Duration,
}

impl OverlapBounds {
    /// What policy says. What an ancestor has locked, nobody widens for one secret.
    pub(in crate::ops) fn of(policy: &Policy) -> Self {
        let hours = match policy.locked.contains(&Setting::RotationOverlapHours) {
            true => policy.rotation_overlap_hours,
            false => ROTATION_OVERLAP_HOURS_MAX,
        };
        Self { preset: HOUR * u32::from(policy.rotation_overlap_hours), max: HOUR * u32::from(hours) }
    }

    /// The overlap that was asked for.
    ///
    /// # Errors
    /// [`RejectCode::PolicyDenied`] for one that is too long.
    pub(in crate::ops) fn choose(self, asked: Overlap) -> Result<Duration, Reject> {
        match asked {
            Overlap::Policy => Ok(self.preset),
            Overlap::For(overlap) if overlap <= self.max => Ok(overlap),
            Overlap::For(_) => {
                let hours = self.max.as_secs() / HOUR.as_secs();
                let detail = format!("An old secret stays good for at most {hours} hours.");
                Err(Reject::new(RejectCode::PolicyDenied, detail))
            }
        }
    }
}

/// What policy says about the overlap of a key's rotation, for whoever offers a choice.
///
/// # Errors
/// An organization that is not known here.
pub fn overlap_bounds(app: &App, key: &Key) -> OpResult<OverlapBounds> {
    Ok(bounds_of(key, &policy_of(app, key.organization_id)?))
}

/// The same where the policy is at hand.
pub(super) fn bounds_of(key: &Key, policy: &Policy) -> OverlapBounds {
    // The key behind a member's toggle: who regenerates it wants the old one gone.
    match key.personal {
        true => OverlapBounds { preset: Duration::ZERO, max: Duration::ZERO },
        false => OverlapBounds::of(policy),
    }
}
