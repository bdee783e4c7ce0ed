//! What each kind of meter sends, frame by frame, and what is true of it.
use super::fleet::{Meter, Model};
use super::message::{Labels, Message, Shown};
use super::truth::{At, Value};
use crate::model::Timestamp;
use crate::sim::meters::cjt188::{self, Quantity, Volume, unit};
use crate::sim::meters::dlt645::{self, Energy, FrozenAt, Item, Measured, Reply};
use crate::sim::meters::dlt698::{self, Column, Data};
use crate::sim::meters::{Clock, Phase};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Registers of one moment: the total, then four tariffs.
type Registers = [i64; super::course::REGISTERS];

/// When it is, for people.
#[derive(Clone, Copy, Debug)]
pub(super) struct Local<'z>(pub(super) &'z TimeZone);

impl Local<'_> {
    pub(super) fn time(self, at: Timestamp) -> DateTime {
        let at = jiff::Timestamp::from_nanosecond(at.as_nanos().into()).unwrap_or_default();
        self.0.to_datetime(at)
    }
}

const TARIFFS: [&str; 4] = ["1", "2", "3", "4"];
/// `freeze` of midnight and of the hour.
pub(super) const DAILY: &str = "daily";
pub(super) const HOURLY: &str = "hourly";

fn link645(meter: &Meter) -> dlt645::Link {
    dlt645::Link {
        address: meter.address,
        // As drivers of lines do, or do not.
        preamble: if meter.address.is_multiple_of(3) {
            4
        } else {
            0
        },
    }
}

/// An energy in hundredths.
pub(super) const fn energy(digits: i64) -> Shown {
    Shown::plain(Some(digits), 2, "kW.h").multiplied()
}

