//! The log: no gap, no event lost, no body that cannot be erased.

use claviger_core::event::{Entity, Event, EventKind, Position, Stream};
use claviger_core::id::KeyKind;
use claviger_core::tenant::{Actor, Tenant};
use claviger_store::log::EventFilter;
use claviger_store::{Error, PageRequest, Store};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::engine::{harm, is_postgres, rows};
use crate::world::{World, event, id, name, now};

async fn sequence(store: &Store) -> Vec<i64> {
    let rows = rows::<(i64,)>(store, "SELECT seq FROM event WHERE stream = 'change' AND epoch = 1 ORDER BY seq").await;
    rows.into_iter().map(|(seq,)| seq).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_writers_leave_no_gap_and_every_one_gets_its_own_place() {
    let world = std::sync::Arc::new(World::new().await);
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let world = std::sync::Arc::clone(&world);
        writers.spawn(async move {
            let mut positions = Vec::new();
            for number in 0..25 {
                let (key, secret, _) = world.key(&world.acme, &format!("{writer} {number}"));
                let mut tx = world.store.begin().await.expect("a transaction");
                tx.insert_key(&world.acme.tenant, &key, &[secret]).await.expect("a key");
                // Some change their mind.
                if number % 5 == 4 {
                    continue;
                }
                positions.push((tx.commit(event(&world.acme.tenant, key.id)).await.expect("a commit"), key.id));
            }
            positions
        });
    }
    let mut positions = writers.join_all().await.concat();
    positions.sort();
    let expected: Vec<_> = (2..=161).map(|seq| Position { epoch: 1, seq }).collect();
    assert_eq!(positions.iter().map(|it| it.0).collect::<Vec<_>>(), expected);
    assert_eq!(sequence(&world.store).await, (1..=161).collect::<Vec<_>>());
    let mut reader = world.store.read().await.expect("a reader");
    assert_eq!(reader.head(Stream::Change).await.expect("a head").seq, 161);
    assert_eq!(reader.count_live_keys(&world.acme.tenant).await.expect("a count"), 160);
    for (position, key_id) in positions {
        let filter = EventFilter { entity: Some(key_id.into()), ..EventFilter::default() };
        let page = reader.page_events(&world.acme.tenant, &filter, &PageRequest::default()).await.expect("a page");
        assert_eq!(page.rows.iter().map(|it| it.position).collect::<Vec<_>>(), [position]);
    }
}

#[tokio::test]
async fn event_says_who_did_what_to_what_and_how_it_looked() {
    let world = World::new().await;
    let (key, secret, _) = world.key(&world.acme, "CI");
    let mut renamed = key.clone();
    renamed.name = name("CD");
    let mut told = Event::new(&world.acme.tenant, EventKind::KeyUpdated, key.id, now()).before(&key).after(&renamed);
    told.actor = Actor::key(key.id, Some(world.acme.user.id));
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.insert_key(&world.acme.tenant, &key, &[secret]).await.expect("a key");
    let position = tx.commit(told.clone()).await.expect("a commit");
    let mut reader = world.store.read().await.expect("a reader");
    let page = reader.page_events(&world.acme.tenant, &EventFilter::default(), &PageRequest::first(1)).await;
    let row = page.expect("a page").rows.remove(0);
    assert_eq!(row.entity_name.as_ref(), Some(&key.name));
    assert_eq!(reader.find_event(&world.acme.tenant, row.id).await.expect("an event"), Some(row.clone()));
    assert_eq!(reader.find_event(&world.beta.tenant, row.id).await.expect("an answer"), None);
    assert_eq!((row.position, row.kind, row.v, row.at), (position, EventKind::KeyUpdated, 1, now()));
    assert_eq!((row.user_id, row.key_id, row.job), (Some(world.acme.user.id), Some(key.id), None));
    assert_eq!((row.entity, row.organization_id), (Entity::from(key.id), world.acme.organization.id));
    assert_eq!((row.before, row.after), (told.before, told.after));
}

