//! Binary-coded digits, and which of five bytes is the unit.
use super::item::{Field, Item};
use super::meter::Meter;
use super::piece::Piece;
use super::unit::Unit;
use crate::codecs::Sent;
use crate::codecs::dialect::Dialect;
use std::borrow::Cow;

/// What up to four bytes of BCD hold, low byte first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Digits {
    Number(u32),
    /// All FF: there is no value.
    Absent,
    /// Place in the payload and byte of a digit that is none.
    Bad(usize, u8),
}

/// Reads digits. More than four bytes are none.
pub(super) fn digits(piece: Piece<'_>) -> Digits {
    if !piece.bytes.is_empty() && piece.bytes.iter().all(|byte| *byte == 0xFF) {
        return Digits::Absent;
    }
    let mut number = 0_u32;
    for (at, byte) in piece.bytes.iter().enumerate().rev() {
        let (high, low) = (byte >> 4, byte & 0x0F);
        let shifted = number.checked_mul(100);
        match shifted {
            Some(shifted) if high <= 9 && low <= 9 => number = shifted + u32::from(high * 10 + low),
            _ => return Digits::Bad(piece.at + at, *byte),
        }
    }
    Digits::Number(number)
}

/// `number` with `decimals` digits behind the point, times ten to the `tens`: as a double and as text.
pub(super) fn scaled(number: u32, decimals: u8, tens: u8) -> Sent<'static> {
    let power = |by: u8| 10_u64.pow(u32::from(by.min(9)));
    let behind = decimals.saturating_sub(tens);
    if behind > 0 {
        let text = text(number, behind);
        let value = f64::from(number) / 10_f64.powi(i32::from(behind));
        return Sent::Number(value, Cow::Owned(text));
    }
    let before = tens.saturating_sub(decimals);
    let text = (u64::from(number) * power(before)).to_string();
    let value = f64::from(number) * 10_f64.powi(i32::from(before));
    Sent::Number(value, Cow::Owned(text))
}

/// As the meter shows it: "0.19".
pub(super) fn text(number: u32, decimals: u8) -> String {
    let places = usize::from(decimals);
    if places == 0 {
        return number.to_string();
    }
    let mut digits = format!("{number:0width$}", width = places + 1);
    digits.insert(digits.len() - places, '.');
    digits
}

/// Digits of a register, and how many are behind the point, in its unit without the power of ten: eight
/// digits with two behind the point count to a million units, or to a hundred millions of them in hundreds.
pub(super) fn register_digits(bytes: usize, decimals: u8, tens: u8) -> (u8, u8) {
    let all = u8::try_from(bytes * 2).unwrap_or(u8::MAX);
    let zeros = tens.saturating_sub(decimals);
    (all.saturating_add(zeros), decimals.saturating_sub(tens))
}

/// Value and unit of one field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair<'p> {
    pub(super) value: Piece<'p>,
    pub(super) unit: Piece<'p>,
}

impl<'p> Pair<'p> {
    /// Parts a field; `None`: it has no bytes.
    pub(super) fn of(field: Piece<'p>, unit_first: bool) -> Option<Self> {
        let at = if unit_first {
            1
        } else {
            field.bytes.len().checked_sub(1)?
        };
        let (first, second) = field.split(at)?;
        let (value, unit) = if unit_first {
            (second, first)
        } else {
            (first, second)
        };
        Some(Self { value, unit })
    }

    pub(super) fn unit(&self) -> Option<Unit> {
        self.unit.bytes.first().and_then(|byte| Unit::of(*byte))
    }

    /// How well it reads, 0 to 2: the unit measures what the field is for, and the digits are digits.
    fn marks(&self, fits: &impl Fn(Unit) -> bool) -> i32 {
        let unit = self.unit().is_some_and(fits);
        let number = !matches!(digits(self.value), Digits::Bad(..));
        i32::from(unit) + i32::from(number)
    }
}

/// Where the unit is, in every field of a frame: a meter does not change its mind between two fields, so that
/// a field which reads only the other way is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Order {
    unit_first: bool,
}

