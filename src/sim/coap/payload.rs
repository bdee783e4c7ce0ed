//! The same measurements in the formats that CoAP devices use.
//!
//! Encoders of a few lines, independent of the gateway's decoders. What is no JSON object (a fault
//! played on purpose) goes out as it is. `SenML` has no labels: values with labels are left out there.
use crate::model::Timestamp;
use jiff::tz::TimeZone;
use minicbor::Encoder;
use serde_json::{Map, Number, Value};
use std::fmt::Write;
use std::str::FromStr;

/// How a device writes its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A flat object.
    Json,
    /// `SenML` in JSON, RFC 8428.
    Senml,
    /// `SenML` in CBOR.
    SenmlCbor,
    /// The flat object in CBOR.
    Cbor,
}

/// Why a text is no [`Format`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no format: need json, senml, senml-cbor or cbor")]
pub struct FormatError {
    text: String,
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        Ok(match text {
            "json" => Self::Json,
            "senml" => Self::Senml,
            "senml-cbor" => Self::SenmlCbor,
            "cbor" => Self::Cbor,
            _ => {
                return Err(FormatError {
                    text: text.to_owned(),
                });
            }
        })
    }
}

impl Format {
    /// IANA's Content-Format number.
    pub(super) const fn number(self) -> u16 {
        match self {
            Self::Json => 50,
            Self::Cbor => 60,
            Self::Senml => 110,
            Self::SenmlCbor => 112,
        }
    }

    /// The gateway's name for it.
    pub const fn profile(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Cbor => "cbor",
            Self::Senml | Self::SenmlCbor => "senml",
        }
    }

    /// `json` of a device in this format.
    pub(super) fn encode(self, device: &str, json: Vec<u8>) -> Vec<u8> {
        let object = match self {
            Self::Json => return json,
            _ => serde_json::from_slice::<Map<String, Value>>(&json),
        };
        match (self, object) {
            (Self::Cbor, Ok(object)) => cbor(&Value::Object(object)),
            (Self::Senml, Ok(object)) => senml_json(device, &records(&object)),
            (Self::SenmlCbor, Ok(object)) => senml_cbor(device, &records(&object)),
            _ => json,
        }
    }
}

/// What a `SenML` pack says of one device at one time.
struct Records<'a> {
    at: Option<f64>,
    values: Vec<(&'a str, &'a Value, Option<&'a str>)>,
}

fn records(object: &Map<String, Value>) -> Records<'_> {
    let values = object.iter().filter(|(name, _)| *name != "ts");
    let values = values.filter_map(|(name, value)| match value {
        Value::Object(parts) if !parts.contains_key("labels") => {
            let unit = parts.get("unit").and_then(Value::as_str);
            Some((name.as_str(), parts.get("value")?, unit.map(senml_unit)))
        }
        Value::Number(_) | Value::Bool(_) | Value::String(_) => Some((name.as_str(), value, None)),
        _ => None,
    });
    Records {
        at: object.get("ts").and_then(seconds),
        values: values.collect(),
    }
}

/// Seconds since the epoch of a `ts`: milliseconds, or RFC 3339.
fn seconds(ts: &Value) -> Option<f64> {
    let micros = match ts {
        Value::String(text) => Timestamp::parse(text, &TimeZone::UTC).ok()?.as_micros(),
        _ => ts.as_i64()?.checked_mul(1_000)?,
    };
    #[expect(clippy::cast_precision_loss, reason = "exact to 2^53 microseconds")]
    let micros = micros as f64;
    Some(micros / 1e6)
}

/// The name in RFC 8428 §12.1 or RFC 8798 of a UCUM unit, where they differ.
fn senml_unit(unit: &str) -> &str {
    match unit {
        "kW.h" => "kWh",
        "W.h" => "Wh",
        "kvar.h" => "kvarh",
        "[ppm]" => "ppm",
        other => other,
    }
}

fn senml_json(device: &str, records: &Records<'_>) -> Vec<u8> {
    let mut text = format!("[{{\"bn\":\"{device}:\"");
    // Writing to a String cannot fail.
    if let Some(at) = records.at {
        let _ = write!(text, ",\"bt\":{at}");
    }
    for (place, (name, value, unit)) in records.values.iter().enumerate() {
        text.push_str(if place == 0 { "," } else { ",{" });
        let _ = write!(text, "\"n\":\"{name}\",");
        if let Some(unit) = unit {
            let _ = write!(text, "\"u\":\"{unit}\",");
        }
        let _ = match value {
            Value::Bool(flag) => write!(text, "\"vb\":{flag}}}"),
            Value::String(_) => write!(text, "\"vs\":{value}}}"),
            number => write!(text, "\"v\":{number}}}"),
        };
    }
    if records.values.is_empty() {
        text.push('}');
    }
    text.push(']');
    text.into_bytes()
}

/// Labels of RFC 8428 §6.
const BASE_NAME: i8 = -2;
const BASE_TIME: i8 = -3;
const NAME: u8 = 0;
const UNIT: u8 = 1;
const VALUE: u8 = 2;
const STRING_VALUE: u8 = 3;
const BOOLEAN_VALUE: u8 = 4;

type Encoded = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

fn senml_cbor(device: &str, records: &Records<'_>) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    put_pack(&mut encoder, device, records).expect("a Vec takes any bytes");
    encoder.into_writer()
}

