//! Subscribing, and what comes of it up to the delivery.

use claviger::ops::webhooks::fan_out;
use claviger_core::limits::WEBHOOKS_PER_KEY_MAX;
use serde_json::{Value, json};

use crate::api::client::Client;
use crate::api::fixture::Fixture;

const TARGET: &str = "https://hooks.example.com/a?token=hidden";

/// Makes deliveries of everything that has happened.
pub(super) async fn tell(it: &Fixture) {
    while fan_out(&it.app.app).await.expect("a turn") {}
}

pub(super) fn hook(entity: &str, operation: &str) -> Value {
    json!({"target_url": TARGET, "entity": entity, "operation": operation})
}

pub(super) async fn subscribe(client: &Client, body: Value) -> String {
    client.post("/api/v1/hooks", body).await.expect(201).text_at("/id")
}

pub(super) async fn delivered(client: &Client, id: &str) -> Vec<String> {
    let page = client.get(&format!("/api/v1/hooks/{id}/deliveries")).await.expect(200).json();
    let types =
        page["data"].as_array().expect("a list").iter().map(|it| it["type"].as_str().expect("a type").to_owned());
    types.collect()
}

pub(super) fn event(it: &Fixture, id: &str, event_type: &str, organization: &str) -> Value {
    json!({"id": id, "type": event_type, "at": it.now(), "organization": organization, "entity_id": "7", "data": {"name": "Ann"}})
}

pub(super) async fn report(it: &Fixture, events: &[Value]) -> Value {
    it.admin.post("/api/v1/events", json!({"events": events})).await.expect(200).json()
}

/// A member with API access and these rights beside, and a client with a key of theirs.
pub(super) async fn member(it: &Fixture, name: &str, permissions: &[&str]) -> Client {
    let all: Vec<_> = permissions.iter().copied().chain(["claviger/own-webhooks:*", "claviger/own-keys:*"]).collect();
    let role = it.create_role(name, &all).await;
    it.admin.patch(&it.at(&format!("/roles/{role}")), json!({"api_access": true})).await.expect(200);
    let user = it.create_member(name, &role).await;
    let key = json!({"name": name, "owner_id": user, "mapped_user_id": user});
    it.admin.with(&it.create_key(key).await.token)
}

// Subscribing with a key gives 201, an id and, once, the secret; what happens comes to it as a delivery.
#[tokio::test]
async fn a_key_subscribes_and_hears_of_what_it_may_read() {
    let it = Fixture::start().await;
    let member = member(&it, "Zapier user", &["contacts:read"]).await;
    let made =
        member.post("/api/v1/hooks", json!({"hookUrl": TARGET, "entity": "contact", "operation": "created"})).await;
    let made = made.expect(201);
    let id = made.text_at("/id");
    assert!(made.text_at("/signing_secret").starts_with("whsec_"));
    assert_eq!((made.text_at("/operation"), made.text_at("/status")), ("create".to_owned(), "active".to_owned()));
    let shown = member.get(&format!("/api/v1/hooks/{id}")).await.expect(200);
    assert!(!shown.text.contains("whsec_") && shown.text_at("/target_url") == TARGET);
    let deaf = member.post("/api/v1/hooks", hook("deal", "create")).await;
    assert_eq!(deaf.refusal(), (403, "grant_exceeds_own".to_owned()));

    let root = it.root.clone();
    let said = report(&it, &[event(&it, "1", "contact.created", &root), event(&it, "2", "deal.created", &root)]).await;
    assert_eq!(said["data"].as_array().map(Vec::len), Some(2));
    tell(&it).await;
    assert_eq!(delivered(&member, &id).await, ["contact.created"]);
    let page = member.get(&format!("/api/v1/hooks/{id}/deliveries?state=pending")).await.expect(200);
    let delivery = page.text_at("/data/0/id");
    let one = member.get(&format!("/api/v1/hooks/{id}/deliveries/{delivery}")).await.expect(200).json();
    assert_eq!((&one["body"]["type"], &one["body"]["data"]["name"]), (&json!("contact.created"), &json!("Ann")));
    assert_eq!(one["body"]["id"], said["data"][0]["event_id"]);
    let samples = member.get("/api/v1/hooks/samples?entity=contact&operation=create").await.expect(200).json();
    assert_eq!(samples.as_array().map(Vec::len), Some(1));
    assert_eq!(samples[0], one["body"], "a sample is what is sent");
}

