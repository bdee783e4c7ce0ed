//! Where frames begin and end in an uplink, and what lies between them.
//!
//! Each 0x68 is tried by every protocol. After damage the next byte is tried, so that a broken length costs
//! one frame. Candidates between two frames are settled when the next frame is found, since only then it is
//! known how far a broken one can reach.
mod lost;

use super::{Framing, Unframed, checksum};
use crate::codecs::{Fault, Reason};
use std::ops::Range;

/// First byte of every frame.
const START: u8 = 0x68;
/// Wakes a receiver up before a frame.
const PREAMBLE: u8 = 0xfe;
/// Bytes that show what a frame is: shorter, it is no more than a 0x68.
const HEAD_MIN: usize = 11;
/// Longest frame of DL/T 645 and CJ/T 188: checking one at each byte is cheap.
const SHORT_MAX: usize = 300;
/// Bytes of longer frames that are checked in vain for each byte of the payload.
const CHECKED_MAX: usize = 64;
/// Frames in a row that are looked at to learn whether they lie in a broken one.
const CHAIN_MAX: usize = 16;

/// A piece of a payload. Pieces cover it, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) at: Range<usize>,
    pub(super) what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A frame of this protocol, an index of the framings.
    Frame(usize),
    /// A frame that is none.
    Damage(Fault),
    /// 0xfe before a frame.
    Preamble,
    /// The head of a Q/GDW 376.1 frame; what it carries follows.
    Envelope,
    /// Nothing that looks like a frame.
    Nothing,
}

/// How telling a diagnosis is.
pub(super) fn rank(fault: &Fault) -> u8 {
    match fault.reason {
        Reason::BadChecksum => 3,
        Reason::Truncated => 2,
        _ => 1,
    }
}

/// What looks like a frame and is none.
struct Candidate {
    at: usize,
    framing: usize,
    fault: Fault,
    /// Behind its end byte, where it has one.
    end: Option<usize>,
}

impl Candidate {
    fn rank(&self) -> u8 {
        rank(&self.fault) + 4 * u8::from(self.end.is_some())
    }
}

enum Look {
    Frame(usize, usize),
    Candidate(Candidate),
    Envelope,
    Nothing,
}

struct Scan<'s> {
    payload: &'s [u8],
    framings: &'s [Framing],
    pieces: Vec<Piece>,
    /// Behind the last piece.
    done: usize,
    open: Option<Candidate>,
    /// Bytes of long frames that were checked in vain.
    checked: usize,
}

/// Splits a payload. The cost grows with its length, whatever is in it.
pub(super) fn split(payload: &[u8], framings: &[Framing]) -> Vec<Piece> {
    let mut scan = Scan {
        payload,
        framings,
        pieces: Vec::new(),
        done: 0,
        open: None,
        checked: 0,
    };
    let mut at = 0;
    while let Some(start) = scan.next_start(at) {
        if scan.checked > CHECKED_MAX * payload.len().max(SHORT_MAX) {
            scan.give_up(start);
            return lost::find(payload, framings, scan.pieces);
        }
        at = match scan.look(start) {
            Look::Frame(framing, len) => {
                scan.close(start);
                scan.push(start..start + len, What::Frame(framing));
                start + len
            }
            Look::Candidate(candidate) => {
                scan.consider(candidate);
                start + 1
            }
            Look::Envelope => {
                scan.close(start);
                scan.push(start..start + 6, What::Envelope);
                start + 6
            }
            Look::Nothing => start + 1,
        };
    }
    scan.close(payload.len());
    lost::find(payload, framings, scan.pieces)
}

