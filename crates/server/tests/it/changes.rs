//! Assurance R5: every operation that changes something leaves exactly one event, and this node's replica has applied it when the answer comes.
//! The operations are taken from the OpenAPI document, so that a new one without a call here, or without its event, fails.

use std::collections::BTreeSet;

use claviger::api::document_text;
use claviger::ops::keys::NewKey;
use claviger::ops::sessions::{Origin, sign_in};
use claviger_core::decision::Reach;
use claviger_core::event::{Position, Stream};
use claviger_core::name::Email;
use claviger_core::role::BuiltIn;
use claviger_core::time::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::app::{ADMIN_EMAIL, ADMIN_PASSWORD, TestApp, name, new_key};

/// Operations that are asked by POST and change nothing.
pub(crate) const ASKING: [&str; 8] = [
    "verify_key",
    "verify_keys",
    "introspect_token",
    "preview_policy",
    "preview_role",
    "create_token",
    "create_access_token",
    "refresh_access_token",
];
/// What OAuth asks for in its own way, without a receipt or an `Idempotency-Key`: its event is looked for where all of OAuth is.
pub(crate) const OAUTHS: [&str; 1] = ["revoke_token"];
/// An import that has brought no key yet has changed nothing that anybody is told of; its lines do.
/// Nor has what a host reports: it is a stream of its own.
const UNHEARD: [&str; 2] = ["create_import", "report_events"];

