//! The registers that are remembered, and the way back from what was not appended.
//!
//! ```text
//!  judge under the lock --> table, each change with what was there before --> undo
//!  append: done    the changes stay         failed    undo, last change first
//! ```
//! Memory per register: 120 bytes, beside 24 of key, list and age and 5 to 10 of hash table. What had to
//! go is asked of history when it is needed again, so a table that is too small costs time and no truth.
use super::series::Series;
use super::verdict::Rule;
use crate::intake::aged::Aged;
use crate::log::{Log, Settled};
use std::collections::VecDeque;

/// Registers remembered: some 150 MB. A meter of electricity with tariffs has ten.
const REGISTERS_MAX: usize = 1_000_000;
/// Devices of whose exchange is known that it was told.
const EXCHANGES_MAX: usize = 65_536;
/// Appends with registers whose fate is awaited: some ten times what a log has under way. Past it the table
/// is emptied, as after one that failed.
const UNSETTLED_MAX: usize = 65_536;
/// Changes whose place is kept for the next batch.
const UNDO_KEPT_MAX: usize = 4_096;

#[derive(Debug)]
enum Change {
    Series(u64, Option<Series>),
    Exchange(u64, Option<i64>),
}

/// Registers by the hash of device, metric and labels; exchanges by that of the device.
#[derive(Debug)]
pub(super) struct Table {
    series: Aged<u64, Series>,
    exchanges: Aged<u64, i64>,
    changes: Vec<Change>,
    counts: [u64; Rule::ALL.len()],
    suppressed: u64,
    /// Last sequences of the appends that the table has taken in and that may still fail, in order.
    unsettled: VecDeque<u64>,
    /// Evictions of tables that were emptied.
    evicted: u64,
}

impl Default for Table {
    fn default() -> Self {
        Self::new(REGISTERS_MAX)
    }
}

impl Table {
    pub(super) fn new(registers_max: usize) -> Self {
        Self {
            series: Aged::new(registers_max),
            exchanges: Aged::new(EXCHANGES_MAX),
            changes: Vec::new(),
            counts: [0; Rule::ALL.len()],
            suppressed: 0,
            unsettled: VecDeque::new(),
            evicted: 0,
        }
    }

    pub(super) fn get(&self, key: u64) -> Option<Series> {
        self.series.get(&key).map(|(series, _)| *series)
    }

    /// Makes it the newest entry.
    pub(super) fn put(&mut self, key: u64, series: Series, now: u32) {
        self.changes.push(Change::Series(key, self.get(key)));
        self.series.insert(key, series, now);
    }

    /// Is a device's exchange at this time told?
    pub(super) fn is_told(&self, device: u64, from: i64) -> bool {
        self.exchanges
            .get(&device)
            .is_some_and(|(told, _)| *told == from)
    }

    pub(super) fn tell(&mut self, device: u64, from: i64, now: u32) {
        let before = self.exchanges.get(&device).map(|(told, _)| *told);
        self.changes.push(Change::Exchange(device, before));
        self.exchanges.insert(device, from, now);
    }

    /// It was told long ago.
    pub(super) fn note(&mut self, device: u64, from: i64) {
        let now = self.exchanges.get(&device).map_or(0, |(_, at)| at);
        self.exchanges.insert(device, from, now);
    }

    /// A rule has found something, and it was not said because it had been.
    pub(super) fn count(&mut self, rule: Rule, is_said: bool) {
        if let Some(count) = self.counts.get_mut(rule as usize) {
            *count += 1;
        }
        self.suppressed += u64::from(!is_said);
    }

    /// What was judged is appended: `last` is its last sequence. Returns what the rules found, and how
    /// often that was not said.
    pub(super) fn settle(&mut self, last: u64) -> ([u64; Rule::ALL.len()], u64) {
        if last != 0 && !self.changes.is_empty() {
            self.unsettled.push_back(last);
        }
        self.changes.clear();
        self.changes.shrink_to(UNDO_KEPT_MAX);
        let counts = std::mem::replace(&mut self.counts, [0; Rule::ALL.len()]);
        (counts, std::mem::take(&mut self.suppressed))
    }

    /// Nothing of what was judged is appended.
    pub(super) fn undo(&mut self, now: u32) {
        while let Some(change) = self.changes.pop() {
            match change {
                Change::Series(key, Some(series)) => self.series.insert(key, series, now),
                Change::Series(key, None) => {
                    self.series.remove(&key);
                }
                Change::Exchange(device, Some(told)) => self.exchanges.insert(device, told, now),
                Change::Exchange(device, None) => {
                    self.exchanges.remove(&device);
                }
            }
        }
        self.settle(0);
    }

    /// The disk failed, and what was taken in is not there: nobody knows which values those were.
    pub(super) fn forget_voided(&mut self, log: &Log) {
        self.forget_where(|sequence| log.settled(sequence));
    }

    fn forget_where(&mut self, settled: impl Fn(u64) -> Settled) {
        while let Some(first) = self.unsettled.front() {
            match settled(*first) {
                Settled::Durable => {
                    self.unsettled.pop_front();
                }
                Settled::Pending if self.unsettled.len() <= UNSETTLED_MAX => return,
                Settled::Pending | Settled::Voided => {
                    let evicted = self.evicted();
                    *self = Self::default();
                    self.evicted = evicted;
                }
            }
        }
    }

    /// Registers now.
    pub(super) fn len(&self) -> usize {
        self.series.len()
    }

    /// Registers that had to go, so far.
    pub(super) const fn evicted(&self) -> u64 {
        self.evicted + self.series.evicted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_append_that_fails_behind_one_that_does_not_is_forgotten() {
        let judged = |table: &mut Table, key: u64, last: u64| {
            table.put(key, Series::default(), 0);
            table.settle(last);
        };
        let mut table = Table::default();
        judged(&mut table, 1, 10);
        // Without registers.
        table.settle(11);
        judged(&mut table, 2, 12);
        table.forget_where(|sequence| match sequence {
            10 => Settled::Pending,
            _ => Settled::Durable,
        });
        assert_eq!(table.len(), 2);
        table.forget_where(|sequence| match sequence {
            10 => Settled::Voided,
            _ => Settled::Durable,
        });
        assert_eq!(table.len(), 0);
        judged(&mut table, 1, 13);
        table.forget_where(|_| Settled::Durable);
        assert_eq!(table.len(), 1);
    }
}
