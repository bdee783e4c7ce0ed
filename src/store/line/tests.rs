#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
use super::*;
use crate::model::{ReadingDraft, ReportDraft, Source};
use proptest::prelude::*;
use std::borrow::Cow;

/// One point as a store would see it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Point {
    measurement: String,
    tags: Vec<(String, String)>,
    fields: Vec<(String, String)>,
    nanos: i64,
}

/// Reads a name or tag value up to one of `ends`: a backslash takes the next of `, = space`.
fn word(text: &str, ends: &str) -> (String, usize) {
    let bytes: Vec<(usize, char)> = text.char_indices().collect();
    let (mut out, mut at) = (String::new(), 0);
    while let Some((offset, c)) = bytes.get(at).copied() {
        match bytes.get(at + 1) {
            Some((_, next @ (',' | '=' | ' '))) if c == '\\' => {
                out.push(*next);
                at += 2;
            }
            _ if ends.contains(c) => return (out, offset),
            _ => {
                out.push(c);
                at += 1;
            }
        }
    }
    (out, text.len())
}

/// A field's value with its type: `f:`, `b:` or `s:` before it.
fn value(text: &str) -> (String, usize) {
    if let Some(rest) = text.strip_prefix('"') {
        let mut out = String::from("s:");
        let mut letters = rest.char_indices().peekable();
        while let Some((at, c)) = letters.next() {
            match c {
                '"' => return (out, at + 2),
                '\\' if matches!(letters.peek(), Some((_, '"' | '\\'))) => {
                    out.push(letters.next().unwrap().1);
                }
                _ => out.push(c),
            }
        }
        panic!("an open text: {text}");
    }
    let end = text.find([',', ' ']).unwrap();
    match &text[..end] {
        word @ ("true" | "false") => (format!("b:{word}"), end),
        number => (format!("f:{:?}", number.parse::<f64>().unwrap()), end),
    }
}

/// A reader of line protocol after its reference, with nothing of the writer in it.
fn parse(line: &str) -> Point {
    let mut point = Point::default();
    let mut rest = line;
    let (measurement, end) = word(rest, ", ");
    point.measurement = measurement;
    rest = &rest[end..];
    while let Some(tag) = rest.strip_prefix(',') {
        let (name, end) = word(tag, "=");
        let tag = &tag[end + 1..];
        let (text, end) = word(tag, ", ");
        assert!(!name.is_empty() && !text.is_empty(), "{line}");
        point.tags.push((name, text));
        rest = &tag[end..];
    }
    rest = rest.strip_prefix(' ').unwrap();
    loop {
        let (name, end) = word(rest, "=");
        rest = &rest[end + 1..];
        let (text, end) = value(rest);
        point.fields.push((name, text));
        rest = &rest[end..];
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => break,
        }
    }
    point.nanos = rest.strip_prefix(' ').unwrap().parse().unwrap();
    point
}

fn reading<'a>(metric: &'a str, value: Value<'a>, quality: Quality) -> ReadingDraft<'a> {
    ReadingDraft {
        metric,
        unit: "V",
        value,
        observed_at: Timestamp::from_nanos(1_800_000_000_000_000_000),
        quality,
        labels: Vec::new(),
        raw: "".into(),
        raw_unit: "".into(),
    }
}

fn report<'a>(
    kind: &'a str,
    district: &'a str,
    readings: Vec<ReadingDraft<'a>>,
) -> ReportDraft<'a> {
    ReportDraft {
        device_id: "em-1",
        kind,
        district,
        profile: "json",
        received_at: Timestamp::EPOCH,
        source: Source::Mqtt,
        readings,
        node: "n",
        via: "",
    }
}

fn encode(draft: &ReportDraft<'_>) -> (String, Written, Vec<u32>) {
    let mut message = Vec::new();
    draft.encode(&mut message);
    assert_eq!(count(&message), draft.readings.len() as u64);
    let (mut out, mut readings) = (Vec::new(), Vec::new());
    let view = ReportView::parse(&message).unwrap();
    let written = Encoder::default().report(&view, &mut out, &mut readings);
    (String::from_utf8(out).unwrap(), written, readings)
}

fn labelled<'a>(mut reading: ReadingDraft<'a>, labels: &[(&'a str, &'a str)]) -> ReadingDraft<'a> {
    let label = |(name, value): &(&'a str, &'a str)| (Cow::Borrowed(*name), Cow::Borrowed(*value));
    reading.labels = labels.iter().map(label).collect();
    reading
}

