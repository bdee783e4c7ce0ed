//! One metric over time, drawn on the server: at most two points per column, gaps as gaps.
//!
//! The drawing is stretched to the page's width, so axis texts stand outside it, in HTML, at even
//! distances: the ranges are rounded until that is right.
mod columns;
mod draw;
mod scale;

pub use columns::Columns;
pub use draw::section;

use crate::api::http::page::words;
use crate::model::Timestamp;
use jiff::ToSpan;
use jiff::tz::TimeZone;
use std::time::Duration;

/// Series of one metric (phases, tariffs) that are drawn; further ones are counted.
pub const SERIES_MAX: usize = 4;

/// How far back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Range {
    /// 24 hours.
    #[default]
    Day,
    /// 7 days.
    Week,
    /// 30 days.
    Month,
}

impl Range {
    /// In the order of the switch.
    pub const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    /// In a query.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
        }
    }

    /// From a query.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|range| range.code() == code)
    }

    /// From and to, and how many even parts it has: the end is the next full hour or midnight of
    /// the site.
    pub fn window(self, now: Timestamp, zone: &TimeZone) -> (Timestamp, Timestamp, u32) {
        let local = words::zoned(now, zone);
        let (days, parts) = match self {
            Self::Day => (1, 4),
            Self::Week => (7, 7),
            Self::Month => (30, 5),
        };
        let hour = if self == Self::Day { local.hour() } else { 0 };
        let step = if self == Self::Day { 1.hour() } else { 1.day() };
        let end = local.date().at(hour, 0, 0, 0).checked_add(step).ok();
        let end = end.and_then(|end| zone.to_timestamp(end).ok());
        let end = end.and_then(|end| i64::try_from(end.as_nanosecond()).ok());
        let to = end.map_or(now, Timestamp::from_nanos);
        let span = Duration::from_hours(24 * days);
        (to.minus(span), to, parts)
    }
}

/// One series.
#[derive(Debug)]
pub struct Series {
    /// "a", "1"; empty where a metric has one series.
    pub label: String,
    /// Its points, drawn together by column.
    pub columns: Columns,
}

/// What a chart shows.
#[derive(Debug)]
pub struct Chart {
    /// Catalogue name.
    pub metric: String,
    /// Canonical unit.
    pub unit: String,
    /// How far back.
    pub range: Range,
    /// First instant.
    pub from: Timestamp,
    /// Behind the last.
    pub to: Timestamp,
    /// In the order of their labels.
    pub series: Vec<Series>,
    /// Series beyond [`SERIES_MAX`].
    pub more: usize,
    /// Were there more points than are read at once?
    pub cut: bool,
    /// Could history not be read?
    pub unreadable: bool,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn ranges_end_at_a_round_time_of_the_site() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let now = Timestamp::from_secs(1_800_000_000 + 1234); // 16:20:34 there
        let (from, to, parts) = Range::Day.window(now, &zone);
        assert_eq!(words::full(to, &zone), "2027-01-15 17:00:00");
        assert_eq!(words::full(from, &zone), "2027-01-14 17:00:00");
        assert_eq!(parts, 4);
        let (from, to, _) = Range::Month.window(now, &zone);
        assert_eq!(words::full(to, &zone), "2027-01-16 00:00:00");
        assert_eq!(words::full(from, &zone), "2026-12-17 00:00:00");
        for range in Range::ALL {
            assert_eq!(Range::from_code(range.code()), Some(range));
        }
        assert_eq!(Range::from_code("1y"), None);
    }
}
