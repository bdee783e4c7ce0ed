//! One series of a query, a window of points at a time.
//!
//! A window is made from what is in memory and one chunk. It holds no snapshot of the database and no
//! lock between windows, so a consumer may take hours. Nothing is missed or given twice, because
//! memory is looked at first: a point that leaves it meanwhile is found in the chunk that is read
//! after, and one that is in both is merged. What arrives behind the window's end comes no more.
use super::point::Point;
use super::selection::Selection;
use super::shared::Shared;
use super::{chunk, key, merge};
use crate::state::{self, Slice};

/// Points of a series in memory that a window takes.
const WINDOW_POINTS: usize = chunk::POINTS_MAX;

/// A series between two times, from which points are taken in order.
#[derive(Debug)]
pub(super) struct Window {
    /// Key without a start.
    pub series: Vec<u8>,
    /// All points before this time have been returned or are in `points`.
    from: i64,
    to: i64,
    points: std::vec::IntoIter<Point>,
    /// The chunk last read and its last time: it is not decoded again to see that nothing is left.
    last: Option<((Slice, Slice), i64)>,
}

impl Window {
    /// Over the points of `series` in `from..to`.
    pub fn new(series: Vec<u8>, from: i64, to: i64) -> Self {
        Self {
            series,
            from,
            to,
            points: Vec::new().into_iter(),
            last: None,
        }
    }

    /// The next point that `selection` covers; `keep` bounds the points held in between.
    pub fn next(
        &mut self,
        shared: &Shared,
        selection: &Selection,
        keep: usize,
    ) -> Result<Option<Point>, state::Error> {
        loop {
            let covered = |point: &Point| selection.covers(&point.context.origin);
            if let Some(point) = self.points.find(covered) {
                return Ok(Some(point));
            }
            if self.from >= self.to {
                return Ok(None);
            }
            self.fill(shared, keep)?;
        }
    }

    fn fill(&mut self, shared: &Shared, keep: usize) -> Result<(), state::Error> {
        let (mut open, end) = shared.points(&self.series, self.from, self.to, WINDOW_POINTS);
        let mut end = end.unwrap_or(self.to - 1);
        let mut stored = self.read_chunk(shared, end)?;
        if let Some(last) = stored.last() {
            end = end.min(last.time);
        }
        stored.retain(|point| point.time >= self.from && point.time <= end);
        open.retain(|point| point.time <= end);
        let mut merged = merge::merge(stored, &open).0.into_owned();
        if merged.len() > keep {
            merged.truncate(keep);
            end = merged.last().map_or(end, |last| last.time);
        }
        self.from = end.saturating_add(1);
        self.points = merged.into_iter();
        Ok(())
    }

    /// The first chunk with a point in `self.from..=end`; no points if there is none.
    fn read_chunk(&mut self, shared: &Shared, end: i64) -> Result<Vec<Point>, state::Error> {
        let access = shared.state.access()?;
        let groups = shared.groups();
        let meets = |group: &&key::DayGroup| group.meets(self.from, end.saturating_add(1));
        let at = key::chunk(&self.series, self.from);
        for group in groups.iter().filter(meets) {
            let Some(space) = access.existing(&group.name())? else {
                continue;
            };
            let before = space.range(&self.series, &at).next_back().transpose()?;
            let after = space.range(&at, &key::chunk(&self.series, end.saturating_add(1)));
            for found in before.map(Ok).into_iter().chain(after) {
                let found = found?;
                let same = |(last, end): &((Slice, Slice), i64)| *end < self.from && *last == found;
                if self.last.as_ref().is_some_and(same) {
                    continue;
                }
                let Ok(points) = chunk::decode(&found.1) else {
                    shared.update_stats(|stats| stats.damaged += 1);
                    continue;
                };
                if let Some(last) = points.last().filter(|last| last.time >= self.from) {
                    self.last = Some((found, last.time));
                    return Ok(points);
                }
            }
        }
        Ok(Vec::new())
    }
}
