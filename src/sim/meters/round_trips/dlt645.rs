//! DL/T 645: every item, random numbers, blocks and following frames.
use super::{Reading, address, assert_read, between, maybe, moment, one_of};
use crate::codecs::Dialect;
use crate::sim::Rng;
use crate::sim::meters::Phase;
use crate::sim::meters::dlt645::{
    Address, Demand, Energy, FrozenAt, Item, Link, Measured, Refusal, Reply, function,
};
use jiff::civil::DateTime;
use proptest::prelude::*;

const ENERGIES: [(Energy, &str, &str); 11] = [
    (Energy::Combined, "active_energy_combined", "kW.h"),
    (Energy::Import, "active_energy_import", "kW.h"),
    (Energy::Export, "active_energy_export", "kW.h"),
    (Energy::Reactive1, "reactive_energy_combined_1", "kvar.h"),
    (Energy::Reactive2, "reactive_energy_combined_2", "kvar.h"),
    (Energy::Quadrant(1), "reactive_energy_quadrant_1", "kvar.h"),
    (Energy::Quadrant(2), "reactive_energy_quadrant_2", "kvar.h"),
    (Energy::Quadrant(3), "reactive_energy_quadrant_3", "kvar.h"),
    (Energy::Quadrant(4), "reactive_energy_quadrant_4", "kvar.h"),
    (Energy::ApparentImport, "apparent_energy", "kV.A.h"),
    (Energy::ApparentExport, "apparent_energy_export", "kV.A.h"),
];
const DEMANDS: [(Energy, &str, &str); 4] = [
    (Energy::Import, "active_power_demand_max", "kW"),
    (Energy::Export, "active_power_export_demand_max", "kW"),
    (
        Energy::Reactive1,
        "reactive_power_combined_1_demand_max",
        "kvar",
    ),
    (
        Energy::Quadrant(4),
        "reactive_power_quadrant_4_demand_max",
        "kvar",
    ),
];
/// With digits, decimals, a sign, and a total.
type Row = (Measured, &'static str, &'static str, u32, u8, bool, bool);
const MEASURED: [Row; 9] = [
    (Measured::Voltage, "voltage", "V", 4, 1, false, false),
    (Measured::Current, "current", "A", 6, 3, true, false),
    (
        Measured::ActivePower,
        "active_power",
        "kW",
        6,
        4,
        true,
        true,
    ),
    (
        Measured::ReactivePower,
        "reactive_power",
        "kvar",
        6,
        4,
        true,
        true,
    ),
    (
        Measured::ApparentPower,
        "apparent_power",
        "kV.A",
        6,
        4,
        true,
        true,
    ),
    (Measured::PowerFactor, "power_factor", "1", 4, 3, true, true),
    (
        Measured::PhaseAngle,
        "phase_angle",
        "deg",
        4,
        1,
        false,
        false,
    ),
    (
        Measured::VoltageDistortion,
        "voltage_thd",
        "%",
        4,
        2,
        false,
        false,
    ),
    (
        Measured::CurrentDistortion,
        "current_thd",
        "%",
        4,
        2,
        false,
        false,
    ),
];

fn is_signed(energy: Energy) -> bool {
    matches!(
        energy,
        Energy::Combined | Energy::Reactive1 | Energy::Reactive2
    )
}

fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::A => "a",
        Phase::B => "b",
        Phase::C => "c",
    }
}

/// Tariff 0 has no label, and neither has the present.
fn labelled(reading: Reading, (tariff, back): (u8, u8)) -> Reading {
    let reading = match tariff {
        0 => reading,
        tariff => reading.label("tariff", &tariff.to_string()),
    };
    match back {
        0 => reading,
        back => reading
            .label("freeze", "settlement")
            .label("storage", &back.to_string()),
    }
}

/// Where its time is known, nothing says how many settlements ago it was.
fn timed(reading: Reading, (tariff, back): (u8, u8), at: DateTime) -> Reading {
    let reading = labelled(reading, (tariff, 0)).at(Some(at));
    match back {
        0 => reading,
        _ => reading.label("freeze", "settlement"),
    }
}

