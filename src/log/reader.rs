//! A place in the log that moves forward.
use super::frame::Frame;
use super::segment::{Found, HEADER_BYTES, Scan};
use super::segments::Segment;
use super::shared::{Shared, lock};
use super::{Cursor, CursorError};
use crate::model::Timestamp;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;

/// Where a reader starts.
#[derive(Clone, Copy, Debug)]
pub enum Start {
    /// Behind what the holder of this cursor has seen.
    After(Cursor),
    /// At this sequence; for readers inside the gateway.
    At(u64),
    /// At the first frame appended at or after this time.
    Since(Timestamp),
    /// At the oldest record.
    Earliest,
    /// At what is appended from now on.
    Now,
}

/// Why a reader cannot give the next frames.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Retention has overtaken it.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// These sequences cannot be read. The reader has moved past them and may go on.
    #[error("{segment:?} is damaged at byte {offset}: {from} to {to} cannot be read")]
    Damaged {
        /// The segment's file.
        segment: PathBuf,
        /// Where in it.
        offset: u64,
        /// First lost sequence.
        from: u64,
        /// Last lost sequence.
        to: u64,
    },
    /// The disk's error; the reader stays where it is.
    #[error("cannot read {segment:?}")]
    Io {
        /// The segment's file.
        segment: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Reads frames in order, each once, none past the watermark.
#[derive(Debug)]
pub struct Reader {
    shared: Arc<Shared>,
    watch: watch::Receiver<u64>,
    position: u64,
    disk: Option<(Arc<Segment>, Scan)>,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, start: Start) -> Result<Self, CursorError> {
        let watch = shared.watch.subscribe();
        let watermark = shared.watermark();
        let mut reader = Self {
            shared,
            watch,
            position: watermark + 1,
            disk: None,
        };
        match start {
            Start::Now => {}
            Start::Earliest => reader.position = lock(&reader.shared.segments).oldest().0,
            Start::At(sequence) => reader.place(sequence)?,
            Start::After(cursor) => {
                if cursor.log_id != reader.shared.id {
                    return Err(CursorError::OtherLog {
                        found: cursor.log_id,
                        own: reader.shared.id,
                    });
                }
                if cursor.sequence > watermark {
                    return Err(CursorError::Future {
                        sequence: cursor.sequence,
                        watermark,
                    });
                }
                reader.place(cursor.sequence + 1)?;
            }
            Start::Since(since) => reader.place_by_time(since)?,
        }
        Ok(reader)
    }

    fn place(&mut self, sequence: u64) -> Result<(), CursorError> {
        if lock(&self.shared.segments).holding(sequence).is_none() {
            return Err(self.overtaken(sequence));
        }
        self.position = sequence;
        Ok(())
    }

    fn place_by_time(&mut self, since: Timestamp) -> Result<(), CursorError> {
        let segments = lock(&self.shared.segments);
        if segments.lost_since(since) {
            let oldest = segments.oldest().0;
            drop(segments);
            return Err(self.overtaken(oldest.saturating_sub(1)));
        }
        let segment = segments.at_time(since);
        drop(segments);
        let Some(segment) = segment else {
            return Ok(());
        };
        self.position = segment.first;
        // A reader whose segment cannot be scanned starts at its beginning: rather more than less.
        if let Ok(mut scan) = self.open(&segment) {
            while let Ok(Found::Frame(header, offset)) = scan.step() {
                if header.appended_at >= since {
                    break;
                }
                segment.note(header.first, offset);
                self.position = header.last() + 1;
            }
        }
        Ok(())
    }

    fn overtaken(&self, position: u64) -> CursorError {
        let segments = lock(&self.shared.segments);
        let (oldest, lost_to) = segments.oldest();
        CursorError::Overtaken {
            oldest,
            lost_from: segments.lost_from(position),
            lost_to,
        }
    }

    /// The next sequence to be returned. A frame may start before it; then skip the records below.
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Resolves when there is something to read. Cancel-safe.
    pub async fn ready(&mut self) {
        let position = self.position;
        // An error means that the log is gone; then there is nothing more to wait for.
        let _ = self
            .watch
            .wait_for(|watermark| *watermark >= position)
            .await;
    }

    /// As [`Reader::ready`] for a thread of its own: waits until something can be read (true) or
    /// `timeout` has passed. Must not be called on an async thread.
    pub fn wait(&mut self, timeout: Duration) -> bool {
        let shared = Arc::clone(&self.shared);
        let deadline = std::time::Instant::now() + timeout;
        let mut held = lock(&shared.readers_gate);
        while shared.watermark() < self.position {
            let left = deadline.saturating_duration_since(std::time::Instant::now());
            if left.is_zero() {
                return false;
            }
            held = shared
                .readers_wake
                .wait_timeout(held, left)
                .map_or_else(|error| error.into_inner().0, |(held, _)| held);
        }
        true
    }

    /// The next frames, about `bytes_max` of bodies but at least one; empty when caught up.
    /// May read the disk, never waits for the writer.
    ///
    /// # Errors
    /// See [`ReadError`]; what was read before the error has been returned by an earlier call.
    pub fn read(&mut self, bytes_max: usize) -> Result<Vec<Arc<Frame>>, ReadError> {
        loop {
            let frames = self.step(bytes_max)?;
            if !frames.is_empty() || self.position > self.shared.watermark() {
                return Ok(frames);
            }
        }
    }

    /// One step forward: frames, or a move to the next segment, or past a hole.
    fn step(&mut self, bytes_max: usize) -> Result<Vec<Arc<Frame>>, ReadError> {
        let watermark = self.shared.watermark();
        if self.position > watermark {
            return Ok(Vec::new());
        }
        let cached = lock(&self.shared.cache).from(self.position, watermark, bytes_max);
        let Some(frames) = cached else {
            return self.read_disk(watermark, bytes_max);
        };
        self.disk = None;
        // No frame although the watermark is ahead: those groups were voided.
        self.position = frames.last().map_or(watermark, |frame| frame.last) + 1;
        Ok(frames)
    }

    fn open(&self, segment: &Segment) -> Result<Scan, ReadError> {
        let file = File::open(&segment.path).map_err(|source| io_error(segment, source))?;
        let offset = segment.offset_near(self.position).unwrap_or(HEADER_BYTES);
        let end = segment.bytes.load(Ordering::Acquire);
        Ok(Scan::new(file, self.shared.id, offset, end))
    }

    fn read_disk(
        &mut self,
        watermark: u64,
        bytes_max: usize,
    ) -> Result<Vec<Arc<Frame>>, ReadError> {
        let mut frames = Vec::new();
        let mut bytes = 0;
        let (segment, mut scan) = if let Some(open) = self.disk.take() {
            open
        } else {
            let segment = lock(&self.shared.segments).holding(self.position);
            let segment = segment.ok_or_else(|| self.overtaken(self.position))?;
            let scan = match self.open(&segment) {
                // Removed between the look at the list and here.
                Err(ReadError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                    return Err(self.overtaken(self.position).into());
                }
                opened => opened?,
            };
            (segment, scan)
        };
        scan.extend(segment.bytes.load(Ordering::Acquire));
        while bytes < bytes_max && self.position <= watermark {
            let found = match scan.step() {
                Ok(found) => found,
                // The scan is left, so that the next call begins behind them and tells of it.
                Err(_) if !frames.is_empty() => return Ok(frames),
                Err(source) => return Err(io_error(&segment, source)),
            };
            match found {
                Found::Frame(header, offset) => {
                    segment.note(header.first, offset);
                    if header.last() < self.position {
                        continue;
                    }
                    let frame = Frame::decompress(&header, &scan);
                    if frame.is_none() && !frames.is_empty() {
                        return Ok(frames);
                    }
                    let lost = (header.first.max(self.position), header.last());
                    self.position = header.last() + 1;
                    let Some(frame) = frame else {
                        self.disk = Some((Arc::clone(&segment), scan));
                        return Err(damaged(&segment, offset, lost.0, lost.1));
                    };
                    bytes += frame.body.len();
                    frames.push(Arc::new(frame));
                }
                Found::End | Found::Bad(_) if !frames.is_empty() => break,
                Found::End => return self.next_segment(&segment, scan.offset()),
                Found::Bad(offset) => return self.skip_damage(&segment, scan, offset, watermark),
            }
        }
        self.disk = Some((segment, scan));
        Ok(frames)
    }

    /// At a segment's end, with more behind the watermark: the next one, if nothing is missing between.
    fn next_segment(
        &mut self,
        segment: &Segment,
        offset: u64,
    ) -> Result<Vec<Arc<Frame>>, ReadError> {
        let after = lock(&self.shared.segments).after(segment.first);
        let Some((next, is_oldest)) = after else {
            // The last segment ends here, so the rest up to the watermark was voided.
            self.position = self.shared.watermark() + 1;
            return Ok(Vec::new());
        };
        let from = self.position;
        if from <= next.previous {
            if is_oldest {
                return Err(self.overtaken(from).into());
            }
            self.position = next.previous + 1;
            return Err(damaged(segment, offset, from, next.previous));
        }
        let scan = self.open(&next)?;
        self.disk = Some((next, scan));
        Ok(Vec::new())
    }

    fn skip_damage(
        &mut self,
        segment: &Arc<Segment>,
        mut scan: Scan,
        offset: u64,
        watermark: u64,
    ) -> Result<Vec<Arc<Frame>>, ReadError> {
        let from = self.position;
        let again = scan
            .resync(from.saturating_sub(1))
            .map_err(|source| io_error(segment, source))?;
        let to = if let Some(sound) = again {
            let first = match scan.step().map_err(|source| io_error(segment, source))? {
                Found::Frame(header, _) => header.first,
                Found::End | Found::Bad(_) => from,
            };
            scan.seek(sound);
            first.saturating_sub(1)
        } else {
            let after = lock(&self.shared.segments).after(segment.first);
            scan.seek(segment.bytes.load(Ordering::Acquire));
            after.map_or(watermark, |(next, _)| next.previous)
        };
        self.disk = Some((Arc::clone(segment), scan));
        if to < from {
            return Ok(Vec::new());
        }
        self.position = to + 1;
        Err(damaged(segment, offset, from, to))
    }
}

fn damaged(segment: &Segment, offset: u64, from: u64, to: u64) -> ReadError {
    ReadError::Damaged {
        segment: segment.path.clone(),
        offset,
        from,
        to,
    }
}

fn io_error(segment: &Segment, source: io::Error) -> ReadError {
    ReadError::Io {
        segment: segment.path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests;
