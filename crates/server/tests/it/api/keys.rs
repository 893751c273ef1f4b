//! The life of a key over HTTP.

use claviger_core::name::KeyPrefix;
use claviger_core::secret::Token;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::{Value, json};

use super::fixture::{Fixture, Made};

// The secret stands in the answer that makes the key, and nowhere else.
#[tokio::test]
async fn a_secret_is_shown_once() {
    let it = Fixture::start().await;
    let answer = it.admin.post(&it.at("/keys"), json!({"name": "Integration with CRM"})).await.expect(201);
    let made = Made::of(&answer);
    assert_eq!(format!("{}{}", made.access_key, made.secret_key), made.token);
    assert_eq!(answer.header("location"), it.at(&format!("/keys/{}", made.id)));
    assert_eq!(answer.header("etag"), "\"1\"");
    assert_eq!(answer.header("cache-control"), "no-store");
    for path in ["/keys".to_owned(), format!("/keys/{}", made.id)] {
        let shown = it.admin.get(&it.at(&path)).await.expect(200).text;
        assert!(shown.contains(&made.id), "{shown}");
        assert!(!shown.contains(&made.token) && !shown.contains(&made.secret_key), "{shown}");
    }
}

// S2.3: what was not generated for an integration lets it in nowhere, however well it is formed.
#[tokio::test]
async fn only_a_generated_key_is_let_in() {
    let it = Fixture::start().await;
    let made = it.create_key(json!({"name": "Integration with CRM"})).await;
    let invented = Token::generate(&KeyPrefix::parse("ck").unwrap(), &mut ChaCha20Rng::seed_from_u64(u64::MAX));
    assert_eq!(invented.expose().len(), made.token.len(), "of the same form");
    it.admin.without().get("/api/v1/me").await.expect(401);
    it.admin.with(invented.expose()).get("/api/v1/me").await.expect(401);
    it.admin.with(&made.token).get("/api/v1/me").await.expect(200);
}

// S3.17: a name is unique among the live keys, in whatever case and width it is written; a revoked key frees it.
#[tokio::test]
async fn a_name_is_taken_until_its_key_is_revoked() {
    let it = Fixture::start().await;
    let made = it.create_key(json!({"name": "CI deploy"})).await;
    for name in ["CI deploy", " ci DEPLOY ", "ＣＩ deploy"] {
        let answer = it.admin.post(&it.at("/keys"), json!({"name": name})).await;
        assert_eq!(answer.refusal(), (409, "name_taken".into()), "{name}");
    }
    let other = it.create_key(json!({"name": "Other"})).await;
    let renamed = it.admin.patch(&it.at(&format!("/keys/{}", other.id)), json!({"name": "ci deploy"})).await;
    assert_eq!(renamed.refusal(), (409, "name_taken".into()));
    it.revoke(&made.id).await;
    it.create_key(json!({"name": "CI deploy"})).await;
}

// S2.19: name, date and mapped user change, the secret stays.
#[tokio::test]
async fn facts_of_a_key_change_without_its_secret() {
    let it = Fixture::start().await;
    let admin_role = it.built_in_role("admin").await;
    let user_id = it.create_member("M", &admin_role).await;
    let made = it.create_key(json!({"name": "Before"})).await;
    let path = it.at(&format!("/keys/{}", made.id));
    let expires_at = it.days_from_now(30);
    let patch = json!({"name": "After", "expires_at": expires_at, "mapped_user_id": user_id});
    let answer = it.admin.patch(&path, patch).await.expect(200);
    assert_eq!(answer.text_at("/name"), "After");
    assert_eq!(answer.text_at("/expires_at"), expires_at);
    assert_eq!(answer.text_at("/mapped_user/name"), "M");
    assert_eq!(answer.text_at("/secrets/0/access_key"), made.access_key);
    assert_eq!(it.admin.with(&made.token).get("/api/v1/me").await.expect(200).text_at("/key/name"), "After");
    // What is left out stays, and null takes away.
    let answer = it.admin.patch(&path, json!({"expires_at": null})).await.expect(200);
    assert_eq!(answer.json()["expires_at"], Value::Null);
    assert_eq!(answer.text_at("/name"), "After");
}

