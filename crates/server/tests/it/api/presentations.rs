//! One key, every presentation, on our own API.

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::fixture::Fixture;
use crate::app::{ADMIN_EMAIL, ADMIN_PASSWORD};

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{user}:{password}").as_bytes()))
}

// S2.2, S2.24, S2.27, S4.1: two parts or one, the same credential, and nothing else is needed; what a person signs in with is none.
#[tokio::test]
async fn a_key_passes_in_every_presentation() {
    let it = Fixture::start().await;
    let key = it.create_key(json!({"name": "Integration with CRM"})).await;
    let (token, access, secret) = (key.token.as_str(), key.access_key.as_str(), key.secret_key.as_str());
    let anyone = it.admin.without();
    let bearer = format!("Bearer {token}");
    let presentations: [&[(&str, &str)]; 9] = [
        &[("authorization", &bearer)],
        &[("authorization", &bearer.replace("Bearer", "bEARER"))],
        &[("x-api-key", token)],
        &[("X-Api-Key", token)],
        &[("authorization", &basic(access, secret))],
        &[("authorization", &basic(token, ""))],
        &[("accessKey", access), ("secretKey", secret)],
        &[("ACCESSKEY", access), ("secretkey", secret)],
        // The same credential twice is one credential.
        &[("authorization", &bearer), ("x-api-key", token), ("accessKey", access), ("secretKey", secret)],
    ];
    for headers in presentations {
        let answer = anyone.get_with("/api/v1/me", headers).await.expect(200);
        assert_eq!(answer.text_at("/key/id"), key.id, "{headers:?}");
        assert!(!answer.text.contains(secret), "no secret comes back");
    }
    anyone.get("/api/v1/me").await.expect(401);
    let person = basic(ADMIN_EMAIL, ADMIN_PASSWORD);
    anyone.get_with("/api/v1/me", &[("authorization", &person)]).await.expect(401);
}

// S1.1: an application's has a role and nobody behind it, a user's acts as that user; and each is known by itself.
#[tokio::test]
async fn a_key_stands_for_an_application_or_for_a_user() {
    let it = Fixture::start().await;
    let readonly = it.built_in_role("readonly").await;
    let ann = it.create_member("Ann Lee", &readonly).await;
    let application = json!({"name": "Website", "role_id": readonly, "owner_id": null, "mapped_user_id": null});
    let application = it.create_key(application).await;
    let user = it.create_key(json!({"name": "Ann's", "owner_id": null, "mapped_user_id": ann})).await;
    assert_ne!(application.access_key, user.access_key);
    for (key, user) in [(&application, Value::Null), (&user, json!({"id": ann, "name": "Ann Lee"}))] {
        let me = it.admin.with(&key.token).get("/api/v1/me").await.expect(200).json();
        assert_eq!((&me["key"]["id"], &me["user"]), (&json!(key.id), &user));
    }
}

// The old way, a key in the query, as policy has it by default; and the header that took its place.
#[tokio::test]
async fn a_key_in_the_query_passes_with_a_warning() {
    let it = Fixture::start().await;
    let key = it.create_key(json!({"name": "Old links"})).await;
    let anyone = it.admin.without();
    let encoded: String = key.token.bytes().map(|b| format!("%{b:02x}")).collect();
    for value in [&key.token, &encoded] {
        let answer = anyone.get(&format!("/api/v1/me?api_key={value}")).await.expect(200);
        assert_eq!(answer.text_at("/key/id"), key.id);
        assert!(answer.header("warning").starts_with("299 claviger "), "{:?}", answer.headers);
    }
    for parameter in ["API_KEY", "api%5Fkey", "key"] {
        anyone.get(&format!("/api/v1/me?{parameter}={}", key.token)).await.expect(401);
    }
    let answer = anyone.get_with("/api/v1/me", &[("x-api-key", &key.token)]).await.expect(200);
    assert_eq!(answer.header("warning"), "");
}

