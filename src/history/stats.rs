//! What operators see of history.
use std::time::Duration;

/// Counts and gauges at one moment. The counts belong to the present log and survive restarts.
///
/// With the log's readings of all records below `next`:
/// `readings = stored + open + late + skipped`, those of `expired` records apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Readings in the database, durable; those included that a later one replaced.
    pub stored: u64,
    /// Readings in memory, to be stored.
    pub open: u64,
    /// Readings of one series and time with different values; the later is kept.
    pub conflicts: u64,
    /// Readings older than the retention, not stored.
    pub late: u64,
    /// Records of any kind that the log no longer had, or could not read.
    pub expired: u64,
    /// Readings that could not be read or named, not stored.
    pub skipped: u64,
    /// Chunks that could not be read, since the start; their readings are lost.
    pub damaged: u64,
    /// The next sequence to be read from the log.
    pub next: u64,
    /// The next sequence after a power cut now.
    pub durable_next: u64,
    /// Sequences between `next` and what the log has.
    pub lag: u64,
    /// Bytes of the history's tables.
    pub bytes: u64,
    /// Keyspaces, each of one or more days.
    pub keyspaces: usize,
    /// How long the last commit of points took.
    pub flush: Duration,
}
