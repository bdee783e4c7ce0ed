//! From records to devices. A record that was applied before changes nothing.
use super::entry::{ACCEPTED, Address, DOWN, Entry, Last, NEVER, Shape};
use super::health::{self, Judged, Rule};
use super::names::Series;
use super::roll::{DISTRICT, KIND};
use super::table::{NOBODY, Table};
use super::view::TraceKind;
use crate::log::record::{Arrived, Kind, RecordView};
use crate::model::proto;
use crate::model::{Arrival, Quality, ReadingView, Reject, ReportView, Timestamp, Value};
use prost::Message;
use std::net::SocketAddr;

/// Series of one device whose last values are kept; the values of others are left to history.
pub(super) const SERIES_MAX: usize = 64;
/// The event that says that a device reports that is out of service.
pub(super) const RETIRED_HEARD: &str = "retired_device_heard";
/// Longest text of a last value, in bytes.
const TEXT_MAX: usize = 256;

/// What a store refuses says nothing about the device: its uplink was taken.
fn is_stores(reject: &Reject) -> bool {
    reject.reason == "store_rejected"
}

impl Table {
    /// Applies a record of the log.
    pub fn apply(&mut self, sequence: u64, record: &RecordView<'_>) {
        self.uplink(record.arrived);
        match record.kind {
            Kind::Report => match ReportView::parse(record.body) {
                Ok(report) => self.apply_report(sequence, &report),
                Err(_) => self.counts.skipped += 1,
            },
            Kind::Event => match proto::Event::decode(record.body) {
                Ok(event) => self.apply_event(sequence, &event, record.arrived != Arrived::Not),
                Err(_) => self.counts.skipped += 1,
            },
            Kind::Reject | Kind::Release => {}
        }
    }

    /// Notes where the records of an uplink came from, also before records that were applied before.
    pub fn uplink(&mut self, arrived: Arrived<'_>) {
        match arrived {
            Arrived::Not => self.uplink_from = None,
            Arrived::Here(bytes) => {
                self.uplink_from = Arrival::address_of(bytes).map(Address::from);
            }
            Arrived::Before => {}
        }
    }

    /// Applies a report that the uplink noted last brought.
    pub fn apply_report(&mut self, sequence: u64, report: &ReportView<'_>) {
        let at = report.received_at;
        let Some(number) = self.number(report.device_id, at, true) else {
            return;
        };
        let parent = self.parent(number, report);
        let source = u8::try_from(report.source).unwrap_or(0);
        let from = self.uplink_from;
        let fresh = |entry: &Entry| sequence > entry.log_sequence;
        // Also by the record that was applied last: its parent may have been lost with a crash.
        if self
            .entry(number)
            .is_some_and(|entry| sequence >= entry.log_sequence)
        {
            self.carried(number, parent);
        }
        if self.entry(number).is_some_and(fresh) {
            self.describe(number, report);
            let observed_at = self.take_values(number, sequence, report).unwrap_or(at);
            self.alive(number, at, source, from);
            self.accept(number);
            let sleepy_after = self.config.sleepy_after;
            if let Some(entry) = self.entry_mut(number) {
                entry.log_sequence = sequence;
                entry.reports += 1;
                entry.accepted(at);
                entry.judge_clock(at, observed_at, sleepy_after);
                let gap = at.since(entry.last_report).as_millis();
                entry
                    .recent
                    .push(sequence, u64::try_from(gap).unwrap_or(u64::MAX));
                entry.last_report = entry.last_report.max(at);
                entry.rhythm.uplink(at, observed_at);
            }
            self.settle(number, at);
            self.note_retired(number, at, observed_at);
        }
        if parent != NOBODY && self.entry(parent).is_some_and(fresh) {
            self.alive(parent, at, source, from);
            self.accept(parent);
            if let Some(entry) = self.entry_mut(parent) {
                entry.log_sequence = sequence;
                entry.rhythm.uplink(at, at);
            }
            self.settle(parent, at);
        }
    }

    /// The number of the device that carried the report.
    fn parent(&mut self, number: u32, report: &ReportView<'_>) -> u32 {
        if report.via.is_empty() || report.via == report.device_id {
            return NOBODY;
        }
        let known = self.mark(number).map_or(NOBODY, |mark| mark.parent);
        // One that the inventory names and that was never heard is heard now.
        if known != NOBODY && self.slot(known).is_some() && self.ids.get(known) == report.via {
            return known;
        }
        self.number(report.via, report.received_at, true)
            .unwrap_or(NOBODY)
    }

    fn describe(&mut self, number: u32, report: &ReportView<'_>) {
        let Some(slot) = self.slot(number) else {
            return;
        };
        let mark = self.marks.get_mut(number as usize);
        let (Some(mark), Some(entry)) = (mark, self.entries.get_mut(slot)) else {
            return;
        };
        // What the inventory says holds, also over reports from before it said so.
        if !self.roll.gives(number, KIND) {
            mark.kind = self.names.number(report.kind, mark.kind);
        }
        if !self.roll.gives(number, DISTRICT) {
            mark.district = self.names.number(report.district, mark.district);
        }
        let before = entry.profile;
        entry.profile = self.names.number(report.profile, before);
        if entry.profile != before {
            self.expect(number);
        }
    }

