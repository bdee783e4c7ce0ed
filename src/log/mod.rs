//! The log: the first durable place of every reading, and the only buffer.
//!
//! (Stub of the public interface; the implementation lands beside it.)
#![allow(
    clippy::todo,
    clippy::missing_errors_doc,
    missing_docs,
    unused_variables,
    clippy::needless_pass_by_value,
    reason = "stub"
)]
pub mod record;

use crate::model::{Clock, Timestamp};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// Number of kinds of weight that a batch carries to [`Settle`]; lane i is `Source::index() == i`.
pub const LANES: usize = 8;

#[derive(Clone, Debug)]
pub struct Options {
    pub segment_bytes: u64,
    pub retain: Duration,
    pub retain_bytes: u64,
    pub min_free: u64,
}

/// Called by the writer after each group, before the watermark moves: weights per lane, durable or voided.
pub type Settle = Box<dyn Fn(&[u64; LANES], bool) + Send + Sync>;

/// Records that are appended together, in one frame.
#[derive(Debug, Default)]
pub struct Batch {/* private */}
impl Batch {
    pub fn push(&mut self, kind: record::Kind, keys: &record::Keys, body: &[u8]) {
        todo!()
    }
    /// Adds to the weight that Settle gets for a lane (uplinks).
    pub fn weigh(&mut self, lane: usize, uplinks: u64) {
        todo!()
    }
    pub fn len(&self) -> usize {
        todo!()
    }
    pub fn is_empty(&self) -> bool {
        todo!()
    }
    pub fn clear(&mut self) {
        todo!()
    }
}

/// Why nothing was appended. All are temporary but `Closed`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    #[error("disk: {free} bytes free, {min_free} must stay free")]
    DiskFull { free: u64, min_free: u64 },
    #[error("{bytes} bytes wait for the disk, at most {limit}")]
    Backlog { bytes: usize, limit: usize },
    #[error("record of {bytes} bytes, at most {limit}")]
    TooLarge { bytes: usize, limit: usize },
    #[error("the log is closed")]
    Closed,
}

/// State of an appended sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    Pending,
    Durable,
    /// Not written (disk full): as if never appended.
    Voided,
}

#[derive(Clone)]
pub struct Log {/* Arc */}
impl Log {
    pub fn open(
        dir: &Path,
        options: Options,
        clock: Clock,
        settle: Settle,
    ) -> Result<Self, OpenError> {
        todo!()
    }
    /// Never blocks on the disk. The batch is emptied. Sequences are consecutive from the returned one.
    /// `waiter` is notified (notify_one) once they are settled.
    pub fn append(&self, batch: &mut Batch, waiter: &Arc<Notify>) -> Result<u64, AppendError> {
        todo!()
    }
    /// Notifies `waiter` once `sequence` is settled (at once if it is): for duplicates of an append in flight.
    pub fn notify_settled(&self, sequence: u64, waiter: &Arc<Notify>) {
        todo!()
    }
    pub fn settled(&self, sequence: u64) -> Settled {
        todo!()
    }
    /// All sequences up to this are settled.
    pub fn watermark(&self) -> u64 {
        todo!()
    }
    /// The same, for readers that wait.
    pub fn watch(&self) -> watch::Receiver<u64> {
        todo!()
    }
    /// Would an append be refused now, and why (disk full, closed)?
    pub fn refusing(&self) -> Option<AppendError> {
        todo!()
    }
    pub fn id(&self) -> LogId {
        todo!()
    }
    pub fn cursor(&self, sequence: u64) -> Cursor {
        todo!()
    }
    /// Oldest sequence that can still be read and its append time; next_sequence if the log is empty.
    pub fn oldest(&self) -> (u64, Timestamp) {
        todo!()
    }
    pub fn reader(&self, start: Start) -> Result<Reader, CursorError> {
        todo!()
    }
    /// Names a reader whose lag retention watches: alarms at 50 and 80 %, a gap past it.
    pub fn follow(&self, name: &'static str, position: u64) -> Follower {
        todo!()
    }
    pub fn stat(&self) -> Stat {
        todo!()
    }
    /// Sequence from which about the last `records` records can be read, none older than `since`.
    pub fn tail_start(&self, records: u64, since: Timestamp) -> u64 {
        todo!()
    }
    /// Settles what was appended and ends the writer. Blocks.
    pub fn close(&self) {
        todo!()
    }
    /// Resolves when the writer failed to sync: the process must end.
    pub async fn failed(&self) -> FailedSync {
        todo!()
    }
}
/// A named reader's place, for retention's alarms.
pub struct Follower {}
impl Follower {
    /// All up to `sequence` is durable with the reader.
    pub fn advance(&self, sequence: u64) {
        todo!()
    }
}
#[derive(Debug, thiserror::Error)]
#[error("sync of {segment} failed")]
pub struct FailedSync {
    pub segment: String,
    #[source]
    pub source: Arc<std::io::Error>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LogId(pub u128);

/// Opaque place in a log: Display and FromStr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub log_id: LogId,
    pub sequence: u64,
}
impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        todo!()
    }
}
impl std::str::FromStr for Cursor {
    type Err = CursorError;
    fn from_str(s: &str) -> Result<Self, CursorError> {
        todo!()
    }
}

