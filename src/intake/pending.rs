//! Uplinks between decoding and appending.
use super::alarm::Alarm;
use super::dedup::Transmission;
use super::normalise::{ClockWrong, Origin};
use super::own::Claim;
use super::truth::Watched;
use super::uplink::Verdict;
use crate::codecs::{Decoded, Reason};
use crate::log::record::Kind;
use crate::model::{ReadingDraft, Source};
use std::ops::Range;

/// Uplinks decoded and not yet appended: those of one socket read. The sender of them bounds their
/// number; one takes about twice its payload. The memory is kept from one use to the next, up to
/// 1 MiB: there is one per thread.
#[derive(Debug, Default)]
pub struct Pending {
    pub(super) uplinks: Vec<Taken>,
    pub(super) records: Vec<Record>,
    pub(super) parts: Vec<Part>,
    /// Registers in the records, in the order of these, those of one in order of time.
    pub(super) watched: Vec<Watched>,
    /// Alarms that a record says are off, in the order of the records.
    pub(super) off: Vec<(usize, u64)>,
    /// Set by commit: events behind the record of this index.
    pub(super) told: Vec<(usize, Range<usize>)>,
    /// Bodies of records and parts.
    pub(super) bytes: Vec<u8>,
    pub(super) scratch: Scratch,
}

/// More than the usual batch takes, some 500 uplinks: to give memory back and ask for it again at each
/// commit was 6 % of the `CoAP` thread.
const BYTES_KEPT_MAX: usize = 1 << 20;

#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) decoded: Decoded<'static>,
    pub(super) readings: Vec<ReadingDraft<'static>>,
    pub(super) origins: Vec<Origin>,
    pub(super) hashed: Vec<u8>,
}

/// One uplink.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) source: Source,
    pub(super) unassured: bool,
    pub(super) transmission: Option<Transmission>,
    pub(super) records: Range<usize>,
    /// The encoded [`crate::model::Arrival`], where there are records.
    pub(super) arrival: Range<usize>,
    pub(super) parts: Range<usize>,
    /// Identity of the parts, where every report is dated.
    pub(super) parts_key: Option<u128>,
    /// If there are no records.
    pub(super) rejected: Verdict,
    /// Hashes of the address and of the device, if any, whose budgets the parts are charged to.
    pub(super) senders: (u64, Option<u64>),
    /// An address is its device's own if it is appended.
    pub(super) claim: Option<Claim>,
}

/// A report or event.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) kind: Kind,
    pub(super) content: Option<u128>,
    pub(super) body: Range<usize>,
    /// This is the event `clock_wrong` of the report before it.
    pub(super) clock: Option<(u64, ClockWrong)>,
    /// This is the event `meter_alarm`.
    pub(super) alarm: Option<Box<Alarm>>,
    /// Set by commit: not to be appended.
    pub(super) skip: bool,
}

/// A reject, or a part of one.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) reason: Reason,
    pub(super) body: Range<usize>,
    /// Where the body ends if of the payload no more than its beginning is kept.
    pub(super) short: usize,
}

impl Pending {
    /// Uplinks in it.
    pub const fn len(&self) -> usize {
        self.uplinks.len()
    }

    /// None?
    pub const fn is_empty(&self) -> bool {
        self.uplinks.is_empty()
    }

    /// Bytes that wait to be appended.
    pub const fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn records_of(&self, taken: &Taken) -> &[Record] {
        self.records.get(taken.records.clone()).unwrap_or_default()
    }

    /// What was found of the registers in a record: events that follow it.
    pub(super) fn told_of(&self, record: usize) -> impl Iterator<Item = &[u8]> {
        let from = self.told.partition_point(|(of, _)| *of < record);
        let told = self.told.get(from..).unwrap_or_default().iter();
        let told = told.take_while(move |(of, _)| *of == record);
        told.map(|(_, place)| self.bytes_at(place))
    }

    pub(super) fn parts_of(&self, taken: &Taken) -> &[Part] {
        self.parts.get(taken.parts.clone()).unwrap_or_default()
    }

    /// What lies at a place that [`Pending::body`] returned.
    pub(super) fn bytes_at(&self, place: &Range<usize>) -> &[u8] {
        self.bytes.get(place.clone()).unwrap_or_default()
    }

    /// Drops all uplinks, keeps the memory.
    pub(super) fn clear(&mut self) {
        self.uplinks.clear();
        self.records.clear();
        self.parts.clear();
        self.watched.clear();
        self.told.clear();
        self.off.clear();
        self.bytes.clear();
        self.bytes.shrink_to(BYTES_KEPT_MAX);
    }

    /// Drops all records but reports.
    pub(super) fn keep_reports(&mut self) {
        let is_report = |record: &Record| record.kind == Kind::Report;
        let kept: Vec<bool> = self.records.iter().map(is_report).collect();
        let place = |at: usize| kept.iter().take(at).filter(|kept| **kept).count();
        for watched in &mut self.watched {
            watched.record = place(watched.record);
        }
        for (record, _) in &mut self.off {
            *record = place(*record);
        }
        self.records.retain(is_report);
    }

    /// Appends a body and returns its place.
    pub(super) fn body(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Range<usize> {
        let start = self.bytes.len();
        write(&mut self.bytes);
        start..self.bytes.len()
    }
}
