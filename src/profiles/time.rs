//! The time of a value, as a vendor writes it.
//!
//! Nothing here fails: a clock that says nonsense must not cost a reading. What cannot be read goes
//! on as the text that was sent, which intake judges as it judges every clock.
use super::literal::{self, Literals};
use crate::codecs::{Decimal, Sent, SentTime};
use crate::model::Timestamp;
use crate::model::settings::Section;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use std::borrow::Cow;

/// How a time is written.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct TimeRule {
    unit: Unit,
    /// Of a text; `None`: RFC 3339, with or without an offset.
    format: Option<Box<str>>,
    /// Of wall times; `None`: the device's.
    zone: Option<TimeZone>,
    /// Sent values that mean: no time.
    absent: Literals,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Unit {
    /// Seconds, or milliseconds from 1e11 on.
    #[default]
    BySize,
    Seconds,
    Milliseconds,
    Text,
}

/// A time that every format must be able to write and read back.
const PROBE: DateTime = DateTime::constant(2026, 11, 23, 8, 15, 30, 0);

impl TimeRule {
    /// Reads `unit`, `format`, `zone` and `absent`.
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let unit = match section.word("unit", &["s", "ms", "text"]) {
            Some("s") => Unit::Seconds,
            Some("ms") => Unit::Milliseconds,
            Some("text") => Unit::Text,
            _ => Unit::BySize,
        };
        let format = section.get("format", FORMAT_RULE, |value| {
            let format = value.as_str()?;
            (format.len() <= 64 && reads_back(format)).then(|| Box::from(format))
        });
        let zone = section.get(
            "zone",
            "must be a time zone, such as Asia/Shanghai",
            |value| TimeZone::get(value.as_str()?).ok(),
        );
        Self {
            unit,
            // Written out, a Z means UTC; strptime takes it for a letter.
            zone: zone.or_else(|| {
                let utc = format.as_ref().is_some_and(|format| literal_z(format));
                utc.then_some(TimeZone::UTC)
            }),
            format,
            absent: Literals::read(section, "absent"),
        }
    }

    /// The time for intake to judge.
    pub(super) fn sent<'a>(&self, sent: Sent<'a>) -> SentTime<'a> {
        if self.absent.has(&sent) {
            return SentTime::Absent;
        }
        match sent {
            Sent::Null => SentTime::Absent,
            Sent::Number(number, text) => match (self.unit, &self.format) {
                // Digits that are a date: 20261123081530.
                (Unit::Text, _) | (_, Some(_)) => self.text(written(number, text)),
                _ => self.number(number, text),
            },
            Sent::Text(text) => self.text(text),
            Sent::Data(text) | Sent::NotFinite(text) => SentTime::Text(text),
            Sent::Flag(flag) => SentTime::Text(Cow::Borrowed(if flag { "true" } else { "false" })),
        }
    }

    fn number<'a>(&self, number: f64, text: Cow<'a, str>) -> SentTime<'a> {
        let decimal = || {
            if text.is_empty() {
                Decimal::from_f64(number)
            } else {
                Decimal::parse(literal::plain(&text)?)
            }
        };
        let unix = |power| {
            let nanos = decimal()?.times(Decimal::new(1, power))?.nanos();
            let bounds = (i128::from(i64::MIN), i128::from(i64::MAX));
            i64::try_from(nanos.clamp(bounds.0, bounds.1)).ok()
        };
        let unix = match self.unit {
            Unit::Seconds => unix(0),
            Unit::Milliseconds => unix(-3),
            Unit::BySize | Unit::Text => None,
        };
        match unix {
            Some(nanos) => SentTime::Unix(nanos),
            None => SentTime::Number(written(number, text)),
        }
    }

    fn text<'a>(&self, text: Cow<'a, str>) -> SentTime<'a> {
        let number = literal::number(&text).filter(|_| self.format.is_none());
        if let (Some(number), false) = (number, self.unit == Unit::Text) {
            return self.number(number, text);
        }
        let Some(wall) = self.wall(&text) else {
            return match &self.zone {
                Some(zone) if self.format.is_none() => Timestamp::parse(&text, zone)
                    .map_or(SentTime::Text(text), |time| SentTime::Unix(time.as_nanos())),
                _ => SentTime::Text(text),
            };
        };
        match wall {
            Wall::Instant(nanos) => SentTime::Unix(nanos),
            Wall::Local(wall) => match &self.zone {
                None => SentTime::Text(Cow::Owned(wall.to_string())),
                Some(zone) => zone
                    .to_timestamp(wall)
                    .ok()
                    .and_then(|time| i64::try_from(time.as_nanosecond()).ok())
                    .map_or(SentTime::Text(text), SentTime::Unix),
            },
        }
    }

    /// By the format, where there is one.
    fn wall(&self, text: &str) -> Option<Wall> {
        let parsed = strtime::parse(&**self.format.as_ref()?, text.trim()).ok()?;
        if let Ok(time) = parsed.to_timestamp() {
            let nanos = i64::try_from(time.as_nanosecond()).ok()?;
            return Some(Wall::Instant(nanos));
        }
        parsed.to_datetime().ok().map(Wall::Local)
    }
}

enum Wall {
    /// With an offset of its own.
    Instant(i64),
    Local(DateTime),
}

const FORMAT_RULE: &str =
    "must be a strptime format that gives date and time, such as %Y%m%d%H%M%S";

/// Ends in a Z that is no directive.
fn literal_z(format: &str) -> bool {
    format
        .strip_suffix('Z')
        .is_some_and(|rest| !rest.ends_with(['%', ':']))
}

/// Does the format give back what it was given, to the minute at least?
fn reads_back(format: &str) -> bool {
    let Ok(zoned) = TimeZone::UTC.to_zoned_datetime(PROBE) else {
        return false;
    };
    let written = strtime::format(format, &zoned);
    let read = written
        .ok()
        .and_then(|text| strtime::parse(format, &text).ok());
    let date = |read: strtime::BrokenDownTime| {
        let time = read
            .to_timestamp()
            .map(|time| TimeZone::UTC.to_datetime(time));
        time.or_else(|_| read.to_datetime()).ok()
    };
    read.and_then(date).is_some_and(|read| {
        read.date() == PROBE.date()
            && (read.hour(), read.minute()) == (PROBE.hour(), PROBE.minute())
    })
}

/// The digits of a number.
pub(super) fn written(number: f64, text: Cow<'_, str>) -> Cow<'_, str> {
    if text.is_empty() {
        return Cow::Owned(number.to_string());
    }
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(literal::plain(text).unwrap_or(text)),
        owned @ Cow::Owned(_) => owned,
    }
}
