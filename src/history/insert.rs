//! Puts a series' points into its chunks of one day group.
//!
//! A chunk holds the points from its own start up to the next chunk's. New points usually lie behind
//! the last chunk. That one is filled up while it is short, so that a slow series does not end in a
//! chunk per commit; once it has some points a new one is begun, so that a commit does not rewrite
//! much more than it adds, and full chunks are left alone. Only back-fill reads and merges.
use super::point::Point;
use super::{chunk, key, merge};
use crate::state::{self, Batch, Space};

/// Points from which on a chunk is not rewritten to append to it: a commit each 30 s of a reading a
/// minute then rewrites 16 points for each that it adds, and a chunk's own 100 bytes are shared by 64.
const APPEND_MIN: usize = 64;

/// A chunk as it is stored.
struct Stored {
    start: i64,
    /// None: it cannot be read.
    points: Option<Vec<Point>>,
}

/// Adds `new`, in order of time and not empty, to the chunks of `series`. Returns the conflicts.
pub(super) fn insert<'a>(
    space: &Space<'a>,
    batch: &mut Batch<'a>,
    series: &[u8],
    mut new: &[Point],
    damaged: &mut u64,
) -> Result<u64, state::Error> {
    let mut conflicts = 0;
    let mut bytes = Vec::new();
    while let Some(first) = new.first() {
        let (target, limit) = target(space, series, first.time)?;
        let end = new.partition_point(|point| limit.is_none_or(|limit| point.time < limit));
        let (mine, rest) = new.split_at_checked(end.max(1)).unwrap_or((new, &[]));
        new = rest;
        let start = target.as_ref().map(|target| target.start);
        let stored = target.and_then(|target| {
            *damaged += u64::from(target.points.is_none());
            target.points
        });
        let readable = stored.is_some();
        let append = stored.as_ref().is_none_or(|stored| {
            stored.len() >= APPEND_MIN && stored.last().is_some_and(|last| last.time < first.time)
        });
        let stored = stored.filter(|_| !append).unwrap_or_default();
        let (merged, found) = merge::merge(stored, mine);
        conflicts += found;
        let mut replaced = append || !readable;
        for piece in merge::split(&merged) {
            let Some(first) = piece.first() else { continue };
            replaced |= start == Some(first.time);
            bytes.clear();
            chunk::encode(&mut bytes, piece);
            batch.insert(space, &key::chunk(series, first.time), &bytes);
        }
        // Never both in one batch: fjall orders an insert and a removal of one key by nothing.
        if let Some(start) = start.filter(|_| !replaced) {
            batch.remove(space, &key::chunk(series, start));
        }
    }
    Ok(conflicts)
}

/// The chunk that a point at `time` belongs into, and the time before which this is so: the one that
/// starts before or at it, else a short one behind it, else none.
fn target(
    space: &Space<'_>,
    series: &[u8],
    time: i64,
) -> Result<(Option<Stored>, Option<i64>), state::Error> {
    let past = key::past(series);
    // Most points are newer than all others of their series: one look is enough.
    let Some(last) = last_in(space, series, &past)? else {
        return Ok((None, None));
    };
    if last.start <= time {
        return Ok((Some(last), None));
    }
    let behind = key_behind(series, time);
    let before = last_in(space, series, &behind)?;
    let mut after = space.range(&behind, &past);
    let next = after.next().transpose()?;
    let limit = next.as_ref().and_then(|(key, _)| key::split_chunk(key));
    let limit = limit.map(|(_, start)| start);
    if before.is_some() {
        return Ok((before, limit));
    }
    let next = next.and_then(|(key, value)| stored(&key, &value));
    let short = |next: &Stored| {
        let points = next.points.as_ref();
        points.is_some_and(|points| points.len() < APPEND_MIN)
    };
    let Some(next) = next.filter(short) else {
        return Ok((None, limit));
    };
    let second = after.next().transpose()?;
    let limit = second.and_then(|(key, _)| key::split_chunk(&key).map(|(_, start)| start));
    Ok((Some(next), limit))
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
    let (_, start) = key::split_chunk(key)?;
    let points = chunk::decode(value)
        .inspect_err(|error| {
            // Checked by fjall on reading, so this is a fault of ours or a later version's chunk.
            tracing::error!(%error, key = %key.escape_ascii(), "a chunk of history cannot be read");
        })
        .ok();
    Some(Stored { start, points })
}
