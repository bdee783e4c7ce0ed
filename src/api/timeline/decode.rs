//! One entry, and its bytes decoded once more, field by field.
use super::archive::{Archive, Kept, Look};
use super::recent::entry_of;
use super::{Entry, Error, What};
use crate::api::Shared;
use crate::intake::{self, Preview};
use crate::log::record::Kind;
use crate::model::{Reject, Source, Timestamp};
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
    name: &str,
    which: Which,
    sequence: u64,
) -> Result<(Entry, Decoded), Error> {
    let device = shared.devices.get(name);
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
    let entry = entry.filter(|entry| is_of(entry, id)).ok_or_else(gone)?;
    let decoded = decoded(shared, &entry);
    Ok((entry, decoded))
}

fn reject_of(sequence: u64, kept: &Kept) -> Option<Entry> {
    let reject = Reject::decode(kept.body.as_slice()).ok()?;
    Some(Entry {
        at: Timestamp::from_nanos(reject.received_at_ns),
        sequence,
        what: What::Reject(Box::new(reject)),
    })
}

/// Also of the concentrator that carried it.
fn is_of(entry: &Entry, id: &str) -> bool {
    match &entry.what {
        What::Uplink(uplink) => uplink.report.device_id == id || uplink.report.via == id,
        What::Reject(reject) => reject.device_id == id,
        What::Event(event, _) => event.device_id == id,
        What::State(..) => false,
    }
}

/// What is needed to decode again.
struct Bytes<'e> {
    source: i64,
    topic: &'e str,
    profile: &'e str,
    kind: &'e str,
    raw: &'e [u8],
    raw_len: u64,
}

fn decoded(shared: &Shared, entry: &Entry) -> Decoded {
    let bytes = match &entry.what {
        What::Uplink(uplink) => uplink.arrived.as_ref().map(|arrived| Bytes {
            source: uplink.report.source.into(),
            topic: &arrived.topic,
            profile: &uplink.report.profile,
            kind: &uplink.report.kind,
            raw: &arrived.raw,
            raw_len: arrived.raw_len,
        }),
        What::Reject(reject) => Some(Bytes {
            source: reject.source.into(),
            topic: &reject.topic,
            profile: &reject.profile,
            kind: "unknown",
            raw: &reject.raw,
            raw_len: reject.raw_len,
        }),
        What::Event(..) | What::State(..) => None,
    };
    let Some(bytes) = bytes else {
        return Decoded {
            note: "no bytes are kept that could be decoded".to_owned(),
            ..Decoded::default()
        };
    };
    let profile = bytes.profile.to_owned();
    let kept = bytes.raw.len() as u64;
    if kept < bytes.raw_len {
        return Decoded {
            profile,
            note: format!(
                "only the first {kept} of {} bytes are kept, which cannot be decoded again; \
                 intake.keep_raw says how many",
                bytes.raw_len
            ),
            ..Decoded::default()
        };
    }
    let source = Source::ALL
        .into_iter()
        .find(|source| *source as i64 == bytes.source);
    let preview = shared.intake.again(&intake::Kept {
        source: source.unwrap_or(Source::Mqtt),
        topic: bytes.topic,
        profile: bytes.profile,
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
