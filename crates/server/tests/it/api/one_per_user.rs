//! Keys of which each user has one: those of the api `data-loader`, and of any other api that is made so.

use claviger_core::secret::Digest;
use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use super::client::Client;
use super::fixture::{Fixture, Made};

const LOADER: &str = "data-loader";

async fn set_user(it: &Fixture, user_id: &str, status: &str) {
    it.admin.patch(&it.at(&format!("/users/{user_id}")), json!({"status": status})).await.expect(200);
}

/// A key for a user, of the data loader.
async fn loader(it: &Fixture, name: &str, user_id: &str) -> Made {
    it.create_key(json!({"name": name, "api": LOADER, "mapped_user_id": user_id})).await
}

async fn authz(it: &Fixture, token: &str, api: Option<&str>) -> (u16, String) {
    let gateway = Client::new(&format!("http://{}", it.app.authz()), Some(token)).of_a_double();
    let mut ask = gateway.request("GET", "/authz").header("claviger-permission", "contacts:read");
    if let Some(api) = api {
        ask = ask.header("claviger-api", api);
    }
    let answer = gateway.send(ask).await;
    (answer.status, answer.headers.get("x-claviger-code").map(|it| it.to_str().unwrap().to_owned()).unwrap_or_default())
}

// S2.5: keys of the data loader are a kind of their own; each is good where one is wanted and nowhere else.
#[tokio::test]
async fn a_data_loader_key_works_only_where_one_is_wanted() {
    let it = Fixture::start().await;
    let role = it.create_role("Loads", &["contacts:read", "contacts:create"]).await;
    let user_id = it.create_member("Maria", &role).await;
    let made = loader(&it, "Maria", &user_id).await;
    let usual = it.create_key(json!({"name": "Maria", "mapped_user_id": user_id})).await;
    assert!(made.token.starts_with("cdl_") && usual.token.starts_with("ck_"));
    let ask = async |key: &str, api: &str, permission: &str| {
        let asked = json!({"key": key, "api": api, "permissions": [permission]});
        it.verify(asked).await["code"].clone()
    };
    assert_eq!(ask(&made.token, LOADER, "contacts:create").await, Value::Null, "it carries its user's rights");
    assert_eq!(ask(&made.token, LOADER, "contacts:delete").await, "insufficient_permission", "and no more");
    assert_eq!(ask(&made.token, "default", "contacts:read").await, "wrong_api");
    assert_eq!(ask(&usual.token, LOADER, "contacts:read").await, "wrong_api");
    let refused = (403, "wrong_api".to_owned());
    let good = (200, String::new());
    assert_eq!(authz(&it, &made.token, Some(LOADER)).await, good);
    assert_eq!(authz(&it, &made.token, None).await, refused, "the default api is the one that is meant");
    assert_eq!(authz(&it, &made.token, Some("default")).await, refused);
    assert_eq!(authz(&it, &usual.token, Some(LOADER)).await, refused);
    assert_eq!(authz(&it, &usual.token, None).await, good);
    assert_eq!(it.admin.with(&made.token).get("/api/v1/me").await.refusal(), refused, "this API's own keys are others");

    set_user(&it, &user_id, "disabled").await;
    assert_eq!(ask(&made.token, LOADER, "contacts:read").await, "user_inactive");
    assert_eq!(authz(&it, &made.token, Some(LOADER)).await, (401, "user_inactive".to_owned()));
    let shown = it.admin.get(&it.at(&format!("/keys/{}", made.id))).await.expect(200).json();
    assert_eq!((&shown["state"], &shown["blocked"]), (&json!("active"), &json!("user_inactive")));
    set_user(&it, &user_id, "active").await;
    assert_eq!(ask(&made.token, LOADER, "contacts:read").await, Value::Null);
}

