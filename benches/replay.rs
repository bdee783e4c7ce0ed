//! The log replayed to one subscriber over gRPC: `cargo bench --bench replay`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::unchecked_time_subtraction,
    clippy::cast_precision_loss,
    reason = "a bench ends where it cannot go on, and shows few digits"
)]
#[path = "support/mod.rs"]
mod support;

use citygate::model::proto::client::telemetry_service_client::TelemetryServiceClient;
use citygate::model::proto::{Filter, SubscribeRequest, subscribe_request::Start};
use std::time::{Duration, Instant};
use support::{Server, micros_per, per_second, simulate};

const MESSAGES: u64 = 2_000_000;
const READINGS: u64 = 3 * MESSAGES;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::citygate(dir.path());
    let count = MESSAGES.to_string();
    let args = [
        "--max",
        "--connections",
        "100",
        "--window",
        "50",
        "--count",
        &count,
    ];
    simulate(server.mqtt, &args);
    let mut cpu = server.cpu();
    loop {
        std::thread::sleep(Duration::from_secs(2));
        let now = server.cpu();
        if now - cpu < Duration::from_millis(50) {
            break;
        }
        cpu = now;
    }
    let channel =
        tonic::transport::Endpoint::from_shared(format!("http://127.0.0.1:{}", server.grpc))
            .unwrap()
            .connect()
            .await
            .unwrap();
    let all = Filter::default();
    let one = Filter {
        metrics: vec!["voltage".to_owned(), "air_temperature".to_owned()],
        ..Filter::default()
    };
    for (name, filter) in [("everything", all), ("two metrics", one)] {
        let mut client =
            TelemetryServiceClient::new(channel.clone()).max_decoding_message_size(4 << 20);
        let request = SubscribeRequest {
            filter: Some(filter),
            start: Some(Start::Earliest(true)),
        };
        let (cpu, start) = (server.cpu(), Instant::now());
        let mut stream = client.subscribe(request).await.unwrap().into_inner();
        let (mut reports, mut readings) = (0u64, 0u64);
        while let Some(response) = stream.message().await.unwrap() {
            reports += response.reports.len() as u64;
            readings += response
                .reports
                .iter()
                .map(|report| report.readings.len() as u64)
                .sum::<u64>();
            let caught_up = response
                .lag
                .is_none_or(|lag| lag.seconds == 0 && lag.nanos == 0);
            if reports >= MESSAGES
                || response.reports.is_empty()
                    && caught_up
                    && start.elapsed() > Duration::from_secs(1)
            {
                break;
            }
        }
        let (cpu, took) = (server.cpu() - cpu, start.elapsed());
        println!(
            "{name}: {reports} reports, {readings} readings received in {took:.1?}; server {cpu:.2?} CPU, \
             {:.3} us per reading of the log, {:.0} readings per CPU-second",
            micros_per(cpu, READINGS),
            per_second(READINGS, cpu),
        );
    }
}
