//! The thread that follows both logs.
//!
//! Their frames are taken in the order in which they were appended, so that reading them again gives
//! the same devices.
use super::disk::Disk;
use super::entry::NEVER;
use super::progress::Progress;
use super::registry::Shared;
use super::renew::Renewed;
use crate::intake::Intake;
use crate::log::record::Kind;
use crate::log::{Follower, Frame, Log, LogId, ReadError, Reader, Start};
use crate::model::{Reject, Timestamp};
use prost::Message;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Bytes of frames that are read at once. Whoever asks waits while one frame is applied.
const READ_BYTES: usize = 1 << 20;
/// Longest wait for the log: how late a reject, a stop or a tick is noticed.
const WAIT: Duration = Duration::from_millis(250);
/// Pause before a log is read again that could not be read.
const RETRY: Duration = Duration::from_secs(1);
/// Time between two looks at what time has changed, and at the copies that intake has seen.
const TICK: Duration = Duration::from_secs(1);
/// How far the wall clock may run ahead of the time that passed.
const STEP_SLACK: Duration = Duration::from_mins(1);
/// Frames applied after the stop was asked for.
const LAST_FRAMES_MAX: usize = 16;
/// Rejects at the log's end that are looked at for strangers.
const STRANGERS_READ: u64 = 20_000;

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
            // A new registry lags by what there is, not by what was before.
            follower: log.follow(name, next.max(oldest).saturating_sub(1)),
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

/// Has the wall clock run on without the time passing here, because it was set or the machine slept?
/// Nobody has listened meanwhile.
fn has_stepped(before: Timestamp, now: Timestamp, passed: Duration) -> bool {
    before != NEVER && now.since(before) > passed + STEP_SLACK
}

/// Strangers are not kept: the end of the rejects' log, up to `next`, has them.
fn remember_strangers(shared: &Shared, rejects: &Log, next: u64) {
    let mut reader = begin(rejects, rejects.tail_start(STRANGERS_READ, NEVER));
    while reader.position() < next
        && let Ok(frames) = reader.read(READ_BYTES)
        && !frames.is_empty()
    {
        let mut table = shared.write();
        let records = frames.iter().flat_map(|frame| frame.records());
        for (sequence, record) in records.take_while(|(sequence, _)| *sequence < next) {
            if let Ok(reject) = Reject::decode(record.body) {
                table.remember_stranger(sequence, &reject);
            }
        }
    }
}

/// The registry's thread.
pub(super) struct Follow {
    pub(super) shared: Arc<Shared>,
    pub(super) intake: Arc<Intake>,
    pub(super) renewed: Renewed,
    disk: Disk,
    log: Tail,
    rejects: Tail,
    ticked_at: Timestamp,
    /// The same by a clock that nobody sets.
    ticked: Instant,
    /// It has been said that there are too many devices.
    full: bool,
}

impl Follow {
    /// Goes on where the disk's devices end.
    pub fn new(
        shared: Arc<Shared>,
        disk: Disk,
        log: Log,
        rejects: Log,
        intake: Arc<Intake>,
        renewed: Renewed,
    ) -> Self {
        let (log_next, rejects_next) = disk.durable();
        remember_strangers(&shared, &rejects, rejects_next);
        let log = Tail::new(log, "devices", log_next);
        let rejects = Tail::new(rejects, "devices_rejects", rejects_next);
        shared.reached(log.next, rejects.next);
        Self {
            shared,
            intake,
            renewed,
            disk,
            log,
            rejects,
            ticked_at: Timestamp::MIN,
            ticked: Instant::now(),
            full: false,
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
        // The little that came last; what is left waits in the logs for the next start.
        for _ in 0..LAST_FRAMES_MAX {
            self.step();
        }
        let progress = self.progress(self.shared.clock.now());
        self.disk.finish(&self.shared, &progress);
    }

    fn progress(&self, now: Timestamp) -> Progress {
        let table = self.shared.read();
        let (log, rejects) = (&self.log, &self.rejects);
        Progress {
            log: log.log.id(),
            rejects: rejects.log.id(),
            log_next: log.next,
            rejects_next: rejects.next,
            expired: log.expired + rejects.expired,
            version: table.changes.version(),
            id: self.shared.id,
            devices: u32::try_from(table.entries.len()).unwrap_or(u32::MAX),
            saved_at: now,
        }
    }

    /// Applies the frame that was appended first, of both logs.
    pub(super) fn step(&mut self) {
        self.log.fill();
        self.rejects.fill();
        let rejects_first = match (self.log.front(), self.rejects.front()) {
            (None, None) => {
                self.shared.reached(self.log.next, self.rejects.next);
                return;
            }
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
        self.shared.reached(self.log.next, self.rejects.next);
        self.shared.announce(version);
    }

    /// What is due once a second.
    fn maintain(&mut self) {
        let now = self.shared.clock.now();
        let progress = self.progress(now);
        self.disk.step(&self.shared, &progress);
        if self.ticked_at <= now && now.since(self.ticked_at) < TICK {
            return;
        }
        let passed = std::mem::replace(&mut self.ticked, Instant::now()).elapsed();
        if self.shared.clock.is_system() && has_stepped(self.ticked_at, now, passed) {
            tracing::warn!("the clock has stepped forward: silence of devices counts from now");
            self.shared.write().listen_from(now);
        }
        self.ticked_at = now;
        let sightings = self.intake.sightings();
        let mut table = self.shared.write();
        for (id, sighting) in sightings {
            table.sighted(&id, sighting.at, sighting.copies);
        }
        drop(table);
        // Silence is judged by those who have heard everything.
        let caught_up = self.log.lag() == 0 && self.rejects.lag() == 0;
        while caught_up && self.shared.write().tick(now) {}
        if caught_up {
            self.tell_retired();
        }
        self.renew(now);
        let version = self.shared.read().changes.version();
        self.shared.announce(version);
        self.publish();
    }

    fn publish(&mut self) {
        let max = {
            let table = self.shared.read();
            (table.counts.untracked > 0).then_some(table.config.max)
        };
        if let Some(max) = max
            && !std::mem::replace(&mut self.full, true)
        {
            tracing::warn!(
                max,
                "more devices than are tracked (devices.max), or too many that are only refused"
            );
        }
        self.shared.stats().expired = self.log.expired + self.rejects.expired;
        let (log, rejects) = self.disk.durable();
        for (tail, durable) in [(&self.log, log), (&self.rejects, rejects)] {
            // Before the first save there is no place yet, but where it began.
            if durable > 0 {
                tail.follower.advance(durable - 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_or_a_machine_that_slept_is_noticed() {
        let (before, second) = (Timestamp::from_secs(1_000), Duration::from_secs(1));
        let after = |secs| before.plus(Duration::from_secs(secs));
        assert!(!has_stepped(before, after(1), second));
        assert!(
            !has_stepped(before, after(600), Duration::from_mins(10)),
            "a slow disk"
        );
        assert!(has_stepped(before, after(3_600), second));
        assert!(
            !has_stepped(before, Timestamp::from_secs(5), second),
            "back"
        );
        assert!(!has_stepped(NEVER, after(1), second), "the first tick");
    }
}
