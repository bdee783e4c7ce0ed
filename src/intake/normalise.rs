//! From samples to readings: names, units, ranges and times as the catalogue has them.
//!
//! Decisions: a metric twice in one object is refused with both values, for nobody can say which is
//! right. A reading without a believable time is kept at its reception (`UNCERTAIN`), unless the
//! report has another reading of that metric: two could not be told apart then, and they are refused
//! as a back-dated series with an implausible base. The device's own words for its time go into the
//! event `clock_wrong`, not into a label: labels tell series apart, and a label that changes with
//! every reading would make each a series of its own.
use super::time::{self, Judged};
use crate::catalogue::{Catalogue, Metric, Type, UnitError};
use crate::codecs::{Decoded, Fault, Faults, Reason, Sample, Sent, quote};
use crate::model::{Quality, ReadingDraft, Timestamp, Value};
use jiff::tz::TimeZone;
use std::borrow::Cow;
use std::ops::Range;

/// Longest text value, in bytes.
const TEXT_LEN_MAX: usize = 256;
/// The labels there are. A closed set, for each becomes a tag in stores.
const LABELS: [&str; 5] = ["phase", "tariff", "channel", "storage", "freeze"];
/// Longest label value, in bytes.
const LABEL_LEN_MAX: usize = 32;

/// What is known of a device and its uplink.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'c> {
    pub(super) catalogue: &'c Catalogue,
    pub(super) kind: &'c str,
    pub(super) zone: &'c TimeZone,
    pub(super) received_at: Timestamp,
}

/// A clock that cannot be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ClockWrong {
    /// The device's words.
    pub(super) raw: String,
    /// Seconds ahead of the reception; `None`: unreadable.
    pub(super) ahead_secs: Option<i64>,
}

/// What the readings of one device have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Every reading has a plausible time of the device's.
    pub(super) dated: bool,
    pub(super) clock: Option<ClockWrong>,
}

/// Which sample a reading came from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    group: u32,
    sample: usize,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Dated,
    Undated,
    /// Its time is not believed.
    Doubted,
    /// Another of the same name is in the same object.
    Twice,
}

/// Turns the samples in `range`, all of one device, into `readings`, and the bad ones into `faults`.
pub(super) fn normalise<'d>(
    decoded: &'d Decoded<'_>,
    range: Range<usize>,
    context: &Context<'d>,
    readings: &mut Vec<ReadingDraft<'d>>,
    origins: &mut Vec<Origin>,
    faults: &mut Faults,
) -> Outcome {
    origins.clear();
    let mut outcome = Outcome {
        dated: true,
        clock: None,
    };
    let first = range.start;
    // Samples of one group lie together, mostly: its time is judged once.
    let mut judged: Option<(u32, Judged)> = None;
    for (at, sample) in decoded
        .samples
        .get(range)
        .unwrap_or_default()
        .iter()
        .enumerate()
    {
        let time = match judged {
            Some((group, time)) if group == sample.group => time,
            _ => judge(decoded, sample.group, context),
        };
        judged = Some((sample.group, time));
        let reading = match read(sample, context) {
            Ok(reading) => reading,
            Err((reason, sentence)) => {
                let place = decoded.place_of(sample.group, &sample.metric, sample.item);
                faults.push(Fault::part(reason, place, sentence));
                continue;
            }
        };
        let mut origin = Origin {
            group: sample.group,
            sample: first + at,
            fate: Fate::Dated,
        };
        if let Some(earlier) = twice(readings, origins, &reading, sample.group) {
            origin.fate = Fate::Twice;
            let other = decoded.samples.get(earlier);
            faults.push(duplicate(decoded, sample, other));
        }
        let reading = match time {
            Judged::Plausible(time) => ReadingDraft {
                observed_at: time,
                ..reading
            },
            Judged::Absent => {
                outcome.dated = false;
                origin.fate = if origin.fate == Fate::Twice {
                    Fate::Twice
                } else {
                    Fate::Undated
                };
                reading
            }
            Judged::Implausible(claimed) => {
                outcome.dated = false;
                origin.fate = if origin.fate == Fate::Twice {
                    Fate::Twice
                } else {
                    Fate::Doubted
                };
                note_clock(
                    &mut outcome,
                    decoded,
                    sample.group,
                    claimed,
                    context.received_at,
                );
                doubt(reading)
            }
        };
        readings.push(reading);
        origins.push(origin);
    }
    if origins
        .iter()
        .any(|origin| matches!(origin.fate, Fate::Doubted | Fate::Twice))
    {
        drop_unusable(decoded, readings, origins, faults);
    }
    outcome
}

