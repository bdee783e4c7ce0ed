//! Requests that wait for their answer.
//!
//! ```text
//!  slab: flight, generation        confirmable and not yet acknowledged: oldest <-> .. <-> newest
//! ```
use crate::sources::coap::message::{Kind, Message, TOKEN_MAX};
use crate::sources::coap::session::Session;
use std::time::Instant;

const NONE: u32 = u32::MAX;

/// Names one request for as long as it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExchangeId {
    index: u32,
    generation: u32,
}

/// A request that waits.
#[derive(Clone, Copy, Debug)]
pub struct Flight {
    pub session: Session,
    pub peer: u64,
    pub kind: Kind,
    pub message_id: u16,
    /// Bytes of the datagram.
    pub request_len: usize,
    /// RFC 7967.
    pub no_response: u8,
    /// An empty acknowledgement has gone out.
    pub acknowledged: bool,
    /// Slot and key in [`super::seen::Seen`].
    pub seen: Option<(u32, u64)>,
    token: [u8; TOKEN_MAX],
    token_len: u8,
    heard_at: Instant,
    older: u32,
    newer: u32,
}

impl Flight {
    /// Of a request that was heard now.
    pub fn of(now: Instant, from: Session, peer: u64, message: &Message<'_>, len: usize) -> Self {
        let mut token = [0; TOKEN_MAX];
        for (to, byte) in token.iter_mut().zip(message.token) {
            *to = *byte;
        }
        Self {
            session: from,
            peer,
            kind: message.header.kind,
            message_id: message.header.id,
            request_len: len,
            no_response: 0,
            acknowledged: false,
            seen: None,
            token,
            token_len: u8::try_from(message.token.len()).unwrap_or(0),
            heard_at: now,
            older: NONE,
            newer: NONE,
        }
    }

    /// Its token.
    pub fn token(&self) -> &[u8] {
        let len = usize::from(self.token_len);
        self.token.get(..len).unwrap_or_default()
    }
}

/// All of them.
#[derive(Debug)]
pub struct Flights {
    slab: Vec<(u32, Option<Flight>)>,
    free: Vec<u32>,
    oldest: u32,
    newest: u32,
}

impl Default for Flights {
    fn default() -> Self {
        Self {
            slab: Vec::new(),
            free: Vec::new(),
            oldest: NONE,
            newest: NONE,
        }
    }
}

fn index(at: u32) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

impl Flights {
    /// How many wait.
    pub fn len(&self) -> usize {
        self.slab.len() - self.free.len()
    }

    fn at(&mut self, at: u32) -> Option<&mut Flight> {
        self.slab.get_mut(index(at))?.1.as_mut()
    }

    /// One more.
    pub fn insert(&mut self, mut flight: Flight) -> ExchangeId {
        let listed = flight.kind == Kind::Confirmable;
        flight.older = if listed { self.newest } else { NONE };
        let at = if let Some(at) = self.free.pop() {
            if let Some(place) = self.slab.get_mut(index(at)) {
                place.1 = Some(flight);
            }
            at
        } else {
            self.slab.push((0, Some(flight)));
            u32::try_from(self.slab.len() - 1).unwrap_or(NONE)
        };
        if listed {
            match self.at(self.newest) {
                Some(before) => before.newer = at,
                None => self.oldest = at,
            }
            self.newest = at;
        }
        let generation = self.slab.get(index(at)).map_or(0, |place| place.0);
        ExchangeId {
            index: at,
            generation,
        }
    }

    /// One that waits.
    pub fn get(&self, id: ExchangeId) -> Option<&Flight> {
        let (generation, flight) = self.slab.get(index(id.index))?;
        flight.as_ref().filter(|_| *generation == id.generation)
    }

    /// Takes one out.
    pub fn remove(&mut self, id: ExchangeId) -> Option<Flight> {
        self.get(id)?;
        let (generation, place) = self.slab.get_mut(index(id.index))?;
        *generation = generation.wrapping_add(1);
        let flight = place.take()?;
        self.free.push(id.index);
        if flight.kind == Kind::Confirmable && !flight.acknowledged {
            self.unlink(flight.older, flight.newer);
        }
        Some(flight)
    }

    fn unlink(&mut self, older: u32, newer: u32) {
        match self.at(older) {
            Some(place) => place.newer = newer,
            None => self.oldest = newer,
        }
        match self.at(newer) {
            Some(place) => place.older = older,
            None => self.newest = older,
        }
    }

    /// When the one that waits longest for any acknowledgement was heard.
    pub fn oldest(&self) -> Option<Instant> {
        let (_, flight) = self.slab.get(index(self.oldest))?;
        flight.as_ref().map(|flight| flight.heard_at)
    }

    /// Takes one that was heard at or before `at` as acknowledged.
    pub fn acknowledge(&mut self, at: Instant) -> Option<Flight> {
        let flight = self.at(self.oldest)?;
        if flight.heard_at > at {
            return None;
        }
        flight.acknowledged = true;
        let flight = *flight;
        self.unlink(flight.older, flight.newer);
        Some(flight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::coap::message::parse;
    use std::time::Duration;

    fn flight(now: Instant, kind: u8, id: u8) -> Flight {
        let bytes = [0x40 | kind << 4, 2, 0, id];
        let message = parse(&bytes).expect("a message");
        let from = Session::new(([127, 0, 0, 1], 9).into());
        Flight::of(now, from, 1, &message, bytes.len())
    }

    #[test]
    fn only_what_is_confirmable_is_acknowledged_in_order_and_once() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut flights = Flights::default();
        let ids: Vec<ExchangeId> = (0..5)
            .map(|n| flights.insert(flight(at(u64::from(n)), n % 2, n)))
            .collect();
        let [zero, .., four] = ids.as_slice() else {
            unreachable!("five")
        };
        assert_eq!(flights.oldest(), Some(at(0)));
        flights.remove(*zero).expect("waits");
        assert!(flights.remove(*zero).is_none());
        assert_eq!(flights.oldest(), Some(at(2)));
        assert!(flights.acknowledge(at(1)).is_none());
        let late = flights.acknowledge(at(3)).expect("late");
        assert_eq!(late.message_id, 2);
        assert!(flights.acknowledge(at(3)).is_none());
        assert_eq!(flights.oldest(), Some(at(4)));
        let again = flights.insert(flight(at(9), 0, 9));
        assert_ne!(again, *zero, "another generation");
        flights.remove(*four).expect("waits");
        assert_eq!(flights.oldest(), Some(at(9)));
        assert!(!flights.get(again).expect("waits").acknowledged);
        assert_eq!(flights.len(), 4);
    }
}