/// By how much the order that is not the profile's must read better. One mark is what a single byte gives:
/// `29 00 00 00 00` is 0.29 in a unit that is none, or no litres at all.
const MARKS_MIN: i32 = 2;

/// How much better a field reads with the unit first; below zero: with the unit behind.
fn lead(field: Piece<'_>, fits: &impl Fn(Unit) -> bool) -> i32 {
    let marks = |unit_first| Pair::of(field, unit_first).map_or(0, |pair| pair.marks(fits));
    marks(true) - marks(false)
}

impl Order {
    /// The profile's order, whose default is the standard's, unless the other reads better by
    /// [`MARKS_MIN`].
    pub(super) fn of(payload: Piece<'_>, item: &Item, meter: Meter, dialect: Dialect) -> Self {
        let (mut leads, mut rest) = (0, payload);
        for field in item.layout {
            let Some((own, behind)) = rest.split(field.bytes()) else {
                break;
            };
            rest = behind;
            if let Field::Measured { what, .. } = field {
                leads += lead(own, &|unit| unit.quantity == meter.quantity(*what));
            }
        }
        let unit_first = if leads.abs() < MARKS_MIN {
            dialect.unit_first
        } else {
            leads > 0
        };
        Self { unit_first }
    }

    /// Value and unit of a field, and whether the unit is first.
    pub(super) fn part(self, field: Piece<'_>) -> Option<(Pair<'_>, bool)> {
        Some((Pair::of(field, self.unit_first)?, self.unit_first))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::codecs::cjt188::unit::Quantity;

    fn piece(bytes: &[u8]) -> Piece<'_> {
        Piece { at: 10, bytes }
    }

    #[test]
    fn digits_are_read_low_byte_first() {
        assert_eq!(
            digits(piece(&[0x99, 0x99, 0x99, 0x99])),
            Digits::Number(99_999_999)
        );
        assert_eq!(digits(piece(&[0x26, 0x00, 0x00])), Digits::Number(26));
        assert_eq!(digits(piece(&[0xFF; 3])), Digits::Absent);
        assert_eq!(digits(piece(&[0x11, 0x2B, 0x33])), Digits::Bad(11, 0x2B));
    }

    #[test]
    fn numbers_keep_the_meters_digits() {
        let number = |number, decimals, tens| match scaled(number, decimals, tens) {
            Sent::Number(value, text) => (value, text.into_owned()),
            other => unreachable!("{other:?}"),
        };
        assert_eq!(number(19, 2, 0), (0.19, "0.19".to_owned()));
        assert_eq!(number(0, 4, 0), (0.0, "0.0000".to_owned()));
        assert_eq!(number(123, 2, 1), (12.3, "12.3".to_owned()));
        assert_eq!(number(123, 2, 2), (123.0, "123".to_owned()));
        assert_eq!(number(17_047, 0, 0), (17_047.0, "17047".to_owned()));
        assert_eq!(
            number(99_999_999, 0, 2),
            (9_999_999_900.0, "9999999900".to_owned())
        );
    }

    #[test]
    fn a_field_tells_how_it_reads_better() {
        let volume = |bytes| lead(piece(bytes), &|unit| unit.quantity == Quantity::Volume);
        assert_eq!(volume(&[0x19, 0x00, 0x00, 0x00, 0x2C]), -2);
        assert_eq!(volume(&[0x2C, 0x34, 0x10, 0x00, 0x00]), 2);
        // 13 is hundreds of GJ, which is no volume, and 2C is no digit.
        assert_eq!(volume(&[0x13, 0x23, 0x33, 0x43, 0x2C]), -2);
        // A unit byte that is none, and a value that reads as one.
        assert_eq!(volume(&[0x29, 0x00, 0x00, 0x00, 0x00]), 1);
        assert_eq!(volume(&[0x29, 0x00, 0x00, 0x11, 0x29]), 0);
        assert_eq!(volume(&[0xFF; 5]), 0);
    }
}
