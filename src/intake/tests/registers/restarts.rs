//! A wrong reference is given up, and nothing is told too often.
use super::*;

fn meter(rig: &mut Rig, minutes: &[(i32, f64)]) {
    for (minute, value) in minutes {
        let days = 1.0 - f64::from(*minute) / 1_440.0;
        rig.metered("wm-9", &at(days, "water_volume", *value));
    }
}

fn qualities(rig: &Rig) -> Vec<bool> {
    rig.judged().iter().map(|(_, good)| *good).collect()
}

#[test]
fn three_readings_that_agree_are_the_next_reference() {
    for restart_after in 0..6 {
        let mut rig = Rig::new();
        let all = [
            (0, 99_999.0),
            (10, 12.5),
            (20, 12.6),
            (30, 12.7),
            (40, 12.8),
            (50, 12.9),
        ];
        for (index, one) in all.iter().enumerate() {
            meter(&mut rig, &[*one]);
            if index == restart_after {
                rig = rig.restart();
            }
        }
        let good = [true, false, false, true, true, true];
        assert_eq!(qualities(&rig), good, "restart after {restart_after}");
        assert_eq!(rig.told(), ["register_rollback", "register_restarted"]);
        let detail = rig.detail("register_restarted");
        assert_eq!((&*detail["from"], &*detail["to"]), ("99999", "12.7"));
        assert_eq!(&*detail["metric"], "water_volume");
    }
}

#[test]
fn a_burst_a_good_value_and_those_that_disagree_are_no_run() {
    let mut rig = Rig::new();
    // Fourteen minutes are too few; 101 fits the reference; 5, 4, 6 disagree.
    let doubted = [(10, 1.0), (12, 1.1), (24, 1.2)];
    let rest = [(30, 5.0), (40, 4.0), (50, 6.0)];
    meter(&mut rig, &[(0, 100.0)]);
    meter(&mut rig, &doubted);
    meter(&mut rig, &[(25, 101.0)]);
    meter(&mut rig, &rest);
    let good = [true, false, false, false, true, false, false, false];
    assert_eq!(qualities(&rig), good);
    assert!(rig.told().iter().all(|name| name == "register_rollback"));
    // Without a device time it takes an hour.
    let mut rig = Rig::new();
    for (minute, value) in [(0, 100.0), (20, 1.0), (40, 1.1), (60, 1.2), (80, 1.3)] {
        rig.clock.set(Timestamp::from_secs(NOW + minute * 60));
        let payload = format!("{{\"water_volume\": {value}}}");
        rig.metered("wm-9", &payload);
    }
    assert_eq!(qualities(&rig), [true, false, false, false, true]);
}

#[test]
fn a_rule_is_told_of_once_an_hour() {
    let mut rig = Rig::new();
    for second in 0..200 {
        rig.clock.set(Timestamp::from_secs(NOW + second * 30));
        // Two meters under one name.
        let of = if second % 2 == 0 { 100 } else { 50 };
        let payload = format!("{{\"water_volume\": {of}.{second:03}}}");
        rig.metered("wm-9", &payload);
    }
    assert_eq!(rig.told(), ["register_rollback"; 2], "in 100 minutes");
    assert_eq!(rig.intake.stats().events_suppressed(), 98);
}

#[test]
fn what_the_log_says_is_good_is_the_reference_after_a_restart() {
    let mut rig = Rig::new();
    know(&rig, DEVICES);
    rig.metered("em-1", &at(10.0, "active_energy_import", 5_000.0));
    rig.metered("em-1", &at(1.0, "active_energy_import", 3_000.0));
    let mut rig = rig.restart();
    know(&rig, DEVICES);
    rig.metered("em-1", &at(0.0, "active_energy_import", 3_000.5));
    assert_eq!(qualities(&rig), [true; 3], "{:?}", rig.told());
}

#[test]
fn what_grows_within_a_second_of_a_live_clock_is_no_conflict() {
    let mut rig = Rig::new();
    for (secs, value) in [(0, "5.1"), (0, "5.2"), (1, "5.0"), (60, "5.5")] {
        rig.clock.set(Timestamp::from_secs(NOW + secs));
        let payload = format!("{{\"ts\": {NOW}, \"active_energy_import\": {value}}}");
        rig.metered("em-9", &payload);
    }
    assert_eq!(qualities(&rig), [true, true, false, false]);
    assert_eq!(rig.told(), ["register_conflict"]);
}
