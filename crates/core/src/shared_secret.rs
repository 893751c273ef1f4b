//! Shared secrets: one for each organization, with which its clients sign what they sign in with.
//!
//! It is sealed and never hashed, since checking a signature needs it. Rotating it leaves the one before good for a while, as with keys; what
//! has ended is deleted, not kept: nothing was ever named after it.

use std::time::Duration;

use rand_core::CryptoRng;
use serde_json::{Value, json};

use crate::event::Audited;
use crate::id::{OrganizationId, SharedSecretId};
use crate::limits;
use crate::name::KeyPrefix;
use crate::reject::{Reject, RejectCode};
use crate::secret::{SecretState, Token};
use crate::time::Timestamp;

/// What shared secrets begin with. No api may have it, so that nobody takes one for a key.
pub const SHARED_SECRET_PREFIX: &str = "css";

/// One version of an organization's shared secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedSecret {
    /// Its identifier.
    pub id: SharedSecretId,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// Where it stands in its life; never dead: what is dead is deleted.
    pub state: SecretState,
    /// When it was made.
    pub created_at: Timestamp,
}

impl SharedSecret {
    /// Whether what is signed with it is taken.
    pub fn is_good(&self, now: Timestamp) -> bool {
        match self.state {
            SecretState::Current => true,
            SecretState::Retiring { until } => now < until,
            SecretState::Dead => false,
        }
    }
}

/// Makes an organization's shared secret, or another one in its place: the one before stays good for `overlap`, and ends at once where that
/// is zero, with all before it. Of `secrets` only those are left that are good.
///
/// # Errors
/// Refuses more than [`limits::SHARED_SECRETS_MAX`] that are good at once.
pub fn renew<R: CryptoRng + ?Sized>(
    secrets: &mut Vec<SharedSecret>,
    organization_id: OrganizationId,
    overlap: Duration,
    now: Timestamp,
    rng: &mut R,
) -> Result<(SharedSecret, Token), Reject> {
    if overlap.is_zero() {
        secrets.clear();
    }
    secrets.retain(|it| it.is_good(now));
    for secret in secrets.iter_mut().filter(|it| it.state == SecretState::Current) {
        secret.state = SecretState::Retiring { until: now.saturating_add(overlap) };
    }
    if secrets.len() >= limits::SHARED_SECRETS_MAX {
        let detail = "Too many old shared secrets are still good. Wait until one ends, or rotate without an overlap \
                      (`overlap_secs` 0), which ends all of them.";
        return Err(Reject::new(RejectCode::LimitReached, detail));
    }
    let prefix = KeyPrefix::parse(SHARED_SECRET_PREFIX).expect("the prefix is one");
    let made = SharedSecret {
        id: SharedSecretId::new(now, rng),
        organization_id,
        state: SecretState::Current,
        created_at: now,
    };
    secrets.push(made.clone());
    Ok((made, Token::generate(&prefix, rng)))
}

/// What the audit says of the secrets an organization has: when each ends, never what it is.
impl Audited for Vec<SharedSecret> {
    fn audit(&self) -> Value {
        let one = |it: &SharedSecret| {
            let (state, until) = match it.state {
                SecretState::Current => ("current", None),
                SecretState::Retiring { until } => ("retiring", Some(until)),
                SecretState::Dead => ("dead", None),
            };
            json!({"id": it.id, "created_at": it.created_at, "state": state, "until": until})
        };
        json!({ "secrets": self.iter().map(one).collect::<Vec<_>>() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_micros(secs * 1_000_000).expect("an instant")
    }

    #[test]
    fn another_one_leaves_the_one_before_good_for_a_while_or_ends_all() {
        let (mut all, rng) = (Vec::new(), &mut ChaCha20Rng::seed_from_u64(1));
        let mut renew = |all: &mut Vec<_>, overlap, now| {
            super::renew(all, OrganizationId::from_u128(1), Duration::from_secs(overlap), at(now), rng)
        };
        let (first, token) = renew(&mut all, 60, 0).expect("a secret");
        assert!(token.expose().starts_with("css_"));
        renew(&mut all, 60, 10).expect("a secret");
        let good = |all: &Vec<SharedSecret>, now| all.iter().filter(|it| it.is_good(at(now))).count();
        assert_eq!((all.len(), good(&all, 69), good(&all, 70)), (2, 2, 1));
        assert_eq!(
            all.iter().find(|it| it.id == first.id).map(|it| it.state),
            Some(SecretState::Retiring { until: at(70) })
        );
        renew(&mut all, 60, 80).expect("a secret");
        assert_eq!(all.len(), 2, "what has ended is not kept");
        while renew(&mut all, 1000, 81).is_ok() {}
        assert_eq!(all.len(), limits::SHARED_SECRETS_MAX);
        renew(&mut all, 0, 82).expect("a secret");
        assert_eq!(all.len(), 1);
    }
}
