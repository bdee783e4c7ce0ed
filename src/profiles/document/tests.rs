#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
use super::*;
use crate::catalogue::Catalogue;
use crate::codecs::{Limits, Sample, Sent, SentTime};
use crate::profiles::{Profile, Profiles};

mod records;
mod round;

fn profile(text: &str) -> Profile {
    let text = format!("name = \"x\"\nversion = \"1\"\nformat = \"json\"\n{text}");
    Profile::parse("profiles/x.toml", &text, &Catalogue::shipped()).unwrap()
}

fn problems(text: &str) -> Vec<String> {
    let text = format!("name = \"x\"\nversion = \"1\"\nformat = \"json\"\n{text}");
    let error = Profile::parse("profiles/x.toml", &text, &Catalogue::shipped()).unwrap_err();
    error.iter().map(ToString::to_string).collect()
}

fn decode(
    profile: &Profile,
    payload: &[u8],
    readings_max: usize,
) -> Result<Decoded<'static>, Fault> {
    let profiles = Profiles::default();
    let around = Around {
        limits: Limits { readings_max },
        profiles: &profiles,
        profile_of: &|_| None,
    };
    let mut out = Decoded::default();
    profile.decode(payload, around, &mut out)?;
    let mut owned = Decoded::default();
    out.move_to(&mut owned);
    Ok(owned)
}

/// `[0].voltage = 230.1 phase=a @1571227500`, one a sample; then faults and notes.
fn shown(profile: &Profile, payload: &str) -> Vec<String> {
    let out = decode(profile, payload.as_bytes(), 100).unwrap();
    let mut lines: Vec<String> = out.samples.iter().map(|s| sample(&out, s)).collect();
    lines.extend(out.faults.list().iter().map(ToString::to_string));
    for note in &out.notes {
        let detail: Vec<String> = note
            .detail
            .iter()
            .map(|(k, v)| format!(" {k}={v}"))
            .collect();
        lines.push(format!("event {}{}", note.name, detail.concat()));
    }
    lines
}

fn sample(out: &Decoded<'_>, sample: &Sample<'_>) -> String {
    let value = match &sample.value {
        Sent::Number(number, _) => number.to_string(),
        Sent::Flag(flag) => flag.to_string(),
        Sent::Text(text) | Sent::Data(text) | Sent::NotFinite(text) => text.to_string(),
        Sent::Null => "null".to_owned(),
    };
    let labels: Vec<String> = sample
        .labels
        .iter()
        .map(|(k, v)| format!(" {k}={v}"))
        .collect();
    let time = match &out.group(sample.group).unwrap().time {
        SentTime::Absent => String::new(),
        SentTime::Number(text) | SentTime::Text(text) => format!(" @{text}"),
        SentTime::Unix(nanos) => format!(" @{}s", nanos / 1_000_000_000),
        SentTime::Relative(nanos) => format!(" @now{}s", nanos / 1_000_000_000),
    };
    let place = out.place_of(sample.group, &sample.metric, sample.item);
    format!("{place} = {value}{}{time}", labels.concat())
}

const METER: &str = r#"
[device]
path = "Message.IMEI"
prefix = "imei:"
[time]
path = "Telemetry.UTC"
unit = "s"
[[value]]
metric = "voltage"
path = "Telemetry.u"
scale = 0.1
absent = [65535]
when = { "Message.dev" = ["a", "b"] }
[[value]]
metric = "battery_level"
path = "Telemetry.bat"
"#;

#[test]
fn a_nested_document_is_read_in_one_walk() {
    let meter = profile(METER);
    let payload = r#" {"Message":{"IMEI":" 867 ","x":[1,{"y":[]}]},"Telemetry":{"u":2301,"bat ":"099","UTC":1571227500},"Message ":1} "#;
    let out = decode(&meter, payload.as_bytes(), 100).unwrap();
    assert_eq!((out.sender, out.samples.len()), (None, 0));
    // Message is there twice, the device in one of them only: nothing is taken.
    assert_eq!(out.faults.list()[0].reason, Reason::DuplicateKey);
    let payload = r#"{"Telemetry":{"u":2301,"bat ":"099","UTC":1571227500},"Message":{"IMEI":867,"dev":"b"}}"#;
    assert_eq!(
        shown(&meter, payload),
        [
            "voltage = 230.1 @1571227500s",
            "battery_level = 99 @1571227500s"
        ]
    );
}

