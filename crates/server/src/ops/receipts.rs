//! Receipts: which nodes know of a change that was made.
//!
//! Where a change stands in the log is noted when it is committed, and whoever answers the request asks for the receipt: one place for each
//! surface, and none of the operations. The note is a value of the task, since it would otherwise go through the arguments and results of
//! each of them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use claviger_core::event::{EntityKind, Event, Position};
use claviger_core::id::OrganizationId;
use claviger_core::limits::{NODE_LEASE_SECS, NODES_NAMED_MAX};
use claviger_core::node::{Node, NodeState};
use claviger_core::policy::Policy;
use claviger_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::App;

tokio::task_local! {
    static NOTED: Arc<Mutex<Option<Noted>>>;
}

/// Whose keys a change is about, as far as it matters for how long a verifier may go on without its database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Keys of this organization.
    Organization(OrganizationId),
    /// Keys of any.
    Everywhere,
}

impl Reach {
    /// Of a change: an event about a key is about the keys of its organization; a user, a role or an organization may stand behind any.
    pub(super) fn of(event: &Event) -> Self {
        match event.entity.kind {
            EntityKind::Key => Self::Organization(event.organization_id),
            _ => Self::Everywhere,
        }
    }
}

/// Where in the log a change stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noted {
    /// The position.
    pub position: Position,
    /// Whose keys it is about.
    pub reach: Reach,
}

/// Runs what may change something, and says where the last change stands.
pub async fn watch<F: Future>(answering: F) -> (F::Output, Option<Noted>) {
    let noted = Arc::<Mutex<Option<Noted>>>::default();
    let output = NOTED.scope(Arc::clone(&noted), answering).await;
    let noted = *noted.lock().unwrap_or_else(PoisonError::into_inner);
    (output, noted)
}

/// Lets a change on a task of its own note where it stands for whoever waits for that task.
pub(super) fn carry<F: Future>(change: F) -> impl Future<Output = F::Output> {
    let noted = NOTED.try_with(Arc::clone).unwrap_or_default();
    NOTED.scope(noted, change)
}

/// Notes where a change stands. Nobody asks for the receipt of a job.
pub(super) fn note(position: Position, reach: Reach) {
    let noted = Some(Noted { position, reach });
    NOTED.try_with(|it| *it.lock().unwrap_or_else(PoisonError::into_inner) = noted).unwrap_or_default();
}

/// Notes where the log stands for this node: the receipt of whoever is answered that nothing was to be changed.
pub(super) fn note_present(app: &App) {
    if let Some(position) = app.replica().position() {
        note(position, Reach::Everywhere);
    }
}

/// What is said of the nodes with the answer to a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The life of the log in which the change stands.
    pub epoch: u64,
    /// Its place there.
    pub seq: u64,
    /// Who knows of it.
    pub nodes: Confirmations,
    /// When the change holds at those nodes too that have not confirmed it, at the latest; absent when all have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denied_everywhere_by: Option<Timestamp>,
}

