//! An installation that is made up: every thousandth of the keys is an organization of its own under one root, every tenth a user who is its
//! member; keys are mapped to users and owned by them, one in ten has scopes.

use claviger_core::api::KeyLocations;
use claviger_core::decision::{KeyStanding, Reach};
use claviger_core::feed::{
    ApiRecord, Change, KeyRecord, MemberRecord, OrganizationRecord, Record, RoleRecord, SecretRecord, UserRecord,
};
use claviger_core::id::{ApiId, KeyId, MemberId, OrganizationId, RoleId, SecretId, UserId};
use claviger_core::name::KeyPrefix;
use claviger_core::permission::PermissionSet;
use claviger_core::policy::OwnPolicy;
use claviger_core::secret::{Digest, SecretState, TOKEN_CHARS_AFTER_PREFIX, Token};
use claviger_core::time::Timestamp;
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};

/// A token of the prefix `ck`.
pub(crate) type Text = [u8; "ck".len() + TOKEN_CHARS_AFTER_PREFIX];

const USERS_PER_ORGANIZATION: usize = 100;
const KEYS_PER_USER: usize = 10;

fn user_of(key: usize) -> usize {
    key / KEYS_PER_USER
}

fn organization_number(user: usize) -> usize {
    1 + user / USERS_PER_ORGANIZATION
}

/// Where a key stands.
pub(crate) fn organization_of(key: usize) -> OrganizationId {
    OrganizationId::from_u128(1 + organization_number(user_of(key)) as u128)
}

/// Identifiers as a service makes them: time in front, randomness behind.
pub(crate) fn key_id(number: usize) -> KeyId {
    KeyId::from_u128((number as u128) << 80 | ChaCha12Rng::seed_from_u64(number as u64).next_u64() as u128)
}

/// The token of a key: that of a number is always the same.
pub(crate) fn token(number: usize) -> Text {
    let prefix = KeyPrefix::parse("ck").expect("a prefix");
    let token = Token::generate(&prefix, &mut ChaCha12Rng::seed_from_u64(number as u64));
    token.expose().as_bytes().try_into().expect("all tokens of a prefix are as long")
}

/// Everything but the keys.
pub(crate) fn surroundings(keys: usize) -> impl Iterator<Item = Change> {
    let root = OrganizationId::from_u128(1);
    let role = Record::Role(RoleRecord {
        id: RoleId::from_u128(1),
        name: "sales".into(),
        permissions: PermissionSet::parse(&["claviger/own-keys:*", "contacts:*", "deals:read"]).expect("permissions"),
        api_access: true,
        is_admin: false,
        version: 1,
    });
    let api = Record::Api(ApiRecord {
        id: ApiId::from_u128(1),
        slug: "default".into(),
        prefix: "ck".into(),
        version: 1,
        key_locations: KeyLocations::default().to_texts(),
        deprecated: None,
        organization_id: None,
        versions: None,
    });
    let organization = move |number: usize| {
        Record::Organization(OrganizationRecord {
            id: OrganizationId::from_u128(1 + number as u128),
            parent_id: (number > 0).then_some(root),
            slug: format!("organization-{number}"),
            external_id: Some(format!("{number}")),
            suspended: false,
            policy: OwnPolicy::default(),
            allowed_ips: None,
            version: 1,
        })
    };
    let user = |number: usize| {
        let id = UserId::from_u128(number as u128);
        let external_id = Some(format!("{number}"));
        let user = UserRecord { id, name: format!("User {number}"), external_id, active: true, version: 1 };
        let member = MemberRecord {
            id: MemberId::from_u128(number as u128),
            organization_id: OrganizationId::from_u128(1 + organization_number(number) as u128),
            user_id: id,
            role_id: RoleId::from_u128(1),
            extra_permissions: PermissionSet::nothing(),
            version: 1,
        };
        [Record::User(user), Record::Member(member)]
    };
    let users = keys.div_ceil(KEYS_PER_USER);
    let organizations = 0..=organization_number(users);
    let records = [role, api].into_iter().chain(organizations.map(organization)).chain((0..users).flat_map(user));
    records.map(|it| Change::Put(Box::new(it)))
}

/// A key that is good, with its one secret.
pub(crate) fn key(number: usize, token: &Text) -> KeyRecord {
    let user = UserId::from_u128(user_of(number) as u128);
    let scopes = number.is_multiple_of(10).then(|| PermissionSet::parse(&["contacts:*"]).expect("permissions"));
    KeyRecord {
        id: key_id(number),
        organization_id: organization_of(number),
        api_id: ApiId::from_u128(1),
        name: format!("Integration {number}"),
        role_id: None,
        scopes,
        owner_id: Some(user),
        mapped_user_id: Some(user),
        expires_at: Timestamp::from_micros(1_800_000_000_000_000).ok(),
        allowed_ips: None,
        reach: Reach::Organization,
        standing: KeyStanding::Active,
        metadata: None,
        secrets: vec![SecretRecord {
            id: SecretId::from_u128((number as u128) << 80 | 1),
            digest: Digest::of_token(token),
            state: SecretState::Current,
        }],
        version: 1,
        limits: None,
    }
}
