//! Writes `CoAP` messages (RFC 7252 §3) behind one another into a buffer that is used again and again.
use super::message::{Header, PAYLOAD_MARKER, TOKEN_MAX};

/// Appends a header and token; `token` has at most [`TOKEN_MAX`] bytes.
pub fn put_header(out: &mut Vec<u8>, header: Header, token: &[u8]) {
    let len = u8::try_from(token.len().min(TOKEN_MAX)).unwrap_or(0);
    let [high, low] = header.id.to_be_bytes();
    out.extend_from_slice(&[
        1 << 6 | (header.kind as u8) << 4 | len,
        header.code.0,
        high,
        low,
    ]);
    out.extend_from_slice(token.get(..usize::from(len)).unwrap_or_default());
}

/// Appends options, which have to come in the order of their numbers, and then a payload.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    number: u16,
}

impl<'a> Writer<'a> {
    /// Goes on behind the token.
    pub const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, number: 0 }
    }

    /// An option of bytes, at most 65,804 of them.
    pub fn option(&mut self, number: u16, value: &[u8]) {
        debug_assert!(number >= self.number, "options come in order");
        let delta = number.saturating_sub(self.number);
        self.number = number;
        let len = u16::try_from(value.len()).unwrap_or(u16::MAX);
        let nibble = |value: u16| match value {
            0..=12 => u8::try_from(value).unwrap_or(0),
            13..=268 => 13,
            269.. => 14,
        };
        self.out.push(nibble(delta) << 4 | nibble(len));
        for value in [delta, len] {
            match value {
                0..=12 => {}
                13..=268 => self.out.push(u8::try_from(value - 13).unwrap_or(0)),
                269.. => self.out.extend_from_slice(&(value - 269).to_be_bytes()),
            }
        }
        self.out.extend_from_slice(value);
    }

    /// An option of a number, without leading zeros (RFC 7252 §3.2).
    pub fn uint(&mut self, number: u16, value: u32) {
        let bytes = value.to_be_bytes();
        let zeros = usize::try_from(value.leading_zeros() / 8).unwrap_or(0);
        self.option(number, bytes.get(zeros..).unwrap_or_default());
    }

    /// The payload; none where it is empty.
    pub fn payload(self, payload: &[u8]) {
        if !payload.is_empty() {
            self.out.push(PAYLOAD_MARKER);
            self.out.extend_from_slice(payload);
        }
    }
}
