#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
use super::*;
use proptest::prelude::*;

const LIMITS: Limits = Limits { readings_max: 100 };

fn decoded(payload: &str) -> Decoded<'_> {
    let mut out = Decoded::default();
    decode(payload.as_bytes(), LIMITS, &mut out).unwrap();
    out
}

fn whole(payload: &[u8]) -> Fault {
    let mut out = Decoded::default();
    decode(payload, LIMITS, &mut out).unwrap_err()
}

fn number(text: &str) -> Sent<'_> {
    Sent::Number(text.parse().unwrap(), text.into())
}

#[test]
fn a_flat_object_gives_its_values_as_sent() {
    let text = r#"{"ts": 1763900000, "voltage": 229.80, "door_open": true,
                   "valve_state": "open", "current": null}"#;
    let out = decoded(text);
    assert_eq!(out.groups[0].time, SentTime::Number("1763900000".into()));
    let values: Vec<_> = out
        .samples
        .iter()
        .map(|s| (s.metric.as_ref(), s.value.clone()))
        .collect();
    assert_eq!(
        values,
        [
            ("voltage", number("229.80")),
            ("door_open", Sent::Flag(true)),
            ("valve_state", Sent::Text("open".into())),
            ("current", Sent::Null),
        ]
    );
    assert!(
        out.samples
            .iter()
            .all(|s| matches!(s.metric, Cow::Borrowed(_)))
    );
}

#[test]
fn arrays_and_thingsboard_shapes_have_a_time_each() {
    let out = decoded(
        r#"[{"ts":1,"values":{"voltage":1}},{"values":{"voltage":2},"ts":2},{"voltage":3}]"#,
    );
    let times: Vec<_> = out.groups.iter().map(|g| (g.at, g.time.clone())).collect();
    assert_eq!(
        times,
        [
            (Some(0), SentTime::Number("1".into())),
            (Some(1), SentTime::Number("2".into())),
            (Some(2), SentTime::Absent),
        ]
    );
    assert_eq!(out.samples.len(), 3);
    assert_eq!(out.samples[2].group, 2);
}

#[test]
fn values_may_have_unit_labels_and_time() {
    let out = decoded(
        r#"{"ts":5,"heat_energy":{"value":12.34,"unit":"GJ"},
            "voltage":[{"value":1,"labels":{"phase":"a"}},{"value":2,"labels":{"phase":"b"},"ts":6}]}"#,
    );
    assert_eq!(out.samples[0].unit, "GJ");
    assert_eq!(out.samples[0].value, number("12.34"));
    assert_eq!(out.samples[1].labels, [("phase".into(), "a".into())]);
    let last = &out.samples[2];
    assert_eq!(
        out.group(last.group).unwrap().time,
        SentTime::Number("6".into())
    );
    assert_eq!(
        out.place_of(last.group, &last.metric, last.item),
        "voltage[1]"
    );
}

