//! Keys that nobody uses: whom it concerns is told before they end, any use takes that back, and at last they are deleted or deactivated.

use claviger_core::decision::KeyStanding;
use claviger_core::ending::{Countdown, Ending};
use claviger_core::event::{Event, EventKind};
use claviger_core::id::{KeyId, OrganizationId};
use claviger_core::key::{Key, KeyState, RevocationReason};
use claviger_core::notification::NotificationKind;
use claviger_core::policy::{IdleAction, NoticeDays};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_store::clocks::{IdleWalk, KeyClock};
use claviger_store::{Connection, Error, Hold, Tx};
use serde_json::json;

use super::{DAY, PAGE, PAGES_PER_ROUND, due, note_failure, policy_of};
use crate::app::App;
use crate::ops::error::OpResult;
use crate::ops::transaction::commit;

const JOB: &str = "idle";

/// Finds keys that were not used for so long that the first notice is due, in every organization whose policy ends such keys.
pub(super) async fn meet(app: &App, place: &mut Option<OrganizationId>, as_of: Timestamp) -> OpResult<()> {
    for _ in 0..PAGES_PER_ROUND {
        let page = app.store().read().await?.page_organization_ids_unchecked(*place, PAGE).await?;
        *place = page.last().copied().filter(|_| page.len() == PAGE as usize);
        for organization_id in page {
            let policy = app.replica().policy(organization_id);
            if let Some((days, notices)) = policy.and_then(|it| Some((it.idle_days?, it.idle_notices))) {
                // What cannot be gone through keeps no other organization from it.
                if let Err(error) = walk(app, organization_id, (days, notices), as_of).await {
                    tracing::warn!(%organization_id, %error, "keys were not looked through and are the next time");
                }
            }
        }
        if place.is_none() || app.stop().is_cancelled() {
            break;
        }
    }
    Ok(())
}

/// Goes on through the keys of one organization.
async fn walk(
    app: &App,
    organization_id: OrganizationId,
    (days, notices): (u16, NoticeDays),
    as_of: Timestamp,
) -> OpResult<()> {
    let tenant = Tenant::system(organization_id, JOB);
    let whole = DAY * u32::from(days);
    // A shorter time than the first notice is early: whatever is there counts from its first day.
    let until = as_of.saturating_sub(whole.saturating_sub(DAY * u32::from(notices.first())));
    let mut reader = app.store().read().await?;
    let found = reader.find_idle_walk(&tenant).await?.filter(|it| it.days == days);
    let mut walk = found.unwrap_or(IdleWalk::begin(days));
    for _ in 0..PAGES_PER_ROUND {
        let made = reader.page_keys_made(&tenant, walk.made_until, until, PAGE).await?;
        let used = reader.page_last_uses(&tenant, walk.used_until, until, PAGE).await?;
        if made.is_empty() && used.is_empty() {
            break;
        }
        walk.made_until = made.last().copied().or(walk.made_until);
        walk.used_until = used.last().map_or(walk.used_until, |(key_id, at)| (*at, Some(*key_id)));
        let mut ids: Vec<_> = made.into_iter().chain(used.into_iter().map(|(key_id, _)| key_id)).collect();
        ids.sort_unstable();
        ids.dedup();
        let keys = readable(&mut reader, &tenant, &ids).await?;
        let uses = reader.find_uses(&tenant, &ids).await?;
        let mut tx = app.store().begin().await?;
        for key in keys.iter().filter(|it| it.standing != KeyStanding::Revoked) {
            let last_use = uses.values().filter(|it| it.key_id == key.id).map(|it| it.last_used_at).max();
            let since = last_use.map_or(key.created_at, |it| it.max(key.created_at));
            // One that was used later is met there. One that is noted already was kept, and says itself when it is to be looked at.
            if since <= until && tx.find_key_clock(&tenant, key.id, Ending::Idle).await?.is_none() {
                let countdown = Countdown::of_idle(since, days);
                tx.put_key_clock(&tenant, &KeyClock { key_id: key.id, organization_id, countdown, due_at: as_of })
                    .await?;
            }
        }
        tx.put_idle_walk(&tenant, &walk).await?;
        tx.commit_unaudited("keys that nobody uses are noted").await?;
    }
    Ok(())
}

/// The keys that can be read: one that cannot keeps no other from its clock.
async fn readable(reader: &mut Connection, tenant: &Tenant, ids: &[KeyId]) -> OpResult<Vec<Key>> {
    match reader.find_keys(tenant, ids).await {
        Err(Error::Corrupt { .. }) => {}
        found => return Ok(found?),
    }
    let mut keys = Vec::with_capacity(ids.len());
    for id in ids {
        match reader.find_key(tenant, *id).await {
            Err(error @ Error::Corrupt { .. }) => note_failure(*id, Err(error.into())),
            found => keys.extend(found?),
        }
    }
    Ok(keys)
}

/// Takes back what was told of keys that were used since.
pub(super) async fn withdraw_used(app: &App, place: &mut Option<KeyId>, as_of: Timestamp) -> OpResult<()> {
    for _ in 0..PAGES_PER_ROUND {
        let page = app.store().read().await?.page_told_clocks_unchecked(*place, PAGE).await?;
        *place = page.last().map(|(it, _)| it.key_id).filter(|_| page.len() == PAGE as usize);
        for (clock, last_use) in page {
            if last_use.is_some_and(|it| clock.countdown.since < it) {
                note_failure(clock.key_id, look(app, clock.organization_id, clock.key_id, as_of).await);
            }
        }
        if place.is_none() {
            break;
        }
    }
    Ok(())
}

