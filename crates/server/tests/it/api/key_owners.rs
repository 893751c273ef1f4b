//! Giving a key another owner, over HTTP.

use serde_json::{Value, json};

use super::fixture::Fixture;
use crate::app::new_key;
use claviger_core::role::BuiltIn;

#[tokio::test]
async fn an_admin_gives_a_key_to_a_member_and_to_nobody() {
    let it = Fixture::start().await;
    it.app.allow_members_keys(it.app.root, true).await;
    let member = it.built_in_role("member").await;
    let user_id = it.create_member("Mia Keller", &member).await;
    let key = it.create_key(json!({"name": "CI", "mapped_user_id": user_id})).await;
    let path = it.at(&format!("/keys/{}", key.id));
    let owned = it.admin.patch(&path, json!({"owner_id": user_id})).await.expect(200).json();
    assert_eq!(owned["owner"]["id"], json!(user_id));
    assert_eq!(it.verify(json!({"key": key.token})).await["allowed"], true);

    // The verifier knows whose it is: with the API access of the role, the owner's keys end.
    it.app.allow_members_keys(it.app.root, false).await;
    assert_eq!(it.verify(json!({"key": key.token})).await["code"], "api_access_denied");
    let nobodys = it.admin.patch(&path, json!({"owner_id": null})).await.expect(200).json();
    assert_eq!(nobodys["owner"], Value::Null);
    assert_eq!(it.verify(json!({"key": key.token})).await["allowed"], true, "nobody's API access is not asked for");

    let refused = it.admin.patch(&path, json!({"owner_id": user_id})).await;
    assert_eq!(refused.refusal(), (403, "api_access_denied".into()), "it would be denied wherever it is shown");
    let nobody = json!({"owner_id": "usr_01kapxb4q0e8mv5r3g2t9w7yzn"});
    assert_eq!(it.admin.patch(&path, nobody).await.refusal(), (400, "invalid_field".into()));
    let events = it.admin.get(&it.at("/events?operation=key.updated")).await.expect(200).json();
    let told: Vec<_> = events["data"].as_array().unwrap().iter().map(|it| &it["after"]["owner_id"]).collect();
    assert_eq!(told, [&Value::Null, &json!(user_id)]);
}

// Nobody gives more than they hold, takes over what is others', or makes what belongs to nobody.
#[tokio::test]
async fn only_an_admin_gives_a_key_another_owner_and_never_a_personal_one() {
    let it = Fixture::start().await;
    it.app.allow_members_keys(it.app.root, true).await;
    let keeper = it.create_role("Keeper", &["claviger/keys:*", "claviger/own-keys:*"]).await;
    let (keeper_id, user_id) = (
        it.create_member("Kim Keeper", &keeper).await,
        it.create_member("Mia", &it.built_in_role("member").await).await,
    );
    let body = json!({"name": "Keeper's", "owner_id": keeper_id, "mapped_user_id": keeper_id});
    let caller = it.create_key(body).await;
    let caller = it.admin.with(&caller.token);
    let own = it.create_key(json!({"name": "Own", "owner_id": keeper_id, "mapped_user_id": keeper_id})).await;
    let foreign = it.create_key(json!({"name": "Foreign", "owner_id": user_id, "mapped_user_id": user_id})).await;
    for (key, owner) in
        [(&own, json!(user_id)), (&own, Value::Null), (&foreign, json!(keeper_id)), (&foreign, Value::Null)]
    {
        let answer = caller.patch(&it.at(&format!("/keys/{}", key.id)), json!({"owner_id": owner})).await;
        assert_eq!(answer.refusal(), (403, "policy_denied".into()), "{owner}");
        assert_eq!(answer.text_at("/errors/0/pointer"), "/owner_id", "{answer:?}");
    }
    let same = json!({"owner_id": keeper_id, "description": "as it was"});
    caller.patch(&it.at(&format!("/keys/{}", own.id)), same).await.expect(200);

    let personal = it.admin.request("PUT", &it.at(&format!("/users/{user_id}/personal-key")));
    let personal = it.admin.send(personal).await;
    let personal = personal.json()["key"]["id"].as_str().map(str::to_owned);
    if let Some(personal) = personal {
        let answer = it.admin.patch(&it.at(&format!("/keys/{personal}")), json!({"owner_id": null})).await;
        assert_eq!(answer.refusal(), (400, "invalid_field".into()));
    }
}

#[tokio::test]
async fn no_more_keys_are_given_to_somebody_than_policy_lets_them_own() {
    let it = Fixture::start().await;
    let (_, user_id, _) = it.app.member(it.app.root, "Ann", BuiltIn::Admin).await;
    it.admin.patch(&it.at("/policy"), json!({"max_keys_per_user": 1})).await.expect(200);
    let mut given = Vec::new();
    for name in ["One", "Two"] {
        let new = claviger::ops::keys::NewKey { owner_id: Some(None), ..new_key(name) };
        let key = it.app.create_key(&it.app.admin, it.app.root, new).await.unwrap();
        let path = it.at(&format!("/keys/{}", key.info.key.id));
        given.push(it.admin.patch(&path, json!({"owner_id": user_id})).await);
    }
    assert_eq!(given[0].status, 200, "{:?}", given[0]);
    assert_eq!(given[1].code(), "limit_reached", "{:?}", given[1]);
}

// Whoever acts on own keys only does not undo what somebody else did to them, one by one or together; their own doing they take back.
#[tokio::test]
async fn a_member_switches_no_key_on_that_an_admin_switched_off() {
    let it = Fixture::start().await;
    it.app.allow_members_keys(it.app.root, true).await;
    let user_id = it.create_member("Mia", &it.built_in_role("member").await).await;
    let body = |name: &str| json!({"name": name, "owner_id": user_id, "mapped_user_id": user_id});
    let caller = it.create_key(body("Mia's")).await;
    let mia = it.admin.with(&caller.token);
    let key = it.create_key(body("CI")).await;
    let path = |action: &str| it.at(&format!("/keys/{}/{action}", key.id));
    let together = json!({"keys": {"ids": [key.id]}});
    let bulk = |action: &str| it.at(&format!("/keys/bulk/{action}"));

    let ways = || [(path("deactivate"), json!({})), (bulk("deactivate"), together.clone())];
    for (off, body) in ways() {
        it.admin.post(&off, body).await.expect(200);
        let refused = mia.post(&path("activate"), json!({})).await;
        assert_eq!(refused.refusal(), (403, "insufficient_permission".into()), "{off}");
        let refused = mia.post(&bulk("activate"), together.clone()).await.expect(200).json();
        assert_eq!((&refused["done"], &refused["left_out"][0]["code"]), (&json!(0), &json!("insufficient_permission")));
        // To switch off what is off is no doing of one's own.
        mia.post(&path("deactivate"), json!({})).await.expect(200);
        assert_eq!(mia.post(&path("activate"), json!({})).await.status, 403);
        it.admin.post(&path("activate"), json!({})).await.expect(200);
    }
    for (off, body) in ways() {
        mia.post(&off, body).await.expect(200);
        mia.post(&path("activate"), json!({})).await.expect(200);
    }
}
