//! Typed identifiers: `key_01h…`, a UUIDv7 with its kind in front (TypeID 0.3).

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use rand_core::Rng;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use type_safe_id::{StaticType, TypeSafeId};
use uuid::Uuid;

use crate::time::Timestamp;

/// An identifier of one kind of thing. Sorts by the time it was made.
pub struct Id<K> {
    uuid: Uuid,
    kind: PhantomData<fn() -> K>,
}

/// The text is not an identifier of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier that starts with `{prefix}_`")]
pub struct IdError {
    /// The prefix that was expected.
    pub prefix: &'static str,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $alias:ident = $kind:ident, $prefix:literal;)*) => {$(
        #[doc = concat!("Marks the identifiers that start with `", $prefix, "_`.")]
        #[derive(Debug, Clone, Copy, Default)]
        pub struct $kind;
        impl StaticType for $kind {
            const TYPE: &'static str = $prefix;
        }
        $(#[$doc])*
        pub type $alias = Id<$kind>;
    )*};
}

kinds! {
    /// Identifies an organization.
    OrganizationId = OrganizationKind, "org";
    /// Identifies a user.
    UserId = UserKind, "usr";
    /// Identifies a membership.
    MemberId = MemberKind, "mem";
    /// Identifies a role.
    RoleId = RoleKind, "rol";
    /// Identifies an api, a resource server whose keys are checked.
    ApiId = ApiKind, "api";
    /// Identifies a key.
    KeyId = KeyKind, "key";
    /// Identifies one version of a key's secret.
    SecretId = SecretKind, "sec";
    /// Identifies an event.
    EventId = EventKind, "evt";
    /// Identifies a console session.
    SessionId = SessionKind, "ses";
    /// Identifies an import of keys.
    ImportId = ImportKind, "imp";
    /// Identifies a one-time link (set-up, invitation).
    LinkId = LinkKind, "lnk";
    /// Identifies a node: one run of the service.
    NodeId = NodeKind, "nod";
    /// Identifies a data key: what seals the copies of an organization's secrets.
    DataKeyId = DataKeyKind, "dky";
    /// Identifies one version of an organization's shared secret.
    SharedSecretId = SharedSecretKind, "shr";
    /// Identifies a key that signs access tokens.
    SigningKeyId = SigningKeyKind, "sgk";
    /// Identifies a sign-in: what the tokens of one exchange of credentials have in common.
    SignInId = SignInKind, "sin";
    /// Identifies a webhook: a subscription to what happens.
    WebhookId = WebhookKind, "whk";
    /// Identifies a delivery: one event on its way to one webhook.
    DeliveryId = DeliveryKind, "dlv";
    /// Identifies one version of a webhook's signing secret.
    WebhookSecretId = WebhookSecretKind, "whs";
    /// Identifies a type of a host's events in its catalogue.
    EventTypeId = EventTypeKind, "ety";
    /// Identifies a notification: something that a person has to know.
    NotificationId = NotificationKind, "ntf";
}

impl<K: StaticType> Id<K> {
    /// What stands before the underscore.
    pub const PREFIX: &'static str = K::TYPE;

