//! How a change is made: on a task of its own, by a caller who is authorized on what the transaction itself sees.

use std::future::Future;

use claviger_core::event::Event;
use claviger_core::reject::{Reject, RejectCode};
use claviger_store::{Hold, Tx};

use super::caller::Caller;
use super::error::{Error, OpResult};
use super::precondition;
use super::receipts::{self, Reach};
use crate::app::App;

/// Runs a change on a tracked task and not in the connection's future, so that a client that hangs up cannot cut it in half.
pub(super) async fn on_task<T, F>(app: &App, change: F) -> OpResult<T>
where
    T: Send + 'static,
    F: Future<Output = OpResult<T>> + Send + 'static,
{
    app.spawn(receipts::carry(precondition::carry(change))).await.map_err(|fault| Error::Internal(fault.to_string()))?
}

/// Opens the transaction of a change that rights may hang on (the tree, policies, roles, members, users) and authorizes its caller. No other
/// transaction runs beside it, on any node.
///
/// Callers are authorized from memory, which follows the log. So the caller is authorized once before anybody waits for the database, and
/// once more inside, after the replica has applied everything that this transaction can see: whoever lost a right a moment ago does not
/// get through between the two.
pub(super) async fn begin<T>(app: &App, authorize: impl Fn() -> Result<T, Reject>) -> OpResult<(Tx, T)> {
    authorize()?;
    let mut tx = app.store().begin_structural().await?;
    let authorized = authorize_inside(app, &mut tx, authorize).await?;
    Ok((tx, authorized))
}

/// Opens the transaction of a change of keys and authorizes its caller, as [`begin`] does. Others of its kind run beside it, so what it
/// relies on is held: `rows`, and the caller's own key, which nobody revokes before this transaction has ended.
pub(super) async fn begin_beside<T>(
    app: &App,
    caller: &Caller,
    rows: impl IntoIterator<Item = Hold>,
    authorize: impl Fn() -> Result<T, Reject>,
) -> OpResult<(Tx, T)> {
    authorize()?;
    let mut tx = open_beside(app, caller, rows).await?;
    let authorized = authorize_inside(app, &mut tx, authorize).await?;
    Ok((tx, authorized))
}

async fn open_beside(app: &App, caller: &Caller, rows: impl IntoIterator<Item = Hold>) -> OpResult<Tx> {
    let mut tx = app.store().begin().await?;
    tx.hold(rows.into_iter().chain(caller.key_id().map(Hold::shared))).await?;
    Ok(tx)
}

/// Opens the transaction of a change that adds keys and looks at no others, and authorizes its caller, as [`begin_beside`] does. It does not wait
/// for this node's replica where all that the replica has still to apply is about other keys: those say nothing of the caller's rights, and
/// most of what is committed just before a key is made is another key.
///
/// Who then finds that there is nothing to be changed has to [`settle`] before it answers.
pub(super) async fn begin_adding<T>(
    app: &App,
    caller: &Caller,
    rows: impl IntoIterator<Item = Hold>,
    authorize: impl Fn() -> Result<T, Reject>,
) -> OpResult<(Tx, T)> {
    authorize()?;
    let mut tx = open_beside(app, caller, rows).await?;
    let authorized = match app.follower().position() {
        Some(known) if tx.knows_enough(known, caller.key_id()).await? => authorize()?,
        _ => authorize_inside(app, &mut tx, authorize).await?,
    };
    Ok((tx, authorized))
}

/// Waits until this node's replica has applied everything that the transaction sees: what somebody else made, and is now answered for.
pub(super) async fn settle(app: &App, tx: &mut Tx) -> OpResult<()> {
    let head = tx.settled_head().await?;
    app.follower().applied(head).await.map_err(Error::NotBegun)?;
    // Who asks for what is so already gets a receipt too: for the change that made it so.
    receipts::note(head, Reach::Everywhere);
    Ok(())
}

async fn authorize_inside<T>(app: &App, tx: &mut Tx, authorize: impl Fn() -> Result<T, Reject>) -> OpResult<T> {
    settle(app, tx).await?;
    Ok(authorize()?)
}

/// Commits with the event, and waits until this node's replica has applied it: what is created verifies at once, what is revoked is denied.
pub(super) async fn commit(app: &App, tx: Tx, event: Event) -> OpResult<()> {
    let reach = Reach::of(&event);
    let position = tx.commit(event).await?;
    receipts::note(position, reach);
    app.follower().applied(position).await.map_err(Error::Unseen)
}

/// Refuses a change of something that is not any more as the caller read it, or not as the request expects it.
pub(super) fn refuse_other_version(expected: Option<u64>, present: u64) -> Result<(), Reject> {
    match expected {
        Some(expected) if expected != present => {
            Err(Reject::new(RejectCode::VersionMismatch, "It has changed since it was read."))
        }
        _ => precondition::refuse_unexpected(present),
    }
}
