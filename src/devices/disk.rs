//! The registry on the disk: a keyspace of its own, in the one database of the process.
//!
//! ```text
//! p               progress      how far, in both logs
//! n <u16>         a name        s <u16>  a series        numbers are big-endian
//! d <u32>         a device that was heard, by the place of its entry
//! ```
//! A save is taken in parts, between which the thread goes on following: the first part's place in
//! the logs is committed with the last part. So a device's row may be ahead of that place, and the
//! sequences in it keep what is read again from counting twice.
use super::entry::{Entry, NEVER};
use super::follow::seed;
use super::names::Series;
use super::progress::Progress;
use super::registry::Shared;
use super::row::{self, In, Out};
use super::rows::{Rows, device_key};
use super::states::Timing;
use super::table::{Mark, NOBODY, Table, seconds};
use crate::log::LogId;
use crate::model::Timestamp;
use crate::state::{self, Batch, Space, State};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SPACE: &str = "devices";
const PROGRESS: &[u8] = b"p";
/// Rows that are encoded at once: whoever asks waits meanwhile.
const ROWS_MAX: usize = 256;
/// Bytes of a part: what a memtable of the state takes.
const PART_BYTES_MAX: usize = 4 << 20;
/// Time after which changes are saved, however few. Replaying that much log takes no time.
const SAVE_EVERY: Duration = Duration::from_secs(30);
/// With more devices changed than this, a save waits for several records of each, because a row
/// costs as much as some records ..
const MANY: usize = 20_000;
const RECORDS_PER_ROW: u64 = 4;
/// .. but no longer than this: that much log is replayed in seconds.
const SAVE_EVERY_MAX: Duration = Duration::from_mins(5);
/// Most time that the end of the gateway is held up.
const FINISH_MAX: Duration = Duration::from_secs(2);
/// How long after its last save a registry may have lived and changed states by time.
const UNSAVED_MAX: Duration = Duration::from_mins(6);
/// What was not saved may have had versions, and watchers may have seen them.
const VERSIONS_LOST: u64 = 1 << 32;

/// What was found at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing: a new registry.
    Nothing,
    /// These logs' devices.
    Kept(Progress),
    /// Another log's, damaged, or of a later version: everything is read again.
    Useless(&'static str),
}

/// Reads the devices into an empty table.
///
/// # Errors
/// The disk.
pub(super) fn load(
    state: &State,
    table: &mut Table,
    log: (LogId, u64),
    rejects: (LogId, u64),
) -> Result<Found, state::Error> {
    let access = state.access()?;
    let Some(space) = access.existing(SPACE)? else {
        return Ok(Found::Nothing);
    };
    let Some(progress) = space.get(PROGRESS)? else {
        return Ok(Found::Useless("it has no place in the log"));
    };
    let Some(progress) = Progress::decode(&progress) else {
        return Ok(Found::Useless("it is damaged or of a later version"));
    };
    if (progress.log, progress.rejects) != (log.0, rejects.0) {
        return Ok(Found::Useless("it followed another log"));
    }
    if progress.log_next > log.1 + 1 || progress.rejects_next > rejects.1 + 1 {
        return Ok(Found::Useless("it is ahead of its log"));
    }
    if load_rows(&space, table)?.is_none() || table.len() < progress.devices as usize {
        let (config, catalogue) = (table.config.clone(), Arc::clone(&table.catalogue));
        *table = Table::new(config, catalogue, seed(log.0), table.started_at);
        return Ok(Found::Useless("it is damaged"));
    }
    revive(table, &progress);
    Ok(Found::Kept(progress))
}

/// `None`: damaged.
fn load_rows(space: &Space<'_>, table: &mut Table) -> Result<Option<()>, state::Error> {
    for row in space.range(b"n", b"o") {
        let Ok(text) = std::str::from_utf8(&row?.1).map(str::to_owned) else {
            return Ok(None);
        };
        table.names.number(&text, 0);
    }
    for row in space.range(b"s", b"t") {
        let row = row?.1;
        let Some(series) = series(&row, table) else {
            return Ok(None);
        };
        table.series.push(series);
    }
    for (next, row) in (0u32..).zip(space.range(b"d", b"e")) {
        let (key, row) = row?;
        let Some(kept) = row::decode(&row).filter(|_| *key == device_key(next)) else {
            return Ok(None);
        };
        let number = table.push(kept.id, kept.mark);
        table.hear(number, kept.entry);
        table.changes.set(number, kept.version);
        for (series, text) in kept.texts {
            table.texts.insert((number, series), text.into());
        }
    }
    Ok(Some(()))
}

