//! Changing, switching and revoking keys.

use claviger_core::decision::Code;
use claviger_core::decision::KeyStanding;
use claviger_core::event::{Audited as _, Event, EventKind};
use claviger_core::id::{KeyId, OrganizationId};
use claviger_core::key::{Key, KeyPatch, RevocationReason};
use claviger_core::policy::Policy;
use claviger_core::reject::Reject;
use claviger_core::secret::SecretState;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_store::{Connection, Hold, Tx};

use super::create::policy_of;
use super::keep::count_from_now;
use super::reveal::may_see;
use super::rules::{Granted, check_expiry, check_limits, check_owner, denied};
use super::switching::refuse_to_undo_others;
use super::{KeyInfo, list};
use crate::app::App;
use crate::ops::caller::{Caller, Whose, is_admin};
use crate::ops::error::OpResult;
use crate::ops::idempotency::{Answer, Idempotency, keep, replay};
use crate::ops::precondition::refuse_unexpected;
use crate::ops::transaction::{begin_beside, commit, on_task, refuse_other_version};

/// Changes what the patch names, and nothing of the secret.
///
/// # Errors
/// Refusals; [`claviger_core::reject::RejectCode::VersionMismatch`] where `expected_version` is not the present one.
pub async fn update_key(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    key_id: KeyId,
    patch: KeyPatch,
    expected_version: Option<u64>,
) -> OpResult<KeyInfo> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize_keys(&app, organization_id, "update");
        // Keys of one owner are counted, so those that they are given come one after the other.
        let owner = patch.owner_id.flatten().map(Hold::alone);
        let holds = [Hold::alone(key_id)].into_iter().chain(owner);
        let (mut tx, (tenant, whose)) = begin_beside(&app, &caller, holds, authorize).await?;
        let before = find_to_change(&mut tx, &tenant, whose, key_id).await?;
        refuse_other_version(expected_version, before.version)?;
        let now = app.now();
        let policy = policy_of(&app, organization_id)?;
        let new_expiry = patch.expires_at;
        let mut key = before.clone();
        key.update(patch, now)?;
        if let Whose::Own(user_id) = whose
            && key.mapped_user_id != Some(user_id)
        {
            return Err(Reject::from(Code::InsufficientPermission).into());
        }
        if before.owner_id != key.owner_id {
            check_new_owner(&mut tx, &tenant, &policy, &key).await?;
        }
        if holds_other_rights(&before, &key) {
            Granted::from(&key).check(&app, &caller, &mut tx, &tenant, &policy).await?;
        } else if is_loosened(&before, &key) || before.owner_id != key.owner_id {
            Granted::from(&key).refuse_beyond_own(&app, &caller, &mut tx, &tenant).await?;
        }
        if let Some(expires_at) = new_expiry {
            check_expiry(&policy, expires_at, now)?;
        }
        check_limits(&tenant, &policy, &before.limits, &key.limits)?;
        // Who is shown a secret again may pass it on, and so may let somebody else be shown it. Who is not would else name themselves, and look:
        // to keep the copy for those who come would make `owner` the same as `owner_and_admins`, by one more step. So nobody sees it any more.
        let hides = has_newcomers(&before, &key) && !may_see(&app, &caller, &mut tx, &tenant, &before).await?;
        let hides = hides && !tx.find_sealed_copies(&tenant, key_id).await?.is_empty();
        let mut after = key.audit();
        if hides {
            tx.delete_sealed_copies(&tenant, key_id).await?;
            // Whoever asks afterwards why the secret is not shown is told by this.
            after[COPY_DESTROYED] = true.into();
        }
        bury_old_secrets(&mut tx, &tenant, (&before, &key), now).await?;
        tx.update_key(&tenant, &key, before.version).await?;
        let info = list::info(&app, &mut tx, &tenant, key_id, now).await?;
        let event = Event::new(&tenant, EventKind::KeyUpdated, key_id, now).before(&before).after(&after);
        commit(&app, tx, event).await?;
        Ok(info)
    })
    .await
}

