//! From records to chunks: takes in points, and commits them with the place in the log.
use super::groups;
use super::insert::{Insert, Outcome};
use super::key::{self, DayGroup};
use super::open::Open;
use super::point::Point;
use super::progress::Progress;
use super::shared::Shared;
use super::tails::Tails;
use crate::log::LogId;
use crate::log::record::{Kind, RecordView};
use crate::model::{ReportView, Timestamp};
use crate::state::{self, Access, Batch, Space};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes of points in memory that force a commit: some 250,000 points.
const OPEN_BYTES_MAX: usize = 16 << 20;
/// Bytes of one commit: what a memtable of the state takes.
const BATCH_BYTES_MAX: usize = 4 << 20;
/// Time after which points are committed, however few. Replaying that much log takes no time.
const FLUSH_EVERY: Duration = Duration::from_secs(30);
/// Time between two looks at what has expired.
const EXPIRE_EVERY: Duration = Duration::from_mins(1);
/// Most that the retention's clock moves between two looks. A gateway's clock that steps forward by
/// years must not delete everything before somebody has noticed: a day takes 24 looks.
const CLOCK_STEP_MAX: Duration = Duration::from_hours(1);

const META: &str = "meta";
const PROGRESS: &[u8] = b"history";

/// What was found at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing: a new history.
    Nothing,
    /// This log's progress.
    Progress,
    /// The progress in another log, or of a later version.
    Other(Option<LogId>),
}

/// The only one that changes what history keeps.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    durable: Progress,
    /// With all that is open.
    next: Progress,
    tails: Tails,
    flushed_at: Timestamp,
    /// Retention's idea of now.
    now: Timestamp,
    looked_at: Timestamp,
}

impl Writer {
    /// Continues where the last commit ended. Points in memory are forgotten.
    pub fn open(shared: Arc<Shared>, log_id: LogId) -> Result<(Self, Found), state::Error> {
        let access = shared.state.access()?;
        let row = access.space(META)?.get(PROGRESS)?;
        let known = row.as_deref().map(Progress::decode);
        let (progress, found) = match known {
            None => (Progress::new(log_id), Found::Nothing),
            Some(Some(known)) if known.log_id == log_id => (known, Found::Progress),
            Some(other) => (
                Progress::new(log_id),
                Found::Other(other.map(|other| other.log_id)),
            ),
        };
        let mut groups: Vec<DayGroup> = access
            .names()
            .iter()
            .filter_map(|name| DayGroup::parse(name))
            .collect();
        drop(access);
        groups.sort_unstable();
        shared.set_groups(groups);
        shared.clear(seed(log_id));
        let now = shared.clock.now();
        let mut writer = Self {
            shared,
            durable: progress,
            next: progress,
            tails: Tails::new(seed(log_id)),
            flushed_at: now,
            now,
            looked_at: Timestamp::MIN,
        };
        writer.expire_if_due()?;
        writer.publish();
        Ok((writer, found))
    }

    /// The next sequence to feed; 0 in a history that has seen nothing.
    pub const fn position(&self) -> u64 {
        self.next.next
    }

    /// Everything below is durable.
    pub const fn durable_position(&self) -> u64 {
        self.durable.next
    }

