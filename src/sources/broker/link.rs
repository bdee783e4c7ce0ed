//! One client of one broker: connects, serves the connection, waits, connects again.
use super::backoff;
use super::config::Config;
use super::credentials::{Credentials, CredentialsError};
use super::flow::{End, Flow};
use super::memory::{self, Memory, Session};
use super::state::{LinkState, Phase, Stats};
use super::wire::{self, CONNECT_TIMEOUT, Event, Wire};
use crate::intake::Intake;
use crate::model::{Clock, Source, Timestamp, random_bytes};
use crate::state::State;
use crate::telemetry::{Accounting, Counts};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::lookup_host;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// A connection that lasted so long was a good one: the next failure is the first again.
const STABLE: Duration = Duration::from_mins(1);

/// What every link works with.
pub struct Service {
    /// Takes the uplinks.
    pub intake: Arc<Intake>,
    /// Protocol errors are counted here; all else is counted by intake.
    pub accounting: Arc<Accounting>,
    /// Where the numbers of sessions are kept.
    pub state: Arc<State>,
    /// The time.
    pub clock: Clock,
    /// Number of the last connection of any link, from 0.
    pub epochs: AtomicU64,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// To connect would only make the broker send again what is refused again.
    #[error("uplinks are refused: {0:?}")]
    Refusing(crate::intake::Refusal),
    #[error("cannot resolve the broker's name: {0}")]
    Name(#[source] std::io::Error),
    #[error("the broker's name has no address")]
    NoAddress,
    #[error("no connection within {} s", CONNECT_TIMEOUT.as_secs())]
    Timeout,
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error(transparent)]
    Wire(#[from] wire::Error),
    #[error(transparent)]
    Memory(#[from] memory::Error),
    #[error("a part of the gateway failed")]
    Task(#[from] JoinError),
    #[error(transparent)]
    Ended(#[from] End),
}

/// One client of one broker.
pub struct Link {
    config: Arc<Config>,
    index: u16,
    client_id: String,
    topics: Vec<String>,
    service: Arc<Service>,
    stats: Stats,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl Link {
    /// Client number `index` of a broker.
    pub fn new(config: Arc<Config>, index: u16, client_id: String, service: Arc<Service>) -> Self {
        Self {
            topics: config.subscriptions(),
            config,
            index,
            client_id,
            service,
            stats: Stats::default(),
        }
    }

    /// A client of an earlier configuration: it subscribes to nothing.
    pub(super) fn retiring(mut self) -> Self {
        self.topics.clear();
        self
    }

    pub(super) fn client_id(&self) -> &str {
        &self.client_id
    }

    /// How it is now.
    pub fn state(&self) -> LinkState {
        let now = self.stats.now().clone();
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LinkState {
            broker: self.config.name.clone(),
            client: self.index,
            client_id: self.client_id.clone(),
            url: self.config.url(),
            version: self.config.version.name(),
            topics: self.topics.clone(),
            phase: now.phase,
            since: now.since,
            session_present: now.session_present,
            subscription: now.subscription,
            in_flight: load(&self.stats.in_flight),
            received: load(&self.stats.received),
            redelivered: load(&self.stats.redelivered),
            acknowledged: load(&self.stats.acknowledged),
            connects: load(&self.stats.connects),
            last_error: now.last_error,
        }
    }

    /// Keeps the link up until `halt`.
    pub(super) async fn run(self: Arc<Self>, halt: CancellationToken) {
        let mut failures = 0;
        while !halt.is_cancelled() {
            let (began, acknowledged) = (Instant::now(), self.acknowledged());
            self.stats.enter(Phase::Connecting, self.now());
            let Err(failure) = self.connection(&halt).await else {
                break;
            };
            if self.acknowledged() > acknowledged || began.elapsed() > STABLE {
                failures = 0;
            }
            // Without a random number all wait equally long.
            let jitter = random_bytes().map_or(0, u64::from_le_bytes);
            let pause = backoff::delay(failures, jitter);
            failures = failures.saturating_add(1);
            self.stats.enter(Phase::Waiting, self.now());
            self.error(&failure);
            if matches!(&failure, Failure::Ended(End::Failed(error)) if error.is_protocol_error()) {
                let count = |counts: &mut Counts| counts.protocol_errors += 1;
                self.service.accounting.update(Source::Broker, count);
            }
            warn!(link = %self.client_id, %failure, failures, ?pause, "no link to the broker");
            halt.run_until_cancelled(sleep(pause)).await;
        }
        self.stats.enter(Phase::Stopped, self.now());
    }

    fn acknowledged(&self) -> u64 {
        self.stats.acknowledged.load(Ordering::Relaxed)
    }

    /// Opens one connection and serves it. `Ok`: the gateway stops.
    async fn connection(&self, halt: &CancellationToken) -> Result<(), Failure> {
        let Some(opened) = halt.run_until_cancelled(self.open()).await else {
            return Ok(());
        };
        let (client, mut wire, present, address) = opened?;
        let memory = Memory(Arc::clone(&self.service.state));
        let (client_id, topics) = (self.client_id.clone(), self.topics.clone());
        // On the disk before the first message is taken.
        let session = spawn_blocking(move || memory.open(&client_id, present, &topics)).await??;
        self.stats.enter(Phase::Connected, self.now());
        self.stats.now().session_present = Some(present);
        self.stats.connects.fetch_add(1, Ordering::Relaxed);
        info!(link = %self.client_id, url = self.config.url(), present, "linked to the broker");
        let epoch = self.service.epochs.fetch_add(1, Ordering::Relaxed) + 1;
        let flow = Flow::new(self, client, session, epoch, address, halt);
        match flow.serve(&mut wire).await {
            End::Halted => Ok(()),
            end => Err(end.into()),
        }
    }

    async fn open(&self) -> Result<(wire::Client, Wire, bool, SocketAddr), Failure> {
        if let Some(refusal) = self.service.intake.refusing() {
            return Err(Failure::Refusing(refusal));
        }
        let host = self.config.host.trim_matches(['[', ']']);
        let found = timeout(CONNECT_TIMEOUT, lookup_host((host, self.config.port))).await;
        let mut found = found
            .map_err(|_| Failure::Timeout)?
            .map_err(Failure::Name)?;
        // rumqttc resolves again and does not tell which it takes.
        let address = found.next().ok_or(Failure::NoAddress)?;
        let config = Arc::clone(&self.config);
        let credentials = spawn_blocking(move || Credentials::read(&config)).await??;
        let (client, mut wire) = wire::open(&self.config, &self.client_id, &credentials);
        loop {
            let event = timeout(2 * CONNECT_TIMEOUT, wire.next()).await;
            if let Event::Connected { present } = event.map_err(|_| Failure::Timeout)?? {
                return Ok((client, wire, present, address));
            }
        }
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// Filters as subscribed to.
    pub(super) fn topics(&self) -> Vec<String> {
        self.topics.clone()
    }

    pub(super) fn stats(&self) -> &Stats {
        &self.stats
    }

    pub(super) fn intake(&self) -> &Intake {
        &self.service.intake
    }

    pub(super) fn now(&self) -> Timestamp {
        self.service.clock.now()
    }

    pub(super) fn error(&self, what: impl fmt::Display) {
        self.stats.error(self.now(), what);
    }

    /// Replaces what is remembered of the session; a failure costs an UNSUBSCRIBE at the next connection.
    pub(super) fn remember(&self, session: Session) {
        let memory = Memory(Arc::clone(&self.service.state));
        let client_id = self.client_id.clone();
        drop(spawn_blocking(move || {
            if let Err(error) = memory.update(&client_id, &session) {
                warn!(%error, "cannot forget revoked subscriptions");
            }
        }));
    }
}