fn series(row: &[u8], table: &Table) -> Option<Series> {
    let mut row = In(row);
    let (metric, unit) = (row.text()?, row.text()?);
    let labels = (0..row.u8()?).map(|_| Some((row.text()?.into(), row.text()?.into())));
    let labels: Option<Vec<_>> = labels.collect();
    Some(Series::restore(metric, unit, labels?, &table.catalogue))
}

/// What follows from all rows.
fn revive(table: &mut Table, progress: &Progress) {
    let len = u32::try_from(table.len()).unwrap_or(NOBODY);
    // A parent that was new when the gateway died is found again by the record that named it.
    for mark in table.marks.iter_mut().filter(|mark| mark.parent >= len) {
        mark.parent = NOBODY;
    }
    let newest = (0..len).map(|number| table.changes.get(number)).max();
    let version = progress.version.max(newest.unwrap_or_default());
    table.changes.start(version + VERSIONS_LOST);
    table.derive();
    // What time changed after the last save is forgotten, but somebody may have seen it.
    let horizon = seconds(progress.saved_at.plus(UNSAVED_MAX));
    let doubtful = |(entry, mark): (&Entry, &Mark)| {
        let timing = Timing::of(entry, &table.config, NEVER);
        (timing.next(entry, mark.state) <= horizon).then_some(entry.number)
    };
    let all = table.entries.iter().zip(&table.marks);
    let doubtful: Vec<u32> = all.filter_map(doubtful).collect();
    for number in doubtful {
        table.touch(number);
    }
}

fn small_key(kind: u8, number: usize) -> [u8; 3] {
    let [a, b] = u16::try_from(number).unwrap_or(u16::MAX).to_be_bytes();
    [kind, a, b]
}

/// A save under way.
#[derive(Debug)]
struct Saving {
    /// In order, so that the devices on the disk have no hole.
    numbers: Vec<u32>,
    /// Encoded, and no longer marked as changed.
    encoded: usize,
    /// As of the beginning.
    progress: Progress,
    took: Duration,
}

/// Saves what changes.
#[derive(Debug)]
pub(super) struct Disk {
    state: Arc<State>,
    saving: Option<Saving>,
    saved_at: Timestamp,
    /// The last one that is on the disk.
    durable: Option<Progress>,
    /// Names and series on the disk.
    names: usize,
    series: usize,
    failed: bool,
}

impl Disk {
    /// For the table that [`load`] has filled.
    pub fn new(state: Arc<State>, table: &Table, found: Found, now: Timestamp) -> Self {
        let kept = matches!(found, Found::Kept(_));
        Self {
            state,
            saving: None,
            saved_at: now,
            durable: match found {
                Found::Kept(progress) => Some(progress),
                Found::Nothing | Found::Useless(_) => None,
            },
            // Number 0 is "".
            names: if kept { table.names.texts().len() } else { 1 },
            series: if kept { table.series.list().len() } else { 0 },
            failed: false,
        }
    }

    /// Forgets what is on the disk and of no use.
    ///
    /// # Errors
    /// The disk.
    pub fn clear(&self) -> Result<(), state::Error> {
        self.state.access()?.delete(SPACE)
    }

    /// All below are on the disk, of each log.
    pub fn durable(&self) -> (u64, u64) {
        self.durable.map_or((0, 0), |progress| {
            (progress.log_next, progress.rejects_next)
        })
    }

    /// Begins a save if one is due, or goes on with one. `progress`: as of now.
    pub fn step(&mut self, shared: &Shared, progress: &Progress) {
        if self.saving.is_none() && !self.is_due(shared, progress) {
            return;
        }
        self.part(shared, progress);
    }

