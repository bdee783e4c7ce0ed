//! One connection from its CONNACK to its end: what comes is appended, what is durable is acknowledged.
//!
//! ```text
//! read:        poll -> all that rumqttc has -> one commit -> window    stops polling while the window is full
//! acknowledge: window -> durable? -> queue of acks                    what is queued is written by polling
//! ```
//! Both are futures of one task, side by side: neither waits inside the other. Their connection ends
//! with them, and every ack that was not written with it. While the window is full nothing is polled:
//! a poll writes one ack or reads up to ten packets, as it pleases, so that polling for the sake of the
//! acks would let more and more in where the broker has no bound of its own (MQTT 3.1.1). The queue of
//! acks has room for every packet id there is, so the window empties without being polled. No PINGREQ
//! goes out meanwhile: a disk that hangs for more than one and a half keep-alives costs the
//! connection, and what was not acknowledged comes again.
use super::link::Link;
use super::memory::Session;
use super::state::Subscription;
use super::window::{Due, Step, Window};
use super::wire::{Client, Error, Event, Gone, Publish, Wire};
use crate::intake::{Answer, Delivery, Pending, Refusal, Uplink, Verdict};
use crate::model::{Source, Timestamp};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

/// How often a refused subscription is asked for again.
const RESUBSCRIBE: Duration = Duration::from_secs(10);
/// A poll that takes this many keep-alives is stuck in a write: each interval has a PINGREQ.
const STUCK_KEEP_ALIVES: u32 = 3;

/// Why a connection is over.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    /// The gateway stops, and all that was taken is acknowledged.
    #[error("the gateway stops")]
    Halted,
    /// The network, the broker, or the protocol.
    #[error(transparent)]
    Failed(#[from] Error),
    /// Nothing could be written for long.
    #[error("the broker does not read what is sent to it")]
    Stuck,
    /// Intake refused a message; it comes again.
    #[error("uplinks are refused: {0:?}")]
    Refused(Refusal),
    /// The log could not write what it had taken; it comes again.
    #[error("the log's disk is full")]
    Voided,
    /// rumqttc has ended the connection.
    #[error("the connection is closed")]
    Closed,
}

impl From<Gone> for End {
    fn from(_: Gone) -> Self {
        Self::Closed
    }
}

/// A connection.
pub(super) struct Flow<'l> {
    link: &'l Link,
    client: Client,
    session: Session,
    /// Filters of the session that are not configured any more.
    stale: Vec<String>,
    /// The connection's number.
    epoch: u64,
    address: SocketAddr,
    halt: &'l CancellationToken,
    window: Mutex<Window>,
    /// Told by the log that something has settled, and by `read` that the window is longer.
    waiter: Arc<Notify>,
    /// Told that an ack has been queued.
    room: Notify,
    /// When to ask again for what was refused.
    again_at: Mutex<Option<Instant>>,
    revoked: AtomicUsize,
}

