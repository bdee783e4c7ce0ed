//! What a meter of electricity measures, in whole steps of its display.
use super::{Look, steps};
use crate::sim::Rng;

/// How the load is spread over the phases.
const SHARES: [f64; 3] = [0.4, 0.35, 0.25];
const POWER_FACTOR: f64 = 0.95;

/// The tariffs of an hour, as in Shandong: 1 sharp, 2 peak, 3 flat, 4 valley. Index into the registers.
fn tariff(hour: f64) -> usize {
    match hour {
        hour if hour < 7.0 => 3,
        hour if (17.0..19.0).contains(&hour) => 0,
        hour if (8.5..11.5).contains(&hour) || (19.0..22.0).contains(&hour) => 1,
        _ => 2,
    }
}

/// Registers of four tariffs that add up to the total, in 0.01 kW.h.
#[derive(Debug, Default)]
pub(super) struct Registers {
    tariffs: Option<[i64; 4]>,
}

impl Registers {
    /// The total and the tariffs, with what came since the last look in the tariff of the hour.
    pub(super) fn at(&mut self, look: &Look) -> [i64; 5] {
        let total = steps(look.register, 100.0);
        let tariffs = self.tariffs.get_or_insert_with(|| {
            // Before anybody looked, each had its part.
            let [sharp, peak, valley] = [10, 30, 25].map(|percent| total / 100 * percent);
            [sharp, peak, total - sharp - peak - valley, valley]
        });
        let grown = total - tariffs.iter().sum::<i64>();
        if let Some(register) = tariffs.get_mut(tariff(look.now.hour)) {
            *register += grown;
        }
        let [sharp, peak, flat, valley] = *tariffs;
        [total, sharp, peak, flat, valley]
    }
}

/// What is measured besides.
#[derive(Debug)]
pub(super) struct Grid {
    /// 0.1 V.
    pub(super) volts: [i64; 3],
    /// 0.001 A.
    pub(super) amperes: [i64; 3],
    /// 0.1 W: total, then phases; they add up.
    pub(super) watts: [i64; 4],
    /// 0.001: total, then phases.
    pub(super) factors: [i64; 4],
    /// 0.01 Hz.
    pub(super) hertz: i64,
}

impl Grid {
    /// Of a meter with three phases, or with one that has all of the load.
    pub(super) fn new(look: &Look, rng: &mut Rng, phases: usize) -> Self {
        let mut grid = Self {
            volts: [0; 3],
            amperes: [0; 3],
            watts: [0; 4],
            factors: [steps(POWER_FACTOR, 1000.0); 4],
            hertz: steps(50.0 + 0.015 * rng.noise(), 100.0),
        };
        let [total, watts @ ..] = &mut grid.watts;
        let places = grid.volts.iter_mut().zip(&mut grid.amperes).zip(watts);
        for (((volt, ampere), watt), share) in places.zip(SHARES).take(phases) {
            let share = if phases == 1 { 1.0 } else { share };
            let volts = 229.0 - 1.5 * look.load.min(6.0) + 1.2 * rng.noise();
            let kilowatts = share * look.load;
            *volt = steps(volts, 10.0);
            *ampere = steps(kilowatts * 1000.0 / volts / POWER_FACTOR, 1000.0);
            *watt = steps(kilowatts, 10_000.0);
            *total += *watt;
        }
        grid
    }
}
