//! Several nodes on one PostgreSQL: what they hold back from each other, and that no event gets lost between them.

use std::time::Duration;

use claviger_core::event::{Position, Stream};
use claviger_core::id::NodeId;
use claviger_core::limits::{LOST_NODE_HOURS, NODE_LEASE_SECS};
use claviger_core::node::{Node, NodeName, NodeState};
use claviger_store::feed::Followed;
use claviger_store::{Error, Hold, Store};
use tokio::time::timeout;

use crate::engine::{Raw, harm, is_postgres, node, rows, schema_of};
use crate::world::{World, event, now, organization};

/// Long enough for whatever does not wait, and for nothing that does.
const SOON: Duration = Duration::from_millis(400);

/// A world and a second node on it; none where there is only one writer.
async fn two_nodes() -> Option<(World, Store)> {
    if !is_postgres() {
        return None;
    }
    let world = World::new().await;
    let other = node(&schema_of(&world.store), 2).await;
    Some((world, other))
}

#[tokio::test]
async fn event_of_a_node_that_died_behind_its_commit_gets_its_place_from_another_one() {
    let Some((world, other)) = two_nodes().await else { return };
    let head = other.read().await.expect("a reader").head(Stream::Change).await.expect("a head");
    // What a node leaves behind that is killed between its commit and the move into the log.
    let mut raw = Raw::of(&world.store, "claviger.db").await;
    let user = world.acme.user.id;
    raw.execute(&format!(
        "INSERT INTO outbox (stream, event_id, kind, v, at, organization_id, entity_kind, entity_id, touched) \
         SELECT stream, 'evt_left', kind, v, at, organization_id, entity_kind, '{user}', '[\"{user}\"]' FROM event LIMIT 1"
    ))
    .await;
    let mut tx = other.begin().await.expect("a transaction");
    let settled = tx.settled_head().await.expect("a head");
    assert_eq!(settled.seq, head.seq + 1, "whoever relies on what it sees waits for the place of all of it");
    drop(tx);
    let mut reader = other.read().await.expect("a reader");
    match reader.changes(head, 10, now()).await.expect("an answer") {
        Followed::Frame(frame) => assert_eq!((frame.to, frame.changes.len()), (settled, 1)),
        other => panic!("{other:?}"),
    }
    assert_eq!(rows::<(i64,)>(&world.store, "SELECT count(*) FROM outbox").await, [(0,)]);
}

#[tokio::test]
async fn change_of_what_rights_hang_on_waits_for_all_others_and_they_for_it() {
    let Some((world, other)) = two_nodes().await else { return };
    let ordinary = world.store.begin().await.expect("a transaction");
    timeout(SOON, other.begin()).await.expect("no wait").expect("ordinary ones run side by side");
    assert!(timeout(SOON, other.begin_structural()).await.is_err(), "it waits");
    drop(ordinary);
    let structural = timeout(SOON, other.begin_structural()).await.expect("no wait").expect("a transaction");
    assert!(timeout(SOON, world.store.begin()).await.is_err(), "they wait");
    drop(structural);
    timeout(SOON, world.store.begin()).await.expect("no wait").expect("a transaction");
}

#[tokio::test]
async fn held_row_is_changed_by_nobody_else_and_shared_ones_are_held_by_many() {
    let Some((world, other)) = two_nodes().await else { return };
    let (key, _) = world.insert_key(&world.acme, "CI").await;
    let user = world.acme.user.id;
    let mut first = world.store.begin().await.expect("a transaction");
    first.hold([Hold::shared(key.id), Hold::alone(user)]).await.expect("a hold");
    let mut second = other.begin().await.expect("a transaction");
    timeout(SOON, second.hold([Hold::shared(key.id)])).await.expect("no wait").expect("a hold");
    assert!(timeout(SOON, second.hold([Hold::alone(user)])).await.is_err(), "it waits for the user");
    drop(second);
    let mut second = other.begin().await.expect("a transaction");
    assert!(timeout(SOON, second.hold([Hold::alone(key.id)])).await.is_err(), "it waits for the key");
    drop((first, second));
    let mut third = other.begin().await.expect("a transaction");
    timeout(SOON, third.hold([Hold::alone(key.id), Hold::alone(user)])).await.expect("no wait").expect("a hold");
}

#[tokio::test]
async fn two_moves_at_once_never_close_a_circle() {
    let Some((world, other)) = two_nodes().await else { return };
    let (mut left, mut right) = (organization(Some(world.root_organization.id), "left"), organization(None, "right"));
    right.parent_id = left.parent_id;
    let mut tx = world.store.begin_structural().await.expect("a transaction");
    tx.insert_organization(&world.root, &left).await.expect("an organization");
    tx.insert_organization(&world.root, &right).await.expect("an organization");
    tx.commit(event(&world.root, left.id)).await.expect("a commit");
    (left.parent_id, left.version) = (Some(right.id), 2);
    (right.parent_id, right.version) = (Some(left.id), 2);
    let go = |store: Store, it: claviger_core::organization::Organization| {
        let root = world.root.clone();
        async move {
            let mut tx = store.begin_structural().await?;
            tx.update_organization(&root, &it, 1).await?;
            tx.commit(event(&root, it.id)).await
        }
    };
    let results = tokio::join!(go(world.store.clone(), left), go(other.clone(), right));
    let circle = |it: &Result<_, Error>| matches!(it, Err(Error::TreeCycle));
    assert!(circle(&results.0) != circle(&results.1), "one goes through, and not both: {results:?}");
}

