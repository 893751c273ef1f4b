//! How often a key may be used, on the wire: what it says itself, and what is left.

use std::time::Duration;

use claviger_core::key_limits::{KeyLimits, RateSetting};
use claviger_verifier::limiter::{Admission, QuotaLeft, RateLeft};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::fields::{Field, Object, optional};
use super::numbers::within;

/// How often a key may be used. What is left out or null is as the policy of its organization says (`default_rate`, `default_daily_quota`); where that is
/// locked, a key can only say less.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({"rate": "100/10s", "daily_quota": 200_000}))]
pub(super) struct KeyLimitsBody {
    /// So many requests in a period of seconds (`s`), minutes (`m`), hours (`h`) or a day (`1d`), all of which may come at once and then come back one by
    /// one, evenly; `none` for as often as it likes. Up to 1,000,000 requests, from a second to a day. In answers the period is in seconds.
    #[schema(pattern = "^(none|[0-9]{1,7}/[0-9]{0,5}[smhd])$", examples("100/10s", "none"))]
    pub rate: Option<String>,
    /// So many requests in a day, which begins at midnight UTC; zero for as often as it likes.
    #[schema(maximum = 1_000_000_000)]
    pub daily_quota: Option<u32>,
}

impl From<&KeyLimits> for KeyLimitsBody {
    fn from(it: &KeyLimits) -> Self {
        Self { rate: it.rate.map(|it| it.to_string()), daily_quota: it.daily_quota }
    }
}

/// Reads a quota; `pointer` is its place in the body.
pub(super) fn quota(pointer: &'static str, it: Option<u32>) -> Field<Option<u32>> {
    it.map(|it| within(pointer, it)).transpose()?;
    Ok(it)
}

/// Reads what a key says itself; null is nothing.
pub(super) fn key_limits(it: Option<Object<KeyLimitsBody>>) -> Field<KeyLimits> {
    let Object(body) = it.unwrap_or_default();
    let rate: Option<RateSetting> = optional("/limits/rate", body.rate.as_deref())?;
    Ok(KeyLimits { rate, daily_quota: quota("/limits/daily_quota", body.daily_quota)? })
}

/// What is left of a key's limits.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LimitsLeftView {
    /// Of its rate; null where it has none.
    #[schema(required)]
    pub rate: Option<RateLeftView>,
    /// Of its quota of a day; null where it has none.
    #[schema(required)]
    pub daily_quota: Option<QuotaLeftView>,
}

/// What is left of a rate.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RateLeftView {
    /// Requests in its period.
    pub requests: u32,
    /// Seconds of its period.
    pub period_secs: u64,
    /// How many more may come at this very moment.
    pub remaining: u32,
    /// Milliseconds until nothing of it is used any more.
    pub full_in_ms: u64,
}

/// What is left of a quota.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct QuotaLeftView {
    /// Requests in a day.
    pub requests: u32,
    /// How many more may come today.
    pub remaining: u32,
    /// Milliseconds until the day ends, at midnight UTC.
    pub resets_in_ms: u64,
}

/// Whole milliseconds, rounded up, so that whoever waits as long as that is let in.
pub(super) fn whole_millis(it: Duration) -> u64 {
    u64::try_from(it.as_micros().div_ceil(1000)).unwrap_or(u64::MAX)
}

impl From<&Admission> for LimitsLeftView {
    fn from(it: &Admission) -> Self {
        let rate = |it: RateLeft| RateLeftView {
            requests: it.rate.requests(),
            period_secs: it.rate.period().as_secs(),
            remaining: it.remaining,
            full_in_ms: whole_millis(it.full_in),
        };
        let quota = |it: QuotaLeft| QuotaLeftView {
            requests: it.quota,
            remaining: it.remaining,
            resets_in_ms: whole_millis(it.resets_in),
        };
        Self { rate: it.rate.map(rate), daily_quota: it.quota.map(quota) }
    }
}
