//! One simulated device: its state, and the JSON that it sends.
//!
//! Registers are integrals of the power that the same message shows, so they only grow and agree
//! with it. Some devices fail on purpose, at a settable rate, in the ways that devices fail.
use super::Rng;
use super::curves::Moment;
use super::fault::Fault;
use super::kind::Kind;
use std::fmt::Write;

/// How many messages a stuck sensor repeats.
const STUCK_MESSAGES: u32 = 12;
/// How many messages of a silent device are missing.
const SILENT_MESSAGES: u32 = 6;

/// What a device does at its time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sent {
    /// Empty: it is silent.
    pub(super) payload: Vec<u8>,
    /// The same bytes go out a second time.
    pub(super) twice: bool,
    /// A fault began or was played.
    pub(super) faulty: bool,
}

/// What a meter shows at a moment, however it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) now: Moment,
    /// kW, or m3/h.
    pub(super) load: f64,
    /// kW.h, or m3.
    pub(super) register: f64,
    /// m3 that went through a heating circuit.
    pub(super) second_register: f64,
}

/// A device and its memory.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) kind: Kind,
    rng: Rng,
    /// Share of the kind's average load.
    base: f64,
    register: f64,
    second_register: f64,
    battery_percent: f64,
    signal_dbm: f64,
    at_ms: Option<i64>,
    body: String,
    weak: bool,
    stuck_for: u32,
    silent_for: u32,
}

/// `"name":value,`
fn put(body: &mut String, name: &str, value: f64, decimals: usize) {
    // Writing to a String cannot fail.
    let _ = write!(body, "\"{name}\":{value:.decimals$},");
}

fn put_flag(body: &mut String, name: &str, value: bool) {
    let _ = write!(body, "\"{name}\":{value},");
}

fn put_phases(body: &mut String, name: &str, values: [f64; 3], decimals: usize) {
    let _ = write!(body, "\"{name}\":[");
    for (phase, value) in ["a", "b", "c"].iter().zip(values) {
        let _ = write!(
            body,
            "{{\"value\":{value:.decimals$},\"labels\":{{\"phase\":\"{phase}\"}}}},"
        );
    }
    body.pop();
    body.push_str("],");
}

impl Device {
    /// A weak one has a battery near its end and a signal near the edge.
    pub(super) fn new(kind: Kind, mut rng: Rng, weak: bool) -> Self {
        // Between half and twice the average, most near it.
        let base = 2.0_f64.powf(rng.noise() / 2.0);
        Self {
            kind,
            base,
            register: rng.between(500.0, 40_000.0),
            second_register: rng.between(100.0, 5_000.0),
            battery_percent: rng.between(35.0, 100.0) * if weak { 0.2 } else { 1.0 },
            signal_dbm: rng.between(-112.0, -78.0) - if weak { 32.0 } else { 0.0 },
            weak,
            rng,
            at_ms: None,
            body: String::new(),
            stuck_for: 0,
            silent_for: 0,
        }
    }

    /// What it shows at `at_ms` (Unix time), for who writes it in another way than [`Device::send`].
    pub(super) fn look(&mut self, at_ms: i64) -> Look {
        let (now, hours) = self.pass(at_ms);
        Look {
            load: self.advance(now, hours),
            register: self.register,
            second_register: self.second_register,
            now,
        }
    }

