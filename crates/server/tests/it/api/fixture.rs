//! A running service, an admin's key, and what tests need of it again and again.

use std::time::Duration;

use claviger::ops::keys::NewKey;
use claviger_core::decision::Reach;
use claviger_core::time::Timestamp;
use serde_json::{Value, json};

use super::client::{Answer, Client};
use crate::app::{TestApp, new_key};

/// A key as the answer that made it had it.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
}

impl Made {
    pub(crate) fn of(answer: &Answer) -> Self {
        Self {
            id: answer.text_at("/key/id"),
            token: answer.text_at("/secret/token"),
            access_key: answer.text_at("/secret/access_key"),
            secret_key: answer.text_at("/secret/secret_key"),
        }
    }
}

/// The service, and a key of its first admin that reaches everything and is not narrowed.
pub(crate) struct Fixture {
    pub(crate) app: TestApp,
    pub(crate) admin: Client,
    /// The root organization.
    pub(crate) root: String,
    start: Timestamp,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::around(TestApp::new().await).await
    }

    pub(crate) async fn around(app: TestApp) -> Self {
        let new = NewKey { reach: Reach::Subtree, ..new_key("Admin of the tests") };
        let token = app.create_key(&app.admin, app.root, new).await.unwrap().token;
        let admin = Client::new(&app.url(""), Some(token.expose()));
        Self { admin, root: app.root.to_string(), start: app.now(), app }
    }

    /// The instant that the clock shows.
    pub(crate) fn now(&self) -> String {
        self.app.now().to_string()
    }

    /// The instant so many days after the start.
    pub(crate) fn days_from_now(&self, days: u64) -> String {
        self.start.saturating_add(Duration::from_secs(days * 24 * 60 * 60)).to_string()
    }

    /// Puts the clock to an instant, and then some microseconds on or back.
    pub(crate) fn set_clock(&self, at: &str, micros: i64) {
        let at: Timestamp = at.parse().unwrap();
        self.app.clock.set(Timestamp::from_micros(at.as_micros() + micros).unwrap());
    }

    /// Puts the clock forward.
    pub(crate) fn advance_micros(&self, micros: u64) {
        self.app.clock.advance(Duration::from_micros(micros));
    }

    /// Has what was used written down.
    pub(crate) async fn flush_uses(&self) {
        self.app.app.uses().flush().await.unwrap();
    }

    /// A path below an organization.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("/api/v1/organizations/{}{path}", self.root)
    }

    /// Creates a key of the root organization as its admin.
    pub(crate) async fn create_key(&self, body: Value) -> Made {
        Made::of(&self.admin.post(&self.at("/keys"), body).await.expect(201))
    }

    /// Revokes a key.
    pub(crate) async fn revoke(&self, id: &str) {
        self.admin.post(&self.at(&format!("/keys/{id}/revoke")), json!({})).await.expect(200);
    }

    /// Gives a key a new secret.
    pub(crate) async fn rotate(&self, id: &str, body: Value) -> Made {
        Made::of(&self.admin.post(&self.at(&format!("/keys/{id}/rotate")), body).await.expect(200))
    }

    /// Creates an organization below the root; answers its identifier.
    pub(crate) async fn create_organization(&self, name: &str) -> String {
        self.admin.post(&self.at("/organizations"), json!({"name": name})).await.expect(201).text_at("/id")
    }

    /// Creates a role; answers its identifier.
    pub(crate) async fn create_role(&self, name: &str, permissions: &[&str]) -> String {
        let body = json!({"name": name, "permissions": permissions, "api_access": true});
        self.admin.post(&self.at("/roles"), body).await.expect(201).text_at("/id")
    }

    /// The identifier of a built-in role.
    pub(crate) async fn built_in_role(&self, name: &str) -> String {
        let roles = self.admin.get(&self.at("/roles?limit=100")).await.expect(200).json();
        let found = roles["data"].as_array().unwrap().iter().find(|it| it["built_in"] == name);
        found.unwrap()["id"].as_str().unwrap().to_owned()
    }

    /// Makes a user and a member with a role; answers the user's identifier.
    pub(crate) async fn create_member(&self, name: &str, role_id: &str) -> String {
        let user_id = self.admin.post(&self.at("/users"), json!({"name": name})).await.expect(201).text_at("/id");
        let body = json!({"user_id": user_id, "role_id": role_id});
        self.admin.post(&self.at("/members"), body).await.expect(201);
        user_id
    }

    /// What verify says about a key.
    pub(crate) async fn verify(&self, body: Value) -> Value {
        self.admin.post("/api/v1/verify", body).await.expect(200).json()
    }
}
