//! Round trips: what the encoders put into frames, the gateway's decoders take out, exactly.
//!
//! Meters are drawn from a seed; a failure shows the frame and both lists.
#![allow(clippy::unwrap_used, reason = "tests")]
mod cjt188;
mod dlt645;
mod dlt698;
mod uplinks;

use crate::codecs::{Decoded, Dialect, Fault, Limits, Sent, SentTime, Told, named};
use crate::sim::Rng;
use crate::sim::meters::uplink::hex;
use jiff::civil::{DateTime, date};

/// A reading as text, whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Reading {
    device: String,
    metric: String,
    value: String,
    unit: String,
    /// `freeze=settlement tariff=2`, in the order of the names.
    labels: String,
    /// Local wall time; empty: none.
    at: String,
}

impl Reading {
    /// A number with its decimals, or none.
    fn number(metric: &str, unit: &str, (number, decimals): (Option<i64>, u8)) -> Self {
        let value = number.map_or_else(|| "null".to_owned(), |number| text(number, decimals));
        Self {
            metric: metric.to_owned(),
            unit: unit.to_owned(),
            value,
            ..Self::default()
        }
    }

    fn word(metric: &str, value: &str) -> Self {
        Self {
            metric: metric.to_owned(),
            value: value.to_owned(),
            ..Self::default()
        }
    }

    fn label(mut self, name: &str, value: &str) -> Self {
        let mut labels: Vec<String> = self.labels.split_whitespace().map(str::to_owned).collect();
        labels.push(format!("{name}={value}"));
        labels.sort();
        self.labels = labels.join(" ");
        self
    }

    fn at(self, at: Option<DateTime>) -> Self {
        let at = at.map_or_else(String::new, |at| at.to_string());
        Self { at, ..self }
    }

    fn of(self, device: &str) -> Self {
        let device = device.to_owned();
        Self { device, ..self }
    }
}

/// 1234 with two decimals is `12.34`.
fn text(number: i64, decimals: u8) -> String {
    let sign = if number < 0 { "-" } else { "" };
    let width = usize::from(decimals) + 1;
    let mut digits = format!("{:0width$}", number.unsigned_abs());
    if decimals > 0 {
        digits.insert(digits.len() - usize::from(decimals), '.');
    }
    format!("{sign}{digits}")
}

/// What the gateway reads out of a payload: readings, parts that are bad, names of events.
fn read(
    profile: &str,
    dialect: Dialect,
    payload: &[u8],
) -> (Vec<Reading>, Vec<Fault>, Vec<String>) {
    let (_, codec) = named(profile).unwrap();
    let told = Told {
        limits: Limits {
            readings_max: 100_000,
        },
        dialect,
        dialect_of: &|_| None,
    };
    let mut out = Decoded::default();
    let result = codec.decode(payload, told, &mut out);
    let readings = out.samples.iter().map(|sample| {
        let group = out.group(sample.group).unwrap();
        let value = match &sample.value {
            Sent::Number(value, text) => {
                assert_eq!(
                    text.parse::<f64>().unwrap().to_bits(),
                    value.to_bits(),
                    "{text}"
                );
                text.to_string()
            }
            Sent::Flag(flag) => flag.to_string(),
            Sent::Text(text) => text.to_string(),
            Sent::Null => "null".to_owned(),
            other => panic!("{other:?}"),
        };
        let mut reading = Reading {
            device: out.device_of(sample.group).unwrap_or_default().to_owned(),
            metric: sample.metric.to_string(),
            value,
            unit: sample.unit.to_string(),
            labels: String::new(),
            at: match &group.time {
                SentTime::Text(text) => text.to_string(),
                SentTime::Absent => String::new(),
                other => panic!("{other:?}"),
            },
        };
        for (name, value) in &sample.labels {
            reading = reading.label(name, value);
        }
        reading
    });
    let readings = readings.collect();
    let faults = out.faults.list().iter().cloned().chain(result.err());
    let notes = out.notes.iter().map(|note| note.name.to_string());
    (readings, faults.collect(), notes.collect())
}

/// A payload gives just these readings, and nothing bad.
fn assert_read(profile: &str, dialect: Dialect, payload: &[u8], wanted: &[Reading]) {
    let (readings, faults, _) = read(profile, dialect, payload);
    assert_eq!(faults, [], "{}", hex(payload));
    for (got, wanted) in readings.iter().zip(wanted) {
        assert_eq!(got, wanted, "{}", hex(payload));
    }
    assert_eq!(
        readings.len(),
        wanted.len(),
        "{}: {readings:#?}",
        hex(payload)
    );
}

/// Uniform in `from..=to`.
fn between(rng: &mut Rng, from: i64, to: i64) -> i64 {
    let width = u64::try_from(to - from + 1).unwrap();
    from + i64::try_from(rng.below(width)).unwrap()
}

/// One of a list.
fn one_of<T: Copy>(rng: &mut Rng, list: &[T]) -> T {
    let at = usize::try_from(rng.below(list.len() as u64)).unwrap();
    *list.get(at).unwrap()
}

/// A number of so many digits, or a tenth of the time none. Ends of the range are as likely as the rest.
fn maybe(rng: &mut Rng, digits: u32, signed: bool) -> Option<i64> {
    let most = if signed {
        8 * 10_i64.pow(digits - 1) - 1
    } else {
        10_i64.pow(digits) - 1
    };
    let least = if signed { -most } else { 0 };
    match rng.below(10) {
        0 => None,
        1 => Some(most),
        2 => Some(least),
        3 => Some(0),
        _ => Some(between(rng, least, most)),
    }
}

/// A time of this century.
fn moment(rng: &mut Rng) -> DateTime {
    let mut part = |from, to| i8::try_from(between(rng, from, to)).unwrap();
    let (month, day, hour) = (part(1, 12), part(1, 28), part(0, 23));
    let (minute, second) = (part(0, 59), part(0, 59));
    let year = i16::try_from(between(rng, 2000, 2099)).unwrap();
    date(year, month, day).at(hour, minute, second, 0)
}

/// Decimal digits of an address.
fn address(rng: &mut Rng, digits: u32) -> u64 {
    u64::try_from(between(rng, 1, 10_i64.pow(digits) - 2)).unwrap()
}
