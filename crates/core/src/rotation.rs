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

    /// Ends a rotation early: every old secret dies now. False where none of them was good any more, and then nothing has changed.
    ///
    /// # Errors
    /// Refuses a revoked key.
    pub fn end_rotation(&mut self, secrets: &mut [Secret], now: Timestamp) -> Result<bool, Reject> {
        self.refuse_revoked()?;
        let mut ended = false;
        for secret in secrets.iter_mut().filter(|it| it.retiring_until(now).is_some()) {
            secret.state = SecretState::Dead;
            ended = true;
        }
        if ended {
            self.changed(now);
        }
        Ok(ended)
    }

    /// Lets the secret that the current one replaced be good until a later instant, as long as `max` counted from when the rotation began:
    /// were it counted from now, a rotation could be extended for ever, and two secrets would be what the key has. `secrets` are all of
    /// the key's that are not dead, oldest first; older ones keep their own time.
    ///
    /// # Errors
    /// Refuses a revoked or expired key, one that is not being rotated, and an instant that is not later, or too late.
    pub fn extend_rotation(
        &mut self,
        secrets: &mut [Secret],
        until: Timestamp,
        max: Duration,
        now: Timestamp,
    ) -> Result<(), Reject> {
        let (old, current) = self.rotating(secrets, now)?;
        let present = secrets[old].retiring_until(now).unwrap_or(now);
        if until <= present {
            return Err(Reject::field(
                "/until",
                format!("must be later than {present}, when the old secret stops already"),
            ));
        }
        let latest = secrets[current].created_at.saturating_add(max);
        if latest < until {
            let hours = max.as_secs() / 3600;
            let detail =
                format!("An old secret stays good for at most {hours} hours after a rotation, here until {latest}.");
            return Err(Reject::new(RejectCode::PolicyDenied, detail));
        }
        secrets[old].state = SecretState::Retiring { until };
        self.changed(now);
        Ok(())
    }

    /// Takes a rotation back: the new secret dies, and the one that it replaced is current again. Only while that one is still good, since no
    /// dead secret revives. `secrets` are all of the key's that are not dead, oldest first.
    ///
    /// # Errors
    /// Refuses a revoked or expired key, and one that is not being rotated.
    pub fn cancel_rotation(&mut self, secrets: &mut [Secret], now: Timestamp) -> Result<(), Reject> {
        let (old, current) = self.rotating(secrets, now)?;
        secrets[current].state = SecretState::Dead;
        secrets[old].state = SecretState::Current;
        self.changed(now);
        Ok(())
    }

    /// Where among its secrets the current one stands, and before it the one that it replaced, which is still good.
    fn rotating(&self, secrets: &[Secret], now: Timestamp) -> Result<(usize, usize), Reject> {
        self.refuse_revoked()?;
        if self.state(now) == KeyState::Expired {
            let detail = "The key has expired, and no rotation makes it good again; give it a later expiry first.";
            return Err(Reject::new(RejectCode::StateConflict, detail));
        }
        let old = secrets.iter().rposition(|it| it.retiring_until(now).is_some());
        let current = secrets.iter().rposition(|it| it.state == SecretState::Current);
        old.zip(current).ok_or_else(|| {
            Reject::new(
                RejectCode::StateConflict,
                "The key is not being rotated: no old secret of it is good any more.",
            )
        })
    }
}

#[cfg(test)]
#[path = "rotation_tests.rs"]
mod tests;
