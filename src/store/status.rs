//! What is known of a store, for people, metrics and promise 2.
use super::config::Config;
use super::ledger::Counts;
use super::row::Gap;
use crate::model::Timestamp;
use crate::telemetry::Marks;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Over which the rate is taken.
const RATE_WINDOW: Duration = Duration::from_mins(1);
/// Between two samples of it.
const SAMPLE: Duration = Duration::from_secs(1);

/// What keeps a shard, or the whole store, from delivering.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Nothing.
    #[default]
    None,
    /// The store is away or busy: it is tried again.
    Retrying,
    /// An operator is needed: it is tried again, too.
    Alarm,
}

/// How a store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It has everything.
    Idle,
    /// Readings are on their way.
    Delivering,
    /// It is away or busy.
    Retrying,
    /// An operator is needed.
    Alarm,
}

impl Phase {
    /// Every phase.
    pub const ALL: [Self; 4] = [Self::Idle, Self::Delivering, Self::Retrying, Self::Alarm];

    /// As in `/v1/stores` and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Delivering => "delivering",
            Self::Retrying => "retrying",
            Self::Alarm => "alarm",
        }
    }
}

/// What a check at the start has found, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// Not yet, or it cannot be asked.
    Unknown(String),
    /// As it should be.
    Ok(String),
    /// Not so; an alarm has been raised where delivery would fail, too.
    Failed(String),
}

impl Check {
    /// `ok`, `failed` or `unknown`, and the words.
    pub fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Unknown(words) => ("unknown", words),
            Self::Ok(words) => ("ok", words),
            Self::Failed(words) => ("failed", words),
        }
    }
}

/// The checks of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checks {
    /// Somebody answers.
    pub reachable: Check,
    /// The bucket or database is there.
    pub target: Check,
    /// The token may write to it.
    pub write: Check,
}

impl Checks {
    /// Each with its name.
    pub const fn named(&self) -> [(&'static str, &Check); 3] {
        [
            ("reachable", &self.reachable),
            ("target", &self.target),
            ("write", &self.write),
        ]
    }

    /// Nothing is left to be asked.
    pub(super) fn is_well(&self) -> bool {
        let mut named = self.named().into_iter();
        named.all(|(_, check)| matches!(check, Check::Ok(_)))
    }

    /// The first that failed, why, and whether an operator is needed.
    pub(super) fn failure(&self) -> Option<(&'static str, String, bool)> {
        self.named()
            .into_iter()
            .find_map(|(what, check)| match check {
                Check::Failed(why) => Some((what, why.clone(), what != "reachable")),
                Check::Ok(_) | Check::Unknown(_) => None,
            })
    }
}

impl Default for Checks {
    fn default() -> Self {
        let unknown = || Check::Unknown("not asked yet".to_owned());
        Self {
            reachable: unknown(),
            target: unknown(),
            write: unknown(),
        }
    }
}

/// The facts of one store.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Everything below this sequence is settled and durable.
    pub next: u64,
    /// The next sequence to be read.
    pub reached: u64,
    /// The tally where the store began to count.
    pub base: u64,
    /// What became of what was read.
    pub counts: Counts,
    /// Read, and in lines that are not settled.
    pub open: u64,
    /// Readings stored since the start, whatever was set back.
    pub delivered: u64,
    /// Batches stored, or settled with rejects.
    pub batches: u64,
    /// Requests to write.
    pub requests: u64,
    /// Bytes sent in bodies, after compression.
    pub bytes: u64,
    /// The last thing that went wrong.
    pub last_error: Option<(Timestamp, String)>,
    /// Since when something has kept the store from delivering; `None`: nothing does.
    pub troubled_since: Option<Timestamp>,
    /// When the store last took something.
    pub last_success: Option<Timestamp>,
    /// The last gap.
    pub gap: Option<Gap>,
    /// What was found at the start.
    pub checks: Checks,
}

#[derive(Debug)]
struct Inner {
    facts: Facts,
    /// One for each shard, and one for the store as a whole.
    troubles: Vec<Trouble>,
    samples: VecDeque<(Instant, u64)>,
}

/// The facts, shared by the store's thread and whoever asks.
#[derive(Debug)]
pub struct Status {
    name: Box<str>,
    /// When it had everything up to which record.
    pub(super) marks: Marks,
    inner: Mutex<Inner>,
}

impl Status {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            name: config.name.clone(),
            marks: Marks::default(),
            inner: Mutex::new(Inner {
                facts: Facts::default(),
                troubles: vec![Trouble::None; config.shards + 1],
                samples: VecDeque::new(),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut Facts)) {
        change(&mut self.lock().facts);
    }

    /// Notes how many readings were stored by now, for the rate.
    pub(super) fn sample(&self, now: Instant) {
        let mut inner = self.lock();
        let due = |(at, _): &(Instant, u64)| now.duration_since(*at) >= SAMPLE;
        if inner.samples.back().is_none_or(due) {
            let stored = inner.facts.delivered;
            inner.samples.push_back((now, stored));
            while inner
                .samples
                .front()
                .is_some_and(|(at, _)| now.duration_since(*at) > RATE_WINDOW)
            {
                inner.samples.pop_front();
            }
        }
    }

