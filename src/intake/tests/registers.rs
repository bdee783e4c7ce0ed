//! Registers: what is doubted, what is told, and that neither comes of what is not appended.
mod lives;
mod restarts;
mod slips;

use super::*;
use crate::inventory::{Inventory, Unknown};
use crate::model::Quality;

const DAY: i64 = 86_400;
const DEVICES: &str = "\
id,kind,aliases,metering_point,digits,multiplier,valid_from,valid_to
em-1,meter.electricity,dlt645:000000000001,p-1,6.2,,,2026-11-20
em-1,meter.electricity,dlt645:000000000002,p-1,6.2,,2026-11-20,
wm-old,meter.water,cjt188:10:00000000000001,p-2,4.2,,,2026-11-10
wm-new,meter.water,cjt188:10:00000000000002,p-2,4.2,,2026-11-10,
em-ct,meter.electricity,,,4.1,100,,
";

fn know(rig: &Rig, devices: &str) {
    let catalogue = Catalogue::shipped();
    let file = "devices.csv".as_ref();
    let inventory = Inventory::of_csv(file, devices, &catalogue, &TimeZone::UTC, Unknown::Accept);
    let knowledge = Knowledge {
        inventory: inventory.unwrap(),
        ..Knowledge::nothing(Unknown::Accept)
    };
    let routes = rig.intake.settings().routes.clone();
    let config = rig.intake.config.clone();
    rig.intake.reload(routes, Arc::new(knowledge), &config);
}

/// A value at so many days before now.
fn at(days: f64, metric: &str, value: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "whole seconds")]
    let time = NOW - (days * 86_400.0) as i64;
    format!(r#"{{"ts": {time}, "{metric}": {value}}}"#)
}

impl Rig {
    fn metered(&mut self, device: &str, payload: &str) {
        let topic = format!("city/{device}");
        assert_eq!(
            self.payload(&topic, payload),
            Verdict::Accepted,
            "{payload}"
        );
    }

    /// Values and qualities, in the order of the log.
    fn judged(&self) -> Vec<(f64, bool)> {
        let reports = self.logged().reports;
        let readings = reports.iter().flat_map(|report| &report.readings);
        readings
            .map(|reading| (number(reading), reading.quality == Quality::Good as i32))
            .collect()
    }

    fn told(&self) -> Vec<String> {
        let events = self.logged().events;
        events.iter().map(|event| event.name.clone()).collect()
    }

    fn detail(&self, name: &str) -> std::collections::HashMap<String, String> {
        let events = self.logged().events;
        let event = events.into_iter().find(|event| event.name == name);
        event.unwrap().detail
    }
}

#[test]
fn a_rollover_is_good_and_told_with_its_delta() {
    let mut rig = Rig::new();
    rig.metered("em-9", &at(1.0, "active_energy_import", 999_999.5));
    rig.metered("em-9", &at(0.0, "active_energy_import", 1.25));
    assert_eq!(rig.judged(), [(999_999.5, true), (1.25, true)]);
    assert_eq!(rig.told(), ["register_rollover"]);
    let detail = rig.detail("register_rollover");
    assert_eq!(detail["metric"], "active_energy_import");
    assert_eq!((&*detail["from"], &*detail["to"]), ("999999.5", "1.25"));
    assert_eq!(
        (&*detail["modulus"], &*detail["delta"]),
        ("1000000", "1.75")
    );
}

#[test]
fn the_devices_own_digits_and_multiplier_say_where_it_rolls_over() {
    let mut rig = Rig::new();
    know(&rig, DEVICES);
    rig.metered("em-ct", &at(1.0, "active_energy_import", 9_999.9));
    rig.metered("em-ct", &at(0.0, "active_energy_import", 0.1));
    assert_eq!(rig.judged(), [(999_990.0, true), (10.0, true)]);
    let detail = rig.detail("register_rollover");
    assert_eq!((&*detail["modulus"], &*detail["delta"]), ("1000000", "20"));
}

#[test]
fn a_rollback_is_doubted_until_the_last_good_value_is_reached() {
    let mut rig = Rig::new();
    for (days, value) in [
        (6.0, 500.0),
        (5.0, 3.0),
        (4.0, 4.0),
        (3.0, 501.0),
        (2.0, 2.0),
    ] {
        rig.metered("em-9", &at(days, "active_energy_import", value));
        if value > 500.0 {
            rig.clock.set(Timestamp::from_secs(NOW + 3_600));
        }
    }
    let good: Vec<bool> = rig.judged().iter().map(|(_, good)| *good).collect();
    assert_eq!(good, [true, false, false, true, false]);
    assert_eq!(rig.told(), ["register_rollback", "register_rollback"]);
    let detail = rig.detail("register_rollback");
    assert_eq!((&*detail["from"], &*detail["to"]), ("500", "3"));
    assert_eq!(rig.intake.stats().events_suppressed(), 1);
    let mut found = rig.intake.stats().findings();
    assert!(found.any(|(rule, count)| rule == Rule::Rollback && count == 3));
}

