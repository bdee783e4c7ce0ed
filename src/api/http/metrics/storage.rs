//! The logs and what reads them.
use super::{alone, counters, double, gauges, histograms};
use crate::api::Shared;
use crate::log::{FollowerStat, Log, Stat};
use prometheus_client::encoding::DescriptorEncoder;
use std::fmt::Error;

pub(super) fn logs(out: &mut DescriptorEncoder<'_>, logs: &[(&str, &Log)]) -> Result<(), Error> {
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
    histograms(
        out,
        "log_group_seconds",
        "From a group's first append to the end of its sync",
        logs.iter()
            .map(|(name, log)| (vec![("log", *name)], log.latency().distribution())),
    )?;
    readers(out, logs)
}

fn readers(out: &mut DescriptorEncoder<'_>, logs: &[(&str, &Log)]) -> Result<(), Error> {
    let behind: Vec<_> = logs
        .iter()
        .flat_map(|(_, log)| {
            let watermark = log.watermark();
            let lag = move |follower: FollowerStat| {
                (follower.name, watermark.saturating_sub(follower.position))
            };
            log.followers().into_iter().map(lag)
        })
        .collect();
    let rows = behind
        .iter()
        .map(|(name, records)| (vec![("reader", &**name)], double(*records)));
    gauges(
        out,
        "reader_lag_records",
        "Records that a reader is behind",
        rows,
    )
}

pub(super) fn history(out: &mut DescriptorEncoder<'_>, shared: &Shared) -> Result<(), Error> {
    let stats = shared.history.stats();
    let rows = [
        ("stored", stats.stored),
        ("late", stats.late),
        ("skipped", stats.skipped),
    ];
    let rows = rows.map(|(outcome, value)| (vec![("outcome", outcome)], value));
    counters(
        out,
        "history_readings",
        "Readings by what history did with them",
        rows,
    )?;
    let help = "Readings of one series and time with different values";
    counters(out, "history_conflicts", help, alone(stats.conflicts))?;
    let help = "Records that retention or damage took before history read them";
    counters(out, "history_expired_records", help, alone(stats.expired))?;
    let help = "Chunks that could not be read";
    counters(out, "history_damaged_chunks", help, alone(stats.damaged))?;
    let help = "Readings in memory, to be stored";
    gauges(
        out,
        "history_open_readings",
        help,
        alone(double(stats.open)),
    )?;
    let help = "Records that history is behind the log";
    gauges(out, "history_lag_records", help, alone(double(stats.lag)))?;
    gauges(
        out,
        "history_bytes",
        "Bytes of history's tables",
        alone(double(stats.bytes)),
    )?;
    let help = "How long the last commit took";
    gauges(
        out,
        "history_commit_seconds",
        help,
        alone(stats.flush.as_secs_f64()),
    )
}