fn energy(rng: &mut Rng) -> (Item, Vec<Reading>) {
    let (energy, metric, unit) = one_of(rng, &ENERGIES);
    let place = (
        u8::try_from(rng.below(64)).unwrap(),
        u8::try_from(rng.below(13)).unwrap(),
    );
    let number = maybe(rng, 8, is_signed(energy));
    let phase = one_of(rng, &[None, Some(Phase::A), Some(Phase::B), Some(Phase::C)]);
    let phase = phase.filter(|_| energy != Energy::Combined);
    let reading = labelled(Reading::number(metric, unit, (number, 2)), place);
    let reading = match phase {
        Some(phase) => reading.label("phase", phase_name(phase)),
        None => reading,
    };
    (Item::energy(energy, phase, place, number), vec![reading])
}

fn energies(rng: &mut Rng) -> (Item, Vec<Reading>) {
    let (energy, metric, unit) = one_of(rng, &ENERGIES);
    let back = u8::try_from(rng.below(13)).unwrap();
    let count = one_of(rng, &[1, 5, 5, 64]);
    let numbers: Vec<Option<i64>> = (0..count)
        .map(|_| maybe(rng, 8, is_signed(energy)))
        .collect();
    let readings = (0..).zip(&numbers).map(|(tariff, number)| {
        labelled(Reading::number(metric, unit, (*number, 2)), (tariff, back))
    });
    (Item::energies(energy, back, &numbers), readings.collect())
}

fn to_the_minute(rng: &mut Rng) -> DateTime {
    let at = moment(rng);
    at.date().at(at.hour(), at.minute(), 0, 0)
}

fn demands(rng: &mut Rng) -> (Item, Vec<Reading>) {
    let (energy, metric, unit) = one_of(rng, &DEMANDS);
    let back = u8::try_from(rng.below(13)).unwrap();
    let count = one_of(rng, &[1, 5, 64]);
    let mut demand = || Demand {
        peak: maybe(rng, 6, is_signed(energy)),
        at: Some(to_the_minute(rng)).filter(|_| rng.chance(0.8)),
    };
    let demands: Vec<Demand> = (0..count).map(|_| demand()).collect();
    let readings = (0..).zip(&demands).map(|(tariff, demand)| {
        let reading = Reading::number(metric, unit, (demand.peak, 4));
        match demand.at.filter(|_| demand.peak.is_some()) {
            Some(at) => timed(reading, (tariff, back), at),
            None => labelled(reading, (tariff, back)),
        }
    });
    let readings = readings.collect();
    (Item::demands(energy, back, &demands), readings)
}

fn measured(rng: &mut Rng) -> (Item, Vec<Reading>) {
    let (what, metric, unit, digits, decimals, signed, has_total) = one_of(rng, &MEASURED);
    let phases = Phase::ALL.into_iter().map(Some);
    let total = has_total.then_some(None);
    let places: Vec<Option<Phase>> = total.into_iter().chain(phases).collect();
    let reading = |place: Option<Phase>, number| {
        let reading = Reading::number(metric, unit, (number, decimals));
        match place {
            Some(phase) => reading.label("phase", phase_name(phase)),
            None => reading,
        }
    };
    if rng.chance(0.5) {
        let place = one_of(rng, &places);
        let number = maybe(rng, digits, signed);
        return (
            Item::measured(what, place, number),
            vec![reading(place, number)],
        );
    }
    let numbers: Vec<Option<i64>> = places.iter().map(|_| maybe(rng, digits, signed)).collect();
    let readings = places.iter().zip(&numbers);
    let readings = readings
        .map(|(place, number)| reading(*place, *number))
        .collect();
    (Item::measured_all(what, &numbers), readings)
}

fn of_the_meter(rng: &mut Rng) -> (Item, Vec<Reading>) {
    type Make = fn(Option<i64>) -> Item;
    let rows: [(Make, &str, &str, u32, u8, bool); 5] = [
        (Item::neutral_current, "neutral_current", "A", 6, 3, true),
        (Item::frequency, "frequency", "Hz", 4, 2, false),
        (
            Item::temperature,
            "meter_internal_temperature",
            "Cel",
            4,
            1,
            true,
        ),
        (
            Item::clock_battery,
            "clock_battery_voltage",
            "V",
            4,
            2,
            false,
        ),
        (
            Item::reading_battery,
            "reading_battery_voltage",
            "V",
            4,
            2,
            false,
        ),
    ];
    let (make, metric, unit, digits, decimals, signed) = one_of(rng, &rows);
    let number = maybe(rng, digits, signed);
    (
        make(number),
        vec![Reading::number(metric, unit, (number, decimals))],
    )
}

