//! What a simulated device sends.
use std::sync::Arc;

/// Messages that wait in a connection's queue. Small: what waits here is older than it could be.
pub(super) const QUEUE_MAX: usize = 64;

/// One message to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// MQTT topic.
    pub topic: Arc<str>,
    /// Payload.
    pub payload: Vec<u8>,
    /// Messages of one lane keep their order: they share a connection.
    pub lane: u64,
}