#[tokio::test]
async fn body_is_committed_to_with_a_salt_and_can_be_erased() {
    let world = World::new().await;
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.put_password_unchecked(world.acme.user.id, "x", now()).await.expect("a password");
    let told =
        event(&world.acme.tenant, world.acme.user.id).before(&json!({"name": "Ann"})).after(&json!({"name": "Bea"}));
    tx.commit(told).await.expect("a commit");
    let newest = "SELECT e.commitment, b.salt, b.body FROM event e JOIN event_body b USING (stream, epoch, seq) \
                  ORDER BY seq DESC LIMIT 1";
    let (commitment, salt, body) = rows::<(Vec<u8>, Vec<u8>, String)>(&world.store, newest).await.remove(0);
    assert_eq!(body, r#"{"before":{"name":"Ann"},"after":{"name":"Bea"}}"#);
    assert_eq!(commitment, Sha256::new().chain_update(&salt).chain_update(&body).finalize().as_slice());
    let salts = rows::<(i64,)>(&world.store, "SELECT count(DISTINCT salt) - count(*) FROM event_body").await;
    assert_eq!((salts, salt.len()), (vec![(0,)], 32));

    harm(&world.store, "DELETE FROM event_body").await;
    let mut reader = world.store.read().await.expect("a reader");
    let page = reader.page_events(&world.acme.tenant, &EventFilter::default(), &PageRequest::first(1)).await;
    let row = page.expect("a page").rows.remove(0);
    assert_eq!((row.before, row.after), (None, None));
}

#[tokio::test]
async fn events_are_listed_newest_first_page_by_page_and_by_who_and_what() {
    let world = World::new().await;
    let (ann, key) = (world.acme.user.id, id::<KeyKind>());
    for number in 0..7 {
        let mut tx = world.store.begin().await.expect("a transaction");
        tx.put_password_unchecked(ann, "x", now()).await.expect("a password");
        let mut told = event(&world.acme.tenant, world.acme.user.id);
        match number % 3 {
            0 => told.actor = Actor::session(ann),
            1 => told.actor = Actor::key(key, Some(ann)),
            _ => {}
        }
        tx.commit(told).await.expect("a commit");
    }
    let mut reader = world.store.read().await.expect("a reader");
    let of = |user_id, key_id, entity| EventFilter { user_id, key_id, entity, ..EventFilter::default() };
    let cases = [
        (EventFilter::default(), 7),
        (of(Some(ann), None, None), 5),
        (of(None, Some(key), None), 2),
        (of(Some(ann), None, Some(ann.into())), 5),
        (of(None, None, Some(key.into())), 0),
    ];
    for (filter, expected) in cases {
        let (mut found, mut request) = (Vec::new(), PageRequest::first(2));
        loop {
            let page = reader.page_events(&world.acme.tenant, &filter, &request).await.expect("a page");
            found.extend(page.rows.into_iter().map(|it| it.position.seq));
            match page.next {
                Some(next) => request.after = Some(next),
                None => break,
            }
        }
        assert!(found.len() == expected && found.is_sorted_by(|a, b| a > b), "{filter:?}: {found:?}");
        let others = reader.page_events(&world.beta.tenant, &filter, &PageRequest::default()).await.expect("a page");
        assert!(others.rows.is_empty());
    }
}

#[tokio::test]
async fn log_without_a_head_is_an_error_and_no_event_gets_lost() {
    let world = World::new().await;
    harm(&world.store, "DELETE FROM log_head").await;
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.put_password_unchecked(world.acme.user.id, "x", now()).await.expect("a password");
    let error = tx.commit(event(&world.acme.tenant, world.acme.user.id)).await.expect_err("no head");
    let mut reader = world.store.read().await.expect("a reader");
    let password = reader.find_password_unchecked(world.acme.user.id).await.expect("an answer");
    if is_postgres() {
        // There the event gets its place after the commit, and stays in the outbox until it has one.
        assert!(matches!(error, Error::Unsequenced(_)), "{error}");
        assert!(password.is_some());
        assert_eq!(rows::<(i64,)>(&world.store, "SELECT count(*) FROM outbox").await, [(1,)]);
    } else {
        assert!(matches!(error, Error::Corrupt { table: "log_head", .. }), "{error}");
        assert_eq!(password, None);
    }
}

#[tokio::test]
async fn job_is_named_as_the_actor() {
    let world = World::new().await;
    let job = Tenant::system(world.acme.organization.id, "expiry");
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.put_password_unchecked(world.acme.user.id, "x", now()).await.expect("a password");
    tx.commit(event(&job, world.acme.user.id)).await.expect("a commit");
    let mut reader = world.store.read().await.expect("a reader");
    let page = reader.page_events(&job, &EventFilter::default(), &PageRequest::first(1)).await.expect("a page");
    assert_eq!(page.rows[0].job.as_deref(), Some("expiry"));
}