fn judge(decoded: &Decoded<'_>, group: u32, context: &Context<'_>) -> Judged {
    decoded.group(group).map_or(Judged::Absent, |group| {
        time::judge(&group.time, context.received_at, context.zone)
    })
}

fn note_clock(
    outcome: &mut Outcome,
    decoded: &Decoded<'_>,
    group: u32,
    claimed: Option<Timestamp>,
    received_at: Timestamp,
) {
    if outcome.clock.is_some() {
        return;
    }
    let raw = decoded
        .group(group)
        .map_or("", |group| time::raw(&group.time));
    let secs = |time: Timestamp| time.as_secs_nanos().0;
    outcome.clock = Some(ClockWrong {
        raw: quote(raw),
        ahead_secs: claimed.map(|claimed| secs(claimed) - secs(received_at)),
    });
}

fn doubt(mut reading: ReadingDraft<'_>) -> ReadingDraft<'_> {
    if reading.quality == Quality::Good {
        reading.quality = Quality::Uncertain;
    }
    reading
}

/// The sample of an earlier reading of the same metric and labels in the same object; marks it.
fn twice(
    readings: &[ReadingDraft<'_>],
    origins: &mut [Origin],
    reading: &ReadingDraft<'_>,
    group: u32,
) -> Option<usize> {
    let same = |other: &ReadingDraft<'_>| {
        std::ptr::eq(other.metric, reading.metric) && other.labels == reading.labels
    };
    let mut pairs = origins.iter_mut().zip(readings);
    let (origin, _) = pairs.find(|(origin, other)| origin.group == group && same(other))?;
    origin.fate = Fate::Twice;
    Some(origin.sample)
}

fn duplicate(decoded: &Decoded<'_>, sample: &Sample<'_>, other: Option<&Sample<'_>>) -> Fault {
    let earlier = other.map(|other| (show(&other.value), other.metric.as_ref()));
    let (one, name) = earlier.unwrap_or_default();
    let also = if name == sample.metric.trim() || name.is_empty() {
        String::new()
    } else {
        format!(" (as `{}`)", quote(name))
    };
    let sentence = format!(
        "`{}` is there twice, as {one}{also} and {}; neither is taken",
        quote(&sample.metric),
        show(&sample.value)
    );
    let place = decoded.place_of(sample.group, &sample.metric, sample.item);
    Fault::part(Reason::DuplicateKey, place, sentence)
}

/// Takes out what is there twice, and doubted times that would fall on another reading's.
fn drop_unusable(
    decoded: &Decoded<'_>,
    readings: &mut Vec<ReadingDraft<'_>>,
    origins: &[Origin],
    faults: &mut Faults,
) {
    let all = || origins.iter().zip(readings.iter());
    let series = |at: usize, reading: &ReadingDraft<'_>| {
        let mut others = all()
            .enumerate()
            .filter(|(other, (origin, _))| *other != at && origin.fate != Fate::Twice);
        others.any(|(_, (_, other))| {
            std::ptr::eq(other.metric, reading.metric) && other.labels == reading.labels
        })
    };
    let keep: Vec<bool> = all()
        .enumerate()
        .map(|(at, (origin, reading))| match origin.fate {
            Fate::Dated | Fate::Undated => true,
            Fate::Twice => false,
            Fate::Doubted => !series(at, reading),
        })
        .collect();
    for (origin, _) in origins
        .iter()
        .zip(&keep)
        .filter(|(origin, keep)| origin.fate == Fate::Doubted && !**keep)
    {
        let Some(sample) = decoded.samples.get(origin.sample) else {
            continue;
        };
        let raw = decoded
            .group(origin.group)
            .map_or("", |group| time::raw(&group.time));
        let sentence = format!(
            "time {} is before 2015, over an hour ahead or unreadable, and the report has other \
             readings of `{}`: without true times they cannot be told apart",
            quote(raw),
            quote(&sample.metric)
        );
        let place = decoded.place_of(origin.group, &sample.metric, sample.item);
        faults.push(Fault::part(Reason::ImplausibleTime, place, sentence));
    }
    let mut keep = keep.into_iter();
    readings.retain(|_| keep.next().unwrap_or(true));
}

