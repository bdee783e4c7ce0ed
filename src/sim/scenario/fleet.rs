//! 200 meters of four utilities behind one concentrator: what each is, and what stands in the inventory.
use crate::sim::Rng;
use crate::sim::meters::cjt188::{Layout, unit};
use std::fmt::Write;

/// The concentrator.
pub const CONCENTRATOR: &str = "conc-1";
/// Meters behind it.
pub const METERS: usize = 200;
/// Profile of the meters that count litres without a point.
pub const LITRES: &str = "water-litres";

/// What kind of meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// DL/T 645, one phase: the daily freeze, total and four tariffs.
    Single,
    /// DL/T 645, three phases, behind transformers.
    Three {
        /// Feeds in, too.
        export: bool,
        /// Its third phase is not connected.
        two_phases: bool,
    },
    /// DL/T 645, three phases: read each hour.
    Hourly,
    /// DL/T 698.45: the daily freeze as a record.
    Object,
    /// CJ/T 188, water of this type.
    Water {
        /// 10 cold, 11 hot, 12 drinking, 13 reclaimed (hexadecimal).
        kind: u8,
        /// Its orders.
        layout: Layout,
        /// Counts litres.
        litres: bool,
    },
    /// CJ/T 188, gas.
    Gas {
        /// Its orders.
        layout: Layout,
    },
    /// CJ/T 188, heat or cooling.
    Heat {
        /// 20 heat, 21 cooling (hexadecimal).
        kind: u8,
        /// Of [`mod@unit`]: what it counts in.
        unit: u8,
    },
}

impl Model {
    /// Is its register of gas or water, which may stand still?
    pub const fn is_electric(self) -> bool {
        matches!(
            self,
            Self::Single | Self::Three { .. } | Self::Hourly | Self::Object
        )
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::Single | Self::Three { .. } | Self::Hourly | Self::Object => "em",
            Self::Water { .. } => "wm",
            Self::Gas { .. } => "gm",
            Self::Heat { .. } => "hm",
        }
    }

    const fn kind(self) -> &'static str {
        match self {
            Self::Single | Self::Three { .. } | Self::Hourly | Self::Object => "meter.electricity",
            Self::Water { .. } => "meter.water",
            Self::Gas { .. } => "meter.gas",
            Self::Heat { kind: 0x21, .. } => "meter.cooling",
            Self::Heat { .. } => "meter.heat",
        }
    }
}

/// One meter.
#[derive(Clone, Debug)]
pub struct Meter {
    /// Its id in the inventory.
    pub id: String,
    /// What it is.
    pub model: Model,
    /// Decimal digits of its address.
    pub address: u64,
    /// The inventory's digits before the point, where they are fewer than the frame's six; two follow it.
    pub digits: Option<u8>,
    /// Transformer ratio.
    pub multiplier: i64,
}

impl Meter {
    /// The name of its address.
    pub fn alias(&self) -> String {
        match self.model {
            Model::Single | Model::Three { .. } | Model::Hourly => {
                format!("dlt645:{:012}", self.address)
            }
            Model::Object => format!("dlt698:{:012}", self.address),
            Model::Water { kind, .. } | Model::Heat { kind, .. } => {
                format!("cjt188:{kind:02x}:{:014}", self.address)
            }
            Model::Gas { .. } => format!("cjt188:30:{:014}", self.address),
        }
    }

    /// How far its register counts, in units of the last of the two digits behind the point.
    pub fn modulus(&self) -> i64 {
        10_i64.pow(u32::from(self.digits.unwrap_or(6)) + 2)
    }

    /// How often it is read.
    pub fn interval(&self) -> &'static str {
        if self.model == Model::Hourly {
            "1h"
        } else {
            "24h"
        }
    }
}

