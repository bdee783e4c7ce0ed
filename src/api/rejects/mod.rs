//! The log of rejects, backwards.
//!
//! The log is read forward only, so a walk back is made from windows, each twice as large as the one
//! before. The work of one walk is bounded: a filter that matches little gives few or none, and the
//! place to go on from.
mod own;
pub mod retry;
pub mod summary;

use super::Shared;
use crate::access::Grant;
use crate::intake::Marks;
use crate::log::record::Kind;
use crate::log::{ReadError, Start};
use crate::model::{Reject, Timestamp};
use crate::state;
use own::Own;
use prost::Message;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Payload bytes of one walk; as base64 and text they take about three times as much.
const RAW_BYTES_MAX: usize = 1 << 20;
/// Records in the first and in the largest window.
const WINDOW_MIN: u64 = 128;
const WINDOW_MAX: u64 = 4_096;
/// Records looked at in one walk: about 0.1 s.
const SCAN_MAX: u64 = 32_768;
/// Bytes of frames asked of the log at a time.
const READ_BYTES: usize = 256 << 10;
/// A clock that was set back receives rejects earlier than the log appends them: this much later
/// than `to` they are still looked for.
const CLOCK_SLACK: Duration = Duration::from_hours(1);

/// Which rejects. An absent field allows all.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Code out of the closed set.
    pub reason: Option<String>,
    /// As topic or payload named it; also those that it sent for others.
    pub device: Option<String>,
    /// The pattern of the route that led to the device; empty: none did.
    pub route: Option<String>,
    /// Those that were recovered, or those that were not.
    pub recovered: Option<bool>,
    /// Received at or after this.
    pub from: Option<Timestamp>,
    /// Received before this.
    pub to: Option<Timestamp>,
    /// What of them may be seen, and by whom.
    pub grant: Arc<Grant>,
}

impl Wanted {
    /// Is it one of them, recovered or not?
    pub fn covers(&self, shared: &Shared, reject: &Reject) -> bool {
        let at = Timestamp::from_nanos(reject.received_at_ns);
        let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|w| w == found);
        let device = self.device.as_ref();
        is(&self.reason, &reject.reason)
            && device.is_none_or(|device| reject.concerns(device))
            && is(&self.route, &reject.route)
            && self.from.is_none_or(|from| at >= from)
            && self.to.is_none_or(|to| at < to)
            && shared.cut(&self.grant).sees_reject(&reject.device_id)
    }
}

/// Why rejects cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Their log.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Which of them were recovered.
    #[error(transparent)]
    State(#[from] state::Error),
}

/// One reject.
#[derive(Clone, Debug)]
pub struct Item {
    /// In the log of rejects.
    pub sequence: u64,
    /// Without what follows its first bytes.
    pub reject: Reject,
    /// The report that it became; 0: one that was there already.
    pub recovered: Option<u64>,
}

/// What one walk found.
#[derive(Debug, Default)]
pub struct Found {
    /// Newest first.
    pub rejects: Vec<Item>,
    /// All from here on has been looked at; `None`: all there is.
    pub next: Option<u64>,
    /// What has not been looked at was appended at or before this.
    pub reached_at: Option<Timestamp>,
}

/// Walks back from `before` (exclusive; the end if `None`), to at most `limit` matches. Blocks on the disk.
///
/// # Errors
/// The disk's.
pub fn walk(
    shared: &Shared,
    wanted: &Wanted,
    before: Option<u64>,
    limit: usize,
) -> Result<Found, Error> {
    let log = &shared.rejects;
    let position = |time| {
        log.reader(Start::Since(time))
            .map(|reader| reader.position())
    };
    let oldest = log.oldest().0;
    // Where retention has removed what lies behind `from`, the oldest is the end.
    let floor = match wanted.from.map(position) {
        Some(Ok(position)) => position.max(oldest),
        Some(Err(_)) | None => oldest,
    };
    let mut end = before.unwrap_or(u64::MAX).min(log.watermark() + 1);
    if before.is_none()
        && let Some(Ok(position)) = wanted.to.map(|to| position(to.plus(CLOCK_SLACK)))
    {
        end = end.min(position);
    }
    let marks = shared.intake.marks()?;
    let look = Look {
        shared,
        wanted,
        marks: &marks,
    };
    let mut page = Found::default();
    let mut own = Own::new(shared, &wanted.grant);
    let (mut window, mut scanned, mut raw_bytes) = (WINDOW_MIN, 0, 0);
    while end > floor && page.rejects.len() < limit && scanned < SCAN_MAX {
        let start = floor.max(end.saturating_sub(window));
        let window_found = look.window(start, end, limit - page.rejects.len())?;
        let mut reached = window_found.reached;
        page.reached_at = window_found.appended_at.or(page.reached_at);
        for mut item in window_found.rejects.into_iter().rev() {
            if raw_bytes >= RAW_BYTES_MAX {
                page.next = Some(item.sequence + 1);
                return Ok(page);
            }
            if let Some(by) = &mut item.recovered {
                *by = own.of(&item.reject, *by)?;
            }
            shared.cut(&wanted.grant).reject(&mut item.reject);
            raw_bytes += item.reject.raw.len();
            reached = reached.min(item.sequence);
            page.rejects.push(item);
        }
        scanned += end - start;
        end = reached;
        window = (window * 2).min(WINDOW_MAX);
    }
    page.next = (end > floor).then_some(end);
    Ok(page)
}

