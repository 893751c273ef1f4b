use super::*;
use crate::fixtures::*;
use claviger_core::feed::{ApiRecord, DeprecatedVersionRecord};
use std::collections::HashMap;
use std::sync::Barrier;
use std::sync::atomic::AtomicU32;
use std::thread;
use std::time::Duration;

fn world_with_keys(keys: u128) -> World {
    let mut world = World::new();
    for number in 0..keys {
        world.tell([key(100 + number, 3, None).into()]);
    }
    world
}

// S3.11: the most recent use is kept with where it came from.
#[test]
fn the_latest_use_counts_with_its_origin() {
    let world = world_with_keys(2);
    let verdict = world.verify(100, &GOOD);
    assert_eq!(world.replica.drain_uses(10), [], "deciding alone is no use");
    let (home, office) = ("203.0.113.7".parse().ok(), "2001:db8::1".parse().ok());
    verdict.record_use(at(50), home, Some(b"curl/8"));
    verdict.record_use(at(70), office, Some(b"Zapier"));
    verdict.record_use(at(60), home, None);
    let expected = SecretUse {
        key_id: KeyId::from_u128(100),
        secret_id: SecretId::from_u128(100),
        organization_id: OrganizationId::from_u128(3),
        last_used_at: at(70),
        ip: office,
        user_agent: Some("Zapier".into()),
        count: 3,
        versions: vec![],
    };
    assert_eq!(world.replica.drain_uses(10), std::slice::from_ref(&expected));
    assert_eq!(world.replica.drain_uses(10), [], "what was taken is not held any more");
    world.verify(100, &GOOD).record_use(Timestamp::MAX, None, None);
    let last = Timestamp::from_micros(Timestamp::MAX.as_micros() / 1000 * 1000).expect("in range");
    let expected = SecretUse { last_used_at: last, ip: None, user_agent: None, count: 1, ..expected };
    assert_eq!(world.replica.drain_uses(10), [expected]);
}

// S3.11: what was refused after all is no request that passed, and yet the secret was used then.
#[test]
fn a_use_that_is_taken_back_is_not_counted_and_stays_the_latest() {
    let world = world_with_keys(1);
    let verdict = world.verify(100, &GOOD);
    let told = || {
        let drained = world.replica.drain_uses(10);
        drained.into_iter().map(|it| (it.last_used_at, it.count)).collect::<Vec<_>>()
    };
    verdict.record_use(at(50), None, None);
    verdict.record_use(at(60), None, None);
    verdict.take_back_use();
    assert_eq!(told(), [(at(60), 1)]);
    verdict.record_use(at(70), None, None);
    verdict.take_back_use();
    verdict.take_back_use();
    assert_eq!(told(), [(at(70), 0)], "and there are never fewer than none");
    // A drain that comes first has counted it: it does not count for the next one.
    verdict.take_back_use();
    assert_eq!(told(), []);
    verdict.record_use(at(80), None, None);
    assert_eq!(told(), [(at(80), 1)]);
}

/// Has the api of all keys these versions, of which those with a `!` are to be left.
fn tell_versions(world: &mut World, version: u64, names: &[&str]) {
    let left = names.iter().filter_map(|it| it.strip_prefix('!')).map(|it| DeprecatedVersionRecord {
        slug: it.into(),
        deprecated_at: Some(at(10)),
        sunset_at: None,
        docs_url: None,
    });
    let record = ApiRecord {
        version,
        deprecated: Some(left.collect()),
        versions: Some(names.iter().map(|it| it.trim_start_matches('!').into()).collect()),
        ..api(DEFAULT, "default", "ck")
    };
    world.tell([record.into()]);
}

#[test]
fn requests_that_say_which_version_they_call_are_counted_by_it() {
    let mut world = world_with_keys(2);
    tell_versions(&mut world, 2, &["!1.0", "2.0"]);
    let call = |world: &World, number, version: Option<&str>| {
        let told = world.verify(number, &GOOD).record_use_of_version(version, at(50), None, None);
        told.map(|it| it.version.slug.clone())
    };
    assert_eq!(call(&world, 100, Some("1.0")), Some("1.0".to_owned()), "its client is told that it is to be left");
    for version in [Some("2.0"), Some("2.0"), Some("3.0"), Some(""), None] {
        assert_eq!(call(&world, 100, version), None, "{version:?}");
    }
    assert_eq!(call(&world, 101, Some("2.0")), None);
    let told = || world.verify(100, &GOOD).record_use_of_version(Some("1.0"), at(50), None, None).expect("a word");
    assert!(Arc::ptr_eq(&told(), &told()), "it is put into words once, and not for each request");
    assert_eq!(told().fields[..], [("deprecation", "@10".into())]);
    let drained = |world: &World| {
        let counted = |it: SecretUse| {
            let versions: Vec<_> = it.versions.into_iter().map(|it| (it.version.into_string(), it.count)).collect();
            (it.key_id.as_u128(), it.count, versions)
        };
        let mut all: Vec<_> = world.replica.drain_uses(10).into_iter().map(counted).collect();
        all.sort_unstable();
        all
    };
    let first = vec![("1.0".to_owned(), 4), ("2.0".to_owned(), 2)];
    let second = vec![("2.0".to_owned(), 1)];
    assert_eq!(drained(&world), [(100, 9, first), (101, 1, second.clone())], "one that nobody knows counts nowhere");
    assert_eq!(drained(&world), []);
    // What the api no longer has is told to nobody, and not taken for another later on.
    call(&world, 100, Some("1.0"));
    tell_versions(&mut world, 3, &["2.0"]);
    assert_eq!(drained(&world), [(100, 1, vec![])]);
    tell_versions(&mut world, 4, &["!1.0", "2.0"]);
    call(&world, 100, Some("2.0"));
    assert_eq!(drained(&world), [(100, 1, second)]);
}

