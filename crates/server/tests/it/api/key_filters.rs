//! Which keys a list shows, by what is said of them; and copies of keys.

use std::time::Duration;

use serde_json::{Value, json};

use super::fixture::{Fixture, Made};

async fn ids(it: &Fixture, query: &str) -> Vec<String> {
    let page = it.admin.get(&it.at(&format!("/keys?search=row&sort=name&{query}"))).await.expect(200).json();
    page["data"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
}

// S3.15: those that were not used for a while, or never, are found, so that they can be cleaned up.
#[tokio::test]
async fn idle_keys_are_found_by_their_last_use() {
    let it = Fixture::start().await;
    let [never, once, often] = [
        it.create_key(json!({"name": "row never"})).await,
        it.create_key(json!({"name": "row once"})).await,
        it.create_key(json!({"name": "row oft"})).await,
    ];
    for key in [&once, &often] {
        it.admin.with(&key.token).get("/api/v1/me").await.expect(200);
    }
    it.flush_uses().await;
    let days = |days: u64| Duration::from_secs(days * 86_400);
    it.app.clock.advance(days(40));
    it.admin.with(&often.token).get("/api/v1/me").await.expect(200);
    it.flush_uses().await;
    let fresh = it.create_key(json!({"name": "row fresh"})).await;
    assert_eq!(
        ids(&it, "unused_days=30").await,
        [never.id.clone(), once.id.clone()],
        "one made a moment ago is not idle"
    );
    assert_eq!(ids(&it, "unused_days=41").await, [""; 0]);
    assert_eq!(ids(&it, "never_used=true").await, [fresh.id.clone(), never.id.clone()]);
    for refused in ["unused_days=0", "unused_days=3651"] {
        let answer = it.admin.get(&it.at(&format!("/keys?{refused}"))).await;
        assert_eq!(
            (answer.refusal(), answer.pointers()),
            ((400, "invalid_field".into()), vec!["unused_days".to_owned()])
        );
    }
    it.app.clock.advance(days(60));
    assert_eq!(ids(&it, "unused_days=30").await, [fresh.id, never.id, often.id, once.id]);
}

#[tokio::test]
async fn keys_are_found_by_when_they_were_made_and_end() {
    let it = Fixture::start().await;
    let (start, soon, late) = (it.now(), it.days_from_now(10), it.days_from_now(90));
    let first = it.create_key(json!({"name": "row 1", "expires_at": soon})).await.id;
    it.advance_micros(86_400_000_000);
    let next_day = it.now();
    let second = it.create_key(json!({"name": "row 2", "expires_at": late})).await.id;
    let endless = it.create_key(json!({"name": "row 3"})).await.id;
    let (one, rest) = ([first.clone()], [second.clone(), endless.clone()]);
    assert_eq!(ids(&it, &format!("created_from={start}&created_before={next_day}")).await, one);
    assert_eq!(ids(&it, &format!("created_from={next_day}")).await, rest);
    assert_eq!(ids(&it, &format!("expires_before={late}")).await, one);
    assert_eq!(ids(&it, &format!("expires_from={soon}")).await, [first.clone(), second.clone()]);
    assert_eq!(ids(&it, "origin=api&personal=false").await, [first, second, endless]);
    assert_eq!(ids(&it, "origin=import").await, [""; 0]);
    assert_eq!(ids(&it, "personal=true").await, [""; 0]);
    let wrong = it.admin.get(&it.at("/keys?created_from=yesterday")).await;
    assert_eq!(wrong.pointers(), ["created_from"]);
}

// What belongs to nobody, and what has no role of its own, is what an admin looks for when cleaning up; and a key by what a log shows of it.
#[tokio::test]
async fn keys_are_found_by_what_they_lack_and_by_their_hint() {
    let it = Fixture::start().await;
    let readonly = it.built_in_role("readonly").await;
    let plain = it.create_key(json!({"name": "row 1", "role_id": readonly})).await;
    let nobodys =
        it.create_key(json!({"name": "row 2", "owner_id": null, "mapped_user_id": null, "role_id": readonly})).await;
    let roleless = it.create_key(json!({"name": "row 3"})).await;
    assert_eq!(ids(&it, "owner_id=none").await, std::slice::from_ref(&nobodys.id));
    assert_eq!(ids(&it, "mapped_user_id=none").await, std::slice::from_ref(&nobodys.id));
    assert_eq!(ids(&it, "role_id=none").await, std::slice::from_ref(&roleless.id));
    assert_eq!(ids(&it, "role_id=none&owner_id=none").await, [""; 0]);
    let nobody = it.admin.get(&it.at("/keys?owner_id=nobody")).await;
    assert_eq!((nobody.status, nobody.pointers()), (400, vec!["owner_id".to_owned()]));
    let body = json!({"keys": {"filter": {"search": "row", "owner_id": "none"}}, "dry_run": true});
    assert_eq!(it.admin.post(&it.at("/keys/bulk/revoke"), body).await.expect(200).json()["done"], 1);

    let shown = it.admin.get(&it.at(&format!("/keys/{}", plain.id))).await.expect(200).text_at("/access_hint");
    let found = it.admin.get(&it.at(&format!("/keys?search={shown}"))).await.expect(200).json();
    assert_eq!((&found["total"], &found["data"][0]["id"]), (&json!(1), &json!(plain.id)));
}

#[tokio::test]
async fn a_copy_has_the_settings_of_a_key_and_a_secret_of_its_own() {
    let it = Fixture::start().await;
    let role_id = it.built_in_role("readonly").await;
    let ends = it.days_from_now(10);
    let body = json!({"name": "CI", "description": "deploys", "role_id": role_id, "scopes": ["contacts:read"], "expires_at": ends,
        "allowed_ips": ["127.0.0.1"], "stored_in": "Vault", "metadata": {"team": "7"}, "api": "billing",
        "limits": {"rate": "100/10s", "daily_quota": 5000}});
    it.admin
        .post(&it.at("/apis"), json!({"name": "Billing", "slug": "billing", "key_prefix": "bill"}))
        .await
        .expect(201);
    let first = it.create_key(body).await;
    let path = it.at(&format!("/keys/{}/duplicate", first.id));
    let copy = it.admin.post(&path, json!({})).await.expect(201);
    let made = Made::of(&copy);
    assert_ne!((made.id.as_str(), made.token.as_str()), (first.id.as_str(), first.token.as_str()));
    assert_eq!(copy.text_at("/key/name"), "CI copy");
    let shown = it.admin.get(&it.at(&format!("/keys/{}", first.id))).await.expect(200).json();
    for same in [
        "/description",
        "/role/id",
        "/scopes",
        "/expires_at",
        "/allowed_ips",
        "/limits",
        "/reach",
        "/metadata",
        "/api",
        "/owner/id",
    ] {
        assert_eq!(copy.json()["key"].pointer(same), shown.pointer(same), "{same}");
    }
    assert_eq!(copy.json()["key"]["stored_in"], Value::Null, "the new secret is kept nowhere yet");
    assert_eq!(it.verify(json!({"key": made.token, "api": "billing", "ip": "127.0.0.1"})).await["allowed"], true);
    assert_eq!(it.admin.post(&path, json!({})).await.expect(201).text_at("/key/name"), "CI copy 2");
    let named = it.admin.post(&path, json!({"name": "Staging", "expires_at": null})).await.expect(201);
    assert_eq!(
        (named.text_at("/key/name"), named.json()["key"]["expires_at"].clone()),
        ("Staging".into(), Value::Null)
    );
    assert_eq!(it.admin.post(&path, json!({"name": "Staging"})).await.refusal(), (409, "name_taken".into()));
}

// Who copies a key makes a key: nobody gets more than they hold, and nobody copies what they may not see.
#[tokio::test]
async fn a_copy_holds_no_more_than_whoever_makes_it() {
    let it = Fixture::start().await;
    let wide = it.create_key(json!({"name": "Wide"})).await;
    let path = it.at(&format!("/keys/{}/duplicate", wide.id));
    let narrow =
        it.create_key(json!({"name": "Narrow", "scopes": ["claviger/keys:create", "claviger/keys:read"]})).await;
    assert_eq!(it.admin.with(&narrow.token).post(&path, json!({})).await.refusal(), (403, "grant_exceeds_own".into()));
    let blind = it.create_key(json!({"name": "Blind", "scopes": ["claviger/keys:create"]})).await;
    assert_eq!(
        it.admin.with(&blind.token).post(&path, json!({})).await.refusal(),
        (403, "insufficient_permission".into())
    );
    it.revoke(&wide.id).await;
    assert_eq!(it.admin.post(&path, json!({"name": "After"})).await.expect(201).text_at("/key/name"), "After");
}
