//! Sealing: copies of secrets that can be opened again, and the keys that open them.
//!
//! A copy is sealed under a data key, one for each organization and purpose, and data keys are wrapped under the master key, which stands in no
//! database. So another master key means new wrappings and no new copies, and to destroy a data key is to destroy all that it sealed.
//!
//! Both are AES-256-GCM-SIV (RFC 8452) under a random nonce. Plain GCM tells its authentication key to whoever sees one nonce twice, and
//! random nonces of 96 bits may meet after some 2³² copies; with SIV such a meeting says no more than whether the two secrets are the same.
//! What is sealed for one place opens at no other, since the place goes into what is authenticated.
//!
//! On the wire: version (1 byte), nonce (12), ciphertext, tag (16).

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use data_encoding::HEXLOWER;
use rand_core::CryptoRng;
use secrecy::SecretString;
use type_safe_id::StaticType;
use zeroize::{Zeroize as _, Zeroizing};

use crate::id::{DataKeyId, Id, OrganizationId};
use crate::secret::Token;

const VERSION: u8 = 1;
const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
const MASTER_KEY_ID_BYTES: usize = 8;
/// Bytes that a sealed text has more than the text.
pub const SEALED_BYTES_MORE: usize = 1 + NONCE_LEN + TAG_BYTES;

/// What copies are kept for. Each purpose has a data key of its own, so that one can be destroyed without the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// To show a key's secret again.
    Reveal,
    /// To check what is signed with an organization's shared secret.
    SharedSecret,
    /// To sign access tokens.
    SigningKey,
    /// To sign what webhooks are sent.
    Webhook,
}

impl Purpose {
    /// The name in storage, and in what is authenticated: it never changes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reveal => "reveal",
            Self::SharedSecret => "shared_secret",
            Self::SigningKey => "signing_key",
            Self::Webhook => "webhook",
        }
    }

    /// Reads the name in storage.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Reveal, Self::SharedSecret, Self::SigningKey, Self::Webhook].into_iter().find(|it| it.as_str() == text)
    }
}

/// It does not open: it was altered, or sealed for another place, or under another key. Which of these, nobody can know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it was altered, or sealed for another place or under another key")]
pub struct Unopened;

/// Names a master key; no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MasterKeyId([u8; MASTER_KEY_ID_BYTES]);

/// 16 hexadecimal digits.
impl fmt::Display for MasterKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl FromStr for MasterKeyId {
    type Err = Unopened;

    fn from_str(text: &str) -> Result<Self, Unopened> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| Unopened)?;
        bytes.try_into().map(Self).map_err(|_| Unopened)
    }
}

/// The key that wraps all data keys of an installation.
pub struct MasterKey {
    id: MasterKeyId,
    key: RawKey,
}

impl MasterKey {
    /// Makes a new one.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut id = [0; MASTER_KEY_ID_BYTES];
        rng.fill_bytes(&mut id);
        Self { id: MasterKeyId(id), key: RawKey::generate(rng) }
    }

    /// Takes one that was kept; absent where the bytes are not so many as a key has.
    pub fn from_kept(id: MasterKeyId, bytes: &[u8]) -> Option<Self> {
        Some(Self { id, key: RawKey::from_slice(bytes)? })
    }

    /// Its name.
    pub const fn id(&self) -> MasterKeyId {
        self.id
    }

    /// Its bytes, for the file that keeps it.
    pub fn expose(&self) -> &[u8] {
        &*self.key.0
    }

    /// Makes a data key for an organization and a purpose.
    pub fn make_data_key<R: CryptoRng + ?Sized>(
        &self,
        id: DataKeyId,
        organization_id: OrganizationId,
        purpose: Purpose,
        rng: &mut R,
    ) -> (DataKey, WrappedKey) {
        let key = DataKey { id, organization_id, purpose, key: RawKey::generate(rng) };
        let wrapped = self.wrap(&key, rng);
        (key, wrapped)
    }

    /// Wraps a data key, be it anew: its copies stay as they are.
    pub fn wrap<R: CryptoRng + ?Sized>(&self, it: &DataKey, rng: &mut R) -> WrappedKey {
        let context = wrapping_context(self.id, it.id, it.organization_id, it.purpose);
        WrappedKey { master_key_id: self.id, bytes: self.key.seal(&context, &*it.key.0, rng) }
    }

    /// Opens a wrapped data key.
    ///
    /// # Errors
    /// Also where it was wrapped by another master key, which its name tells beforehand.
    pub fn unwrap_key(
        &self,
        id: DataKeyId,
        organization_id: OrganizationId,
        purpose: Purpose,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, Unopened> {
        let context = wrapping_context(wrapped.master_key_id, id, organization_id, purpose);
        let bytes = self.key.open(&context, &wrapped.bytes)?;
        let key = RawKey::from_slice(&bytes).ok_or(Unopened)?;
        Ok(DataKey { id, organization_id, purpose, key })
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({}, …)", self.id)
    }
}