/// How many meters of which kind, in the order of their numbers.
fn models() -> Vec<Model> {
    let layout = |number: usize| Layout {
        di_high_first: number % 2 == 1,
        unit_first: number % 5 == 4,
        year_first: number % 7 == 3,
    };
    let water = |kind: u8, number: usize| Model::Water {
        kind,
        layout: layout(number),
        litres: kind == 0x10 && number % 10 == 9,
    };
    let heat = |kind: u8, number: usize| Model::Heat {
        kind,
        unit: [unit::KWH, unit::MWH, unit::GJ]
            .get(number % 3)
            .copied()
            .unwrap_or(unit::KWH),
    };
    let mut all = vec![Model::Single; 78];
    all.extend((0..24).map(|number| Model::Three {
        export: number % 4 == 0,
        two_phases: number % 8 == 5,
    }));
    all.extend([Model::Hourly; 8]);
    all.extend([Model::Object; 20]);
    all.extend((0..36).map(|number| water(0x10, number)));
    all.extend((0..8).map(|number| water(0x11, number)));
    all.extend((0..4).map(|number| water(0x12, number)));
    all.extend((0..2).map(|number| water(0x13, number)));
    all.extend((0..12).map(|number| Model::Gas {
        layout: layout(number),
    }));
    all.extend((0..6).map(|number| heat(0x20, number)));
    all.extend((0..2).map(|number| heat(0x21, number)));
    all
}

/// All meters, by number.
pub fn meters(seed: u64) -> Vec<Meter> {
    let mut rng = Rng::stream(seed, 1);
    let models = models().into_iter().enumerate();
    let meter = |(number, model): (usize, Model)| {
        // Spread over the digits, and no two alike: the number stands at the end.
        let head = if model.is_electric() {
            1_000_000
        } else {
            100_000_000
        };
        let address = (head + rng.below(8 * head)) * 10_000 + number as u64;
        Meter {
            id: format!("{}-{number:03}", model.prefix()),
            model,
            address,
            digits: match model {
                Model::Water { litres: false, .. } | Model::Gas { .. } if number % 3 == 0 => {
                    Some(5)
                }
                _ => None,
            },
            multiplier: match model {
                Model::Three { .. } => [1, 20, 30].get(number % 3).copied().unwrap_or(1),
                _ => 1,
            },
        }
    };
    models.map(meter).collect()
}

/// The inventory, as its operator keeps it: the header, the concentrator, a row per meter. `rows` makes
/// the rows of a meter: its aliases, and when they hold.
pub fn inventory(meters: &[Meter], rows: impl Fn(&Meter) -> Vec<Row>) -> String {
    let mut csv = String::from(
        "id,kind,profile,district,interval,aliases,parent,metering_point,multiplier,digits,valid_from,valid_to\n",
    );
    // Writing to a String cannot fail.
    let _ = writeln!(csv, "{CONCENTRATOR},,meters,370102,1h,,,,,,,");
    for meter in meters {
        for row in rows(meter) {
            let profile = match meter.model {
                Model::Water { litres: true, .. } => LITRES,
                _ => "meters",
            };
            let multiplier = match meter.multiplier {
                1 => String::new(),
                ratio => format!("{}/5", ratio * 5),
            };
            let digits = meter.digits.map_or(String::new(), |all| format!("{all}.2"));
            let _ = writeln!(
                csv,
                "{},{},{profile},370102,{},{},{CONCENTRATOR},MP-{},{multiplier},{digits},{},{}",
                row.id,
                meter.model.kind(),
                meter.interval(),
                row.aliases,
                meter.id,
                row.from,
                row.to,
            );
        }
    }
    csv
}

/// One row of the inventory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The id.
    pub id: String,
    /// Parted by blanks.
    pub aliases: String,
    /// `valid_from`, or "".
    pub from: String,
    /// `valid_to`, or "".
    pub to: String,
}

impl Row {
    /// One that holds at any time.
    pub fn of(id: &str, aliases: String) -> Self {
        Self {
            id: id.to_owned(),
            aliases,
            from: String::new(),
            to: String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn there_are_200_meters_and_no_two_alike() {
        let meters = meters(7);
        assert_eq!(meters.len(), METERS);
        let ids: BTreeSet<&str> = meters.iter().map(|meter| meter.id.as_str()).collect();
        let aliases: BTreeSet<String> = meters.iter().map(Meter::alias).collect();
        assert_eq!((ids.len(), aliases.len()), (METERS, METERS));
        for meter in &meters {
            let (_, address) = meter
                .alias()
                .rsplit_once(':')
                .map(|(_, digits)| ((), digits.len()))
                .unzip();
            assert!(matches!(address, Some(12 | 14)), "{}", meter.alias());
        }
    }
}
