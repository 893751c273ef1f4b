//! W1: kill −9 while events are reported, fanned out and sent. Whatever was acknowledged arrives at every receiver, under the same identifier where it
//! comes again, and what nobody acknowledged does not arrive.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};
use tokio::time::Instant;

use super::{Data, PORTS, Prepared, Server, prepare};
use crate::engine::is_nightly;
use crate::raw::Raw;
use crate::webhooks::receiver::{Manner, Receiver};

/// Events, each of which is for all receivers.
const EVENTS: usize = 1_000;
const EVENTS_NIGHTLY: usize = 10_000;
const RECEIVERS: usize = 3;
/// Events that are reported at once.
const BATCH: usize = 20;
/// Requests that a receiver has at once, and so what a kill can have sent again to each at most.
const AT_ONCE: usize = 2;
/// Of a hundred deliveries fewer than these are a repetition, where a kill comes as often as it does here. How many are made between two kills
/// depends on the machine, so only the long run, which has it for itself, is held to it.
const REPEATS_PERCENT: usize = 2;
/// How long a backlog may take on a busy machine, for every event.
const PATIENCE: Duration = Duration::from_millis(200);

/// What was reported, and what came of it.
struct Host {
    admin_key: String,
    http: reqwest::Client,
    /// The batches that were not acknowledged yet, by their numbers.
    waiting: Mutex<Vec<usize>>,
    /// The identifiers of events that were.
    acknowledged: Mutex<BTreeSet<String>>,
}

impl Host {
    /// Reports batches until there are none or the server is gone. One without an answer is reported again: nobody knows what became of it.
    async fn report(&self, base: &str) {
        loop {
            let Some(batch) = self.waiting.lock().unwrap().last().copied() else { return };
            let event = |number: usize| {
                json!({
                    "id": format!("c-{number}"), "type": "contact.created", "at": "2026-01-01T00:00:00Z",
                    "data": { "number": number },
                })
            };
            let events: Vec<_> = (batch * BATCH..(batch + 1) * BATCH).map(event).collect();
            let Some(answer) = self.post(base, "/api/v1/events", &json!({ "events": events })).await else { return };
            let ids = answer["data"].as_array().unwrap().iter().map(|it| it["event_id"].as_str().unwrap().to_owned());
            self.acknowledged.lock().unwrap().extend(ids);
            self.waiting.lock().unwrap().pop();
        }
    }

    /// Absent where the server is being killed, or says that it cannot now.
    async fn post(&self, base: &str, path: &str, body: &Value) -> Option<Value> {
        let request = self.http.post(format!("{base}{path}")).bearer_auth(&self.admin_key).json(body);
        let answer = request.send().await.ok()?;
        let status = answer.status();
        let body: Value = answer.json().await.ok()?;
        if status == 503 {
            return None;
        }
        assert!(status.is_success(), "{status} {body}");
        Some(body)
    }
}

fn start(data: &Data) -> Server {
    let flags = data.flags();
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let open = ["--webhook-allow-networks", "127.0.0.0/8", "--api-rate", "off"];
    Server::run(&[&["serve"], &PORTS[..], &open, &flags].concat(), "Stop it with")
}

/// Lets the leases run out that a killed process has left, as half a minute would: on PostgreSQL another node might hold them, and nobody else knows
/// that there is none.
async fn let_leases_run_out(data: &Data) {
    if let Some(url) = &data.database {
        let mut connection = PgConnection::connect(url).await.unwrap();
        connection.execute("UPDATE webhook SET leased_until = NULL").await.unwrap();
        connection.close().await.unwrap();
    }
}

/// What has arrived where, by the identifiers in the order in which they came.
fn arrived(receivers: &[Receiver]) -> Vec<Vec<String>> {
    receivers.iter().map(|it| it.header_of_all("webhook-id")).collect()
}

fn distinct(ids: &[String]) -> BTreeSet<&String> {
    ids.iter().collect()
}

