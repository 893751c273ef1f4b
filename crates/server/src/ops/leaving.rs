//! What becomes of the keys of a user who leaves.
//!
//! They are denied from the moment in which the membership ends: a key whose owner or mapped user is no member any more is good for nothing.
//! The same transaction revokes personal keys and takes the owner from others as far as one event may stand for; the rest follows in
//! transactions of that size, and after a restart goes on where it stopped.

use claviger_core::event::{Event, EventKind};
use claviger_core::id::UserId;
use claviger_core::tenant::Tenant;
use claviger_store::Tx;
use serde_json::json;

use super::error::OpResult;
use super::transaction::commit;
use crate::app::App;

/// Revokes the personal keys and takes the owner from the other keys of a user, in the tenant's organization and below, wherever no
/// membership is left that reaches there. Runs after the membership was deleted, in the same transaction. Says whether keys are left for
/// [`finish_leaving`].
pub(super) async fn release_keys(app: &App, tx: &mut Tx, tenant: &Tenant, user_id: UserId) -> OpResult<bool> {
    Ok(tx.release_keys(tenant, user_id, None, app.now()).await?.has_more)
}

/// Starts [`finish_leaving`] at once; should it fail, the job of the same name tries again.
pub(super) fn go_on(app: &App) {
    let task = app.clone();
    drop(app.spawn(async move {
        if let Err(error) = finish_leaving(&task).await {
            tracing::warn!(%error, "the keys of a user who left are not all released yet");
        }
    }));
}

/// Releases what is left of the keys of users who left, until nothing is or the service stops. A user who has become a member again by then
/// keeps what that membership reaches.
///
/// # Errors
/// What any transaction can meet; what was released before stays so.
pub async fn finish_leaving(app: &App) -> OpResult<()> {
    while !app.stop().is_cancelled() {
        // As a rule nobody is leaving, and every node asks: that must not hold up all other changes.
        if app.store().read().await?.find_leaving_unchecked().await?.is_none() {
            return Ok(());
        }
        // Beside other changes of keys it would lock a thousand rows in an order of its own.
        let mut tx = app.store().begin_structural().await?;
        let Some(leaving) = tx.find_leaving_unchecked().await? else { return Ok(()) };
        let tenant = Tenant::system(leaving.organization_id, "leaving");
        let now = app.now();
        let released = tx.release_keys(&tenant, leaving.user_id, leaving.released_until, now).await?;
        if released.revoked + released.disowned == 0 {
            tx.commit_unaudited("no key was left to be released").await?;
            continue;
        }
        let what = json!({ "revoked": released.revoked, "without_owner": released.disowned });
        commit(app, tx, Event::new(&tenant, EventKind::KeysReleased, leaving.user_id, now).after(&what)).await?;
    }
    Ok(())
}
