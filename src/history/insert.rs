//! Puts a series' points into its chunks of one day group.
//!
//! A chunk holds the points from its own start up to the next chunk's. New points usually lie behind
//! the last chunk. That one is filled up while it is short, so that a slow series does not end in a
//! chunk per commit; once it has some points a new one is begun, so that a commit does not rewrite
//! much more than it adds, and full chunks are left alone. Only back-fill reads and merges.
use super::key::DayGroup;
use super::point::Point;
use super::tails::{Tail, Tails};
use super::{chunk, key, merge};
use crate::state::{self, Batch, Space};

/// Points from which on a chunk is not rewritten to append to it. Where every commit brings a point or
/// two of each of very many series, 8 points are rewritten for each that is added, and 16 share the
/// 100 bytes of a chunk's key and context; with 64 both CPU and bytes written were twice as many.
const APPEND_MIN: usize = 16;

/// A chunk as it is stored.
struct Stored {
    start: i64,
    /// None: it cannot be read.
    points: Option<Vec<Point>>,
}

/// Where points go.
enum Target {
    /// Behind the chunk of this tail, which is left alone.
    Behind,
    /// Into this chunk, if there is one; before this time, if another follows.
    Into(Option<Stored>, Option<i64>),
}

/// Puts points into the chunks of one day group, as part of one batch.
pub(super) struct Insert<'w, 'a> {
    pub group: DayGroup,
    pub space: &'w Space<'a>,
    pub batch: &'w mut Batch<'a>,
    pub tails: &'w mut Tails,
    pub outcome: &'w mut Outcome,
}

/// What was found on the way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outcome {
    pub conflicts: u64,
    /// Chunks that cannot be read.
    pub damaged: u64,
}

impl Insert<'_, '_> {
    /// Adds `new`, in order of time and not empty, to the chunks of `series`.
    pub fn run(&mut self, series: &[u8], mut new: &[Point]) -> Result<(), state::Error> {
        while let Some(first) = new.first() {
            let (target, limit) = match self.target(series, first.time)? {
                Target::Behind => (None, None),
                Target::Into(target, limit) => (target, limit),
            };
            let end = new.partition_point(|point| limit.is_none_or(|limit| point.time < limit));
            let (mine, rest) = new.split_at_checked(end.max(1)).unwrap_or((new, &[]));
            new = rest;
            let last = self.put(series, target, mine);
            if let Some(tail) = last.filter(|_| limit.is_none()) {
                self.tails.set(series, tail);
            }
        }
        Ok(())
    }

    /// Writes `mine` and what is in `target`; returns the last chunk written.
    fn put(&mut self, series: &[u8], target: Option<Stored>, mine: &[Point]) -> Option<Tail> {
        let start = target.as_ref().map(|target| target.start);
        let stored = target.and_then(|target| {
            self.outcome.damaged += u64::from(target.points.is_none());
            target.points
        });
        let full = |stored: &Vec<Point>| {
            let (last, first) = (stored.last(), mine.first());
            stored.len() >= APPEND_MIN
                && last
                    .zip(first)
                    .is_some_and(|(last, first)| last.time < first.time)
        };
        let stored = stored.filter(|stored| !full(stored));
        let mut replaced = stored.is_none();
        let (merged, conflicts) = merge::merge(stored.unwrap_or_default(), mine);
        self.outcome.conflicts += conflicts;
        let mut bytes = Vec::new();
        let mut written = None;
        for piece in merge::split(&merged) {
            let (Some(first), Some(last)) = (piece.first(), piece.last()) else {
                continue;
            };
            replaced |= start == Some(first.time);
            bytes.clear();
            chunk::encode(&mut bytes, piece);
            self.batch
                .insert(self.space, &key::chunk(series, first.time), &bytes);
            written = Some(Tail {
                group: self.group,
                start: first.time,
                last: last.time,
                count: u16::try_from(piece.len()).unwrap_or(u16::MAX),
            });
        }
        // Never both in one batch: fjall orders an insert and a removal of one key by nothing.
        if let Some(start) = start.filter(|_| !replaced) {
            self.batch.remove(self.space, &key::chunk(series, start));
        }
        written
    }

    /// Where points from `time` on go: the chunk that starts before or at it, else a short one behind
    /// it, else none.
    fn target(&self, series: &[u8], time: i64) -> Result<Target, state::Error> {
        let tail = self.tails.get(series, self.group);
        if let Some(tail) = tail.filter(|tail| tail.last < time) {
            if usize::from(tail.count) >= APPEND_MIN {
                return Ok(Target::Behind);
            }
            let key = key::chunk(series, tail.start);
            if let Some(value) = self.space.get(&key)? {
                return Ok(Target::Into(stored(&key, &value), None));
            }
        }
        self.look(series, time)
    }

    fn look(&self, series: &[u8], time: i64) -> Result<Target, state::Error> {
        let past = key::past(series);
        let Some(last) = last_in(self.space, series, &past)? else {
            return Ok(Target::Into(None, None));
        };
        if last.start <= time {
            return Ok(Target::Into(Some(last), None));
        }
        let behind = key_behind(series, time);
        let before = last_in(self.space, series, &behind)?;
        let mut after = self.space.range(&behind, &past);
        let next = after.next().transpose()?;
        let limit = next.as_ref().and_then(|(key, _)| start_of(key));
        if before.is_some() {
            return Ok(Target::Into(before, limit));
        }
        let next = next.and_then(|(key, value)| stored(&key, &value));
        let short = |next: &Stored| {
            let points = next.points.as_ref();
            points.is_some_and(|points| points.len() < APPEND_MIN)
        };
        let Some(next) = next.filter(short) else {
            return Ok(Target::Into(None, limit));
        };
        let second = after.next().transpose()?;
        let limit = second.and_then(|(key, _)| start_of(&key));
        Ok(Target::Into(Some(next), limit))
    }
}

fn start_of(key: &[u8]) -> Option<i64> {
    key::split_chunk(key).map(|(_, start)| start)
}

/// The first key behind the chunk that starts at `time`.
fn key_behind(series: &[u8], time: i64) -> Vec<u8> {
    let mut key = key::chunk(series, time);
    key.push(0);
    key
}

fn last_in(space: &Space<'_>, from: &[u8], to: &[u8]) -> Result<Option<Stored>, state::Error> {
    let last = space.range(from, to).next_back().transpose()?;
    Ok(last.and_then(|(key, value)| stored(&key, &value)))
}

fn stored(key: &[u8], value: &[u8]) -> Option<Stored> {
    let start = start_of(key)?;
    let points = chunk::decode(value)
        .inspect_err(|error| {
            // Checked by fjall on reading, so this is a fault of ours or a later version's chunk.
            tracing::error!(%error, key = %key.escape_ascii(), "a chunk of history cannot be read");
        })
        .ok();
    Some(Stored { start, points })
}
