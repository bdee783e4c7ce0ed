//! One device's part of an uplink as a report, and the event that its clock may cause.
use super::again::Again;
use super::normalise::{ClockWrong, Context, Register, normalise};
use super::pending::{Pending, Record, Scratch};
use super::route::Target;
use super::uplink::Uplink;
use super::{Intake, Knowledge, alarm, clock};
use crate::codecs::{Decoded, Fault, Faults, Reason, recycle};
use crate::inventory::Entry;
use crate::log::record::{Kind, RECORD_BYTES_MAX};
use crate::model::{Quality, ReadingDraft, ReportDraft, Timestamp, Value};
use crate::profiles::Codec;
use jiff::tz::TimeZone;
use prost::Message;
use std::borrow::Cow;
use std::ops::Range;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

/// A report of this size is too much for one response of the stream.
const REPORT_BYTES_MAX: usize = RECORD_BYTES_MAX / 2;

/// Who sent it: what a report says of its device.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sender<'a> {
    pub(super) device: &'a str,
    pub(super) entry: Option<Entry<'a>>,
    pub(super) target: Target<'a>,
    pub(super) codec: Codec<'a>,
    /// It is taken once more.
    pub(super) again: Option<&'a Again<'a>>,
    /// Who carried it, or "".
    pub(super) via: &'a str,
    /// The gateway's zone.
    pub(super) site: &'a TimeZone,
    /// The address of a meter in its payload that is its own, or "".
    pub(super) own: &'a str,
}

impl<'a> Sender<'a> {
    pub(super) fn kind(&self) -> &'a str {
        match self.entry {
            Some(entry) if !entry.kind().is_empty() => entry.kind(),
            _ if !self.target.kind.is_empty() => self.target.kind,
            _ if !self.codec.kind().is_empty() => self.codec.kind(),
            _ => "unknown",
        }
    }

    /// Zone of its clock.
    pub(super) fn zone(&self) -> &'a TimeZone {
        self.entry.and_then(Entry::zone).unwrap_or(self.site)
    }

    pub(super) fn district(&self) -> &'a str {
        match self.entry {
            Some(entry) if !entry.district().is_empty() => entry.district(),
            _ => self.target.district,
        }
    }
}

impl Intake {
    /// One device's part of the uplink.
    #[expect(
        clippy::too_many_arguments,
        reason = "the one place where all of them meet"
    )]
    pub(super) fn report(
        &self,
        uplink: &Uplink<'_>,
        sender: &Sender<'_>,
        knowledge: &Knowledge,
        decoded: &Decoded<'_>,
        run: Range<usize>,
        scratch: &mut Scratch,
        pending: &mut Pending,
        faults: &mut Faults,
    ) {
        let group = decoded
            .samples
            .get(run.start)
            .map_or(0, |sample| sample.group);
        let of = match knowledge.of_group(sender, decoded, group, uplink.received_at) {
            Ok(of) => of,
            // Of a meter whose frames do not lie together, it is said once.
            Err(fault) if faults.list().contains(&fault) => return,
            Err(fault) => return faults.push(fault),
        };
        let context = Context {
            catalogue: &self.catalogue,
            kind: of.kind(),
            zone: of.zone(),
            received_at: uplink.received_at,
            register: Register::of(of.entry),
        };
        let mut readings: Vec<ReadingDraft<'_>> = std::mem::take(&mut scratch.readings);
        let outcome = normalise(
            decoded,
            run,
            &context,
            &mut readings,
            &mut scratch.origins,
            faults,
        );
        if !readings.is_empty() {
            let mut draft = ReportDraft {
                device_id: of.device,
                kind: of.kind(),
                district: of.district(),
                profile: sender.codec.name(),
                received_at: uplink.received_at,
                source: uplink.source,
                readings,
                node: &self.node,
                via: of.via,
            };
            // Of all that it says, also where only a part of that is wanted.
            let key = outcome
                .dated
                .then(|| content_key(&draft, self.seed, &mut scratch.hashed));
            if let Some(again) = sender.again {
                again.keep(&mut draft, outcome.dated, decoded, &mut scratch.origins);
            }
            if !draft.readings.is_empty() && push_report(&draft, key, pending, faults) {
                let record = pending.records.len() - 1;
                let off = alarm::off(&draft, self.seed).into_iter();
                pending.off.extend(off.map(|alarm| (record, alarm)));
                self.watch(&draft, &of, knowledge, decoded, &scratch.origins, pending);
                if let Some(wrong) = outcome.clock {
                    self.push_clock(&draft, wrong, pending);
                }
            }
            readings = draft.readings;
        }
        scratch.readings = recycle(readings, |_| NO_READING);
    }

    fn push_clock(&self, draft: &ReportDraft<'_>, wrong: ClockWrong, pending: &mut Pending) {
        let event = clock::event(draft, &wrong);
        let body = pending.body(|out| out.extend_from_slice(&event.encode_to_vec()));
        let device = xxh3_64_with_seed(draft.device_id.as_bytes(), self.seed);
        let clock = Some((device, wrong));
        pending.records.push(Record {
            kind: Kind::Event,
            content: None,
            body,
            clock,
            alarm: None,
            skip: false,
        });
    }
}

/// Pushes a report, unless it is too large for one.
fn push_report(
    draft: &ReportDraft<'_>,
    content: Option<u128>,
    pending: &mut Pending,
    faults: &mut Faults,
) -> bool {
    let body = pending.body(|out| draft.encode(out));
    if body.len() > REPORT_BYTES_MAX {
        pending.bytes.truncate(body.start);
        let sentence = format!(
            "the report would have {} bytes; at most {REPORT_BYTES_MAX} are written",
            body.len()
        );
        faults.push(Fault::part(
            Reason::TooManyReadings,
            draft.device_id,
            sentence,
        ));
        return false;
    }
    pending.records.push(Record {
        kind: Kind::Report,
        content,
        body,
        clock: None,
        alarm: None,
        skip: false,
    });
    true
}

/// Never read: recycling needs a value of the other lifetime.
const NO_READING: ReadingDraft<'static> = ReadingDraft {
    metric: "",
    unit: "",
    value: Value::Absent,
    observed_at: Timestamp::EPOCH,
    quality: Quality::NotAvailable,
    labels: Vec::new(),
    raw: Cow::Borrowed(""),
    raw_unit: Cow::Borrowed(""),
};

/// Promise 6 (b): the device, its readings and their times. Neither quality nor raw text belong to
/// it: a changed range in the catalogue must not make a copy a new report.
fn content_key(draft: &ReportDraft<'_>, seed: u64, bytes: &mut Vec<u8>) -> u128 {
    bytes.clear();
    // 0xff occurs in no UTF-8 text, so that no two different reports give the same bytes.
    let text = |bytes: &mut Vec<u8>, text: &str| {
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0xff);
    };
    text(bytes, draft.device_id);
    for reading in &draft.readings {
        text(bytes, reading.metric);
        for (name, value) in &reading.labels {
            text(bytes, name);
            text(bytes, value);
        }
        bytes.push(0xff);
        bytes.extend_from_slice(&reading.observed_at.as_nanos().to_le_bytes());
        match &reading.value {
            Value::Number(number) => {
                bytes.push(1);
                bytes.extend_from_slice(&number.to_bits().to_le_bytes());
            }
            Value::Flag(flag) => bytes.extend_from_slice(&[2, u8::from(*flag)]),
            Value::Text(value) => {
                bytes.push(3);
                text(bytes, value);
            }
            Value::Absent => bytes.push(4),
        }
    }
    xxh3_128_with_seed(bytes, seed)
}
