//! Showing a key's secrets again, over HTTP.

use std::time::Duration;

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::client::Answer;
use super::fixture::{Fixture, Made};
use super::secrecy::leaks;
use super::sessions::cookie;
use crate::engine::Stored;

/// Asks as the admin at the console.
fn asked(it: &Fixture, cookie: &str, key_id: &str) -> RequestBuilder {
    let request = it.admin.without().request("POST", &it.at(&format!("/keys/{key_id}/reveal")));
    request.header("cookie", cookie).header("sec-fetch-site", "same-origin")
}

async fn reveal(it: &Fixture, cookie: &str, key_id: &str) -> Answer {
    it.admin.send(asked(it, cookie, key_id)).await
}

async fn policy(it: &Fixture, reveal: &str) {
    it.admin.patch(&it.at("/policy"), json!({ "reveal": reveal })).await.expect(200);
}

// What the pages that show a secret again build on: both values, as they were the first time.
#[tokio::test]
async fn the_token_and_both_parts_are_shown_again_and_kept_by_nobody_on_the_way() {
    let it = Fixture::start().await;
    policy(&it, "owner").await;
    let cookie = cookie(&it).await;
    let key = it.create_key(json!({"name": "CI"})).await;
    let answer = reveal(&it, &cookie, &key.id).await.expect(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    let secret = json!({"token": key.token, "access_key": key.access_key, "secret_key": key.secret_key});
    assert_eq!(answer.json()["revealed"][0]["secret"], secret);
    assert_eq!((answer.text_at("/key/id"), answer.text_at("/revealed/0/state")), (key.id.clone(), "current".into()));

    let new = it.rotate(&key.id, json!({"overlap_secs": 3600})).await;
    let answer = reveal(&it, &cookie, &key.id).await.expect(200).json();
    let shown =
        |at: usize| [&answer["revealed"][at]["secret"]["token"], &answer["revealed"][at]["state"]].map(Value::clone);
    assert_eq!(shown(0), [json!(new.token), json!("current")]);
    assert_eq!(shown(1), [json!(key.token), json!("retiring")]);
    it.admin.with(answer["revealed"][1]["secret"]["token"].as_str().unwrap()).get("/api/v1/me").await.expect(200);
}

#[tokio::test]
async fn each_reason_why_nothing_is_shown_has_its_code_and_a_way_out() {
    let it = Fixture::start().await;
    let cookie = cookie(&it).await;
    let before = it.create_key(json!({"name": "Before"})).await;
    let refusal = async |key: &Made| {
        let answer = reveal(&it, &cookie, &key.id).await;
        (answer.status, answer.code(), answer.text_at("/fix").split(':').next().unwrap_or_default().to_owned())
    };
    let (status, code, _) = refusal(&before).await;
    assert_eq!((status, code.as_str()), (403, "policy_denied"));
    policy(&it, "owner").await;
    assert_eq!(refusal(&before).await, (409, "no_copy_kept".into(), "Rotate the key".into()));
    let kept = it.create_key(json!({"name": "Kept"})).await;
    let by_key = it.admin.post(&it.at(&format!("/keys/{}/reveal", kept.id)), json!({})).await;
    assert_eq!(by_key.refusal(), (403, "confirmation_required".into()), "an admin's key is no person");
    it.app.clock.advance(Duration::from_secs(600));
    let (status, code, fix) = refusal(&kept).await;
    assert_eq!((status, code.as_str()), (403, "confirmation_required"));
    assert!(fix.starts_with("Confirm your password"), "{fix}");
    let nobody = "key_01kapxb4q0e8mv5r3g2t9w7yzn";
    assert_eq!(reveal(&it, &cookie, nobody).await.refusal(), (404, "not_found".into()));
}

#[tokio::test]
async fn a_repeated_request_is_answered_without_the_secrets() {
    let it = Fixture::start().await;
    policy(&it, "owner").await;
    let cookie = cookie(&it).await;
    let key = it.create_key(json!({"name": "CI"})).await;
    let ask =
        async || it.admin.send(asked(&it, &cookie, &key.id).header("idempotency-key", "look-1")).await.expect(200);
    assert!(ask().await.text.contains(&key.token));
    let again = ask().await;
    assert_eq!((again.header("idempotency-replayed"), &again.json()["revealed"]), ("true", &Value::Null));
    assert!(!again.text.contains(&key.secret_key));
}

// Assurance S8, for what is sealed: neither in the database with its log of changes, nor in our own log. That a secret which is there would be
// found, `a_leak_is_found` shows.
#[tokio::test]
async fn a_secret_that_can_be_shown_again_stands_nowhere_in_clear() {
    let log = super::log::Log::captured();
    let it = Fixture::start().await;
    policy(&it, "owner").await;
    let cookie = cookie(&it).await;
    let first = it.create_key(json!({"name": "Sealed"})).await;
    let second = it.rotate(&first.id, json!({"overlap_secs": 3600})).await;
    let asked = asked(&it, &cookie, &first.id).header("idempotency-key", "look-2");
    assert!(it.admin.send(asked).await.expect(200).text.contains(&second.token));
    it.flush_uses().await;
    assert!(log.text().contains("answered"), "the log is captured");
    let stored = Stored::of(it.app.app.store()).await;
    for key in [&first, &second] {
        assert_eq!(leaks(key, stored.path()), [""; 0]);
    }
}
