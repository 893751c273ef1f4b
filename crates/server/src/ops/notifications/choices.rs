//! How a person wants to be told, by kind.

use claviger_core::notification::{Channels, NotificationKind};

use super::person;
use crate::app::App;
use crate::ops::caller::Caller;
use crate::ops::error::OpResult;
use crate::ops::transaction::on_task;

/// Every kind, and how the caller is told of it.
///
/// # Errors
/// Refuses a key.
pub async fn list_choices(app: &App, caller: &Caller) -> OpResult<Vec<(NotificationKind, Channels)>> {
    let user_id = person(caller)?;
    let chosen = app.store().read().await?.find_choices_unchecked(user_id).await?;
    let of =
        |kind: NotificationKind| chosen.iter().find(|it| it.0 == kind).map_or_else(|| kind.by_default(), |it| it.1);
    Ok(NotificationKind::ALL.iter().map(|kind| (*kind, of(*kind))).collect())
}

/// Notes how the caller wants to be told of some kinds. It counts for what comes from now on.
///
/// # Errors
/// Refuses a key.
pub async fn put_choices(app: &App, caller: &Caller, choices: Vec<(NotificationKind, Channels)>) -> OpResult<()> {
    let (user_id, task) = (person(caller)?, app.clone());
    on_task(app, async move {
        let mut tx = task.store().begin().await?;
        for (kind, channels) in choices {
            tx.put_choice_unchecked(user_id, kind, channels).await?;
        }
        Ok(tx.commit_unaudited("somebody chose how to be told").await?)
    })
    .await
}