#[tokio::test]
async fn an_event_is_taken_once_and_a_batch_whole_or_not_at_all() {
    let it = Fixture::start().await;
    let first = report(&it, &[event(&it, "1", "contact.created", &it.root)]).await;
    let again = report(&it, &[event(&it, "1", "contact.created", &it.root)]).await;
    assert_eq!((&first["data"][0]["is_new"], &again["data"][0]["is_new"]), (&json!(true), &json!(false)));
    assert_eq!(first["data"][0]["event_id"], again["data"][0]["event_id"]);
    for (bad, pointer) in [
        (event(&it, "1", "contact.deleted", &it.root), "/events/1/id"),
        (event(&it, "3", "key.created", &it.root), "/events/1/type"),
        (event(&it, "3", "contact", &it.root), "/events/1/type"),
        (event(&it, "3", "contact.created", "nobody's"), "/events/1/organization"),
    ] {
        let batch = json!({"events": [event(&it, "2", "contact.created", &it.root), bad]});
        let refused = it.admin.post("/api/v1/events", batch).await;
        assert_eq!((refused.status, refused.pointers()), (400, vec![pointer.to_owned()]), "{refused:?}");
    }
    let keyed = async || {
        let request = it.admin.request("POST", "/api/v1/events").header("idempotency-key", "batch");
        it.admin
            .send(request.json(&json!({"events": [event(&it, "9", "contact.created", &it.root)]})))
            .await
            .expect(200)
    };
    assert_eq!(
        (keyed().await.header("idempotency-replayed"), keyed().await.header("idempotency-replayed")),
        ("", "true")
    );
    let second = report(&it, &[event(&it, "2", "contact.created", &it.root)]).await;
    assert_eq!(second["data"][0]["is_new"], true, "nothing of what was refused is there");
}

// What is paused is sent nothing, and goes on as the same subscription.
#[tokio::test]
async fn a_paused_webhook_never_learns_of_what_happens_meanwhile() {
    let it = Fixture::start().await;
    let id = subscribe(&it.admin, hook("contact", "*")).await;
    let path = format!("/api/v1/hooks/{id}");
    let put = async |status: &str| it.admin.patch(&path, json!({"status": status})).await.expect(200);
    assert_eq!(put("paused").await.text_at("/status"), "paused");
    report(&it, &[event(&it, "1", "contact.created", &it.root)]).await;
    tell(&it).await;
    assert_eq!(put("active").await.text_at("/id"), id);
    report(&it, &[event(&it, "2", "contact.deleted", &it.root)]).await;
    tell(&it).await;
    assert_eq!(delivered(&it.admin, &id).await, ["contact.deleted"]);
    it.admin.send(it.admin.request("DELETE", &path)).await.expect(204);
    assert_eq!(it.admin.get(&path).await.status, 404);
}

