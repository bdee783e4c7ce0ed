//! One text that holds everything of all rows, numbers included.
//!
//! A number is written in groups of six bits, lowest first, each an ASCII character below 64 but for
//! the last, which is above: so the whole stays valid UTF-8, a name is a slice of it without a copy
//! or a check, and a small number costs one byte. Rejected: bytes, from which every text would have
//! to be checked again at each look.

/// Set in the last group of a number.
const LAST: u8 = 0x40;
const BITS: u32 = 6;

/// Writes a number: a byte for every six bits.
pub(super) fn put_number(out: &mut String, mut number: u64) {
    loop {
        let low = u8::try_from(number & 0x3f).unwrap_or(0);
        number >>= BITS;
        if number == 0 {
            out.push(char::from(low | LAST));
            return;
        }
        out.push(char::from(low));
    }
}

/// Writes a number that may be below zero, small ones of either sign in few bytes.
pub(super) fn put_signed(out: &mut String, number: i64) {
    put_number(
        out,
        (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned(),
    );
}

/// Writes a text behind its length.
pub(super) fn put_text(out: &mut String, text: &str) {
    put_number(out, text.len() as u64);
    out.push_str(text);
}

/// Reads what was written, in the same order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    arena: &'a str,
    pub at: usize,
}

impl<'a> Cursor<'a> {
    pub const fn new(arena: &'a str, at: usize) -> Self {
        Self { arena, at }
    }

    pub fn number(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0);
        while let Some(byte) = self.arena.as_bytes().get(self.at) {
            self.at += 1;
            number |= u64::from(byte & 0x3f) << shift;
            if byte & LAST != 0 || shift >= 60 {
                break;
            }
            shift += BITS;
        }
        number
    }

    /// A number that was four bytes long before it was written.
    pub fn short(&mut self) -> u32 {
        u32::try_from(self.number()).unwrap_or(u32::MAX)
    }

    pub fn signed(&mut self) -> i64 {
        let number = self.number();
        (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
    }

    pub fn text(&mut self) -> &'a str {
        let len = usize::try_from(self.number()).unwrap_or(0);
        let text = self.arena.get(self.at..self.at + len);
        self.at += len;
        text.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(number: u64, signed: i64, text in ".{0,80}") {
            let mut arena = String::from("x");
            put_number(&mut arena, number);
            put_signed(&mut arena, signed);
            put_text(&mut arena, &text);
            put_signed(&mut arena, i64::MIN);
            let mut cursor = Cursor::new(&arena, 1);
            prop_assert_eq!((cursor.number(), cursor.signed()), (number, signed));
            prop_assert_eq!((cursor.text(), cursor.signed()), (&*text, i64::MIN));
            prop_assert_eq!((cursor.at, cursor.number()), (arena.len(), 0));
        }
    }
}
