//! Where each value of a payload came from, and what nobody asked for.
use std::ops::Range;

/// A place in a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spot {
    /// Bytes of a binary payload.
    Bytes(Range<usize>),
    /// Path in a JSON or CBOR document: `Telemetry.onewire[3]`.
    Path(String),
}

/// One piece of a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traced {
    /// Where it lies.
    pub spot: Spot,
    /// As sent: digits, text, or hex bytes, cut to a readable length.
    pub sent: String,
    /// What it became: a metric, `device`, `time`, `label channel`, ..; empty: it was ignored.
    pub became: String,
    /// Index into [`Decoded::samples`](super::Decoded::samples), where it is a sample's value.
    pub sample: Option<usize>,
    /// Why it was ignored or refused; "" where there is nothing to say.
    pub note: String,
}

/// A payload, piece by piece, in the order in which it lies there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// The pieces, at most a bounded number.
    pub pieces: Vec<Traced>,
}

impl Trace {
    /// Follows samples to their new places.
    pub fn moved(&mut self, place: impl Fn(usize) -> usize) {
        for piece in &mut self.pieces {
            piece.sample = piece.sample.map(&place);
        }
    }
}
