//! The question whether a key is good.

use serde_json::{Value, json};

use super::fixture::Fixture;

// S2.12, S2.13: the key reaches what its mapped user may reach, and follows that user's rights at once.
#[tokio::test]
async fn a_key_carries_the_rights_of_its_mapped_user() {
    let it = Fixture::start().await;
    let role = it.create_role("Scorecard A", &["scorecards/A:read", "scorecards/A:update"]).await;
    let user_id = it.create_member("M", &role).await;
    let made = it.create_key(json!({"name": "Integration", "mapped_user_id": user_id})).await;
    let ask = async |permission: &str| it.verify(json!({"key": made.token, "permissions": [permission]})).await;
    let allowed = ask("scorecards/A:read").await;
    assert_eq!(allowed["allowed"], true);
    assert_eq!(allowed["mapped_user"]["name"], "M");
    assert_eq!(allowed["role"], "Scorecard A");
    assert_eq!(allowed["permissions"], json!(["scorecards/A:read", "scorecards/A:update"]));
    assert_eq!(ask("scorecards:read").await["elements"], json!(["A"]));
    let refused = ask("scorecards/B:read").await;
    assert_eq!((&refused["allowed"], &refused["code"]), (&json!(false), &json!("insufficient_permission")));

    let wider = json!({"permissions": ["scorecards/A:read", "scorecards/B:read"]});
    it.admin.patch(&it.at(&format!("/roles/{role}")), wider).await.expect(200);
    assert_eq!(ask("scorecards/B:read").await["allowed"], true);
    assert_eq!(ask("scorecards:read").await["elements"], json!(["A", "B"]));
    assert_eq!(ask("scorecards/A:update").await["allowed"], false);

    it.admin.patch(&it.at(&format!("/users/{user_id}")), json!({"status": "disabled"})).await.expect(200);
    assert_eq!(ask("scorecards/A:read").await["code"], "user_inactive");
}

// Asked why, it names the part at fault and the permission that is missing from it.
#[tokio::test]
async fn an_explanation_says_what_each_part_allows() {
    let it = Fixture::start().await;
    let made = it.create_key(json!({"name": "Narrow", "scopes": ["contacts:read"]})).await;
    let asked = json!({"key": made.token, "permissions": ["contacts:read", "contacts:update"], "explain": true});
    let answer = it.verify(asked).await;
    assert_eq!(answer["code"], "insufficient_permission");
    let line = |check: &str| {
        let found = answer["trace"].as_array().unwrap().iter().find(|it| it["check"] == check);
        found.unwrap().clone()
    };
    let parts = |update: bool| {
        json!([
            {"permission": "contacts:read", "allowed": true},
            {"permission": "contacts:update", "allowed": update},
        ])
    };
    let denied = json!({"check": "scopes", "denied": "insufficient_permission", "permissions": parts(false)});
    assert_eq!(line("scopes"), denied);
    assert_eq!(line("rights"), json!({"check": "rights", "denied": null, "permissions": parts(true)}));
    assert_eq!(line("key"), json!({"check": "key", "denied": null}));

    for (key, code) in [("somebodys-guess", "not_found"), ("ck_0000000000000000", "not_found")] {
        let unknown = it.verify(json!({"key": key, "explain": true})).await;
        assert_eq!(unknown["trace"], json!([{"check": "key", "denied": code}]), "{unknown}");
        assert!(it.verify(json!({"key": key})).await.get("trace").is_none());
    }
}

// S2.10, assurance R4: strictly before the date the key passes, at it and after it does not.
#[tokio::test]
async fn expiry_is_exact() {
    let it = Fixture::start().await;
    let end = it.days_from_now(30);
    let made = it.create_key(json!({"name": "Ends", "expires_at": end})).await;
    let path = it.at(&format!("/keys/{}", made.id));
    let bearer = it.admin.with(&made.token);
    it.set_clock(&end, -1);
    assert_eq!(it.verify(json!({"key": made.token})).await["allowed"], true);
    bearer.get("/api/v1/me").await.expect(200);
    for micros in [0, 1, 1_000, 86_400_000_000] {
        it.set_clock(&end, micros);
        let refused = it.verify(json!({"key": made.token, "explain": true})).await;
        assert_eq!((&refused["allowed"], &refused["code"]), (&json!(false), &json!("expired")), "{micros} µs");
        let trace = refused["trace"].as_array().unwrap();
        assert_eq!(trace.iter().find(|it| it["check"] == "expiry").unwrap()["denied"], "expired");
        assert_eq!(bearer.get("/api/v1/me").await.refusal(), (401, "expired".into()));
        assert_eq!(it.admin.get(&path).await.expect(200).text_at("/state"), "expired");
    }
    it.admin.patch(&path, json!({"expires_at": null})).await.expect(200);
    assert_eq!(it.verify(json!({"key": made.token})).await["allowed"], true);
}

