//! Lines that are sent together.
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::ops::Range;
use std::time::Instant;

/// Lines in order, and which stretch of the log each came from.
#[derive(Debug, Default)]
pub struct Batch {
    /// Each ends in a line break, and has no other.
    pub body: Vec<u8>,
    /// Readings of each line.
    pub lines: Vec<u32>,
    /// (stretch, lines), in order.
    parts: Vec<(u64, usize)>,
    /// When the first line came in.
    pub opened_at: Option<Instant>,
}

impl Batch {
    /// Says which stretch the last `lines` lines are of.
    pub fn mark(&mut self, stretch: u64, lines: usize, now: Instant) {
        self.opened_at.get_or_insert(now);
        match self.parts.last_mut() {
            Some((last, count)) if *last == stretch => *count += lines,
            _ => self.parts.push((stretch, lines)),
        }
    }

    /// Empties it, keeps its memory.
    pub fn clear(&mut self) {
        self.body.clear();
        self.lines.clear();
        self.parts.clear();
        self.opened_at = None;
    }

    /// Where each line begins, and where the last one ends.
    pub fn starts(&self) -> Vec<usize> {
        let ends = memchr::memchr_iter(b'\n', &self.body).map(|at| at + 1);
        std::iter::once(0).chain(ends).collect()
    }

    /// (stretch, stored, rejected) of each part; `rejected` are lines, ascending.
    pub fn settled(&self, rejected: &[usize]) -> Vec<(u64, u64, u64)> {
        let mut lines = self.lines.iter().copied().map(u64::from).enumerate();
        let mut rejected = rejected.iter().copied().peekable();
        self.parts
            .iter()
            .map(|(stretch, count)| {
                let (mut stored, mut refused) = (0, 0);
                for (at, readings) in lines.by_ref().take(*count) {
                    if rejected.next_if_eq(&at).is_some() {
                        refused += readings;
                    } else {
                        stored += readings;
                    }
                }
                (*stretch, stored, refused)
            })
            .collect()
    }
}

/// What is sent of a batch.
#[derive(Clone, Debug)]
pub struct Body {
    /// For reqwest, which keeps it for a moment longer than we do.
    pub bytes: Bytes,
    /// Is it compressed?
    pub is_gzip: bool,
}

impl Body {
    /// Compresses lines, if asked to. Level 1: the others cost more than a network of a city saves.
    pub fn new(lines: &[u8], gzip: bool) -> Self {
        if gzip {
            let mut encoder =
                GzEncoder::new(Vec::with_capacity(lines.len() / 8), Compression::fast());
            if encoder.write_all(lines).is_ok()
                && let Ok(bytes) = encoder.finish()
            {
                return Self {
                    bytes: bytes.into(),
                    is_gzip: true,
                };
            }
        }
        // Into a Vec, compression does not fail.
        Self {
            bytes: Bytes::copy_from_slice(lines),
            is_gzip: false,
        }
    }
}

/// A part of a batch, by its lines.
pub type Lines = Range<usize>;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::io::Read;

    #[test]
    fn readings_are_settled_by_stretch() {
        let now = Instant::now();
        let mut batch = Batch::default();
        for (stretch, readings) in [(7, 1), (7, 2), (8, 3), (9, 4)] {
            batch.body.extend_from_slice(b"m f=1 1\n");
            batch.lines.push(readings);
            batch.mark(stretch, 1, now);
        }
        assert_eq!(batch.settled(&[]), [(7, 3, 0), (8, 3, 0), (9, 4, 0)]);
        assert_eq!(batch.settled(&[1, 3]), [(7, 1, 2), (8, 3, 0), (9, 0, 4)]);
        assert_eq!(batch.starts(), [0, 8, 16, 24, 32]);
    }

    #[test]
    fn what_is_compressed_is_the_same() {
        let lines = b"m f=1 1\n".repeat(1_000);
        let body = Body::new(&lines, true);
        assert!(body.is_gzip && body.bytes.len() < lines.len() / 10);
        let mut back = Vec::new();
        flate2::read::GzDecoder::new(&*body.bytes)
            .read_to_end(&mut back)
            .unwrap();
        assert_eq!(back, lines);
        assert_eq!(Body::new(&lines, false).bytes, lines);
    }
}
