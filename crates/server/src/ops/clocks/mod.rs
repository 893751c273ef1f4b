//! The clocks that end keys: for want of use as policy has it, and by their expiry. Whom that concerns is told before; what was told, and that a key
//! has ended, is an event each, once for every key and every end that it comes to.
//!
//! Every node goes round. What a node finds to be done it looks at again in the transaction that does it, with the key held, and so it is done once.
//! Keys that nobody uses are judged as of the moment up to which all nodes that live have written down what was used there: no key ends
//! because of a use that was not written down yet. The decision about a request asks none of this.

mod expiry;
mod idle;
mod overlap;

use std::time::Duration;

use claviger_core::ending::Ending;
use claviger_core::id::{KeyId, OrganizationId};
use claviger_core::policy::Policy;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_store::Connection;
use claviger_store::clocks::KeyClock;

use super::error::OpResult;
use crate::app::App;

const DAY: Duration = Duration::from_secs(86_400);
/// Rows that are read at a time.
const PAGE: u32 = 500;
/// Pages of each kind of work in one round; the next round goes on behind them.
const PAGES_PER_ROUND: usize = 40;

/// Who was let in a moment ago may not be counted yet.
const IN_FLIGHT: Duration = Duration::from_secs(1);

/// Where the next round goes on, of what is gone through again and again.
#[derive(Debug, Default)]
pub struct Rounds {
    /// Behind which organization.
    organization: Option<OrganizationId>,
    /// Behind which key that expires.
    expiring: Option<(Timestamp, KeyId)>,
    /// Behind which key that somebody was told of.
    told: Option<KeyId>,
}

/// Writes down what was used, and says up to when that is done. Says how many rows that were.
///
/// # Errors
/// What any transaction can meet; it is tried again.
pub async fn flush(app: &App) -> OpResult<usize> {
    let until = app.now().saturating_sub(IN_FLIGHT);
    let rows = app.uses().flush().await?;
    app.nodes().say_flushed(until).await?;
    Ok(rows)
}

/// Goes round the keys that come near their end once, with all uses of this node written down.
///
/// # Errors
/// What any transaction can meet; it is tried again.
pub async fn go_round(app: &App, rounds: &mut Rounds) -> OpResult<()> {
    flush(app).await?;
    ring(app, rounds).await
}

/// Finds keys whose end has come near, tells of them what is due, and ends those whose time is over.
///
/// # Errors
/// What any transaction can meet; it is tried again, and what was done before stays so.
async fn ring(app: &App, rounds: &mut Rounds) -> OpResult<()> {
    // Whatever one of them meets, the others have their turn.
    let expiring = expiry::meet(app, &mut rounds.expiring).await.and(expiry::ring(app).await);
    let overlapping = overlap::meet(app).await.and(overlap::ring(app).await);
    expiring.and(overlapping).and(ring_idle(app, rounds).await)
}

async fn ring_idle(app: &App, rounds: &mut Rounds) -> OpResult<()> {
    // Without it nobody knows what nobody uses.
    let Some(as_of) = app.nodes().flushed_until().await? else { return Ok(()) };
    let met = idle::meet(app, &mut rounds.organization, as_of).await;
    let withdrawn = idle::withdraw_used(app, &mut rounds.told, as_of).await;
    met.and(withdrawn).and(idle::ring(app, as_of).await)
}

/// What holds for an organization, as the transaction sees it.
async fn policy_of(connection: &mut Connection, tenant: &Tenant) -> OpResult<Policy> {
    let path = connection.find_path(tenant).await?;
    Ok(Policy::of_path(path.iter().map(|it| &it.policy)))
}

/// A page of the keys that are to be looked at by an instant, the longest due first, and moves the place behind it.
async fn due(
    app: &App,
    ending: Ending,
    by: Timestamp,
    place: &mut (Timestamp, Option<KeyId>),
) -> OpResult<Vec<KeyClock>> {
    if app.stop().is_cancelled() {
        return Ok(Vec::new());
    }
    let page = app.store().read().await?.page_due_clocks_unchecked(ending, by, *place, PAGE).await?;
    *place = page.last().map_or(*place, |it| (it.due_at, Some(it.key_id)));
    Ok(page)
}

/// One that cannot be seen to keeps no other from it; it stays due.
fn note_failure(key_id: KeyId, done: OpResult<()>) {
    if let Err(error) = done {
        tracing::warn!(%key_id, %error, "a key's clock was not seen to and is tried again");
    }
}
