//! Last values, counts and traces.
use super::*;
use crate::devices::{LastValue, TraceKind};
use proptest::prelude::*;

fn values(fed: &Fed, device: &str) -> Vec<LastValue> {
    fed.get(device, 0).values
}

proptest! {
    /// "Last value" is the one with the greatest observed_at, then sequence (design.md, Time).
    #[test]
    fn any_order_gives_the_same_last_values(
        list in prop::collection::vec((0i64..6, 0u8..3, 0u8..2), 1..40),
        order in any::<prop::sample::Index>(),
        shuffle in any::<u64>(),
    ) {
        let metrics = ["air_temperature", "voltage", "pm10"];
        let draft = |n: usize, (secs, metric, label): (i64, u8, u8)| {
            let n = u32::try_from(n).unwrap();
            let mut reading = number(metrics[usize::from(metric)], secs, f64::from(n));
            if label > 0 {
                reading.labels = vec![("phase".into(), "a".into()), ("channel".into(), "2".into())];
            }
            report("p", 100, vec![reading])
        };
        let mut straight = Fed::new();
        for (n, item) in list.iter().enumerate() {
            straight.report_at(n as u64 + 1, &draft(n, *item));
        }
        // Values only: what was applied before is passed over, so each goes to a table of its own
        // order with the sequences that the log gave.
        let mut places: Vec<usize> = (0..list.len()).collect();
        let mut state = shuffle | 1;
        for i in (1..places.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            places.swap(i, usize::try_from(state >> 33).unwrap() % (i + 1));
        }
        places.rotate_left(order.index(list.len()));
        let mut mixed = Fed::new();
        for n in places {
            if let Some(number) = mixed.table.ids.find("p") {
                mixed.table.entries[number as usize].log_sequence = 0;
            }
            mixed.report_at(n as u64 + 1, &draft(n, list[n]));
        }
        prop_assert_eq!(values(&straight, "p"), values(&mixed, "p"));
    }
}

#[test]
fn back_fill_never_replaces_a_newer_value() {
    let mut fed = Fed::new();
    fed.report(&report("p", 100, vec![number("voltage", 100, 231.0)]));
    fed.report(&report("p", 110, vec![number("voltage", 50, 229.0)]));
    let value = &values(&fed, "p")[0];
    assert_eq!(
        (&value.value, value.observed_at),
        (&Value::Number(231.0), at(100))
    );
    assert_eq!(value.sequence, 1_001);
    // The same time again: the later record.
    fed.report(&report("p", 120, vec![number("voltage", 100, 232.0)]));
    assert_eq!(values(&fed, "p")[0].value, Value::Number(232.0));
    // An array within one report: its newest.
    let array = vec![
        number("voltage", 130, 1.0),
        number("voltage", 150, 3.0),
        number("voltage", 140, 2.0),
    ];
    fed.report(&report("p", 160, array));
    assert_eq!(values(&fed, "p")[0].value, Value::Number(3.0));
    assert_eq!(fed.get("p", 160).readings, 6);
}

#[test]
fn every_kind_of_value_is_shown_as_it_came() {
    let mut fed = Fed::new();
    let text = |metric, text: &str| ReadingDraft {
        value: Value::Text(text.to_owned().into()),
        ..number(metric, 1, 0.0)
    };
    let absent = ReadingDraft {
        value: Value::Absent,
        quality: Quality::NotAvailable,
        ..number("csq", 1, 0.0)
    };
    let long = "字".repeat(200);
    let all = vec![
        flag("lamp_on", 1, true),
        text("valve_state", "open"),
        absent,
        text("firmware_version", &long),
    ];
    fed.report(&report("p", 1, all));
    fed.report(&report("q", 1, vec![text("valve_state", "closed")]));
    let values = values(&fed, "p");
    let names: Vec<&str> = values.iter().map(|value| &*value.metric).collect();
    assert_eq!(names, ["csq", "firmware_version", "lamp_on", "valve_state"]);
    assert_eq!(
        (&values[0].value, values[0].quality),
        (&Value::Absent, Quality::NotAvailable)
    );
    assert_eq!(
        values[1].value,
        Value::Text("字".repeat(85).into()),
        "cut to 256 bytes"
    );
    assert_eq!(values[2].value, Value::Flag(true));
    assert_eq!(values[3].value, Value::Text("open".into()));
}

#[test]
fn a_value_older_than_one_and_a_half_intervals_is_stale() {
    let mut fed = Fed::new();
    for n in 0..5 {
        let mut readings = vec![number("air_temperature", n * 60, 20.0)];
        if n == 0 {
            readings.push(number("battery_level", 0, 90.0));
        }
        fed.report(&report("p", n * 60, readings));
    }
    let stale = |secs| {
        let values = fed.get("p", secs).values;
        (values[0].stale, values[1].stale)
    };
    assert_eq!(stale(240), (false, true));
    assert_eq!(stale(240 + 95), (false, true));
    assert_eq!(stale(240 + 96), (true, true));
}

#[test]
fn series_of_one_device_are_bounded() {
    let mut fed = Fed::new();
    for n in 0..80 {
        let labels = vec![("channel".into(), n.to_string().into())];
        let reading = ReadingDraft {
            labels,
            ..number("voltage", n, 1.0)
        };
        fed.report(&report("p", n, vec![reading]));
    }
    let device = fed.get("p", 80);
    assert_eq!((device.values.len(), device.readings), (64, 80));
    let extra = fed.table.entries[0].extra.as_ref().unwrap();
    assert_eq!(extra.values_left, 16);
}

#[test]
fn a_record_applied_twice_counts_once() {
    let mut fed = Fed::new();
    let draft = report("p", 10, vec![number("voltage", 10, 1.0)]);
    fed.report_at(5, &draft);
    fed.reject("p", 11, "syntax");
    fed.event("p", "clock_wrong", 12, true);
    let before = (fed.get("p", 12), fed.table.changes.version());
    fed.report_at(5, &draft);
    (fed.rejects, fed.log) = (fed.rejects - 1, fed.log - 1);
    fed.reject("p", 11, "syntax");
    fed.event("p", "clock_wrong", 12, true);
    assert_eq!((fed.get("p", 12), fed.table.changes.version()), before);
    let device = before.0;
    assert_eq!((device.reports, device.readings, device.rejects), (1, 1, 1));
    let whats: Vec<TraceKind> = device.traces.iter().map(|trace| trace.what).collect();
    let expected = [
        TraceKind::Event(1_001),
        TraceKind::Reject(1_001),
        TraceKind::Report(5),
    ];
    assert_eq!(whats, expected);
}

#[test]
fn devices_beyond_the_limit_are_counted_and_not_tracked() {
    let mut fed = Fed::with(Config {
        max: 2,
        ..Config::default()
    });
    for device in ["a", "b", "c", "a"] {
        fed.heard(device, 1);
    }
    assert_eq!(fed.ids(&query()), ["a", "b"]);
    assert_eq!(fed.table.counts.untracked, 1);
}

#[test]
fn invented_names_do_not_take_the_places_of_devices() {
    let mut fed = Fed::new();
    for n in 0..10_050 {
        fed.reject(&format!("x-{n}"), 1, "syntax");
    }
    assert_eq!(fed.table.len(), 10_000);
    assert!(fed.table.stranger("x-10049", at(0)).is_some());
    // One of them turns out to be a device: another has its place.
    fed.heard("x-1", 2);
    fed.reject("y", 3, "syntax");
    assert_eq!(fed.state("y"), State::Never);
}
