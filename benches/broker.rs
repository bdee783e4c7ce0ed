//! CPU per message of the whole gateway behind Mosquitto (four shared clients, JSON, log, sync, history) beside four
//! bare rumqttc clients that only acknowledge, in one run and under the same load: `cargo bench --bench broker`.
//!
//! `QoS` 1, MQTT 5, about 200 B of JSON with 3 readings. The consumer has a core of its own, Mosquitto and the load share the other.
//! The bare clients acknowledge once by rumqttc itself, which writes up to ten acks at once, and once by `ack()`, as
//! whoever acknowledges after something else has to, which writes them one by one.
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

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::{
    LOAD_CORE, SERVER_CORE, Server, cpu_of, free_port, micros_per, per_second, simulate,
};

const CLIENTS: usize = 4;
const MESSAGES: u64 = 300_000;
/// The second process is this bench again: `PORT auto|manual`.
const BARE: &str = "CITYGATE_BENCH_BARE";

/// Ends with it.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Without limits and without a disk: it is not what is measured.
fn mosquitto(dir: &Path) -> (Process, u16) {
    let port = free_port();
    let config = dir.join("mosquitto.conf");
    let text = format!(
        "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_inflight_messages 1000\n\
         max_queued_messages 0\nlog_type error\nuser root\n"
    );
    fs::write(&config, text).unwrap();
    let mut command = Command::new("taskset");
    command
        .args(["-c", LOAD_CORE, "mosquitto", "-c"])
        .arg(config);
    let child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "mosquitto does not listen"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    (Process(child), port)
}

/// The process of the bare clients.
async fn bare(port: u16, manual: bool) {
    let received = Arc::<AtomicU64>::default();
    for index in 0..CLIENTS {
        let mut options = MqttOptions::new(format!("bare-{index}"), "127.0.0.1", port);
        options
            .set_manual_acks(manual)
            .set_receive_maximum(Some(1024));
        let (client, mut events) = AsyncClient::new(options, 70_000);
        client
            .subscribe("$share/bare/city/#", QoS::AtLeastOnce)
            .await
            .unwrap();
        let received = Arc::clone(&received);
        tokio::spawn(async move {
            loop {
                match events.poll().await.unwrap() {
                    Event::Incoming(Packet::SubAck(_)) => println!("subscribed"),
                    Event::Incoming(Packet::Publish(publish)) => {
                        if manual {
                            client.ack(&publish).await.unwrap();
                        }
                        if received.fetch_add(1, Ordering::Relaxed) + 1 == MESSAGES {
                            println!("done");
                        }
                    }
                    _ => {}
                }
            }
        });
    }
    std::future::pending::<()>().await;
}

fn load(port: u16) {
    let count = MESSAGES.to_string();
    simulate(
        port,
        &[
            "--max",
            "--connections",
            "50",
            "--window",
            "20",
            "--count",
            &count,
        ],
    );
}

fn row(name: &str, cpu: Duration, took: Duration) -> f64 {
    let micros = micros_per(cpu, MESSAGES);
    println!(
        "| {name} | {MESSAGES} | {:.0} | {micros:.2} |",
        per_second(MESSAGES, took)
    );
    micros
}

fn theirs(mode: &str) -> f64 {
    let dir = tempfile::tempdir().unwrap();
    let (_mosquitto, port) = mosquitto(dir.path());
    let mut command = Command::new("taskset");
    command
        .args(["-c", SERVER_CORE])
        .arg(std::env::current_exe().unwrap());
    let child = command
        .env(BARE, format!("{port} {mode}"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = Process(child);
    let mut lines = BufReader::new(child.0.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    assert_eq!(
        lines
            .by_ref()
            .take(CLIENTS)
            .filter(|line| line == "subscribed")
            .count(),
        CLIENTS
    );
    let (cpu, start) = (cpu_of(child.0.id()), Instant::now());
    load(port);
    assert_eq!(lines.next().as_deref(), Some("done"));
    row(
        &format!("4 bare clients, {mode} acks"),
        cpu_of(child.0.id()) - cpu,
        start.elapsed(),
    )
}

fn ours() -> f64 {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (_mosquitto, port) = mosquitto(dir.path());
    let more = format!(
        "[[broker]]\nurl = 'mqtt://127.0.0.1:{port}'\ntopics = ['city/#']\nclients = {CLIENTS}\n"
    );
    let server = Server::citygate_and(dir.path(), &more);
    let granted = |sources: serde_json::Value| {
        let links = sources["links"].as_array().cloned().unwrap_or_default();
        links.len() == CLIENTS && links.iter().all(|link| link["subscription"] == "granted")
    };
    while !granted(server.get("/v1/sources")) {
        std::thread::sleep(Duration::from_millis(50));
    }
    let (before, start) = (server.cpu(), Instant::now());
    load(port);
    while server.count("broker", "logged") < MESSAGES {
        std::thread::sleep(Duration::from_millis(20));
    }
    let took = start.elapsed();
    // What is acknowledged may still be on its way into history: that is part of the price.
    let mut cpu = server.cpu();
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let now = server.cpu();
        if now - cpu < Duration::from_millis(50) {
            break;
        }
        cpu = now;
    }
    row("citygate, 4 clients", server.cpu() - before, took)
}

fn main() {
    if let Ok(arguments) = std::env::var(BARE) {
        let (port, mode) = arguments.split_once(' ').unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        return runtime.block_on(bare(port.parse().unwrap(), mode == "manual"));
    }
    println!("| consumer | messages | msg/s | CPU us/msg |\n|---|---|---|---|");
    for _ in 0..2 {
        let (auto, manual, ours) = (theirs("auto"), theirs("manual"), ours());
        println!(
            "citygate: {:.2} times the CPU of bare clients with manual acks, {:.2} times with rumqttc's own",
            ours / manual,
            ours / auto
        );
    }
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load average {}", load.trim());
}