#[test]
fn the_contracts_line() {
    let good = |metric, number| reading(metric, Value::Number(number), Quality::Good);
    let (lines, written, readings) = encode(&report(
        "meter.electricity",
        "370102",
        vec![
            good("voltage", 230.5),
            reading("current", Value::Number(5.0), Quality::Uncertain),
            reading("frequency", Value::Number(4e9), Quality::Bad),
            reading("relay", Value::Flag(true), Quality::Good),
            reading("firmware", Value::Text("v\"1\\2\n".into()), Quality::Good),
            reading("battery", Value::Absent, Quality::NotAvailable),
            labelled(good("voltage", 231.0), &[("phase", "b"), ("channel", "2")]),
        ],
    ));
    assert_eq!(
        lines,
        "meter,device=em-1,district=370102,kind=meter.electricity voltage=230.5,current=5,\
         current_quality=\"UNCERTAIN\",frequency_bad=4000000000,frequency_quality=\"BAD\",relay=true,\
         firmware=\"v\\\"1\\\\2\\\\n\",battery_quality=\"NOT_AVAILABLE\" 1800000000000000000\n\
         meter,channel=2,device=em-1,district=370102,kind=meter.electricity,phase=b voltage=231 1800000000000000000\n"
    );
    assert_eq!(
        written,
        Written {
            readings: 7,
            skipped: 0,
            lines: 2
        }
    );
    assert_eq!(readings, [6, 1]);
}

#[test]
fn a_metric_twice_takes_two_lines_in_order() {
    let of = |number| reading("voltage", Value::Number(number), Quality::Good);
    let (lines, _, readings) = encode(&report("pole", "", vec![of(1.0), of(2.0)]));
    assert_eq!(
        lines,
        "pole,device=em-1,kind=pole voltage=1 1800000000000000000\npole,device=em-1,kind=pole voltage=2 1800000000000000000\n"
    );
    assert_eq!(readings, [1, 1]);
}

#[test]
fn long_reports_are_cut_into_lines() {
    let names: Vec<String> = (0..70).map(|at| format!("m{at}")).collect();
    let of = |name| reading(name, Value::Number(1.0), Quality::Good);
    let (_, written, readings) = encode(&report(
        "pole",
        "",
        names.iter().map(|name| of(name)).collect(),
    ));
    assert_eq!((written.lines, readings), (3, vec![32, 32, 6]));
}

#[test]
fn what_leaves_nothing_is_skipped() {
    for value in [
        Value::Absent,
        Value::Number(f64::NAN),
        Value::Number(f64::INFINITY),
    ] {
        let (lines, written, _) = encode(&report(
            "pole",
            "",
            vec![reading("v", value, Quality::Good)],
        ));
        assert_eq!(
            (lines.as_str(), written.skipped, written.readings),
            ("", 1, 0)
        );
    }
    let (lines, ..) = encode(&report(
        "",
        "",
        vec![reading("v", Value::Number(f64::NAN), Quality::Bad)],
    ));
    assert_eq!(
        lines,
        "unknown,device=em-1,kind=unknown v_quality=\"BAD\" 1800000000000000000\n"
    );
}

/// `InfluxDB`'s line protocol reference, "Special characters", and what its parser does at the ends.
#[test]
fn special_characters_are_escaped_where_they_are_special() {
    for (district, written) in [
        ("a,b", "a\\,b"),
        ("a=b", "a\\=b"),
        ("a b", "a\\ b"),
        ("a\"b'", "a\"b'"),
        ("a\\b", "a/b"),
        ("a\\,b", "a/\\,b"),
        ("a\\", "a/"),
        ("a\nb\r", "a\\ b\\ "),
        ("历下区 1", "历下区\\ 1"),
    ] {
        let one = vec![reading("v", Value::Flag(false), Quality::Good)];
        let (lines, ..) = encode(&report("pole", district, one));
        assert_eq!(
            lines,
            format!("pole,device=em-1,district={written},kind=pole v=false 1800000000000000000\n")
        );
    }
    let one = vec![reading("v", Value::Flag(false), Quality::Good)];
    let (lines, ..) = encode(&report("pole", "", one));
    assert!(lines.starts_with("pole,device=em-1,kind=pole "));
}

