//! One read of the socket: all its packets, one commit, the acks into the window.
//!
//! Everything here is synchronous and works on buffers of the thread, so that a connection owns
//! none while it waits, and a burst of a hundred messages costs one read, one append and one write.
use super::connection::Connection;
use super::end::End;
use super::fault::Fault;
use super::packet::{self, Packet, Publish, Qos, Version};
use super::reply::{self, Ack};
use super::window::Due;
use crate::intake::{Answer, Delivery, Pending, Ticket, Uplink, Verdict};
use crate::model::{Source, Timestamp};
use crate::tls::{self, Taken};
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Bytes read at once: some 250 messages of a meter.
const READ_BYTES: usize = 64 << 10;
const _: () = assert!(READ_BYTES >= tls::READ_BYTES, "a read of TLS must fit");

/// What is to be answered, in the order it came.
#[derive(Clone, Copy, Debug)]
enum Op {
    Publish {
        packet_id: u16,
        qos: Qos,
        bytes: u32,
    },
    Release {
        packet_id: u16,
    },
}

/// A thread's buffers.
struct Workspace {
    buffer: Box<[u8]>,
    batch: Batch,
}

/// Uplinks decoded and not committed, with what is to be answered.
#[derive(Default)]
struct Batch {
    pending: Pending,
    ops: Vec<Op>,
    /// Messages that will be acknowledged.
    assured: usize,
    bytes: usize,
    now: Timestamp,
}

impl Default for Workspace {
    fn default() -> Self {
        Self {
            buffer: vec![0; READ_BYTES].into(),
            batch: Batch::default(),
        }
    }
}

thread_local! {
    // Taken out while in use and put back after: a panic in between leaves nothing half done.
    static WORKSPACE: Cell<Option<Box<Workspace>>> = const { Cell::new(None) };
}

impl Connection {
    /// Reads once (unless only what was left over is to be looked at) and acts on every complete
    /// packet. What ends the connection is noted in `stop`. True: there may be more to read.
    pub fn pass(&mut self, read: bool) -> bool {
        let handle = Arc::clone(&self.greeted.handle);
        let taken = handle.taken();
        if *taken {
            self.stop = Some(End::TakenOver);
            return false;
        }
        let mut workspace = WORKSPACE.take().unwrap_or_default();
        let mut taken = Taken::default();
        if read {
            match self.stream.read_once(&mut workspace.buffer) {
                Ok(read) => taken = read,
                Err(cause) => self.stop = Some(End::Lost(cause.kind())),
            }
        }
        if self.stop.is_none() && (taken.len > 0 || !read) {
            self.digest(&mut workspace, taken.len);
        }
        if taken.end && self.stop.is_none() {
            self.stop = Some(End::Closed);
        }
        WORKSPACE.set(Some(workspace));
        taken.more
    }

    fn digest(&mut self, workspace: &mut Workspace, len: usize) {
        let fresh = workspace.buffer.get(..len).unwrap_or_default();
        let batch = &mut workspace.batch;
        batch.now = self.service.clock.now();
        let mut carry = std::mem::take(&mut self.carry);
        let input = if carry.is_empty() {
            fresh
        } else {
            carry.extend_from_slice(fresh);
            &carry
        };
        let used = self.parse(input, batch);
        self.commit(batch);
        if self.stop.is_some() {
            return;
        }
        if carry.is_empty() {
            self.carry = input.get(used..).unwrap_or_default().to_vec();
        } else if used < carry.len() {
            carry.drain(..used);
            self.carry = carry;
        }
    }

    /// Takes packets until the bytes, the window or the peer's good behaviour ends; returns how
    /// many bytes were used.
    fn parse(&mut self, input: &[u8], batch: &mut Batch) -> usize {
        let version = self.greeted.version;
        let limit = self.service.config.packet_max;
        let mut used = 0;
        self.unparsed = false;
        while self.stop.is_none() {
            if self.is_full(batch.assured, batch.bytes) {
                self.unparsed = used < input.len();
                break;
            }
            match packet::next(input.get(used..).unwrap_or_default(), version, limit) {
                Ok(Some((packet, len))) => {
                    used += len;
                    self.handle(&packet, batch);
                }
                Ok(None) => break,
                Err(fault) => self.stop = Some(End::Fault(fault)),
            }
        }
        if used > 0 {
            self.heard = Instant::now();
        }
        used
    }

    /// Has the window no room beyond `messages` and `bytes` that are on their way into it? In
    /// MQTT 5 the peer was told how many it may send, and is cut off for more; room for as many
    /// PUBCOMPs is beside that.
    pub fn is_full(&self, messages: usize, bytes: usize) -> bool {
        let config = &self.service.config;
        let max = usize::from(config.receive_max);
        let len_max = match self.greeted.version {
            Version::V4 => max,
            Version::V5 => 2 * max,
        };
        self.window.len() + messages >= len_max
            || self.window.bytes() + bytes >= config.window_bytes
    }

    fn handle(&mut self, packet: &Packet<'_>, batch: &mut Batch) {
        let version = self.greeted.version;
        match *packet {
            Packet::Publish(ref publish) => self.publish(publish, batch),
            Packet::Release { packet_id } => {
                batch.ops.push(Op::Release { packet_id });
                batch.assured += 1;
            }
            Packet::Ping => reply::pong(&mut self.out),
            Packet::Subscribe { packet_id, filters } => {
                reply::suback(&mut self.out, version, packet_id, filters);
            }
            Packet::Unsubscribe { packet_id, filters } => {
                reply::unsuback(&mut self.out, version, packet_id, filters);
            }
            Packet::Disconnect { reason, expiry } => {
                let revives = expiry.is_some_and(|secs| secs > 0) && !self.greeted.persistent;
                self.stop = Some(if revives {
                    // MQTT 5 §3.14.2.2.2: a session that was to end cannot be prolonged.
                    let what = "session expiry in DISCONNECT";
                    End::Fault(Fault::Unexpected { what })
                } else {
                    let will = reason != 0;
                    End::Left {
                        will,
                        expiry_secs: expiry,
                    }
                });
            }
        }
    }

