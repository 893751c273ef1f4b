//! Instants and the clock they come from.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An instant in microseconds since the Unix epoch, UTC; between 1970 and the end of the year 9999.
///
/// Microseconds in an `i64` are what both engines store, so an instant survives a round trip unchanged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The text or number is not an instant between 1970 and 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 instant between the years 1970 and 9999")]
pub struct TimestampError;

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const MIN: Self = Self(0);
    /// 9999-12-30T21:59:59.999999Z: a day and a few hours before the last instant that RFC 3339 can write, since that of
    /// the calendar's arithmetic lies there, so that every offset from UTC can still show it.
    pub const MAX: Self = Self(253_402_207_199_999_999);

    /// From microseconds since the Unix epoch.
    ///
    /// # Errors
    /// [`TimestampError`] before 1970 and after 9999.
    pub const fn from_micros(micros: i64) -> Result<Self, TimestampError> {
        if micros < Self::MIN.0 || Self::MAX.0 < micros { Err(TimestampError) } else { Ok(Self(micros)) }
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Whole milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// This instant plus `by`, at most [`Self::MAX`]: a lifetime of a million years is "until the end of time", not an error.
    #[must_use]
    pub fn saturating_add(self, by: Duration) -> Self {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(by).min(Self::MAX.0))
    }

    /// This instant minus `by`, at least [`Self::MIN`].
    #[must_use]
    pub fn saturating_sub(self, by: Duration) -> Self {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(by).max(Self::MIN.0))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    fn jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).expect("the range of this type lies within jiff's")
    }

    /// `YYYY-MM-DD HH:MM:SS` in UTC, the form that people read in tables.
    pub fn to_table_text(self) -> String {
        self.jiff().strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// `20 Feb 2027`, the form that people read in sentences.
    pub fn to_date_text(self) -> String {
        self.jiff().strftime("%-d %b %Y").to_string()
    }

    /// `18:59`: the hour in UTC, for what is less than a day away.
    pub fn to_hour_text(self) -> String {
        self.jiff().strftime("%H:%M").to_string()
    }

    /// `2027-02-20`: the day in UTC, the form that programs read.
    pub fn to_day_text(self) -> String {
        self.jiff().strftime("%Y-%m-%d").to_string()
    }

    /// `Mon, 01 Mar 2027 00:00:00 GMT`, the form of HTTP.
    pub fn to_http_text(self) -> String {
        self.jiff().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    /// Whether a day begins with it in UTC, and so another one ends.
    pub const fn is_midnight(self) -> bool {
        self.as_micros() % 86_400_000_000 == 0
    }

    /// An instant on the last day of what ends with this one. Midnight is the end of the day before: that is how people give a day to a key, and
    /// whoever gave it reads the same day again.
    #[must_use]
    pub fn on_last_day(self) -> Self {
        self.saturating_sub(Duration::from_micros(1))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.jiff(), f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed: jiff::Timestamp = text.parse().map_err(|_| TimestampError)?;
        Self::from_micros(parsed.as_microsecond())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl<C> minicbor::Encode<C> for Timestamp {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.i64(self.0)?;
        Ok(())
    }
}

impl<'b, C> minicbor::Decode<'b, C> for Timestamp {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::from_micros(d.i64()?).map_err(minicbor::decode::Error::custom)
    }
}

/// Where "now" comes from. The server has the machine's clock, tests and `claviger dev` have one they can set.
pub trait Clock: Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_rfc_3339_in_utc() {
        let at = Timestamp::from_micros(1_795_214_400_000_000).expect("in range");
        assert_eq!(at.to_string(), "2026-11-20T22:40:00Z");
        assert_eq!(at.to_table_text(), "2026-11-20 22:40:00");
        assert_eq!([at.to_day_text(), at.to_date_text(), at.to_hour_text()], ["2026-11-20", "20 Nov 2026", "22:40"]);
        assert_eq!(at.to_http_text(), "Fri, 20 Nov 2026 22:40:00 GMT");
        assert_eq!("2026-11-20T23:40:00+01:00".parse(), Ok(at));
    }

    #[test]
    fn years_beyond_9999_are_refused_and_sums_stop_there() {
        assert_eq!(Timestamp::from_micros(Timestamp::MAX.as_micros() + 1), Err(TimestampError));
        assert_eq!(Timestamp::MAX.saturating_add(Duration::from_secs(1)), Timestamp::MAX);
        assert_eq!(Timestamp::MIN.saturating_sub(Duration::MAX), Timestamp::MIN);
        assert!("12000-01-01T00:00:00Z".parse::<Timestamp>().is_err());
        for text in
            [Timestamp::MIN, Timestamp::MAX].map(|it| (it, it.to_string(), it.to_table_text(), it.to_date_text()))
        {
            assert_eq!(text.1.parse(), Ok(text.0), "{text:?}");
        }
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-30T21:59:59.999999Z");
        assert!("9999-12-31T23:59:59Z".parse::<Timestamp>().is_err());
    }

    proptest! {
        #[test]
        fn text_survives_a_round_trip(micros in 0..=Timestamp::MAX.as_micros()) {
            let at = Timestamp::from_micros(micros).expect("in range");
            prop_assert_eq!(at.to_string().parse(), Ok(at));
        }
    }
}
