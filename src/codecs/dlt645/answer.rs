//! Which frames of an uplink are one answer: a read whose data goes on in further frames.
//!
//! ```text
//!  B1 DI data | B2 DI data 01 | 92 DI data 02      (DL/T 645-2007 7.2: the last byte is the frame's number)
//! ```
//! Frames of other meters may lie between them. Behind a gap nothing can be placed, so that what came before
//! it stays and the rest is left.
use super::control::{Edition, function};
use super::data::hex;
use super::frame::Frame;
use std::collections::BTreeMap;

/// Frames that belong together, by their places in the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// The first.
    pub(super) first: usize,
    /// Those that go on with its data.
    pub(super) more: Vec<usize>,
    /// The number that should have come next, and did not.
    pub(super) missing: Option<u16>,
    /// Those that came behind the gap, or a second time.
    pub(super) left_out: Vec<usize>,
}

/// Meter and data identifier.
type Key = ([u8; 6], [u8; 4]);

/// An answer that goes on.
#[derive(Clone, Copy)]
struct Open {
    answer: usize,
    next: u16,
    has_gap: bool,
}

/// Puts frames together, in the order of the first of each.
pub(super) fn join(payload: &[u8], frames: &[Frame]) -> Vec<Answer> {
    let mut answers: Vec<Answer> = Vec::with_capacity(frames.len());
    let mut open: BTreeMap<Key, Open> = BTreeMap::new();
    for (at, frame) in frames.iter().enumerate() {
        let key = key(payload, frame).filter(|_| is_data(frame));
        if let Some(key) = key.filter(|_| is_next(frame)) {
            let entry = open.get_mut(&key);
            let goes_on = entry.and_then(|open| Some((answers.get_mut(open.answer)?, open)));
            if let Some((answer, entry)) = goes_on {
                go_on(payload, frame, at, answer, entry);
                if !frame.control.has_more() {
                    open.remove(&key);
                }
                continue;
            }
        }
        let mut answer = Answer {
            first: at,
            ..Answer::default()
        };
        if let Some(key) = key {
            let next = if is_next(frame) {
                number(payload, frame) + 1
            } else {
                1
            };
            if frame.control.has_more() {
                answer.missing = Some(next);
                let started = Open {
                    answer: answers.len(),
                    next,
                    has_gap: false,
                };
                open.insert(key, started);
            } else {
                open.remove(&key);
            }
        }
        answers.push(answer);
    }
    answers
}

fn go_on(payload: &[u8], frame: &Frame, at: usize, answer: &mut Answer, open: &mut Open) {
    // Frames of 1997 have no numbers.
    let is_old = frame.control.edition() == Some(Edition::Of1997);
    let number = if is_old {
        open.next
    } else {
        number(payload, frame)
    };
    if open.has_gap || number != open.next {
        open.has_gap |= number > open.next;
        answer.left_out.push(at);
        return;
    }
    open.next += 1;
    answer.more.push(at);
    answer.missing = frame.control.has_more().then_some(open.next);
}

/// A reply to a read.
fn is_data(frame: &Frame) -> bool {
    let reads = [
        function::READ,
        function::READ_NEXT,
        function::OLD_READ,
        function::OLD_READ_NEXT,
    ];
    let control = frame.control;
    control.is_reply() && !control.is_refusal() && reads.contains(&control.function())
}

/// Goes on with an answer.
pub(super) fn is_next(frame: &Frame) -> bool {
    [function::READ_NEXT, function::OLD_READ_NEXT].contains(&frame.control.function())
}

/// The number of a frame that goes on: its last byte.
pub(super) fn number(payload: &[u8], frame: &Frame) -> u16 {
    frame.meant(payload).last().map_or(0, u16::from)
}

fn key(payload: &[u8], frame: &Frame) -> Option<Key> {
    Some((frame.address, identifier(payload, frame)?))
}

/// Bytes DI3..DI0, of 1997 as the last two; `None`: the data is too short for one.
pub(super) fn identifier(payload: &[u8], frame: &Frame) -> Option<[u8; 4]> {
    let len = frame.control.di_len();
    if frame.data.len() < len {
        return None;
    }
    let mut di = [0; 4];
    for (to, byte) in di.iter_mut().rev().zip(frame.meant(payload).take(len)) {
        *to = byte;
    }
    Some(di)
}

/// `00010000`, `9010`.
pub(super) fn name(di: [u8; 4], len: usize) -> String {
    let bytes = di.get(4_usize.saturating_sub(len)..).unwrap_or_default();
    hex(bytes).to_uppercase()
}
