//! Keys that are found by their access ids, and by what they lack.

use claviger_core::key::Key;
use claviger_store::PageRequest;
use claviger_store::keys::{KeyFilter, KeyPart, KeySort};

use crate::world::{Customer, World, event, now};

#[tokio::test]
async fn access_id_or_what_lists_show_of_it_finds_its_key_and_a_strangers_finds_nothing() {
    let world = World::new().await;
    world.insert_key(&world.acme, "another").await;
    let (key, secret) = world.insert_key(&world.acme, "CI").await;
    let access_id = secret.access_id.as_ref().expect("a key of ours").to_string();
    let found = async |customer: &Customer, search: &str| {
        let filter = KeyFilter { search: Some(format!(" {search} ")), ..KeyFilter::default() };
        let mut reader = world.store.read().await.expect("a reader");
        let page = reader.page_keys(&customer.tenant, &filter, KeySort::Created, &PageRequest::default(), now()).await;
        page.expect("a page").rows.into_iter().map(|it| it.key.id).collect::<Vec<_>>()
    };
    let hint = secret.access_id.as_ref().expect("a key of ours").hint();
    for search in [&*access_id, &*hint, hint.trim_end_matches('…'), &access_id[..12]] {
        assert_eq!(found(&world.acme, search).await, [key.id], "{search}");
        assert_eq!(found(&world.beta, search).await, [], "{search}");
    }
    // Less than that is a part of too many, and more is another one.
    for search in [&access_id[..hint.len() - '…'.len_utf8() - 1], &format!("{access_id}0")] {
        assert_eq!(found(&world.acme, search).await, [], "{search}");
    }
}

#[tokio::test]
async fn keys_without_owner_mapped_user_or_role_are_found_by_that() {
    let world = World::new().await;
    let (with, _) = world.insert_key(&world.acme, "With").await;
    let parts = [KeyPart::Owner, KeyPart::MappedUser, KeyPart::Role];
    let mut tx = world.store.begin().await.expect("a transaction");
    let mut bare = Vec::new();
    for (number, part) in parts.into_iter().enumerate() {
        let (mut key, secret, _) = world.key(&world.acme, &format!("Without {number}"));
        match part {
            KeyPart::Owner => key.owner_id = None,
            KeyPart::MappedUser => key.mapped_user_id = None,
            KeyPart::Role => key.role_id = None,
        }
        tx.insert_key(&world.acme.tenant, &key, std::slice::from_ref(&secret)).await.expect("a key");
        bare.push(key);
    }
    tx.commit(event(&world.acme.tenant, bare[0].id)).await.expect("a commit");
    let mut reader = world.store.read().await.expect("a reader");
    for (part, lacking) in parts.into_iter().zip(&bare) {
        let all = [&with].into_iter().chain(&bare);
        let is_without = |it: &&Key| match part {
            KeyPart::Owner => it.owner_id.is_none(),
            KeyPart::MappedUser => it.mapped_user_id.is_none(),
            KeyPart::Role => it.role_id.is_none(),
        };
        let mut expected: Vec<_> = all.filter(is_without).map(|it| it.id).collect();
        expected.sort_unstable();
        assert!(expected.contains(&lacking.id));
        let filter = KeyFilter { without: [part].into(), ..KeyFilter::default() };
        for sort in KeySort::ALL {
            let page = reader.page_keys(&world.acme.tenant, &filter, sort, &PageRequest::default(), now()).await;
            let mut found: Vec<_> = page.expect("a page").rows.into_iter().map(|it| it.key.id).collect();
            found.sort_unstable();
            assert_eq!(found, expected, "{part:?} {sort:?}");
        }
    }
}
