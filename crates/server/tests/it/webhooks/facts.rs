//! What webhooks say of themselves, and what their tests and samples show.

use std::time::Duration;

use serde_json::json;

use super::hooks::{delivered, event, hook, report, subscribe, tell};
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

#[tokio::test]
async fn a_webhook_whose_key_is_not_good_says_so_and_is_sent_no_test() {
    let it = Fixture::start().await;
    let key = it.create_key(json!({"name": "Zapier", "expires_at": it.days_from_now(3)})).await;
    let id = subscribe(&it.admin.with(&key.token), hook("contact", "create")).await;
    let own = subscribe(
        &it.admin,
        json!({"owner": "organization", "target_url": "https://hooks.example.com/",
        "entity": "contact", "operation": "create"}),
    )
    .await;
    let path = format!("/api/v1/hooks/{id}");
    let shown = async || it.admin.get(&path).await.expect(200).json();
    assert_eq!(shown().await["key_state"], "active");
    assert_eq!(it.admin.get(&format!("/api/v1/hooks/{own}")).await.expect(200).json()["key_state"], json!(null));
    it.admin.post(&it.at(&format!("/keys/{}/deactivate", key.id)), json!({})).await.expect(200);
    let deaf = shown().await;
    assert_eq!((&deaf["key_state"], &deaf["status"]), (&json!("inactive"), &json!("active")));
    let listed = it.admin.get(&format!("/api/v1/hooks?key_id={}", key.id)).await.expect(200).json();
    assert_eq!(listed["data"][0]["key_state"], "inactive");
    let test = || it.admin.post(&format!("{path}/test"), json!({}));
    assert_eq!(test().await.refusal(), (409, "state_conflict".to_owned()));
    it.admin.post(&it.at(&format!("/keys/{}/activate", key.id)), json!({})).await.expect(200);
    test().await.expect(201);
    it.app.clock.advance(Duration::from_secs(3 * 24 * 60 * 60));
    assert_eq!(shown().await["key_state"], "expired");
    assert_eq!(test().await.refusal(), (409, "state_conflict".to_owned()));
}

#[tokio::test]
async fn what_was_erased_is_neither_shown_nor_sent_again() {
    let it = Fixture::start().await;
    let id = subscribe(&it.admin, hook("contact", "create")).await;
    let said = report(&it, &[event(&it, "1", "contact.created", &it.root)]).await;
    tell(&it).await;
    assert_eq!(delivered(&it.admin, &id).await, ["contact.created"]);
    let event_id = said["data"][0]["event_id"].as_str().expect("an id");
    it.admin.post(&it.at(&format!("/events/{event_id}/erase")), json!({"reason": "x"})).await.expect(200);
    let page = it.admin.get(&format!("/api/v1/hooks/{id}/deliveries")).await.expect(200);
    let delivery = format!("/api/v1/hooks/{id}/deliveries/{}", page.text_at("/data/0/id"));
    assert_eq!(it.admin.get(&delivery).await.expect(200).json()["body"], json!(null));
    let resent = it.admin.post(&format!("{delivery}/resend"), json!({})).await;
    assert_eq!(resent.refusal(), (409, "state_conflict".to_owned()));
}
