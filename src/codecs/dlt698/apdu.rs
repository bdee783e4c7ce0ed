//! The bytes of an APDU, out of one frame or several, and where each of them lies in the payload.
use super::data::Bad;
use crate::codecs::Reason;
use std::ops::Range;

/// What scrambled bytes are sent more than they mean.
const SCRAMBLE: u8 = 0x33;

/// An APDU as it is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Apdu {
    pub(super) bytes: Vec<u8>,
    /// First byte here, and its place in the payload, of each frame's part.
    parts: Vec<(usize, usize)>,
}

impl Apdu {
    /// Appends a part of it, by its place in the payload.
    pub(super) fn append(&mut self, payload: &[u8], place: Range<usize>, is_scrambled: bool) {
        let Some(sent) = payload.get(place.clone()) else {
            return;
        };
        self.parts.push((self.bytes.len(), place.start));
        let less = if is_scrambled { SCRAMBLE } else { 0 };
        self.bytes
            .extend(sent.iter().map(|byte| byte.wrapping_sub(less)));
    }

    /// Places in the payload of a range of its bytes: one for each frame that it lies in.
    pub(super) fn places(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let ends = self.parts.iter().skip(1).map(|part| part.0);
        let ends = ends.chain([self.bytes.len()]);
        let parts = self.parts.iter().zip(ends);
        parts
            .filter_map(|((first, place), end)| {
                let from = range.start.max(*first);
                let to = range.end.min(end);
                (from < to).then(|| place + from - first..place + to - first)
            })
            .collect()
    }

    /// Place in the payload of one byte, or of the end.
    pub(super) fn place(&self, at: usize) -> usize {
        let part = self.parts.iter().rev().find(|part| part.0 <= at);
        part.map_or(at, |(first, place)| place + at - first)
    }
}

/// Reads an APDU from its beginning.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'c> {
    bytes: &'c [u8],
    at: usize,
}

impl<'c> Cursor<'c> {
    pub(super) const fn new(bytes: &'c [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next byte.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) const fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Reads no further than so many bytes; gives what lies behind them, to be read later.
    pub(super) fn within(&mut self, len: usize) -> Result<Self, Bad> {
        let end = self.at + len.min(self.left());
        if len > self.left() {
            return Err(self.cut(len));
        }
        let rest = Self {
            bytes: self.bytes,
            at: end,
        };
        self.bytes = self.bytes.get(..end).unwrap_or_default();
        Ok(rest)
    }

    /// # Errors
    /// So many bytes are not left.
    pub(super) fn take(&mut self, len: usize) -> Result<&'c [u8], Bad> {
        let taken = self.bytes.get(self.at..).and_then(|rest| rest.get(..len));
        let taken = taken.ok_or_else(|| self.cut(len))?;
        self.at += len;
        Ok(taken)
    }

    /// The next bytes of a number, high byte first.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Bad> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| self.cut(N))
    }

    pub(super) fn byte(&mut self) -> Result<u8, Bad> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// A length (A-XDR): one byte below 80; else 8n and n bytes.
    pub(super) fn length(&mut self) -> Result<usize, Bad> {
        let at = self.at;
        let first = self.byte()?;
        let len = match first {
            0..=0x7f => return Ok(usize::from(first)),
            0x81 => usize::from(self.byte()?),
            0x82 => usize::from(u16::from_be_bytes(self.array()?)),
            _ => {
                let what = format!("length of {} bytes; at most 2 are read", first & 0x7f);
                return Err(Bad::new(at, Reason::Malformed, what));
            }
        };
        Ok(len)
    }

    /// A number of elements, of which each has at least so many bytes.
    pub(super) fn count(&mut self, least: usize) -> Result<usize, Bad> {
        let at = self.at;
        let count = self.length()?;
        if count.saturating_mul(least) <= self.left() {
            return Ok(count);
        }
        let what = format!("{count} elements, and {} bytes are left", self.left());
        Err(Bad::new(at, Reason::Truncated, what))
    }

    fn cut(&self, len: usize) -> Bad {
        let what = format!("{len} bytes are due, and {} are left", self.left());
        Bad::new(self.at, Reason::Truncated, what)
    }
}
