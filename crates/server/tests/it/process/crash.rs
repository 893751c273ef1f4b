//! D1: kill −9 while keys are made. What was acknowledged is there, what was not is there wholly or not at all.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use claviger_core::id::{KeyId, OrganizationId};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::reconcile::{Acknowledged, Facts};
use super::{Folder, Prepared, Server};

const CREATES: usize = 500;
const CLIENTS: usize = 4;

/// A client's view: which requests are still to be answered, and what was answered.
struct Client {
    organization: OrganizationId,
    admin_key: String,
    waiting: Mutex<VecDeque<usize>>,
    acknowledged: Mutex<Vec<Acknowledged>>,
    /// Plants the bug: this request is acknowledged by a double and never sent.
    lost: Option<usize>,
    http: reqwest::Client,
}

async fn prepare(folder: &Path, lost: Option<usize>) -> Client {
    let Prepared { organization, admin_key, .. } = super::prepare(folder).await;
    Client {
        organization,
        admin_key,
        waiting: Mutex::new((0..CREATES).collect()),
        acknowledged: Mutex::default(),
        lost,
        http: reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap(),
    }
}

impl Client {
    fn take(&self) -> Option<usize> {
        self.waiting.lock().unwrap().pop_front()
    }

    fn done(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    /// Sends requests until there are none, or the server is gone. A request without an answer is sent again with the same idempotency key.
    async fn work(&self, base: &str) {
        while let Some(number) = self.take() {
            let answer = if self.lost == Some(number) { Some(lie(number)) } else { self.create(base, number).await };
            match answer {
                Some(acknowledged) => self.acknowledged.lock().unwrap().push(acknowledged),
                None => {
                    self.waiting.lock().unwrap().push_front(number);
                    return;
                }
            }
        }
    }

    async fn create(&self, base: &str, number: usize) -> Option<Acknowledged> {
        let name = format!("key {number}");
        let request = self.http.post(format!("{base}/api/v1/organizations/{}/keys", self.organization));
        let request = request.bearer_auth(&self.admin_key).header("Idempotency-Key", format!("create-{number}"));
        let answer = request.json(&json!({ "name": name, "owner_id": null })).send().await.ok()?;
        let status = answer.status();
        let body: Value = answer.json().await.ok()?;
        // A server that is being killed may still say that it cannot; anything else is a fault.
        if status == 503 {
            return None;
        }
        assert_eq!(status, 201, "{body}");
        let token = body["secret"]["token"].as_str().map(str::to_owned);
        Some(Acknowledged { key_id: body["key"]["id"].as_str().unwrap().parse().unwrap(), name, token })
    }
}

/// The answer of a server that acknowledges without having written.
fn lie(number: usize) -> Acknowledged {
    Acknowledged { key_id: KeyId::from_u128(number as u128), name: format!("key {number}"), token: None }
}

/// Kills the server at random until all creates are acknowledged; says how often.
async fn crash(folder: &Path, client: Arc<Client>, seed: u64) -> u32 {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut kills = 0;
    while client.done() < CREATES {
        let mut server = Server::start(folder);
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
        assert!(kills < 200, "{} creates after {kills} kills", client.done());
    }
    kills
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kill_9() {
    let folder = Folder::new();
    let client = Arc::new(prepare(folder.path(), None).await);
    let kills = crash(folder.path(), Arc::clone(&client), 1).await;
    assert!(kills > 2, "only {kills} kills: the creates were too quick to be interrupted");
    let acknowledged = client.acknowledged.lock().unwrap().clone();
    assert_eq!(acknowledged.len(), CREATES);
    let mut facts = Facts::read(folder.path(), &acknowledged).await;
    assert_eq!(facts.violations(&acknowledged), [""; 0]);
    assert_eq!(facts.key_count(), CREATES + 2, "the first key and the driver's");

    // What the comparison is for, each planted into what was read: it has to be found.
    let (one, other) = (acknowledged[0].key_id, acknowledged[1].key_id);
    facts.lose_event(one);
    facts.lose_secret(other);
    facts.lose_place(7);
    let found = facts.violations(&acknowledged);
    assert_eq!(found.len(), 3, "{found:?}");
    facts.lose_key(one);
    assert!(facts.violations(&acknowledged).iter().any(|it| it.starts_with("lost: ")));
}

// The positive control: a server that acknowledges one create without writing it is found out, over the whole way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_write_is_found() {
    let folder = Folder::new();
    let client = Arc::new(prepare(folder.path(), Some(3)).await);
    client.waiting.lock().unwrap().truncate(20);
    let server = Server::start(folder.path());
    client.work(server.fact("Console")).await;
    drop(server);
    let acknowledged = client.acknowledged.lock().unwrap().clone();
    let found = Facts::read(folder.path(), &acknowledged).await.violations(&acknowledged);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("lost: "), "{found:?}");
}
