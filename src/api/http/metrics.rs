//! `/metrics`: what Prometheus collects, read from where it is counted at the time of the scrape.
//!
//! No label names a device, a client or an address: their number has no bound.
use super::Http;
use super::problem::Problem;
use crate::api::Shared;
use crate::log::{FollowerStat, Log, Stat};
use crate::model::Source;
use crate::telemetry::Counts;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::fmt::Error;
use std::sync::Arc;

/// The OpenMetrics text format, which Prometheus asks for.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `/metrics`.
pub async fn scrape(State(http): State<Http>) -> Result<impl IntoResponse, Problem> {
    let mut registry = Registry::with_prefix("citygate");
    registry.register_collector(Box::new(Scrape(http.shared)));
    let mut text = String::new();
    encode(&mut text, &registry)
        .map_err(|error| Problem::internal("the metrics cannot be written", &error))?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text))
}

/// All families, at one moment.
#[derive(Debug)]
struct Scrape(Arc<Shared>);

/// One family's rows: labels and value.
type Row<'a, T> = (Vec<(&'a str, &'a str)>, T);

fn counters<'a>(
    out: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    rows: impl IntoIterator<Item = Row<'a, u64>>,
) -> Result<(), Error> {
    let mut family = out.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, value) in rows {
        ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn gauges<'a>(
    out: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    rows: impl IntoIterator<Item = Row<'a, f64>>,
) -> Result<(), Error> {
    let mut family = out.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in rows {
        ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "Prometheus has doubles only; no gauge here comes near 2^53"
)]
const fn double(value: u64) -> f64 {
    value as f64
}

impl Collector for Scrape {
    fn encode(&self, mut out: DescriptorEncoder) -> Result<(), Error> {
        let shared = &*self.0;
        sources(&mut out, shared)?;
        logs(
            &mut out,
            &[("readings", &shared.log), ("rejects", &shared.rejects)],
        )?;
        served(&mut out, shared)?;
        process(&mut out, shared)
    }
}

fn sources(out: &mut DescriptorEncoder<'_>, shared: &Shared) -> Result<(), Error> {
    let counts: Vec<(&str, Counts)> = Source::ALL
        .into_iter()
        .map(|source| (source.name(), shared.accounting.snapshot(source)))
        .collect();
    let outcomes: [(&str, fn(&Counts) -> u64); 5] = [
        ("logged", |counts| counts.logged),
        ("rejected", |counts| counts.rejected),
        ("duplicate", |counts| counts.duplicate),
        ("refused", |counts| counts.refused),
        ("dropped", |counts| counts.dropped),
    ];
    let each = |value: fn(&Counts) -> u64| {
        let row = move |(source, counts): &(&'static str, Counts)| {
            (vec![("source", *source)], value(counts))
        };
        counts.iter().map(row).collect::<Vec<_>>()
    };
    counters(
        out,
        "uplinks_received",
        "Uplinks that arrived",
        each(|counts| counts.received),
    )?;
    let rows = counts.iter().flat_map(|(source, counts)| {
        outcomes.map(|(outcome, value)| {
            (
                vec![("source", *source), ("outcome", outcome)],
                value(counts),
            )
        })
    });
    counters(out, "uplinks", "Uplinks by what became of them", rows)?;
    let rows = each(|counts| counts.in_flight);
    let rows = rows
        .into_iter()
        .map(|(labels, value)| (labels, double(value)));
    gauges(
        out,
        "uplinks_in_flight",
        "Uplinks waiting for the disk",
        rows,
    )?;
    let help = "Parts rejected out of uplinks that were logged";
    counters(
        out,
        "reject_parts",
        help,
        each(|counts| counts.reject_parts),
    )?;
    let help = "Rejects that a retry turned into reports";
    counters(
        out,
        "rejects_recovered",
        help,
        each(|counts| counts.recovered),
    )?;
    let help = "Connections or datagrams that never became an uplink";
    counters(
        out,
        "protocol_errors",
        help,
        each(|counts| counts.protocol_errors),
    )
}