/// Where a reader starts.
#[derive(Clone, Copy, Debug)]
pub enum Start {
    /// After what this cursor has seen.
    After(Cursor),
    /// From this sequence on (internal readers).
    At(u64),
    /// From the first frame appended at or after.
    Since(Timestamp),
    Earliest,
    /// Only what is appended from now on.
    Now,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    #[error("malformed cursor")]
    Malformed,
    #[error("cursor of another log")]
    OtherLog,
    #[error("cursor {sequence} is ahead of the log at {watermark}")]
    Future { sequence: u64, watermark: u64 },
    /// Retention has passed it.
    #[error("retention has passed the cursor: the oldest is {oldest}")]
    Overtaken {
        oldest: u64,
        lost_from: Timestamp,
        lost_to: Timestamp,
    },
}

/// One group commit, decompressed. Shared by all readers.
#[derive(Debug)]
pub struct Frame {
    pub first: u64,
    pub last: u64,
    pub appended_at: Timestamp,
    pub body: Vec<u8>,
}
impl Frame {
    /// Sequence and record of each. Stops at malformed bytes (which the CRC excludes).
    pub fn records(&self) -> impl Iterator<Item = (u64, record::RecordView<'_>)> {
        std::iter::empty()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// These records cannot be read; the reader has moved past them and may go on.
    #[error("{segment} is damaged at byte {offset}: {from}..={to} cannot be read")]
    Damaged {
        segment: String,
        offset: u64,
        from: u64,
        to: u64,
    },
    #[error("cannot read {segment}")]
    Io {
        segment: String,
        #[source]
        source: std::io::Error,
    },
}

pub struct Reader {}
impl Reader {
    /// Next frames, about `bytes_max` of bodies (at least one frame if there is any), none past the watermark; empty when caught up. Blocks on the disk at most, never on the writer: wrap in spawn_blocking when far behind.
    pub fn read(&mut self, bytes_max: usize) -> Result<Vec<Arc<Frame>>, ReadError> {
        todo!()
    }
    /// Resolves when there is something to read (cancel-safe).
    pub async fn ready(&mut self) {
        todo!()
    }
    /// The same for a reader on a thread of its own; false on timeout or closed log.
    pub fn wait(&mut self, timeout: Duration) -> bool {
        todo!()
    }
    /// Next sequence to be returned (frames start at or before; skip records below it).
    pub fn position(&self) -> u64 {
        todo!()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Stat {
    pub segments: u64,
    pub bytes: u64,
    pub oldest: u64,
    pub next: u64,
    pub frames: u64,
    pub reports: u64,
    pub rejects: u64,
    pub events: u64,
    pub releases: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{dir} is in use by another citygate")]
    Locked { dir: String },
    #[error("{path}: {what}")]
    Format { path: String, what: String },
    #[error("cannot open {path}")]
    Io {
        path: String,
        #[source]
        source: std::io::Error,
    },
}
