//! `/v1/rejects`: what could not become readings, newest first.
//!
//! The log of rejects is read forward only, so a page is made from windows that go backwards, each
//! twice as large as the one before. The work of one request is bounded: a filter that matches
//! little gives a short or empty page with a token that goes on from there.
use super::Http;
use super::json::RejectJson;
use super::params::Params;
use super::problem::Problem;
use crate::api::token::{MALFORMED, PageToken, request_hash};
use crate::codecs::Reason;
use crate::log::record::Kind;
use crate::log::{Log, ReadError, Start};
use crate::model::settings::nearest;
use crate::model::{Reject, Timestamp};
use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use prost::Message;
use serde::Serialize;
use std::collections::VecDeque;
use std::time::Duration;

/// Rejects on a page.
const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 1_000;
/// Payload bytes on a page; as base64 and text they take about three times as much.
const PAGE_RAW_BYTES_MAX: usize = 1 << 20;
/// Records in the first and in the largest window.
const WINDOW_MIN: u64 = 128;
const WINDOW_MAX: u64 = 4_096;
/// Records looked at for one page: about 0.1 s.
const SCAN_MAX: u64 = 32_768;
/// Bytes of frames asked of the log at a time.
const READ_BYTES: usize = 256 << 10;
/// A clock that was set back receives rejects earlier than the log appends them: this much later
/// than `to` they are still looked for.
const CLOCK_SLACK: Duration = Duration::from_hours(1);

/// What to show.
#[derive(Clone, Debug, Default)]
struct Wanted {
    reason: Option<String>,
    device: Option<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

impl Wanted {
    fn takes(&self, reject: &Reject) -> bool {
        let at = Timestamp::from_nanos(reject.received_at_ns);
        let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|w| w == found);
        is(&self.reason, &reject.reason)
            && is(&self.device, &reject.device_id)
            && self.from.is_none_or(|from| at >= from)
            && self.to.is_none_or(|to| at < to)
    }
}

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    rejects: Vec<RejectJson>,
    /// For `page_token`; absent at the end. A page may be empty and still have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// `/v1/rejects?reason&device&from&to&limit&page_token`.
pub async fn rejects(State(http): State<Http>, uri: Uri) -> Result<Json<Page>, Problem> {
    let mut params = Params::of(&uri)?;
    let wanted = Wanted {
        reason: params.get("reason", reason),
        device: params.text("device"),
        from: params.time("from"),
        to: params.time("to"),
    };
    if let (Some(from), Some(to)) = (wanted.from, wanted.to)
        && from >= to
    {
        params.wrong("from", "must lie before `to`");
    }
    let texts = [wanted.from, wanted.to].map(|time| time.map(|time| time.to_string()));
    let [from, to] = &texts;
    let request = request_hash(&[
        wanted.reason.as_deref(),
        wanted.device.as_deref(),
        from.as_deref(),
        to.as_deref(),
    ]);
    let limit = params.limit("limit", LIMIT_DEFAULT, LIMIT_MAX);
    let token = params.get("page_token", |text| {
        PageToken::decode(text, request).ok_or_else(|| MALFORMED.to_owned())
    });
    params.finish()?;
    let page = http
        .read(move |shared| {
            page(&shared.rejects, &wanted, token.map(|token| token.at), limit)
                .map_err(|error| Problem::internal("the rejects cannot be read", &error))
        })
        .await?;
    let token = page.next.map(|at| {
        PageToken {
            request,
            at,
            skip: 0,
        }
        .encode()
    });
    Ok(Json(Page {
        rejects: page
            .found
            .into_iter()
            .map(|(sequence, reject)| RejectJson::new(sequence, reject))
            .collect(),
        next_page_token: token,
    }))
}

/// A reason out of the closed set: another would give an empty page, which looks like good news.
fn reason(name: &str) -> Result<String, String> {
    let known = || Reason::ALL.iter().map(|reason| reason.as_str());
    if known().any(|reason| reason == name) {
        return Ok(name.to_owned());
    }
    Err(nearest(name, known()).map_or_else(
        || "unknown reason".to_owned(),
        |near| format!("unknown reason; did you mean {near:?}?"),
    ))
}

#[derive(Debug, Default)]
struct Found {
    /// Newest first.
    found: Vec<(u64, Reject)>,
    /// All from here on has been looked at; `None`: all there is.
    next: Option<u64>,
}

/// Walks back from `before` (exclusive; the end if `None`).
fn page(log: &Log, wanted: &Wanted, before: Option<u64>, limit: usize) -> Result<Found, ReadError> {
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
    while end > floor && page.found.len() < limit && scanned < SCAN_MAX {
        let start = floor.max(end.saturating_sub(window));
        let (found, mut reached) = window_of(log, wanted, start, end, limit - page.found.len())?;
        for (sequence, reject) in found.into_iter().rev() {
            if raw_bytes >= PAGE_RAW_BYTES_MAX {
                page.next = Some(sequence + 1);
                return Ok(page);
            }
            raw_bytes += reject.raw.len();
            page.found.push((sequence, reject));
            reached = reached.min(sequence);
        }
        scanned += end - start;
        end = reached;
        window = (window * 2).min(WINDOW_MAX);
    }
    page.next = (end > floor).then_some(end);
    Ok(page)
}

/// The newest `limit` matches in `start..end`, oldest first, and how far back they reach.
fn window_of(
    log: &Log,
    wanted: &Wanted,
    start: u64,
    end: u64,
    limit: usize,
) -> Result<(VecDeque<(u64, Reject)>, u64), ReadError> {
    let mut found = VecDeque::new();
    let mut reached = start;
    let Ok(mut reader) = log.reader(Start::At(start)) else {
        // Retention has just passed the window, so nothing older is left either.
        return Ok((found, reached));
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
        for (sequence, record) in frames.iter().flat_map(|frame| frame.records()) {
            if !(start..end).contains(&sequence) || record.kind != Kind::Reject {
                continue;
            }
            let Ok(reject) = Reject::decode(record.body) else {
                continue;
            };
            if wanted.takes(&reject) {
                found.push_back((sequence, reject));
            }
            if found.len() > limit {
                found.pop_front();
                reached = found.front().map_or(start, |(sequence, _)| *sequence);
            }
        }
    }
    Ok((found, reached))
}
