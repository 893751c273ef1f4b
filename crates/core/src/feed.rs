//! The feed: what verifiers are told. Records of every replicated row, in frames that cover ranges of the log.
//!
//! Fields are numbered and skippable (CBOR, RFC 8949), so that older and newer builds read each other. A record that a build
//! cannot read says by `min_reader` that it must not be guessed at: that key is denied, and nothing else.

mod wire;

use minicbor::{Decode, Decoder, Encode};

use crate::access_token::PublicKey;
use crate::decision::{KeyStanding, Reach};
use crate::event::{Entity, EntityKind, Position};
use crate::id::{
    ApiId, KeyId, MemberId, OrganizationId, RoleId, SecretId, SharedSecretId, SignInId, SigningKeyId, UserId,
};
use crate::key_limits::KeyLimits;
use crate::network::IpAllowList;
use crate::permission::PermissionSet;
use crate::policy::OwnPolicy;
use crate::secret::{Digest, SecretState};
use crate::time::Timestamp;

/// The newest form of a record that this build reads.
pub const READER: u8 = 1;

/// An organization, as verifiers hold it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct OrganizationRecord {
    /// Its identifier.
    #[n(0)]
    pub id: OrganizationId,
    /// The node above.
    #[n(1)]
    pub parent_id: Option<OrganizationId>,
    /// The wire's `shortname`.
    #[n(2)]
    pub slug: String,
    /// The host's own identifier.
    #[n(3)]
    pub external_id: Option<String>,
    /// Whether it is suspended itself; whatever stands below is then too.
    #[n(4)]
    pub suspended: bool,
    /// What it sets itself.
    #[cbor(n(5), with = "wire::as_json")]
    pub policy: OwnPolicy,
    /// Where its keys may be used from.
    #[n(6)]
    pub allowed_ips: Option<IpAllowList>,
    /// Counts its changes.
    #[n(7)]
    pub version: u64,
}

/// A user, as verifiers hold it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct UserRecord {
    /// Its identifier.
    #[n(0)]
    pub id: UserId,
    /// What stands beside the user's actions.
    #[n(1)]
    pub name: String,
    /// The host's own identifier.
    #[n(2)]
    pub external_id: Option<String>,
    /// Whether keys mapped to the user are good.
    #[n(3)]
    pub active: bool,
    /// Counts its changes.
    #[n(4)]
    pub version: u64,
}

/// A role, as verifiers hold it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RoleRecord {
    /// Its identifier.
    #[n(0)]
    pub id: RoleId,
    /// Its name.
    #[n(1)]
    pub name: String,
    /// What it allows.
    #[n(2)]
    pub permissions: PermissionSet,
    /// Whether its holders may have keys.
    #[n(3)]
    pub api_access: bool,
    /// Whether it is the built-in admin role.
    #[n(4)]
    pub is_admin: bool,
    /// Counts its changes.
    #[n(5)]
    pub version: u64,
}

/// A membership, as verifiers hold it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct MemberRecord {
    /// Its identifier.
    #[n(0)]
    pub id: MemberId,
    /// Where.
    #[n(1)]
    pub organization_id: OrganizationId,
    /// Who.
    #[n(2)]
    pub user_id: UserId,
    /// With which role.
    #[n(3)]
    pub role_id: RoleId,
    /// The member's own permissions beside it.
    #[n(4)]
    pub extra_permissions: PermissionSet,
    /// Counts its changes.
    #[n(5)]
    pub version: u64,
}

/// An api, as verifiers hold it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ApiRecord {
    /// Its identifier.
    #[n(0)]
    pub id: ApiId,
    /// The name on the wire.
    #[n(1)]
    pub slug: String,
    /// What its keys begin with.
    #[n(2)]
    pub prefix: String,
    /// Counts its changes.
    #[n(3)]
    pub version: u64,
    /// Where gateways look for its keys, as texts.
    #[n(4)]
    pub key_locations: Vec<String>,
    /// The versions of which gateways tell clients that they are to be left; absent where there are none.
    #[n(5)]
    pub deprecated: Option<Vec<DeprecatedVersionRecord>>,
    /// The names of all its versions, to count requests by them; absent where there are none.
    #[n(6)]
    pub versions: Option<Vec<String>>,
    /// The organization that defines it; absent in records of an older node.
    #[n(7)]
    pub organization_id: Option<OrganizationId>,
}

/// A version of an api that is to be left, as verifiers hold it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct DeprecatedVersionRecord {
    /// Its name.
    #[n(0)]
    pub slug: String,
    /// Since when it is to be left.
    #[n(1)]
    pub deprecated_at: Option<Timestamp>,
    /// When it ends.
    #[n(2)]
    pub sunset_at: Option<Timestamp>,
    /// Where it is documented.
    #[n(3)]
    pub docs_url: Option<String>,
}

