//! Which rejects have become reports, for as long as the rejects are kept.
//!
//! ```text
//!  report's record, with the rejects that it recovers --> log     (one append: both or neither)
//!        `-> marks in memory --save()--> keyspace `recovered`     (with the place in the log up to which)
//!  start: what is saved, and the marks of all records behind that place
//! ```
//! A retry may come a month after the last one, when the window of deduplication has long passed and
//! the report itself may have left the log. So its identity is the reject's place in its own log, which
//! needs no content, and it lives in the state until retention has removed the reject.
//!
//! Decision: the mark lies in the log first. The state and the log are synced apart; whichever of two
//! places came first, a power cut between them would bring a report twice or not at all.
use super::{Intake, lock};
use crate::log::record::Recovers;
use crate::log::{CursorError, Log, LogId, ReadError, Settled, Start};
use crate::model::Reject;
use crate::state::{self, Access, State};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

const SPACE: &str = "recovered";
const PLACE: &[u8] = b"p";
/// Records of the log that may lie behind the saved place when there is nothing to save: the next start
/// reads them.
const BEHIND_MAX: u64 = 100_000;
/// Marks of rejects that retention has removed, which one save removes.
const FORGOTTEN_MAX: usize = 10_000;
/// Bytes read at once.
const READ_BYTES: usize = 4 << 20;
/// Marks that wait to be saved: with more, retries are refused, for the state cannot be written.
const UNSAVED_MAX: usize = 65_536;

/// Marks, from rejects to the reports that they became. See [`crate::model::Reject::mark`].
#[derive(Debug, Default)]
pub(super) struct Recovered {
    state: OnceLock<Arc<State>>,
    /// Not saved yet. 0: what it says was there already.
    marks: Mutex<BTreeMap<u64, u64>>,
    /// Up to here of the log, all marks are saved.
    saved_to: Mutex<u64>,
    /// Held by whoever retries or saves, so that a mark does not move while it is looked for.
    turn: Mutex<()>,
}

impl Recovered {
    /// Lets go of the state.
    #[cfg(test)]
    pub(super) fn close(&mut self) {
        self.state.take();
    }

    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        lock(&self.turn)
    }

    /// Notes what a record at `sequence` recovers.
    pub(super) fn note(&self, recovers: Recovers, sequence: u64) {
        let mut marks = lock(&self.marks);
        marks.extend(recovers.marks().map(|mark| (mark, sequence)));
    }

    pub(super) fn is_full(&self) -> bool {
        lock(&self.marks).len() >= UNSAVED_MAX
    }
}

/// A look at all marks. It holds the state open: for one piece of work.
pub struct Marks<'i> {
    intake: &'i Intake,
    access: Option<Access<'i>>,
}

impl std::fmt::Debug for Marks<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Marks").finish_non_exhaustive()
    }
}

impl Marks<'_> {
    /// The report that a reject became, which lies at `sequence`.
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn of(&self, sequence: u64, reject: &Reject) -> Result<Option<u64>, state::Error> {
        reject.recovered(sequence, |mark| self.find(mark))
    }

    /// The report that a reject became; 0 where its readings had been there already.
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn find(&self, mark: u64) -> Result<Option<u64>, state::Error> {
        if let Some(sequence) = self.intake.unsaved_mark(mark) {
            return Ok(Some(sequence));
        }
        let Some(access) = &self.access else {
            return Ok(None);
        };
        let Some(space) = access.existing(SPACE)? else {
            return Ok(None);
        };
        let found = space.get(&key(mark))?;
        Ok(found.and_then(|bytes| number(&bytes)))
    }
}

/// `m`, and the mark without its bits, so that retention's end is one key. The bits follow.
fn key(mark: u64) -> [u8; 10] {
    let bits = u8::from(mark & Reject::WHOLE != 0) | u8::from(mark & Reject::LEFT_OVER != 0) << 1;
    let sequence = (mark & !Reject::BITS).to_be_bytes();
    let mut key = [0; 10];
    let bytes = std::iter::once(b'm').chain(sequence);
    for (place, byte) in key.iter_mut().zip(bytes.chain([bits])) {
        *place = byte;
    }
    key
}

