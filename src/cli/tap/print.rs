//! The lines of `citygate tap`.
use crate::api::http::json;
use crate::cli::output;
use crate::model::proto::reading::Value;
use crate::model::proto::{Event, Reading, Report, SubscribeResponse};
use crate::model::{Quality, Timestamp};
use serde::Serialize;
use std::cell::Cell;
use std::fmt::Write as _;
use std::io::{self, Write};

/// One line of JSON.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Line<'a> {
    Report(json::Report<'a>),
    Event(json::Event<'a>),
}

/// Prints a response, as long as lines are left.
pub(super) fn response(
    as_json: bool,
    response: &SubscribeResponse,
    left: &Cell<u64>,
) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for report in &response.reports {
        if as_json {
            if take(left) {
                output::put_json(&mut out, &Line::Report(report.into()))?;
            }
            continue;
        }
        for reading in &report.readings {
            if take(left) {
                writeln!(out, "{}", reading_line(report, reading))?;
            }
        }
    }
    for event in &response.events {
        if !take(left) {
            break;
        }
        if as_json {
            output::put_json(&mut out, &Line::Event(event.into()))?;
        } else {
            writeln!(out, "{}", event_line(event))?;
        }
    }
    out.flush()
}

/// Takes one of the lines that are left.
pub(super) fn take(left: &Cell<u64>) -> bool {
    let before = left.get();
    left.set(before.saturating_sub(1));
    before > 0
}

fn shown_time(time: Option<&prost_types::Timestamp>) -> String {
    time.and_then(|time| Timestamp::from_secs_nanos(time.seconds, time.nanos))
        .map_or_else(|| "-".to_owned(), json::time)
}

/// `2026-11-23T08:00:00Z em-00001 meter.electricity voltage{phase=a} 230.1 V`, and the quality unless
/// it is good.
fn reading_line(report: &Report, reading: &Reading) -> String {
    let mut line = format!(
        "{} {} {} {}",
        shown_time(reading.observed_at.as_ref()),
        report.device_id,
        report.kind,
        reading.metric
    );
    let mut labels: Vec<String> = reading
        .labels
        .iter()
        .map(|(name, value)| format!("{name}={}", json::printable(value.as_bytes())))
        .collect();
    if !labels.is_empty() {
        labels.sort();
        // Writing to a String cannot fail.
        let _ = write!(line, "{{{}}}", labels.join(","));
    }
    let _ = match &reading.value {
        Some(Value::Number(number)) => write!(line, " {number}"),
        Some(Value::Flag(flag)) => write!(line, " {flag}"),
        Some(Value::Text(text)) => write!(line, " {}", json::printable(text.as_bytes())),
        None => write!(line, " -"),
    };
    if !reading.unit.is_empty() && reading.unit != "1" {
        let _ = write!(line, " {}", reading.unit);
    }
    let quality = u64::try_from(reading.quality)
        .ok()
        .and_then(Quality::from_number);
    if quality != Some(Quality::Good) {
        let name = quality.map_or("QUALITY_UNSPECIFIED", Quality::json_name);
        let _ = write!(line, " {}", name.trim_start_matches("QUALITY_"));
    }
    line
}

fn event_line(event: &Event) -> String {
    let mut details: Vec<String> = event
        .detail
        .iter()
        .map(|(name, value)| format!(" {name}={}", json::printable(value.as_bytes())))
        .collect();
    details.sort();
    let device = if event.device_id.is_empty() {
        "gateway"
    } else {
        &event.device_id
    };
    let severity = event
        .severity()
        .as_str_name()
        .trim_start_matches("SEVERITY_");
    format!(
        "{} {device} event {} {severity}{}",
        shown_time(event.at.as_ref()),
        event.name,
        details.concat()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn reading() -> Reading {
        Reading {
            metric: "voltage".to_owned(),
            unit: "V".to_owned(),
            value: Some(Value::Number(230.1)),
            observed_at: Some(Timestamp::from_secs(1_795_420_800).into()),
            quality: 1,
            labels: HashMap::from([("phase".to_owned(), "a".to_owned())]),
            ..Reading::default()
        }
    }

    #[test]
    fn a_reading_is_a_line_and_a_doubt_is_shown() {
        let report = Report {
            device_id: "em-1".to_owned(),
            kind: "meter.electricity".to_owned(),
            ..Report::default()
        };
        let time = shown_time(reading().observed_at.as_ref());
        assert_eq!(
            reading_line(&report, &reading()),
            format!("{time} em-1 meter.electricity voltage{{phase=a}} 230.1 V")
        );
        let doubtful = Reading {
            quality: 2,
            unit: "1".to_owned(),
            value: Some(Value::Text("\u{1b}[2J".to_owned())),
            labels: HashMap::new(),
            ..reading()
        };
        let line = reading_line(&report, &doubtful);
        assert!(
            line.ends_with(" UNCERTAIN") && !line.contains('\u{1b}'),
            "{line}"
        );
    }

    #[test]
    fn an_event_of_the_gateway_says_so() {
        let event = Event {
            name: "gap".to_owned(),
            severity: 3,
            detail: HashMap::from([
                ("to".to_owned(), "9".to_owned()),
                ("from".to_owned(), "1".to_owned()),
            ]),
            ..Event::default()
        };
        assert_eq!(
            event_line(&event),
            "- gateway event gap CRITICAL from=1 to=9"
        );
    }
}