    /// Says what keeps a shard (or, with the number after the last, the store) from delivering. A
    /// change of the worst of them is logged once.
    pub(super) fn trouble(&self, shard: usize, trouble: Trouble, why: &str, now: Timestamp) {
        let mut inner = self.lock();
        let before = inner.worst();
        let same = inner
            .facts
            .last_error
            .as_ref()
            .is_some_and(|(_, last)| last == why);
        if trouble != Trouble::None {
            inner.facts.last_error = Some((now, why.to_owned()));
        }
        if let Some(place) = inner.troubles.get_mut(shard) {
            *place = trouble;
        }
        let after = inner.worst();
        match (before, after) {
            (_, Trouble::None) => inner.facts.troubled_since = None,
            (Trouble::None, _) => inner.facts.troubled_since = Some(now),
            _ => {}
        }
        drop(inner);
        let store = &*self.name;
        match (before, after) {
            (Trouble::Alarm, Trouble::Alarm) if trouble != Trouble::Alarm || same => {}
            (_, Trouble::Alarm) if before < after || trouble == Trouble::Alarm => {
                tracing::error!(
                    store,
                    why,
                    "the store needs an operator; nothing is lost, it is tried again"
                );
            }
            (Trouble::None, Trouble::Retrying) => {
                tracing::warn!(
                    store,
                    why,
                    "the store does not take readings now; the log keeps them"
                );
            }
            (Trouble::Retrying | Trouble::Alarm, Trouble::None) => {
                tracing::info!(store, "the store takes readings again");
            }
            _ => {}
        }
    }

    /// The store as a whole has this trouble.
    pub(super) fn trouble_of_all(&self, trouble: Trouble, why: &str, now: Timestamp) {
        let last = self.lock().troubles.len().saturating_sub(1);
        self.trouble(last, trouble, why, now);
    }

    /// No shard has any trouble: they begin anew.
    pub(super) fn clear(&self) {
        let mut inner = self.lock();
        let shards = inner.troubles.len().saturating_sub(1);
        for trouble in inner.troubles.iter_mut().take(shards) {
            *trouble = Trouble::None;
        }
    }

    /// Is this shard without trouble?
    pub(super) fn is_clear(&self, shard: usize) -> bool {
        self.lock().troubles.get(shard) == Some(&Trouble::None)
    }

    /// The facts, the worst trouble, and readings stored a second over the last minute.
    pub(super) fn look(&self, now: Instant) -> (Facts, Trouble, f64) {
        let inner = self.lock();
        let rate = inner.rate(now);
        (inner.facts.clone(), inner.worst(), rate)
    }
}

impl Inner {
    fn worst(&self) -> Trouble {
        self.troubles.iter().copied().max().unwrap_or_default()
    }

    fn rate(&self, now: Instant) -> f64 {
        let recent = |(at, _): &&(Instant, u64)| now.duration_since(*at) <= RATE_WINDOW;
        let Some((since, stored)) = self.samples.iter().find(recent) else {
            return 0.0;
        };
        let passed = now.duration_since(*since).max(SAMPLE).as_secs_f64();
        #[expect(
            clippy::cast_precision_loss,
            reason = "readings of a minute are far below 2^53"
        )]
        let readings = self.facts.delivered.saturating_sub(*stored) as f64;
        readings / passed
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp, reason = "tests")]
    use super::*;
    use crate::model::settings::Section;

    fn status() -> Status {
        let mut problems = Vec::new();
        let table =
            toml::from_str("[[store]]\nname = 'a'\nurl = 'http://x'\nbucket = 'b'").unwrap();
        let stores = Config::read_all(&mut Section::new("", table, &mut problems));
        Status::new(stores.first().unwrap())
    }

    #[test]
    fn the_worst_trouble_of_all_shards_counts() {
        let (status, now) = (status(), Timestamp::EPOCH);
        status.trouble(0, Trouble::Retrying, "503", now);
        status.trouble(1, Trouble::Alarm, "401", now);
        assert_eq!(status.look(Instant::now()).1, Trouble::Alarm);
        status.trouble(1, Trouble::None, "", now);
        assert_eq!(status.look(Instant::now()).1, Trouble::Retrying);
        assert!(status.is_clear(1) && !status.is_clear(0));
        let (facts, _, _) = status.look(Instant::now());
        assert_eq!(facts.last_error, Some((now, "401".to_owned())));
    }

    #[test]
    fn what_could_not_be_told_is_asked_again() {
        let well = || Check::Ok(String::new());
        let mut checks = Checks {
            reachable: well(),
            target: well(),
            write: Check::Unknown("503".to_owned()),
        };
        assert!(checks.failure().is_none() && !checks.is_well());
        checks.write = well();
        assert!(checks.is_well());
    }

    #[test]
    fn the_rate_is_that_of_the_last_minute() {
        let (status, start) = (status(), Instant::now());
        assert_eq!(status.look(start).2, 0.0);
        let after = |secs| start + Duration::from_secs(secs);
        for secs in 0..=90 {
            status.update(|facts| facts.delivered = secs * 10);
            status.sample(after(secs));
        }
        assert_eq!(status.look(after(90)).2, 10.0);
        assert_eq!(status.look(after(300)).2, 0.0);
        assert!(status.lock().samples.len() <= 62);
    }
}
