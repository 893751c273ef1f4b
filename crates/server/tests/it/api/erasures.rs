//! Erasing what an event tells (assurance.md A3): nothing of it is left, the event is, and so is the chain.

use claviger::ops::chain::extend_chains;
use claviger_store::chain::verify::Proof;
use serde_json::{Value, json};

use super::fixture::Fixture;
use crate::engine::Stored;

/// What is to be forgotten.
const CANARY: &str = "canary-7f3a-of-maria";

async fn prove(it: &Fixture) -> Proof {
    extend_chains(&it.app.app).await.unwrap();
    let mut reader = it.app.app.store().snapshot().await.unwrap();
    let heads = reader.page_chain_heads_unchecked(None, 100).await.unwrap();
    reader.prove_chains_unchecked(&heads, |_| ()).await.unwrap()
}

/// The files, or tables, in which a text stands.
async fn places_of(it: &Fixture, text: &str) -> Vec<String> {
    let stored = Stored::of(it.app.app.store()).await;
    let mut places = Vec::new();
    for file in std::fs::read_dir(stored.path()).unwrap().map(|it| it.unwrap().path()).filter(|it| it.is_file()) {
        let bytes = std::fs::read(&file).unwrap();
        if bytes.windows(text.len()).any(|it| it == text.as_bytes()) {
            places.push(file.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    places
}

fn text_of<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

async fn newest(it: &Fixture) -> Value {
    it.admin.get(&it.at("/events?limit=1")).await.expect(200).json()["data"][0].clone()
}

/// A change that tells of a person, in more than fits onto a page of the database: `size` bytes beside it.
async fn tell(it: &Fixture, size: usize) -> String {
    let metadata = json!({"note": "x".repeat(size)});
    let key = it.create_key(json!({"name": format!("Leaked {size}"), "metadata": metadata})).await;
    it.admin.post(&it.at("/leaks"), json!({"key": key.token, "found_at": CANARY})).await.expect(200);
    let event = newest(it).await;
    assert_eq!((&event["operation"], &event["after"]["leak"]["found_at"]), (&json!("key.revoked"), &json!(CANARY)));
    assert_eq!(event["erased"], false);
    event["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_was_erased_is_nowhere_and_the_chain_is_whole() {
    let it = Fixture::start().await;
    let small = tell(&it, 1).await;
    let large = tell(&it, 3900).await;
    let before = prove(&it).await;
    assert_eq!((before.faults, before.erased), (vec![], 0));
    assert_ne!(places_of(&it, CANARY).await, [""; 0], "the control: it is found where it stands");
    for (number, event) in [&small, &large].into_iter().enumerate() {
        let path = it.at(&format!("/events/{event}/erase"));
        let body = json!({"reason": "Request 4711"});
        assert_eq!(it.admin.post(&path, body.clone()).await.expect(200).text_at("/outcome"), "erased");
        let said = newest(&it).await;
        assert_eq!((&said["operation"], &said["entity"]["id"]), (&json!("event.erased"), &json!(event)));
        assert_eq!(said["after"], json!({"operation": "key.revoked", "reason": "Request 4711"}));
        assert_eq!(said["actor"]["user_id"], json!(it.app.admin_id.to_string()));
        let again = it.admin.post(&path, body).await.expect(200);
        assert_eq!(again.text_at("/outcome"), "already_erased");
        assert_eq!(newest(&it).await, said, "and nothing happened");
        let proof = prove(&it).await;
        assert_eq!((proof.faults, proof.erased, proof.waiting), (vec![], number as u64 + 1, 0));
    }
    assert_eq!(places_of(&it, CANARY).await, [""; 0]);
    let events = it.admin.get(&it.at("/events?limit=100")).await.expect(200).json();
    let events = events["data"].as_array().unwrap();
    let left = events.iter().find(|it| it["id"] == json!(small)).unwrap();
    assert_eq!((&left["before"], &left["after"], &left["erased"]), (&Value::Null, &Value::Null, &json!(true)));
    assert_eq!((&left["operation"], &left["actor"]["ip"]), (&json!("key.revoked"), &Value::Null));
    assert!(left["actor"]["user_id"].is_string() && left["entity"]["id"].is_string(), "{left}");
}

#[tokio::test]
async fn why_something_was_erased_is_said_and_stays() {
    let it = Fixture::start().await;
    let event = tell(&it, 1).await;
    let path = it.at(&format!("/events/{event}/erase"));
    for body in [json!({"reason": ""}), json!({"reason": "  "}), json!({"reason": "x".repeat(501)})] {
        assert_eq!(it.admin.post(&path, body).await.expect(400).pointers(), ["/reason"]);
    }
    it.admin.post(&path, json!({})).await.expect(400);
    it.admin.post(&path, json!({"reason": "A request"})).await.expect(200);
    let said = newest(&it).await["id"].as_str().unwrap().to_owned();
    let refused = it.admin.post(&it.at(&format!("/events/{said}/erase")), json!({"reason": "Shame"})).await;
    assert_eq!(refused.refusal(), (409, "state_conflict".into()));
    assert_eq!(newest(&it).await["after"]["reason"], "A request");
}

#[tokio::test]
async fn only_admins_erase_and_only_where_they_are() {
    let it = Fixture::start().await;
    let event = tell(&it, 1).await;
    let readonly = it.built_in_role("readonly").await;
    let reader = it.create_key(json!({"name": "Reader", "role_id": readonly})).await;
    let body = || json!({"reason": "x"});
    let path = it.at(&format!("/events/{event}/erase"));
    assert_eq!(it.admin.with(&reader.token).post(&path, body()).await.status, 403);
    let below = it.create_organization("Below").await;
    let inner = format!("/api/v1/organizations/{below}");
    let key = it.admin.post(&format!("{inner}/keys"), json!({"name": "Admin below"})).await.expect(201);
    let inner_admin = it.admin.with(&key.text_at("/secret/token"));
    for path in [path.clone(), format!("{inner}/events/{event}/erase")] {
        assert_eq!(inner_admin.post(&path, body()).await.refusal(), (404, "not_found".into()));
    }
    assert_ne!(places_of(&it, CANARY).await, [""; 0]);
    it.admin.post(&path, body()).await.expect(200);
}

// What hosts report is no part of the chain, and is forgotten alike, with what it could be guessed by.
#[tokio::test]
async fn what_a_host_reported_is_erased_alike() {
    let it = Fixture::start().await;
    let event = json!({"id": "e1", "type": "contact.updated", "at": "2026-11-20T10:00:00Z", "entity_id": "A",
                       "before": {"note": CANARY}, "after": {"note": ""}});
    let report = || json!({"events": [event]});
    it.admin.post("/api/v1/events", report()).await.expect(200);
    let path = it.at("/revisions");
    let revision = it.admin.get(&path).await.expect(200).json()["data"][0].clone();
    assert_eq!(revision["before"]["note"], CANARY);
    let id = revision["id"].as_str().unwrap();
    let erase = it.at(&format!("/events/{id}/erase"));
    assert_eq!(it.admin.post(&erase, json!({"reason": "x"})).await.expect(200).text_at("/outcome"), "erased");
    assert_eq!(it.admin.post(&erase, json!({"reason": "x"})).await.expect(200).text_at("/outcome"), "already_erased");
    let left = it.admin.get(&format!("{path}/{id}")).await.expect(200).json();
    assert_eq!((&revision["erased"], &left["erased"], &left["data"]), (&json!(false), &json!(true), &Value::Null));
    let words = format!("entity={}&operation={}", text_of(&left, "entity"), text_of(&left, "operation"));
    let samples = it.admin.get(&format!("/api/v1/hooks/samples?{words}")).await.expect(200).json();
    assert_eq!(samples[0]["test"], true, "what was erased is no sample: {samples}");
    assert_eq!((&left["before"], &left["after"], &left["entity_id"]), (&Value::Null, &Value::Null, &json!("A")));
    assert_eq!(places_of(&it, CANARY).await, [""; 0]);
    let said = newest(&it).await;
    assert_eq!((&said["operation"], &said["entity"]["id"]), (&json!("event.erased"), &json!(id)));
    let again = it.admin.post("/api/v1/events", report()).await;
    assert_eq!(again.pointers(), ["/events/0/id"], "it does not come back by a repetition");
}

#[tokio::test]
async fn the_end_of_the_chain_is_what_the_log_is_proved_by() {
    let it = Fixture::start().await;
    extend_chains(&it.app.app).await.unwrap();
    let answer = it.admin.get(&it.at("/chain-head")).await.expect(200);
    // A line of what `claviger audit verify --kept` reads.
    let head: claviger_core::chain::Head = serde_json::from_str(&answer.text).unwrap();
    assert_eq!((head.organization_id, head.number > 1), (it.app.root, true));
    let mut reader = it.app.app.store().snapshot().await.unwrap();
    let proof = reader.prove_chains_unchecked(&[head], |_| ()).await.unwrap();
    assert_eq!((proof.faults, proof.heads), (vec![], 1));
    let member = it.create_role("clerk", &["contacts:read"]).await;
    let clerk = it.create_key(json!({"name": "Clerk", "role_id": member})).await;
    it.admin.with(&clerk.token).get(&it.at("/chain-head")).await.expect(403);
}
