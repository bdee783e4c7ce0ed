//! History on the real database.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod follow;
mod full_disk;
mod keeping;
mod looking_back;
mod querying;
mod retention;

use super::shared::Shared;
use super::writer::{Found, Writer};
use super::{Config, Query, Selection};
use crate::log::LogId;
use crate::log::record::{self, Arrived, Keys, Kind};
use crate::model::wire::Fields;
use crate::model::{Clock, Quality, ReadingDraft, ReportDraft, Source, Timestamp, Value, proto};
use crate::state::State;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);
const LOG: LogId = LogId(7);
const ALL: (Timestamp, Timestamp) = (Timestamp::MIN, Timestamp::MAX);

/// 2026-11-23T12:00:00Z, the middle of a day.
fn noon() -> Timestamp {
    Timestamp::from_secs(1_795_435_200)
}

fn config() -> Config {
    Config::default()
}

/// A history that is fed by hand.
struct Fed {
    shared: Arc<Shared>,
    writer: Writer,
}

impl Fed {
    fn open(dir: &Path, config: Config, clock: &Clock) -> Self {
        let state = Arc::new(State::open(dir).unwrap());
        let shared = Arc::new(Shared::new(state, config, clock.clone()));
        let (writer, _) = Writer::open(Arc::clone(&shared), LOG).unwrap();
        Self { shared, writer }
    }

    /// As after a crash: what is in memory is lost, what was committed is read again.
    fn crash(&mut self) -> Found {
        self.shared.state.reopen().unwrap();
        let (writer, found) = Writer::open(Arc::clone(&self.shared), LOG).unwrap();
        self.writer = writer;
        found
    }

    fn feed(&mut self, sequence: u64, report: &ReportDraft<'_>) {
        feed(&mut self.writer, sequence, report);
    }

    fn query(
        &self,
        selection: Selection,
        (from, to): (Timestamp, Timestamp),
    ) -> Vec<proto::Report> {
        Query::new(Arc::clone(&self.shared), selection, from, to)
            .collect::<Result<_, _>>()
            .unwrap()
    }

    fn all(&self) -> Vec<proto::Report> {
        self.query(Selection::default(), ALL)
    }
}

fn record_of(report: &ReportDraft<'_>) -> Vec<u8> {
    let mut body = Vec::new();
    report.encode(&mut body);
    let mut bytes = Vec::new();
    record::put(
        &mut bytes,
        Kind::Report,
        &Keys::default(),
        Arrived::Not,
        &body,
    );
    bytes
}

fn feed(writer: &mut Writer, sequence: u64, report: &ReportDraft<'_>) {
    let bytes = record_of(report);
    let record = record::take(&mut Fields::new(&bytes)).unwrap();
    writer.feed(std::iter::once((sequence, record)));
}

fn reading(metric: &str, time: Timestamp, value: f64) -> ReadingDraft<'_> {
    ReadingDraft {
        metric,
        unit: "V",
        value: Value::Number(value),
        observed_at: time,
        quality: Quality::Good,
        labels: Vec::new(),
        raw: "".into(),
        raw_unit: "".into(),
    }
}

fn report<'a>(device: &'a str, readings: Vec<ReadingDraft<'a>>) -> ReportDraft<'a> {
    ReportDraft {
        device_id: device,
        kind: "meter.electricity",
        district: "370102",
        profile: "json",
        received_at: noon(),
        source: Source::Mqtt,
        readings,
        node: "lixia-1",
        via: "",
    }
}

fn one(device: &str, time: Timestamp, value: f64) -> ReportDraft<'_> {
    report(device, vec![reading("voltage", time, value)])
}

fn number(report: &proto::Report) -> f64 {
    match report.readings[0].value {
        Some(proto::reading::Value::Number(number)) => number,
        ref other => panic!("{other:?}"),
    }
}

fn numbers(reports: &[proto::Report]) -> Vec<f64> {
    reports.iter().map(number).collect()
}
