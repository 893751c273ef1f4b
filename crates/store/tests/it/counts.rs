//! Requests by hour and by day, and those that were refused.

use std::time::Duration;

use claviger_core::id::KeyId;
use claviger_core::secret::Secret;
use claviger_core::time::Timestamp;
use claviger_core::usage::Span;
use claviger_store::usage::SecretUse;
use claviger_store::usage::counts::Counts;
use claviger_store::usage::denials::{Denial, KeyDenials};

use crate::engine::Raw;
use crate::world::{World, id, now, used_once};

const HOUR: Duration = Duration::from_secs(3600);

fn at(hours: u32, seconds: u64) -> Timestamp {
    Span::Day.start_of(now()).saturating_add(HOUR * hours).saturating_add(Duration::from_secs(seconds))
}

fn uses(world: &World, secret: &Secret, at: Timestamp, count: u64) -> SecretUse {
    SecretUse { count, ..used_once(world.acme.organization.id, secret, at) }
}

fn denials(world: &World, key_id: KeyId, times: impl IntoIterator<Item = Timestamp>, count: u64) -> KeyDenials {
    let denial = |at| Denial { at, code: "expired".into(), ip: None, user_agent: Some("ü".repeat(5000)) };
    let latest = times.into_iter().map(denial).collect();
    KeyDenials { key_id, organization_id: world.acme.organization.id, count, latest }
}

async fn counts(world: &World, key_id: KeyId, span: Span, starts: &[Timestamp]) -> Vec<(Timestamp, u64, u64)> {
    let mut reader = world.store.read().await.expect("a reader");
    let found = reader.find_counts(&world.acme.tenant, key_id, span, starts).await.expect("counts");
    found.into_iter().map(|(at, Counts { allowed, denied })| (at, allowed, denied)).collect()
}

async fn fold(world: &World, at: Timestamp) {
    while world.store.fold_counts(at).await.expect("it folds") {}
}

#[tokio::test]
async fn requests_count_in_the_hour_they_came_in_whichever_secret_they_had() {
    let world = World::new().await;
    let (key, secret) = world.insert_key(&world.acme, "CI").await;
    let rotated = Secret { id: id(), ..secret.clone() };
    let used = [(&secret, at(0, 3599), 2), (&secret, at(1, 0), 3), (&rotated, at(1, 5), 4)];
    for chunk in used.chunks(2) {
        let uses: Vec<_> = chunk.iter().map(|(secret, at, count)| uses(&world, secret, *at, *count)).collect();
        world.store.record_uses(&uses).await.expect("uses");
    }
    world.store.record_denials(&[denials(&world, key.id, [at(1, 9)], 5)]).await.expect("denials");
    let starts: Vec<_> = (0..100).map(|it| at(it, 0)).collect();
    assert_eq!(counts(&world, key.id, Span::Hour, &starts).await, [(at(0, 0), 2, 0), (at(1, 0), 7, 5)]);
    assert_eq!(counts(&world, key.id, Span::Day, &starts).await, []);
}

#[tokio::test]
async fn what_passed_is_found_for_many_keys_and_many_hours_and_nothing_else_with_it() {
    let world = World::new().await;
    let (_, secret) = world.insert_key(&world.acme, "CI").await;
    // More of both than one statement looks for; every third key passed in three hours, of which two are asked for.
    let secrets: Vec<_> = (0..120).map(|_| Secret { id: id(), key_id: id(), ..secret.clone() }).collect();
    let used: Vec<_> = secrets.iter().step_by(3).collect();
    for (hour, count) in [(0, 7), (71, 2), (99, 1)] {
        let uses: Vec<_> = used.iter().map(|it| uses(&world, it, at(hour, 1), count)).collect();
        world.store.record_uses(&uses).await.expect("uses");
    }
    world.store.record_denials(&[denials(&world, secrets[1].key_id, [at(0, 9)], 5)]).await.expect("denials");
    let ids: Vec<_> = secrets.iter().map(|it| it.key_id).collect();
    let starts: Vec<_> = (0..72).map(|it| at(it, 0)).collect();
    let mut reader = world.store.read().await.expect("a reader");
    let mut found = reader.find_passed(&world.acme.tenant, &ids, Span::Hour, &starts).await.expect("counts");
    found.sort_unstable();
    let mut expected: Vec<_> =
        used.iter().flat_map(|it| [(it.key_id, at(0, 0), 7), (it.key_id, at(71, 0), 2)]).collect();
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(reader.find_passed(&world.acme.tenant, &ids, Span::Day, &starts).await.expect("counts"), []);
    assert_eq!(reader.find_passed(&world.acme.tenant, &[], Span::Hour, &starts).await.expect("counts"), []);
    assert_eq!(reader.find_passed(&world.beta.tenant, &ids, Span::Hour, &starts).await.expect("counts"), []);
}

