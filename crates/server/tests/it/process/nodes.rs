//! Several processes on one PostgreSQL: one that stands still is named, one that died is lost, one that comes back is known again.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::time::Instant;

use super::{Data, PORTS, Prepared, Server, claviger};
use crate::engine::is_postgres;

impl Server {
    /// A node of this name.
    fn named(data: &Data, name: &str) -> Self {
        let flags = data.flags();
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        Self::run(&[&["serve"], &PORTS[..], &["--node-name", name], &flags].concat(), "Stop it with")
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }
}

/// An admin's key at one node.
struct Admin {
    base: String,
    prepared: Prepared,
    http: reqwest::Client,
}

impl Admin {
    fn at(server: &Server, prepared: Prepared) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
        Self { base: server.fact("Console").to_owned(), prepared, http }
    }

    /// Makes a key, and says what the answer says of the nodes, and how long it took.
    async fn change(&self, name: &str) -> (Value, Duration) {
        let url = format!("{}/api/v1/organizations/{}/keys", self.base, self.prepared.organization);
        let body = json!({ "name": name, "owner_id": null });
        let started = Instant::now();
        let answer = self.http.post(url).bearer_auth(&self.prepared.admin_key).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        (serde_json::from_slice(answer.headers()["claviger-receipt"].as_bytes()).unwrap(), started.elapsed())
    }

    /// Makes keys until all nodes confirm one.
    async fn until_confirmed(&self, name: &str, nodes: u64) {
        for number in 0..20 {
            let (receipt, _) = self.change(&format!("{name} {number}")).await;
            if receipt["nodes"] == json!({"acked": nodes, "pending": [], "lost": []}) {
                return;
            }
        }
        panic!("{nodes} nodes never confirm");
    }

    async fn nodes(&self) -> Vec<Value> {
        let request = self.http.get(format!("{}/api/v1/nodes", self.base)).bearer_auth(&self.prepared.admin_key);
        let body: Value = request.send().await.unwrap().json().await.unwrap();
        body["data"].as_array().unwrap().clone()
    }

    /// What a command says: its exit code, its output and its messages.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let url = ["--url", &self.base, "--key", &self.prepared.admin_key];
        let output = claviger(&[arguments, &url].concat()).output().unwrap();
        let text = |it: Vec<u8>| String::from_utf8(it).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}

/// Lets a lease pass without a word of a node, and no time.
async fn is_silent_for_a_lease(data: &Data, name: &str) {
    let url = data.database.as_ref().unwrap();
    let mut connection = PgConnection::connect(url).await.unwrap();
    let sql = format!("UPDATE node SET seen_at = seen_at - 10000000 WHERE name = '{name}'");
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
}

fn named<'a>(nodes: &'a [Value], name: &str) -> Vec<&'a Value> {
    nodes.iter().filter(|it| it["name"] == name).collect()
}

#[tokio::test]
async fn a_process_that_stands_still_is_named_until_it_goes_on_or_another_takes_its_place() {
    if !is_postgres() {
        return;
    }
    let data = Data::new().await;
    let prepared = super::prepare(&data).await;
    let (one, mut two) = (Server::named(&data, "node-a"), Server::named(&data, "node-b"));
    let admin = Admin::at(&one, prepared);
    admin.until_confirmed("First", 2).await;
    let (receipt, took) = admin.change("Both").await;
    assert_eq!(receipt["nodes"], json!({"acked": 2, "pending": [], "lost": []}));
    assert!(took < Duration::from_secs(1), "{took:?}");
    let (code, output, _) = admin.run(&["doctor"]);
    assert!(code == Some(0) && output.contains("2 live and know of every change"), "{output}");

    two.signal("-STOP");
    let (receipt, took) = admin.change("It stands still").await;
    assert_eq!(receipt["nodes"], json!({"acked": 1, "pending": ["node-b"], "lost": []}));
    assert!((1000..6000).contains(&took.as_millis()), "{took:?}");
    assert!(receipt["denied_everywhere_by"].is_string());
    let (code, _, said) = admin.run(&["keys", "create", "CI"]);
    let sentence = "node-b has not confirmed yet; denies at the latest by 20";
    assert!(code == Some(0) && said.contains(sentence), "{said}");
    let (code, output, _) = admin.run(&["doctor"]);
    assert!(code == Some(1) && output.contains("node-b has not confirmed the last 2 changes"), "{output}");

    is_silent_for_a_lease(&data, "node-b").await;
    let (receipt, took) = admin.change("It is lost").await;
    assert_eq!(receipt["nodes"], json!({"acked": 1, "pending": [], "lost": ["node-b"]}));
    assert!(took < Duration::from_secs(1), "{took:?}");
    let nodes = admin.nodes().await;
    assert_eq!(named(&nodes, "node-b")[0]["state"], "lost");
    let (_, output, _) = admin.run(&["doctor"]);
    assert!(output.contains("node-b was last heard at 20"), "{output}");

    two.signal("-CONT");
    admin.until_confirmed("It goes on", 2).await;

    // It dies; another process takes the place of its name, which no living one has.
    let dead = named(&admin.nodes().await, "node-b")[0]["id"].clone();
    two.kill();
    is_silent_for_a_lease(&data, "node-b").await;
    let mut three = Server::named(&data, "node-b");
    admin.until_confirmed("A new one", 2).await;
    let nodes = admin.nodes().await;
    let of_name = named(&nodes, "node-b");
    assert_eq!(of_name.len(), 1, "{nodes:?}");
    assert_ne!(of_name[0]["id"], dead, "a new start is a new node");

    assert_eq!(three.terminate(), Some(0));
    let (receipt, _) = admin.change("Alone").await;
    assert_eq!(receipt["nodes"], json!({"acked": 1, "pending": [], "lost": []}), "who stops in good order is no loss");
    assert_eq!(admin.nodes().await.len(), 1);
}

#[tokio::test]
async fn a_node_without_a_name_is_called_after_its_machine_and_process() {
    let data = Data::new().await;
    let prepared = super::prepare(&data).await;
    let server = Server::on(&data);
    let admin = Admin::at(&server, prepared);
    let nodes = admin.nodes().await;
    let suffix = format!("-{}", server.child.id());
    assert!(nodes.len() == 1 && nodes[0]["name"].as_str().unwrap().ends_with(&suffix), "{nodes:?}");
}
