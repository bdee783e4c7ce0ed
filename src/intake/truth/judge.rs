//! The rules: a register's value between what was known before and after it. Pure.
//!
//! ```text
//!  before <= value [<= after]      fits, if it grew no faster than it can
//!  before > 0.9 M, value < 0.1 M   rolled over at M: grew by value + M - before
//!  value < before                  rolled back
//!  same time, other value          conflict
//! ```
//! Decision: a rollover must be possible at the register's rate too. Else an old meter that was near its
//! end and a new one at zero would be billed as one.
//!
//! Decision: two readings that lie closer together than [`Rules::apart`] are judged as if so much time
//! lay between them. A late delivery or a clock that is set moves a reading by minutes, and what a swap
//! or a wrong unit does to a register is far above what an hour allows.
use super::series::Point;

/// Above this part of the modulus a register may roll over, below the other it may have.
const NEAR_THE_END: f64 = 0.9;
const NEAR_THE_START: f64 = 0.1;
const HOUR_NANOS: f64 = 3.6e12;
/// What rounding to a double makes of a step of the last digit.
const ROUNDING: f64 = 1e-9;

/// What is known of one register.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rules {
    /// Where it rolls over, in its canonical unit, multiplied.
    pub(super) modulus: Option<f64>,
    /// The most that it grows in an hour.
    pub(super) rate: Option<f64>,
    /// One step of its last digit; 0 where that is not known.
    pub(super) step: f64,
    /// The least time between two readings, in nanoseconds.
    pub(super) apart: i64,
    /// How long it may stand still before that is said, in nanoseconds; 0: for ever.
    pub(super) still: i64,
}

/// The good values beside one: `before` at its time or earlier.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Around {
    /// The last one at the time or before it.
    pub before: Option<Point>,
    /// The first one after it.
    pub after: Option<Point>,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Judged {
    Good,
    /// It grew by `delta` beyond its end.
    Rollover {
        delta: f64,
    },
    Rollback,
    /// It grew by `delta` in `hours`, and `limit` is what it can.
    Implausible {
        delta: f64,
        hours: f64,
        limit: f64,
    },
}

impl Rules {
    /// Judges what grew from `before` to `after`.
    pub(super) fn step(&self, before: Point, after: Point) -> Judged {
        let rolled = after.value < before.value - self.tolerance(before.value);
        let delta = match self.modulus {
            Some(modulus) if rolled => {
                let near = before.value > NEAR_THE_END * modulus;
                if !near || after.value >= NEAR_THE_START * modulus {
                    return Judged::Rollback;
                }
                after.value + modulus - before.value
            }
            _ if rolled => return Judged::Rollback,
            _ => (after.value - before.value).max(0.0),
        };
        let apart = after.at.saturating_sub(before.at).max(self.apart);
        #[expect(clippy::cast_precision_loss, reason = "hours need no nanoseconds")]
        let hours = apart as f64 / HOUR_NANOS;
        let limit = self.rate.map(|rate| rate * hours);
        match limit {
            Some(limit) if delta > limit + self.tolerance(delta) => Judged::Implausible {
                delta,
                hours,
                limit: self.rate.unwrap_or_default(),
            },
            _ if rolled => Judged::Rollover { delta },
            _ => Judged::Good,
        }
    }

    /// Judges a value that came later than its neighbour in time. The register rolls over between
    /// the neighbours where they say so, and nowhere else.
    pub(super) fn between(&self, around: Around, point: Point) -> Judged {
        let Some(after) = around.after else {
            return around
                .before
                .map_or(Judged::Good, |before| self.step(before, point));
        };
        let Some(before) = around.before else {
            return quiet(self.step(point, after));
        };
        let (up, on) = (self.step(before, point), self.step(point, after));
        let rolls = |judged| matches!(judged, Judged::Rollover { .. });
        if [up, on].contains(&Judged::Rollback) || (rolls(up) && rolls(on)) {
            return Judged::Rollback;
        }
        let turned = rolls(self.step(before, after));
        if (rolls(up) || rolls(on)) && !turned {
            return Judged::Rollback;
        }
        let implausible = |judged: &Judged| matches!(judged, Judged::Implausible { .. });
        [up, on]
            .into_iter()
            .find(implausible)
            .unwrap_or(Judged::Good)
    }

    /// Is `value` another than `known`, at the same time?
    pub(super) fn differs(&self, known: f64, value: f64) -> bool {
        (value - known).abs() > self.tolerance(known)
    }

    /// How much less than `value` is no less.
    fn tolerance(&self, value: f64) -> f64 {
        self.step * (1.0 + ROUNDING) + value.abs() * f64::EPSILON
    }
}