fn clock(rng: &mut Rng) -> (Item, Vec<Reading>) {
    let at = moment(rng);
    if rng.chance(0.5) {
        (
            Item::date(at),
            vec![Reading::word("meter_date", &at.date().to_string())],
        )
    } else {
        (
            Item::time(at),
            vec![Reading::word("meter_time", &at.time().to_string())],
        )
    }
}

const FREEZES: [(FrozenAt, &str); 4] = [
    (FrozenAt::Timed, "timed"),
    (FrozenAt::Instant, "instant"),
    (FrozenAt::Hourly, "hourly"),
    (FrozenAt::Daily, "daily"),
];

/// Without its moment in the same uplink a frozen value says how many freezes ago.
fn frozen(rng: &mut Rng) -> (Item, Vec<Reading>) {
    let (by, name) = one_of(rng, &FREEZES);
    let back = u8::try_from(between(rng, 1, 60)).unwrap();
    let (energy, metric, unit) = one_of(rng, ENERGIES.get(1..3).unwrap());
    let count = if by == FrozenAt::Hourly { 1 } else { 5 };
    let numbers: Vec<Option<i64>> = (0..count).map(|_| maybe(rng, 8, false)).collect();
    let readings = (0..).zip(&numbers).map(|(tariff, number)| {
        let reading = labelled(Reading::number(metric, unit, (*number, 2)), (tariff, 0));
        reading
            .label("freeze", name)
            .label("storage", &back.to_string())
    });
    let readings = readings.collect();
    (Item::frozen(by, energy, back, &numbers), readings)
}

/// Any item, and what it says.
pub(super) fn any(rng: &mut Rng) -> (Item, Vec<Reading>) {
    match rng.below(9) {
        0 | 1 => energy(rng),
        2 => energies(rng),
        3 => demands(rng),
        4 | 5 => measured(rng),
        6 => of_the_meter(rng),
        7 => clock(rng),
        _ => frozen(rng),
    }
}

/// A reply of a random meter, in one frame or several, and what it says.
pub(super) fn reply(rng: &mut Rng) -> (Vec<u8>, Vec<Reading>) {
    let link = Link {
        address: address(rng, 12),
        preamble: u8::try_from(rng.below(5)).unwrap(),
    };
    let (item, readings) = any(rng);
    let mut reply = Reply::of(link, item);
    if rng.chance(0.3) {
        reply.values_max = usize::try_from(between(rng, 8, 100)).unwrap();
    }
    let mut out = Vec::new();
    reply.encode(&mut out);
    let device = format!("dlt645:{:012}", link.address);
    let readings = readings.into_iter().map(|reading| reading.of(&device));
    (out, readings.collect())
}

proptest! {
    #[test]
    fn a_reply_is_read_as_it_was_meant(seed: u64) {
        let (frames, readings) = reply(&mut Rng::new(seed));
        assert_read("dlt645", Dialect::default(), &frames, &readings);
        assert_read("meters", Dialect::default(), &frames, &readings);
    }

    #[test]
    fn frozen_values_have_the_time_that_another_frame_says(seed: u64) {
        let rng = &mut Rng::new(seed);
        let (by, name) = one_of(rng, &FREEZES);
        let back = u8::try_from(between(rng, 1, 60)).unwrap();
        let (link, at) = (Link::of(address(rng, 12)), to_the_minute(rng));
        let number = maybe(rng, 8, false);
        let mut out = Vec::new();
        Reply::of(link, Item::frozen(by, Energy::Import, back, &[number])).encode(&mut out);
        Reply::of(link, Item::frozen_when(by, back, Some(at))).encode(&mut out);
        let (readings, faults, _) = super::read("dlt645", Dialect::default(), &out);
        prop_assert_eq!(faults, []);
        let wanted = Reading::number("active_energy_import", "kW.h", (number, 2));
        let device = format!("dlt645:{:012}", link.address);
        let wanted = wanted.label("freeze", name).at(Some(at)).of(&device);
        prop_assert!(readings.contains(&wanted), "{readings:?}");
    }
}

#[test]
fn answers_without_values_are_events() {
    let link = Link::of(7);
    let notes = |encode: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        encode(&mut out);
        let (readings, faults, notes) = super::read("dlt645", Dialect::default(), &out);
        assert_eq!((readings, faults), (vec![], vec![]));
        notes
    };
    let refusal = Refusal {
        link,
        function: function::READ,
        word: 2,
    };
    assert_eq!(notes(&|out| refusal.encode(out)), ["meter_error"]);
    assert_eq!(notes(&|out| Address { link }.encode(out)), ["meter_answer"]);
}
