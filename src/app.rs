//! config -> open -> bind -> serve -> drain. The only file that knows all modules.
//!
//! Opening goes from the durable to the visible: state and logs, what intake has to remember of
//! their tails, readers, listeners. Draining goes the other way: sources stop taking and answer what
//! is on its way, readers make durable what they hold, and the logs close last.
use crate::api;
use crate::config::Config;
use crate::history::{self, History};
use crate::intake::{self, Intake};
use crate::inventory::Inventory;
use crate::log::{self, FailedSync, Log};
use crate::model::Clock;
use crate::sources::mqtt;
use crate::state::{self, State};
use crate::telemetry::Accounting;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// From the first signal to the end: a supervisor's patience is longer, a person's at a terminal is not.
const DRAIN_MAX: Duration = Duration::from_secs(5);
/// Rejects have a budget of their own, so that garbage never evicts readings.
const REJECTS_BYTES: u64 = 1 << 30;

/// Where a gateway listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// MQTT for devices.
    pub mqtt: SocketAddr,
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
        !matches!(self, Self::Sync(_) | Self::Task(_) | Self::Grace)
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
    let stores = tokio::task::spawn_blocking(move || Stores::open(&opening, &opening_clock)).await??;
    let gateway = Gateway::build(&config, stores, clock)?;
    bound(&listeners.bound()?);
    gateway.serve(config, listeners, stop).await
}

/// Sockets, taken before anything else, so that a second gateway ends before it touches the data.
struct Listeners {
    mqtt: TcpListener,
    grpc: TcpListener,
    http: TcpListener,
}

impl Listeners {
    async fn bind(config: &Config) -> Result<Self, Error> {
        Ok(Self {
            mqtt: listen("mqtt.bind", config.mqtt.bind).await?,
            grpc: listen("grpc.bind", config.grpc.bind).await?,
            http: listen("http.bind", config.http.bind).await?,
        })
    }

    fn bound(&self) -> Result<Bound, Error> {
        let address = |key, listener: &TcpListener| {
            listener.local_addr().map_err(|source| Error::Bind {
                key,
                address: SocketAddr::from(([0, 0, 0, 0], 0)),
                source,
            })
        };
        Ok(Bound {
            mqtt: address("mqtt.bind", &self.mqtt)?,
            grpc: address("grpc.bind", &self.grpc)?,
            http: address("http.bind", &self.http)?,
        })
    }
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
