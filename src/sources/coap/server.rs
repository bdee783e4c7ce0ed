//! The loop around socket and state machine, on a thread of its own.
//!
//! ```text
//!            .--> settle: what is durable -> outbox --> sendmmsg
//!   wait ----+--> recvmmsg -> requests -> one commit
//!            `--> timeouts -> outbox
//! ```
//! Whatever woke it, it settles, sends, and looks at the time. There is no queue but the kernel's
//! receive buffer in front of it, and the answers that wait for the disk behind it, both bounded.
use super::exchange::{Exchanges, Limits, Secrets};
use super::socket::Socket;
use super::stats::Stats;
use super::work::Work;
use super::{Config, State};
use crate::intake::Intake;
use crate::model::{Clock, random_bytes};
use crate::telemetry::Accounting;
use std::io;
use std::net::UdpSocket;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Batches before others of the loop get their turn.
const BATCHES_MAX: usize = 4;
/// The longest that the loop sleeps: then it forgets what is old.
const IDLE_MAX: Duration = Duration::from_secs(10);
/// Pause after an error of the socket that does not concern one datagram.
const ERROR_PAUSE: Duration = Duration::from_millis(100);

/// What the server works with.
pub struct Service {
    /// `[coap]`.
    pub config: Config,
    /// Takes the uplinks.
    pub intake: Arc<Intake>,
    /// What never becomes an uplink is counted here; all else is counted by intake.
    pub accounting: Arc<Accounting>,
    /// Gauges and counters.
    pub stats: Arc<Stats>,
    /// The time.
    pub clock: Clock,
    /// A random number that lives as long as the log: hashes of peers are the same after a restart.
    pub seed: u64,
}

impl Service {
    /// Datagrams that the kernel dropped because the server was behind; `None`: it does not say.
    pub fn drops(&self) -> Option<u64> {
        super::drops::of(*self.stats.bound.get()?)
    }

    /// For `/v1/sources`.
    pub fn state(&self) -> State {
        let bound = self.stats.bound.get().unwrap_or(&self.config.bind);
        State {
            tls_bind: None,
            name: "coap".to_owned(),
            bind: bound.to_string(),
            connections: 0,
            sessions: 0,
            last_error: self.stats.last_error(),
        }
    }
}

/// Why the server did not end well.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The socket or the thread's runtime cannot be used.
    #[error("cannot use the socket")]
    Socket(#[source] io::Error),
    /// The thread panicked; it has said why.
    #[error("the thread failed")]
    Thread,
    /// Some answers that were due did not go out; their senders will send again.
    #[error("{requests} requests were left without an answer after {} s of grace", grace.as_secs())]
    Grace {
        /// How many.
        requests: usize,
        /// `coap.grace`.
        grace: Duration,
    },
}

/// Serves devices until `halt`. Then nothing more is read, and what was read is answered when it is
/// durable. The log has to outlive this.
///
/// # Errors
/// The socket's, or requests that waited longer than the grace.
pub async fn run(
    socket: UdpSocket,
    service: Arc<Service>,
    halt: CancellationToken,
) -> Result<(), Error> {
    if let Ok(bound) = socket.local_addr() {
        service.stats.bound.get_or_init(|| bound);
        if !bound.ip().is_loopback() {
            // Promise 7, until devices have credentials of their own.
            warn!(%bound, "whoever reaches this port can report for any device: it needs a trusted network");
        }
    }
    // nix's headers are not Send, so all of it stays on one thread.
    let (tell, ended) = oneshot::channel();
    let thread = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(Error::Socket);
        let outcome = runtime.and_then(|runtime| runtime.block_on(serve(socket, service, halt)));
        // Nobody listens where the drain took too long.
        let _ = tell.send(outcome);
    };
    std::thread::Builder::new()
        .name("coap".to_owned())
        .spawn(thread)
        .map_err(Error::Socket)?;
    ended.await.unwrap_or(Err(Error::Thread))
}

