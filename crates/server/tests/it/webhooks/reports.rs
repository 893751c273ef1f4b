//! What hosts report: how much of it at a time, and what is refused before it is kept.

use claviger_core::limits::{HOST_EVENT_BYTES_MAX, HOST_EVENTS_PER_BATCH_MAX};
use serde_json::{Value, json};

use super::hooks::{event, report};
use crate::api::fixture::Fixture;

#[tokio::test]
async fn a_batch_is_taken_of_as_many_events_as_long_as_the_guide_says() {
    let it = Fixture::start().await;
    let long = |number: usize| {
        let mut event = event(&it, &format!("long-{number}"), "contact.created", &it.root);
        event["data"] = json!({ "note": "x".repeat(HOST_EVENT_BYTES_MAX - 100) });
        event
    };
    let events: Vec<_> = (0..HOST_EVENTS_PER_BATCH_MAX).map(long).collect();
    let said = report(&it, &events).await;
    assert_eq!(said["data"].as_array().map(Vec::len), Some(HOST_EVENTS_PER_BATCH_MAX));
    let mut longer = long(0);
    longer["data"] = json!({ "note": "x".repeat(HOST_EVENT_BYTES_MAX) });
    let refused = it.admin.post("/api/v1/events", json!({ "events": [longer] })).await;
    assert_eq!(refused.pointers(), ["/events/0/data"]);
}

#[tokio::test]
async fn what_would_not_be_kept_as_it_was_meant_is_refused_by_its_field() {
    let it = Fixture::start().await;
    let key = it.create_key(json!({"name": "Told"})).await.token;
    let plain = || event(&it, "1", "contact.created", &it.root);
    let with = |field: &str, value: Value| {
        let mut event = plain();
        event[field] = value;
        event
    };
    let numbers: Value = serde_json::from_str(r#"{"deep": [123456789012345678901234567890]}"#).unwrap();
    for (bad, pointer) in [
        (with("entity_id", json!(key)), "/events/0/entity_id"),
        (with("id", json!(format!("made with {key}"))), "/events/0/id"),
        (with("at", json!("1999-12-31T00:00:00Z")), "/events/0/at"),
        (with("before", numbers), "/events/0/before"),
    ] {
        let refused = it.admin.post("/api/v1/events", json!({ "events": [bad] })).await;
        assert_eq!((refused.status, refused.pointers()), (400, vec![pointer.to_owned()]), "{refused:?}");
        assert!(!refused.text.contains(&key), "it is not told back: {refused:?}");
    }
    let kept = json!({ "whole": 9_007_199_254_740_993_u64, "share": 0.1 });
    report(&it, &[with("data", kept.clone())]).await;
    let revision = it.admin.get(&it.at("/revisions")).await.expect(200).json()["data"][0].clone();
    assert_eq!(revision["data"], kept);
}
