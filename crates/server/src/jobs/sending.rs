//! Who has a turn: webhooks that have something due, the longest due first, and receivers that are to be told of an end.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use claviger_core::id::WebhookId;
use claviger_store::webhooks::sending::{Due, Farewell};
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;

use crate::app::App;
use crate::ops::error::OpResult;
use crate::ops::sending::{FAILING_TURNS, FAILING_TURNS_KEPT, Sender, TURNS, say_farewell, take_turn};

/// Between two times that it is looked for what is due: retries, and what other nodes have made. What this node makes rings.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long a webhook is left alone for which something of ours has failed.
const REST: Duration = Duration::from_secs(10);
/// A webhook whose turn takes so long has its next ones among those whose receivers fail, for a while: it is as hard on others.
const SLOW: Duration = Duration::from_secs(5);
const SLOW_FOR: Duration = Duration::from_secs(60);
/// Receivers that are told of an end at once.
const FAREWELLS: usize = 8;

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Healthy,
    Failing,
    Farewell,
}

/// The places that are left for turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Room {
    all: usize,
    healthy: usize,
    failing: usize,
}

impl Room {
    /// What is left beside so many turns of either kind.
    fn beside(healthy: usize, failing: usize) -> Self {
        Self {
            all: TURNS.saturating_sub(healthy + failing),
            healthy: (TURNS - FAILING_TURNS_KEPT).saturating_sub(healthy),
            failing: FAILING_TURNS.saturating_sub(failing),
        }
    }

    /// Takes a place, where there is one of this kind.
    fn take(&mut self, kind: Kind) -> bool {
        let share = if kind == Kind::Failing { &mut self.failing } else { &mut self.healthy };
        let is_there = 0 < self.all && 0 < *share;
        if is_there {
            *share -= 1;
            self.all -= 1;
        }
        is_there
    }
}

/// A turn that is under way.
#[derive(Debug, Clone, Copy)]
struct Turn {
    kind: Kind,
    webhook_id: WebhookId,
    began: Instant,
}

/// The turns that are under way.
struct Turns {
    app: App,
    sender: Arc<Sender>,
    running: JoinSet<OpResult<()>>,
    which: HashMap<Id, Turn>,
    /// Until when they have no turn.
    resting: HashMap<WebhookId, Instant>,
    /// Until when they count as failing.
    slow: HashMap<WebhookId, Instant>,
}

/// Gives turns until the service stops, and waits for those that are under way then.
pub(super) async fn send(app: App) {
    let sender = Arc::new(Sender::new(&app));
    if let Err(error) = sender.forget_leases().await {
        tracing::warn!(%error, "what a killed process was sending is sent again when its leases have run out");
    }
    let mut turns = Turns {
        app: app.clone(),
        sender,
        running: JoinSet::new(),
        which: HashMap::new(),
        resting: HashMap::new(),
        slow: HashMap::new(),
    };
    loop {
        if let Err(error) = turns.begin().await {
            tracing::warn!(%error, "it could not be seen which deliveries are due");
        }
        tokio::select! {
            () = app.stop().cancelled() => break,
            () = app.deliveries_due().notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
            Some(ended) = turns.running.join_next_with_id() => turns.note(ended),
        }
    }
    while let Some(ended) = turns.running.join_next_with_id().await {
        turns.note(ended);
    }
}

impl Turns {
    /// Begins the turns for which there is room.
    async fn begin(&mut self) -> OpResult<()> {
        let now = Instant::now();
        self.resting.retain(|_, until| now < *until);
        self.slow.retain(|_, until| now < *until);
        let [healthy, failing, farewells] = [Kind::Healthy, Kind::Failing, Kind::Farewell].map(|kind| self.count(kind));
        let (mut room, busy) = (Room::beside(healthy, failing), self.busy());
        let mut reader = self.app.store().read().await?;
        let now = reader.moment(self.app.now()).await?;
        let mut turns = Vec::new();
        for are_failing in [false, true] {
            // Those that are busy here are leased, but where the clock has been put forward; they are not to crowd out the others.
            let limit = room.all + busy.len() + self.slow.len();
            for due in reader.find_due_webhooks_unchecked(are_failing, now, limit).await? {
                let is_failing = are_failing || self.slow.contains_key(&due.webhook_id);
                let kind = if is_failing { Kind::Failing } else { Kind::Healthy };
                if !busy.contains(&due.webhook_id) && room.take(kind) {
                    turns.push((kind, due));
                }
            }
        }
        let farewells = FAREWELLS.saturating_sub(farewells);
        let ends = reader.find_due_farewells_unchecked(now, farewells + busy.len()).await?;
        drop(reader);
        for (kind, due) in turns {
            self.spawn_turn(kind, due);
        }
        for end in ends.into_iter().filter(|it| !busy.contains(&it.webhook_id)).take(farewells) {
            self.spawn_farewell(end);
        }
        Ok(())
    }

    fn spawn_turn(&mut self, kind: Kind, due: Due) {
        let sender = Arc::clone(&self.sender);
        let task = self.running.spawn(async move { take_turn(&sender, due).await });
        self.which.insert(task.id(), Turn { kind, webhook_id: due.webhook_id, began: Instant::now() });
    }

    fn spawn_farewell(&mut self, end: Farewell) {
        let (sender, id) = (Arc::clone(&self.sender), end.webhook_id);
        let task = self.running.spawn(async move { say_farewell(&sender, &end).await });
        self.which.insert(task.id(), Turn { kind: Kind::Farewell, webhook_id: id, began: Instant::now() });
    }

    fn count(&self, kind: Kind) -> usize {
        self.which.values().filter(|it| it.kind == kind).count()
    }

    /// Webhooks that are not to have a turn now.
    fn busy(&self) -> HashSet<WebhookId> {
        self.which.values().map(|it| it.webhook_id).chain(self.resting.keys().copied()).collect()
    }

    fn note(&mut self, ended: Result<(Id, OpResult<()>), tokio::task::JoinError>) {
        let (task, fault) = match ended {
            Ok((task, Ok(()))) => (task, None),
            Ok((task, Err(error))) => (task, Some(error.to_string())),
            Err(fault) => (fault.id(), Some(fault.to_string())),
        };
        let Some(Turn { webhook_id, began, .. }) = self.which.remove(&task) else { return };
        if SLOW <= began.elapsed() {
            self.slow.insert(webhook_id, Instant::now() + SLOW_FOR);
        }
        if let Some(fault) = fault {
            // Otherwise it would be tried again at once, and for ever.
            self.resting.insert(webhook_id, Instant::now() + REST);
            tracing::warn!(%webhook_id, fault, "a webhook could not be sent for and is tried again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_those_that_fail_nor_the_others_take_all_places() {
        let taken = |room: &mut Room, kind| (0..1000).filter(|_| room.take(kind)).count();
        let mut room = Room::beside(0, 0);
        assert_eq!(taken(&mut room, Kind::Healthy), TURNS - FAILING_TURNS_KEPT);
        assert_eq!(taken(&mut room, Kind::Failing), FAILING_TURNS_KEPT, "retries are made beside any backlog");
        let mut room = Room::beside(0, 0);
        assert_eq!(taken(&mut room, Kind::Failing), FAILING_TURNS);
        assert_eq!(taken(&mut room, Kind::Healthy), TURNS - FAILING_TURNS);
        assert_eq!(Room::beside(TURNS, TURNS), Room { all: 0, healthy: 0, failing: 0 });
    }
}
