//! The tree and its closure table.

use std::collections::BTreeMap;

use claviger_core::id::OrganizationId;
use claviger_core::limits::TREE_LEVELS_MAX;
use claviger_core::name::ExternalId;
use claviger_core::organization::Organization;
use claviger_store::organizations::OrganizationFilter;
use claviger_store::{Error, PageRequest, Store, StoreResult, Unique};
use proptest::prelude::*;

use crate::engine::{rows, throwaway};
use crate::world::{World, event, name, now, organization, tenant};

async fn insert(store: &Store, it: &Organization) -> StoreResult<()> {
    let parent = tenant(it.parent_id.expect("a child"));
    let mut tx = store.begin().await?;
    tx.insert_organization(&parent, it).await?;
    tx.commit(event(&parent, it.id)).await.map(drop)
}

async fn moved(store: &Store, it: &mut Organization, to: OrganizationId, by: OrganizationId) -> StoreResult<()> {
    let mut changed = Organization { parent_id: Some(to), version: it.version + 1, ..it.clone() };
    std::mem::swap(it, &mut changed);
    let by = tenant(by);
    let mut tx = store.begin().await?;
    let result = tx.update_organization(&by, it, changed.version).await;
    if result.is_ok() {
        tx.commit(event(&by, it.id)).await?;
    } else {
        *it = changed;
    }
    result
}

/// What the closure table has to hold, from the parents alone.
fn closure(parents: &BTreeMap<String, Option<String>>) -> Vec<(String, String, i64)> {
    let mut closure = Vec::new();
    for descendant in parents.keys() {
        let (mut at, mut depth) = (Some(descendant.clone()), 0);
        while let Some(ancestor) = at {
            at = parents[&ancestor].clone();
            closure.push((ancestor, descendant.clone(), depth));
            depth += 1;
        }
    }
    closure.sort();
    closure
}

async fn stored_closure(store: &Store) -> Vec<(String, String, i64)> {
    rows(store, "SELECT ancestor_id, descendant_id, depth FROM organization_closure ORDER BY 1, 2").await
}

async fn stored_parents(store: &Store) -> BTreeMap<String, Option<String>> {
    rows::<(String, Option<String>)>(store, "SELECT id, parent_id FROM organization").await.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn closure_is_what_the_parents_say_after_any_inserts_and_moves(
        steps in proptest::collection::vec((any::<bool>(), any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..40)
    ) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let store = throwaway().await;
            let root = organization(None, "root");
            let mut tx = store.begin().await.expect("a transaction");
            tx.insert_root_unchecked(&root).await.expect("the root");
            tx.commit(event(&tenant(root.id), root.id)).await.expect("a commit");
            let mut all = vec![root.clone()];
            for (number, (is_move, which, to)) in steps.into_iter().enumerate() {
                let to = to.get(&all).id;
                if is_move {
                    let which = which.index(all.len());
                    // A cycle, a move of the root and a tree that is too deep are refused; then nothing has changed.
                    drop(moved(&store, &mut all[which], to, root.id).await);
                } else {
                    let child = organization(Some(to), &format!("org-{number}"));
                    match insert(&store, &child).await {
                        Ok(()) => all.push(child),
                        Err(error) => assert!(matches!(error, Error::TreeTooDeep), "{error}"),
                    }
                }
            }
            let stored = stored_closure(&store).await;
            assert_eq!(stored, closure(&stored_parents(&store).await));
            assert!(stored.iter().all(|it| it.2 < TREE_LEVELS_MAX as i64));
        });
    }
}

