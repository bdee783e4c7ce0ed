//! A `SenML` pack in its resolved form, as RFC 8428 §4.6 has it: for `citygate decode`.
use super::output;
use crate::codecs::senml::Resolved;
use crate::codecs::{Sent, SentTime};
use serde::Serialize;
use std::io;

/// One record, under the RFC's labels.
#[derive(Serialize)]
pub(super) struct Record {
    n: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    u: String,
    /// Seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    t: Option<f64>,
    /// Seconds from the reception on: below 2^28 the RFC counts from now.
    #[serde(skip_serializing_if = "Option::is_none")]
    t_rel: Option<f64>,
    #[serde(flatten)]
    value: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    s: Option<f64>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Value {
    V(f64),
    Vs(String),
    Vb(bool),
    Vd(String),
    Vlo(String),
}

impl From<&Resolved<'_>> for Record {
    fn from(record: &Resolved<'_>) -> Self {
        let (t, t_rel) = match record.time {
            SentTime::Unix(nanos) => (Some(seconds(nanos)), None),
            SentTime::Relative(nanos) => (None, Some(seconds(nanos))),
            _ => (None, Some(0.0)),
        };
        let value = record.value.as_ref().and_then(|value| match value {
            Sent::Number(number, _) => Some(Value::V(*number)),
            Sent::Flag(flag) => Some(Value::Vb(*flag)),
            Sent::Text(text) if record.is_link => Some(Value::Vlo(text.to_string())),
            Sent::Text(text) => Some(Value::Vs(text.to_string())),
            Sent::Data(text) => Some(Value::Vd(text.to_string())),
            Sent::NotFinite(_) | Sent::Null => None,
        });
        Self {
            n: record.name.to_string(),
            u: record.unit.to_string(),
            t,
            t_rel,
            value,
            s: record.sum.as_ref().map(|sum| sum.value),
        }
    }
}

/// The double nearest to so many nanoseconds.
fn seconds(nanos: i64) -> f64 {
    format!("{nanos}e-9").parse().unwrap_or(f64::NAN)
}

/// One line a record.
pub(super) fn print(records: &[Record]) -> io::Result<()> {
    for record in records {
        // A record of texts and numbers is always JSON.
        let text = serde_json::to_string(record).unwrap_or_default();
        output::line(format_args!("resolved {text}"))?;
    }
    Ok(())
}
