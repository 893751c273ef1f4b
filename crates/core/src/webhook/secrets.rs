//! The signing secrets of a webhook: one is current, and during a rotation those before it still sign beside it.

use std::time::Duration;

use rand_core::CryptoRng;

use super::signature::SigningSecret;
use crate::id::WebhookSecretId;
use crate::limits;
use crate::reject::{Reject, RejectCode};
use crate::secret::SecretState;
use crate::time::Timestamp;

/// One version of a webhook's signing secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookSecret {
    /// Its identifier.
    pub id: WebhookSecretId,
    /// Where it stands in its life; never dead: what is dead is deleted.
    pub state: SecretState,
    /// When it was made.
    pub created_at: Timestamp,
}

impl WebhookSecret {
    /// Whether deliveries are signed with it.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.state.is_good(now)
    }
}

/// Makes a webhook's signing secret, or another one in its place: those before it sign for `overlap` more at most, and no more where that is zero.
/// Of `secrets` only those are left that are good.
///
/// # Errors
/// Refuses an overlap beyond [`limits::WEBHOOK_OVERLAP_HOURS_MAX`], and more than [`limits::WEBHOOK_SECRETS_MAX`] that are good at once.
pub fn renew<R: CryptoRng + ?Sized>(
    secrets: &mut Vec<WebhookSecret>,
    overlap: Duration,
    now: Timestamp,
    rng: &mut R,
) -> Result<(WebhookSecret, SigningSecret), Reject> {
    if overlap.as_secs() > limits::WEBHOOK_OVERLAP_HOURS_MAX * 3600 {
        let detail = format!("lies beyond {} hours", limits::WEBHOOK_OVERLAP_HOURS_MAX);
        return Err(Reject::field("/overlap_secs", detail));
    }
    let end = now.saturating_add(overlap);
    for secret in secrets.iter_mut() {
        let until = match secret.state {
            SecretState::Retiring { until } => until.min(end),
            SecretState::Current | SecretState::Dead => end,
        };
        secret.state = SecretState::Retiring { until };
    }
    secrets.retain(|it| it.is_good(now));
    if secrets.len() >= limits::WEBHOOK_SECRETS_MAX {
        let detail = "Too many old signing secrets of this webhook are still good. Wait until one ends, or rotate without an overlap \
                      (`overlap_secs` 0), which ends all of them.";
        return Err(Reject::new(RejectCode::LimitReached, detail));
    }
    let made = WebhookSecret { id: WebhookSecretId::new(now, rng), state: SecretState::Current, created_at: now };
    secrets.push(made.clone());
    Ok((made, SigningSecret::generate(rng)))
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_micros(secs * 1_000_000).expect("an instant")
    }

    #[test]
    fn another_one_leaves_those_before_it_good_for_a_while_and_no_longer_than_they_were_to_be() {
        let (mut all, rng) = (Vec::new(), &mut ChaCha20Rng::seed_from_u64(1));
        let mut renew = |all: &mut Vec<_>, overlap, now| super::renew(all, Duration::from_secs(overlap), at(now), rng);
        let (first, _) = renew(&mut all, 0, 0).expect("a secret");
        let (second, _) = renew(&mut all, 60, 10).expect("a secret");
        renew(&mut all, 600, 20).expect("a secret");
        let end = |all: &[WebhookSecret], id| all.iter().find(|it| it.id == id).map(|it| it.state);
        assert_eq!(end(&all, first.id), Some(SecretState::Retiring { until: at(70) }));
        assert_eq!(end(&all, second.id), Some(SecretState::Retiring { until: at(620) }));
        let refused = renew(&mut all, 600, 21).expect_err("three are good");
        assert_eq!(refused.code, RejectCode::LimitReached);
        renew(&mut all, 600, 70).expect("the first has ended");
        renew(&mut all, 0, 71).expect("none but the new one");
        assert_eq!(all.len(), 1);
        assert!(renew(&mut all, 7 * 24 * 3600, 72).is_ok());
        assert!(renew(&mut all, 7 * 24 * 3600 + 1, 73).is_err());
    }
}
