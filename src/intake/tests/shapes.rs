//! Topics and formats.
use super::*;
use crate::inventory::Unknown;
use proto::reading::Value;

#[test]
fn a_flat_object_is_a_report() {
    let mut rig = Rig::new();
    let text = r#"{"voltage": 229.8, "valve_state": "open", "door_open": true, "current": null}"#;
    assert_eq!(rig.payload("city/m-1/json", text), Verdict::Accepted);
    let logged = rig.logged();
    let report = &logged.reports[0];
    assert_eq!(
        (report.device_id.as_str(), report.profile.as_str()),
        ("m-1", "json")
    );
    assert_eq!(
        (report.kind.as_str(), report.node.as_str()),
        ("unknown", "lixia-1")
    );
    assert_eq!(report.received_at.unwrap().seconds, NOW);
    let values: Vec<_> = report
        .readings
        .iter()
        .map(|r| (r.metric.as_str(), r.value.clone()))
        .collect();
    assert_eq!(
        values,
        [
            ("voltage", Some(Value::Number(229.8))),
            ("valve_state", Some(Value::Text("open".to_owned()))),
            ("door_open", Some(Value::Flag(true))),
            ("current", None),
        ]
    );
    assert_eq!(report.readings[0].unit, "V");
    assert!(
        report.readings[0].raw.is_empty(),
        "the canonical value is what was sent"
    );
    let qualities: Vec<i32> = report.readings.iter().map(|r| r.quality).collect();
    assert_eq!(qualities, [1, 1, 1, 4]);
    assert_eq!(rig.counts().logged, 1);
}

#[test]
fn units_become_canonical_and_what_was_sent_is_kept() {
    let mut rig = Rig::new();
    let text = r#"{"heat_energy": {"value": 12.34, "unit": "GJ"},
                   "voltage": [{"value": 229.8, "labels": {"phase": "a"}},
                               {"value": 231.0, "unit": "V", "labels": {"phase": "b"}}]}"#;
    assert_eq!(rig.payload("city/m-1", text), Verdict::Accepted);
    let logged = rig.logged();
    let [heat, a, b] = logged.reports[0].readings.as_slice() else {
        panic!("{logged:?}", logged = logged.reports)
    };
    assert!(
        (number(heat) - 12.34 * 1e6 / 3_600.0).abs() < 1e-9,
        "{heat:?}"
    );
    assert_eq!(
        (
            heat.unit.as_str(),
            heat.raw.as_str(),
            heat.raw_unit.as_str()
        ),
        ("kW.h", "12.34", "GJ")
    );
    assert_eq!(
        (a.labels["phase"].as_str(), b.labels["phase"].as_str()),
        ("a", "b")
    );
    assert!(b.raw.is_empty());
}

/// CJ/T 188 counts in hundreds of MW.h: the register turns at what its digits hold of them, and what the meter
/// showed is kept.
#[test]
fn hundreds_of_a_unit_become_canonical_and_what_was_shown_is_kept() {
    let mut rig = Rig::new();
    let frame = "682001000000000011812e1f9000230100000a999999990a00000000170000000035000000002c0000000000000000000000000000000000000c16";
    assert_eq!(rig.payload("city/h-1/cjt188", frame), Verdict::Accepted);
    let logged = rig.logged();
    let [settled, now, ..] = logged.reports[0].readings.as_slice() else {
        panic!("{logged:?}", logged = logged.reports)
    };
    let sent = |reading: &proto::Reading| {
        let texts = [&reading.unit, &reading.raw, &reading.raw_unit];
        (
            number(reading),
            texts.map(ToString::to_string),
            reading.quality,
        )
    };
    let texts = |raw: &str| ["kW.h", raw, "10*2.MW.h"].map(str::to_owned);
    assert_eq!(sent(settled), (123_000.0, texts("1.23"), 1));
    assert_eq!(settled.labels["freeze"], "settlement");
    // The largest that eight digits hold is in the register's range, whatever the catalogue's is.
    assert_eq!(sent(now), (99_999_999_000.0, texts("999999.99"), 1));
}

#[test]
fn ranges_decide_the_quality() {
    let mut rig = Rig::new();
    let text = r#"{"voltage": 5000, "methane_lel": 150, "relative_humidity": 55}"#;
    rig.payload("city/m-1", text);
    let logged = rig.logged();
    let qualities: Vec<i32> = logged.reports[0]
        .readings
        .iter()
        .map(|r| r.quality)
        .collect();
    assert_eq!(qualities, [3, 2, 1], "BAD; UNCERTAIN for safety; GOOD");
}

