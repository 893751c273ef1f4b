//! How a key is used: by the hour, by the day, and what was refused.

use serde_json::{Value, json};

use super::client::Client;
use super::fixture::Fixture;

async fn usage(it: &Fixture, key_id: &str) -> Value {
    it.flush_uses().await;
    it.admin.get(&it.at(&format!("/keys/{key_id}/usage"))).await.expect(200).json()
}

/// The stretches that saw requests: when each begins, how many passed, how many were refused.
fn busy(stretches: &Value) -> Vec<(String, u64, u64)> {
    let stretches = stretches.as_array().unwrap().iter();
    let all = stretches.map(|it| (it["since"].as_str().unwrap().to_owned(), &it["allowed"], &it["denied"]));
    let all = all.map(|(since, allowed, denied)| (since, allowed.as_u64().unwrap(), denied.as_u64().unwrap()));
    all.filter(|it| it.1 + it.2 > 0).collect()
}

// S3.16
#[tokio::test]
async fn requests_that_passed_and_those_that_were_refused_are_told_by_the_hour_and_by_the_day() {
    let it = Fixture::start().await;
    it.set_clock("2026-11-20T22:30:00Z", 0);
    let key = it.create_key(json!({"name": "Watched"})).await;
    let client = it.admin.with(&key.token);
    client.get("/api/v1/me").await.expect(200);
    client.get("/api/v1/me").await.expect(200);
    it.flush_uses().await;
    it.set_clock("2026-11-21T01:10:00Z", 0);
    it.admin.post(&it.at(&format!("/keys/{}/deactivate", key.id)), json!({})).await.expect(200);
    client.get("/api/v1/me").await.expect(401);
    it.advance_micros(1);
    let ask = json!({"key": key.token, "ip": "203.0.113.9"});
    assert_eq!(it.admin.post("/api/v1/verify", ask).await.expect(200).json()["code"], "inactive");
    let told = usage(&it, &key.id).await;
    let hours = [("2026-11-20T22:00:00Z".into(), 2, 0), ("2026-11-21T01:00:00Z".into(), 0, 2)];
    assert_eq!(busy(&told["hours"]), hours);
    assert_eq!(busy(&told["days"]), [("2026-11-20T00:00:00Z".into(), 2, 0), ("2026-11-21T00:00:00Z".into(), 0, 2)]);
    assert_eq!((told["hours"].as_array().unwrap().len(), told["days"].as_array().unwrap().len()), (24, 30));
    let denied = told["denied_requests"].as_array().unwrap();
    assert_eq!(denied.len(), 2);
    for (it, at, ip) in
        [(&denied[0], "2026-11-21T01:10:00.000001Z", "203.0.113.9"), (&denied[1], "2026-11-21T01:10:00Z", "127.0.0.1")]
    {
        assert_eq!((&it["code"], &it["at"], &it["ip"]), (&json!("inactive"), &json!(at), &json!(ip)));
    }
    // Two days later the hours are no more, and the days still know. What is done by the clock is asked for here.
    it.set_clock("2026-11-23T12:00:00Z", 0);
    while it.app.app.store().fold_counts(it.app.now()).await.unwrap() {}
    let told = usage(&it, &key.id).await;
    assert_eq!(busy(&told["hours"]), []);
    assert_eq!(busy(&told["days"]), [("2026-11-20T00:00:00Z".into(), 2, 0), ("2026-11-21T00:00:00Z".into(), 0, 2)]);
}

// S3.16
#[tokio::test]
async fn what_asked_for_an_api_that_there_is_not_was_refused_like_everything_else() {
    let it = Fixture::start().await;
    let key = it.create_key(json!({"name": "Lost"})).await;
    let ask = |explain: bool| json!({"key": key.token, "api": "nothing", "explain": explain, "ip": "203.0.113.9"});
    it.admin.post("/api/v1/verify", ask(true)).await.expect(400);
    assert_eq!(usage(&it, &key.id).await["denied_requests"], json!([]), "an explanation is no request of a client's");
    it.admin.post("/api/v1/verify", ask(false)).await.expect(400);
    it.advance_micros(1);
    let asked = it.admin.request("POST", "/oauth/introspect?api=nothing").form(&[("token", key.token.as_str())]);
    assert_eq!(it.admin.send(asked).await.status, 400);
    let told = usage(&it, &key.id).await;
    let denied: Vec<_> = told["denied_requests"].as_array().unwrap().iter().map(|it| it["code"].clone()).collect();
    assert_eq!(denied, ["wrong_api", "wrong_api"]);
    assert_eq!(told["denied_requests"][1]["ip"], "203.0.113.9");
}

