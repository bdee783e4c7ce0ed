//! Units: what devices send, and how it becomes the canonical one.
//!
//! Each metric carries the list of unit names it takes, each with a linear rule worked out once in
//! whole numbers, so that converting is one look-up, one multiplication and one division, without
//! allocation. A rule is `(value * mul + add) / div`: dividing by 1000 gives the double nearest to
//! 12.008, multiplying by 0.001 does not.
//!
//! Letters are never folded: `mW` and `MW` are a factor of a thousand million apart. What devices
//! write in other cases is listed in the table, where only one meaning is possible. A unit of another
//! quantity is an error that names both, never a guess; between volume and mass of a gas the gas must
//! be known.
mod electric;
mod rule;
mod table;

use crate::model::settings::nearest;
use rule::{Linear, Rule};

/// A device's unit longer than this is not looked at further: the longest name is 12 characters.
const UNIT_MAX_BYTES: usize = 32;
/// A hint compares the unit with every name taken; beyond this no name is near, and a payload of
/// wrong units must not cost time.
const HINT_MAX_BYTES: usize = 16;

/// One unit of a [`Quantity`].
#[derive(Debug)]
struct Unit {
    /// The code, then other names, parted by blanks.
    names: &'static str,
    mul: i64,
    add: i64,
    div: i64,
}

/// A row of the table: `base = value * mul / div`.
const fn unit(names: &'static str, mul: i64, div: i64) -> Unit {
    shifted(names, mul, 0, div)
}

/// A row with an offset: `base = (value * mul + add) / div`.
const fn shifted(names: &'static str, mul: i64, add: i64, div: i64) -> Unit {
    Unit {
        names,
        mul,
        add,
        div,
    }
}

impl Unit {
    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.names.split_ascii_whitespace()
    }

    fn is(&self, name: &str) -> bool {
        self.names().any(|own| own == name)
    }

    fn code(&self) -> &'static str {
        self.names().next().unwrap_or_default()
    }

    fn rule(&self) -> Rule {
        Rule {
            mul: self.mul.into(),
            add: self.add.into(),
            div: self.div.into(),
        }
    }
}

/// Units that can be converted into each other.
#[derive(Debug)]
pub(super) struct Quantity {
    /// As an operator writes it.
    pub(super) key: &'static str,
    /// As a message says it.
    pub(super) name: &'static str,
    units: &'static [Unit],
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Quantity {
    /// Every quantity.
    pub(super) fn all() -> impl Iterator<Item = &'static Self> {
        table::QUANTITIES.iter()
    }

    /// By its key.
    pub(super) fn by_key(key: &str) -> Option<&'static Self> {
        Self::all().find(|quantity| quantity.key == key)
    }

    /// The first that a unit's name measures.
    pub(super) fn of(name: &str) -> Option<&'static Self> {
        Self::all().find(|quantity| quantity.unit(name).is_some())
    }

    /// What a catalogue's unit measures: the first with this code, else the first with this name (a
    /// `C` that an operator writes is a coulomb).
    pub(super) fn of_code(code: &str) -> Option<&'static Self> {
        Self::all()
            .find(|quantity| quantity.code(code) == Some(code))
            .or_else(|| Self::of(code))
    }

    fn unit(&self, name: &str) -> Option<&'static Unit> {
        self.units.iter().find(|unit| unit.is(name))
    }

    /// The catalogue's code for a name: `kW.h` for "kWh".
    pub(super) fn code(&self, name: &str) -> Option<&'static str> {
        self.unit(name).map(Unit::code)
    }

    /// The code of the name nearest to `name`, over all quantities.
    pub(super) fn nearest_code(name: &str) -> Option<&'static str> {
        let names = Self::all()
            .flat_map(|quantity| quantity.units)
            .flat_map(Unit::names);
        let near = nearest(name, names)?;
        Self::of_code(near)?.code(near)
    }
}

/// What a gas's amount means, where the metric is about one gas.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Substance {
    /// Molar mass in thousandths of a g/mol.
    pub(super) molar_mass_milli: Option<i128>,
    /// Lower explosive limit in thousandths of a volume percent.
    pub(super) explosive_limit_milli: Option<i128>,
}

/// The unit names that one metric takes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Accepted(Box<[(&'static str, Linear)]>);

impl Accepted {
    /// The names for a canonical `unit` of `quantity`; `None` if it has no such unit.
    pub(super) fn new(unit: &str, quantity: &Quantity, substance: Substance) -> Option<Self> {
        let to_canonical = quantity.unit(unit)?.rule().inverse();
        let mut names = Vec::new();
        for unit in quantity.units {
            let rule = unit.rule().then(to_canonical).linear();
            names.extend(unit.names().map(|name| (name, rule)));
        }
        for other in Quantity::all() {
            let Some(across) = across(other, quantity, substance) else {
                continue;
            };
            for unit in other.units {
                let rule = unit.rule().then(across).then(to_canonical).linear();
                let sure = unit.names().filter(|name| !UNSURE.contains(name));
                names.extend(sure.map(|name| (name, rule)));
            }
        }
        names.sort_by_key(|(name, _)| *name);
        Some(Self(names.into()))
    }

    fn rule(&self, name: &str) -> Option<Linear> {
        let at = self.0.binary_search_by_key(&name, |(own, _)| own).ok()?;
        self.0.get(at).map(|(_, rule)| *rule)
    }

