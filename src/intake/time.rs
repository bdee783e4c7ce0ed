//! When a reading was taken, as far as the device can be believed.
use crate::codecs::{SentTime, quote};
use crate::model::Timestamp;
use jiff::tz::TimeZone;
use std::time::Duration;

/// How far ahead of the reception a device's clock may be: slow clocks at our end, not the future.
const AHEAD_MAX: Duration = Duration::from_hours(1);
/// 2015-01-01T00:00:00Z: no NB-IoT device is older, but clocks that start at 1970, 2000 or 2010 are.
const EARLIEST: Timestamp = Timestamp::from_secs(1_420_070_400);
/// From this number on a time is in milliseconds: 1e11 s would be the year 5138, 1e11 ms is 1973.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// What to make of a device's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// None given: the reception counts.
    Absent,
    /// Believed.
    Plausible(Timestamp),
    /// Believed, and counted from the reception: a copy that comes later has another.
    Reckoned(Timestamp),
    /// Not believed; `None`: not even readable.
    Implausible(Option<Timestamp>),
}

/// Reads and judges a device's time. Wall time without an offset is in `zone`.
pub(super) fn judge(sent: &SentTime<'_>, received_at: Timestamp, zone: &TimeZone) -> Judged {
    let time = match sent {
        SentTime::Absent => return Judged::Absent,
        SentTime::Number(text) => from_number(text),
        SentTime::Text(text) => Timestamp::parse(text, zone).ok(),
        SentTime::Unix(nanos) => Some(Timestamp::from_nanos(*nanos)),
        SentTime::Relative(nanos) => {
            let time = received_at.as_nanos().saturating_add(*nanos);
            Some(Timestamp::from_nanos(time))
        }
    };
    match time {
        Some(time) if time >= EARLIEST && time <= received_at.plus(AHEAD_MAX) => match sent {
            SentTime::Relative(_) => Judged::Reckoned(time),
            _ => Judged::Plausible(time),
        },
        other => Judged::Implausible(other),
    }
}

/// The device's words.
pub(super) fn raw(sent: &SentTime<'_>) -> String {
    match sent {
        SentTime::Absent => String::new(),
        SentTime::Number(text) | SentTime::Text(text) => quote(text),
        SentTime::Unix(nanos) => seconds(*nanos),
        SentTime::Relative(nanos) => format!("{} s from now", seconds(*nanos)),
    }
}

/// Nanoseconds as seconds, without zeros at the end.
fn seconds(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let (whole, rest) = (
        nanos.unsigned_abs() / 1_000_000_000,
        nanos.unsigned_abs() % 1_000_000_000,
    );
    let text = format!("{sign}{whole}.{rest:09}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Seconds, or milliseconds from 1e11 on, with or without a fraction. Plain decimals are read
/// exactly: a double has no more than 0.2 us left at this size.
fn from_number(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let exact = fraction.len() <= 9 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if let (true, Ok(whole)) = (exact, whole.parse::<i64>()) {
        let mut billionths = fraction.parse::<i64>().unwrap_or(0);
        for _ in fraction.len()..9 {
            billionths *= 10;
        }
        let unit_nanos = if whole >= MILLISECONDS_FROM {
            1_000_000
        } else {
            1_000_000_000
        };
        let fraction_nanos = billionths / (1_000_000_000 / unit_nanos);
        let sign = if text.starts_with('-') { -1 } else { 1 };
        let nanos = whole
            .saturating_mul(unit_nanos)
            .saturating_add(sign * fraction_nanos);
        return Some(Timestamp::from_nanos(nanos));
    }
    // With an exponent, or longer than a time needs.
    let number = text.parse::<f64>().ok()?;
    #[expect(clippy::cast_precision_loss, reason = "1e11 is exact")]
    let unit = if number >= MILLISECONDS_FROM as f64 {
        1e6
    } else {
        1e9
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "clamped, and implausible then"
    )]
    Some(Timestamp::from_nanos((number * unit) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_secs(1_795_420_800);

    fn number(text: &str) -> Judged {
        judge(&SentTime::Number(text.into()), NOW, &TimeZone::UTC)
    }

    fn text(text: &str, zone: &str) -> Judged {
        let zone = TimeZone::get(zone).expect("bundled");
        judge(&SentTime::Text(text.into()), NOW, &zone)
    }

    #[test]
    fn numbers_are_seconds_or_milliseconds() {
        let at = |nanos| Judged::Plausible(Timestamp::from_nanos(nanos));
        assert_eq!(number("1763900000"), at(1_763_900_000_000_000_000));
        assert_eq!(number("1763900000000"), at(1_763_900_000_000_000_000));
        assert_eq!(
            number("1763900000.123456789"),
            at(1_763_900_000_123_456_789)
        );
        assert_eq!(number("1763900000123.5"), at(1_763_900_000_123_500_000));
        assert_eq!(number("1.7639e9"), at(1_763_900_000_000_000_000));
        assert_eq!(
            number("99999999999"),
            Judged::Implausible(Some(Timestamp::MAX)),
            "seconds, in the year 5138"
        );
        assert_eq!(
            number("100000000000"),
            Judged::Implausible(Some(Timestamp::from_secs(100_000_000)))
        );
    }

    #[test]
    fn the_future_and_the_far_past_are_implausible() {
        let secs = NOW.as_secs_nanos().0;
        assert!(matches!(
            number(&(secs + 3_600).to_string()),
            Judged::Plausible(_)
        ));
        assert!(matches!(
            number(&(secs + 3_601).to_string()),
            Judged::Implausible(_)
        ));
        assert!(matches!(number("1420070400"), Judged::Plausible(_)));
        for text in [
            "1420070399",
            "0",
            "-1763900000.5",
            "1e300",
            "1763900000000000",
        ] {
            assert!(
                matches!(number(text), Judged::Implausible(Some(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn wall_time_is_in_the_devices_zone() {
        let expected = Timestamp::from_secs(1_795_363_200); // 2026-11-22T16:00:00Z
        assert_eq!(
            text("2026-11-23 00:00:00", "Asia/Shanghai"),
            Judged::Plausible(expected)
        );
        assert_eq!(
            text("2026-11-22T16:00:00Z", "Asia/Shanghai"),
            Judged::Plausible(expected)
        );
        for unreadable in ["", "yesterday", "0000-00-00 00:00:00", "1763900000"] {
            assert_eq!(text(unreadable, "Asia/Shanghai"), Judged::Implausible(None));
        }
        assert_eq!(
            judge(&SentTime::Absent, NOW, &TimeZone::UTC),
            Judged::Absent
        );
    }

    proptest! {
        #[test]
        fn any_number_is_judged(text in "-?[0-9]{1,25}(\\.[0-9]{1,12})?([eE][+-]?[0-9]{1,3})?") {
            number(&text);
        }
    }
}