#[tokio::test]
async fn tree_has_eight_levels_at_most_and_no_move_makes_more() {
    let world = World::new().await;
    let mut chain = vec![world.root_organization.clone()];
    while chain.len() < TREE_LEVELS_MAX {
        let child = organization(Some(chain[chain.len() - 1].id), &format!("level-{}", chain.len()));
        insert(&world.store, &child).await.expect("a level");
        chain.push(child);
    }
    let deeper = organization(Some(chain[TREE_LEVELS_MAX - 1].id), "too-deep");
    assert!(matches!(insert(&world.store, &deeper).await, Err(Error::TreeTooDeep)));
    let mut acme = world.acme.organization.clone();
    let (root, last) = (world.root.organization_id(), chain[TREE_LEVELS_MAX - 1].id);
    assert!(matches!(moved(&world.store, &mut acme, last, root).await, Err(Error::TreeTooDeep)));
    moved(&world.store, &mut acme, chain[TREE_LEVELS_MAX - 2].id, root).await.expect("the last level");
}

#[tokio::test]
async fn organization_cannot_stand_below_itself_nor_leave_the_reach_of_who_moves_it() {
    let world = World::new().await;
    let mut acme = world.acme.organization.clone();
    let mut below = organization(Some(acme.id), "below");
    insert(&world.store, &below).await.expect("an organization");
    let root = world.root.organization_id();
    assert!(matches!(moved(&world.store, &mut acme, below.id, root).await, Err(Error::TreeCycle)));
    // Acme moves its own child away from itself, and itself elsewhere.
    let (beta, acme_id) = (world.beta.organization.id, acme.id);
    assert!(matches!(moved(&world.store, &mut below, beta, acme_id).await, Err(Error::Missing)));
    assert!(matches!(moved(&world.store, &mut acme, beta, acme_id).await, Err(Error::Missing)));
}

#[tokio::test]
async fn there_is_one_root() {
    let world = World::new().await;
    let mut tx = world.store.begin().await.expect("a transaction");
    let error = tx.insert_root_unchecked(&organization(None, "another")).await.expect_err("a second root");
    assert!(matches!(error, Error::Taken(Unique::OrganizationRoot)), "{error}");
}

#[tokio::test]
async fn reference_is_an_id_a_slug_or_an_external_id() {
    let world = World::new().await;
    let mut child = organization(Some(world.acme.organization.id), "berlin");
    child.external_id = Some(ExternalId::parse("cust:42").expect("an id"));
    insert(&world.store, &child).await.expect("an organization");
    let mut reader = world.store.read().await.expect("a reader");
    for reference in [child.id.to_string().as_str(), "berlin", "cust:42"] {
        let found = reader.find_organization_ref_unchecked(reference).await.expect("an answer");
        assert_eq!(found.map(|it| it.id), Some(child.id), "{reference}");
    }
    assert_eq!(reader.find_organization_ref_unchecked("BERLIN").await.expect("an answer"), None);
    let path = reader.find_path(&tenant(child.id)).await.expect("a path");
    let ids: Vec<_> = path.iter().map(|it| it.id).collect();
    assert_eq!(ids, [child.id, world.acme.organization.id, world.root.organization_id()]);
}

#[tokio::test]
async fn nobody_takes_a_slug_that_is_another_ones_external_id() {
    let world = World::new().await;
    let mut first = organization(Some(world.acme.organization.id), "first");
    first.external_id = Some(ExternalId::parse("cust-42").expect("an id"));
    insert(&world.store, &first).await.expect("an organization");
    let thief = organization(Some(world.beta.organization.id), "cust-42");
    assert!(matches!(insert(&world.store, &thief).await, Err(Error::Taken(_))));
    let mut thief = organization(Some(world.beta.organization.id), "second");
    thief.external_id = Some(ExternalId::parse("first").expect("an id"));
    assert!(matches!(insert(&world.store, &thief).await, Err(Error::Taken(_))));
    // One's own slug and external id may be the same.
    let mut own = organization(Some(world.beta.organization.id), "own");
    own.external_id = Some(ExternalId::parse("own").expect("an id"));
    insert(&world.store, &own).await.expect("an organization");
    let taken = organization(Some(world.beta.organization.id), "acme");
    assert!(matches!(insert(&world.store, &taken).await, Err(Error::Taken(Unique::OrganizationSlug))));
}

