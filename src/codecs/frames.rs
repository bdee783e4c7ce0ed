//! Frames of meters in one uplink: one, several, or those of a whole concentrator.
//!
//! ```text
//!  payload --hex digits?--> bytes --split--> frames, damage, the rest --by protocol--> read()
//!  FE FE 68 .. 16 | 68 .. x6 | 41 42 43 | 68 .. 16
//!  frame            damage     (ignored)  frame       one fault "frame at byte 9", two frames
//! ```
//! A frame is what a protocol's own length and checks say, never what lies between two 0x16: a 0x16 is also
//! a value. What holds no frame and looks like none is a transparent DTU's header or trailer, or the envelope
//! of Q/GDW 376.1, and is shown and ignored. What looks like a frame and is none is one fault; so is what
//! would be one but for its start byte, or is as long and ends as one.
//!
//! Bytes are counted after hexadecimal digits were turned into bytes; only the trace counts in the text.
mod split;
#[cfg(test)]
mod tests;
mod text;

use super::{Decoded, Fault, Reason, Spot, Told, Traced, too_many};
use split::{Piece, What};
use std::ops::Range;

/// What this module needs of a protocol of meters.
#[derive(Clone, Copy, Debug)]
pub struct Framing {
    /// `dlt645`: how aliases of its addresses begin.
    pub(super) name: &'static str,
    /// Bytes of the frame that begins at the first byte, a 0x68. Its checks hold.
    pub(super) frame: fn(bytes: &[u8]) -> Result<usize, Unframed>,
    /// Reads frames of this protocol, by their places in the payload; those of others may lie between. What is
    /// wrong with one is a part of `out.faults`.
    pub(super) read:
        fn(payload: &[u8], frames: &[Range<usize>], told: Told<'_>, out: &mut Decoded<'_>),
}

impl Framing {
    /// One start byte, a sum of one byte: little that chance does not bring about.
    fn is_weak(&self) -> bool {
        self.name == "cjt188"
    }
}

/// Why no frame begins at a byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unframed {
    /// Nothing looks like this protocol.
    Other,
    /// It looks like it, and is damaged, or ends too early. Places in the sentence count from its first byte.
    Damaged(Fault),
    /// It looks like it up to its end byte, so many bytes; a check does not hold. Bytes that were checked in
    /// vain are counted, so that long frames within each other cost no more than they are worth.
    Broken {
        /// The check.
        fault: Fault,
        /// From the start byte to the end byte.
        len: usize,
    },
}

/// Most frames of one uplink: 64 KiB of the shortest.
const FRAMES_MAX: usize = 5461;

/// Bytes that a piece of the trace shows.
const SHOWN_MAX: usize = 64;

/// Sum of bytes, modulo 256: CS of DL/T 645, CJ/T 188 and Q/GDW 376.1.
pub(super) fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

/// Hexadecimal digits of bytes, cut to a readable length.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len().min(SHOWN_MAX) + 2);
    for byte in bytes.iter().take(SHOWN_MAX) {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    if bytes.len() > SHOWN_MAX {
        text.push_str("..");
    }
    text
}

/// Decodes a payload as frames of `framings`.
///
/// # Errors
/// There is not one frame in it, or more than [`FRAMES_MAX`], or more readings than `told.limits`.
pub(super) fn decode(
    payload: &[u8],
    framings: &[Framing],
    told: Told<'_>,
    out: &mut Decoded<'_>,
) -> Result<(), Fault> {
    out.addressed = true;
    let Some(text) = text::digits(payload) else {
        return bytes(payload, framings, told, out);
    };
    let result = bytes(&text.bytes, framings, told, out);
    if let Some(trace) = &mut out.trace {
        text.place(trace, payload.len());
    }
    result
}

fn bytes(
    payload: &[u8],
    framings: &[Framing],
    told: Told<'_>,
    out: &mut Decoded<'_>,
) -> Result<(), Fault> {
    let pieces = split::split(payload, framings);
    let is_frame = |piece: &&Piece| matches!(piece.what, What::Frame(_));
    let frames = pieces.iter().filter(is_frame).count();
    for piece in &pieces {
        show(payload, piece, frames > FRAMES_MAX, out);
    }
    let result = match frames {
        0 => Err(nothing(payload, framings, pieces)),
        1..=FRAMES_MAX => read(payload, framings, pieces, told, out),
        _ => Err(Fault::whole(
            Reason::TooManyReadings,
            format!(
                "{frames} frames in one uplink; at most {FRAMES_MAX} are read, send them in several"
            ),
        )),
    };
    if let Some(trace) = &mut out.trace {
        trace.pieces.sort_by_key(|piece| match &piece.spot {
            Spot::Bytes(range) => range.start,
            Spot::Path(_) => usize::MAX,
        });
    }
    result
}