impl Scan<'_> {
    fn next_start(&self, at: usize) -> Option<usize> {
        let rest = self.payload.get(at..)?;
        Some(at + rest.iter().position(|byte| *byte == START)?)
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.payload.get(at).copied()
    }

    fn try_frame(&mut self, framing: usize, range: Range<usize>) -> Result<usize, Unframed> {
        let bytes = self.payload.get(range).unwrap_or_default();
        let Some(framing) = self.framings.get(framing) else {
            return Err(Unframed::Other);
        };
        let tried = (framing.frame)(bytes);
        if let Err(Unframed::Broken { len, .. }) = &tried {
            self.checked += len.saturating_sub(SHORT_MAX);
        }
        tried.and_then(|len| match len {
            1.. if len <= bytes.len() => Ok(len),
            _ => Err(Unframed::Other),
        })
    }

    fn is_weak(&self, framing: usize) -> bool {
        self.framings.get(framing).is_some_and(Framing::is_weak)
    }

    /// What begins at a 0x68.
    fn look(&mut self, at: usize) -> Look {
        let all = self.payload.len();
        let mut best: Option<Candidate> = None;
        for framing in 0..self.framings.len() {
            let (fault, end) = match self.try_frame(framing, at..all) {
                Ok(len) if self.is_weak(framing) && !self.is_likely(at, len) => continue,
                Ok(len) => return Look::Frame(framing, len),
                Err(Unframed::Other) => continue,
                Err(Unframed::Damaged(fault)) => (fault, None),
                Err(Unframed::Broken { fault, len }) => (fault, Some(at + len)),
            };
            let candidate = Candidate {
                at,
                framing,
                fault,
                end,
            };
            if best
                .as_ref()
                .is_none_or(|known| candidate.rank() > known.rank())
            {
                best = Some(candidate);
            }
        }
        if self.is_envelope(at) {
            return Look::Envelope;
        }
        best.map_or(Look::Nothing, Look::Candidate)
    }

    /// Is a frame of a weak protocol no accident? Not where a longer frame of another begins in it, or where it
    /// lies among the data of a broken one.
    fn is_likely(&mut self, at: usize, len: usize) -> bool {
        let all = self.payload.len();
        let mut inner = at + 1;
        while let Some(start) = self.next_start(inner).filter(|start| *start < at + len) {
            for framing in 0..self.framings.len() {
                if self.is_weak(framing) {
                    continue;
                }
                match self.try_frame(framing, start..all) {
                    Ok(other) if other > len || start + other > at + len => return false,
                    _ => {}
                }
            }
            inner = start + 1;
        }
        let broken = self.open.as_ref();
        let broken = broken.filter(|open| !self.is_weak(open.framing));
        let Some(end) = broken.and_then(|open| open.end).filter(|end| *end > at) else {
            return true;
        };
        self.reaches(at + len, end)
    }

    /// Do frames follow one another up to the end byte of a broken one? Then the byte is theirs.
    fn reaches(&mut self, from: usize, end: usize) -> bool {
        let all = self.payload.len();
        let mut at = from;
        for _ in 0..CHAIN_MAX {
            while self.byte(at) == Some(PREAMBLE) {
                at += 1;
            }
            if at >= end {
                return true;
            }
            let mut framings = 0..self.framings.len();
            match framings.find_map(|framing| self.try_frame(framing, at..all).ok()) {
                Some(len) if self.byte(at) == Some(START) => at += len,
                _ => return false,
            }
        }
        false
    }

    /// `68 L L 68` of Q/GDW 376.1, where L is two bytes, sent twice, with the protocol's number in two bits.
    fn is_envelope(&self, at: usize) -> bool {
        let head = self.payload.get(at..).and_then(<[u8]>::first_chunk::<8>);
        let Some([START, l0, l1, m0, m1, START, _, eighth]) = head else {
            return false;
        };
        let body = usize::from(u16::from_le_bytes([*l0, *l1]) >> 2);
        let ends = self.byte(at + 7 + body) == Some(0x16);
        if (l0, l1) != (m0, m1) || !matches!(l0 & 3, 1 | 2) || body < 8 || !ends {
            return false;
        }
        // A frame of DL/T 645 whose address has a 68 at that place has another one here.
        *eighth != START || self.sum_holds(at + 6, body)
    }

    fn sum_holds(&self, at: usize, len: usize) -> bool {
        let sum = self.payload.get(at..at + len).map(checksum);
        sum.is_some() && sum == self.byte(at + len) && self.byte(at + len + 1) == Some(0x16)
    }

    /// Keeps the better of two candidates; a broken one ends where its end byte is.
    fn consider(&mut self, candidate: Candidate) {
        let Some(open) = self.open.take() else {
            self.open = Some(candidate);
            return;
        };
        let inside = open.end.is_some_and(|end| candidate.at < end);
        let apart = open.end.is_some() || candidate.end.is_some();
        if inside || (!apart && open.rank() >= candidate.rank()) {
            self.open = Some(open);
            return;
        }
        if apart {
            self.open = Some(open);
            self.settle(candidate.at);
        }
        self.open = Some(candidate);
    }

    /// Says what the open candidate was, if a frame or another candidate begins at `next`.
    fn settle(&mut self, next: usize) {
        let Some(mut open) = self.open.take() else {
            return;
        };
        if let Some(end) = open.end.filter(|end| *end <= next) {
            self.push(open.at..end, What::Damage(open.fault));
            return;
        }
        if next < self.payload.len() {
            // What begins at `next` is no part of it: it was cut there, or it never was a frame.
            if next - open.at < HEAD_MIN {
                return;
            }
            match self.try_frame(open.framing, open.at..next) {
                Err(Unframed::Damaged(fault) | Unframed::Broken { fault, .. }) => {
                    open.fault = fault;
                }
                Ok(_) | Err(Unframed::Other) => return,
            }
        }
        self.push(open.at..next, What::Damage(open.fault));
    }

    /// Settles what is open before `next`, and names the rest.
    fn close(&mut self, next: usize) {
        let from = self.done;
        self.settle(next);
        if self.done == from {
            self.fragment(next);
        }
        self.rest(next);
    }

    /// A 0x68 where a frame is due, and too little behind it to know it by.
    fn fragment(&mut self, next: usize) {
        let from = self.done;
        let rest = self.payload.get(from..next).unwrap_or_default();
        let preamble = rest.iter().take_while(|byte| **byte == PREAMBLE).count();
        let start = from + preamble;
        let due = from > 0 || preamble > 0 || next == self.payload.len();
        if due && next - start < HEAD_MIN && rest.get(preamble) == Some(&START) {
            let sentence = format!("cut after {} bytes, within its head", next - start);
            let fault = Fault::whole(Reason::Truncated, sentence);
            self.push(start..next, What::Damage(fault));
        }
    }

    fn give_up(&mut self, at: usize) {
        self.close(at);
        let sentence = format!(
            "damaged frames within each other; more than {CHECKED_MAX} times the uplink's bytes were checked, \
             and the rest was not"
        );
        let fault = Fault::whole(Reason::TooManyReadings, sentence);
        self.push(at..self.payload.len(), What::Damage(fault));
    }

    /// Adds a piece, and what lies before it.
    fn push(&mut self, at: Range<usize>, what: What) {
        self.rest(at.start);
        self.done = at.end;
        self.pieces.push(Piece { at, what });
    }

    /// Names what is neither frame nor damage up to `to`: something else, then the preamble of what begins there.
    fn rest(&mut self, to: usize) {
        let rest = self.payload.get(self.done..to).unwrap_or_default();
        let preamble = rest.iter().rev().take_while(|byte| **byte == PREAMBLE);
        let preamble = match self.byte(to) {
            Some(START) => to - preamble.count(),
            _ => to,
        };
        for (at, what) in [
            (self.done..preamble, What::Nothing),
            (preamble..to, What::Preamble),
        ] {
            if !at.is_empty() {
                self.pieces.push(Piece { at, what });
            }
        }
        self.done = self.done.max(to);
    }
}
