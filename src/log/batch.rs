//! What is appended, and why it may not be.
use super::LANES;
use super::record::{self, Arrived, Keys, Kind};

/// Called by the writer after each group and before the watermark moves: the weights of its lanes,
/// and whether it is durable (else it was voided).
pub type Settle = Box<dyn Fn(&[u64; LANES], bool) + Send + Sync>;

/// Records that are appended together.
#[derive(Debug, Default)]
pub struct Batch {
    pub(super) bytes: Vec<u8>,
    pub(super) count: u32,
    pub(super) largest: usize,
    pub(super) weights: [u64; LANES],
}

impl Batch {
    /// Adds a record that no uplink brought.
    pub fn push(&mut self, kind: Kind, keys: &Keys, body: &[u8]) {
        self.push_arrived(kind, keys, Arrived::Not, body);
    }

    /// Adds a record of an uplink.
    pub fn push_arrived(&mut self, kind: Kind, keys: &Keys, arrived: Arrived<'_>, body: &[u8]) {
        record::put(&mut self.bytes, kind, keys, arrived, body);
        self.count += 1;
        self.largest = self.largest.max(body.len());
    }

    /// Adds to what [`Settle`] is told of a lane.
    pub fn weigh(&mut self, lane: usize, weight: u64) {
        if let Some(total) = self.weights.get_mut(lane) {
            *total += weight;
        }
    }

    /// Records in it.
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// No records?
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Drops all records, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
        self.largest = 0;
        self.weights = [0; LANES];
    }
}

/// Why nothing was appended. All but the last two are temporary.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Less than `min_free` is free, or the last write found no room.
    #[error("disk: {free} bytes are free, {min_free} must stay free")]
    DiskFull {
        /// Bytes free when last looked at.
        free: u64,
        /// The setting.
        min_free: u64,
    },
    /// The disk is slower than the senders.
    #[error("{bytes} bytes wait for the disk, at most {limit} may")]
    Backlog {
        /// Bytes waiting.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A record that no reader would believe.
    #[error("record of {bytes} bytes, at most {limit} are allowed")]
    TooLarge {
        /// Its body's size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Closed, or the writer has failed.
    #[error("the log is closed")]
    Closed,
}
