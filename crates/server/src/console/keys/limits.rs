//! How often a key may be used: in words, and as a form asks for it.

use claviger_core::key::{Key, KeyState};
use claviger_core::key_limits::{KeyLimits, RateSetting};
use claviger_core::limits::DAILY_QUOTA_MAX;
use claviger_core::rate::Rate;
use claviger_core::words::requests;

use super::form::KeyForm;
use super::view::grouped;
use crate::console::pages::form::{FormErrors, typed};
use crate::console::pages::limits::{LimitInputs, LimitWords};
use crate::console::visit::Visit;
use crate::ops::keys::KeyInfo;

/// What is said where there is no limit.
pub(in crate::console) const NO_LIMIT: &str = "No limit";
/// Bytes of what is typed that are looked at.
const TYPED_BYTES_MAX: usize = 40;
/// What a rate is typed as.
pub(in crate::console) const RATE_FORM: &str = "A number of requests and a period, such as 100/10s, 6000/1m or 1000/1h; up to 1,000,000, and from 1 second to 1 day.";

/// A quota as people read it: `5,000 requests a day`.
pub(in crate::console) fn quota_words(quota: u32) -> String {
    format!("{} a day", requests(quota))
}

/// The limits of a key, with what is left of them on this node.
pub(super) fn words(visit: &Visit, info: &KeyInfo) -> Vec<LimitWords> {
    let default = visit.app.replica().policy(visit.organization_id()).map(|it| it.default_limits()).unwrap_or_default();
    let own = &info.key.limits;
    let holds = own.within(&default);
    let is_live = info.state != KeyState::Revoked;
    let left = is_live.then(|| visit.app.replica().look_at_key(info.key.id, visit.app.now())).flatten();
    // Where a lock holds a key to less than it says itself, that is not its own doing.
    let source = |is_own: bool, holds: bool| match (is_own, holds) {
        (true, _) => "set for this key",
        (false, true) => "by the policy",
        (false, false) => "",
    };
    let is_own_rate = own.rate.is_some_and(|it| it.rate() == holds.rate);
    let is_own_quota = own.daily_quota.is_some_and(|it| Some(it).filter(|it| *it != 0) == holds.daily_quota);
    let rate_left = left.and_then(|it| it.rate).map(|it| format!("{} left now", grouped(it.remaining.into())));
    let quota_left =
        left.and_then(|it| it.quota).map(|it| format!("{} left until 00:00 UTC", grouped(it.remaining.into())));
    vec![
        LimitWords {
            label: "Rate limit",
            limit: holds.rate.as_ref().map_or_else(|| NO_LIMIT.to_owned(), Rate::in_words),
            source: source(is_own_rate, holds.rate.is_some()),
            left: rate_left,
        },
        LimitWords {
            label: "Daily quota",
            limit: holds.daily_quota.map_or_else(|| NO_LIMIT.to_owned(), quota_words),
            source: source(is_own_quota, holds.daily_quota.is_some()),
            left: quota_left,
        },
    ]
}

/// What a form asks for. The outer `Option` says whether it speaks of a limit at all, the inner one is as the policy says.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Asked {
    rate: Option<Option<RateSetting>>,
    daily_quota: Option<Option<u32>>,
}

impl Asked {
    /// Reads the fields of a form, and complains about what they cannot be. The complaint offers `none` nowhere: it cannot know of a lock, and
    /// the hint beside it says so where there is none.
    pub(super) fn read(form: &KeyForm, errors: &mut FormErrors) -> Self {
        let text = |it: &Option<String>| it.as_deref().map(|it| it.trim().to_owned());
        let rate = text(&form.rate).map(|it| read_rate(&it, errors));
        Self { rate, daily_quota: text(&form.daily_quota).map(|it| read_quota(&it, errors)) }
    }

    /// What a key with these limits is to have.
    pub(super) fn limits(self, before: &KeyLimits) -> KeyLimits {
        KeyLimits {
            rate: self.rate.unwrap_or(before.rate),
            daily_quota: self.daily_quota.unwrap_or(before.daily_quota),
        }
    }
}

fn read_rate(text: &str, errors: &mut FormErrors) -> Option<RateSetting> {
    if text.is_empty() {
        return None;
    }
    let parsed = Some(text).filter(|it| it.len() <= TYPED_BYTES_MAX).and_then(|it| it.to_lowercase().parse().ok());
    if parsed.is_none() {
        errors.add("rate", RATE_FORM);
    }
    parsed
}

