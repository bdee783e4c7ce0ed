//! Linear rules between units: joined in whole numbers, applied to doubles.
//!
//! Rejected: factors as doubles. 12008 times 0.001 is 12.008000000000001; divided by 1000 it is 12.008.

/// `(value * mul + add) / div` in whole numbers. The table's numbers are below 2^57 and one unit's rule
/// meets at most one gas and one other unit, so that nothing overflows; tests join all of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rule {
    pub(super) mul: i128,
    pub(super) add: i128,
    pub(super) div: i128,
}

impl Rule {
    /// First `self`, then `next`.
    pub(super) fn then(self, next: Self) -> Self {
        Self {
            mul: self.mul * next.mul,
            add: self.add * next.mul + next.add * self.div,
            div: self.div * next.div,
        }
        .reduced()
    }

    /// From the other unit back.
    pub(super) fn inverse(self) -> Self {
        Self {
            mul: self.div,
            add: -self.add,
            div: self.mul,
        }
    }

    fn reduced(self) -> Self {
        let common = gcd(gcd(self.mul.abs(), self.add.abs()), self.div.abs()).max(1);
        Self {
            mul: self.mul / common,
            add: self.add / common,
            div: self.div / common,
        }
    }

    /// For doubles.
    #[expect(
        clippy::cast_precision_loss,
        reason = "what does not fit 53 bits is rounded to the nearest, which is all a double can do"
    )]
    pub(super) fn linear(self) -> Linear {
        Linear {
            mul: self.mul as f64,
            add: self.add as f64,
            div: self.div as f64,
        }
    }
}

fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A [`Rule`] ready for doubles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Linear {
    mul: f64,
    add: f64,
    div: f64,
}

impl Linear {
    /// What is not finite stays so; what is finite stays finite (1e308 GJ is clamped to the largest
    /// double, far outside every range).
    pub(super) fn apply(self, value: f64) -> f64 {
        let converted = (value * self.mul + self.add) / self.div;
        if value.is_finite() {
            converted.clamp(f64::MIN, f64::MAX)
        } else {
            converted
        }
    }
}
