//! Apis over HTTP: their keys, their prefixes, and who sees and changes them.

use serde_json::{Value, json};

use super::fixture::Fixture;
use crate::raw::Raw;

fn api(slug: &str, prefix: &str) -> Value {
    json!({"name": format!("The {slug}"), "slug": slug, "key_prefix": prefix})
}

#[tokio::test]
async fn an_api_is_made_and_its_keys_bear_its_prefix_and_are_good_for_it_alone() {
    let it = Fixture::start().await;
    let made = it.admin.post(&it.at("/apis"), api("billing", "bill")).await.expect(201);
    assert_eq!(made.header("etag"), "\"1\"");
    let place = made.header("location").to_owned();
    assert_eq!(it.admin.get(&place).await.expect(200).json(), made.json());
    let key = it.create_key(json!({"name": "CI", "api": "billing"})).await;
    assert!(key.token.starts_with("bill_"), "{}", key.access_key);
    let code = async |api: &str| it.verify(json!({"key": key.token, "api": api})).await["code"].clone();
    assert_eq!((code("billing").await, code("default").await), (Value::Null, json!("wrong_api")));
    // No key would be right for an api that there is not.
    for explain in [false, true] {
        let body = json!({"key": key.token, "api": "invoices", "explain": explain});
        let refused = it.admin.post("/api/v1/verify", body).await;
        assert_eq!((refused.refusal(), refused.pointers()), ((400, "invalid_field".into()), vec!["/api".to_owned()]));
        assert!(refused.text_at("/fix").contains("/apis` lists them"), "{refused:?}");
    }
    let unknown = it.verify(json!({"key": "nobody's", "api": "invoices"})).await;
    assert_eq!(unknown["code"], "not_found", "an unknown key is told from another's by nothing");
    let asked = it.admin.request("POST", "/oauth/introspect?api=invoices").form(&[("token", key.token.as_str())]);
    let refused = it.admin.send(asked).await;
    assert_eq!((refused.status, refused.text_at("/error")), (400, "invalid_request".to_owned()));
    let batch = json!({"requests": [{"key": key.token, "api": "invoices"}, {"key": key.token, "api": "billing"}]});
    let answers = it.admin.post("/api/v1/verify/batch", batch).await.expect(200).json()["answers"].clone();
    assert_eq!(
        (&answers[0]["allowed"], &answers[0]["errors"][0]["pointer"]),
        (&json!(false), &json!("/requests/0/api"))
    );
    assert_eq!(answers[1]["allowed"], true);

    let renamed = it.admin.patch(&place, json!({"name": "Invoices"})).await.expect(200);
    assert_eq!((renamed.text_at("/name"), renamed.header("etag")), ("Invoices".to_owned(), "\"2\""));
    let stale = it.admin.request("PATCH", &place).header("if-match", "\"1\"").json(&json!({"name": "Late"}));
    assert_eq!(it.admin.send(stale).await.status, 412);
    for fixed in ["slug", "key_prefix"] {
        let refused = it.admin.patch(&place, json!({fixed: "other"})).await;
        assert_eq!(refused.refusal(), (400, "invalid_body".to_owned()), "{fixed} stays");
    }
    let history = it.admin.get(&it.at("/events?entity_kind=api&limit=2")).await.expect(200).json();
    let operations: Vec<_> = history["data"].as_array().unwrap().iter().map(|it| it["operation"].clone()).collect();
    assert_eq!(operations, ["api.updated", "api.created"]);
    assert_eq!(history["data"][0]["before"]["name"], "The billing");
}

