//! Whatever comes: bounded, the same in JSON and in CBOR, and resolved once for all.
use super::*;
use crate::codecs::Number;
use minicbor::Encoder;
use proptest::prelude::*;

/// A record of known labels, in order.
type Fields = Vec<(&'static str, Any)>;

#[derive(Clone, Debug)]
enum Any {
    Number(f64),
    Text(String),
    Flag(bool),
}

/// Numbers that JSON and CBOR both write exactly.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-1_000_000i32..1_000_000).prop_map(|n| f64::from(n) / 64.0),
        any::<f64>().prop_filter("finite", |number| number.is_finite()),
        (0u32..2_000_000_000).prop_map(f64::from),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{0,6}[:/]?", "\\PC{0,6}"]
}

fn record() -> impl Strategy<Value = Fields> {
    let numbers = ["bt", "bv", "bs", "t", "v", "s", "ut"];
    let texts = ["bn", "bu", "n", "u", "vs"];
    let field = prop_oneof![
        4 => (prop::sample::select(numbers.to_vec()), number()).prop_map(|(l, n)| (l, Any::Number(n))),
        4 => (prop::sample::select(texts.to_vec()), text()).prop_map(|(l, t)| (l, Any::Text(t))),
        1 => any::<bool>().prop_map(|flag| ("vb", Any::Flag(flag))),
        1 => ("[a-z]{1,3}", number()).prop_map(|(_, n)| ("other", Any::Number(n))),
    ];
    prop::collection::vec(field, 0..6)
}

fn to_json(pack: &[Fields]) -> String {
    let member = |(label, value): &(&str, Any)| {
        let value = match value {
            Any::Number(number) => format!("{number:?}"),
            Any::Text(text) => serde_json::to_string(text).unwrap(),
            Any::Flag(flag) => flag.to_string(),
        };
        format!("\"{label}\":{value}")
    };
    let record = |fields: &Fields| {
        let members: Vec<String> = fields.iter().map(member).collect();
        format!("{{{}}}", members.join(","))
    };
    let records: Vec<String> = pack.iter().map(record).collect();
    format!("[{}]", records.join(","))
}

fn to_cbor(pack: &[Fields]) -> Vec<u8> {
    let number_of = |label: &str| match label {
        "bn" => Some(-2),
        "bt" => Some(-3),
        "bu" => Some(-4),
        "bv" => Some(-5),
        "bs" => Some(-6),
        "n" => Some(0),
        "u" => Some(1),
        "v" => Some(2),
        "vs" => Some(3),
        "vb" => Some(4),
        "s" => Some(5),
        "t" => Some(6),
        "ut" => Some(7),
        _ => None,
    };
    let mut cbor = Encoder::new(Vec::new());
    cbor.array(pack.len() as u64).unwrap();
    for fields in pack {
        cbor.map(fields.len() as u64).unwrap();
        for (label, value) in fields {
            match number_of(label) {
                Some(number) => cbor.i64(number).unwrap(),
                None => cbor.str(label).unwrap(),
            };
            match value {
                Any::Number(number) => cbor.f64(*number).unwrap(),
                Any::Text(text) => cbor.str(text).unwrap(),
                Any::Flag(flag) => cbor.bool(*flag).unwrap(),
            };
        }
    }
    cbor.into_writer()
}

/// All that was found, without the texts of numbers, which CBOR does not have.
fn found(payload: &[u8]) -> String {
    let mut out = Decoded::default();
    if let Err(fault) = decode(payload, LIMITS, &mut out) {
        return format!("{:?}", fault.reason);
    }
    for sample in &mut out.samples {
        if let Sent::Number(_, text) = &mut sample.value {
            *text = Cow::Borrowed("");
        }
    }
    let faults = out.faults.list().iter();
    let parts: Vec<_> = faults.map(|fault| (fault.reason, &fault.part)).collect();
    format!(
        "{:?} {:?} {:?} {parts:?}",
        out.devices, out.groups, out.samples
    )
}

