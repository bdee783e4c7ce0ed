//! One entry, and its bytes decoded once more, field by field.
use super::archive::{Archive, Kept, Look};
use super::cut::NOT_GRANTED;
use super::recent::{NOT_KEPT, entry_of};
use super::{Entry, Error, What};
use crate::access::Grant;
use crate::api::Shared;
use crate::api::rejects;
use crate::intake::{self, Preview};
use crate::log::record::Kind;
use crate::model::{Reject, Source, Timestamp, proto};
use prost::Message;

/// Which log a sequence is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Reports and events.
    Reports,
    /// Rejects.
    Rejects,
}

/// What became of the bytes when they were decoded once more.
#[derive(Clone, Debug, Default)]
pub struct Decoded {
    /// The profile that read them.
    pub profile: String,
    /// Why they were not decoded, in English; "" if they were.
    pub note: String,
    /// Readings with where they come from, and what was refused.
    pub preview: Preview,
}

/// The entry of this sequence, if it is this device's. Blocks on the disk.
///
/// # Errors
/// It is not there, or another device's.
pub fn entry(
    shared: &Shared,
    grant: &Grant,
    name: &str,
    which: Which,
    sequence: u64,
) -> Result<(Entry, Decoded), Error> {
    let device = shared.devices.seen_by(grant).get(name);
    if device.is_none() && !grant.sees_all_devices() {
        return Err(Error::Unknown(name.to_owned()));
    }
    let id = device.as_ref().map_or(name, |device| &*device.id);
    let log = match which {
        Which::Reports => &shared.log,
        Which::Rejects => &shared.rejects,
    };
    let gone = || {
        Error::Gone(format!(
            "the log has no record {sequence} of {id:?}: retention has removed it, or it is another device's"
        ))
    };
    let Look::Found(kept) = Archive::new(log).look(sequence)? else {
        return Err(gone());
    };
    let entry = match kept.kind {
        Kind::Reject => reject_of(sequence, &kept),
        Kind::Report | Kind::Event | Kind::Release => entry_of(sequence, *kept),
    };
    let mut entry = entry.filter(|entry| is_of(entry, id)).ok_or_else(gone)?;
    if let What::Reject(reject, recovered) = &mut entry.what {
        let marks = shared.intake.marks().map_err(rejects::Error::from)?;
        *recovered = marks
            .find(reject.mark(sequence))
            .map_err(rejects::Error::from)?;
    }
    let kind = device.as_ref().map_or("unknown", |device| &*device.kind);
    let cut = shared.cut(grant);
    let whole = entry.clone();
    if !cut.entry(&mut entry) {
        return Err(gone());
    }
    // An uplink's out of all bytes, if they may be read at all; what is not granted is left out behind.
    let readable = match &entry.what {
        What::Uplink(uplink) => uplink.arrived.is_some(),
        What::Reject(..) | What::Event(..) | What::State(..) => false,
    };
    let mut decoded = decoded(shared, if readable { &whole } else { &entry }, kind);
    cut.decoded(&mut decoded);
    Ok((entry, decoded))
}

fn reject_of(sequence: u64, kept: &Kept) -> Option<Entry> {
    let reject = Reject::decode(kept.body.as_slice()).ok()?;
    Some(Entry {
        at: Timestamp::from_nanos(reject.received_at_ns),
        sequence,
        what: What::Reject(Box::new(reject), None),
    })
}

/// Also of the concentrator that carried it.
fn is_of(entry: &Entry, id: &str) -> bool {
    match &entry.what {
        What::Uplink(uplink) => uplink.report.device_id == id || uplink.report.via == id,
        What::Reject(reject, _) => reject.concerns(id),
        What::Event(event, _) => event.device_id == id,
        What::State(..) => false,
    }
}

/// What is needed to decode again.
struct Bytes<'e> {
    source: i64,
    topic: &'e str,
    profile: &'e str,
    device: &'e str,
    kind: &'e str,
    raw: &'e [u8],
    raw_len: u64,
}

/// The bytes of an entry, or why there are none.
fn bytes_of<'e>(entry: &'e Entry, kind: &'e str) -> Result<Bytes<'e>, &'static str> {
    match &entry.what {
        What::Uplink(uplink) => {
            let why = if uplink.note.is_empty() {
                NOT_KEPT
            } else {
                uplink.note
            };
            let arrived = uplink.arrived.as_ref().ok_or(why)?;
            Ok(Bytes {
                source: uplink.report.source.into(),
                topic: &arrived.topic,
                profile: &uplink.report.profile,
                device: device_of(&uplink.report),
                kind: &uplink.report.kind,
                raw: &arrived.raw,
                raw_len: arrived.raw_len,
            })
        }
        What::Reject(reject, _) if reject.raw.is_empty() && reject.raw_len > 0 => Err(NOT_GRANTED),
        What::Reject(reject, _) => Ok(Bytes {
            source: reject.source.into(),
            topic: &reject.topic,
            profile: &reject.profile,
            device: reject.sender(),
            kind,
            raw: &reject.raw,
            raw_len: reject.raw_len,
        }),
        What::Event(..) | What::State(..) => Err("nothing in it is a reading"),
    }
}

/// Who sent the uplink: a concentrator sends for its children.
fn device_of(report: &proto::Report) -> &str {
    match report.via.as_str() {
        "" => &report.device_id,
        via => via,
    }
}

fn decoded(shared: &Shared, entry: &Entry, kind: &str) -> Decoded {
    let bytes = match bytes_of(entry, kind) {
        Ok(bytes) => bytes,
        Err(why) => {
            return Decoded {
                note: why.to_owned(),
                ..Decoded::default()
            };
        }
    };
    let profile = bytes.profile.to_owned();
    let kept = bytes.raw.len() as u64;
    if kept < bytes.raw_len {
        let limit = match &entry.what {
            What::Reject(..) => "as of every reject",
            What::Uplink(_) | What::Event(..) | What::State(..) => "as intake.keep_raw says",
        };
        return Decoded {
            profile,
            note: format!(
                "only the first {kept} of {} bytes are kept, {limit}; they cannot be decoded again",
                bytes.raw_len
            ),
            ..Decoded::default()
        };
    }
    let source = Source::from_number(bytes.source);
    let preview = shared.intake.again(&intake::Kept {
        source: source.unwrap_or(Source::Mqtt),
        topic: bytes.topic,
        profile: bytes.profile,
        device: bytes.device,
        kind: bytes.kind,
        received_at: entry.at,
        payload: bytes.raw,
    });
    Decoded {
        profile,
        note: String::new(),
        preview,
    }
}
