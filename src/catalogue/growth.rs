//! How a register grows: where it rolls over, how fast it can be, how long it may stand still.
use super::Catalogue;
use super::metric::is_kind_prefix;
use super::read::{LIST_MAX, read_kind_prefix};
use crate::model::settings::Section;

/// How a register grows. All that a metric which is none has is nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Growth {
    /// Where a register of the usual size rolls over: one step of its last digit above the metric's
    /// `max`, where that makes a power of ten or of two.
    pub modulus: Option<f64>,
    /// The most that it grows in an hour, in the canonical unit. Prefer [`Growth::rate_max`].
    pub rate: Option<f64>,
    /// The same for kind prefixes: (prefix, most in an hour).
    pub rates: Vec<(Box<str>, f64)>,
    /// One step of the last digit behind the point of the metric's `max`, where that has any.
    pub step: Option<f64>,
    /// Days without an increase after which it is said not to advance.
    pub still_days: Option<u32>,
    /// It is set to zero now and then, by right: what it shows is not judged.
    pub resets: bool,
}

impl Growth {
    /// The most that it grows in an hour on a device of this kind, as the meter shows it: that of the
    /// longest kind prefix that matches, else the general one.
    pub fn rate_max(&self, kind: &str) -> Option<f64> {
        let of_kind = self.rates.iter();
        let of_kind = of_kind.filter(|(prefix, _)| is_kind_prefix(prefix, kind));
        let longest = of_kind.max_by_key(|(prefix, _)| prefix.len());
        longest.map(|(_, rate)| *rate).or(self.rate)
    }

    /// Reads the keys of a metric; `max`: of a register.
    pub(super) fn read(section: &mut Section<'_>, catalogue: &Catalogue, max: Option<f64>) -> Self {
        for key in ["rate_max", "rates", "still_days", "resets"] {
            if max.is_none() && section.has(key) {
                section.problem(key, "", "only for a register");
            }
        }
        let least = f64::MIN_POSITIVE;
        let rate = section.number("rate_max", least, f64::MAX);
        let rates = section.sections("rates", |section| {
            let kind = read_kind_prefix(section, catalogue);
            let rate = section.number("rate_max", least, f64::MAX);
            (kind.into_boxed_str(), rate)
        });
        if rates.len() > LIST_MAX {
            section.problem("rates", rates.len(), "64 rates at most");
        }
        let rates = rates.into_iter();
        let days = section.integer("still_days", 1, 366);
        Self {
            modulus: max.and_then(modulus),
            step: max.and_then(step),
            rate,
            rates: rates
                .filter_map(|(kind, rate)| Some((kind, rate?)))
                .collect(),
            still_days: days.and_then(|days| u32::try_from(days).ok()),
            resets: section.flag("resets").unwrap_or_default(),
        }
    }
}

/// Where a register that shows at most `max` rolls over.
fn modulus(max: f64) -> Option<f64> {
    let shown = max.to_string();
    let (whole, behind) = shown.split_once('.').unwrap_or((&shown, ""));
    let nines = |digits: &str| digits.bytes().all(|digit| digit == b'9');
    if nines(whole) && nines(behind) {
        let digits = i32::try_from(whole.len()).ok()?;
        return Some(10_f64.powi(digits));
    }
    let powers = [16, 24, 32].map(|bits| 2_f64.powi(bits));
    powers
        .into_iter()
        .find(|power| (power - 1.0).to_bits() == max.to_bits())
}

/// One step of the last digit behind the point of `max`.
fn step(max: f64) -> Option<f64> {
    let shown = max.to_string();
    let (_, behind) = shown.split_once('.')?;
    Some(10_f64.powi(-i32::try_from(behind.len()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_register_rolls_over_one_step_above_its_maximum() {
        for (max, expected) in [
            (999_999.99, Some(1e6)),
            (99_999_999.99, Some(1e8)),
            (9_999.0, Some(1e4)),
            (4_294_967_295.0, Some(4_294_967_296.0)),
            (277_777_775.0, None),
            (1e6, None),
            (f64::INFINITY, None),
        ] {
            assert_eq!(modulus(max), expected, "{max}");
        }
    }

    #[test]
    fn a_register_steps_by_the_last_digit_of_its_maximum() {
        for (max, expected) in [(999_999.99, Some(0.01)), (9_999.0, None)] {
            assert_eq!(step(max), expected, "{max}");
        }
    }

    #[test]
    fn the_longest_kind_has_the_rate() {
        let growth = Growth {
            rate: Some(80.0),
            rates: vec![("meter".into(), 40.0), ("meter.heat".into(), 5.0)],
            ..Growth::default()
        };
        assert_eq!(growth.rate_max("meter.heat.home"), Some(5.0));
        assert_eq!(growth.rate_max("meter.gas"), Some(40.0));
        assert_eq!(growth.rate_max("pole"), Some(80.0));
    }
}
