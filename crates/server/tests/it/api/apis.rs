//! Apis over HTTP: their keys, their prefixes, and who sees and changes them.

use serde_json::{Value, json};

use super::fixture::Fixture;

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
