//! What comes in.
use super::flights::Flight;
use super::seen::Known;
use super::{BUSY_SECS, Exchanges, Heard, Request};
use crate::sources::coap::blockwise::SZX_MAX;
use crate::sources::coap::encode::put_header;
use crate::sources::coap::message::{self, Code, Header, Kind, Malformed, Message};
use crate::sources::coap::options::{Asked, Block, Fault};
use crate::sources::coap::outbox::Outbox;
use crate::sources::coap::response::Response;
use crate::sources::coap::session::Session;
use std::time::Instant;
use xxhash_rust::xxh3::xxh3_64_with_seed;

impl Exchanges {
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
            return Heard::Copy(self.again((slot, key), from, &message, out));
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

    /// Refuses a datagram that was too long to be read whole (RFC 7252 §4.6): 4.13, and in Block1
    /// the size that is taken (RFC 7959 §2.9.3).
    pub fn handle_truncated(
        &mut self,
        now: Instant,
        from: Session,
        bytes: &[u8],
        out: &mut Outbox,
    ) {
        let Ok(message) = message::parse(bytes) else {
            return;
        };
        let Header { kind, code, .. } = message.header;
        if kind == Kind::Confirmable && code.is_request() {
            let peer = from.peer_hash(self.seed);
            let flight = Flight::of(now, from, peer, &message, bytes.len());
            let words = "a datagram may be no longer than 4 KiB: send in blocks";
            let mut response = Response::diagnostic(Code::TOO_LARGE, words);
            response.block1 = Some(Block {
                szx: SZX_MAX,
                ..Block::default()
            });
            self.piggyback(now, &flight, &response, 0, out);
        }
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

    /// A copy of a request; true: it was an uplink. It is answered as the first was, a NON too: §4.5
    /// leaves that to the request's meaning, and here a device waits for what may have been lost.
    fn again(
        &mut self,
        (slot, key): (u32, u64),
        from: Session,
        message: &Message<'_>,
        out: &mut Outbox,
    ) -> bool {
        self.counts.duplicates += 1;
        let (kind, id) = match message.header.kind {
            Kind::Confirmable => (Kind::Acknowledgement, message.header.id),
            _ => (Kind::NonConfirmable, self.own_id(Some((slot, key)))),
        };
        let Some((known, uplink)) = self.seen.known(slot) else {
            return false;
        };
        let Known::Answered { code, tail } = known else {
            return uplink;
        };
        if code != Code::EMPTY {
            let header = Header { kind, code, id };
            out.push(from, |out| {
                put_header(out, header, message.token);
                out.extend_from_slice(tail);
            });
        } else if kind == Kind::Acknowledgement {
            out.empty(from, kind, id);
        }
        uplink
    }
}
