//! The inventory brought in by the registry's thread, on real logs.
use super::following::{Rig, until};
use super::listed::known;
use super::*;
use crate::devices::Registry;
use crate::intake;
use crate::log::Start;
use crate::log::record::Kind;
use prost::Message;
use std::fmt::Write as _;
use std::time::Duration;

fn rows(count: usize, kind: &str) -> String {
    let mut rows = String::from("id,kind,aliases,valid_to\n");
    for n in 0..count {
        let _ = writeln!(rows, "m-{n},{kind},sn:{n},");
    }
    rows
}

fn know(rig: &Rig, csv: &str, generation: u64) {
    let knowledge = known(csv, generation);
    rig.intake.reload(
        intake::Routes::default(),
        knowledge,
        &intake::Config::default(),
    );
}

fn totals(registry: &Registry) -> (u64, u64) {
    let counts = registry.counts();
    (counts.total, counts.states[0])
}

fn pass(rig: &Rig) {
    rig.clock.set(rig.clock.now().plus(Duration::from_secs(1)));
}

fn events(rig: &Rig, name: &str) -> usize {
    let mut reader = rig.log.reader(Start::Earliest).unwrap();
    let mut found = 0;
    while let Ok(frames) = reader.read(1 << 20)
        && !frames.is_empty()
    {
        for (_, record) in frames.iter().flat_map(|frame| frame.records()) {
            let event = (record.kind == Kind::Event).then(|| proto::Event::decode(record.body));
            found += usize::from(event.is_some_and(|event| event.unwrap().name == name));
        }
    }
    found
}

#[test]
fn a_snapshot_is_followed_without_a_report_and_survives_a_restart() {
    let rig = Rig::new();
    know(&rig, &rows(9_000, "meter.gas"), 2);
    let registry = rig.start("state");
    assert_eq!(totals(&registry), (9_000, 9_000), "before anybody can ask");
    rig.feed(0, 14);
    until("the reports", || {
        pass(&rig);
        totals(&registry) == (9_001, 8_993)
    });
    // Seven of them were heard, with a kind of their own; the inventory's holds. One more is no one's.
    let own = registry.get("sn:3").unwrap();
    assert_eq!((&*own.id, &*own.kind), ("m-3", "meter.gas"));
    assert_eq!(registry.get("hub").unwrap().listing, None);
    let version = registry.version();
    know(&rig, &rows(5_000, "meter.water"), 3);
    until("the other snapshot", || {
        pass(&rig);
        totals(&registry) == (5_001, 4_993) && &*registry.get("m-3").unwrap().kind == "meter.water"
    });
    let (changed, _) = registry.changed(version, 10_000);
    let water = changed
        .iter()
        .filter(|device| &*device.kind == "meter.water");
    assert_eq!(water.count(), 5_000);
    let others = changed.iter().filter(|device| &*device.kind == "meter.gas");
    assert_eq!(others.count(), 0, "nobody who is gone");
    assert_eq!(registry.get("m-8000"), None);
    registry.close();
    drop(registry);
    let again = rig.start("state");
    assert_eq!(totals(&again), (5_001, 4_993));
    let page = again.list(&query());
    let first: Vec<&str> = page.devices.iter().map(|device| &*device.id).collect();
    // Those that were heard have the numbers of the disk.
    assert!(first.starts_with(&["m-0", "hub", "m-1"]), "{first:?}");
    assert_eq!(again.get("m-3").unwrap().reports, 2);
    again.close();
}

#[test]
fn a_retired_device_that_reports_is_told_once() {
    let rig = Rig::new();
    know(&rig, "id,valid_to\nm-3,2026-11-23T12:00:05Z\n", 2);
    let registry = rig.start("state");
    rig.feed(10, 60);
    until("the event", || {
        pass(&rig);
        events(&rig, "retired_device_heard") == 1
    });
    until("its own record", || {
        pass(&rig);
        registry.stats().lag == 0
    });
    rig.feed(120, 190);
    for _ in 0..5 {
        let before = rig.clock.now();
        pass(&rig);
        until("a tick", || {
            registry.stats().lag == 0 && rig.clock.now() > before
        });
    }
    registry.close();
    assert_eq!(events(&rig, "retired_device_heard"), 1);
    let device = rig.start("state").get("m-3").unwrap();
    assert_eq!(device.state, State::Retired);
    assert!(device.reports > 10, "{}", device.reports);
}
