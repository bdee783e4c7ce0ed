//! Tests of the replay of CSV files.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
use super::*;
use crate::sim::Protocol;

const CAMBRIDGE: &str = "datetime,building,equipment load [kWh],heating load [kWh]
2019-01-01 00:00:00,UCam_Building_b33,78.0,1.8
2019-01-01 01:00:00,UCam Building/b40,,19.0
";

fn options() -> ReplayOptions {
    let mapping = |text: &str| text.parse().unwrap();
    ReplayOptions {
        time_column: "datetime".to_owned(),
        device: Device::Column("building".to_owned()),
        mappings: vec![
            mapping("equipment load [kWh]=active_energy_interval:kW.h@electricity"),
            mapping("heating load [kWh]=gas_energy_interval:kW.h@gas"),
        ],
        zone: TimeZone::UTC,
        time_format: None,
        split: Split::evenly(vec![(Protocol::Mqtt, "city/{device}/json".to_owned())]),
    }
}

fn play(text: &'static str, options: ReplayOptions) -> Result<(Vec<Message>, u64), ReplayError> {
    let tally = Tally::default();
    let (sender, mut queue) = mpsc::channel(100);
    Replay::open(Box::new(text.as_bytes()), options)?.read_into(&sender, &tally);
    drop(sender);
    let messages: Result<_, _> = std::iter::from_fn(|| queue.try_recv().ok()).collect();
    Ok((messages?, tally.missing.load(Relaxed)))
}

#[test]
fn a_row_is_a_message_per_suffix() {
    let (messages, missing) = play(CAMBRIDGE, options()).unwrap();
    let shown: Vec<String> = messages
        .iter()
        .map(|m| format!("{} {}", m.topic, String::from_utf8_lossy(&m.payload)))
        .collect();
    assert_eq!(
        shown,
        [
            r#"city/UCam_Building_b33-electricity/json {"ts":"2019-01-01T00:00:00Z","active_energy_interval":{"value":78.0,"unit":"kW.h"}}"#,
            r#"city/UCam_Building_b33-gas/json {"ts":"2019-01-01T00:00:00Z","gas_energy_interval":{"value":1.8,"unit":"kW.h"}}"#,
            r#"city/UCam-Building-b40-gas/json {"ts":"2019-01-01T01:00:00Z","gas_energy_interval":{"value":19.0,"unit":"kW.h"}}"#,
        ]
    );
    assert_eq!(missing, 1);
}

#[test]
fn mappings_without_a_suffix_share_a_message() {
    let mut options = options();
    for mapping in &mut options.mappings {
        mapping.suffix = None;
    }
    let (messages, _) = play(CAMBRIDGE, options).unwrap();
    assert_eq!(messages.len(), 2);
}

#[test]
fn times_follow_zone_format_and_size() {
    let shanghai = TimeZone::get("Asia/Shanghai").unwrap();
    for (cell, format, zone, shown) in [
        (
            "2019-01-01 00:00:00",
            None,
            shanghai,
            "2018-12-31T16:00:00Z",
        ),
        (
            "06-06-16 01:00",
            Some("%d-%m-%y %H:%M"),
            TimeZone::UTC,
            "2016-06-06T01:00:00Z",
        ),
        ("1514764800", None, TimeZone::UTC, "2018-01-01T00:00:00Z"),
        ("1514764800000", None, TimeZone::UTC, "2018-01-01T00:00:00Z"),
    ] {
        let options = ReplayOptions {
            time_format: format.map(str::to_owned),
            zone,
            ..options()
        };
        let replay = Replay::open(Box::new(CAMBRIDGE.as_bytes()), options).unwrap();
        assert_eq!(replay.time(cell).unwrap().to_string(), shown);
    }
}

#[test]
fn wrong_rows_are_errors_with_their_line() {
    for (text, wanted) in [
        (
            "datetime,building,equipment load [kWh],heating load [kWh]\n2019-01-01 00:00:00,b,x,1\n",
            "need a number",
        ),
        (
            "datetime,building,equipment load [kWh],heating load [kWh]\nnever,b,1,1\n",
            "is no time",
        ),
        (
            "datetime,building,equipment load [kWh],heating load [kWh]\n2019-01-01 00:00:00,b,inf,1\n",
            "need a number",
        ),
    ] {
        let Err(ReplayError::Row { line: 2, source }) = play(text, options()) else {
            panic!("{text} was accepted");
        };
        assert!(source.to_string().contains(wanted), "{source}");
    }
    let error = play("datetime,house\n", options()).unwrap_err().to_string();
    assert_eq!(
        error,
        r#"there is no column "equipment load [kWh]"; the file has "datetime", "house""#
    );
}
