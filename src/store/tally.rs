//! How many readings the log has had: the `logged` of every store's account.
//!
//! It counts by itself, over the bytes of the records and before any store reads them, so that the
//! account of a store is held against something that the store has not counted. It remembers the count
//! at the beginning of each segment: retention removes whole segments, so what a store lost to it is
//! known to the reading, and a store can be set back to any record that is left.
use super::line;
use super::row::TallyRow;
use crate::log::record::Kind;
use crate::log::{Log, ReadError, Reader, Start};
use crate::state::State;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Bytes of frames that are read at once.
const READ_BYTES: usize = 1 << 20;
/// Longest wait for the log: how late a stop is noticed.
const WAIT: Duration = Duration::from_millis(250);
/// Between two commits, at the latest.
const COMMIT: Duration = Duration::from_secs(1);
/// Pause before a log is read again that could not be read.
const RETRY: Duration = Duration::from_secs(1);

/// A place and the readings before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// All records below this are counted.
    pub next: u64,
    /// Readings in them.
    pub total: u64,
}

/// The count, shared by all stores.
#[derive(Debug)]
pub struct Tally {
    log: Log,
    state: Arc<State>,
    row: Mutex<TallyRow>,
    watch: watch::Sender<Counted>,
    stop: AtomicBool,
    /// Why the log cannot be read now.
    trouble: Mutex<Option<String>>,
}

/// What has changed since the last commit.
#[derive(Debug, Default)]
struct Changes {
    new: Vec<(u64, u64)>,
    gone: Vec<u64>,
    committed: u64,
}

impl Tally {
    /// Goes on where it was; begins at the oldest record if that is not in this log.
    pub fn open(log: Log, state: Arc<State>) -> Result<Self, crate::state::Error> {
        let fits = |row: &TallyRow| row.log_id == log.id() && row.next <= log.watermark() + 1;
        let row = TallyRow::load(&state)?
            .filter(fits)
            .unwrap_or_else(|| TallyRow {
                log_id: log.id(),
                next: log.oldest().0,
                total: 0,
                segments: Vec::new(),
            });
        let counted = Counted {
            next: row.next,
            total: row.total,
        };
        Ok(Self {
            log,
            state,
            row: Mutex::new(row),
            watch: watch::Sender::new(counted),
            stop: AtomicBool::new(false),
            trouble: Mutex::default(),
        })
    }

    fn row(&self) -> MutexGuard<'_, TallyRow> {
        self.row.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far it has come.
    pub fn counted(&self) -> Counted {
        *self.watch.borrow()
    }

    /// The same, for who waits for it.
    pub fn watch(&self) -> watch::Receiver<Counted> {
        self.watch.subscribe()
    }

