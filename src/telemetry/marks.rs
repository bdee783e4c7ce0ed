//! When a reader passed which record: marks of (sequence, time) along its way, in a fixed amount of memory.
//!
//! ```text
//!  start                older: apart by a 128th of their age              the last half hour and more
//!   |---------|-------------|------------|--------|-----|----|---|--|-|-|||||||||||||||||||||||||||||| open
//! ```
//! A mark says: at this time everything below this sequence was passed. A reader that moves within a
//! second moves its last mark, so a mark is never earlier than the truth, and at most a second later.
//! When there are [`MARKS_MAX`], those of the older half go that lie near to their neighbours: the newest
//! 34 minutes at least stay dense, what lies behind grows coarser with its age and is never forgotten.
//! Marks are kept in memory: what was passed before the first was passed before the process started.
//!
//! Fed once a batch, and a reader that has not moved costs one atomic load.
use crate::model::{Clock, Timestamp};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Marks of one reader: 64 KiB.
pub const MARKS_MAX: usize = 4_096;
/// Older marks lie apart by this part of their age, about.
const PARTS: u32 = 128;
/// Between two marks, at least.
const STEP: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    /// Everything below is passed.
    next: u64,
    at: Timestamp,
}

#[derive(Debug, Default)]
struct Way {
    /// In order of their sequences. The first is where the reader stood when it began.
    marks: Vec<Mark>,
    /// When the last mark was made; it may have moved since.
    opened_at: Timestamp,
}

/// What is known of one record and one reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// Nothing is known yet: the reader has not begun.
    Unknown,
    /// Not yet.
    Not,
    /// Before the reader began at this time.
    Before(Timestamp),
    /// After the first time and at the second at the latest.
    Between(Timestamp, Timestamp),
}

/// One reader's way. Written by the reader, looked at by whoever asks.
#[derive(Debug, Default)]
pub struct Marks {
    /// Of the last mark.
    next: AtomicU64,
    way: Mutex<Way>,
}

impl Marks {
    fn way(&self) -> MutexGuard<'_, Way> {
        self.way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything below `next` is passed now. A reader that was set back forgets what it passed since.
    pub fn reach(&self, next: u64, clock: &Clock) {
        // One writer, so nobody changes it in between.
        if next == 0 || self.next.load(Ordering::Relaxed) == next {
            return;
        }
        self.next.store(next, Ordering::Relaxed);
        self.way().reach(next, clock.now());
    }

    /// When was this record passed?
    pub fn passed(&self, sequence: u64) -> Passed {
        let way = self.way();
        let at = way.marks.partition_point(|mark| mark.next <= sequence);
        match (way.marks.get(at), at.checked_sub(1)) {
            (None, None) => Passed::Unknown,
            (None, Some(_)) => Passed::Not,
            (Some(first), None) => Passed::Before(first.at),
            (Some(mark), Some(before)) => {
                let after = way.marks.get(before).map_or(mark.at, |before| before.at);
                Passed::Between(after, mark.at)
            }
        }
    }

    /// The next record that it will read; `None`: it has not begun.
    pub fn next(&self) -> Option<u64> {
        self.way().marks.last().map(|mark| mark.next)
    }
}

impl Way {
    fn reach(&mut self, next: u64, now: Timestamp) {
        while self.marks.len() > 1 && self.marks.last().is_some_and(|last| last.next > next) {
            self.marks.pop();
            // What is left is not the mark that was open.
            self.opened_at = Timestamp::MIN;
        }
        let open = self.marks.len() > 1 && now.since(self.opened_at) < STEP;
        match self.marks.last_mut() {
            Some(last) if last.next >= next => {
                last.next = next;
                return;
            }
            Some(last) if open && now >= last.at => {
                *last = Mark { next, at: now };
                return;
            }
            _ => {}
        }
        if self.marks.len() >= MARKS_MAX {
            self.thin(now);
        }
        self.opened_at = now;
        self.marks.push(Mark { next, at: now });
    }

