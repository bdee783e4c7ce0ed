//! A gateway without sources: logs in a folder, both servers on free ports.
use citygate::api::grpc::status::{DOMAIN, ErrorInfo, RpcStatus};
use citygate::api::{Phase, Rates, Readiness, Shared, grpc, http};
use citygate::catalogue::Catalogue;
use citygate::devices::{self, Registry};
use citygate::history::{self, History};
use citygate::intake::Knowledge;
use citygate::intake::{self, Intake};
use citygate::inventory::Unknown;
use citygate::log::record::{Keys, Kind};
use citygate::log::{Batch, Log, Options};
use citygate::model::proto::client::telemetry_service_client::TelemetryServiceClient;
use citygate::model::proto::subscribe_request::Start;
use citygate::model::proto::{Filter, SubscribeRequest, SubscribeResponse};
use citygate::model::wire::put_bytes;
use citygate::model::{
    Clock, Quality, ReadingDraft, Reject, ReportDraft, Source, Timestamp, Value,
};
use citygate::sources::coap;
use citygate::sources::mqtt;
use citygate::sources::push;
use citygate::state::State;
use citygate::store::{self, Stores};
use citygate::telemetry::{Accounting, Metrics};
use citygate::tls::Listener;
use prost::Message;
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status, Streaming};

/// Nothing here takes this long.
pub const BOUND: Duration = Duration::from_secs(20);
/// 2027-01-15T08:00:00Z
pub const START: Timestamp = Timestamp::from_secs(1_800_000_000);

/// Callers come from 127.0.0.1, so that none of them can hold a port of ours while it is closed.
const ANY_PORT: &str = "127.7.7.7:0";

/// A response or an error within [`BOUND`].
pub async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(BOUND, work).await.expect("in time")
}

pub struct Gateway {
    pub shared: Arc<Shared>,
    config: grpc::Config,
    pub grpc: SocketAddr,
    pub http: SocketAddr,
    pub halt: CancellationToken,
    pub servers: JoinSet<()>,
    pub dir: TempDir,
}

pub fn options() -> Options {
    Options {
        segment_bytes: 1 << 20,
        retain_bytes: 4 << 20,
        min_free: 1 << 20,
        cache_bytes: 256 << 10,
        ..Options::default()
    }
}

fn open(dir: &Path, clock: &Clock) -> Log {
    Log::open(dir, options(), clock.clone(), Box::new(|_, _| {})).unwrap()
}

pub async fn start() -> Gateway {
    start_with(grpc::Config::default()).await
}

pub async fn start_with(config: grpc::Config) -> Gateway {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let shared = Arc::new(build(dir.path(), clock));
    let (grpc, grpc_listener) = listen(ANY_PORT).await;
    let (http, http_listener) = listen(ANY_PORT).await;
    shared.readiness.set(Phase::Ready);
    let mut gateway = Gateway {
        shared,
        config,
        grpc,
        http,
        halt: CancellationToken::new(),
        servers: JoinSet::new(),
        dir,
    };
    gateway.serve(grpc_listener, http_listener);
    gateway
}

