//! A segment's bytes: a header, then one frame per group commit.
//!
//! ```text
//! segment := magic:8 version:u32 log_id:16 first:u64 previous:u64 created_at:i64(us) crc:u32 zero..64
//! frame   := magic:u32 len:u32 crc:u32 raw_len:u32 first:u64 count:u32 appended_at:i64(us) body:len
//! body    := lz4(record*)
//! ```
//! Little-endian. A frame's CRC-32C covers its header behind the CRC and its body, and starts from a
//! CRC of the log's random id: bytes that a device sends can never pass for a frame when recovery
//! looks for one behind a damaged place. `previous` is the last sequence of the segment before, so
//! that a segment cut short is noticed although sequences may have holes (groups that a full disk
//! refused).
use super::LogId;
use crate::model::Timestamp;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const MAGIC: [u8; 8] = *b"CITYGLOG";
const VERSION: u32 = 1;
/// Bytes of a segment's header.
pub const HEADER_BYTES: u64 = 64;
const FRAME_MAGIC: [u8; 4] = *b"CGF1";
/// Bytes of a frame's header.
pub const FRAME_HEADER_BYTES: usize = 40;
/// Largest frame body, plain or compressed, that a reader believes.
pub const FRAME_BYTES_MAX: usize = 64 << 20;
/// How much is read from disk at once.
const READ_BYTES: usize = 256 << 10;

/// A segment's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The log.
    pub log_id: LogId,
    /// First sequence that may lie here.
    pub first: u64,
    /// Last sequence written before this segment.
    pub previous: u64,
    /// When its first frame was appended.
    pub created_at: Timestamp,
}

/// The file of the segment that starts at `first`.
pub fn path_of(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:020}.seg"))
}

/// The first sequence in a segment's file name.
pub fn first_of(path: &Path) -> Option<u64> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".seg")?;
    (stem.len() == 20).then(|| stem.parse().ok())?
}

impl SegmentHeader {
    /// The header's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.log_id.0.to_le_bytes());
        out.extend_from_slice(&self.first.to_le_bytes());
        out.extend_from_slice(&self.previous.to_le_bytes());
        out.extend_from_slice(&self.created_at.as_micros().to_le_bytes());
        let crc = crc32c::crc32c(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out.resize(64, 0);
        out
    }

    /// Reads a header; `None` if it is damaged or of another version.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut at = Bytes(bytes);
        let magic: [u8; 8] = at.array()?;
        let version = u32::from_le_bytes(at.array()?);
        let header = Self {
            log_id: LogId(u128::from_le_bytes(at.array()?)),
            first: u64::from_le_bytes(at.array()?),
            previous: u64::from_le_bytes(at.array()?),
            created_at: Timestamp::from_micros(i64::from_le_bytes(at.array()?)),
        };
        let covered = bytes.len() - at.0.len();
        let crc = u32::from_le_bytes(at.array()?);
        let sound =
            magic == MAGIC && version == VERSION && crc == crc32c::crc32c(bytes.get(..covered)?);
        sound.then_some(header)
    }

    /// Reads the header of an open segment; `None` if it is short or damaged.
    ///
    /// # Errors
    /// The disk's.
    pub fn read(file: &File) -> io::Result<Option<Self>> {
        let mut bytes = [0; 64];
        match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => Ok(Self::parse(&bytes)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }
}

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }
}

/// A frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Bytes of the body as stored.
    pub len: usize,
    crc: u32,
    /// Bytes of the body decompressed.
    pub raw_len: usize,
    /// Sequence of the first record.
    pub first: u64,
    /// Records.
    pub count: u32,
    /// When the group was committed.
    pub appended_at: Timestamp,
}

impl FrameHeader {
    /// Sequence of the last record.
    pub const fn last(&self) -> u64 {
        self.first + (self.count as u64).saturating_sub(1)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut at = Bytes(bytes);
        let magic: [u8; 4] = at.array()?;
        let header = Self {
            len: usize::try_from(u32::from_le_bytes(at.array()?)).ok()?,
            crc: u32::from_le_bytes(at.array()?),
            raw_len: usize::try_from(u32::from_le_bytes(at.array()?)).ok()?,
            first: u64::from_le_bytes(at.array()?),
            count: u32::from_le_bytes(at.array()?),
            appended_at: Timestamp::from_micros(i64::from_le_bytes(at.array()?)),
        };
        let sound = magic == FRAME_MAGIC
            && header.len <= FRAME_BYTES_MAX
            && header.raw_len <= FRAME_BYTES_MAX
            && header.count > 0
            && header.first.checked_add(u64::from(header.count)).is_some();
        sound.then_some(header)
    }
}

