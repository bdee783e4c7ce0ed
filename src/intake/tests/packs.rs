//! `SenML` and CBOR through intake: formats, names, times.
use super::*;

fn sent(
    rig: &Rig,
    topic: &'static str,
    format: Option<u16>,
    payload: &'static [u8],
) -> Uplink<'static> {
    Uplink {
        source: Source::Coap,
        topic,
        payload,
        content_format: format,
        ..rig.uplink()
    }
}

const PACK: &[u8] = br#"[{"bn":"m-1:","bt":1795420000.5,"n":"voltage","u":"V","v":230.1},{"n":"current","u":"mA","v":1250}]"#;
/// The same: RFC 8428 §6's labels.
const PACK_CBOR: &[u8] = b"\x82\xa5\x21\x64m-1:\x22\xfb\x41\xda\xc0\xfb\xd8\x20\x00\x00\x00\x67voltage\x01\x61V\x02\xfb\x40\x6c\xc3\x33\x33\x33\x33\x33\xa3\x00\x67current\x01\x62mA\x02\x19\x04\xe2";

#[test]
fn the_content_format_chooses_the_codec() {
    let cases: [(&str, Option<u16>, &[u8], &str); 9] = [
        ("t/m-1", Some(110), PACK, "senml"),
        ("t/m-1", Some(112), PACK_CBOR, "senml"),
        ("t/m-1/senml", None, PACK, "senml"),
        ("t/m-1/senml", None, PACK_CBOR, "senml"),
        ("t/m-1/senml", Some(60), PACK_CBOR, "senml"),
        ("t/m-1", Some(60), b"\xa1\x67voltage\x18\xe6", "cbor"),
        ("t/m-1/json", Some(60), b"\xa1\x67voltage\x18\xe6", "cbor"),
        ("t/m-1", Some(50), br#"{"voltage":230}"#, "json"),
        ("t/m-1", Some(42), br#"{"voltage":230}"#, "json"),
    ];
    for (topic, format, payload, profile) in cases {
        let mut rig = Rig::new();
        assert_eq!(
            rig.send(&sent(&rig, topic, format, payload)),
            Verdict::Accepted,
            "{topic} {format:?}"
        );
        let logged = rig.logged();
        assert_eq!(logged.reports.len(), 1);
        assert_eq!(logged.reports[0].profile, profile, "{topic} {format:?}");
        assert_eq!(logged.reports[0].device_id, "m-1");
        assert_eq!(logged.reports[0].via, "", "its own name is no child");
    }
}

#[test]
fn both_encodings_of_a_pack_are_one_report() {
    let mut rig = Rig::new();
    assert_eq!(
        rig.send(&sent(&rig, "t/m-1", Some(110), PACK)),
        Verdict::Accepted
    );
    assert_eq!(
        rig.send(&sent(&rig, "t/m-1", Some(112), PACK_CBOR)),
        Verdict::Duplicate
    );
    let report = &rig.logged().reports[0];
    let current = &report.readings[1];
    assert_eq!(
        (
            number(current),
            current.raw.as_str(),
            current.raw_unit.as_str()
        ),
        (1.25, "1250", "mA")
    );
    let at = current.observed_at.unwrap();
    assert_eq!((at.seconds, at.nanos), (1_795_420_000, 500_000_000));
}

#[test]
fn children_are_reported_through_their_parent() {
    let mut rig = Rig::new();
    let pack = br#"[{"n":"b:voltage","v":1},{"n":"m-1:voltage","v":2},{"n":"b:current","v":3},{"n":"voltage","v":4},{"n":"a/b:voltage","v":5}]"#;
    assert_eq!(
        rig.send(&sent(&rig, "t/m-1", Some(110), pack)),
        Verdict::Accepted
    );
    let logged = rig.logged();
    let reports: Vec<_> = logged
        .reports
        .iter()
        .map(|r| (r.device_id.as_str(), r.via.as_str(), r.readings.len()))
        .collect();
    assert_eq!(reports, [("m-1", "", 1), ("b", "m-1", 2), ("m-1", "", 1)]);
    assert_eq!(logged.reasons(), [("invalid_device_id", "a/b")]);
}

#[test]
fn times_from_now_are_reckoned_and_make_no_copies() {
    let mut rig = Rig::new();
    let pack =
        br#"[{"n":"voltage","t":-30,"v":1},{"n":"voltage","t":-0.5,"v":2},{"n":"current","v":3}]"#;
    let uplink = sent(&rig, "t/m-1", Some(110), pack);
    assert_eq!(rig.send(&uplink), Verdict::Accepted);
    assert_eq!(
        rig.send(&uplink),
        Verdict::Accepted,
        "the times are not the device's"
    );
    let logged = rig.logged();
    let found: Vec<_> = logged.reports[0]
        .readings
        .iter()
        .map(|r| {
            (
                r.observed_at.unwrap().seconds - NOW,
                r.observed_at.unwrap().nanos,
                r.quality,
            )
        })
        .collect();
    assert_eq!(found, [(-30, 0, 1), (-1, 500_000_000, 1), (0, 0, 1)]);
    assert_eq!(logged.events, []);
}

#[test]
fn times_that_cannot_be_are_doubted_and_said() {
    let mut rig = Rig::new();
    let pack = br#"[{"n":"voltage","t":25462634,"v":1},{"n":"current","t":1e12,"v":2}]"#;
    assert_eq!(
        rig.send(&sent(&rig, "t/m-1", Some(110), pack)),
        Verdict::Accepted
    );
    let logged = rig.logged();
    for reading in &logged.reports[0].readings {
        assert_eq!(
            (reading.observed_at.unwrap().seconds, reading.quality),
            (NOW, 2)
        );
    }
    assert_eq!(logged.events[0].name, "clock_wrong");
    assert_eq!(
        logged.events[0].detail["device_time"],
        "25462634 s from now"
    );
}

#[test]
fn ratios_switches_and_bytes_are_what_the_metric_says() {
    let mut rig = Rig::new();
    let pack = br#"[{"n":"lamp_brightness","u":"%","v":0.8},{"n":"relative_humidity","u":"%RH","v":55},
        {"n":"door_open","u":"/","v":1},{"n":"lamp_on","vb":true},{"n":"firmware_version","vs":"1.2"},
        {"n":"battery_level","u":"%EL","v":98},{"n":"voltage","vd":"q83v"}]"#;
    assert_eq!(
        rig.send(&sent(&rig, "t/m-1", Some(110), pack)),
        Verdict::Accepted
    );
    let logged = rig.logged();
    let readings = &logged.reports[0].readings;
    assert_eq!(readings.len(), 6);
    assert!(
        readings.iter().all(|reading| reading.quality == 1),
        "{readings:?}"
    );
    assert_eq!(number(&readings[0]).to_string(), "80");
    assert_eq!(readings[2].value, Some(proto::reading::Value::Flag(true)));
    assert_eq!(logged.reasons(), [("wrong_type", "[6].voltage")]);
    assert!(
        logged.rejects[0].sentence.contains("data q83v"),
        "{:?}",
        logged.rejects[0].sentence
    );
}