    fn publish(&mut self, publish: &Publish<'_>, batch: &mut Batch) {
        let assured = publish.qos != Qos::AtMostOnce;
        if assured && self.greeted.version == Version::V5 {
            let limit = usize::from(self.service.config.receive_max);
            if self.window.unacknowledged() + batch.assured >= limit {
                self.stop = Some(End::Fault(Fault::Window { limit }));
                return;
            }
        }
        let exactly_once = publish.qos == Qos::ExactlyOnce;
        if exactly_once && batch.frees(publish.packet_id) {
            // The same id freed and used again in one read: the release must come first.
            self.commit(batch);
            if self.stop.is_some() {
                return;
            }
        }
        let greeted = &self.greeted;
        // A session that ends with its connection sees no redelivery. Its QoS 2 messages have a key
        // all the same, under a number that never comes again, so that PUBREL finds them.
        let delivery =
            (assured && (greeted.persistent || exactly_once)).then_some(Delivery::Packet {
                session: greeted.number,
                packet_id: publish.packet_id,
                connection: greeted.epoch,
                dup: publish.dup,
                exactly_once,
            });
        let uplink = Uplink {
            source: Source::Mqtt,
            received_at: batch.now,
            address: self.peer,
            topic: publish.topic,
            client: &greeted.client,
            user: &greeted.user,
            payload: publish.payload,
            content_format: None,
            delivery,
            unassured: !assured,
        };
        self.service.intake.take(&uplink, &mut batch.pending);
        // Two messages without a device time are two points of history, also when they were read at once.
        batch.now = batch.now.plus(Duration::from_nanos(1));
        let bytes = u32::try_from(publish.payload.len()).unwrap_or(u32::MAX);
        batch.ops.push(Op::Publish {
            packet_id: publish.packet_id,
            qos: publish.qos,
            bytes,
        });
        if assured {
            batch.assured += 1;
            batch.bytes += publish.payload.len();
        }
    }

    /// Appends the batch, and queues an ack for each op in order. From the first refusal on,
    /// nothing is acknowledged.
    fn commit(&mut self, batch: &mut Batch) {
        if batch.ops.is_empty() {
            return;
        }
        let publishes = |op: &Op| matches!(op, Op::Publish { .. });
        let answers = if batch.ops.iter().any(publishes) {
            let waiter = &self.greeted.handle.waiter;
            self.service.intake.commit(&mut batch.pending, waiter)
        } else {
            Vec::new()
        };
        let mut answers = answers.into_iter();
        for op in batch.ops.drain(..) {
            let refused = match op {
                Op::Release { packet_id } => self.release(packet_id),
                Op::Publish {
                    packet_id,
                    qos,
                    bytes,
                } => {
                    let answer = answers.next().expect("intake answers every uplink");
                    self.answer(packet_id, qos, bytes, answer)
                }
            };
            if let Err(end) = refused {
                // A fault that came later in the same read is not worth mentioning any more.
                self.stop = Some(end);
                break;
            }
        }
        batch.assured = 0;
        batch.bytes = 0;
    }

    fn answer(&mut self, packet_id: u16, qos: Qos, bytes: u32, answer: Answer) -> Result<(), End> {
        let (ack, exactly_once) = match qos {
            Qos::AtMostOnce => return Ok(()),
            Qos::AtLeastOnce => (Ack::PubAck, false),
            Qos::ExactlyOnce => (Ack::PubRec, true),
        };
        let reason = match answer.verdict {
            Verdict::Accepted | Verdict::Duplicate => 0,
            Verdict::RejectedPayload => 0x99,
            Verdict::RejectedNotAuthorised => 0x87,
            Verdict::Refused(refusal) => return Err(End::Refused(refusal)),
        };
        let mut ticket = answer.ticket;
        if exactly_once && reason != 0 && self.greeted.version == Version::V5 {
            // The PUBREC frees the id at the device, so it must be free here, durably, before.
            let released = self.free(packet_id)?.unwrap_or_default();
            ticket = Ticket {
                log: ticket.log.max(released.log),
                rejects: ticket.rejects.max(released.rejects),
            };
        }
        self.window.push(Due {
            ticket,
            bytes,
            packet_id,
            ack,
            reason,
        });
        Ok(())
    }

    fn release(&mut self, packet_id: u16) -> Result<(), End> {
        let released = self.free(packet_id)?;
        self.window.push(Due {
            ticket: released.unwrap_or_default(),
            bytes: 0,
            packet_id,
            ack: Ack::PubComp,
            // Packet identifier not found; 3.1.1 has no word for it.
            reason: if released.is_some() { 0 } else { 0x92 },
        });
        Ok(())
    }

    fn free(&self, packet_id: u16) -> Result<Option<Ticket>, End> {
        let greeted = &self.greeted;
        let released =
            self.service
                .intake
                .release(greeted.number, packet_id, &greeted.handle.waiter);
        released.map_err(End::Refused)
    }
}

impl Batch {
    fn frees(&self, id: u16) -> bool {
        let frees = |op: &Op| matches!(op, Op::Release { packet_id } if *packet_id == id);
        self.ops.iter().any(frees)
    }
}
