//! What keys have used of their quotas.

use std::time::Duration;

use claviger_core::id::KeyId;
use claviger_core::quota::day_of;
use claviger_store::usage::quotas::QuotaUse;

use crate::world::{World, id, now};

const DAY: Duration = Duration::from_secs(86_400);

fn uses(world: &World, key_id: KeyId, day: u32, add: i64) -> QuotaUse {
    QuotaUse { key_id, organization_id: world.acme.organization.id, day, add }
}

async fn page(world: &World, after: Option<KeyId>, limit: u32) -> Vec<(KeyId, u64)> {
    let mut reader = world.store.read().await.expect("a reader");
    let found = reader.page_quota_uses_unchecked(now(), after, limit).await.expect("uses");
    assert!(found.iter().all(|it| it.1.day == day_of(now())));
    found.into_iter().map(|(key_id, it)| (key_id, it.used)).collect()
}

#[tokio::test]
async fn what_is_added_and_taken_back_by_several_is_summed_up_and_told() {
    let world = World::new().await;
    let (today, key_id) = (day_of(now()), id());
    for (add, total) in [(30, 30), (12, 42), (-20, 22)] {
        let told = world.store.add_quota_uses(&[uses(&world, key_id, today, add)]).await.expect("uses");
        assert_eq!(told.into_iter().collect::<Vec<_>>(), [((today, key_id), total)]);
    }
    assert_eq!(page(&world, None, 10).await, [(key_id, 22)]);
}

#[tokio::test]
async fn many_are_written_at_once_and_read_page_by_page() {
    let world = World::new().await;
    let today = day_of(now());
    let mut keys: Vec<KeyId> = (0..130).map(|_| id()).collect();
    keys.sort_unstable();
    let all: Vec<_> = keys.iter().zip(1..).map(|(it, add)| uses(&world, *it, today, add)).collect();
    let told = world.store.add_quota_uses(&all).await.expect("uses");
    assert_eq!(told.len(), 130);
    let mut found = page(&world, None, 60).await;
    while let Some((last, _)) = found.last().copied() {
        let next = page(&world, Some(last), 60).await;
        if next.is_empty() {
            break;
        }
        found.extend(next);
    }
    let expected: Vec<_> = keys.into_iter().zip(1..).collect();
    assert_eq!(found, expected);
    assert!(world.store.add_quota_uses(&[]).await.expect("nothing").is_empty());
}

#[tokio::test]
async fn days_are_kept_apart_and_those_long_over_are_forgotten() {
    let world = World::new().await;
    let (today, key_id) = (day_of(now()), id());
    let days = [today - 5, today - 1, today];
    let all: Vec<_> = days.into_iter().map(|day| uses(&world, key_id, day, 7)).collect();
    world.store.add_quota_uses(&all).await.expect("uses");
    assert_eq!(page(&world, None, 10).await, [(key_id, 7)]);
    while world.store.forget_quotas(now()).await.expect("it forgets") {}
    let again: Vec<_> = days.into_iter().map(|day| uses(&world, key_id, day, 1)).collect();
    let told = world.store.add_quota_uses(&again).await.expect("uses");
    assert_eq!(days.map(|day| told[&(day, key_id)]), [1, 8, 8], "only the one long over was forgotten");
    while world.store.forget_quotas(now().saturating_add(DAY * 9)).await.expect("it forgets") {}
    assert_eq!(page(&world, None, 10).await, []);
}