type Bad = (Reason, String);

/// One sample as a reading at the time of reception.
fn read<'d>(sample: &'d Sample<'_>, context: &Context<'d>) -> Result<ReadingDraft<'d>, Bad> {
    let name = sample.metric.trim();
    let metric = context
        .catalogue
        .metric(name)
        .ok_or_else(|| unknown(name, context.catalogue))?;
    let mut reading = ReadingDraft {
        metric: &metric.name,
        unit: &metric.unit,
        value: Value::Absent,
        observed_at: context.received_at,
        quality: Quality::Good,
        labels: labels(sample)?,
        raw: Cow::Borrowed(""),
        raw_unit: Cow::Borrowed(""),
    };
    match (&sample.value, &metric.kind_of_value) {
        (Sent::Null, _) => reading.quality = Quality::NotAvailable,
        (Sent::Number(number, text), Type::Number)
            if metric.absent == Some(*number) && sample.unit.is_empty() =>
        {
            reading.quality = Quality::NotAvailable;
            reading.raw = Cow::Borrowed(text);
        }
        (Sent::Number(number, text), Type::Number) => {
            let value = canonical(context.catalogue, metric, *number, &sample.unit)?;
            if value.to_bits() != number.to_bits() {
                reading.raw = match text.as_ref() {
                    "" => Cow::Owned(number.to_string()),
                    text => Cow::Borrowed(text),
                };
                reading.raw_unit = Cow::Borrowed(&sample.unit);
            }
            reading.quality = range_quality(metric, context.kind, value);
            reading.value = Value::Number(value);
        }
        (Sent::NotFinite(literal), _) => {
            let sentence = format!(
                "{} is no number; send null where there is no value",
                quote(literal)
            );
            return Err((Reason::NotFinite, sentence));
        }
        (value, kind) => {
            let unit = sample.unit.as_ref();
            if !unit.is_empty() && unit != &*metric.unit {
                let sentence = format!("`{}` has no unit; {} was sent", metric.name, quote(unit));
                return Err((Reason::UnitMismatch, sentence));
            }
            reading.value = word(value, kind, metric)?;
            if let (Sent::Number(_, text), Value::Flag(_)) = (value, &reading.value) {
                reading.raw = Cow::Borrowed(text);
            }
        }
    }
    Ok(reading)
}

