//! An organization's shared secret: what its clients sign with to get access tokens. It can be looked at again, by a person who proves who
//! they are, since whoever sets up a client needs it beside the key.

use std::time::Duration;

use claviger_core::event::{Entity, Event, EventKind};
use claviger_core::id::{OrganizationId, SharedSecretId};
use claviger_core::policy::Policy;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::sealing::Purpose;
use claviger_core::secret::{SecretState, Token};
use claviger_core::shared_secret::{self, SharedSecret};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_store::shared_secrets::SharedSecretRow;
use claviger_store::{Connection, Hold, Tx};
use serde_json::json;

use super::account::refuse_unconfirmed;
use super::caller::Caller;
use super::error::{Error, OpResult};
use super::idempotency::{Answer, Idempotency, keep, replay};
use super::keys::{Overlap, OverlapBounds};
use super::sealing::{data_key, opened};
use super::transaction::{begin_beside, commit, on_task};
use crate::app::App;

/// An organization's shared secrets with the current one in clear.
#[derive(Debug)]
pub struct ShownSharedSecret {
    /// Those that are good, the current one first.
    pub secrets: Vec<SharedSecret>,
    /// The current one.
    pub token: Token,
}

/// What an organization has of shared secrets, the current one first, and none in clear. Empty where there is none. Needs `claviger/shared-secrets:read`.
///
/// # Errors
/// Refusals.
pub async fn list_shared_secrets(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
) -> OpResult<Vec<SharedSecret>> {
    let tenant = caller.authorize(app, organization_id, "claviger/shared-secrets:read")?;
    let mut reader = app.store().read().await?;
    Ok(good(&mut reader, &tenant, app.now()).await?.into_iter().map(|it| it.secret).collect())
}

/// Makes an organization's shared secret. Needs `claviger/shared-secrets:create`.
///
/// # Errors
/// Refusals: `state_conflict` where there is one.
pub async fn create_shared_secret(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    idempotency: Option<Idempotency<ShownSharedSecret>>,
) -> OpResult<Answer<ShownSharedSecret>> {
    renew(app, caller, organization_id, None, idempotency).await
}

/// Gives an organization another shared secret; the one before stays good for the overlap. Needs `claviger/shared-secrets:update`.
///
/// # Errors
/// Refusals: `not_found` where there is none, `policy_denied` for an overlap beyond policy.
pub async fn rotate_shared_secret(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    overlap: Overlap,
    idempotency: Option<Idempotency<ShownSharedSecret>>,
) -> OpResult<Answer<ShownSharedSecret>> {
    renew(app, caller, organization_id, Some(overlap), idempotency).await
}

/// `overlap` is absent for the first one.
async fn renew(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    overlap: Option<Overlap>,
    idempotency: Option<Idempotency<ShownSharedSecret>>,
) -> OpResult<Answer<ShownSharedSecret>> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let permission = match overlap {
            None => "claviger/shared-secrets:create",
            Some(_) => "claviger/shared-secrets:update",
        };
        let authorize = || caller.authorize(&app, organization_id, permission);
        let (mut tx, tenant) = begin_alone(&app, &caller, organization_id, authorize).await?;
        if let Some(answer) = replay(idempotency.as_ref(), &mut tx, &tenant).await? {
            return Ok(answer);
        }
        let now = app.now();
        // What has ended is left to the job that clears it away, which may do so just now.
        let before: Vec<_> = good(&mut tx, &tenant, now).await?.into_iter().map(|it| it.secret).collect();
        let has_one = before.iter().any(|it| it.state == SecretState::Current);
        let overlap = match overlap {
            None if has_one => return Err(already_there().into()),
            None => Duration::ZERO,
            Some(_) if !has_one => return Err(not_there().into()),
            Some(overlap) => OverlapBounds::of(&policy_of(&app, organization_id)?).choose(overlap)?,
        };
        let mut after = before.clone();
        let (made, token) = shared_secret::renew(&mut after, organization_id, overlap, now, &mut *app.rng())?;
        for old in &before {
            match after.iter().find(|it| it.id == old.id) {
                None => tx.delete_shared_secret(&tenant, old, now).await?,
                Some(kept) if kept != old => tx.update_shared_secret(&tenant, kept, now).await?,
                Some(_) => {}
            }
        }
        let key = data_key(&app, &mut tx, &tenant, Purpose::SharedSecret, now).await?;
        let sealed = key.seal(made.id, &token, &mut *app.rng());
        tx.insert_shared_secret(&tenant, &made, key.id(), &sealed).await?;
        let kind = if has_one { EventKind::SharedSecretRotated } else { EventKind::SharedSecretCreated };
        let event = Event::new(&tenant, kind, made.id, now).after(&after).touching(touched(&before));
        let event = if has_one { event.before(&before) } else { event };
        // The new one stands last, and those before it newest first.
        after.rotate_right(1);
        let shown = ShownSharedSecret { secrets: after, token };
        keep(idempotency.as_ref(), &mut tx, &tenant, &shown, now).await?;
        commit(&app, tx, event).await?;
        Ok(Answer::Fresh(shown))
    })
    .await
}

