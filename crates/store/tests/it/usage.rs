//! Last use of secrets.

use std::collections::HashMap;
use std::time::Duration;

use claviger_core::id::SecretId;
use claviger_core::secret::Secret;
use claviger_store::usage::SecretUse;

use crate::engine::Raw;
use crate::world::{World, id, now, used_once};

fn used(world: &World, secret: &Secret, seconds: u64, count: u64, client: &str) -> SecretUse {
    let at = now().saturating_add(Duration::from_secs(seconds));
    SecretUse {
        ip: Some([10, 0, 0, u8::try_from(seconds % 256).expect("a byte")].into()),
        user_agent: Some(client.into()),
        count,
        ..used_once(world.acme.organization.id, secret, at)
    }
}

async fn uses(world: &World, secret_id: SecretId, key_id: claviger_core::id::KeyId) -> Option<SecretUse> {
    let mut reader = world.store.read().await.expect("a reader");
    let mut found = reader.find_uses(&world.acme.tenant, &[key_id]).await.expect("uses");
    let only = found.remove(&secret_id);
    assert!(found.is_empty());
    only
}

#[tokio::test]
async fn uses_add_up_and_the_latest_says_from_where() {
    let world = World::new().await;
    let (key, secret) = world.insert_key(&world.acme, "CI").await;
    assert_eq!(uses(&world, secret.id, key.id).await, None);
    world.store.record_uses(&[used(&world, &secret, 5, 10, "curl")]).await.expect("uses");
    assert_eq!(uses(&world, secret.id, key.id).await, Some(used(&world, &secret, 5, 10, "curl")));
    // An older one that is flushed later, by a slower node, adds its count and nothing else.
    world.store.record_uses(&[used(&world, &secret, 3, 4, "old")]).await.expect("uses");
    assert_eq!(uses(&world, secret.id, key.id).await, Some(used(&world, &secret, 5, 14, "curl")));
    let newer = SecretUse { ip: None, user_agent: None, ..used(&world, &secret, 9, 1, "") };
    world.store.record_uses(std::slice::from_ref(&newer)).await.expect("uses");
    assert_eq!(uses(&world, secret.id, key.id).await, Some(SecretUse { count: 15, ..newer }));
}

#[tokio::test]
async fn flush_of_many_is_written_in_chunks_and_counts_every_use() {
    let world = World::new().await;
    let (key, secret) = world.insert_key(&world.acme, "CI").await;
    let mut many: Vec<_> =
        (0..2500).map(|it| used(&world, &Secret { id: id(), key_id: id(), ..secret.clone() }, it, 1, "x")).collect();
    // The same secret several times, within a chunk and across chunks.
    for at in [0, 10, 999, 1000, 2400] {
        many.insert(at, used(&world, &secret, at as u64, 2, &format!("client {at}")));
    }
    world.store.record_uses(&many).await.expect("uses");
    assert_eq!(uses(&world, secret.id, key.id).await, Some(used(&world, &secret, 2400, 10, "client 2400")));
    let mut usage = Raw::of(&world.store, "usage.db").await;
    let counted = usage.rows::<(i64, i64)>("SELECT count(*), CAST(sum(uses) AS BIGINT) FROM secret_use").await;
    assert_eq!(counted, [(2501, 2510)]);
    world.store.record_uses(&[]).await.expect("nothing");
}

#[tokio::test]
async fn long_name_of_a_client_is_cut() {
    let world = World::new().await;
    let (key, secret) = world.insert_key(&world.acme, "CI").await;
    world.store.record_uses(&[used(&world, &secret, 0, 1, &"ü".repeat(5000))]).await.expect("uses");
    let found = uses(&world, secret.id, key.id).await.expect("a use");
    assert_eq!(found.user_agent.expect("a client").chars().count(), 200);
}

#[tokio::test]
async fn uses_of_many_keys_are_found_at_once() {
    let world = World::new().await;
    let mut expected = HashMap::new();
    let mut key_ids = Vec::new();
    for number in 0..120 {
        let (key, secret) = world.insert_key(&world.acme, &format!("key {number}")).await;
        key_ids.push(key.id);
        if number % 2 == 0 {
            expected.insert(secret.id, used(&world, &secret, number, 1, "x"));
        }
    }
    world.store.record_uses(&expected.values().cloned().collect::<Vec<_>>()).await.expect("uses");
    let mut reader = world.store.read().await.expect("a reader");
    assert_eq!(reader.find_uses(&world.acme.tenant, &key_ids).await.expect("uses"), expected);
}

#[tokio::test]
async fn flush_does_not_wait_for_the_writer_of_changes() {
    let world = World::new().await;
    let (_, secret) = world.insert_key(&world.acme, "CI").await;
    let tx = world.store.begin().await.expect("a transaction");
    let uses = [used(&world, &secret, 0, 1, "x")];
    let flush = world.store.record_uses(&uses);
    tokio::time::timeout(Duration::from_secs(4), flush).await.expect("no wait").expect("uses");
    drop(tx);
}