fn put_pack(encoder: &mut Encoder<Vec<u8>>, device: &str, records: &Records<'_>) -> Encoded {
    encoder.array(records.values.len().max(1) as u64)?;
    for (place, (name, value, unit)) in records.values.iter().enumerate() {
        let bases = if place == 0 {
            1 + u64::from(records.at.is_some())
        } else {
            0
        };
        encoder.map(bases + 2 + u64::from(unit.is_some()))?;
        if place == 0 {
            put_bases(encoder, device, records.at)?;
        }
        encoder.u8(NAME)?.str(name)?;
        if let Some(unit) = unit {
            encoder.u8(UNIT)?.str(unit)?;
        }
        match value {
            Value::Bool(flag) => drop(encoder.u8(BOOLEAN_VALUE)?.bool(*flag)?),
            Value::String(text) => drop(encoder.u8(STRING_VALUE)?.str(text)?),
            Value::Number(number) => put_number(encoder.u8(VALUE)?, number)?,
            _ => drop(encoder.u8(VALUE)?.null()?),
        }
    }
    if records.values.is_empty() {
        encoder.map(1 + u64::from(records.at.is_some()))?;
        put_bases(encoder, device, records.at)?;
    }
    Ok(())
}

fn put_bases(encoder: &mut Encoder<Vec<u8>>, device: &str, at: Option<f64>) -> Encoded {
    encoder.i8(BASE_NAME)?.str(&format!("{device}:"))?;
    if let Some(at) = at {
        encoder.i8(BASE_TIME)?.f64(at)?;
    }
    Ok(())
}

fn put_number(encoder: &mut Encoder<Vec<u8>>, number: &Number) -> Encoded {
    match (number.as_i64(), number.as_f64()) {
        (Some(whole), _) => drop(encoder.i64(whole)?),
        (None, value) => drop(encoder.f64(value.unwrap_or(f64::NAN))?),
    }
    Ok(())
}

fn cbor(value: &Value) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    put_value(&mut encoder, value).expect("a Vec takes any bytes");
    encoder.into_writer()
}

fn put_value(encoder: &mut Encoder<Vec<u8>>, value: &Value) -> Encoded {
    match value {
        Value::Null => drop(encoder.null()?),
        Value::Bool(flag) => drop(encoder.bool(*flag)?),
        Value::Number(number) => put_number(encoder, number)?,
        Value::String(text) => drop(encoder.str(text)?),
        Value::Array(values) => {
            encoder.array(values.len() as u64)?;
            for value in values {
                put_value(encoder, value)?;
            }
        }
        Value::Object(parts) => {
            encoder.map(parts.len() as u64)?;
            for (name, value) in parts {
                encoder.str(name)?;
                put_value(encoder, value)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    const JSON: &[u8] = br#"{"ts":1795420800500,"heat_energy":{"value":12.5,"unit":"kW.h"},"pump_running":true,"voltage":[{"value":230.1,"labels":{"phase":"a"}}],"battery_level":80}"#;

    #[test]
    fn senml_has_base_name_and_time_and_units_of_its_own() {
        let text = String::from_utf8(Format::Senml.encode("hm-1", JSON.to_vec())).unwrap();
        assert_eq!(
            text,
            r#"[{"bn":"hm-1:","bt":1795420800.5,"n":"battery_level","v":80},{"n":"heat_energy","u":"kWh","v":12.5},{"n":"pump_running","vb":true}]"#
        );
        let dated = Format::Senml.encode("x", br#"{"ts":"1970-01-01T00:00:07Z"}"#.to_vec());
        assert_eq!(dated, br#"[{"bn":"x:","bt":7}]"#);
    }

    #[test]
    fn cbor_is_written_byte_for_byte() {
        let json = br#"{"ts":7,"a":{"unit":"V","value":1.5},"b":true,"c":"x","d":[null]}"#;
        let mut wanted = b"\xa5\x61a\xa2\x64unit\x61V\x65value\xfb".to_vec();
        wanted.extend(1.5_f64.to_be_bytes());
        wanted.extend(b"\x61b\xf5\x61c\x61x\x61d\x81\xf6\x62ts\x07");
        assert_eq!(Format::Cbor.encode("x", json.to_vec()), wanted);

        let json = br#"{"ts":1795420800500,"on":true,"v":{"value":12.5,"unit":"kW.h"}}"#;
        let mut wanted = b"\x82\xa4\x21\x65hm-1:\x22\xfb".to_vec();
        wanted.extend(1_795_420_800.5_f64.to_be_bytes());
        wanted.extend(b"\x00\x62on\x04\xf5\xa3\x00\x61v\x01\x63kWh\x02\xfb");
        wanted.extend(12.5_f64.to_be_bytes());
        assert_eq!(Format::SenmlCbor.encode("hm-1", json.to_vec()), wanted);
    }

    #[test]
    fn what_is_no_object_goes_out_as_it_is() {
        for format in ["json", "senml", "senml-cbor", "cbor"] {
            let format: Format = format.parse().unwrap();
            assert_eq!(format.encode("x", b"{\"ts\":1".to_vec()), b"{\"ts\":1");
        }
        let error = "xml".parse::<Format>().unwrap_err().to_string();
        assert!(error.contains("senml-cbor"), "{error}");
    }
}
