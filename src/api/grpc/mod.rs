//! gRPC: `citygate.v1.TelemetryService` and `DeviceService`, health and reflection.
//!
//! Decisions: limits on streams are the service's, not tonic's `concurrency_limit`, which would let
//! the 257th caller hang instead of telling it. Responses are not compressed: the log's frames are
//! decompressed once for all readers, and a city's own network is not the narrow place.
mod admit;
mod devices;
mod feed;
pub mod frame;
mod incoming;
mod leash;
mod query;
pub mod status;
mod streams;
mod subscribe;
mod watch;

pub use streams::{Stream, Streams};

use crate::api::{Phase, Shared};
use crate::model::proto;
use crate::model::settings::Section;
use crate::tls::Listener;
use admit::{Responses, admit, exported, hold, pass_of, peer_of, told};
use axum::middleware::from_fn_with_state;
use devices::DeviceServiceServer;
use futures_util::stream::unfold;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use subscribe::Subscription;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::{Request, Response, Status};
use tonic_health::ServingStatus;

/// The generated service.
#[allow(missing_docs, clippy::pedantic, reason = "generated")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/citygate.v1.TelemetryService.rs"));
}
use generated::telemetry_service_server::{TelemetryService, TelemetryServiceServer};

/// The services' names in health checks and reflection.
pub const SERVICES: [&str; 2] = ["citygate.v1.TelemetryService", "citygate.v1.DeviceService"];

/// Connections at a time: a connection per stream, and as many again for health checks.
const CONNECTIONS_MAX: usize = 512;
/// HTTP/2 streams of one connection.
const STREAMS_PER_CONNECTION_MAX: u32 = 100;
/// `Query` streams at a time: each may hold a read of the history open.
const QUERIES_MAX: usize = 16;
/// Feeds that replay at a time: enough for the cores, and a bound on what replays hold in memory.
const REPLAYS_MAX: usize = 4;
/// Largest request: a filter of a thousand devices is 70 KiB.
const REQUEST_BYTES_MAX: usize = 256 << 10;
/// Metadata of one request.
const HEADER_BYTES_MAX: u32 = 16 << 10;
/// A silent peer is asked after this time, and gone after [`KEEPALIVE_TIMEOUT`] more.
const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// What peers that do not read get to take their last words, within the 5 s that sources and readers share.
const DRAIN_MAX: Duration = Duration::from_secs(1);

/// `[grpc]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where to listen; 127.0.0.1:50051 by default.
    pub bind: SocketAddr,
    /// Over TLS: with `[tls]`, unless it says `tls = false`.
    pub tls: bool,
    /// `Subscribe` streams at a time; 256 by default.
    pub streams_max: usize,
    /// A response leaves at least this often: the contract's 10 s, which only tests shorten.
    pub heartbeat: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bind: (Ipv4Addr::LOCALHOST, 50051).into(),
            tls: false,
            streams_max: 256,
            heartbeat: Duration::from_secs(10),
        }
    }
}

impl Config {
    /// Reads the section.
    pub fn read(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        Self {
            bind: section.address("bind").unwrap_or(default.bind),
            streams_max: section
                .integer("streams_max", 1, 10_000)
                .and_then(|max| usize::try_from(max).ok())
                .unwrap_or(default.streams_max),
            tls: default.tls,
            heartbeat: default.heartbeat,
        }
    }
}

/// The server could not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The descriptors in the binary are broken.
    #[error("cannot build reflection")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The transport gave up.
    #[error("gRPC server failed")]
    Transport(#[from] tonic::transport::Error),
}

