//! A webhook hears exactly of what happens while it is on: not of what happened before it was made or while it was paused, and of everything else, also of
//! what happened in the instant before a pause and at another node.

use std::collections::BTreeSet;
use std::time::Duration;

use claviger::app::App;
use claviger::ops::idempotency::{Answer, Idempotency};
use claviger::ops::keys::{CreatedKey, Overlap, create_key, rotate_key};
use claviger::ops::webhooks::{NewWebhook, Owner, create_webhook, fan_out};
use claviger_core::decision::Reach;
use claviger_core::id::WebhookId;
use claviger_core::name::Description;
use claviger_core::webhook::WebhookStatus;
use claviger_core::webhook::target::TargetUrl;
use claviger_core::webhook::topic::Subscription;
use http::HeaderMap;
use serde_json::Value;

use super::receiver::{Manner, Receiver};
use super::world::{Hook, World};
use crate::app::new_key;
use crate::engine::is_postgres;
use crate::nodes::beside;

/// Times that the webhooks are paused and played.
const ROUNDS: usize = 6;

async fn count(world: &World, hook: &Hook) -> usize {
    world.deliveries(hook).await.len()
}

// Without the service's jobs nobody else makes the deliveries: what the pause itself does not have made is lost.
#[tokio::test]
async fn what_happened_in_the_instant_before_a_pause_is_told_once_it_is_played() {
    let world = World::without_jobs().await;
    let receiver = Receiver::new(Manner::status(200)).await;
    let hook = world.subscribe(&receiver).await;
    world.happen("before").await;
    assert_eq!(count(&world, &hook).await, 0, "nobody has come to it yet");
    world.pause(&hook).await;
    assert_eq!(count(&world, &hook).await, 1);
    world.happen("meanwhile").await;
    world.play(&hook).await;
    while fan_out(&world.test.app).await.unwrap() {}
    assert_eq!(count(&world, &hook).await, 1, "and not of what happened meanwhile");

    // Another secret of its key pauses it too, where the old one ends at once.
    world.happen("before the other secret").await;
    let test = &world.test;
    rotate_key(&test.app, &test.admin, test.root, world.key_id, Overlap::For(Duration::ZERO), None).await.unwrap();
    assert_eq!(world.deliveries(&hook).await.len(), 2);
    let stands = claviger::ops::webhooks::get_webhook(&test.app, &test.admin, hook.id).await.unwrap().row.webhook;
    assert_eq!(stands.status, WebhookStatus::Paused);
    world.stop().await;
}

// What others are told waits for its turn: who pauses nothing makes none of their deliveries.
#[tokio::test]
async fn deliveries_are_made_ahead_of_their_turn_only_for_what_is_paused_then() {
    let world = World::without_jobs().await;
    let receiver = Receiver::new(Manner::status(200)).await;
    let (hook, other) = (world.subscribe(&receiver).await, of_keys(&world).await);
    let test = &world.test;
    let make_key = async |text| test.create_key(&test.admin, test.root, new_key(text)).await.map(drop).unwrap();
    let told = async || world.deliveries_of(other).await.len();
    let rotate = async |overlap: Duration, asked: Option<Idempotency<CreatedKey>>| {
        rotate_key(&test.app, &test.admin, test.root, world.key_id, Overlap::For(overlap), asked).await.unwrap()
    };
    world.pause(&hook).await;
    make_key("First").await;
    world.pause(&hook).await;
    assert_eq!(told().await, 0, "it was paused already");
    world.switch_at(&test.app, hook.id, true).await;
    rotate(Duration::from_secs(3600), None).await;
    assert_eq!(told().await, 0, "the old secret stays good, and nothing is paused");
    rotate(Duration::ZERO, once()).await;
    assert_eq!(told().await, 1, "the control: now it is");
    world.switch_at(&test.app, hook.id, true).await;
    make_key("Second").await;
    assert!(matches!(rotate(Duration::ZERO, once()).await, Answer::Replayed { .. }));
    assert_eq!(told().await, 1, "a repetition pauses nothing");
    world.stop().await;
}

fn once() -> Option<Idempotency<CreatedKey>> {
    let render = |it: &CreatedKey| Value::String(it.info.key.id.to_string());
    let headers = |_: &CreatedKey| HeaderMap::new();
    Some(Idempotency { key: "once".to_owned(), fingerprint: [1; 32], status: 200, render, headers })
}

/// Makes deliveries all the time, as every node does.
async fn keep_fanning_out(node: &App) {
    loop {
        fan_out(node).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A webhook of the organization that is told of keys.
async fn of_keys(world: &World) -> WebhookId {
    let new = NewWebhook {
        organization_id: Some(world.test.root),
        target_url: TargetUrl::parse("https://hooks.example.com/keys").unwrap(),
        subscription: Subscription::parse("key", "create").unwrap(),
        description: Description::default(),
        reach: Reach::Organization,
        owner: Some(Owner::Organization),
    };
    let made = create_webhook(&world.test.app, &world.test.admin, new, None).await.unwrap().fresh().unwrap();
    made.info.row.webhook.id
}

/// Where the engine has one node, its two fan-outs are two of the same.
#[tokio::test]
async fn two_nodes_tell_a_webhook_of_all_that_happens_while_it_is_on_and_of_nothing_else() {
    let world = World::without_jobs().await;
    let first = world.test.app.clone();
    let beside = if is_postgres() { Some(beside(&world.test).await.0) } else { None };
    let second = beside.clone().unwrap_or_else(|| first.clone());
    let receiver = Receiver::new(Manner::status(200)).await;
    world.happen_at(&second, "before anybody asked").await;
    let (contacts, keys) = (world.subscribe(&receiver).await, of_keys(&world).await);
    let (mut reported, mut made) = (BTreeSet::new(), 0);
    let rounds = async {
        for round in 0..ROUNDS {
            // Each is done at the one and then at the other.
            let (here, there) = if round % 2 == 0 { (&first, &second) } else { (&second, &first) };
            let key = async |node: &App, name: String| {
                create_key(node, &world.test.admin, world.test.root, new_key(&name), None).await.unwrap();
            };
            reported.insert(world.happen_at(here, &format!("on {round}")).await);
            key(here, format!("On {round}")).await;
            made += 1;
            for hook in [contacts.id, keys] {
                world.switch_at(there, hook, false).await;
            }
            world.happen_at(here, &format!("off {round}")).await;
            key(there, format!("Off {round}")).await;
            for hook in [contacts.id, keys] {
                world.switch_at(here, hook, true).await;
            }
        }
    };
    tokio::select! {
        () = keep_fanning_out(&first) => unreachable!("it goes on"),
        () = keep_fanning_out(&second) => unreachable!("it goes on"),
        () = rounds => {}
    }
    while fan_out(&first).await.unwrap() {}
    let told: BTreeSet<_> = world.deliveries(&contacts).await.into_iter().map(|it| it.event_id).collect();
    assert_eq!(told, reported);
    assert_eq!(world.deliveries_of(keys).await.len(), made);
    if let Some(second) = beside {
        second.shut_down().await;
    }
    world.stop().await;
}
