//! What goes out as an answer: piggybacked, in a message of its own, or not at all.
use super::flights::{ExchangeId, Flight};
use super::separate::RETRANSMIT_MAX;
use super::{Exchanges, Keep, is_silent};
use crate::sources::coap::echo::AMPLIFICATION_MAX;
use crate::sources::coap::encode::put_header;
use crate::sources::coap::message::{Code, Header, Kind};
use crate::sources::coap::outbox::Outbox;
use crate::sources::coap::response::{Response, cut};
use std::time::Instant;

impl Exchanges {
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
        let mut code = Code::EMPTY;
        self.scratch.clear();
        if !silent {
            code = self.own_message(now, &flight, response, out);
        }
        if let (Keep::Answer, Some((slot, key))) = (keep, flight.seen) {
            // After an empty acknowledgement, that is what was answered; this does not change it.
            self.seen.answer(slot, key, code, &self.scratch);
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
    pub(super) fn piggyback(
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
        let code = self.put_tail(now, flight, response, 1);
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
    ) -> Code {
        let confirmable = flight.kind == Kind::Confirmable && self.separate.has_room();
        let copies = if confirmable {
            1 + usize::from(RETRANSMIT_MAX)
        } else {
            1
        };
        let code = self.put_tail(now, flight, response, copies);
        let id = self.own_id(flight.seen);
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
        code
    }

    /// A message id of ours (§4.4).
    pub(super) fn own_id(&mut self, seen: Option<(u32, u64)>) -> u16 {
        self.next_id = self.next_id.wrapping_add(1);
        let fallback = self.next_id;
        seen.map_or(fallback, |(slot, key)| {
            self.seen.next_id(slot, key, fallback)
        })
    }

    /// Writes options and payload into `scratch`, at most three times the request for a peer that
    /// has not proved its address: an error loses words, also for all the `copies` that may have to
    /// be sent; anything else becomes a challenge.
    fn put_tail(
        &mut self,
        now: Instant,
        flight: &Flight,
        response: &Response<'_>,
        copies: usize,
    ) -> Code {
        let secs = self.secs(now);
        response.put_tail(&mut self.scratch);
        let head = 4 + flight.token().len();
        let copies = if response.is_error() { copies } else { 1 };
        let max = AMPLIFICATION_MAX * flight.request_len / copies;
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
}
