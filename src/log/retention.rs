//! What goes, and who is warned before.
use super::shared::lock;
use crate::model::Timestamp;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How far the wall clock may run ahead of the time that passed before its step is disbelieved.
const STEP_SLACK: Duration = Duration::from_mins(1);
/// Parts of the retention, in percent, at which a lagging reader is announced.
const ALARMS: [u8; 2] = [50, 80];

/// Wall time for retention. It starts at the last append and advances no faster than time passes
/// here, so neither a step of the clock nor a month in a cupboard expires what nobody could read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Age(Timestamp);

impl Age {
    pub(super) const fn new(last_appended_at: Timestamp) -> Self {
        Self(last_appended_at)
    }

    /// The time to judge ages by, `passed` after the last call.
    pub(super) fn now(&mut self, wall: Timestamp, passed: Duration) -> Timestamp {
        let latest = self.0.plus(passed);
        // Within the slack the wall clock is followed, so that small corrections do not add up.
        let believed = if wall > latest.plus(STEP_SLACK) {
            latest
        } else {
            wall
        };
        self.0 = self.0.max(believed);
        self.0
    }
}

/// A reader whose lag is watched.
#[derive(Debug)]
struct Watched {
    name: Arc<str>,
    position: AtomicU64,
    alarm: AtomicU8,
    percent: AtomicU8,
}

/// The holder's end of a watched reader. Watching ends when it is dropped.
#[derive(Debug)]
pub struct Follower(Arc<Watched>);

impl Follower {
    /// All up to `sequence` is durable with the reader.
    pub fn advance(&self, sequence: u64) {
        self.0.position.store(sequence, Ordering::Release);
    }
}

/// A watched reader, for metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowerStat {
    /// Its name.
    pub name: Arc<str>,
    /// What it has made durable.
    pub position: u64,
    /// The part of the retention that lies behind it, in percent, when last looked at.
    pub percent: u8,
}

/// All watched readers: a handful, known at start.
#[derive(Debug, Default)]
pub(super) struct Followers(Mutex<Vec<std::sync::Weak<Watched>>>);

impl Followers {
    pub(super) fn add(&self, name: &str, position: u64) -> Follower {
        let watched = Arc::new(Watched {
            name: name.into(),
            position: AtomicU64::new(position),
            alarm: AtomicU8::new(0),
            percent: AtomicU8::new(0),
        });
        let mut list = lock(&self.0);
        list.retain(|old| old.strong_count() > 0);
        list.push(Arc::downgrade(&watched));
        Follower(watched)
    }

    pub(super) fn stat(&self) -> Vec<FollowerStat> {
        lock(&self.0)
            .iter()
            .filter_map(std::sync::Weak::upgrade)
            .map(|watched| FollowerStat {
                name: Arc::clone(&watched.name),
                position: watched.position.load(Ordering::Acquire),
                percent: watched.percent.load(Ordering::Relaxed),
            })
            .collect()
    }

    /// Readers that newly lag by an alarm's part of the retention: (name, percent). `used` tells, for
    /// a position, what percentage of the retention lies behind it.
    pub(super) fn alarms(&self, used: impl Fn(u64) -> u8) -> Vec<(Arc<str>, u8)> {
        let mut raised = Vec::new();
        for watched in lock(&self.0).iter().filter_map(std::sync::Weak::upgrade) {
            let percent = used(watched.position.load(Ordering::Acquire));
            watched.percent.store(percent, Ordering::Relaxed);
            let alarm = ALARMS
                .into_iter()
                .rev()
                .find(|at| percent >= *at)
                .unwrap_or(0);
            if watched.alarm.swap(alarm, Ordering::Relaxed) < alarm {
                raised.push((Arc::clone(&watched.name), percent));
            }
        }
        raised
    }
}

/// `part` of `whole` in percent, at most 100.
pub(super) fn percent(part: u128, whole: u128) -> u8 {
    u8::try_from((part * 100).checked_div(whole).unwrap_or(0))
        .map_or(100, |percent| percent.min(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn a_step_forward_ages_nothing() {
        let start = Timestamp::from_secs(1_000_000);
        let mut age = Age::new(start);
        assert_eq!(age.now(start.plus(HOUR), HOUR), start.plus(HOUR));
        let stepped = start.plus(1000 * HOUR);
        assert_eq!(age.now(stepped, HOUR), start.plus(2 * HOUR));
    }

    #[test]
    fn a_step_back_does_not_make_younger() {
        let start = Timestamp::from_secs(1_000_000);
        let mut age = Age::new(start);
        age.now(start.plus(HOUR), HOUR);
        assert_eq!(age.now(start, HOUR), start.plus(HOUR));
    }

    #[test]
    fn a_lagging_reader_is_announced_once_per_level() {
        let followers = Followers::default();
        let follower = followers.add("history", 10);
        let used = |position| if position < 20 { 85 } else { 55 };
        assert_eq!(followers.alarms(used), [("history".into(), 85)]);
        assert_eq!(followers.alarms(used), []);
        follower.advance(30);
        assert_eq!(followers.alarms(used), []);
        drop(follower);
        assert_eq!(followers.stat(), []);
    }
}
