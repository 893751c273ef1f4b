//! Passwords: Argon2id, off the runtime's threads, a few at a time.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use claviger_core::limits;
use claviger_core::reject::Reject;
use rand_core::CryptoRng;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use super::error::{Error, OpResult};

/// Hashed at once; each takes 19 MiB and a core for 20 ms, so that a flood of sign-ins queues up instead of filling the memory.
const AT_ONCE: usize = 4;
const SALT_BYTES: usize = 16;

/// Hashes and checks passwords.
#[derive(Debug)]
pub(crate) struct Passwords {
    permits: Arc<Semaphore>,
    /// The hash of a password that nobody knows: whoever signs in with an unknown address costs the same work.
    decoy: String,
}

impl Passwords {
    /// Makes the decoy.
    pub(crate) fn new(rng: &mut (dyn CryptoRng + Send)) -> Self {
        let mut unknown = [0; 32];
        rng.fill_bytes(&mut unknown);
        let decoy = hash(&unknown, &salt(rng)).expect("the standard parameters hash");
        Self { permits: Arc::new(Semaphore::new(AT_ONCE)), decoy }
    }

    /// Refuses a password that is too short or too long.
    pub(crate) fn check(password: &SecretString) -> Result<(), Reject> {
        let chars = password.expose_secret().chars().count();
        let (least, most) = (limits::PASSWORD_CHARS_MIN, limits::PASSWORD_CHARS_MAX);
        if (least..=most).contains(&chars) {
            return Ok(());
        }
        Err(Reject::field("/password", format!("must be {least} to {most} characters long")))
    }

    /// Hashes a password to a PHC string.
    pub(crate) async fn hash(&self, password: SecretString, rng: &mut (dyn CryptoRng + Send)) -> OpResult<String> {
        let salt = salt(rng);
        let work = move || hash(password.expose_secret().as_bytes(), &salt);
        self.off_thread(work).await?.map_err(|fault| Error::Internal(fault.to_string()))
    }

    /// Checks a password against a PHC string; without one it works as long and says no.
    pub(crate) async fn verify(&self, phc: Option<String>, password: SecretString) -> OpResult<bool> {
        let known = phc.is_some();
        let phc = phc.unwrap_or_else(|| self.decoy.clone());
        let work = move || {
            let parsed = PasswordHash::new(&phc)?;
            Ok(Argon2::default().verify_password(password.expose_secret().as_bytes(), &parsed).is_ok())
        };
        let matches = self
            .off_thread(work)
            .await?
            .map_err(|fault: argon2::password_hash::phc::Error| Error::Internal(fault.to_string()))?;
        Ok(matches && known)
    }

    async fn off_thread<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> OpResult<T> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|fault| Error::Internal(fault.to_string()))?;
        let work = move || {
            let done = work();
            drop(permit);
            done
        };
        tokio::task::spawn_blocking(work).await.map_err(|fault| Error::Internal(fault.to_string()))
    }
}

fn salt(rng: &mut (dyn CryptoRng + Send)) -> [u8; SALT_BYTES] {
    let mut salt = [0; SALT_BYTES];
    rng.fill_bytes(&mut salt);
    salt
}

fn hash(password: &[u8], salt: &[u8]) -> Result<String, argon2::password_hash::Error> {
    let hash: PasswordHash = Argon2::default().hash_password_with_salt(password, salt)?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    #[tokio::test]
    async fn only_the_password_itself_matches_and_never_the_decoy() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let passwords = Passwords::new(&mut rng);
        let secret = || SecretString::from("correct horse battery".to_owned());
        let phc = passwords.hash(secret(), &mut rng).await.expect("a hash");
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert!(passwords.verify(Some(phc.clone()), secret()).await.expect("a check"));
        assert!(!passwords.verify(Some(phc), SecretString::from("wrong".to_owned())).await.expect("a check"));
        assert!(!passwords.verify(None, secret()).await.expect("a check"));
    }

    #[test]
    fn short_and_long_passwords_are_refused() {
        for (chars, ok) in [(11, false), (12, true), (256, true), (257, false)] {
            assert_eq!(Passwords::check(&SecretString::from("ü".repeat(chars))).is_ok(), ok, "{chars}");
        }
    }
}
