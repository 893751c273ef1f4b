//! From a delivery that is due to what its receiver answered: when it is tried, what it carries, and what ends it.

use std::collections::BTreeSet;
use std::time::Duration;

use claviger::app::App;
use claviger::clock::SettableClock;
use claviger::ops::notifications::words::sentence;
use claviger::ops::notifications::{list_notifications, read_log};
use claviger::ops::page::PageRequest;
use claviger::ops::webhooks::{delete_webhook, get_delivery};
use claviger_core::event::EventKind;
use claviger_core::limits::WEBHOOK_FAILING_HOURS_MAX;
use claviger_core::notification::NotificationState;
use claviger_core::webhook::WebhookStatus;
use claviger_core::webhook::delivery::DeliveryState;
use claviger_store::notifications::NotificationRow;

use super::receiver::{Manner, Received, Receiver};
use super::world::{World, open_config, verifies};
use crate::app::{master_key, seeded};
use crate::engine::{address_of, is_postgres, node};
use crate::raw::Raw;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
/// What the standard's example has between two attempts.
const WAITS: [u64; 9] = [5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

// W4
#[tokio::test]
async fn a_delivery_is_signed_over_its_exact_bytes_with_every_good_secret() {
    let world = World::new().await;
    let receiver = Receiver::new(Manner::status(200)).await;
    let hook = world.subscribe(&receiver).await;
    world.happen("one").await;
    let [first] = receiver.wait_for(1).await.try_into().unwrap();
    assert_eq!((first.line.as_str(), first.header("content-type")), ("POST /hook", "application/json"));
    assert_eq!(first.header("webhook-timestamp"), world.test.now().as_secs().to_string());
    assert_eq!(first.json()["id"], first.header("webhook-id"));
    assert_eq!(first.json()["type"], "contact.created");
    assert!(verifies(&first, &hook.secret) && !verifies(&first, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
    let mut altered = first.clone();
    altered.body.push(b' ');
    assert!(!verifies(&altered, &hook.secret), "a space is another body");

    let other = world.rotate(&hook).await;
    world.happen("two").await;
    let second = receiver.wait_for(2).await.pop().unwrap();
    assert!(verifies(&second, &hook.secret) && verifies(&second, &other), "both are good for now");
    world.test.clock.advance(secs(25 * HOUR));
    world.happen("three").await;
    let third = receiver.wait_for(3).await.pop().unwrap();
    assert!(!verifies(&third, &hook.secret) && verifies(&third, &other), "the old one has ended");
    world.stop().await;
}

// W2
#[tokio::test]
async fn a_failing_delivery_is_tried_ten_times_at_the_standards_times() {
    let world = World::new().await;
    let receiver = Receiver::new(Manner::status(503)).await;
    let hook = world.subscribe(&receiver).await;
    world.happen("one").await;
    receiver.wait_for(1).await;
    for (count, wait) in WAITS.into_iter().enumerate() {
        let delivery = world.settled(&hook, count as u64 + 1).await;
        assert_eq!(delivery.state, DeliveryState::Pending);
        world.test.clock.advance(secs(wait * 9 / 10 - 1));
        world.look().await;
        assert_eq!(receiver.received().len(), count + 1, "too early");
        world.test.clock.advance(secs(wait * 2 / 10 + 2));
        receiver.wait_for(count + 2).await;
    }
    let delivery = world.settled(&hook, 10).await;
    assert_eq!(delivery.state, DeliveryState::Failed);
    world.test.clock.advance(secs(48 * HOUR));
    world.look().await;
    let received = receiver.received();
    assert_eq!(received.len(), 10);
    let id = received[0].header("webhook-id").to_owned();
    for (one, next) in received.iter().zip(&received[1..]) {
        assert!(next.header("webhook-id") == id && next.body == one.body, "the same message");
        let at = |it: &Received| it.header("webhook-timestamp").parse::<u64>().unwrap();
        assert!(at(one) < at(next), "each attempt has its time");
        assert!(verifies(next, &hook.secret));
    }
    let attempts = world.attempts(&hook).await;
    assert_eq!(attempts.len(), 10);
    assert!(attempts.iter().all(|it| it.status == Some(503) && it.error.is_some()), "{attempts:?}");
    world.stop().await;
}

// W2
#[tokio::test]
async fn after_five_days_without_a_success_it_is_disabled_and_recovers_exactly_what_failed() {
    let world = World::new().await;
    let receiver = Receiver::new(Manner::status(200)).await;
    let hook = world.subscribe(&receiver).await;
    world.happen("taken").await;
    receiver.wait_for(1).await;
    world.settled(&hook, 1).await;
    let beginning = world.test.now();
    receiver.becomes(Manner::status(500));
    world.happen("lost").await;
    receiver.wait_for(2).await;
    world.settled(&hook, 2).await;
    for wait in WAITS {
        let seen = receiver.received().len();
        world.test.clock.advance(secs(wait * 11 / 10 + 1));
        receiver.wait_for(seen + 1).await;
        world.settled(&hook, seen as u64 + 1).await;
    }
    assert_eq!(world.hook(&hook).await.status, WebhookStatus::Active, "it is not yet five days");
    // One that fails weeks later is the first of its own.
    world.test.clock.advance(secs(30 * 24 * HOUR));
    world.happen("later").await;
    receiver.wait_for(12).await;
    world.settled(&hook, 12).await;
    assert_eq!(world.hook(&hook).await.status, WebhookStatus::Active, "nobody knows that it failed in between");
    let since = world.test.now();
    let mut seen = 12;
    while world.hook(&hook).await.status == WebhookStatus::Active {
        world.test.clock.advance(secs(25 * HOUR));
        seen += 1;
        receiver.wait_for(seen).await;
        world.settled(&hook, seen as u64).await;
    }
    assert!(world.test.now().since(since).as_secs() >= WEBHOOK_FAILING_HOURS_MAX * HOUR);
    world.until(async || world.events(EventKind::WebhookDisabled).await == 1).await;
    world.happen("unheard").await;
    world.look().await;
    assert_eq!(receiver.received().len(), seen, "it is sent nothing any more");

    receiver.becomes(Manner::status(200));
    world.play(&hook).await;
    // What waited for its next attempt goes on by itself.
    world.test.clock.advance(secs(25 * HOUR));
    receiver.wait_for(seen + 1).await;
    assert_eq!(world.recover(&hook, beginning).await, 1, "one has failed for good");
    let received = receiver.wait_for(seen + 2).await;
    assert_eq!(received[seen + 1].header("webhook-id"), received[1].header("webhook-id"));
    world.look().await;
    assert_eq!((receiver.received().len(), world.recover(&hook, beginning).await), (seen + 2, 0));
    assert_eq!(world.hook(&hook).await.failing_since, None);
    world.stop().await;
}

// Nobody waits for hours on what a receiver takes again.
#[tokio::test]
async fn recovering_brings_forward_what_waits_for_its_next_attempt_and_nothing_twice() {
    let world = World::new().await;
    let receiver = Receiver::new(Manner::with(429, "Retry-After: 3600\r\n", "")).await;
    let hook = world.subscribe(&receiver).await;
    let beginning = world.test.now();
    world.happen("one").await;
    receiver.wait_for(1).await;
    world.settled(&hook, 1).await;
    world.test.clock.advance(secs(MINUTE));
    assert_eq!(world.recover(&hook, world.test.now()).await, 0, "no attempt has failed since");
    receiver.becomes(Manner::status(200));
    assert_eq!(world.recover(&hook, beginning).await, 1, "it waits for an hour else");
    receiver.wait_for(2).await;
    let delivery = world.settled(&hook, 2).await;
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Delivered, 2));
    assert_eq!(world.recover(&hook, beginning).await, 0, "it has arrived");
    world.test.clock.advance(secs(2 * HOUR));
    world.look().await;
    assert_eq!(receiver.received().len(), 2);
    world.stop().await;
}

#[tokio::test]
async fn a_delivery_of_what_cannot_be_read_is_given_up_and_holds_no_other_up() {
    let world = World::new().await;
    let receiver = Receiver::new(Manner::with(429, "Retry-After: 600\r\n", "")).await;
    let hook = world.subscribe(&receiver).await;
    world.happen("one").await;
    receiver.wait_for(1).await;
    world.settled(&hook, 1).await;
    let mut raw = Raw::of(world.test.app.store()).await;
    raw.execute("UPDATE host_event SET body = '{' WHERE given_id = 'one'").await;
    receiver.becomes(Manner::status(200));
    world.test.clock.advance(secs(2 * HOUR));
    world.happen("two").await;
    let states = async || world.deliveries(&hook).await.into_iter().map(|it| it.state).collect::<Vec<_>>();
    world.until(async || states().await == [DeliveryState::Delivered, DeliveryState::Failed]).await;
    assert_eq!(receiver.received().len(), 2, "what cannot be read is not sent");
    // What it would have sent cannot be shown either.
    raw.execute("UPDATE host_event SET body = NULL WHERE given_id = 'one'").await;
    let failed = world.deliveries(&hook).await.pop().unwrap();
    let attempts = get_delivery(&world.test.app, &world.test.admin, hook.id, failed.id).await.unwrap().attempts;
    assert_eq!(attempts[0].error.as_deref(), Some("What happened cannot be read."));
    assert_eq!(world.hook(&hook).await.status, WebhookStatus::Active);
    world.stop().await;
}

#[tokio::test]
async fn a_receiver_says_that_it_is_gone_that_it_wants_time_or_that_it_wants_one_no_more() {
    use DeliveryState::{Delivered, Failed, Pending};
    use WebhookStatus::{Active, Gone};
    let world = World::new().await;
    let [gone, leaves, busy, picky] = [
        Receiver::new(Manner::status(410)).await,
        Receiver::new(Manner::with(200, "webhook-delivery: disable\r\n", "")).await,
        Receiver::new(Manner::with(429, "Retry-After: 600\r\n", "")).await,
        Receiver::new(Manner::with(500, "webhook-delivery: abort-message\r\n", "")).await,
    ];
    let mut hooks = Vec::new();
    for receiver in [&gone, &leaves, &busy, &picky] {
        hooks.push(world.subscribe(receiver).await);
    }
    world.happen("one").await;
    for (receiver, hook) in [&gone, &leaves, &busy, &picky].into_iter().zip(&hooks) {
        receiver.wait_for(1).await;
        world.settled(hook, 1).await;
    }
    for (hook, status, state) in [
        (&hooks[0], Gone, Failed),
        (&hooks[1], Gone, Delivered),
        (&hooks[2], Active, Pending),
        (&hooks[3], Active, Failed),
    ] {
        assert_eq!((world.hook(hook).await.status, world.settled(hook, 1).await.state), (status, state));
    }
    let error = world.attempts(&hooks[3]).await[0].error.clone();
    assert!(error.as_ref().is_some_and(|it| it.contains("gave this delivery up")), "{error:?}");
    world.until(async || world.events(EventKind::WebhookGone).await == 2).await;
    read_log(&world.test.app).await.unwrap();
    let told =
        list_notifications(&world.test.app, &world.test.admin, true, PageRequest::default()).await.unwrap().items;
    let ended = [&hooks[0], &hooks[1]].map(|it| it.id.to_string());
    let about: BTreeSet<_> = told.iter().map(|it| it.notification.subject_id.clone()).collect();
    assert_eq!(about, ended.into(), "owner and admins are told");
    let is_gone = |it: &NotificationRow| sentence(&it.notification).after.contains("its receiver said that it is gone");
    assert!(told.len() == 2 && told.iter().all(is_gone), "{told:?}");
    world.test.clock.advance(secs(590));
    world.happen("two").await;
    picky.wait_for(2).await;
    world.look().await;
    // Of the busy one's two the second is made at once, and the first not before its time.
    let counts = [&gone, &leaves, &busy].map(|it| it.received().len());
    assert_eq!(counts, [1, 1, 2]);
    world.test.clock.advance(secs(11));
    busy.wait_for(3).await;
    world.stop().await;
}

// A notice that a webhook has ended is taken back with it: neither the bell nor a mail leads to a page that there is not.
#[tokio::test]
async fn what_was_told_of_a_webhook_is_taken_back_when_it_is_deleted() {
    let world = World::new().await;
    let (gone, kept) = (Receiver::new(Manner::status(410)).await, Receiver::new(Manner::status(410)).await);
    let hooks = [world.subscribe(&gone).await, world.subscribe(&kept).await];
    world.happen("one").await;
    gone.wait_for(1).await;
    kept.wait_for(1).await;
    world.until(async || world.events(EventKind::WebhookGone).await == 2).await;
    let (app, admin) = (&world.test.app, &world.test.admin);
    read_log(app).await.unwrap();
    assert_eq!(list_notifications(app, admin, true, PageRequest::default()).await.unwrap().items.len(), 2);
    delete_webhook(app, admin, hooks[0].id).await.unwrap();
    read_log(app).await.unwrap();
    let told = list_notifications(app, admin, false, PageRequest::default()).await.unwrap().items;
    let state_of = |hook: usize| {
        let subject_id = hooks[hook].id.to_string();
        told.iter().find(|it| it.notification.subject_id == subject_id).map(|it| it.notification.state)
    };
    assert_eq!([0, 1].map(state_of), [Some(NotificationState::Withdrawn), Some(NotificationState::Unread)]);
    world.stop().await;
}

// W3
#[tokio::test]
async fn slow_receivers_harm_nobody_and_have_two_requests_at_once() {
    const EVENTS: usize = 30;
    let world = World::new().await;
    let (mut hanging, mut others, mut healthy) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..2 {
        for manner in [Manner::Hang, Manner::Drip, Manner::Tarpit] {
            hanging.push(Receiver::new(manner).await);
        }
        for manner in [Manner::Endless, Manner::Reset] {
            others.push(Receiver::new(manner).await);
        }
        for _ in 0..5 {
            healthy.push(Receiver::new(Manner::status(200)).await);
        }
    }
    // Those that harm come first, whatever order they are called in.
    for receiver in hanging.iter().chain(&others).chain(&healthy) {
        world.subscribe(receiver).await;
    }
    for number in 0..EVENTS {
        world.happen(&number.to_string()).await;
    }
    // By what came before what, and not by the clock: everything has arrived at the healthy ones, and at the hanging ones the first two requests
    // are still under way.
    for receiver in &healthy {
        receiver.wait_for(EVENTS).await;
    }
    for receiver in &hanging {
        assert!(receiver.connections() <= 2, "{}", receiver.connections());
    }
    world.until(async || hanging.iter().all(|it| 0 < it.connections())).await;
    for receiver in hanging.iter().chain(&others).chain(&healthy) {
        assert!(receiver.open_most() <= 2, "{}", receiver.open_most());
    }
    let began = tokio::time::Instant::now();
    world.stop().await;
    assert!(began.elapsed() < secs(8), "it ends without waiting for them: {:?}", began.elapsed());
}

// A0.8
#[tokio::test]
async fn a_receiver_whose_key_ended_is_told_once_and_is_sent_nothing_more() {
    let world = World::new().await;
    let receiver = Receiver::new(Manner::status(503)).await;
    let hook = world.subscribe(&receiver).await;
    world.happen("one").await;
    receiver.wait_for(1).await;
    world.settled(&hook, 1).await;
    world.revoke_key().await;
    let told = receiver.wait_for(2).await.pop().unwrap();
    assert_eq!((told.line.as_str(), told.header("webhook-id")), ("DELETE /hook", hook.id.to_string().as_str()));
    assert!(verifies(&told, &hook.secret), "it is signed as deliveries are, over a body that is empty: {told:?}");
    world.look().await;
    // It did not hear, and is told again when a delivery would be tried again.
    receiver.becomes(Manner::status(200));
    world.test.clock.advance(secs(6));
    let again = receiver.wait_for(3).await.pop().unwrap();
    assert_eq!(again.line, "DELETE /hook");
    for _ in 0..3 {
        world.test.clock.advance(secs(30 * HOUR));
        world.look().await;
    }
    assert_eq!(receiver.received().len(), 3, "nothing is posted, and it is told once");
    world.stop().await;
}

#[tokio::test]
async fn that_a_webhook_was_deleted_its_receiver_is_told_with_its_signature() {
    let world = World::new().await;
    let receiver = Receiver::new(Manner::status(503)).await;
    let hook = world.subscribe(&receiver).await;
    delete_webhook(&world.test.app, &world.test.admin, hook.id).await.unwrap();
    let told = receiver.wait_for(1).await.pop().unwrap();
    assert!(told.line == "DELETE /hook" && verifies(&told, &hook.secret), "{told:?}");
    world.look().await;
    receiver.becomes(Manner::status(200));
    world.test.clock.advance(secs(6));
    let again = receiver.wait_for(2).await.pop().unwrap();
    assert!(verifies(&again, &hook.secret), "as long as it has not heard: {again:?}");
    world.stop().await;
}

#[tokio::test]
async fn what_a_key_may_not_hear_by_now_is_given_up_and_not_sent() {
    let world = World::new().await;
    let receiver = Receiver::new(Manner::status(503)).await;
    let hook = world.subscribe(&receiver).await;
    let since = world.test.now();
    world.happen("one").await;
    receiver.wait_for(1).await;
    world.settled(&hook, 1).await;
    world.set_key_active(false).await;
    receiver.becomes(Manner::status(200));
    world.test.clock.advance(secs(6));
    let delivery = world.settled(&hook, 2).await;
    assert_eq!((delivery.state, receiver.received().len()), (DeliveryState::Failed, 1));
    let attempts = world.attempts(&hook).await;
    assert!(attempts[0].error.as_ref().is_some_and(|it| it.contains("may not be told")), "{attempts:?}");
    world.set_key_active(true).await;
    assert_eq!(world.recover(&hook, since).await, 1, "whoever is heard again has it sent again");
    receiver.wait_for(2).await;
    world.stop().await;
}

#[tokio::test]
async fn a_test_and_a_delivery_that_is_sent_again_go_the_same_way() {
    let world = World::new().await;
    let receiver = Receiver::new(Manner::status(200)).await;
    let hook = world.subscribe(&receiver).await;
    world.happen("one").await;
    receiver.wait_for(1).await;
    world.settled(&hook, 1).await;
    world.resend(&hook).await;
    let received = receiver.wait_for(2).await;
    assert_eq!(
        (&received[1].body, received[1].header("webhook-id")),
        (&received[0].body, received[0].header("webhook-id"))
    );
    world.settled(&hook, 2).await;
    let by_hand: Vec<_> = world.attempts(&hook).await.iter().map(|it| it.is_manual).collect();
    assert_eq!(by_hand, [true, false]);
    world.test_event(&hook).await;
    let third = receiver.wait_for(3).await.pop().unwrap();
    assert!(verifies(&third, &hook.secret) && third.json()["test"] == true, "{third:?}");
    world.stop().await;
}

/// Two nodes look at once, and again as soon as they have sent something.
#[tokio::test]
async fn two_nodes_send_each_delivery_once() {
    if !is_postgres() {
        return;
    }
    let world = World::new().await;
    let address = address_of(world.test.app.store());
    let randomness = seeded(2);
    // Its clock is ahead, and still it does not take the other's leases for ones that have run out.
    let clock = SettableClock::standing(world.test.now().saturating_add(secs(2 * MINUTE)));
    let clock = std::sync::Arc::new(clock);
    let second = App::start(open_config(), node(&address, randomness()).await, clock, randomness, master_key());
    second.follower().ready().await;
    claviger::jobs::start(&second);
    let receivers = [Receiver::new(Manner::status(200)).await, Receiver::new(Manner::status(200)).await];
    for receiver in &receivers {
        world.subscribe(receiver).await;
    }
    for number in 0..40 {
        world.happen(&number.to_string()).await;
    }
    for receiver in &receivers {
        receiver.wait_for(40).await;
    }
    world.look().await;
    for receiver in &receivers {
        let received = receiver.received();
        let ids: BTreeSet<_> = received.iter().map(|it| it.header("webhook-id")).collect();
        assert_eq!((received.len(), ids.len()), (40, 40));
    }
    second.shut_down().await;
    world.stop().await;
}
