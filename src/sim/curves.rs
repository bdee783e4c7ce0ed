//! How a city's day goes: loads, light and weather as functions of the local time, without randomness.
//!
//! Shapes are those of any temperate city: two domestic peaks, a daytime plateau at work, light and
//! temperature with the sun. They are plausible, not measured.
use std::f64::consts::TAU;

/// Local time of the simulated city: UTC+8, without summer time, as in Jinan.
const OFFSET_S: i64 = 8 * 3600;
const DAY_S: f64 = 86_400.0;

/// A moment of the simulated city.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// Hour of the day, 0 to 24.
    pub(super) hour: f64,
    /// Day of the year, 0 to 365.25.
    pub(super) day: f64,
}

impl Moment {
    /// Of seconds since the epoch.
    pub(super) fn new(secs: i64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "seconds are exact in an f64")]
        let local = (secs + OFFSET_S) as f64;
        Self {
            hour: local.rem_euclid(DAY_S) / 3600.0,
            day: (local / DAY_S).rem_euclid(365.25),
        }
    }

    /// 1 in January, -1 in July.
    pub(super) fn winter(self) -> f64 {
        (TAU * (self.day - 15.0) / 365.25).cos()
    }

    /// Outdoor air in degrees Celsius, before noise: coldest at 5, warmest at 15 hours.
    pub(super) fn air_temperature(self) -> f64 {
        14.5 - 13.5 * self.winter() + 4.5 * (TAU * (self.hour - 15.0) / 24.0).cos()
    }

    /// Daylight, 0 at night to 1 at noon of a summer's day.
    pub(super) fn daylight(self) -> f64 {
        let height = (TAU * (self.hour - 12.0) / 24.0).cos() - 0.2 * self.winter();
        height.clamp(0.0, 1.2) / 1.2
    }

    /// Street lamps are on from dusk to dawn.
    pub(super) fn is_dark(self) -> bool {
        self.daylight() < 0.06
    }

    /// Homes and shops, about 1 on the average of the day.
    pub(super) fn electricity(self) -> f64 {
        0.55 + 0.5 * self.bump(7.5, 1.3) + 0.35 * self.bump(13.0, 3.5) + 1.1 * self.bump(19.8, 2.0)
    }

    /// Water in homes: little at night, a sharp morning.
    pub(super) fn water(self) -> f64 {
        0.15 + 2.2 * self.bump(7.3, 1.1) + 0.8 * self.bump(12.2, 1.2) + 1.8 * self.bump(20.0, 1.7)
    }

    /// Gas for cooking, and for heating in winter.
    pub(super) fn gas(self) -> f64 {
        let cooking =
            1.6 * self.bump(7.0, 0.8) + 1.8 * self.bump(11.8, 0.9) + 2.6 * self.bump(18.3, 1.1);
        let heating = 0.9 * (self.winter() + 0.1).max(0.0) * (1.0 + 0.3 * self.bump(6.5, 2.0));
        0.05 + cooking + heating
    }

    /// District heating, 0 outside the season, more when it is cold.
    pub(super) fn heat(self) -> f64 {
        ((12.0 - self.air_temperature()) / 15.0).clamp(0.0, 2.0)
    }

    /// Traffic, 0 to 1: noise and exhaust follow it.
    pub(super) fn traffic(self) -> f64 {
        (0.12
            + 0.7 * self.bump(8.0, 1.4)
            + 0.4 * self.bump(13.0, 4.0)
            + 0.75 * self.bump(18.0, 1.8))
        .min(1.0)
    }

    /// A hill of height 1 at `centre`, which knows that 23 and 1 o'clock are neighbours.
    fn bump(self, centre: f64, width_h: f64) -> f64 {
        let away = (self.hour - centre).abs();
        let away = away.min(24.0 - away) / width_h;
        (-0.5 * away * away).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-15T00:00 and 2026-07-15T00:00 in UTC+8.
    const WINTER: i64 = 1_768_406_400;
    const SUMMER: i64 = 1_784_044_800;

    fn at(midnight: i64, hour: i64) -> Moment {
        Moment::new(midnight + hour * 3600)
    }

    #[test]
    fn local_midnight_is_hour_zero() {
        assert!(at(WINTER, 0).hour.abs() < 1e-9);
        assert!((at(WINTER, 19).hour - 19.0).abs() < 1e-9);
    }

    #[test]
    fn evenings_and_mornings_are_peaks() {
        for midnight in [WINTER, SUMMER] {
            assert!(at(midnight, 20).electricity() > 2.0 * at(midnight, 3).electricity());
            assert!(at(midnight, 7).water() > 5.0 * at(midnight, 3).water());
            assert!(at(midnight, 18).gas() > 2.0 * at(midnight, 3).gas());
            assert!(at(midnight, 8).traffic() > at(midnight, 3).traffic());
        }
    }

    #[test]
    fn winter_is_cold_dark_and_heated() {
        assert!(at(WINTER, 5).air_temperature() < 0.0 && at(SUMMER, 15).air_temperature() > 30.0);
        assert!(at(WINTER, 12).heat() > 0.3 && at(SUMMER, 12).heat() < 1e-9);
        assert!(at(WINTER, 18).is_dark() && !at(SUMMER, 17).is_dark() && !at(WINTER, 12).is_dark());
    }

    #[test]
    fn no_load_is_ever_negative() {
        for hour in 0..24 * 366 {
            let now = at(WINTER, hour);
            for load in [
                now.electricity(),
                now.water(),
                now.gas(),
                now.heat(),
                now.traffic(),
            ] {
                assert!((0.0..10.0).contains(&load), "{load} at {now:?}");
            }
        }
    }
}