    /// Keeps the values that are newer than what is known. Returns the newest time in the report.
    fn take_values(
        &mut self,
        number: u32,
        sequence: u64,
        report: &ReportView<'_>,
    ) -> Option<Timestamp> {
        let mut newest = None;
        let mut place = 0;
        for reading in report.readings() {
            let Ok(reading) = reading else {
                self.counts.skipped += 1;
                continue;
            };
            newest = newest.max(Some(reading.observed_at));
            if let Some(entry) = self.entry_mut(number) {
                entry.readings += 1;
            }
            // Reports of one device have the same readings in the same order, mostly.
            if let Some(at) = self.place(number, place, &reading) {
                place = at + 1;
                self.take_value(number, at, sequence, &reading, report.received_at);
            }
        }
        newest
    }

    /// The place of a reading's series among the device's values, made if need be and if there is
    /// room.
    fn place(&mut self, number: u32, guess: usize, reading: &ReadingView<'_>) -> Option<usize> {
        let slot = self.slot(number)?;
        let entry = self.entries.get_mut(slot)?;
        let guessed = entry.values.get(guess);
        if guessed.is_some_and(|last| self.series.is(last.series, reading)) {
            return Some(guess);
        }
        let known = self.series.find(reading);
        let of = |series: u16| entry.values.iter().position(|last| last.series == series);
        if let Some(at) = known.and_then(of) {
            return Some(at);
        }
        let full = entry.values.len() >= SERIES_MAX;
        let series = known.or_else(|| {
            let series = || Series::new(reading, &self.catalogue);
            (!full).then(|| self.series.push(series())).flatten()
        });
        let Some(series) = series.filter(|_| !full) else {
            entry.extra().values_left += 1;
            return None;
        };
        // Exactly: a million devices pay for what is reserved and not used.
        entry.values.reserve_exact(1);
        entry.values.push(Last {
            observed_at: NEVER,
            sequence: 0,
            bits: 0,
            since_secs: 0,
            series,
            shape: Shape::Absent.pack(Quality::NotAvailable),
            run: 0,
        });
        Some(entry.values.len() - 1)
    }

    fn take_value(
        &mut self,
        number: u32,
        at: usize,
        sequence: u64,
        reading: &ReadingView<'_>,
        received_at: Timestamp,
    ) {
        let slot = self.slot(number);
        let entry = slot.and_then(|slot| self.entries.get_mut(slot));
        let Some(last) = entry.and_then(|entry| entry.values.get_mut(at)) else {
            return;
        };
        if (reading.observed_at, sequence) < (last.observed_at, last.sequence) {
            return;
        }
        let quality = reading.quality.unwrap_or(Quality::Uncertain);
        let (shape, bits) = match &reading.value {
            Value::Number(number) => (Shape::Number, number.to_bits()),
            Value::Flag(flag) => (Shape::Flag, u64::from(*flag)),
            Value::Text(_) => (Shape::Text, 0),
            Value::Absent => (Shape::Absent, 0),
        };
        if let Value::Text(text) = &reading.value {
            let mut end = text.len().min(TEXT_MAX);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            let text = text.get(..end).unwrap_or_default();
            let own = self.texts.entry((number, last.series)).or_default();
            if &**own != text {
                *own = text.into();
            }
        }
        let before = *last;
        last.observed_at = reading.observed_at;
        last.sequence = sequence;
        last.bits = bits;
        last.shape = shape.pack(quality);
        let after = *last;
        self.judge(number, at, before, after, reading, received_at);
    }

    /// Judges a new last value.
    fn judge(
        &mut self,
        number: u32,
        place: usize,
        before: Last,
        after: Last,
        reading: &ReadingView<'_>,
        at: Timestamp,
    ) {
        let rule = self
            .series
            .get(after.series)
            .map_or(Rule::Quality, |series| series.rule);
        let slot = self.slot(number);
        let Some(entry) = slot.and_then(|slot| self.entries.get_mut(slot)) else {
            return;
        };
        let good = reading.quality == Some(Quality::Good);
        if good
            && rule == Rule::Quality
            && entry.extra.is_none()
            && before.observed_at < after.observed_at
        {
            return;
        }
        let kind = self.marks.get(number as usize).map_or(0, |mark| mark.kind);
        let everything = (f64::NEG_INFINITY, f64::INFINITY);
        // Good is within the range.
        let metric = (!good)
            .then(|| self.catalogue.metric(reading.metric))
            .flatten();
        let range = metric.map_or(everything, |metric| metric.range(self.names.get(kind)));
        let text = match &reading.value {
            Value::Text(text) => text,
            _ => "",
        };
        let judged = Judged {
            rule,
            before,
            after,
            text,
            at,
            range,
        };
        health::value(entry, place, &judged);
    }