    /// Converts to the canonical unit; `None` if the unit is not taken.
    pub(super) fn convert(&self, value: f64, unit: &str) -> Option<f64> {
        let rule = self.rule(unit).or_else(|| self.rule(&plain(unit)?))?;
        Some(rule.apply(value))
    }

    /// The names taken.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(name, _)| *name)
    }
}

/// Names that say nothing about what is shared: never taken across quantities.
const UNSURE: [&str; 6] = ["1", "/", "%", "/100", "/1000", "percent"];

/// From one quantity's base to another's, where the gas makes it known.
///
/// - ppm to ug/m3: at 25 Cel and 101.325 kPa a mole fills 24.45 l, as GBZ 2.1 and GB/T 50493 count.
/// - ppm to %{LEL}: 100 % of the limit is that many percent of the volume (methane: 5).
fn across(from: &Quantity, to: &Quantity, gas: Substance) -> Option<Rule> {
    let rule = |mul, div| Rule { mul, add: 0, div };
    let mass = gas.molar_mass_milli.map(|milli| rule(milli * 100, 2_445));
    let limit = gas.explosive_limit_milli.map(|milli| rule(10, milli));
    match (from.key, to.key) {
        ("volume_fraction", "mass_concentration") => mass,
        ("mass_concentration", "volume_fraction") => mass.map(Rule::inverse),
        ("volume_fraction", "explosive_limit") => limit,
        ("explosive_limit", "volume_fraction") => limit.map(Rule::inverse),
        _ => None,
    }
}

/// The plain form of a unit: no blanks, no `^`, and letters instead of typographic signs.
/// `None`: longer than any unit.
fn plain(unit: &str) -> Option<String> {
    if unit.len() > UNIT_MAX_BYTES {
        return None;
    }
    let mut plain = String::with_capacity(unit.len());
    for letter in unit.chars().filter(|letter| !letter.is_whitespace()) {
        match letter {
            '^' => {}
            // The micro sign and the Greek letter mu look alike.
            '\u{b5}' | '\u{3bc}' => plain.push('u'),
            '²' => plain.push('2'),
            '³' => plain.push('3'),
            '·' | '⋅' | '•' | '∙' | '*' => plain.push('.'),
            // The Greek capital omega and the ohm sign.
            '\u{3a9}' | '\u{2126}' => plain.push_str("Ohm"),
            'º' | '˚' => plain.push('°'),
            '′' => plain.push('\''),
            '℃' => plain.push_str("Cel"),
            '℉' => plain.push_str("[degF]"),
            '％' => plain.push('%'),
            '／' | '∕' => plain.push('/'),
            // Squared letters of CJK fonts.
            '㎥' => plain.push_str("m3"),
            '㎡' => plain.push_str("m2"),
            '㎎' => plain.push_str("mg"),
            '㎍' => plain.push_str("ug"),
            '㎏' => plain.push_str("kg"),
            '㎜' => plain.push_str("mm"),
            '㎝' => plain.push_str("cm"),
            '㎞' => plain.push_str("km"),
            '㎧' => plain.push_str("m/s"),
            '㎪' => plain.push_str("kPa"),
            '㎫' => plain.push_str("MPa"),
            '㎩' => plain.push_str("Pa"),
            '㎾' => plain.push_str("kW"),
            '㎿' => plain.push_str("MW"),
            '㎐' => plain.push_str("Hz"),
            '㏈' => plain.push_str("dB"),
            other => plain.push(other),
        }
    }
    Some(plain)
}

/// Why a unit was not taken.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum UnitError {
    /// No unit of this name is known.
    #[error("unknown unit {unit:?}{}", hint(*.nearest))]
    Unknown {
        /// As sent, cut to 32 characters.
        unit: String,
        /// The metric's name for a unit that comes closest.
        nearest: Option<&'static str>,
    },
    /// The unit measures something else.
    #[error(
        "{unit:?} measures {quantity}, but {metric} needs {canonical:?} ({canonical_quantity})"
    )]
    OtherQuantity {
        /// As sent.
        unit: String,
        /// What it measures.
        quantity: &'static str,
        /// The metric's name.
        metric: String,
        /// The metric's unit.
        canonical: String,
        /// What the metric measures.
        canonical_quantity: &'static str,
    },
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| {
        format!("; did you mean `{nearest}`?")
    })
}

impl UnitError {
    /// The error for a `unit` that `accepted` does not take.
    pub(super) fn new(
        unit: &str,
        accepted: &Accepted,
        metric: &str,
        canonical: &str,
        canonical_quantity: &'static str,
    ) -> Self {
        let shown: String = unit.chars().take(UNIT_MAX_BYTES).collect();
        let plain = plain(unit);
        let known = Quantity::of(unit).or_else(|| Quantity::of(plain.as_deref()?));
        match known {
            Some(quantity) => Self::OtherQuantity {
                unit: shown,
                quantity: quantity.name,
                metric: metric.to_owned(),
                canonical: canonical.to_owned(),
                canonical_quantity,
            },
            None => Self::Unknown {
                nearest: plain
                    .filter(|plain| plain.len() <= HINT_MAX_BYTES)
                    .and_then(|plain| nearest(&plain, accepted.names())),
                unit: shown,
            },
        }
    }
}

#[cfg(test)]
mod tests;