fn crc_of(log_id: LogId, covered: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&log_id.0.to_le_bytes()), covered)
}

/// Appends a frame with `records` (`count` of them from sequence `first` on) to `out`.
pub fn encode_frame(
    out: &mut Vec<u8>,
    log_id: LogId,
    first: u64,
    count: u32,
    appended_at: Timestamp,
    records: &[u8],
) {
    let start = out.len();
    let body_at = start + FRAME_HEADER_BYTES;
    out.resize(
        body_at + lz4_flex::block::get_maximum_output_size(records.len()),
        0,
    );
    let body = out.get_mut(body_at..).unwrap_or_default();
    let len = lz4_flex::block::compress_into(records, body)
        .expect("the buffer has lz4's maximum output size");
    out.truncate(body_at + len);

    let mut header = Vec::with_capacity(FRAME_HEADER_BYTES);
    header.extend_from_slice(&FRAME_MAGIC);
    header.extend_from_slice(&u32_of(len).to_le_bytes());
    header.extend_from_slice(&[0; 4]);
    header.extend_from_slice(&u32_of(records.len()).to_le_bytes());
    header.extend_from_slice(&first.to_le_bytes());
    header.extend_from_slice(&count.to_le_bytes());
    header.extend_from_slice(&appended_at.as_micros().to_le_bytes());
    header.resize(FRAME_HEADER_BYTES, 0);
    if let Some(place) = out.get_mut(start..body_at) {
        place.copy_from_slice(&header);
    }
    let crc = crc_of(log_id, out.get(start + CRC_END..).unwrap_or_default());
    if let Some(place) = out.get_mut(start + CRC_AT..start + CRC_END) {
        place.copy_from_slice(&crc.to_le_bytes());
    }
}

const CRC_AT: usize = 8;
const CRC_END: usize = 12;

fn u32_of(len: usize) -> u32 {
    u32::try_from(len).expect("frames stay below FRAME_BYTES_MAX")
}

/// What a scan finds next.
#[derive(Debug)]
pub enum Found {
    /// A sound frame at this offset; [`Scan::body`] has its bytes.
    Frame(FrameHeader, u64),
    /// Nothing more.
    End,
    /// No sound frame at this offset, though bytes are there.
    Bad(u64),
}

/// Frames of one segment in order, verified, read in large pieces.
#[derive(Debug)]
pub struct Scan {
    file: File,
    log_id: LogId,
    /// Bytes of the file that may be read.
    end: u64,
    offset: u64,
    buffer: Vec<u8>,
    buffer_at: u64,
    body: std::ops::Range<usize>,
}

impl Scan {
    /// Over `file` from `offset` (a frame's start) to `end`.
    pub const fn new(file: File, log_id: LogId, offset: u64, end: u64) -> Self {
        Self {
            file,
            log_id,
            end,
            offset,
            buffer: Vec::new(),
            buffer_at: 0,
            body: 0..0,
        }
    }

    /// Where the next frame starts.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Moves the end: more of the file has become durable.
    pub fn extend(&mut self, end: u64) {
        self.end = self.end.max(end);
    }

    /// Reads on from another file, to let the disk fail.
    #[cfg(test)]
    pub fn put_file(&mut self, file: File) {
        self.file = file;
    }

    /// Starts again at `offset`.
    pub const fn seek(&mut self, offset: u64) {
        self.offset = offset;
    }

    /// The next frame. After [`Found::Bad`] it stays where it is: see [`Scan::resync`].
    ///
    /// # Errors
    /// The disk's.
    pub fn step(&mut self) -> io::Result<Found> {
        let offset = self.offset;
        if offset >= self.end {
            return Ok(Found::End);
        }
        match self.frame_at(offset)? {
            Some(header) => {
                self.offset = offset + (FRAME_HEADER_BYTES + header.len) as u64;
                Ok(Found::Frame(header, offset))
            }
            None => Ok(Found::Bad(offset)),
        }
    }

    /// Looks for the next sound frame behind a bad place, with a sequence above `last`, and goes there.
    ///
    /// # Errors
    /// The disk's.
    pub fn resync(&mut self, last: u64) -> io::Result<Option<u64>> {
        let mut offset = self.offset + 1;
        while offset < self.end {
            let window = self.bytes(offset, FRAME_HEADER_BYTES.max(READ_BYTES / 2))?;
            let at = window.windows(4).position(|bytes| bytes == FRAME_MAGIC);
            match at {
                None => {
                    let len = window.len() as u64;
                    if len < 4 {
                        break;
                    }
                    offset += len - 3;
                }
                Some(at) => {
                    offset += at as u64;
                    if self
                        .frame_at(offset)?
                        .is_some_and(|frame| frame.first > last)
                    {
                        self.offset = offset;
                        return Ok(Some(offset));
                    }
                    offset += 1;
                }
            }
        }
        Ok(None)
    }

