//! DL/T 698.45: answers, lists, reports and records of random meters.
use super::{Reading, address, assert_read, between, moment, one_of};
use crate::codecs::Dialect;
use crate::sim::Rng;
use crate::sim::meters::dlt698::{Column, Data, Link, List, Normal, Oad, Record};
use proptest::prelude::*;

/// How an object writes its elements.
#[derive(Clone, Copy)]
enum Shape {
    /// Total and tariffs.
    Tariffs,
    /// Phases, after a total or not.
    Phases(bool),
    One,
}

type Row = (Oad, &'static str, &'static str, u8, Shape, fn(i64) -> Data);

fn short(number: i64) -> Data {
    Data::I16(i16::try_from(number.clamp(i16::MIN.into(), i16::MAX.into())).unwrap())
}
fn word(number: i64) -> Data {
    Data::U16(u16::try_from(number.clamp(0, u16::MAX.into())).unwrap())
}
fn long(number: i64) -> Data {
    Data::I32(i32::try_from(number.clamp(i32::MIN.into(), i32::MAX.into())).unwrap())
}
fn wide(number: i64) -> Data {
    Data::U32(u32::try_from(number.clamp(0, u32::MAX.into())).unwrap())
}

/// All bits set is what meters send where they have no value.
fn number(data: &Data) -> Option<i64> {
    match data {
        Data::U16(u16::MAX) | Data::U32(u32::MAX) => None,
        Data::I16(number) => Some((*number).into()),
        Data::U16(number) => Some((*number).into()),
        Data::I32(number) => Some((*number).into()),
        Data::U32(number) => Some((*number).into()),
        _ => None,
    }
}

const OBJECTS: [Row; 10] = [
    (
        0x0000_0200,
        "active_energy_combined",
        "kW.h",
        2,
        Shape::Tariffs,
        long,
    ),
    (
        0x0010_0200,
        "active_energy_import",
        "kW.h",
        2,
        Shape::Tariffs,
        wide,
    ),
    (
        0x0020_0200,
        "active_energy_export",
        "kW.h",
        2,
        Shape::Tariffs,
        wide,
    ),
    (
        0x0050_0200,
        "reactive_energy_quadrant_1",
        "kvar.h",
        2,
        Shape::Tariffs,
        wide,
    ),
    (0x2000_0200, "voltage", "V", 1, Shape::Phases(false), word),
    (0x2001_0200, "current", "A", 3, Shape::Phases(false), long),
    (
        0x2004_0200,
        "active_power",
        "W",
        1,
        Shape::Phases(true),
        long,
    ),
    (
        0x2005_0200,
        "reactive_power",
        "var",
        1,
        Shape::Phases(true),
        long,
    ),
    (
        0x200a_0200,
        "power_factor",
        "1",
        3,
        Shape::Phases(true),
        short,
    ),
    (0x200f_0200, "frequency", "Hz", 2, Shape::One, word),
];

/// An object's value and what it says.
fn object(rng: &mut Rng, row: Row) -> (Data, Vec<Reading>) {
    let (_, metric, unit, decimals, shape, make) = row;
    let mut draw = || {
        let far = between(rng, -4_294_967_295, 4_294_967_295);
        let near = between(rng, -20_000, 20_000);
        let drawn = one_of(rng, &[0, near, near, far]);
        if rng.chance(0.1) {
            Data::Null
        } else {
            make(drawn)
        }
    };
    let labels: Vec<Option<(&str, String)>> = match shape {
        Shape::One => vec![None],
        Shape::Tariffs => {
            let tariffs = (1..5).map(|tariff| Some(("tariff", tariff.to_string())));
            std::iter::once(None).chain(tariffs).collect()
        }
        Shape::Phases(has_total) => {
            let phases = ["a", "b", "c"].map(|phase| Some(("phase", phase.to_owned())));
            has_total
                .then_some(None)
                .into_iter()
                .chain(phases)
                .collect()
        }
    };
    let values: Vec<Data> = labels.iter().map(|_| draw()).collect();
    let readings = labels.iter().zip(&values).map(|(label, data)| {
        let reading = Reading::number(metric, unit, (number(data), decimals));
        match label {
            Some((name, value)) => reading.label(name, value),
            None => reading,
        }
    });
    let readings = readings.collect();
    let data = match shape {
        Shape::One => values.first().cloned().unwrap(),
        _ => Data::Array(values),
    };
    (data, readings)
}

