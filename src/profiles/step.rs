//! Arrays of back-dated values: record i is `base + i * step`.
use super::literal;
use crate::codecs::{Decimal, Sent, SentTime};
use crate::model::settings::{Section, parse_duration};
use jiff::civil::DateTime;
use std::borrow::Cow;
use toml::Value;

/// How far each record is from the one before.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step<S> {
    /// By the profile, in nanoseconds.
    Fixed(i64),
    /// By the payload.
    Sent {
        /// The layout's place.
        source: S,
        /// Nanoseconds of one.
        unit_nanos: i64,
        /// The first record is the latest.
        back: bool,
    },
}

/// A year: whatever is further from the base is no series.
const STEP_NANOS_MAX: i64 = 366 * 86_400 * 1_000_000_000;

impl<S> Step<S> {
    /// Reads `step`: a time such as "-15min", or a table with a place, `unit` (s, ms, min, h) and `back`.
    pub(super) fn read(
        section: &mut Section<'_>,
        source: impl FnOnce(&mut Section<'_>) -> Option<S>,
    ) -> Option<Self> {
        if !section.has("step") {
            return None;
        }
        let value = section.raw("step")?;
        if let Value::Table(table) = value {
            return section.nested("step", table, |step| {
                let unit_nanos = match step.word("unit", &["s", "ms", "min", "h"]) {
                    Some("ms") => 1_000_000,
                    Some("min") => 60_000_000_000,
                    Some("h") => 3_600_000_000_000,
                    _ => 1_000_000_000,
                };
                let back = step.flag("back").unwrap_or_default();
                let source = source(step)?;
                Some(Self::Sent {
                    source,
                    unit_nanos,
                    back,
                })
            });
        }
        let nanos = value.as_str().and_then(signed);
        if nanos.is_none() {
            let rule = "must be a time of at most 366d, such as \"-15min\", or a table";
            section.problem("step", &value, rule);
        }
        nanos.map(Self::Fixed)
    }

    /// Why records that lie `nanos` apart have no times that could be right.
    pub(super) fn unreckoned(
        &self,
        nanos: i64,
        base: &SentTime<'_>,
        records: usize,
    ) -> Option<&'static str> {
        if records <= 1 {
            return None;
        }
        if nanos > 0 && *base == SentTime::Absent {
            return Some(
                "the payload has no time to count its records from, and reckoned forward \
                         from now they would lie ahead",
            );
        }
        let one = nanos == 0 && matches!(self, Self::Sent { .. });
        one.then_some("the payload says that its records are 0 apart, so that they have no times")
    }

    /// Nanoseconds from one record to the next; `None`: the payload does not say, or nonsense.
    pub(super) fn nanos<'a>(&self, sent: impl FnOnce(&S) -> Option<Sent<'a>>) -> Option<i64> {
        match self {
            Self::Fixed(nanos) => Some(*nanos),
            Self::Sent {
                source,
                unit_nanos,
                back,
            } => {
                let nanos = scaled(&sent(source)?, *unit_nanos)?;
                let fits = nanos.unsigned_abs() <= STEP_NANOS_MAX.unsigned_abs();
                fits.then_some(if *back { -nanos } else { nanos })
            }
        }
    }
}

/// "-15min", "1h".
fn signed(text: &str) -> Option<i64> {
    let (sign, rest) = match text.trim().strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.trim()),
    };
    let nanos = i64::try_from(parse_duration(rest)?.as_nanos()).ok()?;
    (nanos <= STEP_NANOS_MAX).then_some(sign * nanos)
}

/// A sent number of a unit as nanoseconds.
fn scaled(sent: &Sent<'_>, unit_nanos: i64) -> Option<i64> {
    let number = match sent {
        Sent::Number(number, text) if text.is_empty() => Decimal::from_f64(*number),
        Sent::Number(_, text) | Sent::Text(text) => Decimal::parse(literal::plain(text)?),
        _ => None,
    }?;
    let unit = Decimal::new(unit_nanos.into(), -9);
    i64::try_from(number.times(unit)?.nanos()).ok()
}

/// `time` moved by `nanos`: a back-dated value. Without a time it is counted from the reception.
pub(super) fn moved<'a>(time: &SentTime<'a>, nanos: i64) -> SentTime<'a> {
    match time {
        SentTime::Absent => SentTime::Relative(nanos),
        SentTime::Unix(base) => SentTime::Unix(base.saturating_add(nanos)),
        SentTime::Relative(base) => SentTime::Relative(base.saturating_add(nanos)),
        SentTime::Number(text) => number_moved(text, nanos).unwrap_or_else(|| time.clone()),
        SentTime::Text(text) => text_moved(text, nanos).unwrap_or_else(|| time.clone()),
    }
}

fn number_moved<'a>(text: &str, nanos: i64) -> Option<SentTime<'a>> {
    let base = Decimal::parse(text)?;
    // As intake reads it.
    let milliseconds = base.nanos() >= 100_000_000_000 * 1_000_000_000;
    let power = if milliseconds { -3 } else { 0 };
    let base = base.times(Decimal::new(1, power))?.nanos();
    let time = i64::try_from(base.checked_add(nanos.into())?).ok()?;
    Some(SentTime::Unix(time))
}

fn text_moved<'a>(text: &str, nanos: i64) -> Option<SentTime<'a>> {
    let text = text.trim();
    let span = jiff::SignedDuration::from_nanos(nanos);
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        let time = time.checked_add(span).ok()?.as_nanosecond();
        return i64::try_from(time).ok().map(SentTime::Unix);
    }
    let wall: DateTime = text.parse().ok()?;
    let wall = wall.checked_add(span).ok()?;
    Some(SentTime::Text(Cow::Owned(wall.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_writing_of_a_time_is_moved() {
        let step = signed("-15min").expect("a step");
        let at = |secs: i64| SentTime::Unix(secs * 1_000_000_000);
        assert_eq!(moved(&SentTime::Absent, step), SentTime::Relative(step));
        assert_eq!(moved(&at(1_800_000_000), 2 * step), at(1_799_998_200));
        for number in ["1800000000", "1800000000000", "1800000000.0"] {
            assert_eq!(
                moved(&SentTime::Number(number.into()), step),
                at(1_799_999_100)
            );
        }
        assert_eq!(
            moved(&SentTime::Text("2026-11-23 00:00:00".into()), step),
            SentTime::Text("2026-11-22T23:45:00".into())
        );
        assert_eq!(
            moved(&SentTime::Text("2027-01-15T08:00:00Z".into()), step),
            at(1_799_999_100)
        );
        let nonsense = SentTime::Text("yesterday".into());
        assert_eq!(moved(&nonsense, step), nonsense);
    }

    #[test]
    fn steps_of_payloads_have_units_and_bounds() {
        let mut problems = Vec::new();
        let table =
            toml::from_str("step = { path = 'i', unit = 'min', back = true }").expect("TOML");
        let mut section = Section::new("", table, &mut problems);
        let step = Step::read(&mut section, |step| step.text("path")).expect("a step");
        let sent = |text: &'static str| step.nanos(|_| Some(Sent::Text(text.into())));
        assert_eq!(sent("+015"), signed("-15min"));
        assert_eq!(sent("x"), None);
        assert_eq!(sent("999999999"), None);
        let mut section = Section::new(
            "",
            toml::from_str("step = '500d'").expect("TOML"),
            &mut problems,
        );
        assert_eq!(Step::<()>::read(&mut section, |_| None), None);
        assert_eq!(problems.len(), 1);
    }
}
