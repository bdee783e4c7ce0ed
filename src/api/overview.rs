//! The gateway itself in one look: for the page's first line and `/v1/gateway`.
use super::{Phase, Shared};
use crate::devices;
use crate::log::{Log, Start};
use crate::model::{Source, Timestamp};
use crate::telemetry::{ConfigState, Recent};
use std::time::{Duration, Instant};

/// How the gateway is.
#[derive(Clone, Debug)]
pub struct Overview {
    /// Of this build.
    pub version: &'static str,
    /// The gateway's name.
    pub node: Box<str>,
    /// Now.
    pub now: Timestamp,
    /// When the process started.
    pub started_at: Timestamp,
    /// Where it stands between start and end.
    pub phase: Phase,
    /// Why no traffic should come now; empty: it should.
    pub unready: Vec<String>,
    /// Uplinks per second over the last minute, of every source that ever had one.
    pub rates: Vec<(Source, f64)>,
    /// From append to durable, over the last minute: the longest wait of each group.
    pub ack: Recent,
    /// How far each reader is behind the log.
    pub readers: Vec<Reader>,
    /// Devices by state and health.
    pub devices: devices::Counts,
    /// Bytes free on the log's disk.
    pub free_bytes: u64,
    /// What became of the configuration.
    pub config: ConfigState,
    /// Why uplinks are refused now; `None`: they are taken.
    pub refusing: Option<String>,
}

/// A reader of the log and its lag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// `history`, `devices`, `devices_rejects` for the registry's way along the log of rejects, or a
    /// store's name.
    pub name: Box<str>,
    /// Records that it has not read.
    pub records: u64,
    /// Age of the first of them; zero if there are none.
    pub behind: Duration,
}

/// Looks at everything. May read a frame of the log for each reader that is behind: for a thread
/// that may block.
pub fn overview(shared: &Shared) -> Overview {
    let (now, instant) = (shared.clock.now(), Instant::now());
    let rates = shared.rates.per_second(instant, &shared.accounting);
    let rates = Source::ALL.into_iter().zip(rates);
    let heard = |source: Source| shared.accounting.snapshot(source).received > 0;
    let (history, devices) = (shared.history.stats(), shared.devices.stats());
    let mut readers = vec![
        reader("history", &shared.log, history.lag, now),
        reader("devices", &shared.log, devices.lag, now),
        reader("devices_rejects", &shared.rejects, devices.rejects_lag, now),
    ];
    for store in shared.stores.look() {
        let name = &store.config.name;
        readers.push(reader(name, &shared.log, store.lag_records, now));
    }
    Overview {
        version: env!("CARGO_PKG_VERSION"),
        node: shared.node.clone(),
        now,
        started_at: shared.started_at,
        phase: shared.readiness.phase(),
        unready: shared.readiness.reasons(now),
        rates: rates.filter(|(source, _)| heard(*source)).collect(),
        ack: shared.log.latency().recent(instant),
        readers,
        devices: shared.devices.counts(),
        free_bytes: shared.log.stat().free_bytes,
        config: shared.config.state(),
        refusing: shared.log.refusing().map(|why| why.to_string()),
    }
}

/// A reader that has all but the last `records` of a log.
pub fn reader(name: &str, log: &Log, records: u64, now: Timestamp) -> Reader {
    let appended_at = || {
        let next = log.watermark().saturating_sub(records) + 1;
        let mut reader = log.reader(Start::At(next)).ok()?;
        let frames = reader.read(1).ok()?;
        frames.first().map(|frame| frame.appended_at)
    };
    let behind = (records > 0).then(appended_at).flatten();
    Reader {
        name: name.into(),
        records,
        behind: behind.map_or(Duration::ZERO, |at| now.since(at)),
    }
}
