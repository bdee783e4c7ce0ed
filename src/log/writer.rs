//! The thread that writes and syncs.
use super::batch::Settle;
use super::frame::Frame;
use super::recovery::{Tail, sync_dir};
use super::retention::{Age, percent};
use super::segment::{HEADER_BYTES, SegmentHeader, encode_frame, path_of};
use super::segments::Segment;
use super::shared::{Chunk, FailedSync, Group, Shared, lock};
use crate::model::Timestamp;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tracing::{error, info, warn};

/// How often free space and retention are looked at while nothing is appended.
const TICK: Duration = Duration::from_millis(500);
/// How often at most while groups follow each other.
const BUSY_TICK: Duration = Duration::from_millis(100);
/// A segment is closed at this part of the retention, so that retention by age has pieces to remove.
const ROLL_PART: u32 = 20;
/// ..but not more often than this.
const ROLL_AGE_MIN: Duration = Duration::from_millis(500);

/// Owns the last segment's file.
pub(super) struct Writer {
    shared: Arc<Shared>,
    settle: Settle,
    file: File,
    segment: Arc<Segment>,
    len: u64,
    /// Last sequence settled.
    last: u64,
    /// Last sequence written: behind `last` while voided groups lie between.
    written: u64,
    last_appended_at: Timestamp,
    out: Vec<u8>,
    age: Age,
    ticked: Instant,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, settle: Settle, tail: Tail) -> Self {
        let len = tail.segment.bytes.load(Ordering::Relaxed);
        Self {
            shared,
            settle,
            file: tail.file,
            segment: tail.segment,
            len,
            last: tail.last,
            written: tail.last,
            last_appended_at: tail.last_appended_at,
            out: Vec::new(),
            age: Age::new(tail.last_appended_at),
            ticked: Instant::now(),
        }
    }

    /// Runs until the log is closed or a sync fails.
    pub(super) fn run(mut self) {
        self.tick();
        loop {
            let (group, closing) = self.next_group();
            if let Some(group) = group
                && let Err(source) = self.commit(group)
            {
                return self.fail(source);
            }
            let due = if closing { None } else { Some(BUSY_TICK) };
            if due.is_some_and(|due| self.ticked.elapsed() >= due) {
                self.tick();
            }
            if closing {
                return self.end();
            }
        }
    }

    /// Waits for something appended, a tick, or the end (true).
    fn next_group(&self) -> (Option<Group>, bool) {
        let mut state = lock(&self.shared.state);
        if state.pending.chunks.is_empty() && state.waiters.is_empty() && !state.closing {
            state.writer_idle = true;
            state = self
                .shared
                .wake
                .wait_timeout(state, TICK)
                .map_or_else(|error| error.into_inner().0, |(state, _)| state);
            state.writer_idle = false;
        }
        let closing = state.closing;
        state.syncing_waiters = std::mem::take(&mut state.waiters);
        state.syncing_to = state.next - 1;
        if state.pending.chunks.is_empty() && state.syncing_waiters.is_empty() {
            return (None, closing);
        }
        (
            Some(std::mem::take(&mut state.pending)),
            closing && state.waiters.is_empty(),
        )
    }

    /// Writes and syncs a group, or voids it when the disk is full; then tells everybody.
    fn commit(&mut self, group: Group) -> io::Result<()> {
        let ends = group.chunks.first().zip(group.chunks.last());
        if let Some((first, last)) = ends.map(|(a, b)| (a.first, b.first + u64::from(b.count) - 1))
        {
            let records = group
                .chunks
                .iter()
                .map(|chunk| u64::from(chunk.count))
                .sum();
            let durable = match self.write(&group) {
                Ok(()) => true,
                Err(error) if is_full(&error) => {
                    self.file.set_len(self.len)?;
                    self.file.seek(SeekFrom::Start(self.len))?;
                    false
                }
                Err(error) => return Err(error),
            };
            if durable {
                self.written = last;
                if let Some(opened_at) = group.opened_at {
                    let now = Instant::now();
                    let waited = now.saturating_duration_since(opened_at);
                    self.shared.latency.record(now, waited);
                }
                self.publish_frames(group.chunks);
                self.shared.groups.fetch_add(1, Ordering::Relaxed);
                self.shared.records.fetch_add(records, Ordering::Relaxed);
            } else {
                warn!(
                    first,
                    last, "disk is full: not taken, senders will come again"
                );
                self.shared
                    .needed
                    .store(self.out.len() as u64, Ordering::Relaxed);
                self.look_at_disk();
                self.shared.void(first, last);
            }
            (self.settle)(&group.weights, durable);
            self.last = last;
        }
        self.publish_watermark();
        Ok(())
    }

    fn write(&mut self, group: &Group) -> io::Result<()> {
        let now = self.shared.clock.now().max(self.last_appended_at);
        // What lies on disk has microseconds; readers must not see time go back at a restart.
        let now = Timestamp::from_micros(now.as_micros());
        self.out.clear();
        let first = group
            .chunks
            .first()
            .map_or(self.last + 1, |chunk| chunk.first);
        let full = self.len >= self.shared.options.segment_bytes;
        let roll_age = (self.shared.options.retain / ROLL_PART).max(ROLL_AGE_MIN);
        let old = self.len > HEADER_BYTES && now.since(self.segment.created_at) > roll_age;
        let next = (full || old).then_some(SegmentHeader {
            log_id: self.shared.id,
            first,
            previous: self.written,
            created_at: now,
        });
        if let Some(header) = next {
            self.out.extend_from_slice(&header.encode());
        }
        let start = if next.is_some() { 0 } else { self.len };
        let mut offsets = Vec::with_capacity(group.chunks.len());
        for chunk in &group.chunks {
            offsets.push((chunk.first, start + self.out.len() as u64));
            encode_frame(
                &mut self.out,
                self.shared.id,
                chunk.first,
                chunk.count,
                now,
                &chunk.bytes,
            );
        }
        match next {
            None => {
                self.file.write_all(&self.out)?;
                sync(&self.file)?;
            }
            Some(header) => self.roll(&header)?,
        }
        self.len = start + self.out.len() as u64;
        self.last_appended_at = now;
        for (first, offset) in offsets {
            self.segment.note(first, offset);
        }
        self.segment.bytes.store(self.len, Ordering::Release);
        if self.out.capacity() > 4 << 20 {
            self.out = Vec::new();
        }
        Ok(())
    }

    /// Starts the next segment with what is in `out`, a header and the group's frames.
    fn roll(&mut self, header: &SegmentHeader) -> io::Result<()> {
        let dir = &self.shared.dir;
        let path = path_of(dir, header.first);
        let create = || -> io::Result<File> {
            let mut file = File::create(&path)?;
            file.write_all(&self.out)?;
            Ok(file)
        };
        let file = create().inspect_err(|_| {
            // The next attempt starts anew; if even this fails, recovery removes the file.
            let _ = std::fs::remove_file(&path);
        })?;
        sync(&file)?;
        sync_dir(dir).map_err(not_full)?;
        self.file = file;
        let bytes = self.out.len() as u64;
        self.segment = Arc::new(Segment::new(
            dir,
            header.first,
            header.previous,
            header.created_at,
            bytes,
        ));
        lock(&self.shared.segments).push(Arc::clone(&self.segment));
        Ok(())
    }

    fn publish_frames(&self, chunks: Vec<Chunk>) {
        let mut cache = lock(&self.shared.cache);
        for chunk in chunks {
            cache.push(Arc::new(Frame {
                first: chunk.first,
                last: chunk.first + u64::from(chunk.count) - 1,
                appended_at: self.last_appended_at,
                body: chunk.bytes,
            }));
        }
    }

    fn publish_watermark(&self) {
        self.shared.watermark.store(self.last, Ordering::Release);
        let waiters = std::mem::take(&mut lock(&self.shared.state).syncing_waiters);
        for waiter in &waiters {
            waiter.notify_one();
        }
        self.shared.watch.send_if_modified(|watermark| {
            let moved = *watermark != self.last;
            *watermark = self.last;
            moved
        });
        drop(lock(&self.shared.readers_gate));
        self.shared.readers_wake.notify_all();
    }

    /// Looks at the disk's free space and at what retention has to remove.
    fn tick(&mut self) {
        let passed = self.ticked.elapsed();
        self.ticked = Instant::now();
        self.look_at_disk();
        let wall = self.shared.clock.now();
        let now = self.age.now(wall, passed);
        let options = &self.shared.options;
        let mut segments = lock(&self.shared.segments);
        while let Some((oldest, next)) = segments.oldest_sealed() {
            let aged = now.since(next.created_at) > options.retain;
            if !aged && segments.bytes() <= options.retain_bytes {
                break;
            }
            info!(path = ?oldest.path, by_age = aged, "removing a segment by retention");
            if let Err(error) = segments.remove_oldest() {
                warn!(%error, path = ?oldest.path, "cannot remove a segment");
                break;
            }
        }
        let bytes = segments.bytes();
        let used = |position: u64| {
            let Some(segment) = segments.holding(position + 1) else {
                return 100;
            };
            let age = percent(
                now.since(segment.created_at).as_millis(),
                options.retain.as_millis(),
            );
            let size = percent(bytes.into(), options.retain_bytes.into());
            // Nothing to read means no lag, however old the last record is.
            if position >= self.last {
                0
            } else {
                age.max(if segments.oldest().0 >= segment.first {
                    size
                } else {
                    0
                })
            }
        };
        for (reader, percent) in self.shared.followers.alarms(used) {
            warn!(
                reader = &*reader,
                percent, "reader lags by this part of the retention"
            );
        }
    }

    fn look_at_disk(&self) {
        match rustix::fs::statvfs(&self.shared.dir) {
            Ok(disk) => {
                let free = disk.f_bavail.saturating_mul(disk.f_frsize);
                self.shared.free.store(free, Ordering::Relaxed);
                let needed = self.shared.needed.load(Ordering::Relaxed);
                if needed > 0 && free >= self.shared.options.min_free.saturating_add(needed) {
                    self.shared.needed.store(0, Ordering::Relaxed);
                    info!(free, "disk has room again");
                }
            }
            Err(error) => warn!(%error, "cannot ask how much disk is free"),
        }
    }

    fn fail(self, source: io::Error) {
        let failure = FailedSync {
            segment: self.segment.path.clone(),
            source: Arc::new(source),
        };
        error!(error = %failure.source, segment = ?failure.segment, "cannot sync the log: the gateway must end");
        self.shared.failed.send_replace(Some(failure));
        self.end();
    }

    /// Nothing will be settled any more: wakes whoever waits, to find the log closed.
    fn end(&self) {
        let mut state = lock(&self.shared.state);
        state.closed = true;
        let mut waiters = std::mem::take(&mut state.waiters);
        waiters.append(&mut state.syncing_waiters);
        drop(state);
        for waiter in &waiters {
            waiter.notify_one();
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// A sync that failed is final, even for want of room: what the pages held is no longer known.
fn sync(file: &File) -> io::Result<()> {
    file.sync_data().map_err(not_full)
}

fn not_full(error: io::Error) -> io::Error {
    if is_full(&error) {
        io::Error::other(error)
    } else {
        error
    }
}
