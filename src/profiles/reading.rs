//! What is at hand while a profile is read.
use crate::catalogue::Catalogue;

/// Most values of one profile, those of records included.
pub(super) const VALUES_MAX: usize = 512;
/// Largest file, in bytes.
pub(super) const FILE_BYTES_MAX: usize = 256 << 10;
/// Deepest nesting of records.
pub(super) const RECORDS_DEPTH_MAX: usize = 2;

/// What is at hand while a profile is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading<'c> {
    /// Metrics that values may name.
    pub(super) catalogue: &'c Catalogue,
}
