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
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let api = Api {
        id: ApiId::from_u128(1),
        organization_id: OrganizationId::from_u128(1),
        slug: Slug::parse("default").expect("a slug"),
        name: Name::parse("Default").expect("a name"),
        prefix: KeyPrefix::parse("ck").expect("a prefix"),
        key_locations: KeyLocations::default(),
        versions: Vec::new(),
        version: 1,
        created_at: at(0),
        updated_at: at(0),
    };
    let mut draft = KeyDraft::named(Name::parse("CI").expect("a name"), Origin::Api);
    draft.expires_at = Some(at(60));
    let (mut key, secret, _) = draft.mint(OrganizationId::from_u128(1), &api, at(1), &mut rng).expect("a key");
    let mut secrets = vec![secret];
    key.rotate(&mut secrets, &api, DAY * 7, at(10), &mut rng).expect("a token");
    (key, secrets)
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
    assert_eq!(code(key.end_rotation(&mut secrets, at(11))), Ok(true));
    assert_eq!((states(&secrets), key.version), (vec![SecretState::Dead, SecretState::Current], 3));
    assert_eq!(code(key.end_rotation(&mut secrets, at(11))), Ok(false), "nothing is left to end");
    assert_eq!(key.version, 3);
}

#[test]
fn a_rotation_is_extended_as_far_as_policy_lets_it_from_when_it_began() {
    let (mut key, mut secrets) = rotated();
    let mut extend = |until, now| code(key.extend_rotation(&mut secrets, until, DAY * 30, now));
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
    assert_eq!(code(key.cancel_rotation(&mut secrets, at(16))), Ok(()));
    assert_eq!(states(&secrets), [SecretState::Current, SecretState::Dead]);
    secrets.pop();
    assert_eq!(code(key.cancel_rotation(&mut secrets, at(16))), Err(RejectCode::StateConflict), "there is none left");
}

#[test]
fn no_secret_comes_back_once_it_is_over_nor_on_a_key_that_is() {
    let (mut key, mut secrets) = rotated();
    let before = states(&secrets);
    for now in [at(17), at(60)] {
        assert_eq!(code(key.extend_rotation(&mut secrets, at(20), DAY * 30, now)), Err(RejectCode::StateConflict));
        assert_eq!(code(key.cancel_rotation(&mut secrets, now)), Err(RejectCode::StateConflict));
        assert_eq!(code(key.end_rotation(&mut secrets, now)), Ok(false));
    }
    key.expires_at = Some(at(12));
    assert_eq!(code(key.extend_rotation(&mut secrets, at(20), DAY * 30, at(13))), Err(RejectCode::StateConflict));
    assert_eq!(code(key.cancel_rotation(&mut secrets, at(13))), Err(RejectCode::StateConflict));
    assert_eq!(states(&secrets), before);
    assert_eq!(code(key.end_rotation(&mut secrets, at(13))), Ok(true), "what only narrows, an expired key takes");

    let (mut key, mut secrets) = rotated();
    key.revoke(RevocationReason::Unspecified, at(11)).expect("a revocation");
    assert_eq!(code(key.end_rotation(&mut secrets, at(12))), Err(RejectCode::StateConflict));
    assert_eq!(code(key.extend_rotation(&mut secrets, at(20), DAY * 30, at(12))), Err(RejectCode::StateConflict));
    assert_eq!(code(key.cancel_rotation(&mut secrets, at(12))), Err(RejectCode::StateConflict));
}
