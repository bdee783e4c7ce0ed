//! `CoAP` over UDP for devices (RFC 7252, 7959, 7967, 8516, 9175).
//!
//! ```text
//!  socket -> exchange: message layer --> work: resource, blocks --> intake::commit
//!  recvmmsg  copies, RST, ping, 4.02     one batch, one commit          | durable watermark
//!  sendmmsg <- outbox <- piggybacked, separate, kept for copies <-------'
//! ```
//! A 2.04 leaves after what it answers is in the log and synced; an empty acknowledgement, which
//! leaves when that takes long, promises nothing. A 4.xx is as final as a 2.04 and waits for the
//! disk as it does; 5.03 and 4.29 mean "again later" and leave no trace.
//!
//! Decisions: the message layer is our own, because the servers that exist have no deduplication, no
//! separate response, no bound, or a fifth of the throughput. It is a pure state machine
//! ([`exchange`]), and codec, table and buffers are made for a request to cost no allocation. One
//! socket and one thread: most of the cost is the kernel's, and shards by address would lose a peer
//! whose NAT binding moves.
//!
//! Places kept: a [`session::Session`] is an address today and will be a DTLS session beside it;
//! LwM2M's `/rd` and `/dp` will be resources beside those of `work`.
mod blockwise;
mod discovery;
mod drops;
mod echo;
mod encode;
pub mod exchange;
pub mod message;
pub mod options;
pub mod outbox;
mod resource;
pub mod response;
mod sender;
mod server;
pub mod session;
mod socket;
mod stats;
mod work;

pub use exchange::Counts;
pub use message::Fault;
pub use server::{Error, Service, run};
pub use socket::bind;
pub use stats::{Numbers, Stats};

use super::State;
use crate::model::settings::Section;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// `[coap]`: the server and its limits. Each limit bounds what one peer, or all of them, can make
/// the gateway hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Address to listen on.
    pub bind: SocketAddr,
    /// Requests that wait for their answer; past it new ones get 5.03.
    pub outstanding_max: usize,
    /// From a request to an empty acknowledgement, if it cannot be answered before.
    pub ack_after: Duration,
    /// Requests remembered, so that a copy is answered as the first was.
    pub dedup_entries: usize,
    /// Bytes of such answers.
    pub dedup_bytes: usize,
    /// Payloads that come in blocks at a time.
    pub transfers_max: usize,
    /// Bytes of such payloads.
    pub transfer_bytes: usize,
    /// The kernel's receive buffer.
    pub receive_buffer: usize,
    /// How long answers may take when the gateway stops.
    pub grace: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 5683)),
            outstanding_max: 32_768,
            ack_after: Duration::from_secs(1),
            dedup_entries: 500_000,
            dedup_bytes: 16 << 20,
            transfers_max: 1_024,
            transfer_bytes: 16 << 20,
            receive_buffer: 4 << 20,
            grace: Duration::from_secs(3),
        }
    }
}

/// Of all that is remembered, one peer's share: a 32nd.
const PEER_SHARE: usize = 32;
/// Payloads in blocks of one peer at a time; clients send one after the other.
const PEER_TRANSFERS_MAX: usize = 8;

impl Config {
    /// Reads `[coap]`, noting every mistake.
    pub fn read(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        let millis = Duration::from_millis;
        let count = |value: u64| usize::try_from(value).ok();
        Self {
            bind: section.address("bind").unwrap_or(default.bind),
            outstanding_max: section
                .integer("outstanding_max", 1, 1_000_000)
                .and_then(count)
                .unwrap_or(default.outstanding_max),
            // A client sends again after 2 s (RFC 7252 §4.8).
            ack_after: section
                .duration("ack_after", millis(10), millis(2_000))
                .unwrap_or(default.ack_after),
            dedup_entries: section
                .integer("dedup_entries", 1_000, 50_000_000)
                .and_then(count)
                .unwrap_or(default.dedup_entries),
            dedup_bytes: section
                .size("dedup_bytes", 64 << 10, 1 << 30)
                .and_then(count)
                .unwrap_or(default.dedup_bytes),
            transfers_max: section
                .integer("transfers_max", 1, 1_000_000)
                .and_then(count)
                .unwrap_or(default.transfers_max),
            transfer_bytes: section
                .size("transfer_bytes", 256 << 10, 1 << 30)
                .and_then(count)
                .unwrap_or(default.transfer_bytes),
            receive_buffer: section
                .size("receive_buffer", 64 << 10, 256 << 20)
                .and_then(count)
                .unwrap_or(default.receive_buffer),
            grace: section
                .duration("grace", millis(0), millis(60_000))
                .unwrap_or(default.grace),
        }
    }

    const fn transfers(&self, payload_max: usize) -> blockwise::Limits {
        blockwise::Limits {
            transfers_max: self.transfers_max,
            peer_transfers_max: PEER_TRANSFERS_MAX,
            bytes_max: self.transfer_bytes,
            payload_max,
        }
    }

    const fn seen(&self) -> exchange::SeenLimits {
        exchange::SeenLimits {
            entries_max: self.dedup_entries,
            peer_entries_max: self.dedup_entries / PEER_SHARE,
            bytes_max: self.dedup_bytes,
            peer_bytes_max: self.dedup_bytes / PEER_SHARE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::settings::Problem;

    fn read(text: &str) -> (Config, Vec<Problem>) {
        let mut problems = Vec::new();
        let table = text.parse().expect("TOML");
        let mut section = Section::new("coap", table, &mut problems);
        let config = Config::read(&mut section);
        section.finish();
        (config, problems)
    }

    #[test]
    fn settings_are_read_and_every_mistake_is_noted() {
        assert_eq!(read(""), (Config::default(), Vec::new()));
        let (config, problems) = read("dedup_entries = 2000\nack_after = '50ms'");
        assert_eq!(config.ack_after, Duration::from_millis(50));
        assert_eq!(config.seen().peer_entries_max, 62);
        assert!(problems.is_empty());
        let (_, problems) = read("bind = 'here'\nack_after = '3s'\ngrace = '2d'\nbinf = 1");
        let keys: Vec<_> = problems
            .iter()
            .map(|problem| problem.key.as_str())
            .collect();
        assert_eq!(
            keys,
            ["coap.bind", "coap.ack_after", "coap.grace", "coap.binf"]
        );
    }
}