/// One window of a walk.
struct Window {
    /// Oldest first.
    rejects: VecDeque<Item>,
    /// How far back they reach.
    reached: u64,
    /// When its first frame was appended.
    appended_at: Option<Timestamp>,
}

/// What a walk looks with.
struct Look<'l> {
    shared: &'l Shared,
    wanted: &'l Wanted,
    marks: &'l Marks<'l>,
}

impl Look<'_> {
    /// The newest `limit` matches in `start..end`.
    fn window(&self, start: u64, end: u64, limit: usize) -> Result<Window, Error> {
        let mut window = Window {
            rejects: VecDeque::new(),
            reached: start,
            appended_at: None,
        };
        let Ok(mut reader) = self.shared.rejects.reader(Start::At(start)) else {
            // Retention has just passed the window, so nothing older is left either.
            return Ok(window);
        };
        while reader.position() < end {
            let frames = match reader.read(READ_BYTES) {
                Ok(frames) if frames.is_empty() => break,
                Ok(frames) => frames,
                // What is damaged cannot be shown; the rest can.
                Err(ReadError::Damaged { .. }) => continue,
                Err(ReadError::Cursor(_)) => break,
                Err(error @ ReadError::Io { .. }) => return Err(error.into()),
            };
            let first = frames.first().map(|frame| frame.appended_at);
            window.appended_at = window.appended_at.or(first);
            for (sequence, record) in frames.iter().flat_map(|frame| frame.records()) {
                if !(start..end).contains(&sequence) || record.kind != Kind::Reject {
                    continue;
                }
                window.rejects.extend(self.item(sequence, record.body)?);
                if window.rejects.len() > limit {
                    window.rejects.pop_front();
                    let first = window.rejects.front();
                    window.reached = first.map_or(start, |item| item.sequence);
                }
            }
        }
        Ok(window)
    }

    /// A record, if it is wanted.
    fn item(&self, sequence: u64, body: &[u8]) -> Result<Option<Item>, state::Error> {
        let reject = Reject::decode(body).ok();
        let reject = reject.filter(|reject| self.wanted.covers(self.shared, reject));
        let Some(mut reject) = reject else {
            return Ok(None);
        };
        let recovered = self.marks.of(sequence, &reject)?;
        let is_wanted = |wanted| wanted == recovered.is_some();
        if !self.wanted.recovered.is_none_or(is_wanted) {
            return Ok(None);
        }
        reject.rest = Vec::new();
        Ok(Some(Item {
            sequence,
            reject,
            recovered,
        }))
    }
}

/// One reject by its sequence, cut to what a grant sees, with the rest of its payload; `None`: there is
/// none, or it is not seen.
///
/// # Errors
/// The disk's.
pub fn one(shared: &Shared, grant: &Grant, sequence: u64) -> Result<Option<Item>, Error> {
    let Some(rejected) = retry::Loader::new(shared).load(sequence)? else {
        return Ok(None);
    };
    let found = rejected.rejects.into_iter().find(|(at, _)| *at == sequence);
    let found = found.filter(|(_, reject)| shared.cut(grant).sees_reject(&reject.device_id));
    let Some((sequence, mut reject)) = found else {
        return Ok(None);
    };
    let mut recovered = shared.intake.marks()?.of(sequence, &reject)?;
    if let Some(by) = &mut recovered {
        *by = Own::new(shared, grant).of(&reject, *by)?;
    }
    shared.cut(grant).reject(&mut reject);
    Ok(Some(Item {
        sequence,
        reject,
        recovered,
    }))
}
