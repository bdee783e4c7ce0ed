//! Data identifiers: what each names, and how its value is written (DL/T 645-2007 annex A).
//!
//! ```text
//!  DI3   DI2                 DI1             DI0
//!  00    energy              tariff 0..63    settlement 0..12
//!  01    demand: the same, with the time of its occurrence
//!  02    variable            phase 0..3      0, or the order of a harmonic
//!  04    parameter
//!  FF in one of the last three: a block of all values that this byte can name, in ascending order, which is
//!  read up to the first that is not known
//! ```
//! Freezes (05) and load records (06) have modules of their own.
//!
//! Decision: two FF in one identifier are not read. How many tariffs a meter answers is not in the frame,
//! so that nobody could say which value is whose.
use super::labels::{Labels, phase};

/// A decimal number in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quantity {
    /// Name in the catalogue.
    pub(super) metric: &'static str,
    /// UCUM.
    pub(super) unit: &'static str,
    /// Bytes of two digits each.
    pub(super) width: usize,
    /// Digits behind the point.
    pub(super) decimals: u8,
    /// The top bit of the most significant byte is a sign.
    pub(super) is_signed: bool,
    /// It only grows, and rolls over at its digits.
    pub(super) is_register: bool,
}

/// What a data identifier names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Number(Quantity, Labels),
    /// A number, and the minute in which it occurred.
    Demand(Quantity, Labels),
    /// Status word 1 to 7.
    Status(u8),
    /// Weekday, day, month, year.
    Date,
    /// Second, minute, hour.
    Time,
    /// Both.
    Clock,
    /// What is no reading, in words: of a block that must be read past it.
    Setting {
        words: &'static str,
        width: usize,
    },
    /// Digits that are no number: an address.
    Digits {
        metric: &'static str,
        width: usize,
    },
}

/// Bytes of a demand's minute of occurrence.
pub(super) const MINUTE: usize = 5;

impl Item {
    /// Bytes.
    pub(super) const fn width(&self) -> usize {
        match self {
            Self::Number(quantity, _) => quantity.width,
            Self::Demand(quantity, _) => quantity.width + MINUTE,
            Self::Status(_) => 2,
            Self::Date => 4,
            Self::Time => 3,
            Self::Clock => 7,
            Self::Digits { width, .. } | Self::Setting { width, .. } => *width,
        }
    }
}

/// One energy and its demand.
#[derive(Clone, Copy, Debug)]
struct Energy {
    metric: &'static str,
    unit: &'static str,
    /// Empty: none.
    demand: &'static str,
    power: &'static str,
    is_signed: bool,
}

const fn energy(metric: &'static str, demand: &'static str, is_signed: bool) -> Energy {
    Energy {
        metric,
        unit: "kW.h",
        demand,
        power: "kW",
        is_signed,
    }
}

const fn reactive(metric: &'static str, demand: &'static str, is_signed: bool) -> Energy {
    Energy {
        metric,
        unit: "kvar.h",
        demand,
        power: "kvar",
        is_signed,
    }
}

const fn apparent(metric: &'static str, demand: &'static str) -> Energy {
    Energy {
        metric,
        unit: "kV.A.h",
        demand,
        power: "kV.A",
        is_signed: false,
    }
}

const COMBINED: &[Energy] = &[energy("active_energy_combined", "", true)];
const DIRECTED: &[Energy] = &[
    energy("active_energy_import", "active_power_demand_max", false),
    energy(
        "active_energy_export",
        "active_power_export_demand_max",
        false,
    ),
    reactive(
        "reactive_energy_combined_1",
        "reactive_power_combined_1_demand_max",
        true,
    ),
    reactive(
        "reactive_energy_combined_2",
        "reactive_power_combined_2_demand_max",
        true,
    ),
    reactive(
        "reactive_energy_quadrant_1",
        "reactive_power_quadrant_1_demand_max",
        false,
    ),
    reactive(
        "reactive_energy_quadrant_2",
        "reactive_power_quadrant_2_demand_max",
        false,
    ),
    reactive(
        "reactive_energy_quadrant_3",
        "reactive_power_quadrant_3_demand_max",
        false,
    ),
    reactive(
        "reactive_energy_quadrant_4",
        "reactive_power_quadrant_4_demand_max",
        false,
    ),
    apparent("apparent_energy", "apparent_power_demand_max"),
    apparent("apparent_energy_export", "apparent_power_export_demand_max"),
];
const PARTS: &[Energy] = &[
    energy("active_energy_associated", "", false),
    energy("active_energy_import_fundamental", "", false),
    energy("active_energy_export_fundamental", "", false),
    energy("active_energy_import_harmonic", "", false),
    energy("active_energy_export_harmonic", "", false),
    energy("copper_loss_energy", "", false),
    energy("iron_loss_energy", "", false),
];

