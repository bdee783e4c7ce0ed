//! Decodes, normalises and encodes one uplink. Holds no lock and does no IO.
use super::again::Again;
use super::dedup::Transmission;
use super::meters::Meter;
use super::own::Claim;
use super::pending::{Part, Pending, Record, Taken};
use super::report::Sender;
use super::route::{self, Shape};
use super::settings::Settings;
use super::uplink::{Delivery, Uplink, Verdict};
use super::{Intake, budget, choice, note, reject};
use crate::codecs::{Decode, Decoded, Fault, Faults, Reason, json};
use crate::log::record::RedeliveryKey;
use crate::model::{Arrival, DeviceId, Source};
use crate::profiles::{Around, Codec};
use std::borrow::Cow;
use std::ops::Range;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

impl Intake {
    /// Decodes, normalises and encodes one uplink into `pending`. Returns what is wrong with it, the
    /// first thing, where nothing of it can be used.
    pub fn take(&self, uplink: &Uplink<'_>, pending: &mut Pending) -> Option<Fault> {
        self.take_again(uplink, None, pending)
    }

    /// As [`Intake::take`]; `again`: it was rejected before, and this is wanted of it.
    pub(super) fn take_again(
        &self,
        uplink: &Uplink<'_>,
        again: Option<&Again<'_>>,
        pending: &mut Pending,
    ) -> Option<Fault> {
        let settings = self.settings();
        let records = pending.records.len();
        let mut faults = Faults::default();
        let mut seen = Seen::default();
        let mut rejected = Verdict::RejectedPayload;
        if let Err(fault) = self.read(uplink, again, &settings, pending, &mut faults, &mut seen) {
            if fault.reason.is_authorisation() {
                rejected = Verdict::RejectedNotAuthorised;
            }
            faults.push(fault);
        }
        let mut taken = Taken {
            source: uplink.source,
            unassured: uplink.unassured,
            transmission: self.transmission(uplink),
            records: records..pending.records.len(),
            arrival: arrival(uplink, &settings, &seen, records, pending),
            parts: pending.parts.len()..pending.parts.len(),
            parts_key: None,
            rejected,
            senders: (0, None),
            claim: seen.claim,
        };
        if taken.records.is_empty()
            && let Some(claim) = taken.claim.take()
        {
            self.settle_claim(claim, false);
        }
        let mut first = None;
        if !faults.is_empty() {
            self.push_parts(uplink, &seen, &faults, pending, &mut taken);
            if taken.records.is_empty() {
                first = faults.list().first().cloned();
            }
        }
        pending.uplinks.push(taken);
        first
    }

    fn transmission(&self, uplink: &Uplink<'_>) -> Option<Transmission> {
        let delivery = uplink.delivery?;
        let topic = xxh3_64_with_seed(uplink.topic.as_bytes(), self.seed);
        let payload = xxh3_64_with_seed(uplink.payload, topic);
        Some(match delivery {
            Delivery::Packet {
                session,
                packet_id,
                connection,
                dup,
                exactly_once,
            } => Transmission {
                key: RedeliveryKey {
                    session,
                    packet_id,
                    payload,
                    exchange: false,
                },
                connection,
                dup,
                exactly_once,
            },
            Delivery::Exchange { peer, message_id } => Transmission {
                key: RedeliveryKey {
                    session: peer,
                    packet_id: message_id,
                    payload,
                    exchange: true,
                },
                connection: 0,
                dup: false,
                exactly_once: false,
            },
        })
    }

