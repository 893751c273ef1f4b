//! Tells Claviger what was changed, so that it stands in the revision history under the name of whoever it was done for, and comes to webhooks.
//!
//! What waits is held in memory: whoever has a database writes such a change and the report of it in one transaction, and
//! sends from there. Sending again is harmless, since a change that is known by its id is taken once.

#![expect(clippy::print_stderr, reason = "an example says what it leaves out where it was started")]

use std::fmt;
use std::time::Duration;

use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::{Caller, Scorecard};

/// Changes that wait while Claviger cannot be reached; of more than these the oldest are told and the newest are not.
const WAITING_MAX: usize = 10_000;
/// Changes in one request; Claviger takes so many.
const TOGETHER_MAX: usize = 100;
/// Between two tries, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
const REQUEST_TIME_MAX: Duration = Duration::from_secs(10);

/// How a scorecard looks to somebody who reads its history.
#[derive(Clone, Debug, Serialize)]
struct Picture {
    name: String,
    score: u8,
}

impl From<&Scorecard> for Picture {
    fn from(it: &Scorecard) -> Self {
        Self { name: it.name.clone(), score: it.score }
    }
}

/// A change, as `POST /api/v1/events` takes it.
#[derive(Clone, Debug, Serialize)]
struct Change {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    organization: String,
    at: String,
    entity_id: String,
    /// The key it was made with; Claviger knows for whom that key acts.
    actor_key_id: String,
    data: Picture,
    before: Picture,
    after: Picture,
}

#[derive(Serialize)]
struct Batch<'a> {
    events: &'a [Change],
}

/// Where changes are reported to, and with which key: one whose role may `claviger/events:create` there and below.
#[derive(Clone)]
pub struct Destination {
    /// The address of Claviger: `https://keys.example.com`.
    pub base_url: String,
    /// The key.
    pub key: String,
}

impl fmt::Debug for Destination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Destination").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// Takes changes, and tells them in the order in which they were made.
#[derive(Clone, Debug)]
pub struct Reporter(mpsc::Sender<Change>);

impl Reporter {
    /// Begins to report; it ends when the last copy of it is dropped and all is told.
    ///
    /// # Errors
    /// Where no client for HTTP can be made.
    pub fn start(destination: Destination) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder().timeout(REQUEST_TIME_MAX).build()?;
        let (sender, changes) = mpsc::channel(WAITING_MAX);
        #[expect(clippy::disallowed_methods, reason = "it goes on until the service ends, and nobody waits for it")]
        tokio::spawn(report(client, destination, changes));
        Ok(Self(sender))
    }

    /// Notes a change of a scorecard to be told. The caller is not kept waiting for that.
    pub(crate) fn updated(&self, caller: &Caller, before: &Scorecard, after: &Scorecard) {
        #[expect(clippy::disallowed_methods, reason = "a host has a clock and randomness of its own")]
        let change = Change {
            id: format!("scorecard-{}-{}", after.id, uuid::Uuid::now_v7()),
            kind: "scorecard.updated",
            organization: caller.organization.clone(),
            at: Timestamp::now().to_string(),
            entity_id: after.id.clone(),
            actor_key_id: caller.key.clone(),
            data: after.into(),
            before: before.into(),
            after: after.into(),
        };
        if self.0.try_send(change).is_err() {
            eprintln!("too many changes wait to be reported: one is left out");
        }
    }
}

async fn report(client: reqwest::Client, destination: Destination, mut changes: mpsc::Receiver<Change>) {
    let mut batch = Vec::with_capacity(TOGETHER_MAX);
    while changes.recv_many(&mut batch, TOGETHER_MAX).await > 0 {
        let mut pause = PAUSES.0;
        while let Err(fault) = tell(&client, &destination, &batch).await {
            eprintln!("changes are not reported yet: {fault}");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
        batch.clear();
    }
}

/// Says what is worth another try. What is refused for what it says is refused again, and would keep everything behind it waiting.
async fn tell(client: &reqwest::Client, destination: &Destination, batch: &[Change]) -> Result<(), String> {
    let url = format!("{}/api/v1/events", destination.base_url.trim_end_matches('/'));
    let request = client.post(url).bearer_auth(&destination.key).json(&Batch { events: batch });
    let answer = request.send().await.map_err(|fault| fault.without_url().to_string())?;
    match answer.status() {
        status if status.is_success() => Ok(()),
        StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN | StatusCode::CONFLICT => {
            eprintln!("{} changes are refused: {}", batch.len(), answer.text().await.unwrap_or_default());
            Ok(())
        }
        status => Err(format!("{status}")),
    }
}
