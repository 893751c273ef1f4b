//! Sending: from a delivery that is due to what its receiver answered.
//!
//! A webhook has a turn: it is leased, some of its deliveries are sent, two at a time, and it is given back. The lease is short and ends by itself, so what a
//! process leaves behind that was killed is sent again soon, under the same identifier. Nothing here is a change of anybody's, so nobody is
//! authorized; what ends a webhook is an event.

mod attempt;
mod farewell;
mod note;
mod noting;

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use claviger_core::limits::{
    WEBHOOK_ATTEMPT_SECS_MAX, WEBHOOK_ATTEMPTS_AT_ONCE_MAX, WEBHOOK_LEASE_SECS, WEBHOOK_TURN_DELIVERIES_MAX,
};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_core::webhook::Webhook;
use claviger_core::webhook::attempt::Outcome;
use claviger_store::webhooks::deliveries::DeliveryRow;
use claviger_store::webhooks::sending::Due;
use claviger_store::{Hold, Tx};
use rand_core::Rng as _;
use tokio::sync::Semaphore;

use super::error::{Error, OpResult};
use crate::app::App;

pub use farewell::say_farewell;

/// As whom it is sent, in the log.
const JOB: &str = "sending";
/// Transactions that sending has open at once beside those that note attempts. However many turns begin at the same moment, others do not wait behind
/// all of them.
const TRANSACTIONS: usize = 2;
/// Transactions at once that note attempts. They wait for no turn that begins or ends: what has arrived and is not noted is sent again after a crash.
const DESKS: usize = 2;
/// How long attempts that are under way when the service stops may take.
const GRACE: Duration = Duration::from_secs(3);
/// For how long a turn begins attempts. What is left of the lease then is more than the last of them take.
const TURN: Duration = Duration::from_secs(WEBHOOK_LEASE_SECS - WEBHOOK_ATTEMPT_SECS_MAX - 5);

/// What all turns of a node share.
pub struct Sender {
    app: App,
    transactions: Semaphore,
    /// Where attempts are written down.
    desks: [noting::Desk; DESKS],
}

impl Sender {
    /// One for the node.
    pub fn new(app: &App) -> Self {
        Self { app: app.clone(), transactions: Semaphore::new(TRANSACTIONS), desks: Default::default() }
    }

    /// Ends the leases that a killed process has left, where no other process can have any.
    ///
    /// # Errors
    /// What any transaction can meet.
    pub async fn forget_leases(&self) -> OpResult<()> {
        let mut tx = self.app.store().begin().await?;
        if tx.forget_leases_unchecked().await? {
            tx.commit_unaudited("no other process sends from this database").await?;
        }
        Ok(())
    }

    /// Runs one short transaction; only so many of all turns do at a time.
    async fn transact<T>(&self, run: impl AsyncFnOnce(Tx) -> OpResult<T>) -> OpResult<T> {
        let _permit = self.transactions.acquire().await.map_err(|fault| Error::Internal(fault.to_string()))?;
        run(self.app.store().begin().await?).await
    }

    /// When a lease ends that begins at an instant of the common clock. A little at random makes it unlike all others, by which its holder knows it again.
    fn lease_end(&self, now: Timestamp) -> Timestamp {
        let extra = self.app.rng().next_u64() % 1_000_000;
        now.saturating_add(Duration::from_secs(WEBHOOK_LEASE_SECS) + Duration::from_micros(extra))
    }

    /// From −1 to 1.
    fn jitter(&self) -> f64 {
        f64::from(self.app.rng().next_u32()) / f64::from(u32::MAX) * 2.0 - 1.0
    }

    /// Calls a receiver, unless the service stops and it takes too long for that.
    async fn in_time<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        let stopped = async {
            self.app.stop().cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            answer = call => Some(answer),
            () = stopped => None,
        }
    }
}

/// A webhook while it is sent for.
struct Turn<'s> {
    sender: &'s Sender,
    tenant: Tenant,
    due: Due,
    lease: Timestamp,
    /// What is still to be sent in this turn.
    queue: Mutex<VecDeque<DeliveryRow>>,
}