#[tokio::test]
async fn a_change_is_bound_to_the_version_it_was_made_for() {
    let it = Fixture::start().await;
    let made = it.create_key(json!({"name": "Versions"})).await;
    let path = it.at(&format!("/keys/{}", made.id));
    let etag = it.admin.get(&path).await.expect(200).header("etag").to_owned();
    let change = |etag: &str, name: &str| {
        it.admin.send(it.admin.request("PATCH", &path).header("if-match", etag.to_owned()).json(&json!({"name": name})))
    };
    let answer = change(&etag, "First").await.expect(200);
    assert_ne!(answer.header("etag"), etag);
    assert_eq!(change(&etag, "Second").await.refusal(), (412, "version_mismatch".into()));
    assert_eq!(change("W/\"1\"", "Second").await.refusal(), (412, "version_mismatch".into()));
    assert_eq!(change("\"0\", \"1\"", "Second").await.refusal(), (412, "version_mismatch".into()));
    change("\"0\", \"2\"", "Second").await.expect(200);
    change("*", "Third").await.expect(200);
    for nonsense in ["", "2", "\"2"] {
        let refused = change(nonsense, "Fourth").await;
        assert_eq!(
            (refused.refusal(), refused.pointers()),
            ((400, "invalid_field".into()), vec!["If-Match".to_owned()])
        );
    }
}

// S1.17
#[tokio::test]
async fn a_key_can_be_switched_off_and_on() {
    let it = Fixture::start().await;
    let made = it.create_key(json!({"name": "Switch"})).await;
    let path = |action: &str| it.at(&format!("/keys/{}/{action}", made.id));
    let bearer = it.admin.with(&made.token);
    for _ in 0..2 {
        let answer = it.admin.post(&path("deactivate"), json!({})).await.expect(200);
        assert_eq!(answer.text_at("/state"), "inactive");
        assert_eq!(bearer.get("/api/v1/me").await.refusal(), (401, "inactive".into()));
    }
    assert_eq!(it.verify(json!({"key": made.token})).await["code"], "inactive");
    for _ in 0..2 {
        it.admin.post(&path("activate"), json!({})).await.expect(200);
        bearer.get("/api/v1/me").await.expect(200);
    }
}

// S0.9, S0.10: with no overlap the very next call with the old secret fails.
#[tokio::test]
async fn a_rotation_without_overlap_ends_the_old_secret_at_once() {
    let it = Fixture::start().await;
    let old = it.create_key(json!({"name": "Leaked"})).await;
    let new = it.rotate(&old.id, json!({"overlap_secs": 0})).await;
    assert_eq!(new.id, old.id);
    assert_ne!(new.token, old.token);
    assert_eq!(it.admin.with(&old.token).get("/api/v1/me").await.refusal(), (401, "revoked".into()));
    assert_eq!(it.verify(json!({"key": old.token})).await["code"], "revoked");
    it.admin.with(&new.token).get("/api/v1/me").await.expect(200);
}

// Assurance R4: strictly before the end it passes, at the end it does not.
#[tokio::test]
async fn a_rotation_with_overlap_keeps_the_old_secret_to_the_microsecond() {
    let it = Fixture::start().await;
    let old = it.create_key(json!({"name": "In seven days"})).await;
    let new = it.rotate(&old.id, json!({})).await;
    let key = it.admin.get(&it.at(&format!("/keys/{}", old.id))).await.expect(200);
    assert_eq!(key.json()["secrets"].as_array().unwrap().len(), 2);
    assert_eq!(key.text_at("/rotating_until"), it.days_from_now(7), "the policy's default");
    for token in [&old.token, &new.token] {
        assert_eq!(it.verify(json!({"key": token})).await["allowed"], true);
    }
    it.set_clock(&it.days_from_now(7), -1);
    assert_eq!(it.verify(json!({"key": old.token})).await["allowed"], true);
    it.advance_micros(1);
    let refused = it.verify(json!({"key": old.token})).await;
    assert_eq!((&refused["allowed"], &refused["code"]), (&json!(false), &json!("expired")));
    assert_eq!(it.verify(json!({"key": new.token})).await["allowed"], true);
}

