//! `[devices]`, as far as it concerns the registry.
use crate::model::settings::Section;
use std::time::Duration;

/// Limits of the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Devices that are tracked; further ones are counted, and their readings taken all the same.
    pub max: usize,
    /// A device with at least this interval sleeps between its reports.
    pub sleepy_after: Duration,
    /// Interval to judge by while a device's own is not known.
    pub interval_default: Duration,
}

impl Config {
    /// Most that `max` may be: ids and numbers are held in four bytes.
    pub const MAX: u64 = 16_000_000;

    /// Reads the registry's keys of `[devices]`; the inventory reads the others.
    pub fn read(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        let (second, year) = (Duration::from_secs(1), Duration::from_hours(365 * 24));
        Self {
            max: section
                .integer("max", 1, Self::MAX)
                .and_then(|max| usize::try_from(max).ok())
                .unwrap_or(default.max),
            sleepy_after: section
                .duration("sleepy_after", second, year)
                .unwrap_or(default.sleepy_after),
            interval_default: section
                .duration("interval_default", second, year)
                .unwrap_or(default.interval_default),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max: 1_000_000,
            sleepy_after: Duration::from_mins(10),
            interval_default: Duration::from_hours(24),
        }
    }
}