    #[cold]
    fn push_parts(
        &self,
        uplink: &Uplink<'_>,
        seen: &Seen<'_>,
        faults: &Faults,
        pending: &mut Pending,
        taken: &mut Taken,
    ) {
        let device = &*seen.device;
        let summary = faults.summary();
        let mut context = reject::Context {
            device,
            via: "",
            profile: seen.profile,
            route: seen.route,
            index: 0,
            of: faults.list().len() + usize::from(summary.is_some()),
            whole: taken.records.is_empty(),
            payload_max: self.config.payload_max,
        };
        for fault in faults.list().iter().chain(&summary) {
            let meter = seen.meters.iter().find(|meter| meter.has(&fault.part));
            (context.device, context.via) =
                meter.map_or((device, ""), |meter| (&meter.device, device));
            let mut short = 0;
            let body = pending.body(|out| short = reject::encode(uplink, context, fault, out));
            pending.parts.push(Part {
                reason: fault.reason,
                body,
                short,
            });
            context.index += 1;
        }
        taken.parts.end = pending.parts.len();
        let hash = |bytes: &[u8]| xxh3_64_with_seed(bytes, self.seed);
        let address = hash(&budget::bytes_of(uplink.address.ip()));
        let named = (!device.is_empty()).then(|| hash(device.as_bytes()));
        taken.senders = (address, named);
        let dated = |record: &Record| record.content.is_some() || record.clock.is_some();
        let reports = pending.records_of(taken);
        if !reports.is_empty() && reports.iter().all(dated) {
            let key = xxh3_128_with_seed(uplink.payload, hash(device.as_bytes()));
            taken.parts_key = Some(key);
        }
    }

    /// Counts copies of uplinks that a source recognised by itself and answers without asking intake:
    /// `CoAP`'s message layer keeps what it answered.
    pub fn count_duplicates(&self, source: Source, copies: u64) {
        self.accounting.update(source, |counts| {
            counts.received += copies;
            counts.duplicate += copies;
        });
    }

    fn read<'a>(
        &'a self,
        uplink: &Uplink<'a>,
        again: Option<&'a Again<'a>>,
        settings: &'a Settings,
        pending: &mut Pending,
        faults: &mut Faults,
        seen: &mut Seen<'a>,
    ) -> Result<(), Fault> {
        let target = settings
            .routes
            .find(uplink.topic, uplink.source)
            .ok_or_else(|| reject::no_route(uplink.source, uplink.topic))?;
        let known = again.filter(|again| again.knows(&target));
        let (device, entry) = match known {
            Some(again) => settings.named(again.device, uplink.received_at),
            None => settings.name(&target, (uplink.client, uplink.user), uplink.received_at),
        };
        seen.device = device;
        seen.profile = target.profile;
        seen.route = target.route;
        let device = &*seen.device;
        if uplink.payload.len() > self.config.payload_max {
            return Err(reject::too_large(
                uplink.payload.len(),
                self.config.payload_max,
            ));
        }
        // Where only the payload names it, it is asked once that has been read.
        if !target.payload_names {
            settings.knowledge.admits(device, entry)?;
        }
        let codec = match target.shape {
            Shape::Telemetry | Shape::Gateway => {
                choice::codec(&target, entry, uplink, &settings.knowledge.profiles)?
            }
            Shape::Attributes | Shape::Child(_) => {
                Codec::BuiltIn("json", Decode::Plain(json::decode))
            }
        };
        seen.profile = codec.name();
        seen.version = codec.version();
        let sender = Sender {
            device,
            entry,
            target,
            codec,
            again,
            via: "",
            site: &self.zone,
            own: "",
        };
        match target.shape {
            Shape::Telemetry | Shape::Gateway => {
                let mut found = Found::default();
                let done = self.telemetry(uplink, &sender, settings, pending, faults, &mut found);
                seen.alone = found.alone;
                seen.meters = found.meters;
                seen.claim = found.claim;
                if let Some(device) = found.device {
                    seen.device = Cow::Owned(device);
                }
                done
            }
            Shape::Attributes => {
                let all = json::attributes(uplink.payload)?;
                seen.alone = true;
                note::note(uplink, &sender, "attributes", all, pending);
                Ok(())
            }
            Shape::Child(name) => {
                let child = json::connection(uplink.payload)?;
                DeviceId::check(&child).map_err(|error| {
                    Fault::part(Reason::InvalidDeviceId, "device", error.to_string())
                })?;
                let detail = vec![("child".to_owned(), child.into_owned())];
                note::note(uplink, &sender, name, detail, pending);
                Ok(())
            }
        }
    }

    fn telemetry(
        &self,
        uplink: &Uplink<'_>,
        sender: &Sender<'_>,
        settings: &Settings,
        pending: &mut Pending,
        faults: &mut Faults,
        found: &mut Found,
    ) -> Result<(), Fault> {
        let mut scratch = std::mem::take(&mut pending.scratch);
        let mut decoded: Decoded<'_> = std::mem::take(&mut scratch.decoded);
        let knowledge = &*settings.knowledge;
        let profile_of = |name: &str| knowledge.given(name, uplink.received_at);
        let around = Around {
            limits: settings.limits(),
            profiles: &knowledge.profiles,
            profile_of: &profile_of,
        };
        let done = sender.codec.decode(uplink.payload, around, &mut decoded);
        let done = done.and_then(|()| {
            let named = sender.device;
            // Also of one that is refused: who it is is how its reject is found again.
            if named.is_empty() {
                found.device = decoded.sender.as_deref().map(str::to_owned);
            }
            let sender = knowledge.identify(sender, &decoded, uplink.received_at)?;
            let own = self.own_address(knowledge, &sender, &decoded, &mut found.claim);
            let sender = Sender { own, ..sender };
            if sender.device != named {
                found.device = Some(sender.device.to_owned());
            }
            // Where a part is no sample, nobody knows whose it is.
            let own = |named: &Cow<'_, str>| [sender.own, sender.device].contains(&&**named);
            found.alone = decoded.faults.is_empty() && decoded.devices.iter().all(own);
            Ok(sender)
        });
        let done = done.map(|sender| {
            faults.clone_from(&decoded.faults);
            let mut run = 0..0;
            while let Some(next) = next_run(&decoded, run.end) {
                run = knowledge.of_one(&sender, &decoded, next, uplink.received_at);
                self.report(
                    uplink,
                    &sender,
                    knowledge,
                    &decoded,
                    run.clone(),
                    &mut scratch,
                    pending,
                    faults,
                );
            }
            let seed = self.seed;
            note::notes(uplink, &sender, knowledge, seed, &decoded, pending, faults);
            if !faults.is_empty() {
                found.meters = knowledge.meters(&sender, &decoded, uplink.received_at);
            }
        });
        scratch.decoded = decoded.recycle();
        pending.scratch = scratch;
        done
    }
}

