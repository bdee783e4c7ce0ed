//! What an OAD names: an object's attribute, or one element of it (DL/T 698.45 annexes A and B).
//!
//! ```text
//!  OI, 2 bytes   | attribute, 5 bits; how it was stored, 3 bits | element: 0 all, 1.. one
//!  0010 energy     2: value                                       1 total, 2.. tariffs
//!  1010 demand     2                                              the same
//!  2000 variable   2                                              phases
//! ```
//! The decimals of a value are those of the object's definition: a meter sends the whole number alone.
use super::words;
use std::fmt;

/// An object's attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Oad(pub(super) u32);

impl Oad {
    pub(super) const fn object(self) -> u16 {
        let [high, low, ..] = self.0.to_be_bytes();
        u16::from_be_bytes([high, low])
    }

    const fn attribute(self) -> u8 {
        let [_, _, attribute, _] = self.0.to_be_bytes();
        attribute & 0x1f
    }

    /// 0: all elements; n: the n-th alone.
    pub(super) const fn element(self) -> u8 {
        let [.., element] = self.0.to_be_bytes();
        element
    }

    /// How its records were frozen; `None`: they are no freeze.
    pub(super) const fn freeze(self) -> Option<&'static str> {
        words::freeze(self.object())
    }
}

impl fmt::Display for Oad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08X}", self.0)
    }
}

/// A quantity of a whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quantity {
    /// Name in the catalogue.
    pub(super) metric: &'static str,
    /// UCUM.
    pub(super) unit: &'static str,
    /// Digits behind the point.
    pub(super) decimals: u8,
    /// Digits of a register that only grows; 0: it is none.
    pub(super) digits: u8,
}

