//! Access tokens over HTTP: signing in as clients of Netography's Fusion do, and as those of OAuth.

use std::time::Duration;

use claviger_core::id::SignInId;
use claviger_core::limits::ENDED_SIGN_INS_PER_KEY_MAX;
use claviger_core::tenant::Tenant;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::client::{Answer, Client};
use super::fixture::{Fixture, Made};
use super::secrecy::leaks;
use super::sessions::cookie;
use crate::engine::Stored;

const SIGN_IN: &str = "/api/v1/auth/token";
const REFRESH: &str = "/api/auth/bearer/refresh";
pub(super) const TOKEN: &str = "/oauth/token";

/// An organization with its shared secret, and who signs in there.
struct Signing {
    it: Fixture,
    secret: String,
    nobody: Client,
}

impl Signing {
    async fn start() -> Self {
        let it = Fixture::start().await;
        let secret = it.admin.post(&it.at("/shared-secret"), json!({})).await.expect(201).text_at("/shared_secret");
        Self { nobody: it.admin.without(), it, secret }
    }

    /// The claims with which a key of the root signs in now.
    fn claims(&self, key: &Made, name: &str, jti: &str) -> Value {
        json!({"iat": self.it.app.now().as_secs(), "jti": jti, "appname": name, "appkey": key.token, "shortname": "root"})
    }

    fn signed(&self, claims: &Value) -> String {
        signed_with(Algorithm::HS256, claims, self.secret.as_bytes())
    }

    async fn sign_in(&self, jwt: &str) -> Answer {
        self.nobody.post(SIGN_IN, json!({ "jwt": jwt })).await
    }

    async fn readonly(&self, name: &str) -> Made {
        let role = self.it.built_in_role("readonly").await;
        self.it.create_key(json!({"name": name, "role_id": role, "reach": "subtree"})).await
    }

    async fn refresh(&self, token: &str) -> Answer {
        form(&self.nobody, REFRESH, &[("refresh_token", token)]).await
    }
}

fn signed_with(algorithm: Algorithm, claims: &Value, secret: &[u8]) -> String {
    jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret)).unwrap()
}

pub(super) async fn form(client: &Client, path: &str, fields: &[(&str, &str)]) -> Answer {
    client.send(client.request("POST", path).form(fields)).await
}

/// Status and code of a refusal on Netography's wire, whose form it checks.
fn refusal(answer: &Answer) -> (u16, String) {
    let json = answer.json();
    assert_eq!(json["status"], answer.status, "{json}");
    assert!(json["name"].as_str().is_some_and(|it| !it.is_empty()), "{json}");
    assert!(json["message"].as_str().is_some_and(|it| !it.is_empty()), "{json}");
    (answer.status, answer.text_at("/code"))
}

// S3.10, S3.11, A3.3: what A3 does over HTTP.
#[tokio::test]
async fn a_key_signs_in_reads_and_no_more_and_its_last_use_is_kept() {
    let at = Signing::start().await;
    let key = at.readonly("automation_ro").await;
    let answer = at.sign_in(&at.signed(&at.claims(&key, "automation_ro", "1"))).await.expect(200);
    let said = answer.json();
    assert_eq!((&said["token_type"], &said["expires_in"]), (&json!("bearer"), &json!(900)));
    assert_eq!((&said["refresh_expires_in"], &said["not-before-policy"]), (&json!(86_400), &json!(0)));
    assert_eq!(said["scope"], "*:read");
    assert!(said["session-state"].as_str().unwrap().starts_with("sin_") && said["id_token"].is_string());
    let bearer = at.nobody.with(&answer.text_at("/access_token"));
    let list = bearer.get(&at.it.at("/keys")).await.expect(200);
    assert!(!list.text.contains(&key.secret_key), "no secret stands in a list");
    assert_eq!(
        bearer.post(&at.it.at("/keys"), json!({"name": "x"})).await.refusal(),
        (403, "insufficient_permission".into())
    );
    bearer.get("/api/v1/me").await.expect(200);
    at.it.flush_uses().await;
    let last_use =
        at.it.admin.get(&at.it.at(&format!("/keys/{}", key.id))).await.expect(200).json()["last_use"].clone();
    assert_eq!((&last_use["at"], &last_use["ip"]), (&json!(at.it.now()), &json!("127.0.0.1")));
    // A host may ask about it as about every key.
    let verdict = at.it.verify(json!({"key": answer.text_at("/access_token"), "permissions": ["contacts:read"]})).await;
    assert_eq!((&verdict["allowed"], &verdict["key"]["id"]), (&json!(true), &json!(key.id)));
    let explained = at.it.verify(json!({"key": answer.text_at("/access_token"), "explain": true})).await;
    assert!(explained["trace"].as_array().unwrap().iter().any(|it| it["check"] == "token"), "{explained}");
}

