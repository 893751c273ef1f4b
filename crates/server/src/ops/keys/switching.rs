//! Who switches a key on again: whoever acts on own keys only does not undo what somebody else did to one of them.

use std::collections::BTreeSet;

use claviger_core::decision::{Code, KeyStanding};
use claviger_core::event::{Entity, EventKind};
use claviger_core::id::{KeyId, OrganizationId, UserId};
use claviger_core::key::Key;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::tenant::Tenant;
use claviger_store::Connection;
use claviger_store::log::LatestChange;

use crate::app::App;
use crate::ops::caller::{Caller, Whose};
use crate::ops::error::OpResult;
use crate::ops::restore;

/// Refuses to switch on a key that somebody else switched off, to whoever acts on own keys only: an admin who stops a key would else have
/// stopped it until its owner looks. What a job switched off, such as one that nobody used, its owner may switch on.
pub(super) async fn refuse_to_undo_others(
    connection: &mut Connection,
    tenant: &Tenant,
    whose: Whose,
    key_id: KeyId,
) -> OpResult<()> {
    if let Whose::Own(user_id) = whose
        && !switched_off_by_others(connection, tenant, user_id, &[key_id]).await?.is_empty()
    {
        let detail = "Somebody else deactivated this key. An admin can activate it.";
        return Err(Reject::new(RejectCode::Decision(Code::InsufficientPermission), detail).into());
    }
    Ok(())
}

/// Whether somebody else switched a key off that the caller could else switch on.
///
/// # Errors
/// Faults.
pub async fn is_off_by_another(app: &App, caller: &Caller, key: &Key) -> OpResult<bool> {
    Ok(!find_off_by_others(app, caller, key.organization_id, &[key]).await?.is_empty())
}

/// Which of an organization's keys somebody else switched off that the caller could else switch on: for a page of them, in one look-up.
///
/// # Errors
/// Faults.
pub async fn find_off_by_others(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    keys: &[&Key],
) -> OpResult<BTreeSet<KeyId>> {
    let is_off = |it: &&&Key| it.standing == KeyStanding::Inactive;
    let off: Vec<_> = keys.iter().filter(is_off).map(|it| it.id).collect();
    match caller.authorize_keys(app, organization_id, "update") {
        Ok((tenant, Whose::Own(user_id))) if !off.is_empty() => {
            let mut reader = app.store().read().await?;
            switched_off_by_others(&mut reader, &tenant, user_id, &off).await
        }
        _ => Ok(BTreeSet::new()),
    }
}

/// Asks the log who switched keys off last. The rows do not say it, and a column for it would say again what the log keeps for ever: who did
/// something stays there also where what it told is erased.
async fn switched_off_by_others(
    connection: &mut Connection,
    tenant: &Tenant,
    user_id: UserId,
    keys: &[KeyId],
) -> OpResult<BTreeSet<KeyId>> {
    let kinds = [EventKind::KeyDeactivated, EventKind::KeysDeactivated];
    let entities: Vec<_> = keys.iter().map(|it| Entity::from(*it)).collect();
    let latest = connection.find_latest_changes(tenant, kinds, &entities).await?;
    let is_other = |it: &LatestChange| {
        // A restore switches off what admins are to look at first, whoever had it switched on.
        let is_restore = it.job.as_deref() == Some(restore::JOB);
        is_restore || it.user_id.map_or(it.key_id.is_some(), |by| by != user_id)
    };
    let others: BTreeSet<_> = latest.iter().filter(|it| is_other(it)).map(|it| it.about).collect();
    Ok(keys.iter().copied().filter(|it| others.contains(&Entity::from(*it))).collect())
}
