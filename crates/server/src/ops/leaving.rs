//! What becomes of the keys of a user who leaves.

use claviger_core::id::{OrganizationId, UserId};
use claviger_core::key::{Key, RevocationReason};
use claviger_core::tenant::Tenant;
use claviger_store::keys::{KeyFilter, KeySort, KeyStatus};
use claviger_store::organizations::OrganizationFilter;
use claviger_store::{PageRequest, Tx};

use super::error::OpResult;
use crate::app::App;

const ROWS_PER_READ: u32 = 100;

/// Revokes the personal keys and takes the owner from the other keys of a user, in the tenant's organization and below, wherever no
/// membership is left that reaches there. Runs after the membership was deleted, in the same transaction.
pub(super) async fn release_keys(app: &App, tx: &mut Tx, tenant: &Tenant, user_id: UserId) -> OpResult<()> {
    for organization_id in subtree(tx, tenant).await? {
        let place = Tenant::system(organization_id, "leaving");
        if tx.find_nearest_member(&place, user_id).await?.is_some() {
            continue;
        }
        while let Some(keys) = owned(app, tx, &place, user_id).await? {
            for key in keys {
                release(app, tx, &place, key).await?;
            }
        }
    }
    Ok(())
}

async fn subtree(tx: &mut Tx, tenant: &Tenant) -> OpResult<Vec<OrganizationId>> {
    let filter = OrganizationFilter { whole_subtree: true, search: None };
    let (mut found, mut after) = (vec![tenant.organization_id()], None);
    loop {
        let page = tx.page_organizations(tenant, &filter, &PageRequest { after, limit: ROWS_PER_READ }).await?;
        found.extend(page.rows.into_iter().map(|it| it.id));
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}

/// Some live keys that belong to the user; each is released, so the next ones come first then.
async fn owned(app: &App, tx: &mut Tx, place: &Tenant, user_id: UserId) -> OpResult<Option<Vec<Key>>> {
    let filter = KeyFilter { status: KeyStatus::Live, owner_id: Some(user_id), ..KeyFilter::default() };
    let page = tx.page_keys(place, &filter, KeySort::Created, &PageRequest::first(ROWS_PER_READ), app.now()).await?;
    let keys: Vec<_> = page.rows.into_iter().map(|it| it.key).collect();
    Ok((!keys.is_empty()).then_some(keys))
}

async fn release(app: &App, tx: &mut Tx, place: &Tenant, mut key: Key) -> OpResult<()> {
    let version = key.version;
    if key.personal {
        key.revoke(RevocationReason::AffiliationChanged, app.now())?;
    } else {
        key.disown(app.now())?;
    }
    tx.update_key(place, &key, version).await?;
    Ok(())
}