#[test]
fn labels_never_take_the_names_of_others() {
    let one = reading("v", Value::Flag(true), Quality::Good);
    let one = labelled(
        one,
        &[
            ("time", "t"),
            ("device", "x"),
            ("phase", "a"),
            ("phase", "b"),
        ],
    );
    let (lines, ..) = encode(&report("pole", "", vec![one]));
    let point = parse(lines.trim_end());
    let names: Vec<_> = point.tags.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["device", "kind", "label_device", "label_time", "phase"]
    );
}

#[test]
fn numbers_read_back_as_they_were() {
    for number in [
        0.0,
        -0.0,
        1.0,
        -1.5,
        1e15,
        999_999_999_999_999.0,
        1e16,
        1e300,
        5e-324,
        f64::MAX,
        0.1,
    ] {
        let one = vec![reading("v", Value::Number(number), Quality::Good)];
        let (lines, ..) = encode(&report("pole", "", one));
        assert_eq!(parse(lines.trim_end()).fields[0].1, format!("f:{number:?}"));
    }
}

fn any_value() -> impl Strategy<Value = Value<'static>> {
    prop_oneof![
        any::<f64>().prop_map(Value::Number),
        any::<bool>().prop_map(Value::Flag),
        "(?s).{0,20}".prop_map(|text| Value::Text(text.into())),
        Just(Value::Absent),
    ]
}

prop_compose! {
    fn any_reading()(metric in 0usize..4, value in any_value(), nanos in prop_oneof![Just(5i64), any::<i64>()],
                     quality in 1u64..=4,
                     labels in prop::collection::vec(("(phase|channel|tariff|time)", "(?s).{0,6}"), 0..3))
                    -> ReadingDraft<'static> {
        ReadingDraft {
            metric: ["voltage", "current", "relay", "firmware"][metric],
            unit: "V",
            value,
            observed_at: Timestamp::from_nanos(nanos),
            quality: Quality::from_number(quality).unwrap(),
            labels: labels.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            raw: "x".into(),
            raw_unit: "".into(),
        }
    }
}

proptest! {
    /// Whatever is in a report: each line reads back, every reading is on a line or counted as skipped,
    /// and no line has a field or tag twice.
    #[test]
    fn lines_read_back(readings in prop::collection::vec(any_reading(), 0..8), district in "(?s).{0,8}") {
        let draft = report("meter.gas", &district, readings);
        let (lines, written, counts) = encode(&draft);
        prop_assert_eq!(written.readings + written.skipped, draft.readings.len() as u64);
        prop_assert_eq!(written.lines, counts.len());
        let points: Vec<Point> = lines.lines().map(parse).collect();
        prop_assert_eq!(points.len(), counts.len());
        let mut wanted = draft.readings.iter().filter(|reading| {
            let absent = match reading.value {
                Value::Absent => true,
                Value::Number(number) => !number.is_finite(),
                _ => false,
            };
            !(absent && reading.quality == Quality::Good)
        });
        for (point, count) in points.iter().zip(&counts) {
            prop_assert_eq!(point.measurement.as_str(), "meter");
            for names in [&point.tags, &point.fields] {
                let mut names: Vec<_> = names.iter().map(|(name, _)| name).collect();
                names.sort();
                let len = names.len();
                names.dedup();
                prop_assert_eq!(names.len(), len, "{}", lines);
            }
            for _ in 0..*count {
                let reading = wanted.next().unwrap();
                let suffix = if reading.quality == Quality::Bad { "_bad" } else { "" };
                let field = |name: &str| point.fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone());
                let found = field(&format!("{}{suffix}", reading.metric));
                let expected = match &reading.value {
                    Value::Number(number) => number.is_finite().then(|| format!("f:{number:?}")),
                    Value::Flag(flag) => Some(format!("b:{flag}")),
                    Value::Text(text) => {
                        let text = text.replace('\n', "\\n").replace('\r', "\\r").replace('\0', "\\0");
                        Some(format!("s:{text}"))
                    }
                    Value::Absent => None,
                };
                prop_assert_eq!(found, expected);
                let has_quality = field(&format!("{}_quality", reading.metric)).is_some();
                prop_assert_eq!(has_quality, reading.quality != Quality::Good);
                let nanos = reading.observed_at.as_nanos().clamp(NANOS_MIN, NANOS_MAX);
                prop_assert_eq!(point.nanos, nanos);
            }
        }
        prop_assert!(wanted.next().is_none());
    }
}
