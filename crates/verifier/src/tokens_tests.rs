use super::*;
use crate::credential::Presented;
use crate::fixtures::*;
use crate::verify::{About, Ask, Verdict};
use claviger_core::access_token::SigningKey;
use claviger_core::decision::{Code, Reach};
use claviger_core::event::{Entity, EntityKind};
use claviger_core::feed::KeyRecord;
use claviger_core::id::{SecretId, SharedSecretId, SignInId};
use claviger_core::permission::Asked;
use claviger_core::secret::SecretState;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

fn signing_key(seed: u64) -> SigningKey {
    SigningKey::generate(SigningKeyId::from_u128(u128::from(seed)), &mut ChaCha20Rng::seed_from_u64(seed))
}

fn published(key: &SigningKey) -> Told {
    let record = SigningKeyRecord { id: key.id(), public_key: key.public_key(), retired_until: None, version: 1 };
    Told(claviger_core::feed::Change::Put(Box::new(claviger_core::feed::Record::SigningKey(record))))
}

/// The claims of a token of the key of this number, for an organization.
fn claims(number: u128, organization: u128) -> Claims {
    Claims {
        iss: "https://keys.example.com".into(),
        sub: String::new(),
        aud: "default".into(),
        client_id: KeyId::from_u128(number),
        sid: SignInId::from_u128(number),
        jti: String::new(),
        iat: 0,
        exp: 1000,
        organization_id: OrganizationId::from_u128(organization),
        scope: None,
        secret: SecretId::from_u128(number),
        shared_secret: None,
    }
}

fn signed(key: &SigningKey, claims: &Claims) -> String {
    key.sign(TokenKind::Access, claims).expect("a token").expose().to_owned()
}

impl World {
    fn bear<'r>(&'r self, token: &str, ask: &Ask<'_>, now: Timestamp) -> Verdict<'r> {
        self.replica.verify(&Presented::token(token.as_bytes()).expect("a token"), ask, now)
    }

    fn bears(&self, token: &str) -> Option<Code> {
        self.bear(token, &GOOD, at(100)).decision().code()
    }
}

/// A world with an admin's key that reaches the agency and its locations, and a signing key.
fn agency() -> (World, SigningKey) {
    let (mut world, key) = (World::new(), signing_key(1));
    world.tell([user(10).into(), member(10, 2, ADMIN).into(), published(&key)]);
    world.tell([KeyRecord { reach: Reach::Subtree, ..crate::fixtures::key(10, 2, Some(10)) }.into()]);
    (world, key)
}

#[test]
fn a_token_is_as_good_as_its_key_and_dies_with_its_secret() {
    let (mut world, key) = agency();
    let token = signed(&key, &claims(10, 2));
    for _ in 0..2 {
        assert_eq!(world.bears(&token), None, "proven, and then remembered");
    }
    assert_eq!(world.bear(&token, &GOOD, at(1000)).decision().code(), Some(Code::Expired));
    assert_eq!(world.bear(&token, &GOOD, at(999)).decision().code(), None);
    let rotated = |state, version| KeyRecord {
        secrets: vec![secret(10, state), secret(11, SecretState::Current)],
        reach: Reach::Subtree,
        version,
        ..crate::fixtures::key(10, 2, Some(10))
    };
    world.tell([rotated(SecretState::Retiring { until: at(200) }, 2).into()]);
    assert_eq!(world.bears(&token), None);
    assert_eq!(world.bear(&token, &GOOD, at(200)).decision().code(), Some(Code::Expired), "with its secret's overlap");
    world.tell([rotated(SecretState::Dead, 3).into()]);
    assert_eq!(world.bears(&token), Some(Code::Revoked));
    let other = signed(&key, &Claims { secret: SecretId::from_u128(11), ..claims(10, 2) });
    assert_eq!(world.bears(&other), None, "the other secret's tokens go on");
    world.gone(KeyId::from_u128(10));
    assert!(world.bears(&other).is_some());
}

