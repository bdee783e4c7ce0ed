//! The log as its users hold it: append, wait, ask.
use super::CursorError;
use super::batch::{AppendError, Batch, Settle};
use super::frame::Cache;
use super::record::RECORD_BYTES_MAX;
use super::recovery::{self, Recovered};
use super::retention::Followers;
use super::segments::Segments;
use super::writer::Writer;
use super::{Cursor, Follower, FollowerStat, LANES, LogId, OpenError, Options, Reader, Start};
use crate::model::{Clock, Timestamp};
use crate::telemetry::Latency;
use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::{Notify, watch};

/// Bytes that may wait for the disk: some seconds of a slow one. Past it the sender slows down.
const BACKLOG_BYTES_MAX: usize = 32 << 20;
/// A frame is closed at this size, so that one reader's step stays small.
const FRAME_BYTES: usize = 1 << 20;
/// Voided groups remembered. Their waiters were told long before as many disks have filled up.
const VOIDED_MAX: usize = 4096;

/// What became of an appended sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The sync is under way.
    Pending,
    /// Synced.
    Durable,
    /// Not written, for the disk was full: as if never appended.
    Voided,
}

/// The writer could not sync, and what it wrote last is in doubt.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot write or sync {segment:?}; what was not acknowledged is in doubt")]
pub struct FailedSync {
    /// The segment's file.
    pub segment: PathBuf,
    /// Why.
    #[source]
    pub source: Arc<std::io::Error>,
}

/// Size and place of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Stat {
    /// Segments.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// First sequence that can be read.
    pub oldest: u64,
    /// Last durable sequence.
    pub watermark: u64,
    /// Bytes waiting for the disk.
    pub pending_bytes: u64,
    /// Bytes free on its disk, when last looked at.
    pub free_bytes: u64,
    /// Groups synced since the start.
    pub groups: u64,
    /// Records made durable since the start.
    pub records: u64,
}

/// Records of one frame to be.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    pub(super) first: u64,
    pub(super) count: u32,
}

/// What the writer takes at once.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) chunks: Vec<Chunk>,
    pub(super) weights: [u64; LANES],
    pub(super) bytes: usize,
    /// When the first of it was appended.
    pub(super) opened_at: Option<Instant>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) next: u64,
    pub(super) pending: Group,
    pub(super) waiters: Vec<Arc<Notify>>,
    /// Last sequence of the group that is being synced.
    pub(super) syncing_to: u64,
    pub(super) syncing_waiters: Vec<Arc<Notify>>,
    pub(super) closing: bool,
    pub(super) closed: bool,
    pub(super) writer_idle: bool,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) dir: PathBuf,
    pub(super) id: LogId,
    pub(super) options: Options,
    pub(super) clock: Clock,
    pub(super) state: Mutex<State>,
    pub(super) wake: Condvar,
    pub(super) watermark: AtomicU64,
    pub(super) watch: watch::Sender<u64>,
    /// Readers on threads of their own wait here; the gate only orders waiting and waking.
    pub(super) readers_gate: Mutex<()>,
    pub(super) readers_wake: Condvar,
    voided: Mutex<VecDeque<(u64, u64)>>,
    any_voided: AtomicBool,
    pub(super) free: AtomicU64,
    /// After a write that found no room: how much room there must be beyond `min_free`, else 0.
    pub(super) needed: AtomicU64,
    pub(super) segments: Mutex<Segments>,
    pub(super) cache: Mutex<Cache>,
    pub(super) failed: watch::Sender<Option<FailedSync>>,
    pub(super) followers: Followers,
    pub(super) latency: Latency,
    pub(super) groups: AtomicU64,
    pub(super) records: AtomicU64,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Until the log is closed; readers may live on.
    folder_lock: Mutex<Option<File>>,
}

/// A panic elsewhere must not take the log with it: its state is changed in single steps.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn watermark(&self) -> u64 {
        self.watermark.load(Ordering::Acquire)
    }

    /// Remembers that `first..=last` were not written. Before the watermark moves past them.
    pub(super) fn void(&self, first: u64, last: u64) {
        let mut voided = lock(&self.voided);
        if voided.len() == VOIDED_MAX {
            voided.pop_front();
        }
        voided.push_back((first, last));
        self.any_voided.store(true, Ordering::Release);
    }

    fn is_voided(&self, sequence: u64) -> bool {
        self.any_voided.load(Ordering::Acquire)
            && lock(&self.voided)
                .iter()
                .any(|(first, last)| (*first..=*last).contains(&sequence))
    }

    fn refusing(&self) -> Option<AppendError> {
        let free = self.free.load(Ordering::Relaxed);
        let min_free = self.options.min_free;
        let needed = self.needed.load(Ordering::Relaxed);
        (free < min_free.saturating_add(needed)).then_some(AppendError::DiskFull { free, min_free })
    }
}