// A3.4: with the key goes everything that was got with it.
#[tokio::test]
async fn a_deleted_key_takes_its_access_token_and_its_refresh_token_along() {
    let at = Signing::start().await;
    let key = at.it.create_key(json!({"name": "automation_admin"})).await;
    let said = at.sign_in(&at.signed(&at.claims(&key, "automation_admin", "1"))).await.expect(200);
    let again = at.refresh(&said.text_at("/refresh_token")).await.expect(200);
    let bearer = at.nobody.with(&again.text_at("/access_token"));
    let mine = bearer.post(&at.it.at("/keys"), json!({"name": "made by a token"})).await.expect(201);
    bearer.post(&at.it.at(&format!("/keys/{}/revoke", Made::of(&mine).id)), json!({})).await.expect(200);
    at.it.revoke(&key.id).await;
    assert_eq!(bearer.get("/api/v1/me").await.refusal(), (401, "revoked".into()));
    let over = at.refresh(&again.text_at("/refresh_token")).await;
    assert_eq!(refusal(&over), (400, "revoked".into()));
    assert_eq!(over.text_at("/fix"), "Create another key; a revoked one never works again.");
    assert_eq!(refusal(&at.refresh(&said.text_at("/access_token")).await), (400, "unauthenticated".into()));
}

