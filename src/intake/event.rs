//! Events that are no uplinks: wills, sessions, gaps.
use super::Intake;
use super::uplink::EventDraft;
use crate::log::Batch;
use crate::log::record::{Keys, Kind};
use crate::model::proto;
use prost::Message;
use std::sync::atomic::Ordering;

/// Longest name or value of a detail that is kept, in characters: a will may be 64 KiB.
const DETAIL_LEN_MAX: usize = 256;

impl Intake {
    /// Appends an event about a device or (empty id) the gateway. Nobody waits for it: while the log
    /// refuses it is counted and said in the gateway's own log.
    pub fn event(&self, event: EventDraft<'_>) {
        let cut = |text: &str| text.chars().take(DETAIL_LEN_MAX).collect::<String>();
        let detail = event
            .detail
            .iter()
            .map(|(name, value)| (cut(name), cut(value)));
        let bytes = proto::Event {
            sequence: 0,
            device_id: event.device_id.to_owned(),
            kind: event.kind.to_owned(),
            district: String::new(),
            name: event.name.to_owned(),
            at: Some(event.at.into()),
            severity: event.severity,
            detail: detail.collect(),
        }
        .encode_to_vec();
        let mut batch = Batch::default();
        batch.push(Kind::Event, &Keys::default(), &bytes);
        if let Err(error) = self.log.append(&mut batch, &self.nobody) {
            self.stats.events_lost.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(name = event.name, device = event.device_id, %error, "event lost");
        }
    }
}
