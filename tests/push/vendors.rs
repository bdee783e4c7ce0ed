//! Vendors' payloads out of a folder of vectors, where there is one: `CITYGATE_TEST_VECTORS`. The same bytes and values
//! are fixtures in `profiles/`, which every build checks.
use citygate::catalogue::Catalogue;
use citygate::intake::{Assumed, Knowledge, Preview, check_fixtures, preview};
use citygate::inventory::Unknown;
use citygate::model::{Timestamp, proto::reading};
use citygate::profiles::Profiles;
use jiff::tz::TimeZone;
use serde_json::Value;
use std::path::Path;

/// Profile by the beginning of a vector's id.
const PROFILES: &[(&str, &str)] = &[
    ("vendor-ctwing", "ctwing-aep"),
    ("vendor-ocean", "huawei-oceanconnect"),
    ("vendor-vega", "vega-nb"),
    ("vendor-tb", "thingsboard"),
    ("vendor-milesight", "milesight"),
    ("vendor-dragino", "dragino-s31-nb"),
];

/// A vector's own names.
fn canonical<'c>(catalogue: &'c Catalogue, name: &str) -> Option<&'c str> {
    catalogue.metric(name).map(|metric| &*metric.name)
}

fn decoded(vector: &Value) -> (Preview, Catalogue) {
    let id = vector["id"].as_str().unwrap();
    let known = PROFILES.iter().find(|(start, _)| id.starts_with(start));
    let payload = match &vector["hex"] {
        Value::String(hex) => (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect(),
        _ => vector["json"].to_string().into_bytes(),
    };
    let catalogue = Catalogue::shipped();
    let mut knowledge = Knowledge::nothing(Unknown::Accept);
    knowledge.profiles = Profiles::shipped(&catalogue);
    let assumed = Assumed {
        profile: known.unwrap_or_else(|| panic!("no profile for {id}")).1,
        device: "",
        kind: "unknown",
        zone: &TimeZone::UTC,
        received_at: Timestamp::from_secs(1_795_000_000),
        readings_max: 1_000,
    };
    let preview = preview(&catalogue, &knowledge, &payload, &assumed);
    (preview, catalogue)
}

fn value(reading: &citygate::model::proto::Reading) -> Value {
    match &reading.value {
        Some(reading::Value::Number(number)) => Value::from(*number),
        Some(reading::Value::Flag(flag)) => Value::from(*flag),
        Some(reading::Value::Text(text)) => Value::from(text.as_str()),
        None => Value::Null,
    }
}

fn same(found: &Value, expected: &Value) -> bool {
    match (found.as_f64(), expected.as_f64()) {
        (Some(found), Some(expected)) => (found - expected).abs() < 1e-9,
        _ => found == expected,
    }
}

/// Metrics with values that a vector names, whatever its shape.
fn expected(vector: &Value) -> Vec<(String, Value, Option<String>)> {
    let all = &vector["expected"];
    let listed = all["readings"].as_array().into_iter().flatten().map(|one| {
        let channel = one.get("channel").map(ToString::to_string);
        (
            one["metric"].as_str().unwrap().to_owned(),
            one["value"].clone(),
            channel,
        )
    });
    let named = [all, &all["readings"]]
        .into_iter()
        .filter_map(Value::as_object)
        .flatten();
    let named = named.map(|(name, value)| (name.clone(), value.clone(), None));
    listed.chain(named).collect()
}

fn check(line: &str) {
    let vector: Value = serde_json::from_str(line).unwrap();
    let id = vector["id"].as_str().unwrap();
    let (preview, catalogue) = decoded(&vector);
    if let Some(device) = vector["expected"]["device"].as_str() {
        assert_eq!(preview.sender, device, "{id}");
    }
    if vector["expected"].get("inner_hex").is_some() {
        // What is passed on as it came needs a profile, which only an inventory knows.
        assert!(
            preview
                .faults
                .iter()
                .any(|fault| fault.part.contains("inner")),
            "{id}"
        );
        return;
    }
    assert!(preview.faults.is_empty(), "{id}: {:?}", preview.faults);
    for (name, wanted, channel) in expected(&vector) {
        let Some(metric) = canonical(&catalogue, &name) else {
            continue;
        };
        let found = preview.readings.iter().any(|reading| {
            let labelled = channel.is_none() || reading.labels.get("channel") == channel.as_ref();
            reading.metric == metric && labelled && same(&value(reading), &wanted)
        });
        assert!(found, "{id}: {metric} = {wanted}: {:?}", preview.readings);
    }
    if let Some(millis) = vector["expected"]["event_time_ms"].as_i64() {
        let at = Timestamp::from_nanos(millis * 1_000_000);
        assert!(
            preview
                .readings
                .iter()
                .any(|r| r.observed_at == Some(at.into())),
            "{id}"
        );
    }
}

#[test]
fn every_vector_of_the_folder_is_right() {
    let Ok(folder) = std::env::var("CITYGATE_TEST_VECTORS") else {
        return;
    };
    let path = Path::new(&folder).join("vendor.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    text.lines().for_each(check);
    assert!(text.lines().count() > 0, "{}", path.display());
}

#[test]
fn every_shipped_profile_reads_its_fixtures_right() {
    let catalogue = Catalogue::shipped();
    let profiles = Profiles::shipped(&catalogue);
    let mut fixtures = 0;
    for profile in profiles.iter() {
        let wrong = check_fixtures(profile, &catalogue, &profiles);
        assert_eq!(wrong, [], "{}", profile.name());
        assert!(!profile.fixtures().is_empty(), "{}", profile.name());
        fixtures += profile.fixtures().len();
    }
    assert!(fixtures >= 35, "{fixtures}");
}
