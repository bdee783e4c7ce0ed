//! What intake asks history, which is above it: the app hands it in.
use super::judge::Around;
use super::series::Point;
use crate::model::Timestamp;
use std::borrow::Cow;

/// A question about one register.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Whose.
    pub device: &'a str,
    /// Name in the catalogue.
    pub metric: &'a str,
    /// In any order.
    pub labels: &'a [(Cow<'a, str>, Cow<'a, str>)],
    /// In order: the good values around each of these times are wanted.
    pub times: &'a [Timestamp],
    /// Is it wanted since when the value has been what it is?
    pub since: bool,
}

/// What history knows of a register.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Past {
    /// The newest good value.
    pub newest: Option<Point>,
    /// The newest that is doubted (`UNCERTAIN`), of those behind `newest`.
    pub doubted: Option<Point>,
    /// Since when `newest` has had its value, in nanoseconds, as far as that was looked for.
    pub since: Option<i64>,
    /// The neighbours of each time that was asked for.
    pub around: Vec<Around>,
}

impl Past {
    /// Nothing that is known was taken later than now: there a clock was ahead.
    pub(super) fn end_before(&mut self, now: Timestamp) {
        let last = now.as_nanos().saturating_sub(1);
        let around = self.around.iter_mut();
        let around = around.flat_map(|around| [&mut around.before, &mut around.after]);
        let known = [&mut self.newest, &mut self.doubted].into_iter();
        for point in known.chain(around).flatten() {
            point.at = point.at.min(last);
        }
    }
}

impl Around {
    /// The same, where the times of its points have changed.
    pub(super) fn as_of(self, at: i64) -> Self {
        match self.after {
            Some(after) if after.at <= at => Self {
                before: Some(after),
                after: None,
            },
            _ => self,
        }
    }
}

/// Answers about one register. The error is for a person; the reading is judged without the past then.
pub type OfSeries = dyn Fn(&Asked<'_>) -> Result<Past, String> + Send + Sync;
/// Has a device given a reading of one of these metrics since a time?
pub type OfDevice = dyn Fn(&str, &[&str], Timestamp) -> Result<bool, String> + Send + Sync;

/// The past of registers: blocks on the disk for as long as a look at a table takes, without any lock
/// of intake. Asked for the first reading of a register after a start, and for those that come so late
/// that they lie before all that is remembered.
pub struct LookBack {
    /// Of one register.
    pub series: Box<OfSeries>,
    /// Of a device.
    pub device: Box<OfDevice>,
}

impl std::fmt::Debug for LookBack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LookBack").finish_non_exhaustive()
    }
}
