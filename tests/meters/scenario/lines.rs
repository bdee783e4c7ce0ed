//! Readings, events and rejects as lines, and how two lists of them differ.
use citygate::model::proto::{self, Severity, reading};
use citygate::model::{Quality, Reject, Timestamp};
use citygate::sim::scenario::{self, At, Truth, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Details of an event that a meter's life decides, by the beginning of its name; others are words.
const DETAILS: &[(&str, &[&str])] = &[
    ("register_", &["metric", "labels", "from", "to"]),
    ("consumption_", &["metric", "labels", "from", "to"]),
    ("meter_exchanged", &["metric", "labels", "from", "to"]),
    ("meter_error", &["error"]),
    ("meter_alarm", &["valve_fault", "battery_low"]),
];
/// Lines of a difference that are printed.
const SHOWN_MAX: usize = 60;

/// What is in one list and not in the other, each line as often as it is there.
pub fn difference(what: &str, expected: &[String], found: &[String]) -> Option<String> {
    let mut count: BTreeMap<&str, i64> = BTreeMap::new();
    for line in expected {
        *count.entry(line).or_default() -= 1;
    }
    for line in found {
        *count.entry(line).or_default() += 1;
    }
    count.retain(|_, count| *count != 0);
    if count.is_empty() {
        return None;
    }
    let missing: i64 = count.values().filter(|count| **count < 0).sum();
    let more: i64 = count.values().filter(|count| **count > 0).sum();
    let mut text = format!(
        "{what}: {} expected, {} found; {} missing (-), {more} too many (+)\n",
        expected.len(),
        found.len(),
        -missing
    );
    for (line, count) in count.iter().take(SHOWN_MAX) {
        let sign = if *count < 0 { "-" } else { "+" };
        text.extend(["  ", sign, " ", line, "\n"]);
    }
    if count.len() > SHOWN_MAX {
        let left = (count.len() - SHOWN_MAX).to_string();
        text.extend(["  .. and ", &left, " more\n"]);
    }
    Some(text)
}

/// How times of reception are written: as they are, or, where the clock is the machine's, as a word.
#[derive(Clone, Copy)]
pub enum Received<'r> {
    /// Of each uplink.
    At(&'r [Timestamp]),
    /// All times from here on are receptions.
    Since(Timestamp),
}

impl Received<'_> {
    fn of(self, at: At, uplink: usize) -> String {
        match (at, self) {
            (At::Meter(at), _) => at.to_string(),
            (At::Reception, Self::At(times)) => times[uplink].to_string(),
            (At::Reception, Self::Since(_)) => "reception".to_owned(),
        }
    }

    fn found(self, at: Option<&prost_types::Timestamp>) -> String {
        let at = at.and_then(|at| Timestamp::from_secs_nanos(at.seconds, at.nanos));
        let at = at.expect("a time");
        match self {
            Self::Since(start) if at >= start => "reception".to_owned(),
            _ => at.to_string(),
        }
    }
}

fn line(parts: [&str; 3], labels: &[String], at: &str, raw: (&str, &str), via: &str) -> String {
    let [device, metric, value] = parts;
    let raw = match raw {
        ("", "") => String::new(),
        (raw, unit) => format!(" sent as {raw} {unit}"),
    };
    format!(
        "{device} {metric}{{{}}} @{at} {value}{raw} by {via}",
        labels.join(",")
    )
}

/// A third of a heat in GJ is no decimal: the last digits of a double may differ.
fn number(number: f64, raw_unit: &str) -> String {
    if raw_unit == "GJ" {
        format!("{number:.12e}")
    } else {
        number.to_string()
    }
}

/// A reading of the truth.
pub fn true_reading(truth: &Truth, of: &scenario::Reading, received: Received<'_>) -> String {
    let labels = of
        .labels
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    let value = match &of.value {
        Value::Number(value) => number(*value, of.raw_unit),
        Value::Flag(flag) => flag.to_string(),
        Value::Text(text) => text.clone(),
        Value::Absent => "-".to_owned(),
    };
    let value = format!("{value} {} {}", of.unit, quality(of.quality));
    line(
        [&of.device, of.metric, &value],
        &labels.collect::<Vec<_>>(),
        &received.of(of.at, of.uplink),
        (&of.raw, of.raw_unit),
        &truth.via,
    )
}

fn quality(quality: Quality) -> &'static str {
    match quality {
        Quality::Good => "GOOD",
        Quality::Uncertain => "UNCERTAIN",
        Quality::Bad => "BAD",
        Quality::NotAvailable => "NOT_AVAILABLE",
    }
}

/// The readings of a report.
pub fn readings(report: &proto::Report, received: Received<'_>) -> Vec<String> {
    let one = |of: &proto::Reading| {
        let labels: BTreeSet<String> = of
            .labels
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let value = match &of.value {
            Some(reading::Value::Number(value)) => number(*value, &of.raw_unit),
            Some(reading::Value::Flag(flag)) => flag.to_string(),
            Some(reading::Value::Text(text)) => text.clone(),
            None => "-".to_owned(),
        };
        let quality = of.quality().as_str_name();
        let quality = quality.trim_start_matches("QUALITY_");
        let value = format!("{value} {} {quality}", of.unit);
        line(
            [&report.device_id, &of.metric, &value],
            &labels.into_iter().collect::<Vec<_>>(),
            &received.found(of.observed_at.as_ref()),
            (&of.raw, &of.raw_unit),
            &report.via,
        )
    };
    report.readings.iter().map(one).collect()
}

fn essential(name: &str, detail: &BTreeMap<String, String>) -> String {
    let of = DETAILS.iter().find(|(start, _)| name.starts_with(start));
    let keys = of.map_or(&[][..], |(_, keys)| keys);
    let found = keys
        .iter()
        .filter_map(|key| Some(format!(" {key}={}", detail.get(*key)?)));
    found.collect()
}

/// An event of the truth.
pub fn true_event(of: &scenario::Event, received: Received<'_>) -> String {
    let detail = of
        .detail
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    let at = received.of(of.at, of.uplink);
    let detail = essential(of.name, &detail.collect());
    format!("{} {} {} @{at}{detail}", of.device, of.name, of.severity)
}

/// An event of the gateway's.
pub fn event(of: &proto::Event, received: Received<'_>) -> String {
    let severity = Severity::try_from(of.severity).map_or("", |severity| severity.as_str_name());
    let at = received.found(of.at.as_ref());
    let detail = essential(&of.name, &of.detail.clone().into_iter().collect());
    format!("{} {} {severity} @{at}{detail}", of.device_id, of.name)
}

/// A reject of the truth.
pub fn true_reject(of: &scenario::Reject) -> String {
    format!("{} {}", of.device, of.reason)
}

/// A reject of the gateway's.
pub fn reject(of: &Reject) -> String {
    format!("{} {}", of.device_id, of.reason)
}

/// What a reject must name, of those with the same line, does one.
pub fn unnamed(truth: &Truth, rejects: &[Reject]) -> Vec<String> {
    let named = |of: &&scenario::Reject| {
        let mut same = rejects
            .iter()
            .filter(|found| reject(found) == true_reject(of));
        let needle = of.names.to_ascii_lowercase();
        same.any(|found| {
            let text = format!("{} {}", found.part, found.sentence);
            text.to_ascii_lowercase().contains(&needle)
        })
    };
    let missing = truth.rejects.iter().filter(|of| !named(of));
    missing
        .map(|of| format!("{} is named by no reject: {}", of.names, true_reject(of)))
        .collect()
}
