//! Another master key takes the place of the present one, while the service runs: every data key is wrapped anew, and nothing that was sealed changes.
//!
//! It can stop anywhere and be begun again. Both keys stand in the node's file all the while; what is wrapped by either opens; and the installation goes
//! over to the new one in the transaction that finds nothing left that is wrapped by another.

use claviger_core::event::{Event, EventKind};
use claviger_core::master_keys::MasterKeys;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::sealing::MasterKeyId;
use claviger_core::tenant::Tenant;
use claviger_store::{Connection, Tx};
use serde_json::json;

use super::admins::root_id;
use super::caller::Caller;
use super::error::{Error, OpResult};
use super::idempotency::{Answer, Idempotency, keep, replay};
use super::sealing::unwrapped;
use super::transaction::{begin, commit, on_task};
use crate::app::App;

/// What a caller needs to see which there are, and to let another take the place of the present one; at the root.
const READ: &str = "claviger/nodes:read";
const ROTATE: &str = "claviger/nodes:update";

/// Data keys that are wrapped anew in one transaction: few, so that nobody waits for it.
const DATA_KEYS_PER_PAGE: i64 = 100;

/// The master keys, as far as anybody may know of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterKeyInfo {
    /// The one that wraps new data keys; absent while nothing was ever sealed.
    pub present: Option<MasterKeyId>,
    /// Those that this node has read, in the order of its file.
    pub held: Vec<MasterKeyId>,
    /// The one that stands first in this node's file where that is not the present one: a rotation goes over to it. Absent too where the file cannot
    /// be read, and while nothing was ever sealed.
    pub waiting: Option<MasterKeyId>,
    /// Data keys that are wrapped by another one than the present.
    pub wrapped_by_others: u64,
}

/// Says which master keys there are.
///
/// # Errors
/// Refusals.
pub async fn get_master_key(app: &App, caller: &Caller) -> OpResult<MasterKeyInfo> {
    let mut reader = app.store().read().await?;
    let root = root_id(&mut reader).await?;
    caller.authorize(app, root, READ)?;
    let keys = app.master_keys().keys();
    // Somebody may have put another one there since it was read.
    let first = app.master_keys().stored().ok().map(|it| it.first().id());
    info(&mut reader, &keys, first).await
}

async fn info(connection: &mut Connection, keys: &MasterKeys, first: Option<MasterKeyId>) -> OpResult<MasterKeyInfo> {
    let present = connection.find_master_key_id_unchecked().await?;
    let wrapped_by_others = match present {
        Some(id) => connection.count_wrapped_by_others_unchecked(id).await?,
        None => 0,
    };
    let waiting = first.filter(|it| present.is_some_and(|present| present != *it));
    Ok(MasterKeyInfo { present, held: keys.iter().map(|it| it.id()).collect(), waiting, wrapped_by_others })
}

/// Wraps all data keys under the first key of this node's file, which is read again for that. Where they are already, nothing changes and that is
/// no error.
///
/// # Errors
/// Refusals: `master_key_missing` where this node has not the key that wraps one of them, `state_conflict` where the file cannot be read.
pub async fn rotate_master_key(
    app: &App,
    caller: &Caller,
    idempotency: Option<Idempotency<MasterKeyInfo>>,
) -> OpResult<Answer<MasterKeyInfo>> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let root = root_id(&mut *app.store().read().await?).await?;
        let authorize = || caller.authorize(&app, root, ROTATE);
        authorize()?;
        let keys = app.master_keys().reload().map_err(|error| {
            Reject::new(RejectCode::StateConflict, format!("The master keys of this node cannot be read: {error}"))
        })?;
        // A page at a time, and others write in between; what they make meanwhile is wrapped by the present one, and found below.
        loop {
            let mut tx = app.store().begin().await?;
            let found = rewrap_page(&app, &mut tx, &keys).await?;
            tx.commit_unaudited("what is wrapped otherwise opens as before").await?;
            if found == 0 {
                break;
            }
        }
        let (mut tx, tenant) = begin(&app, authorize).await?;
        if let Some(answer) = replay(idempotency.as_ref(), &mut tx, &tenant).await? {
            return Ok(answer);
        }
        while rewrap_page(&app, &mut tx, &keys).await? > 0 {}
        Ok(Answer::Fresh(go_over(&app, tx, &tenant, &keys, idempotency.as_ref()).await?))
    })
    .await
}

/// Says that the first of the keys is the installation's from now on.
async fn go_over(
    app: &App,
    mut tx: Tx,
    tenant: &Tenant,
    keys: &MasterKeys,
    idempotency: Option<&Idempotency<MasterKeyInfo>>,
) -> OpResult<MasterKeyInfo> {
    let (new, now) = (keys.first().id(), app.now());
    let before = tx.find_master_key_id_unchecked().await?;
    tx.put_master_key_id_unchecked(new).await?;
    let info = info(&mut tx, keys, Some(new)).await?;
    keep(idempotency, &mut tx, tenant, &info, now).await?;
    if before == Some(new) {
        tx.commit_unaudited("it was the installation's master key already").await?;
        return Ok(info);
    }
    let named = |id: Option<MasterKeyId>| json!({ "master_key_id": id.map(|it| it.to_string()) });
    let event = Event::new(tenant, EventKind::MasterKeyRotated, tenant.organization_id(), now);
    commit(app, tx, event.before(&named(before)).after(&named(Some(new)))).await?;
    Ok(info)
}

/// Wraps some data keys under the first of the keys; how many there were to be wrapped.
async fn rewrap_page(app: &App, tx: &mut Tx, keys: &MasterKeys) -> OpResult<usize> {
    let found = tx.page_wrapped_by_others_unchecked(keys.first().id(), DATA_KEYS_PER_PAGE).await?;
    for it in &found {
        let opened = unwrapped(app, it.organization_id, it.purpose, &it.row)?;
        let wrapped = keys.first().wrap(&opened, &mut *app.rng());
        // A copy that nobody could open would be worse than one that is wrapped by the old key.
        let check = keys.first().unwrap_key(it.row.id, it.organization_id, it.purpose, &wrapped);
        check.map_err(|fault| Error::Internal(format!("{} does not open as it was wrapped: {fault}", it.row.id)))?;
        tx.rewrap_data_key_unchecked(&it.row, &wrapped).await?;
    }
    Ok(found.len())
}
