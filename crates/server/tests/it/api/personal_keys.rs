//! The key behind a member's API Access toggle, over HTTP.

use claviger_core::limits::NAME_CHARS_MAX;
use serde_json::{Value, json};

use super::client::{Answer, Client};
use super::fixture::{Fixture, Made};

/// A member with a key that an admin made, which nobody owns and so works whatever the role's switch says.
struct Member {
    user_id: String,
    client: Client,
    path: String,
}

impl Member {
    async fn new(it: &Fixture, name: &str, key_name: &str) -> Self {
        let role = it.built_in_role("member").await;
        let user_id = it.create_member(name, &role).await;
        let key = it.create_key(json!({"name": key_name, "owner_id": null, "mapped_user_id": user_id})).await;
        let path = it.at(&format!("/users/{user_id}/personal-key"));
        Self { user_id, client: it.admin.with(&key.token), path }
    }

    async fn toggle_on(&self) -> Answer {
        put(&self.client, &self.path).await
    }

    async fn toggle_off(&self, client: &Client) -> Answer {
        client.send(client.request("DELETE", &self.path)).await
    }
}

async fn put(client: &Client, path: &str) -> Answer {
    client.send(client.request("PUT", path)).await
}

async fn allow(it: &Fixture, allowed: bool) {
    let role = it.built_in_role("member").await;
    it.admin.patch(&it.at(&format!("/roles/{role}")), json!({"api_access": allowed})).await.expect(200);
}

// S0.7 S0.13: switching on makes a key at once, without a name or a form; switching on again makes no second one and shows no secret.
#[tokio::test]
async fn switching_on_makes_one_key_named_after_its_user() {
    let it = Fixture::start().await;
    allow(&it, true).await;
    let sam = Member::new(&it, "Sam Ortiz", "Sam's bootstrap").await;
    assert_eq!(sam.client.get(&sam.path).await.refusal(), (404, "not_found".into()));
    let first = sam.toggle_on().await.expect(201);
    let made = Made::of(&first);
    assert_eq!(
        (first.text_at("/key/name"), first.text_at("/key/origin")),
        ("Personal key of Sam Ortiz".into(), "toggle".into())
    );
    assert_eq!(
        (first.text_at("/key/owner/id"), first.text_at("/key/mapped_user/id")),
        (sam.user_id.clone(), sam.user_id.clone())
    );
    assert_eq!(first.json()["key"]["personal"], true);
    assert_eq!(it.admin.with(&made.token).get("/api/v1/me").await.expect(200).text_at("/user/name"), "Sam Ortiz");

    let again = sam.toggle_on().await.expect(200);
    assert_eq!((again.text_at("/key/id"), again.json()["secret"].clone()), (made.id.clone(), Value::Null));
    assert!(!again.text.contains(&made.secret_key));
    let shown = sam.client.get(&sam.path).await.expect(200);
    assert_eq!((shown.text_at("/id"), shown.header("etag").is_empty()), (made.id, false));
    assert!(!shown.text.contains(&made.secret_key));
}

// S0.13: of many toggles at once one makes the key.
#[tokio::test]
async fn of_many_toggles_at_once_one_makes_the_key() {
    let it = Fixture::start().await;
    allow(&it, true).await;
    let sam = Member::new(&it, "Sam Ortiz", "Sam's bootstrap").await;
    let racers = (0..8).map(|_| {
        let (client, path) = (sam.client.clone(), sam.path.clone());
        it.app.app.spawn(async move { put(&client, &path).await })
    });
    let racers: Vec<_> = racers.collect();
    let mut statuses = Vec::new();
    for racer in racers {
        statuses.push(racer.await.unwrap().status);
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 200, 201]);
}