#[test]
fn a_token_only_narrows_what_its_key_may() {
    let (world, key) = agency();
    let code = |token: &str, organization: &str, permission: &str| {
        let asked = [Asked::parse(permission).expect("a permission")];
        let ask = Ask { organization: About::Named(organization), api: Some("default"), permissions: &asked, ip: None };
        world.bear(token, &ask, at(100)).decision().code()
    };
    let narrow = signed(&key, &Claims { scope: Some("contacts:read".into()), ..claims(10, 3) });
    assert_eq!(code(&narrow, "organization-3", "contacts:read"), None);
    assert_eq!(code(&narrow, "organization-3", "contacts:update"), Some(Code::InsufficientPermission));
    // S3: a parent's key with a child's shortname reaches the child, and nothing else.
    assert_eq!(code(&narrow, "organization-4", "contacts:read"), Some(Code::OutOfReach));
    assert_eq!(code(&narrow, "organization-2", "contacts:read"), Some(Code::OutOfReach));
    let whole = signed(&key, &claims(10, 2));
    assert_eq!(code(&whole, "organization-4", "contacts:update"), None);
    assert_eq!(code(&whole, "organization-1", "contacts:read"), Some(Code::OutOfReach));
    // Whatever a token says: an organization that the key does not reach stays out of its reach.
    let wider = signed(&key, &claims(10, 1));
    assert_eq!(code(&wider, "organization-1", "contacts:read"), Some(Code::OutOfReach));
    let facts = |token: &str| {
        world.bear(token, &GOOD, at(100)).facts().map(|it| (it.organization_id(), it.permissions().to_texts()))
    };
    assert_eq!(
        facts(&narrow),
        Some((OrganizationId::from_u128(3), vec!["contacts:read".to_owned()])),
        "its own is the one it is for"
    );
    // Asked again, of what is left of the credential, the answer is the same.
    let verdict = world.bear(&narrow, &GOOD, at(100));
    let credential = verdict.facts().expect("facts").credential();
    let again = |permission: &str| {
        let asked = [Asked::parse(permission).expect("a permission")];
        world.replica.authorize(&credential, OrganizationId::from_u128(3), &asked, None, at(100)).is_ok()
    };
    assert!(again("contacts:read") && !again("contacts:update"));
    assert!(world.replica.authorize(&credential, OrganizationId::from_u128(2), &[], None, at(100)).is_err());
}

#[test]
fn a_token_is_good_no_more_once_its_sign_in_was_ended_or_its_signing_key_revoked() {
    let (mut world, key) = agency();
    let token = signed(&key, &claims(10, 2));
    assert_eq!(world.bears(&token), None);
    let ended = EndedSignInRecord { id: SignInId::from_u128(10), until: at(1000) };
    world.tell([Told(claviger_core::feed::Change::Put(Box::new(claviger_core::feed::Record::EndedSignIn(ended))))]);
    assert_eq!(world.bears(&token), Some(Code::Revoked));
    let other = signed(&key, &Claims { sid: SignInId::from_u128(11), ..claims(10, 2) });
    assert_eq!(world.bears(&other), None);
    world.unreadable(Entity { kind: EntityKind::SignIn, id: 11 });
    assert_eq!(world.bears(&other), Some(Code::Revoked), "a row that cannot be read denies");
    let third = signed(&key, &Claims { sid: SignInId::from_u128(12), ..claims(10, 2) });
    assert_eq!(world.bears(&third), None);
    world.gone(key.id());
    assert_eq!(world.bears(&third), Some(Code::NotFound), "also where it was proven before");
    assert_eq!(world.bears(&signed(&signing_key(2), &claims(10, 2))), Some(Code::NotFound));
}