// However late the fan-out comes to it: what counts is when it happened.
#[tokio::test]
async fn a_webhook_never_learns_of_what_happened_before_it_was_made_or_played() {
    let it = Fixture::start().await;
    report(&it, &[event(&it, "1", "contact.created", &it.root)]).await;
    let id = subscribe(&it.admin, hook("contact", "*")).await;
    let own = subscribe(&it.admin, hook("key", "*")).await;
    tell(&it).await;
    assert_eq!(delivered(&it.admin, &id).await, Vec::<String>::new());
    assert_eq!(delivered(&it.admin, &own).await, Vec::<String>::new());
    let path = format!("/api/v1/hooks/{id}");
    it.admin.patch(&path, json!({"status": "paused"})).await.expect(200);
    report(&it, &[event(&it, "2", "contact.updated", &it.root)]).await;
    it.admin.patch(&path, json!({"status": "active"})).await.expect(200);
    report(&it, &[event(&it, "3", "contact.deleted", &it.root)]).await;
    it.create_key(json!({"name": "Later"})).await;
    tell(&it).await;
    assert_eq!(delivered(&it.admin, &id).await, ["contact.deleted"]);
    assert_eq!(delivered(&it.admin, &own).await, ["key.created"]);
}

// S0.12, S0.18: with the key its webhooks end, and another secret pauses them.
#[tokio::test]
async fn webhooks_follow_their_key() {
    let it = Fixture::start().await;
    let key = it.create_key(json!({"name": "Zapier"})).await;
    let client = it.admin.with(&key.token);
    let id = subscribe(&client, hook("contact", "create")).await;
    let status = async || it.admin.get(&format!("/api/v1/hooks/{id}")).await.expect(200).text_at("/status");
    it.admin.post(&it.at(&format!("/keys/{}/rotate", key.id)), json!({"overlap_secs": 3600})).await.expect(200);
    assert_eq!(status().await, "active", "the old secret is good still");
    it.admin.post(&it.at(&format!("/keys/{}/rotate", key.id)), json!({"overlap_secs": 0})).await.expect(200);
    assert_eq!(status().await, "paused");
    let history = it.admin.get(&it.at(&format!("/events?entity_id={id}"))).await.expect(200).json();
    let (newest, before_it) = (&history["data"][0], &history["data"][1]);
    let operations = [newest, before_it].map(|it| it["operation"].as_str().unwrap());
    assert_eq!(operations, ["key.rotated", "webhook.paused"], "{history}");
    let statuses = ["before", "after"].map(|it| before_it[it]["status"].as_str().unwrap());
    assert_eq!(statuses, ["active", "paused"], "{before_it}");
    it.admin.patch(&format!("/api/v1/hooks/{id}"), json!({"status": "active"})).await.expect(200);
    it.admin.patch(&it.at("/policy"), json!({"hooks_on_regenerate": "keep"})).await.expect(200);
    it.admin.post(&it.at(&format!("/keys/{}/rotate", key.id)), json!({"overlap_secs": 0})).await.expect(200);
    assert_eq!(status().await, "active");
    it.revoke(&key.id).await;
    assert_eq!(status().await, "off_by_key");
    let played = it.admin.patch(&format!("/api/v1/hooks/{id}"), json!({"status": "active"})).await;
    assert_eq!(played.refusal(), (409, "state_conflict".to_owned()));
    report(&it, &[event(&it, "1", "contact.created", &it.root)]).await;
    tell(&it).await;
    assert!(delivered(&it.admin, &id).await.is_empty());
    let history = it.admin.get(&it.at(&format!("/events?entity_id={id}"))).await.expect(200).json();
    let (newest, before_it) = (&history["data"][0], &history["data"][1]);
    let operations = [newest, before_it].map(|it| it["operation"].as_str().unwrap());
    assert_eq!(operations, ["key.revoked", "webhook.ended"], "its history says why: {history}");
    let statuses = ["before", "after"].map(|it| before_it[it]["status"].as_str().unwrap());
    assert_eq!((statuses, &before_it["entity"]["id"]), (["active", "off_by_key"], &json!(id)));
    assert_eq!(before_it["after"]["target"], "https://hooks.example.com", "and no secret: {before_it}");
    assert_eq!(before_it["actor"]["user_id"], newest["actor"]["user_id"], "who ended the key ended it");
}

