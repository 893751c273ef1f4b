//! Rotation: a key gets a new secret, and the old ones end when they should.

use std::time::Duration;

use rand_core::CryptoRng;

use crate::api::Api;
use crate::id::SecretId;
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
                "The key has expired, and a new secret would not make it good again; give it a later expiry before rotating it.",
            ));
        }
        for secret in secrets.iter_mut() {
            match secret.state {
                SecretState::Current if overlap.is_zero() => secret.state = SecretState::Dead,
                SecretState::Current => {
                    secret.state = SecretState::Retiring { until: now.saturating_add(overlap) };
                    secret.replaced_at = Some(now);
                }
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

    /// When an old secret stops being accepted: at its own end, or with the key where that expires sooner. Absent where it is not good any more.
    pub fn old_until(&self, secret: &Secret, now: Timestamp) -> Option<OldUntil> {
        let own = secret.retiring_until(now).filter(|_| !matches!(self.state(now), KeyState::Revoked))?;
        match self.expires_at {
            Some(expiry) if expiry <= now => None,
            Some(expiry) if expiry < own => Some(OldUntil { at: expiry, with_key: true }),
            _ => Some(OldUntil { at: own, with_key: false }),
        }
    }

    /// Ends old secrets early: the one that is named, or all of them; the others keep their time. False where none of these was good any more,
    /// and then nothing has changed. `secrets` are all of the key's, perhaps with dead ones.
    ///
    /// # Errors
    /// Refuses a revoked key, the secret that is current, and one that the key never had.
    pub fn end_rotation(
        &mut self,
        secrets: &mut [Secret],
        which: Option<SecretId>,
        now: Timestamp,
    ) -> Result<bool, Reject> {
        self.refuse_revoked()?;
        if let Some(id) = which {
            let named = find_named(secrets, id)?;
            if secrets[named].state == SecretState::Current {
                let detail = "This is the current secret of the key and no old one. Rotate the key to replace it, or revoke the key.";
                return Err(Reject::new(RejectCode::StateConflict, detail));
            }
        }
        let mut ended = false;
        let named = secrets.iter_mut().filter(|it| which.is_none_or(|id| it.id == id));
        for secret in named.filter(|it| it.retiring_until(now).is_some()) {
            secret.state = SecretState::Dead;
            ended = true;
        }
        if ended {
            self.changed(now);
        }
        Ok(ended)
    }

    /// Lets an old secret be good until a later instant: the one that is named, or the one that was replaced last. As long as `max` counted from
    /// when it was replaced: were it counted from now, a rotation could be extended for ever, and two secrets would be what the key has.
    /// `secrets` are all of the key's, oldest first, perhaps with dead ones; those that are not meant keep their own time.
    ///
    /// # Errors
    /// Refuses a revoked or expired key, a secret that is not being replaced, and an instant that is not later, or too late.
    pub fn extend_rotation(
        &mut self,
        secrets: &mut [Secret],
        which: Option<SecretId>,
        until: Timestamp,
        max: Duration,
        now: Timestamp,
    ) -> Result<(), Reject> {
        let (old, _) = self.rotating(secrets, which, now)?;
        let present = secrets[old].retiring_until(now).unwrap_or(now);
        if until <= present {
            return Err(Reject::field(
                "/until",
                format!("must be later than {present}, when the old secret stops already"),
            ));
        }
        let latest = secrets[old].extendable_until(max);
        if latest < until {
            let hours = max.as_secs() / 3600;
            let detail = format!(
                "An old secret stays good for at most {hours} hours after it was replaced, this one until {latest}."
            );
            return Err(Reject::new(RejectCode::PolicyDenied, detail));
        }
        secrets[old].state = SecretState::Retiring { until };
        self.changed(now);
        Ok(())
    }

    /// Takes a rotation back: the new secret dies, and an old one is current again, the one that is named or the one that was replaced last. Only
    /// while that one is still good, since no dead secret revives. Other old ones keep their time. `secrets` are all of the key's, oldest
    /// first, perhaps with dead ones.
    ///
    /// # Errors
    /// Refuses a revoked or expired key, and a secret that is not being replaced.
    pub fn cancel_rotation(
        &mut self,
        secrets: &mut [Secret],
        which: Option<SecretId>,
        now: Timestamp,
    ) -> Result<(), Reject> {
        let (old, current) = self.rotating(secrets, which, now)?;
        secrets[current].state = SecretState::Dead;
        secrets[old].state = SecretState::Current;
        secrets[old].replaced_at = None;
        self.changed(now);
        Ok(())
    }

    /// Where among its secrets the old one that is meant stands, which is still good, and where the current one.
    fn rotating(&self, secrets: &[Secret], which: Option<SecretId>, now: Timestamp) -> Result<(usize, usize), Reject> {
        self.refuse_revoked()?;
        if self.state(now) == KeyState::Expired {
            let detail = "The key has expired, and no rotation makes it good again; give it a later expiry first.";
            return Err(Reject::new(RejectCode::StateConflict, detail));
        }
        let is_old = |it: &Secret| it.retiring_until(now).is_some();
        let (old, detail) = match which {
            Some(id) => {
                let named = find_named(secrets, id)?;
                (
                    Some(named).filter(|it| is_old(&secrets[*it])),
                    "This secret of the key is no old one that is still good.",
                )
            }
            None => {
                let last =
                    { secrets.iter().enumerate() }.filter(|(_, it)| is_old(it)).max_by_key(|(_, it)| it.replaced_at);
                (last.map(|it| it.0), "The key is not being rotated: no old secret of it is good any more.")
            }
        };
        let current = secrets.iter().rposition(|it| it.state == SecretState::Current);
        old.zip(current).ok_or_else(|| Reject::new(RejectCode::StateConflict, detail))
    }
}

impl Secret {
    /// Until when it can be good at most, once another one has taken its place, where policy lets old ones be good for `max`.
    pub fn extendable_until(&self, max: Duration) -> Timestamp {
        self.replaced_at.unwrap_or(self.created_at).saturating_add(max)
    }
}

/// When an old secret stops being accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OldUntil {
    /// When.
    pub at: Timestamp,
    /// Whether it is the key that ends then, before the time that the rotation left the secret.
    pub with_key: bool,
}

fn find_named(secrets: &[Secret], id: SecretId) -> Result<usize, Reject> {
    secrets.iter().position(|it| it.id == id).ok_or_else(|| Reject::field("/secret_id", "is not one of the key’s"))
}

#[cfg(test)]
#[path = "rotation_tests.rs"]
mod tests;