/// A handle on an open log. Clones share it.
#[derive(Clone, Debug)]
pub struct Log(pub(super) Arc<Shared>);

impl Log {
    /// Opens the log in `dir`, creating it if there is none, repairs its tail and starts its writer.
    /// Blocks for up to one segment's copy.
    ///
    /// # Errors
    /// In use, not a log, or the disk's.
    pub fn open(
        dir: &Path,
        options: Options,
        clock: Clock,
        settle: Settle,
    ) -> Result<Self, OpenError> {
        let Recovered {
            id,
            lock: lock_file,
            segments,
            tail,
        } = recovery::open(dir, &clock)?;
        let watermark = tail.last;
        let cache_bytes = options.cache_bytes;
        let shared = Arc::new(Shared {
            dir: dir.to_owned(),
            id,
            options,
            clock,
            state: Mutex::new(State {
                next: watermark + 1,
                ..State::default()
            }),
            wake: Condvar::new(),
            watermark: AtomicU64::new(watermark),
            watch: watch::Sender::new(watermark),
            readers_gate: Mutex::default(),
            readers_wake: Condvar::new(),
            voided: Mutex::default(),
            any_voided: AtomicBool::new(false),
            free: AtomicU64::new(u64::MAX),
            needed: AtomicU64::new(0),
            segments: Mutex::new(segments),
            cache: Mutex::new(Cache::new(cache_bytes)),
            failed: watch::Sender::new(None),
            followers: Followers::default(),
            latency: Latency::new(Instant::now()),
            groups: AtomicU64::new(0),
            records: AtomicU64::new(0),
            thread: Mutex::new(None),
            folder_lock: Mutex::new(Some(lock_file)),
        });
        let writer = Writer::new(Arc::clone(&shared), settle, tail);
        let thread = std::thread::Builder::new()
            .name("log-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(|source| OpenError::Io {
                path: dir.to_owned(),
                source,
            })?;
        *lock(&shared.thread) = Some(thread);
        Ok(Self(shared))
    }

    /// Appends a batch and empties it; returns the sequence of its first record, the others follow
    /// without a hole. Never blocks on the disk. `waiter` is notified once all are settled.
    ///
    /// # Errors
    /// Nothing was appended, and the batch is as it was.
    pub fn append(&self, batch: &mut Batch, waiter: &Arc<Notify>) -> Result<u64, AppendError> {
        if batch.largest > RECORD_BYTES_MAX {
            return Err(AppendError::TooLarge {
                bytes: batch.largest,
                limit: RECORD_BYTES_MAX,
            });
        }
        if let Some(error) = self.0.refusing() {
            return Err(error);
        }
        let mut state = lock(&self.0.state);
        if state.closing || state.closed {
            return Err(AppendError::Closed);
        }
        let bytes = state.pending.bytes + batch.bytes.len();
        if bytes > BACKLOG_BYTES_MAX {
            return Err(AppendError::Backlog {
                bytes: state.pending.bytes,
                limit: BACKLOG_BYTES_MAX,
            });
        }
        let first = state.next;
        state.next += u64::from(batch.count);
        let group = &mut state.pending;
        group.bytes = bytes;
        group.opened_at.get_or_insert_with(Instant::now);
        for (total, weight) in group.weights.iter_mut().zip(batch.weights) {
            *total += weight;
        }
        match group.chunks.last_mut() {
            Some(chunk) if chunk.bytes.len() < FRAME_BYTES => {
                chunk.bytes.extend_from_slice(&batch.bytes);
                chunk.count += batch.count;
            }
            _ => {
                let mut bytes = lock(&self.0.cache).buffer();
                bytes.extend_from_slice(&batch.bytes);
                group.chunks.push(Chunk {
                    bytes,
                    first,
                    count: batch.count,
                });
            }
        }
        state.waiters.push(Arc::clone(waiter));
        let idle = std::mem::take(&mut state.writer_idle);
        drop(state);
        if idle {
            self.0.wake.notify_one();
        }
        batch.clear();
        Ok(first)
    }

    /// Has `waiter` notified once `sequence` is settled, at once if it is: for the duplicate of an
    /// append in flight.
    pub fn notify_settled(&self, sequence: u64, waiter: &Arc<Notify>) {
        let mut state = lock(&self.0.state);
        if sequence <= self.0.watermark() || state.closed {
            drop(state);
            waiter.notify_one();
        } else if sequence <= state.syncing_to {
            state.syncing_waiters.push(Arc::clone(waiter));
        } else {
            state.waiters.push(Arc::clone(waiter));
        }
    }

    /// What became of `sequence`.
    pub fn settled(&self, sequence: u64) -> Settled {
        if sequence > self.0.watermark() {
            Settled::Pending
        } else if self.0.is_voided(sequence) {
            Settled::Voided
        } else {
            Settled::Durable
        }
    }

    /// All sequences up to this are settled.
    pub fn watermark(&self) -> u64 {
        self.0.watermark()
    }

    /// The watermark, for readers that wait.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.0.watch.subscribe()
    }

    /// Would an append be refused now, and why?
    pub fn refusing(&self) -> Option<AppendError> {
        let state = lock(&self.0.state);
        if state.closing || state.closed {
            return Some(AppendError::Closed);
        }
        drop(state);
        self.0.refusing()
    }

    /// The log's random name.
    pub fn id(&self) -> LogId {
        self.0.id
    }

    /// A cursor behind `sequence`.
    pub fn cursor(&self, sequence: u64) -> Cursor {
        Cursor {
            log_id: self.0.id,
            sequence,
        }
    }

    /// First sequence that can be read, and about when it was appended.
    pub fn oldest(&self) -> (u64, Timestamp) {
        lock(&self.0.segments).oldest()
    }

    /// The first sequence of the segment that holds `sequence`; `None`: retention has removed it.
    pub fn segment_start(&self, sequence: u64) -> Option<u64> {
        let segment = lock(&self.0.segments).holding(sequence)?;
        Some(segment.first)
    }

    /// A reader from `start` on.
    ///
    /// # Errors
    /// The cursor belongs elsewhere, or retention has passed `start`.
    pub fn reader(&self, start: Start) -> Result<Reader, CursorError> {
        Reader::new(Arc::clone(&self.0), start)
    }

    /// Names a reader, durable up to `position`, whose lag retention watches: a warning at 50 and 80 %.
    pub fn follow(&self, name: &str, position: u64) -> Follower {
        self.0.followers.add(name, position)
    }

    /// The named readers.
    pub fn followers(&self) -> Vec<FollowerStat> {
        self.0.followers.stat()
    }

    /// Size and place.
    pub fn stat(&self) -> Stat {
        let (segments, bytes, oldest) = {
            let segments = lock(&self.0.segments);
            (segments.len() as u64, segments.bytes(), segments.oldest().0)
        };
        Stat {
            segments,
            bytes,
            oldest,
            watermark: self.watermark(),
            pending_bytes: lock(&self.0.state).pending.bytes as u64,
            free_bytes: self.0.free.load(Ordering::Relaxed),
            groups: self.0.groups.load(Ordering::Relaxed),
            records: self.0.records.load(Ordering::Relaxed),
        }
    }

    /// How long groups took from their first append to the end of their sync: the longest that any
    /// record of the group waited.
    pub fn latency(&self) -> &Latency {
        &self.0.latency
    }

    /// The sequence from which the last `records` records, or those since `since`, can be read:
    /// whichever are fewer, give or take a segment.
    pub fn tail_start(&self, records: u64, since: Timestamp) -> u64 {
        let by_count = self.watermark().saturating_sub(records) + 1;
        lock(&self.0.segments).starting_by(since).max(by_count)
    }

    /// Settles what was appended, refuses more, ends the writer and lets go of the folder. Blocks.
    pub fn close(&self) {
        lock(&self.0.state).closing = true;
        self.0.wake.notify_one();
        let thread = lock(&self.0.thread).take();
        if let Some(thread) = thread {
            // A panic of the writer has been printed, and nothing more can be settled.
            let _ = thread.join();
        }
        lock(&self.0.folder_lock).take();
    }

    /// Resolves when the writer could not sync. The process must end: no later sync would tell the truth.
    pub async fn failed(&self) -> FailedSync {
        let mut failed = self.0.failed.subscribe();
        let failure = match failed.wait_for(Option::is_some).await {
            Ok(failure) => failure.clone(),
            Err(_) => None,
        };
        match failure {
            Some(failure) => failure,
            None => std::future::pending().await,
        }
    }
}
