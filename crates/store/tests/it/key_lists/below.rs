//! In which of the organizations below one a search finds keys.

use claviger_core::id::OrganizationId;
use claviger_core::limits::KEYS_BELOW_EXAMINED_MAX;
use claviger_core::name::Description;
use claviger_core::organization::OrganizationStatus;

use crate::world::{Customer, World, event, now, organization, tenant};

async fn found(world: &World, customer: &Customer, search: &str) -> (Vec<OrganizationId>, bool) {
    let mut reader = world.store.read().await.expect("a reader");
    let found = reader.find_keys_below(&customer.tenant, search, 10).await.expect("organizations");
    (found.organizations.into_iter().map(|it| it.id).collect(), found.is_whole)
}

async fn insert_below(world: &World, slug: &str) -> OrganizationId {
    let below = organization(Some(world.acme.organization.id), slug);
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.insert_organization(&world.acme.tenant, &below).await.expect("an organization");
    tx.commit(event(&world.acme.tenant, below.id)).await.expect("a commit");
    below.id
}

/// Writes keys of these names below Acme, and returns the access id of the last one.
async fn insert_keys(world: &World, at: OrganizationId, names: &[String], description: &str) -> String {
    let mut access_id = String::new();
    for names in names.chunks(1000) {
        let mut batch = Vec::new();
        for name in names {
            let (mut key, secret, _) = world.key(&world.acme, name);
            (key.organization_id, key.description) = (at, Description::parse(description).expect("a description"));
            access_id = secret.access_id.as_ref().expect("a key of ours").to_string();
            batch.push((key, secret));
        }
        let mut tx = world.store.begin().await.expect("a transaction");
        tx.insert_keys(&tenant(at), &batch).await.expect("keys");
        tx.commit(event(&tenant(at), world.acme.user.id)).await.expect("a commit");
    }
    access_id
}

#[tokio::test]
async fn a_search_names_the_organizations_below_that_hold_such_keys_and_says_when_it_could_not_look_at_all() {
    let world = World::new().await;
    let (harbor, hill) = (insert_below(&world, "harbor").await, insert_below(&world, "hill").await);
    let till = insert_keys(&world, harbor, &["Till ß".to_owned()], "Prints RECEIPTS, 100%").await;
    insert_keys(&world, hill, &["Old till".to_owned()], "").await;
    world.insert_key(&world.acme, "Till of the agency itself").await;
    let mut many = vec![];
    for (search, expected) in [
        ("TILL", vec![harbor, hill]),
        ("till SS", vec![harbor]),
        ("receipts", vec![harbor]),
        ("100%", vec![harbor]),
        (&*till, vec![harbor]),
        (&till[..10], vec![harbor]),
        ("agency", vec![]),
        ("_", vec![]),
        ("\0", vec![]),
        ("", vec![]),
    ] {
        assert_eq!(found(&world, &world.acme, search).await, (expected.clone(), true), "{search}");
        assert_eq!(found(&world, &world.beta, search).await, (vec![], true), "{search}");
        many.push((search, expected));
    }

    // With more keys than are looked at one by one, what an index answers is still found: beginnings of names, and access ids.
    let full = insert_below(&world, "full").await;
    let names: Vec<_> = (0..KEYS_BELOW_EXAMINED_MAX).map(|it| format!("straw {it}")).collect();
    insert_keys(&world, full, &names, "").await;
    for (search, expected) in [
        ("TILL", vec![harbor]),
        ("old t", vec![hill]),
        ("receipts", vec![]),
        (&*till, vec![harbor]),
        ("straw", vec![full]),
    ] {
        assert_eq!(found(&world, &world.acme, search).await, (expected, false), "{search}");
    }

    // What is of an organization that is suspended is found as well: whoever looks down at it reads its keys meanwhile.
    let mut tx = world.store.begin().await.expect("a transaction");
    let before = tx.find_organization_below(&world.acme.tenant, hill).await.expect("a look").expect("an organization");
    let mut suspended = before.clone();
    (suspended.status, suspended.version, suspended.updated_at) =
        (OrganizationStatus::Suspended, before.version + 1, now());
    tx.update_organization(&world.acme.tenant, &suspended, before.version).await.expect("a change");
    tx.commit(event(&world.acme.tenant, hill)).await.expect("a commit");
    assert_eq!(found(&world, &world.acme, "old t").await, (vec![hill], false));
}