/// Does what is due.
pub(super) async fn ring(app: &App, as_of: Timestamp) -> OpResult<()> {
    let mut place = (Timestamp::MIN, None);
    loop {
        let page = due(app, Ending::Idle, as_of, &mut place).await?;
        if page.is_empty() {
            return Ok(());
        }
        for it in page {
            note_failure(it.key_id, look(app, it.organization_id, it.key_id, as_of).await);
        }
    }
}

/// Looks at one key: its policy, its last use and what was told of it are read in the transaction that does what is due.
async fn look(app: &App, organization_id: OrganizationId, key_id: KeyId, as_of: Timestamp) -> OpResult<()> {
    let tenant = Tenant::system(organization_id, JOB);
    let mut tx = app.store().begin().await?;
    tx.hold([Hold::alone(key_id)]).await?;
    let Some(noted) = tx.find_key_clock(&tenant, key_id, Ending::Idle).await? else { return Ok(()) };
    let policy = policy_of(&mut tx, &tenant).await?;
    let notices = policy.idle_notices;
    let key = tx.find_key(&tenant, key_id).await?.filter(|it| it.standing != KeyStanding::Revoked);
    let Some(key) = key else {
        return forget(tx, &tenant, key_id, "a key ended otherwise").await;
    };
    let last_use = tx.find_uses(&tenant, &[key_id]).await?.into_values().map(|it| it.last_used_at).max();
    if last_use.is_some_and(|it| noted.countdown.since < it) {
        return forget(tx, &tenant, key_id, "a key was used").await;
    }
    let already_off = policy.idle_action == IdleAction::Deactivate && key.standing == KeyStanding::Inactive;
    let Some(days) = policy.idle_days.filter(|_| !already_off) else {
        // Should policy end it once more, it counts from when it counts.
        let countdown = Countdown { told: None, ..noted.countdown };
        return wait(tx, &tenant, KeyClock { countdown, due_at: as_of.saturating_add(DAY), ..noted }).await;
    };
    let fresh = Countdown::of_idle(noted.countdown.since, days);
    // Whom it concerns was told that it expires. Nothing calls with it any more, so nobody is asked to keep it: it is cleared away in its time. One
    // that is given another date is told of anew.
    if key.state(as_of) == KeyState::Expired {
        if fresh.is_over(as_of) {
            return end(app, tx, &tenant, key, policy.idle_action).await;
        }
        let due_at = as_of.saturating_add(DAY).min(fresh.deadline);
        return wait(tx, &tenant, KeyClock { countdown: fresh, due_at, ..noted }).await;
    }
    // What was told holds as long as the end is the one that was told of, or one that was put off for it.
    let told = noted.countdown.told.filter(|_| fresh.deadline <= noted.countdown.deadline);
    let deadline = if told.is_some() { noted.countdown.deadline } else { fresh.deadline };
    let mut countdown = Countdown { told, deadline, ..fresh }.announced(&notices, as_of);
    if let Some(lead) = countdown.due_notice(&notices, as_of) {
        let first = countdown.told.is_none();
        countdown.told = Some(lead);
        tx.put_key_clock(&tenant, &KeyClock { countdown, due_at: countdown.next(&notices, as_of), ..noted }).await?;
        let what = json!({ "ends_at": countdown.deadline, "days": lead, "first": first, "action": policy.idle_action });
        tx.commit(Event::new(&tenant, EventKind::KeyIdleNoticed, key_id, app.now()).after(&what)).await?;
        return Ok(());
    }
    if !countdown.is_over(as_of) {
        return wait(tx, &tenant, KeyClock { countdown, due_at: countdown.next(&notices, as_of), ..noted }).await;
    }
    end(app, tx, &tenant, key, policy.idle_action).await
}

async fn forget(mut tx: Tx, tenant: &Tenant, key_id: KeyId, why: &'static str) -> OpResult<()> {
    tx.delete_key_clock(tenant, key_id, Ending::Idle).await?;
    withdraw(&mut tx, tenant, key_id).await?;
    Ok(tx.commit_unaudited(why).await?)
}

/// Takes back what was told. What the reader of the log has still to tell, it sees to be over.
async fn withdraw(tx: &mut Tx, tenant: &Tenant, key_id: KeyId) -> OpResult<()> {
    let kinds = NotificationKind::of_ending(Ending::Idle);
    Ok(tx.withdraw_notifications(tenant, key_id, kinds).await?)
}

async fn wait(mut tx: Tx, tenant: &Tenant, clock: KeyClock) -> OpResult<()> {
    tx.put_key_clock(tenant, &clock).await?;
    if clock.countdown.told.is_none() {
        withdraw(&mut tx, tenant, clock.key_id).await?;
    }
    Ok(tx.commit_unaudited("a key that nobody uses is not due yet").await?)
}

async fn end(app: &App, mut tx: Tx, tenant: &Tenant, before: Key, action: IdleAction) -> OpResult<()> {
    let (mut key, now) = (before.clone(), app.now());
    let kind = match action {
        IdleAction::Delete => {
            key.revoke(RevocationReason::Idle, now)?;
            EventKind::KeyRevoked
        }
        IdleAction::Deactivate => {
            key.set_active(false, now)?;
            EventKind::KeyDeactivated
        }
    };
    tx.update_key(tenant, &key, before.version).await?;
    tx.delete_key_clock(tenant, key.id, Ending::Idle).await?;
    commit(app, tx, Event::new(tenant, kind, key.id, now).before(&before).after(&key)).await
}
