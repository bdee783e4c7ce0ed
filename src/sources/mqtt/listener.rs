//! Accepts connections and owns their tasks.
use super::connection;
use super::end;
use super::{Config, Door, Sessions, Stats, Users};
use crate::intake::Intake;
use crate::model::Clock;
use crate::telemetry::Accounting;
use crate::tls::Listener;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// Connections beyond `mqtt.connections_max` that are heard until their CONNECT, only to be told
/// that the gateway is busy. Past it they are closed at once.
const LOBBY: usize = 256;
/// Descriptors for all else: log, history, gRPC and HTTP.
const OTHER_DESCRIPTORS: usize = 1_024;
/// Pause after a failed accept: the process is out of descriptors, and accepting at once again
/// would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often delayed wills are looked at; their delays are in seconds.
const TICK: Duration = Duration::from_secs(1);
/// Ticks between two searches for expired sessions, which look at every session.
const SWEEP_TICKS: u32 = 60;

/// What every connection works with.
pub struct Service {
    /// `[mqtt]`.
    pub config: Config,
    /// Asks for users, if there are any.
    pub door: Door,
    /// Takes the uplinks.
    pub intake: Arc<Intake>,
    /// Protocol errors are counted here; all else is counted by intake.
    pub accounting: Arc<Accounting>,
    /// Sessions and connections.
    pub sessions: Arc<Sessions>,
    /// Gauges and counters.
    pub stats: Arc<Stats>,
    /// The time.
    pub clock: Clock,
}

impl Service {
    /// Connections need these users from now on, those that are open, too. `None`: everybody may
    /// connect.
    pub fn reload(&self, users: Option<Users>) {
        self.door.replace(users);
        self.sessions.wake_all();
    }

    /// For `/v1/sources`.
    pub fn state(&self) -> crate::sources::State {
        let bind = self.stats.bound.get().unwrap_or(&self.config.bind);
        let bound_tls = self.stats.bound_tls.get().copied();
        crate::sources::State {
            name: "mqtt".to_owned(),
            bind: bind.to_string(),
            tls_bind: bound_tls
                .or(self.config.tls_bind)
                .map(|bind| bind.to_string()),
            connections: self.stats.connections.load(Ordering::Relaxed),
            sessions: self.sessions.len() as u64,
            last_error: self.stats.last_error(),
        }
    }
}

/// Why the listener did not end well.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Some acks that were due did not go out; their senders will send again.
    #[error("{connections} connections were cut after {} s of grace", grace.as_secs())]
    Grace {
        /// How many.
        connections: usize,
        /// `mqtt.grace`.
        grace: Duration,
    },
}

/// Serves devices until `halt`, on a port without TLS and, where there is one, on a port with it; the
/// limits are of both together. Then nothing more is accepted or read, the acks of what was read
/// go out when it is durable, and every connection is closed, in MQTT 5 with 0x8B. The log has to
/// outlive this.
///
/// # Errors
/// Connections that took longer than the grace.
pub async fn run(
    mut plain: Listener,
    mut tls: Option<Listener>,
    service: Arc<Service>,
    halt: CancellationToken,
) -> Result<(), Error> {
    note_bound(&plain, &service.stats.bound);
    if let Some(tls) = &tls {
        note_bound(tls, &service.stats.bound_tls);
    }
    ask_for_descriptors(service.config.connections_max);
    let mut tasks = JoinSet::new();
    let mut ticks = 0u32;
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let accepted = async {
            match &mut tls {
                None => plain.accept().await,
                Some(tls) => tokio::select! {
                    accepted = plain.accept() => accepted,
                    accepted = tls.accept() => accepted,
                },
            }
        };
        tokio::select! {
            () = halt.cancelled() => break,
            accepted = accepted => match accepted {
                Ok((stream, peer)) if tasks.len() < service.config.connections_max + LOBBY => {
                    let full = tasks.len() >= service.config.connections_max;
                    let service = Arc::clone(&service);
                    tasks.spawn(connection::run(service, stream, peer, full, halt.clone()));
                }
                Ok(_) => {
                    service.stats.turned_away.fetch_add(1, Ordering::Relaxed);
                }
                Err(cause) => {
                    warn!(%cause, "cannot accept a connection");
                    service.stats.error(service.clock.now(), format_args!("accept: {cause}"));
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = tasks.join_next() => note(&service, ended),
            _ = tick.tick() => {
                ticks = ticks.wrapping_add(1);
                housekeep(&service, ticks.is_multiple_of(SWEEP_TICKS));
            }
        }
    }
    drop((plain, tls));
    service.sessions.stop_all();
    let drained = timeout(service.config.grace, async {
        while let Some(ended) = tasks.join_next().await {
            note(&service, ended);
        }
    });
    let outcome = drained.await.map_err(|_| Error::Grace {
        connections: tasks.len(),
        grace: service.config.grace,
    });
    tasks.shutdown().await;
    info!("MQTT listener stopped");
    outcome
}

/// A socket is a file descriptor, and the usual soft limit is 1,024 of them.
fn ask_for_descriptors(connections_max: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let wanted = (connections_max + LOBBY + OTHER_DESCRIPTORS) as u64;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return;
    }
    let granted = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let raised = Rlimit {
        current: Some(granted),
        maximum: limit.maximum,
    };
    if setrlimit(Resource::Nofile, raised).is_err() || granted < wanted {
        // No warning: each failed accept is one.
        info!(
            granted,
            wanted, "the limit of open files is below what mqtt.connections_max needs"
        );
    }
}

fn note_bound(listener: &Listener, slot: &OnceLock<SocketAddr>) {
    let Ok(bound) = listener.local_addr() else {
        return;
    };
    slot.get_or_init(|| bound);
    if !bound.ip().is_loopback() {
        // Promise 7, until devices have credentials of their own.
        warn!(%bound, "whoever reaches this port can report for any device: it needs a trusted network");
    }
}

fn note(service: &Service, ended: Result<(), JoinError>) {
    if let Err(failure) = ended {
        error!(%failure, "an MQTT connection failed");
        service.stats.error(service.clock.now(), failure);
    }
}

fn housekeep(service: &Service, sweep: bool) {
    let now = service.clock.now();
    for will in service.sessions.due_wills(now) {
        end::act(service, &will, now);
    }
    if sweep {
        service.sessions.sweep(now);
    }
}
