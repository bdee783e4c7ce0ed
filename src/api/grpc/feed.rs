//! From the log's frames to responses: the part of a subscription that needs no network.
//!
//! ```text
//! Reader --frames--> [records, filtered] --bytes--> Draft --> SubscribeFrame
//! ```
//! A feed holds the frames it has read and its place inside the first one, so that a response can
//! end in the middle of a frame. It is moved to a blocking thread as a whole while it is far behind.
//! What the caller's grant does not cover is left out here, before anything is counted or measured.
use super::frame::Draft;
use crate::api::cut::Cut;
use crate::api::selection::Selection;
use crate::devices::Registry;
use crate::log::record::{self, Kind, RecordView};
use crate::log::{Frame, ReadError, Reader};
use crate::model::wire::{Fields, LEN, WireError, put_key, put_varint};
use crate::model::{ReportView, Timestamp, proto};
use prost::Message;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of frames asked of the log at a time: enough to make a read worth its call.
const READ_BYTES: usize = 256 << 10;
/// Bytes looked at before a feed pauses, although the filter left everything out: so that
/// heartbeats leave and a halt is noticed during a long search.
const SCAN_BYTES_MAX: usize = 8 << 20;

/// One subscriber's way along the log.
pub struct Feed {
    reader: Reader,
    selection: Arc<Selection>,
    /// Which devices of an event, or on the way of a report, are granted.
    devices: Registry,
    frames: VecDeque<Arc<Frame>>,
    /// Place in the first frame's body.
    offset: usize,
    /// Sequence of the record at `offset`.
    at: u64,
    /// All below has been looked at.
    next: u64,
    /// Append time of what was looked at last.
    appended_at: Option<Timestamp>,
    /// Append time of what was sent last.
    sent_at: Option<Timestamp>,
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
    pub fn new(reader: Reader, selection: Selection, devices: Registry) -> Self {
        Self {
            next: reader.position(),
            reader,
            selection: Arc::new(selection),
            devices,
            frames: VecDeque::new(),
            offset: 0,
            at: 0,
            appended_at: None,
            sent_at: None,
            failed: None,
            stripped: Vec::new(),
        }
    }

    /// The last sequence that was sent or left out: what a cursor says.
    pub const fn seen(&self) -> u64 {
        self.next.saturating_sub(1)
    }

    /// What it lets pass.
    pub const fn selection(&self) -> &Arc<Selection> {
        &self.selection
    }

    /// How far behind what is sent now is: of whoever may see everything, what was looked at last; else
    /// what was sent last, for the rest is nobody's business.
    pub fn behind(&self, filled: &Filled, watermark: u64, now: Timestamp) -> Duration {
        let grant = self.selection.grant();
        let at = if grant.is_unrestricted() {
            self.appended_at.filter(|_| self.seen() < watermark)
        } else {
            let sent = !filled.caught_up && !filled.draft.is_empty();
            self.sent_at.filter(|_| sent)
        };
        at.map_or(Duration::ZERO, |at| now.since(at))
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
        let mut body = record.body;
        match record.kind {
            Kind::Report if self.selection.is_all() => {}
            Kind::Report => match self.strip(body) {
                Ok(Stripped::Whole) => {}
                Ok(Stripped::Part) => body = &self.stripped,
                Ok(Stripped::Nothing) | Err(_) => return true,
            },
            Kind::Event if self.selection.is_all_events() => {}
            Kind::Event => match self.cut_event(body) {
                Stripped::Whole => {}
                Stripped::Part => body = &self.stripped,
                Stripped::Nothing => return true,
            },
            Kind::Reject | Kind::Release => return true,
        }
        if !draft.fits(body.len()) {
            return false;
        }
        self.sent_at = self.appended_at;
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
        let hides_via = Cut::new(&self.devices, self.selection.grant()).hides_via(report.via);
        if !self.selection.strips_readings() && !hides_via {
            return Ok(Stripped::Whole);
        }
        strip_readings(&report, &self.selection, hides_via, &mut self.stripped)
    }

    /// What is granted and wanted of an event; a part lies in `self.stripped`. Events of a device are
    /// filtered as its reports are, but not by metric. Those of the gateway itself go to whoever
    /// filters nothing and is granted them.
    fn cut_event(&mut self, body: &[u8]) -> Stripped {
        let Ok(mut event) = proto::Event::decode(body) else {
            return Stripped::Nothing;
        };
        let grant = self.selection.grant();
        let cut = Cut::new(&self.devices, grant);
        let wanted = if event.device_id.is_empty() {
            self.selection.takes_gateway()
        } else {
            let takes = |(kind, district): (Box<str>, Box<str>)| {
                self.selection
                    .takes_device(&event.device_id, &kind, &district)
            };
            cut.place(&event).is_some_and(takes)
        };
        if !wanted {
            return Stripped::Nothing;
        }
        let details = event.detail.len();
        cut.details(&mut event);
        if event.detail.len() == details {
            return Stripped::Whole;
        }
        self.stripped.clear();
        match event.encode(&mut self.stripped) {
            Ok(()) => Stripped::Part,
            // A Vec grows; it has room for whatever was decoded out of a frame.
            Err(_) => Stripped::Nothing,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stripped {
    Whole,
    Part,
    Nothing,
}

/// Copies the report's own fields and the wanted readings into `out`, byte for byte; not who carried it,
/// where that is hidden.
fn strip_readings(
    report: &ReportView<'_>,
    selection: &Selection,
    hides_via: bool,
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
        if field == VIA && hides_via {
            left_out = true;
        } else if field != READINGS {
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
/// `Report.via`.
const VIA: u32 = 10;

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
    use crate::access::Grant;
    use crate::api::selection::Judge;
    use crate::catalogue::Catalogue;
    use proptest::prelude::*;

    fn wanting(metrics: &[&str]) -> Selection {
        let filter = proto::Filter {
            metrics: metrics.iter().map(|metric| (*metric).to_owned()).collect(),
            ..proto::Filter::default()
        };
        let judge = Judge {
            catalogue: &Catalogue::shipped(),
            grant: &Arc::new(Grant::everything("a")),
            sees: &|_| true,
        };
        Selection::check(&filter, &judge).unwrap()
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
        strip_readings(&ReportView::parse(report)?, selection, false, out)
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
