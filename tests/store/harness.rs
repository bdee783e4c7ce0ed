//! The means of these tests themselves: what is written by hand is read back as the model says.
use super::load::Load;
use super::peers::{Kind, Store, http};
use super::readback;
use super::truth::{Scalar, differences, expected};

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
