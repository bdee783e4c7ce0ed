//! What is remembered of one register.
use super::judge::{Around, Judged, Rules};
use super::past::Past;
use super::verdict::Rule;

/// A good value of a register.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Observation, in nanoseconds since 1970.
    pub at: i64,
    /// In the canonical unit.
    pub value: f64,
}

/// No point.
pub(super) const NONE: Point = Point {
    at: i64::MIN,
    value: 0.0,
};

/// Newest points kept: between them a reading that comes late is judged without asking history, which
/// may be behind.
const RING: usize = 3;

/// Rules that were told of in this episode.
pub(super) const ROLLBACK: u8 = 1;
pub(super) const IMPLAUSIBLE: u8 = 2;

/// So many readings that contradict the reference, and not one another, are the next reference.
const RUN: u8 = 3;
/// A rule is told of at most once in an hour of reception, in seconds.
const HOLD_SECS: u32 = 3_600;

/// One register. A copy costs less than a place to undo changes in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Series {
    /// Good ones, in order of time, the newest last.
    points: [Point; RING],
    /// The one last filled in before all these, or that had to make room for one of them.
    back: Point,
    /// Read from the log or history: the newest that was doubted. What was told of it follows from it.
    doubted: Point,
    /// The last of those doubted that fit to each other, and the time of their first.
    run: Point,
    run_since: i64,
    /// Since when the value is what it is, as far as known.
    since: i64,
    /// Is all known that was before? Not of what comes from the log's tail, until history was asked.
    is_whole: bool,
    /// Bits of what was told in this episode.
    told: u8,
    /// How many are in `run`.
    run_length: u8,
    /// Bits of the rules told of in the hour that began at `hour`.
    held: u8,
    hour: u32,
}

impl Default for Series {
    fn default() -> Self {
        Self {
            points: [NONE; RING],
            back: NONE,
            doubted: NONE,
            run: NONE,
            run_since: 0,
            since: i64::MAX,
            is_whole: false,
            told: 0,
            run_length: 0,
            held: 0,
            hour: 0,
        }
    }
}

/// Between which times a reading is of one meter: from, to.
pub(super) type Life = (i64, i64);

/// All times are of one meter.
pub(super) const FOR_EVER: Life = (i64::MIN, i64::MAX);

const fn holds((from, to): Life, point: Point) -> bool {
    point.at != NONE.at && from <= point.at && point.at < to
}

impl Series {
    /// The newest good point.
    pub(super) fn newest(&self) -> Option<Point> {
        self.points
            .last()
            .copied()
            .filter(|point| point.at != NONE.at)
    }

    /// Older than all that it knows for sure? Then history is to be asked for the neighbours.
    pub(super) fn is_before_all(&self, at: i64) -> bool {
        let known = self.points.iter().filter(|point| point.at != NONE.at);
        known
            .map(|point| point.at)
            .min()
            .is_some_and(|oldest| at < oldest)
    }

    /// The neighbours of a time, of those known here and those that history knows.
    pub(super) fn around(&self, at: i64, life: Life, past: Around) -> Around {
        let known = self.points.into_iter().chain([self.back]);
        let known = known.chain(past.before).chain(past.after);
        let mut around = Around::default();
        for point in known.filter(|point| holds(life, *point)) {
            let (place, closer) = if point.at <= at {
                let closer = around.before.is_none_or(|known| known.at <= point.at);
                (&mut around.before, closer)
            } else {
                let closer = around.after.is_none_or(|known| point.at < known.at);
                (&mut around.after, closer)
            };
            if closer {
                *place = Some(point);
            }
        }
        around
    }

    /// Was it told of in this episode? If not, it is now.
    pub(super) fn tell(&mut self, rule: u8, rules: &Rules) -> bool {
        if let (true, Some(good)) = (self.doubted.at != NONE.at, self.newest()) {
            self.told |= match rules.step(good, self.doubted) {
                Judged::Rollback => ROLLBACK,
                Judged::Implausible { .. } => IMPLAUSIBLE,
                Judged::Good | Judged::Rollover { .. } => 0,
            };
            self.doubted = NONE;
        }
        let new = self.told & rule == 0;
        self.told |= rule;
        new
    }

    /// Takes a doubted point that is not late. Is it the last of a run that fits together, and is that
    /// long enough? What a queue gives away at once, or copies of one reading, are no run: it lasts as
    /// long at least as the rules hold two readings apart.
    pub(super) fn restarts(&mut self, point: Point, rules: &Rules) -> bool {
        if self.run_length > 0 && point.at <= self.run.at {
            return false;
        }
        let fits = matches!(
            rules.step(self.run, point),
            Judged::Good | Judged::Rollover { .. }
        );
        if self.run_length > 0 && fits {
            self.run_length = self.run_length.saturating_add(1);
        } else {
            self.run_length = 1;
            self.run_since = point.at;
        }
        self.run = point;
        self.run_length >= RUN && point.at.saturating_sub(self.run_since) >= rules.apart
    }

