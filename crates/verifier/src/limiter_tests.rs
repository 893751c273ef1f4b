use super::*;
use crate::fixtures::*;
use std::sync::Arc;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, AtomicUsize};
use std::thread;

use claviger_core::feed::KeyRecord;
use claviger_core::key_limits::KeyLimits;
use claviger_core::permission::Asked;
use claviger_core::policy::OwnPolicy;
use claviger_core::quota::day_of;
use claviger_core::secret::SecretState;

use crate::verify::{About, Ask};

fn limited(id: u128, json: &str) -> KeyRecord {
    KeyRecord { limits: serde_json::from_str(json).ok(), ..key(id, 3, Some(10)) }
}

/// A location with a member of all rights, and a key of that member's with these limits.
fn world(json: &str) -> World {
    let mut world = World::new();
    world.member_with_key(10, 3, ADMIN);
    world.tell([limited(20, json).into()]);
    world
}

fn policy(json: &str) -> OwnPolicy {
    serde_json::from_str(json).expect("a policy")
}

fn noon() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().expect("an instant")
}

/// What was answered to one request: what is left of rate and quota, or why not.
fn charged(world: &World, number: u128, cost: u32, now: Timestamp) -> Result<(Option<u32>, Option<u32>), Code> {
    let admission = world.verify(number, &GOOD).charge(cost, now).expect("a key with limits");
    match admission.refusal {
        Some(refusal) => Err(refusal.code),
        None => Ok((admission.rate.map(|it| it.remaining), admission.quota.map(|it| it.remaining))),
    }
}

/// How many of so many requests pass that four threads make at one moment.
fn passed_of(world: &World, tries: usize, cost: u32) -> u32 {
    let (passed, start) = (AtomicU32::new(0), Barrier::new(4));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                start.wait();
                for _ in 0..tries / 4 {
                    if charged(world, 20, cost, noon()).is_ok() {
                        passed.fetch_add(1, SeqCst);
                    }
                }
            });
        }
    });
    passed.into_inner()
}

