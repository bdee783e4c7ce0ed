//! What a store refuses for good is a reject like any other, and kept with its bytes.
use super::Intake;
use super::reject::cut;
use crate::codecs::Reason;
use crate::log::record::{Keys, Kind};
use crate::log::{AppendError, Batch, Settled};
use crate::model::Reject;
use prost::Message;
use std::sync::Arc;
use tokio::sync::Notify;

/// Longest sentence of a store that is kept, in bytes.
const SENTENCE_LEN_MAX: usize = 512;

/// A line that a store has refused.
#[derive(Clone, Copy, Debug)]
pub struct RefusedLine<'a> {
    /// The store's name.
    pub store: &'a str,
    /// The device that the line is of.
    pub device: &'a str,
    /// The line.
    pub line: &'a [u8],
    /// What the store said.
    pub sentence: &'a str,
}

impl Intake {
    /// Appends it to the log of rejects: `client` is the store, `raw` the line. Counted by reason, and
    /// nowhere in promise 2's account of sources: its uplink was taken long ago.
    ///
    /// # Errors
    /// Nothing was appended.
    pub fn reject_line(
        &self,
        refused: &RefusedLine<'_>,
        waiter: &Arc<Notify>,
    ) -> Result<u64, AppendError> {
        let reject = Reject {
            received_at_ns: self.clock.now().as_nanos(),
            device_id: cut(refused.device),
            reason: Reason::StoreRejected.as_str().to_owned(),
            sentence: refused.sentence.chars().take(SENTENCE_LEN_MAX).collect(),
            raw: refused
                .line
                .get(..Reject::RAW_MAX)
                .unwrap_or(refused.line)
                .to_vec(),
            raw_len: refused.line.len() as u64,
            client: cut(refused.store),
            ..Reject::default()
        };
        let mut batch = Batch::default();
        batch.push(Kind::Reject, &Keys::default(), &reject.encode_to_vec());
        let sequence = self.rejects.append(&mut batch, waiter)?;
        self.stats.reject(Reason::StoreRejected);
        Ok(sequence)
    }

    /// What became of a reject's sequence.
    pub fn reject_settled(&self, sequence: u64) -> Settled {
        self.rejects.settled(sequence)
    }
}