// S2.5: it ends in a year unless something else is said, and no later than policy allows.
#[tokio::test]
async fn a_data_loader_key_lives_for_a_year_by_default() {
    let it = Fixture::start().await;
    let role = it.create_role("Loads", &["contacts:read"]).await;
    let expires = async |name: &str, more: Value| {
        let user_id = it.create_member(name, &role).await;
        let mut body = json!({"name": name, "api": LOADER, "mapped_user_id": user_id});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        it.admin.post(&it.at("/keys"), body).await.expect(201).json()["key"]["expires_at"].clone()
    };
    assert_eq!(expires("Year", json!({})).await, json!(it.days_from_now(365)));
    assert_eq!(expires("Never", json!({"expires_at": null})).await, Value::Null);
    let month = it.days_from_now(30);
    assert_eq!(expires("Month", json!({"expires_at": month})).await, json!(month));
    it.admin.patch(&it.at("/policy"), json!({"expiry_days_max": 90})).await.expect(200);
    assert_eq!(expires("Bounded", json!({})).await, json!(it.days_from_now(90)));
}

// S2.5: one for each user, whoever makes it and however; a deleted one makes room for the next.
#[tokio::test]
async fn a_user_has_one_data_loader_key_and_no_more() {
    let it = Fixture::start().await;
    let role = it.create_role("Loads", &["contacts:read"]).await;
    let (maria, omar) = (it.create_member("Maria", &role).await, it.create_member("Omar", &role).await);
    let first = loader(&it, "First", &maria).await;
    let second = json!({"name": "Second", "api": LOADER, "mapped_user_id": maria});
    let taken = (409, "user_has_key".to_owned());
    let refusal = it.admin.post(&it.at("/keys"), second.clone()).await;
    assert_eq!(refusal.refusal(), taken);
    assert!(refusal.text_at("/fix").contains("delete it first"), "{}", refusal.text);
    let duplicate = format!("/keys/{}/duplicate", first.id);
    assert_eq!(it.admin.post(&it.at(&duplicate), json!({})).await.refusal(), taken);
    it.admin.post(&it.at(&format!("/keys/{}/deactivate", first.id)), json!({})).await.expect(200);
    assert_eq!(it.admin.post(&it.at("/keys"), second.clone()).await.refusal(), taken, "it may be switched on again");

    let other = loader(&it, "Other", &omar).await;
    let other = it.at(&format!("/keys/{}", other.id));
    assert_eq!(it.admin.patch(&other, json!({"mapped_user_id": maria})).await.refusal(), taken);
    let nobody = it.admin.patch(&other, json!({"mapped_user_id": null})).await;
    assert_eq!((nobody.status, nobody.pointers()), (400, vec!["/mapped_user_id".to_owned()]));
    let for_nobody = json!({"name": "Nobody's", "api": LOADER, "mapped_user_id": null, "role_id": role});
    let nobody = it.admin.post(&it.at("/keys"), for_nobody).await;
    assert_eq!((nobody.status, nobody.pointers()), (400, vec!["/mapped_user_id".to_owned()]));

    it.revoke(&first.id).await;
    let next = Made::of(&it.admin.post(&it.at("/keys"), second).await.expect(201));
    // Rotated, it is the same key.
    it.rotate(&next.id, json!({"overlap_secs": 0})).await;
    // Another organization is another matter, and so are other apis.
    it.create_key(json!({"name": "Usual", "mapped_user_id": maria})).await;
    it.create_key(json!({"name": "Usual 2", "mapped_user_id": maria})).await;
}

// S2.5: of many requests at once one makes it.
#[tokio::test]
async fn of_many_that_make_a_users_data_loader_key_at_once_one_does() {
    let it = Fixture::start().await;
    let role = it.create_role("Loads", &["contacts:read"]).await;
    let maria = it.create_member("Maria", &role).await;
    let racers = (0..8).map(|number| {
        let (client, path) = (it.admin.clone(), it.at("/keys"));
        let body = json!({"name": format!("Racer {number}"), "api": LOADER, "mapped_user_id": maria});
        it.app.app.spawn(async move { client.post(&path, body).await })
    });
    let racers: Vec<_> = racers.collect();
    let mut made = 0;
    for racer in racers {
        let answer = racer.await.unwrap();
        if answer.status == 201 {
            made += 1;
        } else {
            assert_eq!(answer.refusal(), (409, "user_has_key".to_owned()));
        }
    }
    assert_eq!(made, 1);
}

