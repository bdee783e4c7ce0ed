//! One device's side of CoAP, RFC 7252: datagrams and time in, datagrams and events out.
//!
//! No socket, no clock, and chance is an argument, so that a test plays years of it. At most
//! `nstart` reports are on their way (§4.7); whoever has more keeps them.
use super::Ids;
use super::exchange::{Exchange, Report, Step, Transmission};
use super::message::{self, Incoming};
use coap_lite::MessageType;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Answers that are known again when they come twice.
const RECENT_MAX: usize = 64;
/// Message ids used from one port, of 65,536: more within `EXCHANGE_LIFETIME` would meet themselves.
const MIDS_MAX: u32 = 60_000;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The gateway has taken a report: so long after it was given in, and perhaps in an answer of its own.
    Done { took: Duration, separate: bool },
    /// It never will: the code, `(class << 5) | detail`, and its words.
    Refused {
        took: Duration,
        separate: bool,
        code: u8,
        diagnostic: String,
    },
    /// A datagram went again.
    Retransmitted,
    /// It asked to come back later.
    Deferred { code: u8 },
    /// An answer to nothing, or no CoAP.
    Unexpected,
}

#[derive(Debug)]
pub(super) struct Endpoint {
    transmission: Transmission,
    ids: Ids,
    exchanges: Vec<Exchange>,
    out: VecDeque<Vec<u8>>,
    events: VecDeque<Event>,
    /// Token and message id of what is answered.
    recent: VecDeque<([u8; 4], u16)>,
    heard_at: Option<Instant>,
}

impl Endpoint {
    pub(super) fn new(transmission: Transmission, ids: Ids) -> Self {
        Self {
            transmission,
            ids,
            exchanges: Vec::new(),
            out: VecDeque::new(),
            events: VecDeque::new(),
            recent: VecDeque::new(),
            heard_at: None,
        }
    }

    /// May another report be given in?
    pub(super) fn has_room(&self) -> bool {
        self.exchanges.len() < self.transmission.nstart.max(1) && !self.is_worn()
    }

    /// Is nothing on its way?
    pub(super) fn is_idle(&self) -> bool {
        self.exchanges.is_empty() && self.out.is_empty()
    }

    /// Have so many message ids been used that another port must be taken?
    pub(super) const fn is_worn(&self) -> bool {
        self.ids.used > MIDS_MAX
    }

    /// It speaks from another port now: its message ids are its own again.
    pub(super) fn handle_new_port(&mut self) {
        self.ids.used = 0;
        self.recent.clear();
    }

    /// Sends a report. Only while there [is room](Self::has_room).
    pub(super) fn push(&mut self, now: Instant, report: Report) {
        let exchange = Exchange::new(report, now, self.transmission, &mut self.ids);
        self.out.push_back(exchange.datagram.clone());
        self.exchanges.push(exchange);
    }

    /// How long the gateway has been silent although it was asked.
    pub(super) fn silence(&self, now: Instant) -> Duration {
        let oldest = self.exchanges.iter().map(|exchange| exchange.born_at).min();
        let since = oldest.map(|oldest| self.heard_at.map_or(oldest, |heard| heard.max(oldest)));
        since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// When [`Endpoint::handle_timeout`] is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.exchanges.iter().map(Exchange::due).min()
    }

    /// The next datagram to send.
    pub(super) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.out.pop_front()
    }

    pub(super) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        for exchange in &mut self.exchanges {
            let step = exchange.handle_timeout(now, self.transmission, &mut self.ids);
            if let Step::Send | Step::Resend = step {
                self.out.push_back(exchange.datagram.clone());
            }
            if step == Step::Resend {
                self.events.push_back(Event::Retransmitted);
            }
        }
    }

    pub(super) fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) {
        self.heard_at = Some(now);
        match message::parse(datagram) {
            Ok(Incoming::Acknowledged { mid }) => {
                let found = self.exchanges.iter_mut().find(|open| open.mid == mid);
                match found {
                    Some(exchange) => exchange.handle_promise(now, self.transmission),
                    None if self.recent.iter().any(|(_, recent)| *recent == mid) => {}
                    None => self.events.push_back(Event::Unexpected),
                }
            }
            Ok(Incoming::Reset { mid }) => {
                let found = self.exchanges.iter_mut().find(|open| open.mid == mid);
                let event = found.map_or(Event::Unexpected, |exchange| {
                    exchange.handle_reset(now, self.transmission);
                    Event::Deferred { code: 0 }
                });
                self.events.push_back(event);
            }
            Ok(Incoming::Answer(answer)) => self.handle_answer(now, &answer),
            // A ping, or a request to one who serves nothing: RFC 7252 §4.2 and §4.3.
            Ok(Incoming::Other { mid, confirmable }) => {
                if confirmable {
                    self.out.push_back(message::empty(MessageType::Reset, mid));
                }
                self.events.push_back(Event::Unexpected);
            }
            Err(_) => self.events.push_back(Event::Unexpected),
        }
    }

    fn handle_answer(&mut self, now: Instant, answer: &message::Answer) {
        let place = self
            .exchanges
            .iter()
            .position(|open| open.token == *answer.token);
        let known = place.is_some() || self.recent.iter().any(|(token, _)| *token == *answer.token);
        if answer.confirmable {
            let kind = if known {
                MessageType::Acknowledgement
            } else {
                MessageType::Reset
            };
            self.out.push_back(message::empty(kind, answer.mid));
        }
        let Some((place, exchange)) = place.and_then(|at| Some((at, self.exchanges.get_mut(at)?)))
        else {
            if !known {
                self.events.push_back(Event::Unexpected);
            }
            return;
        };
        let answered = (exchange.token, exchange.mid);
        let step = exchange.handle_answer(now, answer, self.transmission, &mut self.ids);
        let took = now.saturating_duration_since(exchange.born_at);
        let separate = exchange.separate && !answer.piggybacked;
        match step {
            Step::Wait => {}
            Step::Send | Step::Resend => {
                self.out.push_back(exchange.datagram.clone());
                if step == Step::Resend {
                    self.events.push_back(Event::Retransmitted);
                }
                // An echoed challenge keeps the token, a next block does not.
                if exchange.token != answered.0 {
                    self.remember(answered);
                }
            }
            Step::Deferred => self.events.push_back(Event::Deferred { code: answer.code }),
            Step::Done | Step::Refused => {
                self.exchanges.swap_remove(place);
                self.remember(answered);
                self.events.push_back(if step == Step::Done {
                    Event::Done { took, separate }
                } else {
                    Event::Refused {
                        took,
                        separate,
                        code: answer.code,
                        diagnostic: answer.diagnostic.clone(),
                    }
                });
            }
        }
    }

    fn remember(&mut self, answered: ([u8; 4], u16)) {
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(answered);
    }
}

#[cfg(test)]
mod tests;
