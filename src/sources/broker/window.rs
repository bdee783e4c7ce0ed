//! Messages that wait for the disk, in the order they came. Pure: what is durable is an argument.
use crate::intake::Ticket;
use crate::log::Settled;
use std::collections::VecDeque;

/// A message that is acknowledged once its ticket is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// What must be durable.
    pub(super) ticket: Ticket,
    /// Of its payload, towards the limit.
    pub(super) bytes: u32,
    /// Of the message.
    pub(super) packet_id: u16,
    /// `QoS` 2, which nobody asked for: answered by PUBREC.
    pub(super) exactly_once: bool,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// This one can be acknowledged now.
    Ack(Due),
    /// Nothing can.
    Wait,
    /// The first was not written: neither it nor what follows may be acknowledged.
    Voided,
}

/// The messages of one connection that are not durable yet. At most 65,535, for each has a packet
/// id; `inflight_max` and `inflight_bytes` hold it far below.
#[derive(Debug, Default)]
pub(super) struct Window {
    queue: VecDeque<Due>,
    bytes: usize,
}

impl Window {
    /// Adds the latest.
    pub(super) fn push(&mut self, due: Due) {
        self.bytes += due.bytes as usize;
        self.queue.push_back(due);
    }

    /// Takes out the oldest, if it is durable.
    pub(super) fn next(&mut self, settled: impl Fn(Ticket) -> Settled) -> Step {
        let Some(&due) = self.queue.front() else {
            return Step::Wait;
        };
        match settled(due.ticket) {
            Settled::Pending => Step::Wait,
            Settled::Voided => Step::Voided,
            Settled::Durable => {
                self.queue.pop_front();
                self.bytes -= due.bytes as usize;
                Step::Ack(due)
            }
        }
    }

    /// Messages in it.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Their payloads' bytes.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(log: u64, packet_id: u16) -> Due {
        Due {
            ticket: Ticket { log, rejects: 0 },
            bytes: 10,
            packet_id,
            exactly_once: false,
        }
    }

    #[test]
    fn acks_come_in_order_and_never_before_the_disk() {
        let mut window = Window::default();
        for due in [due(7, 1), due(9, 2), due(8, 3)] {
            window.push(due);
        }
        let up_to = |watermark| {
            move |ticket: Ticket| {
                if ticket.log <= watermark {
                    Settled::Durable
                } else {
                    Settled::Pending
                }
            }
        };
        assert_eq!(window.next(up_to(6)), Step::Wait);
        assert_eq!(window.next(up_to(8)), Step::Ack(due(7, 1)));
        assert_eq!(
            window.next(up_to(8)),
            Step::Wait,
            "9 is before 8 in the queue"
        );
        assert_eq!((window.len(), window.bytes()), (2, 20));
        assert_eq!(window.next(up_to(9)), Step::Ack(due(9, 2)));
        assert_eq!(window.next(up_to(9)), Step::Ack(due(8, 3)));
        assert_eq!(window.next(up_to(9)), Step::Wait);
        assert_eq!((window.len(), window.bytes()), (0, 0));
    }

    #[test]
    fn nothing_is_acknowledged_from_a_voided_message_on() {
        let mut window = Window::default();
        window.push(due(1, 1));
        window.push(due(2, 2));
        let settled = |ticket: Ticket| match ticket.log {
            1 => Settled::Voided,
            _ => Settled::Durable,
        };
        assert_eq!(window.next(settled), Step::Voided);
        assert_eq!(window.next(settled), Step::Voided);
    }
}
