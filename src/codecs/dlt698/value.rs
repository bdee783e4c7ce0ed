//! From the value of an OAD to samples.
use super::data::{Item, Value};
use super::object::{NEUTRAL_CURRENT, Oad, Object, Quantity, named};
use super::reader::{Place, Reader, Which, digits, labels, shown};
use super::status;
use crate::codecs::frames::hex;
use crate::codecs::{Fault, Reason, Sample, Sent, SentTime};
use std::borrow::Cow;

/// Phases of an array, in order.
const PHASES: [&str; 3] = ["a", "b", "c"];
/// Tariffs behind the total.
const TARIFFS_MAX: usize = 63;
/// Elements of an array of harmonics, with their total.
const HARMONICS_MAX: usize = 63;

impl Reader<'_, '_> {
    /// Makes readings of the value of an OAD.
    pub(super) fn value(&mut self, oad: Oad, item: &Item, place: Place) {
        let Some(object) = named(oad) else {
            let bytes = self.apdu.bytes.get(item.at.clone()).unwrap_or_default();
            let sentence = format!(
                "no such object is read; byte {}: {}",
                self.apdu.place(item.at.start),
                hex(bytes)
            );
            let part = self.out.place_of(place.group, &oad.to_string(), None);
            self.show(item.at.clone(), "", None, &format!("{oad} is not read"));
            self.out
                .faults
                .push(Fault::part(Reason::UnknownIdentifier, part, sentence));
            return;
        };
        match object {
            Object::One(quantity) => self.number(&quantity, item, Which::default(), place),
            Object::Clock => self.clock(item, place),
            Object::Words(metric) => self.words(metric, item, place),
            Object::RecordTime | Object::RecordOf => self.ignored("", item),
            Object::Ignored(what) => self.ignored(what, item),
            Object::Register(..)
            | Object::Demand(..)
            | Object::Phases(..)
            | Object::Harmonics(..)
            | Object::Status => {
                self.elements(oad, &object, item, place);
            }
        }
    }

    /// The elements of an array, or the one that the OAD names.
    fn elements(&mut self, oad: Oad, object: &Object, item: &Item, place: Place) {
        let mut first = usize::from(oad.element()).saturating_sub(1);
        let Value::List(items) = &item.value else {
            let whole = oad.element() == 0 && item.value == Value::Null;
            if let (true, Object::Phases(quantity, false)) = (whole, object) {
                for phase in PHASES {
                    self.number(quantity, item, Which::of_phase(phase), place);
                }
                return;
            }
            return self.element(object, first, item, place);
        };
        // One demand is a structure itself.
        if matches!(object, Object::Demand(..)) && is_demand(items) {
            return self.element(object, first, item, place);
        }
        self.list(item, items);
        // Some meters answer with the whole array whichever element was asked for.
        if items.len() > 1 {
            first = 0;
        }
        for (at, element) in items.iter().enumerate() {
            self.element(object, first + at, element, place);
        }
    }

    /// Shows the type and count of a list, whose elements are shown by themselves.
    fn list(&mut self, item: &Item, items: &[Item]) {
        let end = items.first().map_or(item.at.end, |first| first.at.start);
        let became = format!("list of {}", items.len());
        self.show(item.at.start..end, &became, None, "");
    }

    fn element(&mut self, object: &Object, at: usize, item: &Item, place: Place) {
        let phase = |at: usize| PHASES.get(at).copied();
        let which = match object {
            Object::Register(_, phase) | Object::Demand(_, phase) if at <= TARIFFS_MAX => {
                let which = Which::of_phase(phase);
                Some(Which {
                    tariff: at,
                    ..which
                })
            }
            // The first is all of them together, the next one the second order.
            Object::Harmonics(_, phase) if at < HARMONICS_MAX => {
                let which = Which::of_phase(phase);
                let channel = if at == 0 { 0 } else { at + 1 };
                Some(Which { channel, ..which })
            }
            Object::Phases(_, true) if at == 0 => Some(Which::default()),
            Object::Phases(_, true) => phase(at - 1).map(Which::of_phase),
            Object::Phases(..) => phase(at).map(Which::of_phase),
            _ => None,
        };
        match (object, which) {
            (
                Object::Register(quantity, _)
                | Object::Harmonics(quantity, _)
                | Object::Phases(quantity, _),
                Some(which),
            ) => {
                self.number(quantity, item, which, place);
            }
            (Object::Demand(quantity, _), Some(which)) => self.demand(quantity, item, which, place),
            (Object::Phases(quantity, false), None) if at == 3 && quantity.metric == "current" => {
                self.number(&NEUTRAL_CURRENT, item, Which::default(), place);
            }
            (Object::Status, _) if at < 7 => self.status(at, item, place),
            _ => {
                let sentence = format!("element {}: nothing says what it is", at + 1);
                self.wrong(item, "element", place, Reason::Malformed, &sentence);
            }
        }
    }