fn read_quota(text: &str, errors: &mut FormErrors) -> Option<u32> {
    let digits = match text {
        "" => return None,
        it if it.eq_ignore_ascii_case(RateSetting::NONE) => "0".to_owned(),
        // As pages write them.
        it => it.replace(',', ""),
    };
    let parsed = Some(digits).filter(|it| it.len() <= TYPED_BYTES_MAX).and_then(|it| it.parse().ok());
    let parsed = parsed.filter(|it| *it <= DAILY_QUOTA_MAX);
    if parsed.is_none() {
        let most = grouped(DAILY_QUOTA_MAX.into());
        errors.add("daily_quota", format!("Enter a whole number of requests from 1 to {most}."));
    }
    parsed
}

/// What stands in the fields of the form of this key.
pub(super) fn values(key: &Key) -> (Option<String>, Option<String>) {
    let rate =
        key.limits.rate.map(|it| it.rate().map_or_else(|| it.to_string(), |rate| rate.typed())).unwrap_or_default();
    let quota = match key.limits.daily_quota {
        None => String::new(),
        Some(0) => RateSetting::NONE.to_owned(),
        Some(quota) => quota.to_string(),
    };
    (Some(rate), Some(quota))
}

/// The fields as they are shown.
pub(super) fn inputs(visit: &Visit, form: &KeyForm) -> LimitInputs {
    let default = visit.app.replica().policy(visit.organization_id()).map(|it| it.default_limits()).unwrap_or_default();
    // Under a lock nobody is offered what would be refused.
    let hint = |how: &str, holds: Option<String>, is_locked: bool| match holds {
        Some(holds) if is_locked => {
            format!("{how}. Empty: as the policy has it, {holds}. It is locked: a key can only have less.")
        }
        Some(holds) => format!("{how}; none for no limit. Empty: as the policy has it, {holds}."),
        None => format!("{how}. Empty: as often as it likes."),
    };
    let shown = |it: &Option<String>| typed(it.as_deref().unwrap_or_default());
    LimitInputs {
        rate: shown(&form.rate),
        rate_hint: hint(
            "So many requests in a period, such as 100/10s",
            default.rate.as_ref().map(Rate::in_words),
            default.is_rate_locked,
        ),
        daily_quota: shown(&form.daily_quota),
        daily_quota_hint: hint(
            &format!(
                "So many requests a day, which begins at midnight UTC; at most {}",
                grouped(u64::from(DAILY_QUOTA_MAX))
            ),
            default.daily_quota.map(quota_words),
            default.is_daily_quota_locked,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_said_in_words() {
        assert_eq!(
            (quota_words(1), quota_words(5000)),
            ("1 request a day".to_owned(), "5,000 requests a day".to_owned())
        );
    }

    #[test]
    fn limits_are_read_as_people_type_them() {
        let read = |rate: &str, quota: &str| {
            let (rate, daily_quota) = (Some(rate.to_owned()), Some(quota.to_owned()));
            let mut errors = FormErrors::default();
            let asked = Asked::read(&KeyForm { rate, daily_quota, ..KeyForm::default() }, &mut errors);
            (errors.of("rate").is_none(), errors.of("daily_quota").is_none(), asked.limits(&KeyLimits::default()))
        };
        let limits = |json: &str| serde_json::from_str(json).unwrap();
        for (rate, quota, expected) in [
            ("", "", "{}"),
            (" 100/10S ", "5,000", r#"{"rate":"100/10s","daily_quota":5000}"#),
            ("None", "none", r#"{"rate":"none","daily_quota":0}"#),
            ("1/1d", "0", r#"{"rate":"1/86400s","daily_quota":0}"#),
        ] {
            assert_eq!(read(rate, quota), (true, true, limits(expected)), "{rate} {quota}");
        }
        for (rate, quota) in
            [("100", "-1"), ("often", "1.5"), ("0/10s", "1000000001"), (&*"9".repeat(50), &*"9".repeat(50))]
        {
            let (rate_ok, quota_ok, _) = read(rate, quota);
            assert!(!rate_ok && !quota_ok, "{rate} {quota}");
        }
        let before = limits(r#"{"rate":"5/1s","daily_quota":7}"#);
        assert_eq!(Asked::default().limits(&before), before, "what was not sent stays");
    }
}
