//! The chain: whatever is altered past the store is found, and what may be erased leaves it whole (assurance.md A3).

use claviger_core::chain::Head;
use claviger_core::event::{Event, EventKind};
use claviger_core::id::EventId;
use claviger_store::PageRequest;
use claviger_store::chain::verify::{Fault, Proof};
use claviger_store::log::{Erased, EventFilter};
use rand_core::Rng as _;

use crate::engine::{harm, is_nightly, rows};
use crate::world::{World, now, rng};

async fn link(world: &World, events_max: u32) -> u32 {
    let mut tx = world.store.begin().await.expect("a transaction");
    let linked = tx.extend_chains_unchecked(events_max).await.expect("links");
    tx.commit_unaudited("a test links").await.expect("a commit");
    linked
}

async fn prove(world: &World, kept: &[Head]) -> Proof {
    let mut reader = world.store.snapshot().await.expect("a snapshot");
    reader.prove_chains_unchecked(kept, |_| ()).await.expect("a proof")
}

async fn heads(world: &World) -> Vec<Head> {
    let mut reader = world.store.read().await.expect("a connection");
    reader.page_chain_heads_unchecked(None, 100).await.expect("heads")
}

/// A log of two organizations, with changes of keys and bodies to them, of which all but the last are linked.
async fn world() -> World {
    let world = World::new().await;
    for number in 0..12 {
        let customer = if number % 3 == 0 { &world.beta } else { &world.acme };
        let (key, secret, _) = world.key(customer, &number.to_string());
        let mut tx = world.store.begin().await.expect("a transaction");
        tx.insert_key(&customer.tenant, &key, &[secret]).await.expect("a key");
        let created = Event::new(&customer.tenant, EventKind::KeyCreated, key.id, now()).after(&key);
        tx.commit(created).await.expect("a commit");
        if number % 4 == 0 {
            world.revoke_key(customer, &key).await;
        }
    }
    while link(&world, 5).await > 0 {}
    world.insert_key(&world.acme, "not linked").await;
    world
}

#[tokio::test]
async fn what_happened_is_linked_once_in_order_and_proved() {
    let world = world().await;
    let proof = prove(&world, &heads(&world).await).await;
    assert_eq!(proof.faults, []);
    assert_eq!((proof.waiting, proof.linked + 1, proof.erased), (1, proof.events, 0));
    assert!(proof.waiting_since.is_some(), "when the first of them happened is told");
    assert_eq!((proof.organizations, proof.heads), (3, 3));
    assert_eq!(link(&world, 5).await, 1);
    assert_eq!(link(&world, 5).await, 0);
    let proof = prove(&world, &[]).await;
    assert_eq!((proof.faults, proof.waiting, proof.waiting_since), (vec![], 0, None));
}

#[tokio::test]
async fn a_body_that_is_gone_is_found_unless_an_event_says_that_it_was_erased() {
    let world = world().await;
    let told = format!(
        "SELECT e.seq, e.id FROM event e JOIN event_body b ON b.seq = e.seq AND b.epoch = e.epoch AND b.stream = e.stream \
         WHERE e.kind = 'key.created' AND e.organization_id = '{}' ORDER BY e.seq",
        world.acme.tenant.organization_id()
    );
    let told = rows::<(i64, String)>(&world.store, &told).await;
    let (seq, id) = &told[1];
    harm(&world.store, &format!("DELETE FROM event_body WHERE seq = {seq}")).await;
    let proof = prove(&world, &heads(&world).await).await;
    assert!(matches!(proof.faults[..], [Fault::Bodiless(at)] if at.seq == *seq as u64), "{proof:?}");
    assert_eq!(proof.erased, 0);
    for (customer, is_whole) in [(&world.beta, false), (&world.acme, true)] {
        let tx = world.store.begin().await.expect("a transaction");
        let erased = id.parse::<EventId>().expect("an identifier");
        tx.commit(Event::new(&customer.tenant, EventKind::EventErased, erased, now())).await.expect("a commit");
        let proof = prove(&world, &heads(&world).await).await;
        assert_eq!(proof.faults.is_empty(), is_whole, "another organization erases nothing here: {proof:?}");
        assert_eq!(proof.erased, u64::from(is_whole));
    }
    assert!(link(&world, 5).await > 0);
    assert_eq!(prove(&world, &heads(&world).await).await.faults, []);
}