/// Gives the frames of each protocol to it, whatever lies between them: an answer may go on behind a frame of
/// another. Damage ends the runs: what a frame continues may be what was lost.
fn read(
    payload: &[u8],
    framings: &[Framing],
    pieces: Vec<Piece>,
    told: Told<'_>,
    out: &mut Decoded<'_>,
) -> Result<(), Fault> {
    // In the order of the first frame of each.
    let mut runs: Vec<(usize, Vec<Range<usize>>)> = Vec::with_capacity(framings.len());
    let flush = |runs: &mut Vec<(usize, Vec<Range<usize>>)>, out: &mut Decoded<'_>| {
        for (of, run) in runs.drain(..) {
            if let Some(framing) = framings.get(of) {
                (framing.read)(payload, &run, told, out);
            }
            if out.samples.len() > told.limits.readings_max {
                return Err(too_many(told.limits));
            }
        }
        Ok(())
    };
    for piece in pieces {
        match piece.what {
            What::Frame(framing) => match runs.iter_mut().find(|(of, _)| *of == framing) {
                Some((_, run)) => run.push(piece.at),
                None => runs.push((framing, vec![piece.at])),
            },
            What::Damage(fault) => {
                flush(&mut runs, out)?;
                let part = format!("frame at byte {}", piece.at.start);
                let byte = fault.byte.map(|byte| piece.at.start + byte);
                out.faults.push(Fault {
                    part,
                    byte,
                    ..fault
                });
            }
            What::Preamble | What::Envelope | What::Nothing => {}
        }
    }
    flush(&mut runs, out)?;
    quiet_requests(out);
    Ok(())
}

/// What a master asked is heard beside the reply on a shared line: nothing to tell where there is more.
fn quiet_requests(out: &mut Decoded<'_>) {
    let is_request = |name: &str| name == "meter_request";
    let others = out.notes.iter().any(|note| !is_request(&note.name));
    if others || !out.samples.is_empty() || !out.faults.is_empty() {
        out.notes.retain(|note| !is_request(&note.name));
    }
}

/// The most telling of what is wrong with a payload that holds no frame.
fn nothing(payload: &[u8], framings: &[Framing], pieces: Vec<Piece>) -> Fault {
    let mut best: Option<(usize, Fault)> = None;
    let mut enveloped = false;
    for piece in pieces {
        match piece.what {
            What::Damage(fault) => {
                let better = best
                    .as_ref()
                    .is_none_or(|(_, known)| split::rank(&fault) > split::rank(known));
                if better {
                    best = Some((piece.at.start, fault));
                }
            }
            What::Envelope => enveloped = true,
            What::Frame(_) | What::Preamble | What::Nothing => {}
        }
    }
    match best {
        Some((0, fault)) => fault,
        Some((at, fault)) => Fault {
            sentence: format!("frame at byte {at}: {}", fault.sentence),
            byte: fault.byte.map(|byte| at + byte),
            ..fault
        },
        None => {
            let names: Vec<&str> = framings.iter().map(|framing| framing.name).collect();
            let within = if enveloped { " of a 376.1 frame" } else { "" };
            let sentence = format!(
                "no frame of {} in {} bytes{within}",
                names.join(" or "),
                payload.len()
            );
            Fault::whole(Reason::Malformed, sentence)
        }
    }
}

/// Shows what is no frame; frames are shown by whoever reads them, unless nobody does.
fn show(payload: &[u8], piece: &Piece, refused: bool, out: &mut Decoded<'_>) {
    let (became, note) = match &piece.what {
        What::Frame(_) if !refused => return,
        What::Frame(_) => ("", "one frame too many".to_owned()),
        What::Preamble => ("preamble", String::new()),
        What::Envelope => ("envelope of 376.1", String::new()),
        What::Nothing => ("", "no frame: a header or trailer".to_owned()),
        What::Damage(fault) => ("", format!("damaged frame: {}", fault.sentence)),
    };
    out.show(|| Traced {
        spot: Spot::Bytes(piece.at.clone()),
        sent: hex(payload.get(piece.at.clone()).unwrap_or_default()),
        became: became.to_owned(),
        sample: None,
        note,
    });
}
