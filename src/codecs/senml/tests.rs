#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
//! `SenML` by the RFC's words, its own examples, and whatever else comes.
mod model;
mod reading;
mod vectors;

use super::*;
use crate::codecs::{Sent, SentTime};

pub(super) const LIMITS: Limits = Limits {
    readings_max: 1_000,
};

pub(super) fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

/// Resolved records in words: `name unit time value sum`.
fn shown(payload: &[u8]) -> Vec<String> {
    let resolved = resolved(payload).unwrap();
    resolved.iter().map(line).collect()
}

pub(super) fn line(record: &Resolved<'_>) -> String {
    let time = match &record.time {
        SentTime::Absent => "now".to_owned(),
        SentTime::Unix(nanos) => format!("{nanos}ns"),
        SentTime::Relative(nanos) => format!("{nanos:+}ns"),
        other => panic!("{other:?}"),
    };
    let value = match &record.value {
        None => "-".to_owned(),
        Some(Sent::Number(number, _)) => number.to_string(),
        Some(Sent::Flag(flag)) => flag.to_string(),
        Some(Sent::Text(text)) => format!("{text:?}"),
        Some(Sent::Data(text)) => format!("data:{text}"),
        Some(Sent::NotFinite(text)) => text.to_string(),
        Some(Sent::Null) => "null".to_owned(),
    };
    let sum = record.sum.as_ref().map(|sum| format!(" sum {}", sum.value));
    format!(
        "{} [{}] {time} {value}{}",
        record.name,
        record.unit,
        sum.unwrap_or_default()
    )
}

fn fault(payload: &[u8]) -> Fault {
    let mut out = Decoded::default();
    if let Err(fault) = decode(payload, LIMITS, &mut out) {
        return fault;
    }
    assert_eq!(out.samples, [], "{}", String::from_utf8_lossy(payload));
    out.faults.list()[0].clone()
}

#[test]
fn base_fields_hold_until_they_change() {
    let pack = br#"[{"bn":"a:","bt":1600000000,"bu":"Cel","bv":20,"n":"x","v":0.1},
        {"n":"x","u":"V","v":0.2,"t":60},
        {"bn":"b:","bt":0,"n":"x","v":-20},
        {"bu":"","bv":0,"n":"y","v":1,"t":-0.25}]"#;
    assert_eq!(
        shown(pack),
        [
            "a:x [Cel] 1600000000000000000ns 20.1",
            "a:x [V] 1600000060000000000ns 20.2",
            "b:x [Cel] now 0",
            "b:y [] -250000000ns 1",
        ]
    );
}

#[test]
fn sums_are_added_like_values() {
    let pack = br#"[{"bn":"w:","bs":1000,"n":"a","s":1.25},{"n":"b","v":2},{"n":"c"},{"bs":0.1,"n":"d","s":0.2,"v":1}]"#;
    assert_eq!(
        shown(pack),
        [
            "w:a [] now - sum 1001.25",
            "w:b [] now 2 sum 1000",
            "w:c [] now - sum 1000",
            "w:d [] now 1 sum 0.3",
        ]
    );
    assert_eq!(
        shown(br#"[{"bn":"w:","bv":2,"n":"a"}]"#),
        ["w:a [] now 2"],
        "the missing value is 0"
    );
}

#[test]
fn times_keep_their_digits() {
    let pack = br#"[{"bt":1276020076.001000001,"n":"a","v":1},{"t":-0.000000002,"n":"a","v":1},
        {"bt":268435455,"n":"a","v":1},{"t":1,"n":"a","v":1},{"bt":0,"t":1e99,"n":"a","v":1},{"t":-1e99,"n":"a","v":1}]"#;
    assert_eq!(
        shown(pack),
        [
            "a [] 1276020076001000001ns 1",
            "a [] 1276020076000999999ns 1",
            "a [] +268435455000000000ns 1",
            "a [] 268435456000000000ns 1",
            "a [] 9223372036854775807ns 1",
            "a [] -9223372036854775808ns 1",
        ]
    );
}

