//! Proof that a peer is where it says it is (RFC 9175 §2), so that nobody is flooded in its name.
//!
//! ```text
//!  GET, 25 bytes   --->  a response of 900 bytes to an address that may be forged? No:
//!                  <---  4.01, Echo: time and a keyed hash over it and the address
//!  GET, the Echo   --->  proven for some minutes: 2.05
//! ```
//! Nothing is stored for a challenge. An answer of at most three times its request needs none.
use super::session::Session;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, VecDeque};

/// An Echo value: 4 bytes of time, 8 of hash.
pub type Challenge = [u8; 12];

/// An unproven peer gets at most this many times the bytes that it sent (RFC 9175 §2.4).
pub const AMPLIFICATION_MAX: usize = 3;
/// How old a returned Echo may be: a sleepy device answers late, and a forged one is no worse for it.
const FRESH_SECS: u32 = 300;
/// How long an address is proven: as long as a NAT binding may be taken to last at the most.
const PROVEN_SECS: u32 = 300;
/// Peers that are proven at a time; past it the one proven first proves itself again.
pub const PROVEN_MAX: usize = 16_384;

/// The secret and who has proved.
#[derive(Debug)]
pub struct Proofs {
    secret: [u8; 32],
    until: HashMap<u64, u32>,
    order: VecDeque<(u64, u32)>,
}

impl Proofs {
    /// `secret` is random, of this process.
    pub fn new(secret: [u8; 32]) -> Self {
        Self {
            secret,
            until: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// An Echo value for this peer now.
    pub fn challenge(&self, session: &Session, now_secs: u32) -> Challenge {
        let mut hash = Sha256::new();
        hash.update(self.secret);
        hash.update(now_secs.to_be_bytes());
        hash.update(session.peer_bytes());
        let digest = hash.finalize();
        let mut challenge = Challenge::default();
        let (time, mac) = challenge.split_at_mut(4);
        time.copy_from_slice(&now_secs.to_be_bytes());
        mac.copy_from_slice(digest.get(..8).unwrap_or_default());
        challenge
    }

    /// Notes that the peer has proved its address, if `echo` is ours and fresh.
    pub fn prove(&mut self, session: &Session, peer: u64, echo: &[u8], now_secs: u32) -> bool {
        let Some((time, mac)) = echo.split_first_chunk() else {
            return false;
        };
        let at = u32::from_be_bytes(*time);
        let fresh = now_secs
            .checked_sub(at)
            .is_some_and(|age| age <= FRESH_SECS);
        let ours = self.challenge(session, at);
        let ours = ours.get(4..).unwrap_or_default();
        // All bytes are looked at, so that the time it takes tells nothing.
        let differ = ours.iter().zip(mac).fold(0, |all, (a, b)| all | (a ^ b));
        if !fresh || mac.len() != ours.len() || differ != 0 {
            return false;
        }
        self.expire(now_secs);
        if self.order.len() >= PROVEN_MAX {
            self.pop();
        }
        let until = now_secs + PROVEN_SECS;
        self.until.insert(peer, until);
        self.order.push_back((peer, until));
        true
    }

    /// Is the peer proven?
    pub fn is_proven(&self, peer: u64, now_secs: u32) -> bool {
        self.until.get(&peer).is_some_and(|until| *until > now_secs)
    }

    fn expire(&mut self, now_secs: u32) {
        while self
            .order
            .front()
            .is_some_and(|(_, until)| *until <= now_secs)
        {
            self.pop();
        }
    }

    fn pop(&mut self) {
        if let Some((peer, until)) = self.order.pop_front()
            && self.until.get(&peer) == Some(&until)
        {
            self.until.remove(&peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(port: u16) -> Session {
        Session::new(([192, 0, 2, 1], port).into())
    }

    /// RFC 9175 §2.3: an Echo proves the address that it was sent to, while it is fresh.
    #[test]
    fn an_echo_proves_its_own_address_while_fresh() {
        let mut proofs = Proofs::new([7; 32]);
        let echo = proofs.challenge(&session(1), 1_000);
        assert!(!proofs.is_proven(1, 1_000));
        assert!(!proofs.prove(&session(2), 2, &echo, 1_001), "another port");
        assert!(!proofs.prove(&session(1), 1, &echo, 1_301), "stale");
        assert!(!proofs.prove(&session(1), 1, &echo, 999), "from the future");
        for at in 0..echo.len() {
            let mut forged = echo;
            forged.get_mut(at).into_iter().for_each(|byte| *byte ^= 1);
            assert!(!proofs.prove(&session(1), 1, &forged, 1_001), "byte {at}");
        }
        for short in [&[][..], b"abc", b"abcdefghijklm"] {
            assert!(!proofs.prove(&session(1), 1, short, 1_001));
        }
        assert!(proofs.prove(&session(1), 1, &echo, 1_300));
        assert!(proofs.is_proven(1, 1_599));
        assert!(!proofs.is_proven(1, 1_600));
        let other = Proofs::new([8; 32]);
        assert_ne!(other.challenge(&session(1), 1_000), echo);
    }

    #[test]
    fn proven_peers_are_bounded() {
        let mut proofs = Proofs::new([7; 32]);
        let echo = proofs.challenge(&session(1), 5);
        for peer in 0..=PROVEN_MAX as u64 {
            assert!(proofs.prove(&session(1), peer, &echo, 6));
        }
        assert_eq!(
            (proofs.until.len(), proofs.order.len()),
            (PROVEN_MAX, PROVEN_MAX)
        );
        assert!(!proofs.is_proven(0, 6));
        // The same peer again and again: the queue is bounded with the map.
        for _ in 0..2 * PROVEN_MAX {
            assert!(proofs.prove(&session(1), 9, &echo, 6));
        }
        assert!(proofs.order.len() <= PROVEN_MAX);
        assert!(proofs.is_proven(9, 6));
    }
}
