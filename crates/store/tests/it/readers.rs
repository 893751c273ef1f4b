//! Readers of the log: each event once, in order, whatever stands in between.

use claviger_core::event::{Position, Stream};
use claviger_store::log::Found;
use claviger_store::readers::LogReader;

use crate::engine::harm;
use crate::world::{World, now};

const READERS: [LogReader; 3] = [LogReader::Webhooks, LogReader::Notifications, LogReader::Chain];

/// A turn that does nothing but read: the places it passed, and of how many there the events can be read.
async fn turn(world: &World, reader: LogReader, events_max: u32, is_committed: bool) -> (Vec<u64>, usize) {
    let mut tx = world.store.begin().await.expect("a transaction");
    let place = tx.take_turn_unchecked(reader, Stream::Change).await.expect("a turn");
    let behind = tx.events_behind_unchecked(Stream::Change, place, events_max).await.expect("events");
    if let Some((last, _)) = behind.last() {
        tx.move_reader_unchecked(reader, Stream::Change, *last).await.expect("a move");
    }
    if is_committed {
        tx.commit_unaudited("a test reads the log").await.expect("a commit");
    }
    let read = behind.iter().filter(|(_, found)| matches!(found, Found::Event(_))).count();
    (behind.iter().map(|(place, _)| place.seq).collect(), read)
}

async fn is_behind(world: &World, reader: LogReader) -> bool {
    let mut connection = world.store.read().await.expect("a connection");
    connection.is_behind_unchecked(reader, Stream::Change).await.expect("an answer")
}

#[tokio::test]
async fn every_reader_comes_past_every_event_once_and_in_order() {
    let world = World::new().await;
    for number in 0..4 {
        world.insert_key(&world.acme, &number.to_string()).await;
    }
    let head = world.store.read().await.expect("a connection").head(Stream::Change).await.expect("a head").seq;
    for reader in READERS {
        assert!(is_behind(&world, reader).await);
        // What is not committed was not done, and comes again.
        assert_eq!(turn(&world, reader, 2, false).await.0, [1, 2]);
        let mut passed = Vec::new();
        while is_behind(&world, reader).await {
            passed.extend(turn(&world, reader, 2, true).await.0);
        }
        assert_eq!(passed, (1..=head).collect::<Vec<_>>());
        assert_eq!(turn(&world, reader, 2, true).await.0, [0; 0]);
    }
    world.insert_key(&world.beta, "another").await;
    assert_eq!(turn(&world, LogReader::Chain, 9, true).await.0, [head + 1]);
}

#[tokio::test]
async fn an_event_of_a_kind_that_only_a_newer_version_knows_is_told_from_a_damaged_one() {
    let world = World::new().await;
    for text in ["one", "two", "three"] {
        world.insert_key(&world.acme, text).await;
    }
    harm(&world.store, "UPDATE event SET kind = 'key.imagined' WHERE seq = 2").await;
    harm(&world.store, "UPDATE event SET entity_id = 'nothing' WHERE seq = 3").await;
    let mut reader = world.store.read().await.expect("a connection");
    let before = Position { epoch: 1, seq: 0 };
    let behind = reader.events_behind_unchecked(Stream::Change, before, 9).await.expect("events");
    let found: Vec<_> = behind.into_iter().map(|it| it.1).collect();
    let [Found::Event(_), Found::Newer { at }, Found::Damaged, Found::Event(_)] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(*at, now());
    drop(reader);
    assert_eq!(turn(&world, LogReader::Webhooks, 9, true).await, (vec![1, 2, 3, 4], 2));
    assert!(!is_behind(&world, LogReader::Webhooks).await);
}

#[tokio::test]
async fn a_reader_goes_on_in_the_next_life_of_the_log() {
    let world = World::new().await;
    while is_behind(&world, LogReader::Webhooks).await {
        turn(&world, LogReader::Webhooks, 9, true).await;
    }
    harm(&world.store, "UPDATE log_head SET epoch = 2, seq = 0 WHERE stream = 'change'").await;
    assert!(turn(&world, LogReader::Webhooks, 9, true).await.0.is_empty());
    let (key, _) = world.insert_key(&world.acme, "after").await;
    let mut tx = world.store.begin().await.expect("a transaction");
    let place = tx.take_turn_unchecked(LogReader::Webhooks, Stream::Change).await.expect("a turn");
    let behind = tx.events_behind_unchecked(Stream::Change, place, 9).await.expect("events");
    let [(place, Found::Event(event))] = &behind[..] else { panic!("{behind:?}") };
    assert_eq!((*place, event.entity), (Position { epoch: 2, seq: 1 }, key.id.into()));
}
