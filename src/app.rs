//! config -> open -> bind -> serve -> drain. The only file that knows all modules.
//!
//! Opening goes from the durable to the visible: state and logs, what intake has to remember of
//! their tails, readers, listeners. Draining goes the other way: sources stop taking and answer what
//! is on its way, readers make durable what they hold, and the logs close last.
use crate::access::{self, Access};
use crate::api;
use crate::config::Config;
use crate::devices::{self, Registry};
use crate::history::{self, History};
use crate::intake::{self, Intake};
use crate::inventory::Inventory;
use crate::log::{self, FailedSync, Log};
use crate::model::Clock;
use crate::model::proto::Severity;
use crate::sources::coap;
use crate::sources::mqtt;
use crate::state::{self, State};
use crate::telemetry::Accounting;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use xxhash_rust::xxh3::xxh3_64;

/// From the first signal to the end: a supervisor's patience is longer, a person's at a terminal is not.
const DRAIN_MAX: Duration = Duration::from_secs(5);
/// Rejects have a budget of their own, so that garbage never evicts readings.
const REJECTS_BYTES: u64 = 1 << 30;

/// Where a gateway listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// MQTT for devices.
    pub mqtt: SocketAddr,
    /// `CoAP` for devices, over UDP.
    pub coap: SocketAddr,
    /// gRPC for the city brain.
    pub grpc: SocketAddr,
    /// HTTP for operators.
    pub http: SocketAddr,
}