    /// Takes in records in order of their sequences; those fed before are passed over.
    pub fn feed<'r>(&mut self, records: impl Iterator<Item = (u64, RecordView<'r>)>) {
        let horizon = self.now.minus(self.shared.config.retain);
        let next = &mut self.next;
        self.shared.with_open(|open| {
            for (sequence, record) in records {
                if sequence < next.next {
                    continue;
                }
                if record.kind == Kind::Report {
                    take_in(open, next, sequence, record.body, horizon);
                }
                next.next = sequence + 1;
            }
        });
    }

    /// Notes that `from..=to` cannot be had.
    pub const fn skip(&mut self, from: u64, to: u64) {
        self.next.expired += to.saturating_sub(from).saturating_add(1);
        self.next.next = to.saturating_add(1);
    }

    /// Starts at `sequence` what has not started yet.
    pub const fn start_at(&mut self, sequence: u64) {
        self.next.next = sequence;
    }

    /// Notes that there are no records below `position` that were not fed.
    pub fn reach(&mut self, position: u64) {
        self.next.next = self.next.next.max(position);
    }

    /// Commits if memory is full.
    pub fn commit_if_full(&mut self) -> Result<(), state::Error> {
        if self.shared.with_open(|open| open.bytes()) >= OPEN_BYTES_MAX {
            self.flush()?;
            self.flushed_at = self.shared.clock.now();
        }
        Ok(())
    }

    /// Commits, expires and publishes what is due.
    pub fn maintain(&mut self) -> Result<(), state::Error> {
        let now = self.shared.clock.now();
        if now.since(self.flushed_at) >= FLUSH_EVERY || now < self.flushed_at {
            self.flush()?;
            // Others keep things in the state, too, and none but this thread opens it again.
            self.shared.state.check()?;
            self.flushed_at = now;
        }
        self.expire_if_due()?;
        self.publish();
        Ok(())
    }

    /// Commits all points, and the place in the log behind them.
    ///
    /// More than a batch takes is committed in parts, of which only the last moves the place: after
    /// a crash in between, the log is read again and gives the same points.
    pub fn flush(&mut self) -> Result<(), state::Error> {
        if self.next == self.durable {
            return Ok(());
        }
        let started = Instant::now();
        let shared = Arc::clone(&self.shared);
        let open = shared.begin_flush(seed(self.next.log_id));
        let work = self.plan(&open);
        self.next.stored += open.points();
        let mut work = work.into_iter().peekable();
        loop {
            let access = shared.state.access()?;
            let mut batch = access.batch();
            let (spaces, conflicts) = self.fill(&access, &mut batch, &mut work)?;
            self.next.conflicts += conflicts;
            self.durable.conflicts += conflicts;
            let done = work.peek().is_none();
            let row = if done { self.next } else { self.durable }.encode();
            let meta = access.space(META)?;
            batch.insert(&meta, PROGRESS, &row);
            batch.commit(&spaces)?;
            if done {
                break;
            }
        }
        self.durable = self.next;
        shared.end_flush();
        shared.update_stats(|stats| stats.flush = started.elapsed());
        self.publish();
        Ok(())
    }

    /// The points by day group and series, in order of the keys. New groups are made known.
    fn plan<'o>(&self, open: &'o Open) -> Vec<(DayGroup, &'o [u8], &'o [Point])> {
        let mut all = self.shared.groups().to_vec();
        let known = all.len();
        let mut work = Vec::with_capacity(open.series().len());
        for series in open.series() {
            let mut rest = series.points();
            while let Some(first) = rest.first() {
                let day = key::day_of(first.time);
                let group = groups::group_of(day, &mut all, self.shared.config.retain);
                let end = rest.partition_point(|point| group.contains(key::day_of(point.time)));
                let (points, tail) = rest.split_at_checked(end.max(1)).unwrap_or((rest, &[]));
                work.push((group, &*series.key, points));
                rest = tail;
            }
        }
        if all.len() != known {
            self.shared.set_groups(all);
        }
        work.sort_unstable_by_key(|(group, series, _)| (*group, *series));
        work
    }

    /// Puts work into the batch until that is full.
    fn fill<'a, 'o>(
        &mut self,
        access: &'a Access<'a>,
        batch: &mut Batch<'a>,
        work: &mut std::iter::Peekable<impl Iterator<Item = (DayGroup, &'o [u8], &'o [Point])>>,
    ) -> Result<(Vec<Space<'a>>, u64), state::Error> {
        let mut spaces: Vec<Space<'a>> = Vec::new();
        let mut last = None;
        let mut outcome = Outcome::default();
        while batch.bytes() < BATCH_BYTES_MAX
            && let Some((group, series, points)) = work.next()
        {
            if last != Some(group) {
                spaces.push(access.space(&group.name())?);
                last = Some(group);
            }
            let Some(space) = spaces.last() else { continue };
            let mut insert = Insert {
                group,
                space,
                batch,
                tails: &mut self.tails,
                outcome: &mut outcome,
            };
            insert.run(series, points)?;
        }
        if outcome.damaged > 0 {
            self.shared
                .update_stats(|stats| stats.damaged += outcome.damaged);
        }
        Ok((spaces, outcome.conflicts))
    }

    fn expire_if_due(&mut self) -> Result<(), state::Error> {
        let clock = self.shared.clock.now();
        if self.looked_at <= clock && clock.since(self.looked_at) < EXPIRE_EVERY {
            return Ok(());
        }
        self.looked_at = clock;
        self.now = clock.min(self.now.plus(CLOCK_STEP_MAX));
        self.expire()
    }

    /// Removes day groups that are past the retention, and the oldest while there are too many bytes.
    fn expire(&mut self) -> Result<(), state::Error> {
        let shared = Arc::clone(&self.shared);
        let config = &shared.config;
        let horizon = self.now.minus(config.retain);
        let today = key::day_of(self.now.as_nanos());
        let mut groups = self.shared.groups().to_vec();
        let access = self.shared.state.access()?;
        let mut sizes = Vec::with_capacity(groups.len());
        for group in &groups {
            let space = access.existing(&group.name())?;
            sizes.push(space.map_or(0, |space| space.bytes()));
        }
        let mut bytes: u64 = sizes.iter().sum();
        let mut gone = 0;
        for (group, size) in groups.iter().zip(&sizes) {
            if group.last >= today || (group.end() > horizon && bytes <= config.retain_bytes) {
                break;
            }
            if group.end() > horizon {
                tracing::warn!(
                    bytes,
                    limit = config.retain_bytes,
                    days = group.name(),
                    "history is larger than retain_bytes: the oldest days are removed"
                );
            }
            access.delete(&group.name())?;
            bytes = bytes.saturating_sub(*size);
            gone += 1;
        }
        groups.drain(..gone);
        self.shared.update_stats(|stats| {
            stats.bytes = bytes;
            stats.keyspaces = groups.len();
        });
        if gone > 0 {
            drop(access);
            self.tails.clear();
            self.shared.set_groups(groups);
        }
        Ok(())
    }

    fn publish(&self) {
        let open = self.shared.with_open(|open| open.points());
        self.shared.update_stats(|stats| {
            stats.stored = self.durable.stored;
            stats.open = open;
            stats.conflicts = self.durable.conflicts;
            stats.late = self.next.late;
            stats.expired = self.next.expired;
            stats.skipped = self.next.skipped;
            stats.next = self.next.next;
            stats.durable_next = self.durable.next;
            stats.keyspaces = self.shared.groups().len();
        });
    }
}

#[expect(clippy::cast_possible_truncation, reason = "any 64 of its random bits")]
const fn seed(log_id: LogId) -> u64 {
    log_id.0 as u64
}

fn take_in(open: &mut Open, next: &mut Progress, sequence: u64, body: &[u8], horizon: Timestamp) {
    let Ok(report) = ReportView::parse(body) else {
        next.skipped += 1;
        return;
    };
    let mut begun = open.begin(&report);
    for reading in report.readings() {
        match reading {
            Ok(reading) if reading.observed_at < horizon => next.late += 1,
            Ok(reading) => {
                let taken = open.push(sequence, &mut begun, reading);
                next.skipped += u64::from(!taken);
            }
            Err(_) => next.skipped += 1,
        }
    }
}