/// Uplinks decoded and not committed, with what is to be acknowledged.
#[derive(Default)]
struct Batch {
    pending: Pending,
    /// Packet id, `QoS` and payload bytes of each.
    messages: Vec<(u16, u8, u32)>,
    now: Timestamp,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'l> Flow<'l> {
    /// Of a connection that has its CONNACK. `epoch`: its number, never used before.
    pub(super) fn new(
        link: &'l Link,
        client: Client,
        session: Session,
        epoch: u64,
        address: SocketAddr,
        halt: &'l CancellationToken,
    ) -> Self {
        let configured = link.topics();
        let stale = session
            .filters
            .iter()
            .filter(|filter| !configured.contains(filter));
        Self {
            stale: stale.cloned().collect(),
            link,
            client,
            session,
            epoch,
            address,
            halt,
            window: Mutex::default(),
            waiter: Arc::default(),
            room: Notify::new(),
            again_at: Mutex::new(None),
            revoked: AtomicUsize::new(0),
        }
    }

    /// Serves it to its end; then `wire` must be dropped.
    pub(super) async fn serve(&self, wire: &mut Wire) -> End {
        tokio::select! {
            end = self.read(wire) => end,
            Err(end) = self.acknowledge() => end,
        }
    }

    async fn read(&self, wire: &mut Wire) -> End {
        let stuck = self.link.config().keep_alive * STUCK_KEEP_ALIVES;
        let mut batch = Batch::default();
        loop {
            while self.is_full() {
                self.room.notified().await;
            }
            let mut next = match timeout(stuck, wire.next()).await {
                Ok(Ok(event)) => Some(event),
                Ok(Err(error)) => return error.into(),
                Err(_) => return End::Stuck,
            };
            batch.now = self.link.now();
            while let Some(event) = next {
                if matches!(event, Event::Parted) && self.halt.is_cancelled() {
                    return End::Halted;
                }
                self.handle(event, &mut batch);
                next = wire.buffered();
            }
            if let Err(refusal) = self.commit(&mut batch) {
                return End::Refused(refusal);
            }
        }
    }

    fn is_full(&self) -> bool {
        let config = self.link.config();
        let window = lock(&self.window);
        window.len() >= usize::from(config.inflight_max) || window.bytes() >= config.inflight_bytes
    }

    fn handle(&self, event: Event, batch: &mut Batch) {
        match event {
            // What comes while the gateway stops is left to the next start.
            Event::Publish(_) if self.halt.is_cancelled() => {}
            Event::Publish(publish) => self.publish(&publish, batch),
            Event::Acked => {
                self.link.stats().in_flight.fetch_sub(1, Ordering::Relaxed);
                self.link
                    .stats()
                    .acknowledged
                    .fetch_add(1, Ordering::Relaxed);
            }
            Event::Subscribed(granted) => self.subscribed(&granted),
            Event::Unsubscribed => self.unsubscribed(),
            Event::Connected { .. } | Event::Parted | Event::Other => {}
        }
    }

    fn publish(&self, publish: &Publish, batch: &mut Batch) {
        let stats = self.link.stats();
        stats.received.fetch_add(1, Ordering::Relaxed);
        stats
            .redelivered
            .fetch_add(u64::from(publish.dup), Ordering::Relaxed);
        let bytes = u32::try_from(publish.payload.len()).unwrap_or(u32::MAX);
        let message = (publish.packet_id, publish.qos, bytes);
        // No broker may forward anything but UTF-8 (MQTT 5 §1.5.4). One that does gets a reject, for
        // what is not acknowledged comes for ever.
        let topic = String::from_utf8_lossy(&publish.topic);
        let assured = publish.qos > 0;
        let delivery = assured.then_some(Delivery::Packet {
            session: self.session.number,
            packet_id: publish.packet_id,
            connection: self.epoch,
            dup: publish.dup,
            exactly_once: false,
        });
        let uplink = Uplink {
            source: Source::Broker,
            received_at: batch.now,
            address: self.address,
            topic: &topic,
            client: "",
            user: "",
            payload: &publish.payload,
            content_format: None,
            delivery,
            unassured: !assured,
        };
        self.link.intake().take(&uplink, &mut batch.pending);
        // Two messages without a device time are two points of history, also when they came at once.
        batch.now = batch.now.plus(Duration::from_nanos(1));
        batch.messages.push(message);
    }

    /// Appends the batch. From the first refusal on nothing is acknowledged.
    fn commit(&self, batch: &mut Batch) -> Result<(), Refusal> {
        if batch.messages.is_empty() {
            return Ok(());
        }
        let answers = self.link.intake().commit(&mut batch.pending, &self.waiter);
        let mut refused = Ok(());
        for (message, answer) in batch.messages.drain(..).zip(answers) {
            match answer.verdict {
                Verdict::Refused(refusal) => {
                    refused = refused.and(Err(refusal));
                }
                _ if refused.is_ok() => self.push(message, answer),
                _ => {}
            }
        }
        // It may have settled before it was in the window.
        self.waiter.notify_one();
        refused
    }

    fn push(&self, (packet_id, qos, bytes): (u16, u8, u32), answer: Answer) {
        if qos == 0 {
            return;
        }
        self.link.stats().in_flight.fetch_add(1, Ordering::Relaxed);
        lock(&self.window).push(Due {
            ticket: answer.ticket,
            bytes,
            packet_id,
            exactly_once: qos == 2,
        });
    }

    /// Subscribes, then acknowledges in order what is durable, until there is nothing more to say.
    async fn acknowledge(&self) -> Result<(), End> {
        for filter in &self.stale {
            self.client.unsubscribe(filter).await?;
        }
        self.subscribe().await?;
        let mut parting = false;
        loop {
            self.settle().await?;
            if self.halt.is_cancelled() && !parting && lock(&self.window).len() == 0 {
                parting = true;
                self.client.disconnect().await?;
            }
            let again_at = *lock(&self.again_at);
            let again = async {
                match again_at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.waiter.notified() => {}
                () = self.halt.cancelled(), if !self.halt.is_cancelled() => {}
                () = again, if !parting => {
                    *lock(&self.again_at) = None;
                    self.subscribe().await?;
                }
            }
        }
    }

    async fn settle(&self) -> Result<(), End> {
        loop {
            let step = lock(&self.window).next(|ticket| self.link.intake().settled(ticket));
            match step {
                Step::Wait => return Ok(()),
                Step::Voided => return Err(End::Voided),
                Step::Ack(due) => {
                    self.client.ack(&due).await?;
                    self.room.notify_one();
                }
            }
        }
    }

    async fn subscribe(&self) -> Result<(), Gone> {
        let topics = self.link.topics();
        if topics.is_empty() {
            // A client that is not configured any more: it gives its subscriptions back, and takes what
            // the broker still has for it.
            return Ok(());
        }
        self.client.subscribe(&topics, self.link.config().qos).await
    }

    fn subscribed(&self, granted: &[Result<u8, String>]) {
        let wanted = self.link.config().qos;
        let topics = self.link.topics();
        let refused = topics
            .iter()
            .zip(granted)
            .find_map(|(topic, granted)| match granted {
                Err(reason) => Some(format!("the broker refuses to subscribe {topic}: {reason}")),
                Ok(qos) if *qos < wanted => {
                    Some(format!("the broker grants {topic} with QoS {qos} only"))
                }
                Ok(_) => None,
            });
        let unheard = granted.iter().any(Result::is_err) || granted.len() < topics.len();
        let mut now = self.link.stats().now();
        now.subscription = if unheard {
            Subscription::Refused
        } else {
            Subscription::Granted
        };
        drop(now);
        if let Some(what) = refused {
            self.link.error(&what);
        }
        if unheard {
            *lock(&self.again_at) = Some(Instant::now() + RESUBSCRIBE);
            self.waiter.notify_one();
        }
    }

    /// Once every stale filter is revoked, it need not be remembered.
    fn unsubscribed(&self) {
        if self.revoked.fetch_add(1, Ordering::Relaxed) + 1 == self.stale.len() {
            let filters = self.link.topics();
            self.link.remember(Session {
                filters,
                ..self.session.clone()
            });
        }
    }
}
