//! Packed decimal digits, low byte first: how DL/T 645 and CJ/T 188 write numbers.

/// What a field shows of a number beyond it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// A register: it starts again at zero.
    RollsOver,
    /// A measured value: it stays at the end of the field, or at zero without a sign.
    Saturates,
}

/// A field of two digits a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// 1 to 8.
    pub bytes: u8,
    /// The top bit of the last byte is a minus, so that the first digit goes to 7 only. Such a field
    /// never rolls over.
    pub signed: bool,
    /// What becomes of a number that does not fit.
    pub past: Past,
}

impl Field {
    /// A counter of energy or volume.
    pub const fn register(bytes: u8) -> Self {
        Self {
            bytes,
            signed: false,
            past: Past::RollsOver,
        }
    }

    /// A measured value without a sign.
    pub const fn measured(bytes: u8) -> Self {
        Self {
            bytes,
            signed: false,
            past: Past::Saturates,
        }
    }

    /// A value with a sign.
    pub const fn signed(bytes: u8) -> Self {
        Self {
            bytes,
            signed: true,
            past: Past::Saturates,
        }
    }

    /// The first number above the largest that fits: 10^digits without a sign.
    pub const fn modulus(self) -> i64 {
        let digits = 2 * if self.bytes < 8 { self.bytes as u32 } else { 8 };
        if self.signed {
            8 * 10_i64.pow(digits.saturating_sub(1))
        } else {
            10_i64.pow(digits)
        }
    }

    /// The number that the field shows.
    pub const fn shown(self, number: i64) -> i64 {
        let modulus = self.modulus();
        let least = if self.signed { 1 - modulus } else { 0 };
        match (self.signed, self.past) {
            (false, Past::RollsOver) => number.rem_euclid(modulus),
            _ if number >= modulus => modulus - 1,
            _ if number < least => least,
            _ => number,
        }
    }

    /// Appends the number; `None`: all FF, which means that there is no value.
    pub fn put(self, out: &mut Vec<u8>, number: Option<i64>) {
        let bytes = usize::from(self.bytes.min(8));
        let Some(number) = number else {
            out.resize(out.len() + bytes, 0xff);
            return;
        };
        let shown = self.shown(number);
        let mut left = shown.unsigned_abs();
        for _ in 0..bytes {
            out.push(u8::try_from(left / 10 % 10 * 16 + left % 10).unwrap_or(0));
            left /= 100;
        }
        if shown < 0
            && let Some(top) = out.last_mut()
        {
            *top |= 0x80;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(field: Field, number: Option<i64>) -> Vec<u8> {
        let mut out = Vec::new();
        field.put(&mut out, number);
        out
    }

    #[test]
    fn numbers_have_their_low_digits_first() {
        assert_eq!(
            bytes(Field::register(4), Some(12_345_678)),
            [0x78, 0x56, 0x34, 0x12]
        );
        assert_eq!(bytes(Field::measured(2), Some(7)), [7, 0]);
        assert_eq!(bytes(Field::measured(3), None), [0xff; 3]);
        assert_eq!(bytes(Field::signed(2), Some(-501)), [0x01, 0x85]);
    }

    #[test]
    fn registers_roll_over_and_measured_values_stay_at_the_end() {
        assert_eq!(Field::register(4).shown(100_000_007), 7);
        assert_eq!(Field::register(1).shown(-1), 99);
        assert_eq!(Field::measured(2).shown(10_000), 9_999);
        assert_eq!(Field::measured(2).shown(-3), 0);
        assert_eq!(Field::signed(3).shown(900_000), 799_999);
        assert_eq!(bytes(Field::signed(3), Some(-900_000)), [0x99, 0x99, 0xf9]);
        assert_eq!(Field::register(200).modulus(), 10_i64.pow(16));
    }
}
