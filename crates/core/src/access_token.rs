//! Access tokens: short-lived JWTs (RFC 9068) that stand for a key, and the keys that sign them.
//!
//! A token names the key and the secret it was got with, so a verifier finds both as they are now: what has
//! happened to key and secret since has happened to the token too. It can only say less than its key: until when, in which organization, with
//! which scopes.
//!
//! Signed with Ed25519 (RFC 8037). The header is written here, and one with another algorithm or type is not read any further.

use std::fmt;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use rand_core::CryptoRng;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::id::{KeyId, OrganizationId, SecretId, SharedSecretId, SignInId, SigningKeyId};
use crate::limits;
use crate::permission::{PermissionError, PermissionSet};
use crate::time::Timestamp;

const SEED_BYTES: usize = 32;

/// What a token is for. It stands in the header's `typ`, so that none is taken for another kind (RFC 8725 §3.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// To call with.
    Access,
    /// To get another access token with.
    Refresh,
    /// To tell the client for whom it acts (OpenID Connect's `id_token`); nobody takes it back.
    Identity,
}

impl TokenKind {
    /// The header's `typ`.
    pub const fn typ(self) -> &'static str {
        match self {
            Self::Access => "at+jwt",
            Self::Refresh => "rt+jwt",
            Self::Identity => "JWT",
        }
    }
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who gave it out: the address of the service.
    pub iss: String,
    /// The user whose rights it carries; the key itself where it has none.
    pub sub: String,
    /// The slug of the api it is for.
    pub aud: String,
    /// The key: what OAuth calls a client.
    pub client_id: KeyId,
    /// The sign-in it comes from; ended, all its tokens are.
    pub sid: SignInId,
    /// Its own name: unlike that of every other token.
    pub jti: String,
    /// When it was made, in seconds since 1970.
    pub iat: i64,
    /// When it ends, in seconds since 1970.
    pub exp: i64,
    /// The organization it is good for, and for what is below where the key reaches that.
    pub organization_id: OrganizationId,
    /// Its scopes, separated by spaces; absent narrows nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The secret it was got with. Not any part of its digest: a token is written down more readily than a key, and a weak key that was
    /// imported could then be guessed from it.
    pub secret: SecretId,
    /// The shared secret that signed what it was got with, where one did: it ends with that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_secret: Option<SharedSecretId>,
}

impl Claims {
    /// The scopes as a set.
    ///
    /// # Errors
    /// [`PermissionError`] where one is no permission.
    pub fn scopes(&self) -> Result<Option<PermissionSet>, PermissionError> {
        self.scope.as_deref().map(parse_scope).transpose()
    }

    /// When it ends. What cannot be an instant has ended.
    pub fn expires_at(&self) -> Timestamp {
        instant(self.exp)
    }

    /// When it was made.
    pub fn issued_at(&self) -> Timestamp {
        instant(self.iat)
    }
}

fn instant(secs: i64) -> Timestamp {
    secs.checked_mul(1_000_000).and_then(|it| Timestamp::from_micros(it).ok()).unwrap_or(Timestamp::MIN)
}

/// Reads scopes as OAuth writes them: separated by spaces (RFC 6749 §3.3).
///
/// # Errors
/// [`PermissionError`] where one is no permission.
pub fn parse_scope(text: &str) -> Result<PermissionSet, PermissionError> {
    PermissionSet::parse(&text.split_ascii_whitespace().collect::<Vec<_>>())
}

/// A token in clear. It leaves through [`SignedToken::expose`] only, into the answer that made it.
pub struct SignedToken(SecretString);

impl SignedToken {
    /// The text, for the answer that gives it out.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for SignedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedToken(…)")
    }
}

/// A key that signs tokens.
pub struct SigningKey {
    id: SigningKeyId,
    seed: Zeroizing<[u8; SEED_BYTES]>,
    pair: Ed25519KeyPair,
}

impl SigningKey {
    /// Makes a new one.
    pub fn generate<R: CryptoRng + ?Sized>(id: SigningKeyId, rng: &mut R) -> Self {
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        rng.fill_bytes(&mut *seed);
        Self::of_seed(id, seed).expect("any 32 bytes are a seed (RFC 8032)")
    }

