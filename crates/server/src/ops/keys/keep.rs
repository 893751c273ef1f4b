//! Keeping a key that is about to end for want of use.

use claviger_core::ending::{Countdown, Ending};
use claviger_core::event::{Event, EventKind};
use claviger_core::id::{KeyId, OrganizationId};
use claviger_core::notification::NotificationKind;
use claviger_core::policy::Policy;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_store::clocks::KeyClock;
use claviger_store::{Hold, Tx};

use super::change::find_to_change;
use super::create::policy_of;
use crate::app::App;
use crate::ops::caller::Caller;
use crate::ops::error::OpResult;
use crate::ops::transaction::{begin_beside, commit, on_task};

/// Lets a key count as used now, of which somebody was told that nobody uses it. Where nobody was, there is nothing to be done.
///
/// # Errors
/// Refusals.
pub async fn keep_key(app: &App, caller: &Caller, organization_id: OrganizationId, key_id: KeyId) -> OpResult<()> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize_keys(&app, organization_id, "update");
        let (mut tx, (tenant, whose)) = begin_beside(&app, &caller, [Hold::alone(key_id)], authorize).await?;
        let key = find_to_change(&mut tx, &tenant, whose, key_id).await?;
        let noted = tx.find_key_clock(&tenant, key_id, Ending::Idle).await?.filter(|it| it.countdown.told.is_some());
        let policy = policy_of(&app, organization_id)?;
        if noted.is_none() || policy.idle_days.is_none() {
            return Ok(());
        }
        let now = app.now();
        count_from_now(&mut tx, &tenant, &policy, key_id, now).await?;
        // The reader of the log would do it too, but later than whoever pressed the button looks at the list again.
        tx.withdraw_notifications(&tenant, key_id, NotificationKind::of_ending(Ending::Idle)).await?;
        commit(&app, tx, Event::new(&tenant, EventKind::KeyKept, key.id, now)).await
    })
    .await
}

/// Lets a key count as used now. Whoever switches one on does it in the same transaction: a reader of the log comes later, and meanwhile the
/// clocks would end a key of which somebody was told while it was on.
pub(in crate::ops) async fn count_from_now(
    tx: &mut Tx,
    tenant: &Tenant,
    policy: &Policy,
    key_id: KeyId,
    now: Timestamp,
) -> OpResult<()> {
    let Some(days) = policy.idle_days else { return Ok(()) };
    let countdown = Countdown::of_idle(now, days);
    let due_at = countdown.next(&policy.idle_notices, now);
    let clock = KeyClock { key_id, organization_id: tenant.organization_id(), countdown, due_at };
    Ok(tx.put_key_clock(tenant, &clock).await?)
}
