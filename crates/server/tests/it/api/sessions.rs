//! A console session on the management API: only where no key is sent, and only from the console's own pages.

use serde_json::json;

use super::fixture::Fixture;
use crate::app::{ADMIN_EMAIL, ADMIN_PASSWORD, TestApp, config};
use claviger::config::Config;
use claviger::ops::sessions::{Origin, sign_in};
use claviger_core::name::Email;
use secrecy::{ExposeSecret, SecretString};

pub(crate) async fn cookie(it: &Fixture) -> String {
    let (email, password) = (Email::parse(ADMIN_EMAIL).unwrap(), SecretString::from(ADMIN_PASSWORD));
    let signed_in = sign_in(&it.app.app, email, password, Origin::default()).await.unwrap();
    format!("sid={}", signed_in.token.expose_secret())
}

#[tokio::test]
async fn a_session_calls_from_its_own_pages_only() {
    let it = Fixture::start().await;
    let cookie = cookie(&it).await;
    let browser = it.admin.without();
    let read = browser.get_with("/api/v1/me", &[("cookie", &cookie)]).await.expect(200);
    assert!(read.json()["key"].is_null());
    let write = async |headers: &[(&str, &str)], name: &str| {
        let request = browser.request("POST", &it.at("/keys")).header("cookie", &cookie).json(&json!({"name": name}));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        browser.send(request).await
    };
    write(&[("sec-fetch-site", "same-origin")], "A").await.expect(201);
    let own = it.app.url("");
    write(&[("origin", &own)], "B").await.expect(201);
    for foreign in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site"), ("origin", &own)],
    ] {
        assert_eq!(write(foreign, "C").await.refusal(), (403, "foreign_origin".into()), "{foreign:?}");
    }
    let silent = write(&[], "C").await;
    assert_eq!(silent.refusal(), (403, "foreign_origin".into()), "a browser says where it is from");
    assert!(silent.text_at("/detail").contains("`Origin` and `Sec-Fetch-Site` are missing"), "{silent:?}");
    let nobody = browser.request("POST", &it.at("/keys")).header("cookie", "sid=nobodys").json(&json!({"name": "C"}));
    assert_eq!(browser.send(nobody).await.refusal(), (401, "unauthenticated".into()), "who is nobody is told no more");
}

// A neighbouring host can plant a cookie of the plain name, and none of the prefixed one.
#[tokio::test]
async fn under_tls_a_session_is_believed_only_under_its_prefixed_name() {
    let config = Config { public_url: Some("https://keys.acme.example".parse().unwrap()), ..config() };
    let it = Fixture::around(TestApp::with_config(config).await).await;
    let plain = cookie(&it).await;
    let prefixed = format!("__Host-{plain}");
    let ask = async |cookie: &str| it.admin.without().get_with("/api/v1/me", &[("cookie", cookie)]).await;
    ask(&prefixed).await.expect(200);
    assert_eq!(ask(&plain).await.refusal(), (401, "unauthenticated".into()));
    ask(&format!("sid=planted; {prefixed}")).await.expect(200);
    let page = it.admin.without().get_with("/", &[("cookie", &plain)]).await.expect(303);
    assert!(page.header("location").starts_with("/sign-in"), "the console follows the same rule: {page:?}");
}

#[tokio::test]
async fn a_key_beats_a_cookie() {
    let it = Fixture::start().await;
    let cookie = cookie(&it).await;
    let key = it.create_key(json!({"name": "K"})).await;
    let answer = it.admin.with(&key.token).get_with("/api/v1/me", &[("cookie", &cookie)]).await.expect(200);
    assert_eq!(answer.text_at("/key/id"), key.id);
    // Nor does a good session save a bad key.
    let bad = it.admin.with("ck_nonsense").get_with("/api/v1/me", &[("cookie", &cookie)]).await;
    assert_eq!(bad.refusal(), (401, "unauthenticated".into()));
    let two = format!("{cookie}; sid=other");
    let answer = it.admin.without().get_with("/api/v1/me", &[("cookie", &two)]).await;
    assert_eq!(answer.refusal(), (401, "unauthenticated".into()));
}
