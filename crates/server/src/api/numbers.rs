//! The bounds of numbers that callers send, told alike whatever is wrong with one: too small, too large, negative, or none at all.
//!
//! A number is kept in a type that holds more than it may be; told of that, who sends -1 would learn of bounds that do not hold.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use claviger_core::limits::{
    DAILY_QUOTA_MAX, KEYS_PER_USER_MAX, PAGE_ITEMS_MAX, REQUEST_COST_MAX, UNUSED_DAYS_MAX, WEBHOOK_OVERLAP_HOURS_MAX,
};
use claviger_core::policy::ROTATION_OVERLAP_HOURS_MAX;
use claviger_core::reject::FieldReject;
use claviger_core::words::grouped;
use serde::{Deserialize, Deserializer, de};

use super::fields::Field;

/// The bounds of each by the name that it has, wherever it stands.
const BOUNDS: [(&str, RangeInclusive<u64>); 10] = [
    ("cost", 1..=REQUEST_COST_MAX as u64),
    ("daily_quota", 0..=DAILY_QUOTA_MAX as u64),
    ("default_daily_quota", 0..=DAILY_QUOTA_MAX as u64),
    ("expiry_days_default", 1..=u16::MAX as u64),
    ("limit", 1..=PAGE_ITEMS_MAX as u64),
    ("max_keys_per_user", 0..=KEYS_PER_USER_MAX as u64),
    // Below, a verifier would deny between two flushes; above, a revocation would be a rumour.
    ("max_stale_secs", 5..=86_400),
    ("overlap_secs", 0..=ROTATION_OVERLAP_HOURS_MAX as u64 * 3600),
    ("rotation_overlap_hours", 0..=ROTATION_OVERLAP_HOURS_MAX as u64),
    ("unused_days", 1..=UNUSED_DAYS_MAX as u64),
];
/// Those of a webhook's `overlap_secs`, which is another than a key's.
pub(super) const HOOK_OVERLAP_SECS: RangeInclusive<u64> = 0..=WEBHOOK_OVERLAP_HOURS_MAX * 3600;

/// What may stand in the field of this pointer, or the parameter of this name, in words; absent where it has no bounds but its type's.
pub(super) fn wanted(pointer: &str) -> Option<String> {
    bounds(pointer).map(|it| words(&it))
}

/// Refuses a number that is beyond the bounds of its field or parameter, and each of one that has none here: whoever asks for a bound that was left
/// out would take every number.
pub(super) fn within(pointer: impl Into<Cow<'static, str>>, number: impl Into<u64>) -> Field<()> {
    let pointer = pointer.into();
    match bounds(&pointer) {
        Some(bounds) => within_bounds(pointer, number, &bounds),
        None => Err(FieldReject { pointer, detail: "is no number that has bounds here".to_owned() }),
    }
}

/// Refuses a number that is beyond these.
pub(super) fn within_bounds(
    pointer: impl Into<Cow<'static, str>>,
    number: impl Into<u64>,
    bounds: &RangeInclusive<u64>,
) -> Field<()> {
    let number = number.into();
    if bounds.contains(&number) {
        return Ok(());
    }
    let detail = format!("must be {}, and is the number {number}", words(bounds));
    Err(FieldReject { pointer: pointer.into(), detail })
}

/// Reads a webhook's `overlap_secs`.
pub(super) fn hook_overlap<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    Option::deserialize(deserializer).map_err(|error: D::Error| {
        let text = error.to_string();
        let found = text.rsplit_once(", expected ").map_or(text.as_str(), |(found, _)| found);
        de::Error::custom(format!("{found}, expected {}", words(&HOOK_OVERLAP_SECS)))
    })
}

fn bounds(pointer: &str) -> Option<RangeInclusive<u64>> {
    let name = pointer.rsplit('/').next()?;
    BOUNDS.into_iter().find(|(it, _)| *it == name).map(|(_, bounds)| bounds)
}

fn words(bounds: &RangeInclusive<u64>) -> String {
    format!("a whole number from {} to {}", grouped(*bounds.start()), grouped(*bounds.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_held_against_the_bounds_of_its_field() {
        let told = |pointer: &'static str, number: u32| within(pointer, number).err().map(|it| it.detail);
        assert_eq!(told("/limits/daily_quota", 1_000_000_000), None);
        let detail = "must be a whole number from 0 to 1,000,000,000, and is the number 1000000001";
        assert_eq!(told("/limits/daily_quota", 1_000_000_001).as_deref(), Some(detail));
        assert_eq!([told("/requests/0/cost", 0).is_some(), told("cost", 1).is_some()], [true, false]);
        assert!(told("/metadata/height", 1).is_some(), "a bound that was left out is no bound that everything fits");
        assert_eq!(wanted("unused_days").as_deref(), Some("a whole number from 1 to 3,650"));
    }
}