#[test]
fn chunks_are_bounded_and_leave_nobody_waiting() {
    let world = world_with_keys(1500);
    for number in 0..1500 {
        world.verify(100 + number, &GOOD).record_use(at(50), None, None);
    }
    let first = world.replica.drain_uses(usize::MAX);
    assert_eq!(first.len(), USES_PER_CHUNK_MAX);
    // Those at the front are busy; the others' turn comes nevertheless.
    for number in 0..1500 {
        world.verify(100 + number, &GOOD).record_use(at(60), None, None);
    }
    let mut seen: std::collections::HashSet<_> = first.into_iter().map(|it| it.secret_id).collect();
    seen.extend(world.replica.drain_uses(1000).into_iter().map(|it| it.secret_id));
    assert_eq!(seen.len(), 1500);
    let left: u64 = std::iter::repeat_with(|| world.replica.drain_uses(7))
        .take_while(|it| !it.is_empty())
        .flatten()
        .map(|it| it.count)
        .sum();
    assert_eq!(left, 500);
}

#[test]
fn turn_comes_round_however_busy_everybody_is() {
    const KEYS: u128 = 1500;
    let world = world_with_keys(KEYS);
    let use_all = || {
        for number in 0..KEYS {
            world.verify(100 + number, &GOOD).record_use(at(50), None, None);
        }
    };
    for _ in 0..3 {
        use_all();
        let mut turn = world.replica.begin_turn();
        let mut taken = Vec::new();
        for chunk in std::iter::repeat_with(|| world.replica.drain_turn(&mut turn, 100)).take_while(|it| !it.is_empty())
        {
            taken.extend(chunk.into_iter().map(|it| it.secret_id));
            use_all();
            // Within a word of 64 secrets, those that were passed already may come again with the next chunk.
            assert!(taken.len() < 2 * KEYS as usize, "a turn without end");
        }
        let secrets: std::collections::HashSet<_> = taken.iter().collect();
        assert_eq!(secrets.len() as u128, KEYS, "nobody who was used before is left out");
    }
}

#[test]
fn what_was_counted_before_a_load_is_drained_after_it() {
    let mut world = world_with_keys(3);
    let replica = Arc::clone(&world.replica);
    let before = replica.verify_digest(&digest(101), &GOOD, at(100));
    before.record_use(at(50), None, None);
    world.writer.begin_load(0);
    let rows = World::base().into_iter().chain([Told::from(key(101, 3, None)).0]);
    world.writer.load(rows.collect::<Vec<_>>());
    world.writer.finish_load(claviger_core::event::Position { epoch: 2, seq: 0 });
    let count = || replica.drain_uses(10).into_iter().map(|it| it.count).sum::<u64>();
    assert_eq!(count(), 1);
    before.record_use(at(50), None, None);
    assert_eq!(count(), 1, "whoever still holds the old tables is still counted");
    drop(before);
    assert_eq!(count(), 0);
    assert!(replica.drain.lock().expect("no panic").retired.is_empty(), "then they are let go");
}

/// In each round two threads use every key once while this one drains (and does `meanwhile`); then every key must have been counted twice.
fn count_rounds(world: &mut World, keys: u128, rounds: u64, mut meanwhile: impl FnMut(&mut World)) {
    let replica = Arc::clone(&world.replica);
    let digests: Vec<_> = (0..keys).map(|it| digest(100 + it)).collect();
    let (begin, busy) = (Barrier::new(3), AtomicU32::new(0));
    let mut wrong = Vec::new();
    let record = |thread: u8| {
        for round in 0..rounds {
            begin.wait();
            for (number, digest) in (0_u64..).zip(&digests) {
                let now = at(100).saturating_add(Duration::from_millis(round));
                let ip = Some(IpAddr::from([10, thread, number as u8, round as u8]));
                replica.verify_digest(digest, &GOOD, now).record_use(now, ip, Some(&round.to_le_bytes()));
            }
            busy.fetch_sub(1, SeqCst);
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| record(0));
        scope.spawn(|| record(1));
        for round in 0..rounds {
            busy.store(2, SeqCst);
            begin.wait();
            let mut counted: HashMap<SecretId, u64> = HashMap::new();
            let mut count =
                |uses: Vec<SecretUse>| uses.iter().for_each(|it| *counted.entry(it.secret_id).or_default() += it.count);
            meanwhile(world);
            while busy.load(SeqCst) != 0 {
                count(replica.drain_uses(30));
            }
            let rest = std::iter::repeat_with(|| replica.drain_uses(1000)).take_while(|it| !it.is_empty()).flatten();
            count(rest.collect());
            // Said at the end: the others wait for this thread.
            if counted.len() as u128 != keys || counted.values().any(|it| *it != 2) {
                wrong.push((round, counted));
            }
        }
    });
    assert!(wrong.is_empty(), "not twice each: {wrong:?}");
}

#[test]
fn no_use_is_lost_or_counted_twice() {
    let mut world = world_with_keys(20);
    count_rounds(&mut world, 20, 5_000, |_| {});
}

#[test]
fn no_use_is_lost_in_a_load() {
    const KEYS: u128 = 300;
    let mut world = world_with_keys(KEYS);
    let rows: Vec<_> = (0..KEYS).map(|it| Told::from(key(100 + it, 3, None)).0).collect();
    count_rounds(&mut world, KEYS, 10, |world| {
        world.load(World::base().into_iter().chain(rows.iter().cloned()).collect());
    });
}
