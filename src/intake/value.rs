//! One sample as a reading: its name, value, unit and labels, as the catalogue has them.
use super::normalise::{Context, modulus};
use crate::catalogue::{Catalogue, LABEL_LEN_MAX, LABELS, Metric, Type, UnitError, is_label_value};
use crate::codecs::{Reason, Sample, Sent, quote};
use crate::model::{Quality, ReadingDraft, Value};
use std::borrow::Cow;

/// Longest text value, in bytes.
const TEXT_LEN_MAX: usize = 256;

type Bad = (Reason, String);

/// One sample as a reading at the time of reception.
pub(super) fn read<'d>(
    sample: &'d Sample<'_>,
    context: &Context<'d>,
) -> Result<ReadingDraft<'d>, Bad> {
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
            let shown = canonical(context.catalogue, metric, *number, &sample.unit)?;
            let value = match context.register.multiplier {
                Some(multiplier) if metric.multiplied => product(shown, multiplier),
                _ => shown,
            };
            if value.to_bits() != number.to_bits() {
                reading.raw = match text.as_ref() {
                    "" => Cow::Owned(number.to_string()),
                    text => Cow::Borrowed(text),
                };
                reading.raw_unit = Cow::Borrowed(&sample.unit);
            }
            reading.quality = match modulus(context.register.digits.or(sample.digits)) {
                // The register's own digits, in the unit that it shows.
                Some(modulus) if metric.register => digits_quality(modulus, *number),
                _ => range_quality(metric, context.kind, shown),
            };
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
    if let Some(origin) = &sample.origin {
        reading.raw = Cow::Borrowed(&origin.text);
        reading.raw_unit = Cow::Borrowed(&origin.unit);
    }
    Ok(reading)
}

/// A flag, a word or a text. Flags are sent as 0 and 1 by many; no other number has a meaning.
fn word<'d>(value: &'d Sent<'_>, kind: &Type, metric: &Metric) -> Result<Value<'d>, Bad> {
    match (kind, value) {
        (Type::Flag, Sent::Flag(flag)) => Ok(Value::Flag(*flag)),
        (Type::Flag, Sent::Number(number, _)) if [0.0, 1.0].contains(number) => {
            Ok(Value::Flag(*number > 0.5))
        }
        (Type::Word(words), Sent::Text(text)) => {
            if words.iter().any(|word| **word == **text) {
                return Ok(Value::Text(Cow::Borrowed(text)));
            }
            let sentence = format!("\"{}\" is none of {}", quote(text), words.join(", "));
            Err((Reason::UnknownWord, sentence))
        }
        (Type::Text, Sent::Text(text) | Sent::Data(text)) if text.len() > TEXT_LEN_MAX => {
            let sentence = format!(
                "text of {} bytes; at most {TEXT_LEN_MAX} are kept",
                text.len()
            );
            Err((Reason::TooLong, sentence))
        }
        (Type::Text, Sent::Text(text) | Sent::Data(text)) => Ok(Value::Text(Cow::Borrowed(text))),
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

/// A product of decimals as a decimal: 0.1 x 3 is 0.3. A double holds 15 digits of what was sent, and
/// a bill is no place for the sixteenth.
fn product(shown: f64, multiplier: f64) -> f64 {
    let product = shown * multiplier;
    format!("{product:.14e}").parse().unwrap_or(product)
}

/// A register never shows more than its digits, and never less than nothing.
fn digits_quality(modulus: f64, number: f64) -> Quality {
    if (0.0..modulus).contains(&number) {
        Quality::Good
    } else {
        Quality::Bad
    }
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

type Labels<'d> = Vec<(Cow<'d, str>, Cow<'d, str>)>;

fn labels<'d>(sample: &'d Sample<'_>) -> Result<Labels<'d>, Bad> {
    let mut labels: Labels<'d> = Vec::with_capacity(sample.labels.len());
    for (name, value) in &sample.labels {
        if !LABELS.contains(&name.as_ref()) {
            let sentence = format!("label `{}` is none of {}", quote(name), LABELS.join(", "));
            return Err((Reason::InvalidLabel, sentence));
        }
        if !is_label_value(value) {
            let sentence = format!(
                "label `{name}` is \"{}\"; 1 to {LABEL_LEN_MAX} of A-Z a-z 0-9 . _ : - are needed",
                quote(value)
            );
            return Err((Reason::InvalidLabel, sentence));
        }
        if labels.iter().any(|(other, _)| other == name) {
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
pub(super) fn show(value: &Sent<'_>) -> String {
    match value {
        Sent::Number(number, text) if text.is_empty() => number.to_string(),
        Sent::Number(_, text) | Sent::NotFinite(text) => quote(text),
        Sent::Flag(flag) => flag.to_string(),
        Sent::Data(text) => format!("data {}", quote(text)),
        Sent::Text(text) => format!("\"{}\"", quote(text)),
        Sent::Null => "null".to_owned(),
    }
}
