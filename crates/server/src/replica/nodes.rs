//! The nodes of this installation: this one says how far it has come, and hears it of the others.
//!
//! What a node says is one row that is written anew at most every few milliseconds, however many events it has applied, and without waiting
//! for the disk. Whoever waits for others reads those rows again and again for as long as it waits, one reader for all who wait. A ring
//! (NOTIFY) for each word of each node was the other way: PostgreSQL lets one transaction ring at a time and wakes every listener, and so the
//! words of many nodes would have stood in the way of the ring that tells them of a change.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use claviger_core::event::Position;
use claviger_core::id::NodeId;
use claviger_core::limits::RECEIPT_MILLIS_MAX;
use claviger_core::node::{Node, NodeName, NodeState};
use claviger_core::time::Timestamp;
use claviger_store::{Error, Store, StoreResult};
use claviger_verifier::replica::Replica;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Between two times that a node says that it lives, when it has nothing else to say: a third of a lease, so that one word may be lost.
const RENEW: Duration = Duration::from_secs(3);
/// Between two words about how far it has come, at least: what is applied meanwhile is said with the next one.
const PAUSE: Duration = Duration::from_millis(5);
/// Who has not read the log for so long does not say that it lives.
const HEARD_WITHIN: Duration = Duration::from_secs(4);
/// Between two looks of whoever waits for others, least and most: they take a few milliseconds, or have something in their way.
const LOOK_EVERY: Duration = Duration::from_millis(2);
const LOOK_EVERY_AT_MOST: Duration = Duration::from_millis(50);

/// Who this process is among the nodes.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Its identifier, a new one with each start.
    pub id: NodeId,
    /// By what people recognise it.
    pub name: NodeName,
    /// Whether somebody gave it that name. Then it is one process at a time, and this one takes the place of a lost one before it.
    pub is_named: bool,
    /// When it started.
    pub started_at: Timestamp,
}

/// The nodes of this installation. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Nodes(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    own: Identity,
    /// What this node has said of itself last. Held while it says it, so that no older word comes behind a newer one.
    said: tokio::sync::Mutex<Option<Position>>,
    /// Reads that were begun; and the last one that ended, with its number. Held while one runs, so that of many who ask at once one reads.
    begun: AtomicU64,
    last: tokio::sync::Mutex<(u64, Vec<Node>)>,
    /// What was found last, for who must not wait.
    known: Mutex<Vec<Node>>,
    /// Up to when this node has written down what was used here.
    flushed: Mutex<Option<Timestamp>>,
}

impl Nodes {
    /// The nodes on a database, of which this process is one.
    pub fn new(store: Store, own: Identity) -> Self {
        Self(Arc::new(Inner {
            store,
            own,
            said: tokio::sync::Mutex::default(),
            begun: AtomicU64::new(0),
            last: tokio::sync::Mutex::default(),
            known: Mutex::default(),
            flushed: Mutex::default(),
        }))
    }

    /// Who this process is.
    pub fn own(&self) -> &Identity {
        &self.0.own
    }

    /// Makes this node known, before it loads anything: from then on others know that there is somebody to wait for.
    pub(super) async fn enter(&self) -> StoreResult<()> {
        match self.succeed().await {
            Err(Error::StorageFull) => {}
            succeeded => succeeded?,
        }
        self.say(None).await?;
        self.read().await.map(drop)
    }

    /// Says up to where this node has applied the log. Where the database has no room for it, nobody can change anything either: that is no reason
    /// not to load and to answer.
    pub(super) async fn say(&self, position: Option<Position>) -> StoreResult<()> {
        let Identity { id, name, started_at, .. } = &self.0.own;
        let mut said = self.0.said.lock().await;
        *said = position;
        match self.0.store.tell_node(*id, name, *started_at, position).await {
            Err(Error::StorageFull) => {
                tracing::warn!("the storage is full, and the other nodes were not told how far this one is");
                Ok(())
            }
            told => told,
        }
    }

    /// Says again what it said last.
    async fn renew(&self) -> StoreResult<()> {
        let Identity { id, name, started_at, .. } = &self.0.own;
        let said = self.0.said.lock().await;
        self.0.store.tell_node(*id, name, *started_at, *said).await?;
        self.succeed().await
    }

