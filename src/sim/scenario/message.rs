//! One uplink in the making: bytes, and what is true of them.
use super::fleet::{CONCENTRATOR, Meter};
use super::truth::{At, Event, Reading, Reject, Truth, Value};
use crate::model::{Quality, Timestamp};
use std::collections::BTreeSet;

/// Labels of a reading.
pub(super) type Labels<'l> = &'l [(&'static str, &'l str)];

/// A number as a meter shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// Without the point; `None`: no value.
    pub(super) digits: Option<i64>,
    /// Digits behind the point.
    pub(super) behind: u32,
    /// Its unit, in UCUM.
    pub(super) unit: &'static str,
    /// The catalogue's unit, and how many of those one of the meter's is: a fraction.
    pub(super) canonical: (&'static str, i64, i64),
    /// Does the transformer's ratio count?
    pub(super) multiplied: bool,
}

impl Shown {
    /// In the catalogue's unit.
    pub(super) const fn plain(digits: Option<i64>, behind: u32, unit: &'static str) -> Self {
        Self {
            digits,
            behind,
            unit,
            canonical: (unit, 1, 1),
            multiplied: false,
        }
    }

    /// Behind transformers.
    pub(super) const fn multiplied(self) -> Self {
        Self {
            multiplied: true,
            ..self
        }
    }

    /// As text: `12345` with two digits behind the point is `123.45`.
    pub(super) fn text(self) -> String {
        self.digits
            .map_or(String::new(), |digits| decimal(digits, self.behind))
    }

    fn value(self, multiplier: i64) -> Value {
        let Some(digits) = self.digits else {
            return Value::Absent;
        };
        let (_, times, over) = self.canonical;
        let ratio = if self.multiplied { multiplier } else { 1 };
        // Exact as long as it is a decimal: the nearest double to that, and no other.
        let text = decimal(digits * times * ratio, self.behind);
        let number = text.parse::<f64>().unwrap_or(f64::NAN);
        #[expect(clippy::cast_precision_loss, reason = "9 and 1000")]
        Value::Number(if over == 1 {
            number
        } else {
            number / over as f64
        })
    }
}

/// Digits with a point in them.
pub(super) fn decimal(digits: i64, behind: u32) -> String {
    let scale = 10_u64.pow(behind);
    let (sign, digits) = (if digits < 0 { "-" } else { "" }, digits.unsigned_abs());
    if behind == 0 {
        return format!("{sign}{digits}");
    }
    let width = behind as usize;
    format!("{sign}{}.{:0width$}", digits / scale, digits % scale)
}

/// One uplink in the making.
#[derive(Debug)]
pub(super) struct Message<'t> {
    /// When it comes.
    pub(super) at: Timestamp,
    /// Its frames.
    pub(super) bytes: Vec<u8>,
    number: usize,
    heard: BTreeSet<String>,
    truth: &'t mut Truth,
}

impl<'t> Message<'t> {
    /// Number `number`, which comes at `at`.
    pub(super) fn new(number: usize, at: Timestamp, truth: &'t mut Truth) -> Self {
        Self {
            at,
            bytes: Vec::new(),
            number,
            heard: BTreeSet::new(),
            truth,
        }
    }

    /// A number is read.
    pub(super) fn number(
        &mut self,
        meter: &Meter,
        (metric, labels): (&'static str, Labels<'_>),
        at: At,
        shown: Shown,
    ) {
        let value = shown.value(meter.multiplier);
        let quality = match value {
            Value::Absent => Quality::NotAvailable,
            _ => Quality::Good,
        };
        let (unit, times, over) = shown.canonical;
        let same = (times, over) == (1, 1) && (!shown.multiplied || meter.multiplier == 1);
        // Nothing and its multiples are the same number.
        let same = same || shown.digits.is_none_or(|digits| digits == 0);
        let (raw, raw_unit) = if same {
            (String::new(), "")
        } else {
            (shown.text(), shown.unit)
        };
        self.push(Reading {
            device: meter.id.clone(),
            metric,
            labels: labels_of(labels),
            at,
            value,
            unit,
            quality,
            raw,
            raw_unit,
            uplink: self.number,
        });
    }

    /// A flag or a text is read.
    pub(super) fn state(
        &mut self,
        meter: &Meter,
        (metric, labels): (&'static str, Labels<'_>),
        at: At,
        value: Value,
    ) {
        self.push(Reading {
            device: meter.id.clone(),
            metric,
            labels: labels_of(labels),
            at,
            value,
            unit: "1",
            quality: Quality::Good,
            raw: String::new(),
            raw_unit: "",
            uplink: self.number,
        });
    }

    fn push(&mut self, reading: Reading) {
        self.heard.insert(reading.device.clone());
        self.truth.readings.push(reading);
    }

    /// How many readings there are.
    pub(super) fn readings(&self) -> usize {
        self.truth.readings.len()
    }

    /// The last reading of a metric and labels is doubted.
    pub(super) fn doubt(&mut self, metric: &str, labels: Labels<'_>, quality: Quality) {
        let labels = labels_of(labels);
        let mut last = self.truth.readings.iter_mut().rev();
        if let Some(reading) = last.find(|own| own.metric == metric && own.labels == labels) {
            reading.quality = quality;
        }
    }

    /// Of the readings from `first` on, this one cannot be read.
    pub(super) fn drop_reading(&mut self, first: usize, metric: &str, labels: Labels<'_>) {
        let labels = labels_of(labels);
        let mut of_frame = self.truth.readings.iter().skip(first);
        let place = of_frame.position(|own| own.metric == metric && own.labels == labels);
        if let Some(place) = place {
            self.truth.readings.remove(first + place);
        }
    }

    /// Something happened.
    pub(super) fn event(
        &mut self,
        meter: &Meter,
        (name, severity): (&'static str, &'static str),
        at: At,
        detail: &[(&'static str, String)],
    ) {
        self.heard.insert(meter.id.clone());
        self.truth.events.push(Event {
            device: meter.id.clone(),
            name,
            severity,
            at,
            detail: detail.to_vec(),
            uplink: self.number,
        });
    }

    /// A part of it is no reading.
    pub(super) fn reject(
        &mut self,
        device: impl Into<String>,
        reason: &'static str,
        names: impl Into<String>,
    ) {
        self.truth.rejects.push(Reject {
            device: device.into(),
            reason,
            names: names.into(),
            uplink: self.number,
        });
    }

    /// It leaves: its frames.
    pub(super) fn send(self) -> Vec<u8> {
        let counts = &mut self.truth.counts;
        counts.received += 1;
        if self.heard.is_empty() {
            counts.rejected += 1;
        } else {
            counts.logged += 1;
            let carrier = std::iter::once(CONCENTRATOR.to_owned());
            for device in self.heard.into_iter().chain(carrier) {
                self.truth.heard.entry(device).or_default().push(self.at);
            }
        }
        self.bytes
    }
}

fn labels_of(labels: Labels<'_>) -> Vec<(&'static str, String)> {
    let mut labels: Vec<_> = labels
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect();
    labels.sort();
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_have_their_point() {
        assert_eq!(decimal(12_345, 2), "123.45");
        assert_eq!(decimal(7, 3), "0.007");
        assert_eq!(decimal(-501, 3), "-0.501");
        assert_eq!(decimal(17, 0), "17");
    }
}
