//! What a change would touch: counted and named, and never more looked through than may be.

use std::collections::BTreeMap;

use claviger_core::time::Timestamp;
use claviger_store::keys::{Bounds, Breach};
use claviger_store::role_impact::Tie;
use sqlx::{AssertSqlSafe, Row};

use crate::engine::{embedded, file};
use crate::world::{World, event, member, organization, tenant};

#[tokio::test]
async fn no_more_keys_are_looked_through_than_may_be() {
    let world = World::new().await;
    for number in 0..5 {
        world.insert_key(&world.acme, &format!("Key {number}")).await;
    }
    let mut reader = world.store.read().await.expect("a reader");
    let acme = &world.acme.tenant;
    let all = reader.count_breaking_keys(acme, Breach::Endless, Bounds { keys: 100, read: 100 }).await.expect("counts");
    assert!(all.keys >= 5 && all.read >= all.keys, "{all:?}");
    for breach in
        [Breach::Endless, Breach::EndsAfter(Timestamp::MIN), Breach::Beyond(1), Breach::IdleSince(Timestamp::MAX)]
    {
        let few = Bounds { keys: 100, read: 3 };
        let found = reader.count_breaking_keys(acme, breach, few).await.expect("counts");
        assert!(found.read == 3 && found.keys <= 3, "{breach:?}: {found:?}");
        assert!(reader.find_breaking_keys(acme, breach, few).await.expect("keys").len() <= 3);
    }
    let hits = Bounds { keys: 2, read: 100 };
    let found = reader.count_breaking_keys(acme, Breach::Endless, hits).await.expect("counts");
    assert_eq!((found.keys, found.read), (2, all.read));
}

#[tokio::test]
async fn a_role_is_felt_by_the_keys_of_its_holders_where_no_nearer_membership_counts() {
    let world = World::new().await;
    let (acme, user_id) = (&world.acme.tenant, world.acme.user.id);
    let role_id = world.acme.member.role_id;
    let role_at = tenant(world.root.organization_id());
    let (mut key, secret, _) = world.key(&world.acme, "Mapped");
    (key.mapped_user_id, key.owner_id, key.role_id) = (Some(user_id), None, None);
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.insert_key(acme, &key, &[secret]).await.expect("a key");
    let below = organization(Some(acme.organization_id()), "below");
    tx.insert_organization(acme, &below).await.expect("an organization");
    tx.insert_member(&tenant(below.id), &member(below.id, user_id, world.readonly.id)).await.expect("a membership");
    let (mut hidden, hidden_secret, _) = world.key(&world.acme, "Under a nearer one");
    (hidden.organization_id, hidden.mapped_user_id, hidden.owner_id, hidden.role_id) =
        (below.id, Some(user_id), None, None);
    tx.insert_key(&tenant(below.id), &hidden, &[hidden_secret]).await.expect("a key");
    tx.commit(event(acme, key.id)).await.expect("a commit");
    let mut reader = world.store.read().await.expect("a reader");
    let holders = reader.find_holders(&role_at, role_id, 100).await.expect("holders");
    assert!(holders.iter().any(|it| it.user_id == user_id), "{holders:?}");
    let touched = reader.find_touched_keys(&role_at, role_id, Tie::MappedUser, 100).await.expect("keys");
    let ids: Vec<_> = touched.iter().map(|it| it.id).collect();
    assert!(ids.contains(&key.id) && !ids.contains(&hidden.id), "{touched:?}");
    assert!(reader.find_touched_keys(&role_at, role_id, Tie::MappedUser, 0).await.expect("keys").is_empty());
    let owned = reader.find_touched_keys(&role_at, role_id, Tie::Owner, 100).await.expect("keys");
    assert!(!owned.iter().any(|it| it.id == key.id), "nobody owns it");
}

#[tokio::test]
async fn keys_of_holders_are_found_by_their_users_and_not_by_organizations() {
    let store = embedded().await;
    let mut connection = file(&store, "claviger.db").await;
    let statements: BTreeMap<_, _> = claviger_store::statements().into_iter().collect();
    for (name, index) in [("FIND_KEYS_OWNED", "key_owner "), ("FIND_KEYS_MAPPED", "key_mapped_user_live ")] {
        let sql = format!("EXPLAIN QUERY PLAN {}", statements[name]);
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut connection).await.expect("a plan");
        let steps: Vec<String> = rows.iter().map(|it| it.get("detail")).collect();
        let by_user = steps.iter().position(|it| it.starts_with(&format!("SEARCH k USING INDEX {index}")));
        let by_tree = steps.iter().position(|it| it.starts_with("SEARCH c"));
        assert!(by_user.is_some() && by_user < by_tree, "{name}: {steps:#?}");
    }
}
