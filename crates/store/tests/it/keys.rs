//! Keys and their secrets.

use claviger_store::PageRequest;
use claviger_store::keys::{KeyFilter, KeySort};

use crate::world::{World, now};

#[tokio::test]
async fn key_that_was_written_reads_back_the_same() {
    let world = World::new().await;
    let (key, secret) = world.insert_key(&world.acme, "CI").await;
    let mut reader = world.store.read().await.expect("a reader");
    assert_eq!(reader.find_key(&world.acme.tenant, key.id).await.expect("a key"), Some(key.clone()));
    let secrets = reader.find_live_secrets(&world.acme.tenant, key.id).await.expect("secrets");
    assert_eq!(secrets.len(), 1);
    assert!(secrets[0].digest.matches(&secret.digest));
    let page = reader
        .page_keys(&world.acme.tenant, &KeyFilter::default(), KeySort::Name, &PageRequest::default(), now())
        .await
        .expect("a page");
    assert_eq!(page.rows[0].key, key);
}
