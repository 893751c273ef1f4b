//! Introspection, as libraries of OAuth ask for it.

use claviger::config::Config;
use serde_json::{Value, json};

use super::client::{Answer, Client};
use super::fixture::Fixture;
use crate::app::{TestApp, config};

const INTROSPECT: &str = "/oauth/introspect";

async fn ask(caller: &Client, path: &str, form: &[(&str, &str)]) -> Answer {
    caller.send(caller.request("POST", path).form(form)).await
}

/// Status and error of a refusal.
fn error(answer: &Answer) -> (u16, String) {
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
    (answer.status, answer.text_at("/error"))
}

#[tokio::test]
async fn a_good_key_is_active_and_says_for_whom_it_acts_and_what_it_may_do() {
    let it = Fixture::start().await;
    let role = it.create_role("Reads A", &["scorecards/A:read", "contacts:read"]).await;
    let user_id = it.create_member("M", &role).await;
    let (made_at, end) = (it.days_from_now(0), it.days_from_now(30));
    let body = json!({"name": "CI", "mapped_user_id": user_id, "owner_id": user_id, "expires_at": end});
    let made = it.create_key(body).await;
    let answer = ask(&it.admin, INTROSPECT, &[("token", &made.token), ("token_type_hint", "access_token")]).await;
    let answer = answer.expect(200);
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
    let secs = |at: &str| at.parse::<claviger_core::time::Timestamp>().unwrap().as_secs();
    let mut found = answer.json();
    assert!(found["jti"].as_str().unwrap().starts_with("sec_"), "{found}");
    found.as_object_mut().unwrap().retain(|name, _| name != "jti");
    let expected = json!({
        "active": true,
        "scope": "contacts:read scorecards/A:read",
        "client_id": made.id,
        "username": "M",
        "sub": user_id,
        "aud": "default",
        "exp": secs(&end),
        "iat": secs(&made_at),
        "organization_id": it.root,
        "mapped_user_id": user_id,
    });
    assert_eq!(found, expected);
    it.flush_uses().await;
    let key = it.admin.get(&it.at(&format!("/keys/{}", made.id))).await.expect(200).json();
    assert_eq!(key["last_use"]["at"], it.now(), "it counts as a use");
}

// A library that knows its issuer compares: an address that nobody calls the service by would have it refuse every token.
#[tokio::test]
async fn an_issuer_is_named_where_the_service_was_told_its_address() {
    let asked = async |public_url: Option<&str>| {
        let config = Config { public_url: public_url.map(|it| it.parse().unwrap()), ..config() };
        let it = Fixture::around(TestApp::with_config(config).await).await;
        let made = it.create_key(json!({"name": "CI"})).await;
        ask(&it.admin, INTROSPECT, &[("token", &made.token)]).await.expect(200).json()["iss"].clone()
    };
    assert_eq!(asked(None).await, Value::Null);
    assert_eq!(asked(Some("https://keys.acme.example")).await, "https://keys.acme.example");
}

