//! One call of every operation that changes something, each on things of its own: it succeeds whatever was called before.

use std::collections::BTreeSet;

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::api::client::{Answer, Client};
use crate::api::fixture::Fixture;
use crate::api::sessions::cookie;
use crate::changes::writing_operations;
use crate::raw::Raw;

/// A call that has not been made yet.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) operation: &'static str,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: Value,
    /// The cookie of a session, for what no key may do.
    pub(crate) cookie: Option<String>,
}

impl Call {
    pub(crate) async fn send(&self, it: &Fixture) -> Answer {
        let request = self.request(&it.admin);
        it.admin.send(if self.body.is_null() { request } else { request.json(&self.body) }).await
    }

    /// The request without its body, by a client or by the session that it takes.
    pub(crate) fn request(&self, client: &Client) -> RequestBuilder {
        match &self.cookie {
            None => client.request(self.method, &self.path),
            Some(cookie) => {
                let request = client.without().request(self.method, &self.path);
                request.header("cookie", cookie).header("sec-fetch-site", "same-origin")
            }
        }
    }
}

/// Makes what the calls are about.
struct Maker<'a> {
    it: &'a Fixture,
    at: String,
    names: usize,
}

impl Maker<'_> {
    async fn make(&mut self, path: &str, mut body: Value) -> Value {
        self.names += 1;
        body["name"] = json!(format!("Thing {}", self.names));
        self.it.admin.post(&format!("{}{path}", self.at), body).await.expect(201).json()
    }

    async fn id(&mut self, path: &str, body: Value) -> String {
        self.make(path, body).await["id"].as_str().unwrap().to_owned()
    }

    /// A key, as the answer that made it has it.
    async fn key(&mut self, role_id: &str) -> Value {
        self.make("/keys", json!({"role_id": role_id, "owner_id": null, "mapped_user_id": null})).await
    }

    async fn key_id(&mut self, role_id: &str) -> String {
        self.key(role_id).await["key"]["id"].as_str().unwrap().to_owned()
    }
}

