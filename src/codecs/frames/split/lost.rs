//! Frames whose start byte is destroyed, in what lies between frames.
//!
//! ```text
//!  68 .. 16 | 69 61 01 .. 68 91 .. 16 | 68 .. 16     byte 0 of the middle one should be 68
//!  header of a DTU: 41 42 43 .., 86 84 11 ..         nothing is lost
//! ```
//! With 68 put there, length, check sum and end byte hold: then it is known what was lost. Without, a stretch
//! that is as long as a frame and ends as one is said to be one, unless it is but decimal digits.
use super::{Framing, PREAMBLE, Piece, START, What};
use crate::codecs::{Fault, Reason};
use std::ops::Range;

const END: u8 = 0x16;
/// Bytes of the shortest frame.
const LEAST: usize = 12;

/// Where a protocol's frames have their start bytes, the length of their data, and how many bytes more.
const SHAPES: [(&str, &[usize], usize, usize); 2] =
    [("dlt645", &[0, 7], 9, 12), ("cjt188", &[0], 10, 13)];

/// Names what is lost among pieces that cover a payload.
pub(super) fn find(payload: &[u8], framings: &[Framing], pieces: Vec<Piece>) -> Vec<Piece> {
    let is_long = |piece: &Piece| piece.what == What::Nothing && piece.at.len() >= LEAST;
    if !pieces.iter().any(is_long) {
        return pieces;
    }
    let mut sum = 0_u8;
    let before = payload.iter().map(|byte| {
        sum = sum.wrapping_add(*byte);
        sum
    });
    let mut search = Search {
        payload,
        framings,
        sums: std::iter::once(0).chain(before).collect(),
        has_frame: pieces
            .iter()
            .any(|piece| matches!(piece.what, What::Frame(_))),
        envelope: 0,
        pieces: Vec::with_capacity(pieces.len()),
    };
    for piece in pieces {
        match piece.what {
            What::Nothing => search.region(piece.at),
            What::Envelope => {
                search.envelope = search.end_of_envelope(piece.at.start);
                search.pieces.push(piece);
            }
            What::Frame(_) | What::Damage(_) | What::Preamble => search.pieces.push(piece),
        }
    }
    search.pieces
}

struct Search<'s> {
    payload: &'s [u8],
    framings: &'s [Framing],
    /// Sum of the bytes before each, modulo 256.
    sums: Vec<u8>,
    has_frame: bool,
    /// Behind the end byte of the last envelope: a 16 that is no frame's.
    envelope: usize,
    pieces: Vec<Piece>,
}

impl Search<'_> {
    fn byte(&self, at: usize) -> Option<u8> {
        self.payload.get(at).copied()
    }

    fn end_of_envelope(&self, at: usize) -> usize {
        let length = [at + 1, at + 2].map(|at| self.byte(at).unwrap_or_default());
        at + 8 + usize::from(u16::from_le_bytes(length) >> 2)
    }

    /// What no frame was found in.
    fn region(&mut self, region: Range<usize>) {
        let (mut from, mut at) = (region.start, region.start);
        while at + LEAST <= region.end {
            let Some((len, wrong)) = self.mended(at, region.end) else {
                at += 1;
                continue;
            };
            self.rest(from..at);
            let byte = self.byte(at + wrong).unwrap_or_default();
            let sentence = format!(
                "byte {wrong} is {byte:02x}; with 68 there, length, check sum and end byte of these {len} bytes hold"
            );
            let fault = Fault::whole(Reason::Malformed, sentence).at(wrong);
            self.push(at..at + len, What::Damage(fault));
            at += len;
            from = at;
        }
        self.rest(from..region.end);
    }

    /// Length of the frame that begins here but for one start byte, and the place in it of that byte.
    fn mended(&self, at: usize, end: usize) -> Option<(usize, usize)> {
        self.framings.iter().find_map(|framing| {
            let shape = SHAPES.iter().find(|(name, ..)| *name == framing.name)?;
            let (_, starts, length, beyond) = *shape;
            let len = usize::from(self.byte(at + length)?) + beyond;
            if at + len > end || self.byte(at + len - 1) != Some(END) {
                return None;
            }
            let is_wrong = |place: &&usize| self.byte(at + **place) != Some(START);
            let mut wrong = starts.iter().filter(is_wrong);
            let (Some(place), None) = (wrong.next(), wrong.next()) else {
                return None;
            };
            let sum = self
                .sums
                .get(at + len - 2)?
                .wrapping_sub(*self.sums.get(at)?);
            let sum = sum.wrapping_sub(self.byte(at + place)?).wrapping_add(START);
            if Some(sum) != self.byte(at + len - 2) {
                return None;
            }
            // The rest is for the protocol itself to say, of at most 268 bytes.
            let mut frame = self.payload.get(at..at + len)?.to_vec();
            *frame.get_mut(*place)? = START;
            ((framing.frame)(&frame) == Ok(len)).then_some((len, *place))
        })
    }

    /// What nothing is known of but its ends.
    fn rest(&mut self, rest: Range<usize>) {
        let bytes = self.payload.get(rest.clone()).unwrap_or_default();
        let preamble = bytes.iter().take_while(|byte| **byte == PREAMBLE).count();
        let bytes = bytes.get(preamble..).unwrap_or_default();
        let behind = bytes.iter().rev().take_while(|byte| **byte == PREAMBLE);
        let len = bytes.len() - behind.count();
        let bytes = bytes.get(..len).unwrap_or_default();
        let start = rest.start + preamble;
        let is_digits = bytes.iter().all(|byte| byte >> 4 <= 9 && byte & 15 <= 9);
        let is_lost = self.has_frame
            && len >= LEAST
            && bytes.last() == Some(&END)
            && start + len > self.envelope
            && !is_digits;
        if !is_lost {
            self.push(rest, What::Nothing);
            return;
        }
        let first = bytes.first().copied().unwrap_or_default();
        let begins = if first == START {
            "and begin as one, which is none that is read here"
        } else {
            "whose byte 0 is 68"
        };
        let sentence =
            format!("byte 0 is {first:02x}; {len} bytes end with 16 as a frame does, {begins}");
        let fault = Fault::whole(Reason::Malformed, sentence).at(0);
        self.push(rest.start..start, What::Preamble);
        self.push(start..start + len, What::Damage(fault));
        self.push(start + len..rest.end, What::Nothing);
    }

    fn push(&mut self, at: Range<usize>, what: What) {
        if !at.is_empty() {
            self.pieces.push(Piece { at, what });
        }
    }
}
