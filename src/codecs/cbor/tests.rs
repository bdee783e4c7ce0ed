#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
use super::*;
use crate::codecs::{Sent, SentTime};
use minicbor::Encoder;
use proptest::prelude::*;
use serde_json::Value;

const LIMITS: Limits = Limits { readings_max: 100 };

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

fn decoded(payload: &[u8]) -> Decoded<'static> {
    let mut out = Decoded::default();
    decode(payload, LIMITS, &mut out).unwrap();
    out
}

fn encode(value: &Value, cbor: &mut Encoder<Vec<u8>>) {
    match value {
        Value::Null => cbor.null().unwrap(),
        Value::Bool(flag) => cbor.bool(*flag).unwrap(),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => cbor.i64(whole).unwrap(),
            None => cbor.f64(number.as_f64().unwrap()).unwrap(),
        },
        Value::String(text) => cbor.str(text).unwrap(),
        Value::Array(all) => {
            cbor.array(all.len() as u64).unwrap();
            for one in all {
                encode(one, cbor);
            }
            cbor
        }
        Value::Object(all) => {
            cbor.map(all.len() as u64).unwrap();
            for (key, value) in all {
                cbor.str(key).unwrap();
                encode(value, cbor);
            }
            cbor
        }
    };
}

#[test]
fn every_shape_of_json_is_read_alike() {
    for text in [
        r#"{"ts":1763900000000,"voltage":229.8,"valve_state":"open","door_open":false,"current":null}"#,
        r#"[{"ts":"2026-11-23 08:00:00","voltage":229.8},{"ts":"2026-11-23 08:15:00","voltage":230}]"#,
        r#"{"ts":1763900000.5,"values":{"voltage":229.8}}"#,
        r#"{"heat_energy":{"unit":"GJ","value":12.34},"voltage":[{"labels":{"phase":"a"},"value":1},{"labels":{"phase":"b"},"ts":7,"value":2}]}"#,
        r#"{"a\"\u0001ü":"b\\","c":[],"d":[1],"e":{"x":1}}"#,
        r#"[1,"x",{"voltage":1}]"#,
    ] {
        let mut cbor = Encoder::new(Vec::new());
        let value: Value = serde_json::from_str(text).unwrap();
        encode(&value, &mut cbor);
        // In the order of a map of serde_json.
        let text = value.to_string();
        let mut json = Decoded::default();
        json::decode(text.as_bytes(), LIMITS, &mut json).unwrap();
        assert_eq!(decoded(&cbor.into_writer()), json, "{text}");
    }
}

#[test]
fn what_json_has_no_word_for() {
    // {"voltage": NaN, "current": h'0102', "csq": undefined, "active_energy_import": 2^53 + 1}
    let out = decoded(&bytes(
        "a4 67766f6c74616765 f97e00 6763757272656e74 420102 63637371 f7 \
         746163746976655f656e657267795f696d706f7274 1b0020000000000001",
    ));
    assert!(matches!(&out.samples[0].value, Sent::NotFinite(text) if text == "NaN"));
    assert_eq!(out.samples[1].value, Sent::Null);
    assert!(matches!(&out.samples[2].value, Sent::Number(_, text) if text == "9007199254740993"));
    assert_eq!(out.faults.list()[0].part, "current");
    // {"ts": 1(1363896240), "voltage": 4([-1, 2301])}; then tag 0 for the time.
    let out = decoded(&bytes(
        "a2 627473 c11a514b67b0 67766f6c74616765 c4822019 08fd",
    ));
    assert_eq!(out.groups[0].time, SentTime::Number("1363896240".into()));
    assert_eq!(out.samples[0].value, Sent::Number(230.1, "230.1".into()));
    let out = decoded(&bytes(
        "a2 627473 c074323031332d30332d32315432303a30343a30305a 67766f6c74616765 01",
    ));
    assert_eq!(
        out.groups[0].time,
        SentTime::Text("2013-03-21T20:04:00Z".into())
    );
}

#[test]
fn what_cannot_be_read_says_why() {
    for (hex, reason, words) in [
        ("", Reason::NoReadings, "empty"),
        ("a0", Reason::NoReadings, "no reading"),
        ("01", Reason::WrongType, "an object of metric names"),
        ("a10001", Reason::Malformed, "a number is no key"),
        ("a16161", Reason::Truncated, "ends at byte 3"),
        ("a1616101ff", Reason::Malformed, "1 bytes behind the end"),
        ("bf6161ff", Reason::Malformed, "`a` has no value"),
        ("ff", Reason::Malformed, "a break"),
    ] {
        let fault = decode(&bytes(hex), LIMITS, &mut Decoded::default()).unwrap_err();
        assert_eq!(fault.reason, reason, "{hex}: {fault}");
        assert!(fault.sentence.contains(words), "{hex}: {fault}");
    }
    let deep = [vec![0x81; 10_000], vec![0x01]].concat();
    let fault = decode(&deep, LIMITS, &mut Decoded::default()).unwrap_err();
    assert_eq!(fault.reason, Reason::TooDeep);
    let twice = decoded(&bytes("a3 627473 01 627473 02 6161 03"));
    assert_eq!(twice.faults.list()[0].reason, Reason::DuplicateKey);
    let huge = bytes("ba ffffffff 6161 01");
    assert_eq!(
        decode(&huge, LIMITS, &mut Decoded::default())
            .unwrap_err()
            .reason,
        Reason::Truncated
    );
}

proptest! {
    #[test]
    fn no_bytes_panic_or_grow(mut bytes: Vec<u8>, map in 0xa0u8..0xb8) {
        if let Some(first) = bytes.first_mut() {
            *first = map;
        }
        let mut out = Decoded::default();
        let _ = decode(&bytes, LIMITS, &mut out);
        prop_assert!(out.samples.len() + out.groups.len() <= 2 * bytes.len() + 1);
    }
}
