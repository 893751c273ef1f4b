//! Keys that expire: whom it concerns is told before, and that they have ended is said once.

use claviger_core::decision::KeyStanding;
use claviger_core::ending::{Countdown, Ending};
use claviger_core::event::{Event, EventKind};
use claviger_core::id::{KeyId, OrganizationId};
use claviger_core::policy::NoticeDays;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_store::Hold;
use claviger_store::clocks::{Expiring, KeyClock};
use serde_json::json;

use super::{DAY, PAGE, PAGES_PER_ROUND, due, note_failure, policy_of};
use crate::app::App;
use crate::ops::error::OpResult;

/// Of a key that ended longer ago than this when it is first met, nobody is told that it did: it came so with an import.
const LATE: std::time::Duration = DAY;

/// Finds keys whose expiry has come within the time of notices, or was changed there.
pub(super) async fn meet(app: &App, place: &mut Option<(Timestamp, KeyId)>) -> OpResult<()> {
    let now = app.now();
    let from = now.saturating_sub(LATE);
    // The first notice that anybody has; who has a later one is met again.
    let until = now.saturating_add(DAY * u32::from(app.replica().first_expiry_notice()));
    for _ in 0..PAGES_PER_ROUND {
        let after = place.filter(|it| from <= it.0).map_or((from, None), |(at, key_id)| (at, Some(key_id)));
        let page = app.store().read().await?.page_expiring_unchecked(after, until, PAGE).await?;
        *place = page.last().filter(|_| page.len() == PAGE as usize).map(|it| (it.expires_at, it.key_id));
        for found in page.iter().filter(|it| it.noted != Some(it.expires_at)) {
            let policy = app.replica().policy(found.organization_id).unwrap_or_default();
            if found.expires_at <= now.saturating_add(DAY * u32::from(policy.expiry_notices.first())) {
                note_failure(found.key_id, note(app, found, now).await);
            }
        }
        if place.is_none() {
            break;
        }
    }
    Ok(())
}

async fn note(app: &App, found: &Expiring, now: Timestamp) -> OpResult<()> {
    let tenant = Tenant::system(found.organization_id, "expiry");
    let mut tx = app.store().begin().await?;
    tx.hold([Hold::alone(found.key_id)]).await?;
    let noted = tx.find_key_clock(&tenant, found.key_id, Ending::Expiry).await?;
    if noted.is_none_or(|it| it.countdown.deadline != found.expires_at) {
        let countdown = Countdown::of_expiry(found.updated_at, found.expires_at);
        let notices = policy_of(&mut tx, &tenant).await?.expiry_notices;
        let is_due = countdown.due_notice(&notices, now).is_some() || countdown.is_over(now);
        let due_at = if is_due { now } else { countdown.next(&notices, now) };
        let clock = KeyClock { key_id: found.key_id, organization_id: found.organization_id, countdown, due_at };
        tx.put_key_clock(&tenant, &clock).await?;
    }
    Ok(tx.commit_unaudited("a key's expiry has come near").await?)
}

/// Until there is something to be done next.
fn waiting(clock: KeyClock, countdown: Countdown, notices: &NoticeDays, now: Timestamp) -> KeyClock {
    KeyClock { countdown, due_at: countdown.next(notices, now), ..clock }
}

/// Does what is due.
pub(super) async fn ring(app: &App) -> OpResult<()> {
    let (by, mut place) = (app.now(), (Timestamp::MIN, None));
    loop {
        let page = due(app, Ending::Expiry, by, &mut place).await?;
        if page.is_empty() {
            return Ok(());
        }
        for it in page {
            note_failure(it.key_id, look(app, it.organization_id, it.key_id).await);
        }
    }
}

async fn look(app: &App, organization_id: OrganizationId, key_id: KeyId) -> OpResult<()> {
    let tenant = Tenant::system(organization_id, "expiry");
    let mut tx = app.store().begin().await?;
    tx.hold([Hold::alone(key_id)]).await?;
    let now = app.now();
    let clock = tx.find_key_clock(&tenant, key_id, Ending::Expiry).await?.filter(|it| it.due_at <= now);
    let Some(noted) = clock else { return Ok(()) };
    let (mut countdown, notices) = (noted.countdown, policy_of(&mut tx, &tenant).await?.expiry_notices);
    let key = tx.find_key(&tenant, key_id).await?.filter(|it| it.standing != KeyStanding::Revoked);
    if key.is_none_or(|it| it.expires_at != Some(countdown.deadline)) {
        tx.delete_key_clock(&tenant, key_id, Ending::Expiry).await?;
        return Ok(tx.commit_unaudited("a key does not expire then any more").await?);
    }
    let first = countdown.told.is_none();
    let kind = if let Some(lead) = countdown.due_notice(&notices, now) {
        countdown.told = Some(lead);
        EventKind::KeyExpiryNoticed
    } else if countdown.is_over(now) {
        EventKind::KeyExpired
    } else {
        tx.put_key_clock(&tenant, &waiting(noted, countdown, &notices, now)).await?;
        return Ok(tx.commit_unaudited("a key's expiry is not due yet").await?);
    };
    let mut clock = waiting(noted, countdown, &notices, now);
    if kind == EventKind::KeyExpired {
        // The row stays, so that nobody says it again.
        clock.due_at = Timestamp::MAX;
    }
    tx.put_key_clock(&tenant, &clock).await?;
    let what = match kind {
        EventKind::KeyExpired => json!({ "ends_at": countdown.deadline }),
        _ => json!({ "ends_at": countdown.deadline, "days": countdown.told, "first": first }),
    };
    tx.commit(Event::new(&tenant, kind, key_id, now).after(&what)).await?;
    Ok(())
}