/// Resolved records as a pack of their own.
fn again(records: &[Resolved<'_>]) -> String {
    let seconds = |nanos: i64| {
        let sign = if nanos < 0 { "-" } else { "" };
        format!(
            "{sign}{}.{:09}",
            nanos.unsigned_abs() / 1_000_000_000,
            nanos.unsigned_abs() % 1_000_000_000
        )
    };
    let shown = |number: f64, text: &str| {
        if text.is_empty() {
            format!("{number:?}")
        } else {
            text.to_owned()
        }
    };
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    let record = |record: &Resolved<'_>| {
        let mut members = vec![format!("\"n\":{}", quoted(&record.name.to_string()))];
        if !record.unit.is_empty() {
            members.push(format!("\"u\":{}", quoted(&record.unit)));
        }
        match record.time {
            SentTime::Unix(nanos) | SentTime::Relative(nanos) => {
                members.push(format!("\"t\":{}", seconds(nanos)));
            }
            _ => {}
        }
        match &record.value {
            Some(Sent::Number(number, text)) => {
                members.push(format!("\"v\":{}", shown(*number, text)));
            }
            Some(Sent::Text(text)) => members.push(format!("\"vs\":{}", quoted(text))),
            Some(Sent::Flag(flag)) => members.push(format!("\"vb\":{flag}")),
            _ => {}
        }
        if let Some(Number { value, text }) = &record.sum {
            members.push(format!("\"s\":{}", shown(*value, text)));
        }
        format!("{{{}}}", members.join(","))
    };
    let records: Vec<String> = records.iter().map(record).collect();
    format!("[{}]", records.join(","))
}

/// Text that is nearly a pack.
fn nearly() -> impl Strategy<Value = String> {
    let pieces = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"n\"",
        "\"v\"",
        "\"vb\"",
        "\"bn\"",
        "\"a\"",
        "\"\\u0061\"",
        "1",
        "-",
        "0",
        ".5",
        "e3",
        "E+1",
        "true",
        "false",
        "null",
        "tru",
        " ",
        "\n",
        "\u{1}",
        "é",
        "\\",
        "{\"n\":\"a\",\"v\":1}",
        "{\"n\":\"a\",\"vb\":true}",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..12)
        .prop_map(|pieces| format!("[{}]", pieces.concat()))
}

proptest! {
    #[test]
    fn nothing_is_taken_that_is_no_json(text in nearly()) {
        let json = serde_json::from_str::<serde_json::Value>(&text);
        if json.is_err() {
            let done = decode(text.as_bytes(), LIMITS, &mut Decoded::default());
            prop_assert!(done.is_err(), "{}", text);
        }
    }

    #[test]
    fn both_formats_say_the_same(pack in prop::collection::vec(record(), 0..5)) {
        let (json, cbor) = (to_json(&pack), to_cbor(&pack));
        prop_assert_eq!(found(json.as_bytes()), found(&cbor), "{}", json);
    }

    #[test]
    fn resolving_again_changes_nothing(pack in prop::collection::vec(record(), 1..5)) {
        let json = to_json(&pack);
        let Ok(first) = resolved(json.as_bytes()) else { return Ok(()) };
        let finite = |r: &&Resolved<'_>| !matches!(r.value, Some(Sent::NotFinite(_)))
            && r.sum.as_ref().is_none_or(|sum| sum.value.is_finite());
        let first: Vec<_> = first.into_iter().filter(|r| finite(&r)).collect();
        let text = again(&first);
        let second = resolved(text.as_bytes()).unwrap();
        let lines = |all: &[Resolved<'_>]| all.iter().map(line).collect::<Vec<_>>();
        prop_assert_eq!(lines(&first), lines(&second), "{}", text);
    }

    #[test]
    fn no_bytes_panic_or_give_more_than_they_have(mut bytes: Vec<u8>, cbor: bool) {
        if cbor && let Some(first) = bytes.first_mut() {
            *first |= 0x80;
        }
        let mut out = Decoded::default();
        let _ = decode(&bytes, LIMITS, &mut out);
        prop_assert!(out.samples.len() + out.groups.len() <= 2 * bytes.len());
    }

    #[test]
    fn flipped_and_cut_packs_do_not_panic(pack in prop::collection::vec(record(), 1..4), at: prop::sample::Index, bit in 0u8..8) {
        for mut bytes in [to_json(&pack).into_bytes(), to_cbor(&pack)] {
            let at = at.index(bytes.len());
            let _ = decode(&bytes[..at], LIMITS, &mut Decoded::default());
            bytes[at] ^= 1 << bit;
            let _ = decode(&bytes, LIMITS, &mut Decoded::default());
        }
    }
}
