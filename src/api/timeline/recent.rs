//! What the registry remembers of a device, read from the log.
use super::archive::{Archive, Kept, Look};
use super::{Entry, Uplink, What};
use crate::api::Shared;
use crate::devices::{Device, TraceKind};
use crate::log::ReadError;
use crate::log::record::Kind;
use crate::model::{Timestamp, proto};
use prost::Message;

/// Said where the log has nothing of an uplink but its report.
pub(super) const NOT_KEPT: &str = "the log keeps no bytes of this uplink";
/// Said where history has outlived the log.
pub(super) const GONE: &str =
    "retention has removed the uplink from the log; history has its readings";

/// Uplinks, events and state changes, newest first. What retention took is left to history.
pub(super) fn recent(
    shared: &Shared,
    device: &Device,
    archive: &mut Archive<'_>,
) -> Result<Vec<Entry>, ReadError> {
    let oldest = shared.log.oldest().0;
    let mut entries = Vec::with_capacity(device.traces.len());
    for trace in &device.traces {
        match trace.what {
            TraceKind::Report(sequence) | TraceKind::Event(sequence) if sequence >= oldest => {
                if let Look::Found(kept) = archive.look(sequence)?
                    && let Some(entry) = entry_of(sequence, *kept)
                {
                    entries.push(entry);
                }
            }
            TraceKind::State(before, now) => entries.push(Entry {
                at: trace.at,
                sequence: 0,
                what: What::State(before, now),
            }),
            // Rejects are walked by their own log.
            TraceKind::Reject(_) | TraceKind::Report(_) | TraceKind::Event(_) => {}
        }
    }
    Ok(entries)
}

/// A record of the log as an entry.
pub(super) fn entry_of(sequence: u64, kept: Kept) -> Option<Entry> {
    match kept.kind {
        Kind::Report => {
            let mut report = proto::Report::decode(kept.body.as_slice()).ok()?;
            report.sequence = sequence;
            let note = if kept.arrived.is_none() { NOT_KEPT } else { "" };
            Some(Entry {
                at: time_of(report.received_at.as_ref()),
                sequence,
                what: What::Uplink(Box::new(Uplink {
                    report,
                    arrived: kept.arrived,
                    note,
                })),
            })
        }
        Kind::Event => {
            let mut event = proto::Event::decode(kept.body.as_slice()).ok()?;
            event.sequence = sequence;
            Some(Entry {
                at: time_of(event.at.as_ref()),
                sequence,
                what: What::Event(Box::new(event), kept.arrived),
            })
        }
        Kind::Reject | Kind::Release => None,
    }
}

pub(super) fn time_of(time: Option<&prost_types::Timestamp>) -> Timestamp {
    time.and_then(|time| Timestamp::from_secs_nanos(time.seconds, time.nanos))
        .unwrap_or_default()
}