// S3.16: a good key that may not do what it asks for was let in, and refused all the same.
#[tokio::test]
async fn what_our_own_api_refuses_a_key_for_want_of_rights_did_not_pass() {
    let it = Fixture::start().await;
    it.set_clock("2026-11-20T22:30:00Z", 0);
    let role = it.create_role("Reader", &["claviger/own-keys:read"]).await;
    let user = it.create_member("Rita", &role).await;
    let key = it.create_key(json!({"name": "Reads", "mapped_user_id": user, "owner_id": user})).await;
    let client = it.admin.with(&key.token);
    client.get("/api/v1/me").await.expect(200);
    let refused = client.get(&it.at("/members")).await;
    assert_eq!(refused.refusal(), (403, "insufficient_permission".to_owned()));
    it.advance_micros(1);
    let refused = client.post("/api/v1/verify", json!({"key": key.token})).await;
    assert_eq!(refused.refusal(), (403, "insufficient_permission".to_owned()));
    // What is not there for it is answered, and passed.
    let other = it.create_key(json!({"name": "Somebody's"})).await;
    client.get(&it.at(&format!("/keys/{}", other.id))).await.expect(404);
    let told = usage(&it, &key.id).await;
    assert_eq!(busy(&told["hours"]), [("2026-11-20T22:00:00Z".to_owned(), 2, 2)]);
    let codes: Vec<_> = told["denied_requests"].as_array().unwrap().iter().map(|it| &it["code"]).collect();
    assert_eq!(codes, ["insufficient_permission", "insufficient_permission"]);
    assert!(told["denied_requests"][0]["ip"] == "127.0.0.1", "{told}");
    // All of its requests refused, it was used nevertheless: nobody deletes it as one that nobody has.
    let other = it.create_key(json!({"name": "Tries", "mapped_user_id": user, "owner_id": user})).await;
    it.admin.with(&other.token).get(&it.at("/members")).await.expect(403);
    let told = usage(&it, &other.id).await;
    assert_eq!(busy(&told["hours"]), [("2026-11-20T22:00:00Z".to_owned(), 0, 1)]);
    let shown = it.admin.get(&it.at(&format!("/keys/{}", other.id))).await.expect(200).json();
    assert!(!shown["last_use"].is_null(), "{shown}");
}

/// Of each version how many requests called it, and on which day last.
fn by_version(told: &Value) -> Vec<(&str, u64, &Value)> {
    let versions = told["versions"].as_array().unwrap().iter();
    versions
        .map(|it| (it["version"].as_str().unwrap(), it["requests"].as_u64().unwrap(), &it["last_used_on"]))
        .collect()
}