#[tokio::test]
async fn what_an_event_told_is_erased_once_and_only_where_it_told_something() {
    let world = world().await;
    let mut reader = world.store.read().await.expect("a connection");
    let page = reader.page_events(&world.acme.tenant, &EventFilter::default(), &PageRequest::first(100)).await;
    let (told, untold): (Vec<_>, Vec<_>) = page.expect("events").rows.into_iter().partition(|it| it.after.is_some());
    let mut tx = world.store.begin().await.expect("a transaction");
    for (event, outcomes) in [(&told[0], [Erased::Now, Erased::Before])]
        .into_iter()
        .chain(untold.first().map(|it| (it, [Erased::Nothing, Erased::Nothing])))
    {
        for expected in outcomes {
            let erased = tx.erase_event(&world.acme.tenant, event.id).await.expect("an answer");
            assert_eq!(erased, Some(expected), "{event:?}");
        }
        assert_eq!(tx.erase_event(&world.beta.tenant, event.id).await.expect("an answer"), None);
    }
    tx.commit(Event::new(&world.acme.tenant, EventKind::EventErased, told[0].id, now())).await.expect("a commit");
    let left = reader.find_event(&world.acme.tenant, told[0].id).await.expect("an answer").expect("an event");
    assert!(left.erased && left.before.is_none() && left.after.is_none(), "{left:?}");
    let proof = prove(&world, &heads(&world).await).await;
    assert_eq!((proof.faults, proof.erased), (vec![], 1));
}

/// Statements that alter the log past the store, at the place `{}`, which is linked, or at its end.
const HARM: &[&str] = &[
    "UPDATE event SET id = 'evt_forged' WHERE seq = {}",
    "UPDATE event SET kind = 'key.deactivated' WHERE seq = {}",
    "UPDATE event SET v = 9 WHERE seq = {}",
    "UPDATE event SET at = at + 1 WHERE seq = {}",
    "UPDATE event SET actor_user_id = 'usr_forged' WHERE seq = {}",
    "UPDATE event SET actor_key_id = 'key_forged' WHERE seq = {}",
    "UPDATE event SET actor_job = 'forged' WHERE seq = {}",
    "UPDATE event SET entity_kind = 'role' WHERE seq = {}",
    "UPDATE event SET entity_id = 'key_forged' WHERE seq = {}",
    "UPDATE event SET touched = '[]' WHERE seq = {}",
    "UPDATE event SET first_key_id = 'key_0' WHERE seq = {}",
    "UPDATE event SET last_key_id = 'key_0' WHERE seq = {}",
    "UPDATE event SET organization_id = (SELECT x.organization_id FROM event x WHERE x.organization_id <> event.organization_id LIMIT 1) WHERE seq = {}",
    "UPDATE event_body SET body = '{\"after\":{\"name\":\"forged\"}}' WHERE seq = {}",
    "DELETE FROM event_body WHERE seq = {}",
    "DELETE FROM chain_link WHERE seq = {}",
    "DELETE FROM event_body WHERE seq = {}; DELETE FROM event WHERE seq = {}",
    "DELETE FROM event_body WHERE seq = {}; DELETE FROM event WHERE seq = {}; DELETE FROM chain_link WHERE seq = {}",
    "DELETE FROM event_body WHERE seq >= {}; DELETE FROM event WHERE seq >= {}; DELETE FROM chain_link WHERE seq >= {}",
    "UPDATE event SET seq = seq + 1000 WHERE seq = {} AND NOT EXISTS (SELECT 1 FROM event_body b WHERE b.seq = {}); \
     DELETE FROM event_body WHERE seq = {}; UPDATE event SET seq = seq + 1000 WHERE seq = {}",
    "UPDATE chain_link SET number = number + 100 WHERE seq = {}",
    "UPDATE reader SET seq = {} - 1 WHERE name = 'chain'",
    "UPDATE log_head SET seq = {} - 1 WHERE stream = 'change'",
    "UPDATE log_head SET seq = seq + {} WHERE stream = 'change'",
];

#[tokio::test]
async fn every_alteration_past_the_store_is_found() {
    let mut rng = rng(7);
    for statements in HARM {
        let world = world().await;
        let [(last,)] = rows::<(i64,)>(&world.store, "SELECT max(seq) FROM chain_link").await[..] else { panic!() };
        assert_eq!(prove(&world, &[]).await.faults, []);
        // Of a change that tells something: the first, which made the world, tells nothing.
        let told = rows::<(i64,)>(&world.store, "SELECT seq FROM event_body ORDER BY seq").await;
        let place = told[rng.next_u32() as usize % told.len()].0;
        assert!(place <= last);
        for statement in statements.split("; ") {
            harm(&world.store, &statement.replace("{}", &place.to_string())).await;
        }
        let faults = prove(&world, &[]).await.faults;
        assert!(!faults.is_empty(), "not found at {place}: {statements}");
    }
}

/// What the chain holds together: of each table a column of bytes, those of numbers, and those of text.
const COLUMNS: [(&str, &str, &[&str], &[&str]); 3] = [
    (
        "event",
        "commitment",
        &["v", "at"],
        &[
            "id",
            "organization_id",
            "kind",
            "actor_user_id",
            "actor_key_id",
            "actor_job",
            "entity_kind",
            "entity_id",
            "touched",
            "first_key_id",
            "last_key_id",
        ],
    ),
    ("event_body", "salt", &[], &["body"]),
    ("chain_link", "link", &["number"], &[]),
];
/// The tables that a forgery may touch, in an order in which they can be filled again.
const KEPT: [&str; 3] = ["event", "event_body", "chain_link"];