// Of a few each has an event of its own; of more than a hundred, which only a change of many keys ends, some events name them all.
#[tokio::test]
async fn webhooks_that_end_with_many_keys_are_told_of_all_the_same() {
    let it = Fixture::start().await;
    let revoke = async |keys: &[String]| {
        let body = json!({"keys": {"ids": keys}, "reason": "cessation_of_operation"});
        let done = it.admin.post(&it.at("/keys/bulk/revoke"), body).await.expect(200).json();
        assert_eq!(done["done"], keys.len());
    };
    let with_webhooks = async |name: &str, webhooks: usize| {
        let key = it.create_key(json!({"name": name})).await;
        let client = it.admin.with(&key.token);
        let mut ids = Vec::new();
        for _ in 0..webhooks {
            ids.push(subscribe(&client, hook("contact", "create")).await);
        }
        (key.id, ids)
    };
    let newest = async |limit: usize| {
        let page = it.admin.get(&it.at(&format!("/events?limit={limit}"))).await.expect(200).json();
        page["data"].as_array().expect("events").clone()
    };
    let operations = |events: &[Value]| -> Vec<String> {
        events.iter().map(|it| it["operation"].as_str().expect("a word").to_owned()).collect()
    };
    let (a, b) = (with_webhooks("A", 1).await, with_webhooks("B", 1).await);
    revoke(&[a.0, b.0]).await;
    let told = newest(4).await;
    assert_eq!(operations(&told)[..3], ["keys.revoked", "webhook.ended", "webhook.ended"]);
    assert_ne!(told[3]["operation"], "webhook.ended");
    let mut ended: Vec<_> = told[1..3].iter().map(|it| it["entity"]["id"].as_str().expect("an id")).collect();
    ended.sort_unstable();
    let mut expected = [a.1[0].as_str(), b.1[0].as_str()];
    expected.sort_unstable();
    assert_eq!(ended, expected);

    let half = WEBHOOKS_PER_KEY_MAX as usize / 2 + 1;
    let (c, d) = (with_webhooks("C", half).await, with_webhooks("D", half).await);
    revoke(&[c.0, d.0]).await;
    let told = newest(3).await;
    assert_eq!(operations(&told)[..2], ["keys.revoked", "webhooks.ended"]);
    assert_ne!(told[2]["operation"], "webhooks.ended");
    let mut named: Vec<_> = told[1]["after"]["webhook_ids"].as_array().expect("a list").clone();
    let mut expected: Vec<_> = c.1.iter().chain(&d.1).map(|it| json!(it)).collect();
    for all in [&mut named, &mut expected] {
        all.sort_by_key(ToString::to_string);
    }
    assert_eq!(named, expected);
    let history = it.admin.get(&it.at(&format!("/events?entity_id={}", c.1[0]))).await.expect(200).json();
    assert_eq!(
        operations(history["data"].as_array().expect("events")),
        ["keys.revoked", "webhooks.ended", "webhook.created"],
        "each has it in its history"
    );
}

#[tokio::test]
async fn a_key_hears_no_more_than_it_may_read_at_the_time() {
    let it = Fixture::start().await;
    let member = member(&it, "Narrow", &["contacts/7:read"]).await;
    let id = subscribe(&member, hook("contact", "*")).await;
    let everything = subscribe(&member, hook("*", "*")).await;
    let mut other = event(&it, "2", "contact.updated", &it.root);
    other["entity_id"] = json!("8");
    report(&it, &[event(&it, "1", "contact.created", &it.root), other, event(&it, "3", "deal.won", &it.root)]).await;
    tell(&it).await;
    assert_eq!(delivered(&member, &id).await, ["contact.created"]);
    assert_eq!(delivered(&member, &everything).await, ["contact.created"], "and none of Claviger's own changes");
    let roles = it.admin.get(&it.at("/roles?limit=100")).await.json();
    let role = roles["data"].as_array().expect("roles").iter().find(|it| it["name"] == "Narrow").expect("the role");
    let path = it.at(&format!("/roles/{}", role["id"].as_str().expect("an id")));
    let fewer = json!({"permissions": ["claviger/own-webhooks:*"]});
    it.admin.patch(&path, fewer).await.expect(200);
    report(&it, &[event(&it, "4", "contact.deleted", &it.root)]).await;
    tell(&it).await;
    assert_eq!(delivered(&member, &id).await, ["contact.created"]);
}