/// That a register rolled over behind a value is told of when it does, not when the value is filled in.
fn quiet(judged: Judged) -> Judged {
    match judged {
        Judged::Rollover { .. } => Judged::Good,
        judged => judged,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RULES: Rules = Rules {
        modulus: Some(1e6),
        rate: Some(80.0),
        step: 0.01,
        apart: 900_000_000_000,
        still: 0,
    };

    const fn point(hours: i64, value: f64) -> Point {
        Point {
            at: hours * 3_600_000_000_000,
            value,
        }
    }

    #[test]
    fn a_step_is_good_rolls_over_rolls_back_or_is_too_fast() {
        let step = |from: f64, to: f64, hours: i64| RULES.step(point(0, from), point(hours, to));
        assert_eq!(step(5.0, 5.0, 1), Judged::Good);
        assert_eq!(
            step(5.0, 4.99, 1),
            Judged::Good,
            "one step of the last digit"
        );
        assert_eq!(step(5.0, 4.98, 1), Judged::Rollback);
        assert_eq!(step(0.0, 80.0, 1), Judged::Good);
        assert_eq!(step(0.0, 20.0, 0), Judged::Good, "a quarter of an hour");
        let fast = |delta, hours| Judged::Implausible {
            delta,
            hours,
            limit: 80.0,
        };
        assert_eq!(step(0.0, 80.02, 1), fast(80.02, 1.0));
        assert_eq!(step(0.0, 21.0, 0), fast(21.0, 0.25));
        let rolled = step(999_999.5, 0.5, 1);
        assert_eq!(rolled, Judged::Rollover { delta: 1.0 });
        assert_eq!(step(950_000.0, 50.0, 24), fast(50_050.0, 24.0), "a swap");
        assert_eq!(
            step(900_000.0, 1.0, 10_000),
            Judged::Rollback,
            "not near its end"
        );
        assert_eq!(step(999_999.0, 100_000.0, 10_000), Judged::Rollback);
        let endless = Rules {
            modulus: None,
            ..RULES
        };
        assert_eq!(endless.step(point(0, 9e9), point(1, 0.0)), Judged::Rollback);
        // helpaquacue.com: 99999678 to 123 is 445, and not 444.
        let gallons = Rules {
            modulus: Some(1e8),
            rate: None,
            ..RULES
        };
        let rolled = gallons.step(point(0, 99_999_678.0), point(1, 123.0));
        assert_eq!(rolled, Judged::Rollover { delta: 445.0 });
    }

    #[test]
    fn late_values_lie_between_their_neighbours() {
        let between = |before: f64, value: f64, after: f64| {
            let around = Around {
                before: Some(point(0, before)),
                after: Some(point(2_000, after)),
            };
            RULES.between(around, point(1_000, value))
        };
        assert_eq!(between(5.0, 6.0, 7.0), Judged::Good);
        assert_eq!(between(5.0, 4.0, 7.0), Judged::Rollback);
        assert_eq!(between(5.0, 8.0, 7.0), Judged::Rollback);
        for value in [999_950.0, 40.0] {
            assert_eq!(between(999_900.0, value, 100.0), Judged::Good);
        }
        for value in [999_800.0, 110.0, 500_000.0] {
            assert_eq!(between(999_900.0, value, 100.0), Judged::Rollback);
        }
        assert_eq!(between(999_900.0, 50.0, 999_950.0), Judged::Rollback);
        let first = Around {
            before: None,
            after: Some(point(2_000, 100.0)),
        };
        assert_eq!(RULES.between(first, point(1_000, 99.0)), Judged::Good);
        assert_eq!(RULES.between(first, point(1_000, 999_900.0)), Judged::Good);
        assert_eq!(RULES.between(first, point(1_000, 101.0)), Judged::Rollback);
    }

    proptest! {
        /// Of any three values of a true register the middle one fits, whichever comes last.
        #[test]
        fn truth_fits_in_any_order(
            start in 0.0..1e6,
            steps in prop::collection::vec(0.0..10_000.0, 2..3),
        ) {
            let mut value: f64 = start;
            let mut points = vec![point(0, value)];
            for (hours, step) in (1i64..).zip(steps) {
                value = (value + step) % 1e6;
                points.push(point(hours * 200, value));
            }
            if let [first, middle, last] = points.as_slice() {
                for (before, after, one) in [
                    (Some(*first), None, *middle),
                    (Some(*first), Some(*last), *middle),
                    (None, Some(*middle), *first),
                    (Some(*middle), None, *last),
                ] {
                    let judged = RULES.between(Around { before, after }, one);
                    let fits = matches!(judged, Judged::Good | Judged::Rollover { .. });
                    prop_assert!(fits, "{:?}", judged);
                }
            }
        }
    }
}
