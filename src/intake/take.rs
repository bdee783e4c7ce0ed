//! Decodes, normalises and encodes one uplink. Holds no lock and does no IO.
use super::dedup::Transmission;
use super::normalise::{ClockWrong, Context, Outcome, normalise};
use super::pending::{Part, Pending, Record, Scratch, Taken};
use super::route::{self, Shape, Target};
use super::uplink::{Uplink, Verdict};
use super::{Intake, budget, clock, reject};
use crate::codecs::{Decoded, Fault, Faults, Limits, Reason, json, recycle};
use crate::inventory::Entry;
use crate::log::record::{Kind, RECORD_BYTES_MAX};
use crate::model::proto;
use crate::model::{DeviceId, ReadingDraft, ReportDraft, Value};
use prost::Message;
use std::borrow::Cow;
use std::ops::Range;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

/// A report of this size is too much for one response of the stream.
const REPORT_BYTES_MAX: usize = RECORD_BYTES_MAX / 2;

/// Who sent it: what a report says of its device.
#[derive(Clone, Copy)]
struct Sender<'a> {
    device: &'a str,
    entry: Option<&'a Entry>,
    target: Target<'a>,
}

impl<'a> Sender<'a> {
    fn kind(&self) -> &'a str {
        match self.entry {
            Some(entry) if !entry.kind.is_empty() => &entry.kind,
            _ if !self.target.kind.is_empty() => self.target.kind,
            _ => "unknown",
        }
    }

    fn district(&self) -> &'a str {
        match self.entry {
            Some(entry) if !entry.district.is_empty() => &entry.district,
            _ => self.target.district,
        }
    }
}

impl Intake {
    /// Decodes, normalises and encodes one uplink into `pending`.
    pub fn take(&self, uplink: &Uplink<'_>, pending: &mut Pending) {
        let payload_hash = || {
            let topic = xxh3_64_with_seed(uplink.topic.as_bytes(), self.seed);
            xxh3_64_with_seed(uplink.payload, topic)
        };
        let mut taken = Taken {
            source: uplink.source,
            unassured: uplink.unassured,
            transmission: uplink.delivery.map(|delivery| {
                let mut key = delivery.key;
                key.payload = payload_hash();
                Transmission {
                    key,
                    connection: delivery.connection,
                    dup: delivery.dup,
                    exactly_once: delivery.exactly_once,
                }
            }),
            records: pending.records.len()..pending.records.len(),
            parts: pending.parts.len()..pending.parts.len(),
            parts_key: None,
            rejected: Verdict::RejectedPayload,
            senders: [0; 2],
        };
        let mut faults = Faults::default();
        let mut seen = Seen::default();
        let read = self.read(uplink, pending, &mut faults, &mut seen);
        taken.records.end = pending.records.len();
        if let Err(fault) = read {
            if fault.reason.is_authorisation() {
                taken.rejected = Verdict::RejectedNotAuthorised;
            }
            faults.push(fault);
        }
        if !faults.is_empty() {
            let summary = faults.summary();
            let (device, profile) = (seen.device, seen.profile);
            for fault in faults.list().iter().chain(&summary) {
                let body = pending.body(|out| reject::encode(uplink, device, profile, fault, out));
                pending.parts.push(Part {
                    reason: fault.reason,
                    body,
                });
            }
            taken.parts.end = pending.parts.len();
            let address = budget::bytes_of(uplink.address.ip());
            taken.senders = [&address, device.as_bytes()].map(|b| xxh3_64_with_seed(b, self.seed));
            let mut reports = pending
                .records
                .get(taken.records.clone())
                .unwrap_or_default()
                .iter();
            if reports.len() > 0 && reports.all(|r| r.content.is_some() || r.clock.is_some()) {
                let seed = xxh3_64_with_seed(device.as_bytes(), self.seed);
                taken.parts_key = Some(xxh3_128_with_seed(uplink.payload, seed));
            }
        }
        pending.uplinks.push(taken);
    }

