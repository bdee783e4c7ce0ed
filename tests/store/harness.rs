//! The means of these tests themselves: what is written by hand is read back as the model says.
use super::city::City;
use super::load::Load;
use super::peers::{Kind, Store, http};
use super::readback;
use super::truth::{Judged, Scalar, differences, expected};
use citygate::model::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use std::process::Command;

const LINES: &str = "meter,device=a,kind=meter.gas voltage=1.5,tamper=true,firmware_version=\"a \\\"b\\\" \\\\\",energy_bad=-3 1700000000123456789\n\
                     meter,device=b,district=\u{6d4e}\u{5357}\\ \\,\\= voltage=1e15 1700000000000000000\n";

#[test]
fn influx_tells_what_it_has() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::started(Kind::Influx, dir.path());
    store.write(LINES);
    let mut points = readback::all(&store);
    points.sort_by(|one, other| one.0.cmp(&other.0));
    let told: Vec<_> = points
        .iter()
        .map(|(key, value)| {
            (
                key.tags["device"].as_str(),
                key.field.as_str(),
                value.clone(),
            )
        })
        .collect();
    let wanted = [
        ("a", "energy_bad", Scalar::Number(-3.0)),
        (
            "a",
            "firmware_version",
            Scalar::Text("a \"b\" \\".to_owned()),
        ),
        ("a", "tamper", Scalar::Flag(true)),
        ("a", "voltage", Scalar::Number(1.5)),
        ("b", "voltage", Scalar::Number(1e15)),
    ];
    assert_eq!(told, wanted);
    assert_eq!(points[0].0.at_ns, 1_700_000_000_123_456_789);
    assert_eq!(points[4].0.tags["district"], "\u{6d4e}\u{5357} ,=");
}

#[test]
fn victoria_tells_what_it_has_after_an_orderly_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::started(Kind::Victoria, dir.path());
    let path = "/api/v2/write?org=o&bucket=b&precision=ns";
    let (status, _) = http(store.port, "POST", path, "", LINES.as_bytes()).unwrap();
    assert_eq!(status, 204);
    store.stop();
    store.start();
    let points = readback::all(&store);
    assert_eq!(points.len(), 5);
    let tamper = points
        .iter()
        .find(|(key, _)| key.measurement == "meter_tamper");
    let (key, value) = tamper.unwrap();
    assert_eq!(
        (key.at_ns, value),
        (1_700_000_000_123_000_000, &Scalar::Number(1.0))
    );
    store.stop();
    store.forget();
    store.start();
    assert_eq!(readback::all(&store), []);
}

#[test]
fn a_load_has_every_awkward_case() {
    let load = Load::of(0, 2);
    assert_eq!(load.messages.len(), 12);
    let wanted = expected(Kind::Influx, &load.readings);
    let fields: std::collections::BTreeSet<&str> =
        wanted.keys().map(|key| key.field.as_str()).collect();
    for field in [
        "voltage_bad",
        "voltage_quality",
        "methane_lel_quality",
        "water_level_bad",
        "tamper",
        "valve_state",
    ] {
        assert!(fields.contains(field), "{field}: {fields:?}");
    }
    assert!(!fields.contains("methane_lel_bad"));
    // Two halves are the whole, and the same again.
    let halves = Load::of(0, 1).and(Load::of(1, 1));
    let found: Vec<_> = expected(Kind::Influx, &halves.readings)
        .into_iter()
        .collect();
    assert_eq!(differences(Kind::Influx, &wanted, &found), "");
}

/// The gateway judges every reading as the load says. (`serde_json` reads doubles with an error in the last place.).
#[test]
fn the_log_has_what_the_load_says() {
    let dir = tempfile::tempdir().unwrap();
    let mut city = City::start(dir, "");
    let load = Load::of(0, 3);
    city.publish(&load);
    // Once more: all are duplicates.
    city.publish(&load);
    assert!(city.gateway.stop().success());
    let data = city.dir().join("data");
    let mut command = Command::new(env!("CARGO_BIN_EXE_citygate"));
    let export = command
        .args(["log", "export", "--json"])
        .arg(data)
        .output()
        .unwrap();
    let mut logged: Vec<String> = Vec::new();
    for line in String::from_utf8(export.stdout).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line.get("reject").is_none(), "{line}");
        for reading in line["report"]["readings"].as_array().into_iter().flatten() {
            let of = |key: &str| reading[key].to_string();
            let time = reading["observedAt"].as_str().unwrap();
            let time = Timestamp::parse(time, &TimeZone::UTC).unwrap();
            let value = ["number", "flag", "text"].map(|key| reading.get(key));
            let value = value
                .into_iter()
                .flatten()
                .next()
                .map_or("null".to_owned(), text_of);
            let (device, kind) = (&line["report"]["deviceId"], &line["report"]["kind"]);
            logged.push(format!(
                "{device} {kind} {} {} {} {value}",
                of("metric"),
                time,
                of("quality")
            ));
        }
    }
    let mut sent: Vec<String> = load
        .readings
        .iter()
        .map(|reading| {
            let quality = match (&reading.value, reading.judged) {
                (Scalar::Absent, _) => "NOT_AVAILABLE",
                (_, Judged::Good) => "GOOD",
                (_, Judged::Uncertain) => "UNCERTAIN",
                (_, Judged::Bad) => "BAD",
            };
            let value = match &reading.value {
                Scalar::Number(number) => format!("{number:.14e}"),
                Scalar::Flag(flag) => flag.to_string(),
                Scalar::Text(text) => format!("{text:?}"),
                Scalar::Absent => "null".to_owned(),
            };
            let at = Timestamp::from_nanos(reading.at_ns);
            format!(
                "\"{}\" \"{}\" \"{}\" {at} \"QUALITY_{quality}\" {value}",
                reading.device, reading.kind, reading.metric
            )
        })
        .collect();
    logged.sort();
    sent.sort();
    for (sent, logged) in sent.iter().zip(&logged) {
        assert_eq!(sent, logged);
    }
    assert_eq!(sent.len(), logged.len());
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        Value::Number(number) => format!("{:.14e}", number.as_f64().unwrap()),
        other => other.to_string(),
    }
}
