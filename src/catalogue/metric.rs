//! What the catalogue knows of one metric and of one kind of device.
use super::growth::Growth;
use super::units::{Accepted, Quantity, UnitError};

/// What a metric's values are.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// A number in the metric's unit.
    Number,
    /// True or false.
    Flag,
    /// One of these words.
    Word(Vec<Box<str>>),
    /// Any text.
    Text,
}

/// What a metric is called in another standard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equivalent {
    /// `lwm2m`, `fiware`, `obis`, `dlt645`, `dlt698` or `cjt188`.
    pub scheme: Box<str>,
    /// The name there: `LwM2M` object/resource, DL/T 645 data identifier (pp is the phase), DL/T
    /// 698.45 OAD, OBIS code without its group F, CJ/T 188 identifier:meter type.
    pub id: Box<str>,
    /// The unit there, where it differs; "" where it is the same.
    pub unit: Box<str>,
}

/// A metric: a name that means one thing in one unit, for ever.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Canonical name, `[a-z][a-z0-9_]{0,63}`.
    pub name: Box<str>,
    /// English name.
    pub en: Box<str>,
    /// Chinese name.
    pub zh: Box<str>,
    /// Canonical unit: a UCUM code, except `dBm`, `var`, `kvar` and `kvar.h`; "1" for what has none.
    pub unit: Box<str>,
    /// What its values are.
    pub kind_of_value: Type,
    /// Least plausible value; below: BAD. Minus infinity where there is no limit.
    pub min: f64,
    /// Greatest plausible value; above: BAD, or UNCERTAIN for `safety`. Infinity where there is none.
    pub max: f64,
    /// Narrower ranges for kind prefixes: (prefix, min, max). Prefer [`Metric::range`].
    pub ranges: Vec<(Box<str>, f64, f64)>,
    /// Gas, oxygen, fire, water level: a value over the range is kept as alarming.
    pub safety: bool,
    /// A register: only grows, and rolls over; the device's own digits decide its range, `max` is
    /// the usual.
    pub register: bool,
    /// How a register grows.
    pub growth: Growth,
    /// Behind instrument transformers the meter shows a part of it: the inventory's multiplier applies.
    pub multiplied: bool,
    /// The number by which devices say that they have no value (99 for a `csq`).
    pub absent: Option<f64>,
    /// Other names under which readings are taken. They mean the same in the same unit.
    pub aliases: Vec<Box<str>>,
    /// Names in other standards.
    pub equivalents: Vec<Equivalent>,
    pub(super) quantity: Option<&'static Quantity>,
    pub(super) accepted: Accepted,
}

impl Metric {
    /// Is it a register that only ever grows, so that what it shows can be judged by what it showed?
    pub fn is_judged(&self) -> bool {
        self.register && !self.growth.resets
    }

    /// Range for a device of this kind: that of the longest kind prefix that matches, else the
    /// general one.
    pub fn range(&self, kind: &str) -> (f64, f64) {
        self.ranges
            .iter()
            .filter(|(prefix, ..)| is_kind_prefix(prefix, kind))
            .max_by_key(|(prefix, ..)| prefix.len())
            .map_or((self.min, self.max), |(_, min, max)| (*min, *max))
    }

    /// Converts `value` sent in `unit` to the canonical unit.
    ///
    /// Nothing is allocated unless the unit is written with typographic signs or not taken. NaN and
    /// infinities stay what they are: who reads the payload refuses them. What is finite stays finite.
    ///
    /// # Errors
    /// The unit is unknown, "" included (the caller decides what no unit means), or measures another
    /// quantity. A flag, word or text takes only its canonical "1".
    pub fn convert(&self, value: f64, unit: &str) -> Result<f64, UnitError> {
        if unit == &*self.unit {
            return Ok(value);
        }
        self.accepted.convert(value, unit).ok_or_else(|| {
            let measured = self
                .quantity
                .map_or("no quantity", |quantity| quantity.name);
            UnitError::new(unit, &self.accepted, &self.name, &self.unit, measured)
        })
    }

    /// What it measures, in words: "energy". `None` for a flag, word or text.
    pub fn quantity(&self) -> Option<&'static str> {
        self.quantity.map(|quantity| quantity.name)
    }

    /// The names of units that it takes, sorted.
    pub fn units(&self) -> impl Iterator<Item = &'static str> {
        self.accepted.names()
    }
}

/// A kind of device: dotted, from the general to the special.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// `meter.electricity`.
    pub name: Box<str>,
    /// English name.
    pub en: Box<str>,
    /// Chinese name.
    pub zh: Box<str>,
}

/// Is `prefix` one or more whole leading parts of `kind`? "meter" is of "meter.gas", "met" is not.
pub fn is_kind_prefix(prefix: &str, kind: &str) -> bool {
    !prefix.is_empty()
        && kind
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
