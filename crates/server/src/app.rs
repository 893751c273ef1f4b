//! What every part of the server shares.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use claviger_core::time::{Clock, Timestamp};
use rand_core::CryptoRng;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A generator that can be handed to a task.
pub type Rng = Box<dyn CryptoRng + Send>;

/// Where generators come from: the system's randomness, or a seed in tests.
pub type Randomness = Arc<dyn Fn() -> Rng + Send + Sync>;

/// The running service. Cloning it is cheap.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What an [`App`] is made of.
pub struct Parts {
    /// Where "now" comes from.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub randomness: Randomness,
    /// The tasks that shutdown waits for.
    pub tasks: TaskTracker,
    /// Cancelled when the service is to stop.
    pub stop: CancellationToken,
}

impl App {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// A generator of unpredictable numbers.
    pub fn rng(&self) -> Rng {
        (self.0.randomness)()
    }

    /// Starts a task that shutdown waits for.
    pub fn spawn<F>(&self, task: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.0.tasks.spawn(task)
    }

    /// Cancelled when the service is to stop.
    pub fn stop(&self) -> &CancellationToken {
        &self.0.stop
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("App(…)")
    }
}
