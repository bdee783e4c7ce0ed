//! The list of segments.
use super::segment::path_of;
use crate::model::Timestamp;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// An index entry at least every so many bytes.
const INDEX_STEP_BYTES: u64 = 128 << 10;
/// Removed segments remembered, to tell overtaken readers what they lost.
const EXPIRED_MAX: usize = 256;

/// One segment's file.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) first: u64,
    /// Last sequence before it.
    pub(super) previous: u64,
    pub(super) created_at: Timestamp,
    pub(super) path: PathBuf,
    /// How much of it is durable.
    pub(super) bytes: AtomicU64,
    /// (sequence, offset) of some frames, ascending.
    index: Mutex<Vec<(u64, u64)>>,
}

impl Segment {
    pub(super) fn new(
        dir: &Path,
        first: u64,
        previous: u64,
        created_at: Timestamp,
        bytes: u64,
    ) -> Self {
        Self {
            first,
            previous,
            created_at,
            path: path_of(dir, first),
            bytes: AtomicU64::new(bytes),
            index: Mutex::default(),
        }
    }

    /// Remembers a frame's place now and then.
    pub(super) fn note(&self, sequence: u64, offset: u64) {
        let mut index = super::shared::lock(&self.index);
        let due = index
            .last()
            .is_none_or(|(_, last)| offset >= last + INDEX_STEP_BYTES);
        if due {
            index.push((sequence, offset));
        }
    }

    /// Offset of a frame at or before `sequence`.
    pub(super) fn offset_near(&self, sequence: u64) -> Option<u64> {
        let index = super::shared::lock(&self.index);
        let behind = index.partition_point(|(first, _)| *first <= sequence);
        index.get(behind.checked_sub(1)?).map(|(_, offset)| *offset)
    }
}

/// All segments, oldest first; the last one is written to. Never empty.
#[derive(Debug)]
pub(super) struct Segments {
    dir: PathBuf,
    list: Vec<Arc<Segment>>,
    /// First sequence and creation of removed segments.
    expired: Vec<(u64, Timestamp)>,
}

impl Segments {
    pub(super) fn new(dir: &Path, list: Vec<Arc<Segment>>) -> Self {
        Self {
            dir: dir.to_owned(),
            list,
            expired: read_expired(&dir.join("expired")),
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.list
            .iter()
            .map(|segment| segment.bytes.load(Ordering::Relaxed))
            .sum()
    }

    pub(super) fn push(&mut self, segment: Arc<Segment>) {
        self.list.push(segment);
    }

    pub(super) fn oldest(&self) -> (u64, Timestamp) {
        self.list.first().map_or((1, Timestamp::EPOCH), |segment| {
            (segment.first, segment.created_at)
        })
    }

    /// The segment that `sequence` is in: the last that starts at or before it, or the oldest when
    /// nothing lies between. `None`: removed.
    pub(super) fn holding(&self, sequence: u64) -> Option<Arc<Segment>> {
        let behind = self
            .list
            .partition_point(|segment| segment.first <= sequence);
        let segment = match behind.checked_sub(1) {
            Some(at) => self.list.get(at),
            None => self
                .list
                .first()
                .filter(|oldest| sequence > oldest.previous),
        };
        segment.cloned()
    }

    /// The segment after the one that starts at `first`, and whether it is the oldest.
    pub(super) fn after(&self, first: u64) -> Option<(Arc<Segment>, bool)> {
        let at = self.list.partition_point(|segment| segment.first <= first);
        self.list
            .get(at)
            .map(|segment| (Arc::clone(segment), at == 0))
    }

    /// The segment in which a frame appended at `since` lies or would lie.
    pub(super) fn at_time(&self, since: Timestamp) -> Option<Arc<Segment>> {
        let behind = self
            .list
            .partition_point(|segment| segment.created_at < since);
        self.list.get(behind.saturating_sub(1)).cloned()
    }

    /// First sequence of that segment.
    pub(super) fn starting_by(&self, since: Timestamp) -> u64 {
        self.at_time(since).map_or(1, |segment| segment.first)
    }

    /// Has anything appended at or after `since` been removed?
    pub(super) fn lost_since(&self, since: Timestamp) -> bool {
        !self.expired.is_empty() && since < self.oldest().1
    }

    /// About when the record behind `sequence`, now removed, was appended.
    pub(super) fn lost_from(&self, sequence: u64) -> Timestamp {
        let behind = self
            .expired
            .partition_point(|(first, _)| *first <= sequence);
        self.expired
            .get(behind.saturating_sub(1))
            .map_or(self.oldest().1, |(_, created_at)| *created_at)
    }

    /// The oldest segment, unless it is the one written to, and the one after it.
    pub(super) fn oldest_sealed(&self) -> Option<(Arc<Segment>, Arc<Segment>)> {
        let (oldest, next) = (self.list.first()?, self.list.get(1)?);
        Some((Arc::clone(oldest), Arc::clone(next)))
    }

    /// Removes the oldest segment from the list and the disk.
    ///
    /// # Errors
    /// The disk's; the list has let go of it all the same.
    pub(super) fn remove_oldest(&mut self) -> io::Result<()> {
        if self.list.len() < 2 {
            return Ok(());
        }
        let segment = self.list.remove(0);
        if self.expired.len() == EXPIRED_MAX {
            self.expired.remove(0);
        }
        self.expired.push((segment.first, segment.created_at));
        write_expired(&self.dir.join("expired"), &self.expired)?;
        std::fs::remove_file(&segment.path)
    }
}

/// What was removed only words an error message, so a damaged or lost file costs nothing but detail.
fn read_expired(path: &Path) -> Vec<(u64, Timestamp)> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let parse = |line: &str| {
        let (first, created_at) = line.split_once(' ')?;
        Some((
            first.parse().ok()?,
            Timestamp::from_micros(created_at.parse().ok()?),
        ))
    };
    text.lines().filter_map(parse).collect()
}

fn write_expired(path: &Path, expired: &[(u64, Timestamp)]) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for (first, created_at) in expired {
        writeln!(file, "{first} {}", created_at.as_micros())?;
    }
    file.flush()
}