/// Which nodes have applied a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmations {
    /// How many have, the one that answers included.
    pub acked: usize,
    /// Those that live and have not, by name.
    pub pending: Vec<String>,
    /// Those that have not and say nothing any more, by name, as long as they may still answer from memory.
    pub lost: Vec<String>,
    /// How many more have not, where there are too many to name.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unnamed: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Receipt {
    /// Waits until all nodes that live know of a change, or for as long as an answer may be kept waiting.
    pub async fn wait(app: &App, noted: Noted) -> Self {
        let nodes = app.nodes().wait_for(noted.position).await;
        Self::new(noted.position, &nodes, app.replica().policies_at(), || max_stale(app, noted.reach))
    }

    /// How things stand now.
    ///
    /// # Errors
    /// What reading can meet.
    pub async fn now(app: &App, noted: Noted) -> claviger_store::StoreResult<Self> {
        let nodes = app.nodes().read().await?;
        Ok(Self::new(noted.position, &nodes, app.replica().policies_at(), || max_stale(app, noted.reach)))
    }

    /// A node may answer from memory for `max_stale` after it read the log for the last time. That is never later than a lease after it was
    /// last heard here: who could read for longer than that without being heard has read this change too. One that does not know the newest
    /// policies answers by those it had, and nobody here knows which: for the longest that any may say. What policy says is looked up only where
    /// it matters, since it may have to be looked up in all organizations.
    fn new(
        position: Position,
        others: &[Node],
        policies_at: Option<Position>,
        max_stale: impl Fn() -> Duration,
    ) -> Self {
        let mut looked_up = None;
        let mut nodes = Confirmations { acked: 1, pending: Vec::new(), lost: Vec::new(), unnamed: 0 };
        let mut denied_everywhere_by = None;
        for node in others.iter().filter(|it| it.position.is_some()) {
            if node.has_applied(position) {
                nodes.acked += 1;
                continue;
            }
            let lease = Duration::from_secs(NODE_LEASE_SECS);
            let knows_policies = policies_at.is_some_and(|it| node.has_applied(it));
            let answers_for = match knows_policies {
                true => *looked_up.get_or_insert_with(&max_stale),
                false => Policy::default().max_stale(),
            };
            let denies_by = node.last_contact.saturating_add(lease).saturating_add(answers_for);
            let named = match node.state() {
                // By now it answers nobody.
                NodeState::Lost if denies_by <= node.read_at => continue,
                NodeState::Lost => &mut nodes.lost,
                NodeState::Live => &mut nodes.pending,
            };
            if named.len() < NODES_NAMED_MAX {
                named.push(node.name.to_string());
            } else {
                nodes.unnamed += 1;
            }
            denied_everywhere_by = denied_everywhere_by.max(Some(denies_by));
        }
        Self { epoch: position.epoch, seq: position.seq, nodes, denied_everywhere_by }
    }

    /// What people are told where a node has not confirmed; nothing when all have.
    pub fn sentence(&self) -> Option<String> {
        let by = self.denied_everywhere_by?.to_table_text();
        let names: Vec<_> = self.nodes.pending.iter().chain(&self.nodes.lost).map(String::as_str).collect();
        Some(match (names.as_slice(), self.nodes.unnamed) {
            ([name], 0) => format!("{name} has not confirmed yet; denies at the latest by {by} UTC."),
            (names, 0) => format!("{} have not confirmed yet; they deny at the latest by {by} UTC.", names.join(", ")),
            (names, more) => {
                format!(
                    "{} and {more} more have not confirmed yet; they deny at the latest by {by} UTC.",
                    names.join(", ")
                )
            }
        })
    }
}

/// For how long verifiers go on without their database, as policy says now.
fn max_stale(app: &App, reach: Reach) -> Duration {
    let own = match reach {
        Reach::Organization(id) => app.replica().policy(id).map(|it| it.max_stale()),
        Reach::Everywhere => None,
    };
    own.unwrap_or_else(|| app.replica().longest_max_stale())
}

#[cfg(test)]
mod tests {
    use claviger_core::id::NodeId;
    use claviger_core::node::NodeName;

    use super::*;

    const AT: Position = Position { epoch: 1, seq: 7 };
    const MAX_STALE: Duration = Duration::from_secs(60);
    const POLICIES_AT: Option<Position> = Some(Position { epoch: 1, seq: 4 });

    /// A node that was silent for so many seconds and stands at a place in the log.
    fn node(name: &str, silent_secs: u64, seq: Option<u64>) -> Node {
        let now: Timestamp = "2027-01-01T00:10:00Z".parse().expect("an instant");
        Node {
            id: NodeId::from_u128(1),
            name: NodeName::parse(name).expect("a name"),
            started_at: now,
            last_contact: now.saturating_sub(Duration::from_secs(silent_secs)),
            read_at: now,
            position: seq.map(|seq| Position { epoch: 1, seq }),
            flushed_until: None,
        }
    }

