//! CJ/T 188: water, gas and heat in every order, unit and state.
use super::{Reading, address, assert_read, maybe, moment, one_of};
use crate::codecs::Dialect;
use crate::sim::Rng;
use crate::sim::meters::Clock;
use crate::sim::meters::cjt188::{
    Address, Frozen, Heat, Layout, Link, Quantity, Refusal, Settlement, Volume, unit,
};
use jiff::civil::DateTime;
use proptest::prelude::*;

const VOLUMES: [(u8, &str); 2] = [(unit::L, "L"), (unit::M3, "m3")];
const ENERGIES: [(u8, &str); 6] = [
    (unit::WH, "W.h"),
    (unit::KWH, "kW.h"),
    (unit::MWH, "MW.h"),
    (unit::KJ, "kJ"),
    (unit::MJ, "MJ"),
    (unit::GJ, "GJ"),
];
const POWERS: [(u8, &str); 3] = [(unit::W, "W"), (unit::KW, "kW"), (unit::MW, "MW")];
const FLOWS: [(u8, &str); 2] = [(unit::L_H, "L/h"), (unit::M3_H, "m3/h")];
const VALVES: [(u8, &str); 3] = [(0, "open"), (1, "closed"), (3, "fault")];

fn link(rng: &mut Rng, kinds: &[u8]) -> Link {
    let layout = Layout {
        di_high_first: rng.chance(0.5),
        unit_first: rng.chance(0.3),
        year_first: rng.chance(0.3),
    };
    Link {
        kind: one_of(rng, kinds),
        address: address(rng, 14),
        preamble: u8::try_from(rng.below(5)).unwrap(),
        layout,
    }
}

/// What a profile says of a meter of this layout.
pub(super) fn dialect(layout: Layout) -> Dialect {
    Dialect {
        unit_first: layout.unit_first,
        year_first: layout.year_first,
        ..Dialect::default()
    }
}

