//! A number as digits and a power of ten: what texts and decimal fractions carry, added without loss.
//!
//! As doubles, 0.1 and 0.2 give 0.30000000000000004, and a time in 2026 has 0.2 us left.
use super::quote;
use std::borrow::Cow;
use std::fmt;

/// A number, and its text where it was sent as one.
#[derive(Clone, Debug, PartialEq)]
pub struct Number<'a> {
    /// The nearest double; not finite if none is near.
    pub value: f64,
    /// Decimal; empty where the format is binary.
    pub text: Cow<'a, str>,
}

impl Number<'_> {
    /// The digits. `None`: not finite, or too many.
    pub(super) fn decimal(&self) -> Option<Decimal> {
        if self.text.is_empty() {
            Decimal::from_f64(self.value)
        } else {
            Decimal::parse(&self.text)
        }
    }

    /// A whole number that a double holds exactly.
    pub(super) fn whole(&self) -> Option<i64> {
        whole(self.value)
    }

    /// Exactly where digits allow it.
    pub(super) fn plus<'b>(&self, base: &Self) -> Number<'b> {
        let sum = self.decimal().zip(base.decimal());
        match sum.and_then(|(own, base)| own.plus(base)) {
            Some(sum) => Number {
                value: sum.to_f64(),
                text: Cow::Owned(sum.to_string()),
            },
            None => Number {
                value: self.value + base.value,
                text: Cow::Borrowed(""),
            },
        }
    }

    pub(super) fn show(&self) -> String {
        if self.text.is_empty() {
            self.value.to_string()
        } else {
            quote(&self.text)
        }
    }
}

/// `mantissa * 10^exponent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    mantissa: i128,
    exponent: i32,
}

/// Whole numbers below 2^53 are doubles, each.
fn whole(value: f64) -> Option<i64> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    let exact = value.fract() == 0.0 && value.abs() < EXACT_MAX;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked: whole, and below 2^53"
    )]
    exact.then_some(value as i64)
}

/// Digits that a mantissa certainly holds.
const DIGITS_MAX: u32 = 38;
const SMALL_DIGITS_MAX: u32 = 19;

const NANOS: i32 = 9;

/// The powers of ten that are doubles.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

impl Decimal {
    /// Zero.
    pub(crate) const ZERO: Self = Self::new(0, 0);

    /// From its two halves.
    pub(crate) const fn new(mantissa: i128, exponent: i32) -> Self {
        Self { mantissa, exponent }
    }

    /// Reads a JSON number. `None`: more digits than fit.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (number, exponent) = match text.find(['e', 'E']) {
            Some(at) => (text.get(..at)?, text.get(at + 1..)?.parse().ok()?),
            None => (text, 0i32),
        };
        let (sign, digits) = match number.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, number),
        };
        let (mut mantissa, mut count, mut behind, mut point) = (0i128, 0, 0i32, false);
        // In 64 bits while they hold it, which is nearly always.
        let mut small = 0u64;
        for byte in digits.bytes() {
            match byte {
                b'0'..=b'9' => {
                    count += u32::from(count != 0 || byte != b'0');
                    if count <= SMALL_DIGITS_MAX {
                        small = small * 10 + u64::from(byte - b'0');
                        mantissa = small.into();
                    } else if count < DIGITS_MAX {
                        mantissa = mantissa * 10 + i128::from(byte - b'0');
                    } else {
                        return None;
                    }
                    behind += i32::from(point);
                }
                b'.' if !point => point = true,
                _ => return None,
            }
        }
        Some(Self::new(sign * mantissa, exponent.checked_sub(behind)?))
    }

    /// The shortest decimal that is this double. `None`: not finite.
    pub(crate) fn from_f64(value: f64) -> Option<Self> {
        if !value.is_finite() {
            return None;
        }
        if let Some(whole) = whole(value) {
            return Some(Self::new(whole.into(), 0));
        }
        Self::parse(&format!("{value:e}"))
    }

    /// The sum. `None`: too far apart.
    pub(crate) fn plus(self, other: Self) -> Option<Self> {
        if self.mantissa == 0 || other.mantissa == 0 {
            return Some(if self.mantissa == 0 { other } else { self });
        }
        let exponent = self.exponent.min(other.exponent);
        let scaled = |number: Self| {
            let places = number.exponent.checked_sub(exponent)?;
            let factor = 10i128.checked_pow(u32::try_from(places).ok()?)?;
            number.mantissa.checked_mul(factor)
        };
        let mantissa = scaled(self)?.checked_add(scaled(other)?)?;
        Some(Self { mantissa, exponent })
    }

    /// As thousand-millionths, rounded towards zero; `i128::MIN` or `MAX` where that is too large.
    pub(crate) fn nanos(self) -> i128 {
        let places = self.exponent.saturating_add(NANOS);
        // Every time of a device: fewer steps than in 128 bits.
        if let (Ok(mantissa), Ok(places @ 0..=9)) =
            (i64::try_from(self.mantissa), u32::try_from(places))
            && let Some(nanos) = mantissa.checked_mul(10i64.pow(places))
        {
            return nanos.into();
        }
        let factor = 10i128.checked_pow(places.unsigned_abs());
        match (factor, places >= 0) {
            (_, _) if self.mantissa == 0 => 0,
            (Some(factor), true) => self.mantissa.saturating_mul(factor),
            (Some(factor), false) => self.mantissa / factor,
            (None, true) => self.mantissa.signum().saturating_mul(i128::MAX),
            (None, false) => 0,
        }
    }

    /// The product. `None`: more digits than fit.
    pub(crate) fn times(self, other: Self) -> Option<Self> {
        Some(Self {
            mantissa: self.mantissa.checked_mul(other.mantissa)?,
            exponent: self.exponent.checked_add(other.exponent)?,
        })
    }

    /// Mantissa and exponent, the mantissa without zeros at its end.
    pub(crate) const fn parts(self) -> (i128, i32) {
        let (mut mantissa, mut exponent) = (self.mantissa, self.exponent);
        while mantissa != 0 && mantissa % 10 == 0 && exponent < i32::MAX {
            mantissa /= 10;
            exponent += 1;
        }
        (mantissa, exponent)
    }

    /// The nearest double; infinite where there is none.
    pub(crate) fn to_f64(self) -> f64 {
        // Where both are doubles, one rounding is all there is: the nearest (Clinger 1990, §3).
        if let Ok(places @ 0..=22) = usize::try_from(self.exponent.unsigned_abs())
            && let Some(power) = POWERS.get(places)
            && self.mantissa.unsigned_abs() < 1 << 53
        {
            #[expect(clippy::cast_precision_loss, reason = "checked: below 2^53")]
            let mantissa = self.mantissa as f64;
            return if self.exponent < 0 {
                mantissa / power
            } else {
                mantissa * power
            };
        }
        let text = format!("{}e{}", self.mantissa, self.exponent);
        text.parse().unwrap_or(f64::NAN)
    }
}