/// A data key as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// The master key that opens it.
    pub master_key_id: MasterKeyId,
    /// What it opens.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for WrappedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WrappedKey(by {}, …)", self.master_key_id)
    }
}

/// The key that seals an organization's copies for one purpose.
pub struct DataKey {
    id: DataKeyId,
    organization_id: OrganizationId,
    purpose: Purpose,
    key: RawKey,
}

impl DataKey {
    /// Its name.
    pub const fn id(&self) -> DataKeyId {
        self.id
    }

    /// Seals a copy of a token. `id` names the secret among those of the purpose.
    pub fn seal<K: StaticType, R: CryptoRng + ?Sized>(&self, id: Id<K>, token: &Token, rng: &mut R) -> Vec<u8> {
        self.seal_bytes(id, token.expose().as_bytes(), rng)
    }

    /// Opens a copy that was sealed for this secret.
    ///
    /// # Errors
    /// Also where what was sealed is no token.
    pub fn open<K: StaticType>(&self, id: Id<K>, sealed: &[u8]) -> Result<Token, Unopened> {
        let clear = self.open_bytes(id, sealed)?;
        let text = str::from_utf8(&clear).map_err(|_| Unopened)?;
        Token::from_opened(SecretString::from(text)).ok_or(Unopened)
    }

    /// Seals what is no token: a signing key.
    pub fn seal_bytes<K: StaticType, R: CryptoRng + ?Sized>(&self, id: Id<K>, clear: &[u8], rng: &mut R) -> Vec<u8> {
        self.key.seal(&self.context(id.as_u128()), clear, rng)
    }

    /// Opens it.
    ///
    /// # Errors
    /// [`Unopened`].
    pub fn open_bytes<K: StaticType>(&self, id: Id<K>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        self.key.open(&self.context(id.as_u128()), sealed)
    }

    /// What is authenticated beside a copy. Every part has its own length, but for the purpose, which stands last and says what the
    /// identifier names.
    fn context(&self, id: u128) -> Vec<u8> {
        let ids = [self.organization_id.as_u128(), id].map(u128::to_be_bytes);
        [b"claviger:copy\0", &[VERSION][..], ids.as_flattened(), self.purpose.as_str().as_bytes()].concat()
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKey({}, …)", self.id)
    }
}

/// What is authenticated beside a wrapped key.
fn wrapping_context(by: MasterKeyId, id: DataKeyId, organization_id: OrganizationId, purpose: Purpose) -> Vec<u8> {
    let ids = [id.as_u128(), organization_id.as_u128()].map(u128::to_be_bytes);
    [b"claviger:data-key\0", &[VERSION][..], &by.0, ids.as_flattened(), purpose.as_str().as_bytes()].concat()
}

/// The bytes of a key, wiped when it goes.
struct RawKey(Zeroizing<[u8; KEY_BYTES]>);

impl RawKey {
    fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut key = Self(Zeroizing::default());
        rng.fill_bytes(&mut *key.0);
        key
    }

    fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut key = Self(Zeroizing::default());
        (bytes.len() == KEY_BYTES).then(|| {
            key.0.copy_from_slice(bytes);
            key
        })
    }

    fn cipher(&self) -> LessSafeKey {
        LessSafeKey::new(
            UnboundKey::new(&AES_256_GCM_SIV, &*self.0).expect("the key has as many bytes as the cipher wants"),
        )
    }

    fn seal<R: CryptoRng + ?Sized>(&self, context: &[u8], clear: &[u8], rng: &mut R) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        rng.fill_bytes(&mut nonce);
        self.seal_under(nonce, context, clear)
    }

    fn seal_under(&self, nonce: [u8; NONCE_LEN], context: &[u8], clear: &[u8]) -> Vec<u8> {
        // All room at once: a buffer that grows would leave the clear text behind.
        let mut sealed = Vec::with_capacity(clear.len() + SEALED_BYTES_MORE);
        sealed.push(VERSION);
        sealed.extend_from_slice(&nonce);
        let (start, nonce) = (sealed.len(), Nonce::assume_unique_for_key(nonce));
        sealed.extend_from_slice(clear);
        let tag = self.cipher().seal_in_place_separate_tag(nonce, Aad::from(context), &mut sealed[start..]);
        sealed.extend_from_slice(tag.expect("a secret is shorter than what the cipher takes").as_ref());
        sealed
    }

    fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        let rest = sealed.strip_prefix(&[VERSION]).ok_or(Unopened)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LEN>().ok_or(Unopened)?;
        let mut buffer = Zeroizing::new(ciphertext.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.cipher().open_in_place(nonce, Aad::from(context), &mut buffer);
        let length = opened.map_err(|_| Unopened)?.len();
        buffer[length..].zeroize();
        buffer.truncate(length);
        Ok(buffer)
    }
}

#[cfg(test)]
#[path = "sealing_tests.rs"]
mod tests;
