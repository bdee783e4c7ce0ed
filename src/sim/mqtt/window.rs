//! What one session has published and not yet seen acknowledged. No socket, no clock.
//!
//! ```text
//!   push -> | acked | acked | sent | sent | sent |  -> socket
//!             front                        back
//! ```
//! Slots lie in the order of sending and their packet ids are consecutive, so an acknowledgement
//! finds its slot by subtraction. Room is made at the front only: a server that acknowledges out of
//! order (MQTT 3.1.1 §4.6 forbids it) is counted, and holds the window. A slot keeps its packet's
//! bytes, so that a new connection can send it again; the buffers are used over and over.
use super::packet;
use std::collections::VecDeque;
use std::time::Instant;

/// Packets in flight, in the order sent.
#[derive(Debug)]
pub(super) struct Window {
    slots: VecDeque<Slot>,
    spare: Vec<Vec<u8>>,
    size: usize,
    next_id: u16,
}

#[derive(Debug)]
struct Slot {
    id: u16,
    state: State,
    sent_at: Instant,
    packet: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Waits for PUBACK or PUBREC.
    Sent,
    /// PUBREC came, PUBREL went: waits for PUBCOMP.
    Released,
    /// Done, behind one that is not.
    Acked,
}

/// What an acknowledgement did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Acked {
    /// The oldest in flight, sent then.
    InOrder(Instant),
    /// A younger one.
    OutOfOrder(Instant),
    /// Nothing in flight has that id in that state.
    Unknown,
}

impl Window {
    /// A window of `size` packets, 1 to 65,534.
    pub(super) fn new(size: u16) -> Self {
        Self {
            slots: VecDeque::new(),
            spare: Vec::new(),
            size: usize::from(size.clamp(1, u16::MAX - 1)),
            next_id: 1,
        }
    }

    /// May another be sent?
    pub(super) fn has_room(&self) -> bool {
        self.slots.len() < self.size
    }

