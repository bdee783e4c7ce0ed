//! The past of one register, for intake that judges it.
//!
//! ```text
//!  back:     open points and chunks, from the newest on, until the last good value is found
//!  forward:  a window behind each time that is asked about
//! ```
//! Decision: this reads the points themselves and not reports through [`super::Query`], which merges
//! all series of a device. A look back costs a look at two chunks.
use super::point::{Datum, Point};
use super::selection::Selection;
use super::shared::Shared;
use super::window::Window;
use super::{History, chunk, key};
use crate::intake::{Around, Asked, Past, Point as Known};
use crate::model::{Quality, Timestamp};
use crate::state;

/// Points looked at behind a time: a register that is read each minute has so many in five days.
const POINTS_MAX: usize = 8_192;
/// How far back a value is looked for that differs.
const SINCE_NANOS_MAX: i64 = 40 * 86_400_000_000_000;
/// Points held of a window.
const KEEP: usize = 64;

fn good(point: &Point) -> Option<Known> {
    let is_good = point.quality == Quality::Good as u8;
    number(point).filter(|_| is_good)
}

fn number(point: &Point) -> Option<Known> {
    match point.value {
        Datum::Number(value) => Some(Known {
            at: point.time,
            value,
        }),
        _ => None,
    }
}

impl History {
    /// What is known of a register. Blocks on the disk.
    ///
    /// # Errors
    /// The database's.
    pub fn look_back(&self, asked: &Asked<'_>) -> Result<Past, state::Error> {
        past(&self.shared, asked)
    }

    /// Has a device given a reading of one of these metrics since a time? Blocks on the disk.
    ///
    /// # Errors
    /// The database's.
    pub fn has_since(
        &self,
        device: &str,
        metrics: &[&str],
        since: Timestamp,
    ) -> Result<bool, super::QueryError> {
        let selection = Selection {
            devices: vec![device.to_owned()],
            metrics: metrics.iter().map(|metric| (*metric).to_owned()).collect(),
            ..Selection::default()
        };
        let mut query = self.query(selection, since, Timestamp::MAX);
        query.next().transpose().map(|found| found.is_some())
    }
}

/// What is known of a register.
pub(super) fn past(shared: &Shared, asked: &Asked<'_>) -> Result<Past, state::Error> {
    let labels = asked.labels.iter();
    let labels = labels.map(|(name, value)| (name.as_ref(), value.as_ref()));
    let mut series = Vec::new();
    let device = key::put_device(&mut series, asked.device);
    if !key::put_labelled(&mut series, device, asked.metric, labels.collect()) {
        return Ok(Past::default());
    }
    let mut past = Past::default();
    back(shared, &series, i64::MAX, |point| {
        past_of(&mut past, point, asked.since)
    })?;
    let mut last = Around::default();
    for time in asked.times {
        last = around(shared, &series, time.as_nanos(), past.newest, last)?;
        past.around.push(last);
    }
    Ok(past)
}

/// The good points around a time; `last`: those around an earlier one.
fn around(
    shared: &Shared,
    series: &[u8],
    time: i64,
    newest: Option<Known>,
    last: Around,
) -> Result<Around, state::Error> {
    if newest.is_none_or(|newest| newest.at <= time) {
        return Ok(Around {
            before: newest,
            after: None,
        });
    }
    if last.after.is_some_and(|after| time < after.at) {
        return Ok(last);
    }
    let mut found = Around::default();
    back(shared, series, time.saturating_add(1), |point| {
        found.before = good(point);
        found.before.is_none()
    })?;
    let from = time.saturating_add(1);
    let mut window = Window::new(series.to_vec(), from, i64::MAX);
    let all = Selection::default();
    for _ in 0..POINTS_MAX {
        let Some(point) = window.next(shared, &all, KEEP)? else {
            break;
        };
        found.after = good(&point);
        if found.after.is_some() {
            break;
        }
    }
    Ok(found)
}

/// Takes the next older point; is another wanted?
fn past_of(past: &mut Past, point: &Point, since: bool) -> bool {
    let Some(newest) = past.newest else {
        past.newest = good(point);
        if past.newest.is_none() {
            let doubted = point.quality == Quality::Uncertain as u8;
            past.doubted = past.doubted.or(number(point).filter(|_| doubted));
            return true;
        }
        past.since = Some(point.time);
        return since;
    };
    match good(point) {
        Some(older) if older.value.to_bits() != newest.value.to_bits() => false,
        Some(older) => {
            past.since = Some(older.at);
            newest.at - older.at < SINCE_NANOS_MAX
        }
        None => true,
    }
}

/// Gives the points of a series before `to`, the newest first, until `look` wants no more.
fn back(
    shared: &Shared,
    series: &[u8],
    to: i64,
    mut look: impl FnMut(&Point) -> bool,
) -> Result<(), state::Error> {
    // Memory first: what leaves it meanwhile is found in a chunk.
    let (mut open, _) = shared.points(series, i64::MIN, to, usize::MAX);
    let mut chunk: Vec<Point> = Vec::new();
    let mut end = Some(to);
    for _ in 0..POINTS_MAX {
        while let (true, Some(before)) = (chunk.is_empty(), end) {
            let found = chunk_before(shared, series, before)?;
            end = found.as_ref().map(|(start, _)| *start);
            chunk = found.map(|(_, points)| points).unwrap_or_default();
            chunk.retain(|point| point.time < to);
        }
        let open_at = open.last().map(|point| point.time);
        let point = match (open_at, chunk.last()) {
            (Some(open_at), Some(stored)) if open_at < stored.time => chunk.pop(),
            (None, _) => chunk.pop(),
            // Of two of one time the later counts, which is the one in memory.
            (Some(_), _) => open.pop(),
        };
        let Some(point) = point else { break };
        let same = |other: &Point| other.time == point.time;
        while open.last().is_some_and(same) {
            open.pop();
        }
        while chunk.last().is_some_and(same) {
            chunk.pop();
        }
        if !look(&point) {
            break;
        }
    }
    Ok(())
}

/// The last chunk that begins before a time: its start and points.
fn chunk_before(
    shared: &Shared,
    series: &[u8],
    before: i64,
) -> Result<Option<(i64, Vec<Point>)>, state::Error> {
    let access = shared.state.access()?;
    let groups = shared.groups();
    let meets = |group: &&key::DayGroup| group.meets(i64::MIN, before);
    for group in groups.iter().filter(meets).rev() {
        let Some(space) = access.existing(&group.name())? else {
            continue;
        };
        let found = space.range(series, &key::chunk(series, before));
        for found in found.rev() {
            let (name, bytes) = found?;
            let Some((_, start)) = key::split_chunk(&name) else {
                continue;
            };
            match chunk::decode(&bytes) {
                Ok(points) => return Ok(Some((start, points))),
                Err(_) => shared.update_stats(|stats| stats.damaged += 1),
            }
        }
    }
    Ok(None)
}