#[test]
fn records_have_their_own_time_device_and_labels() {
    let city = profile(
        r#"
[[each]]
path = "devs.*"
[each.device]
key = true
[[each.each]]
[each.each.time]
path = "ts"
[[each.each.value]]
metric = "voltage"
path = "values.u"
label.phase = { path = "ph" }
[[each]]
path = "onewire"
[[each.value]]
metric = "air_temperature"
path = ""
labels = { channel = "{index}" }
"#,
    );
    let payload = r#"{"onewire":[21.6,null,"20.6"],"devs":{"B":[{"ts":1,"values":{"u":1}},{"values":{"u":2},"ph":"b"}],
        "A":{"ts":3,"values":{"u":3}},"C":null,"D":[]}}"#;
    assert_eq!(
        shown(&city, payload),
        [
            "[0].air_temperature = 21.6 channel=1",
            "[1].air_temperature = null channel=2",
            "[2].air_temperature = 20.6 channel=3",
            "B[0].voltage = 1 @1",
            "B[1].voltage = 2 phase=b",
            "A[0].voltage = 3 @3",
        ]
    );
    // Records of two devices that alternate are brought together.
    let mixed = profile(
        "[[each]]\n[each.device]\npath = 'd'\n[[each.value]]\nmetric = 'voltage'\npath = 'u'\n",
    );
    let payload = r#"[{"d":"A","u":1},{"d":"B","u":2},{"d":"A","u":3}]"#;
    assert_eq!(
        shown(&mixed, payload),
        ["A[0].voltage = 1", "A[2].voltage = 3", "B[1].voltage = 2"]
    );
}

