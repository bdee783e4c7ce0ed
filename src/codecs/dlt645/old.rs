//! Data identifiers of DL/T 645-1997, which have two bytes.
//!
//! ```text
//!  DI1  9x energy, Ax demand     x: 0, 1 now; 4, 5 last month; 8, 9 the month before; odd: reactive
//!  DI0  high: 1 import, 2 export, of reactive also 3 to 6: quadrants 1, 4, 2, 3
//!       low: 0 total, 1 to 14 tariffs, F the block of them
//!  B6xx variables: 1x voltage, 2x current, 3x active and 4x reactive power, 5x power factor
//!  C010 date, C011 time, C032 number of the meter
//! ```
//! The edition knows no signs, and demands without their time, which has an identifier of its own.
use super::item::{Item, Quantity};
use super::labels::{Labels, phase};

const TARIFF_MAX: u8 = 14;

const fn number(metric: &'static str, unit: &'static str, width: usize, decimals: u8) -> Quantity {
    Quantity {
        metric,
        unit,
        width,
        decimals,
        is_signed: false,
        is_register: false,
    }
}

/// High half of DI0, the quantity, and whether there is one of all phases together.
const VARIABLES: &[(u8, Quantity, bool)] = &[
    (1, number("voltage", "V", 2, 0), false),
    (2, number("current", "A", 2, 2), false),
    (3, number("active_power", "kW", 3, 4), true),
    (4, number("reactive_power", "kvar", 2, 2), true),
    (5, number("power_factor", "1", 2, 3), true),
];
/// The block of active powers, and B634 and B635, which end it.
const ACTIVE_POWERS: [u8; 2] = [0xb6, 0x3f];
const LIMITS: [Item; 2] = [
    Item::Setting {
        words: "limit of active power, import",
        width: 2,
    },
    Item::Setting {
        words: "limit of active power, export",
        width: 2,
    },
];
const ACTIVE: [&str; 2] = ["active_energy_import", "active_energy_export"];
const REACTIVE: [&str; 6] = [
    "reactive_energy_import",
    "reactive_energy_export",
    "reactive_energy_quadrant_1",
    "reactive_energy_quadrant_4",
    "reactive_energy_quadrant_2",
    "reactive_energy_quadrant_3",
];
const ACTIVE_DEMANDS: [&str; 2] = ["active_power_demand_max", "active_power_export_demand_max"];

/// Everything that DI1 and DI0 name: one item, those of a block, or none that is read.
pub(super) fn all(di: [u8; 2]) -> Vec<Item> {
    let [kind, which] = di;
    if which & 0xf == 0xf {
        let of = |low| named([kind, which & 0xf0 | low]);
        let mut items: Vec<Item> = (0..=TARIFF_MAX).filter_map(of).collect();
        if di == ACTIVE_POWERS {
            items.extend(LIMITS);
        }
        return items;
    }
    named(di).into_iter().collect()
}

fn named([kind, which]: [u8; 2]) -> Option<Item> {
    let (high, low) = (which >> 4, which & 0xf);
    match (kind >> 4, kind & 0xf) {
        (9, month) => {
            let (names, unit): (&[&str], _) = if month & 1 == 0 {
                (&ACTIVE, "kW.h")
            } else {
                (&REACTIVE, "kvar.h")
            };
            let metric = names.get(usize::from(high.checked_sub(1)?))?;
            let quantity = Quantity {
                is_register: true,
                ..number(metric, unit, 4, 2)
            };
            Some(Item::Number(quantity, of_month(month, low)?))
        }
        (0xa, month) if month & 1 == 0 => {
            let metric = ACTIVE_DEMANDS.get(usize::from(high.checked_sub(1)?))?;
            let quantity = number(metric, "kW", 3, 4);
            Some(Item::Number(quantity, of_month(month, low)?))
        }
        (0xb, 6) => {
            let (_, quantity, has_total) = VARIABLES.iter().find(|row| row.0 == high)?;
            let phase = phase(low)?;
            let known = *has_total || !phase.is_empty();
            known.then(|| Item::Number(*quantity, Labels::of_phase(phase)))
        }
        (0xc, 0) if which == 0x10 => Some(Item::Date),
        (0xc, 0) if which == 0x11 => Some(Item::Time),
        (0xc, 0) if which == 0x32 => Some(Item::Digits {
            metric: "meter_number",
            width: 6,
        }),
        _ => None,
    }
}

/// Bits 3 and 2 of DI1 are months back.
fn of_month(month: u8, tariff: u8) -> Option<Labels> {
    let (back, is_known) = (month >> 2, month & 2 == 0);
    let freeze = if back == 0 { "" } else { "monthly" };
    (is_known && back <= 2 && tariff <= TARIFF_MAX).then_some(Labels {
        tariff,
        storage: back,
        freeze,
        ..Labels::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_of_1997_have_names() {
        let read = |di: [u8; 2]| -> Vec<String> {
            let item = |item: &Item| match item {
                Item::Number(quantity, labels) => {
                    let labels: Vec<String> = labels
                        .list()
                        .iter()
                        .map(|(name, value)| format!("{name}={value}"))
                        .collect();
                    format!("{} {}", quantity.metric, labels.join(" "))
                }
                other => format!("{other:?}"),
            };
            all(di).iter().map(item).collect()
        };
        assert_eq!(read([0x90, 0x10]), ["active_energy_import "]);
        assert_eq!(
            read([0x94, 0x23]),
            ["active_energy_export freeze=monthly tariff=3 storage=1"]
        );
        assert_eq!(read([0x91, 0x40]), ["reactive_energy_quadrant_4 "]);
        assert_eq!(read([0x90, 0x1f]).len(), 15);
        assert_eq!(read([0xb6, 0x11]), ["voltage phase=a"]);
        assert_eq!(read([0xb6, 0x1f]).len(), 3);
        assert_eq!(read([0xb6, 0x30]), ["active_power "]);
        assert_eq!(read([0xb6, 0x5f]).len(), 4);
        assert_eq!(read([0xa0, 0x10]), ["active_power_demand_max "]);
        assert_eq!(read([0xc0, 0x11]), ["Time"]);
        for none in [
            [0x92, 0x10],
            [0x9c, 0x10],
            [0x90, 0x30],
            [0xb6, 0x10],
            [0xb0, 0x10],
            [0xa1, 0x10],
        ] {
            assert!(all(none).is_empty(), "{none:02x?}");
        }
    }
}
