//! Points in time.
use jiff::tz::TimeZone;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// A point in time: nanoseconds since 1970-01-01T00:00:00Z, without leap seconds. Reaches to 2262.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

/// Why a text is no time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no time: need RFC 3339, such as 2026-11-23T08:00:00Z, or without an offset for the device's zone"
)]
pub struct TimestampError {
    /// The text, cut to 64 characters.
    pub text: String,
}

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);
    /// 1677-09-21T00:12:43Z, the earliest.
    pub const MIN: Self = Self(i64::MIN);
    /// 2262-04-11T23:47:16Z, the latest.
    pub const MAX: Self = Self(i64::MAX);

    /// From nanoseconds since the epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From microseconds since the epoch; clamped.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// From seconds since the epoch; clamped.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Whole microseconds since the epoch, rounded down.
    pub const fn as_micros(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Whole seconds since the epoch and the nanoseconds beyond, as protobuf's `Timestamp` has them.
    pub const fn as_secs_nanos(self) -> (i64, u32) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "rem_euclid by 1e9 lies in 0..1e9"
        )]
        let nanos = self.0.rem_euclid(1_000_000_000) as u32;
        (self.0.div_euclid(1_000_000_000), nanos)
    }

    /// From protobuf's `Timestamp`; `None` outside the range of this type or with nanos not in 0..1e9.
    pub fn from_secs_nanos(secs: i64, nanos: i32) -> Option<Self> {
        if !(0..1_000_000_000).contains(&nanos) {
            return None;
        }
        secs.checked_mul(1_000_000_000)?
            .checked_add(i64::from(nanos))
            .map(Self)
    }

    /// This time plus `duration`, clamped.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let nanos = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(nanos))
    }

    /// This time minus `duration`, clamped.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let nanos = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(nanos))
    }

    /// Time since `earlier`; zero when that lies in the future.
    pub fn since(self, earlier: Self) -> Duration {
        let nanos = self.0.saturating_sub(earlier.0);
        u64::try_from(nanos).map_or(Duration::ZERO, Duration::from_nanos)
    }

    /// Reads RFC 3339; a text without an offset (`2026-11-24 00:00:00`, `T` or blank) is wall time in `zone`.
    /// A wall time that a change of the clocks skips is taken with the offset before the change.
    ///
    /// # Errors
    /// Neither form, or outside 1677..2262.
    pub fn parse(text: &str, zone: &TimeZone) -> Result<Self, TimestampError> {
        let error = || TimestampError {
            text: text.chars().take(64).collect(),
        };
        let trimmed = text.trim();
        let instant = match trimmed.parse::<jiff::Timestamp>() {
            Ok(instant) => instant,
            Err(_) => trimmed
                .parse::<jiff::civil::DateTime>()
                .and_then(|wall| zone.to_timestamp(wall))
                .map_err(|_| error())?,
        };
        i64::try_from(instant.as_nanosecond())
            .map(Self)
            .map_err(|_| error())
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with as many fraction digits as needed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(instant) => instant.fmt(f),
            Err(_) => write!(f, "{} ns", self.0),
        }
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'d> serde::Deserialize<'d> for Timestamp {
    fn deserialize<D: serde::Deserializer<'d>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <Cow<'d, str>>::deserialize(deserializer)?;
        Self::parse(&text, &TimeZone::UTC).map_err(serde::de::Error::custom)
    }
}

impl From<Timestamp> for prost_types::Timestamp {
    fn from(time: Timestamp) -> Self {
        let (seconds, nanos) = time.as_secs_nanos();
        Self {
            seconds,
            nanos: i32::try_from(nanos).unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_midnight_in_shanghai_is_sixteen_hours_utc_the_day_before() {
        let zone = TimeZone::get("Asia/Shanghai").expect("bundled");
        let time = Timestamp::parse("2026-11-24 00:00:00", &zone).expect("valid");
        assert_eq!(time.to_string(), "2026-11-23T16:00:00Z");
        let with_offset = Timestamp::parse("2026-11-24T00:00:00+02:00", &zone).expect("valid");
        assert_eq!(with_offset.to_string(), "2026-11-23T22:00:00Z");
    }

    #[test]
    fn texts_that_are_no_time_are_refused() {
        for text in [
            "",
            "yesterday",
            "2026-13-01T00:00:00Z",
            "9999-01-01T00:00:00Z",
        ] {
            assert!(Timestamp::parse(text, &TimeZone::UTC).is_err(), "{text}");
        }
    }

    #[test]
    fn negative_times_split_downwards() {
        assert_eq!(Timestamp::from_nanos(-1).as_secs_nanos(), (-1, 999_999_999));
        assert_eq!(
            Timestamp::from_secs_nanos(-1, 999_999_999),
            Some(Timestamp::from_nanos(-1))
        );
    }
}
