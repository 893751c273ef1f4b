use super::*;
use crate::api::KeyLocations;
use crate::id::{ApiId, OrganizationId};
use crate::key::{KeyDraft, Origin, RevocationReason};
use crate::name::{KeyPrefix, Name, Slug};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

const DAY: Duration = Duration::from_secs(86_400);

fn at(days: u32) -> Timestamp {
    Timestamp::MIN.saturating_add(DAY * days)
}

/// A key that was rotated on day 10 with an overlap of 7 days, and expires on day 60.
fn rotated() -> (Key, Vec<Secret>) {
    let (key, secrets, ..) = rotated_by();
    (key, secrets)
}

/// The same with what rotates it further.
fn rotated_by() -> (Key, Vec<Secret>, Api, ChaCha20Rng) {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let api = Api {
        id: ApiId::from_u128(1),
        organization_id: OrganizationId::from_u128(1),
        slug: Slug::parse("default").expect("a slug"),
        name: Name::parse("Default").expect("a name"),
        prefix: KeyPrefix::parse("ck").expect("a prefix"),
        key_locations: KeyLocations::default(),
        versions: Vec::new(),
        one_key_per_user: false,
        expiry_days_default: None,
        version: 1,
        created_at: at(0),
        updated_at: at(0),
    };
    let mut draft = KeyDraft::named(Name::parse("CI").expect("a name"), Origin::Api);
    draft.expires_at = Some(at(60));
    let (mut key, secret, _) = draft.mint(OrganizationId::from_u128(1), &api, at(1), &mut rng).expect("a key");
    let mut secrets = vec![secret];
    key.rotate(&mut secrets, &api, DAY * 7, at(10), &mut rng).expect("a token");
    (key, secrets, api, rng)
}

fn states(secrets: &[Secret]) -> Vec<SecretState> {
    secrets.iter().map(|it| it.state).collect()
}

fn code<T>(result: Result<T, Reject>) -> Result<T, RejectCode> {
    result.map_err(|it| it.code)
}

#[test]
fn a_rotation_ended_early_leaves_the_new_secret_alone_and_ends_once() {
    let (mut key, mut secrets) = rotated();
    assert_eq!(code(key.end_rotation(&mut secrets, None, at(11))), Ok(true));
    assert_eq!((states(&secrets), key.version), (vec![SecretState::Dead, SecretState::Current], 3));
    assert_eq!(code(key.end_rotation(&mut secrets, None, at(11))), Ok(false), "nothing is left to end");
    assert_eq!(key.version, 3);
}

#[test]
fn a_rotation_is_extended_as_far_as_policy_lets_it_from_when_it_began() {
    let (mut key, mut secrets) = rotated();
    let mut extend = |until, now| code(key.extend_rotation(&mut secrets, None, until, DAY * 30, now));
    assert_eq!(extend(at(17), at(16)), Err(RejectCode::InvalidField), "it stops then already");
    assert_eq!(extend(at(20), at(16)), Ok(()));
    assert_eq!(extend(at(40), at(19)), Ok(()));
    assert_eq!(extend(at(41), at(39)), Err(RejectCode::PolicyDenied), "31 days after it began");
    assert_eq!(states(&secrets), [SecretState::Retiring { until: at(40) }, SecretState::Current]);
    assert_eq!(key.expires_at, Some(at(60)), "the key itself ends when it did");
}

#[test]
fn a_rotation_taken_back_makes_the_old_secret_current_and_kills_the_new_one() {
    let (mut key, mut secrets) = rotated();
    assert_eq!(code(key.cancel_rotation(&mut secrets, None, at(16))), Ok(()));
    assert_eq!(states(&secrets), [SecretState::Current, SecretState::Dead]);
    secrets.pop();
    assert_eq!(
        code(key.cancel_rotation(&mut secrets, None, at(16))),
        Err(RejectCode::StateConflict),
        "there is none left"
    );
}

#[test]
fn no_secret_comes_back_once_it_is_over_nor_on_a_key_that_is() {
    let (mut key, mut secrets) = rotated();
    let before = states(&secrets);
    for now in [at(17), at(60)] {
        assert_eq!(
            code(key.extend_rotation(&mut secrets, None, at(20), DAY * 30, now)),
            Err(RejectCode::StateConflict)
        );
        assert_eq!(code(key.cancel_rotation(&mut secrets, None, now)), Err(RejectCode::StateConflict));
        assert_eq!(code(key.end_rotation(&mut secrets, None, now)), Ok(false));
    }
    key.expires_at = Some(at(12));
    assert_eq!(code(key.extend_rotation(&mut secrets, None, at(20), DAY * 30, at(13))), Err(RejectCode::StateConflict));
    assert_eq!(code(key.cancel_rotation(&mut secrets, None, at(13))), Err(RejectCode::StateConflict));
    assert_eq!(states(&secrets), before);
    assert_eq!(code(key.end_rotation(&mut secrets, None, at(13))), Ok(true), "what only narrows, an expired key takes");

    let (mut key, mut secrets) = rotated();
    key.revoke(RevocationReason::Unspecified, at(11)).expect("a revocation");
    assert_eq!(code(key.end_rotation(&mut secrets, None, at(12))), Err(RejectCode::StateConflict));
    assert_eq!(code(key.extend_rotation(&mut secrets, None, at(20), DAY * 30, at(12))), Err(RejectCode::StateConflict));
    assert_eq!(code(key.cancel_rotation(&mut secrets, None, at(12))), Err(RejectCode::StateConflict));
}

