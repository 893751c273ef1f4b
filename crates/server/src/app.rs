//! What every part of the server shares.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use claviger_core::id::NodeId;
use claviger_core::node::NodeName;
use claviger_core::time::{Clock, Timestamp};
use claviger_store::Store;
use claviger_verifier::replica::Replica;
use data_encoding::HEXLOWER;
use rand_core::CryptoRng;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::data_folder::MasterKeyFile;
use crate::mail::Mailer;
use crate::metrics::{Metrics, Tally};
use crate::ops::endings::EndingsProgress;
use crate::ops::github_alerts::GithubKeys;
use crate::ops::passwords::Passwords;
use crate::ops::throttle::Throttle;
use crate::ops::tokens::FirstSigningKey;
use crate::outgoing::{Connector, Names, SystemNames};
use crate::rates::Rates;
use crate::replica::{Follower, Following, Identity, Nodes, Quotas, Uses};

/// A generator that can be handed to a task.
pub type Rng = Box<dyn CryptoRng + Send>;

/// Where generators come from: the system's randomness, or a seed in tests.
pub type Randomness = Arc<dyn Fn() -> Rng + Send + Sync>;

/// The system's randomness.
pub fn system_randomness() -> Randomness {
    // Asking the system fails only on a machine on which no secret may be made at all.
    Arc::new(|| Box::new(rand_core::UnwrapErr(getrandom::SysRng)))
}

/// The running service. Cloning it is cheap.
#[derive(Clone)]
pub struct App(Arc<Parts>);

struct Parts {
    config: Config,
    store: Store,
    replica: Arc<Replica>,
    follower: Follower,
    nodes: Nodes,
    uses: Uses,
    quotas: Quotas,
    endings: EndingsProgress,
    clock: Arc<dyn Clock>,
    randomness: Randomness,
    master_keys: MasterKeyFile,
    passwords: Passwords,
    throttle: Throttle,
    rates: Rates,
    outgoing: Connector,
    github_keys: GithubKeys,
    first_signing_key: FirstSigningKey,
    reported: Notify,
    deliveries_due: Notify,
    mailer: Option<Mailer>,
    metrics: Arc<Metrics>,
    tally: Arc<Tally>,
    request_ids: RequestIds,
    tasks: TaskTracker,
    /// The task that follows the log: it ends after all others, since a change waits until it has been applied.
    following: TaskTracker,
    stop: CancellationToken,
    stop_following: CancellationToken,
}

/// Makes the ids of requests. They are no secret, so the system is asked once for what tells this process from others, and not each time.
struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl RequestIds {
    fn new(rng: &mut dyn CryptoRng) -> Self {
        Self { process: rng.next_u64(), next: AtomicU64::new(rng.next_u64()) }
    }

    fn next(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        // An odd factor gives each number another one (the golden ratio's, so that neighbours do not look alike).
        let number = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).swap_bytes();
        let [high, low] = [self.process, number].map(u64::to_be_bytes);
        let mut digits = String::with_capacity(32);
        HEXLOWER.encode_append(&high, &mut digits);
        HEXLOWER.encode_append(&low, &mut digits);
        digits
    }
}

/// How long the tasks that are running may take to end at shutdown.
const DRAIN: Duration = Duration::from_secs(10);

impl App {
    /// Puts the service together and begins to load the replica. Nothing listens yet.
    pub fn start(
        config: Config,
        store: Store,
        clock: Arc<dyn Clock>,
        randomness: Randomness,
        master_keys: impl Into<MasterKeyFile>,
    ) -> Self {
        Self::start_with_names(config, store, clock, randomness, master_keys, Arc::new(SystemNames::default()))
    }

    /// The same, where `names` says where the names of webhooks' receivers lead.
    pub fn start_with_names(
        config: Config,
        store: Store,
        clock: Arc<dyn Clock>,
        randomness: Randomness,
        master_keys: impl Into<MasterKeyFile>,
        names: Arc<dyn Names>,
    ) -> Self {
        let following_tasks = TaskTracker::new();
        let stop_following = CancellationToken::new();
        let mut seed = [0; 32];
        randomness().fill_bytes(&mut seed);
        let nodes = Nodes::new(store.clone(), identity(&config, clock.now(), &mut *randomness()));
        let following = Following {
            store: store.clone(),
            nodes: nodes.clone(),
            clock: Arc::clone(&clock),
            tasks: following_tasks.clone(),
            stop: stop_following.clone(),
        };
        let (replica, follower) = following.start(seed);
        let uses = Uses::new(store.clone(), Arc::clone(&replica));
        let quotas = Quotas::new(store.clone(), Arc::clone(&replica));
        let metrics = Arc::new(Metrics::default());
        let tally = metrics.tally();
        Self(Arc::new(Parts {
            passwords: Passwords::new(&mut *randomness()),
            request_ids: RequestIds::new(&mut *randomness()),
            throttle: Throttle::default(),
            rates: Rates::new(&config),
            outgoing: Connector::new(config.webhook_allow_networks.clone(), names),
            github_keys: GithubKeys::default(),
            first_signing_key: FirstSigningKey::default(),
            reported: Notify::new(),
            deliveries_due: Notify::new(),
            mailer: Mailer::of(&config),
            config,
            store,
            replica,
            follower,
            nodes,
            uses,
            quotas,
            endings: EndingsProgress::default(),
            clock,
            randomness,
            master_keys: master_keys.into(),
            metrics,
            tally,
            tasks: TaskTracker::new(),
            following: following_tasks,
            stop: CancellationToken::new(),
            stop_following,
        }))
    }

