//! The event `clock_wrong`, and how often it may be said.
//!
//! A device with a dead clock battery sends a wrong time with each report. Its readings are kept,
//! and an event each would double the log. So a device gets one event a day, and another after an
//! hour if the new time does not follow from the last event: neither the same words (a clock that
//! stands still) nor the same error (one that runs, but from 1970).
use super::aged::Aged;
use super::normalise::ClockWrong;
use crate::model::ReportDraft;
use crate::model::proto;
use xxhash_rust::xxh3::xxh3_64;

/// Devices remembered; a forgotten one gets its event earlier.
const DEVICES_MAX: usize = 65_536;
const DAY_SECS: u32 = 86_400;
const HOUR_SECS: u32 = 3_600;
/// A clock that runs keeps its error, give or take the time on the way.
const DRIFT_SECS_MAX: u64 = 60;

#[derive(Debug)]
struct Said {
    words: u64,
    ahead_secs: Option<i64>,
}

/// Which devices have been told of.
#[derive(Debug)]
pub(super) struct Clocks(Aged<u64, Said>);

impl Default for Clocks {
    fn default() -> Self {
        Self(Aged::new(DEVICES_MAX))
    }
}

impl Clocks {
    /// Is an event due for `device` (a hash)? Then it is taken as said. `now` in seconds.
    pub(super) fn due(&mut self, device: u64, wrong: &ClockWrong, now: u32) -> bool {
        self.0.expire(now.saturating_sub(DAY_SECS - 1));
        let words = xxh3_64(wrong.raw.as_bytes());
        if let Some((said, at)) = self.0.get(&device) {
            let known = said.words == words || follows(said.ahead_secs, wrong.ahead_secs);
            if known || now.saturating_sub(at) < HOUR_SECS {
                return false;
            }
        }
        let ahead_secs = wrong.ahead_secs;
        self.0.insert(device, Said { words, ahead_secs }, now);
        true
    }

    /// The event could not be appended.
    pub(super) fn unsay(&mut self, device: u64) {
        self.0.remove(&device);
    }
}

fn follows(said: Option<i64>, new: Option<i64>) -> bool {
    matches!((said, new), (Some(said), Some(new)) if said.abs_diff(new) <= DRIFT_SECS_MAX)
}

/// The event for a report's device.
pub(super) fn event(report: &ReportDraft<'_>, wrong: &ClockWrong) -> proto::Event {
    let mut detail = vec![
        ("device_time".to_owned(), wrong.raw.clone()),
        ("received_at".to_owned(), report.received_at.to_string()),
    ];
    if let Some(secs) = wrong.ahead_secs {
        detail.push(("ahead_seconds".to_owned(), secs.to_string()));
    }
    proto::Event {
        sequence: 0,
        device_id: report.device_id.to_owned(),
        kind: report.kind.to_owned(),
        district: report.district.to_owned(),
        name: "clock_wrong".to_owned(),
        at: Some(report.received_at.into()),
        severity: proto::Severity::Warning.into(),
        detail: detail.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(raw: &str, ahead_secs: Option<i64>) -> ClockWrong {
        ClockWrong {
            raw: raw.to_owned(),
            ahead_secs,
        }
    }

    #[test]
    fn once_a_day_and_when_the_error_changes() {
        let mut clocks = Clocks::default();
        let stopped = wrong("0000-00-00", None);
        assert!(clocks.due(1, &stopped, 0));
        assert!(!clocks.due(1, &stopped, 40_000));
        assert!(clocks.due(2, &stopped, 40_000), "another device");
        assert!(clocks.due(1, &stopped, DAY_SECS));
        // A clock that runs from another start.
        assert!(
            !clocks.due(1, &wrong("7", Some(-1_000_000)), DAY_SECS + 10),
            "too soon"
        );
        assert!(clocks.due(1, &wrong("9", Some(-1_000_000)), DAY_SECS + 3_600));
        assert!(!clocks.due(1, &wrong("8000", Some(-1_000_030)), DAY_SECS + 12_000));
        assert!(clocks.due(1, &wrong("0", Some(-9_000_000)), DAY_SECS + 12_000));
        clocks.unsay(1);
        assert!(clocks.due(1, &wrong("0", Some(-9_000_000)), DAY_SECS + 12_000));
    }
}
