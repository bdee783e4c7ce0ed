//! The log of rejects, backwards.
//!
//! The log is read forward only, so a walk back is made from windows, each twice as large as the one
//! before. The work of one walk is bounded: a filter that matches little gives few or none, and the
//! place to go on from.
use super::Shared;
use crate::access::Grant;
use crate::log::record::Kind;
use crate::log::{ReadError, Start};
use crate::model::{Reject, Timestamp};
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
    /// As topic or payload named it.
    pub device: Option<String>,
    /// Received at or after this.
    pub from: Option<Timestamp>,
    /// Received before this.
    pub to: Option<Timestamp>,
    /// What of them may be seen, and by whom.
    pub grant: Arc<Grant>,
}

impl Wanted {
    fn takes(&self, shared: &Shared, reject: &Reject) -> bool {
        let at = Timestamp::from_nanos(reject.received_at_ns);
        let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|w| w == found);
        is(&self.reason, &reject.reason)
            && is(&self.device, &reject.device_id)
            && self.from.is_none_or(|from| at >= from)
            && self.to.is_none_or(|to| at < to)
            && shared.cut(&self.grant).sees_reject(&reject.device_id)
    }
}

/// What one walk found.
#[derive(Debug, Default)]
pub struct Found {
    /// With their sequences, newest first.
    pub rejects: Vec<(u64, Reject)>,
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
) -> Result<Found, ReadError> {
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
    let mut page = Found::default();
    let (mut window, mut scanned, mut raw_bytes) = (WINDOW_MIN, 0, 0);
    while end > floor && page.rejects.len() < limit && scanned < SCAN_MAX {
        let start = floor.max(end.saturating_sub(window));
        let window_found = window_of(shared, wanted, start, end, limit - page.rejects.len())?;
        let mut reached = window_found.reached;
        page.reached_at = window_found.appended_at.or(page.reached_at);
        for (sequence, mut reject) in window_found.rejects.into_iter().rev() {
            if raw_bytes >= RAW_BYTES_MAX {
                page.next = Some(sequence + 1);
                return Ok(page);
            }
            shared.cut(&wanted.grant).reject(&mut reject);
            raw_bytes += reject.raw.len();
            page.rejects.push((sequence, reject));
            reached = reached.min(sequence);
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
    rejects: VecDeque<(u64, Reject)>,
    /// How far back they reach.
    reached: u64,
    /// When its first frame was appended.
    appended_at: Option<Timestamp>,
}

/// The newest `limit` matches in `start..end`.
fn window_of(
    shared: &Shared,
    wanted: &Wanted,
    start: u64,
    end: u64,
    limit: usize,
) -> Result<Window, ReadError> {
    let mut window = Window {
        rejects: VecDeque::new(),
        reached: start,
        appended_at: None,
    };
    let Ok(mut reader) = shared.rejects.reader(Start::At(start)) else {
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
            Err(error @ ReadError::Io { .. }) => return Err(error),
        };
        let first = frames.first().map(|frame| frame.appended_at);
        window.appended_at = window.appended_at.or(first);
        for (sequence, record) in frames.iter().flat_map(|frame| frame.records()) {
            if !(start..end).contains(&sequence) || record.kind != Kind::Reject {
                continue;
            }
            let Ok(reject) = Reject::decode(record.body) else {
                continue;
            };
            if wanted.takes(shared, &reject) {
                window.rejects.push_back((sequence, reject));
            }
            if window.rejects.len() > limit {
                window.rejects.pop_front();
                let first = window.rejects.front();
                window.reached = first.map_or(start, |(sequence, _)| *sequence);
            }
        }
    }
    Ok(window)
}