#[tokio::test]
async fn commit_of_one_node_rings_at_the_other() {
    let Some((world, other)) = two_nodes().await else { return };
    let mut doorbell = other.doorbell().await.expect("a doorbell").expect("there are other nodes");
    let elsewhere = World::new().await;
    elsewhere.insert_key(&elsewhere.acme, "CI").await;
    assert!(
        timeout(SOON, doorbell.rung()).await.is_err(),
        "another installation in the same database rings another bell"
    );
    world.insert_key(&world.acme, "CI").await;
    timeout(Duration::from_secs(5), doorbell.rung()).await.expect("a ring").expect("a connection");
}

#[tokio::test]
async fn writers_of_two_nodes_leave_no_gap_and_followers_see_every_event_once() {
    let Some((world, other)) = two_nodes().await else { return };
    let before = world.store.read().await.expect("a reader").head(Stream::Change).await.expect("a head");
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let store = if writer % 2 == 0 { world.store.clone() } else { other.clone() };
        let tenant = world.acme.tenant.clone();
        let keys: Vec<_> = (0..10).map(|it| world.key(&world.acme, &format!("{writer} {it}"))).collect();
        writers.spawn(async move {
            let mut places = Vec::new();
            for (key, secret, _) in keys {
                let mut tx = store.begin().await.expect("a transaction");
                tx.insert_key(&tenant, &key, &[secret]).await.expect("a key");
                places.push(tx.commit(event(&tenant, key.id)).await.expect("a commit").seq);
            }
            places
        });
    }
    let mut places: Vec<u64> = writers.join_all().await.concat();
    places.sort_unstable();
    assert_eq!(places, (before.seq + 1..=before.seq + 80).collect::<Vec<_>>());
}

#[tokio::test]
async fn node_is_known_by_what_it_says_until_it_leaves_or_is_lost_for_long() {
    let name = |text: &str| NodeName::parse(text).expect("a name");
    let (id, other_id) = (NodeId::from_u128(1), NodeId::from_u128(2));
    let Some((world, other)) = two_nodes().await else {
        let store = World::new().await.store;
        store.tell_node(id, &name("alone"), now(), None).await.expect("nobody to tell");
        assert_eq!(store.find_nodes().await.expect("nodes"), [], "an embedded database has one node");
        return;
    };
    world.store.tell_node(id, &name("node-a"), now(), None).await.expect("told");
    other.tell_node(other_id, &name("node-b"), now(), None).await.expect("told");
    let position = Position { epoch: 1, seq: 7 };
    other.tell_node(other_id, &name("node-b"), now(), Some(position)).await.expect("told");
    let found = |nodes: Vec<Node>| {
        let mut found: Vec<_> = nodes.iter().map(|it| (it.name.to_string(), it.state(), it.position)).collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found
    };
    let (a, b) = (("node-a".to_owned(), NodeState::Live, None), ("node-b".to_owned(), NodeState::Live, Some(position)));
    assert_eq!(found(world.store.find_nodes().await.expect("nodes")), [a.clone(), b.clone()]);

    // Silent for a lease: lost, and named until it cannot answer any more.
    let silent = async |secs: u64| {
        harm(&world.store, &format!("UPDATE node SET seen_at = seen_at - {secs}000000 WHERE name = 'node-b'")).await;
        world.store.purge_nodes().await.expect("a purge");
        found(world.store.find_nodes().await.expect("nodes"))
    };
    let lost = ("node-b".to_owned(), NodeState::Lost, Some(position));
    assert_eq!(silent(NODE_LEASE_SECS).await, [a.clone(), lost.clone()]);
    assert_eq!(silent((LOST_NODE_HOURS - 1) * 3600).await, [a.clone(), lost]);
    assert_eq!(silent(3600).await, std::slice::from_ref(&a));
    // It was only cut off.
    other.tell_node(other_id, &name("node-b"), now(), Some(position)).await.expect("told");
    assert_eq!(found(world.store.find_nodes().await.expect("nodes")), [a, b.clone()]);

    // Who comes in the place of a lost one clears it away, and nobody that lives.
    world.store.succeed_node(&name("node-b")).await.expect("a successor");
    assert_eq!(world.store.find_nodes().await.expect("nodes").len(), 2);
    harm(&world.store, "UPDATE node SET seen_at = seen_at - 10000000 WHERE name = 'node-a'").await;
    world.store.succeed_node(&name("node-a")).await.expect("a successor");
    assert_eq!(found(world.store.find_nodes().await.expect("nodes")), [b]);
    other.remove_node(other_id).await.expect("it leaves");
    assert_eq!(world.store.find_nodes().await.expect("nodes"), []);
}
