#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
use super::*;
use crate::catalogue::Catalogue;
use crate::codecs::{Limits, Sample, Sent, SentTime};
use crate::profiles::{Profile, Profiles};
use proptest::prelude::*;

fn profile(text: &str) -> Profile {
    let text = format!("name = \"x\"\nversion = \"1\"\nformat = \"json\"\n{text}");
    Profile::parse("profiles/x.toml", &text, &Catalogue::shipped()).unwrap()
}

fn problems(text: &str) -> Vec<String> {
    let text = format!("name = \"x\"\nversion = \"1\"\nformat = \"json\"\n{text}");
    let error = Profile::parse("profiles/x.toml", &text, &Catalogue::shipped()).unwrap_err();
    error.iter().map(ToString::to_string).collect()
}

fn decode(
    profile: &Profile,
    payload: &[u8],
    readings_max: usize,
) -> Result<Decoded<'static>, Fault> {
    let profiles = Profiles::default();
    let around = Around {
        limits: Limits { readings_max },
        profiles: &profiles,
        profile_of: &|_| None,
    };
    let mut out = Decoded::default();
    profile.decode(payload, around, &mut out)?;
    let mut owned = Decoded::default();
    out.move_to(&mut owned);
    Ok(owned)
}

/// `[0].voltage = 230.1 phase=a @1571227500`, one a sample; then faults and notes.
fn shown(profile: &Profile, payload: &str) -> Vec<String> {
    let out = decode(profile, payload.as_bytes(), 100).unwrap();
    let mut lines: Vec<String> = out.samples.iter().map(|s| sample(&out, s)).collect();
    lines.extend(out.faults.list().iter().map(ToString::to_string));
    for note in &out.notes {
        let detail: Vec<String> = note
            .detail
            .iter()
            .map(|(k, v)| format!(" {k}={v}"))
            .collect();
        lines.push(format!("event {}{}", note.name, detail.concat()));
    }
    lines
}

fn sample(out: &Decoded<'_>, sample: &Sample<'_>) -> String {
    let value = match &sample.value {
        Sent::Number(number, _) => number.to_string(),
        Sent::Flag(flag) => flag.to_string(),
        Sent::Text(text) | Sent::Data(text) | Sent::NotFinite(text) => text.to_string(),
        Sent::Null => "null".to_owned(),
    };
    let labels: Vec<String> = sample
        .labels
        .iter()
        .map(|(k, v)| format!(" {k}={v}"))
        .collect();
    let time = match &out.group(sample.group).unwrap().time {
        SentTime::Absent => String::new(),
        SentTime::Number(text) | SentTime::Text(text) => format!(" @{text}"),
        SentTime::Unix(nanos) => format!(" @{}s", nanos / 1_000_000_000),
        SentTime::Relative(nanos) => format!(" @now{}s", nanos / 1_000_000_000),
    };
    let place = out.place_of(sample.group, &sample.metric, sample.item);
    format!("{place} = {value}{}{time}", labels.concat())
}

const METER: &str = r#"
[device]
path = "Message.IMEI"
prefix = "imei:"
[time]
path = "Telemetry.UTC"
unit = "s"
[[value]]
metric = "voltage"
path = "Telemetry.u"
scale = 0.1
absent = [65535]
when = { "Message.dev" = ["a", "b"] }
[[value]]
metric = "battery_level"
path = "Telemetry.bat"
"#;

#[test]
fn a_nested_document_is_read_in_one_walk() {
    let meter = profile(METER);
    let payload = r#" {"Message":{"IMEI":" 867 ","x":[1,{"y":[]}]},"Telemetry":{"u":2301,"bat ":"099","UTC":1571227500},"Message ":1} "#;
    let out = decode(&meter, payload.as_bytes(), 100).unwrap();
    assert_eq!((out.sender, out.samples.len()), (None, 0));
    // Message is there twice, the device in one of them only: nothing is taken.
    assert_eq!(out.faults.list()[0].reason, Reason::DuplicateKey);
    let payload = r#"{"Telemetry":{"u":2301,"bat ":"099","UTC":1571227500},"Message":{"IMEI":867,"dev":"b"}}"#;
    assert_eq!(
        shown(&meter, payload),
        [
            "voltage = 230.1 @1571227500s",
            "battery_level = 99 @1571227500s"
        ]
    );
}