#[tokio::test]
async fn an_organizations_own_webhook_takes_the_right_to_all_it_tells_and_an_own_key_makes_none() {
    let it = Fixture::start().await;
    let reader = it.create_key(json!({"name": "Half", "scopes": ["claviger/webhooks:*", "contacts:read"]})).await;
    let reader = it.admin.with(&reader.token);
    let own = |entity: &str| {
        let mut body = hook(entity, "*");
        body["owner"] = json!("organization");
        body
    };
    let id = subscribe(&reader, own("contact")).await;
    for entity in ["deal", "key", "*"] {
        let refused = reader.post("/api/v1/hooks", own(entity)).await;
        assert_eq!(refused.refusal(), (403, "grant_exceeds_own".to_owned()), "{entity}");
    }
    let all = subscribe(&it.admin, own("*")).await;
    let elsewhere = json!({"target_url": "https://elsewhere.example.com/"});
    let refused = reader.patch(&format!("/api/v1/hooks/{all}"), elsewhere.clone()).await;
    assert_eq!(
        refused.refusal(),
        (403, "grant_exceeds_own".to_owned()),
        "nobody sends elsewhere what they may not read"
    );
    reader.patch(&format!("/api/v1/hooks/{id}"), elsewhere).await.expect(200);

    let member = member(&it, "Own only", &["contacts:read"]).await;
    assert_eq!(member.post("/api/v1/hooks", own("contact")).await.status, 403);
    assert_eq!(
        member.get(&format!("/api/v1/hooks/{id}")).await.status,
        404,
        "somebody else's is as if it were not there"
    );
    let mine = subscribe(&member, hook("contact", "*")).await;
    let listed = member.get("/api/v1/hooks").await.expect(200).json();
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["data"][0]["id"], json!(mine));
    let below = it.create_organization("Below").await;
    let mut there = hook("contact", "*");
    there["organization_id"] = json!(below);
    assert_ne!(member.post("/api/v1/hooks", there).await.status, 201);
    let readonly = it.built_in_role("readonly").await;
    let looker = it.admin.with(&it.create_key(json!({"name": "Looks", "role_id": readonly})).await.token);
    let shown = looker.get(&format!("/api/v1/hooks/{id}")).await.expect(200).json();
    assert_eq!(
        (&shown["target_url"], &shown["target_origin"]),
        (&Value::Null, &json!("https://elsewhere.example.com"))
    );
}

#[tokio::test]
async fn with_the_reach_subtree_it_hears_of_what_happens_below_and_without_it_does_not() {
    let it = Fixture::start().await;
    let below = it.create_organization("Below").await;
    let mut deep = hook("contact", "create");
    (deep["reach"], deep["owner"]) = (json!("subtree"), json!("organization"));
    let (deep, flat) = (subscribe(&it.admin, deep).await, subscribe(&it.admin, hook("contact", "create")).await);
    report(&it, &[event(&it, "1", "contact.created", &below)]).await;
    tell(&it).await;
    assert_eq!((delivered(&it.admin, &deep).await.len(), delivered(&it.admin, &flat).await.len()), (1, 0));
}

#[tokio::test]
async fn our_own_changes_are_told_once_however_often_the_log_is_read() {
    let it = Fixture::start().await;
    tell(&it).await;
    let id = subscribe(&it.admin, hook("role", "*")).await;
    it.create_role("Told", &["contacts:read"]).await;
    tell(&it).await;
    tell(&it).await;
    assert_eq!(delivered(&it.admin, &id).await, ["role.created"]);
}

