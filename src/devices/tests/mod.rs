//! The rules, on the pure table, with the clock in hand.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod following;
mod full_disk;
mod health;
mod life;
mod listed;
mod lists;
mod renewed;
mod sight;
mod values;

use super::table::Table;
use super::{Config, Device, Query, State};
use crate::catalogue::Catalogue;
use crate::log::record::Arrived;
use crate::model::{
    Arrival, Quality, ReadingDraft, Reject, ReportDraft, ReportView, Source, Timestamp, Value,
    proto,
};
use std::sync::Arc;

/// 2026-11-23T12:00:00Z and some seconds.
fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_795_435_200 + secs)
}

/// A table that is fed by hand, from time 0 on.
struct Fed {
    table: Table,
    log: u64,
    rejects: u64,
}

impl Fed {
    fn new() -> Self {
        Self::with(Config::default())
    }

    fn with(config: Config) -> Self {
        let catalogue = Arc::new(Catalogue::shipped());
        Self {
            table: Table::new(config, catalogue, 7, at(0)),
            log: 1_000,
            rejects: 1_000,
        }
    }

    /// The next record of the log is a report.
    fn report(&mut self, report: &ReportDraft<'_>) {
        self.log += 1;
        self.report_at(self.log, report);
    }

    fn report_at(&mut self, sequence: u64, report: &ReportDraft<'_>) {
        let mut bytes = Vec::new();
        report.encode(&mut bytes);
        let mut arrival = Vec::new();
        let here = Arrival {
            address: Some("10.1.2.3:4567".parse().unwrap()),
            topic: "",
            client: "",
            content_format: None,
            raw: &[],
            raw_len: 0,
            alone: true,
            route: "",
            version: "",
        };
        here.encode(&mut arrival);
        self.table.uplink(Arrived::Here(&arrival));
        self.table
            .apply_report(sequence, &ReportView::parse(&bytes).unwrap());
    }

    /// A report of one value, heard and observed at `secs`.
    fn heard(&mut self, device: &str, secs: i64) {
        let value = f64::from(i32::try_from(secs % 1_000).unwrap());
        let reading = number("wind_direction", secs, value);
        self.report(&report(device, secs, vec![reading]));
    }

    fn reject(&mut self, device: &str, secs: i64, reason: &str) {
        self.reject_by(device, "", secs, reason);
    }

    /// `via`: who sent it, "" where the device did.
    fn reject_by(&mut self, device: &str, via: &str, secs: i64, reason: &str) {
        self.rejects += 1;
        let reject = Reject {
            received_at_ns: at(secs).as_nanos(),
            source: 1,
            address: "10.9.9.9:1".into(),
            device_id: device.into(),
            via: via.into(),
            reason: reason.into(),
            sentence: format!("why: {reason}"),
            ..Reject::default()
        };
        self.table.apply_reject(self.rejects, &reject);
    }

    fn event(&mut self, device: &str, name: &str, secs: i64, uplink: bool) {
        self.log += 1;
        let event = proto::Event {
            device_id: device.into(),
            name: name.into(),
            at: Some(at(secs).into()),
            ..proto::Event::default()
        };
        self.table.apply_event(self.log, &event, uplink);
    }

    /// Second by second would be slow: time stops where something is due.
    fn pass(&mut self, from: i64, to: i64) {
        let step = ((to - from) / 2_000).max(1);
        let mut secs = from;
        while secs < to {
            secs = (secs + step).min(to);
            while self.table.tick(at(secs)) {}
        }
    }

    fn get(&self, device: &str, secs: i64) -> Device {
        let number = self.table.ids.find(device).unwrap();
        self.table.show(number, at(secs), true).unwrap()
    }

    fn state(&self, device: &str) -> State {
        self.get(device, 0).state
    }

    fn ids(&self, query: &Query) -> Vec<String> {
        let page = self.table.list(query, at(0));
        page.devices
            .iter()
            .map(|device| device.id.to_string())
            .collect()
    }
}

fn number(metric: &'static str, secs: i64, value: f64) -> ReadingDraft<'static> {
    ReadingDraft {
        metric,
        unit: "1",
        value: Value::Number(value),
        observed_at: at(secs),
        quality: Quality::Good,
        labels: Vec::new(),
        raw: "".into(),
        raw_unit: "".into(),
    }
}

fn flag(metric: &'static str, secs: i64, value: bool) -> ReadingDraft<'static> {
    ReadingDraft {
        value: Value::Flag(value),
        ..number(metric, secs, 0.0)
    }
}

fn report<'a>(device: &'a str, secs: i64, readings: Vec<ReadingDraft<'a>>) -> ReportDraft<'a> {
    ReportDraft {
        device_id: device,
        kind: "pole.environment",
        district: "370102",
        profile: "json",
        received_at: at(secs),
        source: Source::Mqtt,
        readings,
        node: "lixia-1",
        via: "",
    }
}

fn query() -> Query {
    Query {
        limit: 100,
        ..Query::default()
    }
}