    /// A new identifier: UUIDv7 from the given instant and randomness.
    pub fn new<R: Rng + ?Sized>(now: Timestamp, rng: &mut R) -> Self {
        let mut random = [0; 10];
        rng.fill_bytes(&mut random);
        let millis = u64::try_from(now.as_millis()).unwrap_or(0);
        Self::from_uuid(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// The least of all identifiers that are made at an instant: what was made before comes before it.
    pub fn least_at(at: Timestamp) -> Self {
        let millis = u64::try_from(at.as_millis()).unwrap_or(0);
        Self::from_uuid(uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid())
    }

    /// The identifier with these bits.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self { uuid, kind: PhantomData }
    }

    /// The bits without the kind.
    pub const fn uuid(self) -> Uuid {
        self.uuid
    }

    /// When it was made, to the millisecond; absent for identifiers that do not say (they are none of ours).
    pub fn made_at(self) -> Option<Timestamp> {
        let (secs, nanos) = self.uuid.get_timestamp()?.to_unix();
        let micros = i64::try_from(secs).ok()?.checked_mul(1_000_000)? + i64::from(nanos / 1_000);
        Timestamp::from_micros(micros).ok()
    }

    /// The bits as a number, for compact tables in memory.
    pub const fn as_u128(self) -> u128 {
        self.uuid.as_u128()
    }

    /// The text, in place: the verifier's listener writes three with every answer, and an allocation or a formatter costs more than the text.
    pub fn to_text(self) -> IdText {
        const { assert!(K::TYPE.len() == PREFIX_BYTES, "every prefix has three letters") };
        let mut text = [b'_'; ID_TEXT_BYTES];
        let (prefix, rest) = text.split_at_mut(PREFIX_BYTES);
        prefix.copy_from_slice(K::TYPE.as_bytes());
        // The last 24 characters are 5 bits each of the lower 120, in two halves that fit a machine word; the first two hold the upper 8.
        let bits = self.as_u128();
        let halves = [(bits >> 60) as u64, bits as u64];
        for (half, chars) in halves.into_iter().zip(rest[3..].chunks_exact_mut(12)) {
            for (place, char) in chars.iter_mut().rev().enumerate() {
                *char = ALPHABET[(half >> (5 * place)) as usize & 31];
            }
        }
        let upper = (bits >> 120) as usize;
        (rest[1], rest[2]) = (ALPHABET[upper >> 5], ALPHABET[upper & 31]);
        IdText(text)
    }

    /// The identifier whose bits are this number.
    pub const fn from_u128(bits: u128) -> Self {
        Self::from_uuid(Uuid::from_u128(bits))
    }
}

/// Crockford's base32 in lower case, as TypeID has it.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const PREFIX_BYTES: usize = 3;
/// Bytes of an identifier's text: prefix, underscore, 26 characters.
const ID_TEXT_BYTES: usize = PREFIX_BYTES + 1 + 26;

/// The text of an identifier, on the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdText([u8; ID_TEXT_BYTES]);

impl IdText {
    /// The text as ASCII.
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("prefix and alphabet are ASCII")
    }
}

impl<K> Copy for Id<K> {}
impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.uuid.cmp(&other.uuid)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}

impl<K: StaticType> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_text().as_str())
    }
}

impl<K: StaticType> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K: StaticType> FromStr for Id<K> {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed: TypeSafeId<K> = text.parse().map_err(|_| IdError { prefix: K::TYPE })?;
        Ok(Self::from_uuid(parsed.uuid()))
    }
}

impl<K: StaticType> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: StaticType> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl<C, K> minicbor::Encode<C> for Id<K> {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(self.uuid.as_bytes())?;
        Ok(())
    }
}

impl<'b, C, K> minicbor::Decode<'b, C> for Id<K> {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let uuid = Uuid::from_slice(d.bytes()?).map_err(minicbor::decode::Error::custom)?;
        Ok(Self { uuid, kind: PhantomData })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    #[test]
    fn an_id_says_its_kind_and_survives_a_round_trip() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let id = KeyId::new(Timestamp::MIN, &mut rng);
        let text = id.to_string();
        assert!(text.starts_with("key_"), "{text}");
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(text.parse::<OrganizationId>(), Err(IdError { prefix: "org" }));
    }

    #[test]
    fn ids_sort_by_the_time_they_were_made() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let early = KeyId::new(Timestamp::from_micros(1_000_000).expect("in range"), &mut rng);
        let late = KeyId::new(Timestamp::from_micros(2_000_000).expect("in range"), &mut rng);
        assert!(early < late);
        assert!(early.to_string() < late.to_string());
    }

    proptest! {
        #[test]
        fn the_text_is_that_of_a_type_id(bits: u128) {
            let id = KeyId::from_u128(bits);
            prop_assert_eq!(id.to_string(), TypeSafeId::<KeyKind>::from_uuid(id.uuid()).to_string());
        }
    }
}
