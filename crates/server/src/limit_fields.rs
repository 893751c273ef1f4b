//! The fields of an answer that say how often one may ask, and what is left of that: draft-ietf-httpapi-ratelimit-headers-11, for all surfaces.

use std::fmt::Write as _;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use claviger_core::decision::Code;
use claviger_core::rate::whole_secs;
use claviger_core::usage::Span;
use claviger_verifier::limiter::Admission;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The name of a key's rate.
const KEY: &str = "key";
/// The name of its quota of a day.
const DAY: &str = "day";

/// What is said of several limits, each by its name.
#[derive(Debug, Default)]
pub(crate) struct LimitFields {
    policies: String,
    limits: String,
}

impl LimitFields {
    /// Says of one limit: so many requests in so many seconds, and so many left, for so many seconds.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, (requests, window): (u32, u64), (remaining, secs): (u32, u64)) -> Self {
        let comma = if self.policies.is_empty() { "" } else { ", " };
        write!(self.policies, "{comma}\"{name}\";q={requests};w={window}").expect("a text takes all that is written");
        write!(self.limits, "{comma}\"{name}\";r={remaining};t={secs}").expect("a text takes all that is written");
        self
    }

    /// Says what a key's limits answered.
    pub(crate) fn of_key(admission: &Admission) -> Self {
        // Of what is used up, how long it is until it is worth asking again.
        let refused = |code| admission.refusal.filter(|it| it.code == code).map(|it| it.wait_secs());
        let mut fields = Self::default();
        if let Some(left) = &admission.rate {
            let secs = refused(Code::RateLimited).unwrap_or_else(|| whole_secs(left.full_in));
            let policy = (left.rate.requests(), left.rate.period().as_secs());
            fields = fields.with(KEY, policy, (left.remaining, secs));
        }
        if let Some(left) = &admission.quota {
            let secs = refused(Code::QuotaExceeded).unwrap_or_else(|| whole_secs(left.resets_in));
            fields = fields.with(DAY, (left.quota, Span::Day.length().as_secs()), (left.remaining, secs));
        }
        fields
    }

    /// Writes it into an answer, behind what it says of other limits already.
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        for (name, text) in [(POLICY, self.policies), (LIMIT, self.limits)] {
            if text.is_empty() {
                continue;
            }
            let before = headers.get(&name).and_then(|it| it.to_str().ok());
            let whole = before.map_or_else(|| text.clone(), |before| format!("{before}, {text}"));
            headers.insert(name, HeaderValue::try_from(whole).expect("digits, names and quotes are visible ASCII"));
        }
    }

    /// Whether an answer says of some limit already.
    pub(crate) fn stand_in(headers: &HeaderMap) -> bool {
        headers.contains_key(LIMIT)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use claviger_verifier::limiter::{QuotaLeft, RateLeft, Refusal};

    use super::*;

    fn said(admission: &Admission) -> [String; 2] {
        let mut headers = HeaderMap::new();
        LimitFields::default().with("default", (5, 10), (4, 2)).write(&mut headers);
        LimitFields::of_key(admission).write(&mut headers);
        ["ratelimit-policy", "ratelimit"].map(|it| headers[it].to_str().expect("text").to_owned())
    }

    #[test]
    fn each_limit_is_said_by_its_name_and_behind_what_is_said_already() {
        let rate =
            RateLeft { rate: "100/10s".parse().expect("a rate"), remaining: 99, full_in: Duration::from_millis(100) };
        let quota = QuotaLeft { quota: 5000, remaining: 0, resets_in: Duration::from_secs(3600) };
        let both = Admission { rate: Some(rate), quota: Some(quota), refusal: None };
        assert_eq!(
            said(&both),
            [
                r#""default";q=5;w=10, "key";q=100;w=10, "day";q=5000;w=86400"#,
                r#""default";r=4;t=2, "key";r=99;t=1, "day";r=0;t=3600"#,
            ]
        );
        let never = Refusal { code: Code::QuotaExceeded, wait: None };
        let refused = Admission { rate: None, refusal: Some(never), ..both };
        assert_eq!(said(&refused)[1], r#""default";r=4;t=2, "day";r=0;t=86400"#);
        let none = Admission { rate: None, quota: None, refusal: None };
        assert_eq!(said(&none)[1], r#""default";r=4;t=2"#);
    }
}
