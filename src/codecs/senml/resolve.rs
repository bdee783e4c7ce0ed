//! From records to resolved records: RFC 8428 §4.1 to §4.6, and nothing else.
use super::name::Name;
use super::record::{Bad, Record, whole};
use crate::codecs::decimal::Decimal;
use crate::codecs::{Fault, Number, Reason, Sent, SentTime};
use std::borrow::Cow;

/// A record that needs no other to be understood.
#[derive(Clone, Debug)]
pub struct Resolved<'a> {
    /// Place in the pack, from 0.
    pub at: u32,
    /// Base name and name.
    pub name: Name<'a>,
    /// The unit or the base unit; empty: none.
    pub unit: Cow<'a, str>,
    /// [`SentTime::Absent`] for roughly now.
    pub time: SentTime<'a>,
    /// `None`: there is a sum only.
    pub value: Option<Sent<'a>>,
    /// The text is an LwM2M object link.
    pub is_link: bool,
    /// The integral over time, where there is one.
    pub sum: Option<Number<'a>>,
}

/// The version that RFC 8428 has, which is the one meant where none is said.
const VERSION: u64 = 10;
/// RFC 9100 makes the version a set of features; above RFC 8428's there is one that is read, the
/// secondary units of RFC 8798.
const SECONDARY_UNITS: u64 = 16;

/// Times below 2^28 s are relative to now (RFC 8428 §4.5.3).
const ABSOLUTE_FROM_NANOS: i128 = (1 << 28) * 1_000_000_000;

/// What the records before say.
#[derive(Debug, Default)]
pub(super) struct Resolver<'a> {
    name: Cow<'a, str>,
    name_is_fine: bool,
    unit: Cow<'a, str>,
    time: Option<Decimal>,
    value: Option<Number<'a>>,
    sum: Option<Number<'a>>,
    version: Option<u64>,
}

