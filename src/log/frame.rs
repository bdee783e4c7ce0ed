//! A group commit in memory, shared by all readers.
use super::record::{self, RecordView};
use super::segment::{FrameHeader, Scan};
use crate::model::Timestamp;
use crate::model::wire::Fields;
use std::collections::VecDeque;
use std::sync::Arc;

/// One group commit, decompressed.
#[derive(Debug)]
pub struct Frame {
    /// Sequence of its first record.
    pub first: u64,
    /// Sequence of its last record.
    pub last: u64,
    /// When it was committed; never decreases along the log.
    pub appended_at: Timestamp,
    /// The records, one after the other.
    pub body: Vec<u8>,
}

impl Frame {
    /// Sequence and record of each.
    pub fn records(&self) -> impl Iterator<Item = (u64, RecordView<'_>)> {
        let mut fields = Fields::new(&self.body);
        (self.first..=self.last).map_while(move |sequence| {
            let record = record::take(&mut fields).ok()?;
            Some((sequence, record))
        })
    }

    /// Decompresses the frame that `scan` found last; `None` if its body is no LZ4 (which the CRC excludes).
    pub(super) fn decompress(header: &FrameHeader, scan: &Scan) -> Option<Self> {
        Some(Self {
            first: header.first,
            last: header.last(),
            appended_at: header.appended_at,
            body: lz4_flex::block::decompress(scan.body(), header.raw_len).ok()?,
        })
    }
}

/// The newest frames, so that readers at the tail neither read the disk nor decompress.
#[derive(Debug)]
pub(super) struct Cache {
    frames: VecDeque<Arc<Frame>>,
    bytes: usize,
    bytes_max: usize,
    /// Buffers of frames that nobody holds any more, for frames to come: fresh memory of this size
    /// would be mapped and cleared by the kernel each time.
    spare: Vec<Vec<u8>>,
}

/// Buffers kept, each of about a frame.
const SPARE_MAX: usize = 4;

impl Cache {
    /// Holds about `bytes_max` of bodies.
    pub(super) const fn new(bytes_max: usize) -> Self {
        Self {
            frames: VecDeque::new(),
            bytes: 0,
            bytes_max,
            spare: Vec::new(),
        }
    }

    /// An empty buffer.
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    pub(super) fn push(&mut self, frame: Arc<Frame>) {
        self.bytes += frame.body.len();
        self.frames.push_back(frame);
        while self.bytes > self.bytes_max && self.frames.len() > 1 {
            if let Some(old) = self.frames.pop_front() {
                self.bytes -= old.body.len();
                if self.spare.len() < SPARE_MAX
                    && let Some(mut frame) = Arc::into_inner(old)
                {
                    frame.body.clear();
                    self.spare.push(frame.body);
                }
            }
        }
    }

    /// Frames from the one that holds `position` on (or the first behind it, where a group was
    /// voided), up to `watermark`; `None` when `position` may lie before the cache.
    pub(super) fn from(
        &self,
        position: u64,
        watermark: u64,
        bytes_max: usize,
    ) -> Option<Vec<Arc<Frame>>> {
        if self.frames.front()?.first > position {
            return None;
        }
        let start = self.frames.partition_point(|frame| frame.last < position);
        let mut bytes = 0;
        let frames = self
            .frames
            .iter()
            .skip(start)
            .take_while(|frame| {
                let wanted = frame.last <= watermark && bytes < bytes_max;
                bytes += frame.body.len();
                wanted
            })
            .cloned()
            .collect();
        Some(frames)
    }
}