/// DI2 of the first, what follows it, and of which phase.
const ENERGIES: &[(u8, &[Energy], &str)] = &[
    (0x00, COMBINED, ""),
    (0x01, DIRECTED, ""),
    (0x15, DIRECTED, "a"),
    (0x29, DIRECTED, "b"),
    (0x3d, DIRECTED, "c"),
    (0x80, PARTS, ""),
    (0x94, PARTS, "a"),
    (0xa8, PARTS, "b"),
    (0xbc, PARTS, "c"),
];

const TARIFF_MAX: u8 = 63;
const SETTLEMENT_MAX: u8 = 12;
const HARMONIC_MAX: u8 = 21;

const fn number(
    metric: &'static str,
    unit: &'static str,
    width: usize,
    decimals: u8,
    is_signed: bool,
) -> Quantity {
    Quantity {
        metric,
        unit,
        width,
        decimals,
        is_signed,
        is_register: false,
    }
}

/// DI2, the quantity, and whether there is one of all phases together.
const VARIABLES: &[(u8, Quantity, bool)] = &[
    (0x01, number("voltage", "V", 2, 1, false), false),
    (0x02, number("current", "A", 3, 3, true), false),
    (0x03, ACTIVE_POWER, true),
    (0x04, REACTIVE_POWER, true),
    (0x05, number("apparent_power", "kV.A", 3, 4, true), true),
    (0x06, number("power_factor", "1", 2, 3, true), true),
    (0x07, number("phase_angle", "deg", 2, 1, false), false),
    (0x08, number("voltage_thd", "%", 2, 2, false), false),
    (0x09, number("current_thd", "%", 2, 2, false), false),
];
pub(super) const ACTIVE_POWER: Quantity = number("active_power", "kW", 3, 4, true);
pub(super) const REACTIVE_POWER: Quantity = number("reactive_power", "kvar", 3, 4, true);

/// DI2 and the share of one order in the fundamental.
const HARMONICS: &[(u8, Quantity)] = &[
    (0x0a, number("voltage_harmonic", "%", 2, 2, false)),
    (0x0b, number("current_harmonic", "%", 2, 2, false)),
];

/// 028000xx, from 01.
const OF_THE_METER: &[Quantity] = &[
    number("neutral_current", "A", 3, 3, true),
    number("frequency", "Hz", 2, 2, false),
    number("active_power_average", "kW", 3, 4, true),
    ACTIVE_DEMAND,
    REACTIVE_DEMAND,
    number("apparent_power_demand", "kV.A", 3, 4, true),
    number("meter_internal_temperature", "Cel", 2, 1, true),
    number("clock_battery_voltage", "V", 2, 2, false),
    number("reading_battery_voltage", "V", 2, 2, false),
    number("battery_operating_time", "min", 4, 0, false),
];
pub(super) const ACTIVE_DEMAND: Quantity = number("active_power_demand", "kW", 3, 4, true);
pub(super) const REACTIVE_DEMAND: Quantity = number("reactive_power_demand", "kvar", 3, 4, true);

/// Identifiers of the supplement of 2013 that stand alone: what is prepaid, and how often something was.
const ALONE: &[([u8; 4], Quantity)] = &[
    (
        [0x00, 0x90, 0x01, 0x00],
        number("remaining_energy", "kW.h", 4, 2, false),
    ),
    (
        [0x00, 0x90, 0x01, 0x01],
        number("overdraft_energy", "kW.h", 4, 2, false),
    ),
    (
        [0x03, 0x11, 0x00, 0x00],
        number("power_failure_count", "1", 3, 0, false),
    ),
    (
        [0x03, 0x30, 0x0d, 0x00],
        number("cover_open_count", "1", 3, 0, false),
    ),
    (
        [0x03, 0x30, 0x0e, 0x00],
        number("terminal_cover_open_count", "1", 3, 0, false),
    ),
];

/// 000B00xx, what was used since a settlement: now, or up to the one before.
const CONSUMPTION: Quantity = number("active_energy_since_settlement", "kW.h", 4, 2, true);

/// Money, which has no unit here: its currency is in no frame.
const MONEY: &[([u8; 4], &str)] = &[
    ([0x00, 0x90, 0x02, 0x00], "remaining money"),
    ([0x00, 0x90, 0x02, 0x01], "overdrawn money"),
    ([0x02, 0x80, 0x00, 0x0b], "the price of the step"),
    ([0x02, 0x80, 0x00, 0x20], "the price"),
    ([0x02, 0x80, 0x00, 0x21], "the price of the tariff"),
];

/// What an identifier of money says.
pub(super) fn money(di: [u8; 4]) -> Option<&'static str> {
    let row = MONEY.iter().find(|row| row.0 == di)?;
    Some(row.1)
}

fn alone(di: [u8; 4]) -> Option<Item> {
    let (_, quantity) = ALONE.iter().find(|row| row.0 == di)?;
    Some(Item::Number(*quantity, Labels::default()))
}