fn build(dir: &Path, clock: Clock) -> Shared {
    let accounting = Arc::new(Accounting::default());
    let catalogue = Arc::new(Catalogue::shipped());
    let log = open(&dir.join("log"), &clock);
    let rejects = open(&dir.join("rejects"), &clock);
    let state = Arc::new(State::open(&dir.join("state")).unwrap());
    let history = history::Config::default();
    let on_gap = Box::new(|_, _| {});
    let history =
        History::start(state.clone(), log.clone(), history, clock.clone(), on_gap).unwrap();
    let intake = Arc::new(Intake::new(intake::Parts {
        catalogue: catalogue.clone(),
        routes: intake::Routes::default(),
        knowledge: Arc::new(Knowledge::nothing(Unknown::Accept)),
        node: "test-1".into(),
        zone: jiff::tz::TimeZone::UTC,
        log: log.clone(),
        rejects: rejects.clone(),
        accounting: accounting.clone(),
        clock: clock.clone(),
        config: intake::Config::default(),
    }));
    let mqtt = Arc::new(mqtt::Service {
        config: mqtt::Config::default(),
        door: mqtt::Door::default(),
        intake: intake.clone(),
        accounting: accounting.clone(),
        sessions: Arc::new(mqtt::Sessions::in_memory(1)),
        stats: Arc::default(),
        clock: clock.clone(),
    });
    let stores = Stores::start(store::Parts {
        log: log.clone(),
        state: state.clone(),
        intake: intake.clone(),
        clock: clock.clone(),
        configs: Vec::new(),
    })
    .unwrap();
    let devices = Registry::start(devices::Parts {
        state,
        log: log.clone(),
        rejects: rejects.clone(),
        intake: intake.clone(),
        catalogue: catalogue.clone(),
        config: devices::Config::default(),
        clock: clock.clone(),
    })
    .unwrap();
    let coap = Arc::new(coap::Service {
        config: coap::Config::default(),
        intake: intake.clone(),
        accounting: accounting.clone(),
        stats: Arc::default(),
        clock: clock.clone(),
        seed: 1,
    });
    Shared {
        config: Arc::default(),
        hosts: http::Hosts::new("test-1", &[]),
        access: Arc::new(citygate::access::Access::open()),
        tls: None,
        node: "test-1".into(),
        log,
        rejects,
        history,
        devices,
        stores,
        push: push::Service::new(intake.clone(), clock.clone(), push::Doors::default()),
        intake,
        mqtt,
        coap,
        links: Arc::default(),
        catalogue,
        accounting,
        metrics: Arc::new(Metrics::default()),
        streams: citygate::api::grpc::Streams::default(),
        rates: Rates::default(),
        clock,
        readiness: Readiness::default(),
        zone: jiff::tz::TimeZone::UTC,
        started_at: START,
    }
}

async fn listen(address: &str) -> (SocketAddr, TcpListener) {
    let listener = TcpListener::bind(address).await.unwrap();
    (listener.local_addr().unwrap(), listener)
}

impl Gateway {
    fn serve(&mut self, grpc: TcpListener, http: TcpListener) {
        let (shared, config, halt) = (self.shared.clone(), self.config.clone(), self.halt.clone());
        self.servers.spawn(async move {
            let grpc = Listener::plain(grpc);
            grpc::serve(grpc, shared, &config, halt).await.unwrap();
        });
        let (shared, halt) = (self.shared.clone(), self.halt.clone());
        self.servers.spawn(async move {
            let http = Listener::plain(http);
            http::serve(http, shared, halt).await;
        });
    }

    pub async fn stop_servers(&mut self) {
        self.halt.cancel();
        within(async { while self.servers.join_next().await.is_some() {} }).await;
    }

    /// At the same addresses as before.
    pub async fn serve_again(&mut self) {
        self.halt = CancellationToken::new();
        let (_, grpc) = listen(&self.grpc.to_string()).await;
        let (_, http) = listen(&self.http.to_string()).await;
        self.serve(grpc, http);
    }

    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// Appends reports of one device each and waits until they are durable; their sequences.
    pub async fn append(&self, devices: &[&str]) -> Vec<u64> {
        let bodies: Vec<_> = devices.iter().map(|device| report(device)).collect();
        self.append_bodies(&bodies).await
    }

    pub async fn append_bodies(&self, bodies: &[Vec<u8>]) -> Vec<u64> {
        let mut batch = Batch::default();
        for body in bodies {
            batch.push(Kind::Report, &Keys::default(), body);
        }
        settle(&self.shared.log, batch).await
    }

    pub async fn append_kind(&self, kind: Kind, body: &[u8]) -> u64 {
        let mut batch = Batch::default();
        batch.push(kind, &Keys::default(), body);
        settle(&self.shared.log, batch).await[0]
    }

    pub async fn reject(&self, rejects: impl IntoIterator<Item = Reject>) {
        let mut batch = Batch::default();
        for reject in rejects {
            batch.push(Kind::Reject, &Keys::default(), &reject.encode_to_vec());
        }
        settle(&self.shared.rejects, batch).await;
    }

