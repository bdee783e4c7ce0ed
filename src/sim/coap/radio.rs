//! One endpoint's socket, and the loop that keeps its state machine going.
//!
//! A device that sleeps closes its socket when it has its answer and opens another one for the next
//! report: its address changes as behind the address translation of a mobile network, and what comes
//! meanwhile is lost, as with the radio off.
use super::air::{Fate, Weather};
use super::endpoint::{Endpoint, Event};
use super::exchange::Report;
use super::{EndpointError, Fleet};
use crate::sim::Rng;
use crate::sim::message::Message;
use crate::sim::tally::Counts;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

/// Longest answer that is read, in bytes: a diagnostic text at most.
const INPUT_BYTES: usize = 1_500;
/// Content-Format of frames: `application/octet-stream`.
const OCTETS: u16 = 42;

#[derive(Debug)]
pub(super) struct Radio {
    pub(super) fleet: Arc<Fleet>,
    pub(super) peer: SocketAddr,
    pub(super) endpoint: Endpoint,
    pub(super) weather: Weather,
    pub(super) queue: mpsc::Receiver<Message>,
    pub(super) counts: Arc<Counts>,
    pub(super) rng: Rng,
    pub(super) socket: Option<UdpSocket>,
    /// Closes its socket when nothing is on its way.
    pub(super) sleepy: bool,
}

impl Radio {
    /// Sends until the queue ends, or `stop`, and all is answered.
    ///
    /// # Errors
    /// No socket, or the gateway was silent for longer than patience lasts.
    pub(super) async fn run(mut self, stop: CancellationToken) -> Result<(), EndpointError> {
        let mut ended = false;
        let mut input = [0; INPUT_BYTES];
        loop {
            let now = Instant::now();
            self.endpoint.handle_timeout(now);
            self.flush(now).await?;
            let at_rest = self.endpoint.is_idle() && self.weather.is_clear();
            if at_rest {
                if ended {
                    self.close();
                    return Ok(());
                }
                if self.sleepy || self.endpoint.is_worn() {
                    self.close();
                }
            }
            let waited = self.endpoint.silence(now);
            if waited >= self.fleet.patience {
                self.close();
                let to = self.fleet.target.to_string();
                return Err(EndpointError::Silent { to, waited });
            }
            let due = self.endpoint.poll_timeout().into_iter();
            let due = due.chain(self.weather.poll_timeout()).min();
            tokio::select! {
                biased;
                read = receive(self.socket.as_ref(), &mut input) => self.take(read, &input),
                message = self.queue.recv(), if !ended && self.endpoint.has_room() => match message {
                    Some(message) => self.push(message),
                    None => ended = true,
                },
                () = sleep_until(due.unwrap_or(now).into()), if due.is_some() => {}
                () = stop.cancelled(), if !ended => ended = true,
            }
        }
    }

    fn push(&mut self, message: Message) {
        // City and replay put the time first.
        let dated = message.payload.starts_with(br#"{"ts":"#);
        self.sleepy = message.sleepy;
        let format = self.fleet.format;
        let (format, payload) = if message.opaque {
            (OCTETS, message.payload)
        } else {
            let payload = format.encode(&message.device, message.payload);
            (format.number(), payload)
        };
        let report = Report {
            path: message.topic,
            format,
            payload,
            confirmable: !self.rng.chance(self.fleet.non_confirmable) || !dated,
            dated,
        };
        self.endpoint.push(Instant::now(), report);
        self.counts.sent.fetch_add(1, Relaxed);
    }

    /// A datagram, or an error: "connection refused" while the gateway is down, as good as silence.
    fn take(&mut self, read: io::Result<usize>, input: &[u8]) {
        let now = Instant::now();
        match read {
            Ok(_) if self.weather.loses_answer() => {
                self.counts.lost_answers.fetch_add(1, Relaxed);
            }
            Ok(length) => {
                let datagram = input.get(..length).unwrap_or_default();
                self.endpoint.handle_datagram(now, datagram);
            }
            Err(error) => self.counts.note_error(&error),
        }
        while let Some(event) = self.endpoint.poll_event() {
            self.count(event);
        }
    }

    fn count(&self, event: Event) {
        let counts = &self.counts;
        match event {
            Event::Done { took, separate } => {
                counts.acknowledged.fetch_add(1, Relaxed);
                counts.separate.fetch_add(separate.into(), Relaxed);
                counts.latency.record(took, 1);
            }
            Event::Refused {
                took,
                separate,
                code,
                diagnostic,
            } => {
                counts.acknowledged.fetch_add(1, Relaxed);
                counts.refused.fetch_add(1, Relaxed);
                counts.separate.fetch_add(separate.into(), Relaxed);
                counts.latency.record(took, 1);
                counts.note_error(&format_args!("{} {diagnostic}", Code(code)));
            }
            Event::Retransmitted => drop(counts.retransmitted.fetch_add(1, Relaxed)),
            Event::Deferred { code } => {
                counts.deferred.fetch_add(1, Relaxed);
                counts.note_error(&format_args!("the gateway answered {}", Code(code)));
            }
            Event::Unexpected => drop(counts.unexpected.fetch_add(1, Relaxed)),
        }
    }

    /// Sends what is to be sent, as far as the air lets it.
    async fn flush(&mut self, now: Instant) -> Result<(), EndpointError> {
        while let Some(event) = self.endpoint.poll_event() {
            self.count(event);
        }
        while let Some(datagram) = self.endpoint.poll_transmit() {
            match self.weather.handle_request(now, &datagram) {
                Fate::Through => self.send(&datagram).await?,
                Fate::Lost => drop(self.counts.lost_requests.fetch_add(1, Relaxed)),
                Fate::Held => drop(self.counts.reordered.fetch_add(1, Relaxed)),
                Fate::Doubled => {
                    self.counts.duplicated.fetch_add(1, Relaxed);
                    self.send(&datagram).await?;
                    self.send(&datagram).await?;
                }
            }
        }
        while let Some(datagram) = self.weather.poll_held(now) {
            self.send(&datagram).await?;
        }
        Ok(())
    }

    async fn send(&mut self, datagram: &[u8]) -> Result<(), EndpointError> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => self.open().await?,
        };
        // What cannot be sent is lost on the way, and retransmission is the answer to both.
        if let Err(error) = socket.send(datagram).await {
            self.counts.note_error(&error);
        }
        self.socket = Some(socket);
        Ok(())
    }

    async fn open(&mut self) -> Result<UdpSocket, EndpointError> {
        let any: SocketAddr = match self.peer {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let failed = |source| EndpointError::Socket {
            to: self.fleet.target.to_string(),
            source,
        };
        let socket = UdpSocket::bind(any).await.map_err(failed)?;
        socket.connect(self.peer).await.map_err(failed)?;
        self.counts.connected.fetch_add(1, Relaxed);
        Ok(socket)
    }

    fn close(&mut self) {
        if self.socket.take().is_some() {
            self.counts.connected.fetch_sub(1, Relaxed);
        }
        self.endpoint.handle_new_port();
    }
}

/// The next datagram; never without a socket. Cancel-safe.
async fn receive(socket: Option<&UdpSocket>, input: &mut [u8]) -> io::Result<usize> {
    match socket {
        Some(socket) => socket.recv(input).await,
        None => std::future::pending().await,
    }
}

/// `4.04`; 0 is a reset.
struct Code(u8);

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0 == 0 {
            return f.write_str("a reset");
        }
        write!(f, "{}.{:02}", self.0 >> 5, self.0 & 0x1f)
    }
}
