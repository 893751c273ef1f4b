//! What webhooks say of themselves, and what their tests and samples show.

use std::time::Duration;

use serde_json::{Value, json};

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
    let test = async || it.admin.post(&format!("{path}/test"), json!({})).await;
    assert_eq!(test().await.refusal(), (409, "state_conflict".to_owned()));
    it.admin.post(&it.at(&format!("/keys/{}/activate", key.id)), json!({})).await.expect(200);
    let _ = test().await.expect(201);
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

#[tokio::test]
async fn a_test_of_our_own_changes_is_of_a_type_that_there_is_and_has_the_fields_of_the_real_one() {
    let it = Fixture::start().await;
    let id = subscribe(&it.admin, hook("key", "*")).await;
    let sent = it.admin.post(&format!("/api/v1/hooks/{id}/test"), json!({})).await.expect(201).json();
    assert_eq!((&sent["body"]["type"], &sent["body"]["test"]), (&json!("key.created"), &json!(true)));
    it.create_key(json!({"name": "Real"})).await;
    let words = "entity=key&operation=created";
    let real = it.admin.get(&format!("/api/v1/hooks/samples?{words}")).await.expect(200).json()[0].clone();
    assert_eq!(real["test"], false);
    let fields = |it: &Value| it["data"]["after"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(fields(&sent["body"]), fields(&real));
    assert_eq!(sent["body"]["data"]["before"], Value::Null);
    // Nothing of the kind has happened: the sample is the example.
    let revoked = it.admin.get("/api/v1/hooks/samples?entity=role&operation=delete").await.expect(200).json();
    assert_eq!((&revoked[0]["type"], &revoked[0]["test"]), (&json!("role.deleted"), &json!(true)));
    assert!(revoked[0]["data"]["before"].is_object(), "{revoked}");
    // Everything, where the catalogue is empty.
    let id = subscribe(&it.admin, hook("*", "*")).await;
    let sent = it.admin.post(&format!("/api/v1/hooks/{id}/test"), json!({})).await.expect(201).json();
    assert_eq!(sent["type"], "key.created");
}

// Nobody would know a test of another entity for one of their own webhook.
#[tokio::test]
async fn a_test_is_of_the_webhooks_own_entity_also_where_the_catalogue_has_none_of_it() {
    let it = Fixture::start().await;
    let others = it.at("/event-types/contact.created");
    it.admin.send(it.admin.request("PUT", &others).json(&json!({"example": {"name": "Ann"}}))).await.expect(201);
    for (entity, operation, expected) in
        [("deal", "*", "deal.test"), ("deal", "won", "deal.won"), ("invoice", "create", "invoice.created")]
    {
        let id = subscribe(&it.admin, hook(entity, operation)).await;
        let sent = it.admin.post(&format!("/api/v1/hooks/{id}/test"), json!({})).await.expect(201).json();
        assert_eq!((&sent["type"], &sent["body"]["type"]), (&json!(expected), &json!(expected)));
        assert_eq!((&sent["body"]["entity"], &sent["body"]["data"]), (&json!(entity), &json!({})), "{sent}");
        let words = format!("entity={entity}&operation={operation}");
        let sample = it.admin.get(&format!("/api/v1/hooks/samples?{words}")).await.expect(200).json()[0].clone();
        assert_eq!((&sample["type"], &sample["test"]), (&json!(expected), &json!(true)), "a sample says the same");
    }
}

#[tokio::test]
async fn samples_of_everything_are_what_a_subscription_to_it_would_hear() {
    let it = Fixture::start().await;
    let types = async |words: &str| {
        let found = it.admin.get(&format!("/api/v1/hooks/samples?{words}")).await.expect(200).json();
        let found = found.as_array().unwrap().iter().map(|it| it["type"].as_str().unwrap().to_owned());
        found.collect::<Vec<_>>()
    };
    let key = it.create_key(json!({"name": "Sampled"})).await;
    it.revoke(&key.id).await;
    assert_eq!(types("entity=key&operation=*").await[..2], ["key.revoked", "key.created"]);
    it.app.clock.advance(Duration::from_secs(60));
    report(&it, &[event(&it, "1", "contact.created", &it.root), event(&it, "2", "deal.won", &it.root)]).await;
    assert_eq!(types("entity=contact&operation=*").await, ["contact.created"]);
    let all = types("entity=*&operation=*").await;
    assert_eq!((all.len(), all[2].as_str()), (3, "key.revoked"), "{all:?}");
    for (words, pointer) in
        [("entity=Key&operation=*", "entity"), ("entity=key&operation=a-b", "operation"), ("entity=key", "operation")]
    {
        let refused = it.admin.get(&format!("/api/v1/hooks/samples?{words}")).await;
        assert_eq!((refused.status, refused.pointers()), (400, vec![pointer.to_owned()]), "{words}");
    }
}
