//! Secrets: how a token is made, recognised and digested.
//!
//! A token is `access + secret`, where access is `<prefix>_<id 16>` and secret is `<random 32><checksum 6>`, all base62.
//! The checksum is the CRC-32 of everything before it, as GitHub's tokens have it, so that scanners and this server can
//! reject a mistyped token without looking it up. It proves nothing: only the digest does.

use std::fmt;

use rand_core::CryptoRng;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use crate::id::{KeyId, SecretId};
use crate::limits;
use crate::name::KeyPrefix;
use crate::time::Timestamp;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID_CHARS: usize = 16;
const RANDOM_CHARS: usize = 32;
const CHECKSUM_CHARS: usize = 6;
/// Characters of the secret part of a token: 32 random ones (190.5 bits) and the checksum.
pub const SECRET_CHARS: usize = RANDOM_CHARS + CHECKSUM_CHARS;
/// Characters of a token behind its prefix: the underscore, the id and the secret part.
pub const TOKEN_CHARS_AFTER_PREFIX: usize = 1 + ID_CHARS + SECRET_CHARS;

/// A whole token in clear. It leaves through [`Token::expose`] only: into the answer that made it, or into one that shows it again where policy
/// allows that.
pub struct Token(SecretString);

impl Token {
    /// Makes a new token. Bytes at or above 248 are drawn again: a modulo over 256 would favour eight characters.
    pub fn generate<R: CryptoRng + ?Sized>(prefix: &KeyPrefix, rng: &mut R) -> Self {
        const FAIR: u8 = 248; // 4 × 62
        let mut text = String::with_capacity(prefix.as_str().len() + TOKEN_CHARS_AFTER_PREFIX);
        text.push_str(prefix.as_str());
        text.push('_');
        let mut left = ID_CHARS + RANDOM_CHARS;
        while left > 0 {
            let mut bytes = [0; 64];
            rng.fill_bytes(&mut bytes);
            for byte in bytes.iter().filter(|byte| **byte < FAIR).take(left) {
                text.push(char::from(ALPHABET[usize::from(byte % 62)]));
                left -= 1;
            }
        }
        let checksum = checksum(text.as_bytes());
        text.push_str(std::str::from_utf8(&checksum).expect("the alphabet is ASCII"));
        Self(SecretString::from(text))
    }

    /// Takes a token whose sealed copy was opened, or that somebody brings along; absent where the text is none of ours.
    pub fn from_opened(text: SecretString) -> Option<Self> {
        matches!(shape(text.expose_secret().as_bytes()), Shape::Ours(_)).then_some(Self(text))
    }

    /// The text, for the answer that shows it, and for sealing.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The public part: `accessKey`, and the user of Basic.
    pub fn access_id(&self) -> AccessId {
        AccessId(self.split().0.into())
    }

    /// The secret part: `secretKey`, and the password of Basic.
    pub fn expose_secret_part(&self) -> &str {
        self.split().1
    }

    fn split(&self) -> (&str, &str) {
        let text = self.expose();
        text.split_at(text.len() - SECRET_CHARS)
    }

