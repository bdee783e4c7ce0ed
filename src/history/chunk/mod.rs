//! The bytes of a chunk: neighbouring points of one series, column by column.
//!
//! ```text
//! chunk    := version:u8 count:varint contexts times sequences received
//!             qualities:runs contexts:runs types:runs numbers flags texts raws
//! contexts := n:varint n * { source:varint 7 * text }   kind district profile node via unit raw_unit
//! times    := scale:u8 first:zigzag (count-1) * varint  differences, in 10^(3*scale) ns
//! sequences:= first:varint (count-1) * zigzag           differences
//! received := scale:u8 count * zigzag                   reception - observation, in 10^(3*scale) ns
//! runs     := { length:varint value:varint }..          until count is reached
//! numbers  := form:u8 ..                                0: 8 bytes each, little-endian;
//!                                                       1..=5: differences of value * 10^(form-1)
//! flags    := u8..   texts := text..   text := len:varint utf-8
//! raws     := n:varint n * { gap:varint text }          gap: points since the last one that has one
//! ```
//! Most readings are decimals of a few digits that change little, at a regular pace, and without a
//! raw value: two to five bytes each. fjall compresses and checksums blocks of chunks, so a chunk
//! does neither. Decoding trusts nothing: counts, runs and lengths are bounded.
mod decode;
mod encode;
#[cfg(test)]
mod tests;

pub(super) use decode::decode;
pub(super) use encode::encode;

use crate::model::wire::WireError;

/// Most points of a chunk: about what a screen shows, and 2 to 10 kB.
pub(super) const POINTS_MAX: usize = 512;
/// Bytes of text (values and raw) past which a chunk is split before it is full.
pub(super) const TEXT_BYTES_MAX: usize = 256 << 10;

const VERSION: u8 = 1;
/// Each divides the next.
const SCALES: [i64; 4] = [1, 1_000, 1_000_000, 1_000_000_000];
const EXPONENTS: [f64; 5] = [1.0, 10.0, 100.0, 1_000.0, 10_000.0];
/// Integers up to here are exact in a double.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

const ABSENT: u64 = 0;
const NUMBER: u64 = 1;
const FLAG: u64 = 2;
const TEXT: u64 = 3;

/// Bytes that no version of this encoder has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// Of a later version, or no chunk at all.
    #[error("version {found}, known up to {}", VERSION)]
    Version {
        /// The first byte.
        found: u8,
    },
    /// Truncated.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A count, run, reference or difference that does not fit.
    #[error("{what} out of bounds, {left} bytes before the end")]
    Bounds {
        /// Which.
        what: &'static str,
        /// Where, counted from the end.
        left: usize,
    },
}

const fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}
