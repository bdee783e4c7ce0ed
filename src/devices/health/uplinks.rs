//! What uplinks say of the clock and the decoder.
use super::findings::Found;
use super::limits::{REFUSED_PERCENT, REFUSED_ROW, SKEW_MAINS, SKEW_REPORTS, SKEW_SLEEPY};
use super::{NO_SERIES, find};
use crate::devices::entry::Entry;
use crate::devices::rhythm::JITTER;
use crate::devices::view::{Code, Level};
use crate::model::Timestamp;
use std::time::Duration;

impl Entry {
    /// A report came that has readings of the time `observed_at`, its newest.
    ///
    /// A clock that is ahead is wrong. One that is behind looks like a late report: how late a
    /// device usually reports is not known, so up to 1.5 intervals are taken for that, and what
    /// comes after the newest is back-fill and not looked at.
    pub(in crate::devices) fn judge_clock(
        &mut self,
        received_at: Timestamp,
        observed_at: Timestamp,
        sleepy_after: Duration,
    ) {
        if observed_at == received_at || !self.is_live(received_at, observed_at) {
            return;
        }
        let interval = self.interval();
        let limit = if self.is_sleepy(sleepy_after) {
            SKEW_SLEEPY
        } else {
            SKEW_MAINS
        };
        let behind = received_at.since(observed_at);
        let ahead = observed_at.since(received_at);
        let usual = interval.map(|interval| interval + interval / 2);
        let late = usual.is_some_and(|usual| behind > limit.max(usual));
        if late || self.extra.is_some() {
            let troubles = &mut self.extra().troubles;
            troubles.skewed = if late {
                troubles.skewed.saturating_add(1)
            } else {
                0
            };
        }
        let held = self.extra.as_ref().map_or(0, |extra| extra.troubles.skewed) >= SKEW_REPORTS;
        if late && !held {
            return;
        }
        let skew = if late { -whole(behind) } else { whole(ahead) };
        let found =
            (late || ahead > limit).then(|| Found::new(Level::Attention, skew, whole(limit)));
        find(self, Code::ClockWrong, NO_SERIES, found, received_at);
    }

    /// Newer than all before, by no more than the time that passed since: who hands in what it had
    /// stored is faster than that.
    fn is_live(&self, received_at: Timestamp, observed_at: Timestamp) -> bool {
        let passed = received_at.since(self.last_report);
        let progress = observed_at.since(self.rhythm.observed_at);
        observed_at >= self.rhythm.observed_at && progress <= passed + passed / 4 + JITTER
    }

    /// The event `clock_wrong`: a time before 2015, over an hour ahead, or unreadable.
    pub(in crate::devices) fn clock_wrong(&mut self, at: Timestamp, ahead_secs: Option<f64>) {
        let found = Found::new(Level::Attention, ahead_secs.unwrap_or(f64::NAN), f64::NAN);
        find(self, Code::ClockWrong, NO_SERIES, Some(found), at);
    }

    /// An uplink was accepted; a reject part of it may have come before.
    pub(in crate::devices) fn accepted(&mut self, at: Timestamp) {
        let parts_came_before = self.last_reject == at && self.last_report < at;
        let Some(extra) = &mut self.extra else {
            return;
        };
        if parts_came_before {
            extra.troubles.uncount();
        }
        extra.troubles.count(false, at);
        self.judge_decoding(at);
    }

    /// A reject or reject part came. Of several of one uplink the first counts, and none if its
    /// report was taken.
    pub(in crate::devices) fn refused(&mut self, at: Timestamp) {
        if at <= self.last_reject || at <= self.last_report {
            return;
        }
        self.extra().troubles.count(true, at);
        self.judge_decoding(at);
    }

    fn judge_decoding(&mut self, at: Timestamp) {
        let Some(extra) = &self.extra else {
            return;
        };
        let troubles = extra.troubles;
        let found = if troubles.row > REFUSED_ROW {
            Some(Found::new(
                Level::Fault,
                troubles.row.into(),
                REFUSED_ROW.into(),
            ))
        } else {
            // Too few in this hour to say: what was said of the last one stands.
            let Some(percent) = troubles.percent() else {
                let is_row = |limit: f64| limit < f64::from(REFUSED_PERCENT);
                let found = self.found(Code::DecodeFailure, NO_SERIES);
                if found.is_some_and(|finding| is_row(finding.limit)) {
                    find(self, Code::DecodeFailure, NO_SERIES, None, at);
                }
                return;
            };
            let (percent, max) = (f64::from(percent), f64::from(REFUSED_PERCENT));
            (percent > max).then(|| Found::new(Level::Attention, percent, max))
        };
        find(self, Code::DecodeFailure, NO_SERIES, found, at);
    }
}

/// In whole seconds.
fn whole(time: Duration) -> f64 {
    u32::try_from(time.as_secs()).map_or(f64::MAX, f64::from)
}
