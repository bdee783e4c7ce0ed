//! From meter to meter, from process to process, from alarm to alarm.
use super::*;

#[test]
fn an_exchange_by_the_inventory_starts_anew_and_is_told_once() {
    let mut rig = Rig::new();
    know(&rig, DEVICES);
    rig.metered("em-1", &at(10.0, "active_energy_import", 43_210.0));
    rig.metered("em-1", &at(1.0, "active_energy_import", 0.5));
    rig.metered("em-1", &at(0.9, "active_energy_export", 0.0));
    rig.metered("em-1", &at(0.0, "active_energy_import", 0.7));
    // The old meter's last day comes late, and fits to the old one.
    rig.metered("em-1", &at(5.0, "active_energy_import", 43_220.0));
    assert!(rig.judged().iter().all(|(_, good)| *good));
    assert_eq!(rig.told(), ["meter_exchanged"]);
    let detail = rig.detail("meter_exchanged");
    assert_eq!((&*detail["from"], &*detail["to"]), ("43210", "0.5"));
    let mut rig = rig.restart();
    know(&rig, DEVICES);
    rig.metered("em-1", &at(-0.01, "active_energy_import", 0.8));
    assert_eq!(rig.told(), ["meter_exchanged"]);
}

#[test]
fn a_meter_that_was_exchanged_in_silence_is_good_once_the_inventory_says_so() {
    let mut rig = Rig::new();
    rig.metered("em-1", &at(10.0, "active_energy_import", 43_210.0));
    rig.metered("em-1", &at(1.0, "active_energy_import", 0.5));
    know(&rig, DEVICES);
    rig.metered("em-1", &at(0.0, "active_energy_import", 0.7));
    let good: Vec<bool> = rig.judged().iter().map(|(_, good)| *good).collect();
    assert_eq!(good, [true, false, true]);
    assert_eq!(rig.told(), ["register_rollback", "meter_exchanged"]);
}

#[test]
fn the_order_of_aliases_makes_no_other_meter() {
    let mut rig = Rig::new();
    let devices = "\
id,kind,aliases,valid_from,valid_to
em-3,meter.electricity,sn:1;sn:2,,2026-11-20
em-3,meter.electricity,sn:2;sn:1,2026-11-20,
";
    know(&rig, devices);
    rig.metered("em-3", &at(10.0, "active_energy_import", 10.0));
    rig.metered("em-3", &at(0.0, "active_energy_import", 11.0));
    assert_eq!(rig.told().len(), 0, "{:?}", rig.told());
}

#[test]
fn history_says_what_memory_has_not() {
    let rig = Rig::new();
    know(&rig, DEVICES);
    let point = |days: i64, value: f64| Point {
        at: (NOW - days * DAY) * 1_000_000_000,
        value,
    };
    rig.intake.look_back_by(LookBack {
        series: Box::new(move |asked| {
            let newest = match asked.device {
                "em-9" => Some(point(3, 500.0)),
                "wm-1" => Some(point(1, 7.5)),
                "wm-old" => Some(point(14, 1_234.0)),
                _ => None,
            };
            let times = asked.times.iter();
            let around = times.map(|time| {
                let is_behind = |point: &Point| point.at <= time.as_nanos();
                Around {
                    before: newest.filter(is_behind),
                    after: newest.filter(|point| !is_behind(point)),
                }
            });
            Ok(Past {
                newest,
                doubted: (asked.device == "em-9").then(|| point(2, 3.0)),
                since: (asked.device == "wm-1").then(|| point(30, 7.5).at),
                around: around.collect(),
            })
        }),
        device: Box::new(|_, _, _| Ok(false)),
    });
    let mut rig = rig;
    rig.metered("em-9", &at(1.0, "active_energy_import", 4.0));
    assert_eq!(rig.told().len(), 0, "was told, two days ago");
    rig.metered("em-9", &at(20.0, "active_energy_import", 501.0));
    assert_eq!(
        rig.told(),
        ["register_rollback"],
        "back-fill above what came later"
    );
    rig.metered("wm-1", &at(0.0, "water_volume", 7.5));
    assert_eq!(rig.told()[1..], ["register_not_advancing"]);
    rig.metered("wm-new", &at(0.0, "water_volume", 0.25));
    rig.metered("wm-new", &at(-0.01, "water_volume", 0.25));
    assert_eq!(rig.told()[2..], ["meter_exchanged"]);
    let detail = rig.detail("meter_exchanged");
    assert_eq!(
        (&*detail["metering_point"], &*detail["replaces"]),
        ("p-2", "wm-old")
    );
    assert_eq!((&*detail["from"], &*detail["to"]), ("1234", "0.25"));
}

const ALARMING: &str = r#"
name = "vendor"
format = "json"
[[value]]
metric = "battery_low"
path = "b"
[[event]]
name = "meter_alarm"
severity = "warning"
when = { b = true }
detail = { battery_low = "b" }
"#;

#[test]
fn an_alarm_that_stays_is_told_once_a_day_and_its_copy_is_one() {
    let mut rig = Rig::with(Setup {
        routes: "[[route]]\ntopic = 'v/{device}'\nprofile = 'vendor'\nkind = 'meter.water'\n",
        ..Setup::default()
    });
    let catalogue = Catalogue::shipped();
    let profile = crate::profiles::Profile::parse("vendor.toml", ALARMING, &catalogue).unwrap();
    let knowledge = Knowledge {
        profiles: crate::profiles::Profiles::of([profile]).unwrap(),
        ..Knowledge::nothing(Unknown::Accept)
    };
    let routes = rig.intake.settings().routes.clone();
    let config = rig.intake.config.clone();
    rig.intake.reload(routes, Arc::new(knowledge), &config);
    for is_on in [true, true, false, true, true] {
        let payload = format!(r#"{{"b": {is_on}}}"#);
        assert_eq!(rig.payload("v/m-1", &payload), Verdict::Accepted);
    }
    assert_eq!(rig.told(), ["meter_alarm", "meter_alarm"]);
    assert_eq!(rig.intake.stats().events_suppressed(), 2);
    rig.clock.set(Timestamp::from_secs(NOW + DAY));
    assert_eq!(rig.payload("v/m-1", r#"{"b": true}"#), Verdict::Accepted);
    assert_eq!(rig.told().len(), 3, "a day later");
    assert_eq!(rig.logged().reports.len(), 6);
}