#[tokio::test]
async fn an_overlap_beyond_the_bound_is_refused() {
    let it = Fixture::start().await;
    let made = it.create_key(json!({"name": "Long"})).await;
    let path = it.at(&format!("/keys/{}/rotate", made.id));
    let month = 30 * 24 * 60 * 60;
    let answer = it.admin.post(&path, json!({"overlap_secs": month + 1})).await;
    assert_eq!(
        (answer.refusal(), answer.pointers()),
        ((400, "invalid_field".into()), vec!["/overlap_secs".to_owned()])
    );
    it.admin.post(&path, json!({"overlap_secs": month})).await.expect(200);
}

// S1.16, S1.18, S4.2: a lost key is replaced by another one, and both exist side by side until the old one is ended.
#[tokio::test]
async fn a_lost_key_is_replaced_by_a_new_one() {
    let it = Fixture::start().await;
    let lost = it.create_key(json!({"name": "Marketing Automation"})).await;
    let new = it.create_key(json!({"name": "Marketing Automation 2"})).await;
    for key in [&lost, &new] {
        it.admin.with(&key.token).get("/api/v1/me").await.expect(200);
    }
    it.revoke(&lost.id).await;
    assert_eq!(it.admin.with(&lost.token).get("/api/v1/me").await.refusal(), (401, "revoked".into()));
    it.admin.with(&new.token).get("/api/v1/me").await.expect(200);
}

// S2.18, S2.31: the next question about a revoked key is answered no, and the key never comes back.
#[tokio::test]
async fn a_revoked_key_is_refused_at_once_and_for_ever() {
    let it = Fixture::start().await;
    let made = it.create_key(json!({"name": "Gone"})).await;
    assert_eq!(it.verify(json!({"key": made.token})).await["allowed"], true);
    let path = |action: &str| it.at(&format!("/keys/{}/{action}", made.id));
    let answer = it.admin.post(&path("revoke"), json!({"reason": "key_compromise"})).await.expect(200);
    assert_eq!(answer.text_at("/state"), "revoked");
    assert_eq!(answer.text_at("/revocation/reason"), "key_compromise");
    let refused = it.verify(json!({"key": made.token})).await;
    assert_eq!((&refused["allowed"], &refused["code"]), (&json!(false), &json!("revoked")));
    assert_eq!(it.admin.with(&made.token).get("/api/v1/me").await.refusal(), (401, "revoked".into()));
    for action in ["activate", "deactivate", "rotate"] {
        let answer = it.admin.post(&path(action), json!({})).await;
        assert_eq!(answer.refusal(), (409, "state_conflict".into()), "{action}");
    }
    let renamed = it.admin.patch(&it.at(&format!("/keys/{}", made.id)), json!({"name": "Back"})).await;
    assert_eq!(renamed.refusal(), (409, "state_conflict".into()));
}

// S2.18: who revokes what somebody has revoked already gets what they wanted, and history says once who did it and why.
#[tokio::test]
async fn a_key_is_revoked_twice_as_if_once() {
    let it = Fixture::start().await;
    let made = it.create_key(json!({"name": "Gone"})).await;
    let path = it.at(&format!("/keys/{}/revoke", made.id));
    let first = it.admin.post(&path, json!({"reason": "key_compromise"})).await.expect(200);
    it.advance_micros(1_000_000);
    let second = it.admin.post(&path, json!({"reason": "superseded"})).await.expect(200);
    assert_eq!((second.json(), second.header("etag")), (first.json(), first.header("etag")));
    let keyed = || it.admin.request("POST", &path).header("idempotency-key", "again").json(&json!({}));
    assert_eq!(it.admin.send(keyed()).await.expect(200).json(), first.json());
    assert_eq!(it.admin.send(keyed()).await.expect(200).header("idempotency-replayed"), "true");
    let events = it.admin.get(&it.at(&format!("/events?entity_id={}&operation=key.revoked", made.id))).await;
    assert_eq!(events.expect(200).json()["data"].as_array().unwrap().len(), 1);
}