    /// Takes the place of lost nodes of this one's name. Not only at the start: who was killed a moment before counts as living then.
    async fn succeed(&self) -> StoreResult<()> {
        let Identity { name, is_named, .. } = &self.0.own;
        if *is_named { self.0.store.succeed_node(name).await } else { Ok(()) }
    }

    /// Says up to when this node has written down what was used here.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn say_flushed(&self, until: Timestamp) -> StoreResult<()> {
        self.0.store.tell_flushed(self.0.own.id, until).await?;
        *self.0.flushed.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
        Ok(())
    }

    /// Up to when this node has said that it has written down what was used here.
    pub fn own_flushed(&self) -> Option<Timestamp> {
        *self.0.flushed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The instant up to which every node that lives has written down what was used there; absent while one has not yet said so. Of a lost one
    /// nobody knows, and it would hold up everything for as long as it is named.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn flushed_until(&self) -> StoreResult<Option<Timestamp>> {
        let others = self.read().await?;
        let live = others.iter().filter(|it| it.state() == NodeState::Live).map(|it| it.flushed_until);
        Ok(live.chain([self.own_flushed()]).min().flatten())
    }

    /// All nodes but this one, read after this was asked.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn read(&self) -> StoreResult<Vec<Node>> {
        let begun = self.0.begun.load(Ordering::SeqCst);
        let mut last = self.0.last.lock().await;
        // Whoever had to wait finds, as a rule, that another one has read since.
        if begun < last.0 {
            return Ok(last.1.clone());
        }
        let number = self.0.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let mut nodes = self.0.store.find_nodes().await?;
        nodes.retain(|it| it.id != self.0.own.id);
        nodes.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        self.known().clone_from(&nodes);
        *last = (number, nodes.clone());
        Ok(nodes)
    }

    /// All nodes but this one as they were found last, some seconds ago at most while the database answers.
    pub fn last_known(&self) -> Vec<Node> {
        self.known().clone()
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Vec<Node>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until all other nodes that live have applied the log up to a position, or for as long as an answer may be kept waiting, and says
    /// how they stand then. Where there are no others it costs one read, and on an embedded database nothing.
    pub async fn wait_for(&self, position: Position) -> Vec<Node> {
        let in_vain = |it: &Node| it.state() == NodeState::Lost || it.has_applied(position);
        let all = async {
            let mut pause = LOOK_EVERY;
            loop {
                match self.read().await {
                    Ok(nodes) if nodes.iter().all(in_vain) => return nodes,
                    Ok(_) => {}
                    Err(error) => {
                        tracing::warn!(%error, "nobody knows how far the other nodes are");
                        return self.last_known();
                    }
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LOOK_EVERY_AT_MOST);
            }
        };
        let longest = Duration::from_millis(RECEIPT_MILLIS_MAX);
        tokio::time::timeout(longest, all).await.unwrap_or_else(|_| self.last_known())
    }

    /// Says how far this node comes, and that it lives, until it is stopped; then takes it off.
    pub(super) async fn run(
        self,
        replica: Arc<Replica>,
        mut applied: watch::Receiver<Option<Position>>,
        stop: CancellationToken,
    ) {
        loop {
            let moved = tokio::select! {
                moved = applied.changed() => Some(moved.is_ok()),
                () = tokio::time::sleep(RENEW) => None,
                () = stop.cancelled() => break,
            };
            let position = *applied.borrow_and_update();
            let told = match moved {
                Some(true) => self.say(position).await,
                // It follows the log no more: as long as it goes on answering, it is lost.
                Some(false) => {
                    stop.cancelled().await;
                    break;
                }
                None if position.is_some() && HEARD_WITHIN < replica.age() => continue,
                None => self.renew().await,
            };
            let told = match (told, moved) {
                // Who asks for metrics is answered from what was known last.
                (Ok(()), None) => self.read().await.map(drop),
                (told, _) => told,
            };
            if let Err(error) = told {
                tracing::debug!(%error, "the other nodes were not told how far this one is");
            }
            tokio::time::sleep(PAUSE).await;
        }
        if let Err(error) = self.0.store.remove_node(self.0.own.id).await {
            tracing::warn!(%error, "the other nodes were not told that this one has stopped");
        }
    }
}