/// Where a key that has expired is given a later end, its old secrets stay ended: it was said of them that they end with the key, and whoever
/// rotated it counts on that. To let them live as long as their own overlap would bring back what may have leaked.
pub(super) async fn bury_old_secrets(
    tx: &mut Tx,
    tenant: &Tenant,
    (before, after): (&Key, &Key),
    now: Timestamp,
) -> OpResult<()> {
    if before.expires_at == after.expires_at || before.expires_at.is_none_or(|it| now < it) {
        return Ok(());
    }
    for mut secret in tx.find_live_secrets(tenant, after.id).await? {
        if secret.retiring_until(now).is_some() {
            secret.state = SecretState::Dead;
            tx.update_secret(tenant, &secret, now).await?;
        }
    }
    Ok(())
}

/// What an event of a change says where the kept copies of the key's secrets were destroyed by it.
pub(super) const COPY_DESTROYED: &str = "copy_destroyed";

/// Whether somebody becomes owner or mapped user who was neither before.
fn has_newcomers(before: &Key, after: &Key) -> bool {
    let known = [before.owner_id, before.mapped_user_id];
    [after.owner_id, after.mapped_user_id].into_iter().any(|it| it.is_some() && !known.contains(&it))
}

/// Refuses another owner of a key where the caller may not choose one, or the owner may not have it.
async fn check_new_owner(connection: &mut Connection, tenant: &Tenant, policy: &Policy, key: &Key) -> OpResult<()> {
    // Who may change all keys could else take them over, and make those good again whose owner lost the API access.
    if !is_admin(tenant) {
        return Err(denied("/owner_id", "Only an admin gives a key another owner.").into());
    }
    // Of an api with one for each user, that is bound enough.
    check_owner(connection, tenant, policy, key.owner_id, u32::from(!key.sole)).await
}

/// Whether a change touches what a key allows. What a form sends back as it was is no change: a member may rename an own key whose role an
/// admin chose.
fn holds_other_rights(before: &Key, after: &Key) -> bool {
    (before.role_id, &before.scopes, before.mapped_user_id, before.reach)
        != (after.role_id, &after.scopes, after.mapped_user_id, after.reach)
}

/// Whether a key is good from more places or for longer than before: that gives its rights out anew.
fn is_loosened(before: &Key, after: &Key) -> bool {
    let from_more_places = before
        .allowed_ips
        .as_ref()
        .is_some_and(|before| after.allowed_ips.as_ref().is_none_or(|after| !after.is_within(before)));
    let for_longer = before.expires_at.is_some_and(|before| after.expires_at.is_none_or(|after| after > before));
    from_more_places || for_longer
}

/// Switches a key on or off. Doing it twice is no error, and changes nothing.
///
/// # Errors
/// Refusals; to whoever acts on own keys only, one that somebody else switched off stays so.
pub async fn set_key_active(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    key_id: KeyId,
    active: bool,
    expected_version: Option<u64>,
    idempotency: Option<Idempotency<KeyInfo>>,
) -> OpResult<Answer<KeyInfo>> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize_keys(&app, organization_id, "update");
        let (mut tx, (tenant, whose)) = begin_beside(&app, &caller, [Hold::alone(key_id)], authorize).await?;
        if let Some(answer) = replay(idempotency.as_ref(), &mut tx, &tenant).await? {
            return Ok(answer);
        }
        let before = find_to_change(&mut tx, &tenant, whose, key_id).await?;
        refuse_other_version(expected_version, before.version)?;
        let now = app.now();
        let mut key = before.clone();
        key.set_active(active, now)?;
        if before.standing == key.standing {
            return Ok(Answer::Fresh(leave(&app, tx, &tenant, key_id, now, idempotency.as_ref()).await?));
        }
        if active {
            refuse_to_undo_others(&mut tx, &tenant, whose, key_id).await?;
            Granted::from(&key).refuse_beyond_own(&app, &caller, &mut tx, &tenant).await?;
            count_from_now(&mut tx, &tenant, &policy_of(&app, organization_id)?, key_id, now).await?;
        }
        let kind = if active { EventKind::KeyActivated } else { EventKind::KeyDeactivated };
        Ok(Answer::Fresh(finish(&app, tx, &tenant, kind, (&before, &key), idempotency.as_ref()).await?))
    })
    .await
}

