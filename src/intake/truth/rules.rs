//! What is known of a register: digits, rate, and the time in which it is one meter's.
use super::judge::Rules;
use super::series::{FOR_EVER, Life};
use crate::catalogue::{Catalogue, Metric};
use crate::codecs::{Sample, Sent};
use crate::intake::normalise::Register;
use crate::inventory::{Entry, Inventory};
use crate::model::Timestamp;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Readings with a time of the device's that lie closer together than this are judged as if they did
/// not: its clock is set now and then.
const APART_NANOS: i64 = 15 * 60 * 1_000_000_000;
/// Those without: a queue on the way may hold them up.
const APART_UNDATED_NANOS: i64 = 3_600 * 1_000_000_000;
const DAY_NANOS: i64 = 86_400_000_000_000;

/// The rules for one sample of a register. Digits are those of what the meter shows: they are taken
/// into the canonical unit and multiplied as its value is.
pub(super) fn of(
    catalogue: &Catalogue,
    metric: &Metric,
    kind: &str,
    register: &Register,
    sample: Option<&Sample<'_>>,
    dated: bool,
) -> Rules {
    let multiplier = register.multiplier.filter(|_| metric.multiplied);
    let multiplier = multiplier.unwrap_or(1.0);
    let unit = sample.map_or("", |sample| sample.unit.as_ref());
    let digits = register.digits.or(sample.and_then(|sample| sample.digits));
    let canonical = |shown: f64| {
        let value = match unit {
            "" => Some(shown),
            unit => catalogue.convert(metric, shown, unit).ok(),
        };
        value.map(|value| value * multiplier)
    };
    let power = |digits: u8, sign: i32| 10_f64.powi(sign * i32::from(digits));
    let modulus = match digits {
        Some((all, behind)) => canonical(power(all.saturating_sub(behind), 1)),
        None => metric.growth.modulus.map(|modulus| modulus * multiplier),
    };
    let step = match digits {
        Some((_, behind)) => canonical(power(behind, -1)),
        None => sample.and_then(|sample| sent_step(catalogue, metric, sample)),
    };
    let step = match (digits, step) {
        (None, Some(step)) => Some(step * multiplier),
        (_, step) => step,
    };
    let rate = metric.growth.rate_max(kind);
    Rules {
        modulus,
        rate: rate.map(|rate| rate * multiplier),
        step: step.unwrap_or_default(),
        apart: if dated {
            APART_NANOS
        } else {
            APART_UNDATED_NANOS
        },
        still: i64::from(metric.growth.still_days.unwrap_or_default()) * DAY_NANOS,
    }
}

/// One step of the last digit that was sent, in the canonical unit. JSON leaves zeros behind the point
/// out, so a whole number has the step of the catalogue's `max`. A binary number has no digits.
fn sent_step(catalogue: &Catalogue, metric: &Metric, sample: &Sample<'_>) -> Option<f64> {
    let (text, unit) = match (&sample.origin, &sample.value) {
        (Some(sent), _) => (&sent.text, &sent.unit),
        (None, Sent::Number(_, text)) => (text, &sample.unit),
        _ => return None,
    };
    if text.is_empty() || text.contains(['e', 'E', 'x']) {
        return None;
    }
    let Some((_, behind)) = text.split_once('.') else {
        return metric.growth.step;
    };
    let step = 10_f64.powi(-i32::try_from(behind.len()).ok()?);
    match unit.as_ref() {
        "" => Some(step),
        unit => catalogue.convert(metric, step, unit).ok(),
    }
}

/// The rules for a register of which nothing is known but its metric.
pub(super) fn usual(metric: &Metric, kind: &str) -> Rules {
    Rules {
        modulus: None,
        rate: metric.growth.rate_max(kind),
        step: metric.growth.step.unwrap_or_default(),
        apart: APART_NANOS,
        still: 0,
    }
}

impl Rules {
    /// Of a frozen value. One that is told by how many periods it lies back (`storage`) has no time of
    /// its own: it stands still for a period, and then grows by all of it at once.
    pub(super) fn labelled(self, labels: &[(Cow<'_, str>, Cow<'_, str>)]) -> Self {
        let has = |name: &str| labels.iter().any(|(label, _)| label == name);
        let (is_stored, is_frozen) = (has("storage"), has("freeze"));
        Self {
            rate: self.rate.filter(|_| !is_stored),
            still: if is_stored || is_frozen {
                0
            } else {
                self.still
            },
            ..self
        }
    }
}

/// Do two rows of a device stand for one meter, read in one way?
fn is_same_meter(one: Entry<'_>, other: Entry<'_>) -> bool {
    let number = |entry: Entry<'_>| entry.multiplier().map(f64::to_bits);
    let aliases = |entry: Entry<'_>| entry.aliases().map(str::to_owned).collect::<BTreeSet<_>>();
    one.digits() == other.digits()
        && number(one) == number(other)
        && one.metering_point() == other.metering_point()
        && aliases(one) == aliases(other)
}

/// The time around `at` in which a device is one meter: between two rows of it that say otherwise.
pub(super) fn life(inventory: &Inventory, entry: Option<Entry<'_>>, at: Timestamp) -> Life {
    let Some(entry) = entry.filter(|entry| {
        // A device of one row without an end is one meter.
        entry.valid_from().is_some() || entry.valid_to().is_some()
    }) else {
        return FOR_EVER;
    };
    let mut rows: Vec<Entry<'_>> = inventory.entries_of(entry.id()).collect();
    rows.sort_by_key(|row| row.valid_from());
    let mut life = FOR_EVER;
    let mut last: Option<Entry<'_>> = None;
    for row in rows {
        let follows = last
            .replace(row)
            .is_some_and(|last| is_same_meter(last, row));
        if let (Some(from), false) = (row.valid_from(), follows) {
            if at < from {
                life.1 = from.as_nanos();
                break;
            }
            life.0 = from.as_nanos();
        }
    }
    life
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn digits_follow_the_unit_and_the_multiplier() {
        let catalogue = Catalogue::shipped();
        let metric = catalogue.metric("active_energy_import").unwrap();
        let meter = "meter.electricity";
        let register = Register {
            multiplier: Some(20.0),
            digits: Some((8, 2)),
        };
        let rules = of(&catalogue, metric, meter, &register, None, true);
        assert_eq!(rules.modulus, Some(2e7));
        assert_eq!((rules.rate, rules.step), (Some(1_600.0), 0.2));
        let rules = of(&catalogue, metric, meter, &Register::default(), None, true);
        assert_eq!((rules.modulus, rules.step), (Some(1e6), 0.0));
        let water = catalogue.metric("water_volume").unwrap();
        let rules = of(&catalogue, water, "meter.water", &register, None, false);
        assert_eq!((rules.modulus, rules.rate), (Some(1e6), Some(1e4)));
        assert_eq!(rules.still, 30 * DAY_NANOS);
    }
}
