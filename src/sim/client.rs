//! One MQTT connection that publishes: a window in flight, and a session that outlives the socket.
//!
//! Reading and writing share a task and neither waits for the other: a gateway that stops reading
//! until its acknowledgements are taken would otherwise meet a client that does the same.
//! A lost connection is made again and everything in flight is sent again, so a gateway that is
//! killed loses nothing that this client counts as sent.
use super::Rng;
use super::packet::{self, Incoming};
use super::session::{Broken, ConnectionError, Session};
use super::supply::{Filled, Supply};
use super::tally::Tally;
use super::window::{Acked, Window};
use bytes::{Buf, BytesMut};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
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
    pub(super) tally: Arc<Tally>,
    /// Bounds how many connect at the same time.
    pub(super) gate: Arc<Semaphore>,
    pub(super) rng: Rng,
    window: Window,
    ended: bool,
    alive_at: Instant,
}

/// Bytes on their way, in both directions.
#[derive(Default)]
struct Wire {
    out: Vec<u8>,
    written: usize,
    input: BytesMut,
    wrote_at: Option<Instant>,
}

impl Wire {
    fn unsent(&self) -> &[u8] {
        self.out.get(self.written..).unwrap_or_default()
    }

    fn advance(&mut self, bytes: usize) {
        self.written += bytes;
        self.wrote_at = Some(Instant::now());
        if self.written >= self.out.len() {
            self.out.clear();
            self.written = 0;
        }
    }
}

impl Connection {
    pub(super) fn new(
        session: Arc<Session>,
        client_id: String,
        supply: Supply,
        tally: Arc<Tally>,
        gate: Arc<Semaphore>,
        rng: Rng,
    ) -> Self {
        Self {
            window: Window::new(session.window),
            session,
            client_id,
            supply,
            tally,
            gate,
            rng,
            ended: false,
            alive_at: Instant::now(),
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
            let tried_at = Instant::now();
            let Err(broken) = self.connect(&mut connected_before, &stop).await else {
                return Ok(());
            };
            self.tally.note_error(&broken);
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
            // A connection that had lived was not overload: try again soon.
            delay = if self.alive_at > tried_at {
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
        let mut wire = Wire::default();
        let gate = Arc::clone(&self.gate);
        let permit = gate.acquire().await.expect("the gate is never closed");
        let silent = |what| {
            move |_| Broken::Silent {
                what,
                limit: CONNECT_WAIT,
            }
        };
        let target = &self.session.target;
        let mut stream = timeout(
            CONNECT_WAIT,
            TcpStream::connect((target.host.as_str(), target.port)),
        )
        .await
        .map_err(silent("connection"))??;
        stream.set_nodelay(true)?;
        let login = self.session.login.as_ref();
        stream
            .write_all(&packet::connect(
                &self.client_id,
                login,
                self.session.keep_alive_s,
            ))
            .await?;
        let session_present = timeout(CONNECT_WAIT, connack(&mut stream, &mut wire.input))
            .await
            .map_err(silent("CONNACK"))??;
        drop(permit);
        self.alive_at = Instant::now();
        if *connected_before {
            self.tally.reconnects.fetch_add(1, Relaxed);
            if !session_present {
                self.tally.sessions_lost.fetch_add(1, Relaxed);
            }
        }
        *connected_before = true;
        let again = self.window.resend(session_present, &mut wire.out);
        self.tally.retransmitted.fetch_add(again, Relaxed);
        self.tally.connected.fetch_add(1, Relaxed);
        let result = self.pump(&mut stream, &mut wire, stop).await;
        self.tally.connected.fetch_sub(1, Relaxed);
        result
    }

    async fn pump(
        &mut self,
        stream: &mut TcpStream,
        wire: &mut Wire,
        stop: &CancellationToken,
    ) -> Result<(), Broken> {
        let (mut reader, mut writer) = stream.split();
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.fill(wire);
            let unsent = wire.out.get(wire.written..).unwrap_or_default();
            if self.ended && self.window.is_empty() && unsent.is_empty() {
                break;
            }
            let idle = !self.ended && self.has_room(unsent.len());
            tokio::select! {
                biased;
                read = reader.read_buf(&mut wire.input) => {
                    if read? == 0 {
                        return Err(Broken::Closed);
                    }
                    self.take_acks(wire)?;
                }
                written = writer.write(unsent), if !unsent.is_empty() => {
                    wire.advance(written?);
                }
                () = self.supply.ready(), if idle => {}
                () = stop.cancelled(), if !self.ended => self.ended = true,
                _ = tick.tick() => self.look_after(wire)?,
            }
        }
        writer.write_all(&packet::DISCONNECT).await?;
        writer.shutdown().await?;
        Ok(())
    }

    fn has_room(&self, unsent: usize) -> bool {
        unsent < OUT_MAX && self.window.has_room()
    }

    /// Takes messages from the supply while the window and the socket have room.
    fn fill(&mut self, wire: &mut Wire) {
        let (qos, now) = (self.session.qos, Instant::now());
        let mut sent = 0;
        while !self.ended && self.has_room(wire.unsent().len()) {
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
            self.tally.sent.fetch_add(sent, Relaxed);
            if qos == 0 {
                self.tally.acknowledged.fetch_add(sent, Relaxed);
            }
        }
    }

    fn take_acks(&mut self, wire: &mut Wire) -> Result<(), Broken> {
        let now = Instant::now();
        self.alive_at = now;
        let mut acknowledged = 0;
        while let Some((incoming, len)) = packet::parse(&wire.input)? {
            wire.input.advance(len);
            let acked = match incoming {
                Incoming::PubAck(id) => self.window.acknowledge(id, false),
                Incoming::PubComp(id) => self.window.acknowledge(id, true),
                Incoming::PubRec(id) => {
                    if !self.window.release(id) {
                        self.tally.unexpected.fetch_add(1, Relaxed);
                    }
                    packet::put_pubrel(&mut wire.out, id);
                    continue;
                }
                Incoming::ConnAck { .. } | Incoming::Other => continue,
            };
            let (Acked::InOrder(sent_at) | Acked::OutOfOrder(sent_at)) = acked else {
                self.tally.unexpected.fetch_add(1, Relaxed);
                continue;
            };
            if let Acked::OutOfOrder(_) = acked {
                self.tally.out_of_order.fetch_add(1, Relaxed);
            }
            acknowledged += 1;
            self.tally.latency.record(now.duration_since(sent_at), 1);
        }
        self.tally.acknowledged.fetch_add(acknowledged, Relaxed);
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
        let quiet = wire.wrote_at.map_or(silent_for, |at| at.elapsed());
        if wire.unsent().is_empty() && quiet + 2 * TICK >= keep_alive {
            wire.out.extend_from_slice(&packet::PINGREQ);
        }
        Ok(())
    }
}

/// Reads up to the CONNACK: was there a session?
async fn connack(stream: &mut TcpStream, input: &mut BytesMut) -> Result<bool, Broken> {
    loop {
        if let Some((incoming, len)) = packet::parse(input)? {
            input.advance(len);
            match incoming {
                Incoming::ConnAck {
                    code: 0,
                    session_present,
                } => return Ok(session_present),
                Incoming::ConnAck { code, .. } => return Err(Broken::Code { code }),
                _ => continue,
            }
        }
        if stream.read_buf(input).await? == 0 {
            return Err(Broken::Closed);
        }
    }
}
