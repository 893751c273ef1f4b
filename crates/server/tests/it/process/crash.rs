//! D1: kill −9 while keys are made and changed. What was acknowledged is there, what was not is there wholly or not at all.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use claviger_core::id::{KeyId, OrganizationId};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::cluster::Cluster;
use super::reconcile::{Acknowledged, Change, Facts};
use super::{Data, Prepared, Server};
use crate::engine::is_postgres;

/// Each is made, and then changed once.
const KEYS: usize = 250;
/// The same, where the database is killed, which takes longer to come back.
const KEYS_ON_A_DATABASE: usize = 60;
const CLIENTS: usize = 4;

/// What is to be done with one key: made if there is none yet, else changed.
#[derive(Debug, Clone)]
struct Work {
    number: usize,
    made: Option<Acknowledged>,
}

/// A client's view: what is still to be done, and what was answered.
struct Client {
    organization: OrganizationId,
    admin_key: String,
    waiting: Mutex<VecDeque<Work>>,
    acknowledged: Mutex<Vec<Acknowledged>>,
    /// Plants the bug: that this key was made is acknowledged by a double and never sent.
    lost: Option<usize>,
    http: reqwest::Client,
}

async fn prepare(data: &Data, keys: usize, lost: Option<usize>) -> Client {
    let Prepared { organization, admin_key, .. } = super::prepare(data).await;
    Client {
        organization,
        admin_key,
        waiting: Mutex::new((0..keys).map(|number| Work { number, made: None }).collect()),
        acknowledged: Mutex::default(),
        lost,
        http: reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap(),
    }
}

impl Client {
    fn take(&self) -> Option<Work> {
        self.waiting.lock().unwrap().pop_front()
    }

    fn done(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    /// Sends requests until there are none, or the server is gone. A request without an answer is sent again.
    async fn work(&self, base: &str) {
        while let Some(work) = self.take() {
            let answer = match &work.made {
                None if self.lost == Some(work.number) => Some(lie(work.number)),
                None => self.create(base, work.number).await,
                Some(made) => self.change(base, work.number, made).await,
            };
            match answer {
                None => {
                    self.waiting.lock().unwrap().push_front(work);
                    return;
                }
                Some(made) if work.made.is_none() && self.lost != Some(work.number) => {
                    self.waiting.lock().unwrap().push_back(Work { made: Some(made), ..work });
                }
                Some(done) => self.acknowledged.lock().unwrap().push(done),
            }
        }
    }

    /// Absent where the server is being killed: no answer, or that it cannot now. Anything else than success is a fault.
    async fn send(&self, request: reqwest::RequestBuilder) -> Option<Value> {
        let answer = request.bearer_auth(&self.admin_key).send().await.ok()?;
        let status = answer.status();
        let body: Value = answer.json().await.ok()?;
        if status == 503 {
            return None;
        }
        // Revoked before, and nobody was told.
        let is_repeated = status == 409 && body["code"] == "state_conflict";
        assert!(status.is_success() || is_repeated, "{status} {body}");
        Some(body)
    }

    fn keys(&self, base: &str) -> String {
        format!("{base}/api/v1/organizations/{}/keys", self.organization)
    }

    async fn create(&self, base: &str, number: usize) -> Option<Acknowledged> {
        let name = format!("key {number}");
        let request = self.http.post(self.keys(base)).header("Idempotency-Key", format!("create-{number}"));
        let body = self.send(request.json(&json!({ "name": name, "owner_id": null }))).await?;
        let key_id = body["key"]["id"].as_str().unwrap().parse().unwrap();
        Some(Acknowledged { key_id, name, token: token_of(&body), change: None })
    }

    async fn change(&self, base: &str, number: usize, made: &Acknowledged) -> Option<Acknowledged> {
        let mut done = made.clone();
        let (change, action) = match number % 4 {
            0 => (Change::Renamed, ""),
            1 => (Change::Deactivated, "/deactivate"),
            2 => (Change::Rotated, "/rotate"),
            _ => (Change::Revoked, "/revoke"),
        };
        done.change = Some(change);
        let url = format!("{}/{}{action}", self.keys(base), made.key_id);
        if change == Change::Renamed {
            done.name = format!("renamed {number}");
            self.send(self.http.patch(url).json(&json!({ "name": done.name }))).await?;
            return Some(done);
        }
        let request = self.http.post(url).header("Idempotency-Key", format!("change-{number}"));
        let body = if change == Change::Rotated { json!({ "overlap_secs": 0 }) } else { json!({}) };
        let body = self.send(request.json(&body)).await?;
        if change == Change::Rotated {
            done.token = token_of(&body);
        }
        Some(done)
    }
}

/// The token of an answer; a repeated one does not show it again.
fn token_of(body: &Value) -> Option<String> {
    body["secret"]["token"].as_str().map(str::to_owned)
}

/// The answer of a server that acknowledges without having written.
fn lie(number: usize) -> Acknowledged {
    let (key_id, name) = (KeyId::from_u128(number as u128), format!("key {number}"));
    Acknowledged { key_id, name, token: None, change: None }
}

/// Kills the server at random until everything is acknowledged; says how often.
async fn crash(data: &Data, client: Arc<Client>, seed: u64) -> u32 {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut kills = 0;
    while client.done() < KEYS {
        let mut server = Server::on(data);
        let base = server.fact("Console").to_owned();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let (client, base) = (Arc::clone(&client), base.clone());
                #[expect(clippy::disallowed_methods, reason = "a client is no task of the service")]
                tokio::spawn(async move { client.work(&base).await })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(50 + u64::from(rng.next_u32() % 450))).await;
        server.kill();
        kills += 1;
        for client in clients {
            client.await.unwrap();
        }
        assert!(kills < 200, "{} keys after {kills} kills", client.done());
        bury(data).await;
    }
    kills
}

