//! Frames of meters in one uplink: one, several, or those of a whole concentrator.
//!
//! ```text
//!  payload --68 here? frame()--> frames, runs of one protocol --read()--> groups of `dlt645:000000000161`, ..
//!             `- no: one byte on
//! ```
use super::{Decoded, Fault, Reason, Told};
use std::ops::Range;

/// What this module needs of a protocol of meters.
#[derive(Clone, Copy, Debug)]
pub struct Framing {
    /// `dlt645`: how aliases of its addresses begin.
    pub(super) name: &'static str,
    /// Bytes of the frame that begins at the first byte, a 0x68. Its checks hold.
    pub(super) frame: fn(bytes: &[u8]) -> Result<usize, Unframed>,
    /// Reads consecutive frames of this protocol, by their places in the payload. What is wrong with one is a
    /// part of `out.faults`.
    pub(super) read:
        fn(payload: &[u8], frames: &[Range<usize>], told: Told<'_>, out: &mut Decoded<'_>),
}

/// Why no frame begins at a byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unframed {
    /// Nothing looks like this protocol.
    Other,
    /// It looks like it, and is damaged, or ends too early. Places in the sentence count from its first byte.
    Damaged(Fault),
}

/// Decodes a payload as frames of `framings`.
///
/// # Errors
/// There is not one frame in it.
pub(super) fn decode(
    payload: &[u8],
    framings: &[Framing],
    told: Told<'_>,
    out: &mut Decoded<'_>,
) -> Result<(), Fault> {
    let mut at = 0;
    out.addressed = true;
    while let Some(rest) = payload.get(at..).filter(|rest| !rest.is_empty()) {
        let found = framings
            .iter()
            .find_map(|framing| Some((framing, (framing.frame)(rest).ok()?)));
        let Some((framing, len)) = found else {
            at += 1;
            continue;
        };
        let frame = at..at + len;
        (framing.read)(payload, std::slice::from_ref(&frame), told, out);
        at += len;
    }
    Err(Fault::whole(Reason::Malformed, "no frame of a meter in it"))
}
