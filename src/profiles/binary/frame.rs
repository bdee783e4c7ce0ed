//! A bounded run of a payload's bytes, and the numbers in it.
use std::ops::Range;

/// Some bytes of a payload, and where they begin in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'f> {
    bytes: &'f [u8],
    start: usize,
    /// "payload", "record", "item".
    what: &'static str,
}

/// Bytes that are not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("needs {need} bytes at byte {at}, has {have}: the {what} ends before byte {end}")]
pub(super) struct Short {
    /// First byte that is needed, in the payload.
    pub(super) at: i64,
    /// Bytes that are needed.
    pub(super) need: usize,
    /// Bytes of them that are there.
    pub(super) have: usize,
    /// Bytes of the payload before the frame's end.
    pub(super) end: usize,
    /// What ends there.
    pub(super) what: &'static str,
}

impl<'f> Frame<'f> {
    /// A whole payload.
    pub(super) const fn new(bytes: &'f [u8]) -> Self {
        Self {
            bytes,
            start: 0,
            what: "payload",
        }
    }

    /// The same bytes by another name.
    pub(super) const fn called(self, what: &'static str) -> Self {
        Self { what, ..self }
    }

    /// Its bytes.
    pub(super) const fn bytes(self) -> &'f [u8] {
        self.bytes
    }

    /// How many they are.
    pub(super) const fn len(self) -> usize {
        self.bytes.len()
    }

    /// Its first byte, in the payload.
    pub(super) const fn start(self) -> usize {
        self.start
    }

    /// The byte behind its last, in the payload.
    pub(super) const fn end(self) -> usize {
        self.start + self.bytes.len()
    }

    /// `need` bytes at `at`, from the end where that is negative.
    ///
    /// # Errors
    /// They are not all there.
    pub(super) fn part(self, at: i32, need: usize) -> Result<Self, Short> {
        let len = i64::try_from(self.bytes.len()).unwrap_or(i64::MAX);
        let from = i64::from(at) + if at < 0 { len } else { 0 };
        let part = usize::try_from(from).ok().and_then(|from| {
            let bytes = self.bytes.get(from..from.checked_add(need)?)?;
            let start = self.start + from;
            Some(Self {
                bytes,
                start,
                ..self
            })
        });
        part.ok_or_else(|| {
            let there = if from < 0 {
                // From before its first byte on: what is behind that is there.
                i64::try_from(need).unwrap_or(i64::MAX).saturating_add(from)
            } else {
                len - from
            };
            Short {
                at: i64::try_from(self.start).unwrap_or(i64::MAX) + from,
                need,
                have: usize::try_from(there).unwrap_or(0).min(need),
                end: self.end(),
                what: self.what,
            }
        })
    }

    /// All bytes from `at` on; `None`: it begins behind the end.
    pub(super) fn rest(self, at: i32) -> Option<Self> {
        let len = self.bytes.len();
        let from = if at < 0 {
            len.checked_sub(usize::try_from(at.unsigned_abs()).ok()?)?
        } else {
            usize::try_from(at).ok()?
        };
        Some(Self {
            bytes: self.bytes.get(from..)?,
            start: self.start + from,
            ..self
        })
    }

    /// All bytes but the last `count`; none where there are not so many.
    pub(super) fn without_last(self, count: usize) -> Self {
        let keep = self.bytes.len().saturating_sub(count);
        Self {
            bytes: self.bytes.get(..keep).unwrap_or_default(),
            ..self
        }
    }

    /// All bytes but the first `count`; none where there are not so many.
    pub(super) fn behind(self, count: usize) -> Self {
        let count = count.min(self.bytes.len());
        Self {
            bytes: self.bytes.get(count..).unwrap_or_default(),
            start: self.start + count,
            ..self
        }
    }

    /// None of its bytes, at its end.
    pub(super) fn empty(self) -> Self {
        self.behind(self.len())
    }

    /// Where it lies in the payload.
    pub(super) const fn range(self) -> Range<usize> {
        self.start..self.end()
    }
}

/// A whole number of up to 8 bytes.
pub(super) fn whole(bytes: &[u8], little: bool) -> u64 {
    let put = |number: u64, byte: &u8| (number << 8) | u64::from(*byte);
    if little {
        bytes.iter().rev().fold(0, put)
    } else {
        bytes.iter().fold(0, put)
    }
}

/// Two's complement of `bits` bits, 1 to 64.
pub(super) fn twos_complement(number: u64, bits: u32) -> i128 {
    let negative = number >> (bits - 1) & 1 == 1;
    i128::from(number) - if negative { 1i128 << bits } else { 0 }
}

/// The top one of `bits` bits, 1 to 64, is the sign; the others are the amount.
pub(super) fn sign_magnitude(number: u64, bits: u32) -> i128 {
    let top = 1u64 << (bits - 1);
    let amount = i128::from(number & !top);
    if number & top == 0 { amount } else { -amount }
}

/// Bytes as hexadecimal digits, upper case.
pub(super) fn hex(bytes: impl IntoIterator<Item = u8>) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('?');
    bytes
        .into_iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 0x0f)])
        .map(|digit| digit.to_ascii_uppercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_from_both_ends() {
        let frame = Frame::new(&[0, 1, 2, 3, 4]);
        let part = frame.part(1, 2).expect("there");
        assert_eq!((part.bytes(), part.range()), (&[1, 2][..], 1..3));
        let part = frame.part(-2, 2).expect("there");
        assert_eq!((part.bytes(), part.range()), (&[3, 4][..], 3..5));
        let inner = part.part(-1, 1).expect("there");
        assert_eq!(inner.range(), 4..5);
        assert_eq!(frame.rest(-2).map(Frame::range), Some(3..5));
        assert_eq!(frame.rest(5).map(Frame::len), Some(0));
        assert!(frame.rest(6).is_none() && frame.rest(-6).is_none());
        assert!(frame.part(i32::MAX, usize::MAX).is_err());
        assert!(frame.part(i32::MIN, usize::MAX).is_err());
    }

    #[test]
    fn what_is_missing_is_told_in_bytes() {
        let frame = Frame::new(&[0, 1, 2, 3, 4]);
        for (at, need, from, have) in [(4, 2, 4, 1), (7, 2, 7, 0), (-6, 2, -1, 1), (-2, 3, 3, 2)] {
            let short = frame.part(at, need).expect_err("not there");
            assert_eq!((short.at, short.have, short.end), (from, have, 5), "{at}");
        }
        let record = frame.part(2, 2).expect("there");
        let short = record.part(1, 2).expect_err("only one");
        assert_eq!((short.at, short.have, short.end), (3, 1, 4));
    }

    #[test]
    fn numbers_have_signs_and_orders() {
        assert_eq!(whole(&[1, 2, 3], false), 0x01_02_03);
        assert_eq!(whole(&[1, 2, 3], true), 0x03_02_01);
        assert_eq!(whole(&[0xff; 8], true), u64::MAX);
        assert_eq!(twos_complement(0x0fff, 12), -1);
        assert_eq!(twos_complement(u64::MAX, 64), -1);
        assert_eq!(twos_complement(1 << 63, 64), i64::MIN.into());
        assert_eq!(twos_complement(1, 1), -1);
        assert_eq!(sign_magnitude(0x8001, 16), -1);
        assert_eq!(sign_magnitude(u64::MAX, 64), -i128::from(i64::MAX));
        assert_eq!(hex([0x0f, 0xa0]), "0FA0");
    }
}
