//! Devices around one: those of its cell, and those that come in the same way. Counted, not named.
use super::entry::{ACCEPTED, Shape};
use super::seen::Seen;
use super::sight::Sight;
use super::states::is_silent;
use super::table::Table;
use crate::model::Source;

/// Devices that are looked at, the oldest first: a few milliseconds, for whoever asks waits meanwhile.
const SCAN_MAX: usize = 200_000;

/// Other devices of which something was ever accepted, and that are not retired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Neighbours {
    /// Heard within their intervals.
    pub heard: u64,
    /// Late or offline.
    pub silent: u64,
    /// There are more devices than were looked at.
    pub cut_short: bool,
}

impl Seen<'_> {
    /// Those, besides `id`, whose last value of this metric is this number, as far as it is granted.
    pub fn with_value(&self, id: &str, metric: &str, number: f64) -> Neighbours {
        if !self.grant().sees_metric(metric) {
            return Neighbours::default();
        }
        let table = self.registry().table();
        let series = (0u16..).zip(table.series.list());
        let numbers: Vec<u16> = series
            .filter(|(_, series)| *series.metric == *metric)
            .map(|(number, _)| number)
            .collect();
        self.count(&table, id, |table, device| {
            let mut values = table.entry(device).into_iter().flat_map(|e| &e.values);
            values.any(|last| {
                let (shape, _) = Shape::unpack(last.shape);
                shape == Shape::Number
                    && last.bits == number.to_bits()
                    && numbers.contains(&last.series)
            })
        })
    }

    /// Those, besides `id`, whose last uplink came in here.
    pub fn by_source(&self, id: &str, source: Source) -> Neighbours {
        let table = self.registry().table();
        let is_there = |table: &Table, device| {
            let entry = table.entry(device);
            entry.is_some_and(|entry| entry.source == source as u8)
        };
        self.count(&table, id, is_there)
    }

    fn count(&self, table: &Table, id: &str, is_there: impl Fn(&Table, u32) -> bool) -> Neighbours {
        let (sight, own) = (Sight::of(self.grant(), table), table.ids.find(id));
        let mut found = Neighbours {
            cut_short: table.len() > SCAN_MAX,
            ..Neighbours::default()
        };
        for number in (0u32..).take(table.len().min(SCAN_MAX)) {
            let Some(mark) = table.mark(number).filter(|mark| sight.has(mark)) else {
                continue;
            };
            let lives = table.entry(number).is_some_and(|entry| entry.is(ACCEPTED))
                && mark.state != super::view::State::Retired;
            if Some(number) == own || !lives || !is_there(table, number) {
                continue;
            }
            if is_silent(mark.state) {
                found.silent += 1;
            } else {
                found.heard += 1;
            }
        }
        found
    }
}