fn number(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

/// Of which logs, and how far.
fn place(log: LogId, rejects: LogId, saved_to: u64) -> Vec<u8> {
    let mut bytes = log.0.to_be_bytes().to_vec();
    bytes.extend_from_slice(&rejects.0.to_be_bytes());
    bytes.extend_from_slice(&saved_to.to_be_bytes());
    bytes
}

impl Intake {
    /// Where marks are kept. Without it they last until the report has left the log. Call it before
    /// [`Intake::rebuild`].
    pub fn keep_marks_in(&self, state: &Arc<State>) {
        // Called once; a second state would be another gateway's.
        let _ = self.recovered.state.set(Arc::clone(state));
    }

    /// What is noted of a mark and not saved.
    pub(super) fn unsaved_mark(&self, mark: u64) -> Option<u64> {
        let noted = lock(&self.recovered.marks).get(&mark).copied();
        noted.filter(|at| *at == 0 || self.log.settled(*at) != Settled::Voided)
    }

    /// A look at which rejects were recovered.
    ///
    /// # Errors
    /// The state is closed.
    pub fn marks(&self) -> Result<Marks<'_>, state::Error> {
        let access = self.recovered.state.get().map(|state| state.access());
        Ok(Marks {
            intake: self,
            access: access.transpose()?,
        })
    }

    /// Saves the marks of what is durable, forgets those of rejects that are no longer kept. Blocks on
    /// the disk.
    ///
    /// # Errors
    /// The state's; the marks stay in memory.
    pub fn save_marks(&self) -> Result<(), state::Error> {
        let Some(state) = self.recovered.state.get() else {
            return Ok(());
        };
        let _turn = self.recovered.turn();
        let (to, ready) = self.marks_to_save();
        let behind = to.saturating_sub(*lock(&self.recovered.saved_to));
        if ready.is_empty() && behind < BEHIND_MAX {
            return Ok(());
        }
        let access = state.access()?;
        let space = access.space(SPACE)?;
        let mut batch = access.batch();
        for (mark, sequence) in &ready {
            batch.insert(&space, &key(*mark), &sequence.to_be_bytes());
        }
        let oldest = key(self.rejects.oldest().0);
        for row in space.range(&key(0), &oldest).take(FORGOTTEN_MAX) {
            batch.remove(&space, &row?.0);
        }
        let place = place(self.log.id(), self.rejects.id(), to);
        batch.insert(&space, PLACE, &place);
        batch.commit(&[])?;
        let mut marks = lock(&self.recovered.marks);
        marks.retain(|mark, sequence| ready.get(mark) != Some(sequence));
        *lock(&self.recovered.saved_to) = to;
        Ok(())
    }

    /// The watermark, and all marks up to it. Those of what was voided are dropped.
    fn marks_to_save(&self) -> (u64, BTreeMap<u64, u64>) {
        // Whoever appends notes his marks under this lock, so that none below the watermark is missing.
        let _state = lock(&self.state);
        let to = self.log.watermark();
        let mut marks = lock(&self.recovered.marks);
        let settled = |sequence: u64| match sequence {
            0 => Settled::Durable,
            sequence => self.log.settled(sequence),
        };
        marks.retain(|_, sequence| settled(*sequence) != Settled::Voided);
        let durable = |(_, sequence): &(&u64, &u64)| settled(**sequence) == Settled::Durable;
        let ready = marks.iter().filter(durable);
        (to, ready.map(|(mark, at)| (*mark, *at)).collect())
    }

    /// Finds the marks that were not saved in the log, behind the place up to which they were. Blocks.
    pub(super) fn rebuild_marks(&self) -> Result<u64, ReadError> {
        let saved_to = self.saved_to().unwrap_or_else(|error| {
            tracing::warn!(%error, "reading the whole log for recovered rejects");
            0
        });
        *lock(&self.recovered.saved_to) = saved_to;
        if self.rejects.oldest().0 > self.rejects.watermark() {
            return Ok(0);
        }
        let mut reader = match reader(&self.log, saved_to + 1) {
            Err(CursorError::Overtaken { .. }) => self.log.reader(Start::Earliest)?,
            other => other?,
        };
        let mut found = 0;
        loop {
            let frames = match reader.read(READ_BYTES) {
                Ok(frames) if frames.is_empty() => return Ok(found),
                Ok(frames) => frames,
                Err(ReadError::Damaged { .. }) => continue,
                Err(error) => return Err(error),
            };
            for (sequence, record) in frames.iter().flat_map(|frame| frame.records()) {
                // Of a reject that a power cut took: its sequence will be another's.
                let kept = |mark: &u64| mark & !Reject::BITS <= self.rejects.watermark();
                let recovers = record.keys.recovers.into_iter();
                let named: Vec<u64> = recovers.flat_map(Recovers::marks).filter(kept).collect();
                found += u64::from(!named.is_empty());
                let named = named.into_iter().map(|mark| (mark, sequence));
                lock(&self.recovered.marks).extend(named);
            }
        }
    }

    /// The saved place; 0 where there is none, or one of other logs, whose marks mean nothing.
    fn saved_to(&self) -> Result<u64, state::Error> {
        let Some(state) = self.recovered.state.get() else {
            return Ok(0);
        };
        let access = state.access()?;
        let Some(space) = access.existing(SPACE)? else {
            return Ok(0);
        };
        let saved = space.get(PLACE)?;
        let own = place(self.log.id(), self.rejects.id(), 0);
        let split = saved.as_deref().and_then(|saved| saved.split_last_chunk());
        let to = split.filter(|(logs, _)| own.starts_with(logs));
        let to = to.map(|(_, to)| u64::from_be_bytes(*to));
        // Ahead of its log: the log was set back, and sequences may come again.
        let to = to.filter(|to| *to <= self.log.watermark());
        drop(space);
        if to.is_none() {
            access.delete(SPACE)?;
        }
        Ok(to.unwrap_or_default())
    }
}

fn reader(log: &Log, at: u64) -> Result<crate::log::Reader, CursorError> {
    if at > log.watermark() {
        return log.reader(Start::Now);
    }
    log.reader(Start::At(at))
}