    /// Notes who sent a reject, if nothing of it was accepted so far.
    pub fn remember_stranger(&mut self, sequence: u64, reject: &Reject) {
        if is_stores(reject) {
            return;
        }
        let entry = self
            .ids
            .find(&reject.device_id)
            .and_then(|number| self.entry(number));
        if entry.is_none_or(|entry| !entry.is(ACCEPTED)) {
            self.strangers.note(sequence, reject);
        }
    }

    /// Applies a record of the rejects' log: to who sent it, and where its part is another device's, to
    /// that one too.
    pub fn apply_reject(&mut self, sequence: u64, reject: &Reject) {
        if is_stores(reject) {
            return;
        }
        let at = Timestamp::from_nanos(reject.received_at_ns);
        let unknown = matches!(
            reject.reason.as_str(),
            "unknown_device" | "invalid_device_id"
        );
        let own = reject.via.is_empty();
        let known = self.ids.find(&reject.device_id);
        // An address of a meter that nobody knows is no device.
        let is_new = own && !unknown && !reject.device_id.is_empty();
        let number = if is_new || (known.is_some() && !unknown) {
            self.number(&reject.device_id, at, false)
        } else {
            known
        };
        self.remember_stranger(sequence, reject);
        // Who sends what another device does not give it is no sign of that device's life.
        let heard = own || reject.reason != "other_device";
        self.refuse(number, sequence, reject, heard);
        if !own {
            let sender = self.number(&reject.via, at, false);
            self.refuse(sender, sequence, reject, true);
        }
    }

    fn refuse(&mut self, number: Option<u32>, sequence: u64, reject: &Reject, heard: bool) {
        let at = Timestamp::from_nanos(reject.received_at_ns);
        let Some(number) = number else {
            return;
        };
        if self
            .entry(number)
            .is_none_or(|entry| sequence <= entry.reject_sequence)
        {
            return;
        }
        if heard {
            let from = reject.address.parse::<SocketAddr>().ok().map(Address::from);
            let source = u8::try_from(reject.source).unwrap_or(0);
            self.alive(number, at, source, from);
        }
        let slot = self.slot(number);
        if let Some(entry) = slot.and_then(|slot| self.entries.get_mut(slot)) {
            entry.reject_sequence = sequence;
            entry.rejects = entry.rejects.saturating_add(1);
            if heard {
                entry.refused(at);
                entry.last_reject = entry.last_reject.max(at);
            }
            if entry.profile == 0 {
                entry.profile = self.names.number(&reject.profile, 0);
            }
            entry.trace(at, TraceKind::Reject(sequence));
        }
        self.settle(number, at);
    }

    /// Applies an event; `uplink`: one brought it, so the device was heard and accepted.
    pub fn apply_event(&mut self, sequence: u64, event: &proto::Event, uplink: bool) {
        let at = event
            .at
            .as_ref()
            .and_then(|at| Timestamp::from_secs_nanos(at.seconds, at.nanos));
        let at = at.unwrap_or(Timestamp::EPOCH);
        let number = if uplink {
            self.number(&event.device_id, at, true)
        } else {
            self.ids.find(&event.device_id)
        };
        let Some(number) = number else {
            return;
        };
        if self
            .entry(number)
            .is_none_or(|entry| sequence <= entry.log_sequence)
        {
            return;
        }
        if uplink {
            let from = self.uplink_from;
            self.alive(number, at, 0, from);
            self.accept(number);
        }
        if event.name == RETIRED_HEARD {
            self.roll.told_retired(number, at);
        }
        if health::is_of_register(&event.name) {
            self.find_register(number, event, at);
        }
        if let Some(entry) = self.entry_mut(number) {
            entry.log_sequence = sequence;
            entry.trace(at, TraceKind::Event(sequence));
            if event.name == "will" {
                entry.flags |= DOWN;
                entry.extra().down_at = at;
            }
            if event.name == "clock_wrong" {
                let ahead = event.detail.get("ahead_seconds");
                entry.clock_wrong(at, ahead.and_then(|secs| secs.parse().ok()));
            }
        }
        self.settle(number, at);
    }

    /// What an event says of a register counts for the series of that metric, with the labels it names.
    fn find_register(&mut self, number: u32, event: &proto::Event, at: Timestamp) {
        let detail = |name: &str| event.detail.get(name).map_or("", String::as_str);
        let (metric, labels) = (detail("metric"), detail("labels"));
        let slot = self.slot(number);
        let Some(entry) = slot.and_then(|slot| self.entries.get_mut(slot)) else {
            return;
        };
        let is = |series: u16| {
            let series = self.series.get(series);
            let own = series.filter(|series| &*series.metric == metric);
            own.is_some_and(|series| {
                let all = series.labels.iter();
                let shown: Vec<String> = all.map(|(name, of)| format!("{name}={of}")).collect();
                shown.join(" ") == labels
            })
        };
        let values = entry.values.iter().map(|last| last.series);
        let Some(series) = values.into_iter().find(|series| is(*series)) else {
            return;
        };
        let numbers = |name: &str| detail(name).parse().ok();
        health::event(entry, &event.name, series, numbers, at);
    }
}