#[test]
fn a_pack_that_cannot_be_used_says_why() {
    let cases: [(&[u8], Reason, &str); 24] = [
        (
            br#"[{"bver":11,"n":"a","v":1}]"#,
            Reason::NotUnderstood,
            "`bver` 11 is above 10",
        ),
        (
            br#"[{"n":"a","v":1},{"n":"b","v":1,"foo_":1}]"#,
            Reason::NotUnderstood,
            "record [1]: `foo_` is not understood",
        ),
        (
            br#"[{"bver":5,"n":"a","v":1},{"bver":10,"n":"a","v":1}]"#,
            Reason::Malformed,
            "`bver` is 10 after 5",
        ),
        (
            br#"[{"bver":1.5,"n":"a","v":1}]"#,
            Reason::WrongType,
            "a positive integer",
        ),
        (
            br#"[{"bver":0,"n":"a","v":1}]"#,
            Reason::WrongType,
            "a positive integer",
        ),
        (
            br#"[{"bt":"1","n":"a","v":1}]"#,
            Reason::WrongType,
            "`bt` is \"1\"; a number",
        ),
        (
            br#"[{"bt":1e999,"n":"a","v":1}]"#,
            Reason::NotFinite,
            "`bt`",
        ),
        (
            br#"[{"bn":"a:","bn":"b:","n":"a","v":1}]"#,
            Reason::DuplicateKey,
            "`bn` is there twice",
        ),
        (
            br#"[{"n":"a","v":1,"vs":"x"}]"#,
            Reason::DuplicateKey,
            "two value fields",
        ),
        (
            br#"[{"n":"a","v":1,"v":2}]"#,
            Reason::DuplicateKey,
            "`v` is there twice, again as 2",
        ),
        (br#"[{"v":1}]"#, Reason::Malformed, "an empty name"),
        (
            br#"[{"n":"-a","v":1}]"#,
            Reason::Malformed,
            "begins with a letter",
        ),
        (
            br#"[{"n":"a b","v":1}]"#,
            Reason::Malformed,
            "the name may have",
        ),
        (br#"[{"n":"a"}]"#, Reason::WrongType, "no value"),
        (
            br#"[{"n":"a","v":"1"}]"#,
            Reason::WrongType,
            "a number, without quotes",
        ),
        (br#"[{"n":"a","v":null}]"#, Reason::WrongType, "`v` is null"),
        (br#"[{"n":1,"v":1}]"#, Reason::WrongType, "`n` is 1; a text"),
        (br#"[{"n":"a","vb":0}]"#, Reason::WrongType, "true or false"),
        (
            br#"[{"n":"a","vd":"YQ=="}]"#,
            Reason::Malformed,
            "without padding",
        ),
        (br#"[{"bn":"a"}]"#, Reason::NoReadings, "no reading"),
        (b"[]", Reason::NoReadings, "no reading"),
        (b" ", Reason::NoReadings, "empty"),
        (
            br#"{"n":"a","v":1}"#,
            Reason::WrongType,
            "an array of records",
        ),
        (br#"[{"n":"a","v":1}"#, Reason::Truncated, "ends at byte"),
    ];
    for (payload, reason, words) in cases {
        let fault = fault(payload);
        let shown = String::from_utf8_lossy(payload);
        assert_eq!(fault.reason, reason, "{shown}: {fault}");
        assert!(fault.sentence.contains(words), "{shown}: {fault}");
    }
}

#[test]
fn versions_are_sets_of_features() {
    for version in ["10", "5", "26", "1e1"] {
        let pack = format!("[{{\"bver\":{version},\"n\":\"a\",\"v\":1}}]");
        assert_eq!(shown(pack.as_bytes()).len(), 1, "{version}");
    }
    for version in ["11", "12", "42", "58", "1e30"] {
        let pack = format!("[{{\"bver\":{version},\"n\":\"a\",\"v\":1}}]");
        assert!(resolved(pack.as_bytes()).is_err(), "{version}");
    }
}

#[test]
fn bad_records_leave_the_others() {
    let pack = br#"[{"n":"a:voltage","v":1},{"n":"b","v":1,"v":2},7,{"n":"a:current","v":3,"x":[{"y":1}],"l":"z"}]"#;
    let mut out = Decoded::default();
    decode(pack, LIMITS, &mut out).unwrap();
    assert_eq!(out.samples.len(), 2);
    let parts: Vec<&str> = out.faults.list().iter().map(|f| f.part.as_str()).collect();
    assert_eq!(parts, ["[1].v", "[2]"]);
}

#[test]
fn too_many_records_are_refused_as_a_whole() {
    let mut pack = String::from("[{\"bn\":\"a\",\"v\":1}");
    (0..1_000).for_each(|_| pack.push_str(",{\"v\":1}"));
    pack.push(']');
    assert_eq!(fault_of(pack.as_bytes()), Reason::TooManyReadings);
    let mut bases = String::from("[{\"n\":\"a\",\"v\":1}");
    (0..5_000).for_each(|_| bases.push_str(",{\"bn\":\"a\"}"));
    bases.push(']');
    assert_eq!(
        shown(bases.as_bytes()).len(),
        1,
        "base values are no readings"
    );
}

fn fault_of(payload: &[u8]) -> Reason {
    decode(payload, LIMITS, &mut Decoded::default())
        .unwrap_err()
        .reason
}

#[test]
fn cbor_takes_what_encoders_write() {
    for (hex, expected) in [
        // A decimal fraction and a half float for values, a text label, a tag that says nothing.
        (
            "81a3 00 6161 02 c48221196ab3 06 f9c500",
            "a [] -5000000000ns 273.15",
        ),
        ("d9d9f7 81a2 616e 6161 6176 f93c00", "a [] now 1"),
        // Everything of indefinite length.
        (
            "9f bf 00 7f6161ff 08 5f41ab42cdefff ff ff",
            "a [] now data:q83v",
        ),
        // 2^53 + 1 as an integer, and a label of another table.
        (
            "81a3 00 6161 02 1b0020000000000001 09 00",
            "a [] now 9007199254740992",
        ),
        (
            "81a3 22 1a5f5e1000 00 6161 02 01",
            "a [] 1600000000000000000ns 1",
        ),
    ] {
        assert_eq!(shown(&bytes(hex)), [expected], "{hex}");
    }
    let pack = bytes("81a2 00 6161 02 1b0020000000000001");
    let mut out = Decoded::default();
    decode(&pack, LIMITS, &mut out).unwrap();
    assert!(matches!(&out.samples[0].value, Sent::Number(_, text) if text == "9007199254740993"));
    for (hex, reason) in [
        ("80", Reason::NoReadings),
        ("a1006161", Reason::WrongType),
        ("81a2006161", Reason::Truncated),
        ("81a20061610201ff", Reason::Malformed),
        ("81a3 00 6161 02 01 02 02", Reason::DuplicateKey),
        ("81a3 00 6161 02 01 616e 6162", Reason::DuplicateKey),
        ("81a2 00 6161 80 01", Reason::Malformed),
        ("81a3 00 6161 02 01 64666f6f5f 01", Reason::NotUnderstood),
        ("81a3 20 0b 00 6161 02 01", Reason::NotUnderstood),
        ("81a2 00 6161 02 fb7ff0000000000000", Reason::NotFinite),
        ("81a3 00 6161 02 01 06 f97e00", Reason::NotFinite),
    ] {
        let payload = bytes(hex);
        let mut out = Decoded::default();
        let found = match decode(&payload, LIMITS, &mut out) {
            Err(fault) => fault.reason,
            Ok(()) if out.samples.is_empty() => out.faults.list()[0].reason,
            Ok(()) => {
                assert!(matches!(out.samples[0].value, Sent::NotFinite(_)), "{hex}");
                Reason::NotFinite
            }
        };
        assert_eq!(found, reason, "{hex}");
    }
}