    /// Why the log cannot be read now: every store waits for the tally.
    pub fn trouble(&self) -> Option<String> {
        let trouble = self.trouble.lock();
        trouble.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// Ends [`Tally::run`].
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    /// Counts until [`Tally::stop`]. Blocks.
    pub fn run(&self) {
        let mut changes = Changes::default();
        let mut reader = self.begin();
        let mut committed = Instant::now();
        while !self.stop.load(Ordering::Acquire) {
            let begun = changes.new.len();
            if reader.wait(WAIT) {
                self.step(&mut reader, &mut changes);
            }
            // Also at each new segment: retention removes only segments before it, so that a kill does
            // not leave readings that were counted, are gone, and whose count was not kept.
            if changes.new.len() > begun || committed.elapsed() >= COMMIT {
                self.commit(&mut changes);
                committed = Instant::now();
            }
        }
        self.commit(&mut changes);
    }

    /// A reader at the place, or at the oldest record if that is gone: what is lost uncounted here no
    /// store has read either, because they read behind.
    fn begin(&self) -> Reader {
        loop {
            let next = self.row().next;
            if let Ok(reader) = self.log.reader(Start::At(next)) {
                return reader;
            }
            let (oldest, _) = self.log.oldest();
            tracing::warn!(
                from = next,
                to = oldest - 1,
                "records are gone that were never counted"
            );
            self.row().next = oldest;
        }
    }

    fn step(&self, reader: &mut Reader, changes: &mut Changes) {
        match reader.read(READ_BYTES) {
            Ok(frames) => {
                for frame in frames {
                    let next = self.row().next;
                    let records = frame.records().filter(|(sequence, record)| {
                        *sequence >= next && record.kind == Kind::Report
                    });
                    let readings = records.map(|(_, record)| line::count(record.body)).sum();
                    self.count(frame.first, frame.last, readings, changes);
                }
            }
            Err(ReadError::Damaged { .. }) => {}
            Err(ReadError::Cursor(_)) => *reader = self.begin(),
            Err(error @ ReadError::Io { .. }) => {
                tracing::error!(%error, "the tally cannot read the log; it tries again");
                self.note(Some(super::client::chain(&error)));
                std::thread::park_timeout(RETRY);
                return;
            }
        }
        self.note(None);
        // Also past sequences that were never used, or cannot be read.
        let mut row = self.row();
        row.next = row.next.max(reader.position());
        self.publish(&row);
    }

    fn count(&self, first: u64, last: u64, readings: u64, changes: &mut Changes) {
        // None: removed this moment, and no store will ask for it.
        let segment = self.log.segment_start(first);
        let mut row = self.row();
        if let Some(segment) = segment
            && row
                .segments
                .last()
                .is_none_or(|(known, _)| *known < segment)
        {
            let entry = (segment, row.total);
            // A frame in the middle of a segment that was not counted from its beginning says nothing.
            if first == segment {
                row.segments.push(entry);
                changes.new.push(entry);
            }
        }
        row.total += readings;
        row.next = row.next.max(last + 1);
        self.publish(&row);
    }

    fn publish(&self, row: &TallyRow) {
        self.watch.send_replace(Counted {
            next: row.next,
            total: row.total,
        });
    }

    fn commit(&self, changes: &mut Changes) {
        let (oldest, _) = self.log.oldest();
        let row = {
            let mut row = self.row();
            let gone = row.segments.partition_point(|(first, _)| *first < oldest);
            let gone = row.segments.drain(..gone).map(|(first, _)| first);
            changes.gone.extend(gone);
            row.clone()
        };
        if row.next == changes.committed && changes.gone.is_empty() {
            return;
        }
        match row.save(&self.state, &changes.new, &changes.gone) {
            Ok(()) => {
                *changes = Changes {
                    committed: row.next,
                    ..Changes::default()
                }
            }
            // Whoever writes most has the state opened again.
            Err(error) => tracing::debug!(%error, "the tally is not kept yet"),
        }
    }

    /// Readings before `sequence`, which the tally has passed. Reads up to a segment of the log. Exact if
    /// one side of the segment can be read; else what can be read from its beginning. `None` where that
    /// cannot be told: not counted yet, removed, or the disk fails.
    pub fn at(&self, sequence: u64) -> Option<u64> {
        let (before, after) = {
            let row = self.row();
            if sequence == row.next {
                return Some(row.total);
            }
            if sequence > row.next {
                return None;
            }
            let at = row
                .segments
                .partition_point(|(first, _)| *first <= sequence);
            let before = at
                .checked_sub(1)
                .and_then(|at| row.segments.get(at))
                .copied();
            let end = (row.next, row.total);
            (before, row.segments.get(at).copied().unwrap_or(end))
        };
        let forward = before.and_then(|(first, count)| {
            let (readings, is_whole) = self.between(first, sequence)?;
            Some((count + readings, is_whole))
        });
        if let Some((exact, true)) = forward {
            return Some(exact);
        }
        // Over damage, or before the first segment that was counted whole: from the other end.
        let backward = self.between(sequence, after.0);
        let backward = backward.map(|(readings, is_whole)| {
            let rest = after.1.saturating_sub(readings);
            (rest, is_whole)
        });
        match (forward, backward) {
            (_, Some((exact, true))) => Some(exact),
            // Damage on both sides. Too few: what is lost next makes it good.
            (Some((readings, _)), _) | (None, Some((readings, _))) => Some(readings),
            (None, None) => None,
        }
    }

    /// Readings up to and with `sequence`, once that is counted; `best` if the records around it cannot
    /// be read. `None`: stopped meanwhile.
    pub async fn after(&self, sequence: u64, best: u64, stop: &CancellationToken) -> Option<u64> {
        let mut watch = self.watch();
        loop {
            if let Some(total) = self.at(sequence + 1) {
                return Some(total);
            }
            if self.counted().next > sequence {
                return Some(best);
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return None,
                // Does not end while this is borrowed: the sender is a part of it.
                _ = watch.wait_for(|counted| counted.next > sequence) => {}
            }
        }
    }

    /// Readings in the records from `from` up to `to`, and whether that is all of them: damage is
    /// passed over. `None`: removed, or the disk fails.
    fn between(&self, from: u64, to: u64) -> Option<(u64, bool)> {
        let (mut readings, mut is_whole) = (0, true);
        if from >= to {
            return Some((0, true));
        }
        let mut reader = self.log.reader(Start::At(from)).ok()?;
        while reader.position() < to {
            let frames = match reader.read(READ_BYTES) {
                Ok(frames) => frames,
                Err(ReadError::Damaged { .. }) => {
                    is_whole = false;
                    continue;
                }
                Err(ReadError::Cursor(_) | ReadError::Io { .. }) => return None,
            };
            if frames.is_empty() {
                break;
            }
            let records = frames.iter().flat_map(|frame| frame.records());
            readings += records
                .filter(|(sequence, record)| {
                    (from..to).contains(sequence) && record.kind == Kind::Report
                })
                .map(|(_, record)| line::count(record.body))
                .sum::<u64>();
        }
        Some((readings, is_whole))
    }
}

#[cfg(test)]
pub(super) mod tests;
