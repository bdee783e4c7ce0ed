//! What became of each reading, and how far everything before is settled.
//!
//! ```text
//! settled: next, counts | stretch: open 0 | stretch: open 17 | stretch: open 5000 <- being read
//!                        `-- advance() takes it in   `-- waits for its lines' batches
//! ```
//! Shards settle in any order, and the cursor may pass a record only when all before it is settled.
//! So what is read is cut into stretches of the log; each counts its own readings, and is taken into
//! the settled part when it is complete and at the front. The counts that are made durable are thus
//! exactly those of what lies before the cursor: after a crash the rest is sent, and counted, again.

use std::collections::VecDeque;

/// A stretch ends with the record at which it has as many readings..
const STRETCH_READINGS: u64 = 4_096;

/// Readings by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The store has them.
    pub stored: u64,
    /// The store refused them for good; each is in the log of rejects.
    pub rejected: u64,
    /// The log no longer had them.
    pub expired: u64,
    /// There was nothing to write of them.
    pub skipped: u64,
}

impl Counts {
    /// All of them.
    pub const fn sum(&self) -> u64 {
        self.stored + self.rejected + self.expired + self.skipped
    }

    const fn add(&mut self, other: &Self) {
        self.stored += other.stored;
        self.rejected += other.rejected;
        self.expired += other.expired;
        self.skipped += other.skipped;
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Stretch {
    /// The sequence after its last record.
    end: u64,
    /// Readings in lines that are not settled.
    open: u64,
    read: u64,
    counts: Counts,
}

/// The account of one store.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Everything below this sequence is settled..
    next: u64,
    /// ..and became this.
    settled: Counts,
    /// What was read beyond. Bounded by what the shards hold: a stretch without open readings is
    /// taken in when it comes to the front.
    stretches: VecDeque<Stretch>,
    /// Number of the first of them.
    first: u64,
    /// Sums over all stretches.
    open: u64,
    beyond: Counts,
}

impl Ledger {
    /// Goes on from a durable place.
    pub fn new(next: u64, settled: Counts) -> Self {
        Self {
            next,
            settled,
            ..Self::default()
        }
    }

    /// Everything below this sequence is settled, with these counts.
    pub const fn settled(&self) -> (u64, Counts) {
        (self.next, self.settled)
    }

    /// What became of all that was read, settled in order or not.
    pub fn counts(&self) -> Counts {
        let mut counts = self.settled;
        counts.add(&self.beyond);
        counts
    }

    /// Readings in lines that are not settled.
    pub const fn open(&self) -> u64 {
        self.open
    }

    /// All readings that were read.
    pub fn read(&self) -> u64 {
        self.counts().sum() + self.open
    }

    /// Takes in what a record gave; returns the number of its stretch, for [`Ledger::settle`].
    pub fn take(&mut self, sequence: u64, open: u64, counts: Counts) -> u64 {
        let full = self
            .stretches
            .back()
            .is_none_or(|last| last.read >= STRETCH_READINGS);
        if full {
            self.stretches.push_back(Stretch::default());
        }
        if let Some(last) = self.stretches.back_mut() {
            last.end = sequence + 1;
            last.open += open;
            last.read += open + counts.sum();
            last.counts.add(&counts);
        }
        self.open += open;
        self.beyond.add(&counts);
        self.first + self.stretches.len() as u64 - 1
    }

    /// Everything below `next` was read, also where there was nothing.
    pub fn reach(&mut self, next: u64) {
        match self.stretches.back_mut() {
            Some(last) => last.end = last.end.max(next),
            None => self.next = self.next.max(next),
        }
    }

    /// Open readings of a stretch are settled.
    pub fn settle(&mut self, stretch: u64, stored: u64, rejected: u64) {
        let at = stretch
            .checked_sub(self.first)
            .and_then(|at| usize::try_from(at).ok());
        let Some(stretch) = at.and_then(|at| self.stretches.get_mut(at)) else {
            debug_assert!(false, "a stretch is settled once");
            return;
        };
        let counts = Counts {
            stored,
            rejected,
            ..Counts::default()
        };
        stretch.open = stretch.open.saturating_sub(counts.sum());
        stretch.counts.add(&counts);
        self.open = self.open.saturating_sub(counts.sum());
        self.beyond.add(&counts);
    }

    /// Takes complete stretches in.
    pub fn advance(&mut self) {
        while let Some(done) = self.stretches.pop_front_if(|front| front.open == 0) {
            self.next = self.next.max(done.end);
            self.settled.add(&done.counts);
            self.first += 1;
            self.beyond = Counts {
                stored: self.beyond.stored - done.counts.stored,
                rejected: self.beyond.rejected - done.counts.rejected,
                expired: self.beyond.expired - done.counts.expired,
                skipped: self.beyond.skipped - done.counts.skipped,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn skipped(skipped: u64) -> Counts {
        Counts {
            stored: 0,
            rejected: 0,
            expired: 0,
            skipped,
        }
    }

    #[test]
    fn the_cursor_waits_for_the_slowest_shard() {
        let mut ledger = Ledger::new(10, Counts::default());
        let first = ledger.take(10, STRETCH_READINGS, skipped(1));
        let second = ledger.take(11, 5, Counts::default());
        assert_ne!(first, second);
        ledger.settle(second, 5, 0);
        ledger.advance();
        assert_eq!(ledger.settled(), (10, Counts::default()));
        assert_eq!(ledger.counts().stored, 5);
        ledger.settle(first, STRETCH_READINGS - 2, 2);
        ledger.reach(20);
        ledger.advance();
        let (next, counts) = ledger.settled();
        assert_eq!((next, ledger.open()), (20, 0));
        let stored = STRETCH_READINGS + 3;
        assert_eq!(
            counts,
            Counts {
                stored,
                rejected: 2,
                expired: 0,
                skipped: 1
            }
        );
    }

    proptest! {
        /// Whatever the order of settling: no count is lost, and what is settled is exactly what lies
        /// before the cursor.
        #[test]
        fn every_reading_is_counted_once(records in prop::collection::vec((0u64..3_000, 0u64..3), 1..40),
                                         order in prop::collection::vec(any::<prop::sample::Index>(), 40)) {
            let mut ledger = Ledger::new(0, Counts::default());
            let mut open = Vec::new();
            for (sequence, (lines, skips)) in records.iter().enumerate() {
                let stretch = ledger.take(sequence as u64, *lines, skipped(*skips));
                // What gives no line is in no batch.
                if *lines > 0 {
                    open.push((stretch, *lines));
                }
            }
            let total: u64 = records.iter().map(|(lines, skips)| lines + skips).sum();
            prop_assert_eq!(ledger.read(), total);
            for index in order {
                if open.is_empty() {
                    break;
                }
                let (stretch, lines) = open.swap_remove(index.index(open.len()));
                ledger.settle(stretch, lines - lines / 3, lines / 3);
                ledger.advance();
                prop_assert_eq!(ledger.read(), total);
                let (next, counts) = ledger.settled();
                let before = records.iter().take(usize::try_from(next).unwrap_or(0));
                prop_assert_eq!(counts.sum(), before.map(|(lines, skips)| lines + skips).sum::<u64>());
            }
        }
    }
}
