//! What a transaction sees and its node does not know yet: when that says nothing of who may make keys, and when it may.

use claviger_core::event::{Entity, Position, Stream};
use claviger_core::id::{ImportKind, KeyId};
use claviger_store::Store;

use crate::engine::{Raw, is_postgres};
use crate::world::{World, event, id, now};

async fn head(store: &Store) -> Position {
    store.read().await.expect("a reader").head(Stream::Change).await.expect("a head")
}

async fn knows_enough(store: &Store, known: Position, key_id: Option<KeyId>) -> bool {
    let mut tx = store.begin().await.expect("a transaction");
    tx.knows_enough(known, key_id).await.expect("an answer")
}

async fn commit_about(world: &World, entity: impl Into<Entity>) {
    let entity = entity.into();
    let told = event(&world.acme.tenant, entity).touching([entity]);
    world.store.begin().await.expect("a transaction").commit(told).await.expect("a commit");
}

#[tokio::test]
async fn other_keys_say_nothing_of_a_caller_and_all_else_may() {
    let world = World::new().await;
    let (own, _) = world.insert_key(&world.acme, "own").await;
    let known = head(&world.store).await;
    assert!(knows_enough(&world.store, known, Some(own.id)).await, "there is nothing to be known");
    let (other, _) = world.insert_key(&world.acme, "other").await;
    assert!(knows_enough(&world.store, known, Some(own.id)).await);
    assert!(knows_enough(&world.store, known, None).await);
    assert!(!knows_enough(&world.store, known, Some(other.id)).await, "it may have been revoked");
    assert!(knows_enough(&world.store, head(&world.store).await, Some(other.id)).await);
    let things: [Entity; 4] = [
        world.acme.user.id.into(),
        world.acme.member.id.into(),
        world.readonly.id.into(),
        world.acme.tenant.organization_id().into(),
    ];
    for thing in things {
        let known = head(&world.store).await;
        commit_about(&world, thing).await;
        assert!(!knows_enough(&world.store, known, Some(own.id)).await, "{thing}");
        assert!(!knows_enough(&world.store, known, None).await, "{thing}");
        // Behind it comes what would be harmless by itself.
        world.insert_key(&world.acme, &format!("behind {thing}")).await;
        assert!(!knows_enough(&world.store, known, Some(own.id)).await, "{thing}");
    }
}

#[tokio::test]
async fn imported_keys_are_harmless_unless_the_caller_is_among_them() {
    let world = World::new().await;
    let (before, _) = world.insert_key(&world.acme, "before").await;
    let known = head(&world.store).await;
    let keys: Vec<_> = (0..3).map(|it| world.key(&world.acme, &format!("key {it}"))).map(|it| (it.0, it.1)).collect();
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.insert_keys(&world.acme.tenant, &keys).await.expect("keys");
    tx.commit(event(&world.acme.tenant, id::<ImportKind>())).await.expect("a commit");
    for (caller, expected) in [(before.id, true), (keys[0].0.id, false), (keys[1].0.id, false), (id(), true)] {
        assert_eq!(knows_enough(&world.store, known, Some(caller)).await, expected, "{caller}");
    }
}

#[tokio::test]
async fn who_is_far_behind_or_in_another_life_of_the_log_does_not_know_enough() {
    let world = World::new().await;
    let known = head(&world.store).await;
    for number in 0..63 {
        world.insert_key(&world.acme, &format!("key {number}")).await;
    }
    assert!(knows_enough(&world.store, known, None).await);
    world.insert_key(&world.acme, "one more").await;
    assert!(!knows_enough(&world.store, known, None).await, "too many to be looked at");
    let now = head(&world.store).await;
    assert!(!knows_enough(&world.store, Position { epoch: now.epoch + 1, ..now }, None).await);
    assert!(!knows_enough(&world.store, Position { seq: now.seq + 1, ..now }, None).await);
}

#[tokio::test]
async fn event_that_waits_for_its_place_is_looked_at_too() {
    if !is_postgres() {
        return;
    }
    let world = World::new().await;
    let (own, _) = world.insert_key(&world.acme, "own").await;
    let known = head(&world.store).await;
    let mut raw = Raw::of(&world.store, "claviger.db").await;
    let (other, _, _) = world.key(&world.acme, "other");
    for (number, (entity, expected)) in
        [(Entity::from(other.id), true), (world.acme.user.id.into(), false)].into_iter().enumerate()
    {
        raw.execute(&format!(
            "INSERT INTO outbox (stream, event_id, kind, v, at, organization_id, entity_kind, entity_id, touched) \
             SELECT stream, 'evt_{number}', kind, v, {}, organization_id, entity_kind, '{entity}', '[\"{entity}\"]' FROM event LIMIT 1",
            now().as_micros()
        ))
        .await;
        assert_eq!(knows_enough(&world.store, known, Some(own.id)).await, expected, "{entity}");
    }
}