#[tokio::test]
async fn change_on_an_old_version_is_refused() {
    let world = World::new().await;
    let acme = Organization { name: name("Acme Inc"), version: 2, ..world.acme.organization.clone() };
    let change = async |expected| {
        let mut tx = world.store.begin().await.expect("a transaction");
        tx.update_organization(&world.acme.tenant, &acme, expected).await?;
        tx.commit(event(&world.acme.tenant, acme.id)).await
    };
    change(1).await.expect("a change");
    assert!(matches!(change(1).await, Err(Error::VersionMismatch)));
    let mut reader = world.store.read().await.expect("a reader");
    assert_eq!(reader.find_organization(&world.acme.tenant).await.expect("an answer"), Some(acme.clone()));
}

#[tokio::test]
async fn pages_go_through_all_children_by_name_once() {
    let world = World::new().await;
    let parent = world.acme.organization.id;
    for number in 0..7 {
        let mut child = organization(Some(parent), &format!("site-{number}"));
        child.external_id = Some(ExternalId::parse(&format!("CRM-{number}")).expect("an id"));
        if number == 6 {
            child.status = claviger_core::organization::OrganizationStatus::Suspended;
        }
        // Two share a name.
        child.name = name(&format!("Site {}", (number * 5) % 6));
        insert(&world.store, &child).await.expect("an organization");
        let below = organization(Some(child.id), &format!("room-{number}"));
        insert(&world.store, &below).await.expect("an organization");
    }
    let mut reader = world.store.read().await.expect("a reader");
    for (whole_subtree, search, active_only, expected) in [
        (false, None, false, 7),
        (false, None, true, 6),
        (true, None, false, 14),
        (true, None, true, 13),
        (true, Some("room"), true, 7),
        (true, Some("ＳＩＴＥ 5"), false, 1),
        (true, Some("crm-"), false, 7),
        (true, Some("CRM-6"), false, 1),
        (true, Some("CRM-6"), true, 0),
    ] {
        let filter = OrganizationFilter { whole_subtree, search: search.map(str::to_owned), active_only };
        let (mut found, mut request) = (Vec::new(), PageRequest::first(3));
        loop {
            let page = reader.page_organizations(&world.acme.tenant, &filter, &request).await.expect("a page");
            found.extend(page.rows);
            match page.next {
                Some(next) => request.after = Some(next),
                None => break,
            }
        }
        let keys: Vec<_> = found.iter().map(|it| (it.name.key(), it.id)).collect();
        assert!(keys.is_sorted() && keys.len() == expected, "{search:?}: {keys:?}");
        let count = reader.count_organizations(&world.acme.tenant, &filter).await.expect("a count");
        assert_eq!(count, expected as u64);
    }
}

#[tokio::test]
async fn suspension_policy_and_networks_read_back_the_same() {
    let world = World::new().await;
    let mut acme = world.acme.organization.clone();
    acme.status = claviger_core::organization::OrganizationStatus::Suspended;
    acme.policy.max_keys_per_user = Some(3);
    acme.policy.locked.insert(claviger_core::policy::Setting::Reveal);
    acme.allowed_ips = Some(claviger_core::network::IpAllowList::parse(&["10.0.0.0/8", "::1"]).expect("a list"));
    acme.external_id = Some(ExternalId::parse("x").expect("an id"));
    (acme.version, acme.updated_at) = (5, now().saturating_add(std::time::Duration::from_secs(1)));
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.update_organization(&world.root, &acme, 1).await.expect("a change");
    tx.commit(event(&world.root, acme.id)).await.expect("a commit");
    let mut reader = world.store.read().await.expect("a reader");
    assert_eq!(reader.find_organization(&world.acme.tenant).await.expect("an answer"), Some(acme));
}