#[tokio::test]
async fn an_api_of_another_organization_is_told_from_none_by_nobody_who_cannot_see_it() {
    let it = Fixture::start().await;
    let (agency, other) = (it.create_organization("Agency").await, it.create_organization("Other").await);
    let at = |id: &str, rest: &str| format!("/api/v1/organizations/{id}{rest}");
    it.admin.post(&at(&other, "/apis"), api("secret-product", "sec")).await.expect(201);
    it.admin.post(&at(&agency, "/apis"), api("billing", "bill")).await.expect(201);
    let verify = json!({"name": "Verifier", "scopes": ["claviger/keys:verify"]});
    let made = |answer: &super::client::Answer| super::fixture::Made::of(answer);
    let verifier = made(&it.admin.post(&at(&agency, "/keys"), verify).await.expect(201));
    let key = made(&it.admin.post(&at(&agency, "/keys"), json!({"name": "Key"})).await.expect(201));
    let verifier = it.admin.with(&verifier.token);
    let ask = async |client: &super::client::Client, api: &str| {
        client.post("/api/v1/verify", json!({"key": key.token, "api": api})).await
    };
    // Each answer has a number of its own.
    let told = |answer: &super::client::Answer| {
        let mut body = answer.json();
        body.as_object_mut().unwrap().remove("request_id");
        body
    };
    let (foreign, none) = (ask(&verifier, "secret-product").await, ask(&verifier, "nothing").await);
    assert_eq!(foreign.refusal(), (400, "invalid_field".into()));
    assert_eq!(told(&foreign), told(&none), "the one is answered as the other");
    assert_eq!(
        ask(&verifier, "billing").await.expect(200).json()["code"],
        "wrong_api",
        "it serves the key's organization"
    );
    let seen = ask(&it.admin, "secret-product").await.expect(200).json();
    assert_eq!(seen["code"], "wrong_api", "who may verify there is told that it is another api's");
    let introspect = async |api: &str| {
        let asked = verifier.request("POST", &format!("/oauth/introspect?api={api}"));
        let answer = verifier.send(asked.form(&[("token", key.token.as_str())])).await;
        (answer.status, told(&answer))
    };
    let foreign = introspect("secret-product").await;
    assert_eq!((foreign.0, &foreign), (400, &introspect("nothing").await));
    assert_eq!(introspect("billing").await.0, 200);
}

#[tokio::test]
async fn slugs_and_prefixes_are_each_taken_once_and_have_a_form() {
    let it = Fixture::start().await;
    it.admin.post(&it.at("/apis"), api("billing", "bill")).await.expect(201);
    for taken in [api("billing", "other"), api("other", "bill"), api("default", "other")] {
        assert_eq!(it.admin.post(&it.at("/apis"), taken).await.refusal(), (409, "name_taken".to_owned()));
    }
    for prefix in ["b", "Bill", "1bill", "bill_", "abcdefghijklm", ""] {
        let refused = it.admin.post(&it.at("/apis"), api("other", prefix)).await;
        assert_eq!((refused.status, refused.pointers()), (400, vec!["/key_prefix".to_owned()]), "{prefix}");
    }
    let listed = it.admin.get(&it.at("/apis")).await.expect(200).json();
    let apis: Vec<_> = listed["data"].as_array().unwrap().iter().map(|it| (&it["slug"], &it["built_in"])).collect();
    let expected =
        [(json!("billing"), json!(false)), (json!("data-loader"), json!(true)), (json!("default"), json!(true))];
    assert_eq!(apis, expected.each_ref().map(|(slug, built_in)| (slug, built_in)));
    let first = it.admin.get(&it.at("/apis?limit=1")).await.expect(200).json();
    let second = it.at(&format!("/apis?limit=2&cursor={}", first["next_cursor"].as_str().unwrap()));
    let second = it.admin.get(&second).await.expect(200).json();
    assert_eq!((&second["data"][0]["slug"], &second["next_cursor"]), (&json!("data-loader"), &Value::Null));
}

#[tokio::test]
async fn an_api_serves_what_is_below_and_is_changed_where_it_stands() {
    let it = Fixture::start().await;
    let (agency, other) = (it.create_organization("Agency").await, it.create_organization("Other").await);
    let at = |id: &str, rest: &str| format!("/api/v1/organizations/{id}/apis{rest}");
    let made = it.admin.post(&at(&agency, ""), api("billing", "bill")).await.expect(201).text_at("/id");
    let children = format!("/api/v1/organizations/{agency}/organizations");
    let below = it.admin.post(&children, json!({"name": "Below"})).await.expect(201).text_at("/id");
    it.admin.get(&at(&below, &format!("/{made}"))).await.expect(200);
    let not_found = (404, "not_found".to_owned());
    assert_eq!(it.admin.get(&at(&other, &format!("/{made}"))).await.refusal(), not_found);
    assert_eq!(it.admin.get(&it.at(&format!("/apis/{made}"))).await.refusal(), not_found, "it does not reach up");
    let from_below = it.admin.patch(&at(&below, &format!("/{made}")), json!({"name": "Mine"})).await;
    assert_eq!(from_below.refusal(), (409, "state_conflict".to_owned()));

    // A prefix counts everywhere, so an admin of one customer chooses none.
    let key = json!({"name": "Agency's admin", "reach": "subtree"});
    let key = it.admin.post(&format!("/api/v1/organizations/{agency}/keys"), key).await.expect(201);
    let customer = it.admin.with(&key.text_at("/secret/token"));
    let refused = customer.post(&at(&agency, ""), api("shop", "shop")).await;
    assert_eq!(refused.refusal(), (403, "grant_exceeds_own".to_owned()));
    customer.patch(&at(&agency, &format!("/{made}")), json!({"name": "Ours"})).await.expect(200);
}

