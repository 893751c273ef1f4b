//! How often a key may be used: by a rate, and by a quota for each day.
//!
//! A policy says it for all keys of an organization that say nothing themselves, and a key for itself. What a key says stands in the place of what the
//! policy says, be it more or less: a default is a default. Where the policy's is locked, it is a bound, and a key can only say less.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::rate::Rate;

/// What somebody says of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RateSetting {
    /// As often as it likes, whatever would hold otherwise.
    Unlimited,
    /// So often.
    Limited(Rate),
}

/// A text is no rate, nor the word for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be a number of requests and a period, such as 100/10s, 6000/1m or 1000/1h, up to 1,000,000 and from 1 second to 1 day; or `none`"
)]
pub struct RateSettingError;

impl RateSetting {
    /// The text for as often as it likes.
    pub const NONE: &'static str = "none";

    /// The rate, where there is one.
    pub const fn rate(self) -> Option<Rate> {
        match self {
            Self::Unlimited => None,
            Self::Limited(rate) => Some(rate),
        }
    }
}

impl From<Option<Rate>> for RateSetting {
    fn from(rate: Option<Rate>) -> Self {
        rate.map_or(Self::Unlimited, Self::Limited)
    }
}

impl FromStr for RateSetting {
    type Err = RateSettingError;

    fn from_str(text: &str) -> Result<Self, RateSettingError> {
        if text == Self::NONE {
            return Ok(Self::Unlimited);
        }
        text.parse().map(Self::Limited).map_err(|_| RateSettingError)
    }
}

impl fmt::Display for RateSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => f.write_str(Self::NONE),
            Self::Limited(rate) => rate.fmt(f),
        }
    }
}

impl Serialize for RateSetting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RateSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// What a key says itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyLimits {
    /// How often it may be used; absent is as policy says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<RateSetting>,
    /// How often in a day (UTC), zero for as often as it likes; absent is as policy says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily_quota: Option<u32>,
}

/// What a policy says of the keys that say nothing themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct DefaultLimits {
    /// How often they may be used; absent is as often as they like.
    pub rate: Option<Rate>,
    /// Whether a key can only say less.
    pub is_rate_locked: bool,
    /// How often in a day; absent is as often as they like.
    pub daily_quota: Option<u32>,
    /// Whether a key can only say less.
    pub is_daily_quota_locked: bool,
}

/// What holds for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Limits {
    /// How often it may be used; absent is as often as it likes.
    pub rate: Option<Rate>,
    /// How often in a day (UTC); absent is as often as it likes.
    pub daily_quota: Option<u32>,
}

impl KeyLimits {
    /// Itself, where it says anything.
    pub fn set(&self) -> Option<&Self> {
        (*self != Self::default()).then_some(self)
    }

    /// What holds where policy says this.
    pub fn within(&self, default: &DefaultLimits) -> Limits {
        Limits {
            rate: rate_within(default.rate, default.is_rate_locked, self.rate),
            daily_quota: quota_within(default.daily_quota, default.is_daily_quota_locked, self.daily_quota),
        }
    }
}

impl DefaultLimits {
    /// What holds for a key that says nothing itself.
    pub const fn limits(&self) -> Limits {
        Limits { rate: self.rate, daily_quota: self.daily_quota }
    }
}

impl Limits {
    /// Whether it limits nothing.
    pub const fn is_none(&self) -> bool {
        self.rate.is_none() && self.daily_quota.is_none()
    }

    /// Whether whoever keeps to it keeps to the other one too.
    pub fn is_within(&self, other: &Self) -> bool {
        let rate = other.rate.is_none_or(|other| self.rate.is_some_and(|own| own.is_within(&other)));
        rate && other.daily_quota.is_none_or(|other| self.daily_quota.is_some_and(|own| own <= other))
    }
}