/// The calls, over an organization of their own below the root; the admin's key and what it hangs on are left alone.
pub(crate) async fn calls(it: &Fixture) -> Vec<Call> {
    let organization = it.create_organization("Changed").await;
    let (movable, rotated, ended) = (
        it.create_organization("Movable").await,
        it.create_organization("Rotated").await,
        it.create_organization("Ended").await,
    );
    let at = format!("/api/v1/organizations/{organization}");
    let mut maker = Maker { it, at: at.clone(), names: 0 };
    let mut calls = Vec::new();
    let mut call =
        |operation, method, path: String, body| calls.push(Call { operation, method, path, body, cookie: None });

    call("update_organization", "PATCH", at.clone(), json!({"name": "Renamed"}));
    call("create_organization", "POST", format!("{at}/organizations"), json!({"name": "New"}));
    call("put_organization", "PUT", format!("{at}/organizations/by-external-id/put"), json!({"name": "Put"}));
    let path = format!("/api/v1/organizations/{movable}/move");
    call("move_organization", "POST", path, json!({"parent_id": organization}));
    call("update_policy", "PATCH", format!("{at}/policy"), json!({"max_keys_per_user": 99}));

    let permissions = json!({"permissions": ["contacts:read"], "api_access": true});
    let role = maker.id("/roles", permissions.clone()).await;
    let spare = maker.id("/roles", permissions.clone()).await;
    call("create_role", "POST", format!("{at}/roles"), json!({"name": "New", "permissions": ["contacts:read"]}));
    call("update_role", "PATCH", format!("{at}/roles/{role}"), json!({"description": "Changed"}));
    call("delete_role", "DELETE", format!("{at}/roles/{spare}"), Value::Null);

    let user = maker.id("/users", json!({})).await;
    call("create_user", "POST", format!("{at}/users"), json!({"name": "New"}));
    call("put_user", "PUT", format!("{at}/users/by-external-id/put"), json!({"name": "Put"}));
    call("update_user", "PATCH", format!("{at}/users/{user}"), json!({"name": "Renamed"}));
    for operation in ["create_sign_in_link", "delete_sign_in_link"] {
        let invited = maker.id("/users", json!({"email": format!("{operation}@example.com")})).await;
        let path = format!("{at}/users/{invited}/sign-in-link");
        if operation.starts_with("create") {
            call(operation, "POST", path, json!({}));
        } else {
            it.admin.post(&path, json!({})).await.expect(201);
            call(operation, "DELETE", path, Value::Null);
        }
    }
    call("create_member", "POST", format!("{at}/members"), json!({"user_id": user, "role_id": role}));
    let mut members = Vec::new();
    for _ in 0..2 {
        let user_id = maker.id("/users", json!({})).await;
        let body = json!({"user_id": user_id, "role_id": role});
        members.push(it.admin.post(&format!("{at}/members"), body).await.expect(201).text_at("/id"));
    }
    let extra = json!({"extra_permissions": ["scorecards/A:read"]});
    call("update_member", "PATCH", format!("{at}/members/{}", members[0]), extra);
    call("delete_member", "DELETE", format!("{at}/members/{}", members[1]), Value::Null);

    let api = maker.id("/apis", json!({"slug": "changed", "key_prefix": "changed"})).await;
    let spare = maker.id("/apis", json!({"slug": "spare", "key_prefix": "spare"})).await;
    call("delete_api", "DELETE", format!("{at}/apis/{spare}"), Value::Null);
    let new = json!({"name": "New", "slug": "new", "key_prefix": "new"});
    call("create_api", "POST", format!("{at}/apis"), new);
    call("update_api", "PATCH", format!("{at}/apis/{api}"), json!({"name": "Renamed"}));
    // Only what serves everybody is documented here.
    let documented = json!({"name": "Documented", "slug": "documented", "key_prefix": "documented",
                            "versions": [{"slug": "1.0", "status": "current"}, {"slug": "2.0", "status": "current"}]});
    let documented = it.admin.post(&it.at("/apis"), documented).await.expect(201).text_at("/id");
    let path = |version: &str, rest: &str| it.at(&format!("/apis/{documented}/versions/{version}/{rest}"));
    let (openapi, guide) = (json!({"openapi": "3.1.0", "paths": {}}), json!({"title": "Forms", "markdown": "# Forms"}));
    for (rest, body) in [("openapi", &openapi), ("guides/forms", &guide)] {
        it.admin.send(it.admin.request("PUT", &path("1.0", rest)).json(body)).await.expect(201);
    }
    call("put_api_openapi", "PUT", path("2.0", "openapi"), openapi);
    call("put_api_guide", "PUT", path("2.0", "guides/forms"), guide);
    call("delete_api_openapi", "DELETE", path("1.0", "openapi"), Value::Null);
    call("delete_api_guide", "DELETE", path("1.0", "guides/forms"), Value::Null);

    let new = json!({"name": "New", "role_id": role, "owner_id": null});
    call("create_key", "POST", format!("{at}/keys"), new);
    let path = format!("{at}/keys/{}", maker.key_id(&role).await);
    call("update_key", "PATCH", path, json!({"description": "Changed"}));
    let inactive = format!("{at}/keys/{}", maker.key_id(&role).await);
    it.admin.post(&format!("{inactive}/deactivate"), json!({})).await.expect(200);
    call("activate_key", "POST", format!("{inactive}/activate"), json!({}));
    for (operation, action) in [
        ("deactivate_key", "deactivate"),
        ("rotate_key", "rotate"),
        ("duplicate_key", "duplicate"),
        ("revoke_key", "revoke"),
    ] {
        let path = format!("{at}/keys/{}/{action}", maker.key_id(&role).await);
        call(operation, "POST", path, json!({}));
    }
    for action in ["end", "extend", "cancel"] {
        let path = format!("{at}/keys/{}", maker.key_id(&role).await);
        it.admin.post(&format!("{path}/rotate"), json!({"overlap_secs": 3600})).await.expect(200);
        let (operation, body) = match action {
            "end" => ("end_rotation", json!({})),
            "extend" => ("extend_rotation", json!({"until": it.days_from_now(20)})),
            _ => ("cancel_rotation", json!({})),
        };
        call(operation, "POST", format!("{path}/rotation/{action}"), body);
    }
    let inactive = json!([maker.key_id(&role).await]);
    it.admin.post(&format!("{at}/keys/bulk/deactivate"), json!({"keys": {"ids": inactive}})).await.expect(200);
    call("activate_keys", "POST", format!("{at}/keys/bulk/activate"), json!({"keys": {"ids": inactive}}));
    for (operation, action) in [("deactivate_keys", "deactivate"), ("revoke_keys", "revoke"), ("extend_keys", "extend")]
    {
        let ends =
            json!({"role_id": role, "owner_id": null, "mapped_user_id": null, "expires_at": it.days_from_now(30)});
        let mut body = json!({"keys": {"ids": [maker.make("/keys", ends).await["key"]["id"]]}});
        if action == "extend" {
            body["expires_at"] = json!(it.days_from_now(300));
        }
        call(operation, "POST", format!("{at}/keys/bulk/{action}"), body);
    }
    let leaked = maker.key(&role).await["secret"]["token"].clone();
    call("report_leak", "POST", format!("{at}/leaks"), json!({"key": leaked}));

    let told = it.admin.get(&format!("{at}/events?limit=1")).await.expect(200).text_at("/data/0/id");
    call("erase_event", "POST", format!("{at}/events/{told}/erase"), json!({"reason": "A request"}));

    // A personal key is one per user and organization, and only the user switches it on: so three organizations for the one user who calls.
    let personal =
        |organization: &str| format!("/api/v1/organizations/{organization}/users/{}/personal-key", it.app.admin_id);
    for organization in [&rotated, &ended] {
        it.admin.send(it.admin.request("PUT", &personal(organization))).await.expect(201);
    }
    call("put_personal_key", "PUT", personal(&organization), Value::Null);
    call("rotate_personal_key", "POST", format!("{}/rotate", personal(&rotated)), json!({}));
    call("delete_personal_key", "DELETE", personal(&ended), Value::Null);

    // Where secrets are shown again to their owner, who is the user that calls.
    let shown = it.create_organization("Shown").await;
    let path = format!("/api/v1/organizations/{shown}");
    it.admin.patch(&format!("{path}/policy"), json!({"reveal": "owner"})).await.expect(200);
    let key = it.admin.post(&format!("{path}/keys"), json!({"name": "Shown"})).await.expect(201).text_at("/key/id");
    call("reveal_key", "POST", format!("{path}/keys/{key}/reveal"), json!({}));

    let path = |organization: &str| format!("/api/v1/organizations/{organization}/shared-secret");
    let overlapping = [it.create_organization("Early").await, it.create_organization("Late").await];
    for organization in [&rotated, &shown, &ended].into_iter().chain(&overlapping) {
        it.admin.post(&path(organization), json!({})).await.expect(201);
    }
    let [early, late] = &overlapping;
    for organization in [early, late] {
        it.admin.post(&format!("{}/rotate", path(organization)), json!({})).await.expect(200);
    }
    call("end_shared_secret_rotation", "POST", format!("{}/rotation/end", path(early)), json!({}));
    let later = json!({"until": it.days_from_now(20)});
    call("extend_shared_secret_rotation", "POST", format!("{}/rotation/extend", path(late)), later);
    call("create_shared_secret", "POST", path(&organization), json!({}));
    call("rotate_shared_secret", "POST", format!("{}/rotate", path(&rotated)), json!({}));
    call("reveal_shared_secret", "POST", format!("{}/reveal", path(&shown)), json!({}));
    call("delete_shared_secret", "DELETE", path(&ended), Value::Null);
    call("rotate_signing_keys", "POST", "/api/v1/signing-keys/rotate".to_owned(), json!({}));

    let hook = |entity: &str| {
        json!({"target_url": "https://hooks.example.com/", "entity": entity, "operation": "create",
               "organization_id": organization, "owner": "organization"})
    };
    call("create_hook", "POST", "/api/v1/hooks".to_owned(), hook("contact"));
    for (operation, method, action, body) in [
        ("update_hook", "PATCH", "", json!({"description": "Changed"})),
        ("rotate_hook_secret", "POST", "/rotate-secret", json!({})),
        ("test_hook", "POST", "/test", json!({})),
        ("recover_deliveries", "POST", "/recover", json!({"since": "2026-11-01T00:00:00Z"})),
        ("delete_hook", "DELETE", "", Value::Null),
    ] {
        let id = it.admin.post("/api/v1/hooks", hook("deal")).await.expect(201).text_at("/id");
        call(operation, method, format!("/api/v1/hooks/{id}{action}"), body);
    }
    let path =
        format!("/api/v1/hooks/{}", it.admin.post("/api/v1/hooks", hook("deal")).await.expect(201).text_at("/id"));
    let delivery = it.admin.post(&format!("{path}/test"), json!({})).await.expect(201).text_at("/id");
    call("resend_delivery", "POST", format!("{path}/deliveries/{delivery}/resend"), json!({}));
    call("put_event_type", "PUT", format!("{at}/event-types/contact.created"), json!({"description": "New"}));
    let path = format!("{at}/event-types/deal.won");
    it.admin.send(it.admin.request("PUT", &path).json(&json!({}))).await.expect(201);
    call("delete_event_type", "DELETE", path, Value::Null);

    let source = json!({"source_digest": "ab".repeat(32), "source_name": "keys.csv", "role_id": role});
    let import = it.admin.post(&format!("{at}/imports"), source).await.expect(200).text_at("/id");
    let lines = json!({"lines": [{"line": 2, "sha256": "cd".repeat(32)}]});
    call("append_import", "POST", format!("{at}/imports/{import}/lines"), lines);

    // As if none had ever been needed: the first of all calls notes which there is.
    Raw::of(it.app.app.store()).await.execute("UPDATE installation SET master_key_id = NULL").await;
    let path = "/api/v1/master-key/rotate".to_owned();
    calls.insert(0, Call { operation: "rotate_master_key", method: "POST", path, body: json!({}), cookie: None });

    let cookie = cookie(it).await;
    for call in calls.iter_mut().filter(|it| it.operation.starts_with("reveal_")) {
        call.cookie = Some(cookie.clone());
    }
    let called: BTreeSet<String> = calls.iter().map(|it| it.operation.to_owned()).collect();
    assert_eq!(called, writing_operations(), "the calls here and the document");
    calls
}