/// Serves until `halt`, then ends every stream with UNAVAILABLE and returns within a second or so.
///
/// # Errors
/// The transport's.
pub async fn serve(
    listener: Listener,
    shared: Arc<Shared>,
    config: &Config,
    halt: CancellationToken,
) -> Result<(), Error> {
    let (reporter, health) = tonic_health::server::health_reporter();
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
        .build_v1()?;
    let service = Service {
        heartbeat: config.heartbeat,
        streams: Arc::new(Semaphore::new(config.streams_max)),
        streams_max: config.streams_max,
        queries: Arc::new(Semaphore::new(QUERIES_MAX)),
        replays: Arc::new(Semaphore::new(REPLAYS_MAX)),
        shared: shared.clone(),
        halt: halt.clone(),
    };
    let service = TelemetryServiceServer::new(service)
        .max_decoding_message_size(REQUEST_BYTES_MAX)
        .max_encoding_message_size(2 * frame::RESPONSE_BYTES_MAX);
    let devices = devices::Service::new(shared.clone(), config, halt.clone());
    let devices = DeviceServiceServer::new(devices).max_decoding_message_size(REQUEST_BYTES_MAX);
    let routes = Routes::new(health)
        .add_service(reflection)
        .add_service(service)
        .add_service(devices)
        .into_axum_router()
        .layer(from_fn_with_state(shared.clone(), admit));
    let serving = Server::builder()
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .http2_max_header_list_size(HEADER_BYTES_MAX)
        .add_routes(Routes::from(routes))
        .serve_with_incoming_shutdown(
            incoming::incoming(listener, CONNECTIONS_MAX),
            halt.clone().cancelled_owned(),
        );
    let late = async {
        halt.cancelled().await;
        tokio::time::sleep(DRAIN_MAX).await;
    };
    tokio::select! {
        served = serving => served?,
        () = report(&shared, &reporter) => {}
        () = late => tracing::info!("gRPC peers that do not read were left"),
    }
    Ok(())
}

/// Keeps the health service in step with the phase. Never ends.
async fn report(shared: &Shared, reporter: &tonic_health::server::HealthReporter) {
    let mut phase = shared.readiness.watch();
    loop {
        let serving = match *phase.borrow_and_update() {
            Phase::Ready => ServingStatus::Serving,
            Phase::Starting(_) | Phase::Draining => ServingStatus::NotServing,
        };
        for name in [""].into_iter().chain(SERVICES) {
            reporter.set_service_status(name, serving).await;
        }
        if phase.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

struct Service {
    shared: Arc<Shared>,
    streams: Arc<Semaphore>,
    streams_max: usize,
    queries: Arc<Semaphore>,
    replays: Arc<Semaphore>,
    heartbeat: Duration,
    halt: CancellationToken,
}

#[tonic::async_trait]
impl TelemetryService for Service {
    type SubscribeStream = Responses<frame::SubscribeFrame>;
    type QueryStream = Responses<proto::QueryResponse>;

    async fn subscribe(
        &self,
        request: Request<proto::SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        if self.halt.is_cancelled() {
            return Err(status::draining());
        }
        let peer = peer_of(request.extensions());
        let pass = pass_of(&request)?;
        let held = hold(&request, &pass);
        let request = request.into_inner();
        let filter = request.filter.clone().unwrap_or_default();
        let selection = self.shared.select(&filter, pass.grant());
        let selection = selection.map_err(|unfit| status::unfit(&unfit))?;
        let start = subscribe::start_of(&request, &self.shared)?;
        let permit = self.streams.clone().try_acquire_owned();
        let permit = permit.map_err(|_| status::exhausted("subscriptions", self.streams_max))?;
        let limits = subscribe::Limits {
            _permit: permit,
            replays: self.replays.clone(),
            heartbeat: self.heartbeat,
            halt: self.halt.clone(),
        };
        let shared = self.shared.clone();
        let open = move || Subscription::open(shared, start, selection, limits);
        let subscription = tokio::task::spawn_blocking(open)
            .await
            .map_err(|_| Status::internal("opening the log failed"))??;
        let asked = told(request.filter.as_ref());
        exported(&self.shared, &pass, "Subscribe", peer, &asked);
        tracing::debug!(peer = ?peer.address, ?start, "subscribed");
        let responses = unfold(subscription, Subscription::step);
        Ok(Response::new(Responses::new(pass, held, responses)))
    }

    async fn query(
        &self,
        request: Request<proto::QueryRequest>,
    ) -> Result<Response<Self::QueryStream>, Status> {
        if self.halt.is_cancelled() {
            return Err(status::draining());
        }
        let pass = pass_of(&request)?;
        let held = hold(&request, &pass);
        let peer = peer_of(request.extensions());
        let asked = told(request.get_ref().filter.as_ref());
        let permit = self.queries.clone().try_acquire_owned();
        let permit = permit.map_err(|_| status::exhausted("queries", QUERIES_MAX))?;
        let query = query::Query::open(
            self.shared.clone(),
            &request.into_inner(),
            pass.grant(),
            permit,
            self.halt.clone(),
        )?;
        exported(&self.shared, &pass, "Query", peer, &asked);
        let responses = unfold(query, query::Query::step);
        Ok(Response::new(Responses::new(pass, held, responses)))
    }
}
