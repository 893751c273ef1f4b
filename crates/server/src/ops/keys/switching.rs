//! Who switches a key on again: whoever acts on own keys only does not undo what somebody else did to one of them.

use claviger_core::decision::{Code, KeyStanding};
use claviger_core::event::{EventKind, Position};
use claviger_core::id::{KeyId, UserId};
use claviger_core::key::Key;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::tenant::Tenant;
use claviger_store::log::EventFilter;
use claviger_store::{Connection, PageRequest};

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
        && was_switched_off_by_another(connection, tenant, user_id, key_id).await?
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
    match caller.authorize_keys(app, key.organization_id, "update") {
        Ok((tenant, Whose::Own(user_id))) if key.standing == KeyStanding::Inactive => {
            let mut reader = app.store().read().await?;
            was_switched_off_by_another(&mut reader, &tenant, user_id, key.id).await
        }
        _ => Ok(false),
    }
}

/// Asks the log who switched a key off last. The row does not say it, and a column for it would say again what the log keeps for ever: who did
/// something stays there also where what it told is erased.
async fn was_switched_off_by_another(
    connection: &mut Connection,
    tenant: &Tenant,
    user_id: UserId,
    key_id: KeyId,
) -> OpResult<bool> {
    let mut last: Option<(Position, bool)> = None;
    for kind in [EventKind::KeyDeactivated, EventKind::KeysDeactivated] {
        let filter = EventFilter { entity: Some(key_id.into()), kind: Some(kind), ..EventFilter::default() };
        let newest = connection.page_events(tenant, &filter, &PageRequest::first(1)).await?;
        let of = newest.rows.first().map(|it| {
            // A restore switches off what admins are to look at first, whoever had it switched on.
            let is_restore = it.job.as_deref() == Some(restore::JOB);
            let is_other = is_restore || it.user_id.map_or(it.key_id.is_some(), |by| by != user_id);
            (it.position, is_other)
        });
        last = last.max(of);
    }
    Ok(last.is_some_and(|it| it.1))
}