// S0.9 S0.10 S0.12: regenerating keeps the key and ends the old secret at once; no overlap is to be had.
#[tokio::test]
async fn regenerating_and_switching_off_break_the_old_secret_at_once() {
    let it = Fixture::start().await;
    allow(&it, true).await;
    let sam = Member::new(&it, "Sam Ortiz", "Sam's bootstrap").await;
    let old = Made::of(&sam.toggle_on().await.expect(201));
    let new = Made::of(&sam.client.post(&format!("{}/rotate", sam.path), json!({})).await.expect(200));
    assert_eq!(new.id, old.id);
    assert_eq!(it.admin.with(&old.token).get("/api/v1/me").await.status, 401);
    it.admin.with(&new.token).get("/api/v1/me").await.expect(200);
    let kept = it.admin.post(&it.at(&format!("/keys/{}/rotate", old.id)), json!({"overlap_secs": 60})).await;
    assert_eq!(kept.refusal(), (403, "policy_denied".into()));

    assert_eq!(sam.toggle_off(&sam.client).await.expect(204).text, "");
    assert_eq!(it.admin.with(&new.token).get("/api/v1/me").await.refusal(), (401, "revoked".into()));
    assert_eq!(sam.toggle_off(&sam.client).await.refusal(), (404, "not_found".into()));
}

// S0.3 S0.5: off until an admin allows it, and refused again once that is taken back; S0.2: an admin needs no switch.
#[tokio::test]
async fn who_has_no_api_access_switches_nothing_on() {
    let it = Fixture::start().await;
    let sam = Member::new(&it, "Sam Ortiz", "Sam's bootstrap").await;
    assert_eq!(sam.toggle_on().await.refusal(), (403, "api_access_denied".into()));
    allow(&it, true).await;
    let made = Made::of(&sam.toggle_on().await.expect(201));
    allow(&it, false).await;
    assert_eq!(sam.toggle_on().await.refusal(), (403, "api_access_denied".into()));
    assert_eq!(it.admin.with(&made.token).get("/api/v1/me").await.refusal(), (403, "api_access_denied".into()));
    let path = it.at(&format!("/users/{}/personal-key", it.app.admin_id));
    put(&it.admin, &path).await.expect(201);
}

// S0.17 S0.18 S0.19: an admin clears anybody's key, whatever used it fails, and the user may make another one, which the old never was.
#[tokio::test]
async fn an_admin_clears_a_key_and_its_user_makes_another() {
    let it = Fixture::start().await;
    allow(&it, true).await;
    let sam = Member::new(&it, "Sam Ortiz", "Sam's bootstrap").await;
    let old = Made::of(&sam.toggle_on().await.expect(201));
    sam.toggle_off(&it.admin).await.expect(204);
    assert_eq!(it.admin.with(&old.token).get("/api/v1/me").await.refusal(), (401, "revoked".into()));
    assert_eq!(it.verify(json!({"access_key": old.access_key, "secret_key": old.secret_key})).await["code"], "revoked");
    let cleared = it.admin.get(&it.at(&format!("/keys/{}", old.id))).await.expect(200);
    assert_eq!(cleared.text_at("/revocation/reason"), "privilege_withdrawn");

    let new = Made::of(&sam.toggle_on().await.expect(201));
    assert_ne!(new.id, old.id);
    it.admin.with(&new.token).get("/api/v1/me").await.expect(200);
    assert_eq!(it.admin.with(&old.token).get("/api/v1/me").await.refusal(), (401, "revoked".into()));
}

// S0.28: whoever is no admin neither sees nor clears nor makes the key of somebody else; and an admin does not make one for a user.
#[tokio::test]
async fn members_reach_no_personal_key_but_their_own() {
    let it = Fixture::start().await;
    allow(&it, true).await;
    let (sam, ann) = (Member::new(&it, "Sam", "For Sam").await, Member::new(&it, "Ann", "For Ann").await);
    let made = Made::of(&sam.toggle_on().await.expect(201));
    let missing = (404, "not_found".to_owned());
    assert_eq!(ann.client.get(&sam.path).await.refusal(), missing);
    assert_eq!(put(&ann.client, &sam.path).await.refusal(), missing);
    assert_eq!(sam.toggle_off(&ann.client).await.refusal(), missing);
    assert_eq!(ann.client.post(&format!("{}/rotate", sam.path), json!({})).await.refusal(), missing);
    it.admin.with(&made.token).get("/api/v1/me").await.expect(200);

    let denied = (403, "policy_denied".to_owned());
    assert_eq!(put(&it.admin, &ann.path).await.refusal(), denied);
    assert_eq!(it.admin.post(&format!("{}/rotate", sam.path), json!({})).await.refusal(), denied);
    let narrow = it.create_key(json!({"name": "Narrow", "scopes": ["claviger/keys:create"]})).await;
    let own = it.at(&format!("/users/{}/personal-key", it.app.admin_id));
    let exceeding = put(&it.admin.with(&narrow.token), &own).await;
    assert_eq!(exceeding.refusal(), (403, "grant_exceeds_own".into()), "a narrow key makes no wide one");
}