/// Zeros that are written out; a number that needs more has an exponent.
const ZEROS_MAX: usize = 20;

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = usize::try_from(self.exponent.unsigned_abs()).unwrap_or(usize::MAX);
        if self.exponent == 0 {
            return write!(f, "{}", self.mantissa);
        }
        if places > ZEROS_MAX {
            return write!(f, "{}e{}", self.mantissa, self.exponent);
        }
        let sign = if self.mantissa < 0 { "-" } else { "" };
        if self.exponent > 0 {
            return write!(f, "{}{:0<places$}", self.mantissa, "");
        }
        let digits = format!(
            "{:0>width$}",
            self.mantissa.unsigned_abs(),
            width = places + 1
        );
        let (whole, fraction) = digits.split_at(digits.len() - places);
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        write!(f, "{sign}{whole}{point}{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).expect("a number")
    }

    #[test]
    fn sums_are_exact() {
        for (one, other, sum) in [
            ("0.1", "0.2", "0.3"),
            ("20", "3.5", "23.5"),
            ("1e3", "-0.001", "999.999"),
            ("-1.25", "1.25", "0"),
            ("1276020076.001", "-5", "1276020071.001"),
            ("1.6e9", "60", "1600000060"),
        ] {
            let found = decimal(one).plus(decimal(other)).expect("near enough");
            assert_eq!(found.to_string(), sum);
            assert_eq!(
                found.to_f64().to_bits(),
                sum.parse::<f64>().expect("f64").to_bits()
            );
        }
        assert_eq!(decimal("1e30").plus(decimal("1e-30")), None);
        assert_eq!(
            decimal("0e-999").plus(decimal("1e30")),
            Some(decimal("1e30"))
        );
    }

    #[test]
    fn nanoseconds_are_exact_and_bounded() {
        assert_eq!(decimal("1276020076.001").nanos(), 1_276_020_076_001_000_000);
        assert_eq!(decimal("-0.0000000019").nanos(), -1);
        assert_eq!(decimal("1e999999").nanos(), i128::MAX);
        assert_eq!(decimal("-1e999999").nanos(), -i128::MAX);
        assert_eq!(decimal("1e-999999").nanos(), 0);
    }

    #[test]
    fn what_is_no_number_or_too_long_is_none() {
        for text in ["1.2.3", "1e", "1e99999999999", "x", &"9".repeat(40)] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
        assert_eq!(Decimal::from_f64(f64::NAN), None);
    }

    proptest! {
        #[test]
        fn doubles_survive(value in any::<f64>().prop_filter("finite", |v| v.is_finite())) {
            let decimal = Decimal::from_f64(value).expect("17 digits");
            let back = decimal.to_f64();
            prop_assert_eq!(back.to_bits(), (value + 0.0).to_bits());
            let shown: f64 = decimal.to_string().parse().expect("a number");
            prop_assert_eq!(shown.to_bits(), (value + 0.0).to_bits());
        }
    }
}