    #[test]
    fn nobody_is_named_who_knows_of_the_change_or_answers_nobody() {
        let others =
            [node("knows", 0, Some(7)), node("knew", 11, Some(8)), node("loads", 0, None), node("dead", 70, Some(6))];
        let receipt = Receipt::new(AT, &others, POLICIES_AT, || MAX_STALE);
        let json = serde_json::to_string(&receipt).expect("JSON");
        assert_eq!(json, r#"{"epoch":1,"seq":7,"nodes":{"acked":3,"pending":[],"lost":[]}}"#);
        assert_eq!(receipt.sentence(), None);
    }

    #[test]
    fn who_does_not_know_of_the_change_is_named_with_the_last_moment() {
        let others = [node("node-a", 0, Some(7)), node("node-c", 2, Some(6)), node("node-d", 69, Some(5))];
        let receipt = Receipt::new(AT, &others, POLICIES_AT, || MAX_STALE);
        let json = serde_json::to_value(&receipt).expect("JSON");
        let wanted = serde_json::json!({
            "epoch": 1, "seq": 7,
            "nodes": {"acked": 2, "pending": ["node-c"], "lost": ["node-d"]},
            "denied_everywhere_by": "2027-01-01T00:11:08Z",
        });
        assert_eq!(json, wanted);
        assert_eq!(serde_json::from_value::<Receipt>(json).expect("a receipt"), receipt);
        let sentence = "node-c, node-d have not confirmed yet; they deny at the latest by 2027-01-01 00:11:08 UTC.";
        assert_eq!(receipt.sentence().as_deref(), Some(sentence));
        let one = Receipt::new(AT, &others[1..2], POLICIES_AT, || MAX_STALE).sentence();
        assert!(one.is_some_and(|it| it.starts_with("node-c has not confirmed yet; denies at the latest by ")));
    }

    #[test]
    fn who_does_not_know_the_newest_policies_may_answer_by_older_ones() {
        let by =
            |seq| Receipt::new(AT, &[node("node-c", 0, Some(seq))], POLICIES_AT, || MAX_STALE).denied_everywhere_by;
        assert_eq!(by(4).map(|it| it.to_string()).as_deref(), Some("2027-01-01T00:11:10Z"));
        assert_eq!(by(3).map(|it| it.to_string()).as_deref(), Some("2027-01-02T00:10:10Z"));
    }

    #[test]
    fn another_life_of_the_log_confirms_nothing() {
        let mut other = node("node-c", 0, Some(1000));
        other.position = Some(Position { epoch: 0, seq: 1000 });
        assert_eq!(Receipt::new(AT, &[other], POLICIES_AT, || MAX_STALE).nodes.pending, ["node-c"]);
    }

    #[test]
    fn many_are_counted_and_not_all_named() {
        let others: Vec<_> = (0..20).map(|it| node(&format!("node-{it}"), 0, Some(6))).collect();
        let receipt = Receipt::new(AT, &others, POLICIES_AT, || MAX_STALE);
        assert_eq!((receipt.nodes.pending.len(), receipt.nodes.unnamed), (NODES_NAMED_MAX, 4));
        assert!(receipt.sentence().is_some_and(|it| it.contains(" and 4 more have not")));
    }

    #[tokio::test]
    async fn what_is_noted_on_a_task_is_known_to_who_waits_for_it() {
        let tasks = tokio_util::task::TaskTracker::new();
        let change = async {
            let task = tasks.spawn(carry(async { note(AT, Reach::Everywhere) }));
            task.await.expect("it ends");
        };
        assert_eq!(watch(change).await.1, Some(Noted { position: AT, reach: Reach::Everywhere }));
        assert_eq!(watch(async {}).await.1, None);
        note(AT, Reach::Everywhere);
    }
}