/// What the bytes DI3..DI0 name; `None`: nothing that is read.
pub(super) fn named(di: [u8; 4]) -> Option<Item> {
    alone(di).or_else(|| in_order(di))
}

fn in_order(di: [u8; 4]) -> Option<Item> {
    match di {
        [0x00, 0x0b, 0x00, back @ 0..=1] => Some(Item::Number(CONSUMPTION, settled(0, back, "")?)),
        [0x00, kind, tariff, settlement] => {
            let (quantity, labels) = of_energy(kind, tariff, settlement)?;
            Some(Item::Number(quantity, labels))
        }
        [0x01, kind, tariff, settlement] => {
            let (quantity, labels) = of_demand(kind, tariff, settlement)?;
            Some(Item::Demand(quantity, labels))
        }
        [0x02, 0x80, 0x00, which] => {
            let quantity = OF_THE_METER.get(usize::from(which).checked_sub(1)?)?;
            Some(Item::Number(*quantity, Labels::default()))
        }
        [0x02, kind, of, 0x00] => {
            let (_, quantity, has_total) = VARIABLES.iter().find(|row| row.0 == kind)?;
            let phase = phase(of)?;
            let known = *has_total || !phase.is_empty();
            known.then(|| Item::Number(*quantity, Labels::of_phase(phase)))
        }
        [0x02, kind, of @ 1..=3, order @ 1..=HARMONIC_MAX] => {
            let (_, quantity) = HARMONICS.iter().find(|row| row.0 == kind)?;
            let labels = Labels {
                channel: order,
                ..Labels::of_phase(phase(of)?)
            };
            Some(Item::Number(*quantity, labels))
        }
        [0x04, 0x00, 0x01, 0x01] => Some(Item::Date),
        [0x04, 0x00, 0x01, 0x02] => Some(Item::Time),
        [0x04, 0x00, 0x01, 0x0c] => Some(Item::Clock),
        [0x04, 0x00, 0x04, 0x01] => Some(Item::Digits {
            metric: "meter_address",
            width: 6,
        }),
        [0x04, 0x00, 0x04, 0x02] => Some(Item::Digits {
            metric: "meter_number",
            width: 6,
        }),
        [0x04, 0x00, 0x05, word @ 1..=7] => Some(Item::Status(word)),
        _ => None,
    }
}

/// Everything that a data identifier names: one item, or those of a block in order.
pub(super) fn all(di: [u8; 4]) -> Vec<Item> {
    let [group, rest @ ..] = di;
    match rest.map(|byte| byte == 0xff) {
        [false, false, false] => named(di).into_iter().collect(),
        [true, false, false] => block(|byte| [group, byte, rest[1], rest[2]]),
        [false, true, false] => block(|byte| [group, rest[0], byte, rest[2]]),
        [false, false, true] => block(|byte| [group, rest[0], rest[1], byte]),
        _ => Vec::new(),
    }
}

/// Members up to the first that has no name here: how long it is nobody knows, so that nothing behind it
/// can be placed.
fn block(di: impl Fn(u8) -> [u8; 4]) -> Vec<Item> {
    let names = (0..0xff).map(|byte| named(di(byte)));
    let known = names.skip_while(Option::is_none);
    known.map_while(|item| item).collect()
}

fn settled(tariff: u8, settlement: u8, phase: &'static str) -> Option<Labels> {
    let known = tariff <= TARIFF_MAX && settlement <= SETTLEMENT_MAX;
    let freeze = if settlement == 0 { "" } else { "settlement" };
    known.then_some(Labels {
        tariff,
        storage: settlement,
        freeze,
        ..Labels::of_phase(phase)
    })
}

fn row(kind: u8) -> Option<(&'static Energy, &'static str)> {
    ENERGIES.iter().find_map(|(first, energies, phase)| {
        let at = usize::from(kind.checked_sub(*first)?);
        Some((energies.get(at)?, *phase))
    })
}

/// The energy of DI2, of a tariff (0: the total), at a settlement (0: now).
pub(super) fn of_energy(kind: u8, tariff: u8, settlement: u8) -> Option<(Quantity, Labels)> {
    let (energy, phase) = row(kind)?;
    let quantity = Quantity {
        is_register: !energy.is_signed,
        ..number(energy.metric, energy.unit, 4, 2, energy.is_signed)
    };
    Some((quantity, settled(tariff, settlement, phase)?))
}

/// The greatest demand of DI2.
pub(super) fn of_demand(kind: u8, tariff: u8, settlement: u8) -> Option<(Quantity, Labels)> {
    let (energy, phase) = row(kind).filter(|(energy, _)| !energy.demand.is_empty())?;
    let quantity = number(energy.demand, energy.power, 3, 4, energy.is_signed);
    Some((quantity, settled(tariff, settlement, phase)?))
}
