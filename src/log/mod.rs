//! The log: the first durable place of every reading, and the only buffer.
//!
//! ```text
//!  append(batch) -> [pending group] -> writer: lz4, write, fdatasync -> watermark -> waiters, readers
//! ```
//! - **Group commit.** One writer thread writes and syncs whatever was appended while the last sync
//!   ran. Nobody waits for a timer, and a slow disk makes larger groups, not longer queues.
//! - **The watermark** is the last settled sequence. An acknowledgement waits for it, and no reader
//!   sees past it, so nobody downstream ever holds what a power cut can take back.
//! - **A full disk** voids the group that met it: its sequences are never used, its senders are not
//!   acknowledged. **A failed sync** is never retried: the kernel may have dropped the pages and
//!   called them clean. The writer stops, [`Log::failed`] resolves, the process ends, and the next
//!   start rewrites the last segment from what can be read.
//! - **Retention** removes whole segments by age and bytes and waits for nobody; a reader that it
//!   overtakes gets [`CursorError::Overtaken`].
//! - Not a published crate: those measured either sync on a timer or are no longer kept.
//!   Not fjall: twice the bytes written and no order of its own.
mod batch;
mod cursor;
mod frame;
pub mod inspect;
mod reader;
pub mod record;
mod recovery;
mod retention;
mod segment;
mod segments;
mod shared;
mod writer;

pub use batch::{AppendError, Batch, Settle};
pub use cursor::{Cursor, CursorError};
pub use frame::Frame;
pub use reader::{ReadError, Reader, Start};
pub use retention::{Follower, FollowerStat};
pub use shared::{FailedSync, Log, Settled, Stat};

use crate::model::settings::Section;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Lanes of weight that a batch carries to [`Settle`]. What a lane means is the caller's affair;
/// intake has four for each source: assured uplinks, unassured ones, reject parts, recovered rejects.
pub const LANES: usize = 32;

/// A log's random name.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogId(pub u128);

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Limits of one log, `[log]` in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// A segment is closed at this size.
    pub segment_bytes: u64,
    /// Age at which a segment is removed, counted while the gateway runs.
    pub retain: Duration,
    /// Size of all segments above which the oldest is removed.
    pub retain_bytes: u64,
    /// Below this much free disk an append is refused.
    pub min_free: u64,
    /// Frames held in memory for readers at the tail, in bytes of bodies.
    pub cache_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            retain: Duration::from_hours(360),
            retain_bytes: 20 << 30,
            min_free: 512 << 20,
            cache_bytes: 8 << 20,
        }
    }
}

impl Options {
    /// Reads `[log]`.
    pub fn read(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        let second = Duration::from_secs(1);
        let century = Duration::from_hours(876_000);
        let options = Self {
            segment_bytes: section
                .size("segment_bytes", 1 << 20, 1 << 30)
                .unwrap_or(default.segment_bytes),
            retain: section
                .duration("retain", second, century)
                .unwrap_or(default.retain),
            retain_bytes: section
                .size("retain_bytes", 2 << 20, 1 << 50)
                .unwrap_or(default.retain_bytes),
            min_free: section
                .size("min_free", 1 << 20, 1 << 50)
                .unwrap_or(default.min_free),
            cache_bytes: default.cache_bytes,
        };
        if options.retain_bytes < options.segment_bytes.saturating_mul(2) {
            section.problem(
                "retain_bytes",
                options.retain_bytes,
                "must be at least twice segment_bytes, for retention removes whole segments",
            );
        }
        options
    }
}

/// Why a log does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{dir:?} is in use by another citygate")]
    Locked {
        /// The log's folder.
        dir: PathBuf,
    },
    /// Not a log, or of a later version.
    #[error("{path:?}: {what}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The disk's error.
    #[error("cannot open {path:?}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}
