//! Deliveries are made as soon as something has happened here, and not when somebody looks for it the next time.

use std::time::Duration;

use claviger::jobs::keep_fanning_out;
use claviger::ops::webhooks::{NewWebhook, create_webhook, fan_out};
use claviger_core::decision::Reach;
use claviger_core::name::Description;
use claviger_core::webhook::topic::Subscription;

use super::receiver::{Manner, Receiver};
use super::world::World;
use crate::app::new_key;

/// Longer than any test waits.
const NEVER: Duration = Duration::from_secs(3600);

/// Without the service's own jobs: only who rings is heard.
#[tokio::test]
async fn what_is_reported_and_what_is_changed_rings_and_waits_for_no_look() {
    let world = World::without_jobs().await;
    let app = &world.test.app;
    // What happened before somebody asked for it.
    while fan_out(app).await.unwrap() {}
    let [reports, changes] = [Receiver::new(Manner::status(200)).await, Receiver::new(Manner::status(200)).await];
    let reported = world.subscribe(&reports).await;
    let own = NewWebhook {
        organization_id: None,
        target_url: changes.target(),
        subscription: Subscription::parse("key", "create").unwrap(),
        description: Description::default(),
        reach: Reach::Organization,
        owner: None,
    };
    let own = create_webhook(app, &world.caller, own, None).await.unwrap().fresh().unwrap().info.row.webhook.id;
    drop(app.spawn(keep_fanning_out(app.clone(), NEVER)));

    world.happen("one").await;
    world.until(async || world.deliveries(&reported).await.len() == 1).await;
    for number in 1..=3 {
        world.test.create_key(&world.test.admin, world.test.root, new_key(&format!("Key {number}"))).await.unwrap();
        world.until(async || world.deliveries_of(own).await.len() == number).await;
    }
    world.happen("two").await;
    world.until(async || world.deliveries(&reported).await.len() == 2).await;
    world.stop().await;
}