#[tokio::test]
async fn whatever_is_not_good_is_inactive_and_nothing_more_is_said() {
    let it = Fixture::start().await;
    let mut tokens =
        vec!["nobody-has-this-one".to_owned(), String::new(), "x".repeat(5000), "ck_0000000000000000".to_owned()];
    let revoked = it.create_key(json!({"name": "Revoked"})).await;
    it.revoke(&revoked.id).await;
    tokens.push(revoked.token);
    let inactive = it.create_key(json!({"name": "Inactive"})).await;
    it.admin.post(&it.at(&format!("/keys/{}/deactivate", inactive.id)), json!({})).await.expect(200);
    tokens.push(inactive.token);
    let loader = it.create_key(json!({"name": "Loader", "api": "data-loader"})).await;
    tokens.push(loader.token.clone());
    for token in &tokens {
        let answer = ask(&it.admin, INTROSPECT, &[("token", token)]).await.expect(200);
        assert_eq!(answer.text, r#"{"active":false}"#, "{token}");
    }
    // The address says which api asks.
    let other = ask(&it.admin, "/oauth/introspect?api=data-loader", &[("token", &loader.token)]).await.expect(200);
    assert_eq!((&other.json()["active"], &other.json()["aud"]), (&json!(true), &json!("data-loader")));
    let elsewhere = format!("{INTROSPECT}?organization=nowhere");
    let good = it.create_key(json!({"name": "Good"})).await;
    assert_eq!(ask(&it.admin, &elsewhere, &[("token", &good.token)]).await.text, r#"{"active":false}"#);
}

#[tokio::test]
async fn the_end_of_an_old_secret_is_the_end_of_what_is_introspected() {
    let it = Fixture::start().await;
    let old = it.create_key(json!({"name": "Rotates"})).await;
    assert!(ask(&it.admin, INTROSPECT, &[("token", &old.token)]).await.json().get("exp").is_none());
    let new = it.rotate(&old.id, json!({"overlap_secs": 86_400})).await;
    let secs = |days| it.days_from_now(days).parse::<claviger_core::time::Timestamp>().unwrap().as_secs();
    assert_eq!(ask(&it.admin, INTROSPECT, &[("token", &old.token)]).await.json()["exp"], secs(1));
    assert!(ask(&it.admin, INTROSPECT, &[("token", &new.token)]).await.json().get("exp").is_none());
}

#[tokio::test]
async fn a_caller_introspects_with_a_key_in_any_presentation_and_only_what_it_reaches() {
    let it = Fixture::start().await;
    let caller = it.create_key(json!({"name": "Gateway", "scopes": ["claviger/keys:verify"]})).await;
    let subject = it.create_key(json!({"name": "Subject"})).await;
    let nobody = it.admin.without();
    let form = [("token", subject.token.as_str())];
    let pair = || nobody.request("POST", INTROSPECT).form(&form);
    let presented = [
        pair().bearer_auth(&caller.token),
        pair().basic_auth(&caller.access_key, Some(&caller.secret_key)),
        pair().header("x-api-key", &caller.token),
        pair().header("accessKey", &caller.access_key).header("secretKey", &caller.secret_key),
        nobody.request("POST", &format!("{INTROSPECT}?api_key={}", caller.token)).form(&form),
    ];
    for request in presented {
        assert_eq!(nobody.send(request).await.expect(200).json()["active"], true);
    }
    let below = it.create_organization("Below").await;
    let there =
        it.admin.post(&format!("/api/v1/organizations/{below}/keys"), json!({"name": "K", "owner_id": null})).await;
    let there = there.expect(201).text_at("/secret/token");
    assert_eq!(ask(&it.admin, INTROSPECT, &[("token", &there)]).await.json()["active"], true);
    let own_only = it.admin.with(&caller.token);
    assert_eq!(ask(&own_only, INTROSPECT, &[("token", &there)]).await.text, r#"{"active":false}"#);
}

// RFC 6749 §2.3.1: what stands in the form is the client's credential as if it stood in a header, and no other way in.
#[tokio::test]
async fn a_client_authenticates_in_the_form_as_it_does_in_a_header() {
    let it = Fixture::start().await;
    let host = it.create_key(json!({"name": "Host", "scopes": ["claviger/keys:verify"]})).await;
    let subject = it.create_key(json!({"name": "Subject", "scopes": ["contacts:read"]})).await;
    let nobody = it.admin.without();
    let (token, id, secret) = (
        ("token", subject.token.as_str()),
        ("client_id", host.access_key.as_str()),
        ("client_secret", host.secret_key.as_str()),
    );
    let good = ask(&nobody, INTROSPECT, &[token, id, secret]).await.expect(200).json();
    assert_eq!((&good["active"], &good["client_id"]), (&json!(true), &json!(subject.id)));
    it.flush_uses().await;
    let used = it.admin.get(&it.at(&format!("/keys/{}", host.id))).await.expect(200).json();
    assert_eq!(used["last_use"]["at"], it.now());
    for form in [
        &[token, id][..],
        &[token, secret],
        &[token, id, ("client_secret", "wrong")],
        &[token, ("client_id", ""), secret],
    ] {
        let refused = ask(&nobody, INTROSPECT, form).await;
        assert_eq!(error(&refused), (401, "invalid_client".to_owned()), "{form:?}");
        let challenges: Vec<_> =
            refused.headers.get_all("www-authenticate").iter().map(|it| it.to_str().unwrap()).collect();
        assert_eq!(challenges, ["Bearer realm=\"claviger\"", "Basic realm=\"claviger\""]);
    }
    // Whoever authenticates twice is refused (RFC 6749 §2.3), and a mere name beside a key is no credential.
    let whole = nobody.with(&host.token);
    assert_eq!(error(&ask(&whole, INTROSPECT, &[token, id, secret]).await), (400, "invalid_request".to_owned()));
    ask(&whole, INTROSPECT, &[token, id]).await.expect(200);
    let other = [token, ("client_id", &subject.access_key), ("client_secret", &subject.secret_key)];
    assert_eq!(error(&ask(&whole, INTROSPECT, &other).await), (400, "invalid_request".to_owned()));
    let own = ask(&nobody, INTROSPECT, &other).await.expect(200).json();
    assert_eq!(own["active"], true, "of itself every key may know");
    // Nowhere else: a form is a body, and no key authenticates from one.
    let elsewhere = nobody.request("POST", "/api/v1/verify").form(&[id, secret]);
    assert_eq!(nobody.of_a_double().send(elsewhere).await.status, 401);
}

// RFC 7662 §4 leaves to policy who may ask about what.
#[tokio::test]
async fn a_key_looks_into_its_own_tokens_without_any_permission_and_into_no_others() {
    let it = Fixture::start().await;
    let role = it.built_in_role("readonly").await;
    let own = it.create_key(json!({"name": "Own", "role_id": role})).await;
    let other = it.create_key(json!({"name": "Other", "role_id": role})).await;
    let token_of = async |token: &str| {
        let form = [("grant_type", "client_credentials")];
        ask(&it.admin.with(token), "/oauth/token", &form).await.expect(200).text_at("/access_token")
    };
    let (mine, theirs) = (token_of(&own.token).await, token_of(&other.token).await);
    let client = it.admin.with(&own.token);
    for token in [&mine, &own.token] {
        let said = ask(&client, INTROSPECT, &[("token", token)]).await.expect(200).json();
        assert_eq!((&said["active"], &said["client_id"]), (&json!(true), &json!(own.id)));
    }
    let by_token = ask(&it.admin.with(&mine), INTROSPECT, &[("token", &mine)]).await.expect(200).json();
    assert_eq!(by_token["active"], true);
    for token in [theirs.as_str(), &other.token, "nobody's"] {
        assert_eq!(error(&ask(&client, INTROSPECT, &[("token", token)]).await), (403, "insufficient_scope".into()));
    }
    ask(&client, "/oauth/revoke", &[("token", &mine)]).await.expect(200);
    assert_eq!(ask(&client, INTROSPECT, &[("token", &mine)]).await.expect(200).text, r#"{"active":false}"#);
}

#[tokio::test]
async fn a_refusal_to_introspect_is_one_that_oauth_knows() {
    let it = Fixture::start().await;
    let subject = it.create_key(json!({"name": "Subject", "scopes": ["contacts:read"]})).await;
    let other = it.create_key(json!({"name": "Other", "scopes": ["contacts:read"]})).await;
    let good = [("token", subject.token.as_str())];
    let is = |status, name: &str| (status, name.to_owned());

    let nobody = ask(&it.admin.without(), INTROSPECT, &good).await;
    assert_eq!(error(&nobody), is(401, "invalid_client"));
    assert!(nobody.header("www-authenticate").starts_with("Bearer"), "{nobody:?}");
    // The key in the form is what is asked about, and nobody's credential.
    let lacking = ask(&it.admin.with(&other.token), INTROSPECT, &good).await;
    assert_eq!(error(&lacking), is(403, "insufficient_scope"));
    assert!(lacking.header("www-authenticate").contains("claviger/keys:verify"), "{lacking:?}");

    for form in [&[][..], &[("tokens", "a")], &[("token", "a"), ("token", "b")]] {
        assert_eq!(error(&ask(&it.admin, INTROSPECT, form).await), is(400, "invalid_request"), "{form:?}");
    }
    let json = it.admin.post(INTROSPECT, json!({"token": "a"})).await;
    assert_eq!(error(&json), is(400, "invalid_request"));
    let unknown = ask(&it.admin, &format!("{INTROSPECT}?apis=x"), &good).await;
    assert_eq!(error(&unknown), is(400, "invalid_request"));
    let two = it.admin.request("POST", INTROSPECT).header("x-api-key", &subject.token).form(&good);
    assert_eq!(error(&it.admin.send(two).await), is(400, "invalid_request"));
    let large = "x".repeat(1_100_000);
    assert_eq!(error(&ask(&it.admin, INTROSPECT, &[("token", &large)]).await), is(413, "invalid_request"));
    let got = it.admin.get(INTROSPECT).await;
    assert_eq!((error(&got), got.header("allow")), (is(405, "invalid_request"), "POST"));
    let elsewhere = it.admin.get("/oauth/nothing").await;
    assert_eq!(elsewhere.refusal(), is(404, "not_found"));
    let description: Value = two_credentials(&it).await;
    assert!(!description.as_str().unwrap().contains('"'));
}

async fn two_credentials(it: &Fixture) -> Value {
    let request = it.admin.request("POST", INTROSPECT).header("x-api-key", "b").form(&[("token", "a")]);
    it.admin.send(request).await.json()["error_description"].clone()
}
