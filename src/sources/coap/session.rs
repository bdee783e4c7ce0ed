//! Who a message came from.
use std::net::{IpAddr, SocketAddr};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The peer's end of what security associates (RFC 7252 §4.1): without DTLS, an address. With it,
/// the DTLS session will stand here, which outlives the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Where it came from, and where the answer goes.
    pub peer: SocketAddr,
    /// Which of our addresses was asked, where the socket is bound to all of them: the answer has
    /// to come from there (RFC 7252 §5.3.2).
    pub local: Option<IpAddr>,
}

impl Session {
    /// A session of a socket that is bound to one address.
    pub const fn new(peer: SocketAddr) -> Self {
        Self { peer, local: None }
    }

    /// The peer as bytes: address, in IPv6's form, and port.
    pub fn peer_bytes(&self) -> [u8; 18] {
        let ip = match self.peer.ip() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        let mut bytes = [0; 18];
        let (address, port) = bytes.split_at_mut(16);
        address.copy_from_slice(&ip.octets());
        port.copy_from_slice(&self.peer.port().to_be_bytes());
        bytes
    }

    /// The peer as a number. Its seed lives as long as the log, so that a retransmission is known
    /// over a restart.
    pub fn peer_hash(&self, seed: u64) -> u64 {
        xxh3_64_with_seed(&self.peer_bytes(), seed)
    }
}