fn logs(out: &mut DescriptorEncoder<'_>, logs: &[(&str, &Log)]) -> Result<(), Error> {
    let stats: Vec<_> = logs.iter().map(|(name, log)| (*name, log.stat())).collect();
    let gauge = |value: fn(&Stat) -> u64| {
        stats
            .iter()
            .map(move |(name, stat)| (vec![("log", *name)], double(value(stat))))
            .collect::<Vec<_>>()
    };
    let counter = |value: fn(&Stat) -> u64| {
        stats
            .iter()
            .map(move |(name, stat)| (vec![("log", *name)], value(stat)))
            .collect::<Vec<_>>()
    };
    gauges(
        out,
        "log_segments",
        "Segments of a log",
        gauge(|stat| stat.segments),
    )?;
    gauges(
        out,
        "log_bytes",
        "Bytes of a log's segments",
        gauge(|stat| stat.bytes),
    )?;
    let rows = gauge(|stat| stat.pending_bytes);
    gauges(out, "log_pending_bytes", "Bytes waiting for the disk", rows)?;
    let rows = gauge(|stat| stat.free_bytes);
    gauges(
        out,
        "log_disk_free_bytes",
        "Bytes free on a log's disk",
        rows,
    )?;
    let rows = logs.iter().map(|(name, log)| {
        (
            vec![("log", *name)],
            f64::from(u8::from(log.refusing().is_some())),
        )
    });
    gauges(out, "log_refusing", "1 while appends are refused", rows)?;
    counters(
        out,
        "log_groups",
        "Groups synced",
        counter(|stat| stat.groups),
    )?;
    counters(
        out,
        "log_records",
        "Records made durable",
        counter(|stat| stat.records),
    )?;
    let followers: Vec<FollowerStat> = logs.iter().flat_map(|(_, log)| log.followers()).collect();
    let watermark = logs.first().map_or(0, |(_, log)| log.watermark());
    let rows = followers.iter().map(|follower| {
        let behind = watermark.saturating_sub(follower.position);
        (vec![("reader", follower.name)], double(behind))
    });
    gauges(
        out,
        "reader_lag_records",
        "Records that a reader is behind",
        rows,
    )
}

fn served(out: &mut DescriptorEncoder<'_>, shared: &Shared) -> Result<(), Error> {
    let metrics = &shared.metrics;
    let open = [
        ("subscribe", &metrics.subscribers),
        ("query", &metrics.queries),
    ];
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let rows = open.map(|(call, gauge)| (vec![("call", call)], gauge.get() as f64));
    gauges(out, "grpc_streams", "Open gRPC streams", rows)?;
    let none = |value| [(Vec::new(), value)];
    let help = "Responses sent to subscribers, heartbeats included";
    counters(
        out,
        "subscriber_responses",
        help,
        none(metrics.responses.get()),
    )?;
    let help = "Reports and events sent to subscribers";
    counters(
        out,
        "subscriber_records",
        help,
        none(metrics.records_sent.get()),
    )?;
    let help = "Bytes of reports and events sent to subscribers";
    counters(
        out,
        "subscriber_bytes",
        help,
        none(metrics.bytes_sent.get()),
    )?;
    let rows = [
        ("ok", &metrics.http_ok),
        ("refused", &metrics.http_refused),
        ("failed", &metrics.http_failed),
    ];
    let rows = rows.map(|(outcome, counter)| (vec![("outcome", outcome)], counter.get()));
    counters(out, "http_requests", "HTTP requests answered", rows)
}

fn process(out: &mut DescriptorEncoder<'_>, shared: &Shared) -> Result<(), Error> {
    let now = shared.clock.now();
    let ready = shared.readiness.reasons(now).is_empty();
    let none = |value| [(Vec::new(), value)];
    let rows = none(f64::from(u8::from(ready)));
    gauges(out, "ready", "1 when traffic may be sent here", rows)?;
    let rows = none(now.since(shared.started_at).as_secs_f64());
    gauges(out, "uptime_seconds", "Time since the start", rows)?;
    let rows = [(
        vec![
            ("version", env!("CARGO_PKG_VERSION")),
            ("node", &*shared.node),
        ],
        1.0,
    )];
    gauges(out, "build", "This build", rows)?;
    if let Some(bytes) = resident_bytes() {
        gauges(
            out,
            "process_resident_bytes",
            "Memory in use",
            none(double(bytes)),
        )?;
    }
    if let Some(secs) = cpu_seconds() {
        let mut family = out.encode_descriptor(
            "process_cpu_seconds",
            "Processor time used",
            None,
            MetricType::Counter,
        )?;
        ConstCounter::new(secs).encode(family.encode_family(&Vec::<(&str, &str)>::new())?)?;
    }
    Ok(())
}

/// `VmRSS` of /proc/self/status; `None` elsewhere than on Linux.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// User and system time of /proc/self/stat, fields 14 and 15, in `USER_HZ`, which is 100 on every
/// Linux that users see (proc(5)); `None` elsewhere.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field, the name in parentheses, may hold blanks.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(double(user + system) / 100.0)
}
