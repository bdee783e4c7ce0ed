//! `[[fixture]]`: a payload and the readings that it must become.
use super::inner;
use crate::model::Timestamp;
use crate::model::settings::Section;
use jiff::tz::TimeZone;
use toml::{Table, Value};

/// Most fixtures of one profile.
const FIXTURES_MAX: usize = 128;

/// A payload and what it must become.
#[derive(Clone, Debug, PartialEq)]
pub struct Fixture {
    /// For people: "manual, section 5".
    pub name: String,
    /// Line of the file, from 1.
    pub line: usize,
    /// As it arrives.
    pub payload: Vec<u8>,
    /// When it arrives; `None`: not said.
    pub received_at: Option<Timestamp>,
    /// Zone of wall times; `None`: UTC.
    pub zone: Option<TimeZone>,
    /// Who must have sent it; "": not compared.
    pub device: String,
    /// Every reading, in any order.
    pub readings: Vec<Expected>,
    /// Names of events, in order.
    pub events: Vec<String>,
    /// Bad parts, in order: `wrong_type: voltage`.
    pub rejected: Vec<String>,
}

/// A reading that a fixture expects. What is `None` is not compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// Canonical name.
    pub metric: String,
    /// `None`: no value (`NOT_AVAILABLE`).
    pub value: Option<ExpectedValue>,
    /// Canonical unit.
    pub unit: Option<String>,
    /// Observed time.
    pub at: Option<Timestamp>,
    /// All labels, sorted by name.
    pub labels: Option<Vec<(String, String)>>,
    /// `GOOD`, `UNCERTAIN`, `BAD`, `NOT_AVAILABLE`.
    pub quality: Option<String>,
    /// The child that it is of.
    pub device: Option<String>,
}

/// A value that a fixture expects.
#[derive(Clone, Debug, PartialEq)]
pub enum ExpectedValue {
    /// Exactly this double.
    Number(f64),
    /// True or false.
    Flag(bool),
    /// A word or text.
    Text(String),
}

/// Reads every `[[fixture]]`; their lines are filled in by who knows them.
pub(super) fn read(top: &mut Section<'_>) -> Vec<Fixture> {
    let all = top.sections("fixture", read_one);
    if all.len() > FIXTURES_MAX {
        let rule = format!("at most {FIXTURES_MAX} fixtures");
        top.problem("fixture", all.len(), rule);
    }
    all
}

fn read_one(section: &mut Section<'_>) -> Fixture {
    let name = section.text("name").unwrap_or_default();
    if name.is_empty() {
        section.problem("name", "", "a fixture needs a name");
    }
    let text = section.text("payload").map(String::into_bytes);
    let bytes = |section: &mut Section<'_>, key, rule, read: fn(&[u8]) -> Option<Vec<u8>>| {
        section.get(key, rule, |value| read(value.as_str()?.as_bytes()))
    };
    let hex = bytes(section, "hex", "must be pairs of hex digits", |text| {
        inner::hex(text).ok()
    });
    let base64 = bytes(section, "base64", "must be base64", |text| {
        inner::base64(text).ok()
    });
    let given: Vec<Vec<u8>> = [text, hex, base64].into_iter().flatten().collect();
    if given.len() > 1 {
        section.problem("payload", "..", "one of payload, hex and base64 is enough");
    }
    let payload = given.into_iter().next();
    if payload.is_none() {
        section.problem(
            "payload",
            "",
            "a fixture needs a payload, as payload, hex or base64",
        );
    }
    let received_at = section.get("received_at", TIME_RULE, time);
    let zone = section.get(
        "zone",
        "must be a time zone, such as Asia/Shanghai",
        |value| TimeZone::get(value.as_str()?).ok(),
    );
    Fixture {
        name,
        zone,
        line: 0,
        payload: payload.unwrap_or_default(),
        received_at,
        device: section.text("device").unwrap_or_default(),
        readings: section
            .sections("readings", expected)
            .into_iter()
            .flatten()
            .collect(),
        events: section.texts("events").unwrap_or_default(),
        rejected: section.texts("rejected").unwrap_or_default(),
    }
}

const TIME_RULE: &str = "must be a time, such as \"2026-11-23T08:00:00Z\"";

/// As a text, or as TOML has times.
fn time(value: &Value) -> Option<Timestamp> {
    let text = match value {
        Value::Datetime(time) => time.to_string(),
        value => value.as_str()?.to_owned(),
    };
    Timestamp::parse(&text, &TimeZone::UTC).ok()
}

fn expected(section: &mut Section<'_>) -> Option<Expected> {
    let value = section.get("value", "must be a number, flag or text", |value| {
        Some(match value {
            #[expect(clippy::cast_precision_loss, reason = "as a payload's number would be")]
            Value::Integer(number) => ExpectedValue::Number(*number as f64),
            Value::Float(number) => ExpectedValue::Number(*number),
            Value::Boolean(flag) => ExpectedValue::Flag(*flag),
            Value::String(text) => ExpectedValue::Text(text.clone()),
            _ => return None,
        })
    });
    let at = section.get("at", TIME_RULE, time);
    let labels = section.get("labels", "must be a table of texts", |value| {
        labels(value.as_table()?)
    });
    let quality = section.word("quality", &["GOOD", "UNCERTAIN", "BAD", "NOT_AVAILABLE"]);
    let (unit, device) = (section.text("unit"), section.text("device"));
    if !section.has("metric") {
        section.problem("metric", "", "a reading needs a metric");
    }
    Some(Expected {
        metric: section.text("metric")?,
        value,
        unit,
        at,
        labels,
        quality: quality.map(str::to_owned),
        device,
    })
}

fn labels(table: &Table) -> Option<Vec<(String, String)>> {
    let label = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
    let mut labels: Vec<_> = table.iter().map(label).collect::<Option<_>>()?;
    labels.sort();
    Some(labels)
}