async fn serve(
    socket: UdpSocket,
    service: Arc<Service>,
    halt: CancellationToken,
) -> Result<(), Error> {
    let config = service.config.clone();
    let socket = Socket::new(socket).map_err(Error::Socket)?;
    let secrets = Secrets {
        seed: service.seed,
        process: random_bytes().map_err(Error::Socket)?,
    };
    let limits = Limits {
        outstanding_max: config.outstanding_max,
        ack_after: config.ack_after,
        seen: config.seen(),
    };
    let now = Instant::now();
    let exchanges = Exchanges::new(limits, secrets, now);
    let mut server = Server {
        socket,
        work: Work::new(service, exchanges, now),
        sent: 0,
        tick: now + IDLE_MAX,
    };
    server.until(&halt).await;
    let drained = server.drain(config.grace).await;
    info!("CoAP server stopped");
    drained
}

struct Server {
    socket: Socket,
    work: Work,
    /// Of the outbox.
    sent: usize,
    /// When what is old is looked for next.
    tick: Instant,
}

impl Server {
    async fn until(&mut self, halt: &CancellationToken) {
        let waiter = Arc::clone(&self.work.waiter);
        let mut timer = pin!(sleep_until((Instant::now() + IDLE_MAX).into()));
        loop {
            let blocked = self.advance();
            let next = self.work.next_timeout();
            let next = next.unwrap_or_else(|| Instant::now() + IDLE_MAX);
            // The timer may ring early; moving it at each turn would cost more.
            if next < timer.deadline().into_std() || timer.is_elapsed() {
                timer.as_mut().reset(next.into());
            }
            tokio::select! {
                biased;
                () = halt.cancelled() => return,
                () = waiter.notified() => {}
                // While the socket takes no answers, no more of them are caused.
                ready = self.socket.readable(), if !blocked => match ready {
                    Ok(()) => self.receive().await,
                    Err(cause) => self.failed(&cause).await,
                },
                ready = self.socket.writable(), if blocked => {
                    if let Err(cause) = ready {
                        self.failed(&cause).await;
                    }
                }
                () = &mut timer => {}
            }
        }
    }

    async fn failed(&self, cause: &io::Error) {
        warn!(%cause, "the CoAP socket");
        self.work.note_error(cause);
        tokio::time::sleep(ERROR_PAUSE).await;
    }

    async fn receive(&mut self) {
        let now = Instant::now();
        self.work.begin();
        let mut failure = None;
        for _ in 0..BATCHES_MAX {
            let work = &mut self.work;
            match self.socket.receive(|datagram| work.datagram(now, datagram)) {
                Ok(count) if count == super::socket::BATCH => {}
                Ok(_) => break,
                Err(cause) => {
                    failure = Some(cause);
                    break;
                }
            }
        }
        self.work.commit(now);
        if let Some(cause) = failure {
            self.failed(&cause).await;
        }
    }

    /// Does all that can be done without waiting; true: the socket takes no more now.
    fn advance(&mut self) -> bool {
        let now = Instant::now();
        self.work.settle(now);
        if now >= self.tick || self.work.next_timeout().is_some_and(|next| next <= now) {
            self.work.timeout(now);
            self.tick = now + IDLE_MAX;
        }
        self.work.outbox.arrange(self.sent);
        // Before anything is sent: whoever has an answer finds it counted.
        self.work.publish();
        loop {
            let (sent, outcome) = self.socket.send(&self.work.outbox, self.sent);
            self.sent += sent;
            let Err(cause) = outcome else {
                break;
            };
            // One peer's network is unreachable: the others get their answers.
            self.work.numbers.send_errors += 1;
            self.work.note_error(&cause);
        }
        let blocked = self.sent < self.work.outbox.len();
        if !blocked {
            self.work.outbox.clear();
            self.sent = 0;
        }
        blocked
    }

    /// Answers what is on its way.
    async fn drain(&mut self, grace: Duration) -> Result<(), Error> {
        let waiter = Arc::clone(&self.work.waiter);
        let end = sleep_until((Instant::now() + grace).into());
        let mut end = pin!(end);
        loop {
            let blocked = self.advance();
            if self.work.waiting() == 0 && !blocked {
                return Ok(());
            }
            tokio::select! {
                () = waiter.notified() => {}
                _ = self.socket.writable(), if blocked => {}
                () = &mut end => {
                    let requests = self.work.waiting();
                    return Err(Error::Grace { requests, grace });
                }
            }
        }
    }
}