/// What is done to the old shared secrets that are still good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldSharedSecretChange {
    /// They stop now. Where none of them is good any more, nothing changes and that is no error.
    End,
    /// One stops later.
    Extend {
        /// When.
        until: Timestamp,
    },
}

/// Changes until when old shared secrets are good: that of the one that is named; by default all end, and the one that was replaced last is
/// extended. Answers those that are good then. Needs `claviger/shared-secrets:update`, as the rotation did that left them good.
///
/// # Errors
/// Refusals: `not_found` where there is none, `state_conflict` for the current one and where none is to be extended, `policy_denied` for an end
/// that is too late, `invalid_field` for one that is not the organization's.
pub async fn change_old_shared_secrets(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    change: OldSharedSecretChange,
    which: Option<SharedSecretId>,
    idempotency: Option<Idempotency<Vec<SharedSecret>>>,
) -> OpResult<Answer<Vec<SharedSecret>>> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize(&app, organization_id, "claviger/shared-secrets:update");
        let (mut tx, tenant) = begin_alone(&app, &caller, organization_id, authorize).await?;
        if let Some(answer) = replay(idempotency.as_ref(), &mut tx, &tenant).await? {
            return Ok(answer);
        }
        let now = app.now();
        let before: Vec<_> = good(&mut tx, &tenant, now).await?.into_iter().map(|it| it.secret).collect();
        let current = before.iter().find(|it| it.state == SecretState::Current).ok_or_else(not_there)?;
        let mut after = before.clone();
        let kind = match change {
            OldSharedSecretChange::End => {
                if !shared_secret::end_old(&mut after, which, now)? {
                    keep(idempotency.as_ref(), &mut tx, &tenant, &after, now).await?;
                    if idempotency.is_some() {
                        tx.commit_unaudited("they had ended already; the answer is kept for a repetition").await?;
                    }
                    return Ok(Answer::Fresh(after));
                }
                EventKind::SharedSecretRotationEnded
            }
            OldSharedSecretChange::Extend { until } => {
                let max = OverlapBounds::of(&policy_of(&app, organization_id)?).max;
                shared_secret::extend_old(&mut after, which, until, max, now)?;
                EventKind::SharedSecretRotationExtended
            }
        };
        for old in &before {
            match after.iter().find(|it| it.id == old.id) {
                None => tx.delete_shared_secret(&tenant, old, now).await?,
                Some(kept) if kept != old => tx.update_shared_secret(&tenant, kept, now).await?,
                Some(_) => {}
            }
        }
        keep(idempotency.as_ref(), &mut tx, &tenant, &after, now).await?;
        let event = Event::new(&tenant, kind, current.id, now).before(&before).after(&after).touching(touched(&before));
        commit(&app, tx, event).await?;
        Ok(Answer::Fresh(after))
    })
    .await
}

/// Shows the current shared secret again, to a person who has just proven who they are, and with an event each time. Needs
/// `claviger/shared-secrets:reveal`, which who may only read does not hold.
///
/// # Errors
/// Refusals: `not_found`, `confirmation_required`, `master_key_missing`.
pub async fn reveal_shared_secret(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    idempotency: Option<Idempotency<ShownSharedSecret>>,
) -> OpResult<Answer<ShownSharedSecret>> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize(&app, organization_id, "claviger/shared-secrets:reveal");
        let (mut tx, tenant) = begin_alone(&app, &caller, organization_id, authorize).await?;
        if let Some(answer) = replay(idempotency.as_ref(), &mut tx, &tenant).await? {
            return Ok(answer);
        }
        let now = app.now();
        let rows = good(&mut tx, &tenant, now).await?;
        let current = rows.iter().find(|it| it.secret.state == SecretState::Current).ok_or_else(not_there)?;
        refuse_unconfirmed(&app, &caller, &mut tx).await?;
        let token = open(&app, &tenant, current)?;
        let what = json!({ "ip": caller.address().map(|it| it.to_string()) });
        let event = Event::new(&tenant, EventKind::SharedSecretRevealed, current.secret.id, now).after(&what);
        let shown = ShownSharedSecret { token, secrets: rows.into_iter().map(|it| it.secret).collect() };
        keep(idempotency.as_ref(), &mut tx, &tenant, &shown, now).await?;
        commit(&app, tx, event).await?;
        Ok(Answer::Fresh(shown))
    })
    .await
}

