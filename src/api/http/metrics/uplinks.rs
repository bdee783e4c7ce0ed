//! What came in, and what became of it.
use super::{alone, counters, double, gauges};
use crate::api::Shared;
use crate::model::Source;
use crate::telemetry::Counts;
use prometheus_client::encoding::DescriptorEncoder;
use std::fmt::Error;
use std::sync::atomic::{AtomicU64, Ordering};

/// A count by the name of what was counted.
type Named = (&'static str, fn(&Counts) -> u64);

pub(super) fn sources(out: &mut DescriptorEncoder<'_>, shared: &Shared) -> Result<(), Error> {
    let counts: Vec<(&str, Counts)> = Source::ALL
        .into_iter()
        .map(|source| (source.name(), shared.accounting.snapshot(source)))
        .collect();
    let outcomes: [Named; 5] = [
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

pub(super) fn intake(out: &mut DescriptorEncoder<'_>, shared: &Shared) -> Result<(), Error> {
    let stats = shared.intake.stats();
    let rows = stats
        .rejects()
        .map(|(reason, count)| (vec![("reason", reason.as_str())], count));
    counters(out, "rejects", "Rejects and reject parts by reason", rows)?;
    let help = "Keys that deduplication remembers";
    gauges(
        out,
        "dedup_entries",
        help,
        alone(double(stats.dedup_entries())),
    )?;
    let help = "Keys forgotten before their window ended";
    counters(out, "dedup_evictions", help, alone(stats.dedup_evictions()))?;
    let help = "Events that said nothing new and were left out";
    counters(
        out,
        "events_suppressed",
        help,
        alone(stats.events_suppressed()),
    )?;
    let found = stats
        .findings()
        .map(|(rule, count)| (vec![("rule", rule.as_str())], count));
    let help = "Readings of registers of which something was found, told or not";
    counters(out, "register_findings", help, found)?;
    let help = "Registers whose last values are remembered";
    gauges(
        out,
        "registers",
        help,
        alone(double(stats.registers_known())),
    )?;
    let help = "Registers that had to go from memory; history is asked about them";
    counters(
        out,
        "register_evictions",
        help,
        alone(stats.register_evictions()),
    )?;
    let help = "Readings of registers that were judged without their past";
    counters(
        out,
        "register_pasts_unknown",
        help,
        alone(stats.pasts_unknown()),
    )?;
    let help = "Events lost while the log refused";
    counters(out, "events_lost", help, alone(stats.events_lost()))
}

pub(super) fn mqtt(out: &mut DescriptorEncoder<'_>, shared: &Shared) -> Result<(), Error> {
    let stats = &shared.mqtt.stats;
    let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let now = shared.mqtt.state();
    let open = alone(double(now.connections));
    gauges(out, "mqtt_connections", "Open MQTT connections", open)?;
    let kept = alone(double(now.sessions));
    gauges(out, "mqtt_sessions", "MQTT sessions kept", kept)?;
    let help = "CONNECTs accepted";
    counters(out, "mqtt_accepted", help, alone(load(&stats.accepted)))?;
    let help = "Connections turned away because the gateway was full, busy or stopping";
    counters(
        out,
        "mqtt_turned_away",
        help,
        alone(load(&stats.turned_away)),
    )?;
    let help = "Connections that a later one of the same client ended";
    counters(out, "mqtt_takeovers", help, alone(load(&stats.takeovers)))?;
    let help = "Connections ended because uplinks were refused";
    counters(out, "mqtt_refusals", help, alone(load(&stats.refusals)))?;
    let help = "Wills that became events";
    counters(out, "mqtt_wills", help, alone(load(&stats.wills)))?;
    let rows = stats
        .faults()
        .map(|(fault, count)| (vec![("fault", fault)], count));
    counters(
        out,
        "mqtt_faults",
        "Protocol errors of MQTT peers by kind",
        rows,
    )
}
