//! Round numbers for an axis.

/// Steps of the axis.
pub const STEPS: u32 = 4;

/// A range of [`STEPS`] equal round steps that holds `min` and `max`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// At the bottom.
    pub low: f64,
    /// Between two lines.
    pub step: f64,
}

impl Scale {
    /// The tightest of the round ones.
    pub fn of(min: f64, max: f64) -> Self {
        let middle = f64::midpoint(min, max);
        // A constant gets a range of its own, so that noise of the last digit is not drawn as a storm.
        let span = (max - min).max(middle.abs() * 1e-3).max(1e-6);
        let mut rough = span / f64::from(STEPS);
        loop {
            let magnitude = 10f64.powf(rough.log10().floor());
            let step = [1.0, 2.0, 2.5, 5.0, 10.0]
                .map(|round| round * magnitude)
                .into_iter()
                .find(|step| *step >= rough * 0.999_999)
                .unwrap_or(10.0 * magnitude);
            let mut low = (min / step).floor() * step;
            if max - min < span {
                // Centred.
                low = ((middle - step * f64::from(STEPS) / 2.0) / step).round() * step;
            }
            let holds = low <= min && low + step * f64::from(STEPS) >= max;
            if holds || !step.is_finite() || !low.is_finite() {
                return Self { low, step };
            }
            rough = step * 1.01;
        }
    }

    /// At the top.
    pub fn high(self) -> f64 {
        self.low + self.step * f64::from(STEPS)
    }

    /// The values of the lines, from the top.
    pub fn marks(self) -> impl Iterator<Item = f64> {
        (0..=STEPS).rev().map(move |at| {
            let mark = self.low + self.step * f64::from(at);
            // Adding steps leaves 1e-17 where zero is meant.
            if mark.abs() < self.step * 1e-6 {
                0.0
            } else {
                mark
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_are_round() {
        for (min, max, low, high) in [
            (0.0, 100.0, 0.0, 100.0),
            (228.3, 231.9, 228.0, 232.0),
            (-3.0, 4.0, -4.0, 4.0),
            (20.0, 20.0, 19.99, 20.01),
            (0.0, 1.0, 0.0, 1.0),
        ] {
            let scale = Scale::of(min, max);
            assert!((scale.low - low).abs() < 1e-9, "{min}..{max}: {scale:?}");
            assert!(
                (scale.high() - high).abs() < 1e-9,
                "{min}..{max}: {scale:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_range_holds_its_points(a in -1e12f64..1e12, b in -1e12f64..1e12) {
            let (min, max) = (a.min(b), a.max(b));
            let scale = Scale::of(min, max);
            let slack = scale.step * 1e-6;
            prop_assert!(scale.low <= min + slack && scale.high() >= max - slack, "{scale:?}");
            prop_assert!(scale.marks().count() == 5);
        }

        #[test]
        fn no_value_hangs_it(a: f64, b: f64) {
            prop_assume!(a.is_finite() && b.is_finite());
            let _ = Scale::of(a.min(b), a.max(b));
        }
    }
}