#[tokio::test]
async fn hours_become_days_and_days_are_forgotten_without_losing_a_request_on_the_way() {
    let world = World::new().await;
    let (key, secret) = world.insert_key(&world.acme, "CI").await;
    // More keys than one step folds, each with the requests of three hours over two days.
    let others: Vec<_> = (0..700).map(|_| Secret { id: id(), key_id: id(), ..secret.clone() }).collect();
    for hour in [22, 23, 24] {
        let uses: Vec<_> = others.iter().chain([&secret]).map(|it| uses(&world, it, at(hour, 1), 10)).collect();
        world.store.record_uses(&uses).await.expect("uses");
    }
    let hours: Vec<_> = (20..30).map(|it| at(it, 0)).collect();
    let days = [at(0, 0), at(24, 0)];
    fold(&world, at(23 + 48, 0)).await;
    let whole = [(at(23, 0), 10, 0), (at(24, 0), 10, 0)];
    assert_eq!(counts(&world, key.id, Span::Hour, &hours).await, whole, "an hour is kept for 48 hours");
    assert_eq!(counts(&world, key.id, Span::Day, &days).await, [(at(0, 0), 10, 0)]);
    fold(&world, at(25 + 48, 0)).await;
    assert_eq!(counts(&world, key.id, Span::Hour, &hours).await, []);
    assert_eq!(counts(&world, key.id, Span::Day, &days).await, [(at(0, 0), 20, 0), (at(24, 0), 10, 0)]);
    let mut usage = Raw::of(&world.store, "usage.db").await;
    let counted = "SELECT count(*), CAST(sum(allowed) AS BIGINT) FROM key_usage";
    assert_eq!(usage.rows::<(i64, i64)>(counted).await, [(1402, 21_030)]);
    fold(&world, at(24 * 90, 0)).await;
    assert_eq!(usage.rows::<(i64, i64)>(counted).await, [(1402, 21_030)], "a day is kept for 90 days");
    fold(&world, at(24 * 91, 0)).await;
    assert_eq!(usage.rows::<(i64, i64)>(counted).await, [(701, 7010)]);
}

#[tokio::test]
async fn the_latest_twenty_refusals_of_a_key_are_kept_for_thirty_days() {
    let world = World::new().await;
    let (key, _) = world.insert_key(&world.acme, "CI").await;
    let (other, _) = world.insert_key(&world.acme, "Other").await;
    let times = |from: u64, to: u64| (from..to).map(|it| at(0, it));
    let first = [denials(&world, key.id, times(0, 15), 100), denials(&world, other.id, times(3, 4), 1)];
    world.store.record_denials(&first).await.expect("denials");
    world.store.record_denials(&[denials(&world, key.id, times(10, 25), 15)]).await.expect("denials");
    let mut reader = world.store.read().await.expect("a reader");
    let found = reader.find_denials(&world.acme.tenant, key.id).await.expect("denials");
    assert!(found.iter().map(|it| it.at).eq(times(5, 25).rev()), "{found:?}");
    assert_eq!(found[0].user_agent.as_deref().map(|it| it.chars().count()), Some(200));
    drop(reader);
    let month = 24 * 30;
    assert!(!world.store.forget_denials(at(month, 20)).await.expect("it forgets"));
    let mut reader = world.store.read().await.expect("a reader");
    let left = reader.find_denials(&world.acme.tenant, key.id).await.expect("denials");
    assert!(left.iter().map(|it| it.at).eq(times(20, 25).rev()), "{left:?}");
    assert_eq!(reader.find_denials(&world.acme.tenant, other.id).await.expect("denials"), []);
}
