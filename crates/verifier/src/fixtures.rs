//! A small world for tests: a replica with its writer, and records by number.

use std::sync::Arc;
use std::time::Duration;

use claviger_core::api::KeyLocations;
use claviger_core::decision::{Code, KeyStanding, Reach};
use claviger_core::event::{Entity, Position};
use claviger_core::feed::{
    ApiRecord, Change, Frame, KeyRecord, MemberRecord, OrganizationRecord, Record, RoleRecord, SecretRecord, UserRecord,
};
use claviger_core::id::{ApiId, KeyId, MemberId, OrganizationId, RoleId, SecretId, UserId};
use claviger_core::permission::{Asked, PermissionSet};
use claviger_core::policy::OwnPolicy;
use claviger_core::secret::{Digest, SecretState};
use claviger_core::time::Timestamp;

use crate::credential::Presented;
use crate::replica::Replica;
use crate::verify::{About, Ask, Verdict};
use crate::writer::{Gap, Writer};

pub(crate) struct World {
    pub(crate) replica: Arc<Replica>,
    pub(crate) writer: Writer,
}

pub(crate) const ROOT: u128 = 1;
pub(crate) const ADMIN: u128 = 1;
pub(crate) const READONLY: u128 = 2;
pub(crate) const MEMBER: u128 = 3;
pub(crate) const DEFAULT: u128 = 1;
pub(crate) const LOADER: u128 = 2;

pub(crate) fn at(secs: i64) -> Timestamp {
    Timestamp::from_micros(secs * 1_000_000).expect("in range")
}

pub(crate) fn permissions(texts: &[&str]) -> PermissionSet {
    PermissionSet::parse(texts).expect("permissions")
}

/// The token of a key's secret.
pub(crate) fn token(number: u128) -> String {
    format!("imported-key-{number}")
}

pub(crate) fn digest(number: u128) -> Digest {
    Digest::of_token(token(number).as_bytes())
}

pub(crate) fn organization(id: u128, parent: Option<u128>) -> OrganizationRecord {
    OrganizationRecord {
        id: OrganizationId::from_u128(id),
        parent_id: parent.map(OrganizationId::from_u128),
        slug: format!("organization-{id}"),
        external_id: Some(format!("host:{id}")),
        suspended: false,
        policy: OwnPolicy::default(),
        allowed_ips: None,
        version: 1,
    }
}

pub(crate) fn user(id: u128) -> UserRecord {
    let (external_id, name) = (Some(format!("user:{id}")), format!("User {id}"));
    UserRecord { id: UserId::from_u128(id), name, external_id, active: true, version: 1 }
}

pub(crate) fn role(id: u128, texts: &[&str], api_access: bool) -> RoleRecord {
    RoleRecord {
        id: RoleId::from_u128(id),
        name: format!("role {id}"),
        permissions: permissions(texts),
        api_access,
        is_admin: id == ADMIN,
        version: 1,
    }
}

/// The membership of a user in an organization: its number is made of both.
pub(crate) fn member(user: u128, organization: u128, role: u128) -> MemberRecord {
    MemberRecord {
        id: MemberId::from_u128(user << 32 | organization),
        organization_id: OrganizationId::from_u128(organization),
        user_id: UserId::from_u128(user),
        role_id: RoleId::from_u128(role),
        extra_permissions: PermissionSet::nothing(),
        version: 1,
    }
}

pub(crate) fn api(id: u128, slug: &str, prefix: &str) -> ApiRecord {
    ApiRecord {
        id: ApiId::from_u128(id),
        slug: slug.into(),
        prefix: prefix.into(),
        version: 1,
        key_locations: KeyLocations::default().to_texts(),
        deprecated: None,
        organization_id: None,
        versions: None,
    }
}

/// A key of an organization with the secret of its number, owned by the user it is mapped to.
pub(crate) fn key(id: u128, organization: u128, user: Option<u128>) -> KeyRecord {
    KeyRecord {
        id: KeyId::from_u128(id),
        organization_id: OrganizationId::from_u128(organization),
        api_id: ApiId::from_u128(DEFAULT),
        name: format!("Key {id}"),
        role_id: None,
        scopes: None,
        owner_id: user.map(UserId::from_u128),
        mapped_user_id: user.map(UserId::from_u128),
        expires_at: None,
        allowed_ips: None,
        reach: Reach::Organization,
        standing: KeyStanding::Active,
        metadata: None,
        secrets: vec![secret(id, SecretState::Current)],
        version: 1,
        limits: None,
    }
}