/// Every operation of the document that is not read by GET.
pub(crate) fn writing_operations() -> BTreeSet<String> {
    let document: Value = serde_json::from_str(&document_text()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let methods = paths.values().flat_map(|it| it.as_object().unwrap());
    let writing = methods.filter(|(method, _)| matches!(method.as_str(), "post" | "put" | "patch" | "delete"));
    let ids = writing.map(|(_, operation)| operation["operationId"].as_str().unwrap().to_owned());
    let others: Vec<_> = [&ASKING[..], &UNHEARD, &OAUTHS].concat();
    ids.filter(|id| !others.contains(&id.as_str())).collect()
}

/// The service, and what has been called on it.
struct Calls {
    test: TestApp,
    token: String,
    called: BTreeSet<String>,
}

/// Where the log stands and where the replica does.
async fn standing(test: &TestApp) -> (Position, Option<Position>) {
    let head = test.app.store().read().await.unwrap().head(Stream::Change).await.unwrap();
    (head, test.app.replica().position())
}

/// Why a change did not leave what it has to leave.
fn fault(before: Position, (head, applied): (Position, Option<Position>)) -> Option<String> {
    if head.seq != before.seq + 1 {
        return Some(format!("{} events and not one", head.seq - before.seq));
    }
    (applied < Some(head)).then(|| format!("answered at {applied:?}, before the replica had applied {head:?}"))
}

impl Calls {
    async fn new() -> Self {
        let test = TestApp::new().await;
        let created = {
            let caller = NewKey { reach: Reach::Subtree, ..new_key("caller") };
            test.create_key(&test.admin, test.root, caller).await.unwrap()
        };
        let token = created.token.expose().to_owned();
        Self { test, token, called: BTreeSet::new() }
    }

    /// Calls an operation and looks at the log and the replica before and after.
    async fn call(&mut self, operation: &str, method: &str, path: &str, body: Value) -> Value {
        self.call_at(&self.test.root.to_string(), operation, method, path, body).await
    }

    /// Calls an operation of the whole installation.
    async fn call_at_root(&mut self, operation: &str, path: &str) {
        let (before, _) = standing(&self.test).await;
        let answer = self.test.call("POST", path, &self.token, &Value::Null).await;
        assert!((200..300).contains(&answer.status), "{operation}: {answer:?}");
        assert_eq!(fault(before, standing(&self.test).await), None, "{operation}");
        self.called.insert(operation.to_owned());
    }

    /// Has a secret shown again, which takes a session and no key.
    async fn reveal(&mut self, operation: &str, what: &str) {
        let (email, password) = (Email::parse(ADMIN_EMAIL).unwrap(), SecretString::from(ADMIN_PASSWORD));
        let signed_in = sign_in(&self.test.app, email, password, Origin::default()).await.unwrap();
        let (before, _) = standing(&self.test).await;
        let path = format!("/api/v1/organizations/{}{what}/reveal", self.test.root);
        let request = self.test.http.post(self.test.url(&path)).header("sec-fetch-site", "same-origin");
        let cookie = format!("sid={}", signed_in.token.expose_secret());
        let answer = request.header("cookie", cookie).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(fault(before, standing(&self.test).await), None);
        self.called.insert(operation.to_owned());
    }

    /// As [`Self::call`], on another organization.
    async fn call_at(&mut self, at: &str, operation: &str, method: &str, path: &str, body: Value) -> Value {
        self.call_path(operation, method, format!("/api/v1/organizations/{at}{path}"), body).await
    }

    async fn call_path(&mut self, operation: &str, method: &str, path: String, body: Value) -> Value {
        let (before, _) = standing(&self.test).await;
        let answer = self.test.call(method, &path, &self.token, &body).await;
        assert!((200..300).contains(&answer.status), "{operation}: {answer:?}");
        if let Some(fault) = fault(before, standing(&self.test).await) {
            panic!("{operation}: {fault}");
        }
        self.called.insert(operation.to_owned());
        answer.body
    }
}

fn id(thing: &Value) -> &str {
    thing["id"].as_str().unwrap_or_else(|| panic!("no id in {thing}"))
}

#[tokio::test]
async fn every_operation_that_changes_something_leaves_one_event_and_a_replica_that_knows_it() {
    let mut calls = Calls::new().await;
    calls.call("update_organization", "PATCH", "", json!({"name": "Renamed"})).await;
    let parent = calls.call("create_organization", "POST", "/organizations", json!({"name": "L1", "slug": "l1"})).await;
    let moved = calls.call("put_organization", "PUT", "/organizations/by-external-id/l2", json!({"name": "L2"})).await;
    calls.call_at(id(&moved), "move_organization", "POST", "/move", json!({"parent_id": id(&parent)})).await;

    let path = "/api/v1/master-key/rotate".to_owned();
    calls.call_path("rotate_master_key", "POST", path, Value::Null).await;
    calls.call("update_policy", "PATCH", "/policy", json!({"max_keys_per_user": 99})).await;

    let user = calls.call("create_user", "POST", "/users", json!({"name": "M"})).await;
    calls.call("put_user", "PUT", "/users/by-external-id/n", json!({"name": "N"})).await;
    calls.call("update_user", "PATCH", &format!("/users/{}", id(&user)), json!({"name": "M2"})).await;

    let invited = calls.call("create_user", "POST", "/users", json!({"name": "I", "email": "i@example.com"})).await;
    let path = format!("/users/{}/sign-in-link", id(&invited));
    calls.call("create_sign_in_link", "POST", &path, Value::Null).await;
    calls.call("delete_sign_in_link", "DELETE", &path, Value::Null).await;

    let api = json!({"name": "Billing", "slug": "billing", "key_prefix": "bill"});
    let api = calls.call("create_api", "POST", "/apis", api).await;
    calls.call("update_api", "PATCH", &format!("/apis/{}", id(&api)), json!({"name": "Invoices"})).await;
    let path = format!("/apis/{}", id(&api));
    calls.call("update_api", "PATCH", &path, json!({"versions": [{"slug": "1.0", "status": "current"}]})).await;
    let (openapi, guide) = (format!("{path}/versions/1.0/openapi"), format!("{path}/versions/1.0/guides/forms"));
    calls.call("put_api_openapi", "PUT", &openapi, json!({"openapi": "3.1.0", "paths": {}})).await;
    calls.call("put_api_guide", "PUT", &guide, json!({"title": "Forms", "markdown": "# Forms"})).await;
    calls.call("delete_api_openapi", "DELETE", &openapi, Value::Null).await;
    calls.call("delete_api_guide", "DELETE", &guide, Value::Null).await;
    calls.call("delete_api", "DELETE", &format!("/apis/{}", id(&api)), Value::Null).await;

    let role = json!({"name": "analyst", "permissions": ["scorecards:read"], "api_access": true});
    let role = calls.call("create_role", "POST", "/roles", role).await;
    let spare = calls.call("create_role", "POST", "/roles", json!({"name": "spare", "permissions": []})).await;
    calls.call("update_role", "PATCH", &format!("/roles/{}", id(&role)), json!({"api_access": false})).await;
    calls.call("delete_role", "DELETE", &format!("/roles/{}", id(&spare)), Value::Null).await;

    let member = json!({"user_id": id(&user), "role_id": id(&role)});
    let member = calls.call("create_member", "POST", "/members", member).await;
    let path = format!("/members/{}", id(&member));
    calls.call("update_member", "PATCH", &path, json!({"extra_permissions": ["scorecards/A:read"]})).await;
    calls.call("delete_member", "DELETE", &path, Value::Null).await;

    let key = calls.call("create_key", "POST", "/keys", json!({"name": "CI"})).await;
    let path = format!("/keys/{}", id(&key["key"]));
    calls.call("update_key", "PATCH", &path, json!({"description": "deploys"})).await;
    calls.call("deactivate_key", "POST", &format!("{path}/deactivate"), Value::Null).await;
    calls.call("activate_key", "POST", &format!("{path}/activate"), Value::Null).await;
    calls.call("rotate_key", "POST", &format!("{path}/rotate"), Value::Null).await;
    let later = json!({"until": "2027-01-20T00:00:00Z"});
    calls.call("extend_rotation", "POST", &format!("{path}/rotation/extend"), later).await;
    calls.call("end_rotation", "POST", &format!("{path}/rotation/end"), Value::Null).await;
    calls.call("rotate_key", "POST", &format!("{path}/rotate"), Value::Null).await;
    calls.call("cancel_rotation", "POST", &format!("{path}/rotation/cancel"), Value::Null).await;
    calls.call("duplicate_key", "POST", &format!("{path}/duplicate"), Value::Null).await;
    calls.call("revoke_key", "POST", &format!("{path}/revoke"), Value::Null).await;

    calls.test.set_policy(calls.test.root, r#"{"reveal": "owner"}"#).await;
    let key = calls.call("create_key", "POST", "/keys", json!({"name": "Shown"})).await;
    calls.reveal("reveal_key", &format!("/keys/{}", id(&key["key"]))).await;

    let path = "/shared-secret";
    calls.call("create_shared_secret", "POST", path, Value::Null).await;
    calls.call("rotate_shared_secret", "POST", &format!("{path}/rotate"), Value::Null).await;
    let later = json!({"until": "2027-01-20T00:00:00Z"});
    calls.call("extend_shared_secret_rotation", "POST", &format!("{path}/rotation/extend"), later).await;
    calls.call("end_shared_secret_rotation", "POST", &format!("{path}/rotation/end"), Value::Null).await;
    calls.reveal("reveal_shared_secret", path).await;
    calls.call("delete_shared_secret", "DELETE", path, Value::Null).await;
    calls.call_at_root("rotate_signing_keys", "/api/v1/signing-keys/rotate").await;

    let ends = "2027-02-01T00:00:00Z";
    let bulk = calls.call("create_key", "POST", "/keys", json!({"name": "Bulk", "expires_at": ends})).await;
    let leaked = calls.call("create_key", "POST", "/keys", json!({"name": "Leaked"})).await;
    let keys = json!({"ids": [id(&bulk["key"])]});
    calls.call("extend_keys", "POST", "/keys/bulk/extend", json!({"keys": keys, "expires_at": null})).await;
    calls.call("deactivate_keys", "POST", "/keys/bulk/deactivate", json!({"keys": keys})).await;
    calls.call("activate_keys", "POST", "/keys/bulk/activate", json!({"keys": keys})).await;
    calls.call("revoke_keys", "POST", "/keys/bulk/revoke", json!({"keys": keys})).await;
    calls.call("report_leak", "POST", "/leaks", json!({"key": leaked["secret"]["token"]})).await;

    let path = format!("/api/v1/organizations/{}/events?limit=1", calls.test.root);
    let events = calls.test.call("GET", &path, &calls.token, &Value::Null).await.body;
    let path = format!("/events/{}/erase", id(&events["data"][0]));
    calls.call("erase_event", "POST", &path, json!({"reason": "A request"})).await;

    let path = format!("/users/{}/personal-key", calls.test.admin_id);
    calls.call("put_personal_key", "PUT", &path, Value::Null).await;
    calls.call("rotate_personal_key", "POST", &format!("{path}/rotate"), Value::Null).await;
    calls.call("delete_personal_key", "DELETE", &path, Value::Null).await;

    let readonly = calls.test.built_in(calls.test.root, BuiltIn::Readonly).await;
    let source = json!({"source_digest": "ab".repeat(32), "source_name": "keys.csv", "role_id": readonly.id});
    let path = format!("/api/v1/organizations/{}/imports", calls.test.root);
    let import = calls.test.call("POST", &path, &calls.token, &source).await.body;
    let lines = json!({"lines": [{"line": 2, "sha256": "cd".repeat(32)}]});
    calls.call("append_import", "POST", &format!("/imports/{}/lines", id(&import)), lines).await;

    let hook = json!({"target_url": "https://hooks.example.com/", "entity": "contact", "operation": "create"});
    let hook = calls.call_path("create_hook", "POST", "/api/v1/hooks".to_owned(), hook).await;
    let path = format!("/api/v1/hooks/{}", id(&hook));
    calls.call_path("update_hook", "PATCH", path.clone(), json!({"description": "changed"})).await;
    calls.call_path("rotate_hook_secret", "POST", format!("{path}/rotate-secret"), json!({})).await;
    let delivery = calls.call_path("test_hook", "POST", format!("{path}/test"), Value::Null).await;
    let resend = format!("{path}/deliveries/{}/resend", id(&delivery));
    calls.call_path("resend_delivery", "POST", resend, Value::Null).await;
    let since = json!({"since": "2026-11-01T00:00:00Z"});
    calls.call_path("recover_deliveries", "POST", format!("{path}/recover"), since).await;
    calls.call_path("delete_hook", "DELETE", path, Value::Null).await;
    calls.call("put_event_type", "PUT", "/event-types/contact.created", json!({"description": "New"})).await;
    calls.call("delete_event_type", "DELETE", "/event-types/contact.created", Value::Null).await;

    assert_eq!(calls.called, writing_operations(), "the document and the calls of this test");
}

/// The positive control: a change that goes by the log, and one that answers too early, are found.
#[tokio::test]
async fn a_change_without_its_event_or_ahead_of_the_replica_is_found() {
    let test = TestApp::new().await;
    let (before, _) = standing(&test).await;
    let mut tx = test.app.store().begin().await.unwrap();
    tx.put_password_unchecked(test.admin_id, "$planted$", Timestamp::MIN).await.unwrap();
    tx.commit_unaudited("the planted fault").await.unwrap();
    assert_eq!(fault(before, standing(&test).await), Some("0 events and not one".to_owned()));

    test.organization(test.root, name("L1").as_str()).await;
    let (head, applied) = standing(&test).await;
    assert_eq!(fault(before, (head, applied)), None);
    assert!(fault(before, (head, Some(before))).is_some_and(|it| it.contains("before the replica")));
}
