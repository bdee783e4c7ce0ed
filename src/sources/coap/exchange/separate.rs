//! Confirmable responses of ours, and their retransmission (RFC 7252 §4.2, §5.2.2).
//!
//! ```text
//!  send, wait 2-3 s, send, wait twice as long, .. 4 times again      until ACK or RST of the peer
//! ```
use crate::sources::coap::session::Session;
use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

/// `ACK_TIMEOUT` (RFC 7252 §4.8).
pub const ACK_TIMEOUT: Duration = Duration::from_secs(2);
/// `MAX_RETRANSMIT`.
pub const RETRANSMIT_MAX: u8 = 4;
/// Responses that wait for their acknowledgement; past it they go as NON.
pub const SEPARATE_MAX: usize = 4_096;

/// One response, as it was sent.
#[derive(Debug)]
struct Sent {
    to: Session,
    peer: u64,
    id: u16,
    message: Box<[u8]>,
    retransmitted: u8,
    timeout: Duration,
    due: Instant,
}

/// What a timeout brings.
#[derive(Debug)]
pub enum Due<'a> {
    /// Send it again.
    Again(Session, &'a [u8]),
    /// The peer has not acknowledged any of it.
    GivenUp,
}

/// All that wait.
#[derive(Debug, Default)]
pub struct Separate {
    sent: HashMap<(u64, u16), Sent>,
    order: BTreeSet<(Instant, u64, u16)>,
}

impl Separate {
    /// Is there room for one more?
    pub fn has_room(&self) -> bool {
        self.sent.len() < SEPARATE_MAX
    }

    /// Responses that wait.
    pub fn len(&self) -> usize {
        self.sent.len()
    }

    /// Notes a response that was sent now. `random` draws the first timeout between `ACK_TIMEOUT` and
    /// 1.5 times that (`ACK_RANDOM_FACTOR`).
    pub fn insert(
        &mut self,
        now: Instant,
        to: Session,
        (peer, id): (u64, u16),
        message: &[u8],
        random: u32,
    ) {
        let spread = f64::from(random) / f64::from(u32::MAX);
        let timeout = ACK_TIMEOUT.mul_f64(1.0 + spread / 2.0);
        let due = now + timeout;
        let sent = Sent {
            to,
            peer,
            id,
            message: message.into(),
            retransmitted: 0,
            timeout,
            due,
        };
        if let Some(old) = self.sent.insert((peer, id), sent) {
            self.order.remove(&(old.due, peer, id));
        }
        self.order.insert((due, peer, id));
    }

    /// The peer has acknowledged or rejected a message id of ours; false: nothing waited for it.
    pub fn settle(&mut self, peer: u64, id: u16) -> bool {
        let Some(sent) = self.sent.remove(&(peer, id)) else {
            return false;
        };
        self.order.remove(&(sent.due, peer, id));
        true
    }

    /// When [`Separate::due`] has something.
    pub fn next(&self) -> Option<Instant> {
        self.order.first().map(|(due, ..)| *due)
    }

    /// The next response whose time is over.
    pub fn due(&mut self, now: Instant) -> Option<Due<'_>> {
        let (due, peer, id) = self.order.first().copied()?;
        if due > now {
            return None;
        }
        self.order.pop_first();
        let over = |sent: &Sent| sent.retransmitted >= RETRANSMIT_MAX;
        if self.sent.get(&(peer, id)).is_none_or(over) {
            self.sent.remove(&(peer, id));
            return Some(Due::GivenUp);
        }
        let sent = self.sent.get_mut(&(peer, id))?;
        sent.retransmitted += 1;
        sent.timeout *= 2;
        sent.due = now + sent.timeout;
        self.order.insert((sent.due, sent.peer, sent.id));
        Some(Due::Again(sent.to, &sent.message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// §4.2: five transmissions in all, each wait twice the one before, then `MAX_TRANSMIT_WAIT` is over.
    #[test]
    fn a_response_is_sent_five_times_and_given_up() {
        for (random, first_ms) in [(0, 2_000), (u32::MAX, 3_000)] {
            let start = Instant::now();
            let mut separate = Separate::default();
            let to = Session::new(([127, 0, 0, 1], 5).into());
            separate.insert(start, to, (1, 2), b"message", random);
            let mut waited = Vec::new();
            let mut now = start;
            loop {
                let next = separate.next().expect("it waits");
                let before = next.checked_sub(Duration::from_millis(1));
                assert!(separate.due(before.expect("later than now")).is_none());
                waited.push((next - now).as_millis());
                now = next;
                match separate.due(now).expect("due") {
                    Due::Again(session, bytes) => {
                        assert_eq!((session, bytes), (to, &b"message"[..]));
                    }
                    Due::GivenUp => break,
                }
            }
            let expected = [1, 2, 4, 8, 16].map(|factor| factor * first_ms);
            assert_eq!(waited, expected);
            assert_eq!((separate.len(), separate.next()), (0, None));
        }
    }

    #[test]
    fn only_its_own_acknowledgement_ends_it() {
        let now = Instant::now();
        let mut separate = Separate::default();
        let to = Session::new(([127, 0, 0, 1], 5).into());
        separate.insert(now, to, (1, 2), b"message", 0);
        assert!(!separate.settle(1, 3));
        assert!(!separate.settle(2, 2), "another peer");
        assert!(separate.settle(1, 2));
        assert!(!separate.settle(1, 2));
        assert_eq!(separate.next(), None);
    }
}