#[tokio::test]
async fn an_expiry_that_has_passed_is_refused() {
    let it = Fixture::start().await;
    let answer = it.admin.post(&it.at("/keys"), json!({"name": "Late", "expires_at": it.now()})).await;
    assert_eq!(answer.refusal(), (400, "invalid_field".into()));
    assert_eq!(answer.pointers(), ["/expires_at"]);
}

#[tokio::test]
async fn a_decision_is_an_answer_and_not_an_error() {
    let it = Fixture::start().await;
    let made = it.create_key(json!({"name": "Subject", "metadata": {"plan": "gold"}})).await;
    let answer = it.verify(json!({"key": made.token})).await;
    assert_eq!(answer["allowed"], true);
    assert_eq!(answer["code"], Value::Null);
    assert_eq!(answer["key"]["id"], made.id.as_str());
    assert_eq!(answer["key"]["metadata"], json!({"plan": "gold"}));
    assert_eq!(answer["organization"]["id"], it.root.as_str());
    assert!(answer["as_of"].as_str().unwrap() <= it.now().as_str());
    assert!(answer["stale_ms"].as_u64().unwrap() < 60_000);
    let pair = it.verify(json!({"access_key": made.access_key, "secret_key": made.secret_key})).await;
    assert_eq!(pair["key"]["id"], made.id.as_str());

    let mut flipped = made.token.clone();
    let last = if flipped.ends_with('a') { "b" } else { "a" };
    flipped.replace_range(flipped.len() - 1.., last);
    for (key, code) in [(flipped.as_str(), "malformed"), ("an-opaque-key-nobody-has", "not_found")] {
        let answer = it.verify(json!({"key": key})).await;
        assert_eq!((&answer["allowed"], &answer["code"], &answer["key"]), (&json!(false), &json!(code), &Value::Null));
    }
}

#[tokio::test]
async fn a_question_is_read_strictly() {
    let it = Fixture::start().await;
    let made = it.create_key(json!({"name": "Subject"})).await;
    let cases: [(Value, &[&str]); 9] = [
        (json!({}), &["/key"]),
        (json!({"key": made.token, "access_key": "a", "secret_key": "b"}), &["/key"]),
        (json!({"access_key": "a"}), &["/secret_key"]),
        (json!({"secret_key": "a"}), &["/access_key"]),
        (json!({"key": made.token, "ip": "here"}), &["/ip"]),
        (json!({"key": made.token, "permissions": vec!["a:read"; 17]}), &["/permissions"]),
        (json!({"key": made.token, "permissions": ["*:read"]}), &["/permissions/0"]),
        (json!({"key": made.token, "permissions": ["a:read", "nonsense"]}), &["/permissions/1"]),
        (json!({"ip": "here", "permissions": vec!["a:read"; 17]}), &["/key", "/ip", "/permissions"]),
    ];
    for (body, pointers) in cases {
        let answer = it.admin.post("/api/v1/verify", body.clone()).await;
        assert_eq!(answer.refusal(), (400, "invalid_field".into()), "{body}");
        assert_eq!(answer.pointers(), pointers, "{body}");
    }
}

// S1.19: a key of the organization above reaches what is below if it says so; one from below never reaches up or aside.
#[tokio::test]
async fn reach_follows_the_tree() {
    let it = Fixture::start().await;
    let (one, two) = (it.create_organization("Location 1").await, it.create_organization("Location 2").await);
    let agency = it.create_key(json!({"name": "Agency", "reach": "subtree"})).await;
    let narrow = it.create_key(json!({"name": "Agency only"})).await;
    let at_one = format!("/api/v1/organizations/{one}/keys");
    let location = super::fixture::Made::of(&it.admin.post(&at_one, json!({"name": "Location"})).await.expect(201));
    let ask = async |key: &str, organization: &str| {
        it.verify(json!({"key": key, "organization": organization})).await["code"].clone()
    };
    for organization in [&it.root, &one, &two] {
        assert_eq!(ask(&agency.token, organization).await, Value::Null, "{organization}");
    }
    assert_eq!(ask(&narrow.token, &it.root).await, Value::Null);
    assert_eq!(ask(&narrow.token, &one).await, "out_of_reach");
    assert_eq!(ask(&location.token, &one).await, Value::Null);
    for organization in [&it.root, &two] {
        assert_eq!(ask(&location.token, organization).await, "out_of_reach", "{organization}");
    }
    // On our own API the same is a 404, like one that does not exist.
    let read = |organization: &str| format!("/api/v1/organizations/{organization}");
    let bearer = it.admin.with(&location.token);
    bearer.get(&read(&one)).await.expect(200);
    assert_eq!(bearer.get(&read(&two)).await.refusal(), (404, "not_found".into()));
}