#[tokio::test]
async fn requests_are_told_by_the_version_that_they_said_they_call() {
    let it = Fixture::start().await;
    it.set_clock("2026-11-20T22:30:00Z", 0);
    let body = json!({"name": "Contacts API", "slug": "contacts", "key_prefix": "con", "versions": [
        {"slug": "1.0", "status": "deprecated", "deprecated_at": "2026-05-01T00:00:00Z", "sunset_at": "2027-03-01T00:00:00Z"},
        {"slug": "2.0", "status": "current", "label": "Second"},
        {"slug": "3.0", "status": "preview"},
    ]});
    let api = it.admin.post(&it.at("/apis"), body).await.expect(201).header("location").to_owned();
    let key = it.create_key(json!({"name": "Caller", "api": "contacts"})).await;
    let call = async |more: Value| {
        let mut body = json!({"key": key.token, "api": "contacts"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        it.verify(body).await["allowed"] == true
    };
    let none = &Value::Null;
    let told = usage(&it, &key.id).await;
    assert_eq!(by_version(&told), [("1.0", 0, none), ("2.0", 0, none), ("3.0", 0, none)]);
    for version in ["1.0", "1.0", "2.0"] {
        assert!(call(json!({"api_version": version})).await);
    }
    it.flush_uses().await;
    it.set_clock("2026-11-21T01:10:00Z", 0);
    // Many at once count as many, and so do those that come later.
    let one = json!({"key": key.token, "api": "contacts", "api_version": "1.0"});
    it.admin.post("/api/v1/verify/batch", json!({"requests": [one, one]})).await.expect(200);
    // None of these is a request that called a version which there is.
    assert!(call(json!({"api_version": "9.9"})).await && call(json!({})).await);
    assert!(call(json!({"api_version": "2.0", "explain": true})).await);
    it.admin.post(&it.at(&format!("/keys/{}/deactivate", key.id)), json!({})).await.expect(200);
    assert!(!call(json!({"api_version": "2.0"})).await);
    let told = usage(&it, &key.id).await;
    let (first, second) = (json!("2026-11-20"), json!("2026-11-21"));
    assert_eq!(by_version(&told), [("1.0", 4, &second), ("2.0", 1, &first), ("3.0", 0, none)]);
    let whole = json!({"version": "1.0", "label": "API 1.0", "deprecated_at": "2026-05-01T00:00:00Z",
        "sunset_at": "2027-03-01T00:00:00Z", "requests": 4, "last_used_on": "2026-11-21"});
    assert_eq!((&told["versions"][0], &told["versions"][1]["label"]), (&whole, &json!("Second")));
    let passed: u64 = busy(&told["days"]).iter().map(|it| it.1).sum();
    assert_eq!(passed, 7, "all requests stay one list, whichever version they call");
    // Of a version that is no more nothing is told, and of one whose last request is longer ago only that there is one.
    it.admin.patch(&api, json!({"versions": [{"slug": "1.0", "status": "current"}]})).await.expect(200);
    it.set_clock("2026-12-20T12:00:00Z", 0);
    assert_eq!(
        by_version(&usage(&it, &key.id).await),
        [("1.0", 2, &second)],
        "those of the day before are 30 days old"
    );
    it.set_clock("2026-12-21T12:00:00Z", 0);
    assert_eq!(by_version(&usage(&it, &key.id).await), [("1.0", 0, none)]);
    // An api without versions has none to tell of.
    let other = it.create_key(json!({"name": "Default"})).await;
    assert_eq!(usage(&it, &other.id).await["versions"], json!([]));
}

#[tokio::test]
async fn what_nobody_asked_for_and_what_explains_is_no_request() {
    let it = Fixture::start().await;
    let key = it.create_key(json!({"name": "Quiet"})).await;
    it.admin.post("/api/v1/verify", json!({"key": key.token, "explain": true})).await.expect(200);
    it.admin.post(&it.at(&format!("/keys/{}/deactivate", key.id)), json!({})).await.expect(200);
    it.admin.post("/api/v1/verify", json!({"key": key.token, "explain": true})).await.expect(200);
    it.admin.post("/api/v1/verify", json!({"key": "ck_nobody"})).await.expect(200);
    let told = usage(&it, &key.id).await;
    assert_eq!((busy(&told["hours"]), &told["denied_requests"]), (vec![], &json!([])));
}

#[tokio::test]
async fn who_sees_only_own_keys_is_told_of_no_other() {
    let it = Fixture::start().await;
    let key = it.create_key(json!({"name": "Somebody's"})).await;
    let role = it.create_role("Own", &["claviger/own-keys:read"]).await;
    let user = it.create_member("Mina", &role).await;
    let own = it.create_key(json!({"name": "Own", "mapped_user_id": user, "owner_id": user})).await;
    let client: Client = it.admin.with(&own.token);
    client.get(&it.at(&format!("/keys/{}/usage", own.id))).await.expect(200);
    client.get(&it.at(&format!("/keys/{}/usage", key.id))).await.expect(404);
}