#[test]
fn back_dated_records_count_from_their_base() {
    let fixed = profile(
        "[time]\npath = 't'\nunit = 's'\n[[each]]\npath = 'v'\n[each.time]\nstep = '-15min'\n\
         [[each.value]]\nmetric = 'voltage'\npath = ''\n",
    );
    assert_eq!(
        shown(&fixed, r#"{"v":[1,2,3],"t":1800000000}"#),
        [
            "[0].voltage = 1 @1800000000s",
            "[1].voltage = 2 @1799999100s",
            "[2].voltage = 3 @1799998200s"
        ]
    );
    assert_eq!(
        shown(&fixed, r#"{"v":[1,2]}"#),
        ["[0].voltage = 1 @now0s", "[1].voltage = 2 @now-900s"]
    );
    let sent = profile(
        "[[each]]\npath = 'v'\n[each.time]\nstep = { path = 'step', unit = 'min' }\n\
         base = { path = 'from', format = '%Y%m%dT%H%M%SZ' }\n\
         [[each.value]]\nmetric = 'voltage'\npath = ''\n",
    );
    assert_eq!(
        shown(
            &sent,
            r#"{"v":[1,2],"step":"30","from":"20180207T032533Z"}"#
        ),
        [
            "[0].voltage = 1 @1517973933s",
            "[1].voltage = 2 @1517975733s"
        ]
    );
    let lost = shown(&sent, r#"{"v":[1,2],"from":"20180207T032533Z"}"#);
    assert!(
        lost[0].starts_with("implausible_time: the payload does not say how far"),
        "{lost:?}"
    );
}

#[test]
fn times_are_read_as_the_vendor_writes_them() {
    for (rule, sent, time) in [
        ("", "1571227500", "@1571227500"),
        ("", "\"1571227500\"", "@1571227500"),
        ("unit = 'ms'", "1606982320277", "@1606982320s"),
        ("unit = 's'", "\"1571227500\"", "@1571227500s"),
        (
            "format = '%Y%m%d%H%M%S'",
            "20261123081530",
            "@2026-11-23T08:15:30",
        ),
        (
            "format = '%Y%m%d%H%M%S'\nzone = 'Asia/Shanghai'",
            "\"20261123081530\"",
            "@1795392930s",
        ),
        (
            "zone = 'Asia/Shanghai'",
            "\"2026-11-23 08:15:30\"",
            "@1795392930s",
        ),
        ("format = '%Y%m%d'", "null", ""),
        ("unit = 's'\nabsent = [0]", "0", ""),
        // A dead clock is intake's to judge.
        ("unit = 's'", "0", "@0s"),
        (
            "format = '%d.%m.%Y %H:%M'",
            "\"00.00.2000 00:00\"",
            "@00.00.2000 00:00",
        ),
        ("unit = 's'", "{}", "@{}"),
    ] {
        let with = format!("[[value]]\nmetric = 'voltage'\npath = 'u'\n[time]\npath = 't'\n{rule}");
        if rule.contains("'%Y%m%d'") {
            assert!(problems(&with)[0].contains("strptime"), "{rule}");
            continue;
        }
        let payload = format!(r#"{{"t":{sent},"u":1}}"#);
        let expected = ["voltage = 1", time].join(" ");
        assert_eq!(
            shown(&profile(&with), &payload),
            [expected.trim()],
            "{rule} {sent}"
        );
    }
}

#[test]
fn events_and_inner_payloads() {
    let platform = profile(
        r#"
[device]
path = "IMEI"
via = "gatewayId"
[time]
path = "timestamp"
[[event]]
name = "platform_offline"
when = { messageType = "deviceOnlineOfflineReport", eventType = 0 }
detail = { reason = "payload.reason" }
[inner]
path = "payload.APPdata"
encoding = "base64"
profile = "json"
"#,
    );
    let payload = r#"{"timestamp":1606982320277,"eventType":"0","messageType":"deviceOnlineOfflineReport",
        "IMEI":"a","gatewayId":"a","payload":{"reason":7}}"#;
    assert_eq!(
        shown(&platform, payload),
        ["event platform_offline reason=7"]
    );
    let out = decode(&platform, payload.as_bytes(), 9).unwrap();
    assert_eq!((out.sender.as_deref(), out.via), (Some("a"), None));
    // {"voltage":230.1,"x":[1]}
    let payload = r#"{"IMEI":"a","gatewayId":"g","timestamp":5,"payload":{"APPdata":"eyJ2b2x0YWdlIjoyMzAuMSwieCI6WzFdfQ=="}}"#;
    assert_eq!(
        shown(&platform, payload),
        [
            "voltage = 230.1 @5",
            "wrong_type: 1 is not an object with `value` in an array of values"
        ]
    );
    assert_eq!(
        decode(&platform, payload.as_bytes(), 9)
            .unwrap()
            .via
            .as_deref(),
        Some("g")
    );
    let broken = r#"{"IMEI":"a","payload":{"APPdata":"e?"}}"#;
    assert!(shown(&platform, broken)[0].starts_with("malformed: no base64"));
    let deep = r#"{"IMEI":"a","payload":{"APPdata":{"x":1}}}"#;
    assert!(shown(&platform, deep)[0].starts_with("wrong_type: payload.APPdata: {"));
}

#[test]
fn what_is_there_twice_is_not_taken() {
    let meter = profile(METER);
    let twice = r#"{"Telemetry":{"u":1,"bat":9,"u":2},"Message":{"dev":"a"}}"#;
    assert_eq!(
        shown(&meter, twice),
        [
            "battery_level = 9",
            "duplicate_key: `Telemetry.u` is there twice, as 1 and 2; neither is taken"
        ]
    );
    let all = r#"{"Telemetry":{"u":1},"Telemetry":{"bat":2},"Message":{"dev":"a"}}"#;
    let found = shown(&meter, all);
    assert!(
        found[0].starts_with("duplicate_key: what `Telemetry.UTC` lies in"),
        "{found:?}"
    );
    let condition = r#"{"Telemetry":{"u":1,"bat":9},"Message":{"dev":"a","dev":"b"}}"#;
    let found = shown(&meter, condition);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[1].contains("`Message.dev` is there twice"),
        "{found:?}"
    );
}

#[test]
fn malformed_payloads_are_told_as_profile_json_tells_them() {
    let meter = profile(METER);
    for payload in [
        "",
        " ",
        "{",
        "{\"voltage\":1",
        "{\"a\":1}}",
        "{\"voltage\":01}",
        "\u{fe}{}",
        "{'a':1}",
        "{\"a\":tru}",
        "nul",
        "{\"voltage\": 1,}",
    ] {
        let mut out = Decoded::default();
        let limits = Limits { readings_max: 9 };
        let json = crate::codecs::json::decode(payload.as_bytes(), limits, &mut out).unwrap_err();
        let own = decode(&meter, payload.as_bytes(), 9).unwrap_err();
        assert_eq!(own, json, "{payload}");
    }
    assert_eq!(
        decode(&meter, b"\xff{}", 9).unwrap_err().reason,
        Reason::NotUtf8
    );
    for nothing in ["{}", "5", "[]", "null", "{\"Telemetry\":5}"] {
        let fault = decode(&meter, nothing.as_bytes(), 9).unwrap_err();
        assert_eq!(fault.reason, Reason::NoReadings, "{nothing}");
    }
    let nan = r#"{"Telemetry":{"u":NaN,"bat":-Infinity},"Message":{"dev":"a","x":"NaN"}}"#;
    assert_eq!(
        shown(&meter, nan),
        ["voltage = NaN", "battery_level = -Infinity"]
    );
    let twice = "[[value]]\nmetric = 'voltage'\npath = 'u'\n[[each]]\npath = 'u'\n\
                 [[each.value]]\nmetric = 'voltage'\npath = ''\n";
    let many = decode(&profile(twice), br#"{"u":[1,2,3]}"#, 2).unwrap_err();
    assert_eq!(many.reason, Reason::TooManyReadings);
}

#[test]
fn a_missing_value_that_is_required_is_a_bad_part() {
    let strict = profile(
        "[[value]]\nmetric = 'voltage'\npath = 'a.u'\nrequired = true\nwhen = { k = 1 }\n\
         [[value]]\nmetric = 'current'\npath = 'a.i'\n",
    );
    assert_eq!(
        shown(&strict, r#"{"k":1,"a":{"i":2}}"#),
        [
            "current = 2",
            "wrong_type: a.u: `voltage` is required, and is not there"
        ]
    );
    assert_eq!(shown(&strict, r#"{"k":2,"a":{"i":2}}"#), ["current = 2"]);
}

#[test]
fn every_mistake_of_a_profile_is_named_with_its_line() {
    let found = problems(
        "kind = 'meter.fog'\n\n[device]\nprefix = 'ä'\n[time]\npath = 't'\nzone = 'Mars'\n\
         [[value]]\nmetric = 'voltge'\npath = 'a..b'\n[[value]]\nmetric = 'voltage'\n\
         path = 'a'\nscale = 'x'\nwhen = { 'a.' = 1 }\ncolour = 'red'\n[[each]]\n\
         path = 'a.*.b'\n[[each.value]]\nmetric = 'voltage'\npath = ''\nlabel.phase = { key = true }\n\
         [[each.each]]\n[[each.each.each]]\n[[event]]\nname = 'X'\n[[fixture]]\nname = 'f'\n",
    );
    let starts = [
        "profiles/x.toml:4: kind = ",
        "profiles/x.toml:6: device.path = ",
        "profiles/x.toml:7: device.prefix = ",
        "profiles/x.toml:10: time.zone = ",
        "profiles/x.toml:12: value[0].metric = voltge: no metric of the catalogue; did you mean `voltage`",
        "profiles/x.toml:13: value[0].path = ",
        "profiles/x.toml:17: value[1].scale = ",
        "profiles/x.toml:18: value[1].when.a. = ",
        "profiles/x.toml:19: value[1].colour = ",
        "profiles/x.toml:21: each[0].path = ",
        "profiles/x.toml:25: each[0].value[0].label.phase.key = ",
        "profiles/x.toml:27: each[0].each[0].each = ",
        "profiles/x.toml:28: event[0].when = ",
        "profiles/x.toml:29: event[0].name = ",
        "profiles/x.toml:30: fixture[0].payload = ",
    ];
    for start in starts {
        assert!(
            found.iter().any(|line| line.starts_with(start)),
            "{start} in {found:#?}"
        );
    }
    assert_eq!(found.len(), starts.len(), "{found:#?}");
}
