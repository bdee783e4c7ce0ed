//! Events that an uplink says: attributes, children that come and go, what a profile reads as one.
use super::Knowledge;
use super::pending::{Pending, Record};
use super::report::Sender;
use super::time::{self, Judged};
use super::uplink::Uplink;
use crate::codecs::{Decoded, Faults, Note, json, quote};
use crate::log::record::Kind;
use crate::model::proto;
use crate::model::proto::Severity;
use jiff::tz::TimeZone;
use prost::Message;

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
        pending,
    );
}

/// The events that a profile found in an uplink.
pub(super) fn notes(
    uplink: &Uplink<'_>,
    sender: &Sender<'_>,
    knowledge: &Knowledge,
    zone: &TimeZone,
    decoded: &Decoded<'_>,
    pending: &mut Pending,
    faults: &mut Faults,
) {
    for note in &decoded.notes {
        let of = match knowledge.of_group(sender, decoded, note.group, uplink.received_at) {
            Ok(of) => of,
            Err(mut fault) => {
                fault.part = quote(&note.name);
                faults.push(fault);
                continue;
            }
        };
        push(&event(note, uplink, &of, zone, decoded), pending);
    }
}

/// Its time is the device's where that can be believed.
fn event(
    note: &Note<'_>,
    uplink: &Uplink<'_>,
    of: &Sender<'_>,
    site: &TimeZone,
    decoded: &Decoded<'_>,
) -> proto::Event {
    let zone = of.zone(site);
    let judged = decoded.group(note.group).map_or(Judged::Absent, |group| {
        time::judge(&group.time, uplink.received_at, zone)
    });
    let at = match judged {
        Judged::Plausible(at) | Judged::Reckoned(at) => at,
        Judged::Absent | Judged::Implausible(_) => uplink.received_at,
    };
    let cut = |text: &str| text.chars().take(DETAIL_LEN_MAX).collect::<String>();
    let detail = note.detail.iter();
    proto::Event {
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
    }
}

fn push(event: &proto::Event, pending: &mut Pending) {
    let body = pending.body(|out| out.extend_from_slice(&event.encode_to_vec()));
    pending.records.push(Record {
        kind: Kind::Event,
        content: None,
        body,
        clock: None,
        skip: false,
    });
}
