//! What people have to know: what takes it back, what stays taken back, and that no mail is lost.

use std::time::Duration;

use claviger_core::event::Entity;
use claviger_core::id::UserId;
use claviger_core::key::Key;
use claviger_core::notification::{Notification, NotificationKind, NotificationState};
use claviger_core::time::Timestamp;

use crate::world::{World, id, notification, now};

fn notice(key: &Key, user_id: UserId, state: NotificationState) -> Notification {
    Notification { state, ..notification(key, user_id) }
}

/// Tells the world's user of acme.
async fn tell(world: &World, it: &Notification) {
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.insert_notification(&world.acme.tenant, it, id(), Some(now())).await.expect("a notification");
    tx.commit_unaudited("a test tells").await.expect("a commit");
}

async fn due(world: &World) -> Vec<UserId> {
    let mut reader = world.store.read().await.expect("a reader");
    reader.find_mail_turns_unchecked(Timestamp::MAX, 9).await.expect("turns")
}

async fn unmailed(world: &World) -> usize {
    let mut reader = world.store.read().await.expect("a reader");
    reader.find_unmailed_unchecked(world.acme.user.id, 9).await.expect("notifications").len()
}

async fn end_turn(world: &World) {
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.end_mail_unchecked(world.acme.user.id, now()).await.expect("an end");
    tx.commit_unaudited("a test ends a turn").await.expect("a commit");
}

#[tokio::test]
async fn what_is_told_while_a_turn_of_mail_ends_is_mailed_all_the_same() {
    let world = World::new().await;
    let (key, _) = world.insert_key(&world.acme, "one").await;
    let user_id = world.acme.user.id;
    let [first, second] = [0, 1].map(|_| notice(&key, user_id, NotificationState::Unread));
    tell(&world, &first).await;
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.mark_mailed_unchecked(user_id, &[first.id]).await.expect("a mark");
    tx.commit_unaudited("a test has mailed").await.expect("a commit");
    let mut telling = world.store.begin().await.expect("a transaction");
    telling.insert_notification(&world.acme.tenant, &second, id(), Some(now())).await.expect("a notification");
    let told = async {
        // Until the other one waits for it, or has gone past.
        tokio::time::sleep(Duration::from_millis(300)).await;
        telling.commit_unaudited("a test tells").await.expect("a commit");
    };
    tokio::join!(end_turn(&world), told);
    assert_eq!((unmailed(&world).await, due(&world).await), (1, vec![user_id]));
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.mark_mailed_unchecked(user_id, &[second.id]).await.expect("a mark");
    tx.commit_unaudited("a test has mailed").await.expect("a commit");
    end_turn(&world).await;
    assert_eq!(due(&world).await, []);
}

#[tokio::test]
async fn what_was_taken_back_is_not_mailed_whatever_became_of_it_at_the_bell() {
    use NotificationState::{Dismissed, Read, Unread, Withdrawn};
    let world = World::new().await;
    let (key, _) = world.insert_key(&world.acme, "one").await;
    let told = [Unread, Read, Dismissed].map(|it| notice(&key, world.acme.user.id, it));
    for it in &told {
        tell(&world, it).await;
    }
    assert_eq!(unmailed(&world).await, 3);
    let mut tx = world.store.begin().await.expect("a transaction");
    let kinds = [NotificationKind::KeyIdle, NotificationKind::KeyIdleAgain];
    tx.withdraw_notifications(&world.acme.tenant, Entity::from(key.id), kinds).await.expect("a withdrawal");
    tx.commit_unaudited("a test takes back").await.expect("a commit");
    assert_eq!(unmailed(&world).await, 0);
    let mut reader = world.store.read().await.expect("a reader");
    for (it, state) in told.iter().zip([Withdrawn, Withdrawn, Dismissed]) {
        let found = reader.find_notification_unchecked(it.user_id, it.id).await.expect("an answer");
        assert_eq!(found.map(|it| it.notification.state), Some(state));
    }
}

#[tokio::test]
async fn what_was_taken_back_stays_so_when_somebody_looks_at_it_and_can_be_put_away() {
    use NotificationState::{Dismissed, Read, Withdrawn};
    let world = World::new().await;
    let (key, _) = world.insert_key(&world.acme, "one").await;
    let told = notice(&key, world.acme.user.id, Withdrawn);
    tell(&world, &told).await;
    for (asked, state) in [(Read, Withdrawn), (Dismissed, Dismissed), (Read, Dismissed)] {
        let mut tx = world.store.begin().await.expect("a transaction");
        tx.set_notification_state_unchecked(told.user_id, told.id, asked).await.expect("a change");
        let found = tx.find_notification_unchecked(told.user_id, told.id).await.expect("an answer");
        assert_eq!(found.map(|it| it.notification.state), Some(state));
        tx.commit_unaudited("a test looks").await.expect("a commit");
    }
}