    /// The compressed body of the frame found last.
    pub fn body(&self) -> &[u8] {
        self.buffer.get(self.body.clone()).unwrap_or_default()
    }

    fn frame_at(&mut self, offset: u64) -> io::Result<Option<FrameHeader>> {
        let Some(header) = FrameHeader::parse(self.bytes(offset, FRAME_HEADER_BYTES)?) else {
            return Ok(None);
        };
        let log_id = self.log_id;
        let bytes = self.bytes(offset, FRAME_HEADER_BYTES + header.len)?;
        let covered = bytes.get(CRC_END..FRAME_HEADER_BYTES + header.len);
        if covered.is_none_or(|covered| crc_of(log_id, covered) != header.crc) {
            return Ok(None);
        }
        let start = usize::try_from(offset - self.buffer_at).unwrap_or(0) + FRAME_HEADER_BYTES;
        self.body = start..start + header.len;
        Ok(Some(header))
    }

    /// At least `len` bytes from `offset`, fewer only at the end.
    fn bytes(&mut self, offset: u64, len: usize) -> io::Result<&[u8]> {
        let available = usize::try_from(self.end.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = len.min(available);
        let held_to = self.buffer_at + self.buffer.len() as u64;
        if offset < self.buffer_at || offset + wanted as u64 > held_to {
            self.buffer.resize(wanted.max(READ_BYTES).min(available), 0);
            let mut filled = 0;
            while let Some(rest) = self
                .buffer
                .get_mut(filled..)
                .filter(|rest| !rest.is_empty())
            {
                match self.file.read_at(rest, offset + filled as u64) {
                    Ok(0) => break,
                    Ok(read) => filled += read,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            self.buffer.truncate(filled);
            self.buffer_at = offset;
        }
        let at = usize::try_from(offset - self.buffer_at).unwrap_or(0);
        Ok(self.buffer.get(at..).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;
    use std::io::Write;

    const ID: LogId = LogId(7);

    fn scan(bytes: &[u8]) -> Scan {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        Scan::new(file, ID, 0, bytes.len() as u64)
    }

    fn frame(first: u64, records: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode_frame(&mut out, ID, first, 1, Timestamp::from_secs(9), records);
        out
    }

    #[test]
    fn headers_round_trip_and_a_flipped_bit_is_noticed() {
        let header = SegmentHeader {
            log_id: ID,
            first: 5,
            previous: 3,
            created_at: Timestamp::from_secs(1_700_000_000),
        };
        let mut bytes = header.encode();
        assert_eq!(SegmentHeader::parse(&bytes), Some(header));
        for at in 0..56 {
            bytes[at] ^= 1;
            assert_eq!(SegmentHeader::parse(&bytes), None, "byte {at}");
            bytes[at] ^= 1;
        }
        assert_eq!(SegmentHeader::parse(&bytes[..40]), None);
    }

    #[test]
    fn a_scan_finds_frames_again_behind_damage() {
        let mut bytes = frame(1, &[1; 500]);
        let second_at = bytes.len();
        bytes.extend(frame(2, b"two"));
        let third_at = bytes.len();
        bytes.extend(frame(3, b"three"));
        bytes[second_at + FRAME_HEADER_BYTES] ^= 0x40;
        let mut scan = scan(&bytes);
        assert!(matches!(scan.step().unwrap(), Found::Frame(header, 0) if header.first == 1));
        assert!(matches!(scan.step().unwrap(), Found::Bad(at) if at == second_at as u64));
        assert_eq!(scan.resync(1).unwrap(), Some(third_at as u64));
        assert!(matches!(scan.step().unwrap(), Found::Frame(header, _) if header.first == 3));
        assert!(matches!(scan.step().unwrap(), Found::End));
    }

    #[test]
    fn a_frame_of_another_log_is_no_frame() {
        let mut forged = Vec::new();
        encode_frame(
            &mut forged,
            LogId(8),
            9,
            1,
            Timestamp::EPOCH,
            b"sent by a device",
        );
        let mut bytes = vec![0xff; 10];
        bytes.extend(&forged);
        let mut scan = scan(&bytes);
        assert!(matches!(scan.step().unwrap(), Found::Bad(0)));
        assert_eq!(scan.resync(0).unwrap(), None);
    }

    #[test]
    fn names_sort_and_parse() {
        let path = path_of(Path::new("log"), 42);
        assert_eq!(first_of(&path), Some(42));
        assert_eq!(first_of(Path::new("log/42.seg")), None);
    }
}