    /// Is everything acknowledged?
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// When the oldest in flight was sent first.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.slots.front().map(|slot| slot.sent_at)
    }

    /// Takes one more in flight: `write` makes its bytes for the packet id, or returns false to send
    /// nothing. Returns the bytes.
    pub(super) fn push(
        &mut self,
        now: Instant,
        write: impl FnOnce(u16, &mut Vec<u8>) -> bool,
    ) -> Option<&[u8]> {
        let mut packet = self.spare.pop().unwrap_or_default();
        packet.clear();
        if !write(self.next_id, &mut packet) {
            self.spare.push(packet);
            return None;
        }
        self.slots.push_back(Slot {
            id: self.next_id,
            state: State::Sent,
            sent_at: now,
            packet,
        });
        self.next_id = if self.next_id == u16::MAX {
            1
        } else {
            self.next_id + 1
        };
        self.slots.back().map(|slot| slot.packet.as_slice())
    }

    fn place(&self, id: u16) -> Option<usize> {
        let front = self.slots.front()?.id;
        // Ids run from 1 to 65,535, so they wrap by one less than a u16.
        let place = if id >= front {
            id - front
        } else {
            id.wrapping_sub(front).wrapping_sub(1)
        };
        (id != 0 && usize::from(place) < self.slots.len()).then_some(usize::from(place))
    }

    /// PUBACK, or PUBCOMP for a released one.
    pub(super) fn acknowledge(&mut self, id: u16, completes: bool) -> Acked {
        let expected = if completes {
            State::Released
        } else {
            State::Sent
        };
        let place = self.place(id);
        let Some((place, slot)) = place.and_then(|at| Some((at, self.slots.get_mut(at)?))) else {
            return Acked::Unknown;
        };
        if slot.state != expected {
            return Acked::Unknown;
        }
        slot.state = State::Acked;
        let sent_at = slot.sent_at;
        while self
            .slots
            .front()
            .is_some_and(|slot| slot.state == State::Acked)
        {
            if let Some(done) = self.slots.pop_front() {
                self.spare.push(done.packet);
            }
        }
        if place == 0 {
            Acked::InOrder(sent_at)
        } else {
            Acked::OutOfOrder(sent_at)
        }
    }

    /// PUBREC: the packet must not be sent again, its PUBREL may. False when nothing has that id.
    pub(super) fn release(&mut self, id: u16) -> bool {
        let place = self.place(id);
        match place.and_then(|at| self.slots.get_mut(at)) {
            Some(slot) if slot.state != State::Acked => {
                slot.state = State::Released;
                true
            }
            _ => false,
        }
    }

    /// Writes all that is in flight again, for a new connection; with DUP if the server kept the
    /// session (MQTT 3.1.1 §4.4), else as first deliveries in a new one. Returns how many packets.
    pub(super) fn resend(&mut self, session_present: bool, out: &mut Vec<u8>) -> u64 {
        let mut sent = 0;
        for slot in &mut self.slots {
            match slot.state {
                State::Acked => continue,
                // Even in a lost session: a server answers PUBCOMP to an id that it does not know.
                State::Released => packet::put_pubrel(out, slot.id),
                State::Sent => {
                    if let Some(first) = slot.packet.first_mut() {
                        *first = if session_present {
                            *first | packet::DUP
                        } else {
                            *first & !packet::DUP
                        };
                    }
                    out.extend_from_slice(&slot.packet);
                }
            }
            sent += 1;
        }
        sent
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    fn push(window: &mut Window, now: Instant) -> u16 {
        let mut id = 0;
        window.push(now, |next, out| {
            id = next;
            out.extend_from_slice(&[0x32, 0]);
            true
        });
        id
    }

    #[test]
    fn ids_wrap_past_zero_and_are_still_found() {
        let now = Instant::now();
        let mut window = Window::new(3);
        window.next_id = u16::MAX - 1;
        let ids = [(); 3].map(|()| push(&mut window, now));
        assert_eq!(ids, [65_534, 65_535, 1]);
        assert!(!window.has_room());
        for id in ids {
            assert_eq!(window.acknowledge(id, false), Acked::InOrder(now));
        }
        assert!(window.is_empty());
    }

    #[test]
    fn out_of_order_is_told_and_keeps_the_place() {
        let now = Instant::now();
        let mut window = Window::new(2);
        let (a, b) = (push(&mut window, now), push(&mut window, now));
        assert_eq!(window.acknowledge(b, false), Acked::OutOfOrder(now));
        assert_eq!(window.acknowledge(b, false), Acked::Unknown);
        assert!(!window.has_room());
        assert_eq!(window.acknowledge(a, false), Acked::InOrder(now));
        assert!(window.is_empty());
    }

    #[test]
    fn resends_publishes_with_dup_and_releases_as_pubrel() {
        let now = Instant::now();
        let mut window = Window::new(4);
        let (a, _) = (push(&mut window, now), push(&mut window, now));
        assert!(window.release(a));
        let mut out = Vec::new();
        assert_eq!(window.resend(true, &mut out), 2);
        assert_eq!(out, [0x62, 2, 0, 1, 0x3a, 0]);
        out.clear();
        assert_eq!(window.resend(false, &mut out), 2);
        assert_eq!(out, [0x62, 2, 0, 1, 0x32, 0]);
    }

    proptest! {
        #[test]
        fn every_push_is_acknowledged_once(start in 1u16.., size in 1u16..50, steps in prop::collection::vec(any::<u8>(), 0..400)) {
            let now = Instant::now();
            let mut window = Window::new(size);
            window.next_id = start;
            let mut open = Vec::new();
            for step in steps {
                if step % 2 == 0 && window.has_room() {
                    let id = push(&mut window, now);
                    prop_assert!(id != 0 && !open.contains(&id));
                    open.push(id);
                } else if !open.is_empty() {
                    let id = open.remove(usize::from(step) % open.len());
                    prop_assert_ne!(window.acknowledge(id, false), Acked::Unknown);
                    prop_assert_eq!(window.acknowledge(id, false), Acked::Unknown);
                }
            }
            for id in open {
                prop_assert_ne!(window.acknowledge(id, false), Acked::Unknown);
            }
            prop_assert!(window.is_empty());
        }
    }
}