    /// The moment, and the hours since the last one.
    fn pass(&mut self, at_ms: i64) -> (Moment, f64) {
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds of a run are exact in an f64"
        )]
        let hours = self
            .at_ms
            .map_or(0.0, |last| (at_ms - last).max(0) as f64 / 3.6e6);
        self.at_ms = Some(at_ms);
        (Moment::new(at_ms.div_euclid(1000)), hours)
    }

    /// What it sends at `at_ms` (Unix time); each message goes wrong with probability `faults`.
    pub(super) fn send(&mut self, at_ms: i64, faults: f64) -> Sent {
        let (now, hours) = self.pass(at_ms);
        let fault = Fault::draw(&mut self.rng, faults);
        match fault {
            Some(Fault::Stuck) => self.stuck_for = STUCK_MESSAGES,
            Some(Fault::Silent) => self.silent_for = SILENT_MESSAGES,
            _ => {}
        }
        self.silent_for = self.silent_for.saturating_sub(1);
        let stuck = self.stuck_for > 0 && !self.body.is_empty();
        self.stuck_for = self.stuck_for.saturating_sub(1);
        if stuck {
            self.advance(now, hours);
        } else {
            self.body.clear();
            self.measure(now, hours);
        }
        if self.silent_for > 0 {
            return Sent {
                faulty: fault.is_some(),
                ..Sent::default()
            };
        }
        Sent {
            payload: self.encode(at_ms, fault),
            twice: fault == Some(Fault::Repeated),
            faulty: fault.is_some(),
        }
    }

    fn encode(&self, at_ms: i64, fault: Option<Fault>) -> Vec<u8> {
        let mut text = String::with_capacity(self.body.len() + 64);
        text.push('{');
        if self.kind.is_dated() {
            // A dead clock battery: the device thinks it is 2000.
            let ts = if fault == Some(Fault::Clock) {
                946_684_800_000
            } else {
                at_ms
            };
            let _ = write!(text, "\"ts\":{ts},");
        }
        text.push_str(&self.body);
        match fault {
            Some(Fault::UnknownMetric) => put(&mut text, "flux_capacitance", 1.21, 2),
            Some(Fault::Spike) => put(&mut text, self.spiked(), 88_888_888.0, 1),
            _ => {}
        }
        text.pop();
        text.push('}');
        let mut payload = text.into_bytes();
        if fault == Some(Fault::Malformed) {
            payload.truncate(payload.len() / 2);
        }
        payload
    }

    /// A metric of this kind that its messages leave out, so that the spike is no duplicate key.
    const fn spiked(&self) -> &'static str {
        match self.kind {
            Kind::PoleLight => "leakage_current",
            Kind::PoleEnvironment => "illuminance",
            Kind::TunnelGas | Kind::TunnelEnvironment => "cable_temperature",
            Kind::Electricity => "reactive_power",
            Kind::Gas => "gas_pressure",
            Kind::Water => "water_flow",
            Kind::Heat => "heat_flow",
        }
    }

    /// Time passes for the registers, whether or not the device shows it.
    fn advance(&mut self, now: Moment, hours: f64) -> f64 {
        let load = self.base
            * match self.kind {
                Kind::Electricity => 0.6 * now.electricity(),
                Kind::Gas => 0.12 * now.gas(),
                Kind::Water => 0.02 * now.water(),
                Kind::Heat => 6.0 * now.heat(),
                _ => 0.0,
            }
            * (1.0 + 0.15 * self.rng.noise()).max(0.05);
        self.register += load * hours;
        // Water of the heating circuit: 20 kelvin carry 23 kW.h per cubic metre.
        self.second_register += load / 23.0 * hours;
        let drain = if self.weak { 0.1 } else { hours * 0.0006 };
        self.battery_percent = (self.battery_percent - drain).max(0.0);
        load
    }

    fn measure(&mut self, now: Moment, hours: f64) {
        let load = self.advance(now, hours);
        let body = &mut std::mem::take(&mut self.body);
        match self.kind {
            Kind::PoleLight => self.lamp(body, now),
            Kind::PoleEnvironment => self.street(body, now),
            Kind::TunnelGas => {
                put(body, "oxygen", 20.8 + 0.08 * self.rng.noise(), 2);
                put(
                    body,
                    "methane_lel",
                    (0.6 + 0.5 * self.rng.noise()).max(0.0),
                    1,
                );
                put(
                    body,
                    "hydrogen_sulfide",
                    (0.3 + 0.2 * self.rng.noise()).max(0.0),
                    2,
                );
                put(
                    body,
                    "carbon_monoxide",
                    (1.0 + 0.5 * self.rng.noise()).max(0.0),
                    1,
                );
            }
            Kind::TunnelEnvironment => self.tunnel(body, now),
            Kind::Electricity => self.electricity(body, load),
            Kind::Gas => {
                put(body, "gas_volume", self.register, 2);
                put(body, "gas_flow", load, 3);
                self.health(body);
            }
            Kind::Water => {
                put(body, "water_volume", self.register, 3);
                self.health(body);
            }
            Kind::Heat => self.heat(body, now, load),
        }
        self.body = std::mem::take(body);
    }

    fn lamp(&mut self, body: &mut String, now: Moment) {
        let on = now.is_dark();
        // Half power in the small hours, as cities do.
        let brightness = match (on, (1.0..5.0).contains(&now.hour)) {
            (false, _) => 0.0,
            (true, true) => 50.0,
            (true, false) => 100.0,
        };
        put_flag(body, "lamp_on", on);
        put(body, "lamp_brightness", brightness, 0);
        let power = 1.5 + 1.2 * brightness * (1.0 + 0.01 * self.rng.noise());
        put(body, "lamp_power", power, 1);
        put(
            body,
            "rsrp",
            (self.signal_dbm + 2.0 * self.rng.noise()).clamp(-140.0, -60.0),
            0,
        );
    }

    fn street(&mut self, body: &mut String, now: Moment) {
        let traffic = now.traffic();
        let air = now.air_temperature() + 0.4 * self.rng.noise();
        put(body, "air_temperature", air, 1);
        let humidity = 55.0 + 15.0 * (5.0 - now.hour).cos() + 3.0 * self.rng.noise();
        put(body, "relative_humidity", humidity.clamp(10.0, 100.0), 1);
        let dust = self.base * (18.0 + 30.0 * traffic + 14.0 * (now.winter() + 1.0));
        put(body, "pm2_5", (dust + 3.0 * self.rng.noise()).max(1.0), 0);
        put(
            body,
            "pm10",
            (1.7 * dust + 5.0 * self.rng.noise()).max(2.0),
            0,
        );
        put(
            body,
            "sound_level_a",
            45.0 + 24.0 * traffic + 2.0 * self.rng.noise(),
            1,
        );
    }

    fn tunnel(&mut self, body: &mut String, now: Moment) {
        // Under ground the year is felt and the day is not.
        put(
            body,
            "air_temperature",
            18.0 - 4.0 * now.winter() + 0.2 * self.rng.noise(),
            1,
        );
        put(
            body,
            "relative_humidity",
            (74.0 + 3.0 * self.rng.noise()).clamp(20.0, 100.0),
            1,
        );
        // The sump fills for two hours and the pump empties it in twenty minutes.
        let phase = (now.hour + 10.0 * self.base).rem_euclid(2.333);
        let pumping = phase > 2.0;
        let level = if pumping {
            0.8 - 1.8 * (phase - 2.0)
        } else {
            0.2 + 0.3 * phase
        };
        put(
            body,
            "water_level",
            (level + 0.01 * self.rng.noise()).max(0.0),
            2,
        );
        put_flag(body, "pump_running", pumping);
        put_flag(body, "fan_running", now.hour.rem_euclid(4.0) < 0.5);
    }

    fn electricity(&mut self, body: &mut String, load_kw: f64) {
        put(body, "active_energy_import", self.register, 2);
        put(body, "active_power", load_kw, 4);
        let volts = [(); 3].map(|()| 229.0 - 1.5 * load_kw.min(6.0) + 1.2 * self.rng.noise());
        put_phases(body, "voltage", volts, 1);
        let shares = [0.4, 0.35, 0.25];
        let mut amperes = [0.0; 3];
        for ((ampere, volt), share) in amperes.iter_mut().zip(volts).zip(shares) {
            *ampere = share * load_kw * 1000.0 / volt / 0.95;
        }
        put_phases(body, "current", amperes, 3);
        put(body, "frequency", 50.0 + 0.015 * self.rng.noise(), 2);
    }

    fn heat(&mut self, body: &mut String, now: Moment, load_kw: f64) {
        put(body, "heat_energy", self.register, 1);
        put(body, "heat_power", load_kw, 2);
        let supply = 42.0 + 22.0 * now.heat().min(1.5) + 0.5 * self.rng.noise();
        put(body, "supply_temperature", supply, 1);
        put(
            body,
            "return_temperature",
            supply - 8.0 - 8.0 * now.heat().min(1.5),
            1,
        );
        self.health(body);
    }

    fn health(&mut self, body: &mut String) {
        put(body, "battery_level", self.battery_percent, 0);
        if self.weak {
            put(
                body,
                "battery_voltage",
                2.9 + 0.015 * self.battery_percent,
                2,
            );
        }
        put(
            body,
            "rsrp",
            (self.signal_dbm + 2.0 * self.rng.noise()).clamp(-140.0, -60.0),
            0,
        );
    }
}

#[cfg(test)]
mod tests;