/// What an attribute names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Object {
    /// Total and tariffs, of a phase or of all.
    Register(Quantity, &'static str),
    /// The same; each value with the time of its occurrence.
    Demand(Quantity, &'static str),
    /// Phases a, b, c; before them, where there is one, that of all.
    Phases(Quantity, bool),
    /// The total and the orders from 2 on, of a phase.
    Harmonics(Quantity, &'static str),
    One(Quantity),
    /// Status words 1 to 7.
    Status,
    /// The meter's clock.
    Clock,
    /// A text, or digits.
    Words(&'static str),
    /// When a record was made.
    RecordTime,
    /// Whose record it is.
    RecordOf,
    /// What says nothing of the meter: the number of a record.
    Ignored(&'static str),
}

const fn quantity(metric: &'static str, unit: &'static str, decimals: u8) -> Quantity {
    Quantity {
        metric,
        unit,
        decimals,
        digits: 0,
    }
}

/// OI without its phase, the metric, the unit, and whether it only grows.
const ENERGIES: &[(u16, &str, &str, bool)] = &[
    (0x0000, "active_energy_combined", "kW.h", false),
    (0x0010, "active_energy_import", "kW.h", true),
    (0x0020, "active_energy_export", "kW.h", true),
    (0x0030, "reactive_energy_combined_1", "kvar.h", false),
    (0x0040, "reactive_energy_combined_2", "kvar.h", false),
    (0x0050, "reactive_energy_quadrant_1", "kvar.h", true),
    (0x0060, "reactive_energy_quadrant_2", "kvar.h", true),
    (0x0070, "reactive_energy_quadrant_3", "kvar.h", true),
    (0x0080, "reactive_energy_quadrant_4", "kvar.h", true),
    (0x0090, "apparent_energy", "kV.A.h", true),
    (0x00a0, "apparent_energy_export", "kV.A.h", true),
    (0x0110, "active_energy_import_fundamental", "kW.h", true),
    (0x0120, "active_energy_export_fundamental", "kW.h", true),
    (0x0210, "active_energy_import_harmonic", "kW.h", true),
    (0x0220, "active_energy_export_harmonic", "kW.h", true),
    (0x0300, "copper_loss_energy", "kW.h", true),
    (0x0400, "iron_loss_energy", "kW.h", true),
    (0x0500, "active_energy_associated", "kW.h", true),
];
/// Of a value with two decimals, and of one with four.
const DIGITS: u8 = 8;
const FINE_DIGITS: u8 = 10;

/// OI without its phase.
const DEMANDS: &[(u16, Quantity)] = &[
    (0x1010, quantity("active_power_demand_max", "kW", 4)),
    (0x1020, quantity("active_power_export_demand_max", "kW", 4)),
    (
        0x1030,
        quantity("reactive_power_combined_1_demand_max", "kvar", 4),
    ),
    (
        0x1040,
        quantity("reactive_power_combined_2_demand_max", "kvar", 4),
    ),
    (
        0x1050,
        quantity("reactive_power_quadrant_1_demand_max", "kvar", 4),
    ),
    (
        0x1060,
        quantity("reactive_power_quadrant_2_demand_max", "kvar", 4),
    ),
    (
        0x1070,
        quantity("reactive_power_quadrant_3_demand_max", "kvar", 4),
    ),
    (
        0x1080,
        quantity("reactive_power_quadrant_4_demand_max", "kvar", 4),
    ),
    (0x1090, quantity("apparent_power_demand_max", "kV.A", 4)),
    (
        0x10a0,
        quantity("apparent_power_export_demand_max", "kV.A", 4),
    ),
];

/// OI, the quantity, and whether the first value is that of all phases.
const PHASES: &[(u16, Quantity, bool)] = &[
    (0x2000, quantity("voltage", "V", 1), false),
    (0x2001, quantity("current", "A", 3), false),
    (0x2003, quantity("phase_angle", "deg", 1), false),
    (0x2004, quantity("active_power", "W", 1), true),
    (0x2005, quantity("reactive_power", "var", 1), true),
    (0x2006, quantity("apparent_power", "V.A", 1), true),
    (0x2007, quantity("active_power_average", "W", 1), true),
    (0x200a, quantity("power_factor", "1", 3), true),
    (0x200b, quantity("voltage_thd", "%", 2), false),
    (0x200c, quantity("current_thd", "%", 2), false),
];

const SINGLE: &[(u16, Quantity)] = &[
    (0x200f, quantity("frequency", "Hz", 2)),
    (0x2010, quantity("meter_internal_temperature", "Cel", 1)),
    (0x2011, quantity("clock_battery_voltage", "V", 2)),
    (0x2012, quantity("reading_battery_voltage", "V", 2)),
    (0x2013, quantity("battery_operating_time", "min", 0)),
    (0x2017, quantity("active_power_demand", "kW", 4)),
    (0x2018, quantity("reactive_power_demand", "kvar", 4)),
    (0x2019, quantity("apparent_power_demand", "kV.A", 4)),
    (0x2026, quantity("voltage_unbalance", "%", 2)),
    (0x2027, quantity("current_unbalance", "%", 2)),
];

pub(super) const NEUTRAL_CURRENT: Quantity = quantity("neutral_current", "A", 3);

/// The phase that the last digit of an energy's OI names.
const fn phase(object: u16) -> Option<&'static str> {
    match object & 0xf {
        0 => Some(""),
        1 => Some("a"),
        2 => Some("b"),
        3 => Some("c"),
        _ => None,
    }
}

/// What an OAD names; `None`: nothing that is read.
pub(super) fn named(oad: Oad) -> Option<Object> {
    let (object, attribute) = (oad.object(), oad.attribute());
    // Harmonics have an attribute for each phase, from 2 on.
    let attribute_phase = u16::from(attribute).saturating_sub(1);
    match (object, attribute) {
        (0x0000..=0x0fff, 2 | 4) => energy(object, attribute == 4),
        (0x1000..=0x10ff, 2) => {
            let row = DEMANDS.iter().find(|row| row.0 == object & 0xfff0)?;
            Some(Object::Demand(row.1, phase(object)?))
        }
        (0x2001, 4) => Some(Object::One(NEUTRAL_CURRENT)),
        (0x200d, 2..=4) => {
            let quantity = quantity("voltage_harmonic", "%", 2);
            Some(Object::Harmonics(quantity, phase(attribute_phase)?))
        }
        (0x200e, 2..=4) => {
            let quantity = quantity("current_harmonic", "%", 2);
            Some(Object::Harmonics(quantity, phase(attribute_phase)?))
        }
        (0x2014, 2) => Some(Object::Status),
        (0x2021, 2) => Some(Object::RecordTime),
        (0x2023, 2) => Some(Object::Ignored("number of the record")),
        (0x202a, 2) => Some(Object::RecordOf),
        (0x6040, 2) => Some(Object::Ignored("time when collecting began")),
        (0x6041, 2) => Some(Object::Ignored("time when it succeeded")),
        (0x6042, 2) => Some(Object::Ignored("time for which it was stored")),
        (0x4000, 2) => Some(Object::Clock),
        (0x4001, 2) => Some(Object::Words("meter_address")),
        (0x4002, 2) => Some(Object::Words("meter_number")),
        (0x2000..=0x20ff, 2) => {
            let phases = PHASES.iter().find(|row| row.0 == object);
            let phases = phases.map(|row| Object::Phases(row.1, row.2));
            phases.or_else(|| {
                let row = SINGLE.iter().find(|row| row.0 == object)?;
                Some(Object::One(row.1))
            })
        }
        _ => None,
    }
}

fn energy(object: u16, is_fine: bool) -> Option<Object> {
    let row = ENERGIES.iter().find(|row| row.0 == object & 0xfff0)?;
    let (decimals, digits) = if is_fine {
        (4, FINE_DIGITS)
    } else {
        (2, DIGITS)
    };
    let quantity = Quantity {
        metric: row.1,
        unit: row.2,
        decimals,
        digits: if row.3 { digits } else { 0 },
    };
    Some(Object::Register(quantity, phase(object)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test says what it expects by failing")]
    use super::*;

    #[test]
    fn oads_name_quantities() {
        let metric = |oad| match named(Oad(oad))? {
            Object::Register(quantity, _)
            | Object::Demand(quantity, _)
            | Object::Phases(quantity, _)
            | Object::One(quantity) => Some((quantity.metric, quantity.decimals)),
            _ => None,
        };
        assert_eq!(metric(0x0010_0200), Some(("active_energy_import", 2)));
        assert_eq!(metric(0x0020_0400), Some(("active_energy_export", 4)));
        assert_eq!(metric(0x0013_0201), Some(("active_energy_import", 2)));
        assert_eq!(metric(0x2001_0400), Some(("neutral_current", 3)));
        assert_eq!(metric(0x2004_0201), Some(("active_power", 1)));
        for unknown in [0x0014_0200, 0x0010_0300, 0x2000_0600, 0x3011_0200] {
            assert_eq!(named(Oad(unknown)), None, "{unknown:x}");
        }
        assert_eq!(Oad(0x5004_0203).freeze(), Some("daily"));
        assert_eq!(Oad(0x5004_0203).element(), 3);
    }
}