/// Revokes a key for ever. Doing it twice is no error, and changes nothing: the first reason stays.
///
/// # Errors
/// Refusals.
pub async fn revoke_key(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    key_id: KeyId,
    reason: RevocationReason,
    idempotency: Option<Idempotency<KeyInfo>>,
) -> OpResult<Answer<KeyInfo>> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize_keys(&app, organization_id, "delete");
        let (mut tx, (tenant, whose)) = begin_beside(&app, &caller, [Hold::alone(key_id)], authorize).await?;
        if let Some(answer) = replay(idempotency.as_ref(), &mut tx, &tenant).await? {
            return Ok(answer);
        }
        let before = find_to_change(&mut tx, &tenant, whose, key_id).await?;
        refuse_unexpected(before.version)?;
        let now = app.now();
        if before.standing == KeyStanding::Revoked {
            return Ok(Answer::Fresh(leave(&app, tx, &tenant, key_id, now, idempotency.as_ref()).await?));
        }
        let mut key = before.clone();
        key.revoke(reason, now)?;
        let kind = EventKind::KeyRevoked;
        Ok(Answer::Fresh(finish(&app, tx, &tenant, kind, (&before, &key), idempotency.as_ref()).await?))
    })
    .await
}

/// Finds a key that the caller may act on. One that is only mapped to the caller can be seen, and so is refused and not hidden.
pub(super) async fn find_to_change(
    connection: &mut Connection,
    tenant: &Tenant,
    whose: Whose,
    key_id: KeyId,
) -> OpResult<Key> {
    let key = connection.find_key(tenant, key_id).await?.ok_or_else(Reject::not_found)?;
    if !list::is_visible(whose, &key) {
        return Err(Reject::not_found().into());
    }
    if let Whose::Own(user_id) = whose
        && key.owner_id != Some(user_id)
    {
        return Err(Reject::from(Code::InsufficientPermission).into());
    }
    Ok(key)
}

/// Answers with a key that was as asked already.
pub(super) async fn leave(
    app: &App,
    mut tx: Tx,
    tenant: &Tenant,
    key_id: KeyId,
    now: Timestamp,
    idempotency: Option<&Idempotency<KeyInfo>>,
) -> OpResult<KeyInfo> {
    let info = list::info(app, &mut tx, tenant, key_id, now).await?;
    if idempotency.is_some() {
        keep(idempotency, &mut tx, tenant, &info, now).await?;
        tx.commit_unaudited("the key was so already; the answer is kept for a repetition").await?;
    }
    Ok(info)
}

/// Writes the changed key, commits, and answers with how it looks now.
pub(super) async fn finish(
    app: &App,
    mut tx: Tx,
    tenant: &Tenant,
    kind: EventKind,
    (before, key): (&Key, &Key),
    idempotency: Option<&Idempotency<KeyInfo>>,
) -> OpResult<KeyInfo> {
    tx.update_key(tenant, key, before.version).await?;
    let info = list::info(app, &mut tx, tenant, key.id, key.updated_at).await?;
    debug_assert!(key.standing != KeyStanding::Revoked || info.key.revocation.is_some());
    keep(idempotency, &mut tx, tenant, &info, key.updated_at).await?;
    commit(app, tx, Event::new(tenant, kind, key.id, key.updated_at).before(before).after(key)).await?;
    Ok(info)
}
