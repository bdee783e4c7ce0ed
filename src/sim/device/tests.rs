//! Tests of the simulated devices.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
use super::*;
use crate::catalogue::Catalogue;
use crate::intake::{Assumed, Knowledge, Preview, preview};
use crate::inventory::Unknown;
use crate::model::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

const START_MS: i64 = 1_795_392_000_000;

fn device(kind: Kind) -> Device {
    Device::new(kind, Rng::stream(7, 3), false)
}

#[test]
fn every_kind_sends_a_flat_object() {
    for kind in Kind::ALL {
        let sent = device(kind).send(START_MS, 0.0);
        let json: Value = serde_json::from_slice(&sent.payload).unwrap();
        assert!(json.as_object().unwrap().len() >= 4, "{kind:?}: {json}");
        assert_eq!(json.get("ts").is_some(), kind.is_dated(), "{kind:?}");
        assert!(!sent.twice && !sent.faulty);
    }
}

fn judged(kind: Kind, payload: &[u8], at_ms: i64) -> Preview {
    let assumed = Assumed {
        profile: "json",
        device: "",
        kind: kind.name(),
        zone: &TimeZone::UTC,
        received_at: Timestamp::from_micros(at_ms * 1000),
        readings_max: 100,
    };
    preview(
        &Catalogue::shipped(),
        &Knowledge::nothing(Unknown::Accept),
        payload,
        &assumed,
    )
}

#[test]
fn the_gateway_finds_every_value_of_a_year_good() {
    for kind in Kind::ALL {
        let mut device = device(kind);
        for step in 0..100 {
            let at_ms = START_MS + step * 89 * 3_600_000;
            let judged = judged(kind, &device.send(at_ms, 0.0).payload, at_ms);
            assert_eq!(judged.faults, [], "{kind:?}");
            let bad = judged.readings.iter().find(|reading| reading.quality != 1);
            assert_eq!(bad, None, "{kind:?}");
        }
    }
}

#[test]
fn a_spike_is_known_and_doubted() {
    for kind in Kind::ALL {
        let payload = device(kind).encode(START_MS, Some(Fault::Spike));
        let judged = judged(kind, &payload, START_MS);
        assert_eq!(judged.faults, [], "{kind:?}");
        assert!(
            judged.readings.iter().any(|reading| reading.quality == 3),
            "{kind:?}"
        );
    }
}

#[test]
fn registers_only_grow_and_agree_with_the_power() {
    for (kind, name) in [
        (Kind::Electricity, "active_energy_import"),
        (Kind::Gas, "gas_volume"),
        (Kind::Water, "water_volume"),
        (Kind::Heat, "heat_energy"),
    ] {
        let mut device = device(kind);
        let read = |device: &mut Device, step: i64| {
            let sent = device.send(START_MS + step * 900_000, 0.0);
            serde_json::from_slice::<Value>(&sent.payload).unwrap()[name]
                .as_f64()
                .unwrap()
        };
        let first = read(&mut device, 0);
        let mut last = first;
        for step in 1..=4 * 24 * 7 {
            let next = read(&mut device, step);
            assert!(next >= last, "{name} fell from {last} to {next}");
            last = next;
        }
        assert!(last > first, "{name} stands still for a week in winter");
    }
}

#[test]
fn a_weak_device_says_so_and_is_still_good_data() {
    let mut device = Device::new(Kind::Water, Rng::stream(7, 3), true);
    let payload = device.send(START_MS, 0.0).payload;
    let judged = judged(Kind::Water, &payload, START_MS);
    assert_eq!(judged.faults, []);
    let json: Value = serde_json::from_slice(&payload).unwrap();
    assert!(json["battery_level"].as_f64() <= Some(20.0), "{json}");
    assert!(json["battery_voltage"].as_f64() < Some(3.3) && json["rsrp"].as_f64() < Some(-105.0));
}

#[test]
fn phases_are_labelled() {
    let sent = device(Kind::Electricity).send(START_MS, 0.0);
    let json: Value = serde_json::from_slice(&sent.payload).unwrap();
    assert_eq!(json["voltage"][2]["labels"]["phase"], "c");
    let volts = json["voltage"][0]["value"].as_f64().unwrap();
    assert!((200.0..245.0).contains(&volts), "{volts}");
}

#[test]
fn faults_are_of_every_sort_and_as_often_as_asked() {
    let mut device = device(Kind::Electricity);
    let (mut faulty, mut twice, mut silent, mut broken, mut spiked) = (0, 0, 0, 0, 0);
    for step in 0..7_000 {
        let sent = device.send(START_MS + step * 60_000, 0.1);
        faulty += u32::from(sent.faulty);
        twice += u32::from(sent.twice);
        let text = String::from_utf8(sent.payload).unwrap();
        silent += u32::from(text.is_empty());
        broken += u32::from(serde_json::from_str::<Value>(&text).is_err() && !text.is_empty());
        spiked += u32::from(text.contains("88888888"));
    }
    assert!((600..800).contains(&faulty), "{faulty} of 7000");
    for (what, count) in [
        ("twice", twice),
        ("silent", silent),
        ("broken", broken),
        ("spiked", spiked),
    ] {
        assert!(count > 20, "{what}: {count}");
    }
}

#[test]
fn values_do_not_depend_on_the_rate_of_faults() {
    let (mut with, mut without) = (device(Kind::PoleLight), device(Kind::PoleLight));
    let mut same = 0;
    for step in 0..200 {
        let at = START_MS + step * 60_000;
        same += u32::from(with.send(at, 0.01).payload == without.send(at, 0.0).payload);
    }
    assert!(same > 150, "{same} of 200 are the same");
}
