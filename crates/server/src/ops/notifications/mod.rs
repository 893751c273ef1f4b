//! What people have to know: a reader of the log tells it, and each person looks at their own at the console. No key does.

mod choices;
mod digest;
pub mod mail;
mod read;
pub mod words;

use std::time::Duration;

use claviger_core::event::Entity;
use claviger_core::id::{KeyId, NotificationId, UserId};
use claviger_core::limits::NOTIFICATION_DAYS_KEPT;
use claviger_core::notification::NotificationState;
use claviger_core::reject::Reject;
use claviger_store::ROWS_PURGED_MAX;
use claviger_store::notifications::NotificationRow;

pub use self::choices::{list_choices, put_choices};
pub use self::read::read_log;
use super::caller::Caller;
use super::error::OpResult;
use super::page::{Page, PageRequest};
use super::transaction::on_task;
use crate::app::App;

/// Who has notifications: a person at the console.
fn person(caller: &Caller) -> Result<UserId, Reject> {
    match caller {
        Caller::Session { user_id, .. } => Ok(*user_id),
        Caller::Key { .. } => Err(Reject::not_found()),
    }
}

/// How many of the caller's notifications nobody has looked at, up to a bound.
///
/// # Errors
/// Refuses a key.
pub async fn count_unread(app: &App, caller: &Caller) -> OpResult<u64> {
    let user_id = person(caller)?;
    Ok(app.store().read().await?.count_unread_unchecked(user_id).await?)
}

/// Finds one of the caller's notifications. One of somebody else's is answered like one that does not exist.
///
/// # Errors
/// Refusals.
pub async fn find_notification(app: &App, caller: &Caller, id: NotificationId) -> OpResult<NotificationRow> {
    let user_id = person(caller)?;
    let found = app.store().read().await?.find_notification_unchecked(user_id, id).await?;
    Ok(found.ok_or_else(Reject::not_found)?)
}

/// Lists the caller's notifications, the newest first: all but those that were dismissed, or only what nobody has looked at.
///
/// # Errors
/// Refusals.
pub async fn list_notifications(
    app: &App,
    caller: &Caller,
    only_unread: bool,
    page: PageRequest,
) -> OpResult<Page<NotificationRow>> {
    let user_id = person(caller)?;
    let request = page.try_into()?;
    Ok(app.store().read().await?.page_notifications_unchecked(user_id, only_unread, &request).await?.into())
}

/// What the caller was warned of that happens within a day, the nearest first; a few. Of everything, or of one key alone.
///
/// # Errors
/// Refuses a key.
pub async fn list_ending(app: &App, caller: &Caller, key_id: Option<KeyId>) -> OpResult<Vec<NotificationRow>> {
    const DAY: Duration = Duration::from_secs(86_400);
    let (user_id, now) = (person(caller)?, app.now());
    let within = (now, now.saturating_add(DAY));
    Ok(app.store().read().await?.find_ending_unchecked(user_id, within, key_id.map(Entity::from)).await?)
}

/// Changes what has become of one of the caller's notifications. One of somebody else's is answered like one that does not exist.
///
/// # Errors
/// Refusals.
pub async fn set_notification_state(
    app: &App,
    caller: &Caller,
    id: NotificationId,
    state: NotificationState,
) -> OpResult<NotificationRow> {
    let (user_id, task) = (person(caller)?, app.clone());
    on_task(app, async move {
        let mut tx = task.store().begin().await?;
        let found = tx.find_notification_unchecked(user_id, id).await?.ok_or_else(Reject::not_found)?;
        tx.set_notification_state_unchecked(user_id, id, state).await?;
        tx.commit_unaudited("somebody has looked at a notification").await?;
        Ok(found)
    })
    .await
}

/// Marks the caller's notifications as read, up to the newest one that they were shown.
///
/// # Errors
/// Refusals.
pub async fn read_all(app: &App, caller: &Caller, until: NotificationId) -> OpResult<()> {
    let (user_id, task) = (person(caller)?, app.clone());
    on_task(app, async move {
        loop {
            let mut tx = task.store().begin().await?;
            let read = tx.read_notifications_unchecked(user_id, until).await?;
            tx.commit_unaudited("somebody has looked at notifications").await?;
            if read < ROWS_PURGED_MAX.unsigned_abs() {
                return Ok(());
            }
        }
    })
    .await
}

/// Clears away notifications that came long ago.
///
/// # Errors
/// What any transaction can meet.
pub async fn purge(app: &App) -> OpResult<()> {
    let before = app.now().saturating_sub(Duration::from_secs(NOTIFICATION_DAYS_KEPT * 86_400));
    loop {
        let mut tx = app.store().begin().await?;
        let purged = tx.purge_notifications_unchecked(before).await?;
        tx.commit_unaudited("notifications of long ago are cleared away").await?;
        if purged < ROWS_PURGED_MAX.unsigned_abs() {
            return Ok(());
        }
    }
}