#[test]
fn configured_routes_give_kind_and_district() {
    let routes =
        "[[route]]\ntopic = 'plant/+/{device}/up'\nkind = 'meter.gas'\ndistrict = '370102'\n";
    let mut rig = Rig::with(Setup {
        routes,
        ..Setup::default()
    });
    assert_eq!(
        rig.payload("plant/7/g-1/up", r#"{"gas_volume": 3}"#),
        Verdict::Accepted
    );
    let logged = rig.logged();
    let report = &logged.reports[0];
    assert_eq!(
        (report.kind.as_str(), report.district.as_str()),
        ("meter.gas", "370102")
    );
    assert_eq!(
        rig.intake.device_of("plant/7/g-1/up", "", ""),
        Some("g-1".to_owned())
    );
    assert_eq!(rig.intake.device_of("plant/7/g 1/up", "", ""), None);
    assert_eq!(rig.intake.device_of("plant/7", "", ""), None);
}

#[test]
fn thingsboard_devices_are_named_by_their_client_id() {
    let mut rig = Rig::new();
    let uplink = Uplink {
        topic: "v1/devices/me/telemetry",
        user: "S3CRET",
        payload: br#"{"ts": 1795420000000, "values": {"voltage": 229}}"#,
        ..rig.uplink()
    };
    assert_eq!(rig.send(&uplink), Verdict::Accepted);
    assert_eq!(
        rig.send(&Uplink {
            payload: b"S3",
            ..uplink
        }),
        Verdict::RejectedPayload
    );
    assert_eq!(
        rig.intake
            .device_of(uplink.topic, uplink.client, uplink.user),
        Some("client-1".to_owned())
    );
    let logged = rig.logged();
    assert_eq!(logged.reports[0].device_id, "client-1");
    assert!(!format!("{:?}", logged.rejects).contains("S3CRET"));
}

#[test]
fn a_gateway_reports_for_its_children() {
    let mut rig = Rig::new();
    let text = r#"{"m-1": [{"ts": 1795420000000, "values": {"voltage": 229}}],
                   "m 2": [{"ts": 1795420000000, "values": {"voltage": 229}}],
                   "m-3": [{"ts": 1795420000000, "values": {"voltage": 228, "voltge": 1}}]}"#;
    assert_eq!(rig.payload("v1/gateway/telemetry", text), Verdict::Accepted);
    let logged = rig.logged();
    let of: Vec<_> = logged
        .reports
        .iter()
        .map(|r| (r.device_id.as_str(), r.via.as_str()))
        .collect();
    assert_eq!(of, [("m-1", "client-1"), ("m-3", "client-1")]);
    assert_eq!(
        logged.reasons(),
        [
            ("invalid_device_id", "m 2"),
            ("unknown_metric", "m-3[0].voltge")
        ]
    );
    let counts = rig.counts();
    assert_eq!(
        (counts.received, counts.logged, counts.reject_parts),
        (1, 1, 2)
    );
}

#[test]
fn attributes_are_noted_and_counted() {
    let mut rig = Rig::new();
    assert_eq!(
        rig.payload("v1/devices/me/attributes", r#"{"fw": "1.2"}"#),
        Verdict::Accepted
    );
    assert_eq!(
        rig.payload("v1/gateway/connect", r#"{"device": "m-1"}"#),
        Verdict::Accepted
    );
    assert_eq!(
        rig.payload("v1/gateway/disconnect", r#"{"devic": "m-1"}"#),
        Verdict::RejectedPayload
    );
    let logged = rig.logged();
    let names: Vec<&str> = logged.events.iter().map(|e| e.name.as_str()).collect();
    assert_eq!(names, ["attributes", "child_connected"]);
    assert_eq!(logged.events[0].detail["fw"], "1.2");
    let counts = rig.counts();
    assert_eq!((counts.logged, counts.rejected), (2, 1));
}

#[test]
fn unknown_devices_are_rejected_where_the_policy_says_so() {
    let mut rig = Rig::with(Setup {
        unknown: Unknown::Reject,
        ..Setup::default()
    });
    assert_eq!(
        rig.payload("city/m-1", r#"{"voltage": 1}"#),
        Verdict::RejectedNotAuthorised
    );
    assert_eq!(rig.logged().reasons(), [("unknown_device", "")]);
}

#[test]
fn events_are_appended_with_bounded_details() {
    let rig = Rig::new();
    let long = "x".repeat(5_000);
    rig.intake.event(EventDraft {
        device_id: "m-1",
        kind: "",
        name: "will",
        at: rig.clock.now(),
        severity: 2,
        detail: &[("payload", &long)],
    });
    rig.intake.log.close();
    let logged = rig.logged();
    assert_eq!(logged.events[0].detail["payload"].len(), 256);
    rig.intake.event(EventDraft {
        device_id: "",
        kind: "",
        name: "x",
        at: rig.clock.now(),
        severity: 1,
        detail: &[],
    });
    assert_eq!(rig.intake.stats().events_lost(), 1);
}