/// Rotated on day 10 with 7 days and on day 12 with 20: the first, the second and the current secret.
fn rotated_twice() -> (Key, Vec<Secret>) {
    let (mut key, mut secrets, api, mut rng) = rotated_by();
    key.rotate(&mut secrets, &api, DAY * 20, at(12), &mut rng).expect("a token");
    (key, secrets)
}

const CURRENT: SecretState = SecretState::Current;
const DEAD: SecretState = SecretState::Dead;

fn until(days: u32) -> SecretState {
    SecretState::Retiring { until: at(days) }
}

#[test]
fn of_two_old_secrets_the_one_that_is_named_ends_and_the_others_go_on() {
    for (named, left) in [(0, [DEAD, until(32), CURRENT]), (1, [until(17), DEAD, CURRENT])] {
        let (mut key, mut secrets) = rotated_twice();
        let id = secrets[named].id;
        for ends in [true, false] {
            assert_eq!(code(key.end_rotation(&mut secrets, Some(id), at(13))), Ok(ends));
            assert_eq!(states(&secrets), left);
        }
    }
    let (mut key, mut secrets) = rotated_twice();
    let current = secrets[2].id;
    assert_eq!(code(key.end_rotation(&mut secrets, Some(current), at(13))), Err(RejectCode::StateConflict));
    let foreign = Some(SecretId::from_u128(9));
    assert_eq!(code(key.end_rotation(&mut secrets, foreign, at(13))), Err(RejectCode::InvalidField));
    assert_eq!(states(&secrets), [until(17), until(32), CURRENT]);
    assert_eq!(code(key.end_rotation(&mut secrets, None, at(13))), Ok(true));
    assert_eq!(states(&secrets), [DEAD, DEAD, CURRENT]);
}

// Whatever became of those between: were it counted from when the present one was made, rotations would extend an old secret for ever.
#[test]
fn each_old_secret_is_extended_as_far_as_policy_lets_it_from_when_it_was_replaced_itself() {
    let (mut key, mut secrets) = rotated_twice();
    let (first, second) = (secrets[0].id, secrets[1].id);
    let mut extend =
        |secrets: &mut Vec<_>, which, until| code(key.extend_rotation(secrets, which, until, DAY * 30, at(13)));
    assert_eq!(extend(&mut secrets, None, at(42)), Ok(()), "the one that was replaced last");
    assert_eq!(states(&secrets), [until(17), until(42), CURRENT]);
    assert_eq!(extend(&mut secrets, Some(first), at(41)), Err(RejectCode::PolicyDenied));
    assert_eq!(extend(&mut secrets, Some(first), at(40)), Ok(()));
    assert_eq!(states(&secrets), [until(40), until(42), CURRENT]);
    assert_eq!(code(key.end_rotation(&mut secrets, Some(second), at(13))), Ok(true));
    for which in [None, Some(first)] {
        let late = code(key.extend_rotation(&mut secrets, which, at(41), DAY * 30, at(13)));
        assert_eq!(late, Err(RejectCode::PolicyDenied), "{which:?}");
    }
    let over = code(key.extend_rotation(&mut secrets, Some(second), at(41), DAY * 30, at(13)));
    assert_eq!(over, Err(RejectCode::StateConflict), "no dead secret revives");
}

#[test]
fn a_rotation_taken_back_to_either_old_secret_leaves_the_other_its_time() {
    for (named, left) in [
        (None, [until(17), CURRENT, DEAD]),
        (Some(1), [until(17), CURRENT, DEAD]),
        (Some(0), [CURRENT, until(32), DEAD]),
    ] {
        let (mut key, mut secrets) = rotated_twice();
        let which = named.map(|it: usize| secrets[it].id);
        assert_eq!(code(key.cancel_rotation(&mut secrets, which, at(13))), Ok(()));
        assert_eq!(states(&secrets), left);
        let replaced: Vec<_> = secrets.iter().map(|it| it.replaced_at.is_some()).collect();
        assert_eq!(
            replaced,
            states(&secrets).iter().map(|it| matches!(it, SecretState::Retiring { .. })).collect::<Vec<_>>()
        );
    }
}

#[test]
fn an_old_secret_stops_with_its_key_where_that_ends_sooner() {
    let (mut key, secrets) = rotated();
    let end = |key: &Key, now| key.old_until(&secrets[0], now);
    assert_eq!(end(&key, at(11)), Some(OldUntil { at: at(17), with_key: false }));
    assert_eq!(key.old_until(&secrets[1], at(11)), None, "the current one is none");
    key.expires_at = Some(at(12));
    assert_eq!(end(&key, at(11)), Some(OldUntil { at: at(12), with_key: true }));
    assert_eq!((end(&key, at(12)), end(&key, at(20))), (None, None));
    key.expires_at = None;
    key.revoke(RevocationReason::Unspecified, at(11)).expect("a revocation");
    assert_eq!(end(&key, at(11)), None);
}
