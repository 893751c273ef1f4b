//! Old secrets that are still used near the end of their overlap: whoever uses them is about to be refused, and somebody is told.

use claviger_core::ending::{Countdown, Ending};
use claviger_core::event::{Event, EventKind};
use claviger_core::id::{KeyId, OrganizationId};
use claviger_core::notification::NotificationKind;
use claviger_core::policy::NoticeDays;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_store::Hold;
use claviger_store::clocks::{Expiring, KeyClock};
use serde_json::json;

use super::{DAY, PAGE, due, note_failure};
use crate::app::App;
use crate::ops::error::OpResult;

/// Finds old secrets that end within a day and are used all the same. Of an overlap that is no longer than that nobody is told: whoever chose it
/// is changing over at this moment.
pub(super) async fn meet(app: &App) -> OpResult<()> {
    let now = app.now();
    let (mut place, until) = ((now, None), now.saturating_add(DAY * u32::from(NoticeDays::OVERLAP.first())));
    while !app.stop().is_cancelled() {
        let page = app.store().read().await?.page_retiring_unchecked(place, until, PAGE).await?;
        let Some(last) = page.last() else { break };
        place = (last.expires_at, Some(last.key_id));
        for found in &page {
            note_failure(found.key_id, tell(app, found, now).await);
        }
    }
    Ok(())
}

/// Takes back what was told of old secrets that have ended since.
pub(super) async fn ring(app: &App) -> OpResult<()> {
    let (by, mut place) = (app.now(), (Timestamp::MIN, None));
    loop {
        let page = due(app, Ending::Overlap, by, &mut place).await?;
        if page.is_empty() {
            return Ok(());
        }
        for it in page {
            note_failure(it.key_id, end(app, it.organization_id, it.key_id).await);
        }
    }
}

async fn end(app: &App, organization_id: OrganizationId, key_id: KeyId) -> OpResult<()> {
    let tenant = Tenant::system(organization_id, "overlap");
    let mut tx = app.store().begin().await?;
    tx.hold([Hold::alone(key_id)]).await?;
    let now = app.now();
    let clock = tx.find_key_clock(&tenant, key_id, Ending::Overlap).await?.filter(|it| it.due_at <= now);
    let Some(clock) = clock else { return Ok(()) };
    tx.withdraw_notifications_until(&tenant, key_id, NotificationKind::OldSecretUsed, now).await?;
    // Of several each ends in its time. The row stays, so that nobody is told of the same end again.
    let secrets = tx.find_live_secrets(&tenant, key_id).await?;
    let ends = secrets.iter().filter_map(|it| it.retiring_until(now)).filter(|it| *it <= clock.countdown.deadline);
    let due_at = ends.min().unwrap_or(Timestamp::MAX);
    tx.put_key_clock(&tenant, &KeyClock { due_at, ..clock }).await?;
    Ok(tx.commit_unaudited("an old secret has ended").await?)
}

async fn tell(app: &App, found: &Expiring, now: Timestamp) -> OpResult<()> {
    let tenant = Tenant::system(found.organization_id, "overlap");
    let countdown =
        Countdown { ending: Ending::Overlap, since: found.updated_at, deadline: found.expires_at, told: None };
    let Some(lead) = countdown.due_notice(&NoticeDays::OVERLAP, now) else { return Ok(()) };
    let mut tx = app.store().begin().await?;
    tx.hold([Hold::alone(found.key_id)]).await?;
    let noted = tx.find_key_clock(&tenant, found.key_id, Ending::Overlap).await?;
    if noted.as_ref().is_some_and(|it| found.expires_at <= it.countdown.deadline) {
        return Ok(());
    }
    // An earlier end that was told is looked at in its time.
    let due_at = noted.map_or(found.expires_at, |it| it.due_at.min(found.expires_at));
    let clock = KeyClock {
        key_id: found.key_id,
        organization_id: found.organization_id,
        countdown: Countdown { told: Some(lead), ..countdown },
        due_at,
    };
    tx.put_key_clock(&tenant, &clock).await?;
    let what = json!({ "ends_at": found.expires_at });
    tx.commit(Event::new(&tenant, EventKind::KeyOldSecretUsed, found.key_id, now).after(&what)).await?;
    Ok(())
}