/// One forgery at random: a value is changed a little or is that of another row, a row is taken away, or two rows change places.
fn forge(rng: &mut impl rand_core::Rng, places: &[i64]) -> String {
    let mut any = |count: usize| rng.next_u32() as usize % count;
    let (place, other) = (places[any(places.len())], places[any(places.len())]);
    let (table, bytes, numbers, texts) = COLUMNS[any(COLUMNS.len())];
    match any(8) {
        0 => return format!("DELETE FROM {table} WHERE seq = {place}"),
        2 => {
            return format!(
                "UPDATE {table} SET {bytes} = (SELECT x.{bytes} FROM {table} x WHERE x.seq = {other}) WHERE seq = {place} \
                 AND EXISTS (SELECT 1 FROM {table} x WHERE x.seq = {other})"
            );
        }
        1 if place != other => {
            let far = 1_000_000;
            return format!(
                "UPDATE {table} SET seq = {far} WHERE seq = {place}; UPDATE {table} SET seq = {place} WHERE seq = {other}; \
                 UPDATE {table} SET seq = {other} WHERE seq = {far}"
            );
        }
        _ => {}
    }
    let column = any(numbers.len() + texts.len());
    if let Some(column) = numbers.get(column) {
        return format!("UPDATE {table} SET {column} = {column} + {} WHERE seq = {place}", 1000 + any(1000));
    }
    let column = texts[column - numbers.len()];
    let (at, letter) = (any(20), ["q", "0", "Z"][any(3)]);
    format!(
        "UPDATE {table} SET {column} = substr(coalesce({column}, ''), 1, {at}) || '{letter}' || substr(coalesce({column}, ''), {}) \
         WHERE seq = {place}",
        at + 1
    )
}

// A3: the nightly run tries ten thousand.
#[tokio::test]
async fn forgeries_at_random_are_all_found() {
    let count = if is_nightly() { 10_000 } else { 300 };
    let world = world().await;
    let places: Vec<i64> = rows::<(i64,)>(&world.store, "SELECT seq FROM chain_link ORDER BY seq")
        .await
        .into_iter()
        .map(|it| it.0)
        .collect();
    for table in KEPT {
        harm(&world.store, &format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")).await;
    }
    let same = |table: &str| {
        format!(
            "SELECT (SELECT count(*) FROM (SELECT * FROM {table} EXCEPT SELECT * FROM kept_{table}) a) \
                 + (SELECT count(*) FROM (SELECT * FROM kept_{table} EXCEPT SELECT * FROM {table}) b)"
        )
    };
    let heads = heads(&world).await;
    let (mut rng, mut tried) = (rng(3), 0);
    while tried < count {
        let forgery = forge(&mut rng, &places);
        harm(&world.store, &forgery).await;
        let mut differs = 0;
        for table in KEPT {
            differs += rows::<(i64,)>(&world.store, &same(table)).await[0].0;
        }
        let faults = prove(&world, &heads).await.faults;
        // Some take away what is not there: an event without a body has none to lose.
        assert_eq!(faults.is_empty(), differs == 0, "{forgery}: {faults:?}");
        tried += usize::from(differs > 0);
        for table in KEPT.into_iter().rev() {
            harm(&world.store, &format!("DELETE FROM {table}")).await;
        }
        for table in KEPT {
            harm(&world.store, &format!("INSERT INTO {table} SELECT * FROM kept_{table}")).await;
        }
    }
    assert_eq!(prove(&world, &heads).await.faults, []);
}

#[tokio::test]
async fn a_chain_that_was_made_anew_or_cut_off_is_found_by_a_head_that_was_kept() {
    for (statement, is_whole_without) in [
        // Everything behind is taken away, and the log made to end there.
        ("cut", true),
        // An event is altered, and all links are made again.
        ("anew", true),
    ] {
        let world = world().await;
        while link(&world, 5).await > 0 {}
        let kept = heads(&world).await;
        assert_eq!(prove(&world, &kept).await.faults, []);
        if statement == "cut" {
            for table in ["event_body", "event", "chain_link"] {
                harm(&world.store, &format!("DELETE FROM {table} WHERE seq > 9")).await;
            }
            harm(&world.store, "UPDATE log_head SET seq = 9 WHERE stream = 'change'").await;
            harm(&world.store, "UPDATE reader SET seq = 9 WHERE name = 'chain'").await;
        } else {
            harm(&world.store, "UPDATE event SET at = at - 1 WHERE seq = 4").await;
            harm(&world.store, "DELETE FROM chain_link").await;
            harm(&world.store, "UPDATE reader SET epoch = 0, seq = 0 WHERE name = 'chain'").await;
            while link(&world, 5).await > 0 {}
        }
        assert_eq!(prove(&world, &[]).await.faults.is_empty(), is_whole_without, "{statement}");
        let faults = prove(&world, &kept).await.faults;
        assert!(faults.iter().any(|it| matches!(it, Fault::Head(_))), "{statement}: {faults:?}");
    }
}
