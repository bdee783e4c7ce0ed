//! The message layer (RFC 7252 §4, §5.2, §5.3): datagrams and time in, datagrams and requests out.
//!
//! ```text
//!  datagram -> ping, ACK, RST: done here
//!           -> a copy of a request: its answer again, or wait with it
//!           -> a request -- respond --> piggybacked in its ACK, if it is soon
//!                  `- 1 s: empty ACK -> a CON of our own, until the peer acknowledges it
//! ```
//! No socket, no clock, no task: `now` and random numbers are arguments, and what is to be sent goes
//! into an [`Outbox`]. So loss, reordering, duplication and restarts are tested without any.
//!
//! Decisions. A request is known by its whole datagram (`seen`). Only what changed something is
//! remembered: errors that follow from the request alone are worked out again, and a temporary
//! refusal is forgotten, so that the same message id is tried anew. GET changes nothing and is
//! never remembered (§4.5).
mod answer;
mod flights;
mod hear;
mod seen;
mod separate;

pub use flights::ExchangeId;
pub use seen::{LIFETIME_SECS, Limits as SeenLimits};

use super::echo::Proofs;
use super::message::{self, Code, Kind, Message};
use super::options::Asked;
use super::outbox::Outbox;
use flights::Flights;
use seen::Seen;
use separate::{Due, Separate};
use std::time::{Duration, Instant};

/// Max-Age of an answer to who comes while too much is outstanding, in seconds: by then some
/// thousand syncs are over.
const BUSY_SECS: u32 = 2;

/// Limits of the message layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests that wait for their answer.
    pub outstanding_max: usize,
    /// From a request to an empty acknowledgement.
    pub ack_after: Duration,
    /// Requests remembered.
    pub seen: SeenLimits,
}

/// Random numbers of a process.
#[derive(Clone, Copy, Debug)]
pub struct Secrets {
    /// Of hashes of peers; it lives as long as the log.
    pub seed: u64,
    /// Of this process: of Echo values, of where message ids begin.
    pub process: [u8; 32],
}

/// What happened, as counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Malformed datagrams by kind.
    pub malformed: [u64; message::Fault::KINDS],
    /// Requests taken for the first time.
    pub requests: u64,
    /// Copies of requests.
    pub duplicates: u64,
    /// Pings, and messages that nobody waits for, answered by a Reset.
    pub resets: u64,
    /// Requests with an option that cannot be obeyed.
    pub bad_options: u64,
    /// Empty acknowledgements ahead of a response.
    pub acknowledged: u64,
    /// Responses in a message of their own that wants an acknowledgement.
    pub separate: u64,
    /// Such responses sent again.
    pub retransmissions: u64,
    /// Such responses that were never acknowledged.
    pub given_up: u64,
    /// Such responses that were answered by a Reset.
    pub rejected: u64,
    /// Echo challenges.
    pub challenges: u64,
    /// Echos returned and right.
    pub proven: u64,
    /// Responses by class: 2.xx, 4.xx, 5.xx.
    pub responses: [u64; 3],
}

/// What a datagram was.
#[derive(Debug)]
pub enum Heard<'a> {
    /// Nothing for anybody above: a ping, an acknowledgement, a message that nobody waits for.
    Nothing,
    /// No message, or a request that cannot be one.
    Malformed,
    /// A request that has been heard before; true: it was an uplink.
    Copy(bool),
    /// A request while too much is outstanding: refused if it was confirmable, else dropped.
    Busy(Message<'a>),
    /// A request; it wants [`Exchanges::respond`] or [`Exchanges::abandon`].
    Request(Request<'a>),
}

/// A request to be answered.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// For the answer.
    pub id: ExchangeId,
    /// As it came.
    pub message: Message<'a>,
    /// What its options ask for.
    pub asked: Asked<'a>,
    /// Hash of the peer.
    pub peer: u64,
}

/// Is an answer remembered, for copies of the request?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Yes: the request changed something.
    Answer,
    /// No: a copy is taken like a first one.
    Nothing,
}

/// All peers' exchanges.
#[derive(Debug)]
pub struct Exchanges {
    limits: Limits,
    seed: u64,
    start: Instant,
    seen: Seen,
    flights: Flights,
    separate: Separate,
    proofs: Proofs,
    counts: Counts,
    scratch: Vec<u8>,
    next_id: u16,
    random: Random,
}

/// `SplitMix64`: spreads retransmissions, no more.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn draw(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let [.., a, b, c, d] = (mixed ^ mixed >> 27).to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }
}

/// RFC 7967 §2.1: bit n - 1 suppresses responses of class n.
const fn is_silent(no_response: u8, code: Code) -> bool {
    no_response >> code.class().saturating_sub(1) & 1 == 1
}

impl Exchanges {
    /// None yet.
    pub fn new(limits: Limits, secrets: Secrets, now: Instant) -> Self {
        let [low, high, .., a, b, c, d] = secrets.process;
        Self {
            limits,
            seed: secrets.seed,
            start: now,
            seen: Seen::new(limits.seen),
            flights: Flights::default(),
            separate: Separate::default(),
            proofs: Proofs::new(secrets.process),
            counts: Counts::default(),
            scratch: Vec::new(),
            next_id: u16::from_le_bytes([low, high]),
            random: Random(u32::from_le_bytes([a, b, c, d]).into()),
        }
    }

    /// What happened so far.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Requests that wait for their answer.
    pub fn outstanding(&self) -> usize {
        self.flights.len()
    }

    /// Confirmable responses that wait for their acknowledgement.
    pub fn unacknowledged(&self) -> usize {
        self.separate.len()
    }

    /// Requests remembered, bytes of answers kept, and requests forgotten early.
    pub fn remembered(&self) -> (usize, usize, u64) {
        (self.seen.len(), self.seen.kept_bytes(), self.seen.evicted())
    }

    fn secs(&self, now: Instant) -> u32 {
        // From 1 on, so that nothing is as old as the process.
        let secs = now.saturating_duration_since(self.start).as_secs() + 1;
        u32::try_from(secs).unwrap_or(u32::MAX)
    }

    /// When [`Exchanges::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let ack = self.flights.oldest().map(|at| at + self.limits.ack_after);
        ack.into_iter().chain(self.separate.next()).min()
    }

    /// Sends what time brings: empty acknowledgements and retransmissions.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) {
        let before = now.checked_sub(self.limits.ack_after);
        while let Some(late) = before.and_then(|at| self.flights.acknowledge(at)) {
            self.counts.acknowledged += 1;
            out.empty(late.session, Kind::Acknowledgement, late.message_id);
            if let Some((slot, key)) = late.seen {
                self.seen.answer(slot, key, Code::EMPTY, &[]);
            }
        }
        while let Some(due) = self.separate.due(now) {
            match due {
                Due::Again(to, message) => {
                    self.counts.retransmissions += 1;
                    out.push(to, |out| out.extend_from_slice(message));
                }
                Due::GivenUp => self.counts.given_up += 1,
            }
        }
        let secs = self.secs(now);
        self.seen.expire(secs);
    }
}

#[cfg(test)]
mod tests;
