//! How a receiver is judged by the latest attempts.

use std::time::Duration;

use claviger::ops::page::PageRequest;
use claviger::ops::webhooks::{get_webhook, list_webhooks};
use claviger_core::webhook::delivery::DeliveryState;
use claviger_core::webhook::health::Health;
use claviger_store::webhooks::WebhookFilter;
use serde_json::json;

use super::receiver::{Manner, Receiver};
use super::world::World;

#[tokio::test]
async fn a_receiver_is_judged_by_the_attempts_of_the_last_day() {
    let world = World::new().await;
    let app = &world.test.app;
    let receiver = Receiver::new(Manner::status(200)).await;
    let hook = world.subscribe(&receiver).await;
    let well = Receiver::new(Manner::status(200)).await;
    let other = world.subscribe(&well).await;
    let health = async |id| get_webhook(app, &world.caller, id).await.unwrap().health;
    assert_eq!(health(hook.id).await, Health::default());
    world.happen("taken").await;
    receiver.wait_for(1).await;
    world.settled(&hook, 1).await;
    receiver.becomes(Manner::with(500, "webhook-delivery: abort-message\r\n", ""));
    world.happen("given up").await;
    receiver.wait_for(2).await;
    world.settled(&hook, 2).await;
    let judged = health(hook.id).await;
    assert_eq!((judged.attempts, judged.failed), (2, 0), "who gives one up has not failed");
    // The webhook ends with it: what is tried again would be judged on the next day too.
    receiver.becomes(Manner::status(410));
    world.happen("lost").await;
    receiver.wait_for(3).await;
    world.settled(&hook, 3).await;
    world.settled(&other, 3).await;
    let judged = health(hook.id).await;
    assert_eq!((judged.attempts, judged.failed, judged.failed_percent()), (3, 1, Some(33)));
    let listed = list_webhooks(app, &world.caller, None, WebhookFilter::default(), PageRequest::default()).await;
    let listed = listed.unwrap().items;
    let of = |id| listed.iter().find(|it| it.row.webhook.id == id).unwrap().health;
    assert_eq!((of(hook.id), of(other.id).failed), (judged, 0), "each by its own attempts");

    let shown = world.test.get(&format!("/api/v1/hooks/{}", hook.id), world.test.admin_key().await.expose()).await;
    let expected = json!({"attempts": 3, "failed": 1, "failed_percent": 33, "p95_ms": judged.p95_ms.unwrap()});
    assert_eq!((shown.status, &shown.body["recent"]), (200, &expected));

    world.test.clock.advance(Duration::from_secs(24 * 60 * 60 + 1));
    assert_eq!(health(hook.id).await, Health::default(), "what is longer ago is forgotten");
    world.stop().await;
}

// What its key may not hear is not sent: the receiver was not asked, and has neither failed nor answered.
#[tokio::test]
async fn a_receiver_is_not_judged_by_what_was_withheld_from_it() {
    let world = World::new().await;
    let receiver = Receiver::new(Manner::status(503)).await;
    let hook = world.subscribe(&receiver).await;
    world.happen("one").await;
    receiver.wait_for(1).await;
    world.settled(&hook, 1).await;
    let health = async || get_webhook(&world.test.app, &world.test.admin, hook.id).await.unwrap().health;
    let before = health().await;
    assert_eq!((before.attempts, before.failed), (1, 1), "what it did not take counts");
    world.set_key_active(false).await;
    world.test.clock.advance(Duration::from_secs(6));
    let given_up = world.settled(&hook, 2).await;
    assert_eq!((given_up.state, receiver.received().len()), (DeliveryState::Failed, 1), "it was given up and not sent");
    assert_eq!(health().await, before);

    world.set_key_active(true).await;
    receiver.becomes(Manner::status(200));
    world.resend(&hook).await;
    receiver.wait_for(2).await;
    world.settled(&hook, 3).await;
    let after = health().await;
    assert_eq!((after.attempts, after.failed), (2, 1), "what it took counts again");
    world.stop().await;
}
