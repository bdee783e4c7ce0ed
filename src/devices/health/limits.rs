//! The thresholds, and which metric is judged by which (domain.md sections 1.2 and 4).
use crate::catalogue::{Catalogue, Metric, Type};
use std::time::Duration;

/// Percent: low, critical (section 4).
pub(super) const BATTERY_PERCENT: (f64, f64) = (20.0, 10.0);
/// Volts of a Li-SOCl2 cell: low, critical (section 4). Batteries of other chemistry have more than
/// its 3.6 V or say a level.
pub(super) const BATTERY_VOLTS: (f64, f64) = (3.3, 3.1);
/// Reports in a row below the limit: a cell sags while the radio sends.
pub(super) const BATTERY_REPORTS: u8 = 3;
/// dBm and dB (section 4).
pub(super) const RSRP_MIN: f64 = -115.0;
pub(super) const SINR_MIN: f64 = -5.0;
pub(super) const WEAK_FOR: Duration = Duration::from_hours(24);
/// How far a clock may be off where there is mains power, and where a device sleeps (section 4).
pub(super) const SKEW_MAINS: Duration = Duration::from_mins(5);
pub(super) const SKEW_SLEEPY: Duration = Duration::from_hours(1);
/// Reports in a row that are too old: one may just have been late.
pub(super) const SKEW_REPORTS: u8 = 3;
/// Equal values in a row, and how long they must last at least: at a report a second, a
/// thermometer may well stand still for 24 reports (section 4: 24 reports, or 24 h).
pub(super) const FROZEN_REPORTS: u8 = 24;
pub(super) const FROZEN_MIN: Duration = Duration::from_hours(1);
pub(super) const FROZEN_FOR: Duration = Duration::from_hours(24);
/// Uplinks refused in a row (section 4).
pub(super) const REFUSED_ROW: u8 = 3;
/// Percent of an hour's uplinks (section 4), of at least so many that one is not too much.
pub(super) const REFUSED_PERCENT: u32 = 5;
pub(super) const REFUSED_OF_MIN: u32 = 20;
/// Restarts in a day (section 4).
pub(super) const RESTARTS: usize = 3;
/// An alarm ends when the value is back by this part of the limit (section 4).
pub(super) const HYSTERESIS: f64 = 0.05;

/// How a metric is judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::devices) enum Rule {
    /// By its quality only.
    Quality,
    /// It varies in nature: standing still is suspicious.
    Varies,
    /// Low and critical.
    Battery(f64, f64),
    /// A flag: the battery is low.
    BatteryFlag,
    /// Below is weak.
    Signal(f64),
    /// Alarm from the first on, the worse one from the second on.
    High(f64, f64),
    /// Alarm below the first and above the second.
    Band(f64, f64),
    /// A detector's own alarm.
    AlarmFlag,
    /// Safety without a general limit: alarm where it is out of range.
    Saturation,
    /// The device's own word of tampering or a fault; `true`: its values or its life are in doubt.
    Trouble(bool),
    /// A word that may be `fault`.
    FaultWord,
    /// Seconds since its start.
    Uptime,
}

/// Tamper, and equipment that fails.
const FAULTS: &[&str] = &[
    "tamper",
    "magnetic_tamper",
    "cover_open",
    "fan_fault",
    "pump_fault",
    "lamp_failure",
    "surge_protector_fault",
];
/// Somebody should look.
const TROUBLES: &[&str] = &[
    "reverse_flow",
    "leak",
    "intrusion",
    "hatch_open",
    "manhole_open",
    "mains_failure",
    // Alarm bits of electricity meters.
    "voltage_loss",
    "undervoltage",
    "overvoltage",
    "current_loss",
    "overcurrent",
    "overload",
    "phase_failure",
    "current_interrupted",
    "voltage_sequence_reversed",
    "current_sequence_reversed",
    "auxiliary_power_lost",
    "disconnection_warning",
];
/// What never stands still for hours. Registers, tilt, settlement, levels and the like do.
const VARYING: &[&str] = &[
    "air_temperature",
    "dew_point",
    "relative_humidity",
    "air_pressure",
    "pm1",
    "pm2_5",
    "pm10",
    "tsp",
    "co2",
    "sound_level_a",
    "wind_speed",
    "wind_direction",
    "illuminance",
    "solar_irradiance",
    "voltage",
    "current",
    "active_power",
    "reactive_power",
    "cable_temperature",
    "pipe_temperature",
    "supply_temperature",
    "return_temperature",
];

impl Rule {
    /// Of a metric by its catalogue name. Limits are those of domain.md section 1.2: oxygen
    /// GB/T 50493-2019 5.5.2, methane GB 50838-2015 7.5.8, others OEL (GBZ 2.1, L1 and twice it).
    pub fn of(name: &str, catalogue: &Catalogue) -> Self {
        let metric = catalogue.metric(name);
        match name {
            "battery_level" => Self::Battery(BATTERY_PERCENT.0, BATTERY_PERCENT.1),
            "battery_voltage" => Self::Battery(BATTERY_VOLTS.0, BATTERY_VOLTS.1),
            "battery_low" | "clock_battery_low" | "reading_battery_low" => Self::BatteryFlag,
            "rsrp" => Self::Signal(RSRP_MIN),
            "sinr" => Self::Signal(SINR_MIN),
            "oxygen" => Self::Band(19.5, 23.5),
            "methane_lel" => Self::High(20.0, 25.0),
            "combustible_gas_lel" => Self::High(25.0, 50.0),
            "hydrogen_sulfide" => Self::High(10.0, 20.0),
            "carbon_monoxide" => Self::High(20.0, 40.0),
            "emergency_call" => Self::AlarmFlag,
            "valve_state" | "ev_charger_state" => Self::FaultWord,
            "uptime" => Self::Uptime,
            _ if FAULTS.contains(&name) => Self::Trouble(true),
            _ if TROUBLES.contains(&name) => Self::Trouble(false),
            _ if VARYING.contains(&name) => Self::Varies,
            _ => metric.map_or(Self::Quality, Self::by_catalogue),
        }
    }

    fn by_catalogue(metric: &Metric) -> Self {
        match &metric.kind_of_value {
            Type::Flag if metric.safety => Self::AlarmFlag,
            Type::Number if metric.safety => Self::Saturation,
            _ => Self::Quality,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_metric_is_in_the_catalogue() {
        let catalogue = Catalogue::shipped();
        let named = [
            "battery_level",
            "battery_voltage",
            "battery_low",
            "clock_battery_low",
            "reading_battery_low",
            "rsrp",
            "sinr",
            "oxygen",
        ];
        let gases = [
            "methane_lel",
            "combustible_gas_lel",
            "hydrogen_sulfide",
            "carbon_monoxide",
        ];
        let others = [
            "emergency_call",
            "valve_state",
            "ev_charger_state",
            "uptime",
        ];
        let all = [FAULTS, TROUBLES, VARYING, &named, &gases, &others].concat();
        for name in all {
            assert!(catalogue.metric(name).is_some(), "{name}");
        }
        for name in ["smoke_alarm", "fire_alarm", "water_immersion", "gas_alarm"] {
            assert_eq!(Rule::of(name, &catalogue), Rule::AlarmFlag, "{name}");
        }
        assert_eq!(Rule::of("water_level", &catalogue), Rule::Saturation);
        assert_eq!(Rule::of("active_energy_import", &catalogue), Rule::Quality);
    }
}