/// Why a gateway did not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data directory cannot be made.
    #[error("cannot use data_dir {path:?}")]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The log.
    #[error("cannot open the log")]
    Log(#[from] log::OpenError),
    /// Sessions and history.
    #[error("cannot open the state")]
    State(#[from] state::Error),
    /// MQTT sessions.
    #[error("cannot read MQTT sessions")]
    Sessions(#[from] mqtt::LoadError),
    /// `mqtt.users_file`.
    #[error("cannot use mqtt.users_file")]
    Users(#[from] mqtt::UsersError),
    /// `[access]`.
    #[error("cannot set up access")]
    Access(#[from] access::LoadError),
    /// The device registry.
    #[error("cannot start the device registry")]
    Devices(#[from] devices::Error),
    /// History's thread.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// What was taken before cannot be read.
    #[error("cannot read the log's tail")]
    Tail(#[from] log::ReadError),
    /// The gRPC server.
    #[error("gRPC ended")]
    Grpc(#[from] api::grpc::Error),
    /// The MQTT listener.
    #[error("the MQTT listener ended")]
    Mqtt(#[from] mqtt::Error),
    /// The `CoAP` server.
    #[error("the CoAP server ended")]
    Coap(#[from] coap::Error),
    /// An address is taken or not ours.
    #[error("{key} = {address}: cannot listen there")]
    Bind {
        /// Setting.
        key: &'static str,
        /// Its value.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// While running: the log cannot be synced, so nothing more can be promised.
    #[error("the log failed")]
    Sync(#[from] FailedSync),
    /// A part panicked.
    #[error("a part of the gateway failed")]
    Task(#[from] JoinError),
    /// The drain took too long; what was not acknowledged will be sent again.
    #[error("not drained within {DRAIN_MAX:?}")]
    Grace,
}

impl Error {
    /// Did the gateway not even start?
    pub const fn is_start(&self) -> bool {
        !matches!(
            self,
            Self::Sync(_)
                | Self::Task(_)
                | Self::Grace
                | Self::Grpc(_)
                | Self::Mqtt(_)
                | Self::Coap(_)
        )
    }
}

/// Runs a gateway until `stop`, then drains it. `bound` is told where it listens.
///
/// # Errors
/// Why it did not start, or how it ended.
pub async fn run(
    config: Config,
    stop: impl Future<Output = ()>,
    bound: impl FnOnce(&Bound),
) -> Result<(), Error> {
    let clock = Clock::system();
    let listeners = Listeners::bind(&config).await?;
    let opening = config.clone();
    let opening_clock = clock.clone();
    // Recovery reads and syncs files.
    let stores =
        tokio::task::spawn_blocking(move || Stores::open(&opening, &opening_clock)).await??;
    let gateway = Gateway::build(&config, stores, clock)?;
    bound(&listeners.bound()?);
    gateway.serve(config, listeners, stop).await
}

/// Sockets, taken before anything else, so that a second gateway ends before it touches the data.
struct Listeners {
    mqtt: TcpListener,
    coap: UdpSocket,
    grpc: TcpListener,
    http: TcpListener,
}

impl Listeners {
    async fn bind(config: &Config) -> Result<Self, Error> {
        Ok(Self {
            mqtt: listen("mqtt.bind", config.mqtt.bind).await?,
            coap: bind_udp("coap.bind", &config.coap)?,
            grpc: listen("grpc.bind", config.grpc.bind).await?,
            http: listen("http.bind", config.http.bind).await?,
        })
    }

    fn bound(&self) -> Result<Bound, Error> {
        let address = |key, found: std::io::Result<SocketAddr>| {
            found.map_err(|source| Error::Bind {
                key,
                address: SocketAddr::from(([0, 0, 0, 0], 0)),
                source,
            })
        };
        Ok(Bound {
            mqtt: address("mqtt.bind", self.mqtt.local_addr())?,
            coap: address("coap.bind", self.coap.local_addr())?,
            grpc: address("grpc.bind", self.grpc.local_addr())?,
            http: address("http.bind", self.http.local_addr())?,
        })
    }
}

fn bind_udp(key: &'static str, config: &coap::Config) -> Result<UdpSocket, Error> {
    coap::bind(config.bind, config.receive_buffer).map_err(|source| Error::Bind {
        key,
        address: config.bind,
        source,
    })
}

async fn listen(key: &'static str, address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address)
        .await
        .map_err(|source| Error::Bind {
            key,
            address,
            source,
        })
}

/// What lies on the disk.
struct Stores {
    state: Arc<State>,
    sessions: mqtt::Sessions,
    log: Log,
    rejects: Log,
    accounting: Arc<Accounting>,
    access: Access,
}

impl Stores {
    fn open(config: &Config, clock: &Clock) -> Result<Self, Error> {
        let dir = &config.data_dir;
        std::fs::create_dir_all(dir).map_err(|source| Error::DataDir {
            path: dir.clone(),
            source,
        })?;
        let accounting = Arc::new(Accounting::default());
        let log = Log::open(
            &dir.join("log"),
            config.log.clone(),
            clock.clone(),
            intake::settle_log(Arc::clone(&accounting)),
        )?;
        let reject_options = log::Options {
            segment_bytes: config.log.segment_bytes.min(REJECTS_BYTES / 16),
            retain_bytes: REJECTS_BYTES,
            cache_bytes: 0,
            ..config.log.clone()
        };
        let rejects = Log::open(
            &dir.join("rejects"),
            reject_options,
            clock.clone(),
            intake::settle_rejects(Arc::clone(&accounting)),
        )?;
        let state = Arc::new(State::open(&dir.join("state"))?);
        let sessions = mqtt::Sessions::load(
            mqtt::SessionDisk::new(Arc::clone(&state)),
            config.mqtt.sessions_max,
            clock.now(),
            |error| warn!(%error, "cannot keep MQTT sessions"),
        )?;
        let access = config
            .access
            .as_ref()
            .map_or(Ok(Access::open()), |access| {
                Access::load(access, dir, &config.catalogue, clock.now())
            })?;
        Ok(Self {
            state,
            sessions,
            log,
            rejects,
            accounting,
            access,
        })
    }
}

/// An opened gateway.
struct Gateway {
    shared: Arc<api::Shared>,
    sessions: Arc<mqtt::Sessions>,
}

impl Gateway {
    fn build(config: &Config, stores: Stores, clock: Clock) -> Result<Self, Error> {
        let Stores {
            state,
            sessions,
            log,
            rejects,
            accounting,
            access,
        } = stores;
        let catalogue = Arc::new(config.catalogue.clone());
        let intake = Arc::new(Intake::new(intake::Parts {
            catalogue: Arc::clone(&catalogue),
            routes: config.routes.clone(),
            inventory: Inventory::none(config.inventory.unknown),
            node: config.node.clone(),
            zone: config.zone.clone(),
            log: log.clone(),
            rejects: rejects.clone(),
            accounting: Arc::clone(&accounting),
            clock: clock.clone(),
            config: config.intake.clone(),
        }));
        let devices = Registry::start(devices::Parts {
            state: Arc::clone(&state),
            log: log.clone(),
            rejects: rejects.clone(),
            intake: Arc::clone(&intake),
            catalogue: Arc::clone(&catalogue),
            config: config.devices.clone(),
            clock: clock.clone(),
        })?;
        let history = History::start(
            state,
            log.clone(),
            config.history.clone(),
            clock.clone(),
            on_gap(&intake, &clock),
        )
        .map_err(Error::Thread)?;
        let coap = coap::Service {
            config: config.coap.clone(),
            intake: Arc::clone(&intake),
            accounting: Arc::clone(&accounting),
            stats: Arc::default(),
            clock: clock.clone(),
            seed: xxh3_64(&log.id().0.to_le_bytes()),
        };
        let sessions = Arc::new(sessions);
        let users = config.mqtt.users_file.as_deref().map(mqtt::Users::load);
        let service = mqtt::Service {
            config: config.mqtt.clone(),
            users: users.transpose()?,
            intake: Arc::clone(&intake),
            accounting: Arc::clone(&accounting),
            sessions: Arc::clone(&sessions),
            stats: Arc::default(),
            clock: clock.clone(),
        };
        let shared = Arc::new(api::Shared {
            node: config.node.as_str().into(),
            access: Arc::new(access),
            log,
            rejects,
            history,
            devices,
            intake,
            mqtt: Arc::new(service),
            coap: Arc::new(coap),
            catalogue,
            accounting,
            metrics: Arc::default(),
            rates: api::Rates::default(),
            zone: config.zone.clone(),
            started_at: clock.now(),
            clock,
            readiness: api::Readiness::default(),
        });
        Ok(Self { shared, sessions })
    }

    async fn serve(
        self,
        config: Config,
        listeners: Listeners,
        stop: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        let Listeners {
            mqtt,
            coap,
            grpc,
            http,
        } = listeners;
        let (halt_sources, halt_api) = (CancellationToken::new(), CancellationToken::new());
        let mut tasks: JoinSet<Result<(), Error>> = JoinSet::new();
        let (shared, halt, http_config) = (Arc::clone(&self.shared), halt_api.clone(), config.http);
        tasks.spawn(async move {
            api::http::serve(http, shared, &http_config, halt).await;
            Ok(())
        });
        let (shared, halt, grpc_config) = (Arc::clone(&self.shared), halt_api.clone(), config.grpc);
        tasks.spawn(async move { Ok(api::grpc::serve(grpc, shared, &grpc_config, halt).await?) });

        let (access, clock) = (Arc::clone(&self.shared.access), self.shared.clock.clone());
        let watch = access.watch(clock, halt_api.clone());
        tasks.spawn(async move {
            watch.await;
            Ok(())
        });

        let readiness = &self.shared.readiness;
        readiness.set(api::Phase::Starting("reading what was taken before"));
        let intake = Arc::clone(&self.shared.intake);
        let rebuilt = tokio::task::spawn_blocking(move || intake.rebuild()).await??;
        info!(?rebuilt, "remembered what was taken before");

        let mut sources: JoinSet<Result<(), Error>> = JoinSet::new();
        let (service, halt) = (Arc::clone(&self.shared.mqtt), halt_sources.clone());
        sources.spawn(async move { Ok(mqtt::run(mqtt, service, halt).await?) });
        let (service, halt) = (Arc::clone(&self.shared.coap), halt_sources.clone());
        sources.spawn(async move { Ok(coap::run(coap, service, halt).await?) });
        readiness.set(api::Phase::Ready);

        let mut outcome = tokio::select! {
            () = stop => Ok(()),
            failure = self.shared.log.failed() => Err(failure.into()),
            failure = self.shared.rejects.failed() => Err(failure.into()),
            Some(ended) = tasks.join_next() => flat(ended),
            Some(ended) = sources.join_next() => flat(ended),
        };
        info!("draining");
        readiness.set(api::Phase::Draining);
        let drain = async {
            halt_sources.cancel();
            while let Some(ended) = sources.join_next().await {
                outcome = outcome.and(flat(ended));
            }
            halt_api.cancel();
            while let Some(ended) = tasks.join_next().await {
                outcome = outcome.and(flat(ended));
            }
            let closed = tokio::task::spawn_blocking(move || self.close()).await;
            outcome.and(closed.map_err(Error::from))
        };
        tokio::time::timeout(DRAIN_MAX, drain)
            .await
            .unwrap_or(Err(Error::Grace))
    }

    /// Readers first, for they read the log to its end; then the logs. Blocks.
    fn close(self) {
        self.sessions.close();
        self.shared.history.close();
        self.shared.devices.close();
        self.shared.rejects.close();
        self.shared.log.close();
        self.shared.access.close();
        info!("closed");
    }
}

fn flat(ended: Result<Result<(), Error>, JoinError>) -> Result<(), Error> {
    ended.map_err(Error::from).flatten()
}

/// What history will never see is an event of the gateway, so that it is found in the log, too.
fn on_gap(intake: &Arc<Intake>, clock: &Clock) -> history::OnGap {
    let (intake, clock) = (Arc::clone(intake), clock.clone());
    Box::new(move |from, to| {
        intake.event(intake::EventDraft {
            device_id: "",
            kind: "",
            name: "gap",
            at: clock.now(),
            severity: Severity::Critical as i32,
            detail: &[
                ("reader", "history"),
                ("from", &from.to_string()),
                ("to", &to.to_string()),
            ],
        });
    })
}