    /// What is stored of it.
    pub fn digest(&self) -> Digest {
        Digest::of_token(self.expose().as_bytes())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

fn checksum(text: &[u8]) -> [u8; CHECKSUM_CHARS] {
    let mut rest = crc32fast::hash(text);
    let mut out = [b'0'; CHECKSUM_CHARS];
    for place in out.iter_mut().rev() {
        *place = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    out
}

/// What a credential's text is, before anything is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape<'a> {
    /// Of our length and alphabet, with a right checksum; carries its prefix.
    Ours(&'a str),
    /// Of our length and alphabet, with a wrong checksum; carries its prefix. Rejected unhashed where the prefix is registered.
    WrongChecksum(&'a str),
    /// Anything else: perhaps an imported key.
    Foreign,
}

/// Recognises our shape. Whether the prefix is a registered one is for the caller to say.
pub fn shape(text: &[u8]) -> Shape<'_> {
    let Some(prefix_len) = text.len().checked_sub(TOKEN_CHARS_AFTER_PREFIX) else {
        return Shape::Foreign;
    };
    if prefix_len == 0 || prefix_len > limits::PREFIX_BYTES_MAX {
        return Shape::Foreign;
    }
    let (prefix, rest) = text.split_at(prefix_len);
    let ours = rest[0] == b'_' && is_alphanumeric(&rest[1..]) && is_alphanumeric(prefix);
    let Ok(prefix) = std::str::from_utf8(prefix) else {
        return Shape::Foreign;
    };
    if !ours {
        return Shape::Foreign;
    }
    let (before, found) = text.split_at(text.len() - CHECKSUM_CHARS);
    if checksum(before) == found { Shape::Ours(prefix) } else { Shape::WrongChecksum(prefix) }
}

/// The access key of what looks like a token of ours, mistyped or not: what can be shown and searched for in its place.
pub fn access_part(text: &str) -> Option<&str> {
    if shape(text.as_bytes()) == Shape::Foreign { None } else { text.get(..text.len().checked_sub(SECRET_CHARS)?) }
}

/// Looks at every byte whatever the first ones are, which the compiler turns into a few vector instructions.
fn is_alphanumeric(text: &[u8]) -> bool {
    text.iter().fold(true, |all, byte| all & byte.is_ascii_alphanumeric())
}

/// Whether a pair is one of our tokens in two parts: then the parts are put together again before they are digested.
pub fn is_our_pair(access: &[u8], secret: &[u8]) -> bool {
    let prefix_len = access.len().checked_sub(1 + ID_CHARS);
    secret.len() == SECRET_CHARS
        && prefix_len.is_some_and(|it| (1..=limits::PREFIX_BYTES_MAX).contains(&it) && access[it] == b'_')
        && access.iter().filter(|b| **b != b'_').chain(secret).all(u8::is_ascii_alphanumeric)
}

/// The public part of a token, safe to show and to log.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AccessId(Box<str>);

impl AccessId {
    /// Takes an access id that was stored.
    pub fn from_stored(text: &str) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What lists show of it: the prefix and the first four characters, `ck_7Fq2…`.
    pub fn hint(&self) -> String {
        let shown = self.0.find('_').map_or(4, |it| it + 5);
        format!("{}…", self.0.chars().take(shown).collect::<String>())
    }
}

impl fmt::Display for AccessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The SHA-256 of a token, or of an imported pair. Not a secret by itself, yet never printed and never compared with `==`:
/// it has no `PartialEq`, so that every comparison is [`Digest::matches`].
#[derive(Clone, Copy)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of a token or an opaque imported key. Plain SHA-256, because imported keys come as that and a key of 190 random bits needs no stretching.
    pub fn of_token(text: &[u8]) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// Of a pair: ours is put together to its token; any other under a tag of its own with both lengths,
    /// so that no pair shares a digest with another pair or with a token.
    pub fn of_pair(access: &[u8], secret: &[u8]) -> Self {
        let hash = Sha256::new();
        if is_our_pair(access, secret) {
            return Self(hash.chain_update(access).chain_update(secret).finalize().into());
        }
        let len = |part: &[u8]| (part.len() as u64).to_be_bytes();
        let tagged = hash.chain_update(b"claviger:pair:v1\0").chain_update(len(access)).chain_update(access);
        Self(tagged.chain_update(len(secret)).chain_update(secret).finalize().into())
    }

    /// Takes a digest that was stored or imported.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for storage and for finding a slot; not for comparing.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Compares in constant time, word by word: byte by byte takes seven times as long and hides no more.
    pub fn matches(&self, other: &Self) -> bool {
        let words = |it: &Self| -> [u64; 4] {
            let (words, _) = it.0.as_chunks::<8>();
            std::array::from_fn(|at| u64::from_ne_bytes(words[at]))
        };
        words(self).ct_eq(&words(other)).into()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

/// Where a secret stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretState {
    /// The one that rotation made last.
    Current,
    /// Replaced, but accepted strictly before this instant.
    Retiring {
        /// When it stops being accepted.
        until: Timestamp,
    },
    /// Accepted never again.
    Dead,
}

impl SecretState {
    /// Whether the secret is taken, and signed with.
    pub fn is_good(self, now: Timestamp) -> bool {
        match self {
            Self::Current => true,
            Self::Retiring { until } => now < until,
            Self::Dead => false,
        }
    }
}

/// One version of a key's secret.
#[derive(Debug, Clone)]
pub struct Secret {
    /// Its identifier.
    pub id: SecretId,
    /// The key it opens.
    pub key_id: KeyId,
    /// The public part; an imported key has none.
    pub access_id: Option<AccessId>,
    /// What is stored of the token.
    pub digest: Digest,
    /// Where it stands in its life.
    pub state: SecretState,
    /// When it was made or imported.
    pub created_at: Timestamp,
    /// When another one took its place; absent for one that is current, or was until it died.
    pub replaced_at: Option<Timestamp>,
}

impl Secret {
    /// Until when it is still good, where it is one that was replaced and is. A key that expires sooner ends it sooner, see
    /// [`Key::old_until`](crate::key::Key::old_until).
    pub fn retiring_until(&self, now: Timestamp) -> Option<Timestamp> {
        match self.state {
            SecretState::Retiring { until } if now < until => Some(until),
            SecretState::Retiring { .. } | SecretState::Current | SecretState::Dead => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    fn token(seed: u64) -> Token {
        Token::generate(&KeyPrefix::parse("ck").expect("a prefix"), &mut ChaCha20Rng::seed_from_u64(seed))
    }

    #[test]
    fn a_token_is_access_and_secret_with_a_checksum() {
        let token = token(7);
        assert_eq!(token.expose().len(), "ck".len() + TOKEN_CHARS_AFTER_PREFIX);
        assert_eq!(shape(token.expose().as_bytes()), Shape::Ours("ck"));
        assert_eq!(format!("{}{}", token.access_id(), token.expose_secret_part()), token.expose());
        assert_eq!(token.access_id().hint(), format!("{}…", &token.expose()[..7]));
        assert_eq!(format!("{token:?} {:?}", token.digest()), "Token(…) Digest(…)");
    }

    // S2.24: the two parts are the same credential as the whole.
    #[test]
    fn a_pair_of_ours_has_the_digest_of_its_token() {
        let token = token(8);
        let pair = Digest::of_pair(token.access_id().as_str().as_bytes(), token.expose_secret_part().as_bytes());
        assert!(pair.matches(&token.digest()));
        let swapped = Digest::of_pair(token.expose_secret_part().as_bytes(), token.access_id().as_str().as_bytes());
        assert!(!swapped.matches(&token.digest()));
    }

    #[test]
    fn imported_pairs_cannot_be_shifted_into_one_another() {
        assert!(!Digest::of_pair(b"ab", b"c").matches(&Digest::of_pair(b"a", b"bc")));
        assert!(!Digest::of_pair(b"", b"abc").matches(&Digest::of_token(b"abc")));
    }

    #[test]
    fn digests_that_differ_in_one_bit_do_not_match() {
        let digest = Digest::of_token(b"x");
        assert!(digest.matches(&digest));
        for bit in 0..256 {
            let mut other = *digest.as_bytes();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!digest.matches(&Digest::from_bytes(other)), "bit {bit}");
        }
    }

    #[test]
    fn characters_are_drawn_evenly() {
        let mut counts = [0_u32; 128];
        for seed in 0..500 {
            token(seed).expose()[3..51].bytes().for_each(|b| counts[usize::from(b)] += 1);
        }
        let expected = 500.0 * 48.0 / 62.0;
        let chi_squared: f64 =
            ALPHABET.iter().map(|b| (f64::from(counts[usize::from(*b)]) - expected).powi(2) / expected).sum();
        assert!(chi_squared < 110.0, "61 degrees of freedom, p < 0.0001: {chi_squared}");
    }

    proptest! {
        #[test]
        fn a_changed_character_breaks_the_checksum(seed in 0_u64..1000, at in 3_usize..57, to in 0_usize..62) {
            let mut text = token(seed).expose().as_bytes().to_vec();
            prop_assume!(text[at] != ALPHABET[to]);
            text[at] = ALPHABET[to];
            prop_assert_eq!(shape(&text), Shape::WrongChecksum("ck"));
        }

        #[test]
        fn any_bytes_have_a_shape(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = (shape(&bytes), is_our_pair(&bytes, &bytes));
        }
    }
}
