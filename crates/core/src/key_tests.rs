use std::time::Duration;

use super::*;
use crate::api::KeyLocations;
use crate::name::{KeyPrefix, Slug};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

const DAY: Duration = Duration::from_secs(86_400);

fn at(days: u32) -> Timestamp {
    Timestamp::MIN.saturating_add(DAY * days)
}

fn api() -> Api {
    Api {
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
    }
}

fn minted(rng: &mut ChaCha20Rng) -> (Key, Secret, Token) {
    let mut draft = KeyDraft::named(Name::parse("CI").expect("a name"), Origin::Api);
    draft.expires_at = Some(at(30));
    draft.mint(OrganizationId::from_u128(1), &api(), at(1), rng).expect("a key")
}

// S2.19
#[test]
fn an_update_changes_name_expiry_and_mapped_user() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (mut key, ..) = minted(&mut rng);
    let user_id = UserId::from_u128(2);
    let patch = KeyPatch {
        name: Name::parse("CI 2").ok(),
        expires_at: Some(None),
        mapped_user_id: Some(Some(user_id)),
        ..KeyPatch::default()
    };
    key.update(patch, at(2)).expect("an update");
    assert_eq!((key.name.as_str(), key.expires_at, key.version), ("CI 2", None, 2));
    assert_eq!(key.mapped_user_id, Some(user_id));
}

#[test]
fn a_revoked_key_never_changes_again() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (mut key, secret, _) = minted(&mut rng);
    key.revoke(RevocationReason::KeyCompromise, at(2)).expect("a revocation");
    assert_eq!(key.state(at(2)), KeyState::Revoked);
    let mut secrets = vec![secret];
    assert!(key.revoke(RevocationReason::Idle, at(3)).is_err());
    assert!(key.set_active(true, at(3)).is_err());
    assert!(key.update(KeyPatch::default(), at(3)).is_err());
    assert!(key.rotate(&mut secrets, &api(), DAY, at(3), &mut rng).is_err());
    assert_eq!(key.revocation, Some(Revocation { at: at(2), reason: RevocationReason::KeyCompromise }));
}

#[test]
fn a_rotation_with_overlap_retires_the_old_secret_and_one_without_kills_it() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (mut key, secret, _) = minted(&mut rng);
    let mut secrets = vec![secret];
    key.rotate(&mut secrets, &api(), DAY * 7, at(2), &mut rng).expect("a token");
    assert_eq!(secrets[0].state, SecretState::Retiring { until: at(9) });
    key.rotate(&mut secrets, &api(), Duration::ZERO, at(3), &mut rng).expect("a token");
    let states: Vec<_> = secrets.iter().map(|it| it.state).collect();
    assert_eq!(states, [SecretState::Dead, SecretState::Dead, SecretState::Current]);
}

#[test]
fn rotations_pile_up_only_to_the_limit() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (mut key, secret, _) = minted(&mut rng);
    let mut secrets = vec![secret];
    let mut rotate =
        |secrets: &mut Vec<Secret>| key.rotate(secrets, &api(), DAY, at(2), &mut rng).map(drop).map_err(|it| it.code);
    assert_eq!((rotate(&mut secrets), rotate(&mut secrets)), (Ok(()), Ok(())));
    assert_eq!(rotate(&mut secrets), Err(RejectCode::LimitReached));
}

#[test]
fn a_rotation_does_not_revive_an_expired_key() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (mut key, secret, _) = minted(&mut rng);
    let refused = key.rotate(&mut vec![secret], &api(), DAY, at(30), &mut rng).expect_err("a refusal");
    assert_eq!(refused.code, RejectCode::StateConflict);
    assert_eq!(key.expires_at, Some(at(30)));
}

#[test]
fn a_past_expiry_is_refused() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (mut key, ..) = minted(&mut rng);
    let patch = KeyPatch { expires_at: Some(Some(at(2))), ..KeyPatch::default() };
    assert_eq!(key.update(patch, at(2)).expect_err("a refusal").fields[0].pointer, "/expires_at");
}

#[test]
fn a_key_whose_owner_left_belongs_to_nobody_and_lives_on() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (mut key, ..) = minted(&mut rng);
    key.owner_id = Some(UserId::from_u128(1));
    key.disown(at(2)).expect("a change");
    assert_eq!((key.owner_id, key.state(at(2)), key.version), (None, KeyState::Active, 2));
}
