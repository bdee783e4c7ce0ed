//! A subscriber that keeps its cursor with its data, and comes back after each restart.
use crate::load::{Key, key};
use citygate::model::proto::client::telemetry_service_client::TelemetryServiceClient;
use citygate::model::proto::subscribe_request::Start;
use citygate::model::proto::{Filter, QueryRequest, Report, SubscribeRequest, reading};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::runtime::Runtime;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

/// Between two attempts to connect.
const RETRY: Duration = Duration::from_millis(20);
/// Heartbeats come every 10 s; a stream silent for longer is dead.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// What came, and the cursor after it: changed in one step, as a subscriber's database transaction does.
#[derive(Debug, Default)]
pub struct Received {
    pub times: HashMap<Key, u32>,
    pub cursor: Option<String>,
    pub resumed: u32,
    pub problems: Vec<String>,
}

impl Received {
    fn take(&mut self, report: &Report) {
        match key_of(report) {
            Some(key) => *self.times.entry(key).or_default() += 1,
            None => self
                .problems
                .push(format!("not from the devices: {report:?}")),
        }
    }
}

fn key_of(report: &Report) -> Option<Key> {
    let reading = report
        .readings
        .iter()
        .find(|r| r.metric == "active_energy_import")?;
    match reading.value {
        Some(reading::Value::Number(value)) => key(&report.device_id, value),
        _ => None,
    }
}

pub struct Subscriber {
    pub received: Arc<Mutex<Received>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Subscriber {
    pub fn start(port: u16) -> Self {
        let received = Arc::new(Mutex::new(Received::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let (theirs, over) = (Arc::clone(&received), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            let runtime = runtime();
            while !over.load(Ordering::Relaxed) {
                if runtime.block_on(stream(port, &theirs, &over)).is_none() {
                    thread::sleep(RETRY);
                }
            }
        });
        Self {
            received,
            stop,
            thread: Some(thread),
        }
    }

    /// How many different messages have come.
    pub fn count(&self) -> usize {
        self.received.lock().unwrap().times.len()
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

async fn connect(port: u16) -> Result<TelemetryServiceClient<Channel>, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}"))?;
    Ok(TelemetryServiceClient::new(endpoint.connect().await?))
}

/// One stream until it ends; nothing if there was none.
async fn stream(port: u16, received: &Mutex<Received>, stop: &AtomicBool) -> Option<()> {
    let mut client = connect(port).await.ok()?;
    let cursor = received.lock().unwrap().cursor.clone();
    let resumed = cursor.is_some();
    let start = cursor.map_or(Start::Earliest(true), Start::AfterCursor);
    let request = SubscribeRequest {
        filter: None,
        start: Some(start),
    };
    let mut responses = match client.subscribe(request).await {
        Ok(responses) => responses.into_inner(),
        Err(status) => return note(received, stop, &status),
    };
    received.lock().unwrap().resumed += u32::from(resumed);
    while !stop.load(Ordering::Relaxed) {
        let Ok(next) = tokio::time::timeout(SILENCE_MAX, responses.message()).await else {
            received
                .lock()
                .unwrap()
                .problems
                .push(format!("silent for {SILENCE_MAX:?}"));
            break;
        };
        match next {
            Ok(Some(response)) => {
                let mut received = received.lock().unwrap();
                for report in &response.reports {
                    received.take(report);
                }
                received.cursor = Some(response.cursor);
            }
            Ok(None) => break,
            Err(status) => return note(received, stop, &status),
        }
    }
    Some(())
}

/// A gateway that is gone is expected. One that refuses the cursor has promised what was not durable; no second attempt
/// would change that.
fn note(received: &Mutex<Received>, stop: &AtomicBool, status: &tonic::Status) -> Option<()> {
    let refused = [
        Code::FailedPrecondition,
        Code::OutOfRange,
        Code::InvalidArgument,
        Code::DataLoss,
    ];
    if !refused.contains(&status.code()) {
        return None;
    }
    let problem = format!(
        "the subscriber is refused: {:?}: {}",
        status.code(),
        status.message()
    );
    received.lock().unwrap().problems.push(problem);
    stop.store(true, Ordering::Relaxed);
    Some(())
}

/// What history has of these devices, by message.
pub fn history(port: u16, devices: Vec<String>) -> HashMap<Key, u32> {
    runtime().block_on(async {
        let mut client = connect(port).await.unwrap();
        let filter = Filter {
            devices,
            ..Filter::default()
        };
        let hour_ahead = std::time::UNIX_EPOCH.elapsed().unwrap() + Duration::from_hours(1);
        let request = QueryRequest {
            filter: Some(filter),
            from: Some(prost_types::Timestamp {
                seconds: 0,
                nanos: 0,
            }),
            to: Some(prost_types::Timestamp {
                seconds: i64::try_from(hour_ahead.as_secs()).unwrap(),
                nanos: 0,
            }),
        };
        let mut responses = client.query(request).await.unwrap().into_inner();
        let mut times = HashMap::new();
        while let Some(response) = responses.message().await.unwrap() {
            for key in response.reports.iter().filter_map(key_of) {
                *times.entry(key).or_default() += 1;
            }
        }
        times
    })
}
