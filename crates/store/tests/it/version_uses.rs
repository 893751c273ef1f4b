//! Requests by the version of the api that they called.

use std::time::Duration;

use claviger_core::id::KeyId;
use claviger_core::time::Timestamp;
use claviger_core::usage::Span;
use claviger_store::usage::versions::VersionUse;

use crate::world::{World, id, now};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Noon of a day, counted from today.
fn noon(day: u32) -> Timestamp {
    Span::Day.start_of(now()).saturating_add(DAY * day).saturating_add(DAY / 2)
}

fn uses(world: &World, key_id: KeyId, version: &str, at: Timestamp, count: u64) -> VersionUse {
    VersionUse { key_id, organization_id: world.acme.organization.id, version: version.to_owned(), at, count }
}

/// What is found of a key over the days from `first` on: how often which version, and how many days after today last.
async fn found(world: &World, key_id: KeyId, first: u32, days: u32) -> Vec<(String, u64, u32)> {
    let starts: Vec<_> = (first..first + days).map(|it| Span::Day.start_of(noon(it))).collect();
    let mut reader = world.store.read().await.expect("a reader");
    let found = reader.find_version_uses(&world.acme.tenant, key_id, &starts).await.expect("uses");
    let day = |at: Timestamp| (0..400).find(|it| Span::Day.start_of(noon(*it)) == at).expect("a day");
    found.into_iter().map(|(version, it)| (version, it.allowed, day(it.last_day))).collect()
}

#[tokio::test]
async fn requests_count_on_their_day_by_the_version_that_they_called() {
    let world = World::new().await;
    let (key, other) = (id(), id());
    let mut first = vec![
        uses(&world, key, "1.0", noon(0), 2),
        uses(&world, key, "1.0", noon(0).saturating_add(DAY / 3), 3),
        uses(&world, key, "2.0", noon(0), 1),
        uses(&world, other, "1.0", noon(0), 50),
    ];
    world.store.record_version_uses(&mut first).await.expect("uses");
    assert_eq!(first, [], "what is written is taken away");
    world.store.record_version_uses(&mut first).await.expect("nothing");
    world.store.record_version_uses(&mut vec![uses(&world, key, "1.0", noon(2), 4)]).await.expect("uses");
    assert_eq!(found(&world, key, 0, 30).await, [("1.0".to_owned(), 9, 2), ("2.0".to_owned(), 1, 0)]);
    assert_eq!(found(&world, key, 1, 30).await, [("1.0".to_owned(), 4, 2)]);
    assert_eq!(found(&world, other, 0, 90).await, [("1.0".to_owned(), 50, 0)]);
    assert_eq!(found(&world, id(), 0, 30).await, []);
}

#[tokio::test]
async fn many_are_written_at_once_and_forgotten_after_ninety_days() {
    let world = World::new().await;
    // More than one chunk and more than one step forgets, and not a whole number of statements.
    let keys: Vec<KeyId> = (0..1130).map(|_| id()).collect();
    for day in [0, 1] {
        let mut all: Vec<_> = keys.iter().map(|it| uses(&world, *it, "1.0", noon(day), 7)).collect();
        world.store.record_version_uses(&mut all).await.expect("uses");
    }
    let ends = [keys[0], keys[1129]];
    for key in ends {
        assert_eq!(found(&world, key, 0, 30).await, [("1.0".to_owned(), 14, 1)]);
    }
    while world.store.forget_version_uses(noon(90)).await.expect("it forgets") {}
    for key in ends {
        assert_eq!(found(&world, key, 0, 30).await, [("1.0".to_owned(), 14, 1)], "a day is kept for 90 days");
    }
    while world.store.forget_version_uses(noon(91)).await.expect("it forgets") {}
    for key in ends {
        assert_eq!(found(&world, key, 0, 30).await, [("1.0".to_owned(), 7, 1)]);
    }
}
