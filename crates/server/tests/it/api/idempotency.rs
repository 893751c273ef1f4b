//! Assurance D5: the same request twice is one change and one answer, and the secret is not in the second.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::client::Answer;
use super::fixture::{Fixture, Made};

async fn post(it: &Fixture, path: &str, key: &str, body: &Value) -> Answer {
    it.admin.send(it.admin.request("POST", path).header("idempotency-key", key).json(body)).await
}

#[tokio::test]
async fn a_repeated_request_is_answered_without_the_secret() {
    let it = Fixture::start().await;
    let (path, body) = (it.at("/keys"), json!({"name": "Once"}));
    let first = post(&it, &path, "order-1", &body).await.expect(201);
    let made = Made::of(&first);
    let again = post(&it, &path, "order-1", &body).await.expect(201);
    assert_eq!(again.text_at("/key/id"), made.id);
    assert_eq!(again.json()["secret"], Value::Null);
    assert!(again.text_at("/secret_note").contains("shown once"));
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert!(!again.text.contains(&made.token) && !again.text.contains(&made.secret_key));
    it.admin.with(&made.token).get("/api/v1/me").await.expect(200);

    let other = post(&it, &path, "order-1", &json!({"name": "Twice"})).await;
    assert_eq!(other.refusal(), (422, "idempotency_mismatch".into()));
    let elsewhere = post(&it, &it.at("/users"), "order-1", &body).await;
    assert_eq!(elsewhere.refusal(), (422, "idempotency_mismatch".into()));
    assert_eq!(post(&it, &path, "order-2", &body).await.refusal(), (409, "name_taken".into()));
}

// What changes twice under one key tells a client twice where the thing stands and which version it has, or the client could not go on.
#[tokio::test]
async fn a_repeated_answer_says_where_the_thing_stands_and_its_version() {
    let it = Fixture::start().await;
    let (path, body) = (it.at("/users"), json!({"name": "Once"}));
    let first = post(&it, &path, "user", &body).await.expect(201);
    let place = first.header("location").to_owned();
    it.admin.patch(&place, json!({"name": "Later"})).await.expect(200);
    let again = post(&it, &path, "user", &body).await.expect(201);
    assert_eq!((again.header("location"), again.header("etag")), (&*place, "\"1\""), "as the body is of then");

    let made = it.create_key(json!({"name": "Rotated"})).await;
    let path = it.at(&format!("/keys/{}/rotate", made.id));
    let first = post(&it, &path, "rotation", &json!({})).await.expect(200);
    let again = post(&it, &path, "rotation", &json!({})).await.expect(200);
    assert_eq!((again.header("etag"), again.header("etag").is_empty()), (first.header("etag"), false));
}

// A move that is sent again after another one does not undo that.
#[tokio::test]
async fn a_repeated_move_moves_once() {
    let it = Fixture::start().await;
    let [moved, first, second] =
        [it.create_organization("Moved").await, it.create_organization("A").await, it.create_organization("B").await];
    let path = format!("/api/v1/organizations/{moved}/move");
    let to = |id: &str| json!({"parent_id": id});
    let answer = post(&it, &path, "first", &to(&first)).await.expect(200);
    post(&it, &path, "second", &to(&second)).await.expect(200);
    let again = post(&it, &path, "first", &to(&first)).await.expect(200);
    assert_eq!((again.header("idempotency-replayed"), again.json()), ("true", answer.json()));
    assert_eq!(again.header("etag"), answer.header("etag"));
    let now = it.admin.get(&format!("/api/v1/organizations/{moved}")).await.expect(200);
    assert_eq!(now.text_at("/parent_id"), second);
}

#[tokio::test]
async fn a_repeated_rotation_rotates_once() {
    let it = Fixture::start().await;
    let made = it.create_key(json!({"name": "Rotated"})).await;
    let path = it.at(&format!("/keys/{}/rotate", made.id));
    let first = post(&it, &path, "rotation", &json!({"overlap_secs": 0})).await.expect(200);
    let again = post(&it, &path, "rotation", &json!({"overlap_secs": 0})).await.expect(200);
    assert_eq!(again.json()["secret"], Value::Null);
    it.admin.with(&first.text_at("/secret/token")).get("/api/v1/me").await.expect(200);
}

// What changes a key without a secret is repeated as well, and says again what it said, whatever has happened to the key since.
#[tokio::test]
async fn a_repeated_switch_or_revocation_changes_once() {
    let it = Fixture::start().await;
    let made = it.create_key(json!({"name": "Switched"})).await;
    let path = |action: &str| it.at(&format!("/keys/{}/{action}", made.id));
    let none = json!({});
    let off = post(&it, &path("deactivate"), "off", &none).await.expect(200);
    post(&it, &path("activate"), "on", &none).await.expect(200);
    let again = post(&it, &path("deactivate"), "off", &none).await.expect(200);
    assert_eq!((again.header("idempotency-replayed"), again.json()), ("true", off.json()));
    it.admin.with(&made.token).get("/api/v1/me").await.expect(200);
    // The key was so already: that is an answer as well.
    let on = post(&it, &path("activate"), "on-2", &none).await.expect(200);
    let on_again = post(&it, &path("activate"), "on-2", &none).await.expect(200);
    assert_eq!((on_again.header("idempotency-replayed"), on_again.json()), ("true", on.json()));
    assert_eq!(post(&it, &path("deactivate"), "on-2", &none).await.refusal(), (422, "idempotency_mismatch".into()));

    let gone = post(&it, &path("revoke"), "gone", &json!({"reason": "superseded"})).await.expect(200);
    let gone_again = post(&it, &path("revoke"), "gone", &json!({"reason": "superseded"})).await.expect(200);
    assert_eq!((gone_again.header("idempotency-replayed"), gone_again.json()), ("true", gone.json()));
    // A switch under another key is the same switch again, and no repetition.
    let other = post(&it, &path("revoke"), "other", &none).await.expect(200);
    assert_eq!((other.header("idempotency-replayed"), other.json()), ("", gone.json()));
}

#[tokio::test]
async fn a_refusal_is_not_kept() {
    let it = Fixture::start().await;
    let path = it.at("/keys");
    let taken = it.create_key(json!({"name": "Taken"})).await;
    let body = json!({"name": "Taken"});
    assert_eq!(post(&it, &path, "again", &body).await.refusal(), (409, "name_taken".into()));
    it.revoke(&taken.id).await;
    post(&it, &path, "again", &body).await.expect(201);
}

#[tokio::test]
async fn of_many_at_once_one_makes_the_key() {
    let it = Fixture::start().await;
    let path = it.at("/keys");
    let racers: Vec<_> = (0..64)
        .map(|_| {
            let (client, path) = (it.admin.clone(), path.clone());
            it.app.app.spawn(async move {
                let request = client.request("POST", &path).header("idempotency-key", "race");
                client.send(request.json(&json!({"name": "Raced", "owner_id": null}))).await
            })
        })
        .collect();
    let (mut ids, mut secrets) = (BTreeSet::new(), 0);
    for racer in racers {
        let answer = racer.await.unwrap();
        if answer.status == 201 {
            ids.insert(answer.text_at("/key/id"));
            secrets += usize::from(answer.json()["secret"].is_object());
        } else {
            assert_eq!(answer.refusal(), (409, "idempotency_in_flight".into()));
        }
    }
    assert_eq!((ids.len(), secrets), (1, 1));
    let listed = it.admin.get(&it.at("/keys?search=Raced")).await.expect(200);
    assert_eq!(listed.json()["total"], 1);
}
