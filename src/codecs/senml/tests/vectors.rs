//! The examples of RFC 8428, and a folder of vectors where there is one.
use super::*;
use serde_json::{Map, Value};

/// Packs and their resolved records. Bytes and values: RFC 8428 §5.1 and §6 (its sources are
/// core-wg/senml-spec, ex1 to ex13), and eclipse-wakaama's `data_senml_cbor_tests.c`,
/// eclipse-leshan's `SenMLCborSerializerTest` for LwM2M's names, links and bytes.
const EXAMPLES: &str = include_str!("examples.jsonl");

/// One line: `id`, `json` or `hex`, `expected` (the resolved records or `{"reject": why}`).
fn check(line: &str) {
    let vector: Value = serde_json::from_str(line).unwrap();
    let id = vector["id"].as_str().unwrap();
    let payload = match &vector["json"] {
        Value::String(text) => text.clone().into_bytes(),
        Value::Null => bytes(vector["hex"].as_str().unwrap()),
        array => array.to_string().into_bytes(),
    };
    let Value::Array(expected) = &vector["expected"] else {
        let mut out = Decoded::default();
        let refused = decode(&payload, LIMITS, &mut out).is_err() || out.samples.is_empty();
        assert!(refused, "{id}: {}", vector["expected"]);
        return;
    };
    let found = resolved(&payload).unwrap_or_else(|fault| panic!("{id}: {fault}"));
    assert_eq!(found.len(), expected.len(), "{id}");
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(
            as_json(found),
            numbers(expected.as_object().unwrap()),
            "{id}"
        );
    }
    let mut out = Decoded::default();
    decode(&payload, LIMITS, &mut out).unwrap();
    assert_eq!(
        out.samples.len() + out.faults.list().len(),
        found.len(),
        "{id}"
    );
}

/// `20` and `20.0` are one number.
fn numbers(record: &Map<String, Value>) -> Map<String, Value> {
    let number = |value: &Value| value.as_f64().map_or_else(|| value.clone(), Value::from);
    record
        .iter()
        .map(|(name, value)| (name.clone(), number(value)))
        .collect()
}

fn as_json(record: &Resolved<'_>) -> Map<String, Value> {
    let seconds = |nanos: i64| Value::from(format!("{nanos}e-9").parse::<f64>().unwrap());
    let mut all = Map::new();
    all.insert("n".into(), record.name.to_string().into());
    if !record.unit.is_empty() {
        all.insert("u".into(), record.unit.to_string().into());
    }
    match record.time {
        SentTime::Unix(nanos) => all.insert("t".into(), seconds(nanos)),
        SentTime::Relative(nanos) => all.insert("t_rel".into(), seconds(nanos)),
        _ => all.insert("t_rel".into(), 0.0.into()),
    };
    match &record.value {
        Some(Sent::Number(number, _)) => all.insert("v".into(), (*number).into()),
        Some(Sent::Flag(flag)) => all.insert("vb".into(), (*flag).into()),
        Some(Sent::Text(text)) if record.is_link => all.insert("vlo".into(), text.as_ref().into()),
        Some(Sent::Text(text)) => all.insert("vs".into(), text.as_ref().into()),
        Some(Sent::Data(text)) => all.insert("vd".into(), text.as_ref().into()),
        other => {
            assert!(other.is_none(), "{other:?}");
            None
        }
    };
    if let Some(sum) = &record.sum {
        all.insert("s".into(), sum.value.into());
    }
    all
}

#[test]
fn the_rfcs_examples_resolve_as_the_rfc_says() {
    let mut count = 0;
    for line in EXAMPLES.lines() {
        check(line);
        count += 1;
    }
    assert_eq!(count, 16);
}

/// `CITYGATE_TEST_VECTORS` names a folder with `senml.jsonl`; no vector is disputed.
#[test]
fn every_vector_of_the_folder_is_right() {
    let Ok(folder) = std::env::var("CITYGATE_TEST_VECTORS") else {
        return;
    };
    let path = std::path::Path::new(&folder).join("senml.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    text.lines().for_each(check);
    assert!(text.lines().count() > 0, "{}", path.display());
}