pub(crate) fn secret(number: u128, state: SecretState) -> SecretRecord {
    SecretRecord { id: SecretId::from_u128(number), digest: digest(number), state }
}

macro_rules! into_change {
    ($($record:ident => $kind:ident),*) => {$(
        impl From<$record> for Told {
            fn from(record: $record) -> Self {
                Self(Change::Put(Box::new(Record::$kind(record))))
            }
        }
    )*};
}

/// One change, made of any record.
pub(crate) struct Told(pub(crate) Change);
into_change!(OrganizationRecord => Organization, UserRecord => User, RoleRecord => Role, MemberRecord => Member, ApiRecord => Api, KeyRecord => Key);

impl World {
    /// An organization, an agency with two locations below it, the built-in roles and apis, and nobody in it.
    ///
    /// ```text
    /// 1 root ── 2 agency ─┬─ 3 location
    ///                     └─ 4 location
    /// ```
    pub(crate) fn new() -> Self {
        let (replica, writer) = Replica::new([7; 32], Box::new(|| Duration::ZERO));
        let mut world = Self { replica, writer };
        world.load(Self::base());
        world
    }

    pub(crate) fn base() -> Vec<Change> {
        let told: [Told; 9] = [
            organization(3, Some(2)).into(),
            organization(4, Some(2)).into(),
            organization(2, Some(ROOT)).into(),
            organization(ROOT, None).into(),
            role(ADMIN, &["*:*"], true).into(),
            role(READONLY, &["*:read"], false).into(),
            role(MEMBER, &["claviger/profile:*", "claviger/own-keys:*"], false).into(),
            api(DEFAULT, "default", "ck").into(),
            api(LOADER, "data-loader", "dl").into(),
        ];
        told.into_iter().map(|it| it.0).collect()
    }

    pub(crate) fn load(&mut self, changes: Vec<Change>) {
        self.writer.begin_load(0);
        self.writer.load(changes);
        self.writer.finish_load(Position { epoch: 1, seq: 0 });
    }

    /// Tells of records, as they are now.
    pub(crate) fn tell<const N: usize>(&mut self, told: [Told; N]) {
        self.follow(told.into_iter().map(|it| it.0).collect()).expect("no gap");
    }

    pub(crate) fn gone(&mut self, entity: impl Into<Entity>) {
        self.follow(vec![Change::Gone(entity.into())]).expect("no gap");
    }

    pub(crate) fn unreadable(&mut self, entity: impl Into<Entity>) {
        self.follow(vec![Change::Unreadable(entity.into())]).expect("no gap");
    }

    fn follow(&mut self, changes: Vec<Change>) -> Result<(), Gap> {
        let from = self.writer.position().expect("loaded");
        self.writer.apply(&Frame { from, to: Position { seq: from.seq + 1, ..from }, changes })
    }

    /// A member of the organization with a role, and a key mapped to and owned by that member: both of this number.
    pub(crate) fn member_with_key(&mut self, number: u128, organization: u128, role: u128) {
        let user = user(number);
        self.tell([
            user.into(),
            member(number, organization, role).into(),
            key(number, organization, Some(number)).into(),
        ]);
    }

    pub(crate) fn verify<'r>(&'r self, number: u128, ask: &Ask<'_>) -> Verdict<'r> {
        let token = token(number);
        self.replica.verify(&Presented::token(token.as_bytes()).expect("a token"), ask, at(100))
    }

    /// The code for a key, asked for a permission at its own organization; checks on the way that deciding and explaining agree.
    pub(crate) fn code(&self, number: u128, permission: &str) -> Option<Code> {
        self.code_at(number, About::Own, permission)
    }

    pub(crate) fn code_at(&self, number: u128, organization: About<'_>, permission: &str) -> Option<Code> {
        let asked = [Asked::parse(permission).expect("a permission")];
        let token = token(number);
        let presented = Presented::token(token.as_bytes()).expect("a token");
        let ask = Ask { organization, api: Some("default"), permissions: &asked, ip: None };
        let (explained, trace) = self.replica.explain(&presented, &ask, at(100));
        let code = self.verify(number, &ask).decision().code();
        assert_eq!(code, explained.decision().code());
        if explained.facts().is_some() {
            assert_eq!(code, trace.iter().find_map(|it| it.denied), "the trace says why");
        }
        code
    }
}

/// Asks for nothing but whether the key is good.
pub(crate) const GOOD: Ask<'_> = Ask { organization: About::Own, api: Some("default"), permissions: &[], ip: None };