    /// May this rule be told of at this second? Then it is.
    pub(super) fn may_tell(&mut self, rule: Rule, now: u32) -> bool {
        if self.held == 0 || now.wrapping_sub(self.hour) >= HOLD_SECS {
            (self.hour, self.held) = (now, 0);
        }
        let bit = 1 << rule as u8;
        let is_free = self.held & bit == 0;
        self.held |= bit;
        is_free
    }

    /// Takes a good point, which followed `before` and perhaps rolled over. Returns since when the
    /// register has stood still if now is the time to say so: `still` nanoseconds after that, once.
    pub(super) fn accept(
        &mut self,
        point: Point,
        before: Option<Point>,
        rolled: bool,
        still: i64,
    ) -> Option<i64> {
        let newest = self.newest();
        if newest.is_some_and(|newest| point.at < newest.at) {
            self.fill(point);
            return None;
        }
        // What another meter showed is no standstill of this one.
        let follows = before.filter(|before| newest == Some(*before) && !rolled);
        let mut kept = point;
        let mut stands = None;
        match follows {
            Some(before) if point.value <= before.value => {
                // Less by a step of the last digit at most: later ones must reach the larger.
                kept.value = before.value;
                let due = |at: i64| still > 0 && at.saturating_sub(self.since) >= still;
                stands = (due(point.at) && !due(before.at)).then_some(self.since);
            }
            _ => self.since = point.at,
        }
        self.push(kept);
        self.doubted = NONE;
        self.told = 0;
        self.run_length = 0;
        stands
    }

    /// Takes a good point that is not the newest.
    fn fill(&mut self, point: Point) {
        let same = |newest: Point| newest.value.to_bits() == point.value.to_bits();
        if self.newest().is_some_and(same) {
            self.since = self.since.min(point.at);
        }
        if self.is_before_all(point.at) {
            self.back = point;
        } else {
            self.push(point);
        }
    }

    /// Puts it in its place and lets the oldest go.
    fn push(&mut self, point: Point) {
        let at = self.points.partition_point(|known| known.at <= point.at);
        if let Some(before) = at.checked_sub(1) {
            if let Some(oldest) = self.points.first().filter(|oldest| oldest.at != NONE.at) {
                self.back = *oldest;
            }
            self.points.copy_within(1..at, 0);
            if let Some(place) = self.points.get_mut(before) {
                *place = point;
            }
        }
    }

    /// Takes what lies in the log's tail: good or doubted.
    pub(super) fn learn(&mut self, point: Point, is_good: bool, rules: &Rules) {
        let newest = self.newest();
        if is_good {
            // A lower one was judged good: it rolled over, or is another meter's, or begins anew.
            let is_lower = |newest: Point| {
                point.value < newest.value && rules.differs(newest.value, point.value)
            };
            let rolled = newest.is_some_and(is_lower);
            self.accept(point, newest, rolled, 0);
        } else if newest.is_none_or(|newest| newest.at < point.at) {
            self.doubted = point;
            self.restarts(point, rules);
        }
    }

    /// Takes what history knows, which may be behind the log.
    pub(super) fn complete(&mut self, past: &Past) {
        if std::mem::replace(&mut self.is_whole, true) {
            return;
        }
        let Some(known) = past.newest else { return };
        match self.newest() {
            Some(newest) if newest.at >= known.at => {
                if newest.value.to_bits() == known.value.to_bits() {
                    self.since = self.since.min(past.since.unwrap_or(known.at));
                }
            }
            newer => {
                self.push(known);
                if newer.is_none_or(|newer| newer.value.to_bits() != known.value.to_bits()) {
                    self.since = i64::MAX;
                }
                self.since = self.since.min(past.since.unwrap_or(known.at));
            }
        }
        let doubted = past.doubted.unwrap_or(NONE);
        if doubted.at > self.doubted.at {
            self.doubted = doubted;
        }
        if self
            .newest()
            .is_some_and(|newest| self.doubted.at < newest.at)
        {
            self.doubted = NONE;
        }
    }

    /// Is there nothing that history could add?
    pub(super) const fn is_whole(&self) -> bool {
        self.is_whole
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_series_is_as_small_as_said() {
        assert_eq!(size_of::<super::Series>(), 120);
    }
}
