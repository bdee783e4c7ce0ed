//! One MQTT connection that publishes: a window in flight, and a session that outlives the socket.
//!
//! Reading and writing share a task and neither waits for the other: a gateway that stops reading
//! until its acknowledgements are taken would otherwise meet a client that does the same.
//! A lost connection is made again and everything in flight is sent again, so a gateway that is
//! killed loses nothing that this client counts as sent.
use super::packet::{self, Incoming};
use super::session::{Broken, ConnectionError, Session};
use super::supply::{Filled, Supply};
use super::window::{Acked, Window};
use super::wire::{Exchanged, Wire};
use crate::sim::Rng;
use crate::sim::tally::Counts;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::error::Elapsed;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// For the connection and for the CONNACK, each.
const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// How often keep-alive and the age of the oldest packet are looked at.
const TICK: Duration = Duration::from_secs(5);
/// A gateway that leaves a packet unanswered this long is taken for dead.
const ACK_WAIT: Duration = Duration::from_mins(1);
/// First and longest wait before a connection is tried again.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// Bytes that wait for the socket before no more messages are taken.
const OUT_MAX: usize = 256 << 10;

/// One connection and what it has in flight.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) session: Arc<Session>,
    pub(super) client_id: String,
    pub(super) supply: Supply,
    pub(super) counts: Arc<Counts>,
    /// Bounds how many connect at the same time.
    pub(super) gate: Arc<Semaphore>,
    pub(super) rng: Rng,
    window: Window,
    ended: bool,
    alive_at: Instant,
    /// Was anything acknowledged on this connection?
    progressed: bool,
}

impl Connection {
    pub(super) fn new(
        session: Arc<Session>,
        client_id: String,
        supply: Supply,
        counts: Arc<Counts>,
        gate: Arc<Semaphore>,
        rng: Rng,
    ) -> Self {
        Self {
            window: Window::new(session.window),
            session,
            client_id,
            supply,
            counts,
            gate,
            rng,
            ended: false,
            alive_at: Instant::now(),
            progressed: false,
        }
    }

    /// Publishes until the supply ends, or `stop`, and all is acknowledged. Connects as often as needed.
    ///
    /// # Errors
    /// Refused for good, or out of reach for longer than patience lasts.
    pub(super) async fn run(mut self, stop: CancellationToken) -> Result<(), ConnectionError> {
        self.alive_at = Instant::now();
        let mut delay = RETRY.0;
        let mut connected_before = false;
        loop {
            self.progressed = false;
            let Err(broken) = self.connect(&mut connected_before, &stop).await else {
                return Ok(());
            };
            self.counts.note_error(&broken);
            let to = self.session.target.to_string();
            if broken.is_permanent() {
                return Err(ConnectionError::Refused { to, source: broken });
            }
            if self.ended && self.window.is_empty() || stop.is_cancelled() && self.window.is_empty()
            {
                return Ok(());
            }
            let waited = self.alive_at.elapsed();
            if waited >= self.session.patience {
                return Err(ConnectionError::OutOfReach {
                    to,
                    waited,
                    source: broken,
                });
            }
            // A gateway that takes connections but no messages is as busy as one that takes none.
            delay = if self.progressed {
                RETRY.0
            } else {
                (delay * 2).min(RETRY.1)
            };
            sleep(delay.mul_f64(self.rng.between(0.5, 1.0))).await;
        }
    }

    async fn connect(
        &mut self,
        connected_before: &mut bool,
        stop: &CancellationToken,
    ) -> Result<(), Broken> {
        let gate = Arc::clone(&self.gate);
        let permit = gate.acquire().await.expect("the gate is never closed");
        let session = Arc::clone(&self.session);
        let target = &session.target;
        let connecting = async {
            let tcp = TcpStream::connect((target.host.as_str(), target.port)).await?;
            tcp.set_nodelay(true)?;
            io::Result::Ok(match session.tls.as_ref().filter(|_| target.tls) {
                None => (Some(tcp), None),
                Some(tls) => (None, Some(Box::new(tls.over(&target.host, tcp).await?))),
            })
        };
        let connected = timeout(CONNECT_WAIT, Box::pin(connecting)).await;
        match connected.map_err(silent("connection"))?? {
            (Some(mut tcp), _) => {
                let (reader, writer) = tcp.split();
                self.talk(reader, writer, permit, connected_before, stop)
                    .await
            }
            (None, Some(mut tls)) => {
                let (reader, writer) = tokio::io::split(&mut *tls);
                Box::pin(self.talk(reader, writer, permit, connected_before, stop)).await
            }
            (None, None) => Ok(()),
        }
    }

    async fn talk(
        &mut self,
        mut reader: impl AsyncRead + Unpin,
        mut writer: impl AsyncWrite + Unpin,
        permit: SemaphorePermit<'_>,
        connected_before: &mut bool,
        stop: &CancellationToken,
    ) -> Result<(), Broken> {
        let mut wire = Wire::new(Instant::now());
        let login = self.session.login.as_ref();
        let greeting = packet::connect(&self.client_id, login, self.session.keep_alive_s);
        writer.write_all(&greeting).await?;
        writer.flush().await?;
        let answer = connack(&mut reader, &mut writer, &mut wire);
        let session_present = timeout(CONNECT_WAIT, answer)
            .await
            .map_err(silent("CONNACK"))??;
        drop(permit);
        self.alive_at = Instant::now();
        if *connected_before {
            self.counts.reconnects.fetch_add(1, Relaxed);
            if !session_present {
                self.counts.sessions_lost.fetch_add(1, Relaxed);
            }
        }
        *connected_before = true;
        let again = self.window.resend(session_present, &mut wire.out);
        self.counts.retransmitted.fetch_add(again, Relaxed);
        self.counts.connected.fetch_add(1, Relaxed);
        let result = self.pump(&mut reader, &mut writer, &mut wire, stop).await;
        self.counts.connected.fetch_sub(1, Relaxed);
        result
    }