/// A key with its secrets, as verifiers hold it.
#[derive(Debug, Clone, Encode, Decode)]
pub struct KeyRecord {
    /// Its identifier.
    #[n(0)]
    pub id: KeyId,
    /// The organization it stands in.
    #[n(1)]
    pub organization_id: OrganizationId,
    /// The api it belongs to.
    #[n(2)]
    pub api_id: ApiId,
    /// Its name.
    #[n(3)]
    pub name: String,
    /// Its role.
    #[n(4)]
    pub role_id: Option<RoleId>,
    /// Its scopes.
    #[n(5)]
    pub scopes: Option<PermissionSet>,
    /// The user it belongs to.
    #[n(6)]
    pub owner_id: Option<UserId>,
    /// The user whose rights it carries.
    #[n(7)]
    pub mapped_user_id: Option<UserId>,
    /// When it ends.
    #[n(8)]
    pub expires_at: Option<Timestamp>,
    /// Where it may be used from.
    #[n(9)]
    pub allowed_ips: Option<IpAllowList>,
    /// How far down the tree it reaches.
    #[n(10)]
    pub reach: Reach,
    /// Whether it is switched on.
    #[n(11)]
    pub standing: KeyStanding,
    /// The host's own data as JSON text; absent when there is none.
    #[n(12)]
    pub metadata: Option<String>,
    /// Its secrets: the current one, those retiring, and dead ones that are still told apart from unknown ones.
    #[n(13)]
    pub secrets: Vec<SecretRecord>,
    /// Counts its changes.
    #[n(14)]
    pub version: u64,
    /// How often it may be used, as far as it says that itself; absent where it says nothing.
    #[n(15)]
    pub limits: Option<KeyLimits>,
}

/// A secret, as verifiers hold it.
#[derive(Debug, Clone, Encode, Decode)]
pub struct SecretRecord {
    /// Its identifier.
    #[n(0)]
    pub id: SecretId,
    /// What it is found by.
    #[n(1)]
    pub digest: Digest,
    /// Where it stands in its life.
    #[n(2)]
    pub state: SecretState,
}

/// A key that signs access tokens, as verifiers hold it: its public half.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SigningKeyRecord {
    /// Its identifier.
    #[n(0)]
    pub id: SigningKeyId,
    /// What its signatures are checked with.
    #[n(1)]
    pub public_key: PublicKey,
    /// When nothing that it signed is good any more; absent while it may still sign.
    #[n(2)]
    pub retired_until: Option<Timestamp>,
    /// Counts its changes.
    #[n(3)]
    pub version: u64,
}

/// A sign-in that was ended, as verifiers hold it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct EndedSignInRecord {
    /// Its identifier.
    #[n(0)]
    pub id: SignInId,
    /// When none of its tokens would be good any more anyway.
    #[n(1)]
    pub until: Timestamp,
}

/// A shared secret that has ended, or will by itself, as verifiers hold it: what was got by it ends with it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct EndedSharedSecretRecord {
    /// Its identifier.
    #[n(0)]
    pub id: SharedSecretId,
    /// When it ends, or did.
    #[n(1)]
    pub ends_at: Timestamp,
    /// Counts its changes.
    #[n(2)]
    pub version: u64,
}

