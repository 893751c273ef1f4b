//! Sealed copies of secrets: kept while policy lets somebody see the secret again, opened for whoever may, and destroyed where nobody may any more.

use claviger_core::id::{DataKeyId, OrganizationId};
use claviger_core::master_keys::MasterKeys;
use claviger_core::policy::{Policy, Reveal, Setting};
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::sealing::{DataKey, MasterKey, MasterKeyId, Purpose};
use claviger_core::secret::{Secret, Token};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_store::Tx;
use claviger_store::sealing::{DataKeyRow, SealedCopy};

use super::error::{Error, OpResult};
use crate::app::App;

/// As whom copies are destroyed: policy says so, whoever set it.
const JOB: &str = "sealing";

/// Keeps a sealed copy of a new secret, where policy lets somebody see it again. The policy is what this transaction sees.
///
/// # Errors
/// [`RejectCode::MasterKeyMissing`]: a secret that policy lets somebody see again is not made where it could never be seen.
pub(super) async fn seal(
    app: &App,
    tx: &mut Tx,
    tenant: &Tenant,
    policy: &Policy,
    (secret, token): (&Secret, &Token),
    now: Timestamp,
) -> OpResult<()> {
    if policy.reveal == Reveal::Once {
        return Ok(());
    }
    let data_key = data_key(app, tx, tenant, Purpose::Reveal, now).await?;
    let sealed = data_key.seal(secret.id, token, &mut *app.rng());
    tx.insert_sealed_copy(tenant, secret, data_key.id(), &sealed).await?;
    Ok(())
}

/// The data key of the tenant's organization for a purpose, made now where there is none.
///
/// # Errors
/// [`RejectCode::MasterKeyMissing`]; faults.
pub(super) async fn data_key(
    app: &App,
    tx: &mut Tx,
    tenant: &Tenant,
    purpose: Purpose,
    now: Timestamp,
) -> OpResult<DataKey> {
    let row = match tx.find_data_key(tenant, purpose).await? {
        Some(row) => row,
        None => make_data_key(app, tx, tenant, purpose, now).await?,
    };
    opened(app, tenant, purpose, &row)
}

async fn make_data_key(
    app: &App,
    tx: &mut Tx,
    tenant: &Tenant,
    purpose: Purpose,
    now: Timestamp,
) -> OpResult<DataKeyRow> {
    // Under another master key than the installation's it would open on this node alone.
    let first = app.master_keys().keys().first().id();
    let kept = tx.keep_master_key_id_unchecked(first).await?.unwrap_or(first);
    let keys = app.master_keys().with(kept).ok_or_else(|| missing(app, kept))?;
    let wrapped = {
        let master = find(&keys, kept)?;
        let mut rng = app.rng();
        let id = DataKeyId::new(now, &mut *rng);
        let (_, wrapped) = master.make_data_key(id, tenant.organization_id(), purpose, &mut *rng);
        DataKeyRow { id, wrapped }
    };
    Ok(tx.insert_data_key(tenant, purpose, &wrapped, now).await?)
}

/// Opens the sealed copy of a secret.
///
/// # Errors
/// [`RejectCode::MasterKeyMissing`]; a fault, where it is not a copy of this secret.
pub(super) fn open(app: &App, tenant: &Tenant, secret: &Secret, copy: &SealedCopy) -> OpResult<Token> {
    let token = opened(app, tenant, Purpose::Reveal, &copy.data_key)?.open(secret.id, &copy.sealed);
    let token = token.ok().filter(|it| it.digest().matches(&secret.digest));
    token.ok_or_else(|| Error::Internal(format!("the sealed copy of {} does not open", secret.id)))
}

/// Opens a data key.
///
/// # Errors
/// [`RejectCode::MasterKeyMissing`]; a fault, where it is not what it says.
pub(super) fn opened(app: &App, tenant: &Tenant, purpose: Purpose, row: &DataKeyRow) -> OpResult<DataKey> {
    unwrapped(app, tenant.organization_id(), purpose, row)
}

/// The same of whichever organization, with whichever master key has wrapped it.
///
/// # Errors
/// As [`opened`].
pub(super) fn unwrapped(
    app: &App,
    organization_id: OrganizationId,
    purpose: Purpose,
    row: &DataKeyRow,
) -> OpResult<DataKey> {
    let by = row.wrapped.master_key_id;
    let keys = app.master_keys().with(by).ok_or_else(|| missing(app, by))?;
    let opened = find(&keys, by)?.unwrap_key(row.id, organization_id, purpose, &row.wrapped);
    opened.map_err(|fault| Error::Internal(format!("the data key {} does not open: {fault}", row.id)))
}

fn find(keys: &MasterKeys, id: MasterKeyId) -> OpResult<&MasterKey> {
    keys.find(id).ok_or_else(|| Error::Internal(format!("the master key {id} was there and is not")))
}

fn missing(app: &App, wanted: MasterKeyId) -> Reject {
    let has: Vec<_> = app.master_keys().keys().iter().map(|it| it.id().to_string()).collect();
    let detail = format!("This is sealed under the master key {wanted}, and this node has {}.", has.join(", "));
    Reject::new(RejectCode::MasterKeyMissing, detail)
}

/// Destroys what opens the copies of an organization's secrets, and of all below, wherever policy shows them once from now on. To be called
/// when something else holds for the organization than before; the transaction has the database for itself.
///
/// # Errors
/// Faults.
pub(super) async fn destroy_unrevealed(
    tx: &mut Tx,
    organization_id: OrganizationId,
    (before, after): (&Policy, &Policy),
    now: Timestamp,
) -> OpResult<()> {
    // What holds below depends on these two and on what each organization sets itself, which stays.
    let facts = |it: &Policy| (it.reveal, it.locked.contains(&Setting::Reveal));
    if facts(before) != facts(after) {
        tx.destroy_unrevealed(&Tenant::system(organization_id, JOB), now).await?;
    }
    Ok(())
}
