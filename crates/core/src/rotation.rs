//! Rotation: a key gets a new secret, and the old ones end when they should.

use std::time::Duration;

use rand_core::CryptoRng;

use crate::api::Api;
use crate::key::{Key, KeyState, new_secret};
use crate::limits;
use crate::reject::{Reject, RejectCode};
use crate::secret::{Secret, SecretState, Token};
use crate::time::Timestamp;

impl Key {
    /// Gives it a new secret. The current one stays good for `overlap`, or dies at once where that is zero;
    /// those that were retiring already keep their own time. `secrets` are all of the key's that are not dead.
    ///
    /// # Errors
    /// Refuses a revoked or expired key, since a rotation revives nothing, and more live secrets than [`limits::LIVE_SECRETS_PER_KEY_MAX`].
    pub fn rotate<R: CryptoRng + ?Sized>(
        &mut self,
        secrets: &mut Vec<Secret>,
        api: &Api,
        overlap: Duration,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Token, Reject> {
        self.refuse_revoked()?;
        if self.state(now) == KeyState::Expired {
            return Err(Reject::new(
                RejectCode::StateConflict,
                "The key has expired; give it a later expiry before rotating it.",
            ));
        }
        for secret in secrets.iter_mut() {
            match secret.state {
                SecretState::Current if overlap.is_zero() => secret.state = SecretState::Dead,
                SecretState::Current => secret.state = SecretState::Retiring { until: now.saturating_add(overlap) },
                // A rotation "now" is asked for when a secret has leaked: nothing older may outlive it.
                SecretState::Retiring { until } if until <= now || overlap.is_zero() => {
                    secret.state = SecretState::Dead
                }
                SecretState::Retiring { .. } | SecretState::Dead => {}
            }
        }
        let live = secrets.iter().filter(|secret| !matches!(secret.state, SecretState::Dead)).count();
        if live >= limits::LIVE_SECRETS_PER_KEY_MAX {
            return Err(Reject::new(
                RejectCode::LimitReached,
                "Too many old secrets are still good. Wait until one ends, or rotate without an overlap (`overlap_secs` 0), which \
                 ends all of them.",
            ));
        }
        let (secret, token) = new_secret(self, api, now, rng);
        secrets.push(secret);
        self.changed(now);
        Ok(token)
    }
}
