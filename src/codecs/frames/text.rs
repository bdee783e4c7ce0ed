//! Payloads of hexadecimal digits, as modems in text mode send them.
use crate::codecs::{Spot, Trace};

/// The bytes, and where each one's first digit stands.
pub(super) struct Digits {
    pub(super) bytes: Vec<u8>,
    starts: Vec<usize>,
}

/// The bytes of a payload that is digits and blanks alone; `None`: it is bytes already. Every frame has a
/// 0x68, the letter `h`, so that frames are never taken for digits. Half a byte at the end is dropped: the
/// text was cut there.
pub(super) fn digits(payload: &[u8]) -> Option<Digits> {
    let mut bytes = Vec::new();
    let mut starts = Vec::new();
    let mut high: Option<(usize, u32)> = None;
    for (at, byte) in payload.iter().enumerate() {
        if byte.is_ascii_whitespace() {
            continue;
        }
        let digit = char::from(*byte).to_digit(16)?;
        high = match high {
            None => Some((at, digit)),
            Some((start, above)) => {
                bytes.push(u8::try_from(above << 4 | digit).ok()?);
                starts.push(start);
                None
            }
        };
    }
    (!bytes.is_empty()).then_some(Digits { bytes, starts })
}

impl Digits {
    /// Places of bytes become places of their digits; blanks belong to the byte before them.
    pub(super) fn place(&self, trace: &mut Trace, text_len: usize) {
        let start = |at: usize| match at {
            0 => 0,
            _ => self.starts.get(at).copied().unwrap_or(text_len),
        };
        for piece in &mut trace.pieces {
            if let Spot::Bytes(range) = &mut piece.spot {
                *range = start(range.start)..start(range.end);
            }
        }
    }
}