fn link(rng: &mut Rng) -> Link {
    Link {
        client: u8::try_from(rng.below(256)).unwrap(),
        preamble: u8::try_from(rng.below(5)).unwrap(),
        ..Link::of(address(rng, 12))
    }
}

fn list(rng: &mut Rng, link: Link) -> (Vec<u8>, Vec<Reading>) {
    let report = rng.chance(0.5);
    let (mut answers, mut readings) = (Vec::new(), Vec::new());
    for _ in 0..between(rng, 1, 8) {
        let row = one_of(rng, &OBJECTS);
        let (data, said) = object(rng, row);
        answers.push((row.0, Ok(data)));
        readings.extend(said);
    }
    let piid = u8::try_from(rng.below(64)).unwrap();
    let mut out = Vec::new();
    List {
        link,
        report,
        piid,
        answers,
    }
    .encode(&mut out);
    (out, readings)
}

fn normal(rng: &mut Rng, link: Link) -> (Vec<u8>, Vec<Reading>) {
    let row = one_of(rng, &OBJECTS);
    let (data, readings) = object(rng, row);
    let mut out = Vec::new();
    Normal {
        link,
        piid: 1,
        oad: row.0,
        answer: Ok(data),
    }
    .encode(&mut out);
    (out, readings)
}

/// Rows of the daily freeze, each at its midnight.
fn record(rng: &mut Rng, link: Link) -> (Vec<u8>, Vec<Reading>) {
    let rows = [one_of(rng, &OBJECTS[..4]), one_of(rng, &OBJECTS[4..])];
    let columns = [0x2021_0200].into_iter().chain(rows.map(|row| row.0));
    let columns = columns.map(Column::Oad).collect();
    let (mut table, mut readings) = (Vec::new(), Vec::new());
    for _ in 0..between(rng, 1, 5) {
        let at = moment(rng);
        let mut cells = vec![Data::Time(at)];
        for row in rows {
            let (data, said) = object(rng, row);
            cells.push(data);
            let said = said.into_iter();
            readings.extend(said.map(|reading| reading.label("freeze", "daily").at(Some(at))));
        }
        table.push(cells);
    }
    let mut out = Vec::new();
    Record {
        link,
        report: rng.chance(0.5),
        piid: 2,
        oad: 0x5004_0200,
        columns,
        rows: table,
    }
    .encode(&mut out);
    (out, readings)
}

/// A frame of a random meter, and what it says.
pub(super) fn reply(rng: &mut Rng) -> (Vec<u8>, Vec<Reading>) {
    let link = link(rng);
    let (frame, readings) = match rng.below(3) {
        0 => normal(rng, link),
        1 => list(rng, link),
        _ => record(rng, link),
    };
    let device = format!("dlt698:{:012}", link.address);
    let readings = readings.into_iter().map(|reading| reading.of(&device));
    (frame, readings.collect())
}

proptest! {
    #[test]
    fn a_frame_is_read_as_it_was_meant(seed: u64) {
        let (frame, readings) = reply(&mut Rng::new(seed));
        assert_read("dlt698", Dialect::default(), &frame, &readings);
        assert_read("meters", Dialect::default(), &frame, &readings);
    }
}

#[test]
fn what_a_meter_refuses_is_no_reading() {
    let mut out = Vec::new();
    List {
        link: Link::of(7),
        report: false,
        piid: 1,
        answers: vec![(0x2000_0200, Err(4)), (0x200f_0200, Ok(Data::U16(4_998)))],
    }
    .encode(&mut out);
    let (readings, _, notes) = super::read("dlt698", Dialect::default(), &out);
    let wanted = Reading::number("frequency", "Hz", (Some(4_998), 2)).of("dlt698:000000000007");
    assert_eq!(readings, [wanted]);
    assert_eq!(notes, ["meter_error"]);
}