#[test]
fn what_grows_too_fast_is_doubted_and_the_reference_stays() {
    let mut rig = Rig::new();
    // 80 kW for a day is 1920 kW.h.
    for (days, value) in [
        (3.0, 100.0),
        (2.0, 100_100.0),
        (1.0, 200_100.0),
        (0.0, 120.0),
    ] {
        rig.metered("em-9", &at(days, "active_energy_import", value));
    }
    let good: Vec<bool> = rig.judged().iter().map(|(_, good)| *good).collect();
    assert_eq!(good, [true, false, false, true]);
    assert_eq!(rig.told(), ["consumption_implausible"]);
    let detail = rig.detail("consumption_implausible");
    assert_eq!((&*detail["delta"], &*detail["hours"]), ("100000", "24"));
    assert_eq!(&*detail["limit"], "80");
}

#[test]
fn two_values_of_one_time_are_a_conflict_and_one_is_none() {
    let mut rig = Rig::new();
    let payloads = [
        r#"{"ts": 1795420000, "gas_volume": 10}"#,
        r#"{"ts": 1795420000, "gas_volume": 10, "battery_level": 80}"#,
        r#"{"ts": 1795420000, "gas_volume": 11}"#,
        r#"[{"ts": 1795420000, "gas_volume": 12, "battery_level": 81}]"#,
    ];
    for payload in payloads {
        rig.metered("gm-1", payload);
    }
    assert_eq!(rig.told(), ["register_conflict"], "one an hour");
    assert_eq!(rig.intake.stats().events_suppressed(), 1);
    let volumes: Vec<_> = rig
        .judged()
        .into_iter()
        .filter(|(v, _)| *v < 80.0)
        .collect();
    assert_eq!(
        volumes,
        [(10.0, true), (10.0, true), (11.0, false), (12.0, false)]
    );
}

#[test]
fn back_fill_is_judged_between_its_neighbours_and_moves_nothing() {
    let mut rig = Rig::new();
    rig.metered("wm-1", &at(10.0, "water_volume", 100.0));
    rig.metered("wm-1", &at(0.0, "water_volume", 110.0));
    let array: Vec<String> = [
        (3.0, 107.0),
        (5.0, 105.0),
        (4.0, 120.0),
        (4.5, 121.0),
        (8.0, 102.0),
    ]
    .map(|(days, value)| at(days, "water_volume", value))
    .into();
    rig.metered("wm-1", &format!("[{}]", array.join(",")));
    rig.clock.set(Timestamp::from_secs(NOW + 3_600));
    rig.metered("wm-1", &at(6.0, "water_volume", 101.0));
    rig.metered("wm-1", &at(-0.01, "water_volume", 110.5));
    let good: Vec<bool> = rig.judged().iter().map(|(_, good)| *good).collect();
    // 101 at 6 days: 102 was there at 8.
    assert_eq!(
        good,
        [true, true, true, true, false, false, true, false, true]
    );
    assert_eq!(
        rig.told(),
        ["register_rollback", "register_rollback"],
        "one for the array"
    );
    let detail = rig.detail("register_rollback");
    assert_eq!(
        (&*detail["from"], &*detail["next"], &*detail["to"]),
        ("105", "110", "121")
    );
}

