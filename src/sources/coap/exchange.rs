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
//! Decisions. A request is known by its whole datagram ([`seen`]). Only what changed something is
//! remembered: errors that follow from the request alone are worked out again, and a temporary
//! refusal is forgotten, so that the same message id is tried anew. GET changes nothing and is
//! never remembered (§4.5).
mod flights;
mod seen;
mod separate;

pub use flights::ExchangeId;
pub use seen::{LIFETIME_SECS, Limits as SeenLimits};
pub use separate::{ACK_TIMEOUT, RETRANSMIT_MAX, SEPARATE_MAX};

use super::echo::{AMPLIFICATION_MAX, Proofs};
use super::encode::put_header;
use super::message::{self, Code, Header, Kind, Malformed, Message};
use super::options::{Asked, Fault};
use super::outbox::Outbox;
use super::response::{Response, cut};
use super::session::Session;
use flights::{Flight, Flights};
use seen::{Known, Seen};
use separate::{Due, Separate};
use std::time::{Duration, Instant};
use xxhash_rust::xxh3::xxh3_64_with_seed;

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

    /// Takes a datagram; what is to be sent at once goes into `out`.
    pub fn handle_datagram<'a>(
        &mut self,
        now: Instant,
        from: Session,
        bytes: &'a [u8],
        out: &mut Outbox,
    ) -> Heard<'a> {
        let message = match message::parse(bytes) {
            Ok(message) => message,
            Err(malformed) => return self.malformed(from, malformed, out),
        };
        let Header { kind, code, id } = message.header;
        let peer = from.peer_hash(self.seed);
        if !code.is_request() {
            let known = matches!(kind, Kind::Acknowledgement | Kind::Reset)
                && self.separate.settle(peer, id);
            self.counts.rejected += u64::from(known && kind == Kind::Reset);
            if kind == Kind::Confirmable {
                // §4.3: a ping; §4.2: a response that nobody waits for.
                self.reset(from, id, out);
            }
            return Heard::Nothing;
        }
        let key = xxh3_64_with_seed(bytes, peer);
        let remember = code != Code::GET;
        if remember && let Some(slot) = self.seen.find(key) {
            return Heard::Copy(self.again(slot, from, &message, out));
        }
        let asked = match Asked::read(message.options) {
            Ok(asked) => asked,
            Err(fault) => return self.bad_option(now, from, &message, bytes.len(), fault, out),
        };
        if self.flights.len() >= self.limits.outstanding_max {
            if kind == Kind::Confirmable {
                let flight = Flight::of(now, from, peer, &message, bytes.len());
                let response = Response::later(Code::UNAVAILABLE, BUSY_SECS);
                self.piggyback(now, &flight, &response, asked.no_response, out);
            }
            return Heard::Busy(message);
        }
        let secs = self.secs(now);
        self.counts.requests += 1;
        if !asked.echo.is_empty() && self.proofs.prove(&from, peer, asked.echo, secs) {
            self.counts.proven += 1;
        }
        let mut flight = Flight::of(now, from, peer, &message, bytes.len());
        flight.no_response = asked.no_response;
        if remember {
            self.seen.expire(secs);
            flight.seen = Some((self.seen.insert(key, peer, secs), key));
        }
        let request = Request {
            id: self.flights.insert(flight),
            message,
            asked,
            peer,
        };
        Heard::Request(request)
    }

    fn malformed<'a>(
        &mut self,
        from: Session,
        malformed: Malformed,
        out: &mut Outbox,
    ) -> Heard<'a> {
        if let Some(count) = self.counts.malformed.get_mut(malformed.fault.kind()) {
            *count += 1;
        }
        // §4.2: what is confirmable and cannot be processed is reset; all else is ignored (§3, §4.3).
        if let Some(header) = malformed.header
            && header.kind == Kind::Confirmable
        {
            self.reset(from, header.id, out);
        }
        Heard::Malformed
    }

    fn reset(&mut self, to: Session, id: u16, out: &mut Outbox) {
        self.counts.resets += 1;
        out.empty(to, Kind::Reset, id);
    }

    /// §5.4.1: 4.02 with words, or, if not confirmable, a rejection.
    fn bad_option<'a>(
        &mut self,
        now: Instant,
        from: Session,
        message: &Message<'a>,
        len: usize,
        fault: Fault,
        out: &mut Outbox,
    ) -> Heard<'a> {
        self.counts.bad_options += 1;
        if message.header.kind != Kind::Confirmable {
            self.reset(from, message.header.id, out);
            return Heard::Malformed;
        }
        let code = match fault {
            Fault::Proxy => Code::NO_PROXY,
            _ => Code::BAD_OPTION,
        };
        let peer = from.peer_hash(self.seed);
        let flight = Flight::of(now, from, peer, message, len);
        let words = fault.to_string();
        self.piggyback(now, &flight, &Response::diagnostic(code, &words), 0, out);
        Heard::Malformed
    }

    /// A copy of a request; true: it was an uplink.
    fn again(&mut self, slot: u32, from: Session, message: &Message<'_>, out: &mut Outbox) -> bool {
        self.counts.duplicates += 1;
        let Header { kind, id, .. } = message.header;
        let Some((known, uplink)) = self.seen.known(slot) else {
            return false;
        };
        // §4.3: a copy of what wants no acknowledgement is ignored.
        if let (Kind::Confirmable, Known::Answered { code, tail }) = (kind, known) {
            let header = Header {
                kind: Kind::Acknowledgement,
                code,
                id,
            };
            let token = if code == Code::EMPTY {
                &[]
            } else {
                message.token
            };
            out.push(from, |out| {
                put_header(out, header, token);
                out.extend_from_slice(tail);
            });
        }
        uplink
    }

    /// The request is an uplink: its copies are counted as such.
    pub fn mark_uplink(&mut self, id: ExchangeId) {
        if let Some((slot, key)) = self.flights.get(id).and_then(|flight| flight.seen) {
            self.seen.mark_uplink(slot, key);
        }
    }

    /// Answers a request.
    pub fn respond(
        &mut self,
        now: Instant,
        id: ExchangeId,
        response: &Response<'_>,
        keep: Keep,
        out: &mut Outbox,
    ) {
        let Some(flight) = self.flights.remove(id) else {
            return;
        };
        let silent = is_silent(flight.no_response, response.code());
        if keep == Keep::Nothing {
            self.forget(&flight);
            if silent && response.is_error() && response.max_age.is_some() {
                // To come back later is what the peer does not want to hear. An acknowledgement
                // would end its retransmissions, and each is another chance.
                return;
            }
        }
        if flight.kind == Kind::Confirmable && !flight.acknowledged {
            let code = self.piggyback(now, &flight, response, flight.no_response, out);
            if let (Keep::Answer, Some((slot, key))) = (keep, flight.seen) {
                self.seen.answer(slot, key, code, &self.scratch);
            }
            return;
        }
        if let (Keep::Answer, Some((slot, key))) = (keep, flight.seen) {
            self.seen.answer(slot, key, Code::EMPTY, &[]);
        }
        if !silent {
            self.own_message(now, &flight, response, out);
        }
    }

    /// Answers nothing, and forgets the request.
    pub fn abandon(&mut self, id: ExchangeId) {
        if let Some(flight) = self.flights.remove(id) {
            self.forget(&flight);
        }
    }

    fn forget(&mut self, flight: &Flight) {
        if let Some((slot, key)) = flight.seen {
            self.seen.forget(slot, key);
        }
    }

    /// In the acknowledgement (§5.2.1). Leaves options and payload in `scratch`, and returns the
    /// code that was sent.
    fn piggyback(
        &mut self,
        now: Instant,
        flight: &Flight,
        response: &Response<'_>,
        no_response: u8,
        out: &mut Outbox,
    ) -> Code {
        self.scratch.clear();
        if is_silent(no_response, response.code()) {
            // RFC 7967 §2: the message is acknowledged all the same.
            out.empty(flight.session, Kind::Acknowledgement, flight.message_id);
            return Code::EMPTY;
        }
        let code = self.put_tail(now, flight, response);
        let header = Header {
            kind: Kind::Acknowledgement,
            code,
            id: flight.message_id,
        };
        let tail = &self.scratch;
        out.push(flight.session, |out| {
            put_header(out, header, flight.token());
            out.extend_from_slice(tail);
        });
        code
    }

    /// A message of our own: CON after an empty acknowledgement (§5.2.2), NON to a NON (§5.2.3).
    fn own_message(
        &mut self,
        now: Instant,
        flight: &Flight,
        response: &Response<'_>,
        out: &mut Outbox,
    ) {
        let confirmable = flight.kind == Kind::Confirmable && self.separate.has_room();
        self.scratch.clear();
        let code = self.put_tail(now, flight, response);
        self.next_id = self.next_id.wrapping_add(1);
        let fallback = self.next_id;
        let id = flight.seen.map_or(fallback, |(slot, key)| {
            self.seen.next_id(slot, key, fallback)
        });
        let header = Header {
            kind: if confirmable {
                Kind::Confirmable
            } else {
                Kind::NonConfirmable
            },
            code,
            id,
        };
        let tail = &self.scratch;
        out.push(flight.session, |out| {
            put_header(out, header, flight.token());
            out.extend_from_slice(tail);
        });
        if confirmable {
            self.counts.separate += 1;
            if let Some((to, message)) = out.from(out.len() - 1).next() {
                let key = (flight.peer, id);
                let random = self.random.draw();
                self.separate.insert(now, to, key, message, random);
            }
        }
    }

    /// Writes options and payload into `scratch`, at most three times the request for a peer that
    /// has not proved its address: an error loses words, anything else becomes a challenge.
    fn put_tail(&mut self, now: Instant, flight: &Flight, response: &Response<'_>) -> Code {
        let secs = self.secs(now);
        response.put_tail(&mut self.scratch);
        let head = 4 + flight.token().len();
        let max = AMPLIFICATION_MAX * flight.request_len;
        let mut code = response.code();
        if head + self.scratch.len() > max && !self.proofs.is_proven(flight.peer, secs) {
            let over = head + self.scratch.len() - max;
            let mut less = *response;
            if response.is_error() {
                let words = response.payload.len().saturating_sub(over);
                less.payload = cut(response.payload, words);
            } else {
                self.counts.challenges += 1;
                less = Response::new(Code::UNAUTHORIZED);
                less.echo = Some(self.proofs.challenge(&flight.session, secs));
            }
            self.scratch.clear();
            less.put_tail(&mut self.scratch);
            code = less.code();
        }
        let class = usize::from(code.class());
        let place = class.saturating_sub(3);
        if let Some(count) = self.counts.responses.get_mut(place) {
            *count += 1;
        }
        code
    }

    /// When [`Exchanges::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let ack = self.flights.oldest().map(|at| at + self.limits.ack_after);
        ack.into_iter().chain(self.separate.next()).min()
    }

    /// Sends what time brings: empty acknowledgements and retransmissions.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) {
        let before = now.checked_sub(self.limits.ack_after);
        while let Some((session, id, seen)) = before.and_then(|at| self.flights.acknowledge(at)) {
            self.counts.acknowledged += 1;
            out.empty(session, Kind::Acknowledgement, id);
            if let Some((slot, key)) = seen {
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
