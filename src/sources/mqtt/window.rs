//! Acks that wait for the disk, in the order of their messages.
//!
//! ```text
//! commit -> [ ticket 7, PUBACK 1 | ticket 8, PUBREC 2 | ticket 8, PUBCOMP 9 ] -> write buffer
//!             `- leaves when the log says that 7 is durable, never before, never out of order
//! ```
//! One queue per connection, bounded in messages and bytes; while it is full the socket is not
//! read, so TCP slows the device down. Pure: what is durable is an argument.
use super::packet::Version;
use super::reply::{self, Ack};
use crate::intake::Ticket;
use crate::log::Settled;
use std::collections::VecDeque;

/// Above this capacity an empty queue gives its memory back, so that an idle device costs none.
const IDLE_CAPACITY: usize = 64;

/// An ack that is due once its ticket is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// What must be durable.
    pub ticket: Ticket,
    /// Payload bytes that it answers for, towards the limit.
    pub bytes: u32,
    /// Of the message.
    pub packet_id: u16,
    /// Which packet.
    pub ack: Ack,
    /// MQTT 5 reason code.
    pub reason: u8,
}

/// How far [`Window::settle`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing waits.
    Empty,
    /// The first ack waits for the disk.
    Waiting,
    /// What the first ack answers was not written: neither it nor what follows may be acknowledged.
    Voided,
}

/// The acks of one connection that are not due yet.
#[derive(Debug, Default)]
pub struct Window {
    queue: VecDeque<Due>,
    bytes: usize,
    /// `QoS` 2 messages that got their PUBREC and not yet their PUBCOMP on this connection.
    unreleased: usize,
    /// PUBACK and PUBREC in the queue.
    messages: usize,
}

impl Window {
    /// Queues an ack.
    pub fn push(&mut self, due: Due) {
        self.bytes += due.bytes as usize;
        self.messages += usize::from(due.ack != Ack::PubComp);
        self.queue.push_back(due);
    }

    /// Appends every ack that is due to `out`, in order.
    pub fn settle(
        &mut self,
        version: Version,
        out: &mut Vec<u8>,
        settled: impl Fn(Ticket) -> Settled,
    ) -> Progress {
        let mut durable = Ticket::default();
        while let Some(&due) = self.queue.front() {
            if due.ticket != durable {
                match settled(due.ticket) {
                    Settled::Durable => durable = due.ticket,
                    Settled::Pending => return Progress::Waiting,
                    Settled::Voided => return Progress::Voided,
                }
            }
            self.queue.pop_front();
            self.bytes -= due.bytes as usize;
            match due.ack {
                Ack::PubAck => self.messages -= 1,
                Ack::PubRec => {
                    self.messages -= 1;
                    // In MQTT 5 a PUBREC that refuses ends the exchange (§4.3.3).
                    self.unreleased += usize::from(version == Version::V4 || due.reason < 0x80);
                }
                Ack::PubComp => self.unreleased = self.unreleased.saturating_sub(1),
            }
            reply::ack(out, version, due.ack, due.packet_id, due.reason);
        }
        if self.queue.capacity() > IDLE_CAPACITY {
            self.queue = VecDeque::new();
        }
        Progress::Empty
    }

    /// Acks that wait.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Does nothing wait?
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Payload bytes of the messages whose acks wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Messages that count against MQTT 5's Receive Maximum (§4.9): without PUBACK, PUBCOMP, or a
    /// PUBREC that refuses. A `QoS` 2 message of an earlier connection is not counted, in favour of
    /// the device.
    pub fn unacknowledged(&self) -> usize {
        self.messages + self.unreleased
    }

    /// Forgets what waits: nothing of it may be acknowledged.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(log: u64, packet_id: u16, ack: Ack) -> Due {
        Due {
            ticket: Ticket { log, rejects: 0 },
            bytes: 10,
            packet_id,
            ack,
            reason: 0,
        }
    }

    fn up_to(watermark: u64) -> impl Fn(Ticket) -> Settled {
        move |ticket| {
            if ticket.log <= watermark {
                Settled::Durable
            } else {
                Settled::Pending
            }
        }
    }

    #[test]
    fn acks_leave_in_order_and_never_before_the_watermark() {
        let mut window = Window::default();
        window.push(due(7, 1, Ack::PubAck));
        window.push(due(9, 2, Ack::PubRec));
        window.push(due(8, 3, Ack::PubAck));
        let mut out = Vec::new();
        assert_eq!(
            window.settle(Version::V4, &mut out, up_to(6)),
            Progress::Waiting
        );
        assert!(out.is_empty());
        assert_eq!(
            window.settle(Version::V4, &mut out, up_to(8)),
            Progress::Waiting
        );
        assert_eq!(out, [0x40, 2, 0, 1]);
        assert_eq!(window.bytes(), 20);
        out.clear();
        assert_eq!(
            window.settle(Version::V4, &mut out, up_to(9)),
            Progress::Empty
        );
        assert_eq!(out, [0x50, 2, 0, 2, 0x40, 2, 0, 3]);
        assert_eq!((window.bytes(), window.len()), (0, 0));
    }

    #[test]
    fn nothing_is_acknowledged_from_a_voided_message_on() {
        let mut window = Window::default();
        for (log, packet_id) in [(1, 1), (2, 2), (3, 3)] {
            window.push(due(log, packet_id, Ack::PubAck));
        }
        let mut out = Vec::new();
        let progress = window.settle(Version::V5, &mut out, |ticket| match ticket.log {
            2 => Settled::Voided,
            _ => Settled::Durable,
        });
        assert_eq!(progress, Progress::Voided);
        assert_eq!(out, [0x40, 2, 0, 1]);
    }

    #[test]
    fn unacknowledged_counts_qos_2_until_its_pubcomp() {
        let mut window = Window::default();
        let mut out = Vec::new();
        window.push(due(1, 1, Ack::PubRec));
        window.push(Due {
            reason: 0x99,
            ..due(1, 2, Ack::PubRec)
        });
        assert_eq!(window.unacknowledged(), 2);
        window.settle(Version::V5, &mut out, up_to(1));
        assert_eq!(window.unacknowledged(), 1);
        window.push(due(2, 1, Ack::PubComp));
        assert_eq!(window.unacknowledged(), 1);
        window.settle(Version::V5, &mut out, up_to(2));
        assert_eq!(window.unacknowledged(), 0);
    }

    #[test]
    fn an_empty_queue_keeps_no_memory_of_a_burst() {
        let mut window = Window::default();
        for packet_id in 1..=1000 {
            window.push(due(0, packet_id, Ack::PubAck));
        }
        let mut out = Vec::new();
        assert_eq!(
            window.settle(Version::V4, &mut out, up_to(0)),
            Progress::Empty
        );
        assert_eq!(out.len(), 4000);
        assert_eq!(window.queue.capacity(), 0);
    }
}