#[test]
fn bad_documents_say_what_and_where() {
    let cases: &[(&[u8], Reason, &str)] = &[
        (b"", Reason::NoReadings, "empty"),
        (b"{}", Reason::NoReadings, "no reading"),
        (b"[]", Reason::NoReadings, "no reading"),
        (br#"{"ts":1}"#, Reason::NoReadings, "no reading"),
        (br#"{"voltage":22"#, Reason::Truncated, "byte 13"),
        (br#"{"volt"#, Reason::Truncated, "byte 6"),
        (br#"[{"voltage":1},"#, Reason::Truncated, "byte 15"),
        (b"{\"voltage\":\xff}", Reason::NotUtf8, "byte 11 (0xff)"),
        (br#"{"voltage":1}x"#, Reason::Malformed, "byte 13"),
        (br#"{"voltage":+1}"#, Reason::Malformed, "byte 11"),
        (b"temperature=3", Reason::Malformed, "byte"),
        (b"12", Reason::WrongType, "12 is not an object"),
        (b"\"on\"", Reason::WrongType, "is not an object"),
    ];
    for (payload, reason, words) in cases {
        let fault = whole(payload);
        assert_eq!(fault.reason, *reason, "{fault}");
        assert!(fault.sentence.contains(words), "{fault}");
    }
}

#[test]
fn bad_parts_leave_the_good_ones() {
    let out = decoded(
        r#"[{"voltage":1},7,{"current":{"valeu":1}},{"power":[1]},{"current":{"value":[1]}},
            {"ts":true,"voltage":2},{"current":{"value":1,"unit":5}},{"current":{}},{"current":[]}]"#,
    );
    assert_eq!(out.samples.len(), 1);
    let parts: Vec<_> = out.faults.list().iter().map(|f| f.part.as_str()).collect();
    assert_eq!(
        parts,
        [
            "[1]",
            "[2].current",
            "[3].power[0]",
            "[4].current",
            "[5].ts",
            "[6].current",
            "[7].current",
            "[8].current"
        ]
    );
    assert!(
        out.faults
            .list()
            .iter()
            .all(|f| f.reason == Reason::WrongType)
    );
}

#[test]
fn not_a_number_costs_only_itself() {
    for literal in ["NaN", "Infinity", "-Infinity", "nan"] {
        let text = format!(r#"{{"note":"NaN \" NaN","voltage": {literal}, "current": 3}}"#);
        let out = decoded(&text);
        assert_eq!(out.samples.len(), 3, "{literal}");
        assert_eq!(out.samples[0].value, Sent::Text("NaN \" NaN".into()));
        assert_eq!(out.samples[1].value, Sent::NotFinite(literal.into()));
        assert_eq!(out.samples[2].value, number("3"));
    }
    assert_eq!(
        decoded(r#"{"voltage":1e999}"#).samples[0].value,
        Sent::NotFinite("1e999".into())
    );
    let fault = whole(br#"{"voltage":NaN,"#);
    assert_eq!(fault.reason, Reason::Truncated);
}

#[test]
fn a_time_or_values_twice_takes_the_object_out() {
    let out = decoded(r#"[{"ts":1,"voltage":1,"ts":2},{"voltage":3}]"#);
    assert_eq!(out.samples.len(), 1);
    assert_eq!(out.faults.list()[0].reason, Reason::DuplicateKey);
    assert_eq!(
        out.faults.list()[0].sentence,
        "`ts` is there twice, as 1 and 2"
    );
    let out = decoded(r#"{"a":{"value":1,"value":2},"b":1}"#);
    assert_eq!(out.faults.list()[0].reason, Reason::DuplicateKey);
}

#[test]
fn deep_nesting_is_refused_without_recursion() {
    for open in ["[", "{\"a\":"] {
        let deep =
            open.repeat(50_000) + "1" + &(if open == "[" { "]" } else { "}" }).repeat(50_000);
        let mut out = Decoded::default();
        decode(deep.as_bytes(), LIMITS, &mut out).unwrap();
        assert_eq!(
            out.faults.list()[0].reason,
            Reason::TooDeep,
            "{}",
            out.faults.list()[0]
        );
    }
}

#[test]
fn too_many_readings_are_refused_whole() {
    let many: Vec<String> = (0..101).map(|n| format!("\"m{n}\":{n}")).collect();
    let fault = whole(format!("{{{}}}", many.join(",")).as_bytes());
    assert_eq!(fault.reason, Reason::TooManyReadings);
    assert!(fault.sentence.contains("100"));
}

#[test]
fn escaped_keys_and_texts_are_read() {
    let out = decoded(r#"{"volt\u0061ge":1,"firmware_version":"a\"b","x":"\ud800"}"#);
    assert_eq!(out.samples[0].metric, "voltage");
    assert_eq!(out.samples[1].value, Sent::Text("a\"b".into()));
    assert_eq!(out.faults.list()[0].reason, Reason::Malformed);
}

#[test]
fn a_gateway_names_its_devices() {
    let text = r#"{"m-1":[{"ts":1,"values":{"voltage":1}},{"ts":2,"values":{"voltage":2}}],
                   "m-2":{"voltage":3},"m-3":4}"#;
    let mut out = Decoded::default();
    gateway(text.as_bytes(), LIMITS, &mut out).unwrap();
    let of: Vec<_> = out
        .samples
        .iter()
        .map(|s| out.device_of(s.group).unwrap())
        .collect();
    assert_eq!(of, ["m-1", "m-1", "m-2"]);
    assert_eq!(out.faults.list()[0].part, "m-3");
    let mut out = Decoded::default();
    assert_eq!(
        gateway(b"[1]", LIMITS, &mut out).unwrap_err().reason,
        Reason::WrongType
    );
    assert_eq!(
        gateway(b"[1", LIMITS, &mut out).unwrap_err().reason,
        Reason::Truncated
    );
}

#[test]
fn attributes_and_connections_are_read() {
    let all = attributes(br#"{"fw":"1.2","n":3,"o":{"a":[1]}}"#).unwrap();
    assert_eq!(all[0], ("fw".to_owned(), "1.2".to_owned()));
    assert_eq!(all[2].1, r#"{"a":[1]}"#);
    assert_eq!(
        connection(br#"{"device":"m-1","type":"x"}"#).unwrap(),
        "m-1"
    );
    assert_eq!(
        connection(br#"{"devcie":"m-1"}"#).unwrap_err().reason,
        Reason::WrongType
    );
    assert_eq!(connection(b"[1").unwrap_err().reason, Reason::Truncated);
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic(payload: Vec<u8>) {
        let _ = decode(&payload, LIMITS, &mut Decoded::default());
        let _ = gateway(&payload, LIMITS, &mut Decoded::default());
        let _ = attributes(&payload);
        let _ = connection(&payload);
    }

    #[test]
    fn json_like_text_does_not_panic(payload in r#"[\[\]{}":,a-c0-9eE.\\ Nantrufls-]{0,60}"#) {
        let _ = decode(payload.as_bytes(), LIMITS, &mut Decoded::default());
        let _ = gateway(payload.as_bytes(), LIMITS, &mut Decoded::default());
    }

    #[test]
    fn numbers_keep_their_text(number in prop::num::f64::NORMAL) {
        let text = format!("{{\"voltage\":{number:?}}}");
        let out = decoded(&text);
        prop_assert_eq!(&out.samples[0].value, &Sent::Number(number, format!("{number:?}").into()));
    }

    #[test]
    fn every_cut_of_a_document_is_an_error(cut in 0usize..73) {
        let text = r#"{"ts":1763900000000,"values":{"voltage":229.8,"labels":"x","n":[{"value":1}]}}"#;
        prop_assert!(decode(&text.as_bytes()[..cut], LIMITS, &mut Decoded::default()).is_err());
    }
}

#[test]
fn thingsboard_tells_a_gateway_from_a_device() {
    let devices = |text: &str| {
        let mut out = Decoded::default();
        thingsboard(text.as_bytes(), LIMITS, &mut out).unwrap();
        (out.devices.len(), out.samples.len())
    };
    for (text, found) in [
        (r#"{"temperature":22.5,"humidity":61}"#, (0, 2)),
        (
            r#"{"ts":1451649600512,"values":{"temperature":22.5}}"#,
            (0, 1),
        ),
        (
            r#"[{"ts":1451649600000,"values":{"temperature":22.5}}]"#,
            (0, 1),
        ),
        (
            r#"{"voltage":[{"value":230,"labels":{"phase":"a"}}]}"#,
            (0, 1),
        ),
        (
            r#" { "Device \"A" : [ {"ts":1483228800000,"values":{"temperature":42}}], "B":[{"values":{"temperature":1}}]}"#,
            (2, 2),
        ),
        (
            r#"{"A":[{"values":{"temperature":1,"humidity":2}}]}"#,
            (1, 2),
        ),
    ] {
        assert_eq!(devices(text), found, "{text}");
    }
}
