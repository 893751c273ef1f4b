//! What clients that speak OAuth are answered at its endpoints, where no token comes of it.

use serde_json::json;

use super::fixture::Fixture;
use super::tokens::{TOKEN, form};

// RFC 6749 §5.2 knows 400 and 401 at these endpoints, and no error that a resource server would have.
#[tokio::test]
async fn a_good_key_that_may_not_have_a_token_is_answered_400() {
    let it = Fixture::start().await;
    let elsewhere = it.create_key(json!({"name": "Elsewhere", "allowed_ips": ["203.0.113.7"]})).await;
    let child = it.create_organization("Below").await;
    let place = format!("/api/v1/organizations/{child}/keys");
    let made = it.admin.post(&place, json!({"name": "Suspended", "owner_id": null})).await.expect(201);
    it.admin.patch(&format!("/api/v1/organizations/{child}"), json!({"status": "suspended"})).await.expect(200);
    let narrow = it.create_key(json!({"name": "Narrow", "reach": "organization"})).await;
    let grant = ("grant_type", "client_credentials");
    for (token, fields) in [
        (elsewhere.token.as_str(), vec![grant]),
        (&made.text_at("/secret/token"), vec![grant]),
        (&narrow.token, vec![grant, ("organization", child.as_str())]),
    ] {
        for (path, fields) in [(TOKEN, fields), ("/oauth/revoke", vec![("token", "x")])] {
            let refused = form(&it.admin.with(token), path, &fields).await;
            if path == "/oauth/revoke" && token == narrow.token {
                refused.expect(200);
                continue;
            }
            let found = (refused.status, refused.text_at("/error"));
            assert_eq!(found, (400, "unauthorized_client".into()), "{path} {refused:?}");
            assert_eq!(refused.header("cache-control"), "no-store");
        }
    }
}

#[tokio::test]
async fn a_key_that_may_do_nothing_has_no_scope() {
    let it = Fixture::start().await;
    let role = it.create_role("Nothing", &[]).await;
    let user_id = it.create_member("M", &role).await;
    let key = it.create_key(json!({"name": "CI", "mapped_user_id": user_id, "owner_id": null})).await;
    let got = form(&it.admin.with(&key.token), TOKEN, &[("grant_type", "client_credentials")]).await.expect(200);
    assert!(got.json().get("scope").is_none(), "{got:?}");
    for token in [&key.token, &got.text_at("/access_token")] {
        let said = form(&it.admin, "/oauth/introspect", &[("token", token)]).await.expect(200).json();
        assert_eq!((&said["active"], said.get("scope")), (&json!(true), None), "{said}");
    }
}
