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
        self.state.is_good(now)
    }

    /// Until when an old one is taken; absent of the current one, and where it is not good any more.
    pub fn retiring_until(&self, now: Timestamp) -> Option<Timestamp> {
        match self.state {
            SecretState::Retiring { until } if now < until => Some(until),
            SecretState::Current | SecretState::Retiring { .. } | SecretState::Dead => None,
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

/// Ends old shared secrets early: the one that is named, or all of them. What has ended is taken out of `secrets`. False where none of these was
/// good any more, and then nothing has changed.
///
/// # Errors
/// Refuses the current one, and one that is not among them.
pub fn end_old(secrets: &mut Vec<SharedSecret>, which: Option<SharedSecretId>, now: Timestamp) -> Result<bool, Reject> {
    if let Some(id) = which
        && find_named(secrets, id)?.state == SecretState::Current
    {
        let detail = "This is the current shared secret and no old one. Rotate it to replace it, or delete it.";
        return Err(Reject::new(RejectCode::StateConflict, detail));
    }
    let is_meant = |it: &SharedSecret| it.retiring_until(now).is_some() && which.is_none_or(|id| it.id == id);
    let before = secrets.len();
    secrets.retain(|it| !is_meant(it));
    Ok(secrets.len() < before)
}

/// Lets an old shared secret be good until a later instant: the one that is named, or the one that was replaced last.
///
/// # Errors
/// Refuses where none is good any more, the current one, one that is not among them, and an instant that is not later, or too late.
pub fn extend_old(
    secrets: &mut [SharedSecret],
    which: Option<SharedSecretId>,
    until: Timestamp,
    max: Duration,
    now: Timestamp,
) -> Result<(), Reject> {
    let named = match which {
        Some(id) => Some(find_named(secrets, id)?),
        None => secrets.iter().filter(|it| it.retiring_until(now).is_some()).max_by_key(|it| it.created_at),
    };
    let (id, present) = named.and_then(|it| it.retiring_until(now).map(|until| (it.id, until))).ok_or_else(|| {
        let detail = match which {
            Some(_) => "This shared secret is no old one that is still good.",
            None => "No old shared secret is good any more.",
        };
        Reject::new(RejectCode::StateConflict, detail)
    })?;
    if until <= present {
        return Err(Reject::field("/until", format!("must be later than {present}, when the old one stops already")));
    }
    let latest = extendable_until(secrets, id, max);
    if latest.is_none_or(|latest| latest < until) {
        let hours = max.as_secs() / 3600;
        let latest = latest.map(|it| format!(", this one until {it}")).unwrap_or_default();
        let detail =
            format!("An old shared secret stays good for at most {hours} hours after it was replaced{latest}.");
        return Err(Reject::new(RejectCode::PolicyDenied, detail));
    }
    for secret in secrets.iter_mut().filter(|it| it.id == id) {
        secret.state = SecretState::Retiring { until };
    }
    Ok(())
}

/// Until when an old shared secret can be good at most, where policy lets old ones be good for `max`: counted from when it was replaced, since a
/// rotation could be extended for ever were it counted from now. It was replaced when the next one was made; where that one is gone, which only
/// somebody who ended it brings about, it is the one after. Absent of the current one.
pub fn extendable_until(secrets: &[SharedSecret], id: SharedSecretId, max: Duration) -> Option<Timestamp> {
    let made_at = secrets.iter().find(|it| it.id == id)?.created_at;
    let later = secrets.iter().filter(|it| it.id != id && made_at <= it.created_at);
    later.map(|it| it.created_at).min().map(|it| it.saturating_add(max))
}

fn find_named(secrets: &[SharedSecret], id: SharedSecretId) -> Result<&SharedSecret, Reject> {
    let missing = || Reject::field("/shared_secret_id", "is no shared secret of the organization that is still good");
    secrets.iter().find(|it| it.id == id).ok_or_else(missing)
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

    #[test]
    fn old_ones_end_early_or_go_on_as_long_as_policy_lets_them() {
        let (mut all, rng) = (Vec::new(), &mut ChaCha20Rng::seed_from_u64(1));
        let mut made = Vec::new();
        for now in [0, 10, 20] {
            made.push(
                renew(&mut all, OrganizationId::from_u128(1), Duration::from_secs(60), at(now), rng).unwrap().0.id,
            );
        }
        let [first, second, current] = made[..] else { panic!("three were made") };
        let max = Duration::from_secs(100);
        let extend =
            |all: &mut Vec<_>, which, until, now| extend_old(all, which, at(until), max, at(now)).map_err(|it| it.code);
        assert_eq!(extend(&mut all, Some(first), 110, 21), Ok(()), "replaced at 10");
        assert_eq!(extend(&mut all, Some(first), 111, 21), Err(RejectCode::PolicyDenied));
        assert_eq!(extend(&mut all, Some(first), 109, 21), Err(RejectCode::InvalidField), "never earlier");
        assert_eq!(extend(&mut all, None, 120, 21), Ok(()), "by default the one that was replaced last");
        assert_eq!(all.iter().find(|it| it.id == second).unwrap().retiring_until(at(21)), Some(at(120)));
        assert_eq!(extend(&mut all, Some(current), 120, 21), Err(RejectCode::StateConflict));
        assert_eq!(extend(&mut all, None, 130, 120), Err(RejectCode::StateConflict), "what has ended is over");
        assert_eq!(end_old(&mut all, Some(current), at(22)).map_err(|it| it.code), Err(RejectCode::StateConflict));
        assert_eq!(end_old(&mut all, Some(second), at(22)), Ok(true));
        assert_eq!(all.iter().map(|it| it.id).collect::<Vec<_>>(), [first, current]);
        assert_eq!(end_old(&mut all, Some(second), at(22)).map_err(|it| it.code), Err(RejectCode::InvalidField));
        assert_eq!(end_old(&mut all, None, at(22)), Ok(true));
        assert_eq!(end_old(&mut all, None, at(22)), Ok(false), "twice is no error");
        assert_eq!(all.iter().map(|it| it.id).collect::<Vec<_>>(), [current]);
    }
}