/// Gives a webhook its turn: sends what is due, as far as a turn goes. What is left has another one.
///
/// # Errors
/// What any transaction can meet, and what keeps a delivery from being made at all; it stays due.
pub async fn take_turn(sender: &Sender, due: Due) -> OpResult<()> {
    let tenant = Tenant::system(due.organization_id, JOB);
    let found = sender.transact(async |tx| sender.begin(tx, &tenant, due).await).await?;
    let Some((lease, queue)) = found else { return Ok(()) };
    let turn = Turn { sender, tenant, due, lease, queue: Mutex::new(queue.into()) };
    let until = tokio::time::Instant::now() + TURN;
    // Each lane has one request under way: two at a time are what a receiver gets from this node.
    let lanes = tokio::join!(turn.lane(until), turn.lane(until));
    let (tenant, id) = (&turn.tenant, due.webhook_id);
    let released = sender.transact(async |mut tx| {
        tx.release_webhook(tenant, id, lease).await?;
        Ok(tx.commit_unaudited("a webhook is sent for no more").await?)
    });
    released.await.and(lanes.0).and(lanes.1)
}

impl Sender {
    /// Leases a webhook and reads what is due, with the lease; absent where somebody else was quicker, or nothing is due. The time is read in here:
    /// before that it is waited for others' transactions.
    async fn begin(&self, mut tx: Tx, tenant: &Tenant, due: Due) -> OpResult<Option<(Timestamp, Vec<DeliveryRow>)>> {
        tx.hold([Hold::alone(due.webhook_id)]).await?;
        let now = tx.moment(self.app.now()).await?;
        let lease = self.lease_end(now.common);
        if !tx.lease_webhook(tenant, due.webhook_id, now, lease).await? {
            return Ok(None);
        }
        let found = tx.find_due_deliveries(tenant, due.webhook_id, now.own, WEBHOOK_TURN_DELIVERIES_MAX).await?;
        if found.is_empty() {
            // Those that were due are cleared away, or were given up: it would be found due for ever.
            if let Some(row) = tx.find_webhook(tenant, due.webhook_id).await? {
                tx.note_webhook(tenant, row.webhook.id, failing(&row.webhook)).await?;
            }
            tx.release_webhook(tenant, due.webhook_id, lease).await?;
        }
        tx.commit_unaudited("a webhook is sent for").await?;
        Ok((!found.is_empty()).then_some((lease, found)))
    }
}

impl Turn<'_> {
    /// Sends one delivery after the other, until the turn is over.
    async fn lane(&self, until: tokio::time::Instant) -> OpResult<()> {
        while let Some(delivery) = self.next(until) {
            let goes_on = self.attempt(&delivery).await;
            if !matches!(goes_on, Ok(true)) {
                self.end();
                return goes_on.map(drop);
            }
        }
        Ok(())
    }

    fn next(&self, until: tokio::time::Instant) -> Option<DeliveryRow> {
        if until <= tokio::time::Instant::now() || self.sender.app.stop().is_cancelled() {
            return None;
        }
        self.queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop_front()
    }

    /// Leaves the rest for another turn.
    fn end(&self) {
        self.queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
    }
}

/// Since when, and when last, its receiver has failed.
fn failing(it: &Webhook) -> [Option<Timestamp>; 2] {
    [it.failing_since, it.failed_at]
}

/// Whether a turn goes on after this: a receiver that does not answer is not called again at once, so that others have its place.
fn goes_on(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Answered { status: 200..=299, .. })
}

/// Turns that a node gives at once, and how many of them to webhooks whose receivers fail: others find a place, however many hang.
pub const TURNS: usize = WEBHOOK_ATTEMPTS_AT_ONCE_MAX / 2;
/// The share of the failing, at most.
pub const FAILING_TURNS: usize = TURNS / 2;
/// Turns that are kept for the failing: a retry has its time too, however much waits for receivers that answer.
pub const FAILING_TURNS_KEPT: usize = TURNS / 8;
