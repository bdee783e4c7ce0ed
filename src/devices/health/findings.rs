//! What was found, and how it is shown.
use super::limits::{REFUSED_OF_MIN, REFUSED_PERCENT, RESTARTS};
use crate::devices::entry::Entry;
use crate::devices::names::AllSeries;
use crate::devices::table::seconds;
use crate::devices::view::{Code, Level, Reason};
use crate::model::Timestamp;

/// Findings of one device; further ones are not kept.
const FINDINGS_MAX: usize = 16;
/// Of a finding that concerns no series.
pub(in crate::devices) const NO_SERIES: u16 = u16::MAX;
const HOUR_SECS: u32 = 3_600;
const DAY_SECS: u32 = 86_400;

/// What is found now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Found {
    level: Level,
    value: f64,
    limit: f64,
}

impl Found {
    /// NaN: no value, no limit.
    pub const fn new(level: Level, value: f64, limit: f64) -> Self {
        Self {
            level,
            value,
            limit,
        }
    }
}

/// One thing against a device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::devices) struct Finding {
    pub code: Code,
    pub level: Level,
    pub series: u16,
    pub since: Timestamp,
    /// NaN: none.
    pub value: f64,
    pub limit: f64,
}

/// All that is found against a device.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::devices) struct Findings(pub Vec<Finding>);

impl Findings {
    pub(super) fn set(&mut self, code: Code, series: u16, found: Option<Found>, at: Timestamp) {
        let same = |finding: &Finding| (finding.code, finding.series) == (code, series);
        let place = self.0.iter().position(same);
        match (found, place) {
            (None, Some(place)) => _ = self.0.remove(place),
            (Some(found), Some(place)) => {
                if let Some(finding) = self.0.get_mut(place) {
                    finding.level = found.level;
                    finding.value = found.value;
                    finding.limit = found.limit;
                }
            }
            (Some(found), None) if self.0.len() < FINDINGS_MAX => {
                self.0.reserve_exact(1);
                self.0.push(Finding {
                    code,
                    level: found.level,
                    series,
                    since: at,
                    value: found.value,
                    limit: found.limit,
                });
            }
            // Nothing, or one too many.
            (_, None) => {}
        }
    }

    /// The worst level, and whether there is an alarm.
    pub fn worst(&self) -> (Level, bool) {
        let level = self.0.iter().map(|finding| finding.level).max();
        let alarm = self.0.iter().any(|finding| finding.code == Code::Alarm);
        (level.unwrap_or(Level::Ok), alarm)
    }

    /// As people see them: the worst first, then the oldest.
    pub fn show(&self, series: &AllSeries) -> Vec<Reason> {
        let mut findings = self.0.clone();
        findings.sort_by_key(|finding| (std::cmp::Reverse(finding.level), finding.since));
        findings
            .iter()
            .map(|finding| finding.show(series))
            .collect()
    }
}

impl Entry {
    pub(super) fn found(&self, code: Code, series: u16) -> Option<&Finding> {
        let findings = &self.extra.as_ref()?.findings.0;
        findings
            .iter()
            .find(|finding| (finding.code, finding.series) == (code, series))
    }
}

impl Finding {
    fn show(&self, all: &AllSeries) -> Reason {
        let series = all.get(self.series);
        let unit = match self.code {
            Code::ClockWrong => "s",
            Code::DecodeFailure if self.limit.total_cmp(&f64::from(REFUSED_PERCENT)).is_eq() => "%",
            Code::DecodeFailure | Code::Restarts => "",
            _ => series.map_or("", |series| shown(&series.unit)),
        };
        // What is implausible is how much is counted in an hour.
        let hourly = match self.code {
            Code::ConsumptionImplausible => format!("{unit}/h"),
            _ => unit.to_owned(),
        };
        let (unit, limit_unit) = match self.code {
            Code::Frozen => (&*hourly, "×"),
            _ => (&*hourly, &*hourly),
        };
        Reason {
            code: self.code,
            level: self.level,
            since: self.since,
            metric: series.map_or("", |series| &*series.metric).into(),
            value: show(self.value, unit),
            limit: show(self.limit, limit_unit),
        }
    }
}

/// UCUM as people write it.
fn shown(unit: &str) -> &str {
    match unit {
        "1" => "",
        "Cel" => "°C",
        "%{LEL}" => "% LEL",
        "dB[SPL]" => "dB",
        "[ppm]" => "ppm",
        "ug/m3" => "µg/m³",
        "mg/m3" => "mg/m³",
        unit => unit,
    }
}

/// Up to three digits behind the point; "" where there is nothing.
fn show(number: f64, unit: &str) -> String {
    if !number.is_finite() {
        return String::new();
    }
    let number = (number * 1e3).round() / 1e3;
    if unit.is_empty() {
        number.to_string()
    } else {
        format!("{number} {unit}")
    }
}

/// What is counted of a device that had some trouble.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::devices) struct Troubles {
    /// Uplinks refused since the last accepted one.
    pub row: u8,
    /// Reports in a row with a time that is too old.
    pub skewed: u8,
    /// The hour in which uplinks are counted: its first second, accepted, refused.
    pub hour: (u32, u32, u32),
    /// The last restarts, in seconds since the epoch, newest first.
    pub restarted: [u32; RESTARTS + 1],
}

impl Troubles {
    /// An uplink was refused, or accepted.
    pub fn count(&mut self, refused: bool, at: Timestamp) {
        let secs = seconds(at);
        if secs.saturating_sub(self.hour.0) >= HOUR_SECS {
            self.hour = (secs, 0, 0);
        }
        if refused {
            self.row = self.row.saturating_add(1);
            self.hour.2 += 1;
        } else {
            self.row = 0;
            self.hour.1 += 1;
        }
    }

    /// What was counted as refused was refused in part only: its report came.
    pub fn uncount(&mut self) {
        self.row = self.row.saturating_sub(1);
        self.hour.2 = self.hour.2.saturating_sub(1);
    }

    /// Percent of the hour's uplinks that were refused; `None`: too few to say.
    pub fn percent(&self) -> Option<u32> {
        let (_, accepted, refused) = self.hour;
        let all = accepted.saturating_add(refused);
        (all >= REFUSED_OF_MIN).then(|| refused.saturating_mul(100) / all)
    }

    pub fn restarted(&mut self, at: Timestamp) {
        self.restarted.copy_within(..RESTARTS, 1);
        if let Some(first) = self.restarted.first_mut() {
            *first = seconds(at);
        }
    }

    /// Within the last day, as far as they are remembered.
    pub fn restarts(&self, at: Timestamp) -> usize {
        let day = seconds(at).saturating_sub(DAY_SECS);
        self.restarted.iter().filter(|secs| **secs > day).count()
    }
}