#[test]
fn exactly_as_many_requests_pass_as_the_rate_allows_however_many_threads_ask() {
    assert_eq!(passed_of(&world(r#"{"rate":"1000/10s"}"#), 20_000, 1), 1000);
    assert_eq!(passed_of(&world(r#"{"rate":"1000/10s"}"#), 20_000, 3), 333);
}

#[test]
fn exactly_as_many_requests_pass_as_the_quota_allows_however_many_threads_ask() {
    assert_eq!(passed_of(&world(r#"{"daily_quota":1000}"#), 20_000, 1), 1000);
    let both = world(r#"{"rate":"5000/10s","daily_quota":1000}"#);
    assert_eq!(passed_of(&both, 20_000, 1), 1000);
    let left = both.verify(20, &GOOD).look(1, noon()).and_then(|it| it.rate).map(|it| it.remaining);
    assert_eq!(left, Some(4000), "what the quota refused took nothing of the rate");
}

#[test]
fn a_request_that_is_refused_for_another_reason_costs_nothing() {
    let mut world = world(r#"{"rate":"2/10s","daily_quota":2}"#);
    let asked = [Asked::parse("contacts:read").expect("a permission")];
    let elsewhere = Ask { organization: About::Id(claviger_core::id::OrganizationId::from_u128(4)), ..GOOD };
    for ask in [
        elsewhere,
        Ask { api: Some("data-loader"), ..GOOD },
        Ask { organization: About::Named("?"), permissions: &asked, ..GOOD },
    ] {
        assert_eq!(world.verify(20, &ask).charge(1, noon()), None);
    }
    assert_eq!(charged(&world, 20, 3, noon()), Err(Code::QuotaExceeded), "more than there ever is");
    assert_eq!(charged(&world, 20, 1, noon()), Ok((Some(1), Some(1))));
    world.tell([KeyRecord { secrets: vec![secret(20, SecretState::Dead)], version: 2, ..limited(20, "{}") }.into()]);
    assert_eq!(world.verify(20, &GOOD).charge(1, noon()), None);
}

#[test]
fn looking_takes_nothing_and_says_what_a_request_would_meet() {
    let world = world(r#"{"rate":"1/10s","daily_quota":5}"#);
    let look = |cost| world.verify(20, &GOOD).look(cost, noon()).expect("limits");
    for _ in 0..3 {
        let seen = look(1);
        assert_eq!((seen.rate.map(|it| it.remaining), seen.quota.map(|it| it.remaining)), (Some(1), Some(5)));
        assert_eq!(seen.refusal, None);
    }
    assert!(world.replica.limiter().is_empty(), "nobody has used it yet");
    assert_eq!(charged(&world, 20, 1, noon()), Ok((Some(0), Some(4))));
    let wait = Some(Duration::from_secs(10));
    assert_eq!(look(1).refusal, Some(Refusal { code: Code::RateLimited, wait }));
    assert_eq!(look(6).refusal, Some(Refusal { code: Code::QuotaExceeded, wait: None }));
    let key_id = KeyId::from_u128(20);
    assert_eq!(world.replica.look_at_key(key_id, noon()), Some(look(1)));
    assert_eq!(
        world.replica.charge_key(key_id, noon().saturating_add(Duration::from_secs(10))).and_then(|it| it.refusal),
        None
    );
}

#[test]
fn policy_says_it_for_keys_that_say_nothing_and_a_lock_makes_it_a_bound() {
    let mut world = world("{}");
    assert_eq!(world.verify(20, &GOOD).charge(1, noon()), None, "no limits unless somebody sets some");
    let agency = |json: &str, version| claviger_core::feed::OrganizationRecord {
        policy: policy(json),
        version,
        ..organization(2, Some(ROOT))
    };
    world.tell([
        agency(r#"{"default_rate":"100/10s"}"#, 2).into(),
        limited(21, r#"{"rate":"200/10s"}"#).into(),
        limited(22, r#"{"rate":"none"}"#).into(),
    ]);
    let left = |world: &World, number| {
        let admission = world.verify(number, &GOOD).look(1, noon());
        admission.and_then(|it| it.rate).map(|it| it.remaining)
    };
    assert_eq!([20, 21, 22].map(|it| left(&world, it)), [Some(100), Some(200), None]);
    world.tell([agency(r#"{"default_rate":"100/10s","locked":["default_rate"]}"#, 3).into()]);
    assert_eq!([20, 21, 22].map(|it| left(&world, it)), [Some(100); 3]);
    assert_eq!(world.replica.limits_of(KeyId::from_u128(22)).map(|it| it.rate), Some("100/10s".parse().ok()));
    let below = claviger_core::feed::OrganizationRecord {
        policy: policy(r#"{"default_rate":"7/1s"}"#),
        version: 2,
        ..organization(3, Some(2))
    };
    world.tell([below.into()]);
    assert_eq!([20, 21, 22].map(|it| left(&world, it)), [Some(7); 3]);
}

#[test]
fn all_secrets_of_a_key_share_what_it_may_use_and_a_load_gives_nothing_back() {
    let mut world = world("{}");
    let both = vec![secret(20, SecretState::Retiring { until: Timestamp::MAX }), secret(120, SecretState::Current)];
    let record = KeyRecord { secrets: both, version: 2, ..limited(20, r#"{"rate":"3/10s"}"#) };
    world.tell([record.clone().into()]);
    assert_eq!(charged(&world, 20, 1, noon()), Ok((Some(2), None)));
    assert_eq!(charged(&world, 120, 1, noon()), Ok((Some(1), None)));
    let mut changes = World::base();
    changes.extend([Told::from(user(10)).0, Told::from(member(10, 3, ADMIN)).0, Told::from(record).0]);
    world.load(changes);
    assert_eq!(charged(&world, 20, 1, noon()), Ok((Some(0), None)));
    assert_eq!(charged(&world, 120, 1, noon()), Err(Code::RateLimited));
}

/// Writes down what is to be, as a database that others write into too, and says what stands there.
fn write(world: &World, total: &mut u64, ahead: bool) -> u64 {
    for note in world.replica.limiter().drain(ahead) {
        *total = total.checked_add_signed(note.add).expect("never below zero");
        world.replica.limiter().written(&note, *total);
    }
    *total
}

#[test]
fn more_of_a_quota_is_written_than_was_used_until_the_end() {
    let world = world(r#"{"daily_quota":1000}"#);
    let rings = Arc::new(AtomicUsize::new(0));
    let rung = Arc::clone(&rings);
    world.replica.limiter().ring(Box::new(move || {
        rung.fetch_add(1, SeqCst);
    }));
    let mut total = 0;
    assert_eq!(write(&world, &mut total, true), 0, "nothing was used");
    assert!(charged(&world, 20, 10, noon()).is_ok());
    assert_eq!(rings.load(SeqCst), 1, "nothing is written yet");
    assert_eq!(write(&world, &mut total, true), 30);
    assert!(charged(&world, 20, 10, noon()).is_ok());
    assert_eq!(rings.load(SeqCst), 1, "this was written ahead");
    assert_eq!(write(&world, &mut total, true), 40);
    assert_eq!(write(&world, &mut total, true), 20, "nobody used the rest");
    assert_eq!(write(&world, &mut total, true), 20);
    assert!(charged(&world, 20, 5, noon()).is_ok());
    assert_eq!((write(&world, &mut total, true), write(&world, &mut total, false)), (35, 25), "exact at the end");
}

#[test]
fn what_others_used_of_a_quota_counts_here_once_it_is_known() {
    let world = world(r#"{"daily_quota":100}"#);
    let mut total = 0;
    assert_eq!(charged(&world, 20, 10, noon()), Ok((None, Some(90))));
    assert_eq!(write(&world, &mut total, false), 10);
    total += 50;
    assert_eq!(charged(&world, 20, 10, noon()), Ok((None, Some(80))));
    assert_eq!(write(&world, &mut total, false), 70);
    assert_eq!(charged(&world, 20, 30, noon()), Ok((None, Some(0))));
    assert_eq!(charged(&world, 20, 1, noon()), Err(Code::QuotaExceeded));
    assert_eq!(write(&world, &mut total, false), 100);
}

// Two processes and one row: what the other one had written ahead and gave back was used by nobody.
#[test]
fn what_another_process_gives_back_of_a_quota_counts_here_no_longer() {
    let (one, other) = (world(r#"{"daily_quota":100}"#), world(r#"{"daily_quota":100}"#));
    let mut total = 0;
    assert_eq!(charged(&one, 20, 10, noon()), Ok((None, Some(90))));
    let ahead = write(&one, &mut total, true);
    assert!(ahead > 10, "{ahead}");
    assert_eq!(charged(&other, 20, 5, noon()), Ok((None, Some(95))));
    write(&other, &mut total, true);
    for _ in 0..3 {
        write(&one, &mut total, false);
        write(&other, &mut total, false);
    }
    assert_eq!(charged(&other, 20, 1, noon()), Ok((None, Some(84))));
    write(&other, &mut total, false);
    assert_eq!(total, 16, "no more than was used");
}

#[test]
fn what_could_not_be_written_is_written_the_next_time() {
    let world = world(r#"{"daily_quota":100}"#);
    assert!(charged(&world, 20, 10, noon()).is_ok());
    let notes = world.replica.limiter().drain(false);
    assert_eq!(notes.iter().map(|it| it.add).collect::<Vec<_>>(), [10]);
    assert_eq!(world.replica.limiter().drain(false), []);
    world.replica.limiter().not_written(&notes);
    let mut total = 0;
    assert_eq!(write(&world, &mut total, false), 10);
}

#[test]
fn a_successor_goes_on_with_what_was_written_and_the_next_day_begins_anew() {
    let mut world = world(r#"{"daily_quota":100}"#);
    world.writer.restore_quotas([(KeyId::from_u128(20), DayUse { day: day_of(noon()), used: 99 })]);
    assert_eq!(charged(&world, 20, 1, noon()), Ok((None, Some(0))));
    let refused = world.verify(20, &GOOD).charge(1, noon()).and_then(|it| it.refusal);
    assert_eq!(refused, Some(Refusal { code: Code::QuotaExceeded, wait: Some(Duration::from_secs(12 * 3600)) }));
    let mut total = 99;
    assert_eq!(write(&world, &mut total, false), 100);
    let tomorrow = noon().saturating_add(Duration::from_secs(12 * 3600));
    assert_eq!(charged(&world, 20, 1, tomorrow), Ok((None, Some(99))));
    let notes = world.replica.limiter().drain(false);
    let day = day_of(tomorrow);
    assert_eq!(notes.iter().map(|it| (it.day, it.add)).collect::<Vec<_>>(), [(day, 1)], "a row of its own");
}

/// Keys 30 to 39, with limits, beside key 20.
fn ten_more(world: &mut World, json: &str) {
    for number in 30..40 {
        world.tell([limited(number, json).into()]);
    }
}

#[test]
fn a_bucket_that_says_nothing_any_more_is_another_keys_and_one_that_does_stays() {
    let json = r#"{"rate":"2/10s","daily_quota":5}"#;
    let mut world = world(json);
    ten_more(&mut world, json);
    for number in 30..40 {
        assert!(charged(&world, number, 2, noon()).is_ok());
    }
    assert_eq!(world.replica.limiter().free_idle(noon()), 0, "rates are used");
    let later = noon().saturating_add(Duration::from_secs(10));
    assert_eq!(world.replica.limiter().free_idle(later), 0, "quotas are used, and not written down");
    let tomorrow = noon().saturating_add(Duration::from_secs(12 * 3600));
    assert_eq!(world.replica.limiter().free_idle(tomorrow), 0, "and not written down");
    let notes = world.replica.limiter().drain(false);
    notes.iter().for_each(|it| world.replica.limiter().written(it, 2));
    assert_eq!(world.replica.limiter().free_idle(later), 0, "the day is not over");
    assert_eq!((world.replica.limiter().free_idle(tomorrow), world.replica.limiter().len()), (10, 0));
    assert_eq!(world.replica.limiter().free_idle(tomorrow), 0, "what is free is not freed again");
    let buckets = world.replica.limiter().buckets.len();
    assert_eq!(charged(&world, 20, 1, tomorrow), Ok((Some(1), Some(4))), "nothing of whom it was before");
    for number in 30..39 {
        assert_eq!(charged(&world, number, 1, tomorrow), Ok((Some(1), Some(4))));
    }
    assert_eq!((world.replica.limiter().buckets.len(), world.replica.limiter().len()), (buckets, 10));
}

// Whoever has found a bucket that is freed meanwhile must neither be let in beside it nor charge for ever another key's.
#[test]
fn no_more_pass_than_the_rate_allows_while_buckets_are_freed() {
    let json = r#"{"rate":"1000/10s"}"#;
    for _ in 0..50 {
        let mut world = world(json);
        ten_more(&mut world, json);
        let done = std::sync::atomic::AtomicBool::new(false);
        let passed = thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(SeqCst) {
                    world.replica.limiter().free_idle(noon());
                }
            });
            // Others make buckets that are freed and given away.
            scope.spawn(|| {
                let before = noon().saturating_sub(Duration::from_secs(3600));
                for number in (30..40).cycle().take(2000) {
                    assert!(charged(&world, number, 1, before).is_ok_and(|it| it.0 > Some(0)));
                }
            });
            let passed = passed_of(&world, 4000, 1);
            done.store(true, SeqCst);
            passed
        });
        assert_eq!(passed, 1000);
    }
}

#[test]
fn keys_without_limits_take_no_memory() {
    let world = world("{}");
    for _ in 0..10 {
        assert_eq!(world.verify(20, &GOOD).charge(1, noon()), None);
    }
    assert_eq!(world.replica.limiter().len(), 0);
    assert_eq!(size_of::<Bucket>(), 56);
    assert_eq!(KeyLimits::default().set(), None);
}
