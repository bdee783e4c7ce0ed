//! Points on their way into a chart: of each column only the least and the greatest stay.
use crate::model::Timestamp;
use std::time::Duration;

/// Columns of a chart: two dots each on the narrowest phone.
pub const COLUMNS: usize = 180;
/// A silence of more than this many usual steps is a gap.
const GAP_STEPS: f64 = 2.5;

/// The points of one column.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Column {
    min: f64,
    max: f64,
    /// Did the least come first?
    rises: bool,
    first: i64,
    last: i64,
}

/// A point of the drawing: column and value; `true` where a gap lies before it.
pub type Dot = (usize, f64, bool);

/// One series between two times, downsampled while it is read: memory is bounded by [`COLUMNS`].
#[derive(Clone, Debug)]
pub struct Columns {
    from: i64,
    width: i64,
    places: Vec<Option<Column>>,
    count: u64,
    sum: f64,
    last: Option<(i64, f64)>,
    first: Option<i64>,
}

impl Columns {
    /// Nothing yet.
    pub fn new(from: Timestamp, to: Timestamp) -> Self {
        let span = to.as_nanos().saturating_sub(from.as_nanos()).max(1);
        let width = span / i64::try_from(COLUMNS).unwrap_or(1);
        Self {
            from: from.as_nanos(),
            width: width.max(1),
            places: vec![None; COLUMNS],
            count: 0,
            sum: 0.0,
            last: None,
            first: None,
        }
    }

    /// Adds a point; those outside the time, and NaN and infinities, are left out. In the order of time.
    pub fn add(&mut self, at: Timestamp, value: f64) {
        let at = at.as_nanos();
        let place = at.saturating_sub(self.from).div_euclid(self.width);
        let place = usize::try_from(place).ok();
        let Some(column) = place.and_then(|place| self.places.get_mut(place)) else {
            return;
        };
        if !value.is_finite() {
            return;
        }
        self.count += 1;
        self.sum += value;
        self.last = Some((at, value));
        self.first.get_or_insert(at);
        let Some(column) = column else {
            *column = Some(Column {
                min: value,
                max: value,
                rises: true,
                first: at,
                last: at,
            });
            return;
        };
        column.last = at;
        if value < column.min {
            (column.min, column.rises) = (value, false);
        } else if value > column.max {
            (column.max, column.rises) = (value, true);
        }
    }

    /// How many points came.
    #[cfg(test)]
    fn count(&self) -> u64 {
        self.count
    }

    /// Least and greatest value.
    pub fn bounds(&self) -> Option<(f64, f64)> {
        let columns = self.places.iter().flatten();
        columns.fold(None, |bounds, column| match bounds {
            None => Some((column.min, column.max)),
            Some((min, max)) => Some((column.min.min(min), column.max.max(max))),
        })
    }

    /// The mean of all points.
    pub fn mean(&self) -> Option<f64> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "history is bounded far below 2^53"
        )]
        let count = self.count as f64;
        (self.count > 0).then(|| self.sum / count)
    }

    /// The newest point's value.
    pub fn last(&self) -> Option<f64> {
        self.last.map(|(_, value)| value)
    }

    /// At most two dots per column. `interval` is the device's usual time between two reports,
    /// else it is judged by the points.
    pub fn dots(&self, interval: Option<Duration>) -> Vec<Dot> {
        let gap = self.gap(interval);
        let mut dots = Vec::with_capacity(2 * COLUMNS);
        let mut before: Option<i64> = None;
        for (at, column) in self.places.iter().enumerate() {
            let Some(column) = column else { continue };
            #[expect(clippy::cast_precision_loss, reason = "a gap is no exact thing")]
            let silent = before.is_none_or(|before| (column.first - before) as f64 > gap);
            before = Some(column.last);
            let (one, two) = if column.rises {
                (column.min, column.max)
            } else {
                (column.max, column.min)
            };
            dots.push((at, one, silent));
            if column.min < column.max {
                dots.push((at, two, false));
            }
        }
        dots
    }

    /// The longest silence between two points that is none, in nanoseconds.
    #[expect(clippy::cast_precision_loss, reason = "a gap is no exact thing")]
    fn gap(&self, interval: Option<Duration>) -> f64 {
        let step = match (interval, self.first, self.last) {
            (Some(interval), ..) => interval.as_nanos() as f64,
            (None, Some(first), Some((last, _))) if self.count > 1 => {
                (last - first) as f64 / (self.count - 1) as f64
            }
            _ => return f64::INFINITY,
        };
        // Two points of neighbouring columns may be two widths apart; less is never a gap.
        (step * GAP_STEPS).max(self.width as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    fn day() -> Columns {
        Columns::new(Timestamp::EPOCH, Timestamp::from_secs(24 * HOUR))
    }

    #[test]
    fn a_spike_survives_and_points_are_bounded() {
        let mut columns = day();
        for second in 0..24 * HOUR {
            let value = if second == 40_000 { 99.0 } else { 20.0 };
            columns.add(Timestamp::from_secs(second), value);
        }
        let dots = columns.dots(None);
        assert!(dots.len() <= 2 * COLUMNS);
        assert_eq!(dots.iter().filter(|(_, value, _)| *value > 98.0).count(), 1);
        assert_eq!(columns.bounds(), Some((20.0, 99.0)));
        assert_eq!(columns.count(), 86_400);
        // The line begins once and has no gap.
        assert_eq!(dots.iter().filter(|(.., gap)| *gap).count(), 1);
    }

    #[test]
    fn silence_is_a_gap() {
        let mut columns = day();
        for minute in (0..24 * 60).step_by(15).filter(|m| !(600..800).contains(m)) {
            columns.add(Timestamp::from_secs(minute * 60), 1.0);
        }
        let gaps = |interval| {
            let dots = columns.dots(interval);
            dots.iter().filter(|(.., gap)| *gap).count()
        };
        assert_eq!(gaps(None), 2);
        assert_eq!(gaps(Some(Duration::from_mins(15))), 2);
        assert_eq!(gaps(Some(Duration::from_hours(12))), 1);
    }

    #[test]
    fn what_lies_outside_is_left_out() {
        let mut columns = day();
        columns.add(Timestamp::from_secs(-1), 1.0);
        columns.add(Timestamp::from_secs(24 * HOUR), 1.0);
        columns.add(Timestamp::MAX, 1.0);
        columns.add(Timestamp::from_secs(1), f64::NAN);
        assert_eq!(columns.count(), 0);
        assert_eq!(columns.bounds(), None);
        assert!(columns.dots(None).is_empty());
    }

    #[test]
    fn a_fall_within_a_column_is_drawn_as_a_fall() {
        let mut columns = day();
        columns.add(Timestamp::from_secs(1), 5.0);
        columns.add(Timestamp::from_secs(2), 3.0);
        let values: Vec<f64> = columns.dots(None).iter().map(|(_, v, _)| *v).collect();
        assert_eq!(values, [5.0, 3.0]);
    }
}