/// Takes the killed nodes off. A change waits a second for a node whose lease is live, and here none lives for as long as the one before it
/// is waited for.
async fn bury(data: &Data) {
    let store = data.open().await;
    for node in store.find_nodes().await.unwrap() {
        store.remove_node(node.id).await.unwrap();
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kill_9() {
    let data = Data::new().await;
    let client = Arc::new(prepare(&data, KEYS, None).await);
    let kills = crash(&data, Arc::clone(&client), 1).await;
    assert!(kills > 2, "only {kills} kills: the changes were too quick to be interrupted");
    let acknowledged = client.acknowledged.lock().unwrap().clone();
    assert_eq!(acknowledged.len(), KEYS);
    let mut facts = Facts::read(&data, &acknowledged).await;
    assert_eq!(facts.violations(&acknowledged), [""; 0]);
    assert_eq!(facts.key_count(), KEYS + 2, "the first key and the driver's");

    // What the comparison is for, each planted into what was read: it has to be found.
    let with = |change| acknowledged.iter().find(|it| it.change == Some(change)).unwrap().key_id;
    facts.lose_event(with(Change::Renamed));
    facts.lose_secret(with(Change::Rotated));
    facts.undo(with(Change::Revoked));
    facts.lose_place(7);
    let found = facts.violations(&acknowledged);
    assert_eq!(found.len(), 4, "{found:?}");
    facts.lose_key(with(Change::Deactivated));
    assert!(facts.violations(&acknowledged).iter().any(|it| it.starts_with("lost: ")));
}

/// Kills the database under a running server at random until everything is acknowledged; says how often, and how long the server was not able
/// to change anything afterwards, at most.
async fn crash_database(cluster: &mut Cluster, base: &str, client: &Arc<Client>, seed: u64) -> (u32, Duration) {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let (mut kills, mut longest) = (0, Duration::ZERO);
    while client.done() < KEYS_ON_A_DATABASE {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let (client, base) = (Arc::clone(client), base.to_owned());
                #[expect(clippy::disallowed_methods, reason = "a client is no task of the service")]
                tokio::spawn(async move { client.work(&base).await })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(50 + u64::from(rng.next_u32() % 450))).await;
        cluster.kill();
        kills += 1;
        for client in clients {
            client.await.unwrap();
        }
        cluster.launch();
        let started = Instant::now();
        while client.create(base, usize::MAX).await.is_none() {
            assert!(started.elapsed() < Duration::from_secs(20), "it does not recover by itself");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        longest = longest.max(started.elapsed());
        assert!(kills < 200, "{} keys after {kills} kills", client.done());
    }
    (kills, longest)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_killed_database_and_the_server_goes_on_by_itself() {
    if !is_postgres() {
        return;
    }
    let mut cluster = Cluster::start();
    let data = Data::in_cluster(&cluster);
    let client = Arc::new(prepare(&data, KEYS_ON_A_DATABASE, None).await);
    let server = Server::on(&data);
    let base = server.fact("Console").to_owned();
    let (kills, longest) = crash_database(&mut cluster, &base, &client, 1).await;
    assert!(kills > 2, "only {kills} kills: the changes were too quick to be interrupted");
    println!("{kills} kills; it changed things again after {longest:?} at most");
    let acknowledged = client.acknowledged.lock().unwrap().clone();
    assert_eq!(acknowledged.len(), KEYS_ON_A_DATABASE);
    // The very process that lived through all of them knows what is so. Where it meets a connection of before the last kill, it says that it is
    // unavailable, and is asked again.
    for key in acknowledged.iter().filter(|it| it.change == Some(Change::Revoked)) {
        let url = format!("{}/{}", client.keys(&base), key.key_id);
        let asked = Instant::now();
        let found = loop {
            match client.send(client.http.get(&url)).await {
                Some(found) => break found,
                None => assert!(asked.elapsed() < Duration::from_secs(20), "it does not read by itself"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        assert_eq!(found["state"], "revoked");
    }
    drop(server);
    let facts = Facts::read(&data, &acknowledged).await;
    assert_eq!(facts.violations(&acknowledged), [""; 0]);
    assert_eq!(
        facts.key_count(),
        KEYS_ON_A_DATABASE + 3,
        "the first key, the driver's, and the one that asks whether it goes on"
    );
}

// The positive control: a server that acknowledges a key without writing it is found out, over the whole way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_write_is_found() {
    let data = Data::new().await;
    let client = Arc::new(prepare(&data, 20, Some(3)).await);
    let server = Server::on(&data);
    client.work(server.fact("Console")).await;
    drop(server);
    let acknowledged = client.acknowledged.lock().unwrap().clone();
    let found = Facts::read(&data, &acknowledged).await.violations(&acknowledged);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("lost: "), "{found:?}");
}