#[tokio::test]
async fn who_may_verify_from_above_is_told_of_a_suspension_and_nobody_else() {
    let it = Fixture::start().await;
    let agency = it.create_organization("Agency").await;
    let location = json!({"name": "Location"});
    let location = it
        .admin
        .post(&format!("/api/v1/organizations/{agency}/organizations"), location)
        .await
        .expect(201)
        .text_at("/id");
    let made = async |organization: &str, key: Value| {
        let at = format!("/api/v1/organizations/{organization}/keys");
        super::fixture::Made::of(&it.admin.post(&at, key).await.expect(201)).token
    };
    let key = made(&location, json!({"name": "Location's"})).await;
    let narrow = made(&it.root, json!({"name": "Root alone"})).await;
    let beside = made(&it.create_organization("Beside").await, json!({"name": "Beside"})).await;
    it.admin.patch(&format!("/api/v1/organizations/{agency}"), json!({"status": "suspended"})).await.expect(200);
    let code = async |client: &super::client::Client| {
        client.post("/api/v1/verify", json!({"key": key})).await.expect(200).json()["code"].clone()
    };
    assert_eq!(code(&it.admin).await, "organization_suspended");
    assert_eq!(code(&it.admin.with(&narrow)).await, "not_found");
    assert_eq!(code(&it.admin.with(&beside)).await, "not_found");
}

// S0.5: API access is both: having keys made and using them; taken back, existing ones stop at once.
#[tokio::test]
async fn api_access_of_a_role_switches_its_holders_keys() {
    let it = Fixture::start().await;
    let member = it.built_in_role("member").await;
    let switch = async |on: bool| {
        it.admin.patch(&it.at(&format!("/roles/{member}")), json!({"api_access": on})).await.expect(200);
    };
    let user_id = it.create_member("M", &member).await;
    switch(true).await;
    let made = it.create_key(json!({"name": "Of M", "owner_id": user_id, "mapped_user_id": user_id})).await;
    let bearer = it.admin.with(&made.token);
    let own = bearer.post(&it.at("/keys"), json!({"name": "By M"})).await.expect(201);
    assert_eq!(own.text_at("/key/owner/id"), user_id);
    switch(false).await;
    assert_eq!(bearer.get("/api/v1/me").await.refusal(), (403, "api_access_denied".into()));
    let own = it.admin.with(&own.text_at("/secret/token"));
    assert_eq!(own.post(&it.at("/keys"), json!({"name": "More"})).await.refusal(), (403, "api_access_denied".into()));
    assert_eq!(it.verify(json!({"key": made.token})).await["code"], "api_access_denied");
    switch(true).await;
    bearer.get("/api/v1/me").await.expect(200);
}

// S2.28: somebody who is no admin uses a key that an admin made.
#[tokio::test]
async fn a_member_uses_a_key_that_an_admin_made() {
    let it = Fixture::start().await;
    let role = it.create_role("Reader", &["contacts:read"]).await;
    let user_id = it.create_member("M", &role).await;
    let made = it.create_key(json!({"name": "For M", "mapped_user_id": user_id})).await;
    let answer = it.verify(json!({"key": made.token, "permissions": ["contacts:read"]})).await;
    assert_eq!((&answer["allowed"], &answer["mapped_user"]["id"]), (&json!(true), &json!(user_id)));
}

#[tokio::test]
async fn a_key_of_one_api_is_refused_at_another() {
    let it = Fixture::start().await;
    let loader = it.create_key(json!({"name": "Loader", "api": "data-loader"})).await;
    let usual = it.create_key(json!({"name": "Loader"})).await;
    let ask = async |key: &str, api: &str| it.verify(json!({"key": key, "api": api})).await["code"].clone();
    assert_eq!(ask(&loader.token, "data-loader").await, Value::Null);
    assert_eq!(ask(&loader.token, "default").await, "wrong_api");
    assert_eq!(ask(&usual.token, "data-loader").await, "wrong_api");
    assert_eq!(it.admin.with(&loader.token).get("/api/v1/me").await.refusal(), (403, "wrong_api".into()));
}
