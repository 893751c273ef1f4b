//! What commits, commits whole and with its event; what does not, leaves nothing.

use claviger_core::event::Stream;
use claviger_core::secret::SecretState;
use claviger_store::{Error, StoreResult};

use crate::engine::{contents, is_postgres, mend, plant};
use crate::world::{World, event, id, now, rng};

/// A change that goes through most tables: a new key, and a rotated one.
async fn change(world: &World, rotated: &(claviger_core::key::Key, claviger_core::secret::Secret)) -> StoreResult<()> {
    let tenant = &world.acme.tenant;
    let (new, new_secret, _) = world.key(&world.acme, "new");
    let (mut key, old) = rotated.clone();
    let mut secrets = vec![old];
    key.rotate(&mut secrets, &world.api, std::time::Duration::ZERO, now(), &mut rng(3)).expect("a live key");
    secrets[1].id = id();
    let mut tx = world.store.begin().await?;
    tx.insert_key(tenant, &new, &[new_secret]).await?;
    tx.update_key(tenant, &key, rotated.0.version).await?;
    assert_eq!(secrets[0].state, SecretState::Dead);
    tx.update_secret(tenant, &secrets[0], now()).await?;
    tx.insert_secret(tenant, &secrets[1]).await?;
    let event = event(tenant, new.id).after(&new);
    tx.commit(event).await.map(drop)
}

#[tokio::test]
async fn statement_that_fails_anywhere_leaves_neither_change_nor_event() {
    let world = World::new().await;
    let rotated = world.insert_key(&world.acme, "rotated").await;
    let before = contents(&world.store).await;
    let rows = ["INSERT ON key", "INSERT ON secret", "UPDATE ON key", "UPDATE ON secret", "UPDATE ON key_count"];
    let log: &[_] = if is_postgres() {
        &["INSERT ON outbox"]
    } else {
        &["UPDATE ON log_head", "INSERT ON event", "INSERT ON event_body"]
    };
    for place in rows.iter().chain(log) {
        plant(&world.store, place).await;
        let error = change(&world, &rotated).await.expect_err(place);
        assert!(matches!(&error, Error::Fault(_)) && error.to_string().contains("planted"), "{place}: {error}");
        mend(&world.store, place).await;
        assert_eq!(contents(&world.store).await, before, "{place}");
    }
    change(&world, &rotated).await.expect("a change without a fault");
    assert_ne!(contents(&world.store).await, before);
}

#[tokio::test]
async fn dropped_transaction_leaves_nothing_and_frees_the_writer() {
    let world = World::new().await;
    let before = contents(&world.store).await;
    let (key, secret, _) = world.key(&world.acme, "CI");
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.insert_key(&world.acme.tenant, &key, &[secret]).await.expect("a key");
    assert!(tx.find_key(&world.acme.tenant, key.id).await.expect("an answer").is_some(), "it sees its own rows");
    drop(tx);
    assert_eq!(contents(&world.store).await, before);
    world.insert_key(&world.acme, "CI").await;
}

#[tokio::test]
async fn nobody_sees_a_change_before_its_commit_and_reading_waits_for_nobody() {
    let world = World::new().await;
    let (key, secret, _) = world.key(&world.acme, "CI");
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.insert_key(&world.acme.tenant, &key, &[secret]).await.expect("a key");
    let mut reader = world.store.read().await.expect("a reader");
    let find = reader.find_key(&world.acme.tenant, key.id);
    let found = tokio::time::timeout(std::time::Duration::from_secs(5), find).await.expect("no wait for the writer");
    assert_eq!(found.expect("an answer"), None);
    tx.commit(event(&world.acme.tenant, key.id)).await.expect("a commit");
    assert!(reader.find_key(&world.acme.tenant, key.id).await.expect("an answer").is_some());
}

#[tokio::test]
async fn failed_statement_spoils_its_transaction() {
    let world = World::new().await;
    let (key, secret) = world.insert_key(&world.acme, "CI").await;
    let head = world.store.read().await.expect("a reader").head(Stream::Change).await.expect("a head");
    let (twin, _, _) = world.key(&world.acme, "CI");
    let mut tx = world.store.begin().await.expect("a transaction");
    assert!(matches!(tx.insert_key(&world.acme.tenant, &twin, &[]).await, Err(Error::Taken(_))));
    let (other, _, _) = world.key(&world.acme, "other");
    assert!(matches!(tx.insert_key(&world.acme.tenant, &other, &[]).await, Err(Error::Spoiled)));
    assert!(matches!(tx.find_key(&world.acme.tenant, key.id).await, Err(Error::Spoiled)));
    assert!(matches!(tx.commit(event(&world.acme.tenant, key.id)).await, Err(Error::Spoiled)));
    let mut reader = world.store.read().await.expect("a reader");
    assert_eq!(reader.head(Stream::Change).await.expect("a head"), head);
    assert!(
        reader.find_live_secrets(&world.acme.tenant, key.id).await.expect("secrets")[0].digest.matches(&secret.digest)
    );
}

#[tokio::test]
#[should_panic(expected = "replicated rows are committed with an event")]
async fn replicated_row_is_not_committed_without_an_event() {
    let world = World::new().await;
    let (key, secret, _) = world.key(&world.acme, "CI");
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.insert_key(&world.acme.tenant, &key, &[secret]).await.expect("a key");
    drop(tx.commit_unaudited("to see it refused").await);
}

#[tokio::test]
async fn what_is_not_replicated_may_be_committed_without_an_event() {
    let world = World::new().await;
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.put_password_unchecked(world.acme.user.id, "$argon2id$x", now()).await.expect("a password");
    tx.commit_unaudited("a test").await.expect("a commit");
    let mut reader = world.store.read().await.expect("a reader");
    let found = reader.find_password_unchecked(world.acme.user.id).await.expect("an answer");
    assert_eq!(found.as_deref(), Some("$argon2id$x"));
}

#[tokio::test]
#[should_panic(expected = "an event is on the disk")]
async fn what_a_crash_may_undo_is_no_event() {
    let world = World::new().await;
    let (key, _) = world.insert_key(&world.acme, "CI").await;
    let tx = world.store.begin_forgettable().await.expect("a transaction");
    drop(tx.commit(event(&world.acme.tenant, key.id)).await);
}
