//! Observed times, and clocks that cannot be right.
use super::*;

#[test]
fn a_local_midnight_without_a_zone_is_sixteen_hours_utc_the_day_before() {
    let mut rig = Rig::new();
    rig.payload(
        "city/m-1",
        r#"{"ts": "2026-11-23 00:00:00", "active_energy_import": 5}"#,
    );
    let observed = rig.logged().reports[0].readings[0].observed_at.unwrap();
    assert_eq!(observed.seconds, 1_795_363_200, "2026-11-22T16:00:00Z");
}

#[test]
fn an_absent_time_is_the_reception_and_good() {
    let mut rig = Rig::new();
    rig.payload("city/m-1", r#"{"voltage": 229}"#);
    let logged = rig.logged();
    let reading = &logged.reports[0].readings[0];
    assert_eq!(
        (reading.observed_at.unwrap().seconds, reading.quality),
        (NOW, 1)
    );
}

#[test]
fn a_dead_clock_costs_no_register_reading() {
    let mut rig = Rig::new();
    for ts in ["0", "\"0000-00-00 00:00:00\"", "99999999999"] {
        let text = format!(
            r#"{{"ts": {ts}, "active_energy_import": 5, "voltage": 9000, "current": null}}"#
        );
        assert_eq!(rig.payload("city/m-1", &text), Verdict::Accepted, "{ts}");
    }
    let logged = rig.logged();
    for report in &logged.reports {
        let seen: Vec<_> = report
            .readings
            .iter()
            .map(|r| (r.observed_at.unwrap().seconds, r.quality))
            .collect();
        assert_eq!(
            seen,
            [(NOW, 2), (NOW, 3), (NOW, 4)],
            "UNCERTAIN; BAD stays BAD; absent stays so"
        );
    }
    assert_eq!(logged.events.len(), 1, "said once, not three times");
    let event = &logged.events[0];
    assert_eq!(
        (event.name.as_str(), event.device_id.as_str()),
        ("clock_wrong", "m-1")
    );
    assert_eq!(event.detail["device_time"], "0");
    assert_eq!(event.detail["ahead_seconds"], (-NOW).to_string());
    assert_eq!(rig.intake.stats().events_suppressed(), 2);
    assert_eq!(rig.counts().logged, 3, "an event weighs nothing");
}

#[test]
fn a_series_with_an_implausible_base_is_rejected_and_only_it() {
    let mut rig = Rig::new();
    let text = r#"[{"ts": 0, "voltage": 1}, {"ts": 900, "voltage": 2}, {"ts": 1795420000, "voltage": 3},
                   {"ts": 5, "current": 4}]"#;
    assert_eq!(rig.payload("city/m-1", text), Verdict::Accepted);
    let logged = rig.logged();
    let values: Vec<_> = logged.reports[0].readings.iter().map(number).collect();
    assert_eq!(values, [3.0, 4.0]);
    assert_eq!(
        logged.reasons(),
        [
            ("implausible_time", "[0].voltage"),
            ("implausible_time", "[1].voltage")
        ]
    );
    assert!(
        logged.rejects[1].sentence.contains("900"),
        "{}",
        logged.rejects[1].sentence
    );
}

#[test]
fn readings_of_an_array_keep_their_times() {
    let mut rig = Rig::new();
    let text = r#"[{"ts": 1795420000, "voltage": 1}, {"ts": 1795420100000, "voltage": 2}]"#;
    rig.payload("city/m-1", text);
    let logged = rig.logged();
    let times: Vec<_> = logged.reports[0]
        .readings
        .iter()
        .map(|r| r.observed_at.unwrap().seconds)
        .collect();
    assert_eq!(times, [1_795_420_000, 1_795_420_100]);
}