    /// The device that the topic or the credentials name: for wills. `None` if no route matches or
    /// the name is no device id.
    pub fn device_of(&self, topic: &str, client: &str, user: &str) -> Option<String> {
        let target = self.routes.find(topic)?;
        let (device, _) = self.name(&target, client, user);
        DeviceId::check(device).ok().map(str::to_owned)
    }

    /// Limits of a codec.
    pub(super) const fn limits(&self) -> Limits {
        Limits {
            readings_max: self.config.readings_max,
        }
    }

    fn name<'a>(
        &'a self,
        target: &Target<'a>,
        client: &'a str,
        user: &'a str,
    ) -> (&'a str, Option<&'a Entry>) {
        let entry = match target.device {
            Some(device) => self.inventory.lookup(device),
            None => self.inventory.lookup_token(user),
        };
        let named = target.device.unwrap_or(client);
        (entry.map_or(named, |entry| &entry.device_id), entry)
    }

    fn known(&self, device: &str, entry: Option<&Entry>) -> Result<(), Fault> {
        DeviceId::check(device)
            .map_err(|error| Fault::whole(Reason::InvalidDeviceId, error.to_string()))?;
        if entry.is_none() && !self.inventory.accepts_unknown() {
            let sentence =
                format!("the inventory has no device `{device}`, and devices.unknown is reject");
            return Err(Fault::whole(Reason::UnknownDevice, sentence));
        }
        Ok(())
    }

    fn read<'a>(
        &'a self,
        uplink: &Uplink<'a>,
        pending: &mut Pending,
        faults: &mut Faults,
        seen: &mut Seen<'a>,
    ) -> Result<(), Fault> {
        let target = self
            .routes
            .find(uplink.topic)
            .ok_or_else(|| reject::no_route(uplink.topic))?;
        let (device, entry) = self.name(&target, uplink.client, uplink.user);
        seen.device = device;
        seen.profile = if target.profile.is_empty() {
            "json"
        } else {
            target.profile
        };
        if uplink.payload.len() > self.config.payload_max {
            return Err(reject::too_large(
                uplink.payload.len(),
                self.config.payload_max,
            ));
        }
        self.known(device, entry)?;
        let sender = Sender {
            device,
            entry,
            target,
        };
        match target.shape {
            Shape::Telemetry | Shape::Gateway => self.telemetry(uplink, &sender, pending, faults),
            Shape::Attributes => {
                let all = json::attributes(uplink.payload)?;
                self.note(uplink, &sender, "attributes", all, pending);
                Ok(())
            }
            Shape::Child(name) => {
                let child = json::connection(uplink.payload)?;
                DeviceId::check(&child).map_err(|error| {
                    Fault::part(Reason::InvalidDeviceId, "device", error.to_string())
                })?;
                let detail = vec![("child".to_owned(), child.into_owned())];
                self.note(uplink, &sender, name, detail, pending);
                Ok(())
            }
        }
    }

    /// An uplink that gives no report is noted as an event, and counts as logged once that is
    /// durable: the sender is acknowledged, so something of it must be on the disk.
    fn note(
        &self,
        uplink: &Uplink<'_>,
        sender: &Sender<'_>,
        name: &str,
        detail: json::Attributes,
        pending: &mut Pending,
    ) {
        let event = proto::Event {
            sequence: 0,
            device_id: sender.device.to_owned(),
            kind: sender.kind().to_owned(),
            district: sender.district().to_owned(),
            name: name.to_owned(),
            at: Some(uplink.received_at.into()),
            severity: proto::Severity::Info.into(),
            detail: detail.into_iter().collect(),
        };
        let body = pending.body(|out| out.extend_from_slice(&event.encode_to_vec()));
        pending.records.push(Record {
            kind: Kind::Event,
            content: None,
            body,
            clock: None,
            skip: false,
        });
    }

    fn telemetry(
        &self,
        uplink: &Uplink<'_>,
        sender: &Sender<'_>,
        pending: &mut Pending,
        faults: &mut Faults,
    ) -> Result<(), Fault> {
        let (profile, decode) = match sender.target.shape {
            Shape::Gateway => ("json", json::gateway as crate::codecs::Decode),
            _ => route::codec(&sender.target).map_err(reject::unknown_profile)?,
        };
        let mut scratch = std::mem::take(&mut pending.scratch);
        let mut decoded: Decoded<'_> = std::mem::take(&mut scratch.decoded);
        let done = decode(uplink.payload, &self.limits(), &mut decoded);
        if done.is_ok() {
            std::mem::swap(faults, &mut decoded.faults);
            let mut run = 0..0;
            while let Some(next) = next_run(&decoded, run.end) {
                run = next;
                self.report(
                    uplink,
                    sender,
                    profile,
                    &decoded,
                    run.clone(),
                    &mut scratch,
                    pending,
                    faults,
                );
            }
        }
        scratch.decoded = decoded.recycle();
        pending.scratch = scratch;
        done
    }

    /// One device's part of the uplink.
    #[expect(
        clippy::too_many_arguments,
        reason = "the one place where all of them meet"
    )]
    fn report(
        &self,
        uplink: &Uplink<'_>,
        sender: &Sender<'_>,
        profile: &str,
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
        let child = decoded.device_of(group).map(|name| {
            let entry = self.inventory.lookup(name);
            Sender {
                device: entry.map_or(name, |entry| &entry.device_id),
                entry,
                target: sender.target,
            }
        });
        if let Some(child) = &child
            && let Err(mut fault) = self.known(child.device, child.entry)
        {
            fault.part = crate::codecs::quote(child.device);
            faults.push(fault);
            return;
        }
        let of = child.as_ref().unwrap_or(sender);
        let context = Context {
            catalogue: &self.catalogue,
            kind: of.kind(),
            zone: of
                .entry
                .and_then(|entry| entry.zone.as_ref())
                .unwrap_or(&self.zone),
            received_at: uplink.received_at,
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
            let draft = ReportDraft {
                device_id: of.device,
                kind: of.kind(),
                district: of.district(),
                profile,
                received_at: uplink.received_at,
                source: uplink.source,
                readings,
                node: &self.node,
                via: if child.is_some() { sender.device } else { "" },
            };
            self.push_report(&draft, outcome, &mut scratch.hashed, pending, faults);
            readings = draft.readings;
        }
        scratch.readings = recycle(readings, |_| NO_READING);
    }

    fn push_report(
        &self,
        draft: &ReportDraft<'_>,
        outcome: Outcome,
        hashed: &mut Vec<u8>,
        pending: &mut Pending,
        faults: &mut Faults,
    ) {
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
            return;
        }
        let content = outcome.dated.then(|| content_key(draft, self.seed, hashed));
        pending.records.push(Record {
            kind: Kind::Report,
            content,
            body,
            clock: None,
            skip: false,
        });
        if let Some(wrong) = outcome.clock {
            self.push_clock(draft, wrong, pending);
        }
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
            skip: false,
        });
    }
}

/// What was found out of an uplink, also of one that is rejected.
#[derive(Default)]
struct Seen<'a> {
    device: &'a str,
    profile: &'a str,
}

/// Never read: recycling needs a value of the other lifetime.
const NO_READING: ReadingDraft<'static> = ReadingDraft {
    metric: "",
    unit: "",
    value: Value::Absent,
    observed_at: crate::model::Timestamp::EPOCH,
    quality: crate::model::Quality::NotAvailable,
    labels: Vec::new(),
    raw: Cow::Borrowed(""),
    raw_unit: Cow::Borrowed(""),
};

/// The next samples of one device.
fn next_run(decoded: &Decoded<'_>, start: usize) -> Option<Range<usize>> {
    let device = |group: u32| decoded.group(group).and_then(|group| group.device);
    let rest = decoded.samples.get(start..)?;
    let of = device(rest.first()?.group);
    let len = rest
        .iter()
        .take_while(|sample| device(sample.group) == of)
        .count();
    Some(start..start + len)
}

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
