//! Callers, and the process itself.
use super::{alone, counters, double, gauges};
use crate::api::Shared;
use crate::telemetry::Part;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use std::fmt::Error;

pub(super) fn served(out: &mut DescriptorEncoder<'_>, shared: &Shared) -> Result<(), Error> {
    let metrics = &shared.metrics;
    let open = [
        ("subscribe", &metrics.subscribers),
        ("query", &metrics.queries),
        ("watch", &metrics.watches),
    ];
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let rows = open.map(|(call, gauge)| (vec![("call", call)], gauge.get() as f64));
    gauges(out, "grpc_streams", "Open gRPC streams", rows)?;
    let help = "Responses sent to subscribers, heartbeats included";
    counters(
        out,
        "subscriber_responses",
        help,
        alone(metrics.responses.get()),
    )?;
    let help = "Reports and events sent to subscribers";
    counters(
        out,
        "subscriber_records",
        help,
        alone(metrics.records_sent.get()),
    )?;
    let help = "Bytes of reports and events sent to subscribers";
    counters(
        out,
        "subscriber_bytes",
        help,
        alone(metrics.bytes_sent.get()),
    )?;
    let rows = [
        ("ok", &metrics.http_ok),
        ("refused", &metrics.http_refused),
        ("failed", &metrics.http_failed),
    ];
    let rows = rows.map(|(outcome, counter)| (vec![("outcome", outcome)], counter.get()));
    counters(out, "http_requests", "HTTP requests answered", rows)
}

pub(super) fn config(out: &mut DescriptorEncoder<'_>, shared: &Shared) -> Result<(), Error> {
    let state = shared.config.state();
    let failed = f64::from(u8::from(!state.problems.is_empty()));
    let help = "1 while the configuration that was last read is wrong, and an older one works on";
    gauges(out, "config_reload_failed", help, alone(failed))?;
    let (secs, _) = state.loaded_at.as_secs_nanos();
    let secs = double(u64::try_from(secs).unwrap_or_default());
    let help = "When the configuration that works was read, in seconds since 1970";
    gauges(out, "config_reload_last_success", help, alone(secs))?;
    let keys = double(state.needs_restart.len() as u64);
    let help = "Keys of the configuration whose new value waits for a restart";
    gauges(out, "config_needs_restart", help, alone(keys))?;
    let rows = [("loaded", state.loaded), ("failed", state.failed)];
    let rows = rows.map(|(outcome, count)| (vec![("outcome", outcome)], count));
    let help = "Configurations read since the start, but for the first";
    counters(out, "config_reloads", help, rows)?;
    let rows = Part::ALL.into_iter().zip(state.failed_parts);
    let rows = rows.map(|(part, count)| (vec![("part", part.name())], count));
    let help = "Configurations that were not taken, by the part that is wrong";
    counters(out, "config_reload_failures", help, rows)?;
    let snapshot = &state.snapshot;
    let rows = alone(double(snapshot.devices.unwrap_or_default()));
    gauges(out, "inventory_devices", "Devices in the inventory", rows)?;
    let help = "Profiles out of files, those shipped included";
    gauges(out, "profiles", help, alone(double(snapshot.profiles)))?;
    let help = "Counts the snapshots of inventory and profiles since the start";
    let rows = alone(double(snapshot.generation));
    gauges(out, "snapshot_generation", help, rows)?;
    let help = "Time that reading the snapshot took";
    let rows = alone(snapshot.took.as_secs_f64());
    gauges(out, "snapshot_read_seconds", help, rows)?;
    let help = "Snapshots of before that somebody still looks at";
    let rows = alone(double(state.retired as u64));
    gauges(out, "snapshots_retired", help, rows)
}

pub(super) fn process(out: &mut DescriptorEncoder<'_>, shared: &Shared) -> Result<(), Error> {
    let now = shared.clock.now();
    let ready = shared.readiness.reasons(now).is_empty();
    let rows = alone(f64::from(u8::from(ready)));
    gauges(out, "ready", "1 when traffic may be sent here", rows)?;
    let rows = alone(now.since(shared.started_at).as_secs_f64());
    gauges(out, "uptime_seconds", "Time since the start", rows)?;
    let rows = [(
        vec![
            ("version", env!("CARGO_PKG_VERSION")),
            ("node", &*shared.node),
        ],
        1.0,
    )];
    gauges(out, "build_info", "This build", rows)?;
    if let Some(bytes) = resident_bytes() {
        gauges(
            out,
            "process_resident_bytes",
            "Memory in use",
            alone(double(bytes)),
        )?;
    }
    if let Some(secs) = cpu_seconds() {
        let help = "Processor time used";
        let family =
            out.encode_descriptor("process_cpu_seconds", help, None, MetricType::Counter)?;
        ConstCounter::new(secs).encode(family)?;
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
