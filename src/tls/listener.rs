//! Accepts connections; with TLS, their handshakes run beside each other and beside the caller.
//!
//! Decisions: a peer that is slow, or says nothing, delays nobody: its handshake waits in a task of
//! its own, for ten seconds. At most [`PENDING_MAX`] wait; when they do, the oldest gives way once
//! it has had a second, for an honest one is done by then, and a heap of half-open ones is how a
//! port is blocked. What a handshake costs in processor time is bounded by the runtime's threads.
use super::Server;
use super::stats::{Outcome, Port};
use super::stream::Stream;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;

/// Handshakes that wait at a time: some 10 kB each.
pub const PENDING_MAX: usize = 1_024;
/// From connect to the end of the handshake.
pub const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// What a handshake is given before it has to make room for a newer one.
const PENDING_MIN: Duration = Duration::from_secs(1);
/// Pause after a failed accept: out of file descriptors, most likely, and then it fails at once again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// First byte of a TLS record that carries a handshake (RFC 8446 §5.1).
const HANDSHAKE: u8 = 0x16;
/// For whoever speaks HTTP to a port with TLS, by a mistyped address or a proxy's setting.
const SPEAK_TLS: &str = "this port speaks TLS: use https://\n";
/// How long that peer is heard, so that the answer is not destroyed by a reset.
const LINGER: Duration = Duration::from_millis(500);

/// A port that listens.
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    tls: Option<Handshakes>,
}

/// What is on its way.
#[derive(Debug)]
struct Handshakes {
    server: Arc<Server>,
    port: Port,
    tasks: JoinSet<Option<(Stream, SocketAddr)>>,
    /// Oldest first; the ended ones are cleared out now and then.
    order: VecDeque<(Instant, AbortHandle)>,
}

impl Listener {
    /// A port without TLS.
    pub const fn plain(tcp: TcpListener) -> Self {
        Self { tcp, tls: None }
    }

    /// A port with TLS.
    pub fn tls(tcp: TcpListener, server: Arc<Server>, port: Port) -> Self {
        let tls = Handshakes {
            server,
            port,
            tasks: JoinSet::new(),
            order: VecDeque::new(),
        };
        Self {
            tcp,
            tls: Some(tls),
        }
    }

    /// Are its connections encrypted?
    pub const fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The kernel's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// The next connection, its handshake complete. Small writes are sent at once. Cancel-safe.
    ///
    /// # Errors
    /// The kernel's: out of file descriptors, most likely. The caller pauses.
    pub async fn accept(&mut self) -> io::Result<(Stream, SocketAddr)> {
        let Some(tls) = &mut self.tls else {
            let (tcp, peer) = self.tcp.accept().await?;
            return Ok((Stream::Plain(prepared(tcp)), peer));
        };
        loop {
            let room = tls.tasks.len() < PENDING_MAX;
            let ripe_at = tls.ripe_at();
            tokio::select! {
                biased;
                Some(ended) = tls.tasks.join_next() => {
                    // None: it failed, and was counted. An error: it was given up.
                    if let Ok(Some(connection)) = ended {
                        return Ok(connection);
                    }
                }
                accepted = self.tcp.accept(), if room => {
                    let (tcp, peer) = accepted?;
                    tls.begin(prepared(tcp), peer);
                }
                () = sleep_until(ripe_at), if !room => tls.give_one_up(),
            }
        }
    }

    /// As [`Listener::accept`], pausing after each error. Cancel-safe.
    pub async fn next(&mut self) -> (Stream, SocketAddr) {
        loop {
            match self.accept().await {
                Ok(accepted) => return accepted,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

fn prepared(tcp: TcpStream) -> TcpStream {
    // Fails only on a connection that is gone already, which its first read tells.
    tcp.set_nodelay(true).ok();
    tcp
}

impl Handshakes {
    fn begin(&mut self, tcp: TcpStream, peer: SocketAddr) {
        if self.order.len() >= 2 * PENDING_MAX {
            self.order.retain(|(_, task)| !task.is_finished());
        }
        let handshake = handshake(Arc::clone(&self.server), self.port, tcp, peer);
        let task = self.tasks.spawn(handshake);
        self.order.push_back((Instant::now(), task));
    }

    /// When the oldest that is on its way has had its time.
    fn ripe_at(&mut self) -> Instant {
        while self
            .order
            .front()
            .is_some_and(|(_, task)| task.is_finished())
        {
            self.order.pop_front();
        }
        let oldest = self.order.front();
        oldest.map_or_else(Instant::now, |(begun, _)| *begun + PENDING_MIN)
    }

    fn give_one_up(&mut self) {
        let Some((_, task)) = self.order.pop_front() else {
            return;
        };
        if !task.is_finished() {
            task.abort();
            self.server.stats.ended(self.port, Outcome::Crowded);
        }
    }
}

/// Shakes hands and counts how it ended; `None`: not well.
async fn handshake(
    server: Arc<Server>,
    port: Port,
    tcp: TcpStream,
    peer: SocketAddr,
) -> Option<(Stream, SocketAddr)> {
    let shaken = match timeout(HANDSHAKE_MAX, shake(&server, port, tcp)).await {
        Ok(shaken) => shaken,
        Err(_) => Err(Outcome::Timeout),
    };
    let outcome = shaken.as_ref().err().copied().unwrap_or(Outcome::Ok);
    server.stats.ended(port, outcome);
    match shaken {
        Ok(stream) => Some((stream, peer)),
        Err(outcome) => {
            tracing::debug!(%peer, port = port.name(), outcome = outcome.name(), "no TLS handshake");
            None
        }
    }
}

async fn shake(server: &Server, port: Port, mut tcp: TcpStream) -> Result<Stream, Outcome> {
    let mut first = [0];
    match tcp.peek(&mut first).await {
        Ok(1) => {}
        _ => return Err(Outcome::Closed),
    }
    if first != [HANDSHAKE] {
        if port != Port::Mqtt {
            // Whatever fails, the connection is closed next.
            let _ = timeout(LINGER, answer(&mut tcp)).await;
        }
        return Err(Outcome::NotTls);
    }
    let accepted = TlsAcceptor::from(server.config(port)).accept(tcp).await;
    match accepted {
        Ok(tls) => Ok(Stream::Tls(Box::new(tls))),
        Err(error) => Err(Outcome::of(&error)),
    }
}

/// Tells a peer that speaks HTTP, and hears it out.
async fn answer(tcp: &mut TcpStream) -> io::Result<()> {
    let length = SPEAK_TLS.len();
    let head = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    tcp.write_all(head.as_bytes()).await?;
    tcp.write_all(SPEAK_TLS.as_bytes()).await?;
    tcp.shutdown().await?;
    while tcp.read(&mut [0; 512]).await? > 0 {}
    Ok(())
}
