//! `canonical = sent * scale + offset`, in decimals, and its UCUM unit.
//!
//! Meters send tenths: 219 * 0.1 as doubles is 21.900000000000002, and a bill is not. So the digits
//! are multiplied as digits, and only the result becomes a double, the nearest.
use crate::codecs::Decimal;
use crate::model::settings::Section;
use toml::Value;

/// A linear rule of a profile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    factor: Decimal,
    offset: Decimal,
}

/// Greatest factor and offset; the least factor is one over it.
const MAX: f64 = 1e12;

impl Scale {
    /// Reads `scale` and `offset`.
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let number = |value: &Value| {
            let number = match value {
                Value::Integer(whole) => Decimal::new((*whole).into(), 0),
                Value::Float(number) => Decimal::from_f64(*number)?,
                _ => return None,
            };
            (number.to_f64().abs() <= MAX).then_some(number)
        };
        let factor = section.get(
            "scale",
            "must be a number from 1e-12 to 1e12, or -1e12 to -1e-12",
            |v| number(v).filter(|number| number.to_f64().abs() >= 1.0 / MAX),
        );
        let offset = section.get("offset", "must be a number from -1e12 to 1e12", number);
        Self {
            factor: factor.unwrap_or(Decimal::new(1, 0)),
            offset: offset.unwrap_or(Decimal::ZERO),
        }
    }

    /// Does it leave every number as it is?
    pub(super) fn is_one(&self) -> bool {
        self.factor.parts() == (1, 0) && self.offset.parts().0 == 0
    }

    /// `text` is decimal, or empty where the format is binary.
    pub(super) fn apply(&self, number: f64, text: &str) -> f64 {
        let sent = if text.is_empty() {
            whole(number)
        } else {
            Decimal::parse(text)
        };
        let exact = sent
            .and_then(|sent| sent.times(self.factor)?.plus(self.offset))
            .map(Decimal::to_f64);
        // A float has no digits of its own, and what is too long has enough of them.
        exact.unwrap_or_else(|| self.rough(number))
    }

    fn rough(&self, number: f64) -> f64 {
        let (mantissa, exponent) = self.factor.parts();
        let scaled = if exponent < 0 {
            let digits = Decimal::new(mantissa, 0).to_f64();
            number * digits / Decimal::new(1, -exponent).to_f64()
        } else {
            number * self.factor.to_f64()
        };
        (scaled + self.offset.to_f64()).clamp(f64::MIN, f64::MAX)
    }

    /// The unit of what is sent: `10*-1.Cel`, `60.s`. Empty where UCUM cannot say it: it has neither
    /// negative factors nor offsets.
    pub(super) fn unit(&self, unit: &str) -> String {
        let (mantissa, exponent) = self.factor.parts();
        if self.offset.parts().0 != 0 || mantissa <= 0 {
            return String::new();
        }
        let power = match exponent {
            0 => None,
            exponent => Some(format!("10*{exponent}")),
        };
        let digits = (mantissa != 1).then(|| mantissa.to_string());
        let unit = (unit != "1" && !unit.is_empty()).then(|| unit.to_owned());
        let parts: Vec<String> = [digits, power, unit].into_iter().flatten().collect();
        if parts.is_empty() {
            return "1".to_owned();
        }
        parts.join(".")
    }
}

fn whole(number: f64) -> Option<Decimal> {
    (number.fract() == 0.0).then(|| Decimal::from_f64(number))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scale(text: &str) -> Scale {
        let mut problems = Vec::new();
        let table = toml::from_str(text).expect("TOML");
        let mut section = Section::new("", table, &mut problems);
        let scale = Scale::read(&mut section);
        section.finish();
        assert_eq!(problems, []);
        scale
    }

    #[test]
    fn tenths_are_the_nearest_doubles() {
        for (rule, sent, result, unit) in [
            ("scale = 0.1", "219", 21.9_f64, "10*-1.Cel"),
            ("scale = 0.001", "3343", 3.343, "10*-3.Cel"),
            ("scale = 0.01", "12345678901", 123_456_789.01, "10*-2.Cel"),
            ("scale = -1", "114", -114.0, ""),
            ("scale = 2\noffset = -113", "12", -89.0, ""),
            ("scale = 0.5", "7", 3.5, "5.10*-1.Cel"),
            ("scale = 100", "4", 400.0, "10*2.Cel"),
            ("scale = 60", "4", 240.0, "6.10*1.Cel"),
            ("scale = 0.1", "27.9", 2.79, "10*-1.Cel"),
        ] {
            let scale = scale(rule);
            assert_eq!(
                scale.apply(sent.parse().expect("f64"), sent).to_bits(),
                result.to_bits(),
                "{rule}"
            );
            assert_eq!(
                scale.apply(sent.parse().expect("f64"), "").to_bits(),
                result.to_bits(),
                "{rule}"
            );
            assert_eq!(scale.unit("Cel"), unit);
            assert!(!scale.is_one());
        }
        assert!(scale("").is_one() && scale("scale = 1.0\noffset = 0").is_one());
        assert_eq!(scale("scale = 0.1").unit("1"), "10*-1");
    }

    #[test]
    fn numbers_out_of_reason_are_refused() {
        for text in [
            "scale = 0",
            "scale = 'a'",
            "scale = 1e13",
            "offset = nan",
            "scale = true",
        ] {
            let mut problems = Vec::new();
            let table = toml::from_str(text).expect("TOML");
            Scale::read(&mut Section::new("", table, &mut problems));
            assert_eq!(problems.len(), 1, "{text}");
        }
    }

    proptest! {
        #[test]
        fn hundredths_are_what_their_digits_say(sent in any::<i64>()) {
            let text = sent.to_string();
            let found = scale("scale = 0.01").apply(text.parse().expect("f64"), &text);
            let nearest: f64 = format!("{text}e-2").parse().expect("f64");
            prop_assert_eq!(found.to_bits(), (nearest + 0.0).to_bits());
        }
    }
}