#[test]
fn a_token_ends_with_the_shared_secret_it_was_got_by() {
    let (mut world, key) = agency();
    let got_by = |id| Claims { shared_secret: Some(SharedSecretId::from_u128(id)), ..claims(10, 2) };
    let (token, other) = (signed(&key, &got_by(1)), signed(&key, &got_by(2)));
    let ends = |id, at, version| {
        let record = EndedSharedSecretRecord { id: SharedSecretId::from_u128(id), ends_at: at, version };
        Told(claviger_core::feed::Change::Put(Box::new(claviger_core::feed::Record::EndedSharedSecret(record))))
    };
    let code = |world: &World, token: &str, now| world.bear(token, &GOOD, at(now)).decision().code();
    world.tell([ends(1, at(200), 1)]);
    assert_eq!((code(&world, &token, 199), code(&world, &token, 200)), (None, Some(Code::Expired)));
    let ends_at = |world: &World| world.bear(&token, &GOOD, at(199)).facts().and_then(|it| it.secret_ends_at());
    assert_eq!(ends_at(&world), Some(at(200)), "sooner than it says itself");
    world.tell([ends(1, at(300), 2)]);
    assert_eq!((code(&world, &token, 299), code(&world, &token, 300)), (None, Some(Code::Expired)), "extended");
    world.tell([ends(1, at(200), 1)]);
    assert_eq!(code(&world, &token, 299), None, "what is older is no news");
    world.tell([ends(1, at(100), 3)]);
    assert_eq!(code(&world, &token, 100), Some(Code::Expired), "ended early");
    assert_eq!(code(&world, &other, 999), None, "the other one's tokens go on");
    assert_eq!(code(&world, &signed(&key, &claims(10, 2)), 999), None, "and those that were got by none");
    world.unreadable(Entity { kind: EntityKind::SharedSecret, id: 2 });
    assert_eq!(code(&world, &other, 100), Some(Code::Expired), "a row that cannot be read denies");
    world.tell([ends(2, at(500), 1)]);
    assert_eq!(code(&world, &other, 100), None, "until it can be");
    // Remembered for as long as any of its tokens could be good.
    let day = i64::try_from(REFRESH_TOKEN_SECS).expect("a day");
    world.replica.forget_ends(at(100 + day - 1));
    assert_eq!(code(&world, &token, 100), Some(Code::Expired));
    world.replica.forget_ends(at(100 + day));
    assert_eq!(code(&world, &token, 100), None);
}

#[test]
fn a_refresh_token_is_no_access_token_and_what_looks_like_a_token_may_be_an_imported_key() {
    let (mut world, key) = agency();
    let refresh = key.sign(TokenKind::Refresh, &claims(10, 2)).expect("a token");
    assert_eq!(world.bears(refresh.expose()), Some(Code::NotFound));
    assert!(world.replica.prove(refresh.expose().as_bytes(), TokenKind::Refresh, at(100)).is_some());
    assert!(
        world.replica.prove(refresh.expose().as_bytes(), TokenKind::Access, at(100)).is_none(),
        "nor when remembered"
    );
    let imported = "eyJhbGciOiJIUzI1NiJ9.eyJsb2NhdGlvbl9pZCI6ICJ4In0.c2ln";
    let record = KeyRecord {
        secrets: vec![claviger_core::feed::SecretRecord {
            id: SecretId::from_u128(50),
            digest: Digest::of_token(imported.as_bytes()),
            state: SecretState::Current,
        }],
        ..crate::fixtures::key(50, 2, Some(10))
    };
    world.tell([record.into()]);
    assert_eq!(world.bears(imported), None);
}

#[test]
fn more_tokens_than_are_remembered_are_proven_again() {
    let key = signing_key(1);
    let ways: Vec<_> = (0..WAYS).map(|_| ArcSwapOption::const_empty()).collect();
    let keys = SigningKeys::default();
    let record = SigningKeyRecord { id: key.id(), public_key: key.public_key(), retired_until: None, version: 1 };
    assert!(keys.put(&record) && !keys.put(&record));
    let seed = Seed::new([1; 32]);
    let tokens: Vec<_> = (0..20).map(|it| signed(&key, &Claims { jti: it.to_string(), ..claims(10, 2) })).collect();
    let prove = |token: &String| {
        let digest = Digest::of_token(token.as_bytes());
        let hash = seed.of_digest(digest.as_bytes());
        ProvenTokens::prove_among(&ways, hash, (token.as_bytes(), &digest), TokenKind::Access, &keys, at(100))
    };
    for _ in 0..3 {
        for (number, token) in tokens.iter().enumerate() {
            assert_eq!(prove(token).expect("a token").claims().jti, number.to_string());
        }
    }
}