    /// Saves everything, if that takes no longer than [`FINISH_MAX`]: the rest is read again from the
    /// logs.
    pub fn finish(&mut self, shared: &Shared, progress: &Progress) {
        let start = Instant::now();
        // The second one, if any, is for what has changed since the first one began.
        for _ in 0..2 {
            if self.saving.is_none() && shared.read().dirty.is_empty() && !self.has_moved(progress)
            {
                return;
            }
            self.part(shared, progress);
            while self.saving.is_some() && start.elapsed() < FINISH_MAX {
                self.part(shared, progress);
            }
        }
    }

    fn has_moved(&self, progress: &Progress) -> bool {
        self.durable() != (progress.log_next, progress.rejects_next)
    }

    fn is_due(&self, shared: &Shared, progress: &Progress) -> bool {
        let passed = progress.saved_at.since(self.saved_at);
        if passed < SAVE_EVERY && progress.saved_at >= self.saved_at {
            return false;
        }
        let changed = shared.read().dirty.len();
        let records = progress.log_next.saturating_sub(self.durable().0);
        (changed > 0 || self.has_moved(progress))
            && (changed <= MANY
                || records >= RECORDS_PER_ROW * changed as u64
                || passed >= SAVE_EVERY_MAX)
    }

    fn part(&mut self, shared: &Shared, progress: &Progress) {
        let started = Instant::now();
        let mut saving = self.saving.take().unwrap_or_else(|| {
            let mut table = shared.write();
            let mut numbers = std::mem::take(&mut table.dirty);
            numbers.sort_unstable_by_key(|number| table.slot(*number));
            drop(table);
            Saving {
                numbers,
                encoded: 0,
                progress: *progress,
                took: Duration::ZERO,
            }
        });
        match self.commit(shared, &mut saving) {
            Ok(true) => {
                saving.took += started.elapsed();
                let took = u64::try_from(saving.took.as_micros()).unwrap_or(u64::MAX);
                shared.stats().save_us = took;
                self.durable = Some(saving.progress);
                self.saved_at = progress.saved_at;
                if std::mem::take(&mut self.failed) {
                    tracing::info!("devices are saved again");
                }
            }
            Ok(false) => {
                saving.took += started.elapsed();
                self.saving = Some(saving);
            }
            Err(error) => {
                // Everything is in memory and in the logs. History has the state opened again.
                if !std::mem::replace(&mut self.failed, true) {
                    tracing::error!(%error, "devices cannot be saved; this is tried again");
                }
                shared.write().retain(&saving.numbers, saving.encoded);
                self.saved_at = progress.saved_at;
            }
        }
    }

    /// One part; true: it was the last one.
    fn commit(&mut self, shared: &Shared, saving: &mut Saving) -> Result<bool, state::Error> {
        let access = self.state.access()?;
        let space = access.space(SPACE)?;
        let mut batch = access.batch();
        let mut rows = Rows::default();
        while batch.bytes() < PART_BYTES_MAX && saving.encoded < saving.numbers.len() {
            let numbers = saving.numbers.iter().skip(saving.encoded).take(ROWS_MAX);
            rows.encode(&mut shared.write(), numbers);
            rows.put(&space, &mut batch);
            saving.encoded = (saving.encoded + ROWS_MAX).min(saving.numbers.len());
        }
        let table = shared.read();
        let (names, series) = (table.names.texts().len(), table.series.list().len());
        self.put_texts(&table, &space, &mut batch);
        drop(table);
        let last = saving.encoded == saving.numbers.len();
        if last {
            batch.insert(&space, PROGRESS, &saving.progress.encode());
        }
        batch.commit(&[space])?;
        (self.names, self.series) = (names, series);
        Ok(last)
    }

    /// Names and series that are new.
    fn put_texts<'a>(&self, table: &Table, space: &Space<'a>, batch: &mut Batch<'a>) {
        let names = table.names.texts().iter().enumerate().skip(self.names);
        for (number, name) in names {
            batch.insert(space, &small_key(b'n', number), name.as_bytes());
        }
        let series = table.series.list().iter().enumerate().skip(self.series);
        for (number, series) in series {
            let mut row = Vec::new();
            let mut out = Out(&mut row);
            out.text(&series.metric);
            out.text(&series.unit);
            out.len(series.labels.len());
            for (name, value) in &series.labels {
                out.text(name);
                out.text(value);
            }
            batch.insert(space, &small_key(b's', number), &row);
        }
    }
}
