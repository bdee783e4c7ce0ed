//! Binary-coded digits, and which of five bytes is the unit.
use super::item::{Field, Item};
use super::meter::Meter;
use super::piece::Piece;
use super::unit::Unit;
use crate::codecs::Sent;
use crate::codecs::dialect::Dialect;
use std::borrow::Cow;
use std::cmp::Ordering;

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

    /// How well it reads: the unit is one, and so are the digits.
    fn grade(&self) -> u8 {
        match (self.unit(), digits(self.value)) {
            (None, _) => 0,
            (Some(_), Digits::Bad(..)) => 1,
            (Some(_), Digits::Number(_) | Digits::Absent) => 2,
        }
    }
}

/// Which fields of a frame have the unit first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Order {
    /// What holds where a field reads both ways.
    unit_first: bool,
}

/// -1: the unit is behind; 1: it is before; 0: it reads equally well both ways.
fn vote(field: Piece<'_>) -> i32 {
    let grade = |unit_first| Pair::of(field, unit_first).map_or(0, |pair| pair.grade());
    match grade(true).cmp(&grade(false)) {
        Ordering::Less => -1,
        Ordering::Equal => 0,
        Ordering::Greater => 1,
    }
}

/// -1, 0, 1 as above, by which unit measures what the field is for.
fn lean(field: Piece<'_>, fits: impl Fn(Unit) -> bool) -> i32 {
    let fits = |unit_first| {
        let unit = Pair::of(field, unit_first).and_then(|pair| pair.unit());
        i32::from(unit.is_some_and(&fits))
    };
    fits(true) - fits(false)
}

impl Order {
    /// Fields that read one way only decide for the others; then the quantities that the units measure; then
    /// the profile, whose default is the standard's order.
    pub(super) fn of(payload: Piece<'_>, item: &Item, meter: Meter, dialect: Dialect) -> Self {
        let (mut votes, mut leaning, mut rest) = (0, 0, payload);
        for field in item.layout {
            let Some((own, behind)) = rest.split(field.bytes()) else {
                break;
            };
            rest = behind;
            if let Field::Measured { what, .. } = field {
                votes += vote(own);
                leaning += lean(own, |unit| unit.quantity == meter.quantity(*what));
            }
        }
        let by = |sum: i32| (sum != 0).then_some(sum > 0);
        let unit_first = by(votes)
            .or_else(|| by(leaning))
            .unwrap_or(dialect.unit_first);
        Self { unit_first }
    }

    /// Value and unit of a field, and whether the unit is first.
    pub(super) fn part(self, field: Piece<'_>) -> Option<(Pair<'_>, bool)> {
        let unit_first = match vote(field) {
            0 => self.unit_first,
            vote => vote > 0,
        };
        Some((Pair::of(field, unit_first)?, unit_first))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

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
    fn a_unit_is_where_it_reads_as_one() {
        let part = |bytes, unit_first| {
            let (pair, first) = Order { unit_first }.part(piece(bytes)).unwrap();
            (pair.unit().map(|unit| unit.code), first)
        };
        assert_eq!(
            part(&[0x19, 0x00, 0x00, 0x00, 0x2C], true),
            (Some("m3"), false)
        );
        assert_eq!(
            part(&[0x2C, 0x34, 0x10, 0x00, 0x00], false),
            (Some("m3"), true)
        );
        // 13 is hundreds of GJ, but 2C is no digit.
        assert_eq!(
            part(&[0x13, 0x23, 0x33, 0x43, 0x2C], true),
            (Some("m3"), false)
        );
        // Both ways: the frame decides.
        assert_eq!(
            part(&[0x05, 0x23, 0x33, 0x43, 0x08], false),
            (Some("MW.h"), false)
        );
        assert_eq!(
            part(&[0x05, 0x23, 0x33, 0x43, 0x08], true),
            (Some("kW.h"), true)
        );
    }
}
