//! Which requests are outstanding, and what an answer means. No socket, no clock.
//!
//! A slot has one request on its way at a time. The token names it: `slot << 8`, and a byte that
//! counts. Message ids of a slot are apart by the window's size, so no two slots of an endpoint meet.
//! They come round within `EXCHANGE_LIFETIME`, as they do for every device above 265 requests a
//! second: the payload tells such requests apart.
use super::template::Template;
use std::time::{Duration, Instant};

/// `ACK_TIMEOUT` of RFC 7252, without chance and without doubling: a load that waits ever longer for a
/// server that loses datagrams would measure its own patience.
const ACK_TIMEOUT: Duration = Duration::from_secs(2);
/// After an empty acknowledgement.
const PROMISE_WAIT: Duration = Duration::from_secs(20);
/// After an answer that asks to come back.
const LATER: Duration = Duration::from_secs(1);
/// Most slots: their number has three bytes of the token.
pub(super) const SLOTS_MAX: usize = 1 << 24;

#[derive(Debug)]
struct Slot {
    template: Template,
    mid: u16,
    count: u8,
    /// On its way, until this time; `None`: the slot is done.
    due: Option<Instant>,
    sent_at: Instant,
}

/// All endpoints' windows.
#[derive(Debug)]
pub(super) struct Slots {
    all: Vec<Slot>,
    window: usize,
    left: u64,
    outstanding: usize,
}

/// What an answer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The request of this slot is answered after so long; the slot is free.
    Taken(usize, Duration),
    /// The same, with an error of the client's: 4.xx.
    Refused(usize, Duration),
    /// The server asks to come back.
    Deferred,
    /// An empty acknowledgement.
    Promised,
    /// An answer to nothing.
    Unexpected,
}

/// The bytes of an answer that matter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) confirmable: bool,
    pub(super) mid: u16,
    code: u8,
    token: Option<u32>,
}

impl Answer {
    /// `None`: no CoAP message.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let &[first, code, high, low, ref rest @ ..] = bytes else {
            return None;
        };
        if first >> 6 != 1 {
            return None;
        }
        let token = match (first & 0x0f, rest) {
            (4, &[a, b, c, d, ..]) => Some(u32::from_be_bytes([a, b, c, d])),
            _ => None,
        };
        Some(Self {
            confirmable: first & 0x30 == 0,
            mid: u16::from_be_bytes([high, low]),
            code,
            token,
        })
    }
}

