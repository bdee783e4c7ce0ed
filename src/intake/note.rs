//! Events that an uplink says: attributes, children that come and go, what a profile reads as one.
use super::Knowledge;
use super::alarm::Alarm;
use super::pending::{Pending, Record};
use super::report::Sender;
use super::time::{self, Judged};
use super::uplink::Uplink;
use crate::codecs::{Decoded, Fault, Faults, Note, Reason, json, quote};
use crate::log::record::Kind;
use crate::model::proto;
use crate::model::proto::Severity;
use prost::Message;
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// Longest name or value of a detail that is kept, in characters.
const DETAIL_LEN_MAX: usize = 256;

/// An uplink that gives no report is noted as an event, and counts as logged once that is
/// durable: the sender is acknowledged, so something of it must be on the disk.
pub(super) fn note(
    uplink: &Uplink<'_>,
    sender: &Sender<'_>,
    name: &str,
    detail: json::Attributes,
    pending: &mut Pending,
) {
    push(
        &proto::Event {
            sequence: 0,
            device_id: sender.device.to_owned(),
            kind: sender.kind().to_owned(),
            district: sender.district().to_owned(),
            name: name.to_owned(),
            at: Some(uplink.received_at.into()),
            severity: Severity::Info.into(),
            detail: detail.into_iter().collect(),
        },
        None,
        pending,
    );
}

/// The events that a profile found in an uplink.
pub(super) fn notes(
    uplink: &Uplink<'_>,
    sender: &Sender<'_>,
    knowledge: &Knowledge,
    seed: u64,
    decoded: &Decoded<'_>,
    pending: &mut Pending,
    faults: &mut Faults,
) {
    for note in &decoded.notes {
        let of = match knowledge.of_group(sender, decoded, note.group, uplink.received_at) {
            Ok(of) => of,
            // Of an address of a meter all that it sends is refused, and it is named once.
            Err(fault) if faults.list().contains(&fault) => continue,
            Err(mut fault) => {
                if !decoded.addressed {
                    fault.part = quote(&note.name);
                }
                faults.push(fault);
                continue;
            }
        };
        if of.device.is_empty() {
            let sentence = "neither the route nor the payload names the device of this event";
            faults.push(Fault::part(
                Reason::InvalidDeviceId,
                quote(&note.name),
                sentence,
            ));
            continue;
        }
        let (event, dated) = event(note, uplink, &of, decoded);
        let content = dated.then(|| content_key(&event, seed));
        push(&event, content, pending);
        if let Some(record) = pending.records.last_mut() {
            record.alarm = Alarm::of(&event, seed);
        }
    }
}

/// Its time is the device's where that can be believed; is it?
fn event(
    note: &Note<'_>,
    uplink: &Uplink<'_>,
    of: &Sender<'_>,
    decoded: &Decoded<'_>,
) -> (proto::Event, bool) {
    let zone = of.zone();
    let judged = decoded.group(note.group).map_or(Judged::Absent, |group| {
        time::judge(&group.time, uplink.received_at, zone)
    });
    let at = match judged {
        Judged::Plausible(at) | Judged::Reckoned(at) => at,
        Judged::Absent | Judged::Implausible(_) => uplink.received_at,
    };
    let cut = |text: &str| text.chars().take(DETAIL_LEN_MAX).collect::<String>();
    let detail = note.detail.iter();
    let event = proto::Event {
        sequence: 0,
        device_id: of.device.to_owned(),
        kind: of.kind().to_owned(),
        district: of.district().to_owned(),
        name: note.name.to_string(),
        at: Some(at.into()),
        severity: note.severity.into(),
        detail: detail
            .map(|(name, value)| (cut(name), cut(value)))
            .collect(),
    };
    (event, matches!(judged, Judged::Plausible(_)))
}

/// Promise 6 (b): the device, what happened and when. A platform that had no answer sends it again.
fn content_key(event: &proto::Event, seed: u64) -> u128 {
    let at = event.at.as_ref();
    let (seconds, nanos) = at.map_or((0, 0), |at| (at.seconds, at.nanos));
    let mut bytes = [seconds.to_le_bytes(), i64::from(nanos).to_le_bytes()].concat();
    let mut detail: Vec<_> = event.detail.iter().collect();
    detail.sort();
    // 0xff occurs in no UTF-8 text; one that is first belongs to no report's key.
    bytes.insert(0, 0xff);
    let names = [&event.device_id, &event.name];
    let details = detail.into_iter().flat_map(|(name, value)| [name, value]);
    for text in names.into_iter().chain(details) {
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0xff);
    }
    xxh3_128_with_seed(&bytes, seed)
}

fn push(event: &proto::Event, content: Option<u128>, pending: &mut Pending) {
    let body = pending.body(|out| out.extend_from_slice(&event.encode_to_vec()));
    pending.records.push(Record {
        kind: Kind::Event,
        content,
        body,
        clock: None,
        alarm: None,
        skip: false,
    });
}