// An admin may end a personal key and not take it over: with its secret the admin would act in the user's name.
#[tokio::test]
async fn nobody_but_its_user_gets_a_new_secret_of_a_personal_key() {
    let it = Fixture::start().await;
    allow(&it, true).await;
    let sam = Member::new(&it, "Sam Ortiz", "Sam's bootstrap").await;
    let made = Made::of(&sam.toggle_on().await.expect(201));
    let path = it.at(&format!("/keys/{}/rotate", made.id));
    let taken = it.admin.post(&path, json!({"overlap_secs": 0})).await;
    assert_eq!(taken.refusal(), (403, "policy_denied".into()));
    it.admin.with(&made.token).get("/api/v1/me").await.expect(200);
    sam.client.post(&path, json!({"overlap_secs": 0})).await.expect(200);
}

#[tokio::test]
async fn a_name_that_is_taken_gets_a_number_and_the_limit_of_keys_does_not_count() {
    let it = Fixture::start().await;
    allow(&it, true).await;
    let sam = Member::new(&it, "Sam Ortiz", "personal key of sam ortiz").await;
    let long = Member::new(&it, "Sam ".repeat(20).trim_end(), "For a long name").await;
    it.app.set_policy(it.app.root, r#"{"max_keys_per_user": 1, "expiry_days_max": 30}"#).await;
    let owned = json!({"name": "Own", "owner_id": sam.user_id, "mapped_user_id": sam.user_id, "expires_at": it.days_from_now(9)});
    it.create_key(owned).await;
    let made = sam.toggle_on().await.expect(201);
    assert_eq!(made.text_at("/key/name"), "Personal key of Sam Ortiz (2)");
    assert_eq!(made.text_at("/key/expires_at"), it.days_from_now(30), "as long as policy allows");
    // A name takes no more room than a name has, however long the user's is.
    let made = long.toggle_on().await.expect(201);
    let named = made.text_at("/key/name");
    assert!(named.starts_with("Personal key of Sam Sam") && named.chars().count() <= NAME_CHARS_MAX, "{named}");
}

// S0.15: the list of users with an active personal key, and of nobody else.
#[tokio::test]
async fn an_admin_lists_who_has_a_personal_key() {
    let it = Fixture::start().await;
    allow(&it, true).await;
    let (sam, ann) = (Member::new(&it, "Sam", "For Sam").await, Member::new(&it, "Ann", "For Ann").await);
    let listed = async |query: &str| {
        let page = it.admin.get(&it.at(&format!("/keys?personal=true{query}"))).await.expect(200).json();
        let owners = page["data"].as_array().unwrap().iter().map(|it| it["owner"]["name"].as_str().unwrap().to_owned());
        owners.collect::<Vec<_>>()
    };
    assert_eq!(listed("").await, [""; 0]);
    sam.toggle_on().await.expect(201);
    ann.toggle_on().await.expect(201);
    // Named after their users, so that the order of names is theirs.
    assert_eq!(listed("&sort=name&state=active").await, ["Ann", "Sam"]);
    assert_eq!(listed(&format!("&owner_id={}", sam.user_id)).await, ["Sam"]);
    sam.toggle_off(&it.admin).await.expect(204);
    assert_eq!(listed("&sort=name").await, ["Ann"]);
}
