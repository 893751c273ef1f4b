//! Many keys at once, each judged as if it were the only one.

use serde_json::{Value, json};

use super::client::Answer;
use super::fixture::Fixture;

async fn bulk(it: &Fixture, verb: &str, body: Value) -> Answer {
    it.admin.post(&it.at(&format!("/keys/bulk/{verb}")), body).await
}

fn counts(answer: &Answer) -> (u64, u64, Vec<(String, String)>) {
    let view = answer.json();
    let left_out = view["left_out"].as_array().unwrap().iter();
    let left_out =
        left_out.map(|it| (it["key_id"].as_str().unwrap().to_owned(), it["code"].as_str().unwrap().to_owned()));
    (view["done"].as_u64().unwrap(), view["unchanged"].as_u64().unwrap(), left_out.collect())
}

// S1.17 S2.18: what is off or revoked in bulk is refused at once; twice is no error; what cannot be done to one holds no other back.
#[tokio::test]
async fn keys_are_switched_off_and_revoked_together() {
    let it = Fixture::start().await;
    let [a, b, gone] = [
        it.create_key(json!({"name": "A"})).await,
        it.create_key(json!({"name": "B"})).await,
        it.create_key(json!({"name": "C"})).await,
    ];
    it.revoke(&gone.id).await;
    let unknown = "key_01kapxb4q0e8mv5r3g2t9w7yzn".to_owned();
    let keys = json!({"ids": [a.id, b.id, gone.id, unknown, a.id]});

    let tried = bulk(&it, "deactivate", json!({"keys": keys, "dry_run": true})).await.expect(200);
    let mut refused = vec![(unknown.clone(), "not_found".to_owned()), (gone.id.clone(), "state_conflict".to_owned())];
    refused.sort();
    assert_eq!((counts(&tried), tried.json()["dry_run"].clone()), ((2, 0, refused.clone()), json!(true)));
    it.admin.with(&a.token).get("/api/v1/me").await.expect(200);

    let off = bulk(&it, "deactivate", json!({"keys": keys})).await.expect(200);
    assert_eq!((counts(&off), off.json()["next"].clone()), ((2, 0, refused.clone()), Value::Null));
    for key in [&a, &b] {
        assert_eq!(it.admin.with(&key.token).get("/api/v1/me").await.refusal(), (401, "inactive".into()));
    }
    let again = bulk(&it, "deactivate", json!({"keys": keys})).await.expect(200);
    assert_eq!(counts(&again), (0, 2, refused.clone()));

    let on = bulk(&it, "activate", json!({"keys": keys})).await.expect(200);
    assert_eq!(counts(&on), (2, 0, refused.clone()));
    it.admin.with(&a.token).get("/api/v1/me").await.expect(200);
    assert_eq!(counts(&bulk(&it, "activate", json!({"keys": keys})).await.expect(200)), (0, 2, refused));

    let ended = bulk(&it, "revoke", json!({"keys": keys, "reason": "cessation_of_operation"})).await.expect(200);
    assert_eq!(counts(&ended), (2, 1, vec![(unknown, "not_found".into())]));
    let shown = it.admin.get(&it.at(&format!("/keys/{}", a.id))).await.expect(200);
    assert_eq!(shown.text_at("/revocation/reason"), "cessation_of_operation");
    assert_eq!(it.admin.with(&b.token).get("/api/v1/me").await.refusal(), (401, "revoked".into()));
}

// What happens to many keys at once stands in the history of each, and of no other.
#[tokio::test]
async fn bulk_work_stands_in_the_history_of_every_key_it_changed() {
    let it = Fixture::start().await;
    let [a, b, other] = [
        it.create_key(json!({"name": "A"})).await,
        it.create_key(json!({"name": "B"})).await,
        it.create_key(json!({"name": "C"})).await,
    ];
    bulk(&it, "deactivate", json!({"keys": {"ids": [a.id, b.id]}})).await.expect(200);
    bulk(&it, "revoke", json!({"keys": {"ids": [b.id]}})).await.expect(200);
    let history = async |key: &str| {
        let page = it.admin.get(&it.at(&format!("/events?entity_id={key}"))).await.expect(200).json();
        let operation = |it: &Value| it["operation"].as_str().unwrap().to_owned();
        page["data"].as_array().unwrap().iter().map(operation).collect::<Vec<_>>()
    };
    assert_eq!(history(&a.id).await, ["keys.deactivated", "key.created"]);
    assert_eq!(history(&b.id).await, ["keys.revoked", "keys.deactivated", "key.created"]);
    assert_eq!(history(&other.id).await, ["key.created"]);
}