#[tokio::test]
async fn an_api_says_which_versions_it_has_and_where_they_are_documented() {
    let it = Fixture::start().await;
    let versions = json!([
        {"slug": "1.0", "status": "deprecated", "docs_url": "https://docs.example.com/v1"},
        {"slug": "2.0", "status": "current", "docs_url": null},
    ]);
    let mut body = api("billing", "bill");
    body["versions"] = versions.clone();
    let made = it.admin.post(&it.at("/apis"), body).await.expect(201);
    assert_eq!(made.json()["versions"], versions);
    let place = made.header("location").to_owned();
    let fewer = json!({"versions": [{"slug": "2.0", "status": "retired"}]});
    let changed = it.admin.patch(&place, fewer).await.expect(200).json();
    assert_eq!(changed["versions"], json!([{"slug": "2.0", "status": "retired", "docs_url": null}]));
    assert_eq!(changed["name"], "The billing", "what is left out stays");
    for (versions, pointer) in [
        (json!([{"slug": "a b", "status": "current"}]), "/versions/0/slug"),
        (json!([{"slug": "1", "status": "current"}, {"slug": "..", "status": "current"}]), "/versions/1/slug"),
        (json!([{"slug": "1", "status": "current"}, {"slug": "1", "status": "retired"}]), "/versions/1/slug"),
        (json!([{"slug": "1", "status": "current", "docs_url": "javascript:alert(1)"}]), "/versions/0/docs_url"),
        (json!([{"slug": "1", "status": "new"}]), "/versions/0/status"),
        (json!(vec![json!({"slug": "1", "status": "current"}); 51]), "/versions"),
    ] {
        let refused = it.admin.patch(&place, json!({"versions": versions})).await;
        assert_eq!((refused.status, refused.pointers()), (400, vec![pointer.to_owned()]));
    }
    let history = it.admin.get(&it.at("/events?entity_kind=api&limit=1")).await.expect(200).json();
    assert_eq!(history["data"][0]["before"]["versions"], versions);
}

#[tokio::test]
async fn a_version_that_no_address_can_name_is_refused_and_one_that_is_there_can_be_seen() {
    let it = Fixture::start().await;
    for slug in [".", ".."] {
        let mut body = api("billing", "bill");
        body["versions"] = json!([{"slug": slug, "status": "current"}]);
        let refused = it.admin.post(&it.at("/apis"), body).await;
        assert_eq!(refused.pointers(), ["/versions/0/slug"]);
        assert!(refused.text_at("/fix").contains("such as `1.0`"), "{refused:?}");
    }
    let place = it.admin.post(&it.at("/apis"), api("billing", "bill")).await.expect(201).header("location").to_owned();
    let stored = r#"[{"slug": "..", "status": "current", "docs_url": null}]"#;
    let put = format!("UPDATE api SET versions = '{stored}' WHERE slug = 'billing'");
    Raw::of(it.app.app.store()).await.execute(&put).await;
    assert_eq!(it.admin.get(&place).await.expect(200).json()["versions"][0]["slug"], "..");
    it.admin.patch(&place, json!({"name": "Invoices"})).await.expect(200);
    let both = json!({"versions": [{"slug": "..", "status": "current"}, {"slug": "1.0", "status": "current"}]});
    it.admin.patch(&place, both).await.expect(200);
    it.admin.patch(&place, json!({"versions": [{"slug": "1.0", "status": "current"}]})).await.expect(200);
}