    pub async fn client(&self) -> TelemetryServiceClient<Channel> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.grpc)).unwrap();
        TelemetryServiceClient::new(within(endpoint.connect()).await.unwrap())
    }

    pub async fn subscribe(
        &self,
        request: SubscribeRequest,
    ) -> Result<Streaming<SubscribeResponse>, Status> {
        let mut client = self.client().await;
        within(client.subscribe(request))
            .await
            .map(tonic::Response::into_inner)
    }

    /// The error of a subscription that is refused.
    pub async fn refused(&self, request: SubscribeRequest, code: Code) -> Status {
        let status = self.subscribe(request).await.expect_err("an error");
        assert_eq!(status.code(), code, "{status:?}");
        status
    }
}

async fn settle(log: &Log, mut batch: Batch) -> Vec<u64> {
    let count = batch.len() as u64;
    let waiter = Arc::new(Notify::new());
    let first = log.append(&mut batch, &waiter).unwrap();
    let mut watch = log.watch();
    let last = first + count - 1;
    within(watch.wait_for(|watermark| *watermark >= last))
        .await
        .unwrap();
    (first..=last).collect()
}

/// A report's body as the log has it: a voltage and a current.
pub fn report(device: &str) -> Vec<u8> {
    report_of(device, "meter.electricity", "370102", 2)
}

pub fn report_of(device: &str, kind: &str, district: &str, readings: usize) -> Vec<u8> {
    let reading = |metric, unit, number| ReadingDraft {
        metric,
        unit,
        value: Value::Number(number),
        observed_at: START,
        quality: Quality::Good,
        labels: vec![("phase".into(), "a".into())],
        raw: "".into(),
        raw_unit: "".into(),
    };
    let readings = (0..readings)
        .map(|at| match at % 2 {
            0 => reading("voltage", "V", 230.5),
            _ => reading("current", "A", 1.5),
        })
        .collect();
    let mut bytes = Vec::new();
    ReportDraft {
        device_id: device,
        kind,
        district,
        profile: "json",
        received_at: START,
        source: Source::Mqtt,
        readings,
        node: "test-1",
        via: "",
    }
    .encode(&mut bytes);
    bytes
}

/// Reports that LZ4 cannot make smaller, so that segments fill.
pub fn noise(count: u64, len: usize) -> Vec<Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b' ' + u8::try_from(state % 95).unwrap())
    };
    (0..count)
        .map(|_| {
            let mut body = report("noise");
            let text: String = (0..len).map(|_| random()).collect();
            put_bytes(&mut body, 10, text.as_bytes());
            body
        })
        .collect()
}

/// Reads until `count` reports have come: (sequence, device) of each, and the last cursor.
pub async fn take(
    stream: &mut Streaming<SubscribeResponse>,
    count: usize,
) -> (Vec<(u64, String)>, String) {
    let mut seen = Vec::new();
    loop {
        let response = within(stream.message()).await.unwrap().expect("more");
        for report in response.reports {
            seen.push((report.sequence, report.device_id));
        }
        if seen.len() >= count {
            return (seen, response.cursor);
        }
    }
}

/// No filter.
pub fn from(start: Start) -> SubscribeRequest {
    SubscribeRequest {
        filter: None,
        start: Some(start),
    }
}

/// From the beginning.
pub fn earliest(filter: Filter) -> SubscribeRequest {
    SubscribeRequest {
        filter: Some(filter),
        start: Some(Start::Earliest(true)),
    }
}

/// A filter of devices.
pub fn devices(names: &[&str]) -> Filter {
    Filter {
        devices: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Filter::default()
    }
}

/// The `ErrorInfo` in an error's details.
pub fn info(status: &Status) -> ErrorInfo {
    let details = RpcStatus::decode(status.details()).unwrap();
    assert_eq!(details.code, status.code() as i32);
    let any = &details.details[0];
    assert_eq!(any.type_url, "type.googleapis.com/google.rpc.ErrorInfo");
    let info = ErrorInfo::decode(any.value.as_slice()).unwrap();
    assert_eq!(info.domain, DOMAIN);
    info
}