    /// What the service runs with.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The database. Reading is for everybody, transactions are for `ops` and `jobs`.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// What this node holds of every live grant.
    pub fn replica(&self) -> &Arc<Replica> {
        &self.0.replica
    }

    /// How far the replica has come.
    pub fn follower(&self) -> &Follower {
        &self.0.follower
    }

    /// The nodes of this installation.
    pub fn nodes(&self) -> &Nodes {
        &self.0.nodes
    }

    /// Writes down what was used.
    pub fn uses(&self) -> &Uses {
        &self.0.uses
    }

    /// Writes down what was used of quotas.
    pub fn quotas(&self) -> &Quotas {
        &self.0.quotas
    }

    /// How far the log of endings of this node has come.
    pub fn endings(&self) -> &EndingsProgress {
        &self.0.endings
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// The clock, for threads that keep it.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// A generator of unpredictable numbers.
    pub fn rng(&self) -> Rng {
        (self.0.randomness)()
    }

    /// What opens the sealed copies of secrets, with the data keys that the database has.
    pub(crate) fn master_keys(&self) -> &MasterKeyFile {
        &self.0.master_keys
    }

    /// An id for a request that brought none: 32 hexadecimal digits, unlike every other.
    pub(crate) fn new_request_id(&self) -> String {
        self.0.request_ids.next()
    }

    /// Hashes and checks passwords.
    pub(crate) fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    /// Holds back who tries too often.
    pub(crate) fn throttle(&self) -> &Throttle {
        &self.0.throttle
    }

    /// How often callers of the management API may ask.
    pub(crate) fn rates(&self) -> &Rates {
        &self.0.rates
    }

    /// Makes the first key that signs access tokens when somebody asks for it.
    pub(crate) fn first_signing_key(&self) -> &FirstSigningKey {
        &self.0.first_signing_key
    }

    /// The keys that GitHub signs alerts with.
    pub(crate) fn github_keys(&self) -> &GithubKeys {
        &self.0.github_keys
    }

    /// Calls receivers of webhooks.
    pub fn outgoing(&self) -> &Connector {
        &self.0.outgoing
    }

    /// Rung by whoever has taken what a host reports: deliveries are made of it without waiting until somebody looks.
    pub fn reported(&self) -> &Notify {
        &self.0.reported
    }

    /// Rung by whoever has made deliveries that are due at once: they are sent without waiting until somebody looks.
    pub fn deliveries_due(&self) -> &Notify {
        &self.0.deliveries_due
    }

    /// What mail goes out by; absent where none does.
    pub(crate) fn mailer(&self) -> Option<&Mailer> {
        self.0.mailer.as_ref()
    }

    /// What is counted in this process.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.0.metrics
    }

    /// Where the decisions of the management API are counted; gateway threads have tallies of their own.
    pub fn tally(&self) -> &Tally {
        &self.0.tally
    }

    /// Starts a task that shutdown waits for.
    pub fn spawn<F>(&self, task: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.0.tasks.spawn(task)
    }

    /// Starts a task that shutdown ends behind all of [`Self::spawn`], by [`Self::stop_following`]: it sees what those have done last.
    pub fn spawn_following<F>(&self, task: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.0.following.spawn(task)
    }

    /// Cancelled when nothing changes any more.
    pub fn stop_following(&self) -> &CancellationToken {
        &self.0.stop_following
    }

    /// Cancelled when the service is to stop.
    pub fn stop(&self) -> &CancellationToken {
        &self.0.stop
    }

    /// Ends the service after its listeners have: waits for running changes, writes down what was used, and closes the database.
    pub async fn shut_down(&self) {
        for (tasks, stop) in [(&self.0.tasks, &self.0.stop), (&self.0.following, &self.0.stop_following)] {
            stop.cancel();
            tasks.close();
            if tokio::time::timeout(DRAIN, tasks.wait()).await.is_err() {
                tracing::warn!(tasks = tasks.len(), "tasks were cut off at shutdown");
            }
        }
        if let Err(error) = self.0.uses.flush().await {
            tracing::warn!(%error, "what was used last could not be written down");
        }
        if let Err(error) = self.0.quotas.write(false).await {
            tracing::warn!(%error, "what was used of quotas could not be written down: up to what was written ahead counts as used");
        }
        self.0.store.close().await;
    }
}

/// Who this process is among the nodes.
fn identity(config: &Config, started_at: Timestamp, rng: &mut dyn CryptoRng) -> Identity {
    let of_process = || {
        let host = rustix::system::uname();
        NodeName::of_process(&host.nodename().to_string_lossy(), std::process::id())
    };
    let is_named = config.node_name.is_some();
    let name = config.node_name.clone().unwrap_or_else(of_process);
    Identity { id: NodeId::new(started_at, rng), name, is_named, started_at }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("App(…)")
    }
}
