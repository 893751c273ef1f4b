//! The replica of this process: loads it, follows the log, and writes down what was used. The one room that knows both store and verifier.

mod flush;
mod follow;
mod load;
mod nodes;
mod quotas;

use std::sync::Arc;
use std::time::Duration;

use claviger_core::event::Position;
use claviger_core::time::Clock;
use claviger_store::Store;
use claviger_verifier::replica::Replica;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use flush::Uses;
pub use nodes::{Identity, Nodes};
pub use quotas::Quotas;

/// How long an operation waits until this node's replica has applied its change. It takes well under a millisecond; who waits as long as
/// this has a fault to report.
const APPLIED_WITHIN: Duration = Duration::from_secs(10);

/// Says how far this node's replica has come, and wakes who brings it forward.
#[derive(Debug, Clone)]
pub struct Follower {
    bell: Arc<Notify>,
    applied: watch::Receiver<Option<Position>>,
}

/// Tells whoever waits for it that the replica has moved on.
#[derive(Debug)]
pub struct Moves(watch::Receiver<Option<Position>>);

impl Moves {
    /// Waits until it has moved since it was asked last. Waits for ever where the follower has ended.
    pub async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

/// The replica did not reach a position in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the replica has not reached {wanted:?}")]
pub struct Behind {
    /// The position that was waited for.
    pub wanted: Position,
}

impl Follower {
    /// Waits until the replica has applied everything up to `position`, and rings so that it happens now and not at the next poll.
    ///
    /// # Errors
    /// [`Behind`] when it takes too long, or the follower has ended.
    pub async fn applied(&self, position: Position) -> Result<(), Behind> {
        let mut applied = self.applied.clone();
        if applied.borrow().is_some_and(|at| at >= position) {
            return Ok(());
        }
        self.bell.notify_one();
        let reached = applied.wait_for(|at| at.is_some_and(|at| at >= position));
        match tokio::time::timeout(APPLIED_WITHIN, reached).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Behind { wanted: position }),
        }
    }

    /// Up to where the replica has applied the log, for certain; absent until it has loaded once.
    pub fn position(&self) -> Option<Position> {
        *self.applied.borrow()
    }

    /// Tells of every change, on whichever node it was made, as soon as this one has applied it; of several at once only once.
    pub fn moves(&self) -> Moves {
        Moves(self.applied.clone())
    }

    /// Waits until everything has been loaded once, or the follower has ended.
    pub async fn ready(&self) {
        // The sender is gone only when the service stops, and then nobody needs the answer.
        drop(self.applied.clone().wait_for(Option::is_some).await);
    }

    /// Whether nothing brings the replica forward any more: the service stops, or the task that followed the log broke.
    pub fn has_ended(&self) -> bool {
        self.applied.has_changed().is_err()
    }
}

/// What keeps a replica up to date needs.
pub(crate) struct Following {
    pub(crate) store: Store,
    pub(crate) nodes: Nodes,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tasks: TaskTracker,
    /// Cancelled when the following is to end: after the last change, not at the first sign of a shutdown.
    pub(crate) stop: CancellationToken,
}

impl Following {
    /// Makes a replica and keeps it up to date until `stop` is cancelled. `seed` has to be unpredictable.
    pub(crate) fn start(self, seed: [u8; 32]) -> (Arc<Replica>, Follower) {
        #[expect(clippy::disallowed_methods, reason = "an age is measured by a clock that nobody sets")]
        let started = std::time::Instant::now();
        let (replica, writer) = Replica::new(seed, Box::new(move || started.elapsed()));
        let bell = Arc::new(Notify::new());
        let (applied, reached) = watch::channel(None);
        let follower = Follower { bell: Arc::clone(&bell), applied: reached.clone() };
        let tasks = self.tasks.clone();
        tasks.spawn(self.nodes.clone().run(Arc::clone(&replica), reached, self.stop.clone()));
        tasks.spawn(follow::hear(self.store.clone(), Arc::clone(&bell), self.stop.clone()));
        let following = tasks.spawn(follow::run(self, Arc::clone(&replica), writer, bell, applied));
        tasks.spawn(async move {
            // It is not begun again: what it was applying when it broke may stand half in the replica. Readiness says so, and whoever watches
            // over the process starts it anew.
            if let Err(fault) = following.await {
                tracing::error!(%fault, "the task that follows the log broke: this node is not ready until it is restarted");
            }
        });
        (replica, follower)
    }
}