// S2.10 S2.19: extended keys live on with their secret, and none ends earlier than before.
#[tokio::test]
async fn keys_end_later_together_and_never_earlier() {
    let it = Fixture::start().await;
    let (soon, later, last) = (it.days_from_now(5), it.days_from_now(20), it.days_from_now(90));
    let short = it.create_key(json!({"name": "Short", "expires_at": soon})).await;
    let long = it.create_key(json!({"name": "Long", "expires_at": last})).await;
    let endless = it.create_key(json!({"name": "Endless"})).await;
    let keys = json!({"ids": [short.id, long.id, endless.id]});
    let done = bulk(&it, "extend", json!({"keys": keys, "expires_at": later})).await.expect(200);
    assert_eq!(counts(&done), (1, 2, vec![]));
    it.set_clock(&soon, 1);
    it.admin.with(&short.token).get("/api/v1/me").await.expect(200);
    for (key, end) in [(&short, json!(later)), (&long, json!(last)), (&endless, Value::Null)] {
        let shown = it.admin.get(&it.at(&format!("/keys/{}", key.id))).await.expect(200).json();
        assert_eq!(shown["expires_at"], end);
    }
    // Policy is asked for each key.
    it.app.set_policy(it.app.root, r#"{"expiry_days_max": 30}"#).await;
    let refused = bulk(&it, "extend", json!({"keys": {"ids": [short.id]}, "expires_at": last})).await.expect(200);
    assert_eq!(counts(&refused), (0, 0, vec![(short.id.clone(), "policy_denied".into())]));
    // A date that has passed is the request's fault and no key's: not even what is unknown or needs no extending is looked at.
    for ids in [json!([short.id]), json!([endless.id])] {
        let past = bulk(&it, "extend", json!({"keys": {"ids": ids}, "expires_at": it.days_from_now(1)})).await;
        assert_eq!((past.refusal(), past.pointers()), ((400, "invalid_field".into()), vec!["/expires_at".into()]));
    }
}

// S3.13 S3.15: what a filter finds is cleaned up without naming it, and a repeated request is one change.
#[tokio::test]
async fn what_a_filter_finds_is_changed_and_nothing_else() {
    let it = Fixture::start().await;
    let used = it.create_key(json!({"name": "Old used"})).await;
    let idle = it.create_key(json!({"name": "Old idle"})).await;
    it.advance_micros(40 * 86_400_000_000);
    it.admin.with(&used.token).get("/api/v1/me").await.expect(200);
    it.flush_uses().await;
    let body = json!({"keys": {"filter": {"search": "old", "unused_days": 30}}, "reason": "idle"});
    let request = || it.admin.request("POST", &it.at("/keys/bulk/revoke")).header("idempotency-key", "clean-up");
    let done = it.admin.send(request().json(&body)).await.expect(200);
    assert_eq!(counts(&done), (1, 0, vec![]));
    let again = it.admin.send(request().json(&body)).await.expect(200);
    assert_eq!((again.json(), again.header("idempotency-replayed")), (done.json(), "true"));
    it.admin.with(&used.token).get("/api/v1/me").await.expect(200);
    assert_eq!(it.admin.with(&idle.token).get("/api/v1/me").await.refusal(), (401, "revoked".into()));
    let nothing_more = bulk(&it, "revoke", body).await.expect(200);
    assert_eq!(counts(&nothing_more), (0, 0, vec![]));
}

// More than one transaction takes: 1,000 first, and `next` for the rest. Each is one event.
#[tokio::test]
async fn a_filter_that_finds_many_is_gone_through_in_chunks() {
    let it = Fixture::start().await;
    let readonly = it.built_in_role("readonly").await;
    let source = json!({"source_digest": "ab".repeat(32), "source_name": "many.csv", "role_id": readonly});
    let import = it.admin.post(&it.at("/imports"), source).await.expect(200).text_at("/id");
    for begin in [0, 600] {
        let lines: Vec<_> = (begin..begin + 600)
            .map(|n| json!({"line": n + 2, "sha256": format!("{n:064x}"), "name": format!("row {n}")}))
            .collect();
        it.admin.post(&it.at(&format!("/imports/{import}/lines")), json!({"lines": lines})).await.expect(200);
    }
    let filter = json!({"origin": "import"});
    let first = bulk(&it, "deactivate", json!({"keys": {"filter": filter}})).await.expect(200);
    assert_eq!(counts(&first), (1000, 0, vec![]));
    let after = first.text_at("/next");
    let rest = bulk(&it, "deactivate", json!({"keys": {"filter": filter, "after": after}})).await.expect(200);
    assert_eq!((counts(&rest), rest.json()["next"].clone()), ((200, 0, vec![]), Value::Null));
    let active = it.admin.get(&it.at("/keys?origin=import&state=active")).await.expect(200);
    assert_eq!(active.json()["total"], 0);
}

// S0.28: whoever acts on own keys only reaches no others, and nobody gives out anew what they do not hold.
#[tokio::test]
async fn each_key_is_judged_as_if_it_were_the_only_one() {
    let it = Fixture::start().await;
    let role = it.built_in_role("member").await;
    it.admin.patch(&it.at(&format!("/roles/{role}")), json!({"api_access": true})).await.expect(200);
    let sam = it.create_member("Sam", &role).await;
    let own = it.create_key(json!({"name": "Sam's", "owner_id": sam, "mapped_user_id": sam})).await;
    let mapped = it.create_key(json!({"name": "For Sam", "mapped_user_id": sam})).await;
    let ends = it.days_from_now(5);
    let foreign = it.create_key(json!({"name": "Not Sam's", "expires_at": ends})).await;
    let path = it.at("/keys/bulk/revoke");
    let member = it.admin.with(&mapped.token);
    let answer = member.post(&path, json!({"keys": {"ids": [own.id, mapped.id, foreign.id]}, "dry_run": true})).await;
    let mut expected =
        vec![(mapped.id.clone(), "insufficient_permission".to_owned()), (foreign.id.clone(), "not_found".to_owned())];
    expected.sort();
    assert_eq!(counts(&answer.expect(200)), (1, 0, expected));
    let all = member.post(&path, json!({"keys": {"filter": {"state": "active"}}})).await.expect(200);
    assert_eq!(counts(&all), (1, 0, vec![]));

    let narrow = it.create_key(json!({"name": "Narrow", "scopes": ["claviger/keys:update"]})).await;
    let extend = json!({"keys": {"ids": [foreign.id]}, "expires_at": null});
    let exceeding = it.admin.with(&narrow.token).post(&it.at("/keys/bulk/extend"), extend).await.expect(200);
    assert_eq!(counts(&exceeding).2, [(foreign.id.clone(), "grant_exceeds_own".to_owned())]);
    bulk(&it, "deactivate", json!({"keys": {"ids": [foreign.id]}})).await.expect(200);
    let on = json!({"keys": {"ids": [foreign.id]}});
    let exceeding = it.admin.with(&narrow.token).post(&it.at("/keys/bulk/activate"), on).await.expect(200);
    assert_eq!(counts(&exceeding), (0, 0, vec![(foreign.id.clone(), "grant_exceeds_own".to_owned())]));
}

#[tokio::test]
async fn a_selection_says_which_keys_in_one_way() {
    let it = Fixture::start().await;
    let many: Vec<_> = vec!["key_01kapxb4q0e8mv5r3g2t9w7yzn"; 1001];
    for (keys, pointer) in [
        (json!({}), "/keys"),
        (json!({"ids": [], "filter": {}}), "/keys"),
        (json!({"ids": []}), "/keys/ids"),
        (json!({"ids": many}), "/keys/ids"),
        (json!({"ids": ["usr_1"]}), "/keys/ids/0"),
        (json!({"ids": [many[0]], "after": many[0]}), "/keys/after"),
        (json!({"filter": {"owner_id": "x"}}), "/keys/filter/owner_id"),
        (json!({"filter": {"state": "active"}, "after": "x"}), "/keys/after"),
        // Nobody revokes every key, the own one too, by leaving something out.
        (json!({"filter": {}}), "/keys/filter"),
        (json!({"filter": {"never_used": false, "state": null, "search": " "}}), "/keys/filter"),
    ] {
        let answer = bulk(&it, "deactivate", json!({"keys": keys})).await;
        assert_eq!((answer.refusal(), answer.pointers()), ((400, "invalid_field".into()), vec![pointer.to_owned()]));
    }
    assert_eq!(bulk(&it, "extend", json!({"keys": {"filter": {}}})).await.refusal(), (400, "invalid_body".into()));
}