// S2.25: both parts on every call.
#[tokio::test]
async fn one_half_of_a_pair_is_nothing() {
    let it = Fixture::start().await;
    let key = it.create_key(json!({"name": "Pair"})).await;
    let (access, secret) = (key.access_key.as_str(), key.secret_key.as_str());
    let anyone = it.admin.without();
    let refused: [&[(&str, &str)]; 7] = [
        &[],
        &[("accessKey", access)],
        &[("secretKey", secret)],
        &[("accessKey", secret), ("secretKey", access)],
        &[("accessKey", access), ("secretKey", &secret.replace(|_: char| true, "A"))],
        &[("authorization", &basic(secret, access))],
        &[("authorization", &basic(access, ""))],
    ];
    let bodies: Vec<_> = {
        let mut bodies = Vec::new();
        for headers in refused {
            let mut headers = headers.to_vec();
            headers.push(("x-request-id", "same"));
            bodies.push(anyone.get_with("/api/v1/me", &headers).await.expect(401).text);
        }
        bodies
    };
    assert!(bodies.iter().all(|it| *it == bodies[0]), "{bodies:#?}");
    anyone.get_with("/api/v1/me", &[("accessKey", access), ("secretKey", secret)]).await.expect(200);
}

#[tokio::test]
async fn two_different_credentials_are_never_chosen_between() {
    let it = Fixture::start().await;
    let one = it.create_key(json!({"name": "One"})).await;
    let other = it.create_key(json!({"name": "Other"})).await;
    let anyone = it.admin.without();
    let bearer = format!("Bearer {}", one.token);
    let pairs: [(&str, &[(&str, &str)]); 6] = [
        ("", &[("authorization", &bearer), ("x-api-key", &other.token)]),
        ("", &[("authorization", &bearer), ("accessKey", &other.access_key), ("secretKey", &other.secret_key)]),
        ("", &[("authorization", &bearer), ("authorization", &basic(&other.access_key, &other.secret_key))]),
        ("", &[("x-api-key", &one.token), ("x-api-key", &other.token)]),
        ("", &[("authorization", &bearer), ("x-api-key", "nonsense")]),
        (&other.token, &[("authorization", &bearer)]),
    ];
    for (query, headers) in pairs {
        let path = if query.is_empty() { "/api/v1/me".to_owned() } else { format!("/api/v1/me?api_key={query}") };
        let request = headers.iter().fold(anyone.request("GET", &path), |it, (name, value)| it.header(*name, *value));
        assert_eq!(anyone.send(request).await.refusal(), (400, "two_credentials".into()), "{query} {headers:?}");
    }
    let twice = format!("/api/v1/me?api_key={}&api_key={}", one.token, other.token);
    assert_eq!(anyone.get(&twice).await.refusal(), (400, "two_credentials".into()));
}

// Assurance S9: a key authenticates from a header or the query, and from nowhere else.
#[tokio::test]
async fn a_key_in_a_cookie_or_a_body_is_no_credential() {
    let it = Fixture::start().await;
    let key = it.create_key(json!({"name": "Elsewhere"})).await;
    let anyone = it.admin.without();
    for name in ["api_key", "x-api-key", "sid", "__Host-sid", "authorization", "accessKey"] {
        let cookie = format!("{name}={}", key.token);
        let answer = anyone.get_with("/api/v1/me", &[("cookie", &cookie), ("sec-fetch-site", "same-origin")]).await;
        assert_eq!(answer.refusal(), (401, "unauthenticated".into()), "{name}");
    }
    let body = json!({"key": key.token, "api_key": key.token});
    assert_eq!(anyone.post("/api/v1/verify", body).await.refusal(), (401, "unauthenticated".into()));
    let form = anyone.request("POST", "/api/v1/verify").header("content-type", "application/x-www-form-urlencoded");
    let answer = anyone.send(form.body(format!("api_key={}", key.token))).await;
    assert_eq!(answer.refusal(), (401, "unauthenticated".into()));
    it.admin.with(&key.token).get("/api/v1/me").await.expect(200);
}
