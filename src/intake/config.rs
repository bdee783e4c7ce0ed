//! `[intake]`.
use crate::model::settings::Section;
use std::time::Duration;

/// Limits of intake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How long a copy is recognised.
    pub dedup_window: Duration,
    /// Entries of each table of deduplication.
    pub dedup_entries: usize,
    /// Longest payload, in bytes.
    pub payload_max: usize,
    /// How much of each payload is kept in the log beside its readings, in bytes; 0: nothing.
    pub keep_raw: usize,
    /// Most readings of one uplink. A report must stay below 1 MiB, gRPC's limit of a response.
    pub readings_max: usize,
    /// Bytes of rejects that one address, and one device, may cause per hour.
    pub reject_budget: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dedup_window: Duration::from_hours(24),
            dedup_entries: 1_000_000,
            payload_max: 128 << 10,
            keep_raw: 4 << 10,
            readings_max: 1_000,
            reject_budget: 4 << 20,
        }
    }
}

impl Config {
    /// Reads `[intake]`.
    pub fn read(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        let week = Duration::from_hours(7 * 24);
        let count = |value: Option<u64>, default| {
            value.map_or(default, |value| {
                usize::try_from(value).unwrap_or(usize::MAX)
            })
        };
        Self {
            dedup_window: section
                .duration("dedup_window", Duration::from_mins(1), week)
                .unwrap_or(default.dedup_window),
            dedup_entries: count(
                section.integer("dedup_entries", 1_000, 50_000_000),
                default.dedup_entries,
            ),
            payload_max: count(
                section.size("payload_max", 256, 256 << 10),
                default.payload_max,
            ),
            keep_raw: count(section.size("keep_raw", 0, 64 << 10), default.keep_raw),
            readings_max: count(
                section.integer("readings_max", 1, 2_000),
                default.readings_max,
            ),
            reject_budget: section
                .size("reject_budget", 64 << 10, 1 << 30)
                .unwrap_or(default.reject_budget),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_section_is_the_default_and_mistakes_are_noted() {
        let mut problems = Vec::new();
        let read = |text: &str, problems: &mut Vec<_>| {
            let table = toml::from_str(text).expect("TOML");
            let mut section = Section::new("intake", table, problems);
            let config = Config::read(&mut section);
            section.finish();
            config
        };
        assert_eq!(read("", &mut problems), Config::default());
        assert!(problems.is_empty());
        assert_eq!(
            read("dedup_window = '36h'", &mut problems).dedup_window,
            Duration::from_hours(36)
        );
        read(
            "dedup_window = '0s'\npayload_max = '1GiB'\nreject_budgt = 1",
            &mut problems,
        );
        assert_eq!(problems.len(), 3, "{problems:?}");
    }
}