#[tokio::test]
async fn places_where_no_key_can_stand_are_refused() {
    let it = Fixture::start().await;
    let made = it.admin.post(&it.at("/apis"), api("billing", "bill")).await.expect(201);
    let usual = json!(["bearer", "basic", "header:X-Api-Key", "query:api_key", "pair:accessKey:secretKey"]);
    assert_eq!(made.json()["key_locations"], usual);
    let place = made.header("location").to_owned();
    for places in [
        json!([]),
        json!(["cookie:sid"]),
        json!(["header:Cookie"]),
        json!(["header:a", "header:A"]),
        json!(["bearer", ""]),
    ] {
        let refused = it.admin.patch(&place, json!({"key_locations": places})).await;
        assert_eq!((refused.status, refused.pointers()), (400, vec!["/key_locations".to_owned()]), "{places}");
    }
    let own = json!(["header:X-Acme-Key"]);
    let changed = it.admin.patch(&place, json!({"key_locations": own})).await.expect(200);
    assert_eq!(changed.json()["key_locations"], own);
}

#[tokio::test]
async fn an_api_with_live_keys_is_not_deleted_and_without_them_it_is_gone_for_good() {
    let it = Fixture::start().await;
    let made = it.admin.post(&it.at("/apis"), api("billing", "bill")).await.expect(201);
    let place = made.header("location").to_owned();
    let below = it.create_organization("Below").await;
    let delete = async |path: &str| it.admin.send(it.admin.request("DELETE", path)).await;
    let key = it.create_key(json!({"name": "CI", "api": "billing"})).await;
    let elsewhere = json!({"name": "There", "api": "billing", "owner_id": null});
    let elsewhere = it.admin.post(&format!("/api/v1/organizations/{below}/keys"), elsewhere).await.expect(201);
    let refused = delete(&place).await;
    assert_eq!(refused.refusal(), (409, "state_conflict".to_owned()));
    assert!(refused.text_at("/detail").contains("this api: 2"), "{}", refused.text);
    it.revoke(&key.id).await;
    assert!(delete(&place).await.text_at("/detail").contains("this api: 1"));
    let there = format!("/api/v1/organizations/{below}/keys/{}/revoke", elsewhere.text_at("/key/id"));
    it.admin.post(&there, json!({})).await.expect(200);

    delete(&place).await.expect(204);
    assert_eq!(delete(&place).await.refusal(), (404, "not_found".to_owned()));
    assert_eq!(it.admin.get(&place).await.refusal(), (404, "not_found".to_owned()));
    let history = it.admin.get(&it.at("/events?entity_kind=api&limit=1")).await.expect(200).json();
    assert_eq!((&history["data"][0]["operation"], &history["data"][0]["after"]), (&json!("api.deleted"), &Value::Null));
    // The keys that had it keep their history, and say whose they were.
    let gone = it.admin.get(&it.at(&format!("/keys/{}", key.id))).await.expect(200).json();
    assert_eq!((&gone["state"], &gone["api"]), (&json!("revoked"), &json!("billing")));
    assert_eq!(it.verify(json!({"key": key.token, "api": "billing"})).await["allowed"], false);
    let unknown = it.admin.post(&it.at("/keys"), json!({"name": "Late", "api": "billing"})).await;
    assert_eq!(unknown.status, 400);
    // Its prefix is registered no more, so that what begins with it may be somebody's imported key.
    assert_eq!(it.verify(json!({"key": format!("{}x", &key.token[..key.token.len() - 1])})).await["code"], "not_found");
    it.admin.post(&it.at("/apis"), api("billing", "bill")).await.expect(201);
}

#[tokio::test]
async fn the_built_in_apis_stay_and_can_be_told_where_keys_stand() {
    let it = Fixture::start().await;
    let listed = it.admin.get(&it.at("/apis")).await.expect(200).json();
    let apis = listed["data"].as_array().unwrap().clone();
    assert_eq!(apis.len(), 2);
    for api in apis {
        let place = it.at(&format!("/apis/{}", api["id"].as_str().unwrap()));
        let refused = it.admin.send(it.admin.request("DELETE", &place)).await;
        assert_eq!(refused.refusal(), (409, "state_conflict".to_owned()));
        it.admin.patch(&place, json!({"key_locations": ["header:X-Acme-Key"]})).await.expect(200);
    }
    // The management API takes a key in every presentation, whatever the host's does.
    it.admin.get("/api/v1/me").await.expect(200);
}
