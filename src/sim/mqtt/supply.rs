//! Where a connection gets its messages: a queue that a dispatcher fills, or a template of its own.
//!
//! The template is the fast path of the benches: one device, one topic, a packet encoded once in
//! which packet id and time are patched. Nothing is formatted or allocated per
//! message, so the generator stays far cheaper than the gateway.
use super::packet;
use crate::model::Timestamp;
use crate::sim::message::{Message, QUEUE_MAX};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::sync::mpsc;

/// What a supply had to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filled {
    /// A packet was written.
    One,
    /// Nothing now.
    Later,
    /// Nothing any more.
    Never,
}

#[derive(Debug)]
pub(super) enum Supply {
    Queue(Queue),
    Template(Template),
    /// An idle connection.
    Silence,
}

/// A queue, and the message that was taken off it while there was no room for it.
#[derive(Debug)]
pub(super) struct Queue {
    receiver: mpsc::Receiver<Message>,
    held: Option<Message>,
}

impl Supply {
    /// Fed through the returned sender, until that is dropped.
    pub(super) fn queue() -> (mpsc::Sender<Message>, Self) {
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        (
            sender,
            Self::Queue(Queue {
                receiver,
                held: None,
            }),
        )
    }

    /// Writes the next PUBLISH, if there is one now.
    pub(super) fn fill(&mut self, qos: u8, id: u16, out: &mut Vec<u8>) -> Filled {
        match self {
            Self::Queue(queue) => {
                let next = queue
                    .held
                    .take()
                    .map_or_else(|| queue.receiver.try_recv(), Ok);
                match next {
                    Ok(message) => {
                        let topic = message.topic.as_bytes();
                        packet::put_publish(out, topic, &message.payload, qos, id);
                        Filled::One
                    }
                    Err(mpsc::error::TryRecvError::Empty) => Filled::Later,
                    Err(mpsc::error::TryRecvError::Disconnected) => Filled::Never,
                }
            }
            Self::Template(template) => {
                if template.put(id, out) {
                    Filled::One
                } else {
                    Filled::Never
                }
            }
            Self::Silence => Filled::Later,
        }
    }

    /// Waits until [`Supply::fill`] has something new to say. Cancel-safe.
    pub(super) async fn ready(&mut self) {
        match self {
            Self::Queue(queue) => {
                if queue.held.is_none() {
                    queue.held = queue.receiver.recv().await;
                }
            }
            Self::Template(_) => {}
            Self::Silence => std::future::pending().await,
        }
    }
}

/// A PUBLISH that is encoded once.
#[derive(Debug)]
pub(super) struct Template {
    packet: Vec<u8>,
    id_at: Option<usize>,
    time_at: usize,
    time_ms: u64,
    left: Arc<AtomicU64>,
}

/// Digits of a time in milliseconds, from 2001 to 2286.
const TIME_DIGITS: usize = 13;

impl Template {
    /// A meter's message of three readings and about 200 bytes, to be sent as often as `left` allows,
    /// each a millisecond of device time after the last, so that no two are duplicates.
    pub(super) fn new(topic: &str, qos: u8, start: Timestamp, left: Arc<AtomicU64>) -> Self {
        let time_ms = u64::try_from(start.as_micros() / 1_000).unwrap_or(0);
        let payload = format!(
            concat!(
                r#"{{"ts":{:0digits$},"active_energy_import":{{"value":48213.57,"unit":"kW.h"}},"#,
                r#""voltage":{{"value":231.4,"unit":"V","labels":{{"phase":"a"}}}},"#,
                r#""active_power":{{"value":1.2345,"unit":"kW"}}}}"#,
            ),
            time_ms,
            digits = TIME_DIGITS
        );
        let mut packet = Vec::new();
        packet::put_publish(&mut packet, topic.as_bytes(), payload.as_bytes(), qos, 0);
        let payload_at = packet.len() - payload.len();
        Self {
            packet,
            id_at: (qos > 0).then(|| payload_at - 2),
            time_at: payload_at + r#"{"ts":"#.len(),
            time_ms,
            left,
        }
    }

    fn put(&mut self, id: u16, out: &mut Vec<u8>) -> bool {
        if self
            .left
            .try_update(Relaxed, Relaxed, |left| left.checked_sub(1))
            .is_err()
        {
            return false;
        }
        if let Some(place) = self.id_at.and_then(|at| self.packet.get_mut(at..at + 2)) {
            place.copy_from_slice(&id.to_be_bytes());
        }
        self.time_ms += 1;
        // Only the digits that changed: one in most messages.
        for digit in self
            .packet
            .iter_mut()
            .skip(self.time_at)
            .take(TIME_DIGITS)
            .rev()
        {
            if *digit == b'9' {
                *digit = b'0';
            } else {
                *digit += 1;
                break;
            }
        }
        out.extend_from_slice(&self.packet);
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;
    use crate::sim::message::Lane;
    use bytes::BytesMut;
    use rumqttc::mqttbytes::v4::Packet;

    #[test]
    fn template_counts_its_time_and_stops_at_the_count() {
        let left = Arc::new(AtomicU64::new(12));
        let start = Timestamp::from_micros(1_795_391_999_997_000);
        let mut template = Template::new("city/em-1/json", 1, start, Arc::clone(&left));
        let mut times = Vec::new();
        let mut out = Vec::new();
        while template.put(7, &mut out) {
            let mut stream = BytesMut::from(out.as_slice());
            let Packet::Publish(publish) = Packet::read(&mut stream, 1000).unwrap() else {
                panic!("no PUBLISH");
            };
            assert_eq!(
                (publish.pkid, publish.topic.as_str()),
                (7, "city/em-1/json")
            );
            let payload: serde_json::Value = serde_json::from_slice(&publish.payload).unwrap();
            assert_eq!(payload.as_object().unwrap().len(), 4);
            assert!((180..=220).contains(&publish.payload.len()));
            times.push(payload["ts"].as_u64().unwrap());
            out.clear();
        }
        assert_eq!(times.first(), Some(&1_795_391_999_998));
        assert_eq!(times.last(), Some(&1_795_392_000_009));
        assert!(times.is_sorted_by(|a, b| a < b));
        assert_eq!((times.len(), left.load(Relaxed)), (12, 0));
    }

    #[tokio::test]
    async fn queue_ends_when_its_sender_is_gone() {
        let (sender, mut supply) = Supply::queue();
        let mut out = Vec::new();
        assert_eq!(supply.fill(1, 1, &mut out), Filled::Later);
        let message = Message {
            target: 0,
            device: "d".into(),
            topic: "t".into(),
            payload: vec![1],
            opaque: false,
            lane: Lane::Shared(0),
            sleepy: false,
        };
        sender.send(message).await.unwrap();
        supply.ready().await;
        drop(sender);
        assert_eq!(supply.fill(1, 1, &mut out), Filled::One);
        supply.ready().await;
        assert_eq!(supply.fill(1, 2, &mut out), Filled::Never);
    }
}