// S2.5: an import keeps to it too: of its lines one becomes that user's key.
#[tokio::test]
async fn an_import_gives_a_user_one_data_loader_key() {
    let it = Fixture::start().await;
    let role = it.create_role("Loads", &["contacts:read"]).await;
    let maria = it.create_member("Maria", &role).await;
    let begin = async |file: u8, more: Value| {
        let mut body = json!({"source_digest": HEXLOWER.encode(&[file; 32]), "source_name": "old.csv", "api": LOADER});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        it.admin.post(&it.at("/imports"), body).await
    };
    let nobody = begin(1, json!({"role_id": role})).await;
    assert_eq!((nobody.status, nobody.pointers()), (400, vec!["/mapped_user_id".to_owned()]));
    let line = |number: u64, text: &str| {
        let sha256 = HEXLOWER.encode(Digest::of_token(text.as_bytes()).as_bytes());
        json!({"line": number, "sha256": sha256, "name": format!("Old {text}")})
    };
    let import = begin(2, json!({"mapped_user_id": maria})).await.expect(200).text_at("/id");
    let lines = json!({"lines": [line(2, "loader-one-of-old"), line(3, "loader-two-of-old")]});
    let outcome = it.admin.post(&it.at(&format!("/imports/{import}/lines")), lines).await.expect(200).json();
    assert_eq!((&outcome["import"]["accepted"], &outcome["import"]["rejected"]), (&json!(1), &json!(1)), "{outcome}");
    assert_eq!(it.verify(json!({"key": "loader-one-of-old", "api": LOADER})).await["allowed"], true);
    assert_eq!(it.verify(json!({"key": "loader-two-of-old", "api": LOADER})).await["code"], "not_found");
    let listed = it.admin.get(&it.at("/keys?api=data-loader")).await.expect(200).json();
    assert_eq!(listed["data"][0]["expires_at"], json!(it.days_from_now(365)), "what no line says is as by default");
}

// They do not count as keys of the one who makes them for everybody.
#[tokio::test]
async fn one_person_makes_a_key_for_each_of_many_users() {
    let it = Fixture::start().await;
    it.admin.patch(&it.at("/policy"), json!({"max_keys_per_user": 2})).await.expect(200);
    let role = it.create_role("Loads", &["contacts:read"]).await;
    for number in 0..4 {
        let user_id = it.create_member(&format!("User {number}"), &role).await;
        loader(&it, &format!("User {number}"), &user_id).await;
    }
    let usual = json!({"name": "A usual one too many"});
    assert_eq!(it.admin.post(&it.at("/keys"), usual).await.refusal(), (409, "limit_reached".to_owned()));
}

// What the data loader has, any api can have that is made so.
#[tokio::test]
async fn an_api_of_ones_own_can_have_one_key_for_each_user_and_a_default_lifetime() {
    let it = Fixture::start().await;
    let new = json!({"name": "Sync", "slug": "sync", "key_prefix": "sync", "one_key_per_user": true, "expiry_days_default": 7});
    let made = it.admin.post(&it.at("/apis"), new).await.expect(201).json();
    assert_eq!((&made["one_key_per_user"], &made["expiry_days_default"]), (&json!(true), &json!(7)));
    let role = it.create_role("Syncs", &["contacts:read"]).await;
    let maria = it.create_member("Maria", &role).await;
    let body = |name: &str| json!({"name": name, "api": "sync", "mapped_user_id": maria});
    let key = it.admin.post(&it.at("/keys"), body("Laptop")).await.expect(201).json();
    assert_eq!(key["key"]["expires_at"], json!(it.days_from_now(7)));
    let second = it.admin.post(&it.at("/keys"), body("Phone")).await;
    assert_eq!(second.refusal(), (409, "user_has_key".to_owned()));
    let place = it.at(&format!("/apis/{}", made["id"].as_str().unwrap()));
    let ever = it.admin.patch(&place, json!({"expiry_days_default": null})).await.expect(200).json();
    assert_eq!(ever["expiry_days_default"], Value::Null);
    let none = it.admin.patch(&place, json!({"expiry_days_default": 0})).await;
    assert_eq!((none.status, none.pointers()), (400, vec!["/expiry_days_default".to_owned()]));
    let fixed = it.admin.patch(&place, json!({"one_key_per_user": false})).await;
    assert_eq!(fixed.refusal(), (400, "invalid_body".to_owned()));
}