/// Everything that must not be.
fn violations(acknowledged: &BTreeSet<String>, arrived: &[Vec<String>], kills: usize) -> Vec<String> {
    let mut found = Vec::new();
    let (mut deliveries, mut repeats) = (0, 0);
    for (number, ids) in arrived.iter().enumerate() {
        let at = distinct(ids);
        let lost = acknowledged.iter().filter(|it| !at.contains(it)).count();
        let foreign = at.iter().filter(|it| !acknowledged.contains(**it)).count();
        if lost > 0 {
            found.push(format!("lost: {lost} did not arrive at receiver {number}"));
        }
        if foreign > 0 {
            found.push(format!("foreign: {foreign} arrived at receiver {number} that nobody acknowledged"));
        }
        deliveries += at.len();
        repeats += ids.len() - at.len();
        if ids.len() - at.len() > AT_ONCE * kills {
            found.push(format!("repeated: {} at receiver {number} after {kills} kills", ids.len() - at.len()));
        }
    }
    if is_nightly() && deliveries * REPEATS_PERCENT <= repeats * 100 {
        found.push(format!("repeated: {repeats} of {deliveries}"));
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_arrives_at_every_receiver_however_often_the_service_is_killed() {
    let events = if is_nightly() { EVENTS_NIGHTLY } else { EVENTS };
    let data = Data::new().await;
    let Prepared { admin_key, .. } = prepare(&data).await;
    let host = Arc::new(Host {
        admin_key,
        http: reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap(),
        waiting: Mutex::new((0..events / BATCH).collect()),
        acknowledged: Mutex::default(),
    });
    let mut receivers = Vec::new();
    for _ in 0..RECEIVERS {
        receivers.push(Receiver::new(Manner::status(200)).await);
    }
    let mut server = start(&data);
    for receiver in &receivers {
        let body = json!({"target_url": receiver.url(), "entity": "contact", "operation": "create"});
        host.post(server.fact("Console"), "/api/v1/hooks", &body).await.expect("a webhook");
    }
    let mut rng = ChaCha20Rng::seed_from_u64(6);
    let (mut kills, began) = (0, Instant::now());
    loop {
        let base = server.fact("Console").to_owned();
        let reporter = Arc::clone(&host);
        #[expect(clippy::disallowed_methods, reason = "a host is no task of the service")]
        let reporting = tokio::spawn(async move { reporter.report(&base).await });
        tokio::time::sleep(Duration::from_millis(200 + u64::from(rng.next_u32() % 1800))).await;
        let has_all = |ids: &Vec<String>| distinct(ids).len() == events;
        if arrived(&receivers).iter().all(has_all) {
            reporting.await.unwrap();
            break;
        }
        let waited = began.elapsed();
        assert!(waited < PATIENCE * u32::try_from(events).unwrap(), "{kills} kills in {waited:?}");
        server.kill();
        kills += 1;
        reporting.await.unwrap();
        let_leases_run_out(&data).await;
        server = start(&data);
    }
    // What was sent and not noted when it was killed the last time is sent again within this.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let took = began.elapsed();
    drop(server);
    let mut arrived = arrived(&receivers);
    let acknowledged = host.acknowledged.lock().unwrap().clone();
    assert_eq!(acknowledged.len(), events);
    let repeats = arrived.iter().map(|it| it.len() - events).sum::<usize>();
    println!("{events} events at {RECEIVERS} receivers: {kills} kills, {repeats} repetitions, {took:?}");
    assert!(kills > 2, "only {kills} kills: it was too quick to be interrupted");
    assert_eq!(violations(&acknowledged, &arrived, kills), [""; 0]);
    // The same under one identifier: what it says is the same each time, byte by byte.
    for receiver in &receivers {
        let mut bodies = BTreeMap::new();
        for (id, body) in receiver.header_of_all("webhook-id").into_iter().zip(receiver.bodies()) {
            assert_eq!(*bodies.entry(id).or_insert_with(|| body.clone()), body);
        }
    }

    // What the comparison is for, each planted into what arrived: it has to be found.
    let first = arrived[0][0].clone();
    arrived[0].retain(|it| *it != first);
    arrived[1].push("evt_of_nobody".to_owned());
    let again = arrived[2][..AT_ONCE * kills + 1].to_vec();
    arrived[2].extend(again);
    let found = violations(&acknowledged, &arrived, kills);
    let kinds: Vec<_> = found.iter().map(|it| it.split(':').next().unwrap()).collect();
    assert_eq!(kinds[..3], ["lost", "foreign", "repeated"], "{found:?}");
}

// A5.4: what its receiver refused waits for its next attempt, and a restart forgets neither it nor how often it was tried.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_that_waits_outlives_kill_9() {
    let data = Data::new().await;
    let Prepared { admin_key, .. } = prepare(&data).await;
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
    let host = Host { admin_key, http, waiting: Mutex::default(), acknowledged: Mutex::default() };
    let receiver = Receiver::new(Manner::status(500)).await;
    let mut server = start(&data);
    let hook = json!({"target_url": receiver.url(), "entity": "contact", "operation": "create"});
    host.post(server.fact("Console"), "/api/v1/hooks", &hook).await.expect("a webhook");
    let event = json!({"id": "c-1", "type": "contact.created", "at": "2026-01-01T00:00:00Z", "data": {"number": 1}});
    host.post(server.fact("Console"), "/api/v1/events", &json!({ "events": [event] })).await.expect("an event");
    receiver.wait_for(1).await;
    // Killed before it has noted the answer it would only send it again, which is another matter.
    let mut raw = Raw::at(&data.data_folder(), data.database.as_deref()).await;
    let noted = Instant::now();
    while raw.rows::<(i64,)>("SELECT count(*) FROM attempt").await[0].0 == 0 {
        assert!(noted.elapsed() < Duration::from_secs(10), "the attempt is not noted");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.kill();
    assert_eq!(raw.rows::<(i64,)>("SELECT count(*) FROM delivery WHERE state = 'pending'").await[0].0, 1);
    let had = receiver.received().len();
    receiver.becomes(Manner::status(200));
    // As if its time had come.
    raw.execute("UPDATE delivery SET due_at = 1 WHERE state = 'pending'").await;
    raw.execute("UPDATE webhook SET due_at = 1, leased_until = NULL").await;
    drop(raw);
    let server = start(&data);
    let received = receiver.wait_for(had + 1).await;
    assert_eq!(received[had].header("webhook-id"), received[0].header("webhook-id"));
    assert_eq!(received[had].body, received[0].body);
    let mut raw = Raw::at(&data.data_folder(), data.database.as_deref()).await;
    let noted = Instant::now();
    while raw.rows::<(i64,)>("SELECT count(*) FROM attempt").await[0].0 == 1 {
        assert!(noted.elapsed() < Duration::from_secs(10), "the second attempt is not noted");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(server);
}