// S3.13: what nobody uses can be found and deleted, and a role changed.
#[tokio::test]
async fn a_list_is_filtered_and_sorted() {
    let it = Fixture::start().await;
    let readonly = it.built_in_role("readonly").await;
    let used = it.create_key(json!({"name": "B used"})).await;
    it.advance_micros(1_000);
    let idle = it.create_key(json!({"name": "A idle", "role_id": readonly, "expires_at": it.days_from_now(1)})).await;
    let revoked = it.create_key(json!({"name": "C revoked"})).await;
    it.revoke(&revoked.id).await;
    it.admin.with(&used.token).get("/api/v1/me").await.expect(200);
    it.flush_uses().await;
    let list = async |query: &str| {
        let page = it.admin.get(&it.at(&format!("/keys?{query}"))).await.expect(200).json();
        let ours = [&used.id, &idle.id, &revoked.id];
        let ids = page["data"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned());
        ids.filter(|id| ours.contains(&id)).collect::<Vec<_>>()
    };
    assert_eq!(list("").await, [idle.id.clone(), used.id.clone()], "newest first, revoked ones aside");
    assert_eq!(list("sort=name").await, [idle.id.clone(), used.id.clone()]);
    assert_eq!(list("sort=expires_at").await, [idle.id.clone(), used.id.clone()]);
    assert_eq!(list("never_used=true").await, std::slice::from_ref(&idle.id));
    assert_eq!(list("state=revoked").await, std::slice::from_ref(&revoked.id));
    assert_eq!(list("search=USED").await, std::slice::from_ref(&used.id));
    assert_eq!(list(&format!("search={}", idle.access_key)).await, std::slice::from_ref(&idle.id));
    assert_eq!(list(&format!("role_id={readonly}")).await, std::slice::from_ref(&idle.id));
    assert_eq!(list("api=data-loader").await, [""; 0]);
    assert_eq!(it.admin.get(&it.at("/keys?state=asleep")).await.refusal(), (400, "invalid_field".into()));
    let admin_role = it.built_in_role("admin").await;
    let path = it.at(&format!("/keys/{}", idle.id));
    it.admin.patch(&path, json!({"role_id": admin_role})).await.expect(200);
    assert_eq!(list(&format!("role_id={admin_role}")).await, std::slice::from_ref(&idle.id));
    it.set_clock(&it.days_from_now(1), 0);
    assert_eq!(list("state=expired").await, std::slice::from_ref(&idle.id));
    it.revoke(&idle.id).await;
    assert_eq!(list("").await, [used.id]);
}

// The latest use is on record; none is said as none.
#[tokio::test]
async fn the_last_use_is_on_record() {
    let it = Fixture::start().await;
    let made = it.create_key(json!({"name": "Seen"})).await;
    let path = it.at(&format!("/keys/{}", made.id));
    assert_eq!(it.admin.get(&path).await.expect(200).json()["last_use"], Value::Null);
    let request = it.admin.with(&made.token).request("GET", "/api/v1/me").header("user-agent", "probe/1");
    it.admin.send(request).await.expect(200);
    it.flush_uses().await;
    let used = it.admin.get(&path).await.expect(200);
    assert_eq!(used.text_at("/last_use/at"), it.now());
    assert_eq!(used.text_at("/last_use/ip"), "127.0.0.1");
    assert_eq!(used.text_at("/last_use/user_agent"), "probe/1");
}
