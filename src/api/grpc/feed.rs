//! From the log's frames to responses: the part of a subscription that needs no network.
//!
//! ```text
//! Reader --frames--> [records, filtered] --bytes--> Draft --> SubscribeFrame
//! ```
//! A feed holds the frames it has read and its place inside the first one, so that a response can
//! end in the middle of a frame. It is moved to a blocking thread as a whole while it is far behind.
use super::frame::Draft;
use crate::api::selection::Selection;
use crate::log::record::{self, Kind, RecordView};
use crate::log::{Frame, ReadError, Reader};
use crate::model::wire::{Fields, LEN, WireError, put_key, put_varint};
use crate::model::{ReportView, Timestamp, proto};
use prost::Message;
use std::collections::VecDeque;
use std::sync::Arc;

/// Bytes of frames asked of the log at a time: enough to make a read worth its call.
const READ_BYTES: usize = 256 << 10;
/// Bytes looked at before a feed pauses, although the filter left everything out: so that
/// heartbeats leave and a halt is noticed during a long search.
const SCAN_BYTES_MAX: usize = 8 << 20;

/// One subscriber's way along the log.
pub struct Feed {
    reader: Reader,
    selection: Arc<Selection>,
    frames: VecDeque<Arc<Frame>>,
    /// Place in the first frame's body.
    offset: usize,
    /// Sequence of the record at `offset`.
    at: u64,
    /// All below has been looked at.
    next: u64,
    /// Append time of what was looked at last.
    appended_at: Option<Timestamp>,
    /// Came after records that had to leave first.
    failed: Option<ReadError>,
    /// Reused for reports that a metric filter strips.
    stripped: Vec<u8>,
}

/// What one turn gave.
#[derive(Debug, Default)]
pub struct Filled {
    /// Possibly nothing.
    pub draft: Draft,
    /// Nothing was left to read.
    pub caught_up: bool,
}

impl Feed {
    /// Starts where `reader` stands.
    pub fn new(reader: Reader, selection: Selection) -> Self {
        Self {
            next: reader.position(),
            reader,
            selection: Arc::new(selection),
            frames: VecDeque::new(),
            offset: 0,
            at: 0,
            appended_at: None,
            failed: None,
            stripped: Vec::new(),
        }
    }

    /// The last sequence that was sent or left out: what a cursor says.
    pub const fn seen(&self) -> u64 {
        self.next.saturating_sub(1)
    }

    /// Append time of what was looked at last.
    pub const fn appended_at(&self) -> Option<Timestamp> {
        self.appended_at
    }

    /// Resolves when there is more to read. Cancel-safe.
    pub async fn ready(&mut self) {
        if self.frames.is_empty() && self.failed.is_none() {
            self.reader.ready().await;
        }
    }

