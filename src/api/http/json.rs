//! The messages of the contract in proto3's JSON mapping (protobuf.dev, "`ProtoJSON` Format").
//!
//! Names in lowerCamelCase, 64-bit integers as texts, times in RFC 3339 with 0, 3, 6 or 9 fraction
//! digits and `Z`, bytes in standard base64, NaN and infinities as texts, defaults left out. Written
//! by hand, for a few messages: a generator for it would be larger than its output.
mod decoded;
mod device;
mod listing;

pub use decoded::Decoded;
pub use device::{Counts, Device};

use crate::model::{Quality, Reject, Source, Timestamp, proto};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proto::reading::Value;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// Default values of proto3, which JSON leaves out.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// RFC 3339 in UTC with 0, 3, 6 or 9 fraction digits.
pub fn time(time: Timestamp) -> String {
    let nanos = time.as_nanos();
    // The range of a Timestamp lies within jiff's.
    let instant = jiff::Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or_default();
    if nanos % 1_000_000_000 == 0 {
        format!("{instant:.0}")
    } else if nanos % 1_000_000 == 0 {
        format!("{instant:.3}")
    } else if nanos % 1_000 == 0 {
        format!("{instant:.6}")
    } else {
        format!("{instant:.9}")
    }
}

/// The same of a message's field; `None` where it is absent or out of range.
pub fn proto_time(message: Option<&prost_types::Timestamp>) -> Option<String> {
    let message = message?;
    Timestamp::from_secs_nanos(message.seconds, message.nanos).map(time)
}

/// A double, which JSON cannot always write as a number.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Double(f64);

impl Serialize for Double {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            number if number.is_nan() => serializer.serialize_str("NaN"),
            f64::INFINITY => serializer.serialize_str("Infinity"),
            f64::NEG_INFINITY => serializer.serialize_str("-Infinity"),
            number => serializer.serialize_f64(number),
        }
    }
}

/// A 64-bit integer as a text.
///
/// # Errors
/// The serializer's.
pub fn text_of_u64<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

/// `citygate.v1.Reading`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reading<'a> {
    #[serde(skip_serializing_if = "is_default")]
    metric: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    unit: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<Double>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flag: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<&'static str>,
    /// Ordered, so that equal messages give equal texts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "is_default")]
    raw: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    raw_unit: &'a str,
}

impl<'a> From<&'a proto::Reading> for Reading<'a> {
    fn from(reading: &'a proto::Reading) -> Self {
        let (mut number, mut flag, mut text) = (None, None, None);
        match &reading.value {
            Some(Value::Number(value)) => number = Some(Double(*value)),
            Some(Value::Flag(value)) => flag = Some(*value),
            Some(Value::Text(value)) => text = Some(value.as_str()),
            None => {}
        }
        let quality = u64::try_from(reading.quality).unwrap_or_default();
        Self {
            metric: &reading.metric,
            unit: &reading.unit,
            number,
            flag,
            text,
            observed_at: proto_time(reading.observed_at.as_ref()),
            quality: Quality::from_number(quality).map(Quality::json_name),
            labels: reading
                .labels
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect(),
            raw: &reading.raw,
            raw_unit: &reading.raw_unit,
        }
    }
}

/// `citygate.v1.Report`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report<'a> {
    #[serde(skip_serializing_if = "is_default", serialize_with = "text_of_u64")]
    sequence: u64,
    #[serde(skip_serializing_if = "is_default")]
    device_id: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    kind: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    district: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    profile: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    received_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    readings: Vec<Reading<'a>>,
    #[serde(skip_serializing_if = "is_default")]
    node: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    via: &'a str,
}

impl<'a> From<&'a proto::Report> for Report<'a> {
    fn from(report: &'a proto::Report) -> Self {
        Self {
            sequence: report.sequence,
            device_id: &report.device_id,
            kind: &report.kind,
            district: &report.district,
            profile: &report.profile,
            received_at: proto_time(report.received_at.as_ref()),
            source: Some(report.source())
                .filter(|source| *source != proto::Source::Unspecified)
                .map(|source| source.as_str_name()),
            readings: report.readings.iter().map(Reading::from).collect(),
            node: &report.node,
            via: &report.via,
        }
    }
}

/// `citygate.v1.Event`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Event<'a> {
    #[serde(skip_serializing_if = "is_default", serialize_with = "text_of_u64")]
    sequence: u64,
    #[serde(skip_serializing_if = "is_default")]
    device_id: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    kind: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    district: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    detail: BTreeMap<&'a str, &'a str>,
}

impl<'a> From<&'a proto::Event> for Event<'a> {
    fn from(event: &'a proto::Event) -> Self {
        Self {
            sequence: event.sequence,
            device_id: &event.device_id,
            kind: &event.kind,
            district: &event.district,
            name: &event.name,
            at: proto_time(event.at.as_ref()),
            severity: Some(event.severity())
                .filter(|severity| *severity != proto::Severity::Unspecified)
                .map(|severity| severity.as_str_name()),
            detail: event
                .detail
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect(),
        }
    }
}

