//! Older uplinks, out of history: windows of observation time that go back.
use super::recent::{GONE, time_of};
use super::{Entry, Uplink, What};
use crate::history::{History, QueryError, Selection};
use crate::model::{Timestamp, proto};
use std::collections::{HashSet, VecDeque};
use std::time::Duration;

/// The first window, where the device's interval is not known.
const SPAN_DEFAULT: Duration = Duration::from_hours(1);
/// The shortest window: of a device that says more than this much in it, some is passed over.
const SPAN_MIN: Duration = Duration::from_secs(1);
/// Reports read in one window; a device that says more gets shorter windows.
const WINDOW_MAX: usize = 4_096;
/// Reports read for one page: enough to get from the longest window to the shortest, by eighths.
const SCAN_MAX: usize = 65_536;
/// The longest first window.
const FIRST_MAX: Duration = Duration::from_hours(32 * 24);
/// Windows of one page. They grow fourfold, so that a century of silence is passed in these.
const WINDOWS_MAX: usize = 32;
/// Nothing was observed before: intake does not believe earlier times.
const FLOOR: Timestamp = Timestamp::from_secs(1_420_070_400);

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// Newest first.
    pub(super) entries: Vec<Entry>,
    /// Everything observed at or after this is there; `None`: everything there is.
    pub(super) reached: Option<Timestamp>,
}

/// What to look for.
pub(super) struct Search<'s> {
    /// Of one device, as far as it is granted.
    pub(super) selection: Selection,
    pub(super) from: Option<Timestamp>,
    /// Inclusive.
    pub(super) to: Timestamp,
    pub(super) count: usize,
    /// Reports that are there already.
    pub(super) known: &'s HashSet<u64>,
    /// The device's usual time between two uplinks.
    pub(super) interval: Option<Duration>,
    /// Little lies ahead of it.
    pub(super) now: Timestamp,
}

/// The newest `count` uplinks that were observed within the times. Blocks on the disk.
///
/// # Errors
/// History's.
pub(super) fn past(history: &History, search: &Search<'_>) -> Result<Past, QueryError> {
    let floor = search.from.unwrap_or(FLOOR).max(FLOOR);
    let mut found = Past::default();
    let mut end = search.to.plus(Duration::from_nanos(1));
    let many = u32::try_from(search.count).unwrap_or(u32::MAX);
    let usual = search
        .interval
        .map(|interval| interval.saturating_mul(many));
    let usual = usual.unwrap_or(SPAN_DEFAULT).clamp(SPAN_MIN, FIRST_MAX);
    let mut span = usual.saturating_add(end.since(search.now));
    let mut scanned = 0;
    for _ in 0..WINDOWS_MAX {
        if end <= floor || found.entries.len() >= search.count || scanned >= SCAN_MAX {
            break;
        }
        let start = end.minus(span).max(floor);
        let wanted = search.count - found.entries.len();
        let window = window(history, search, (start, end), wanted, span > SPAN_MIN)?;
        scanned += window.scanned;
        if window.dense {
            span = (span / 8).max(SPAN_MIN);
            continue;
        }
        found
            .entries
            .extend(window.reports.into_iter().rev().map(entry));
        end = start;
        span = span.saturating_mul(4);
    }
    found.reached = (end > floor).then_some(end);
    Ok(found)
}

struct Window {
    /// Oldest first.
    reports: VecDeque<proto::Report>,
    scanned: usize,
    /// Given up: a shorter one is needed.
    dense: bool,
}

fn window(
    history: &History,
    search: &Search<'_>,
    (start, end): (Timestamp, Timestamp),
    wanted: usize,
    may_shrink: bool,
) -> Result<Window, QueryError> {
    let mut window = Window {
        reports: VecDeque::new(),
        scanned: 0,
        dense: false,
    };
    for report in history.query(search.selection.clone(), start, end) {
        let report = report?;
        window.scanned += 1;
        if window.scanned > WINDOW_MAX && may_shrink {
            window.dense = true;
            return Ok(window);
        }
        if search.known.contains(&report.sequence) {
            continue;
        }
        window.reports.push_back(report);
        if window.reports.len() > wanted {
            window.reports.pop_front();
        }
    }
    Ok(window)
}

fn entry(report: proto::Report) -> Entry {
    let observed = report.readings.first();
    Entry {
        at: time_of(observed.and_then(|reading| reading.observed_at.as_ref())),
        sequence: report.sequence,
        what: What::Uplink(Box::new(Uplink {
            report,
            arrived: None,
            note: GONE,
        })),
    }
}