    /// Fills one response. Blocks on the disk at most.
    ///
    /// # Errors
    /// The log's, once everything read before has been returned.
    pub fn fill(&mut self) -> Result<Filled, ReadError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let mut filled = Filled::default();
        let mut scanned = 0;
        loop {
            while let Some(frame) = self.frames.front().cloned() {
                scanned += frame.body.len() - self.offset.min(frame.body.len());
                if !self.drain(&frame, &mut filled.draft) {
                    return Ok(filled);
                }
                self.frames.pop_front();
                self.offset = 0;
            }
            if scanned >= SCAN_BYTES_MAX {
                return Ok(filled);
            }
            match self.reader.read(READ_BYTES) {
                Ok(frames) if frames.is_empty() => {
                    // Sequences that were never written (a full disk) are passed, too.
                    self.next = self.next.max(self.reader.position());
                    filled.caught_up = true;
                    return Ok(filled);
                }
                Ok(frames) => self.frames.extend(frames),
                Err(error) if filled.draft.is_empty() => return Err(error),
                Err(error) => {
                    self.failed = Some(error);
                    return Ok(filled);
                }
            }
        }
    }

    /// Moves records of `frame` into `draft`; false when that is full.
    fn drain(&mut self, frame: &Frame, draft: &mut Draft) -> bool {
        if self.offset == 0 {
            self.at = frame.first;
        }
        self.appended_at = Some(frame.appended_at);
        let mut fields = Fields::new(frame.body.get(self.offset..).unwrap_or_default());
        // The CRC excludes malformed records; should one be there, the frame ends before it.
        while self.at <= frame.last
            && let Ok(record) = record::take(&mut fields)
        {
            if self.at >= self.next {
                if !self.take(&record, draft) {
                    return false;
                }
                self.next = self.at + 1;
            }
            self.at += 1;
            self.offset = frame.body.len() - fields.rest().len();
        }
        self.next = self.next.max(frame.last + 1);
        true
    }

    /// Adds one record if it is wanted; false when there is no room for it.
    fn take(&mut self, record: &RecordView<'_>, draft: &mut Draft) -> bool {
        let everything = self.selection.is_all();
        let mut body = record.body;
        match record.kind {
            Kind::Report if everything => {}
            Kind::Report => match self.strip(body) {
                Ok(Stripped::Whole) => {}
                Ok(Stripped::Part) => body = &self.stripped,
                Ok(Stripped::Nothing) | Err(_) => return true,
            },
            Kind::Event if everything || self.wants_event(body) => {}
            Kind::Event | Kind::Reject | Kind::Release => return true,
        }
        if !draft.fits(body.len()) {
            return false;
        }
        if record.kind == Kind::Event {
            draft.push_event(self.at, body);
        } else {
            draft.push_report(self.at, body);
        }
        true
    }

    /// What the filter leaves of a report; a part lies in `self.stripped`.
    fn strip(&mut self, body: &[u8]) -> Result<Stripped, WireError> {
        let report = ReportView::parse(body)?;
        if !self
            .selection
            .takes_device(report.device_id, report.kind, report.district)
        {
            return Ok(Stripped::Nothing);
        }
        if !self.selection.strips_readings() {
            return Ok(Stripped::Whole);
        }
        strip_readings(&report, &self.selection, &mut self.stripped)
    }

    /// Events of a device are filtered as its reports are, but not by metric. Those of the gateway
    /// itself go to whoever filters nothing.
    fn wants_event(&self, body: &[u8]) -> bool {
        proto::Event::decode(body).is_ok_and(|event| {
            !event.device_id.is_empty()
                && self
                    .selection
                    .takes_device(&event.device_id, &event.kind, &event.district)
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stripped {
    Whole,
    Part,
    Nothing,
}

/// Copies the report's own fields and the wanted readings into `out`, byte for byte.
fn strip_readings(
    report: &ReportView<'_>,
    selection: &Selection,
    out: &mut Vec<u8>,
) -> Result<Stripped, WireError> {
    out.clear();
    let (mut kept, mut left_out) = (false, false);
    let mut fields = Fields::new(report.bytes);
    loop {
        let before = fields.rest();
        let Some((field, value)) = fields.next()? else {
            break;
        };
        if field != READINGS {
            let len = before.len() - fields.rest().len();
            out.extend_from_slice(before.get(..len).unwrap_or_default());
        } else if selection.takes_metric(metric_of(value.bytes())?) {
            put_key(out, READINGS, LEN);
            put_varint(out, value.bytes().len() as u64);
            out.extend_from_slice(value.bytes());
            kept = true;
        } else {
            left_out = true;
        }
    }
    Ok(match (kept, left_out) {
        (true, true) => Stripped::Part,
        (true, false) => Stripped::Whole,
        (false, _) => Stripped::Nothing,
    })
}

/// `Report.readings`.
const READINGS: u32 = 8;

/// `Reading.metric`, without looking at the rest when it comes first, as it does in the log.
fn metric_of(reading: &[u8]) -> Result<&str, WireError> {
    let mut fields = Fields::new(reading);
    while let Some((field, value)) = fields.next()? {
        if field == 1 {
            return value.text();
        }
    }
    Ok("")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::catalogue::Catalogue;
    use proptest::prelude::*;

    fn wanting(metrics: &[&str]) -> Selection {
        let filter = proto::Filter {
            metrics: metrics.iter().map(|metric| (*metric).to_owned()).collect(),
            ..proto::Filter::default()
        };
        Selection::check(&filter, &Catalogue::shipped()).unwrap()
    }

    fn report(metrics: &[&str]) -> proto::Report {
        let reading = |metric: &&str| proto::Reading {
            metric: (*metric).to_owned(),
            unit: "V".to_owned(),
            labels: [("phase".to_owned(), "a".to_owned())].into(),
            ..proto::Reading::default()
        };
        proto::Report {
            device_id: "m-1".to_owned(),
            node: "lixia-1".to_owned(),
            readings: metrics.iter().map(reading).collect(),
            ..proto::Report::default()
        }
    }

    fn strip(
        report: &[u8],
        selection: &Selection,
        out: &mut Vec<u8>,
    ) -> Result<Stripped, WireError> {
        strip_readings(&ReportView::parse(report)?, selection, out)
    }

    proptest! {
        #[test]
        fn stripping_keeps_all_but_the_other_readings(
            metrics in prop::collection::vec(prop::sample::select(vec!["voltage", "current", "humidity"]), 0..6),
            cut: prop::sample::Index,
        ) {
            let selection = wanting(&["voltage", "current"]);
            let whole = report(&metrics);
            let mut expected = whole.clone();
            expected.readings.retain(|reading| reading.metric != "humidity");
            let bytes = whole.encode_to_vec();
            let mut out = Vec::new();
            let stripped = strip(&bytes, &selection, &mut out).unwrap();
            match stripped {
                Stripped::Whole => prop_assert_eq!(&expected, &whole),
                Stripped::Part => prop_assert_eq!(proto::Report::decode(out.as_slice()).unwrap(), expected),
                Stripped::Nothing => prop_assert!(expected.readings.is_empty()),
            }
            // Truncated: an error or a shorter report, never a panic.
            let cut = bytes.get(..cut.index(bytes.len())).unwrap();
            let _ = strip(cut, &selection, &mut out);
        }
    }

    #[test]
    fn a_metric_that_does_not_come_first_is_found() {
        let mut bytes = Vec::new();
        crate::model::wire::put_bytes(&mut bytes, 2, b"V");
        crate::model::wire::put_bytes(&mut bytes, 1, b"voltage");
        assert_eq!(metric_of(&bytes), Ok("voltage"));
        assert_eq!(metric_of(&[]), Ok(""));
        assert!(metric_of(&[0x0a, 9]).is_err());
    }
}