/// What decoding found out of an uplink.
#[derive(Default)]
struct Found {
    /// It names no device but this one.
    alone: bool,
    /// Who it is, where the payload said more than the route.
    device: Option<String>,
    /// Whose its parts are.
    meters: Vec<Meter>,
    claim: Option<Claim>,
}

/// What the log keeps of the uplink itself, but for `keep_raw` bytes of its payload nothing of that.
fn arrival(
    uplink: &Uplink<'_>,
    settings: &Settings,
    seen: &Seen<'_>,
    first: usize,
    pending: &mut Pending,
) -> Range<usize> {
    if pending.records.len() == first {
        return 0..0;
    }
    let keep = uplink.payload.len().min(settings.keep_raw);
    let arrival = Arrival {
        address: Some(uplink.address),
        topic: &route::shown(uplink.topic),
        client: uplink.client,
        content_format: uplink.content_format,
        raw: uplink.payload.get(..keep).unwrap_or_default(),
        raw_len: uplink.payload.len() as u64,
        alone: seen.alone,
        route: seen.route,
        version: seen.version,
    };
    pending.body(|out| arrival.encode(out))
}

/// What was found out of an uplink, also of one that is rejected.
#[derive(Default)]
struct Seen<'a> {
    device: Cow<'a, str>,
    profile: &'a str,
    version: &'a str,
    /// The pattern or name of the route.
    route: &'a str,
    /// It names no device but this one.
    alone: bool,
    /// Whose its parts are, where that is another device.
    meters: Vec<Meter>,
    claim: Option<Claim>,
}

/// The next samples of one device.
pub(super) fn next_run(decoded: &Decoded<'_>, start: usize) -> Option<Range<usize>> {
    let device = |group: u32| decoded.group(group).and_then(|group| group.device);
    let rest = decoded.samples.get(start..)?;
    let of = device(rest.first()?.group);
    let len = rest
        .iter()
        .take_while(|sample| device(sample.group) == of)
        .count();
    Some(start..start + len)
}