impl Slots {
    /// `window` slots for each of the templates, for `left` requests in all.
    pub(super) fn new(
        endpoints: impl Iterator<Item = Template>,
        window: usize,
        left: u64,
        now: Instant,
    ) -> Self {
        let window = window.max(1);
        let mut slots = Vec::new();
        for template in endpoints {
            for place in 0..window {
                let mut template = template.clone();
                // Each of its own times, `window` ms apart.
                template.advance(0, 0, place as u64);
                slots.push(Slot {
                    template,
                    mid: u16::try_from(place).unwrap_or(0),
                    count: 0,
                    due: None,
                    sent_at: now,
                });
            }
        }
        slots.truncate(SLOTS_MAX);
        Self {
            all: slots,
            window,
            left,
            outstanding: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) const fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// No more new requests.
    pub(super) const fn end(&mut self) {
        self.left = 0;
    }

    /// The endpoint of a slot.
    pub(super) fn endpoint(&self, slot: usize) -> usize {
        slot / self.window
    }

    pub(super) fn bytes(&self, slot: usize) -> &[u8] {
        self.all.get(slot).map_or(&[], |slot| slot.template.bytes())
    }

    /// The next request of a free slot; false when there are no more.
    pub(super) fn begin(&mut self, number: usize, now: Instant) -> bool {
        let stride = u16::try_from(self.window.next_power_of_two()).unwrap_or(1);
        let step_ms = self.window as u64;
        let Some(slot) = self.all.get_mut(number).filter(|_| self.left > 0) else {
            return false;
        };
        self.left -= 1;
        self.outstanding += 1;
        slot.mid = slot.mid.wrapping_add(stride);
        slot.count = slot.count.wrapping_add(1);
        let token = u32::try_from(number).unwrap_or(0) << 8 | u32::from(slot.count);
        slot.template.advance(slot.mid, token, step_ms);
        slot.sent_at = now;
        slot.due = Some(now + ACK_TIMEOUT);
        true
    }

    pub(super) fn handle(&mut self, answer: Answer, now: Instant) -> Outcome {
        let Some(token) = answer.token else {
            return self.handle_promise(answer, now);
        };
        let number = usize::try_from(token >> 8).unwrap_or(usize::MAX);
        let slot = self.all.get_mut(number);
        let Some(slot) =
            slot.filter(|slot| slot.due.is_some() && token & 0xff == u32::from(slot.count))
        else {
            return Outcome::Unexpected;
        };
        let took = now.saturating_duration_since(slot.sent_at);
        match answer.code {
            0x9d | 0xa0.. => {
                slot.due = Some(now + LATER);
                return Outcome::Deferred;
            }
            _ => slot.due = None,
        }
        self.outstanding -= 1;
        if answer.code >> 5 == 2 {
            Outcome::Taken(number, took)
        } else {
            Outcome::Refused(number, took)
        }
    }

    /// An empty acknowledgement has no token, and its endpoint is not looked up: whoever waits under
    /// this id is given time. The load is meant for servers that answer at once.
    fn handle_promise(&mut self, answer: Answer, now: Instant) -> Outcome {
        if answer.code != 0 || answer.confirmable {
            return Outcome::Unexpected;
        }
        for slot in &mut self.all {
            if slot.due.is_some() && slot.mid == answer.mid {
                slot.due = Some(now + PROMISE_WAIT);
            }
        }
        Outcome::Promised
    }

    /// Puts the slots whose time is over into `again`: their datagram is to be sent once more.
    pub(super) fn handle_timeout(&mut self, now: Instant, again: &mut Vec<usize>) {
        for (number, slot) in self.all.iter_mut().enumerate() {
            if slot.due.is_some_and(|due| due <= now) {
                slot.due = Some(now + ACK_TIMEOUT);
                again.push(number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::model::Timestamp;
    use std::collections::HashSet;

    fn slots(window: usize, left: u64) -> (Slots, Instant) {
        let now = Instant::now();
        let template = |number: u32| {
            let device = format!("em-{number}");
            Template::new(
                &device,
                "t/x/senml",
                false,
                Timestamp::from_secs(1_795_000_000),
            )
        };
        (Slots::new((0..3).map(template), window, left, now), now)
    }

    fn answer(slots: &Slots, slot: usize, code: u8) -> Answer {
        let mut bytes = slots.bytes(slot).to_vec();
        bytes.truncate(8);
        if let [first, own, ..] = bytes.as_mut_slice() {
            *first |= 0x20;
            *own = code;
        }
        Answer::parse(&bytes).unwrap()
    }

    #[test]
    fn every_request_is_answered_once_and_no_two_are_alike() {
        let (mut slots, now) = slots(3, 1_000);
        let (mut taken, mut seen) = (0, HashSet::new());
        while (0..slots.len())
            .filter(|slot| slots.begin(*slot, now))
            .count()
            > 0
        {
            for slot in 0..slots.len() {
                let answer = answer(&slots, slot, 0x44);
                let bytes = slots.bytes(slot).to_vec();
                match slots.handle(answer, now) {
                    Outcome::Taken(number, _) => {
                        assert_eq!(number, slot);
                        // Endpoint and content: no duplicate of another.
                        let content = bytes.get(8..).unwrap().to_vec();
                        assert!(seen.insert((slots.endpoint(slot), content)));
                        taken += 1;
                    }
                    outcome => assert_eq!(outcome, Outcome::Unexpected),
                }
                assert_eq!(slots.handle(answer, now), Outcome::Unexpected);
            }
        }
        assert_eq!((taken, slots.outstanding()), (1_000, 0));
    }

    #[test]
    fn silence_is_answered_by_the_same_again_and_a_busy_server_later() {
        let (mut slots, now) = slots(1, 2);
        assert!(slots.begin(0, now) && slots.begin(1, now) && !slots.begin(2, now));
        let before = slots.bytes(0).to_vec();
        let mut again = Vec::new();
        slots.handle_timeout(now + Duration::from_secs(1), &mut again);
        assert!(again.is_empty());
        let busy = answer(&slots, 1, 0xa3);
        assert_eq!(
            slots.handle(busy, now + Duration::from_millis(1_500)),
            Outcome::Deferred
        );
        slots.handle_timeout(now + Duration::from_secs(2), &mut again);
        assert_eq!(again, [0]);
        assert_eq!(slots.bytes(0), before);
        slots.handle_timeout(now + Duration::from_millis(2_500), &mut again);
        assert_eq!(again, [0, 1]);
        let refused = answer(&slots, 0, 0x80);
        let outcome = slots.handle(refused, now + Duration::from_secs(3));
        assert_eq!(outcome, Outcome::Refused(0, Duration::from_secs(3)));
        assert_eq!(slots.outstanding(), 1);
    }
}