// A3.5, and what else somebody may try who has a key and no good intent.
#[tokio::test]
async fn whatever_is_not_signed_just_now_by_the_shared_secret_is_refused() {
    let at = Signing::start().await;
    let key = at.readonly("ci").await;
    let good = at.claims(&key, "ci", "good");
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims["jti"] = json!(format!("{name}{value}"));
        claims[name] = value;
        claims
    };
    let now = at.it.app.now().as_secs();
    let public = "302a300506032b6570032100".as_bytes();
    let unsigned = |header: &str| {
        let part = |text: &str| data_encoding::BASE64URL_NOPAD.encode(text.as_bytes());
        format!("{}.{}.", part(header), part(&good.to_string()))
    };
    let whole = at.signed(&good);
    let unproven = [
        signed_with(Algorithm::HS256, &good, b"another secret"),
        signed_with(Algorithm::HS256, &good, key.token.as_bytes()),
        signed_with(Algorithm::HS256, &good, public),
        whole[..whole.len() - 1].to_owned(),
        at.signed(&with("appkey", json!("ck_nobody"))),
    ];
    for jwt in &unproven {
        assert_eq!(refusal(&at.sign_in(jwt).await), (401, "unauthenticated".into()), "{jwt}");
    }
    let malformed = [
        signed_with(Algorithm::HS384, &good, at.secret.as_bytes()),
        signed_with(Algorithm::HS512, &good, at.secret.as_bytes()),
        unsigned(r#"{"alg":"none","typ":"JWT"}"#),
        unsigned(r#"{"alg":"None"}"#),
        unsigned(r#"{"alg":"RS256"}"#),
        // RS256 with the secret as its key: the signature is the one of HS256, under another name.
        format!(
            "{}{}",
            data_encoding::BASE64URL_NOPAD.encode(br#"{"alg":"RS256"}"#),
            &whole[whole.find('.').unwrap()..]
        ),
        whole[..whole.len() / 2].to_owned(),
        String::new(),
        "a.b.c".to_owned(),
        format!("{}.{}", "x".repeat(900_000), "y".repeat(100_000)),
        at.signed(&with("iat", json!("now"))),
        at.signed(&with("jti", json!(""))),
    ];
    for jwt in &malformed {
        let answer = at.sign_in(jwt).await;
        assert_eq!(refusal(&answer), (401, "assertion_refused".into()), "{:.80}", jwt);
        assert!(!answer.text.contains(&key.secret_key), "{answer:?}");
    }
    let named = at.sign_in(&at.signed(&with("iat", json!("now")))).await.text_at("/message");
    assert!(named.contains("The claim `iat` is missing, or is not a number"), "{named}");
    let mut fixes = std::collections::HashSet::new();
    let untrue = [
        with("iat", json!(now - 301)),
        with("iat", json!(now + 301)),
        with("exp", json!(now)),
        with("shortname", json!("nowhere")),
        with("appname", json!("CI")),
    ];
    for claims in &untrue {
        let refused = at.sign_in(&at.signed(claims)).await;
        assert_eq!(refusal(&refused), (401, "assertion_refused".into()), "{claims}");
        fixes.insert(refused.text_at("/fix"));
    }
    assert_eq!(fixes.len(), 4, "the clock, its own end, its organization and its name: each is mended otherwise");
    at.sign_in(&whole).await.expect(200);
    assert_eq!(refusal(&at.sign_in(&whole).await), (401, "assertion_refused".into()), "used before");
    let other = at.readonly("other").await;
    let same_jti = at.signed(&at.claims(&other, "other", "good"));
    assert_eq!(refusal(&at.sign_in(&same_jti).await), (401, "assertion_refused".into()), "a jti is the organization's");
    let larger =
        at.nobody.request("POST", SIGN_IN).header("content-type", "application/json").body(vec![b' '; 2_000_000]);
    assert_eq!(refusal(&at.nobody.send(larger).await), (413, "body_too_large".into()));
    for (body, code) in [("{}", "invalid_body"), ("[", "invalid_body"), (r#"{"jwt":1}"#, "invalid_body")] {
        let sent = at.nobody.request("POST", SIGN_IN).header("content-type", "application/json").body(body);
        let answer = at.nobody.send(sent).await;
        assert!(refusal(&answer).0 == 400, "{answer:?} {code}");
    }
    // Whose signature is proven is told what is wrong with the key.
    at.it.admin.post(&at.it.at(&format!("/keys/{}/deactivate", key.id)), json!({})).await.expect(200);
    assert_eq!(refusal(&at.sign_in(&at.signed(&with("x", json!(1)))).await), (401, "inactive".into()));
}

#[tokio::test]
async fn what_is_wrong_with_the_form_of_a_sign_in_is_said_in_whole_sentences() {
    let at = Signing::start().await;
    for (body, message) in [
        ("[]", "The body is not of the documented shape: must be an object, and is a list."),
        (r#"{"jwt":"a","jwt":"b"}"#, "The body is not of the documented shape: duplicate field `jwt`."),
    ] {
        let sent = at.nobody.request("POST", SIGN_IN).header("content-type", "application/json").body(body);
        assert_eq!(at.nobody.send(sent).await.expect(400).text_at("/message"), message);
    }
    // To whoever signed it, and to whoever did not.
    for secret in [at.secret.as_bytes(), b"another"] {
        let list = at.sign_in(&signed_with(Algorithm::HS256, &json!([1, 2]), secret)).await;
        assert_eq!(refusal(&list), (401, "assertion_refused".into()));
        assert_eq!(list.text_at("/message"), "The claims of `jwt` are not a JSON object.");
    }
    // There are no `errors` on this wire.
    let twice = form(&at.nobody, REFRESH, &[("refresh_token", "a"), ("refresh_token", "b")]).await;
    assert_eq!(refusal(&twice), (400, "invalid_field".into()));
    assert_eq!(twice.text_at("/fix"), "Correct what `message` names.");
    let message = twice.text_at("/message");
    assert!(message.ends_with(" refresh_token: is given more than once."), "{message}");
}

// A3.5: a parent's key with a child's shortname reaches the child, and only that.
#[tokio::test]
async fn a_parents_key_signs_in_to_a_child_and_reaches_that_alone() {
    let at = Signing::start().await;
    let (child, sibling) = (at.it.create_organization("Child").await, at.it.create_organization("Sibling").await);
    let key = at.readonly("ci").await;
    let mut claims = at.claims(&key, "ci", "child");
    claims["shortname"] = json!("child");
    let said = at.sign_in(&at.signed(&claims)).await.expect(200);
    let bearer = at.nobody.with(&said.text_at("/access_token"));
    bearer.get(&format!("/api/v1/organizations/{child}/keys")).await.expect(200);
    for other in [&at.it.root, &sibling] {
        assert_eq!(
            bearer.get(&format!("/api/v1/organizations/{other}/keys")).await.refusal(),
            (404, "not_found".into())
        );
    }
    assert_eq!(bearer.get("/api/v1/me").await.expect(200).text_at("/organization/slug"), "child");
    let again = at.refresh(&said.text_at("/refresh_token")).await.expect(200);
    let again = at.nobody.with(&again.text_at("/access_token"));
    assert_eq!(again.get("/api/v1/me").await.expect(200).text_at("/organization/slug"), "child");
    let narrow = at.it.create_key(json!({"name": "narrow", "reach": "organization"})).await;
    let mut claims = at.claims(&narrow, "narrow", "narrow");
    claims["shortname"] = json!("child");
    assert_eq!(refusal(&at.sign_in(&at.signed(&claims)).await), (401, "assertion_refused".into()));
}

// A3.6
#[tokio::test]
async fn an_old_secret_signs_nobody_in_and_an_old_shared_secret_until_its_overlap_ends() {
    let at = Signing::start().await;
    let key = at.readonly("ci").await;
    let said = at.sign_in(&at.signed(&at.claims(&key, "ci", "1"))).await.expect(200);
    let new = at.it.rotate(&key.id, json!({"overlap_secs": 0})).await;
    assert_eq!(
        at.nobody.with(&said.text_at("/access_token")).get("/api/v1/me").await.refusal(),
        (401, "revoked".into())
    );
    // Whoever holds the old secret is told that only this has ended, wherever it is shown.
    let refused = at.sign_in(&at.signed(&at.claims(&key, "ci", "2"))).await;
    assert_eq!(refusal(&refused), (401, "revoked".into()));
    assert!(refused.text_at("/message").starts_with("This secret of the key was replaced"), "{refused:?}");
    let refused = form(&at.nobody.with(&key.token), TOKEN, &[("grant_type", "client_credentials")]).await;
    assert_eq!((refused.status, refused.text_at("/error")), (401, "invalid_client".into()));
    assert!(refused.text_at("/error_description").contains("was replaced"), "{refused:?}");
    let refused = at.refresh(&said.text_at("/refresh_token")).await;
    assert_eq!(refusal(&refused), (400, "revoked".into()));
    assert!(refused.text_at("/message").contains("was replaced"), "{refused:?}");
    assert!(refused.text_at("/fix").contains("present secret"), "{refused:?}");
    at.sign_in(&at.signed(&at.claims(&new, "ci", "3"))).await.expect(200);

    let path = at.it.at("/shared-secret/rotate");
    let rotated = at.it.admin.post(&path, json!({"overlap_secs": 3600})).await.expect(200);
    let other = rotated.text_at("/shared_secret");
    let by_other = |jti: &str| signed_with(Algorithm::HS256, &at.claims(&new, "ci", jti), other.as_bytes());
    at.sign_in(&at.signed(&at.claims(&new, "ci", "4"))).await.expect(200);
    at.sign_in(&by_other("5")).await.expect(200);
    at.it.app.clock.advance(Duration::from_secs(3600));
    assert_eq!(refusal(&at.sign_in(&at.signed(&at.claims(&new, "ci", "6"))).await), (401, "unauthenticated".into()));
    let last = at.sign_in(&by_other("7")).await.expect(200);
    let last = at.refresh(&last.text_at("/refresh_token")).await.expect(200);
    let denied = at.it.admin.post(&path, json!({"overlap_secs": 31 * 24 * 3600})).await;
    assert_eq!(denied.status, 400, "{denied:?}");
    at.it.admin.send(at.it.admin.request("DELETE", &at.it.at("/shared-secret"))).await.expect(204);
    assert_eq!(refusal(&at.sign_in(&by_other("8")).await), (401, "unauthenticated".into()));
    let refused = at.refresh(&last.text_at("/refresh_token")).await;
    assert_eq!(refusal(&refused), (400, "expired".into()), "nor does it go on");
    assert!(refused.text_at("/message").starts_with("The shared secret by which this token was got"), "{refused:?}");
    assert!(refused.text_at("/fix").contains("present shared secret"), "{refused:?}");
    assert_eq!(
        at.nobody.with(&last.text_at("/access_token")).get("/api/v1/me").await.refusal(),
        (401, "expired".into())
    );
    assert_eq!(at.it.admin.get(&at.it.at("/shared-secret")).await.expect(200).json()["data"], json!([]));
    // One had ended before, and was left to the job that clears things away.
    claviger::jobs::purge(&at.it.app.app).await.unwrap();
    at.it.admin.post(&at.it.at("/shared-secret"), json!({})).await.expect(201);
}

#[tokio::test]
async fn tokens_end_in_their_time_and_a_refresh_does_not_outlive_the_first() {
    let at = Signing::start().await;
    let key = at.readonly("ci").await;
    let said = at.sign_in(&at.signed(&at.claims(&key, "ci", "1"))).await.expect(200);
    let (access, refresh) = (said.text_at("/access_token"), said.text_at("/refresh_token"));
    at.it.app.clock.advance(Duration::from_secs(899));
    at.nobody.with(&access).get("/api/v1/me").await.expect(200);
    at.it.app.clock.advance(Duration::from_secs(1));
    assert_eq!(at.nobody.with(&access).get("/api/v1/me").await.refusal(), (401, "expired".into()));
    assert_eq!(
        at.nobody.with(&refresh).get("/api/v1/me").await.refusal(),
        (401, "unauthenticated".into()),
        "it is to refresh with"
    );
    at.it.app.clock.advance(Duration::from_secs(85_000));
    let again = at.refresh(&refresh).await.expect(200);
    assert_eq!(again.json()["refresh_expires_in"], 86_400 - 85_900);
    at.nobody.with(&again.text_at("/access_token")).get("/api/v1/me").await.expect(200);
    at.it.app.clock.advance(Duration::from_secs(500));
    for token in [&refresh, &again.text_at("/refresh_token")] {
        let refused = at.refresh(token).await;
        assert_eq!(refusal(&refused), (400, "expired".into()));
        assert_eq!(refused.text_at("/message"), "The token has expired.");
    }
    for token in ["", "x", &"x".repeat(5000)] {
        assert_eq!(refusal(&at.refresh(token).await), (400, "unauthenticated".into()));
    }
    let none = form(&at.nobody, REFRESH, &[("token", "x")]).await;
    assert_eq!(refusal(&none).0, 400);
}

#[tokio::test]
async fn a_shared_secret_is_made_once_and_shown_again_to_a_person_with_an_event_each_time() {
    let at = Signing::start().await;
    let (it, path) = (&at.it, at.it.at("/shared-secret"));
    assert_eq!(it.admin.post(&path, json!({})).await.refusal(), (409, "state_conflict".into()));
    let list = it.admin.get(&path).await.expect(200);
    assert!(!list.text.contains(&at.secret) && list.json()["data"][0]["state"] == "current", "{list:?}");
    let reveal = format!("{path}/reveal");
    assert_eq!(it.admin.post(&reveal, json!({})).await.refusal(), (403, "confirmation_required".into()));
    let session = cookie(it).await;
    let asked =
        || at.nobody.request("POST", &reveal).header("cookie", &session).header("sec-fetch-site", "same-origin");
    assert_eq!(it.admin.send(asked()).await.expect(200).text_at("/shared_secret"), at.secret);
    it.app.clock.advance(Duration::from_secs(600));
    assert_eq!(it.admin.send(asked()).await.refusal(), (403, "confirmation_required".into()));
    let reader = it.create_key(json!({"name": "reader", "scopes": ["*:read"]})).await;
    assert_eq!(
        it.admin.with(&reader.token).post(&reveal, json!({})).await.refusal(),
        (403, "insufficient_permission".into())
    );
    let events = it.admin.get(&it.at("/events?limit=100")).await.expect(200);
    for kind in ["shared_secret.created", "shared_secret.revealed"] {
        assert!(events.text.contains(kind), "{kind}");
    }
    assert!(!events.text.contains(&at.secret));
    let (access_key, secret_key) = at.secret.split_at(at.secret.len() - claviger_core::secret::SECRET_CHARS);
    let (access_key, secret_key) = (access_key.to_owned(), secret_key.to_owned());
    let spelt = Made { id: String::new(), token: at.secret.clone(), access_key, secret_key };
    assert_eq!(leaks(&spelt, Stored::of(it.app.app.store()).await.path()), [""; 0], "it stands nowhere in clear");
}

#[tokio::test]
async fn a_client_gets_a_token_by_the_standard_road_that_only_narrows() {
    let it = Fixture::start().await;
    let nobody = it.admin.without();
    let key = it.create_key(json!({"name": "CI", "scopes": ["contacts:*", "claviger/keys:read"]})).await;
    let post =
        [("grant_type", "client_credentials"), ("client_id", &key.access_key), ("client_secret", &key.secret_key)];
    let by_post = form(&nobody, TOKEN, &post).await.expect(200);
    assert_eq!((by_post.header("cache-control"), by_post.text_at("/token_type")), ("no-store", "Bearer".into()));
    assert!(by_post.json().get("refresh_token").is_none());
    let basic = |fields: &[(&str, &str)]| {
        nobody.request("POST", TOKEN).basic_auth(&key.access_key, Some(&key.secret_key)).form(fields)
    };
    let narrow =
        nobody.send(basic(&[("grant_type", "client_credentials"), ("scope", "contacts:read")])).await.expect(200);
    assert_eq!(narrow.text_at("/scope"), "contacts:read");
    let verify = async |token: &str, permission: &str| {
        let said = it.verify(json!({"key": token, "permissions": [permission]})).await;
        said["code"].as_str().unwrap_or("allowed").to_owned()
    };
    let (wide, narrow) = (by_post.text_at("/access_token"), narrow.text_at("/access_token"));
    assert_eq!(verify(&wide, "contacts:update").await, "allowed");
    assert_eq!(verify(&narrow, "contacts:read").await, "allowed");
    assert_eq!(verify(&narrow, "contacts:update").await, "insufficient_permission");
    assert_eq!(nobody.with(&narrow).get(&it.at("/keys")).await.status, 403);
    nobody.with(&wide).get(&it.at("/keys")).await.expect(200);
    let error = |answer: Answer| (answer.status, answer.text_at("/error"));
    for (fields, expected) in [
        (vec![("grant_type", "client_credentials"), ("scope", "users:read")], (400, "invalid_scope")),
        (vec![("grant_type", "client_credentials"), ("scope", "nonsense")], (400, "invalid_scope")),
        (vec![("grant_type", "password")], (400, "unsupported_grant_type")),
        (vec![("scope", "contacts:read")], (400, "invalid_request")),
        (vec![("grant_type", "refresh_token"), ("refresh_token", "x")], (400, "unsupported_grant_type")),
        (vec![("grant_type", "client_credentials"), ("organization", "nowhere")], (400, "unauthorized_client")),
        (
            vec![("grant_type", "client_credentials"), ("client_id", "other"), ("client_secret", "x")],
            (400, "invalid_request"),
        ),
        // RFC 6749 §2.3: one way to authenticate. A name beside it is none, where it is the client's own.
        (post.to_vec(), (400, "invalid_request")),
        (vec![post[0], post[2]], (400, "invalid_request")),
        (vec![post[0], ("client_id", "other")], (400, "invalid_request")),
    ] {
        let (status, name) = error(nobody.send(basic(&fields)).await);
        assert_eq!((status, name.as_str()), expected, "{fields:?}");
    }
    for fields in [&post[..1], &[post[0], post[1], ("client_secret", "wrong")], &[post[0], post[1]]] {
        assert_eq!(error(form(&nobody, TOKEN, fields).await), (401, "invalid_client".into()), "{fields:?}");
    }
    nobody.send(basic(&post[..2])).await.expect(200);
    form(&nobody.with(&key.token), TOKEN, &post[..2]).await.expect(200);
    // A token got by a token would go on for ever.
    let by_token = form(&nobody.with(&wide), TOKEN, &post[..1]).await;
    assert_eq!(error(by_token), (401, "invalid_client".into()));
}

#[tokio::test]
async fn a_token_is_looked_into_and_taken_back_by_its_key_alone() {
    let it = Fixture::start().await;
    let key = it.create_key(json!({"name": "CI"})).await;
    let other = it.create_key(json!({"name": "Other"})).await;
    let client = it.admin.with(&key.token);
    let got = form(&client, TOKEN, &[("grant_type", "client_credentials"), ("scope", "a:read")]).await.expect(200);
    let token = got.text_at("/access_token");
    let introspect = async || form(&it.admin, "/oauth/introspect", &[("token", &token)]).await.expect(200).json();
    let said = introspect().await;
    let now = it.app.now().as_secs();
    assert_eq!((&said["active"], &said["scope"], &said["client_id"]), (&json!(true), &json!("a:read"), &json!(key.id)));
    assert_eq!((&said["iat"], &said["exp"]), (&json!(now), &json!(now + 900)));
    let revoke = async |client: &Client, token: &str| form(client, "/oauth/revoke", &[("token", token)]).await;
    let foreign = revoke(&it.admin.with(&other.token), &token).await;
    assert_eq!((foreign.status, foreign.text_at("/error")), (400, "unauthorized_client".into()));
    assert_eq!(foreign.text_at("/code"), "not_found", "no policy stands in the way");
    assert_eq!(introspect().await["active"], true);
    let whole_key = revoke(&client, &key.token).await;
    assert_eq!((whole_key.status, whole_key.text_at("/error")), (400, "unsupported_token_type".into()));
    assert_eq!(revoke(&it.admin.without(), &token).await.status, 401);
    for token in [&token, &token, "nonsense"] {
        assert_eq!(revoke(&client, token).await.expect(200).text, "");
    }
    assert_eq!(introspect().await, json!({"active": false}));
    assert_eq!(it.admin.with(&token).get("/api/v1/me").await.refusal(), (401, "revoked".into()));
    let events = it.admin.get(&it.at("/events?limit=10")).await.expect(200).json();
    assert_eq!(events["data"][0]["operation"], "sign_in.ended", "{events}");
    client.get("/api/v1/me").await.expect(200);
}

#[tokio::test]
async fn whoever_takes_back_tokens_without_end_is_told_to_wait() {
    let it = Fixture::start().await;
    let key = it.create_key(json!({"name": "CI"})).await;
    let client = it.admin.with(&key.token);
    let token =
        form(&client, TOKEN, &[("grant_type", "client_credentials")]).await.expect(200).text_at("/access_token");
    let (tenant, until) = (Tenant::system(it.app.root, "test"), it.app.now().saturating_add(Duration::from_secs(60)));
    let mut tx = it.app.app.store().begin().await.unwrap();
    for number in 0..u128::from(ENDED_SIGN_INS_PER_KEY_MAX) {
        let id = SignInId::from_u128(number);
        tx.end_sign_in(&tenant, id, key.id.parse().unwrap(), until).await.unwrap();
    }
    tx.commit_unaudited("of a test").await.unwrap();
    let refused = form(&client, "/oauth/revoke", &[("token", &token)]).await;
    assert_eq!((refused.status, refused.text_at("/error")), (429, "temporarily_unavailable".into()), "{refused:?}");
    assert_eq!(refused.header("retry-after"), "3600");
    it.admin.with(&token).get("/api/v1/me").await.expect(200);
    it.app.clock.advance(Duration::from_secs(60));
    let mut tx = it.app.app.store().begin().await.unwrap();
    while tx.purge_sign_ins_unchecked(it.app.now()).await.unwrap() > 0 {}
    tx.commit_unaudited("of a test").await.unwrap();
    form(&client, "/oauth/revoke", &[("token", &token)]).await.expect(200);
    assert_eq!(it.admin.with(&token).get("/api/v1/me").await.refusal(), (401, "revoked".into()));
}