impl<'a> Resolver<'a> {
    /// Resolves one record; `None`: it only sets base values.
    ///
    /// # Errors
    /// Outside: the pack cannot be used. Inside: this record cannot.
    pub(super) fn resolve(
        &mut self,
        record: &mut Record<'a>,
        at: u32,
    ) -> Result<Option<Result<Resolved<'a>, Bad>>, Fault> {
        self.take_base(record, at)?;
        if record.is_base_only() {
            return Ok(None);
        }
        if let Some(bad) = record.bad.take() {
            return Ok(Some(Err(bad)));
        }
        Ok(Some(self.finish(record, at)))
    }

    fn take_base(&mut self, record: &mut Record<'a>, at: u32) -> Result<(), Fault> {
        if let Some(version) = &record.version {
            self.check_version(version, at)?;
        }
        if let Some(name) = record.base_name.take() {
            self.name_is_fine = Name::new(name.clone(), Cow::Borrowed("0"))
                .problem(false)
                .is_none();
            self.name = name;
        }
        if let Some(unit) = record.base_unit.take() {
            self.unit = unit;
        }
        if let Some(time) = record.base_time.take() {
            self.time = Some(digits(&time));
        }
        if let Some(value) = record.base_value.take() {
            self.value = Some(value);
        }
        if let Some(sum) = record.base_sum.take() {
            self.sum = Some(sum);
        }
        Ok(())
    }

    fn check_version(&mut self, version: &Number<'_>, at: u32) -> Result<(), Fault> {
        let number = version.decimal().map(|decimal| decimal.to_string());
        let number = number.and_then(|text| text.parse::<u64>().ok());
        let Some(number) = number.filter(|number| *number > 0) else {
            let sentence = format!("`bver` is {}; a positive integer is needed", version.value);
            return Err(whole(Reason::WrongType, at, &sentence));
        };
        if number > VERSION && number & !(VERSION | SECONDARY_UNITS) != 0 {
            let sentence = format!(
                "`bver` {number} is above {VERSION}, and no version that is understood (RFC 8428, \
                 or 26 for RFC 8798's units)"
            );
            return Err(whole(Reason::NotUnderstood, at, &sentence));
        }
        match self.version.replace(number) {
            Some(before) if before != number => {
                let sentence = format!("`bver` is {number} after {before}; one pack has one");
                Err(whole(Reason::Malformed, at, &sentence))
            }
            _ => Ok(()),
        }
    }

    fn finish(&self, record: &mut Record<'a>, at: u32) -> Result<Resolved<'a>, Bad> {
        let name = Name::new(self.name.clone(), record.name.take().unwrap_or_default());
        if let Some(sentence) = name.problem(self.name_is_fine) {
            return Err(bad("n", Reason::Malformed, sentence));
        }
        let time = self.time(record.time.as_ref());
        let sum = match (record.sum.take(), &self.sum) {
            (Some(own), Some(base)) => Some(own.plus(base)),
            (None, Some(base)) => Some(base.clone()),
            (own, None) => own,
        };
        let is_link = record.link.is_some();
        let unit = record.unit.take().unwrap_or_else(|| self.unit.clone());
        Ok(Resolved {
            at,
            name,
            unit,
            time,
            value: self.value(record, sum.is_some())?,
            is_link,
            sum,
        })
    }

    fn value(&self, record: &mut Record<'a>, has_sum: bool) -> Result<Option<Sent<'a>>, Bad> {
        if record.values() > 1 {
            let sentence = "two value fields; a record has one of v, vs, vb, vd and vlo".to_owned();
            return Err(bad("v", Reason::DuplicateKey, sentence));
        }
        let number = match (record.number.take(), &self.value) {
            (Some(own), Some(base)) => Some(own.plus(base)),
            (own, _) => own,
        };
        let text = record.text.take().or_else(|| record.link.take());
        let value = match (number, text, record.flag, record.data.take()) {
            (Some(number), ..) if number.value.is_finite() => {
                Some(Sent::Number(number.value, number.text))
            }
            (Some(number), ..) if number.text.is_empty() => {
                Some(Sent::NotFinite(Cow::Owned(number.value.to_string())))
            }
            (Some(number), ..) => Some(Sent::NotFinite(number.text)),
            (_, Some(text), ..) => Some(Sent::Text(text)),
            (.., Some(flag), _) => Some(Sent::Flag(flag)),
            (.., Some(data)) => Some(Sent::Data(data)),
            _ => None,
        };
        match (value, &self.value) {
            (Some(value), _) => Ok(Some(value)),
            (None, _) if has_sum => Ok(None),
            // The missing value is zero (§4.5.4).
            (None, Some(base)) => Ok(Some(Sent::Number(base.value, base.text.clone()))),
            (None, None) => {
                let sentence = "no value: none of v, vs, vb, vd, vlo and s".to_owned();
                Err(bad("v", Reason::WrongType, sentence))
            }
        }
    }

    /// Base time and time; as doubles where they are too far apart for digits.
    fn time(&self, own: Option<&Number<'_>>) -> SentTime<'a> {
        let sum = match (self.time, own.map(digits)) {
            (None, None) => return SentTime::Absent,
            (Some(one), None) | (None, Some(one)) => one,
            (Some(base), Some(own)) => base.plus(own).unwrap_or_else(|| {
                Decimal::from_f64(base.to_f64() + own.to_f64()).unwrap_or(Decimal::ZERO)
            }),
        };
        let nanos = sum.nanos();
        let bounded = i64::try_from(nanos.clamp(i64::MIN.into(), i64::MAX.into()));
        let bounded = bounded.unwrap_or(i64::MAX);
        match nanos {
            0 => SentTime::Absent,
            _ if nanos < ABSOLUTE_FROM_NANOS => SentTime::Relative(bounded),
            _ => SentTime::Unix(bounded),
        }
    }
}

/// A finite number's digits, as many as a double has where there are too many.
fn digits(number: &Number<'_>) -> Decimal {
    let decimal = number.decimal();
    decimal
        .or_else(|| Decimal::from_f64(number.value))
        .unwrap_or(Decimal::ZERO)
}

fn bad(label: &'static str, reason: Reason, sentence: String) -> Bad {
    Bad {
        label,
        reason,
        sentence,
    }
}
