//! What a rule found, and the event that says so.
use super::judge::Around;
use super::series::Point;
use crate::model::proto;
use crate::model::proto::Severity;
use crate::model::{ReadingView, ReportView, Timestamp};

/// What may be found of a register; each is the name of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// It passed its end.
    Rollover,
    /// It shows less than before.
    Rollback,
    /// It grew faster than it can.
    Implausible,
    /// Two values for one time.
    Conflict,
    /// It has not grown for long.
    NotAdvancing,
    /// It is another meter's.
    Exchanged,
    /// It goes on from another value.
    Restarted,
}

impl Rule {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Rollover,
        Self::Rollback,
        Self::Implausible,
        Self::Conflict,
        Self::NotAdvancing,
        Self::Exchanged,
        Self::Restarted,
    ];

    /// The event's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rollover => "register_rollover",
            Self::Rollback => "register_rollback",
            Self::Implausible => "consumption_implausible",
            Self::Conflict => "register_conflict",
            Self::NotAdvancing => "register_not_advancing",
            Self::Exchanged => "meter_exchanged",
            Self::Restarted => "register_restarted",
        }
    }
}

/// What is to be said of a reading.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    Rollover {
        before: Option<Point>,
        delta: f64,
        modulus: f64,
    },
    Rollback(Around),
    Implausible {
        around: Around,
        delta: f64,
        hours: f64,
        limit: f64,
    },
    Conflict(Point),
    NotAdvancing {
        since: i64,
    },
    Exchanged(Exchanged),
    /// What was the reference until now.
    Restarted(Option<Point>),
}

/// One meter has taken the place of another.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Exchanged {
    /// From when on the new one counts, in nanoseconds.
    pub(super) at: i64,
    /// The place whose consumption is counted, or "".
    pub(super) metering_point: String,
    /// The id of the old one, where it is another, or "".
    pub(super) replaces: String,
    /// What the old one showed last.
    pub(super) last: Option<Point>,
}

impl Said {
    pub(super) const fn rule(&self) -> Rule {
        match self {
            Self::Rollover { .. } => Rule::Rollover,
            Self::Rollback(_) => Rule::Rollback,
            Self::Implausible { .. } => Rule::Implausible,
            Self::Conflict(_) => Rule::Conflict,
            Self::NotAdvancing { .. } => Rule::NotAdvancing,
            Self::Exchanged(_) => Rule::Exchanged,
            Self::Restarted(_) => Rule::Restarted,
        }
    }

    const fn severity(&self) -> Severity {
        match self {
            Self::Rollback(_)
            | Self::Implausible { .. }
            | Self::Conflict(_)
            | Self::Restarted(_) => Severity::Warning,
            Self::Rollover { .. } | Self::NotAdvancing { .. } | Self::Exchanged(_) => {
                Severity::Info
            }
        }
    }

    /// The event for a reading of `value`, as the device gave it.
    pub(super) fn event(
        &self,
        report: &ReportView<'_>,
        reading: &ReadingView<'_>,
        value: f64,
    ) -> proto::Event {
        let mut detail = Detail::default();
        detail.put("metric", reading.metric);
        detail.put("unit", reading.unit);
        let mut labels: Vec<String> = reading
            .labels
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        labels.sort();
        detail.put("labels", labels.join(" "));
        let mut at = reading.observed_at;
        match self {
            Self::Rollover {
                before,
                delta,
                modulus,
            } => {
                detail.point("from", *before);
                detail.number("modulus", *modulus);
                detail.number("delta", *delta);
            }
            Self::Rollback(around) => detail.around(around),
            Self::Implausible {
                around,
                delta,
                hours,
                limit,
            } => {
                detail.around(around);
                detail.number("delta", *delta);
                detail.number("hours", *hours);
                detail.number("rate", *delta / *hours);
                detail.number("limit", *limit);
            }
            Self::Conflict(known) => detail.point("from", Some(*known)),
            Self::Restarted(known) => detail.point("from", *known),
            Self::NotAdvancing { since } => {
                let since = Timestamp::from_nanos(*since);
                detail.put("since", since.to_string());
                let days = reading.observed_at.since(since).as_secs() / 86_400;
                detail.put("days", days.to_string());
            }
            Self::Exchanged(exchanged) => {
                at = Timestamp::from_nanos(exchanged.at);
                detail.put("metering_point", exchanged.metering_point.as_str());
                detail.put("replaces", exchanged.replaces.as_str());
                detail.point("from", exchanged.last);
            }
        }
        let to = Point {
            at: reading.observed_at.as_nanos(),
            value,
        };
        detail.point("to", Some(to));
        proto::Event {
            sequence: 0,
            device_id: report.device_id.to_owned(),
            kind: report.kind.to_owned(),
            district: report.district.to_owned(),
            name: self.rule().as_str().to_owned(),
            at: Some(at.into()),
            severity: self.severity().into(),
            detail: detail.0.into_iter().collect(),
        }
    }
}

/// Names and values; an empty one is none.
#[derive(Default)]
struct Detail(Vec<(String, String)>);

impl Detail {
    fn put(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        if !value.is_empty() {
            self.0.push((name.to_owned(), value));
        }
    }

    /// 15 digits: what a sum of doubles adds behind them was never on the register.
    fn number(&mut self, name: &str, number: f64) {
        let rounded = format!("{number:.14e}").parse().unwrap_or(number);
        self.put(name, rounded.to_string());
    }

    fn point(&mut self, name: &str, point: Option<Point>) {
        if let Some(point) = point {
            self.number(name, point.value);
            let at = Timestamp::from_nanos(point.at);
            self.put(&format!("{name}_at"), at.to_string());
        }
    }

    fn around(&mut self, around: &Around) {
        self.point("from", around.before);
        self.point("next", around.after);
    }
}