#[test]
fn a_still_register_of_water_is_told_once_after_30_days() {
    let mut rig = Rig::new();
    for day in 0..40 {
        rig.clock.set(Timestamp::from_secs(NOW + day * DAY));
        rig.metered("wm-1", r#"{"water_volume": 7.5}"#);
        rig.metered("em-1", r#"{"active_energy_import": 7.5}"#);
    }
    assert_eq!(rig.told(), ["register_not_advancing"]);
    assert_eq!(rig.detail("register_not_advancing")["days"], "30");
    assert!(rig.judged().iter().all(|(_, good)| *good));
    let mut rig = rig.restart();
    rig.clock.set(Timestamp::from_secs(NOW + 40 * DAY));
    rig.metered("wm-1", r#"{"water_volume": 8.0}"#);
    rig.clock.set(Timestamp::from_secs(NOW + 71 * DAY));
    rig.metered("wm-1", r#"{"water_volume": 8.0}"#);
    assert_eq!(rig.told().len(), 2, "another episode");
}

#[test]
fn what_is_not_appended_has_no_say() {
    let mut rig = Rig::full();
    let topic = "city/em-9";
    let high = at(2.0, "active_energy_import", 900.0);
    assert!(matches!(rig.payload(topic, &high), Verdict::Refused(_)));
    rig.reopen_with_room();
    let low = at(1.0, "active_energy_import", 5.0);
    rig.metered("em-9", &low);
    let lower = at(0.5, "active_energy_import", 4.0);
    rig.metered("em-9", &lower);
    // Copies, in a batch of their own and beside others.
    assert_eq!(rig.payload(topic, &lower), Verdict::Duplicate);
    assert_eq!(rig.judged(), [(5.0, true), (4.0, false)]);
    assert_eq!(rig.told(), ["register_rollback"]);
    let found: u64 = rig.intake.stats().findings().map(|(_, count)| count).sum();
    assert_eq!(found, 1);
}

#[test]
fn uplinks_of_one_batch_are_judged_in_their_order() {
    let mut rig = Rig::new();
    for (days, value) in [(3.0, 5.0), (2.0, 6.0), (1.0, 1.0), (1.0, 1.0), (0.0, 7.0)] {
        let payload = at(days, "active_energy_import", value);
        let uplink = Uplink {
            topic: "city/em-9",
            payload: payload.as_bytes(),
            ..rig.uplink()
        };
        rig.take(&uplink);
    }
    let verdicts: Vec<Verdict> = rig.commit().iter().map(|answer| answer.verdict).collect();
    assert_eq!(verdicts[3], Verdict::Duplicate);
    assert_eq!(
        rig.judged(),
        [(5.0, true), (6.0, true), (1.0, false), (7.0, true)]
    );
    assert_eq!(rig.told(), ["register_rollback"]);
}

#[test]
fn after_a_restart_the_logs_tail_says_what_was_told() {
    let mut rig = Rig::new();
    rig.metered("em-9", &at(2.0, "active_energy_import", 500.0));
    rig.metered("em-9", &at(1.0, "active_energy_import", 3.0));
    let mut rig = rig.restart();
    rig.metered("em-9", &at(0.5, "active_energy_import", 4.0));
    rig.metered("em-9", &at(0.0, "active_energy_import", 501.0));
    let good: Vec<bool> = rig.judged().iter().map(|(_, good)| *good).collect();
    assert_eq!(good, [true, false, false, true]);
    assert_eq!(rig.told(), ["register_rollback"]);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 24, ..Default::default() })]
    /// A true register, over its end too, in any order of arrival, in any batches, over a restart.
    #[test]
    fn no_order_of_arrival_makes_truth_a_lie(
        steps in proptest::collection::vec((0.0..3_000.0, proptest::bool::ANY), 2..25),
        order in proptest::collection::vec(0u32..1_000, 25),
        restart_at in 0usize..25,
    ) {
        let mut value: f64 = 985_000.0;
        let days = (0..).map(|day| 100.0 - 2.0 * f64::from(day));
        let mut sent: Vec<(u32, f64, f64, bool)> = Vec::new();
        for (((step, commit), order), day) in steps.iter().zip(order).zip(days) {
            value = ((value + step) * 100.0).round() / 100.0 % 1e6;
            sent.push((order, day, value, *commit));
        }
        sent.sort_by_key(|(order, ..)| *order);
        let mut rig = Rig::new();
        for (at_uplink, (_, day, value, commit)) in sent.iter().enumerate() {
            if at_uplink == restart_at {
                rig.commit();
                rig = rig.restart();
            }
            let payload = at(*day, "active_energy_import", *value);
            let uplink = Uplink {
                topic: "city/em-9",
                payload: payload.as_bytes(),
                ..rig.uplink()
            };
            rig.intake.take(&uplink, &mut rig.pending);
            if *commit {
                rig.commit();
            }
        }
        rig.commit();
        let judged = rig.judged();
        let values: Vec<f64> = judged.iter().map(|(value, _)| *value).collect();
        let expected: Vec<f64> = sent.iter().map(|(_, _, value, _)| *value).collect();
        proptest::prop_assert_eq!(values, expected, "none is changed");
        proptest::prop_assert!(judged.iter().all(|(_, good)| *good), "{:?}", rig.told());
        let told = rig.told();
        proptest::prop_assert!(told.iter().all(|name| name == "register_rollover"));
        proptest::prop_assert!(told.len() <= 1);
    }
}

#[test]
fn without_a_device_time_a_reading_never_lies_before_a_clock_that_is_ahead() {
    let mut rig = Rig::new();
    rig.metered("em-9", &at(-0.02, "active_energy_import", 100.0));
    rig.metered("em-9", r#"{"active_energy_import": 100.5}"#);
    rig.metered("em-9", r#"{"active_energy_import": 100.6}"#);
    assert!(
        rig.judged().iter().all(|(_, good)| *good),
        "{:?}",
        rig.told()
    );
}

#[test]
fn a_pack_with_relative_times_may_come_twice() {
    let mut rig = Rig::new();
    let pack = r#"[{"bn":"em-9:active_energy_import","bt":-60,"t":0,"v":5},{"t":30,"v":5.1},{"t":60,"v":5.2}]"#;
    for secs in [0, 5] {
        rig.clock.set(Timestamp::from_secs(NOW + secs));
        assert_eq!(rig.payload("city/em-9/senml", pack), Verdict::Accepted);
    }
    let good: Vec<bool> = rig.judged().iter().map(|(_, good)| *good).collect();
    assert_eq!(good, [true; 6], "{:?}", rig.told());
}
