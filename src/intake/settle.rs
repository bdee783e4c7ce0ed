//! From in flight to logged or rejected, once the disk has spoken: promise 2.
use super::truth::Rule;
use crate::codecs::Reason;
use crate::log::{LANES, Settle};
use crate::model::Source;
use crate::telemetry::Accounting;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Lanes per purpose: as many as there may be sources.
const STRIDE: usize = 8;
const _: () = assert!(
    Source::ALL.len() <= STRIDE && 4 * STRIDE <= LANES,
    "a lane is missing"
);

/// The lane of an uplink: assured ones count as refused when voided, the others as dropped.
pub(super) const fn lane(source: Source, unassured: bool) -> usize {
    source.index() + if unassured { STRIDE } else { 0 }
}

/// The lane of reject parts.
pub(super) const fn lane_of_parts(source: Source) -> usize {
    source.index() + 2 * STRIDE
}

/// The lane of rejects that have become reports.
pub(super) const fn lane_of_recovered(source: Source) -> usize {
    source.index() + 3 * STRIDE
}

/// For the log of reports and events.
pub fn settle_log(accounting: Arc<Accounting>) -> Settle {
    Box::new(move |weights, durable| settle(&accounting, weights, durable, false))
}

/// For the log of rejects.
pub fn settle_rejects(accounting: Arc<Accounting>) -> Settle {
    Box::new(move |weights, durable| settle(&accounting, weights, durable, true))
}

fn settle(accounting: &Accounting, weights: &[u64; LANES], durable: bool, rejects: bool) {
    let weight = |lane: usize| weights.get(lane).copied().unwrap_or_default();
    for source in Source::ALL {
        let assured = weight(lane(source, false));
        let unassured = weight(lane(source, true));
        let parts = weight(lane_of_parts(source));
        let recovered = weight(lane_of_recovered(source));
        if assured + unassured + parts + recovered == 0 {
            continue;
        }
        accounting.update(source, |counts| {
            counts.in_flight = counts.in_flight.saturating_sub(assured + unassured);
            if !durable {
                counts.refused += assured;
                counts.dropped += unassured;
            } else if rejects {
                counts.rejected += assured + unassured;
                counts.reject_parts += parts;
            } else {
                counts.logged += assured + unassured;
                counts.recovered += recovered;
            }
        });
    }
}

/// What became of one source's uplinks within one commit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Delta {
    pub(super) received: u64,
    pub(super) in_flight: u64,
    pub(super) duplicate: u64,
    pub(super) refused: u64,
    pub(super) dropped: u64,
}

/// Deltas of all sources.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Deltas([Delta; Source::ALL.len()]);

impl Deltas {
    pub(super) fn of(&mut self, source: Source, change: impl FnOnce(&mut Delta)) {
        if let Some(delta) = self.0.get_mut(source.index()) {
            change(delta);
        }
    }

    /// Adds them, one step per source.
    pub(super) fn add_to(&self, accounting: &Accounting) {
        for (source, delta) in Source::ALL.into_iter().zip(self.0) {
            if delta.received > 0 {
                accounting.update(source, |counts| {
                    counts.received += delta.received;
                    counts.in_flight += delta.in_flight;
                    counts.duplicate += delta.duplicate;
                    counts.refused += delta.refused;
                    counts.dropped += delta.dropped;
                });
            }
        }
    }

    /// Moves what was counted as in flight or duplicate to refused and dropped.
    pub(super) fn subtract_from(&self, accounting: &Accounting) {
        for (source, delta) in Source::ALL.into_iter().zip(self.0) {
            if delta.refused + delta.dropped > 0 {
                accounting.update(source, |counts| {
                    counts.in_flight = counts.in_flight.saturating_sub(delta.in_flight);
                    counts.duplicate = counts.duplicate.saturating_sub(delta.duplicate);
                    counts.refused += delta.refused;
                    counts.dropped += delta.dropped;
                });
            }
        }
    }
}

/// Counters of intake beyond the accounting, for metrics.
#[derive(Debug, Default)]
pub struct Stats {
    rejects: [AtomicU64; Reason::ALL.len()],
    dedup_entries: AtomicU64,
    dedup_evictions: AtomicU64,
    pub(super) events_suppressed: AtomicU64,
    pub(super) events_lost: AtomicU64,
    findings: [AtomicU64; Rule::ALL.len()],
    registers: AtomicU64,
    register_evictions: AtomicU64,
    pub(super) pasts_unknown: AtomicU64,
}

impl Stats {
    pub(super) fn reject(&self, reason: Reason) {
        if let Some(count) = self.rejects.get(reason.index()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn dedup(&self, entries: usize, evictions: u64) {
        self.dedup_entries.store(entries as u64, Ordering::Relaxed);
        self.dedup_evictions.store(evictions, Ordering::Relaxed);
    }

    pub(super) fn found(&self, rule: Rule, times: u64) {
        if let Some(count) = self.findings.get(rule as usize)
            && times > 0
        {
            count.fetch_add(times, Ordering::Relaxed);
        }
    }

    pub(super) fn registers(&self, registers: usize, evictions: u64) {
        self.registers.store(registers as u64, Ordering::Relaxed);
        self.register_evictions.store(evictions, Ordering::Relaxed);
    }

    /// Readings of registers of which something was found since the start, by rule, told or not.
    pub fn findings(&self) -> impl Iterator<Item = (Rule, u64)> {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Rule::ALL.into_iter().zip(self.findings.iter().map(count))
    }

    /// Registers whose last values are remembered.
    pub fn registers_known(&self) -> u64 {
        self.registers.load(Ordering::Relaxed)
    }

    /// Registers that had to go from memory; history is asked about them.
    pub fn register_evictions(&self) -> u64 {
        self.register_evictions.load(Ordering::Relaxed)
    }

    /// Readings of registers that were judged without the past, since history could not be read.
    pub fn pasts_unknown(&self) -> u64 {
        self.pasts_unknown.load(Ordering::Relaxed)
    }

    /// Rejects and reject parts appended since the start, by reason.
    pub fn rejects(&self) -> impl Iterator<Item = (Reason, u64)> {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Reason::ALL
            .iter()
            .copied()
            .zip(self.rejects.iter().map(count))
    }

    /// Entries in the tables of deduplication.
    pub fn dedup_entries(&self) -> u64 {
        self.dedup_entries.load(Ordering::Relaxed)
    }

    /// Entries that had to go before their window ended: raise `dedup_entries` if this grows.
    pub fn dedup_evictions(&self) -> u64 {
        self.dedup_evictions.load(Ordering::Relaxed)
    }

    /// Events of clocks, alarms and registers that said nothing new.
    pub fn events_suppressed(&self) -> u64 {
        self.events_suppressed.load(Ordering::Relaxed)
    }

    /// Events that could not be appended because the log was refusing.
    pub fn events_lost(&self) -> u64 {
        self.events_lost.load(Ordering::Relaxed)
    }
}