/// A row as it is now.
#[derive(Debug, Clone, Encode, Decode)]
pub enum Record {
    /// An organization.
    #[n(0)]
    Organization(#[n(0)] OrganizationRecord),
    /// A user.
    #[n(1)]
    User(#[n(0)] UserRecord),
    /// A role.
    #[n(2)]
    Role(#[n(0)] RoleRecord),
    /// A membership.
    #[n(3)]
    Member(#[n(0)] MemberRecord),
    /// An api.
    #[n(4)]
    Api(#[n(0)] ApiRecord),
    /// A key.
    #[n(5)]
    Key(#[n(0)] KeyRecord),
    /// A key that signs access tokens.
    #[n(6)]
    SigningKey(#[n(0)] SigningKeyRecord),
    /// A sign-in that was ended.
    #[n(7)]
    EndedSignIn(#[n(0)] EndedSignInRecord),
    /// A shared secret that has ended, or will.
    #[n(8)]
    EndedSharedSecret(#[n(0)] EndedSharedSecretRecord),
}

impl Record {
    /// What it is about.
    pub fn entity(&self) -> Entity {
        let (kind, id) = match self {
            Self::Organization(it) => (EntityKind::Organization, it.id.as_u128()),
            Self::User(it) => (EntityKind::User, it.id.as_u128()),
            Self::Role(it) => (EntityKind::Role, it.id.as_u128()),
            Self::Member(it) => (EntityKind::Member, it.id.as_u128()),
            Self::Api(it) => (EntityKind::Api, it.id.as_u128()),
            Self::Key(it) => (EntityKind::Key, it.id.as_u128()),
            Self::SigningKey(it) => (EntityKind::SigningKey, it.id.as_u128()),
            Self::EndedSignIn(it) => (EntityKind::SignIn, it.id.as_u128()),
            Self::EndedSharedSecret(it) => (EntityKind::SharedSecret, it.id.as_u128()),
        };
        Entity { kind, id }
    }

    /// Counts the row's changes; a verifier applies a record only if its version is newer than the one it holds.
    pub const fn version(&self) -> u64 {
        match self {
            Self::Organization(it) => it.version,
            Self::User(it) => it.version,
            Self::Role(it) => it.version,
            Self::Member(it) => it.version,
            Self::Api(it) => it.version,
            Self::Key(it) => it.version,
            Self::SigningKey(it) => it.version,
            // It ends once.
            Self::EndedSignIn(_) => 1,
            Self::EndedSharedSecret(it) => it.version,
        }
    }
}

/// One thing that a verifier is told.
#[derive(Debug, Clone)]
pub enum Change {
    /// The row is like this now.
    Put(Box<Record>),
    /// The row is no more. Sticky: a later record of the same thing does not bring it back.
    Gone(Entity),
    /// The row is there but cannot be read: what it is about is denied, with all that hangs on it.
    Unreadable(Entity),
}

/// All changes of a range of the log: from (excluded) to (included). A frame whose `from` is not where the reader stands is a gap, and the reader loads everything again.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Where the range begins, excluded.
    pub from: Position,
    /// Where it ends, included.
    pub to: Position,
    /// What changed in it.
    pub changes: Vec<Change>,
}

/// Why bytes are no record that this build may read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A newer build wrote it and says that an older one must not guess.
    #[error("written for readers from version {0} on")]
    NewerReader(u8),
    /// Not a record at all.
    #[error("not a record: {0}")]
    Malformed(String),
}

/// Bytes of one encoded record at most; a longer one is refused before it is read.
pub const RECORD_BYTES_MAX: usize = 64 * 1024;

/// Encodes a record with the version a reader needs.
pub fn encode(record: &Record) -> Vec<u8> {
    let mut out = vec![READER];
    minicbor::encode(record, &mut out).expect("writing to a vector does not fail");
    out
}

/// Decodes a record.
///
/// # Errors
/// [`RecordError`] when a newer reader is needed or the bytes are no record.
pub fn decode(bytes: &[u8]) -> Result<Record, RecordError> {
    if bytes.len() > RECORD_BYTES_MAX {
        return Err(RecordError::Malformed("too long".into()));
    }
    let (min_reader, record) = bytes.split_first().ok_or_else(|| RecordError::Malformed("empty".into()))?;
    if *min_reader > READER {
        return Err(RecordError::NewerReader(*min_reader));
    }
    let mut decoder = Decoder::new(record);
    let record = decoder.decode().map_err(|error| RecordError::Malformed(error.to_string()))?;
    if decoder.position() != bytes.len() - 1 {
        return Err(RecordError::Malformed("bytes behind the record".into()));
    }
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> Record {
        Record::Key(KeyRecord {
            id: KeyId::from_u128(1),
            organization_id: OrganizationId::from_u128(2),
            api_id: ApiId::from_u128(3),
            name: "CI".into(),
            role_id: None,
            scopes: Some(PermissionSet::parse(&["a:read", "b/x:*"]).expect("permissions")),
            owner_id: None,
            mapped_user_id: Some(UserId::from_u128(4)),
            expires_at: Some(Timestamp::MAX),
            allowed_ips: Some(IpAllowList::parse(&["10.0.0.0/8"]).expect("a list")),
            reach: Reach::Subtree,
            standing: KeyStanding::Active,
            metadata: None,
            secrets: vec![SecretRecord {
                id: SecretId::from_u128(5),
                digest: Digest::of_token(b"x"),
                state: SecretState::Retiring { until: Timestamp::MIN },
            }],
            version: 7,
            limits: serde_json::from_str(r#"{"rate":"100/10s","daily_quota":5000}"#).ok(),
        })
    }

    #[test]
    fn a_record_survives_a_round_trip() {
        let bytes = encode(&key());
        let Ok(Record::Key(read)) = decode(&bytes) else { panic!("not a key") };
        assert_eq!(encode(&Record::Key(read)), bytes);
    }

    #[test]
    fn a_record_for_newer_readers_is_not_guessed_at() {
        let mut bytes = encode(&key());
        bytes[0] = READER + 1;
        assert_eq!(decode(&bytes).expect_err("a refusal"), RecordError::NewerReader(READER + 1));
    }

    proptest! {
        #[test]
        fn a_mutated_record_is_read_or_refused_but_never_panics(at in 0_usize..200, byte: u8, cut in 0_usize..200) {
            let mut bytes = encode(&key());
            let len = bytes.len();
            bytes[at % len] = byte;
            drop(decode(&bytes));
            drop(decode(&bytes[..cut % len]));
        }
    }
}
