//! External stores. The label is the store's name, of which the configuration bounds the number.
use super::{counters, double, gauges};
use crate::api::Shared;
use crate::store::{Look, Phase};
use prometheus_client::encoding::DescriptorEncoder;
use std::fmt::Error;

pub(super) fn stores(out: &mut DescriptorEncoder<'_>, shared: &Shared) -> Result<(), Error> {
    let looks = shared.stores.look();
    if looks.is_empty() {
        return Ok(());
    }
    readings(out, &looks)?;
    traffic(out, &looks)?;
    let phases = looks.iter().flat_map(|look| {
        Phase::ALL.map(|phase| {
            let is = f64::from(u8::from(look.phase == phase));
            let labels = vec![("store", &*look.config.name), ("state", phase.name())];
            (labels, is)
        })
    });
    let help = "1 for the state that the store is in";
    gauges(out, "store_state", help, phases)
}

type Rows<'a, T> = Vec<(Vec<(&'a str, &'a str)>, T)>;

fn rows<T>(looks: &[Look], value: fn(&Look) -> T) -> Rows<'_, T> {
    let row = |look| (label(look), value(look));
    looks.iter().map(row).collect()
}

fn label(look: &Look) -> Vec<(&str, &str)> {
    vec![("store", &*look.config.name)]
}

fn readings(out: &mut DescriptorEncoder<'_>, looks: &[Look]) -> Result<(), Error> {
    let outcomes = looks.iter().flat_map(|look| {
        let counts = &look.facts.counts;
        let rows = [
            ("stored", counts.stored),
            ("rejected", counts.rejected),
            ("expired", counts.expired),
            ("skipped", counts.skipped),
        ];
        rows.map(|(outcome, value)| {
            (
                vec![("store", &*look.config.name), ("outcome", outcome)],
                value,
            )
        })
    });
    let help = "Readings by what became of them; begins anew when a store is set back";
    counters(out, "store_readings", help, outcomes)?;
    let help = "Readings in the log since the store began to count";
    counters(
        out,
        "store_logged_readings",
        help,
        rows(looks, |look| look.logged),
    )?;
    let help = "Readings that are not settled";
    gauges(
        out,
        "store_pending_readings",
        help,
        rows(looks, |look| double(look.pending)),
    )?;
    let help = "Records that are not settled and durable";
    gauges(
        out,
        "store_lag_records",
        help,
        rows(looks, |look| double(look.lag_records)),
    )?;
    let help = "Part of the log's retention that lies behind the store, 0 to 1";
    gauges(
        out,
        "store_retention_used",
        help,
        rows(looks, |look| f64::from(look.retention_percent) / 100.0),
    )
}

fn traffic(out: &mut DescriptorEncoder<'_>, looks: &[Look]) -> Result<(), Error> {
    let help = "Batches settled";
    counters(
        out,
        "store_batches",
        help,
        rows(looks, |look| look.facts.batches),
    )?;
    let help = "Requests to write";
    counters(
        out,
        "store_requests",
        help,
        rows(looks, |look| look.facts.requests),
    )?;
    let help = "Bytes sent in bodies, compressed";
    counters(
        out,
        "store_sent_bytes",
        help,
        rows(looks, |look| look.facts.bytes),
    )?;
    let help = "When the store last took something, in Unix seconds; 0: never since the start";
    gauges(
        out,
        "store_last_success_seconds",
        help,
        rows(looks, |look| {
            let secs = look.facts.last_success.map_or(0, |at| at.as_secs_nanos().0);
            double(u64::try_from(secs).unwrap_or(0))
        }),
    )
}