    fn number(&mut self, quantity: &Quantity, item: &Item, which: Which, place: Place) {
        let value = match &item.value {
            Value::Null => Sent::Null,
            Value::Int(whole) => {
                let text = decimal(*whole, quantity.decimals);
                // Digits with a point are a number.
                Sent::Number(text.parse().unwrap_or(f64::NAN), Cow::Owned(text))
            }
            Value::Float(number) if number.is_finite() => {
                Sent::Number(*number, Cow::Owned(number.to_string()))
            }
            Value::Float(number) => Sent::NotFinite(Cow::Owned(number.to_string())),
            other => {
                let sentence = format!("{} instead of a number", other.name());
                return self.wrong(item, quantity.metric, place, Reason::WrongType, &sentence);
            }
        };
        let note = match value {
            Sent::Null => "not available",
            _ => "",
        };
        let sample = self.out.samples.len();
        self.show(item.at.clone(), quantity.metric, Some(sample), note);
        self.out.samples.push(Sample {
            group: place.group,
            item: None,
            metric: Cow::Borrowed(quantity.metric),
            value,
            unit: Cow::Borrowed(quantity.unit),
            labels: labels(which, place),
            origin: None,
            digits: (quantity.digits > 0).then_some((quantity.digits, quantity.decimals)),
        });
    }

    /// A value and the time of its occurrence.
    fn demand(&mut self, quantity: &Quantity, item: &Item, which: Which, place: Place) {
        let parts = match &item.value {
            Value::List(parts) => parts.as_slice(),
            Value::Null => return self.number(quantity, item, which, place),
            _ => &[],
        };
        let [value, time] = parts else {
            let sentence = format!("{} instead of a value and its time", item.value.name());
            return self.wrong(item, quantity.metric, place, Reason::WrongType, &sentence);
        };
        self.list(item, parts);
        let at = match &time.value {
            Value::Time(at) => at.clone(),
            _ => None,
        };
        let became = shown(at.as_deref());
        let group = self.open(self.device_of(place.group), at);
        self.number(quantity, value, which, Place { group, ..place });
        self.show(time.at.clone(), &became, None, "");
    }

    fn status(&mut self, at: usize, item: &Item, place: Place) {
        let word = u8::try_from(at + 1).unwrap_or(u8::MAX);
        let bits = match &item.value {
            Value::Null => None,
            // The first bit that is sent is bit 0 of the word.
            Value::Bits(bytes, 16) => match bytes.as_slice() {
                [first, second] => Some(u16::from_be_bytes([*first, *second]).reverse_bits()),
                _ => None,
            },
            other => {
                let sentence = format!("{} instead of 16 bits", other.name());
                return self.wrong(item, "status_word", place, Reason::WrongType, &sentence);
            }
        };
        status::word(self, word, bits, item, place);
    }

    fn clock(&mut self, item: &Item, place: Place) {
        if let Value::Time(Some(time)) = &item.value {
            let at = usize::try_from(place.group).unwrap_or(usize::MAX);
            if let Some(group) = self.out.groups.get_mut(at) {
                group.time = SentTime::Text(Cow::Owned(time.clone()));
            }
        }
        self.words("meter_clock", item, place);
    }

    fn words(&mut self, metric: &'static str, item: &Item, place: Place) {
        let value = match &item.value {
            Value::Null | Value::Time(None) => Sent::Null,
            Value::Time(Some(text)) | Value::Text(text) => Sent::Text(Cow::Owned(text.clone())),
            Value::Bytes(bytes) => Sent::Text(Cow::Owned(digits(bytes))),
            other => {
                let sentence = format!("{} instead of a text", other.name());
                return self.wrong(item, metric, place, Reason::WrongType, &sentence);
            }
        };
        let sample = self.out.samples.len();
        self.show(item.at.clone(), metric, Some(sample), "");
        self.push(metric, value, "", place);
    }
}

/// Is a list one demand, and no list of them?
fn is_demand(items: &[Item]) -> bool {
    matches!(items, [value, _] if !matches!(value.value, Value::List(_) | Value::Null))
}

/// `-12.5` of -125 and 1.
fn decimal(whole: i128, decimals: u8) -> String {
    let places = usize::from(decimals);
    let digits = format!("{:0>1$}", whole.unsigned_abs(), places + 1);
    let (before, behind) = digits.split_at(digits.len() - places);
    let sign = if whole < 0 { "-" } else { "" };
    let point = if places > 0 { "." } else { "" };
    format!("{sign}{before}{point}{behind}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        assert_eq!(decimal(2241, 1), "224.1");
        assert_eq!(decimal(-5, 3), "-0.005");
        assert_eq!(decimal(0, 2), "0.00");
        assert_eq!(decimal(7, 0), "7");
        assert_eq!(decimal(u64::MAX.into(), 4), "1844674407370955.1615");
    }
}
