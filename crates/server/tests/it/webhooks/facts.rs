//! What webhooks say of themselves, and what their tests and samples show.

use std::time::Duration;

use serde_json::json;

use super::hooks::{hook, subscribe};
use crate::api::fixture::Fixture;

#[tokio::test]
async fn another_signing_secret_is_a_change_of_its_webhook() {
    let it = Fixture::start().await;
    let id = subscribe(&it.admin, hook("contact", "create")).await;
    let path = format!("/api/v1/hooks/{id}");
    let before = it.admin.get(&path).await.expect(200);
    it.app.clock.advance(Duration::from_secs(60));
    let rotated = it.admin.post(&format!("{path}/rotate-secret"), json!({})).await.expect(200);
    let after = it.admin.get(&path).await.expect(200);
    assert_ne!(before.text_at("/updated_at"), after.text_at("/updated_at"));
    assert_eq!(rotated.text_at("/updated_at"), after.text_at("/updated_at"));
    assert_ne!(before.header("etag"), after.header("etag"), "its secrets stand in what the tag is of");
}
