//! What a store must have after a load, by the contract's line protocol, worked out from what was sent alone.
//!
//! ```text
//! measurement = the kind's first part      tags = device, kind, district, labels (none that is empty)
//! GOOD -> metric    UNCERTAIN -> metric and metric_quality    BAD -> metric_bad and metric_quality
//! NOT_AVAILABLE -> metric_quality alone                       time = observed_at
//! ```
use super::peers::Kind;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Of each kind of difference so many are named.
const NAMED_MAX: usize = 5;
/// `VictoriaMetrics` keeps decimals of some 12 digits where a block has many different ones.
const VICTORIA_ERROR_MAX: f64 = 1e-11;

/// A value as it is sent and as it is read back.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    Number(f64),
    Flag(bool),
    Text(String),
    /// `NOT_AVAILABLE`: sent, and only its quality is to be stored.
    Absent,
}

/// As the gateway is to judge a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    Good,
    Uncertain,
    Bad,
}

/// Where a value stands in a store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub measurement: String,
    pub tags: BTreeMap<String, String>,
    pub field: String,
    pub at_ns: i64,
}

/// A value and its place.
pub type Point = (Key, Scalar);

/// One reading of a load.
#[derive(Clone, Debug)]
pub struct Reading {
    pub device: String,
    pub kind: &'static str,
    pub district: &'static str,
    pub metric: &'static str,
    pub labels: &'static [(&'static str, &'static str)],
    pub at_ns: i64,
    pub value: Scalar,
    pub judged: Judged,
}

impl Reading {
    /// The points that it must become, of `InfluxDB`.
    pub fn points(&self) -> Vec<Point> {
        let mut tags: BTreeMap<String, String> = self
            .labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        tags.insert("device".to_owned(), self.device.clone());
        tags.insert("kind".to_owned(), self.kind.to_owned());
        // A backslash before a space, comma or sign of equality is read differently by each server: VictoriaMetrics
        // drops the line, without a word. So it is a slash.
        tags.insert("district".to_owned(), self.district.replace('\\', "/"));
        tags.retain(|_, value| !value.is_empty());
        let point = |field: String, value: Scalar| {
            let measurement = self.kind.split('.').next().unwrap().to_owned();
            let (tags, at_ns) = (tags.clone(), self.at_ns);
            let key = Key {
                measurement,
                tags,
                field,
                at_ns,
            };
            (key, value)
        };
        let metric = self.metric;
        let quality =
            |word: &str| point(format!("{metric}_quality"), Scalar::Text(word.to_owned()));
        let value = self.stored();
        match (&value, self.judged) {
            (Scalar::Absent, _) => vec![quality("NOT_AVAILABLE")],
            (_, Judged::Good) => vec![point(metric.to_owned(), value)],
            (_, Judged::Uncertain) => vec![point(metric.to_owned(), value), quality("UNCERTAIN")],
            (_, Judged::Bad) => vec![point(format!("{metric}_bad"), value), quality("BAD")],
        }
    }

    /// `VictoriaMetrics` ends a line at every newline, inside quotes too, so that a text could forge the reading of
    /// another device: a newline is stored as the two characters `\n`, a carriage return as `\r`.
    fn stored(&self) -> Scalar {
        match &self.value {
            Scalar::Text(text) => Scalar::Text(text.replace('\n', "\\n").replace('\r', "\\r")),
            value => value.clone(),
        }
    }
}

/// The same point in `VictoriaMetrics`: one name, milliseconds, numbers only. Of a text it keeps the number that it is, else 0.
fn in_victoria((key, value): Point) -> Point {
    let key = Key {
        measurement: format!("{}_{}", key.measurement, key.field),
        field: String::new(),
        at_ns: key.at_ns / 1_000_000 * 1_000_000,
        ..key
    };
    let number = match value {
        Scalar::Number(number) => number,
        Scalar::Flag(flag) => f64::from(u8::from(flag)),
        Scalar::Text(text) => text.parse().unwrap_or(0.0),
        Scalar::Absent => 0.0,
    };
    (key, Scalar::Number(number))
}

/// What the store must have of these readings: the last of each place.
pub fn expected<'r>(
    kind: Kind,
    readings: impl IntoIterator<Item = &'r Reading>,
) -> BTreeMap<Key, Scalar> {
    let points = readings.into_iter().flat_map(Reading::points);
    match kind {
        Kind::Victoria => points.map(in_victoria).collect(),
        Kind::Influx | Kind::InfluxWithAuth => points.collect(),
    }
}

fn same(kind: Kind, wanted: &Scalar, got: &Scalar) -> bool {
    match (wanted, got) {
        (Scalar::Number(wanted), Scalar::Number(got)) if kind == Kind::Victoria => {
            (wanted - got).abs() <= wanted.abs() * VICTORIA_ERROR_MAX
        }
        _ => wanted == got,
    }
}

/// In words what is missing, unknown, different or there twice; empty if all is as it must be.
pub fn differences(kind: Kind, expected: &BTreeMap<Key, Scalar>, found: &[Point]) -> String {
    let mut seen: BTreeMap<&Key, u32> = BTreeMap::new();
    let (mut unknown, mut different) = (Vec::new(), Vec::new());
    for (key, value) in found {
        *seen.entry(key).or_default() += 1;
        match expected.get(key) {
            None => unknown.push(format!("{key:?} = {value:?}")),
            Some(wanted) if !same(kind, wanted, value) => {
                different.push(format!("{key:?} = {value:?} for {wanted:?}"));
            }
            Some(_) => {}
        }
    }
    let missing = expected.iter().filter(|(key, _)| !seen.contains_key(key));
    let missing = missing.map(|(key, value)| format!("{key:?} = {value:?}"));
    let twice = seen.iter().filter(|(_, times)| **times > 1);
    let twice = twice.map(|(key, times)| format!("{key:?}: {times} times"));
    let mut said = String::new();
    for (what, list) in [
        ("missing", missing.collect::<Vec<_>>()),
        ("never sent", unknown),
        ("different", different),
        ("more than once", twice.collect()),
    ] {
        if !list.is_empty() {
            let _ = write!(said, "{} of {} {what}:", list.len(), expected.len());
            for one in list.iter().take(NAMED_MAX) {
                let _ = write!(said, "\n  {one}");
            }
            said.push('\n');
        }
    }
    said
}

#[test]
fn a_model_that_misses_nothing() {
    let reading = |value: f64, at_ns| Reading {
        device: "d".to_owned(),
        kind: "meter.gas",
        district: "",
        metric: "voltage",
        labels: &[("phase", "a")],
        at_ns,
        value: Scalar::Number(value),
        judged: Judged::Good,
    };
    let sent = [reading(1.0, 1_000_000), reading(2.0, 2_000_000)];
    let wanted = expected(Kind::Influx, &sent);
    let mut found: Vec<Point> = wanted.clone().into_iter().collect();
    let said = |found: &[Point]| differences(Kind::Influx, &wanted, found);
    assert_eq!(said(&found), "");
    assert!(said(&found[1..]).starts_with("1 of 2 missing"));
    found.push(found[0].clone());
    assert!(said(&found).starts_with("1 of 2 more than once"));
    found.pop();
    found[0].1 = Scalar::Number(1.0 + f64::EPSILON);
    assert!(said(&found).starts_with("1 of 2 different"));
    found[0].0.field.push('x');
    assert!(said(&found).contains("1 of 2 never sent"));
    let victoria = expected(Kind::Victoria, &sent);
    let name = &victoria.keys().next().unwrap().measurement;
    assert_eq!(name, "meter_voltage");
}