impl Message<'_> {
    /// The energies of one freeze.
    pub(super) fn frozen(
        &mut self,
        meter: &Meter,
        (metric, freeze): (&'static str, &str),
        at: Timestamp,
        registers: &[i64],
    ) {
        for (tariff, digits) in registers.iter().enumerate() {
            let tariff = tariff.checked_sub(1).and_then(|tariff| TARIFFS.get(tariff));
            let of: Labels<'_> = &[
                ("freeze", freeze),
                ("tariff", tariff.copied().unwrap_or("")),
            ];
            let of = if tariff.is_some() {
                of
            } else {
                of.get(..1).unwrap_or_default()
            };
            self.number(meter, (metric, of), At::Meter(at), energy(*digits));
        }
    }

    /// Time and energies of a freeze, as DL/T 645 has them: `back` freezes ago.
    pub(super) fn freeze(
        &mut self,
        meter: &Meter,
        (by, back): (FrozenAt, u8),
        (at, local): (Timestamp, Local<'_>),
        energies: &[(Energy, &[i64])],
    ) {
        let link = link645(meter);
        self.moment(meter, (by, back), (at, local));
        let freeze = if by == FrozenAt::Hourly {
            HOURLY
        } else {
            DAILY
        };
        for (energy, registers) in energies {
            let digits: Vec<_> = registers.iter().map(|digits| Some(*digits)).collect();
            let item = Item::frozen(by, *energy, back, &digits);
            Reply::of(link, item).encode(&mut self.bytes);
            let metric = if *energy == Energy::Export {
                "active_energy_export"
            } else {
                "active_energy_import"
            };
            self.frozen(meter, (metric, freeze), at, registers);
        }
    }

    /// The time of a freeze, in a frame of its own.
    pub(super) fn moment(
        &mut self,
        meter: &Meter,
        (by, back): (FrozenAt, u8),
        (at, local): (Timestamp, Local<'_>),
    ) {
        let when = Item::frozen_when(by, back, Some(local.time(at)));
        Reply::of(link645(meter), when).encode(&mut self.bytes);
        let freeze = if by == FrozenAt::Hourly {
            HOURLY
        } else {
            DAILY
        };
        let text = local.time(at).strftime("%Y-%m-%dT%H:%M:%S").to_string();
        let of = ("freeze_time", &[("freeze", freeze)][..]);
        self.state(meter, of, At::Meter(at), Value::Text(text));
    }

    /// The daily freeze as DL/T 698.45 has it: one row of the freeze's table.
    pub(super) fn record(
        &mut self,
        meter: &Meter,
        (at, local): (Timestamp, Local<'_>),
        registers: Registers,
    ) {
        let digits = registers.map(|digits| Data::U32(u32::try_from(digits).unwrap_or(0)));
        dlt698::Record {
            link: dlt698::Link::of(meter.address),
            report: meter.address.is_multiple_of(2),
            piid: 1,
            oad: 0x5004_0200,
            columns: vec![Column::Oad(0x2021_0200), Column::Oad(0x0010_0200)],
            rows: vec![vec![
                Data::Time(local.time(at)),
                Data::Array(digits.to_vec()),
            ]],
        }
        .encode(&mut self.bytes);
        self.frozen(meter, ("active_energy_import", DAILY), at, &registers);
    }

    /// Voltages, currents and power of this moment, which bear no time.
    pub(super) fn spot(&mut self, meter: &Meter, turn: i64) {
        let link = link645(meter);
        let put = |item: Item, bytes: &mut Vec<u8>| Reply::of(link, item).encode(bytes);
        let phases = ["a", "b", "c"];
        let two_phases = matches!(
            meter.model,
            Model::Three {
                two_phases: true,
                ..
            }
        );
        let absent = |phase: usize, digits: i64| (!(two_phases && phase == 2)).then_some(digits);
        if meter.model == Model::Single {
            let volts = 2_190 + turn % 40;
            put(
                Item::measured(Measured::Voltage, Some(Phase::A), Some(volts)),
                &mut self.bytes,
            );
            let shown = Shown::plain(Some(volts), 1, "V");
            self.number(meter, ("voltage", &[("phase", "a")]), At::Reception, shown);
            return;
        }
        let volts = [0, 1, 2].map(|phase| absent(phase, 2_201 + turn % 30));
        let amps = [0, 1, 2].map(|phase| absent(phase, 1_500 - turn * 170));
        let watts = [-turn * 301, 1_234, 2_002 + turn, 17].map(Some);
        put(
            Item::measured_all(Measured::Voltage, &volts),
            &mut self.bytes,
        );
        put(
            Item::measured_all(Measured::Current, &amps),
            &mut self.bytes,
        );
        put(
            Item::measured_all(Measured::ActivePower, &watts),
            &mut self.bytes,
        );
        for (phase, volts) in phases.iter().zip(volts) {
            let shown = Shown::plain(volts, 1, "V");
            self.number(
                meter,
                ("voltage", &[("phase", phase)]),
                At::Reception,
                shown,
            );
        }
        for (phase, amps) in phases.iter().zip(amps) {
            let shown = Shown::plain(amps, 3, "A");
            self.number(
                meter,
                ("current", &[("phase", phase)]),
                At::Reception,
                shown,
            );
        }
        for (place, watts) in watts.into_iter().enumerate() {
            let shown = Shown::plain(watts, 4, "kW").multiplied();
            let phase = place.checked_sub(1).and_then(|phase| phases.get(phase));
            let of: Labels<'_> = &[("phase", phase.copied().unwrap_or(""))];
            let of = if phase.is_some() { of } else { &[] };
            self.number(meter, ("active_power", of), At::Reception, shown);
        }
    }

    /// What a meter of water or gas shows, at its clock's time.
    pub(super) fn volume(
        &mut self,
        meter: &Meter,
        (at, local): (Timestamp, Local<'_>),
        (now, settled): (i64, i64),
        status: u8,
    ) {
        let (metric, litres) = match meter.model {
            Model::Gas { .. } => ("gas_volume", false),
            Model::Water { litres, .. } => ("water_volume", litres),
            _ => return,
        };
        let of = |digits: i64| Quantity::of(digits, if litres { unit::L } else { unit::M3 });
        Volume {
            link: link188(meter),
            ser: 1,
            current: of(now),
            settlement: of(settled),
            clock: Clock::Set(local.time(at)),
            status: [status, 0],
        }
        .encode(&mut self.bytes);
        let at = At::Meter(at);
        let shown = |digits: i64| volume_shown(litres, digits);
        self.number(meter, (metric, &[]), at, shown(now));
        self.number(meter, (metric, SETTLEMENT), at, shown(settled));
        self.status(meter, at, status);
    }

    /// Valve and battery.
    pub(super) fn status(&mut self, meter: &Meter, at: At, status: u8) {
        let valve = match status & 3 {
            0 => "open",
            1 => "closed",
            _ => "fault",
        };
        self.state(
            meter,
            ("valve_state", &[]),
            at,
            Value::Text(valve.to_owned()),
        );
        self.state(
            meter,
            ("battery_low", &[]),
            at,
            Value::Flag(status & 4 != 0),
        );
    }

    /// What a meter of heat shows.
    pub(super) fn heat(
        &mut self,
        meter: &Meter,
        (at, local): (Timestamp, Local<'_>),
        (now, settled, day): (i64, i64, i64),
    ) {
        let Model::Heat { kind, unit: counts } = meter.model else {
            return;
        };
        let (power, flow, volume) = (120 + day, 4_200 + day, 50_000 + 31 * day);
        let (supply, returned, hours) = (5_521 - day, 4_107 + day, 700 + 24 * day);
        let link = link188(meter);
        cjt188::Heat {
            link,
            ser: 1,
            settlement: Quantity::of(settled, counts),
            current: Quantity::of(now, counts),
            power: Quantity::of(power, unit::KW),
            flow: Quantity::of(flow, unit::M3_H),
            volume: Quantity::of(volume, unit::M3),
            supply: Some(supply),
            returned: Some(returned),
            hours: Some(hours),
            clock: Clock::Set(local.time(at)),
            status: cjt188::status::OPEN,
        }
        .encode(&mut self.bytes);
        let at = At::Meter(at);
        let metric = if kind == 0x21 {
            "cooling_energy"
        } else {
            "heat_energy"
        };
        let (unit, canonical) = match counts {
            unit::MWH => ("MW.h", ("kW.h", 1_000, 1)),
            unit::GJ => ("GJ", ("kW.h", 2_500, 9)),
            _ => ("kW.h", ("kW.h", 1, 1)),
        };
        let heat = |digits: i64| Shown {
            canonical,
            ..Shown::plain(Some(digits), 2, unit)
        };
        self.number(meter, (metric, SETTLEMENT), at, heat(settled));
        self.number(meter, (metric, &[]), at, heat(now));
        let plain = |digits, behind, unit| Shown::plain(Some(digits), behind, unit);
        self.number(meter, ("heat_power", &[]), at, plain(power, 2, "kW"));
        self.number(meter, ("heat_flow", &[]), at, plain(flow, 4, "m3/h"));
        self.number(meter, ("heat_volume", &[]), at, plain(volume, 2, "m3"));
        self.number(
            meter,
            ("supply_temperature", &[]),
            at,
            plain(supply, 2, "Cel"),
        );
        self.number(
            meter,
            ("return_temperature", &[]),
            at,
            plain(returned, 2, "Cel"),
        );
        self.number(meter, ("operating_time", &[]), at, plain(hours, 0, "h"));
        self.status(meter, at, 0);
    }
}

/// The register at the last settlement.
pub(super) const SETTLEMENT: Labels<'static> = &[("freeze", "settlement"), ("storage", "1")];

/// Litres are whole ones, by the profile that the inventory names; cubic metres have two digits more.
fn volume_shown(litres: bool, digits: i64) -> Shown {
    if litres {
        return Shown {
            canonical: ("m3", 1, 1_000),
            ..Shown::plain(Some(digits), 0, "L")
        };
    }
    Shown::plain(Some(digits), 2, "m3")
}

/// Who answers, in the orders of its maker.
pub(super) fn link188(meter: &Meter) -> cjt188::Link {
    let (kind, layout) = match meter.model {
        Model::Water { kind, layout, .. } => (kind, layout),
        Model::Gas { layout } => (0x30, layout),
        Model::Heat { kind, .. } => (kind, cjt188::Layout::default()),
        _ => (0x40, cjt188::Layout::default()),
    };
    cjt188::Link {
        layout,
        preamble: if meter.address.is_multiple_of(4) {
            3
        } else {
            0
        },
        ..cjt188::Link::of(kind, meter.address)
    }
}