    /// Leaves of the older half what is far enough apart for its age, else every second mark; and the first.
    fn thin(&mut self, now: Timestamp) {
        let (before, half) = (self.marks.len(), self.marks.len() / 2);
        let followers: Vec<Timestamp> = self.marks.iter().skip(1).map(|mark| mark.at).collect();
        let mut followers = followers.into_iter();
        let (mut number, mut kept) = (0, None);
        self.marks.retain(|mark| {
            let (at, follower) = (number, followers.next());
            number += 1;
            let gap = follower
                .zip(kept)
                .map(|(follower, kept)| follower.since(kept));
            let near = gap.is_some_and(|gap| gap <= now.since(mark.at) / PARTS);
            let stays = at == 0 || at >= half || !near;
            if stays {
                kept = Some(mark.at);
            }
            stays
        });
        if self.marks.len() == before {
            let mut at = 0;
            self.marks.retain(|_| {
                at += 1;
                at > half || at % 2 == 1
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_nanos(1_800_000_000_000_000_000 + ms * 1_000_000)
    }

    fn moved(steps: &[(u64, i64)]) -> Marks {
        let marks = Marks::default();
        for (next, ms) in steps {
            marks.way().reach(*next, at(*ms));
        }
        marks
    }

    #[test]
    fn a_record_is_passed_between_two_marks() {
        let marks = moved(&[(100, 0), (110, 5_000), (120, 5_500), (130, 9_000)]);
        assert_eq!(marks.passed(99), Passed::Before(at(0)));
        assert_eq!(marks.passed(100), Passed::Between(at(0), at(5_500)));
        assert_eq!(marks.passed(119), Passed::Between(at(0), at(5_500)));
        assert_eq!(marks.passed(120), Passed::Between(at(5_500), at(9_000)));
        assert_eq!(marks.passed(130), Passed::Not);
        assert_eq!(marks.next(), Some(130));
        assert_eq!(Marks::default().passed(1), Passed::Unknown);
    }

    #[test]
    fn where_it_began_stays_apart_from_what_it_did_first() {
        // Within the first second, so that the mark of the start could be taken for an open one.
        let marks = moved(&[(100, 0), (110, 10)]);
        assert_eq!(marks.passed(99), Passed::Before(at(0)));
        assert_eq!(marks.passed(105), Passed::Between(at(0), at(10)));
    }

    #[test]
    fn a_reader_that_is_set_back_passes_again() {
        let marks = moved(&[(100, 0), (110, 5_000), (120, 9_000), (110, 20_000)]);
        assert_eq!(marks.passed(115), Passed::Not);
        assert_eq!(marks.passed(105), Passed::Between(at(0), at(5_000)));
        marks.way().reach(118, at(30_000));
        assert_eq!(marks.passed(115), Passed::Between(at(5_000), at(30_000)));
        // Behind its start, too.
        marks.way().reach(50, at(40_000));
        assert_eq!(marks.passed(60), Passed::Not);
        assert_eq!(marks.passed(49), Passed::Before(at(0)));
    }

    #[test]
    fn a_day_takes_no_more_marks_and_the_last_half_hour_is_dense() {
        let marks = Marks::default();
        let day = 24 * 3_600;
        for second in 0..=day {
            let next = u64::try_from(second).unwrap_or_default() + 1;
            marks.way().reach(next, at(second * 1_000));
        }
        assert!(marks.way().marks.len() <= MARKS_MAX);
        assert_eq!(marks.way().marks.first().map(|mark| mark.next), Some(1));
        let width = |second: i64| match marks.passed(u64::try_from(second).unwrap_or_default()) {
            Passed::Between(after, by) => by.since(after).as_secs(),
            other => panic!("{second}: {other:?}"),
        };
        assert_eq!(width(day - 2_000), 1);
        for age in [3 * 3_600, 12 * 3_600, day - 600] {
            let most = u64::try_from(age / 64).unwrap_or_default();
            assert!(width(day - age) <= most, "{age}: {}", width(day - age));
        }
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_mark_earlier() {
        let marks = moved(&[(100, 10_000), (110, 12_000), (120, 5_000)]);
        assert_eq!(marks.passed(105), Passed::Between(at(10_000), at(12_000)));
        assert_eq!(marks.passed(115), Passed::Between(at(12_000), at(5_000)));
    }

    proptest! {
        #[test]
        fn the_answer_holds_the_truth(steps in prop::collection::vec((1u64..50, 0i64..4_000), 1..400)) {
            let (marks, mut next, mut ms) = (Marks::default(), 1, 0);
            let mut truth = Vec::new();
            for (count, pause) in steps {
                ms += pause;
                let first = next;
                next += count;
                truth.push((first..next, ms));
                marks.way().reach(next, at(ms));
            }
            for (number, (records, ms)) in truth.into_iter().enumerate() {
                let found = marks.passed(records.start);
                if number == 0 {
                    prop_assert_eq!(found, Passed::Before(at(ms)));
                } else {
                    let Passed::Between(after, by) = found else { panic!("{found:?}") };
                    prop_assert!(after <= at(ms) && at(ms) <= by && by.since(at(ms)) < STEP);
                }
            }
        }
    }
}