#[tokio::test]
async fn a_test_is_a_delivery_and_the_catalogue_has_its_example() {
    let it = Fixture::start().await;
    let path = it.at("/event-types/contact.created");
    let put = async |body: Value| it.admin.send(it.admin.request("PUT", &path).json(&body)).await;
    let body = json!({"description": "A contact was made.", "example": {"name": "Ann"}, "schema": {"type": "object"}});
    assert_eq!(put(body.clone()).await.expect(201).text_at("/permission"), "contacts:read");
    put(body).await.expect(200);
    let refused = it.admin.request("PUT", &it.at("/event-types/key.created")).json(&json!({}));
    assert_eq!(it.admin.send(refused).await.status, 400);
    let id = subscribe(&it.admin, hook("contact", "create")).await;
    let made = it.admin.post(&format!("/api/v1/hooks/{id}/test"), json!({})).await.expect(201).json();
    assert_eq!((&made["body"]["test"], &made["body"]["data"]["name"]), (&json!(true), &json!("Ann")));
    assert_eq!((&made["state"], &made["type"]), (&json!("pending"), &json!("contact.created")));
    // Of all operations, or of everything: the first that the catalogue has an example of.
    for asked in [hook("contact", "*"), hook("*", "*")] {
        let id = subscribe(&it.admin, asked).await;
        let made = it.admin.post(&format!("/api/v1/hooks/{id}/test"), json!({})).await.expect(201).json();
        assert_eq!((&made["type"], &made["body"]["data"]["name"]), (&json!("contact.created"), &json!("Ann")));
    }
    let nothing = json!({"schema": {"type": "nonsense"}});
    assert_eq!(put(nothing).await.pointers(), ["/schema/type"]);
    put(json!({"schema": {"type": ["object", "null"]}, "example": {"name": "Ann"}})).await.expect(200);
    let secret = it.admin.post(&format!("/api/v1/hooks/{id}/rotate-secret"), json!({})).await.expect(200).json();
    let states: Vec<_> = secret["signing_secrets"].as_array().expect("secrets").iter().map(|it| &it["state"]).collect();
    assert_eq!(states, [&json!("current"), &json!("retiring")]);
    let long = it.admin.post(&format!("/api/v1/hooks/{id}/rotate-secret"), json!({"overlap_secs": 604_801})).await;
    assert_eq!(long.refusal(), (400, "invalid_field".to_owned()));
    let negative = it.admin.post(&format!("/api/v1/hooks/{id}/rotate-secret"), json!({"overlap_secs": -1})).await;
    for (refused, found) in [(&long, "604801"), (&negative, "-1")] {
        let told = format!("must be a whole number from 0 to 604,800, and is the number {found}");
        assert_eq!((refused.pointers(), refused.text_at("/errors/0/detail")), (vec!["/overlap_secs".to_owned()], told));
    }
    let inside = it
        .admin
        .post("/api/v1/hooks", json!({"target_url": "http://127.0.0.1/", "entity": "contact", "operation": "create"}))
        .await;
    assert_eq!(inside.pointers(), ["/target_url"]);
}

#[tokio::test]
async fn a_key_has_no_more_webhooks_than_it_may_also_where_several_are_made_at_once() {
    let it = Fixture::start().await;
    let client = it.admin.with(&it.create_key(json!({"name": "Zapier"})).await.token);
    for _ in 2..WEBHOOKS_PER_KEY_MAX {
        subscribe(&client, hook("contact", "create")).await;
    }
    let make = || client.post("/api/v1/hooks", hook("contact", "create"));
    let answers: [_; 4] = tokio::join!(make(), make(), make(), make()).into();
    let (made, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|it| it.status == 201);
    assert_eq!((made.len(), refused.len()), (2, 2), "two places were left");
    assert!(refused.iter().all(|it| it.refusal().1 == "limit_reached"), "{refused:?}");
}