/// The rate that holds where `own` is said beside this one.
pub fn rate_within(above: Option<Rate>, is_locked: bool, own: Option<RateSetting>) -> Option<Rate> {
    match (above, own.map(RateSetting::rate)) {
        (above, None) => above,
        (Some(above), Some(own)) if is_locked && own.is_none_or(|own| !own.is_within(&above)) => Some(above),
        (_, Some(own)) => own,
    }
}

/// The quota that holds where `own` is said beside this one; of what is said, zero is none.
pub fn quota_within(above: Option<u32>, is_locked: bool, own: Option<u32>) -> Option<u32> {
    match (above, own.map(|own| Some(own).filter(|it| *it != 0))) {
        (above, None) => above,
        (Some(above), Some(own)) if is_locked => Some(own.map_or(above, |own| own.min(above))),
        (_, Some(own)) => own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(json: &str) -> KeyLimits {
        serde_json::from_str(json).expect("limits")
    }

    fn rate(text: &str) -> Option<Rate> {
        text.parse().ok()
    }

    #[test]
    fn a_key_says_more_or_less_than_a_default_and_only_less_than_a_bound() {
        let default = DefaultLimits { rate: rate("100/10s"), daily_quota: Some(1000), ..DefaultLimits::default() };
        let bound = DefaultLimits { is_rate_locked: true, is_daily_quota_locked: true, ..default };
        for (own, by_default, bounded) in [
            ("{}", (rate("100/10s"), Some(1000)), (rate("100/10s"), Some(1000))),
            (r#"{"rate":"5/1s","daily_quota":7}"#, (rate("5/1s"), Some(7)), (rate("5/1s"), Some(7))),
            (r#"{"rate":"200/10s","daily_quota":2000}"#, (rate("200/10s"), Some(2000)), (rate("100/10s"), Some(1000))),
            (r#"{"rate":"none","daily_quota":0}"#, (None, None), (rate("100/10s"), Some(1000))),
        ] {
            let holds = |default| limits(own).within(default);
            assert_eq!(holds(&default), Limits { rate: by_default.0, daily_quota: by_default.1 }, "{own}");
            assert_eq!(holds(&bound), Limits { rate: bounded.0, daily_quota: bounded.1 }, "{own}");
            assert!(holds(&bound).is_within(&bound.limits()), "{own}");
        }
        let nothing = DefaultLimits { is_rate_locked: true, is_daily_quota_locked: true, ..DefaultLimits::default() };
        assert!(limits("{}").within(&nothing).is_none());
        assert_eq!(limits(r#"{"daily_quota":7}"#).within(&nothing), Limits { rate: None, daily_quota: Some(7) });
    }

    #[test]
    fn less_often_is_within_and_more_often_is_not() {
        let of = |rate_text: &str, daily_quota| Limits { rate: rate(rate_text), daily_quota };
        let some = of("100/10s", Some(1000));
        assert!(some.is_within(&Limits::default()) && some.is_within(&some) && of("9/1s", Some(9)).is_within(&some));
        for wider in [
            Limits::default(),
            of("none", Some(1000)),
            of("100/10s", None),
            of("101/10s", Some(1000)),
            of("9/1s", Some(1001)),
        ] {
            assert!(!wider.is_within(&some), "{wider:?}");
        }
    }

    #[test]
    fn limits_are_read_as_they_are_written_and_nothing_else_is() {
        for (text, written) in [
            ("{}", "{}"),
            (r#"{"rate":"6000/1m"}"#, r#"{"rate":"6000/60s"}"#),
            (r#"{"daily_quota":0,"rate":"none"}"#, r#"{"rate":"none","daily_quota":0}"#),
        ] {
            assert_eq!(serde_json::to_string(&limits(text)).ok().as_deref(), Some(written));
            assert_eq!(limits(text).set().is_some(), text != "{}");
        }
        for wrong in [r#"{"rate":"often"}"#, r#"{"rate":""}"#, r#"{"daily_quota":-1}"#, r#"{"hourly":5}"#, "7"] {
            assert!(serde_json::from_str::<KeyLimits>(wrong).is_err(), "{wrong}");
        }
    }
}