    /// Takes one that was kept; absent where the bytes are not so many as a key has.
    pub fn from_kept(id: SigningKeyId, bytes: &[u8]) -> Option<Self> {
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        if bytes.len() != SEED_BYTES {
            return None;
        }
        seed.copy_from_slice(bytes);
        Self::of_seed(id, seed)
    }

    fn of_seed(id: SigningKeyId, seed: Zeroizing<[u8; SEED_BYTES]>) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).ok()?;
        Some(Self { id, seed, pair })
    }

    /// Its name: `kid` in the header of what it signs.
    pub const fn id(&self) -> SigningKeyId {
        self.id
    }

    /// What verifiers and the published key set have of it.
    pub fn public_key(&self) -> PublicKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.pair.public_key().as_ref());
        PublicKey(bytes)
    }

    /// Its bytes, for sealing.
    pub fn expose(&self) -> &[u8] {
        &*self.seed
    }

    /// Signs a token.
    ///
    /// # Errors
    /// [`TooLong`] where no verifier would take it.
    pub fn sign<C: Serialize>(&self, kind: TokenKind, claims: &C) -> Result<SignedToken, TooLong> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(kind.typ().to_owned());
        header.kid = Some(self.id.to_string());
        let pkcs8 = self.pair.to_pkcs8v1().expect("a pair of keys has a PKCS #8 form");
        let signed = jsonwebtoken::encode(&header, claims, &EncodingKey::from_ed_der(pkcs8.as_ref()));
        let text = signed.expect("claims are JSON, and the key is one of Ed25519");
        if text.len() > limits::CREDENTIAL_BYTES_MAX {
            return Err(TooLong);
        }
        Ok(SignedToken(SecretString::from(text)))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, …)", self.id)
    }
}

/// The token would be longer than a credential may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token would be longer than {} bytes", limits::CREDENTIAL_BYTES_MAX)]
pub struct TooLong;

/// The public half of a signing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Takes one that was stored.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes, for storage.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The bytes as the published key set has them: `x` of a JWK (RFC 8037 §2).
    pub fn to_jwk_x(&self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }
}

/// Whether a credential looks like a JWT, so that it is worth reading as one. A key that was imported may look like this too.
pub fn looks_like_one(credential: &[u8]) -> bool {
    // `{"` in base64url: every header begins with it.
    credential.starts_with(b"eyJ") && credential.iter().filter(|it| **it == b'.').count() == 2
}

/// Whether a text is a JWT of one of the types that ours have, whoever has signed it.
pub fn has_own_type(text: &str) -> bool {
    let own = [TokenKind::Access.typ(), TokenKind::Refresh.typ()];
    looks_like_one(text.as_bytes())
        && jsonwebtoken::decode_header(text).is_ok_and(|it| it.typ.is_some_and(|typ| own.contains(&typ.as_str())))
}

/// Reads a token that one of our keys has signed; nothing of any other. When it ends is for the caller to look at, who has the clock.
pub fn read(
    token: &[u8],
    kind: TokenKind,
    public_key: impl FnOnce(SigningKeyId) -> Option<PublicKey>,
) -> Option<(SigningKeyId, Claims)> {
    let header = jsonwebtoken::decode_header(token).ok()?;
    if header.alg != Algorithm::EdDSA || header.typ.as_deref() != Some(kind.typ()) {
        return None;
    }
    let id = header.kid?.parse().ok()?;
    let key = DecodingKey::from_ed_der(public_key(id)?.as_bytes());
    Some((id, jsonwebtoken::decode(token, &key, &signature_only(Algorithm::EdDSA)).ok()?.claims))
}

/// Checks the signature and no times: the library would read the machine's clock.
pub(crate) fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

/// Where a signing key stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningKeyState {
    /// Published, so that whoever keeps a copy of the key set has it before it signs anything.
    Next,
    /// Signs.
    Current,
    /// Signs no more; what it signed is good until it ends, and none of that ends later than this.
    Retired {
        /// When nothing that it signed is good any more.
        until: Timestamp,
    },
}

/// What is known of a signing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKeyInfo {
    /// Its identifier.
    pub id: SigningKeyId,
    /// Where it stands in its life.
    pub state: SigningKeyState,
    /// What its signatures are checked with.
    pub public_key: PublicKey,
    /// When it was made, and published.
    pub created_at: Timestamp,
    /// Since when it signs, or when it began to.
    pub current_at: Option<Timestamp>,
}

#[cfg(test)]
#[path = "access_token_tests.rs"]
mod tests;