/// Deletes an organization's shared secret with all before it: nobody signs in with one any more, and access tokens that were got by them end. Needs `claviger/shared-secrets:delete`.
///
/// # Errors
/// Refusals: `not_found` where there is none.
pub async fn delete_shared_secret(app: &App, caller: &Caller, organization_id: OrganizationId) -> OpResult<()> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize(&app, organization_id, "claviger/shared-secrets:delete");
        let (mut tx, tenant) = begin_alone(&app, &caller, organization_id, authorize).await?;
        let now = app.now();
        // What has ended is left to the job that clears it away, which may do so just now.
        let before: Vec<_> = good(&mut tx, &tenant, now).await?.into_iter().map(|it| it.secret).collect();
        let current = before.iter().find(|it| it.state == SecretState::Current).ok_or_else(not_there)?;
        for secret in &before {
            tx.delete_shared_secret(&tenant, secret, now).await?;
        }
        tx.destroy_shared_secret_key(&tenant, now).await?;
        let event = Event::new(&tenant, EventKind::SharedSecretDeleted, current.id, now).before(&before);
        let event = event.touching(touched(&before));
        commit(&app, tx, event).await
    })
    .await
}

/// What policy says about the overlap of a rotation, for whoever offers a choice: the same as for keys.
///
/// # Errors
/// An organization that is not known here.
pub fn shared_secret_overlap_bounds(app: &App, organization_id: OrganizationId) -> OpResult<OverlapBounds> {
    Ok(OverlapBounds::of(&policy_of(app, organization_id)?))
}

/// The shared secrets that are good, the current one first, in clear: to check what a client has signed.
pub(super) async fn good_tokens(app: &App, tenant: &Tenant) -> OpResult<Vec<(SharedSecret, Token)>> {
    let rows = good(&mut *app.store().read().await?, tenant, app.now()).await?;
    rows.iter().map(|it| Ok((it.secret.clone(), open(app, tenant, it)?))).collect()
}

/// A shared secret, if it is good still.
pub(super) async fn find_good(app: &App, tenant: &Tenant, id: SharedSecretId) -> OpResult<Option<SharedSecret>> {
    let rows = good(&mut *app.store().read().await?, tenant, app.now()).await?;
    Ok(rows.into_iter().map(|it| it.secret).find(|it| it.id == id))
}

/// Opens the transaction of a change of an organization's shared secret. Two of them do not run beside each other.
async fn begin_alone<T>(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    authorize: impl Fn() -> Result<T, Reject>,
) -> OpResult<(Tx, T)> {
    begin_beside(app, caller, [Hold::alone(organization_id)], authorize).await
}

/// What verifiers have to hear of: tokens that were got by one of these end when it does.
fn touched(secrets: &[SharedSecret]) -> impl Iterator<Item = Entity> {
    secrets.iter().map(|it| it.id.into())
}

/// Those that are good, the current one first.
async fn good(connection: &mut Connection, tenant: &Tenant, now: Timestamp) -> OpResult<Vec<SharedSecretRow>> {
    let mut rows = connection.find_shared_secrets(tenant).await?;
    rows.retain(|it| it.secret.is_good(now));
    Ok(rows)
}

fn open(app: &App, tenant: &Tenant, row: &SharedSecretRow) -> OpResult<Token> {
    let key = opened(app, tenant, Purpose::SharedSecret, &row.data_key)?;
    let token = key.open(row.secret.id, &row.sealed);
    token.map_err(|fault| Error::Internal(format!("the shared secret {} does not open: {fault}", row.secret.id)))
}

fn policy_of(app: &App, organization_id: OrganizationId) -> OpResult<Policy> {
    Ok(app.replica().policy(organization_id).ok_or_else(Reject::not_found)?)
}

fn not_there() -> Reject {
    Reject::new(RejectCode::NotFound, "The organization has no shared secret.")
}

fn already_there() -> Reject {
    let detail = "The organization has a shared secret; rotate it to get another one.";
    Reject::new(RejectCode::StateConflict, detail)
}
