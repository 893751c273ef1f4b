//! The keys that access tokens are checked by, as others fetch them.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use super::fixture::Fixture;
use super::tokens::{TOKEN, form};

#[tokio::test]
async fn the_published_keys_check_what_was_signed_and_follow_a_rotation() {
    let it = Fixture::start().await;
    let nobody = it.admin.without();
    let metadata = nobody.get("/.well-known/oauth-authorization-server").await.expect(200).json();
    let issuer = metadata["issuer"].as_str().unwrap().to_owned();
    assert_eq!(metadata["token_endpoint"], format!("{issuer}{TOKEN}"));
    assert_eq!(metadata["response_types_supported"], json!(["none"]), "required, and never without an element");
    let keys = async || nobody.get("/oauth/jwks.json").await.expect(200);
    let before = keys().await;
    assert_eq!(before.header("cache-control"), "public, max-age=300");
    assert_eq!(before.json()["keys"].as_array().unwrap().len(), 2, "the first to sign, and the next");
    let get = async || {
        form(&it.admin, TOKEN, &[("grant_type", "client_credentials")]).await.expect(200).text_at("/access_token")
    };
    let first = get().await;
    let published = keys().await;
    assert_eq!(published.text, before.text, "whoever kept the set from before the first token checks that by it");
    let check = |token: &str, set: &Value| {
        let header = jsonwebtoken::decode_header(token).unwrap();
        assert_eq!(header.typ.as_deref(), Some("at+jwt"));
        let key = set["keys"].as_array().unwrap().iter().find(|it| it["kid"] == *header.kid.as_ref().unwrap())?;
        let key = DecodingKey::from_ed_components(key["x"].as_str().unwrap()).unwrap();
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[&issuer]);
        validation.set_audience(&["default"]);
        validation.validate_exp = false;
        jsonwebtoken::decode::<Value>(token, &key, &validation).ok().map(|it| it.claims["client_id"].clone())
    };
    assert!(check(&first, &published.json()).is_some());
    assert_eq!(published.json()["keys"].as_array().map(Vec::len), Some(2), "the next one is published before it signs");

    let rotate = async |body: Value| it.admin.post("/api/v1/signing-keys/rotate", body).await.expect(200).json();
    // In no order: several may have been made within one millisecond.
    let states = |keys: &Value| {
        let of = |state: &str| keys["data"].as_array().unwrap().iter().filter(|it| it["state"] == state).count();
        [of("retired"), of("current"), of("next")]
    };
    assert_eq!(states(&rotate(json!({})).await), [1, 1, 1]);
    let second = get().await;
    assert!(check(&second, &published.json()).is_some(), "whoever kept the key set knows it already");
    it.admin.with(&first).get("/api/v1/me").await.expect(200);
    assert_eq!(states(&rotate(json!({"revoke": true})).await), [0, 1, 1]);
    for token in [&first, &second] {
        assert_eq!(it.admin.with(token).get("/api/v1/me").await.refusal(), (401, "unauthenticated".into()));
        assert!(check(token, &keys().await.json()).is_none());
    }
    assert_eq!(states(&rotate(json!({})).await), [1, 1, 1]);
    it.app.clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(
        keys().await.json()["keys"].as_array().map(Vec::len),
        Some(2),
        "a retired one is not published for ever"
    );
    it.app.clock.advance(Duration::from_secs(30 * 24 * 3600));
    claviger::ops::tokens::keep_signing_keys(&it.app.app).await.unwrap();
    let keys = it.admin.get("/api/v1/signing-keys").await.expect(200).json();
    assert_eq!(states(&keys), [1, 1, 1], "by itself, every 30 days");
    let reader = it.create_key(json!({"name": "reader", "scopes": ["*:read"]})).await;
    let denied = it.admin.with(&reader.token).post("/api/v1/signing-keys/rotate", json!({})).await;
    assert_eq!(denied.refusal(), (403, "insufficient_permission".into()));
}
