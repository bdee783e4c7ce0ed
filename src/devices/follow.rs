//! The thread that follows both logs.
//!
//! Their frames are taken in the order in which they were appended, so that reading them again gives
//! the same devices.
use super::registry::Shared;
use crate::intake::Intake;
use crate::log::record::Kind;
use crate::log::{Follower, Frame, Log, LogId, ReadError, Reader, Start};
use crate::model::{Reject, Timestamp};
use prost::Message;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Bytes of frames that are read at once. Whoever asks waits while one frame is applied.
const READ_BYTES: usize = 1 << 20;
/// Longest wait for the log: how late a reject, a stop or a tick is noticed.
const WAIT: Duration = Duration::from_millis(250);
/// Pause before a log is read again that could not be read.
const RETRY: Duration = Duration::from_secs(1);
/// Time between two looks at what time has changed, and at the copies that intake has seen.
const TICK: Duration = Duration::from_secs(1);
/// Time between two measurements of the memory: they look at every device.
const MEASURE: Duration = Duration::from_secs(15);

/// Any 64 bits of the log's random name: nobody outside knows them.
#[expect(clippy::cast_possible_truncation, reason = "any 64 of its random bits")]
pub(super) const fn seed(log_id: LogId) -> u64 {
    log_id.0 as u64
}

/// A place in one of the logs.
struct Tail {
    log: Log,
    reader: Reader,
    follower: Follower,
    frames: VecDeque<Arc<Frame>>,
    /// The next record to apply.
    next: u64,
    /// Records that cannot be had.
    expired: u64,
}

impl Tail {
    fn new(log: Log, name: &'static str, next: u64) -> Self {
        let (oldest, _) = log.oldest();
        let mut tail = Self {
            reader: begin(&log, next.max(oldest)),
            follower: log.follow(name, next.saturating_sub(1)),
            log,
            frames: VecDeque::new(),
            next,
            expired: 0,
        };
        tail.lose_to(tail.reader.position());
        tail
    }

    /// Records before `position` that were not applied are lost; of a new registry, none were
    /// expected.
    fn lose_to(&mut self, position: u64) {
        if self.next > 0 && self.next < position {
            tracing::error!(
                from = self.next,
                to = position - 1,
                "the log no longer has these records, and the registry never saw them"
            );
            self.expired += position - self.next;
        }
        self.next = self.next.max(position);
    }

    /// Reads on if nothing is at hand.
    fn fill(&mut self) {
        if !self.frames.is_empty() {
            return;
        }
        match self.reader.read(READ_BYTES) {
            Ok(frames) => self.frames.extend(frames),
            Err(ReadError::Damaged { from, to, .. }) => {
                tracing::error!(from, to, "the registry passes over damaged records");
                self.expired += to.saturating_sub(from) + 1;
                self.next = self.next.max(to + 1);
            }
            Err(ReadError::Cursor(_)) => {
                let (oldest, _) = self.log.oldest();
                self.reader = begin(&self.log, oldest);
                self.lose_to(self.reader.position());
            }
            Err(error @ ReadError::Io { .. }) => {
                tracing::error!(%error, "the registry cannot read a log; it tries again");
                std::thread::park_timeout(RETRY);
            }
        }
        if self.frames.is_empty() {
            // Also past sequences that were never used.
            self.next = self.next.max(self.reader.position());
        }
    }

    fn front(&self) -> Option<Timestamp> {
        self.frames.front().map(|frame| frame.appended_at)
    }

    fn lag(&self) -> u64 {
        (self.log.watermark() + 1).saturating_sub(self.next)
    }
}

/// A reader at `position`, or at the oldest record if that is gone.
fn begin(log: &Log, position: u64) -> Reader {
    let mut position = position.min(log.watermark() + 1);
    loop {
        if let Ok(reader) = log.reader(Start::At(position)) {
            return reader;
        }
        // Retention has moved on in between.
        position = log.oldest().0;
    }
}

/// The registry's thread.
pub(super) struct Follow {
    shared: Arc<Shared>,
    intake: Arc<Intake>,
    log: Tail,
    rejects: Tail,
    ticked_at: Timestamp,
    measured_at: Timestamp,
}

impl Follow {
    pub fn new(shared: Arc<Shared>, log: Log, rejects: Log, intake: Arc<Intake>) -> Self {
        Self {
            shared,
            intake,
            log: Tail::new(log, "devices", 0),
            rejects: Tail::new(rejects, "devices_rejects", 0),
            ticked_at: Timestamp::MIN,
            measured_at: Timestamp::MIN,
        }
    }

    /// Runs until the stop is asked for.
    pub fn run(mut self) {
        while !self.shared.stop.load(Ordering::Acquire) {
            if self.log.frames.is_empty() && self.rejects.lag() == 0 {
                self.log.reader.wait(WAIT);
            }
            self.step();
            self.maintain();
        }
    }

    /// Applies the frame that was appended first, of both logs.
    fn step(&mut self) {
        self.log.fill();
        self.rejects.fill();
        let rejects_first = match (self.log.front(), self.rejects.front()) {
            (None, None) => return,
            (Some(log), Some(rejects)) => rejects < log,
            (log, _) => log.is_none(),
        };
        let tail = if rejects_first {
            &mut self.rejects
        } else {
            &mut self.log
        };
        let Some(frame) = tail.frames.pop_front() else {
            return;
        };
        let mut table = self.shared.write();
        for (sequence, record) in frame.records() {
            if sequence < tail.next {
                table.uplink(record.arrived);
            } else if record.kind != Kind::Reject {
                table.apply(sequence, &record);
            } else if let Ok(reject) = Reject::decode(record.body) {
                table.apply_reject(sequence, &reject);
            } else {
                table.counts.skipped += 1;
            }
        }
        tail.next = tail.next.max(frame.last + 1);
        let version = table.changes.version();
        drop(table);
        self.shared.announce(version);
    }

    /// What is due once a second.
    fn maintain(&mut self) {
        let now = self.shared.clock.now();
        if self.ticked_at <= now && now.since(self.ticked_at) < TICK {
            return;
        }
        self.ticked_at = now;
        let sightings = self.intake.sightings();
        let mut table = self.shared.write();
        for (id, sighting) in sightings {
            table.sighted(&id, sighting.at, sighting.copies);
        }
        // Silence is judged by those who have heard everything.
        if self.log.lag() == 0 && self.rejects.lag() == 0 {
            table.tick(now);
        }
        let version = table.changes.version();
        drop(table);
        self.shared.announce(version);
        self.publish(now);
    }

    fn publish(&mut self, now: Timestamp) {
        let table = self.shared.read();
        let mut stats = *self.shared.stats();
        if self.measured_at > now || now.since(self.measured_at) >= MEASURE {
            self.measured_at = now;
            stats.bytes = table.bytes() as u64;
        }
        stats.devices = table.len() as u64;
        stats.strangers = table.strangers.len() as u64;
        stats.lag = self.log.lag();
        stats.rejects_lag = self.rejects.lag();
        stats.untracked = table.counts.untracked;
        stats.late = table.counts.late;
        stats.offline = table.counts.offline;
        stats.skipped = table.counts.skipped;
        stats.expired = self.log.expired + self.rejects.expired;
        stats.unsaved = table.dirty.len() as u64;
        drop(table);
        *self.shared.stats() = stats;
        self.log.follower.advance(self.log.next.saturating_sub(1));
        self.rejects
            .follower
            .advance(self.rejects.next.saturating_sub(1));
    }
}