/// A flag, a word or a text. Flags are sent as 0 and 1 by many; no other number has a meaning.
fn word<'d>(value: &'d Sent<'_>, kind: &Type, metric: &Metric) -> Result<Value<'d>, Bad> {
    match (kind, value) {
        (Type::Flag, Sent::Flag(flag)) => Ok(Value::Flag(*flag)),
        (Type::Flag, Sent::Number(number, _)) if *number == 0.0 || *number == 1.0 => {
            Ok(Value::Flag(*number == 1.0))
        }
        (Type::Word(words), Sent::Text(text)) => {
            if words.iter().any(|word| **word == **text) {
                return Ok(Value::Text(Cow::Borrowed(text)));
            }
            let sentence = format!("\"{}\" is none of {}", quote(text), words.join(", "));
            Err((Reason::UnknownWord, sentence))
        }
        (Type::Text, Sent::Text(text)) if text.len() > TEXT_LEN_MAX => {
            let sentence = format!(
                "text of {} bytes; at most {TEXT_LEN_MAX} are kept",
                text.len()
            );
            Err((Reason::TooLong, sentence))
        }
        (Type::Text, Sent::Text(text)) => Ok(Value::Text(Cow::Borrowed(text))),
        _ => {
            let needed = match kind {
                Type::Number => "a number, without quotes",
                Type::Flag => "true or false",
                Type::Word(_) => "one of its words as a text",
                Type::Text => "a text",
            };
            let sentence = format!(
                "{} is not what `{}` needs: {needed}",
                show(value),
                metric.name
            );
            Err((Reason::WrongType, sentence))
        }
    }
}

fn canonical(catalogue: &Catalogue, metric: &Metric, number: f64, unit: &str) -> Result<f64, Bad> {
    if unit.is_empty() || unit == &*metric.unit {
        return Ok(number);
    }
    catalogue.convert(metric, number, unit).map_err(|error| {
        let reason = match error {
            UnitError::Unknown { .. } => Reason::UnknownUnit,
            UnitError::OtherQuantity { .. } => Reason::UnitMismatch,
        };
        (reason, error.to_string())
    })
}

/// In a real leak a gas sensor saturates: over its range it is doubted, never called bad.
fn range_quality(metric: &Metric, kind: &str, value: f64) -> Quality {
    let (min, max) = metric.range(kind);
    if value >= min && value <= max {
        Quality::Good
    } else if metric.safety && value > max {
        Quality::Uncertain
    } else {
        Quality::Bad
    }
}

fn unknown(name: &str, catalogue: &Catalogue) -> Bad {
    let near = catalogue.nearest_metric(name);
    let near = near.map_or_else(String::new, |near| format!("; the nearest is `{near}`"));
    let sentence = format!("`{}` is no metric of the catalogue{near}", quote(name));
    (Reason::UnknownMetric, sentence)
}

fn labels<'d>(sample: &'d Sample<'_>) -> Result<Vec<(Cow<'d, str>, Cow<'d, str>)>, Bad> {
    let mut labels = Vec::with_capacity(sample.labels.len());
    for (name, value) in &sample.labels {
        if !LABELS.contains(&name.as_ref()) {
            let sentence = format!("label `{}` is none of {}", quote(name), LABELS.join(", "));
            return Err((Reason::InvalidLabel, sentence));
        }
        let usable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '-');
        if value.is_empty() || value.len() > LABEL_LEN_MAX || !value.chars().all(usable) {
            let sentence = format!(
                "label `{name}` is \"{}\"; 1 to {LABEL_LEN_MAX} of A-Z a-z 0-9 . _ : - are needed",
                quote(value)
            );
            return Err((Reason::InvalidLabel, sentence));
        }
        if labels
            .iter()
            .any(|(other, _): &(Cow<'_, str>, _)| other == name)
        {
            return Err((
                Reason::DuplicateKey,
                format!("label `{name}` is there twice"),
            ));
        }
        labels.push((Cow::Borrowed(name.as_ref()), Cow::Borrowed(value.as_ref())));
    }
    Ok(labels)
}

/// A value for a sentence.
fn show(value: &Sent<'_>) -> String {
    match value {
        Sent::Number(number, text) if text.is_empty() => number.to_string(),
        Sent::Number(_, text) | Sent::NotFinite(text) => quote(text),
        Sent::Flag(flag) => flag.to_string(),
        Sent::Text(text) => format!("\"{}\"", quote(text)),
        Sent::Null => "null".to_owned(),
    }
}
