//! `claviger dev`: sample data, and a clock that can be set.

use std::time::Duration;

use serde_json::{Value, json};

use super::{PORTS, Server};

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap()
}

/// The key of a line of the greeting.
fn key<'a>(server: &'a Server, label: &str) -> &'a str {
    server.fact(label).trim()
}

async fn authz(server: &Server, key: &str, permission: &str) -> u16 {
    let request = client().get(server.fact("Gateways")).header("X-Api-Key", key);
    request.header("Claviger-Permission", permission).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn days_pass_when_you_say_so_and_the_samples_are_what_they_say() {
    let server = Server::run(&[&["dev", "--clock", "2027-01-31T09:00:00Z"], &PORTS[..]].concat(), "  curl ");
    let clock = server.fact("Clock").trim_start_matches("POST ").to_owned();
    let set = async |body: Value| {
        let answer = client().post(&clock).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, text) = set(json!({ "advance": "90d" })).await;
    assert!(status == 200 && text.contains("2027-05-01T09:00:0"), "{text}");
    let (status, text) = set(json!({ "set": "2030-02-03T04:05:06Z" })).await;
    assert!(status == 200 && text.contains("2030-02-03T04:05:0"), "{text}");
    for (wrong, code) in [
        (json!({ "advance": "soon" }), "invalid_field"),
        (json!({ "set": "tomorrow" }), "invalid_body"),
        (json!({}), "invalid_body"),
        (json!("90d"), "invalid_body"),
    ] {
        let (status, text) = set(wrong).await;
        let problem: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
        assert_eq!((status, &problem["code"]), (400, &code.into()), "{text}");
    }
    let untyped = client().post(&clock).body("{}").send().await.unwrap();
    assert_eq!(untyped.status(), 415);
    assert_eq!(untyped.headers()["content-type"], "application/problem+json");

    let sam = key(&server, "Sam, scorecard A only");
    assert_eq!(authz(&server, sam, "scorecards/A:read").await, 200);
    assert_eq!(authz(&server, sam, "scorecards/B:read").await, 403);
    let readonly = key(&server, "Harbor Street, READONLY");
    assert_eq!(authz(&server, readonly, "contacts:read").await, 200);
    assert_eq!(authz(&server, readonly, "contacts:update").await, 403);
}