    async fn pump(
        &mut self,
        reader: &mut (impl AsyncRead + Unpin),
        writer: &mut (impl AsyncWrite + Unpin),
        wire: &mut Wire,
        stop: &CancellationToken,
    ) -> Result<(), Broken> {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.fill(wire);
            if self.ended && self.window.is_empty() && wire.unsent() == 0 {
                break;
            }
            let idle = !self.ended && self.has_room(wire);
            tokio::select! {
                biased;
                done = wire.exchange(reader, writer) => match done? {
                    Exchanged::Read => self.take_acks(wire)?,
                    Exchanged::Wrote => {}
                    Exchanged::Closed => return Err(Broken::Closed),
                },
                () = self.supply.ready(), if idle => {}
                () = stop.cancelled(), if !self.ended => self.ended = true,
                _ = tick.tick() => self.look_after(wire)?,
            }
        }
        writer.write_all(&packet::DISCONNECT).await?;
        writer.shutdown().await?;
        Ok(())
    }

    fn has_room(&self, wire: &Wire) -> bool {
        wire.unsent() < OUT_MAX && self.window.has_room()
    }

    /// Takes messages from the supply while the window and the socket have room.
    fn fill(&mut self, wire: &mut Wire) {
        let (qos, now) = (self.session.qos, Instant::now());
        let mut sent = 0;
        while !self.ended && self.has_room(wire) {
            let supply = &mut self.supply;
            let filled = if qos == 0 {
                supply.fill(0, 0, &mut wire.out)
            } else {
                let mut filled = Filled::Later;
                let bytes = self.window.push(now, |id, packet| {
                    filled = supply.fill(qos, id, packet);
                    filled == Filled::One
                });
                wire.out.extend_from_slice(bytes.unwrap_or_default());
                filled
            };
            match filled {
                Filled::One => sent += 1,
                Filled::Later => break,
                Filled::Never => self.ended = true,
            }
        }
        if sent > 0 {
            self.counts.sent.fetch_add(sent, Relaxed);
            if qos == 0 {
                self.counts.acknowledged.fetch_add(sent, Relaxed);
            }
        }
    }

    fn take_acks(&mut self, wire: &mut Wire) -> Result<(), Broken> {
        let now = Instant::now();
        let mut acknowledged = 0;
        let (window, counts) = (&mut self.window, &self.counts);
        wire.take_packets(|incoming, out| {
            let acked = match incoming {
                Incoming::PubAck(id) => window.acknowledge(id, false),
                Incoming::PubComp(id) => window.acknowledge(id, true),
                Incoming::PubRec(id) => {
                    packet::put_pubrel(out, id);
                    if window.release(id) {
                        return;
                    }
                    Acked::Unknown
                }
                Incoming::ConnAck { .. } | Incoming::Other => return,
            };
            match acked {
                Acked::InOrder(sent_at) | Acked::OutOfOrder(sent_at) => {
                    acknowledged += 1;
                    counts.latency.record(now.duration_since(sent_at), 1);
                }
                Acked::Unknown => drop(counts.unexpected.fetch_add(1, Relaxed)),
            }
            if let Acked::OutOfOrder(_) = acked {
                counts.out_of_order.fetch_add(1, Relaxed);
            }
        })?;
        self.alive_at = now;
        self.progressed |= acknowledged > 0;
        self.counts.acknowledged.fetch_add(acknowledged, Relaxed);
        Ok(())
    }

    /// Keep-alive, and the age of the oldest packet in flight.
    fn look_after(&mut self, wire: &mut Wire) -> Result<(), Broken> {
        let silent_for = self.alive_at.elapsed();
        if self
            .window
            .oldest()
            .is_some_and(|sent| sent.elapsed() > ACK_WAIT)
            && silent_for > ACK_WAIT
        {
            return Err(Broken::Silent {
                what: "acknowledgement",
                limit: ACK_WAIT,
            });
        }
        let keep_alive = Duration::from_secs(u64::from(self.session.keep_alive_s));
        let quiet = wire.wrote_at.elapsed();
        if wire.unsent() == 0 && quiet + 2 * TICK >= keep_alive {
            wire.out.extend_from_slice(&packet::PINGREQ);
        }
        Ok(())
    }
}

fn silent(what: &'static str) -> impl Fn(Elapsed) -> Broken {
    move |_| Broken::Silent {
        what,
        limit: CONNECT_WAIT,
    }
}

/// Reads the CONNACK: was there a session?
async fn connack(
    reader: &mut (impl AsyncRead + Unpin),
    writer: &mut (impl AsyncWrite + Unpin),
    wire: &mut Wire,
) -> Result<bool, Broken> {
    loop {
        let mut first = None;
        wire.take_packets(|packet, _| first = first.or(Some(packet)))?;
        match first {
            Some(Incoming::ConnAck {
                code: 0,
                session_present,
            }) => return Ok(session_present),
            Some(Incoming::ConnAck { code, .. }) => return Err(Broken::Code { code }),
            Some(_) | None => {}
        }
        if wire.exchange(reader, writer).await? == Exchanged::Closed {
            return Err(Broken::Closed);
        }
    }
}