/// A reject, in the same manner; `rawText` is the payload for a person's eyes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RejectJson {
    #[serde(serialize_with = "text_of_u64")]
    sequence: u64,
    received_at: String,
    source: &'static str,
    address: String,
    #[serde(skip_serializing_if = "is_default")]
    client: String,
    device_id: String,
    /// Who sent it, where the part is of another device.
    #[serde(skip_serializing_if = "is_default")]
    via: String,
    profile: String,
    topic: String,
    reason: String,
    sentence: String,
    #[serde(skip_serializing_if = "is_default")]
    part: String,
    /// Base64.
    raw: String,
    raw_text: String,
    /// Bytes of the whole payload; `raw` has the first 4096.
    #[serde(serialize_with = "text_of_u64")]
    raw_len: u64,
    /// The pattern that led to the device.
    #[serde(skip_serializing_if = "is_default")]
    route: String,
    /// Nothing of its uplink was taken.
    whole: bool,
    /// The report that it has become; "0": one that was there already.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovered: Option<String>,
}

impl RejectJson {
    /// The same with the report that it has become, if it has.
    #[must_use]
    pub fn recovered(self, by: Option<u64>) -> Self {
        Self {
            recovered: by.map(|sequence| sequence.to_string()),
            ..self
        }
    }

    /// Of the reject at `sequence` in the log of rejects.
    pub fn new(sequence: u64, reject: Reject) -> Self {
        let source = Source::from_number(reject.source.into());
        Self {
            sequence,
            received_at: time(Timestamp::from_nanos(reject.received_at_ns)),
            source: source.map_or("unspecified", Source::name),
            raw: STANDARD.encode(&reject.raw),
            raw_text: printable(&reject.raw),
            whole: reject.is_whole(),
            recovered: None,
            address: reject.address,
            client: reject.client,
            device_id: reject.device_id,
            via: reject.via,
            profile: reject.profile,
            topic: reject.topic,
            reason: reject.reason,
            sentence: reject.sentence,
            part: reject.part,
            raw_len: reject.raw_len,
            route: reject.route,
        }
    }
}

/// Bytes as a text that a terminal or page cannot be harmed by: what is not printable is `\xNN`.
pub fn printable(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            // Letters of right-to-left scripts are fine, but not the marks that reorder a line.
            let reorders = matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            if c == '\\' || c.is_control() || reorders {
                out.extend(c.escape_default());
            } else {
                out.push(c);
            }
        }
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use serde_json::json;

    #[test]
    fn times_have_0_3_6_or_9_fraction_digits() {
        for (nanos, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_500_000_000, "1970-01-01T00:00:01.500Z"),
            (-1_000, "1969-12-31T23:59:59.999999Z"),
            (1, "1970-01-01T00:00:00.000000001Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
            (i64::MIN, "1677-09-21T00:12:43.145224192Z"),
        ] {
            assert_eq!(time(Timestamp::from_nanos(nanos)), text);
        }
    }

    #[test]
    fn a_report_is_as_protobuf_would_write_it() {
        let report = proto::Report {
            sequence: u64::MAX,
            device_id: "m-1".into(),
            kind: "meter.gas".into(),
            received_at: Some(Timestamp::from_secs(1_800_000_000).into()),
            source: 1,
            readings: vec![proto::Reading {
                metric: "voltage".into(),
                value: Some(Value::Number(230.5)),
                quality: 1,
                labels: [("phase".into(), "b".into()), ("channel".into(), "2".into())].into(),
                raw: "0.2305".into(),
                raw_unit: "kV".into(),
                ..proto::Reading::default()
            }],
            ..proto::Report::default()
        };
        assert_eq!(
            serde_json::to_value(Report::from(&report)).unwrap(),
            json!({
                "sequence": "18446744073709551615", "deviceId": "m-1", "kind": "meter.gas",
                "receivedAt": "2027-01-15T08:00:00Z", "source": "SOURCE_MQTT",
                "readings": [{"metric": "voltage", "number": 230.5, "quality": "QUALITY_GOOD",
                    "labels": {"channel": "2", "phase": "b"}, "raw": "0.2305", "rawUnit": "kV"}],
            })
        );
        let empty = serde_json::to_value(Report::from(&proto::Report::default())).unwrap();
        assert_eq!(empty, json!({}));
    }

    #[test]
    fn members_of_a_oneof_are_written_even_when_they_are_defaults() {
        for (value, expected) in [
            (Value::Number(0.0), json!({"number": 0.0})),
            (Value::Number(f64::NAN), json!({"number": "NaN"})),
            (
                Value::Number(f64::NEG_INFINITY),
                json!({"number": "-Infinity"}),
            ),
            (Value::Number(f64::INFINITY), json!({"number": "Infinity"})),
            (Value::Flag(false), json!({"flag": false})),
            (Value::Text(String::new()), json!({"text": ""})),
        ] {
            let reading = proto::Reading {
                value: Some(value),
                ..proto::Reading::default()
            };
            assert_eq!(
                serde_json::to_value(Reading::from(&reading)).unwrap(),
                expected
            );
        }
    }

    #[test]
    fn an_event_has_its_severity_by_name() {
        let event = proto::Event {
            sequence: 7,
            name: "gap".into(),
            severity: 3,
            detail: [("from".into(), "1".into())].into(),
            ..proto::Event::default()
        };
        assert_eq!(
            serde_json::to_value(Event::from(&event)).unwrap(),
            json!({"sequence": "7", "name": "gap", "severity": "SEVERITY_CRITICAL", "detail": {"from": "1"}})
        );
    }

    #[test]
    fn nothing_in_a_payload_can_act_on_a_terminal() {
        assert_eq!(printable("灯 é\\".as_bytes()), "灯 é\\\\");
        assert_eq!(printable(b"\x1b[2J\xff\0\n"), "\\u{1b}[2J\\xff\\u{0}\\n");
        assert_eq!(printable("a\u{202e}b".as_bytes()), "a\\u{202e}b");
    }
}
