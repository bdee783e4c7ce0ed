//! What the writer's thread and the queries share.
use super::Config;
use super::key::DayGroup;
use super::open::Open;
use super::point::Point;
use super::stats::Stats;
use crate::model::Clock;
use crate::state::State;
use crate::telemetry::Marks;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Points that are not in the database, or not surely.
#[derive(Debug, Default)]
struct Memory {
    open: Open,
    /// Being committed. Until that is done a query finds them here, and then in the database; in
    /// between in both, and merging makes one of the two.
    flushing: Option<Arc<Open>>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub state: Arc<State>,
    pub config: Config,
    pub clock: Clock,
    /// Ends the thread.
    pub stop: AtomicBool,
    /// When it passed which record.
    pub marks: Marks,
    memory: Mutex<Memory>,
    /// In order and disjoint; changed by the writer only, before it uses a new one.
    groups: Mutex<Arc<Vec<DayGroup>>>,
    stats: Mutex<Stats>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub fn new(state: Arc<State>, config: Config, clock: Clock) -> Self {
        Self {
            state,
            config,
            clock,
            stop: AtomicBool::new(false),
            marks: Marks::default(),
            memory: Mutex::default(),
            groups: Mutex::default(),
            stats: Mutex::default(),
        }
    }

    /// Works on the open points. Queries wait meanwhile, so for a frame at most.
    pub fn with_open<T>(&self, work: impl FnOnce(&mut Open) -> T) -> T {
        work(&mut lock(&self.memory).open)
    }

    /// Forgets all points; the log has them.
    pub fn clear(&self, seed: u64) {
        let cleared = std::mem::replace(
            &mut *lock(&self.memory),
            Memory {
                open: Open::new(seed),
                flushing: None,
            },
        );
        // Freed without the lock.
        drop(cleared);
    }

    /// Sets the open points aside to be committed, in order of time.
    pub fn begin_flush(&self, seed: u64) -> Arc<Open> {
        let mut memory = lock(&self.memory);
        memory.open.sort();
        let open = Arc::new(std::mem::replace(&mut memory.open, Open::new(seed)));
        memory.flushing = Some(Arc::clone(&open));
        open
    }

    /// They are committed.
    pub fn end_flush(&self) {
        let flushed = lock(&self.memory).flushing.take();
        drop(flushed);
    }

    /// Keys of the series held in memory, in order, without their points.
    pub fn series(&self) -> Vec<Box<[u8]>> {
        let memory = lock(&self.memory);
        let flushing = memory.flushing.iter().flat_map(|open| open.series());
        let mut keys: Vec<Box<[u8]>> = memory
            .open
            .series()
            .iter()
            .chain(flushing)
            .map(|series| series.key.clone())
            .collect();
        drop(memory);
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Points of a series in `from..to`, in order of time, of equal times in order of arrival: the
    /// first ones, and the time up to which they are all, `None` if that is `to`.
    pub fn points(
        &self,
        series: &[u8],
        from: i64,
        to: i64,
        count: usize,
    ) -> (Vec<Point>, Option<i64>) {
        let mut memory = lock(&self.memory);
        let mut points = Vec::new();
        let mut end = None;
        if let Some(flushing) = &memory.flushing
            && let Some(series) = flushing.get(series)
        {
            end = take_points(series.points(), from, to, count, &mut points);
        }
        let flushing = points.len();
        if let Some(series) = memory.open.get_mut(series) {
            let open = take_points(series.sorted(), from, to, count, &mut points);
            end = [end, open].into_iter().flatten().min();
        }
        drop(memory);
        if flushing > 0 && flushing < points.len() {
            // Stable: of equal times the later arrived stays behind.
            points.sort_by_key(|point| point.time);
        }
        if let Some(end) = end {
            points.truncate(points.partition_point(|point| point.time <= end));
        }
        (points, end)
    }

    pub fn groups(&self) -> Arc<Vec<DayGroup>> {
        Arc::clone(&lock(&self.groups))
    }

    pub fn set_groups(&self, groups: Vec<DayGroup>) {
        *lock(&self.groups) = Arc::new(groups);
    }

    pub fn stats(&self) -> Stats {
        *lock(&self.stats)
    }

    pub fn update_stats(&self, change: impl FnOnce(&mut Stats)) {
        change(&mut lock(&self.stats));
    }
}

/// Takes points with up to `count` different times; returns the last of them if there are more.
fn take_points(
    sorted: &[Point],
    from: i64,
    to: i64,
    count: usize,
    out: &mut Vec<Point>,
) -> Option<i64> {
    let start = sorted.partition_point(|point| point.time < from);
    let mut times = 0;
    let mut last = None;
    for point in sorted.iter().skip(start) {
        if point.time >= to {
            return None;
        }
        if last != Some(point.time) {
            if times == count {
                return last;
            }
            times += 1;
            last = Some(point.time);
        }
        out.push(point.clone());
    }
    None
}
