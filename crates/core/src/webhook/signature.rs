//! Signatures: how a receiver sees that a delivery is from us, whole, and new (Standard Webhooks 1.0, symmetric form).

use std::fmt;

use aws_lc_rs::hmac;
use data_encoding::BASE64;
use rand_core::CryptoRng;
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::time::Timestamp;

/// What a signing secret begins with.
const PREFIX: &str = "whsec_";
/// Random bytes in one of ours; the standard asks for 24 to 64.
const SECRET_BYTES: usize = 32;

/// What deliveries of one webhook are signed with. It leaves through [`SigningSecret::expose`] only, and sealed.
pub struct SigningSecret(Zeroizing<Vec<u8>>);

impl SigningSecret {
    /// Makes a new one.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut bytes = Zeroizing::new(vec![0; SECRET_BYTES]);
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Takes one whose sealed copy was opened; absent where it is of no length that the standard knows.
    pub fn from_opened(bytes: &[u8]) -> Option<Self> {
        (24..=64).contains(&bytes.len()).then(|| Self(Zeroizing::new(bytes.to_vec())))
    }

    /// The bytes, for sealing.
    pub fn expose_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text that the receiver's library takes, for the answer that shows it.
    pub fn expose(&self) -> SecretString {
        format!("{PREFIX}{}", BASE64.encode(&self.0)).into()
    }

    fn sign(&self, id: &str, at_secs: i64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &self.0));
        context.update(format!("{id}.{at_secs}.").as_bytes());
        context.update(body);
        format!("v1,{}", BASE64.encode(context.sign().as_ref()))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

/// The value of `webhook-signature`: one signature for each secret that is good, so that a receiver that knows only the old one, or only the new
/// one, is content during a rotation. `id` is the same for every attempt, `at` is the attempt's.
pub fn signatures<'s>(
    secrets: impl IntoIterator<Item = &'s SigningSecret>,
    id: &str,
    at: Timestamp,
    body: &[u8],
) -> String {
    let signed: Vec<_> = secrets.into_iter().map(|it| it.sign(id, at.as_secs(), body)).collect();
    signed.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;
    use secrecy::ExposeSecret as _;

    // W4: the example that the standard's own libraries are tested with.
    #[test]
    fn the_examples_signature_is_ours_too() {
        let secret = BASE64.decode(b"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base64");
        let secret = SigningSecret::from_opened(&secret).expect("a secret");
        let at = Timestamp::from_micros(1_614_265_330_000_000).expect("an instant");
        let signed = signatures([&secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", at, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let other = SigningSecret::generate(&mut ChaCha20Rng::seed_from_u64(1));
        let both = signatures([&other, &secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", at, br#"{"test": 2432232314}"#);
        assert!(both.ends_with(&format!(" {signed}")) && both.starts_with("v1,"), "{both}");
    }

    #[test]
    fn a_secret_shows_itself_only_where_it_is_asked_to() {
        let secret = SigningSecret::generate(&mut ChaCha20Rng::seed_from_u64(1));
        let text = secret.expose();
        assert!(text.expose_secret().starts_with("whsec_") && !format!("{secret:?}").contains("whsec"));
        assert!(SigningSecret::from_opened(&[0; 23]).is_none() && SigningSecret::from_opened(&[0; 65]).is_none());
        let again = SigningSecret::from_opened(secret.expose_bytes()).expect("a secret");
        assert_eq!(again.expose().expose_secret(), text.expose_secret());
    }
}
