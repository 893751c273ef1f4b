//! Attempts that arrived, written down together: what waits for its turn at the database at the same moment shares one transaction.
//!
//! Writing takes longer than most receivers do, so most of what is under way waits to be noted; and what was not noted when a process is killed is
//! sent again. Each on its own would be as right, and leave that many more repetitions and less room for others who write. Nobody waits for more to
//! come: what comes while one transaction runs is the next one's.
//!
//! All attempts of a webhook are noted at one desk. Wherever there is room, two transactions would often note attempts of the same webhook, and the
//! second would wait for the first at the database, with what it has taken along.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use claviger_core::id::WebhookId;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_core::webhook::attempt::Verdict;
use claviger_store::Hold;
use claviger_store::webhooks::deliveries::{AttemptRow, DeliveryRow};
use claviger_store::webhooks::sending::Standing;
use tokio::sync::oneshot;

use super::note::note_one;
use super::{DESKS, Sender};
use crate::app::App;
use crate::ops::error::{Error, OpResult};

/// Attempts that one transaction notes: others wait for it.
const TOGETHER: usize = 32;

/// What came of an attempt.
#[derive(Debug, Clone)]
pub(super) struct Noted {
    pub(super) tenant: Tenant,
    pub(super) webhook_id: WebhookId,
    pub(super) delivery: DeliveryRow,
    pub(super) attempt: AttemptRow,
    pub(super) standing: Standing,
    pub(super) verdict: Verdict,
    /// Whether the delivery was given up, which says nothing of the receiver.
    pub(super) is_over: bool,
    pub(super) now: Timestamp,
}

/// One that waits, and who waits for it.
pub(super) struct Waiting {
    noted: Noted,
    done: oneshot::Sender<OpResult<bool>>,
}

/// Where the attempts of some webhooks are noted, one transaction after the other.
#[derive(Default)]
pub(super) struct Desk {
    waiting: Mutex<VecDeque<Waiting>>,
    turn: tokio::sync::Mutex<()>,
}

/// The desk of a webhook, by the part of its identifier that is random.
fn desk_of(id: WebhookId) -> usize {
    (id.as_u128() % DESKS as u128) as usize
}

impl Sender {
    /// Writes down an attempt, with all that wait for the same. Says whether the webhook has ended by it.
    pub(super) async fn note(&self, noted: Noted) -> OpResult<bool> {
        let fault = |fault: &dyn std::fmt::Display| Error::Internal(format!("an attempt was not noted: {fault}"));
        let (done, answer) = oneshot::channel();
        let desk = &self.desks[desk_of(noted.webhook_id)];
        desk.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(Waiting { noted, done });
        let turn = desk.turn.lock().await;
        let taken: Vec<_> = {
            let mut waiting = desk.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let count = waiting.len().min(TOGETHER);
            waiting.drain(..count).collect()
        };
        note_all(&self.app, taken).await;
        drop(turn);
        // Whoever had a turn before may have taken it along.
        answer.await.map_err(|it| fault(&it))?
    }
}

async fn note_all(app: &App, waiting: Vec<Waiting>) {
    let (arrived, others): (Vec<_>, Vec<_>) =
        waiting.into_iter().partition(|it| it.noted.verdict == Verdict::Delivered && !it.noted.is_over);
    let mut alone = others;
    match note_together(app, &arrived).await {
        Ok(ended) => {
            for it in arrived {
                let has_ended = ended.get(&it.noted.webhook_id).copied().unwrap_or(true);
                // Whoever waited may have been stopped.
                drop(it.done.send(Ok(has_ended)));
            }
        }
        // What is wrong with one is not to keep the others from being noted.
        Err(_) => alone.extend(arrived),
    }
    for it in alone {
        let noted = note_one(app, &it.noted).await;
        drop(it.done.send(noted));
    }
}

/// Says of each webhook whether it is sent nothing any more. That these have arrived may be forgotten, since they are then sent once more.
async fn note_together(app: &App, arrived: &[Waiting]) -> OpResult<BTreeMap<WebhookId, bool>> {
    let mut ended = BTreeMap::new();
    if arrived.is_empty() {
        return Ok(ended);
    }
    let mut tx = app.store().begin_forgettable().await?;
    tx.hold(arrived.iter().map(|it| Hold::alone(it.noted.webhook_id))).await?;
    for Waiting { noted, .. } in arrived {
        tx.note_attempt(&noted.tenant, &noted.delivery, &noted.attempt, noted.standing).await?;
    }
    for Waiting { noted, .. } in arrived {
        if let Entry::Vacant(webhook) = ended.entry(noted.webhook_id) {
            // Its receiver fails no more, whatever was before: it is not looked up.
            let is_sent = tx.note_webhook(&noted.tenant, noted.webhook_id, [None, None]).await?;
            webhook.insert(!is_sent);
        }
    }
    tx.commit_unaudited("attempts at deliveries, which say themselves what they were").await?;
    Ok(ended)
}
