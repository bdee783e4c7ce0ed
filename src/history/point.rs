//! One stored reading.
use crate::model::{Quality, ReadingView, ReportView, Value};
use std::sync::Arc;

/// What the points of a report have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    /// `citygate.v1.Source` as its number.
    pub source: u64,
    pub kind: Box<str>,
    pub district: Box<str>,
    pub profile: Box<str>,
    pub node: Box<str>,
    pub via: Box<str>,
}

impl Origin {
    pub fn of(report: &ReportView<'_>) -> Self {
        Self {
            source: report.source,
            kind: report.kind.into(),
            district: report.district.into(),
            profile: report.profile.into(),
            node: report.node.into(),
            via: report.via.into(),
        }
    }

    pub fn is_of(&self, report: &ReportView<'_>) -> bool {
        self.source == report.source
            && *self.kind == *report.kind
            && *self.district == *report.district
            && *self.profile == *report.profile
            && *self.node == *report.node
            && *self.via == *report.via
    }

    /// All but the source.
    pub fn texts(&self) -> [&str; 5] {
        [
            &self.kind,
            &self.district,
            &self.profile,
            &self.node,
            &self.via,
        ]
    }

    /// About what it takes in memory.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.texts().iter().map(|text| text.len()).sum::<usize>()
    }
}

/// What neighbouring points of a series have in common. Shared, because it seldom changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Context {
    pub origin: Arc<Origin>,
    pub unit: Box<str>,
    pub raw_unit: Box<str>,
}

/// A value, small: a text is behind two pointers, because most values are numbers.
#[derive(Clone, Debug)]
pub(super) enum Datum {
    Absent,
    Number(f64),
    Flag(bool),
    Text(Box<Box<str>>),
}

impl From<Value<'_>> for Datum {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Absent => Self::Absent,
            Value::Number(number) => Self::Number(number),
            Value::Flag(flag) => Self::Flag(flag),
            Value::Text(text) => Self::Text(Box::new(text.into())),
        }
    }
}

impl PartialEq for Datum {
    /// Numbers by their bits, so that a value is always equal to itself.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Absent, Self::Absent) => true,
            (Self::Number(a), Self::Number(b)) => a.to_bits() == b.to_bits(),
            (Self::Flag(a), Self::Flag(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            _ => false,
        }
    }
}

/// A reading without its series.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Point {
    /// Observation, in nanoseconds since the epoch. Within a series and a bucket it is unique.
    pub time: i64,
    /// Of the report in the log.
    pub sequence: u64,
    /// Reception, in nanoseconds since the epoch.
    pub received: i64,
    pub value: Datum,
    /// As sent, where the canonical value differs. Boxed twice to take 8 bytes: it is rare.
    pub raw: Option<Box<Box<str>>>,
    pub context: Arc<Context>,
    /// `citygate.v1.Quality` as its number; 0 only from damaged or foreign data.
    pub quality: u8,
}

impl Point {
    pub fn of(
        sequence: u64,
        report: &ReportView<'_>,
        reading: ReadingView<'_>,
        context: Arc<Context>,
    ) -> Self {
        Self {
            time: reading.observed_at.as_nanos(),
            sequence,
            received: report.received_at.as_nanos(),
            quality: reading.quality.map_or(0, quality_number),
            raw: (!reading.raw.is_empty()).then(|| Box::new(reading.raw.into())),
            value: reading.value.into(),
            context,
        }
    }

    /// Bytes that it holds beyond its own size.
    pub fn text_bytes(&self) -> usize {
        let text = match &self.value {
            Datum::Text(text) => text.len() + size_of::<Box<str>>(),
            _ => 0,
        };
        text + self
            .raw
            .as_ref()
            .map_or(0, |raw| raw.len() + size_of::<Box<str>>())
    }
}

const fn quality_number(quality: Quality) -> u8 {
    quality as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_fits_a_cache_line() {
        assert_eq!(size_of::<Point>(), 64);
    }
}