fn quantity(
    rng: &mut Rng,
    units: &[(u8, &'static str)],
    (metric, decimals): (&str, u8),
) -> (Quantity, Reading) {
    long_or_short(rng, units, (metric, decimals, 8))
}

fn long_or_short(
    rng: &mut Rng,
    units: &[(u8, &'static str)],
    (metric, decimals, digits): (&str, u8, u32),
) -> (Quantity, Reading) {
    let (unit, code) = one_of(rng, units);
    let digits = maybe(rng, digits, false);
    let reading = Reading::number(metric, code, (digits, decimals));
    (Quantity { digits, unit }, reading)
}

fn clock(rng: &mut Rng) -> (Clock, Option<DateTime>) {
    match rng.below(10) {
        0 => (Clock::Unset, None),
        1 => (Clock::Absent, None),
        _ => {
            let at = moment(rng);
            (Clock::Set(at), Some(at))
        }
    }
}

fn status(rng: &mut Rng) -> ([u8; 2], [Reading; 2]) {
    let (valve, word) = one_of(rng, &VALVES);
    let low = rng.chance(0.3);
    // FF FF is no status at all.
    let vendors = u8::try_from(rng.below(255)).unwrap();
    let bytes = [valve | u8::from(low) << 2 | vendors & 0xf8, vendors];
    let battery = Reading::word("battery_low", &low.to_string());
    (bytes, [Reading::word("valve_state", word), battery])
}

/// As D120 has it, too.
fn last_settlement(reading: Reading) -> Reading {
    reading.label("freeze", "settlement").label("storage", "1")
}

fn volume(rng: &mut Rng) -> (Vec<u8>, Link, Vec<Reading>) {
    let link = link(rng, &[0x10, 0x11, 0x12, 0x13, 0x19, 0x30, 0x39]);
    let metric = if link.kind < 0x20 {
        "water_volume"
    } else {
        "gas_volume"
    };
    let (current, now) = quantity(rng, &VOLUMES, (metric, 2));
    let (settlement, settled) = quantity(rng, &VOLUMES, (metric, 2));
    let ((clock, at), (status, flags)) = (clock(rng), status(rng));
    let mut out = Vec::new();
    Volume {
        link,
        ser: u8::try_from(rng.below(256)).unwrap(),
        current,
        settlement,
        clock,
        status,
    }
    .encode(&mut out);
    let settled = last_settlement(settled);
    let readings = [now, settled].into_iter().chain(flags);
    (out, link, readings.map(|reading| reading.at(at)).collect())
}

/// In the layout of 2004, or in that of 2018 with fields of other lengths.
fn heat(rng: &mut Rng) -> (Vec<u8>, Link, Vec<Reading>) {
    let link = link(rng, &[0x20, 0x21, 0x22, 0x25]);
    let metric = if link.kind == 0x21 {
        "cooling_energy"
    } else {
        "heat_energy"
    };
    let (settlement, settled) = quantity(rng, &ENERGIES, (metric, 2));
    let (current, now) = quantity(rng, &ENERGIES, (metric, 2));
    let is_short = rng.chance(0.4);
    let (six, decimals) = if is_short { (6, 3) } else { (8, 4) };
    let (power, shown_power) = long_or_short(rng, &POWERS, ("heat_power", 2, six));
    let (flow, shown_flow) = long_or_short(rng, &FLOWS, ("heat_flow", decimals, six));
    let (volume, shown_volume) = quantity(rng, &VOLUMES, ("heat_volume", 2));
    let widths = if is_short { [4, 4, 8] } else { [6; 3] };
    let [supply, returned, hours] = widths.map(|digits| maybe(rng, digits, false));
    let ((clock, at), (status, flags)) = (clock(rng), status(rng));
    let mut out = Vec::new();
    let heat = Heat {
        link,
        ser: 0,
        settlement,
        current,
        power,
        flow,
        volume,
        supply,
        returned,
        hours,
        clock,
        status,
    };
    if is_short {
        heat.encode_2018(&mut out);
    } else {
        heat.encode(&mut out);
    }
    let readings = [
        last_settlement(settled),
        now,
        shown_power,
        shown_flow,
        shown_volume,
        Reading::number("supply_temperature", "Cel", (supply, 2)),
        Reading::number("return_temperature", "Cel", (returned, 2)),
        Reading::number("operating_time", "h", (hours, 0)),
    ];
    let readings = readings.into_iter().chain(flags);
    (out, link, readings.map(|reading| reading.at(at)).collect())
}

fn settlement(rng: &mut Rng) -> (Vec<u8>, Link, Vec<Reading>) {
    let link = link(rng, &[0x10, 0x30]);
    let metric = if link.kind < 0x20 {
        "water_volume"
    } else {
        "gas_volume"
    };
    let (quantity, reading) = quantity(rng, &VOLUMES, (metric, 2));
    let back = u8::try_from(1 + rng.below(12)).unwrap();
    let mut out = Vec::new();
    Settlement {
        link,
        ser: 1,
        back,
        quantity,
    }
    .encode(&mut out);
    let reading = reading.label("freeze", "settlement");
    (out, link, vec![reading.label("storage", &back.to_string())])
}

/// Pressures have no unit in the frame, so that no reading is made of them without a profile's.
fn frozen(rng: &mut Rng) -> (Vec<u8>, Link, Vec<Reading>) {
    let link = link(rng, &[0x10, 0x30]);
    let [register_of, flow_of, temperature_of] = if link.kind == 0x10 {
        ["water_volume", "water_flow", "water_temperature"]
    } else {
        ["gas_volume", "gas_flow", "gas_temperature"]
    };
    let (register, shown) = quantity(rng, &VOLUMES, (register_of, 2));
    let (flow, shown_flow) = quantity(rng, &FLOWS, (flow_of, 4));
    let temperature = maybe(rng, 6, false);
    let at = moment(rng);
    let instant = rng.chance(0.5);
    let mut out = Vec::new();
    Frozen {
        link,
        ser: 0,
        instant,
        // From D2 on the second byte of the identifier may be the first as well, which is refused.
        back: u8::try_from(rng.below(0xd0)).unwrap(),
        clock: Clock::Set(at),
        register,
        flow,
        temperature,
        pressure: Some(1_234),
    }
    .encode(&mut out);
    let temperature = Reading::number(temperature_of, "Cel", (temperature, 2));
    let kind = if instant { "instant" } else { "timed" };
    let readings = [shown, shown_flow, temperature].into_iter();
    let readings = readings.map(|reading| reading.label("freeze", kind).at(Some(at)));
    (out, link, readings.collect())
}

/// A reply of a random meter, its layout, and what it says.
pub(super) fn reply(rng: &mut Rng) -> (Vec<u8>, Layout, Vec<Reading>) {
    let (frame, link, readings) = match rng.below(6) {
        0 | 1 => volume(rng),
        2 | 3 => heat(rng),
        4 => frozen(rng),
        _ => settlement(rng),
    };
    let device = format!("cjt188:{:02x}:{:014}", link.kind, link.address);
    let readings = readings.into_iter().map(|reading| reading.of(&device));
    (frame, link.layout, readings.collect())
}

proptest! {
    #[test]
    fn a_reply_is_read_as_it_was_meant(seed: u64) {
        let (frame, layout, readings) = reply(&mut Rng::new(seed));
        assert_read("cjt188", dialect(layout), &frame, &readings);
        assert_read("meters", dialect(layout), &frame, &readings);
    }
}

#[test]
fn answers_without_values_are_events() {
    let link = Link::of(0x10, 7);
    let notes = |encode: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        encode(&mut out);
        let (readings, faults, notes) = super::read("cjt188", Dialect::default(), &out);
        assert_eq!((readings, faults), (vec![], vec![]));
        notes
    };
    let refusal = Refusal {
        link,
        control: 0xc1,
        ser: 1,
        status: [0, 0],
    };
    assert_eq!(notes(&|out| refusal.encode(out)), ["meter_error"]);
    assert_eq!(
        notes(&|out| Address { link, ser: 0 }.encode(out)),
        ["meter_answer"]
    );
}
